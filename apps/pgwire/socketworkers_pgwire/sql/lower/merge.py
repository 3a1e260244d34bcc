"""MERGE: PostgreSQL 15 documentation, page MERGE."""

from __future__ import annotations

from collections.abc import Sequence

from ..execute.merge import MergeChange, MergeStep
from ..execute.modify import Step
from ..nodes import Join, Query, WithQuery
from .from_items import from_clause
from .modify import Target, prefix, row_statement, statement
from .state import Lowering, Slot

__all__ = ["lower_merge"]


def lower_merge(lowering: Lowering, query: Query, around: Sequence[WithQuery]) -> Step:
    """The part of a plan that a MERGE becomes.

    One query joins source and target and tells for each pair which action it gets, and the action's values; the rows
    are changed afterwards. Without an action that inserts, rows of the source that match nothing are not looked at.
    """
    assert query.target is not None
    target = Target(lowering, query.target)
    inserts = any(not action.matched for action in query.actions)
    changes: list[MergeChange] = []
    with lowering.statement():
        head = prefix(lowering, query, around)
        (source,) = query.from_
        join = Join(kind="left" if inserts else "inner", left=source, right=target.entry, condition=query.where)
        tables = from_clause(lowering, [join])
        number = f"{lowering.aliases[target.entry]}.{target.rowid}"
        cells: list[str] = []
        whens: list[str] = []
        first = 2
        values: list[str] = []
        for index, action in enumerate(query.actions):
            present = f"{number} IS {'NOT ' if action.matched else ''}NULL"
            with lowering.perhaps():
                condition = "" if action.condition is None else f" AND {lowering.expr(action.condition)}"
                whens.append(f"WHEN {present}{condition} THEN {index}")
                cells = target.assigned(action.outputs)
            columns = [each.column for each in action.outputs]
            values += [f"CASE action WHEN {index} THEN {cell} END" for cell in cells]
            changes.append(_change(lowering, target, action.action, columns, first))
            first += len(cells)
        choice = f"CASE {' '.join(whens)} END"
        # the choice is said again for each value: SQLite calculates only what it takes
        cells = [value.replace("CASE action", f"CASE ({choice})", 1) for value in values]
        collect = statement(lowering, f"{head}SELECT {','.join([number, choice, *cells])}{tables}")
    return MergeStep(collect, changes, target.changed("update"))


def _change(lowering: Lowering, target: Target, action: str, columns: Sequence[int], first: int) -> MergeChange:
    if action == "nothing":
        return MergeChange("nothing", None, target.changed("update"), first)
    with lowering.statement():
        if action == "delete":
            sql = f"DELETE FROM {target.table} WHERE {target.rowid}={lowering.slot(Slot(row=0))}"
            return MergeChange("delete", row_statement(lowering, sql), target.changed("delete"), first)
        marks = [lowering.slot(Slot(row=first + index)) for index in range(len(columns))]
        if action == "update":
            sets = ",".join(f"{target.column(column)}={mark}" for column, mark in zip(columns, marks, strict=True))
            sql = f"UPDATE {target.table} SET {sets} WHERE {target.rowid}={lowering.slot(Slot(row=0))}"
            return MergeChange("update", row_statement(lowering, sql), target.changed("update", columns, 1), first)
        values = f"({target.names(columns)}) VALUES ({','.join(marks)})" if columns else "DEFAULT VALUES"
        sql = f"INSERT INTO {target.table} {values}"
        return MergeChange("insert", row_statement(lowering, sql), target.changed("insert", columns), first)
