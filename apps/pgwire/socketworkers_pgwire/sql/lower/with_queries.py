"""WITH: PostgreSQL 15 documentation §7.8."""

from __future__ import annotations

from collections.abc import Sequence

from ..nodes import WithQuery
from .recursion import is_native, recursion_source, recursive_query
from .state import Lowering, unsupported

__all__ = ["with_clause"]


def with_clause(lowering: Lowering, queries: Sequence[WithQuery]) -> str:
    """``WITH ...``, or nothing. Queries that change data were run before, and have become sources of rows."""
    parts = []
    recursive = False
    for each in queries:
        if each in lowering.ready:
            continue
        if each.recursive and not is_native(lowering, each):
            lowering.names[each] = recursion_source(lowering, each, queries)
            continue
        if each.query.command != "select":
            raise unsupported("WITH of a statement that changes data here")
        parts.append(_one(lowering, each))
        recursive |= each.recursive
    if not parts:
        return ""
    return ("WITH RECURSIVE " if recursive else "WITH ") + ",".join(parts) + " "


def _one(lowering: Lowering, each: WithQuery) -> str:
    if each.search is not None or each.cycle is not None:
        raise unsupported("SEARCH and CYCLE")
    name = lowering.names[each] = lowering.alias("w")
    targets = [kind[:2] for kind in each.types]
    outer, lowering.volatile = lowering.volatile, False
    sql = recursive_query(lowering, each, targets) if each.recursive else lowering.query(each.query, targets)
    volatile, lowering.volatile = lowering.volatile, lowering.volatile or outer
    columns = ",".join(f"c{number}" for number in range(1, len(each.types) + 1)) or "c0"
    # PostgreSQL merges a query that is named once and has no side effects into the one around it
    hint = ""
    if each.materialized is not None:
        hint = "MATERIALIZED " if each.materialized else "NOT MATERIALIZED "
    if volatile or (each.materialized is None and each.references > 1):
        hint = "MATERIALIZED "
    if each.recursive:
        hint = ""
    return f"{name}({columns}) AS {hint}({sql})"
