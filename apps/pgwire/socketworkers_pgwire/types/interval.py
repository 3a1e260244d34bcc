"""interval: PostgreSQL 15 documentation §8.5.4. Sans-IO.

Stored as BLOB of 28 bytes: the total that PostgreSQL compares by, with months of 30 days and days of 24 hours, in
twelve bytes that sort as it does; then months, days and microseconds, as in binary form. The first twelve are its key.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from .base import Type, exactly
from .calendar import USECS_PER_DAY, USECS_PER_HOUR, USECS_PER_MINUTE
from .datetime_tokens import Fault, fault
from .errors import SqlError, invalid_parameter
from .interval_input import decode_interval
from .interval_output import interval_text
from .precision import MAX_PRECISION, round_usecs
from .settings import DEFAULT, Settings

__all__ = ["FULL_RANGE", "INTERVAL", "RANGES", "Interval", "IntervalType", "interval_span"]

_KEY = 12
_HALF = 1 << 8 * _KEY - 1
_parts = struct.Struct("!iiq")
_binary = struct.Struct("!qii")

# the bits of a range of fields in the upper half of the modifier
YEAR, MONTH, DAY, HOUR, MINUTE, SECOND = 1 << 2, 1 << 1, 1 << 3, 1 << 10, 1 << 11, 1 << 12
FULL_RANGE = 0x7FFF
FULL_PRECISION = 0xFFFF
RANGES = {
    YEAR: "year",
    MONTH: "month",
    DAY: "day",
    HOUR: "hour",
    MINUTE: "minute",
    SECOND: "second",
    YEAR | MONTH: "year to month",
    DAY | HOUR: "day to hour",
    DAY | HOUR | MINUTE: "day to minute",
    DAY | HOUR | MINUTE | SECOND: "day to second",
    HOUR | MINUTE: "hour to minute",
    HOUR | MINUTE | SECOND: "hour to second",
    MINUTE | SECOND: "minute to second",
}
"""The ranges of fields of SQL, by their bits in the modifier."""

_TO_HOUR = {HOUR, DAY | HOUR}
_TO_MINUTE = {MINUTE, DAY | HOUR | MINUTE, HOUR | MINUTE}


class Interval(NamedTuple):
    """An interval, to calculate with."""

    months: int
    days: int
    usecs: int


class IntervalType(Type[bytes]):
    """interval, of all fields or of some."""

    __slots__ = ("precision", "range")

    def __init__(self, typmod: int = -1) -> None:
        super().__init__(1186, "interval", "interval", 1187, 16, "T", "BLOB", preferred=True, typmod=typmod)
        self.range = FULL_RANGE if typmod < 0 else typmod >> 16 & FULL_RANGE
        self.precision = FULL_PRECISION if typmod < 0 else typmod & FULL_PRECISION

    def input(self, text: str, settings: Settings = DEFAULT) -> bytes:
        try:
            months, days, usecs = decode_interval(text, RANGES.get(self.range, ""), settings)
        except Fault as wrong:
            raise fault(wrong.kind, "interval", text) from None
        if not -1 << 31 <= months < 1 << 31:
            raise SqlError("22008", "interval out of range")
        return self.store(self._adjusted(Interval(months, days, usecs)))

    def output(self, stored: bytes, settings: Settings = DEFAULT) -> str:
        months, days, usecs = _parts.unpack_from(stored, _KEY)
        return interval_text(months, days, usecs, settings.intervalstyle)

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> bytes:
        usecs, days, months = _binary.unpack(exactly(data, 16))
        return self.store(self._adjusted(Interval(months, days, usecs)))

    def send(self, stored: bytes) -> bytes:
        months, days, usecs = _parts.unpack_from(stored, _KEY)
        return _binary.pack(usecs, days, months)

    def load(self, stored: bytes) -> Interval:
        return Interval(*_parts.unpack_from(stored, _KEY))

    def store(self, value: Interval) -> bytes:
        return (interval_span(value) + _HALF).to_bytes(_KEY) + _parts.pack(*value)

    def eqkey(self, expression: str) -> str:
        return f"substr({expression},1,{_KEY})"

    def equality(self, stored: bytes) -> bytes:
        return stored[:_KEY]

    def typmodin(self, arguments: Sequence[str]) -> int:
        """The grammar gives the bits of the range, and the precision behind it."""
        if not 1 <= len(arguments) <= 2:
            raise invalid_parameter("invalid INTERVAL type modifier")
        bits = int(arguments[0])
        if bits != FULL_RANGE and bits not in RANGES:
            raise invalid_parameter("invalid INTERVAL type modifier")
        if len(arguments) == 1:
            return FULL_PRECISION | bits << 16 if bits != FULL_RANGE else -1
        precision = int(arguments[1])
        if precision < 0:
            raise invalid_parameter(f"INTERVAL({precision}) precision must not be negative")
        return min(precision, MAX_PRECISION) | bits << 16

    def typmodout(self) -> str:
        if self.typmod < 0:
            return ""
        fields = f" {RANGES[self.range]}" if self.range in RANGES else ""
        return fields + (f"({self.precision})" if self.precision != FULL_PRECISION else "")

    def _modified(self, typmod: int) -> IntervalType:
        return IntervalType(typmod)

    def coerce(self, stored: bytes, explicit: bool = False) -> bytes:
        return stored if self.typmod < 0 else self.store(self._adjusted(self.load(stored)))

    def _adjusted(self, value: Interval) -> Interval:
        """Cut to the range of fields, and rounded to the precision."""
        if self.typmod < 0:
            return value
        months, days, usecs = value
        bits = self.range
        if bits == YEAR:
            months, days, usecs = _whole(months, 12), 0, 0
        elif bits in (MONTH, YEAR | MONTH):
            days, usecs = 0, 0
        elif bits == DAY:
            usecs = 0
        elif bits in _TO_HOUR:
            usecs = _whole(usecs, USECS_PER_HOUR)
        elif bits in _TO_MINUTE:
            usecs = _whole(usecs, USECS_PER_MINUTE)
        if self.precision != FULL_PRECISION:
            usecs = round_usecs(usecs, self.precision)
        return Interval(months, days, usecs)


def _whole(value: int, step: int) -> int:
    """Toward zero."""
    return value // step * step if value >= 0 else -(-value // step * step)


def interval_span(value: Interval) -> int:
    """What intervals are compared by, in microseconds."""
    return (value.months * 30 + value.days) * USECS_PER_DAY + value.usecs


INTERVAL = IntervalType()
