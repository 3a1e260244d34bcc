"""Reads an app's settings: command line > environment > ``socketworkers.toml`` > default.

Called by the command line and by ``testing``; knows nothing of apps but their configuration class and name.
"""

from __future__ import annotations

from .loader import FILE_NAME, environment_prefix, load

__all__ = ["FILE_NAME", "environment_prefix", "load"]
