"""Aggregates: PostgreSQL 15 documentation §9.21, §4.2.7."""

from __future__ import annotations

import marshal
from collections.abc import Callable, Hashable, Sequence
from decimal import Context, Decimal
from typing import Any

from ...functions import CallSite, Implementation, find
from ...types import AnyType
from ...types.numeric import ScaledNumeric, numeric_text
from ...types.numeric_math import divide
from ..execute.aggregates import Sorted, hypothetical_state, sorting_state, stepping_state
from ..execute.connection import ExecutionCell
from ..nodes import Aggregate, Const, Expr, SortKey, WindowCall
from .keys import check_order, equality_key, order_key
from .python import function_of, scalar_function, site_key
from .shapes import convert_sql, plain
from .state import Lowering, lowers, unsupported

__all__ = ["is_strict", "native_aggregate", "python_state"]

#: aggregates that take NULLs in
_TAKE_NULLS = {
    "array_agg",
    "json_agg",
    "jsonb_agg",
    "json_object_agg",
    "jsonb_object_agg",
    "string_agg",
    "rank",
    "dense_rank",
    "percent_rank",
    "cume_dist",
}
_HYPOTHETICAL = {"rank", "dense_rank", "percent_rank", "cume_dist"}
_INTEGERS = {"smallint", "integer", "bigint"}
_MASK = 4294967295
_WIDE = Context(prec=200)


def is_strict(name: str) -> bool:
    """Whether rows with a NULL are skipped: what pg_aggregate's transition functions do."""
    return name not in _TAKE_NULLS


def _by_code_points(kind: AnyType) -> bool:
    return kind.ordkey("x") == "x"


def native_aggregate(lowering: Lowering, expr: Aggregate | WindowCall, behind: str) -> str | None:
    """The SQL of an aggregate that SQLite has, None without.

    Args:
        lowering: the statement.
        expr: it; no DISTINCT, no ORDER BY.
        behind: FILTER and OVER.
    """
    name = expr.proc.name
    if expr.proc.namespace != 11:
        return None
    if expr.star or (name == "count" and not expr.args):
        return f"count(*){behind}"
    if len(expr.args) != 1:
        return None
    argument = expr.args[0]
    if name == "count":
        return f"count({lowering.expr(argument)}){behind}"
    kind = lowering.kind(argument)
    if name in ("min", "max") and _by_code_points(kind):
        check_order(lowering, kind, expr.collation, expr.location)
        return _formed(lowering, f"{name}({lowering.expr(argument)}){behind}", kind, expr)
    if name in ("bool_and", "every") and kind.typname == "bool":
        return f"min({lowering.expr(argument)}){behind}"
    if name == "bool_or" and kind.typname == "bool":
        return f"max({lowering.expr(argument)}){behind}"
    if name in ("sum", "avg"):
        if kind.name in _INTEGERS:
            return _integer_sum(lowering, name, kind.name, lowering.expr(argument), behind)
        if isinstance(kind, ScaledNumeric):
            return _scaled_sum(lowering, name, kind, lowering.expr(argument), behind)
    return None


def _formed(lowering: Lowering, sql: str, kind: AnyType, expr: Expr) -> str:
    return convert_sql(lowering, sql, kind, kind.modified(expr.typmod))


def _integer_sum(lowering: Lowering, name: str, kind: str, value: str, behind: str) -> str:
    """sum() of SQLite fails beyond 64 bits; those of bigint are put together from two halves."""
    if name == "sum" and kind != "bigint":
        return f"sum({value}){behind}"
    if kind != "bigint":
        function = scalar_function("avg of integers", 2, (), lambda: _average)
        return f"{lowering.use(function)}(sum({value}){behind},count({value}){behind})"
    halves = f"sum({value}>>32){behind},sum({value}&{_MASK}){behind}"
    if name == "sum":
        function = scalar_function("sum of bigint", 2, (), lambda: lambda high, low: str((high << 32) + low))
        return f"{lowering.use(function)}({halves})"
    function = scalar_function("avg of bigint", 3, (), lambda: lambda high, low, n: _average((high << 32) + low, n))
    return f"{lowering.use(function)}({halves},count({value}){behind})"


def _average(total: int, count: int) -> str:
    return numeric_text(divide(Decimal(total), Decimal(count)))


def _scaled_sum(lowering: Lowering, name: str, kind: ScaledNumeric, value: str, behind: str) -> str:
    scale = kind.scale
    parts = (
        f"sum({value}>>32){behind},sum({value}&{_MASK}){behind},max(typeof({value})='text'){behind},"
        f"count({value}){behind}"
    )

    def total(high: int, low: int, nan: int, count: int) -> str:
        if nan:
            return "NaN"
        exact = Decimal((high << 32) + low).scaleb(-scale, _WIDE)
        if scale < 0:
            exact = exact.quantize(Decimal(1), context=_WIDE)
        return numeric_text(divide(exact, Decimal(count)) if name == "avg" else exact)

    function = scalar_function(f"{name} of scaled", 4, scale, lambda: total)
    return f"{lowering.use(function)}({parts})"


def python_state(lowering: Lowering, expr: Aggregate | WindowCall) -> tuple[Hashable, Callable[[ExecutionCell], Any]]:
    """What makes the states of an aggregate, and what it depends on.

    Raises:
        SqlError: 0A000.
    """
    found: Implementation | None = find(expr.proc.signature)
    if found is None or found.kind != "aggregate":
        raise unsupported(f"aggregate {expr.proc.signature}", expr.location)
    arguments = [*getattr(expr, "direct", ()), *expr.args]
    site = CallSite(
        tuple([lowering.kind(each).modified(-1) for each in arguments]), lowering.type_row(expr.type).implementation
    )
    state, context = found.function, found.context

    def make(cell: ExecutionCell) -> Callable[[], Any]:
        return lambda: state(cell.execution, site) if context else state(site)

    return (expr.proc.signature, site_key(site)), make


def _filter(lowering: Lowering, condition: Expr | None) -> str:
    return "" if condition is None else f" FILTER (WHERE {lowering.expr(condition)})"


@lowers(Aggregate)
def _aggregate(lowering: Lowering, expr: Aggregate) -> str:
    behind = _filter(lowering, expr.filter)
    if expr.proc.aggregate_kind in ("o", "h"):
        return _ordered_set(lowering, expr, behind)
    if expr.distinct:
        return _distinct(lowering, expr, behind)
    if not expr.order or expr.proc.name in ("count", "min", "max", "bool_and", "bool_or", "every"):
        native = native_aggregate(lowering, expr, behind)
        if native is not None:
            return native
    key, make = python_state(lowering, expr)
    strict = is_strict(expr.proc.name)
    arity = len(expr.args)
    function = function_of(
        expr.proc.signature, arity, "aggregate", (key, strict), lambda cell: stepping_state(make(cell), strict)
    )
    arguments = ",".join([plain(lowering, each) for each in expr.args])
    order = ""
    if expr.order:
        from .select import sort_terms

        terms = sort_terms(lowering, expr.order)
        order = f" ORDER BY {terms}" if terms and arity else ""
    return f"{lowering.use(function)}({arguments}{order}){behind}"


def _distinct(lowering: Lowering, expr: Aggregate, behind: str) -> str:
    """With DISTINCT: the rows are sorted by their arguments, as PostgreSQL does it."""
    if len(expr.args) == 1 and lowering.kind(expr.args[0]).eqkey("x") == "x":
        argument = lowering.expr(expr.args[0])
        name = expr.proc.name
        if name == "count":
            return f"count(DISTINCT {argument}){behind}"
        if name in ("min", "max", "bool_and", "bool_or", "every") or (
            name == "sum" and lowering.kind(expr.args[0]).name in ("smallint", "integer")
        ):
            if name == "sum":
                return f"sum(DISTINCT {argument}){behind}"
            native = native_aggregate(lowering, expr, behind)
            if native is not None:
                return native
    if expr.proc.name == "count":
        return f"count(DISTINCT {equality_key(lowering, expr.args[0])}){behind}"
    order = expr.order or [_ascending(each) for each in expr.args if not isinstance(each, Const)]
    return _sorted(lowering, expr, expr.args, order, True, behind, is_strict(expr.proc.name))


def _ascending(expr: Expr) -> SortKey:
    return SortKey(expr=expr, operator=None, descending=False, nulls_first=False)  # type: ignore[arg-type]


def _sorted(
    lowering: Lowering,
    expr: Aggregate,
    arguments: Sequence[Expr],
    order: Sequence[SortKey],
    distinct: bool,
    behind: str,
    strict: bool,
) -> str:
    key, make = python_state(lowering, expr)
    columns = [plain(lowering, each) for each in arguments]
    columns += [order_key(lowering, each.expr) for each in order]
    if distinct:
        keys = [equality_key(lowering, each) for each in arguments]
        if len(keys) == 1:
            columns.append(keys[0])
        else:
            joined = function_of("key of rows", len(keys), "scalar", (), lambda cell: _joined)
            columns.append(f"{lowering.use(joined)}({','.join(keys)})")
    directions = tuple([(each.descending, each.nulls_first) for each in order])
    how = Sorted(len(arguments), directions, distinct)
    function = function_of(
        expr.proc.signature,
        len(columns),
        "aggregate",
        (key, strict, len(arguments), directions, distinct),
        lambda cell: sorting_state(make(cell), strict, how),
    )
    return f"{lowering.use(function)}({','.join(columns)}){behind}"


def _joined(*keys: Any) -> bytes:
    return marshal.dumps(keys)


def _ordered_set(lowering: Lowering, expr: Aggregate, behind: str) -> str:
    """WITHIN GROUP: direct arguments first in each step, rows in their order."""
    if expr.proc.aggregate_kind == "h" and expr.proc.name in _HYPOTHETICAL:
        return _hypothetical(lowering, expr, behind)
    key, make = python_state(lowering, expr)
    arguments = [*expr.direct, *expr.args]
    columns = [plain(lowering, each) for each in arguments]
    columns += [order_key(lowering, each.expr) for each in expr.order]
    directions = tuple([(each.descending, each.nulls_first) for each in expr.order])
    how = Sorted(len(arguments), directions, False)
    function = function_of(
        expr.proc.signature,
        len(columns),
        "aggregate",
        (key, directions),
        lambda cell: sorting_state(make(cell), False, how),
    )
    return f"{lowering.use(function)}({','.join(columns)}){behind}"


def _hypothetical(lowering: Lowering, expr: Aggregate, behind: str) -> str:
    """Where the row of the direct arguments would stand among the others."""
    columns = [order_key(lowering, each.expr) for each in expr.order]
    columns += [order_key(lowering, each) for each in expr.direct]
    directions = tuple([(each.descending, each.nulls_first) for each in expr.order])
    name, count = expr.proc.name, len(expr.order)
    function = function_of(
        name,
        len(columns),
        "aggregate",
        directions,
        lambda cell: hypothetical_state(name, Sorted(0, directions, False), count),
    )
    return f"{lowering.use(function)}({','.join(columns)}){behind}"
