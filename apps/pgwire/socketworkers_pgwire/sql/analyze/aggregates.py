"""Aggregates, GROUPING and what GROUP BY allows. PostgreSQL: parse_agg.c."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...catalog import Proc, Relation
from ...errors import SqlError
from ..grammar import Node
from ..nodes import (
    Aggregate,
    Const,
    Expr,
    FuncCall,
    GroupingCall,
    Join,
    OpExpr,
    Output,
    Query,
    SubLink,
    Var,
    WindowCall,
)
from ..walk import children, equal, query_expressions, subqueries, walk
from .clauses import sort_clause, sort_key
from .coerce import coerce_to_common
from .common import select_common_type
from .expressions import expression
from .functions import Choice, signature
from .names import SYSTEM
from .oids import INT4
from .operators import equality_operator
from .places import location_of
from .state import State, error
from .typenames import format_type

if TYPE_CHECKING:
    from .calls import Call

__all__ = ["aggregate_call", "check_call", "check_groups", "grouping_call"]

_SYSTEM_NAMES = {number: name for name, (number, _) in SYSTEM.items()} | {0: "*"}


def check_call(state: State, call: Call, proc: Proc, choice: Choice) -> None:
    """What the form of a call must be for the kind of aggregate.

    Raises:
        SqlError: 42809, 42883.
    """
    location = call.location
    if proc.aggregate_kind == "n":
        if call.within_group:
            raise error(
                "42809",
                f"{call.name} is not an ordered-set aggregate, so it cannot have WITHIN GROUP",
                location,
            )
        return
    if not call.within_group:
        raise error("42809", f"WITHIN GROUP is required for ordered-set aggregate {call.name}", location)
    if "over" in call.node:
        raise error("0A000", f"OVER is not supported for ordered-set aggregate {call.name}", location)
    ordered = len(call.order)
    direct = len(call.args) - ordered
    wanted = proc.direct_count
    hint = ""
    if not proc.variadic or wanted < len(proc.arguments):
        if direct != wanted:
            arguments = "argument" if wanted == 1 else "arguments"
            hint = (
                f"There is an ordered-set aggregate {call.name}, but it requires {wanted} direct {arguments},"
                f" not {direct}."
            )
    elif proc.aggregate_kind == "h":
        if choice.variadic != 2 * ordered:
            hint = (
                f"To use the hypothetical-set aggregate {call.name}, the number of hypothetical direct arguments"
                f" (here {choice.variadic - ordered}) must match the number of ordering columns (here {ordered})."
            )
    elif choice.variadic <= ordered:
        arguments = "argument" if wanted == 1 else "arguments"
        hint = f"There is an ordered-set aggregate {call.name}, but it requires at least {wanted} direct {arguments}."
    if hint:
        shown = signature(state.catalog, call.words, [arg.type for arg in call.args], call.argument_names)
        raise error("42883", f"function {shown} does not exist", location, hint=hint)
    if proc.aggregate_kind == "h":
        _unify_hypothetical(state, call, ordered)


def _unify_hypothetical(state: State, call: Call, ordered: int) -> None:
    """The hypothetical arguments get the types of the columns that they are ranked among."""
    first = len(call.args) - 2 * ordered
    for place in range(first, first + ordered):
        pair = [call.args[place + ordered], call.args[place]]
        kind, _ = select_common_type(state.catalog, pair, "WITHIN GROUP")
        call.args[place] = coerce_to_common(state, call.args[place], kind, "WITHIN GROUP")
        call.args[place + ordered] = coerce_to_common(state, call.args[place + ordered], kind, "WITHIN GROUP")


def aggregate_call(state: State, call: Call, proc: Proc, args: list[Expr], result: int) -> Aggregate:
    """The call of an aggregate without OVER."""
    location = call.location
    if not args and not call.star and not call.within_group:
        raise error("42809", f"{call.name}(*) must be used to call a parameterless aggregate function", location)
    if call.argument_names:
        raise error("0A000", "aggregates cannot use named arguments", location)
    made = Aggregate(
        type=result,
        proc=proc,
        args=args,
        star=call.star,
        distinct=bool(call.distinct),
        filter=call.filter,
        location=location,
    )
    if call.within_group:
        split = len(call.args) - len(call.order)
        made.direct, made.args = _split(call, args, split)
        made.order = [
            sort_key(state, value, each["SortBy"])
            for value, each in zip(made.args[-len(call.order) :], call.order, strict=True)
        ]
    else:
        made.order = sort_clause(state, call.order, [Output(expr=arg, name="") for arg in args], in_aggregate=True)
        if call.distinct:
            _check_distinct(state, made)
    place_aggregate(state, made, made.direct, [*made.args, *(key.expr for key in made.order)], made.filter)
    return made


def _split(call: Call, args: list[Expr], split: int) -> tuple[list[Expr], list[Expr]]:
    if len(args) == len(call.args):
        return args[:split], args[split:]
    # VARIADIC gathered them into one array: they are wanted apart
    return call.args[:split], call.args[split:]


def _check_distinct(state: State, made: Aggregate) -> None:
    for key in made.order:
        if not any(key.expr is arg for arg in made.args):
            raise error(
                "42P10",
                "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list",
                location_of(key.expr),
            )
    for arg in made.args:
        equality_operator(state.catalog, arg.type, location_of(arg))
        if state.catalog.ordering_operators(arg.type) is None:
            raise error(
                "42883",
                f"could not identify an ordering operator for type {format_type(state.catalog, arg.type)}",
                location_of(arg),
                detail="Aggregates with DISTINCT must be able to sort their inputs.",
            )


def grouping_call(state: State, node: Node) -> GroupingCall:
    """``GROUPING(…)``."""
    location = node.get("location", 0)
    args = [expression(state, arg) for arg in node.get("args", ())]
    if len(args) > 31:
        raise error("54023", "GROUPING must have fewer than 32 arguments", location)
    made = GroupingCall(type=INT4, args=args, location=location)
    place_aggregate(state, made, [], args, None)
    return made


def place_aggregate(
    state: State, made: Aggregate | GroupingCall, direct: list[Expr], args: list[Expr], filter_: Expr | None
) -> None:
    """Find the query that an aggregate belongs to, and refuse it where it cannot stand.

    Raises:
        SqlError: 42803, 0A000.
    """
    scan = _Scan(state)
    everything = args if filter_ is None else [*args, filter_]
    for arg in everything:
        scan.look(arg)
    depth = max(scan.variables, scan.aggregates)
    if depth < 0:
        depth = state.depth
    if scan.aggregates >= 0 and depth == scan.aggregates:
        raise error("42803", "aggregate function calls cannot be nested", _aggregate_location(state, everything, depth))
    if direct:
        inner = _Scan(state)
        for arg in direct:
            inner.look(arg)
        if inner.variables > depth:
            place = next((each.location for arg in direct for each in walk(arg) if isinstance(each, Var)), -1)
            raise error(
                "42803",
                "outer-level aggregate cannot contain a lower-level variable in its direct arguments",
                place,
            )
        if inner.aggregates >= depth:
            raise error(
                "42803",
                "aggregate function calls cannot be nested",
                _aggregate_location(state, direct, inner.aggregates),
            )
    level = state.at_depth(depth)
    level.query.has_aggregates = True
    if isinstance(made, Aggregate):
        made.query = level.query
    state.shared.aggregate_depths[id(made)] = (depth, made)
    refused = state.kind.aggregates
    if level is not state:
        # of a query around this one: what stands around the subquery there decides
        refused = level.kind.aggregates
    if refused:
        what = "aggregate functions" if isinstance(made, Aggregate) else "grouping operations"
        raise error("42803", f"{what} are not allowed in {refused}", made.location)


def _aggregate_location(state: State, exprs: list[Expr], depth: int) -> int:
    for expr in exprs:
        for each in walk(expr, into_queries=True):
            found = state.shared.aggregate_depths.get(id(each))
            if found is not None and found[0] == depth:
                return each.location
    return -1


class _Scan:
    """The innermost query around that arguments refer to, by variables and by aggregates; -1 for none."""

    __slots__ = ("aggregates", "state", "variables")

    def __init__(self, state: State) -> None:
        self.state = state
        self.variables = -1
        self.aggregates = -1

    def look(self, expr: Expr) -> None:
        """Take an argument into account."""
        for each in walk(expr):
            if isinstance(each, FuncCall | OpExpr) and each.proc.returns_set:
                raise error(
                    "0A000",
                    "aggregate function calls cannot contain set-returning function calls",
                    location_of(each),
                    hint="You might be able to move the set-returning function into a LATERAL FROM item.",
                )
            if isinstance(each, WindowCall):
                raise error("42803", "aggregate function calls cannot contain window function calls", each.location)
            self._note(each)
            if isinstance(each, SubLink):
                for inner in nested_expressions(each.query):
                    self._note(inner)

    def _note(self, expr: Expr) -> None:
        shared = self.state.shared
        if isinstance(expr, Var):
            depth = shared.depths.get(expr.entry, -1)
            if self.variables < depth <= self.state.depth:
                self.variables = depth
        else:
            found = shared.aggregate_depths.get(id(expr))
            if found is not None and self.aggregates < found[0] <= self.state.depth:
                self.aggregates = found[0]


def nested_expressions(query: Query) -> Iterator[Expr]:
    """All expressions in a query and in all within it."""
    for each in subqueries(query):
        for expr in query_expressions(each):
            for inner in walk(expr):
                yield inner
                if isinstance(inner, SubLink):
                    yield from nested_expressions(inner.query)


def check_groups(state: State) -> None:
    """Refuse columns that are neither grouped nor aggregated: parseCheckAggregates.

    Raises:
        SqlError: 42803.
    """
    query = state.query
    if not (query.group or query.grouping_sets or query.having is not None or query.has_aggregates):
        return
    checker = _Groups(state)
    pins = any(isinstance(each, Const) for key in query.group for each in walk(key))
    exprs = [output.expr for output in query.outputs]
    if query.having is not None:
        exprs.append(query.having)
    if isinstance(query.distinct, list):
        exprs += query.distinct
    for expr in exprs:
        if pins:
            for each in walk(expr):
                if isinstance(each, Const):
                    state.shared.notes.pin(each)
        checker.check(expr, 0)
    if query.has_aggregates and state.reads_itself:
        found = next((each for expr in exprs for each in walk(expr) if isinstance(each, Aggregate)), None)
        raise error(
            "42P19",
            "aggregate functions are not allowed in a recursive query's recursive term",
            -1 if found is None else found.location,
        )


class _Groups:
    """Checks expressions against GROUP BY."""

    __slots__ = ("common", "complex", "dependent", "keys", "outer", "state", "variables")

    def __init__(self, state: State) -> None:
        query = state.query
        self.state = state
        self.keys = [_flatten(key) for key in query.group]
        self.complex = [key for key in self.keys if not isinstance(key, Var)]
        self.variables = {(id(key.entry), key.column) for key in self.keys if isinstance(key, Var)}
        #: the variables by which others are determined: those in every grouping set
        self.common = self.variables
        sets = query.grouping_sets
        if sets:
            shared = set(sets[0].keys).intersection(*(each.keys for each in sets[1:]))
            self.common = {
                (id(key.entry), key.column)
                for index, key in enumerate(self.keys)
                if isinstance(key, Var) and index in shared
            }
        self.dependent: dict[int, bool] = {}
        self.outer = {id(level.query) for level in state.levels() if level is not state}

    def check(self, expr: Expr, below: int) -> None:
        """Check an expression, `below` queries within the one that is grouped."""
        kind = type(expr)
        if kind is Var:
            assert isinstance(expr, Var)
            self._check_variable(expr, below)
            return
        if kind is Aggregate:
            assert isinstance(expr, Aggregate)
            if expr.query is self.state.query:
                self._check_direct(expr, below)
                return
            if id(expr.query) in self.outer:
                return
        elif kind is GroupingCall:
            self._check_grouping(expr)
            return
        if not below and self.complex and any(equal(expr, key) for key in self.complex):
            return
        for each in children(expr):
            self.check(each, below)
        if isinstance(expr, WindowCall):
            for each in (*expr.window.partition, *(key.expr for key in expr.window.order)):
                self.check(each, below)
        if isinstance(expr, SubLink):
            self._check_query(expr.query, below + 1)

    def _check_direct(self, call: Aggregate, below: int) -> None:
        for arg in call.direct:
            try:
                self.check(arg, below)
            except SqlError as wrong:
                if wrong.sqlstate == "42803" and wrong.detail is None:
                    wrong.detail = "Direct arguments of an ordered-set aggregate must use only grouped columns."
                raise

    def _check_query(self, query: Query, below: int) -> None:
        for each in subqueries(query):
            for expr in query_expressions(each):
                self.check(expr, below)

    def _check_grouping(self, call: Expr) -> None:
        state = self.state
        found = state.shared.aggregate_depths.get(id(call))
        if found is not None and found[0] != state.depth:
            return
        for arg in children(call):
            flat = _flatten(arg)
            if not any(equal(flat, key) for key in self.keys):
                raise error(
                    "42803",
                    "arguments to GROUPING must be grouping expressions of the associated query level",
                    location_of(arg),
                )

    def _check_variable(self, var: Var, below: int) -> None:
        state = self.state
        entry = var.entry
        if state.shared.depths.get(entry) != state.depth:
            return
        if isinstance(entry.source, Join) and var.column > 0:
            flat = _flatten(var)
            if any(equal(flat, key) for key in self.keys):
                return
            self.check(entry.source.columns[var.column - 1], below)
            return
        if (id(entry), var.column) in self.variables or self._determined(var):
            return
        name = entry.names[var.column - 1] if var.column > 0 else _SYSTEM_NAMES.get(var.column, "")
        shown = f'"{entry.alias}.{name}"'
        if below:
            raise error("42803", f"subquery uses ungrouped column {shown} from outer query", var.location)
        raise error(
            "42803",
            f"column {shown} must appear in the GROUP BY clause or be used in an aggregate function",
            var.location,
        )

    def _determined(self, var: Var) -> bool:
        """Whether the primary key is grouped: check_functional_grouping."""
        relation = var.entry.source
        if not isinstance(relation, Relation):
            return False
        key = id(var.entry)
        known = self.dependent.get(key)
        if known is None:
            known = any(
                constraint.kind == "p"
                and not constraint.deferrable
                and all((key, number) in self.common for number in constraint.keys)
                for constraint in relation.constraints
            )
            self.dependent[key] = known
        return known


def _flatten(expr: Expr) -> Expr:
    """A column of a join as what it stands for."""
    while isinstance(expr, Var) and isinstance(expr.entry.source, Join) and expr.column > 0:
        expr = expr.entry.source.columns[expr.column - 1]
    return expr
