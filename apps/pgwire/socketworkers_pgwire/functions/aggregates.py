"""Aggregates of plain values: PostgreSQL 15 documentation §9.21, table 9.59. NULLs that are stepped in are passed over
where PostgreSQL passes them over."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ..types import AnyType, Array, Interval
from ..types import interval_math as im
from ..types import numeric_math as nm
from ..types.array import MAX_DIMENSIONS, ArrayType, too_many_dimensions
from ..types.errors import SqlError
from ..types.floats import FLOAT4, FLOAT8
from ..types.integers import INT8
from ..types.numeric import numeric_text
from .arrays import array_kind
from .kinds import float_of, interval_of, store_float, store_interval
from .registry import CallSite, aggregate
from .strings import MAX_RESULT, too_large

__all__ = ["IntegerSum"]

_INTEGERS = ("smallint", "integer", "bigint")


class _Count:
    """count(*) and count(any)."""

    __slots__ = ("_count",)

    def __init__(self, call: CallSite) -> None:
        self._count = 0

    def step(self, *arguments: Any) -> None:
        if not arguments or arguments[0] is not None:
            self._count += 1

    def final(self) -> int:
        return self._count


aggregate("count()", 'count("any")')(_Count)


class IntegerSum:
    """Sum and count of integers; NULL without any."""

    __slots__ = ("count", "total")

    def __init__(self, call: CallSite) -> None:
        self.count = 0
        self.total = 0

    def step(self, value: int | None) -> None:
        """Take one in."""
        if value is not None:
            self.count += 1
            self.total += value


@aggregate("sum(smallint)", "sum(integer)")
class _IntegerTotal(IntegerSum):
    """A bigint."""

    __slots__ = ()

    def final(self) -> int | None:
        return INT8.checked(self.total) if self.count else None


@aggregate("sum(bigint)")
class _BigTotal(IntegerSum):
    """A numeric."""

    __slots__ = ()

    def final(self) -> str | None:
        return str(self.total) if self.count else None


@aggregate("avg(smallint)", "avg(integer)", "avg(bigint)")
class _IntegerAverage(IntegerSum):
    """A numeric."""

    __slots__ = ()

    def final(self) -> str | None:
        return numeric_text(nm.divide(Decimal(self.total), Decimal(self.count))) if self.count else None


class _NumericSum:
    """Sum and count of numerics, exact."""

    __slots__ = ("count", "total")

    def __init__(self, call: CallSite) -> None:
        self.count = 0
        self.total = Decimal(0)

    def step(self, value: str | None) -> None:
        """Take one in."""
        if value is not None:
            self.count += 1
            self.total = nm.add(self.total, Decimal(value))


@aggregate("sum(numeric)")
class _NumericTotal(_NumericSum):
    __slots__ = ()

    def final(self) -> str | None:
        return numeric_text(self.total) if self.count else None


@aggregate("avg(numeric)")
class _NumericAverage(_NumericSum):
    __slots__ = ()

    def final(self) -> str | None:
        return numeric_text(nm.divide(self.total, Decimal(self.count))) if self.count else None


class _FloatSum:
    """float4 and float8 are added up as they come."""

    __slots__ = ("_kind", "_total")

    def __init__(self, call: CallSite) -> None:
        self._kind = FLOAT4 if call.arguments[0].typname == "float4" else FLOAT8
        self._total: float | None = None

    def step(self, value: float | str | None) -> None:
        """Take one in."""
        if value is not None:
            number = float_of(value)
            self._total = number if self._total is None else self._kind.add(self._total, number)

    def final(self) -> float | str | None:
        """The sum."""
        return None if self._total is None else store_float(self._total)


aggregate("sum(real)", "sum(double precision)")(_FloatSum)


class _IntervalSum:
    """Sum and count of intervals."""

    __slots__ = ("count", "total")

    def __init__(self, call: CallSite) -> None:
        self.count = 0
        self.total = Interval(0, 0, 0)

    def step(self, value: bytes | None) -> None:
        """Take one in."""
        if value is not None:
            self.count += 1
            self.total = im.add(self.total, interval_of(value))


@aggregate("sum(interval)")
class _IntervalTotal(_IntervalSum):
    __slots__ = ()

    def final(self) -> bytes | None:
        return store_interval(self.total) if self.count else None


@aggregate("avg(interval)")
class _IntervalAverage(_IntervalSum):
    __slots__ = ()

    def final(self) -> bytes | None:
        return store_interval(im.divide(self.total, float(self.count))) if self.count else None


# min and max


class _Extreme:
    """The smallest or largest; of equal ones that which PostgreSQL keeps."""

    __slots__ = ("_best", "_first", "_key", "_order")
    largest = False

    def __init__(self, call: CallSite) -> None:
        self._order = _order_of(call.arguments[0])
        self._first = call.arguments[0].typname == "bpchar"
        self._best: Any = None
        self._key: Any = None

    def step(self, value: Any) -> None:
        """Take one in."""
        if value is None:
            return
        key = self._order(value)
        if self._best is None or (key > self._key if self.largest else key < self._key):
            self._best, self._key = value, key
        elif key == self._key and not self._first:  # of equal ones the later, as the functions of most types do
            self._best = value

    def final(self) -> Any:
        """The one."""
        return self._best


class _Largest(_Extreme):
    __slots__ = ()
    largest = True


def _order_of(kind: AnyType) -> Callable[[Any], Any]:
    if kind.typname in ("float4", "float8"):
        return lambda value: (isinstance(value, str), value)
    return kind.order


_ORDERED = (
    "anyarray", "anyenum", "bigint", "character", "date", "double precision", "inet", "integer", "interval", "money",
    "numeric", "oid", "pg_lsn", "real", "smallint", "text", "tid", "time with time zone", "time without time zone",
    "timestamp with time zone", "timestamp without time zone", "xid8",
)  # fmt: skip
for _name in _ORDERED:
    aggregate(f"min({_name})")(_Extreme)
    aggregate(f"max({_name})")(_Largest)


# booleans and bits


class _All:
    """bool_and(), every()."""

    __slots__ = ("_value",)
    _wanted = 0

    def __init__(self, call: CallSite) -> None:
        self._value: int | None = None

    def step(self, value: int | None) -> None:
        """Take one in."""
        if value is not None and self._value != self._wanted:
            self._value = int(value)

    def final(self) -> int | None:
        """Whether all are, or any is, true."""
        return self._value


class _Any(_All):
    """bool_or()."""

    __slots__ = ()
    _wanted = 1


aggregate("bool_and(boolean)", "every(boolean)")(_All)
aggregate("bool_or(boolean)")(_Any)


def _bits(join: Callable[[int, int], int]) -> type[Any]:
    class Bits:
        """bit_and(), bit_or(), bit_xor() of integers."""

        __slots__ = ("_value",)

        def __init__(self, call: CallSite) -> None:
            self._value: int | None = None

        def step(self, value: int | None) -> None:
            if value is not None:
                self._value = value if self._value is None else join(self._value, value)

        def final(self) -> int | None:
            return self._value

    return Bits


for _name in _INTEGERS:
    aggregate(f"bit_and({_name})")(_bits(lambda a, b: a & b))
    aggregate(f"bit_or({_name})")(_bits(lambda a, b: a | b))
    aggregate(f"bit_xor({_name})")(_bits(lambda a, b: a ^ b))


# texts and arrays


class _Joined:
    """string_agg(): a separator stands before each value but the first."""

    __slots__ = ("_parts", "_size")

    def __init__(self, call: CallSite) -> None:
        self._parts: list[Any] = []
        self._size = 0

    def step(self, value: Any, separator: Any) -> None:
        """Take one in."""
        if value is None:
            return
        if self._parts and separator is not None:
            self._parts.append(separator)
            self._size += len(separator)
        self._parts.append(value)
        self._size += len(value)
        if self._size > MAX_RESULT:
            raise too_large()

    def final(self) -> Any:
        """All of them in one."""
        if not self._parts:
            return None
        return type(self._parts[0])().join(self._parts)


aggregate("string_agg(text,text)", "string_agg(bytea,bytea)")(_Joined)


@aggregate("array_agg(anynonarray)")
class _Elements:
    """array_agg() of values."""

    __slots__ = ("_items", "_kind")

    def __init__(self, call: CallSite) -> None:
        self._kind = call.result if isinstance(call.result, ArrayType) else ArrayType(call.arguments[0])
        self._items: list[Any] = []

    def step(self, value: Any) -> None:
        """Take one in, NULL too."""
        self._items.append(value)

    def final(self) -> str | None:
        """The array."""
        return self._kind.store(Array(self._items, (len(self._items),), (1,))) if self._items else None


@aggregate("array_agg(anyarray)")
class _Arrays:
    """array_agg() of arrays, all of the same dimensions."""

    __slots__ = ("_count", "_items", "_kind", "_shape")

    def __init__(self, call: CallSite) -> None:
        self._kind = array_kind(call.arguments[0])
        self._items: list[Any] = []
        self._count = 0
        self._shape: tuple[tuple[int, ...], tuple[int, ...]] | None = None

    def step(self, value: str | None) -> None:
        """Take one in."""
        if value is None:
            raise SqlError("22004", "cannot accumulate null arrays")
        array = self._kind.load(value)
        if self._shape is None:
            if not array.items:
                raise SqlError("2202E", "cannot accumulate empty arrays")
            if len(array.lengths) + 1 > MAX_DIMENSIONS:
                raise too_many_dimensions(len(array.lengths) + 1)
            self._shape = array.lengths, array.lowers
        elif self._shape != (array.lengths, array.lowers):
            raise SqlError("2202E", "cannot accumulate arrays of different dimensionality")
        self._items += array.items
        self._count += 1

    def final(self) -> str | None:
        """An array of one dimension more."""
        if self._shape is None:
            return None
        lengths, lowers = self._shape
        return self._kind.store(Array(self._items, (self._count, *lengths), (1, *lowers)))
