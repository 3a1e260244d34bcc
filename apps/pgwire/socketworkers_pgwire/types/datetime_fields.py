"""What the pieces of a date or time have said so far: PostgreSQL 15 documentation, B.1. Sans-IO.

The order of the pieces is free, so what a number means depends on what has been seen.
"""

from __future__ import annotations

import re

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
from .datetime_tokens import MAX_FIELDS, Bad, Fault, Words, fraction, number, word
from .errors import SqlError
from .settings import Settings
from .zones import Zone, find_zone

__all__ = [
    "DATE",
    "DAY",
    "DAYLIGHT_ZONE",
    "ERA",
    "MERIDIEM",
    "MODIFIER",
    "MONTH",
    "RESERVED",
    "TIME",
    "WEEKDAY",
    "ZONE",
    "Fields",
    "clock",
    "integer",
    "zone_offset",
]

# what has been read, as bits
YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, SUBSECOND = 1, 2, 4, 8, 16, 32, 64
ZONE, DAYLIGHT_ZONE, MODIFIER, DAY_OF_YEAR, WEEKDAY, MERIDIEM, ERA, RESERVED = (1 << n for n in range(7, 15))
DATE = YEAR | MONTH | DAY
TIME = HOUR | MINUTE | SECOND | SUBSECOND

_MAX_ZONE_HOUR = 15
_FIRST_MONTH = days_from_civil(-4713, 11, 1)  # that of the first Julian day


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
        value, position = integer(text)
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
        elif known in (YEAR, DAY):
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

    def read_unit(self, text: str) -> int:
        """A number behind a letter that says what it is: y2001m02d04, J2451187, T040506."""
        unit, self.unit = self.unit, ""
        if unit == "time":
            integer(text)
            return self.read_run(text, self.seen | DATE)
        value, position = integer(text)
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


def integer(text: str, position: int = 0) -> tuple[int, int]:
    """The integer at `position`, 0 when there is none, and the position behind it.

    Raises:
        Fault: it is too large, or a point stands there.
    """
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
        found, position = number(text, position + 1)
        minute, second, usecs = found or 0, 0, 0
        behind = text[position : position + 1]
        if behind == ":":
            found, position = number(text, position + 1)
            second = found or 0
            if text.startswith(".", position):
                usecs = round(fraction(text[position:]) * USECS_PER_SEC)
            elif position != len(text):
                raise Fault(Bad.FORMAT)
        elif behind == ".":
            usecs = round(fraction(text[position:]) * USECS_PER_SEC)
            hour, minute, second = 0, hour, minute
        elif behind:
            raise Fault(Bad.FORMAT)
        elif minutes_and_seconds:
            hour, minute, second = 0, hour, minute
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
