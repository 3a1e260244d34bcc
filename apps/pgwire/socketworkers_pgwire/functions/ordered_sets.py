"""Ordered-set and hypothetical-set aggregates: PostgreSQL 15 documentation §9.21, tables 9.61 and 9.62.

A step has the direct arguments first, then those of the row; rows come in the order of WITHIN GROUP.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from ..types import Array, Interval
from ..types import interval_math as im
from ..types.array import ArrayType
from ..types.errors import SqlError
from ..types.floats import FLOAT8
from .kinds import BY_SQL_NAME, float_of, interval_of, store_float, store_interval
from .registry import CallSite, aggregate

__all__: list[str] = []

_FRACTIONS = BY_SQL_NAME["double precision[]"]


def _check_fraction(fraction: float | str) -> float:
    number = float_of(fraction)
    if not 0 <= number <= 1:
        shown = FLOAT8.output(fraction) if isinstance(fraction, str) else f"{number:g}"
        raise SqlError("22003", f"percentile value {shown} is not between 0 and 1")
    return number


class _Percentile(ABC):
    """Rows in order, and the fraction, or the array of them."""

    __slots__ = ("call", "fractions", "rows", "seen")

    def __init__(self, call: CallSite) -> None:
        self.call = call
        self.rows: list[Any] = []
        self.fractions: Any = None
        self.seen = False

    def step(self, fractions: Any, value: Any) -> None:
        """Take one row in."""
        if not self.seen:
            self.seen = True
            self.fractions = fractions
        if value is not None:
            self.rows.append(value)

    @abstractmethod
    def at(self, fraction: float) -> Any:
        """The value for one fraction."""

    def final(self) -> Any:
        """The value, or the array of values."""
        if self.fractions is None:
            return None
        if not isinstance(self.call.arguments[0], ArrayType):
            fraction = _check_fraction(self.fractions)
            return self.at(fraction) if self.rows else None
        wanted = _FRACTIONS.load(self.fractions)
        numbers = [None if each is None else _check_fraction(each) for each in wanted.items]
        if not self.rows:
            return None
        found = [None if each is None else self.at(each) for each in numbers]
        kind = self.call.result
        assert isinstance(kind, ArrayType)
        return kind.store(Array(found, wanted.lengths, wanted.lowers))


@aggregate("percentile_disc(double precision,anyelement)", "percentile_disc(double precision[],anyelement)")
class _Discrete(_Percentile):
    """The first value whose place is not before the fraction."""

    __slots__ = ()

    def at(self, fraction: float) -> Any:
        place = math.ceil(fraction * len(self.rows))
        return self.rows[max(place, 1) - 1]


def _between_floats(low: float | str, high: float | str, part: float) -> float | str:
    a, b = float_of(low), float_of(high)
    return store_float(a + part * (b - a))


def _between_intervals(low: bytes, high: bytes, part: float) -> bytes:
    a, b = interval_of(low), interval_of(high)
    difference: Interval = im.multiply(im.subtract(b, a), part)
    return store_interval(im.add(difference, a))


def _continuous(between: Callable[[Any, Any, float], Any]) -> type[_Percentile]:
    class Continuous(_Percentile):
        """Between the two values around the fraction."""

        __slots__ = ()

        def at(self, fraction: float) -> Any:
            place = fraction * (len(self.rows) - 1)
            first, second = math.floor(place), math.ceil(place)
            if first == second:
                return self.rows[first]
            return between(self.rows[first], self.rows[second], place - first)

    return Continuous


aggregate("percentile_cont(double precision,double precision)", "percentile_cont(double precision[],double precision)")(
    _continuous(_between_floats)
)
aggregate("percentile_cont(double precision,interval)", "percentile_cont(double precision[],interval)")(
    _continuous(_between_intervals)
)


@aggregate("mode(anyelement)")
class _Mode:
    """The most frequent value; of several the first in the order."""

    __slots__ = ("_best", "_best_count", "_count", "_equality", "_key", "_value")

    def __init__(self, call: CallSite) -> None:
        self._equality = call.arguments[0].equality
        self._best: Any = None
        self._best_count = self._count = 0
        self._value: Any = None
        self._key: Any = None

    def step(self, value: Any) -> None:
        """Take one row in."""
        if value is None:
            return
        key = self._equality(value)
        if self._count and key == self._key:
            self._count += 1
        else:
            self._value, self._key, self._count = value, key, 1
        if self._count > self._best_count:
            self._best, self._best_count = self._value, self._count

    def final(self) -> Any:
        """That value."""
        return self._best


class _Hypothetical:
    """Where a row would stand among the others."""

    __slots__ = ("_columns", "_distinct", "_last", "_orders", "before", "equal", "rows")

    def __init__(self, call: CallSite) -> None:
        half = len(call.arguments) // 2
        kinds = call.arguments[half:]
        self._columns = half
        order = call.order or ((False, False),) * half
        self._orders = [(kind.order, descending, first) for kind, (descending, first) in zip(kinds, order, strict=True)]
        self.rows = self.before = self.equal = self._distinct = 0
        self._last: list[Any] | None = None

    def step(self, *arguments: Any) -> None:
        """Take one row in: the hypothetical one, then this one."""
        hypothetical, row = arguments[: self._columns], arguments[self._columns :]
        self.rows += 1
        place = self._compare(row, hypothetical)
        if place < 0:
            self.before += 1
            keys = [
                None if value is None else order(value) for value, (order, _, _) in zip(row, self._orders, strict=True)
            ]
            if keys != self._last:
                self._distinct += 1
                self._last = keys
        elif place == 0:
            self.equal += 1

    def _compare(self, row: tuple[Any, ...], other: tuple[Any, ...]) -> int:
        for a, b, (order, descending, nulls_first) in zip(row, other, self._orders, strict=True):
            if a is None or b is None:
                if a is not b:
                    return -1 if (a is None) == nulls_first else 1
                continue
            first, second = _comparable(order(a)), _comparable(order(b))
            if first != second:
                return -1 if (first < second) != descending else 1
        return 0


def _comparable(key: Any) -> tuple[bool, Any]:
    return isinstance(key, str), key


@aggregate('rank("any")')
class _Rank(_Hypothetical):
    __slots__ = ()

    def final(self) -> int:
        return self.before + 1


@aggregate('dense_rank("any")')
class _DenseRank(_Hypothetical):
    __slots__ = ()

    def final(self) -> int:
        return self._distinct + 1


@aggregate('percent_rank("any")')
class _PercentRank(_Hypothetical):
    __slots__ = ()

    def final(self) -> float:
        return self.before / self.rows if self.rows else 0.0


@aggregate('cume_dist("any")')
class _CumulativeDistribution(_Hypothetical):
    __slots__ = ()

    def final(self) -> float:
        return (self.before + self.equal + 1) / (self.rows + 1)
