"""PostgreSQL's catalogue: its own rows as they are shipped, and those of the objects of one database."""

from __future__ import annotations

from .lookup import PG_CATALOG, Catalog
from .rows import CastRow, CollationRow, Column, Constraint, Index, OperatorRow, Proc, Relation, TypeRow

__all__ = [
    "PG_CATALOG",
    "CastRow",
    "Catalog",
    "CollationRow",
    "Column",
    "Constraint",
    "Index",
    "OperatorRow",
    "Proc",
    "Relation",
    "TypeRow",
]
