"""PostgreSQL's functions, by the signatures of its pg_proc (PostgreSQL 15 documentation, chapter 9)."""

from __future__ import annotations

import importlib

from .context import Backend, Execution, Sequences, SessionContext
from .registry import AggregateState, CallSite, Implementation, aggregate, find, rows, scalar, window

__all__ = [
    "AggregateState",
    "Backend",
    "CallSite",
    "Execution",
    "Implementation",
    "Sequences",
    "SessionContext",
    "aggregate",
    "find",
    "load",
    "rows",
    "scalar",
    "window",
]

#: modules that register functions
_MODULES: tuple[str, ...] = (
    "access",
    "aggregates",
    "arrays",
    "binary",
    "bitstrings",
    "bytestrings",
    "calendars",
    "casts",
    "comparison",
    "datetimes",
    "definitions",
    "encodings",
    "enums",
    "floats",
    "formatting",
    "hashing",
    "identifiers",
    "integers",
    "json_access",
    "json_building",
    "json_paths",
    "json_records",
    "like",
    "lsn",
    "money",
    "multiranges",
    "network",
    "numerics",
    "objects",
    "ordered_sets",
    "records",
    "ranges",
    "regexps",
    "remarks",
    "schema_views",
    "sequences",
    "series",
    "server_control",
    "server_information",
    "server_views",
    "statistics",
    "strings",
    "templating",
    "trigonometry",
    "visibility",
)
_loaded = False


def load() -> None:
    """Import all modules that register functions, once."""
    global _loaded
    if not _loaded:
        _loaded = True
        for name in _MODULES:
            importlib.import_module("." + name, __name__)
