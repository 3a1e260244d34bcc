"""Integers: PostgreSQL 15 documentation §9.3, operators and functions of int2, int4 and int8."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..types.errors import SqlError, out_of_range
from ..types.integers import INT2, INT4, INT8, Integer
from .kinds import same
from .registry import scalar

__all__: list[str] = []

_SIZES: dict[str, Integer] = {"2": INT2, "4": INT4, "8": INT8}


def _wrapped(kind: Integer, value: int) -> int:
    """What is left in the bits of the type."""
    span = 2 * (kind.maximum + 1)
    value %= span
    return value - span if value > kind.maximum else value


def _shift_left(kind: Integer, bits: int) -> Callable[[int, int], int]:
    # the processor takes the count modulo the width of its register
    mask = 63 if bits == 64 else 31
    return lambda a, count: _wrapped(kind, a << (count & mask))


def _shift_right(bits: int) -> Callable[[int, int], int]:
    mask = 63 if bits == 64 else 31
    return lambda a, count: a >> (count & mask)


for _a, _first in _SIZES.items():
    for _b, _second in _SIZES.items():
        _wide = _first if _first.typlen >= _second.typlen else _second
        _pair = _a if _a == _b else _a + _b
        _types = f"{_first.name},{_second.name}"
        for _suffix, _operation in (
            ("pl", _wide.add),
            ("mi", _wide.subtract),
            ("mul", _wide.multiply),
            ("div", _wide.divide),
        ):
            scalar(f"int{_pair}{_suffix}({_types})")(_operation)
    _types = f"{_first.name},{_first.name}"
    scalar(f"int{_a}mod({_types})", f"mod({_types})")(_first.modulo)
    scalar(f"int{_a}um({_first.name})")(_first.negate)
    scalar(f"int{_a}up({_first.name})")(same)
    scalar(f"int{_a}abs({_first.name})", f"abs({_first.name})")(_first.absolute)
    scalar(f"int{_a}and({_types})")(lambda a, b: a & b)
    scalar(f"int{_a}or({_types})")(lambda a, b: a | b)
    scalar(f"int{_a}xor({_types})")(lambda a, b: a ^ b)
    scalar(f"int{_a}not({_first.name})")(lambda a: ~a)
    scalar(f"int{_a}shl({_first.name},integer)")(_shift_left(_first, _first.typlen * 8))
    scalar(f"int{_a}shr({_first.name},integer)")(_shift_right(_first.typlen * 8))


def _gcd(kind: Integer) -> Callable[[int, int], int]:
    """gcd(a, b): never negative, so that of the smallest number with itself or with 0 has no place in the type."""
    return lambda a, b: kind.checked(math.gcd(a, b))


def _lcm(kind: Integer) -> Callable[[int, int], int]:
    return lambda a, b: kind.checked(math.lcm(a, b))


for _kind in (INT4, INT8):
    scalar(f"gcd({_kind.name},{_kind.name})")(_gcd(_kind))
    scalar(f"lcm({_kind.name},{_kind.name})")(_lcm(_kind))


@scalar("int4inc(integer)")
def _increment4(a: int) -> int:
    return INT4.add(a, 1)


@scalar(
    "int8inc(bigint)", 'int8inc_any(bigint,"any")', "int8inc_float8_float8(bigint,double precision,double precision)"
)
def _increment8(a: int, *_: Any) -> int:
    return INT8.add(a, 1)


@scalar("int8dec(bigint)", 'int8dec_any(bigint,"any")')
def _decrement8(a: int, *_: Any) -> int:
    return INT8.subtract(a, 1)


def _to_hex(bits: int) -> Callable[[int], str]:
    return lambda a: f"{a & (1 << bits) - 1:x}"


scalar("to_hex(integer)")(_to_hex(32))
scalar("to_hex(bigint)")(_to_hex(64))


@scalar("width_bucket(double precision,double precision,double precision,integer)")
def _width_bucket(operand: float | str, low: float | str, high: float | str, count: int) -> int:
    if count <= 0:
        raise SqlError("2201G", "count must be greater than zero")
    if isinstance(operand, str) or isinstance(low, str) or isinstance(high, str):
        raise SqlError("2201G", "operand, lower bound, and upper bound cannot be NaN")
    if math.isinf(low) or math.isinf(high):
        raise SqlError("2201G", "lower and upper bounds must be finite")
    if low == high:
        raise SqlError("2201G", "lower bound cannot equal upper bound")
    if low < high:
        if operand < low:
            return 0
        if operand >= high:
            return _next_bucket(count)
        whole = (
            (operand - low) / (high - low)
            if math.isfinite(high - low)
            else (operand / 2 - low / 2) / (high / 2 - low / 2)
        )
    else:
        if operand > low:
            return 0
        if operand <= high:
            return _next_bucket(count)
        whole = (
            (low - operand) / (low - high)
            if math.isfinite(low - high)
            else (low / 2 - operand / 2) / (low / 2 - high / 2)
        )
    return min(int(count * whole), count - 1) + 1


def _next_bucket(count: int) -> int:
    if count == INT4.maximum:
        raise out_of_range("integer")
    return count + 1


def _in_range(base: Integer, offset: Integer) -> Callable[[int, int, int, int, int], int]:
    """Frames of windows: whether `value` is not behind, or not before, the row that is so far away."""

    def within(value: int, start: int, distance: int, subtract: int, less: int) -> int:
        if distance < 0:
            raise SqlError("22013", "invalid preceding or following size in window function")
        end = start - distance if subtract else start + distance
        return int(value <= end if less else value >= end)

    return within


for _base in _SIZES.values():
    for _offset in _SIZES.values():
        if _base is not INT8 or _offset is INT8:
            scalar(f"in_range({_base.name},{_base.name},{_offset.name},boolean,boolean)")(_in_range(_base, _offset))
