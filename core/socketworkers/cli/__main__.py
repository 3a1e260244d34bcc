"""``python -m socketworkers.cli``: the same as ``socketworkers``."""

from __future__ import annotations

from . import main

main()
