"""Columns of range table entries, and what stands for them in SQLite's SQL."""

from __future__ import annotations

from ...catalog import Relation
from ..nodes import Entry, Join, ValuesSource, Var
from .literals import quote_identifier
from .state import Lowering, lowers, unsupported

__all__ = ["column_sql"]

_TABLEOID, _CTID, _XMIN = -6, -1, -2
_FROZEN = 2  # FrozenTransactionId: rows that everybody sees


@lowers(Var)
def _var(lowering: Lowering, expr: Var) -> str:
    if isinstance(expr.entry.source, Join) and expr.column > 0:
        return lowering.expr(expr.entry.source.columns[expr.column - 1])
    if expr.column == 0:
        from .rows import whole_row

        return whole_row(lowering, expr)
    return column_sql(lowering, expr.entry, expr.column, expr.location)


def column_sql(lowering: Lowering, entry: Entry, column: int, location: int = -1) -> str:
    """The SQL of one column, system columns among them."""
    found = lowering.columns.get((entry, column))
    if found is not None:
        return found
    alias = lowering.aliases[entry]
    source = entry.source
    if isinstance(source, Relation):
        if column > 0:
            return f"{alias}.{quote_identifier(source.columns[column - 1].name)}"
        return _system_column(source, alias, column, location)
    if column < 0:
        raise unsupported("a system column here", location)
    if isinstance(source, ValuesSource):
        return f"{alias}.column{column}"
    return f"{alias}.c{column}"


def _system_column(relation: Relation, alias: str, column: int, location: int) -> str:
    if column == _TABLEOID:
        # NULL where an outer join found no row
        value = str(relation.oid)
        return f"iif({alias}.{quote_identifier(relation.rowid)} IS NULL,NULL,{value})" if relation.rowid else value
    if column == _CTID:
        return f"{alias}.{quote_identifier(relation.rowid)}" if relation.rowid else "1"
    if column == _XMIN:
        return str(_FROZEN)
    return "0"
