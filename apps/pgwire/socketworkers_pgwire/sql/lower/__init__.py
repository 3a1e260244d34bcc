"""From the analysed tree to SQLite's SQL: what a statement means, in a dialect that has other types and fewer clauses.

Users' text never comes here; the SQL that is made names only what the catalogue knows.
"""

from __future__ import annotations

import importlib

from .statement import lower, lower_stored, lower_stored_constant

__all__ = ["load", "lower", "lower_stored", "lower_stored_constant"]

#: modules that register how nodes are lowered
_MODULES = ("aggregates", "arrays", "calls", "choices", "expressions", "rows", "sublinks", "variables", "windows")
_loaded = False


def load() -> None:
    """Import all modules that register something, once."""
    global _loaded
    if not _loaded:
        for name in _MODULES:
            importlib.import_module("." + name, __name__)
        _loaded = True
