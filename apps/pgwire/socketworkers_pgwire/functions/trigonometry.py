"""Trigonometry of float8, in radians and in degrees: PostgreSQL 15 documentation §9.3, tables 9.7 and 9.8."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..types.errors import SqlError
from ..types.floats import FLOAT8
from .floats import overflow, underflow
from .kinds import NAN, store_float
from .registry import scalar

__all__: list[str] = []

_EIGHT = "double precision"
_RADIANS_PER_DEGREE = 0.0174532925199432957692


def _beyond() -> SqlError:
    return SqlError("22003", "input is out of range")


def _finite(function: Callable[[float], float]) -> Callable[[Any], float | str]:
    """Of a function without a value at the infinities."""

    def call(a: float | str) -> float | str:
        if isinstance(a, str):
            return a
        if math.isinf(a):
            raise _beyond()
        return function(a)

    return call


def _within(low: float, high: float, function: Callable[[float], float]) -> Callable[[Any], float | str]:
    """Of a function that is defined in a range only."""

    def call(a: float | str) -> float | str:
        if isinstance(a, str):
            return a
        if not low <= a <= high:
            raise _beyond()
        return function(a)

    return call


def _everywhere(function: Callable[[float], float]) -> Callable[[Any], float | str]:
    return lambda a: a if isinstance(a, str) else function(a)


def _cot(a: float) -> float:
    tangent = math.tan(a)
    return 1.0 / tangent if tangent else math.copysign(math.inf, tangent)


def _sinh(a: float) -> float:
    try:
        return math.sinh(a)
    except OverflowError:
        return math.copysign(math.inf, a)


def _cosh(a: float) -> float:
    try:
        return math.cosh(a)
    except OverflowError:
        return math.inf


def _atanh(a: float) -> float:
    return math.copysign(math.inf, a) if abs(a) == 1 else math.atanh(a)


for _name, _function in (("sin", math.sin), ("cos", math.cos), ("tan", math.tan), ("cot", _cot)):
    scalar(f"{_name}({_EIGHT})")(_finite(_function))
for _name, _low, _high, _function in (
    ("asin", -1.0, 1.0, math.asin),
    ("acos", -1.0, 1.0, math.acos),
    ("acosh", 1.0, math.inf, math.acosh),
    ("atanh", -1.0, 1.0, _atanh),
):
    scalar(f"{_name}({_EIGHT})")(_within(_low, _high, _function))
for _name, _function in (
    ("atan", math.atan),
    ("sinh", _sinh),
    ("cosh", _cosh),
    ("tanh", math.tanh),
    ("asinh", math.asinh),
):
    scalar(f"{_name}({_EIGHT})")(_everywhere(_function))


@scalar(f"atan2({_EIGHT},{_EIGHT})")
def _atan2(y: float | str, x: float | str) -> float | str:
    return NAN if isinstance(y, str) or isinstance(x, str) else math.atan2(y, x)


# In degrees the round values are exact: the functions are scaled by what they give for 30, 45 and 60 degrees.
_SIN_30 = math.sin(30.0 * _RADIANS_PER_DEGREE)
_ONE_MINUS_COS_60 = 1.0 - math.cos(60.0 * _RADIANS_PER_DEGREE)
_ASIN_HALF = math.asin(0.5)
_ACOS_HALF = math.acos(0.5)
_ATAN_1 = math.atan(1.0)


def _sind_to_30(x: float) -> float:
    return (math.sin(x * _RADIANS_PER_DEGREE) / _SIN_30) / 2.0


def _cosd_to_60(x: float) -> float:
    return 1.0 - ((1.0 - math.cos(x * _RADIANS_PER_DEGREE)) / _ONE_MINUS_COS_60) / 2.0


def _sind_to_90(x: float) -> float:
    return _sind_to_30(x) if x <= 30.0 else _cosd_to_60(90.0 - x)


def _cosd_to_90(x: float) -> float:
    return _cosd_to_60(x) if x <= 60.0 else _sind_to_30(90.0 - x)


_TAN_45 = _sind_to_90(45.0) / _cosd_to_90(45.0)
_COT_45 = _cosd_to_90(45.0) / _sind_to_90(45.0)


def _folded(a: float) -> tuple[float, int, int]:
    """The angle in the first quadrant, the sign of its sine and that of its cosine."""
    a = math.fmod(a, 360.0)
    sine = cosine = 1
    if a < 0:
        a, sine = -a, -1
    if a > 180.0:
        a, sine = 360.0 - a, -sine
    if a > 90.0:
        a, cosine = 180.0 - a, -1
    return a, sine, cosine


def _sind(a: float) -> float:
    a, sine, _ = _folded(a)
    return sine * _sind_to_90(a)


def _cosd(a: float) -> float:
    a, _, cosine = _folded(a)
    return cosine * _cosd_to_90(a)


def _tand(a: float) -> float:
    a, sine, cosine = _folded(a)
    below = _cosd_to_90(a)
    tangent = _sind_to_90(a) / below if below else math.copysign(math.inf, below)
    return sine * cosine * (tangent / _TAN_45) + 0.0


def _cotd(a: float) -> float:
    a, sine, cosine = _folded(a)
    below = _sind_to_90(a)
    cotangent = _cosd_to_90(a) / below if below else math.copysign(math.inf, below)
    return sine * cosine * (cotangent / _COT_45) + 0.0


def _asind_from_0(x: float) -> float:
    if x <= 0.5:
        return (math.asin(x) / _ASIN_HALF) * 30.0
    return 90.0 - (math.acos(x) / _ACOS_HALF) * 60.0


def _acosd_from_0(x: float) -> float:
    if x <= 0.5:
        return 90.0 - (math.asin(x) / _ASIN_HALF) * 30.0
    return (math.acos(x) / _ACOS_HALF) * 60.0


for _name, _function in (("sind", _sind), ("cosd", _cosd), ("tand", _tand), ("cotd", _cotd)):
    scalar(f"{_name}({_EIGHT})")(_finite(_function))
scalar(f"asind({_EIGHT})")(_within(-1.0, 1.0, lambda x: _asind_from_0(x) if x >= 0 else -_asind_from_0(-x)))
scalar(f"acosd({_EIGHT})")(_within(-1.0, 1.0, lambda x: _acosd_from_0(x) if x >= 0 else 90.0 + _asind_from_0(-x)))
scalar(f"atand({_EIGHT})")(_everywhere(lambda x: (math.atan(x) / _ATAN_1) * 45.0))


@scalar(f"atan2d({_EIGHT},{_EIGHT})")
def _atan2d(y: float | str, x: float | str) -> float | str:
    return NAN if isinstance(y, str) or isinstance(x, str) else (math.atan2(y, x) / _ATAN_1) * 45.0


@scalar(f"degrees({_EIGHT})")
def _degrees(a: float | str) -> float | str:
    if isinstance(a, str):
        return a
    result = a / _RADIANS_PER_DEGREE
    if math.isinf(result) and math.isfinite(a):
        raise overflow()
    return store_float(result)


@scalar(f"radians({_EIGHT})")
def _radians(a: float | str) -> float | str:
    if isinstance(a, str):
        return a
    result = FLOAT8.multiply(a, _RADIANS_PER_DEGREE)
    if not result and a:
        raise underflow()
    return result


@scalar("pi()")
def _pi() -> float:
    return math.pi
