"""How dates and times are read: PostgreSQL 15 documentation §8.5.1 and B.1. Sans-IO.

The order of the pieces is free, so what a number means depends on what has been seen. `Fields` holds that; `decode`
reads a date with or without a time, `decode_time` a time with or without a date.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .abbreviations import DAYLIGHT, DYNAMIC, STANDARD
from .calendar import (
    DAY_SECONDS,
    EPOCH_JULIAN,
    MAX_DATE,
    USECS_PER_DAY,
    USECS_PER_HOUR,
    USECS_PER_MINUTE,
    USECS_PER_SEC,
    civil_from_days,
    days_from_civil,
    days_in_month,
)
from .datetime_tokens import MAX_FIELDS, Bad, Fault, Kind, Token, Words, fraction, number, tokens, word
from .errors import SqlError
from .settings import Settings
from .zones import Zone, find_zone

__all__ = ["Moment", "decode", "decode_time"]

# what has been read, as bits
YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, SUBSECOND = 1, 2, 4, 8, 16, 32, 64
ZONE, DAYLIGHT_ZONE, MODIFIER, DAY_OF_YEAR, WEEKDAY, MERIDIEM, ERA, RESERVED = (1 << n for n in range(7, 15))
DATE = YEAR | MONTH | DAY
TIME = HOUR | MINUTE | SECOND | SUBSECOND

_MAX_ZONE_HOUR = 15
_FIRST_MONTH = days_from_civil(-4713, 11, 1)  # that of the first Julian day


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


class Fields:
    """What the pieces so far have said."""

    __slots__ = (
        "abbreviation",
        "abbreviation_zone",
        "before_christ",
        "day",
        "day_of_year",
        "hour",
        "julian",
        "meridiem",
        "minute",
        "month",
        "offset",
        "second",
        "seen",
        "settings",
        "special",
        "text_month",
        "two_digits",
        "unit",
        "usecs",
        "year",
        "zone",
    )

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.seen = 0
        self.year = self.month = self.day = 0
        self.hour = self.minute = self.second = self.usecs = 0
        self.day_of_year = 0
        self.offset = 0
        self.unit = ""
        self.special = ""
        self.meridiem = ""
        self.before_christ = self.julian = self.two_digits = self.text_month = False
        self.zone: Zone | None = None
        self.abbreviation = ""
        self.abbreviation_zone: Zone | None = None

    # pieces

    def mark(self, bits: int) -> None:
        """Nothing is said twice."""
        if bits & self.seen:
            raise Fault(Bad.FORMAT)
        self.seen |= bits

    def read_date(self, text: str) -> int:
        """A date of three parts, of which a month may be a word, or of a year and a day of the year."""
        parts = _parts(text)
        seen, given = self.seen, 0
        text_month = False
        numbers = []
        for part in parts:
            if not part.isalpha():
                numbers.append(part)
                continue
            meaning = word(part)
            if meaning.kind is Words.IGNORED:
                numbers.append(part)
                continue
            if meaning.kind is not Words.MONTH or seen & MONTH:
                raise Fault(Bad.FORMAT)
            self.month = int(meaning.value)
            text_month = True
            seen |= MONTH
            given |= MONTH
        for part in numbers:
            bits = self.read_number(part, text_month, seen)
            if bits & seen:
                raise Fault(Bad.FORMAT)
            seen |= bits
            given |= bits
        if seen & ~(DAY_OF_YEAR | ZONE) != DATE:
            raise Fault(Bad.FORMAT)
        return given

    def read_number(self, text: str, text_month: bool, seen: int) -> int:
        """A number of a date, by what is known already."""
        length = len(text)
        value, position = _int(text)
        if text.startswith(".", position):
            if position > 2:
                return self.read_run(text, seen | DATE)
            self.usecs = round(fraction(text[position:]) * USECS_PER_SEC)
        elif position != length:
            raise Fault(Bad.FORMAT)
        known = seen & DATE
        if length == 3 and known == YEAR and 1 <= value <= 366:
            self.day_of_year = value
            return DAY_OF_YEAR | MONTH | DAY
        order = self.settings.dateorder
        if known == 0:
            what = YEAR if length >= 3 or order == "YMD" else DAY if order == "DMY" else MONTH
        elif known == YEAR or known == DAY:
            what = MONTH
        elif known == MONTH:
            what = YEAR if text_month and (length >= 3 or order == "YMD") else DAY
        elif known == YEAR | MONTH:
            what = DAY
            if text_month and length >= 3 and self.two_digits:
                # the first number was the day after all
                self.day, self.year = self.year, value
                self.two_digits = False
                return DAY
        elif known == MONTH | DAY:
            what = YEAR
        elif known == DATE:
            return self.read_run(text, seen)
        else:
            raise Fault(Bad.FORMAT)
        if what == YEAR:
            self.year = value
            self.two_digits = length <= 2
        elif what == MONTH:
            self.month = value
        else:
            self.day = value
        return what

    def read_run(self, text: str, seen: int) -> int:
        """Digits that run together: yymmdd, yyyymmdd, hhmm, hhmmss, hhmmss.ffffff."""
        digits, point, behind = text.partition(".")
        if point:
            self.usecs = round(_float_start("." + behind) * USECS_PER_SEC)
        elif seen & DATE != DATE and len(digits) >= 6:
            self.day, self.month = _wrapped(digits[-2:]), _wrapped(digits[-4:-2])
            self.year = _wrapped(digits[:-4])
            if len(digits) == 6:
                self.two_digits = True
            return DATE
        if seen & TIME != TIME and len(digits) in (4, 6):
            self.hour, self.minute = int(digits[:2]), int(digits[2:4])
            self.second = int(digits[4:] or 0)
            return TIME
        raise Fault(Bad.FORMAT)

    def read_time(self, text: str) -> int:
        """hh:mm, hh:mm:ss, mm:ss.f; the hours are for the caller to judge."""
        self.hour, self.minute, self.second, self.usecs = clock(text)
        if self.hour > 2_147_483_647:
            raise Fault(Bad.FIELD)
        return TIME

    def read_unit(self, text: str, *, time_only: bool) -> int:
        """A number behind a letter that says what it is: y2001m02d04, J2451187, T040506."""
        unit, self.unit = self.unit, ""
        if unit == "time":
            _int(text)
            return self.read_run(text, self.seen | DATE)
        value, position = _int(text)
        pointed = text.startswith(".", position)
        if (pointed and unit not in ("julian", "second")) or (not pointed and position != len(text)):
            raise Fault(Bad.FORMAT)
        match unit:
            case "year":
                self.year = value
                return YEAR
            case "month" if self.seen & MONTH and self.seen & HOUR:
                self.minute = value
                return MINUTE
            case "month":
                self.month = value
                return MONTH
            case "day":
                self.day = value
                return DAY
            case "hour":
                self.hour = value
                return HOUR
            case "minute":
                self.minute = value
                return MINUTE
            case "second":
                self.second = value
                if pointed:
                    self.usecs = round(fraction(text[position:]) * USECS_PER_SEC)
                    return SECOND | SUBSECOND
                return SECOND
            case "julian":
                if value < 0:
                    raise Fault(Bad.FIELD)
                self.julian_day(value)
                if pointed:
                    usecs = int(fraction(text[position:]) * USECS_PER_DAY)
                    self.set_clock(usecs)
                    return DATE | TIME
                return DATE
            case _:
                raise Fault(Bad.FORMAT)

    def read_zone(self, text: str) -> int:
        """+hh, +hhmm, +hh:mm, +hh:mm:ss."""
        self.offset = zone_offset(text)
        return ZONE

    def read_named_zone(self, name: str, *, strict: bool) -> int:
        """A full name of a zone; one with punctuation in it must be known."""
        self.zone = find_zone(name)
        if self.zone is None:
            if strict:
                raise SqlError("22023", f'time zone "{name}" not recognized')
            raise Fault(Bad.FORMAT)
        return ZONE

    def read_abbreviation(self, name: str) -> int | None:
        """An abbreviation of a zone: PST, CEST; None when it is none."""
        if name in STANDARD:
            self.offset = STANDARD[name]
            return ZONE
        if name in DAYLIGHT:
            self.offset = DAYLIGHT[name]
            return ZONE | DAYLIGHT_ZONE
        if name in DYNAMIC:
            self.abbreviation_zone = find_zone(DYNAMIC[name])
            self.abbreviation = name.upper()
            return ZONE
        return None

    def julian_day(self, day: int) -> None:
        """A Julian day number is a whole date, whose year is as it is."""
        self.julian = True
        self.year, self.month, self.day = civil_from_days(day - EPOCH_JULIAN)

    def set_date(self, days: int) -> None:
        """A date as a count of days."""
        self.year, self.month, self.day = civil_from_days(days)

    def set_clock(self, usecs: int) -> None:
        """A time of the day."""
        self.hour, rest = divmod(usecs, USECS_PER_HOUR)
        self.minute, rest = divmod(rest, USECS_PER_MINUTE)
        self.second, self.usecs = divmod(rest, USECS_PER_SEC)

    # the end

    def validate(self) -> None:
        """The parts of the date, now that all are known; then morning and afternoon.

        Raises:
            Fault: there is no such date.
        """
        if self.seen & YEAR and not self.julian:
            if self.before_christ:
                if self.year <= 0:
                    raise Fault(Bad.FIELD)
                self.year = 1 - self.year
            elif self.two_digits:
                self.year += 2000 if self.year < 70 else 1900 if self.year < 100 else 0
            elif self.year <= 0:
                raise Fault(Bad.FIELD)
        if self.seen & DAY_OF_YEAR:
            self.set_date(days_from_civil(self.year, 1, 1) + self.day_of_year - 1)
        if self.seen & MONTH and not 1 <= self.month <= 12:
            raise Fault(Bad.MONTH_OR_DAY)
        if self.seen & DAY and not 1 <= self.day <= 31:
            raise Fault(Bad.MONTH_OR_DAY)
        if self.seen & DATE == DATE and self.day > days_in_month(self.year, self.month):
            raise Fault(Bad.FIELD)
        if self.meridiem:
            if self.hour > 12:
                raise Fault(Bad.FIELD)
            if self.meridiem == "am" and self.hour == 12:
                self.hour = 0
            elif self.meridiem == "pm" and self.hour != 12:
                self.hour += 12

    @property
    def clock(self) -> int:
        """Microseconds since midnight."""
        return ((self.hour * 60 + self.minute) * 60 + self.second) * USECS_PER_SEC + self.usecs

    def check_clock(self) -> None:
        """Not beyond 24:00:00."""
        if not (0 <= self.hour <= 24 and 0 <= self.minute <= 59 and 0 <= self.second <= 60) or (
            self.clock > USECS_PER_DAY
        ):
            raise Fault(Bad.FIELD)

    def resolve(self, days: int) -> int:
        """The offset from Greenwich on that day at that time."""
        wall = days * DAY_SECONDS + (self.hour * 60 + self.minute) * 60 + self.second
        modified = self.seen & MODIFIER
        known = _FIRST_MONTH <= days < MAX_DATE  # the calendar of zones does not go further
        if self.zone is not None:
            if modified:
                raise Fault(Bad.FORMAT)
            self.offset = self.zone.offset_of(wall) if known else 0
        if self.abbreviation_zone is not None:
            if modified:
                raise Fault(Bad.FORMAT)
            zone = self.abbreviation_zone
            offset = zone.offset_of(wall)
            named = zone.offset_of_abbreviation(self.abbreviation, wall - offset)
            self.offset = offset if named is None else named
        if not self.seen & ZONE:
            if modified:
                raise Fault(Bad.FORMAT)
            self.offset = self.settings.timezone.offset_of(wall) if known else 0
        return self.offset


_PART = re.compile(r"[0-9]+|[a-z]+")


def _parts(text: str) -> list[str]:
    """The words and numbers of a date. The character behind each is skipped, whatever it is, as PostgreSQL does."""
    parts: list[str] = []
    position = 0
    while position < len(text) and len(parts) < MAX_FIELDS:
        match = _PART.search(text, position)
        if match is None:
            raise Fault(Bad.FORMAT)
        parts.append(match[0])
        position = match.end() + 1
    return parts


def _int(text: str, position: int = 0) -> tuple[int, int]:
    try:
        value, behind = number(text, position)
    except OverflowError:
        raise Fault(Bad.FIELD) from None
    if value is None:
        if text.startswith(".", position):
            raise Fault(Bad.FORMAT)
        return 0, position
    return value, behind


def _wrapped(digits: str) -> int:
    """atoi() of the C library: what does not fit into 32 bits of a long is cut off."""
    value = min(int(digits), (1 << 63) - 1)
    return ((value + (1 << 31)) & 0xFFFF_FFFF) - (1 << 31)


def _float_start(text: str) -> float:
    match = re.match(r"\.[0-9]*", text)
    return float(match[0] + "0") if match else 0.0


def clock(text: str, minutes_and_seconds: bool = False) -> tuple[int, int, int, int]:
    """hh:mm, hh:mm:ss, hh:mm:ss.f or mm:ss.f as hours, minutes, seconds and microseconds.

    Args:
        text: it.
        minutes_and_seconds: whether two numbers are minutes and seconds.

    Raises:
        Fault: the form is wrong, or minutes or seconds are too large.
    """
    try:
        hour, position = number(text, 0, 64)
        if hour is None or not text.startswith(":", position):
            raise Fault(Bad.FORMAT)
        minute, position = number(text, position + 1)
        if minute is None:
            minute = 0
        second: int | None = 0
        usecs = 0
        behind = text[position : position + 1]
        if behind == "":
            if minutes_and_seconds:
                hour, minute, second = 0, hour, minute
        elif behind == ".":
            usecs = round(fraction(text[position:]) * USECS_PER_SEC)
            hour, minute, second = 0, hour, minute
        else:
            if behind != ":":
                raise Fault(Bad.FORMAT)
            second, position = number(text, position + 1)
            if second is None:
                second = 0
            if text.startswith(".", position):
                usecs = round(fraction(text[position:]) * USECS_PER_SEC)
            elif position != len(text):
                raise Fault(Bad.FORMAT)
    except OverflowError:
        raise Fault(Bad.FIELD) from None
    if hour < 0 or not 0 <= minute <= 59 or not 0 <= second <= 60:
        raise Fault(Bad.FIELD)
    return hour, minute, second, usecs


def zone_offset(text: str) -> int:
    """The offset east of Greenwich that +hh, +hhmm, +hh:mm or +hh:mm:ss says.

    Raises:
        Fault: the form is wrong, or it is more than 15 hours.
    """
    if text[:1] not in ("+", "-"):
        raise Fault(Bad.FORMAT)
    try:
        hour, position = number(text, 1)
        hour = hour or 0
        minute: int | None = 0
        second: int | None = 0
        if text.startswith(":", position):
            minute, position = number(text, position + 1)
            if text.startswith(":", position):
                second, position = number(text, position + 1)
        elif position == len(text) and len(text) > 3:
            hour, minute = divmod(hour, 100)
    except OverflowError:
        raise Fault(Bad.ZONE) from None
    minute, second = minute or 0, second or 0
    if not (0 <= hour <= _MAX_ZONE_HOUR and 0 <= minute < 60 and 0 <= second < 60):
        raise Fault(Bad.ZONE)
    if position != len(text):
        raise Fault(Bad.FORMAT)
    offset = (hour * 60 + minute) * 60 + second
    return -offset if text[0] == "-" else offset


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
        value, position = _int(text)
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
        return fields.read_unit(text, time_only=False)
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
            return fields.read_unit(text, time_only=True)
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
