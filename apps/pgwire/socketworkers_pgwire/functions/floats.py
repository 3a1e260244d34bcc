"""Floating point: PostgreSQL 15 documentation §9.3, operators and functions of float4 and float8."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..types.errors import SqlError
from ..types.floats import FLOAT4, FLOAT8, Float
from .context import Execution
from .kinds import NAN, float_of, same, store_float
from .registry import scalar

__all__: list[str] = []

_SIZES: dict[str, Float] = {"4": FLOAT4, "8": FLOAT8}
_EIGHT = "double precision"


def _on_floats(function: Callable[[float, float], float]) -> Callable[..., float | str]:
    return lambda a, b: store_float(function(float_of(a), float_of(b)))


def _negate(a: float | str) -> float | str:
    return NAN if isinstance(a, str) else -a


def _absolute(a: float | str) -> float | str:
    return NAN if isinstance(a, str) else abs(a)


for _a, _first in _SIZES.items():
    for _b, _second in _SIZES.items():
        _wide = _first if _first.typlen >= _second.typlen else _second
        _pair = _a if _a == _b else _a + _b
        for _suffix, _operation in (
            ("pl", _wide.add),
            ("mi", _wide.subtract),
            ("mul", _wide.multiply),
            ("div", _wide.divide),
        ):
            scalar(f"float{_pair}{_suffix}({_first.name},{_second.name})")(_on_floats(_operation))
    scalar(f"float{_a}um({_first.name})")(_negate)
    scalar(f"float{_a}up({_first.name})")(same)
    scalar(f"float{_a}abs({_first.name})", f"abs({_first.name})")(_absolute)


def overflow() -> SqlError:
    """22003 of a result that is too large."""
    return SqlError("22003", "value out of range: overflow")


def underflow() -> SqlError:
    """22003 of a result that is too near to zero."""
    return SqlError("22003", "value out of range: underflow")


def _plain(function: Callable[[float], float]) -> Callable[[Any], float | str]:
    """Of a function that gives NaN, and the infinities, themselves."""

    def call(a: float | str) -> float | str:
        if isinstance(a, str):
            return a
        return function(a) if math.isfinite(a) else a

    return call


def _rounded(a: float) -> float:
    return math.copysign(float(round(a)), a)


def _truncated(a: float) -> float:
    return math.copysign(float(math.trunc(a)), a)


def _ceiling(a: float) -> float:
    return math.copysign(float(math.ceil(a)), a)


scalar(f"round({_EIGHT})", f"dround({_EIGHT})")(_plain(_rounded))
scalar(f"trunc({_EIGHT})", f"dtrunc({_EIGHT})")(_plain(_truncated))
scalar(f"ceil({_EIGHT})", f"ceiling({_EIGHT})")(_plain(_ceiling))
scalar(f"floor({_EIGHT})")(_plain(lambda a: math.copysign(float(math.floor(a)), a)))


@scalar(f"sign({_EIGHT})")
def _sign(a: float | str) -> float:
    return 0.0 if isinstance(a, str) else float((a > 0) - (a < 0))


@scalar(f"sqrt({_EIGHT})", f"dsqrt({_EIGHT})")
def _sqrt(a: float | str) -> float | str:
    if isinstance(a, str):
        return a
    if a < 0:
        raise SqlError("2201F", "cannot take square root of a negative number")
    return math.sqrt(a)


@scalar(f"cbrt({_EIGHT})", f"dcbrt({_EIGHT})")
def _cbrt(a: float | str) -> float | str:
    if isinstance(a, str) or not a or math.isinf(a):
        return a
    return math.cbrt(a)


def raise_to(base: float, exponent: float) -> float:
    """`base ^ exponent`.

    Raises:
        SqlError: 2201F for what has no result, 22003 for what is too large or too small.
    """
    if base != base:
        return 1.0 if exponent == 0 else base
    if exponent != exponent:
        return 1.0 if base == 1 else exponent
    if base == 0 and exponent < 0:
        raise SqlError("2201F", "zero raised to a negative power is undefined")
    if base < 0 and math.isfinite(exponent) and math.floor(exponent) != exponent:
        raise SqlError("2201F", "a negative number raised to a non-integer power yields a complex result")
    if math.isinf(exponent):
        size = abs(base)
        if size == 1:
            return 1.0
        return math.inf if (size > 1) == (exponent > 0) else 0.0
    try:
        result = math.pow(base, exponent)
    except OverflowError:
        raise overflow() from None
    if math.isinf(result) and math.isfinite(base):
        raise overflow()
    if not result and base and math.isfinite(base):
        raise underflow()
    return result


scalar(
    f"power({_EIGHT},{_EIGHT})",
    f"pow({_EIGHT},{_EIGHT})",
    f"dpow({_EIGHT},{_EIGHT})",
)(_on_floats(raise_to))


@scalar(f"exp({_EIGHT})", f"dexp({_EIGHT})")
def _exp(a: float | str) -> float | str:
    if isinstance(a, str):
        return a
    try:
        result = math.exp(a)
    except OverflowError:
        raise overflow() from None
    if not result and math.isfinite(a):
        raise underflow()
    return result


def _logarithm(function: Callable[[float], float]) -> Callable[[Any], float | str]:
    def call(a: float | str) -> float | str:
        if isinstance(a, str):
            return a
        if a == 0:
            raise SqlError("2201E", "cannot take logarithm of zero")
        if a < 0:
            raise SqlError("2201E", "cannot take logarithm of a negative number")
        return function(a)

    return call


scalar(f"ln({_EIGHT})", f"dlog1({_EIGHT})")(_logarithm(math.log))
scalar(f"log({_EIGHT})", f"log10({_EIGHT})", f"dlog10({_EIGHT})")(_logarithm(math.log10))


@scalar("random()", context=True)
def _random(execution: Execution) -> float:
    return execution.session.random()


@scalar(f"setseed({_EIGHT})", context=True)
def _set_seed(execution: Execution, seed: float | str) -> str:
    if isinstance(seed, str) or not -1 <= seed <= 1:
        shown = FLOAT8.output(seed)
        raise SqlError("22023", f"setseed parameter {shown} is out of allowed range [-1,1]")
    execution.session.set_seed(seed)
    return ""


def _in_range(kind: Float) -> Callable[[Any, Any, Any, int, int], int]:
    def within(value: float | str, start: float | str, distance: float | str, subtract: int, less: int) -> int:
        if isinstance(distance, str) or distance < 0:
            raise SqlError("22013", "invalid preceding or following size in window function")
        if isinstance(value, str):
            return 1 if isinstance(start, str) else int(not less)
        if isinstance(start, str):
            return less
        if math.isinf(distance) and math.isinf(start) and (start > 0 if subtract else start < 0):
            return 1
        end = start - distance if subtract else start + distance
        return int(value <= end if less else value >= end)

    return within


scalar(f"in_range({_EIGHT},{_EIGHT},{_EIGHT},boolean,boolean)")(_in_range(FLOAT8))
scalar(f"in_range(real,real,{_EIGHT},boolean,boolean)")(_in_range(FLOAT4))
