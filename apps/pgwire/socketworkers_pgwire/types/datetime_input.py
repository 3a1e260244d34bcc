"""How dates and times are read: PostgreSQL 15 documentation §8.5.1 and B.1. Sans-IO.

`decode` reads a date with or without a time, `decode_time` a time with or without a date.
"""

from __future__ import annotations

from dataclasses import dataclass

from .calendar import DAY_SECONDS, USECS_PER_DAY, USECS_PER_SEC, days_from_civil
from .datetime_fields import (
    DATE,
    DAY,
    DAYLIGHT_ZONE,
    ERA,
    MERIDIEM,
    MODIFIER,
    MONTH,
    RESERVED,
    TIME,
    WEEKDAY,
    ZONE,
    Fields,
    integer,
    zone_offset,
)
from .datetime_tokens import Bad, Fault, Kind, Token, Words, tokens, word
from .settings import Settings

__all__ = ["Moment", "decode", "decode_time"]


@dataclass(slots=True)
class Moment:
    """What a text says."""

    special: str = ""
    """A word that stands for all of it: infinity, -infinity or epoch."""
    days: int = 0
    """Since 2000-01-01; 0 without a date."""
    usecs: int = 0
    """Since midnight, at most a day of them."""
    offset: int = 0
    """East of Greenwich, in seconds: as written, or that of the session's zone."""


def decode(text: str, settings: Settings) -> Moment:
    """Read a date, or a date and a time.

    Raises:
        Fault: `text` is none.
        SqlError: it names a zone that is not known.
    """
    pieces = tokens(text)
    fields = Fields(settings)
    for index, token in enumerate(pieces):
        bits = _DECODERS[token.kind](fields, token.text, pieces, index)
        if bits is not None:
            fields.mark(bits)
    fields.validate()
    if fields.special:
        return Moment(fields.special)
    if fields.seen & DATE != DATE:
        raise Fault(Bad.FORMAT)
    days = days_from_civil(fields.year, fields.month, fields.day)
    return Moment("", days, fields.clock, fields.resolve(days))


def _date(fields: Fields, text: str, pieces: list[Token], index: int) -> int:
    if fields.unit == "julian":
        # a Julian day with its zone: J2451187+01
        value, position = integer(text)
        if value < 0:
            raise Fault(Bad.FIELD)
        fields.julian_day(value)
        fields.offset = zone_offset(text[position:])
        fields.unit = ""
        return DATE | TIME | ZONE
    if fields.unit or fields.seen & (MONTH | DAY) == MONTH | DAY:
        if not text[0].isdigit() and not fields.unit:
            return fields.read_named_zone(text, strict=True)
        if fields.unit:
            if fields.unit != "time":
                raise Fault(Bad.FORMAT)
            fields.unit = ""
        return _run_with_zone(fields, text, fields.seen)
    return fields.read_date(text)


def _run_with_zone(fields: Fields, text: str, seen: int) -> int:
    """A time whose digits run together, with a zone behind it: 040506-08."""
    if fields.seen & TIME == TIME or "-" not in text:
        raise Fault(Bad.FORMAT)
    digits, _, zone = text.partition("-")
    fields.offset = zone_offset("-" + zone)
    return fields.read_run(digits, seen) | ZONE


def _time(fields: Fields, text: str, pieces: list[Token], index: int) -> int:
    if fields.unit:
        if fields.unit != "time":
            raise Fault(Bad.FORMAT)
        fields.unit = ""
    bits = fields.read_time(text)
    fields.check_clock()
    return bits


def _zone(fields: Fields, text: str, pieces: list[Token], index: int) -> int:
    return fields.read_zone(text)


def _number(fields: Fields, text: str, pieces: list[Token], index: int) -> int:
    if fields.unit:
        return fields.read_unit(text)
    seen = fields.seen
    point = text.find(".")
    if point >= 0 and not seen & DATE:
        return fields.read_date(text)
    if point > 2 or (len(text) >= 6 and not (seen & DATE and seen & TIME)):
        return fields.read_run(text, seen)
    return fields.read_number(text, fields.text_month, seen)


def _string(fields: Fields, text: str, pieces: list[Token], index: int) -> int | None:
    bits = fields.read_abbreviation(text)
    if bits is not None:
        return bits
    kind, value = word(text)
    match kind:
        case Words.IGNORED:
            return None
        case Words.RESERVED:
            return _reserved(fields, str(value))
        case Words.MONTH:
            bits = MONTH
            if fields.seen & MONTH and not fields.text_month and not fields.seen & DAY and 1 <= fields.month <= 31:
                # the number before it was the day
                fields.day = fields.month
                bits = DAY
            fields.text_month = True
            fields.month = int(value)
            return bits
        case Words.UNKNOWN:
            return fields.read_named_zone(text, strict=False)
        case Words.WEEKDAY:
            return WEEKDAY
        case Words.ISO_TIME if fields.seen & DATE != DATE:
            raise Fault(Bad.FORMAT)
        case _:
            return _small_word(fields, kind, value, pieces, index)


def _small_word(fields: Fields, kind: Words, value: str | int, pieces: list[Token], index: int) -> int:
    """Words that dates and times have in common."""
    match kind:
        case Words.DAYLIGHT_MODIFIER:
            fields.offset += int(value)
            return MODIFIER | DAYLIGHT_ZONE
        case Words.MERIDIEM:
            fields.meridiem = str(value)
            return MERIDIEM
        case Words.ERA:
            fields.before_christ = value == "bc"
            return ERA
        case Words.UNIT:
            fields.unit = str(value)
            return 0
        case Words.ISO_TIME:
            if index + 1 >= len(pieces) or pieces[index + 1].kind not in (Kind.NUMBER, Kind.TIME, Kind.DATE):
                raise Fault(Bad.FORMAT)
            fields.unit = "time"
            return 0
        case _:
            raise Fault(Bad.FORMAT)


def _reserved(fields: Fields, value: str) -> int:
    settings = fields.settings
    wall = settings.now + settings.timezone.offset_at(settings.now // USECS_PER_SEC) * USECS_PER_SEC
    today, clock_now = divmod(wall, USECS_PER_DAY)
    match value:
        case "now":
            fields.set_date(today)
            fields.set_clock(clock_now)
            fields.offset = settings.timezone.offset_at(settings.now // USECS_PER_SEC)
            return DATE | TIME | ZONE
        case "today" | "tomorrow" | "yesterday":
            fields.set_date(today + {"today": 0, "tomorrow": 1, "yesterday": -1}[value])
            return DATE
        case "allballs":
            fields.set_clock(0)
            fields.offset = 0
            return TIME | ZONE
        case _:
            fields.special = value
            return RESERVED


_DECODERS = {
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.TZ: _zone,
    Kind.NUMBER: _number,
    Kind.STRING: _string,
    Kind.SPECIAL: _string,
}


def decode_time(text: str, settings: Settings) -> Moment:
    """Read a time of the day; a date in front of it tells the offset of a zone.

    Raises:
        Fault: `text` is none.
        SqlError: it names a zone that is not known.
    """
    pieces = tokens(text)
    fields = Fields(settings)
    for index, token in enumerate(pieces):
        bits = _decode_time_token(fields, token, pieces, index)
        if bits is not None:
            fields.mark(bits)
    fields.validate()
    fields.check_clock()
    if fields.seen & TIME != TIME:
        raise Fault(Bad.FORMAT)
    if fields.seen & DATE == DATE:
        days = days_from_civil(fields.year, fields.month, fields.day)
    else:
        if fields.zone is not None and fields.zone.fixed is None:
            raise Fault(Bad.FORMAT)  # without a date its offset is not known
        if fields.seen & DATE and (fields.abbreviation_zone is not None or not fields.seen & ZONE):
            raise Fault(Bad.FORMAT)
        wall = settings.now // USECS_PER_SEC
        days = (wall + settings.timezone.offset_at(wall)) // DAY_SECONDS
    if fields.zone is not None and fields.zone.fixed is not None and not fields.seen & MODIFIER:
        return Moment("", days, fields.clock, fields.zone.fixed)
    return Moment("", days, fields.clock, fields.resolve(days))


def _decode_time_token(fields: Fields, token: Token, pieces: list[Token], index: int) -> int | None:
    text, seen = token.text, fields.seen | DATE
    last = pieces[-1].kind
    match token.kind:
        case Kind.DATE:
            if index == 0 and len(pieces) >= 2 and (last is Kind.DATE or pieces[1].kind is Kind.TIME):
                return fields.read_date(text)
            if text[0].isdigit():
                return _run_with_zone(fields, text, seen)
            return fields.read_named_zone(text, strict=True)
        case Kind.TIME:
            return fields.read_time(text)
        case Kind.TZ:
            return fields.read_zone(text)
        case Kind.NUMBER if fields.unit:
            return fields.read_unit(text)
        case Kind.NUMBER:
            point = text.find(".")
            if point >= 0:
                if index == 0 and len(pieces) >= 2 and last is Kind.DATE:
                    return fields.read_date(text)
                if point <= 2:
                    raise Fault(Bad.FORMAT)
                return fields.read_run(text, seen)
            if len(text) > 4:
                return fields.read_run(text, seen)
            return fields.read_number(text, False, seen)
        case _:
            return _time_word(fields, text, pieces, index)


def _time_word(fields: Fields, text: str, pieces: list[Token], index: int) -> int | None:
    bits = fields.read_abbreviation(text)
    if bits is not None:
        return bits
    kind, value = word(text)
    match kind:
        case Words.IGNORED:
            return None
        case Words.RESERVED if value == "now":
            _reserved(fields, "now")
            return TIME
        case Words.RESERVED if value == "allballs":
            return _reserved(fields, "allballs")
        case Words.UNKNOWN:
            return fields.read_named_zone(text, strict=False)
        case _:
            return _small_word(fields, kind, value, pieces, index)
