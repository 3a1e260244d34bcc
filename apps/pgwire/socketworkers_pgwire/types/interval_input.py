"""How intervals are read: PostgreSQL 15 documentation §8.5.4. Sans-IO."""

from __future__ import annotations

import re

from .calendar import USECS_PER_DAY, USECS_PER_HOUR, USECS_PER_MINUTE, USECS_PER_SEC
from .datetime_fields import clock
from .datetime_tokens import Bad, Fault, Kind, Token, fraction, number, tokens, unit
from .settings import Settings

__all__ = ["decode_interval"]

_YEARS = {"year": 1, "decade": 10, "century": 100, "millennium": 1000}
_USECS = {
    "microsecond": 1,
    "millisecond": 1000,
    "second": USECS_PER_SEC,
    "minute": USECS_PER_MINUTE,
    "hour": USECS_PER_HOUR,
}


class _Sum:
    """The parts of an interval while they are added; each fits into its field at any time."""

    __slots__ = ("days", "months", "usecs", "years")

    def __init__(self) -> None:
        self.years = self.months = self.days = self.usecs = 0

    def add_usecs(self, value: int, part: float, scale: int) -> None:
        self._set_usecs(self.usecs + _int8(value * scale))
        self.add_usec_fraction(part, scale)

    def add_usec_fraction(self, part: float, scale: int) -> None:
        if part:
            exact = part * scale
            whole = int(exact)
            rest = exact - whole
            self._set_usecs(self.usecs + whole + (1 if rest > 0.5 else -1 if rest < -0.5 else 0))

    def add_days(self, value: int, scale: int) -> None:
        self.days = _int4(self.days + _int4(_int4(value) * scale))

    def add_day_fraction(self, part: float, scale: int) -> None:
        if part:
            exact = part * scale
            whole = int(exact)
            self.days = _int4(self.days + whole)
            self.add_usec_fraction(exact - whole, USECS_PER_DAY)

    def add_months(self, value: int) -> None:
        self.months = _int4(self.months + _int4(value))

    def add_years(self, value: int, scale: int) -> None:
        self.years = _int4(self.years + _int4(_int4(value) * scale))

    def add_year_fraction(self, part: float, scale: int) -> None:
        self.months = _int4(self.months + round(part * scale * 12))

    def add(self, kind: str, value: int, part: float) -> None:
        """So many of a unit, and a part of one more."""
        if kind in _USECS:
            self.add_usecs(value, part, _USECS[kind])
        elif kind == "day":
            self.add_days(value, 1)
            self.add_usec_fraction(part, USECS_PER_DAY)
        elif kind == "week":
            self.add_days(value, 7)
            self.add_day_fraction(part, 7)
        elif kind == "month":
            self.add_months(value)
            self.add_day_fraction(part, 30)
        elif kind in _YEARS:
            self.add_years(value, _YEARS[kind])
            self.add_year_fraction(part, _YEARS[kind])
        else:
            raise Fault(Bad.FORMAT)

    def _set_usecs(self, value: int) -> None:
        self.usecs = _int8(value)

    def negate(self) -> None:
        if self.usecs == -(1 << 63) or -(1 << 31) in (self.days, self.months, self.years):
            raise Fault(Bad.FIELD)
        self.years, self.months, self.days, self.usecs = -self.years, -self.months, -self.days, -self.usecs


def _int4(value: int) -> int:
    if not -1 << 31 <= value < 1 << 31:
        raise Fault(Bad.FIELD)
    return value


def _int8(value: int) -> int:
    if not -1 << 63 <= value < 1 << 63:
        raise Fault(Bad.FIELD)
    return value


def decode_interval(text: str, fields: str, settings: Settings) -> tuple[int, int, int]:
    """Read an interval.

    Args:
        text: it.
        fields: the range of fields of the type ("day to second"), "" for all; it tells what a bare number is.
        settings: a leading sign holds for all of it in the style sql_standard.

    Returns:
        Months, which may be more than fit, days and microseconds.

    Raises:
        Fault: `text` is none, or a field is too large.
    """
    try:
        try:
            total = _decode_units(tokens(text, interval=True), fields, settings)
        except Fault as wrong:
            if wrong.kind is not Bad.FORMAT:
                raise
            total = _decode_iso(text)
    except Fault as wrong:
        if wrong.kind is Bad.FIELD:
            raise Fault(Bad.INTERVAL) from None
        raise
    return total.years * 12 + total.months, total.days, total.usecs


def _decode_units(pieces: list[Token], fields: str, settings: Settings) -> _Sum:
    total = _Sum()
    negative = (
        settings.intervalstyle == "sql_standard"
        and bool(pieces)
        and pieces[0].text[0] == "-"
        and not any(piece.text[0] in "+-" for piece in pieces[1:])
    )
    seen: set[str] = set()
    kind = ""
    ago = False
    # from the end, where units stand behind their numbers
    for piece in reversed(pieces):
        text = piece.text
        if piece.kind in (Kind.STRING, Kind.SPECIAL):
            kind = unit(text) or "unknown"
            if kind == "unknown":
                raise Fault(Bad.FORMAT)
            if kind == "ago":
                ago = True
                kind = "none"
            continue
        if piece.kind is Kind.TIME or (piece.kind is Kind.TZ and ":" in text and _is_clock(text[1:], fields)):
            given = {"hour", "minute", "second", "subsecond", "microsecond", "millisecond"}
            hours, minutes, seconds, usecs = clock(text.lstrip("+-"), fields == "minute to second")
            usecs = _int8(((hours * 60 + minutes) * 60 + seconds) * USECS_PER_SEC + usecs)
            if text[0] == "-" or negative:
                usecs = -usecs
            total.usecs = usecs
            kind = "day"
        else:
            if not kind:
                kind = fields.rpartition(" ")[2] or "second"
            value, part, is_months = _value(text)
            if is_months:
                kind = "month"
            if negative:
                value, part = -abs(value), -abs(part)
            total.add(kind, value, part)
            given = {kind}
            if kind == "second" and part:
                given |= {"subsecond", "microsecond", "millisecond"}
            if kind == "hour":
                kind = "day"
        if given & seen:
            raise Fault(Bad.FORMAT)
        seen |= given
    if not seen:
        raise Fault(Bad.FORMAT)
    if ago:
        total.negate()
    return total


def _is_clock(text: str, fields: str) -> bool:
    try:
        hours, minutes, seconds, usecs = clock(text, fields == "minute to second")
        _int8(((hours * 60 + minutes) * 60 + seconds) * USECS_PER_SEC + usecs)
    except Fault:
        return False
    return True


def _value(text: str) -> tuple[int, float, bool]:
    """A number, its fraction, and whether it is months as in the years-months form of SQL."""
    sign = -1 if text[0] == "-" else 1
    try:
        value, position = number(text, 0, 64)
        value = value or 0
        if text.startswith("-", position):
            months, position = number(text, position + 1)
            if months is None:
                months = 0
            if not 0 <= months < 12:
                raise Fault(Bad.FIELD)
            if position != len(text):
                raise Fault(Bad.FORMAT)
            return _int8(_int8(value * 12) + sign * months), 0.0, True
    except OverflowError:
        raise Fault(Bad.FIELD) from None
    if text.startswith(".", position):
        return value, sign * fraction(text[position:]), False
    if position != len(text):
        raise Fault(Bad.FORMAT)
    return value, 0.0, False


_ISO_NUMBER = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_DATE_UNITS = {"Y": "year", "M": "month", "W": "week", "D": "day"}
_TIME_UNITS = {"H": "hour", "M": "minute", "S": "second"}
_MAX_ISO = 1e15


class _IsoReader:
    """ISO 8601 §4.4.3.2, with designators, and §4.4.3.3, the alternative form."""

    __slots__ = ("position", "text", "total")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 1
        self.total = _Sum()

    def number(self) -> tuple[int, float, int]:
        """A number, its fraction, and how many digits it has before the point."""
        match = _ISO_NUMBER.match(self.text, self.position)
        if match is None:
            raise Fault(Bad.FORMAT)
        self.position = match.end()
        exact = float(match[0])
        if not -_MAX_ISO <= exact <= _MAX_ISO:
            raise Fault(Bad.FORMAT if exact in (float("inf"), float("-inf")) else Bad.FIELD)
        whole = int(exact)
        digits = match[0].lstrip("-")
        return whole, exact - whole, len(digits) - len(digits.lstrip("0123456789"))

    def next(self) -> str:
        """The character behind a number, "" at the end."""
        character = self.text[self.position : self.position + 1]
        self.position += 1
        return character


def _decode_iso(text: str) -> _Sum:
    if len(text) < 2 or text[0] != "P":
        raise Fault(Bad.FORMAT)
    reader = _IsoReader(text)
    total = reader.total
    in_date, designated = True, False
    while reader.position < len(text):
        if text[reader.position] == "T":
            in_date, designated = False, False
            reader.position += 1
            continue
        value, part, width = reader.number()
        character = reader.next()
        units = _DATE_UNITS if in_date else _TIME_UNITS
        if character in units:
            total.add(units[character], value, part)
            designated = True
            continue
        ended = (
            _iso_date(reader, value, part, width, character, designated)
            if in_date
            else (_iso_time(reader, value, part, width, character, designated))
        )
        if ended:
            break
        in_date, designated = False, False
    return total


def _iso_date(reader: _IsoReader, value: int, part: float, width: int, character: str, designated: bool) -> bool:
    """The alternative form, P[YYYY-MM-DD] or P[YYYYMMDD]; whether the text ends with it."""
    total = reader.total
    if character in ("T", "") and width == 8 and not designated:
        years, rest = _divided(value, 10_000)
        months, days = _divided(rest, 100)
        total.add_years(years, 1)
        total.add_months(months)
        total.add("day", days, part)
        return character == ""
    if character not in ("T", "", "-") or designated:
        raise Fault(Bad.FORMAT)
    total.add("year", value, part)
    if character != "-":
        return character == ""
    for kind in ("month", "day"):
        value, part, _ = reader.number()
        total.add(kind, value, part)
        character = reader.next()
        if character in ("", "T"):
            return character == ""
        if character != "-" or kind == "day":
            break
    raise Fault(Bad.FORMAT)


def _iso_time(reader: _IsoReader, value: int, part: float, width: int, character: str, designated: bool) -> bool:
    """The alternative form, T[HH:MM:SS] or T[HHMMSS]; the text ends with it."""
    total = reader.total
    if character == "" and width == 6 and not designated:
        hours, rest = _divided(value, 10_000)
        minutes, seconds = _divided(rest, 100)
        total.add("hour", hours, 0.0)
        total.add("minute", minutes, 0.0)
        total.add("second", seconds, 0.0)
        total.add_usec_fraction(part, 1)
        return True
    if character not in ("", ":") or designated:
        raise Fault(Bad.FORMAT)
    total.add("hour", value, part)
    if character == "":
        return True
    for kind in ("minute", "second"):
        value, part, _ = reader.number()
        total.add(kind, value, part)
        character = reader.next()
        if character == "":
            return True
        if character != ":" or kind == "second":
            break
    raise Fault(Bad.FORMAT)


def _divided(value: int, by: int) -> tuple[int, int]:
    quotient, rest = divmod(abs(value), by)
    return (quotient, rest) if value >= 0 else (-quotient, -rest)
