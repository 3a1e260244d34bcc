"""From an analysed statement to a plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from ...catalog import Catalog, Relation
from ...types.sqlite import quote_identifier
from ..execute.connection import ExecutionCell, SqlFunction, prepare_connection
from ..execute.cursor import SelectPlan, Statement
from ..nodes import Expr, Output, Query, Var
from ..plan import Plan, ResultColumn
from .chunks import chunks_of
from .match import free_entries
from .packed import packed_statement
from .point import is_point
from .positions import tables_of_rows
from .select import result_outputs
from .state import Lowering, Slot, unsupported

if TYPE_CHECKING:
    from ...catalog.session import SessionCatalog
    from ...functions import Execution

__all__ = ["binder", "lower", "lower_stored", "lower_stored_constant", "result_columns", "statement_of", "stored_sql"]


_TID, _CTID = 27, -1


def lower(query: Query, catalog: Catalog, parameters: Sequence[int] = (), *, positions: bool = False) -> Plan:
    """The plan of a query.

    Args:
        query: analysed; it is not changed.
        catalog: the one that it was analysed with.
        parameters: types of its parameters.
        positions: it is that of a cursor, and `Plan.positions` are wanted where there are any.

    Raises:
        SqlError: 0A000 with the position, something in it is not supported.
    """
    from . import load

    load()
    lowering = Lowering(catalog, parameters)
    if query.command != "select" or any(each.query.command != "select" for each in query.ctes):
        from .modify import lower_modification

        return lower_modification(lowering, query)
    tables = tables_of_rows(query) if positions else []
    if tables:
        numbers = [Output(expr=Var(type=_TID, entry=entry, column=_CTID), name="") for entry in tables]
        plan = _select(lowering, replace(query, outputs=[*query.outputs, *numbers]))
        assert plan.columns is not None
        plan.columns = plan.columns[: -len(tables)]
        plan.positions = tuple([entry.source.oid for entry in tables if isinstance(entry.source, Relation)])
        return plan
    return _select(lowering, query)


def lower_stored(expr: Expr, catalog: SessionCatalog) -> str:
    """An expression over the columns of one table, as it may stand in SQLite's schema: in a check or an index.

    Args:
        expr: analysed; its columns are those of one `Entry`.
        catalog: the one that it was analysed with; its connection is given the functions.

    Raises:
        SqlError: 0A000, something in it cannot stand there.
    """
    sql, functions = stored_sql(expr, catalog)
    prepare_connection(catalog.connection, ExecutionCell(), catalog.implementations).ensure(functions)
    return sql


def lower_stored_constant(expr: Expr, catalog: Catalog) -> str:
    """A constant as it may stand in SQLite's schema: what ON DELETE SET DEFAULT gives to a column.

    Raises:
        SqlError: 0A000, it is no constant.
    """
    from . import load

    load()
    lowering = Lowering(catalog, ())
    lowering.stored = True
    constant = lowering.constant(expr)
    if constant is None:
        raise unsupported("SET DEFAULT of a default that is not constant")
    return lowering.value(constant.value)


def stored_sql(expr: Expr, catalog: Catalog) -> tuple[str, Sequence[SqlFunction]]:
    """The same, and the functions that it calls."""
    from . import load

    load()
    lowering = Lowering(catalog, ())
    lowering.stored = True
    for entry in free_entries(expr):
        assert isinstance(entry.source, Relation)
        for column in entry.source.columns:
            lowering.columns[entry, column.number] = quote_identifier(column.name)
    return lowering.expr(expr), tuple(lowering.functions.values())


def _select(lowering: Lowering, query: Query) -> Plan:
    columns = result_columns(lowering, query)
    statement = statement_of(lowering, lowering.query(query))
    short = is_point(lowering, query)
    packed = None if short else packed_statement(lowering, query, statement)
    chunks = None if packed is None else chunks_of(lowering, query)
    return SelectPlan(
        columns=columns,
        parameters=lowering.parameters,
        writes=lowering.writes or bool(query.locks),
        tag="SELECT",
        counted=True,
        short=short,
        blocking=lowering.blocking,
        volatile=lowering.volatile,
        personal=lowering.personal,
        repeatable=not lowering.volatile,
        size=2 * (len(statement.sql) + (0 if packed is None else len(packed.sql))) + 2_000,
        relations=frozenset(lowering.relations),
        statement=statement,
        packed=packed,
        chunks=chunks,
        failure=lowering.failure,
    )


def result_columns(lowering: Lowering, query: Query) -> tuple[ResultColumn, ...]:
    """What RowDescription says of the rows of a query."""
    outputs = result_outputs(query) if query.command == "select" else query.returning or []
    return tuple(
        [
            ResultColumn(
                output.name,
                lowering.kind(output.expr),
                output.expr.type,
                output.expr.typmod,
                output.origin[0],
                output.origin[1],
            )
            for output in outputs
        ]
    )


def statement_of(lowering: Lowering, sql: str) -> Statement:
    """SQL with all that the lowering has gathered for it."""
    return Statement(sql, binder(lowering.slots), tuple(lowering.functions.values()))


def binder(slots: Sequence[Slot]) -> Callable[[Execution, Sequence[Any]], Sequence[Any]]:
    """The function that gives the values to bind."""
    if not slots:
        return lambda execution, values: ()
    if all(slot.parameter >= 0 for slot in slots):
        numbers = [slot.parameter for slot in slots]
        if len(numbers) == 1:
            only = numbers[0]
            return lambda execution, values: (values[only],)
        pick = itemgetter(*numbers)
        return lambda execution, values: pick(values)
    sources = tuple(slots)

    def bind(execution: Execution, values: Sequence[Any]) -> list[Any]:
        bound = []
        for slot in sources:
            if slot.parameter >= 0:
                bound.append(values[slot.parameter])
            elif slot.compute is not None:
                bound.append(slot.compute(execution, values))
            else:
                bound.append(slot.value)
        return bound

    return bind
