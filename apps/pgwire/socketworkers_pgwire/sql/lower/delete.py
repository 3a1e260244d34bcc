"""DELETE: PostgreSQL 15 documentation, page DELETE."""

from __future__ import annotations

from collections.abc import Sequence

from ..execute.modify import Apply, Native, Step
from ..nodes import Query, WithQuery
from .from_items import from_clause
from .modify import Target, prefix, row_statement, statement
from .positions import current_of
from .state import Lowering, Slot
from .update import carried

__all__ = ["lower_delete"]


def lower_delete(lowering: Lowering, query: Query, around: Sequence[WithQuery]) -> Step:
    """The part of a plan that a DELETE becomes."""
    assert query.target is not None
    target = Target(lowering, query.target)
    returns = query.returning is not None
    changed = target.changed("delete")
    extra = carried(query, target)
    if extra or target.relation.oid in lowering.snapshots:
        return _in_two_steps(lowering, target, query, around)
    with lowering.statement():
        head = prefix(lowering, query, around)
        if query.from_:
            rows = _rows(lowering, target, query, [])
            sql = f"{head}DELETE FROM {target.table} WHERE {target.rowid} IN ({rows})"
        else:
            condition = " WHERE 1"  # without one SQLite empties the table, and tells no hook of the rows
            if query.current_of is not None:
                condition = f" WHERE {target.rowid}={current_of(lowering, query.current_of)}"
            elif query.where is not None:
                condition = f" WHERE {lowering.expr(query.where)}"
            sql = f"{head}DELETE FROM {target.table} AS {target.alias}{condition}"
        delete = statement(lowering, sql + target.returning(query.returning))
    with lowering.statement():
        probe = statement(lowering, prefix(lowering, query, around) + _rows(lowering, target, query, []))
    return Native(delete, changed, returns, probe)


def _rows(lowering: Lowering, target: Target, query: Query, more: Sequence[str]) -> str:
    """The rows that are meant, by their numbers."""
    source = from_clause(lowering, [target.entry, *query.from_])
    condition = "" if query.where is None else f" WHERE {lowering.expr(query.where)}"
    if query.current_of is not None:
        condition = f" WHERE {lowering.aliases[target.entry]}.{target.rowid}={current_of(lowering, query.current_of)}"
    cells = ",".join([f"{lowering.aliases[target.entry]}.{target.rowid}", *more])
    return f"SELECT {cells}{source}{condition}"


def _in_two_steps(lowering: Lowering, target: Target, query: Query, around: Sequence[WithQuery]) -> Step:
    extra = carried(query, target)
    with lowering.statement():
        head = prefix(lowering, query, around)
        source = from_clause(lowering, [target.entry, *query.from_])
        cells = [f"{lowering.aliases[target.entry]}.{target.rowid}"]
        cells += [lowering.expr(column) for column in extra.values()]
        condition = "" if query.where is None else f" WHERE {lowering.expr(query.where)}"
        if query.current_of is not None:
            condition = f" WHERE {cells[0]}={current_of(lowering, query.current_of)}"
        collect = statement(lowering, f"{head}SELECT {','.join(cells)}{source}{condition}")
    with lowering.statement():
        number = lowering.slot(Slot(row=0))
        for index, key in enumerate(extra, 1):
            lowering.columns[key] = lowering.slot(Slot(row=index))
        sql = f"DELETE FROM {target.table} WHERE {target.rowid}={number}"
        change = row_statement(lowering, sql + target.returning(query.returning))
        for key in extra:
            del lowering.columns[key]
    return Apply(collect, change, target.changed("delete"), query.returning is not None)
