"""EXECUTE: a plan whose parameters are expressions, which are evaluated when it is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..errors import SqlError
from ..functions import Execution
from ..sql.analyze.coerce import Context, coerce_to_target
from ..sql.analyze.collations import assign
from ..sql.analyze.expressions import transform
from ..sql.analyze.kinds import Kind
from ..sql.analyze.places import location_of
from ..sql.analyze.state import Notes, Shared, State
from ..sql.analyze.typenames import format_type
from ..sql.grammar import Node
from ..sql.nodes import Output, Query
from ..sql.plan import Cursor, Plan

if TYPE_CHECKING:
    from .session import SqlSession

__all__ = ["Bound", "bind_expressions"]


@dataclass(slots=True, kw_only=True)
class Bound(Plan):
    """See the module."""

    plan: Plan
    arguments: Plan
    """Gives one row, the parameters."""

    def open(self, execution: Execution, values: Sequence[Any]) -> Cursor:
        cursor = self.arguments.open(execution, values)
        try:
            (row,) = cursor.fetch(1)
        finally:
            cursor.close()
        return self.plan.open(execution, row)


def bind_expressions(session: SqlSession, plan: Plan, nodes: Sequence[Node], types: Sequence[int]) -> Plan:
    """The plan with these parameters.

    Raises:
        SqlError: 42804, one has a type that cannot be cast.
    """
    if not nodes:
        return plan
    catalog, settings = session.surroundings.catalog, session.surroundings.settings
    outputs = []
    for number, (node, kind) in enumerate(zip(nodes, types, strict=True), 1):
        state = State(Shared(catalog, settings, None, Notes()))
        expr = transform(state, node, Kind.EXECUTE)
        cast = coerce_to_target(state, expr, kind, -1, Context.ASSIGNMENT)
        if cast is None:
            place = location_of(expr)
            raise SqlError(
                "42804",
                f"parameter ${number} of type {format_type(catalog, expr.type)} cannot be coerced to the expected type "
                f"{format_type(catalog, kind)}",
                hint="You will need to rewrite or cast the expression.",
                position=place + 1 if place >= 0 else None,
            )
        assign(state, cast)
        outputs.append(Output(expr=cast, name=str(number)))
    arguments_query = Query(command="select", outputs=outputs)
    arguments = session.lower(arguments_query, ())
    return Bound(
        columns=plan.columns,
        parameters=(),
        writes=plan.writes or arguments.writes,
        tag=plan.tag,
        counted=plan.counted,
        short=plan.short,
        blocking=plan.blocking or arguments.blocking,
        repeatable=plan.repeatable and arguments.repeatable,
        rights=(*plan.rights, *session.rights(arguments_query)),
        relations=plan.relations,
        tables=plan.tables,
        written=plan.written,
        volatile=plan.volatile,
        personal=plan.personal,
        locks=plan.locks,
        traits=replace(plan.traits, loggable=False) if plan.traits is not None else None,
        wait=plan.wait,
        plan=plan,
        arguments=arguments,
    )
