"""time and timetz: PostgreSQL 15 documentation §8.5. Sans-IO.

A time is stored as INTEGER microseconds. A timetz is one INTEGER, the time in UTC in front and the zone, in seconds
west, behind: their order is PostgreSQL's, first by the instant and then by the zone.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

from .base import Type, exactly
from .calendar import USECS_PER_DAY, USECS_PER_SEC
from .datetime_input import decode_time
from .datetime_output import clock_text, zone_text
from .datetime_tokens import Bad, Fault, fault
from .errors import SqlError
from .precision import precision_argument, round_usecs
from .settings import DEFAULT, Settings

__all__ = ["TIME", "TIMETZ", "Time", "TimeTz", "pack_timetz", "unpack_timetz"]

_ISO = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(?:\.([0-9]{1,6}))?", re.ASCII)
_int8 = struct.Struct("!q")
_int8_int4 = struct.Struct("!qi")
_ZONE_BITS = 18
_ZONE_HALF = 1 << _ZONE_BITS - 1
_MAX_ZONE = 16 * 3600  # no zone reaches it: table 8.9


class _Time(Type[int]):
    """What both have in common: a precision."""

    __slots__ = ()

    def __init__(self, oid: int, typname: str, name: str, array_oid: int, typlen: int, typmod: int = -1) -> None:
        super().__init__(oid, typname, name, array_oid, typlen, "D", "INTEGER", typmod=typmod)

    def typmodin(self, arguments: Sequence[str]) -> int:
        return precision_argument(arguments, self.name)

    def typmodout(self) -> str:
        return f"({self.typmod})" if self.typmod >= 0 else ""

    def format_type(self) -> str:
        head, _, rest = self.name.partition(" ")
        return f"{head}{self.typmodout()} {rest}"

    def _modified(self, typmod: int) -> _Time:
        return type(self)(self.oid, self.typname, self.name, self.array_oid, self.typlen, typmod)


class Time(_Time):
    """time."""

    __slots__ = ()

    def input(self, text: str, settings: Settings = DEFAULT) -> int:
        match = _ISO.fullmatch(text)
        if match is not None:
            usecs = ((int(match[1]) * 60 + int(match[2])) * 60 + int(match[3])) * USECS_PER_SEC
            if match[4]:
                usecs += int(match[4].ljust(6, "0"))
        else:
            try:
                usecs = decode_time(text, settings).usecs
            except Fault as wrong:
                raise fault(wrong.kind, "time", text) from None
        return round_usecs(usecs, self.typmod)

    def output(self, stored: int, settings: Settings = DEFAULT) -> str:
        return clock_text(stored)

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> int:
        usecs: int = _int8.unpack(exactly(data, 8))[0]
        if not 0 <= usecs <= USECS_PER_DAY:
            raise SqlError("22008", "time out of range")
        return round_usecs(usecs, self.typmod)

    def send(self, stored: int) -> bytes:
        return _int8.pack(stored)

    def coerce(self, stored: int, explicit: bool = False) -> int:
        return round_usecs(stored, self.typmod)

    def encode_column(
        self, values: Sequence[int | None], settings: Settings = DEFAULT, binary: bool = False
    ) -> list[bytes | None]:
        if binary:
            pack = _int8.pack
            return [None if value is None else pack(value) for value in values]
        return [None if value is None else clock_text(value).encode() for value in values]


class TimeTz(_Time):
    """timetz."""

    __slots__ = ()

    def input(self, text: str, settings: Settings = DEFAULT) -> int:
        try:
            moment = decode_time(text, settings)
        except Fault as wrong:
            raise fault(wrong.kind, "time with time zone", text) from None
        if abs(moment.offset) >= _ZONE_HALF:  # some POSIX specification
            raise fault(Bad.ZONE, "time with time zone", text)
        return pack_timetz(round_usecs(moment.usecs, self.typmod), moment.offset)

    def output(self, stored: int, settings: Settings = DEFAULT) -> str:
        usecs, offset = unpack_timetz(stored)
        return clock_text(usecs) + zone_text(offset)

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> int:
        usecs, west = _int8_int4.unpack(exactly(data, 12))
        if not 0 <= usecs <= USECS_PER_DAY:
            raise SqlError("22008", "time out of range")
        if not -_MAX_ZONE < west < _MAX_ZONE:
            raise SqlError("22009", "time zone displacement out of range")
        return pack_timetz(round_usecs(usecs, self.typmod), -west)

    def send(self, stored: int) -> bytes:
        usecs, offset = unpack_timetz(stored)
        return _int8_int4.pack(usecs, -offset)

    def coerce(self, stored: int, explicit: bool = False) -> int:
        usecs, offset = unpack_timetz(stored)
        return pack_timetz(round_usecs(usecs, self.typmod), offset)

    def load(self, stored: int) -> tuple[int, int]:
        return unpack_timetz(stored)

    def store(self, value: tuple[int, int]) -> int:
        return pack_timetz(*value)


def pack_timetz(usecs: int, offset: int) -> int:
    """The storage form of a time and its zone, in seconds east."""
    return (usecs - offset * USECS_PER_SEC << _ZONE_BITS) + _ZONE_HALF - offset


def unpack_timetz(stored: int) -> tuple[int, int]:
    """Time and zone, in seconds east."""
    offset = _ZONE_HALF - (stored & (1 << _ZONE_BITS) - 1)
    return (stored >> _ZONE_BITS) + offset * USECS_PER_SEC, offset


TIME = Time(1083, "time", "time without time zone", 1183, 8)
TIMETZ = TimeTz(1266, "timetz", "time with time zone", 1270, 12)
