"""Plans that run on SQLite's connections."""

from __future__ import annotations

from .connection import ExecutionCell, prepare_connection

__all__ = ["ExecutionCell", "prepare_connection"]
