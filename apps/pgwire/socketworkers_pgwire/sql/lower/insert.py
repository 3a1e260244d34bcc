"""INSERT: PostgreSQL 15 documentation, page INSERT."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...catalog import Index
from ...errors import SqlError
from ...types import AnyType
from ..execute.cursor import RowStatement
from ..execute.modify import CALCULATED, CONSTANT, Native, Step, Values
from ..nodes import Expr, FuncCall, OnConflict, OpExpr, Output, Param, Query, SubLink, Var, WithQuery
from .evaluate import Frame, compile_expression
from .fold import is_volatile
from .match import walk
from .modify import Target, prefix, row_statement, statement
from .shapes import as_kind, converter, same_form
from .state import Lowering, Slot
from .statement import stored_sql
from .stored import analysed

if TYPE_CHECKING:
    from ...functions import Execution

__all__ = ["lower_insert"]


def lower_insert(lowering: Lowering, query: Query, around: Sequence[WithQuery]) -> Step:
    """The part of a plan that an INSERT becomes."""
    assert query.target is not None
    target = Target(lowering, query.target)
    columns = [output.column for output in query.outputs]
    returning = query.returning
    if query.source is None:
        cells = _cells(lowering, target, query.outputs)
        if cells is not None:
            return _values(lowering, target, query, around, cells, columns)
    with lowering.statement():
        head = prefix(lowering, query, around)
        rows = _rows(lowering, target, query)
        conflict = _conflict(lowering, target, query.conflict)
        repeated = query.conflict is not None and query.conflict.action == "update" and query.source is not None
        extra = f"{target.name}.{target.rowid}" if repeated else ""
        names = f" ({target.names(columns)})" if columns else ""
        if columns or query.source is not None:
            sql = f"{head}INSERT INTO {target.table} AS {target.alias}{names} {rows}{conflict}"
        else:
            sql = f"{head}INSERT INTO {target.table} AS {target.alias} DEFAULT VALUES{conflict}"
        insert = statement(lowering, sql + target.returning(returning, extra))
    probe = None
    if columns:
        target.probing = True
        with lowering.statement():
            probe = statement(lowering, prefix(lowering, query, around) + _rows(lowering, target, query))
    return Native(insert, target.changed("insert", columns), returning is not None, probe, repeated)


def _cells(
    lowering: Lowering, target: Target, outputs: Sequence[Output]
) -> list[Callable[[Execution, Sequence[Any], Sequence[Any]], Any]] | None:
    """Functions that calculate the values of a single row, from the parameters and what stands before them in the row;
    None when SQLite is needed for one of them."""
    cells: list[Callable[[Execution, Sequence[Any], Sequence[Any]], Any]] = []
    places = {output.column: index for index, output in enumerate(outputs) if not output.generated}
    for index, output in enumerate(outputs):
        leaves: dict[int, int] = {}
        for each in walk(output.expr):
            if isinstance(each, SubLink):
                return None
            if isinstance(each, Var):
                place = places.get(each.column, -1) if output.generated and each.entry is target.entry else -1
                if not 0 <= place < index:
                    return None
                leaves[id(each)] = place
        try:
            cells.append(_cell(lowering, output.expr, target.kind(output.column), leaves))
        except SqlError:
            return None
    if any(is_volatile(output.expr) for output in outputs):
        lowering.volatile = True
    return cells


def _cell(
    lowering: Lowering, expr: Expr, kind: AnyType, leaves: Mapping[int, int]
) -> Callable[[Execution, Sequence[Any], Sequence[Any]], Any]:
    source = lowering.kind(expr)
    convert = None if same_form(source, kind) else converter(source, kind)
    constant = lowering.constant(expr)
    if constant is not None:
        value = constant.value
        if value is not None and convert is not None:
            value = convert(value)
        return lambda execution, values, row: value
    compiled, _ = compile_expression(lowering, expr, leaves)

    def cell(execution: Execution, values: Sequence[Any], row: Sequence[Any]) -> Any:
        found = compiled(Frame(execution, values, row))
        return found if found is None or convert is None else convert(found)

    return cell


def _source(lowering: Lowering, expr: Expr, kind: AnyType) -> int:
    """What the cell of an expression is, as `Values.sources` has it."""
    if isinstance(expr, Param) and same_form(lowering.kind(expr), kind):
        return expr.number - 1
    return CALCULATED if lowering.constant(expr) is None else CONSTANT


def _is_volatile_not_nextval(expr: Expr) -> bool:
    """As `contain_volatile_functions_not_nextval` of PostgreSQL, which tells whether COPY inserts rows together."""
    return any(
        isinstance(each, FuncCall | OpExpr)
        and each.proc.volatility == "v"
        and not (each.proc.name == "nextval" and each.proc.language == "internal")
        for each in walk(expr)
    )


def _values(
    lowering: Lowering,
    target: Target,
    query: Query,
    around: Sequence[WithQuery],
    cells: Sequence[Callable[[Execution, Sequence[Any], Sequence[Any]], Any]],
    columns: Sequence[int],
) -> Step:
    with lowering.statement():
        marks = ",".join([lowering.slot(Slot(row=index)) for index in range(len(columns))])
        before = prefix(lowering, query, around)
        sql = f"{before}INSERT INTO {target.table} AS {target.alias} "
        sql += f"({target.names(columns)}) VALUES ({marks})" if columns else "DEFAULT VALUES"
        sql += _conflict(lowering, target, query.conflict)
        made: RowStatement = row_statement(lowering, sql + target.returning(query.returning))
    changed = target.changed("insert", columns)
    head, sources = "", [_source(lowering, output.expr, target.kind(output.column)) for output in query.outputs]
    alone = query.conflict is None and query.returning is None and not before and not changed.checked
    if columns and alone and not any(_is_volatile_not_nextval(output.expr) for output in query.outputs):
        head = f"INSERT INTO {target.table} AS {target.alias} ({target.names(columns)}) VALUES "
    steady = not around and not query.ctes and not _is_unsteady(query)
    return Values([cells], made, changed, query.returning is not None, head, sources, steady)


def _is_unsteady(query: Query) -> bool:
    """Whether RETURNING or ON CONFLICT may come to something else each time."""
    exprs = [output.expr for output in query.returning or ()]
    conflict = query.conflict
    if conflict is not None:
        exprs += [output.expr for output in conflict.outputs] + [each for each in (conflict.where,) if each is not None]
    return any(map(is_volatile, exprs))


def _rows(lowering: Lowering, target: Target, query: Query) -> str:
    """The rows as a SELECT."""
    source = ""
    if query.source is not None:
        assert query.source_entry is not None
        alias = lowering.aliases[query.source_entry] = lowering.alias()
        inner = lowering.query(query.source, [each[:2] for each in query.source_entry.types])
        if query.source.sort and query.source.limit is None and query.source.offset is None:
            inner += " LIMIT -1"  # keeps the order, in which numbers are given out
        source = f" FROM ({inner}) AS {alias}"
    # WHERE tells the ON of a join from that of ON CONFLICT
    if any(output.generated for output in query.outputs):
        return f"{_with_generated(lowering, target, query, source)} WHERE 1"
    return f"SELECT {','.join(target.assigned(query.outputs)) or '0'}{source} WHERE 1"


def _with_generated(lowering: Lowering, target: Target, query: Query, source: str) -> str:
    """Rows whose generated columns are computed over the others, each of which is calculated once."""
    kept, alias = lowering.alias("m"), lowering.alias()
    known = dict(lowering.columns)
    inner: list[str] = []
    for number, output in enumerate(query.outputs):
        if not output.generated:
            value = target.value(output.column, as_kind(lowering, output.expr, target.kind(output.column)))
            inner.append(f"{value} AS v{number}")
    for column in target.relation.columns:
        lowering.columns[target.entry, column.number] = "NULL"
    for number, output in enumerate(query.outputs):
        if not output.generated:
            lowering.columns[target.entry, output.column] = f"{alias}.v{number}"
    cells = [
        as_kind(lowering, output.expr, target.kind(output.column)) if output.generated else f"{alias}.v{number}"
        for number, output in enumerate(query.outputs)
    ]
    lowering.columns = known
    rows = f"SELECT {','.join(inner) or '0'}{source}"
    return f"SELECT {','.join(cells)} FROM (WITH {kept} AS MATERIALIZED ({rows}) SELECT * FROM {kept}) AS {alias}"


# ON CONFLICT


def _conflict(lowering: Lowering, target: Target, conflict: OnConflict | None) -> str:
    if conflict is None:
        return ""
    if conflict.excluded is not None:
        for column in target.relation.columns:
            lowering.columns[conflict.excluded, column.number] = f"excluded.{target.column(column.number)}"
    if not conflict.indexes:
        return " ON CONFLICT DO NOTHING"
    action = "DO NOTHING"
    if conflict.action == "update":
        values = target.assigned(conflict.outputs)
        sets = ",".join(
            f"{target.column(output.column)}={value}" for output, value in zip(conflict.outputs, values, strict=True)
        )
        action = f"DO UPDATE SET {sets}"
        if conflict.where is not None:
            action += f" WHERE {lowering.expr(conflict.where)}"
    indexes = [index for index in target.relation.indexes if index.oid in conflict.indexes]
    _check_immediate(target, indexes)
    return "".join(f" ON CONFLICT ({_arbiter(lowering, target, index)} {action}" for index in indexes)


def _check_immediate(target: Target, indexes: Sequence[Index]) -> None:
    for constraint in target.relation.constraints:
        if constraint.deferrable and any(index.oid == constraint.index for index in indexes):
            raise SqlError(
                "55000", "ON CONFLICT does not support deferrable unique constraints/exclusion constraints as arbiters"
            )


def _arbiter(lowering: Lowering, target: Target, index: Index) -> str:
    """The keys of an index as SQLite has them, with its condition."""
    expressions = iter(index.expressions)
    keys: list[str] = []
    for key in index.keys:
        if key:
            sql, kind = target.column(key), target.kind(key)
        else:
            sql, kind = _stored(lowering, target, next(expressions))
        if index.nulls_not_distinct:
            keys += [f"({sql} IS NULL)", f"ifnull({kind.eqkey(sql)}, 0)"]
        else:
            keys.append(kind.eqkey(sql))
    condition = "" if index.predicate is None else f" WHERE {_stored(lowering, target, index.predicate)[0]}"
    return f"{','.join(keys)}){condition}"


def _stored(lowering: Lowering, target: Target, text: str) -> tuple[str, AnyType]:
    expr = analysed(lowering.catalog, target.relation, text)
    sql, functions = stored_sql(expr, lowering.catalog)
    for function in functions:
        lowering.use(function)
    return f"({sql})", lowering.kind(expr)
