"""Templates of dates, times and intervals: §9.8, tables 9.27 and 9.28."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from ...types import Interval
from ...types.calendar import (
    EPOCH_JULIAN,
    MAX_DATE,
    MAX_TIMESTAMP,
    MIN_DATE,
    MIN_TIMESTAMP,
    USECS_PER_DAY,
    USECS_PER_SEC,
    civil_from_days,
    days_from_civil,
    iso_week,
)
from ...types.errors import SqlError
from ...types.zones import Zone
from .fields import read_fields
from .reader import Item, Sort, ordinal, read_template
from .words import BY_LETTER, DAYS, MONTHS, ROMAN

__all__ = ["date_of_text", "interval_text", "moment_text", "template", "timestamp_of_text"]


@lru_cache(200)
def template(text: str) -> list[Item]:
    """The items of a template."""
    return read_template(text, BY_LETTER, dates=True)


@dataclass(slots=True)
class _Parts:
    """Fields of a moment, or of an interval."""

    interval: bool
    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    usecs: int
    day_of_year: int
    days: int = 0
    """Since 2000-01-01."""
    zone: str = ""
    offset: int = 0


def moment_text(wall: int, text: str, zone: str = "", offset: int = 0) -> str:
    """to_char(timestamp, text).

    Args:
        wall: microseconds since 2000-01-01.
        text: the template.
        zone: what the zone is called at that time, of a timestamptz.
        offset: seconds east.
    """
    days, usecs = divmod(wall, USECS_PER_DAY)
    year, month, day = civil_from_days(days)
    seconds, usecs = divmod(usecs, USECS_PER_SEC)
    parts = _Parts(
        False, year, month, day, seconds // 3600, seconds // 60 % 60, seconds % 60, usecs,
        days - days_from_civil(year, 1, 1) + 1, days, zone, offset,
    )  # fmt: skip
    return _written(parts, text)


def _quotient(value: int, by: int) -> tuple[int, int]:
    """Toward zero, as C divides."""
    whole = abs(value) // by
    whole = -whole if value < 0 else whole
    return whole, value - whole * by


def interval_text(interval: Interval, text: str) -> str:
    """to_char(interval, text)."""
    years, months = _quotient(interval.months, 12)
    seconds, usecs = _quotient(interval.usecs, USECS_PER_SEC)
    minutes, second = _quotient(seconds, 60)
    hour, minute = _quotient(minutes, 60)
    return _written(
        _Parts(True, years, months, interval.days, hour, minute, second, usecs, interval.months * 30 + interval.days),
        text,
    )


def _written(parts: _Parts, text: str) -> str:
    written: list[str] = []
    for item in template(text):
        if item.sort is not Sort.WORD:
            written.append(item.text)
            continue
        upper = item.text.upper()
        number = _NUMBERS.get(upper)
        if number is None:
            written.append(_WORDS[upper](parts, item) if upper in _WORDS else "")
            continue
        spelled = number(parts, item)
        if spelled and item.suffix:
            end = ordinal(spelled)
            spelled += end.upper() if item.suffix == "TH" else end
        written.append(spelled)
    return "".join(written)


def _padded(value: int, width: int, item: Item) -> str:
    """With zeros, one place more below zero."""
    if item.fill:
        return str(value)
    return f"{value:0{width if value >= 0 else width + 1}d}"


def _no_interval(parts: _Parts) -> None:
    if parts.interval:
        raise SqlError(
            "22007",
            "invalid format specification for an interval value",
            hint="Intervals are not tied to specific calendar dates.",
        )


def _hour12(parts: _Parts, item: Item) -> str:
    hour = _quotient(parts.hour, 12)[1] or 12
    return str(hour) if item.fill else f"{hour:0{2 if parts.hour >= 0 else 3}d}"


def _fraction(digits: int) -> Callable[[_Parts, Item], str]:
    def spelled(parts: _Parts, item: Item) -> str:
        value = _quotient(parts.usecs, 10 ** (6 - digits))[0]
        return f"{value:0{digits}d}"

    return spelled


def _shown_year(year: int, parts: _Parts) -> int:
    """Years before Christ are counted backward."""
    return year if parts.interval or year > 0 else 1 - year


def _iso(parts: _Parts) -> tuple[int, int]:
    """ISO year and week; of an interval by its fields as if they were a date."""
    if not parts.interval:
        return iso_week(parts.days)
    day = _julian_day(parts.year, parts.month, parts.day)

    def monday(year: int) -> int:
        fourth = _julian_day(year, 1, 4)
        return fourth - fourth % 7

    year = parts.year
    if day < monday(year):
        year -= 1
    week = (day - monday(year)) // 7 + 1
    if week >= 52 and day >= monday(year + 1):
        year, week = year + 1, (day - monday(year + 1)) // 7 + 1
    return year, week


def _year(digits: int, iso: bool) -> Callable[[_Parts, Item], str]:
    def spelled(parts: _Parts, item: Item) -> str:
        year = _shown_year(_iso(parts)[0] if iso else parts.year, parts)
        rest = year if digits == 4 else _quotient(year, 10**digits)[1]
        if digits == 1 or item.fill:
            return str(rest)
        return f"{rest:0{digits if _shown_year(parts.year, parts) >= 0 else digits + 1}d}"

    return spelled


def _year_with_comma(parts: _Parts, item: Item) -> str:
    thousands, rest = _quotient(_shown_year(parts.year, parts), 1000)
    return f"{thousands},{rest:03d}"


def _century(parts: _Parts, item: Item) -> str:
    if parts.interval:
        century = _quotient(parts.year, 100)[0]
    elif parts.year > 0:
        century = (parts.year - 1) // 100 + 1
    else:
        century = _quotient(parts.year, 100)[0] - 1
    return _padded(century, 2, item) if -99 <= century <= 99 else str(century)


def _iso_day_of_year(parts: _Parts, item: Item) -> str:
    _no_interval(parts)
    year, _ = iso_week(parts.days)
    fourth = days_from_civil(year, 1, 4)
    value = parts.days - (fourth - (fourth + 5) % 7) + 1
    return str(value) if item.fill else f"{value:03d}"


def _weekday(parts: _Parts) -> int:
    _no_interval(parts)
    return (parts.days + 6) % 7


def _iso_week_number(parts: _Parts, item: Item) -> str:
    return _padded(_iso(parts)[1], 2, item)


def _julian(parts: _Parts, item: Item) -> str:
    if not parts.interval:
        return str(parts.days + EPOCH_JULIAN)
    return str(_int4(_julian_day(parts.year, parts.month, parts.day)))


def _julian_day(year: int, month: int, day: int) -> int:
    if month > 2:
        month, year = month + 1, year + 4800
    else:
        month, year = month + 13, year + 4799
    century = year // 100
    return year * 365 - 32_167 + year // 4 - century + century // 4 + 7834 * month // 256 + day


def _int4(value: int) -> int:
    """Of so many years the day runs over."""
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)


def _quarter(parts: _Parts, item: Item) -> str:
    return str(_quotient(parts.month - 1, 3)[0] + 1) if parts.month else ""


_NUMBERS: dict[str, Callable[[_Parts, Item], str]] = {
    "HH": _hour12,
    "HH12": _hour12,
    "HH24": lambda parts, item: _padded(parts.hour, 2, item),
    "MI": lambda parts, item: _padded(parts.minute, 2, item),
    "SS": lambda parts, item: _padded(parts.second, 2, item),
    "MS": _fraction(3),
    "US": _fraction(6),
    **{f"FF{digits}": _fraction(digits) for digits in range(1, 7)},
    "SSSS": lambda parts, item: str((parts.hour * 60 + parts.minute) * 60 + parts.second),
    "SSSSS": lambda parts, item: str((parts.hour * 60 + parts.minute) * 60 + parts.second),
    "MM": lambda parts, item: _padded(parts.month, 2, item),
    "DDD": lambda parts, item: str(parts.day_of_year) if item.fill else f"{parts.day_of_year:03d}",
    "IDDD": _iso_day_of_year,
    "DD": lambda parts, item: str(parts.day) if item.fill else f"{parts.day:02d}",
    "D": lambda parts, item: str(_weekday(parts) + 1),
    "ID": lambda parts, item: str(_weekday(parts) or 7),
    "WW": lambda parts, item: _two(_quotient(parts.day_of_year - 1, 7)[0] + 1, item),
    "IW": _iso_week_number,
    "Q": _quarter,
    "CC": _century,
    "Y,YYY": _year_with_comma,
    "YYYY": _year(4, False),
    "YYY": _year(3, False),
    "YY": _year(2, False),
    "Y": _year(1, False),
    "IYYY": _year(4, True),
    "IYY": _year(3, True),
    "IY": _year(2, True),
    "I": _year(1, True),
    "W": lambda parts, item: str(_quotient(parts.day - 1, 7)[0] + 1),
    "J": _julian,
}


def _two(value: int, item: Item) -> str:
    return str(value) if item.fill else f"{value:02d}"


def _cased(name: str, item: Item) -> str:
    """A name in the case of its pattern."""
    pattern = item.text
    return name.upper() if pattern.isupper() else name.lower() if pattern.islower() else name


def _half_day(parts: _Parts, item: Item) -> str:
    later = _quotient(parts.hour, 24)[1] >= 12
    name = ("P.M." if later else "A.M.") if "." in item.text else "PM" if later else "AM"
    return name if item.text[0].isupper() else name.lower()


def _era(parts: _Parts, item: Item) -> str:
    _no_interval(parts)
    before = parts.year <= 0
    name = ("B.C." if before else "A.D.") if "." in item.text else "BC" if before else "AD"
    return name if item.text[0].isupper() else name.lower()


def _month_name(parts: _Parts, item: Item) -> str:
    _no_interval(parts)
    if not parts.month:
        return ""
    name = _cased(MONTHS[parts.month - 1], item)
    return name if item.fill or item.translated else name.ljust(9)


def _month_short(parts: _Parts, item: Item) -> str:
    _no_interval(parts)
    return _cased(MONTHS[parts.month - 1][:3], item) if parts.month else ""


def _day_name(parts: _Parts, item: Item) -> str:
    name = _cased(DAYS[_weekday(parts)], item)
    return name if item.fill or item.translated else name.ljust(9)


def _day_short(parts: _Parts, item: Item) -> str:
    return _cased(DAYS[_weekday(parts)][:3], item)


def _roman_month(parts: _Parts, item: Item) -> str:
    if not parts.month and not parts.year:
        return ""
    if parts.month == 0:
        place = 0 if parts.year >= 0 else 11
    else:
        place = -(parts.month + 1) if parts.month < 0 else 12 - parts.month
    name = _cased(ROMAN[place], item)
    return name if item.fill else name.ljust(4)


def _zone_name(parts: _Parts, item: Item) -> str:
    _no_interval(parts)
    return parts.zone.lower() if item.text.islower() else parts.zone


def _zone_hours(parts: _Parts, item: Item) -> str:
    _no_interval(parts)
    return f"{'+' if parts.offset >= 0 else '-'}{abs(parts.offset) // 3600:02d}"


def _zone_minutes(parts: _Parts, item: Item) -> str:
    _no_interval(parts)
    return f"{abs(parts.offset) % 3600 // 60:02d}"


def _zone_offset(parts: _Parts, item: Item) -> str:
    _no_interval(parts)
    hours, rest = divmod(abs(parts.offset), 3600)
    spelled = f"{'+' if parts.offset >= 0 else '-'}{hours:0{0 if item.fill else 2}d}"
    return f"{spelled}:{rest // 60:02d}" if rest else spelled


_WORDS: dict[str, Callable[[_Parts, Item], str]] = {
    **dict.fromkeys(("AM", "PM", "A.M.", "P.M."), _half_day),
    **dict.fromkeys(("AD", "BC", "A.D.", "B.C."), _era),
    "MONTH": _month_name,
    "MON": _month_short,
    "DAY": _day_name,
    "DY": _day_short,
    "RM": _roman_month,
    "TZ": _zone_name,
    "TZH": _zone_hours,
    "TZM": _zone_minutes,
    "OF": _zone_offset,
}


def date_of_text(source: str, text: str) -> int:
    """to_date(text, text), in days since 2000-01-01.

    Raises:
        SqlError: 22007, 22008.
    """
    found = read_fields(source, template(text))
    days = days_from_civil(found.year, found.month, found.day)
    if not MIN_DATE <= days < MAX_DATE:
        raise SqlError("22008", f'date out of range: "{source}"')
    return days


def timestamp_of_text(source: str, text: str, zone: Zone) -> int:
    """to_timestamp(text, text), in microseconds since 2000-01-01 UTC.

    Raises:
        SqlError: 22007, 22008.
    """
    found = read_fields(source, template(text))
    seconds = days_from_civil(found.year, found.month, found.day) * 86_400
    seconds += (found.hour * 60 + found.minute) * 60 + found.second
    offset = found.offset if found.offset is not None else zone.offset_of(seconds)
    usecs = (seconds - offset) * USECS_PER_SEC + found.usecs
    if not MIN_TIMESTAMP <= usecs < MAX_TIMESTAMP:
        raise SqlError("22008", "timestamp out of range")
    return usecs
