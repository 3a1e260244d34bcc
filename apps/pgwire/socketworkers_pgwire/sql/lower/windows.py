"""Window functions: PostgreSQL 15 documentation §4.2.8, §9.22."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ...errors import SqlError
from ...types import AnyType
from ...types.numeric import ScaledNumeric
from ..execute.aggregates import window_state
from ..nodes import Expr, NamedWindow, SubLink, Var, WindowCall, WindowFrame
from .aggregates import is_strict, native_aggregate, python_state
from .evaluate import Compilation, Frame
from .keys import equality_key
from .match import walk
from .python import function_of
from .select import sort_terms
from .shapes import as_kind, convert_sql, plain
from .state import Lowering, Slot, lowers, unsupported

__all__: list[str] = []

_DAY = 86_400_000_000  # microseconds
_RANKS = {"row_number", "rank", "dense_rank", "percent_rank", "cume_dist"}
_EXCLUDE = {"no others": "NO OTHERS", "current row": "CURRENT ROW", "group": "GROUP", "ties": "TIES"}


@lowers(WindowCall)
def _window_call(lowering: Lowering, expr: WindowCall) -> str:
    over = f" OVER ({_definition(lowering, expr.window)})"
    behind = over
    if expr.filter is not None:
        behind = f" FILTER (WHERE {lowering.expr(expr.filter)}){over}"
    if expr.proc.kind == "w":
        return _window_function(lowering, expr, over)
    native = native_aggregate(lowering, expr, behind)
    if native is not None:
        return native
    key, make = python_state(lowering, expr)
    strict = is_strict(expr.proc.name)
    function = function_of(
        expr.proc.signature, len(expr.args), "window", (key, strict), lambda cell: window_state(make(cell), strict)
    )
    arguments = ",".join([plain(lowering, each) for each in expr.args])
    return f"{lowering.use(function)}({arguments}){behind}"


def _definition(lowering: Lowering, window: NamedWindow) -> str:
    parts = []
    keys = [equality_key(lowering, each) for each in window.partition if lowering.constant(each) is None]
    if keys:
        parts.append("PARTITION BY " + ",".join(keys))
    terms = sort_terms(lowering, window.order)
    if terms:
        parts.append("ORDER BY " + terms)
    if window.frame is not None:
        parts.append(_frame(lowering, window, window.frame, bool(terms)))
    return " ".join(parts)


def _frame(lowering: Lowering, window: NamedWindow, frame: WindowFrame, ordered: bool) -> str:
    if frame.mode == "range" and not ordered and (frame.start_offset is not None or frame.end_offset is not None):
        raise unsupported("a frame over rows that are all equal")
    start = _bound(lowering, window, frame, frame.start, frame.start_offset, "starting")
    end = _bound(lowering, window, frame, frame.end, frame.end_offset, "ending")
    exclude = "" if frame.exclude == "no others" else f" EXCLUDE {_EXCLUDE[frame.exclude]}"
    return f"{frame.mode.upper()} BETWEEN {start} AND {end}{exclude}"


def _bound(
    lowering: Lowering, window: NamedWindow, frame: WindowFrame, bound: str, offset: Expr | None, which: str
) -> str:
    if offset is None:
        return bound.upper()
    return f"{_offset(lowering, window, frame, offset, which)} {bound.upper()}"


def _offset(lowering: Lowering, window: NamedWindow, frame: WindowFrame, offset: Expr, which: str) -> str:
    """The distance of a bound. SQLite takes a constant or a bound value only."""
    check = _range_check(lowering, window, offset) if frame.mode == "range" else _count_check(which)
    constant = lowering.constant(offset)
    if constant is not None:
        return lowering.value(check(constant.value))
    if any(isinstance(each, Var | SubLink) for each in walk(offset)):
        raise unsupported("a frame whose offset is a subquery or a column", offset.location)
    calculated = Compilation(lowering, {}).plain(offset)
    return lowering.slot(Slot(compute=lambda execution, values: check(calculated(Frame(execution, values, ())))))


def _count_check(which: str) -> Callable[[int | None], int]:
    def checked(value: int | None) -> int:
        if value is None:
            raise SqlError("22004", f"frame {which} offset must not be null")
        if value < 0:
            raise SqlError("22013", f"frame {which} offset must not be negative")
        return value

    return checked


def _range_check(lowering: Lowering, window: NamedWindow, offset: Expr) -> Callable[[Any], int | float]:
    """What makes of a distance of RANGE a number that SQLite can add to the keys of the values."""
    (key,) = window.order
    kind = lowering.kind(key.expr)
    if kind.typname in ("date", "timestamp", "time") or isinstance(kind, ScaledNumeric):
        measure = _scaled(lowering, kind, offset)
    elif kind.category != "N" or kind.ordkey("x") != "x" or kind.typname.startswith("reg"):
        raise unsupported(f"RANGE with offset over type {kind.name}", offset.location)
    else:

        def measure(value: Any) -> int | float:
            number: int | float = -1 if value == "NaN" else value
            return number

    def checked(value: Any) -> int | float:
        if value is None:
            raise SqlError("22004", "frame offset must not be null")
        distance = measure(value)
        if distance < 0:
            raise SqlError("22013", "invalid preceding or following size in window function")
        return distance

    return checked


def _scaled(lowering: Lowering, kind: AnyType, offset: Expr) -> Callable[[Any], int | float]:
    """A distance in the unit in which values are stored."""
    if isinstance(kind, ScaledNumeric):
        scale = kind.scale

        def scaled(value: Any) -> int:
            if value == "NaN" or value.startswith("-"):
                return -1
            # values between two that are stored do not matter
            return int(min(Decimal(value).scaleb(scale), Decimal(1 << 62)))

        return scaled
    interval, name = lowering.kind(offset), kind.typname
    if interval.typname != "interval":
        raise unsupported(f"RANGE with this offset over type {kind.name}", offset.location)

    def lasting(value: Any) -> int:
        months, days, usecs = interval.load(value)
        if months or (name == "date" and usecs):
            raise unsupported(f"RANGE with months or parts of days over type {kind.name}", offset.location)
        if min(days, usecs) < 0:
            return -1
        return int(days if name == "date" else usecs if name == "time" else days * _DAY + usecs)

    return lasting


def _window_function(lowering: Lowering, expr: WindowCall, over: str) -> str:
    name = expr.proc.name
    if expr.proc.namespace != 11:
        raise unsupported(f"window function {expr.proc.signature}", expr.location)
    if expr.filter is not None:
        raise unsupported("FILTER of a window function", expr.location)
    if name in _RANKS:
        return f"{name}(){over}"
    if name in ("first_value", "last_value"):
        return _valued(lowering, expr, f"{name}({lowering.expr(expr.args[0])}){over}")
    if name == "ntile" and (known := lowering.constant(expr.args[0])) is not None and known.value is None:
        return "NULL"
    if name == "ntile":
        return f"ntile({_positive(lowering, expr.args[0], 'ntile', '22014')}){over}"
    if name == "nth_value":
        count = _positive(lowering, expr.args[1], "nth_value", "22016")
        return _valued(lowering, expr, f"nth_value({lowering.expr(expr.args[0])},{count}){over}")
    if name in ("lag", "lead"):
        return _neighbour(lowering, expr, over)
    raise unsupported(f"window function {expr.proc.signature}", expr.location)


def _valued(lowering: Lowering, expr: WindowCall, sql: str) -> str:
    source = lowering.kind(expr.args[0])
    return convert_sql(lowering, sql, source, source.modified(expr.typmod))


def _positive(lowering: Lowering, expr: Expr, name: str, sqlstate: str) -> str:
    error = SqlError(sqlstate, f"argument of {name} must be greater than zero")
    constant = lowering.constant(expr)
    if constant is None:

        def checked(value: int | None) -> int:
            if value is None or value <= 0:
                raise error
            return value

        function = function_of(f"argument of {name}", 1, "scalar", (), lambda cell: checked)
        return f"{lowering.use(function)}({lowering.expr(expr)})"
    if constant.value is None:
        raise unsupported(f"{name} of NULL", expr.location)
    if constant.value <= 0:
        raise error
    return str(constant.value)


def _neighbour(lowering: Lowering, expr: WindowCall, over: str) -> str:
    """lag() and lead(); a negative distance is the other direction."""
    name = expr.proc.name
    target = lowering.kind(expr.args[0]).modified(expr.typmod)
    value = as_kind(lowering, expr.args[0], target)
    if len(expr.args) == 1:
        return f"{name}({value}){over}"
    default = f",{as_kind(lowering, expr.args[2], target)}" if len(expr.args) > 2 else ""
    constant = lowering.constant(expr.args[1])
    if constant is None:
        far = lowering.expr(expr.args[1])
        other = "lead" if name == "lag" else "lag"
        # the one that is not chosen is calculated all the same: SQLite takes no distance below 0
        ahead = f"{name}({value},max({far},0){default}){over}"
        return f"CASE WHEN {far}>=0 THEN {ahead} WHEN {far}<0 THEN {other}({value},max(-{far},0){default}){over} END"
    if constant.value is None:
        return "NULL"
    distance = constant.value
    if distance < 0:
        name, distance = ("lead" if name == "lag" else "lag"), -distance
    return f"{name}({value},{distance}{default}){over}"
