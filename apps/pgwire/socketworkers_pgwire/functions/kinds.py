"""Types by the names that signatures have for them, and functions on Python values made into those on storage forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ..types import BY_NAME, AnyType, Interval
from ..types.floats import FLOAT4
from ..types.interval import INTERVAL
from ..types.numeric import numeric_text

__all__ = [
    "BY_SQL_NAME",
    "NAN",
    "flag",
    "float_key",
    "float_of",
    "interval_of",
    "numeric",
    "same",
    "store_float",
    "store_interval",
    "to_float4",
]

BY_SQL_NAME: dict[str, AnyType] = {kind.format_type(): kind for kind in BY_NAME.values()}
"""``integer``, ``timestamp without time zone[]``, …"""

NAN = "NaN"

interval_of: Callable[[bytes], Interval] = INTERVAL.load
store_interval: Callable[[Interval], bytes] = INTERVAL.store


def same(value: Any) -> Any:
    """For casts between types of one storage form."""
    return value


def flag(function: Callable[..., bool]) -> Callable[..., int]:
    """A test as SQLite has them, 0 or 1."""
    return lambda *arguments: 1 if function(*arguments) else 0


def numeric(function: Callable[..., Decimal]) -> Callable[..., str]:
    """A function of numerics that gives one."""
    return lambda *arguments: numeric_text(function(*map(Decimal, arguments)))


def float_of(stored: float | str) -> float:
    """The number of a float4 or float8."""
    return math.nan if type(stored) is str else float(stored)


def store_float(value: float) -> float | str:
    """The storage form of a float8."""
    return NAN if value != value else value


def to_float4(value: float) -> float | str:
    """The storage form of a float4 whose value is known to be in range."""
    return FLOAT4.store(value)


def float_key(stored: float | str) -> tuple[bool, float]:
    """What floats are compared by: NaN is above all and equals itself."""
    return (True, 0.0) if type(stored) is str else (False, float(stored))
