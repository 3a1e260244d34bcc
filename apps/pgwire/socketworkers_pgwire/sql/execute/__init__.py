"""Plans that run on SQLite's connections."""

from __future__ import annotations

from .connection import ExecutionCell, Prepared, prepare_connection

__all__ = ["ExecutionCell", "Prepared", "prepare_connection"]
