"""UPDATE: PostgreSQL 15 documentation, page UPDATE."""

from __future__ import annotations

from collections.abc import Sequence

from ..execute.modify import Apply, Native, Step
from ..nodes import Entry, Expr, Join, Query, SubLink, Var, WithQuery
from .from_items import from_clause
from .match import entries_of, walk
from .modify import Target, prefix, row_statement, statement
from .positions import current_of
from .state import Lowering, Slot

__all__ = ["carried", "lower_update"]


def lower_update(lowering: Lowering, query: Query, around: Sequence[WithQuery]) -> Step:
    """The part of a plan that an UPDATE becomes."""
    assert query.target is not None
    target = Target(lowering, query.target)
    columns = [output.column for output in query.outputs]
    if query.from_ or _has_subqueries(query) or target.relation.oid in lowering.snapshots:
        return _in_two_steps(lowering, target, query, around, columns)
    with lowering.statement():
        sql = f"{prefix(lowering, query, around)}UPDATE {target.table} AS {target.alias} SET {_sets(target, query)}"
        sql += _where(lowering, target, query) + target.returning(query.returning)
        update = statement(lowering, sql)
    target.probing = True
    with lowering.statement():
        probe = statement(lowering, _collect(lowering, target, query, around, {}))
    return Native(update, target.changed("update", columns, 1), query.returning is not None, probe)


def _has_subqueries(query: Query) -> bool:
    """Whether new values come from subqueries, which must not see what was changed already."""
    outputs = [*query.outputs, *(query.returning or ())]
    return any(isinstance(each, SubLink) for output in outputs for each in walk(output.expr))


def _sets(target: Target, query: Query) -> str:
    values = target.assigned(query.outputs)
    return ",".join(
        f"{target.column(output.column)}={value}" for output, value in zip(query.outputs, values, strict=True)
    )


def _where(lowering: Lowering, target: Target, query: Query) -> str:
    if query.current_of is not None:
        return f" WHERE {target.alias}.{target.rowid}={current_of(lowering, query.current_of)}"
    return "" if query.where is None else f" WHERE {lowering.expr(query.where)}"


def carried(query: Query, target: Target) -> dict[tuple[Entry, int], Var]:
    """Columns of the other tables that RETURNING names."""
    found: dict[tuple[Entry, int], Var] = {}
    others = {entry for item in query.from_ for entry in entries_of(item)}
    for output in query.returning or ():
        _carried(output.expr, others, found)
    return found


def _carried(expr: Expr, others: set[Entry], found: dict[tuple[Entry, int], Var]) -> None:
    for each in walk(expr):
        if not isinstance(each, Var):
            continue
        if isinstance(each.entry.source, Join):
            for column in (
                each.entry.source.columns if each.column == 0 else [each.entry.source.columns[each.column - 1]]
            ):
                _carried(column, others, found)
        elif each.entry in others:
            numbers = range(1, len(each.entry.types) + 1) if each.column == 0 else [each.column]
            for number in numbers:
                if number > 0:
                    kind, typmod, collation = each.entry.types[number - 1]
                    column_ = Var(type=kind, typmod=typmod, collation=collation, entry=each.entry, column=number)
                else:
                    column_ = each
                found.setdefault((each.entry, number), column_)


def _collect(
    lowering: Lowering,
    target: Target,
    query: Query,
    around: Sequence[WithQuery],
    extra: dict[tuple[Entry, int], Var],
) -> str:
    """The rows that are meant, as a SELECT: number, new values, what RETURNING needs of the other tables."""
    head = prefix(lowering, query, around)
    others = from_clause(lowering, [target.entry, *query.from_])
    # the entry of the target has an alias of its own there
    cells = [f"{lowering.aliases[target.entry]}.{target.rowid}"]
    cells += target.assigned(query.outputs)
    cells += [lowering.expr(column) for column in extra.values()]
    condition = ""
    if query.current_of is not None:
        condition = f" WHERE {lowering.aliases[target.entry]}.{target.rowid}={current_of(lowering, query.current_of)}"
    elif query.where is not None:
        condition = f" WHERE {lowering.expr(query.where)}"
    return f"{head}SELECT {','.join(cells)}{others}{condition}"


def _in_two_steps(
    lowering: Lowering, target: Target, query: Query, around: Sequence[WithQuery], columns: Sequence[int]
) -> Step:
    extra = carried(query, target)
    with lowering.statement():
        collect = statement(lowering, _collect(lowering, target, query, around, extra))
    with lowering.statement():
        number = lowering.slot(Slot(row=0))
        sets = ",".join(
            f"{target.column(column)}={lowering.slot(Slot(row=index))}" for index, column in enumerate(columns, 1)
        )
        for index, key in enumerate(extra, len(columns) + 1):
            lowering.columns[key] = lowering.slot(Slot(row=index))
        sql = f"UPDATE {target.table} SET {sets} WHERE {target.rowid}={number}"
        change = row_statement(lowering, sql + target.returning(query.returning))
        for key in extra:
            del lowering.columns[key]
    return Apply(collect, change, target.changed("update", columns, 1), query.returning is not None)
