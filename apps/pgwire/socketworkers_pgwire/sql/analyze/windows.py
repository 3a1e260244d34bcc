"""Window functions, their windows and frames. PostgreSQL: transformWindowFuncCall, transformWindowDefinitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...catalog import Proc
from ..grammar import Node
from ..nodes import Expr, NamedWindow, SortKey, WindowCall, WindowFrame
from ..walk import walk
from .clauses import check_no_variables, find_target_expression, known, sort_clause
from .coerce import Context, can_coerce, coerce_to_specific, coerce_type
from .expressions import transform
from .kinds import Kind
from .oids import (
    DATE,
    FLOAT4,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    INTERVAL,
    NUMERIC,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    TIMETZ,
    UNKNOWN,
)
from .operators import equality_operator
from .places import location_of
from .state import State, error
from .typenames import format_type

if TYPE_CHECKING:
    from .calls import Call

__all__ = ["window_call", "window_clause"]

DEFAULT_FRAME = 0x422
"""FRAMEOPTION_DEFAULTS: RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW."""
_NONDEFAULT = 0x1
_RANGE, _ROWS = 0x2, 0x4
_STARTS: tuple[tuple[int, Any], ...] = (
    (0x20, "unbounded preceding"),
    (0x200, "current row"),
    (0x800, "preceding"),
    (0x2000, "following"),
)
_ENDS: tuple[tuple[int, Any], ...] = (
    (0x100, "unbounded following"),
    (0x400, "current row"),
    (0x1000, "preceding"),
    (0x4000, "following"),
)
_EXCLUDES: tuple[tuple[int, Any], ...] = ((0x8000, "current row"), (0x10000, "group"), (0x20000, "ties"))

#: types of offsets that in_range functions know, by the type of the column (pg_amproc, support function 3)
_IN_RANGE = {
    INT2: (INT8, INT4, INT2),
    INT4: (INT8, INT4, INT2),
    INT8: (INT8,),
    FLOAT4: (FLOAT8,),
    FLOAT8: (FLOAT8,),
    NUMERIC: (NUMERIC,),
    DATE: (INTERVAL,),
    TIME: (INTERVAL,),
    TIMETZ: (INTERVAL,),
    TIMESTAMP: (INTERVAL,),
    TIMESTAMPTZ: (INTERVAL,),
    INTERVAL: (INTERVAL,),
}


def window_call(state: State, call: Call, proc: Proc, args: list[Expr], result: int) -> WindowCall:
    """A call with OVER.

    Raises:
        SqlError: 0A000, 42809, 42P20, 42704.
    """
    location = call.location
    aggregate = proc.kind == "a"
    if call.distinct:
        raise error("0A000", "DISTINCT is not implemented for window functions", location)
    if aggregate and not args and not call.star:
        raise error("42809", f"{call.name}(*) must be used to call a parameterless aggregate function", location)
    if call.order:
        raise error("0A000", "aggregate ORDER BY is not implemented for window functions", location)
    if not aggregate and call.filter is not None:
        raise error("0A000", "FILTER is not implemented for non-aggregate window functions", location)
    last = state.last_set_function
    if last is not call.last_set and last is not None:
        raise error(
            "0A000",
            "window function calls cannot contain set-returning function calls",
            location_of(last),
            hint="You might be able to move the set-returning function into a LATERAL FROM item.",
        )
    for arg in args:
        for each in walk(arg):
            if isinstance(each, WindowCall):
                raise error("42P20", "window function calls cannot be nested", each.location)
    if state.kind.windows:
        raise error("42P20", f"window functions are not allowed in {state.kind.windows}", location)
    state.query.has_windows = True
    return WindowCall(
        type=result,
        proc=proc,
        args=args,
        window=_window_of(state, call.node["over"]),
        star=call.star,
        filter=call.filter,
        location=location,
    )


def _window_of(state: State, node: Node) -> NamedWindow:
    """The window that an OVER clause means; it is filled in by `window_clause`."""
    name = node.get("name")
    if name:
        for definition, window in state.window_definitions:
            if definition.get("name") == name:
                return window
        raise error("42704", f'window "{name}" does not exist', node.get("location", 0))
    shape = _shape(node)
    for definition, window in state.window_definitions:
        if definition.get("refname") == node.get("refname") and _shape(definition) == shape:
            return window
    made = NamedWindow(name="", partition=[], order=[], frame=None)
    state.window_definitions.append((node, made))
    return made


def _shape(value: Any) -> Any:
    """A part of the parse tree without the places."""
    if isinstance(value, dict):
        return {key: _shape(each) for key, each in value.items() if key not in ("location", "name")}
    if isinstance(value, list):
        return [_shape(each) for each in value]
    return value


def declare_windows(state: State, nodes: list[Node]) -> None:
    """Note the windows of a WINDOW clause, before the target list refers to them."""
    for each in nodes:
        definition = each["WindowDef"]
        window = NamedWindow(name=definition.get("name", ""), partition=[], order=[], frame=None)
        state.window_definitions.append((definition, window))


def window_clause(state: State) -> None:
    """Analyse all windows of the query, after its target list.

    Raises:
        SqlError: 42P20, 42704, 42P10, 42883.
    """
    done: list[tuple[Node, NamedWindow]] = []
    outputs = state.query.outputs
    for node, window in state.window_definitions:
        location = node.get("location", 0)
        name = node.get("name")
        if name and any(other.get("name") == name for other, _ in done):
            raise error("42P20", f'window "{name}" is already defined', location)
        reference: tuple[Node, NamedWindow] | None = None
        referred = node.get("refname")
        if referred:
            reference = next((each for each in done if each[0].get("name") == referred), None)
            if reference is None:
                raise error("42704", f'window "{referred}" does not exist', location)
        order = sort_clause(state, node.get("orderClause", ()), outputs, Kind.WINDOW_ORDER)
        partition: list[Expr] = []
        for each in node.get("partitionClause", ()):
            output = find_target_expression(state, each, outputs, Kind.WINDOW_PARTITION)
            expr = known(state, output)
            equality_operator(state.catalog, expr.type, location_of(expr))
            if not any(expr is other for other in partition):
                partition.append(expr)
        options = node.get("frameOptions", 0)
        if reference is not None:
            base_node, base = reference
            if partition:
                raise error("42P20", f'cannot override PARTITION BY clause of window "{referred}"', location)
            if order and base.order:
                raise error("42P20", f'cannot override ORDER BY clause of window "{referred}"', location)
            partition = base.partition
            order = order or base.order
            if base_node.get("frameOptions", 0) & _NONDEFAULT:
                if node.get("orderClause") or node.get("name") or options & _NONDEFAULT:
                    raise error("42P20", f'cannot copy window "{referred}" because it has a frame clause', location)
                raise error(
                    "42P20",
                    f'cannot copy window "{referred}" because it has a frame clause',
                    location,
                    hint="Omit the parentheses in this OVER clause.",
                )
        window.partition = partition
        window.order = order
        window.frame = _frame(state, node, options, order) if options & _NONDEFAULT else None
        done.append((node, window))
    state.query.windows = [window for _, window in done]


def _frame(state: State, node: Node, options: int, order: list[SortKey]) -> WindowFrame:
    location = node.get("location", 0)
    mode: Any = "range" if options & _RANGE else "rows" if options & _ROWS else "groups"
    start = next(word for bit, word in _STARTS if options & bit)
    end = next(word for bit, word in _ENDS if options & bit)
    if mode == "groups" and not order:
        raise error("42P20", "GROUPS mode requires an ORDER BY clause", location)
    offsets = "startOffset" in node or "endOffset" in node
    if mode == "range" and offsets and len(order) != 1:
        raise error("42P20", "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column", location)
    return WindowFrame(
        mode=mode,
        start=start,
        end=end,
        start_offset=_offset(state, node.get("startOffset"), mode, order),
        end_offset=_offset(state, node.get("endOffset"), mode, order),
        exclude=next((word for bit, word in _EXCLUDES if options & bit), "no others"),
        between=bool(options & 0x10),
    )


_OFFSET_KINDS = {"rows": Kind.WINDOW_ROWS, "range": Kind.WINDOW_RANGE, "groups": Kind.WINDOW_GROUPS}


def _offset(state: State, node: Node | None, mode: str, order: list[SortKey]) -> Expr | None:
    if node is None:
        return None
    expr = transform(state, node, _OFFSET_KINDS[mode])
    construct = mode.upper()
    if mode != "range":
        expr = coerce_to_specific(state, expr, INT8, construct)
    else:
        expr = _range_offset(state, expr, order[0].operator.left)
    check_no_variables(state, expr, construct)
    return expr


def _range_offset(state: State, expr: Expr, subject: int) -> Expr:
    catalog = state.catalog
    kinds = _IN_RANGE.get(subject)
    shown = format_type(catalog, subject)
    place = location_of(expr)
    if kinds is None:
        raise error("0A000", f"RANGE with offset PRECEDING/FOLLOWING is not supported for column type {shown}", place)
    preferred = expr.type
    if preferred == UNKNOWN:
        preferred = subject
    fitting = [kind for kind in kinds if can_coerce(catalog, expr.type, kind, Context.IMPLICIT)]
    if preferred in kinds:
        chosen = preferred
    elif not fitting:
        raise error(
            "0A000",
            f"RANGE with offset PRECEDING/FOLLOWING is not supported for column type {shown} and offset type"
            f" {format_type(catalog, expr.type)}",
            place,
            hint="Cast the offset value to an appropriate type.",
        )
    elif len(fitting) > 1:
        raise error(
            "0A000",
            "RANGE with offset PRECEDING/FOLLOWING has multiple interpretations for column type"
            f" {shown} and offset type {format_type(catalog, expr.type)}",
            place,
            hint="Cast the offset value to the exact intended type.",
        )
    else:
        chosen = fitting[0]
    return coerce_type(state, expr, chosen, -1, Context.IMPLICIT, "implicit cast", -1)
