"""From an analysed statement to a plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from ...catalog import Catalog
from ..execute.cursor import SelectPlan, Statement
from ..nodes import Query
from ..plan import Plan, ResultColumn
from .select import result_outputs
from .state import Lowering, Slot

if TYPE_CHECKING:
    from ...functions import Execution

__all__ = ["binder", "lower", "result_columns", "statement_of"]


def lower(query: Query, catalog: Catalog, parameters: Sequence[int] = ()) -> Plan:
    """The plan of a query.

    Args:
        query: analysed; it is not changed.
        catalog: the one that it was analysed with.
        parameters: types of its parameters.

    Raises:
        SqlError: 0A000 with the position, something in it is not supported.
    """
    from . import load

    load()
    lowering = Lowering(catalog, parameters)
    return _select(lowering, query)


def _select(lowering: Lowering, query: Query) -> Plan:
    columns = result_columns(lowering, query)
    statement = statement_of(lowering, lowering.query(query))
    return SelectPlan(
        columns=columns,
        parameters=lowering.parameters,
        writes=lowering.writes or bool(query.locks),
        tag="SELECT",
        counted=True,
        short=not lowering.relations and not query.from_,
        blocking=lowering.blocking,
        repeatable=not lowering.volatile,
        size=2 * len(statement.sql) + 2_000,
        relations=frozenset(lowering.relations),
        statement=statement,
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
