"""timestamp and timestamptz: PostgreSQL 15 documentation §8.5. Sans-IO.

Stored as INTEGER microseconds since 2000-01-01, a timestamptz in UTC; the infinities are the ends of int8.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

from .base import Type, exactly
from .calendar import (
    INFINITY,
    MAX_TIMESTAMP,
    MIN_TIMESTAMP,
    MINUS_INFINITY,
    UNIX_EPOCH_DAYS,
    USECS_PER_DAY,
    USECS_PER_SEC,
    days_from_civil,
    days_in_month,
)
from .datetime_input import decode
from .datetime_output import iso_timestamp, timestamp_text, zone_text
from .datetime_tokens import Fault, fault
from .errors import SqlError, field_overflow
from .precision import precision_argument, round_usecs
from .settings import DEFAULT, Settings

__all__ = ["TIMESTAMP", "TIMESTAMPTZ", "Timestamp", "check_timestamp"]

_ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[ T]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(?:\.([0-9]{1,6}))?"
    r"(?:(Z)|([+-])(0[0-9]|1[0-5])(?::?([0-5][0-9]))?)?",
    re.ASCII,
)
_int8 = struct.Struct("!q")
_SPECIAL = {"infinity": INFINITY, "-infinity": MINUS_INFINITY, "epoch": UNIX_EPOCH_DAYS * USECS_PER_DAY}
_PLAIN_FROM = days_from_civil(1, 1, 3) * USECS_PER_DAY


class Timestamp(Type[int]):
    """timestamp, or timestamptz when it is zoned."""

    __slots__ = ("zoned",)

    def __init__(self, oid: int, typname: str, name: str, array_oid: int, zoned: bool, *, typmod: int = -1) -> None:
        super().__init__(oid, typname, name, array_oid, 8, "D", "INTEGER", preferred=zoned, typmod=typmod)
        self.zoned = zoned

    def input(self, text: str, settings: Settings = DEFAULT) -> int:
        match = _ISO.fullmatch(text)
        if match is not None:
            year, month, day, hour, minute, second, fraction, zulu, sign, zone_hour, zone_minute = match.groups()
            y, m, d = int(year), int(month), int(day)
            if y and 1 <= m <= 12 and 1 <= d <= days_in_month(y, m):
                seconds = days_from_civil(y, m, d) * 86_400 + (int(hour) * 60 + int(minute)) * 60 + int(second)
                if self.zoned:
                    if sign:
                        offset = int(zone_hour) * 3600 + int(zone_minute or 0) * 60
                        seconds += offset if sign == "-" else -offset
                    elif not zulu:
                        seconds -= settings.timezone.offset_of(seconds)
                usecs = seconds * USECS_PER_SEC
                if fraction:
                    usecs += int(fraction.ljust(6, "0"))
                return round_usecs(usecs, self.typmod) if self.typmod >= 0 else usecs
        name = "timestamp with time zone" if self.zoned else "timestamp"
        try:
            moment = decode(text, settings)
        except Fault as wrong:
            raise fault(wrong.kind, name, text) from None
        if moment.special:
            return _SPECIAL[moment.special]
        usecs = moment.days * USECS_PER_DAY + moment.usecs
        if self.zoned:
            usecs -= moment.offset * USECS_PER_SEC
        if not MIN_TIMESTAMP <= usecs < MAX_TIMESTAMP:
            raise field_overflow("timestamp", text)
        return self.coerce(usecs)

    def output(self, stored: int, settings: Settings = DEFAULT) -> str:
        if stored == INFINITY:
            return "infinity"
        if stored == MINUS_INFINITY:
            return "-infinity"
        return timestamp_text(stored, settings, self.zoned)

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> int:
        usecs: int = _int8.unpack(exactly(data, 8))[0]
        return self.coerce(check_timestamp(usecs))

    def send(self, stored: int) -> bytes:
        return _int8.pack(stored)

    def coerce(self, stored: int, explicit: bool = False) -> int:
        if self.typmod < 0 or stored in (INFINITY, MINUS_INFINITY):
            return stored
        return round_usecs(stored, self.typmod)

    def encode_column(
        self, values: Sequence[int | None], settings: Settings = DEFAULT, binary: bool = False
    ) -> list[bytes | None]:
        if binary:
            pack = _int8.pack
            return [None if value is None else pack(value) for value in values]
        output = self.output
        zone = settings.timezone
        if settings.datestyle != "ISO":
            return [None if value is None else output(value, settings).encode() for value in values]
        if self.zoned and zone.fixed is None:
            return self._encode_zoned(values, settings)
        shift, suffix = 0, ""
        if self.zoned and zone.fixed is not None:
            shift, suffix = zone.fixed * USECS_PER_SEC, zone_text(zone.fixed)
        return [
            None
            if value is None
            else (iso_timestamp(value + shift) + suffix).encode()
            if _PLAIN_FROM <= value < MAX_TIMESTAMP
            else output(value, settings).encode()
            for value in values
        ]

    def _encode_zoned(self, values: Sequence[int | None], settings: Settings) -> list[bytes | None]:
        offset_at = settings.timezone.offset_at
        suffixes: dict[int, str] = {}
        spelled: list[bytes | None] = []
        for value in values:
            if value is None:
                spelled.append(None)
            elif _PLAIN_FROM <= value < MAX_TIMESTAMP:
                offset = offset_at(value // USECS_PER_SEC)
                suffix = suffixes.get(offset)
                if suffix is None:
                    suffix = suffixes[offset] = zone_text(offset)
                spelled.append((iso_timestamp(value + offset * USECS_PER_SEC) + suffix).encode())
            else:
                spelled.append(self.output(value, settings).encode())
        return spelled

    def typmodin(self, arguments: Sequence[str]) -> int:
        return precision_argument(arguments, self.name)

    def typmodout(self) -> str:
        return f"({self.typmod})" if self.typmod >= 0 else ""

    def format_type(self) -> str:
        head, _, rest = self.name.partition(" ")
        return f"{head}{self.typmodout()} {rest}"

    def _modified(self, typmod: int) -> Timestamp:
        return Timestamp(self.oid, self.typname, self.name, self.array_oid, self.zoned, typmod=typmod)


def check_timestamp(usecs: int) -> int:
    """`usecs`, when it is a timestamp.

    Raises:
        SqlError: 22008.
    """
    if MIN_TIMESTAMP <= usecs < MAX_TIMESTAMP or usecs in (INFINITY, MINUS_INFINITY):
        return usecs
    raise SqlError("22008", "timestamp out of range")


TIMESTAMP = Timestamp(1114, "timestamp", "timestamp without time zone", 1115, False)
TIMESTAMPTZ = Timestamp(1184, "timestamptz", "timestamp with time zone", 1185, True)
