"""Runs one server as a process: loop, signals, start-up lines, ready file, drain, exit status."""

from __future__ import annotations

from .runner import Companion, run

__all__ = ["Companion", "run"]
