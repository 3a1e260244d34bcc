"""date: PostgreSQL 15 documentation §8.5. Sans-IO.

Stored as INTEGER days since 2000-01-01; the infinities are the ends of int4.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

from .base import Type, exactly
from .calendar import (
    DATE_INFINITY,
    DATE_MINUS_INFINITY,
    MAX_DATE,
    MIN_DATE,
    UNIX_EPOCH_DAYS,
    days_from_civil,
    days_in_month,
)
from .datetime_input import decode
from .datetime_output import date_text, iso_date
from .datetime_tokens import Fault, fault
from .errors import SqlError, field_overflow
from .settings import DEFAULT, Settings

__all__ = ["DATE", "Date"]

_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)
_int4 = struct.Struct("!i")
_SPECIAL = {"infinity": DATE_INFINITY, "-infinity": DATE_MINUS_INFINITY, "epoch": UNIX_EPOCH_DAYS}
_PLAIN_FROM, _PLAIN_TO = days_from_civil(1, 1, 1), MAX_DATE


class Date(Type[int]):
    """date."""

    __slots__ = ()

    def input(self, text: str, settings: Settings = DEFAULT) -> int:
        match = _ISO.fullmatch(text)
        if match is not None:
            year, month, day = int(match[1]), int(match[2]), int(match[3])
            if year and 1 <= month <= 12 and 1 <= day <= days_in_month(year, month):
                return days_from_civil(year, month, day)
        try:
            moment = decode(text, settings)
        except Fault as wrong:
            raise fault(wrong.kind, "date", text) from None
        if moment.special:
            return _SPECIAL[moment.special]
        if not MIN_DATE <= moment.days < MAX_DATE:
            raise field_overflow("date", text)
        return moment.days

    def output(self, stored: int, settings: Settings = DEFAULT) -> str:
        if stored >= DATE_INFINITY:
            return "infinity"
        return date_text(stored, settings) if stored > DATE_MINUS_INFINITY else "-infinity"

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> int:
        days: int = _int4.unpack(exactly(data, 4))[0]
        return check_date(days)

    def send(self, stored: int) -> bytes:
        return _int4.pack(stored)

    def encode_column(
        self, values: Sequence[int | None], settings: Settings = DEFAULT, binary: bool = False
    ) -> list[bytes | None]:
        if binary:
            pack = _int4.pack
            return [None if value is None else pack(value) for value in values]
        if settings.datestyle != "ISO":
            return super().encode_column(values, settings)
        output = self.output
        return [
            None
            if value is None
            else iso_date(value).encode()
            if _PLAIN_FROM <= value < _PLAIN_TO
            else output(value, settings).encode()
            for value in values
        ]


def check_date(days: int) -> int:
    """`days`, when it is a date.

    Raises:
        SqlError: 22008.
    """
    if MIN_DATE <= days < MAX_DATE or days in (DATE_INFINITY, DATE_MINUS_INFINITY):
        return days
    raise SqlError("22008", "date out of range")


DATE = Date(1082, "date", "date", 1182, 4, "D", "INTEGER")
