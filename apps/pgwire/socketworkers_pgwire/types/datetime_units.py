"""extract(), date_part() and date_trunc(): PostgreSQL 15 documentation §9.9.1 and §9.9.2. Sans-IO."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from .calendar import (
    DATE_INFINITY,
    DATE_MINUS_INFINITY,
    EPOCH_JULIAN,
    INFINITY,
    MAX_TIMESTAMP,
    MIN_TIMESTAMP,
    MINUS_INFINITY,
    UNIX_EPOCH_DAYS,
    USECS_PER_DAY,
    USECS_PER_HOUR,
    USECS_PER_MINUTE,
    USECS_PER_SEC,
    civil_from_days,
    days_from_civil,
    iso_week,
)
from .datetime_tokens import WORDS, Words, unit
from .errors import SqlError
from .interval import Interval
from .numeric_math import add, divide, round_to
from .zones import Zone

__all__ = [
    "extract_date",
    "extract_interval",
    "extract_time",
    "extract_timestamp",
    "truncate_interval",
    "truncate_timestamp",
]

_TIMESTAMP = "timestamp without time zone"
_TIMESTAMPTZ = "timestamp with time zone"
#: units that go up and down with time: NULL of an infinite timestamp
_CYCLIC = {
    "microsecond", "millisecond", "second", "minute", "hour", "day", "month", "quarter", "week", "dow", "isodow", "doy",
    "timezone", "timezone_hour", "timezone_minute",
}  # fmt: skip
_GROWING = {"year", "decade", "century", "millennium", "julian", "isoyear", "epoch"}
_ZONE_UNITS = {"timezone", "timezone_hour", "timezone_minute"}
_INT8_MAX = (1 << 63) - 1
_CLOCK = {"microsecond", "millisecond", "second", "minute", "hour"}


def _unit(name: str) -> str:
    """The unit that a word means; of unknown ones the word itself."""
    lowered = name.lower()
    found = unit(lowered)
    if found is not None:
        return found
    meaning = WORDS.get(lowered[:10])
    if meaning is not None and (meaning.kind is Words.UNIT or meaning.value == "epoch"):
        return str(meaning.value)
    return ""


def _refused(name: str, known: str, type_name: str) -> SqlError:
    if known:
        return SqlError("0A000", f'unit "{name.lower()}" not supported for type {type_name}')
    return SqlError("22023", f'unit "{name.lower()}" not recognized for type {type_name}')


def _scaled(value: int, scale: int) -> Decimal:
    return Decimal(value).scaleb(-scale)


def _clock_part(known: str, usecs: int) -> Decimal:
    """Of a time of the day, or of an interval, whose sign they all have."""
    sign, usecs = (-1, -usecs) if usecs < 0 else (1, usecs)
    in_minute = usecs % USECS_PER_MINUTE
    match known:
        case "microsecond":
            return Decimal(sign * in_minute)
        case "millisecond":
            return _scaled(sign * in_minute, 3)
        case "second":
            return _scaled(sign * in_minute, 6)
        case "minute":
            return Decimal(sign * (usecs // USECS_PER_MINUTE % 60))
        case _:
            return Decimal(sign * (usecs // USECS_PER_HOUR))


def _julian(days: int, usecs: int) -> Decimal:
    return add(Decimal(days + EPOCH_JULIAN), divide(Decimal(usecs), Decimal(USECS_PER_DAY)))


_DATE_PARTS: dict[str, Callable[[int, int, int, int], int]] = {
    "day": lambda year, month, day, days: day,
    "month": lambda year, month, day, days: month,
    "quarter": lambda year, month, day, days: (month - 1) // 3 + 1,
    "week": lambda year, month, day, days: iso_week(days)[1],
    "year": lambda year, month, day, days: _no_zero(year),
    # the decade of 1 BC to 9 is 0, and there is no century 0
    "decade": lambda year, month, day, days: year // 10,
    "century": lambda year, month, day, days: _counted(year, 100),
    "millennium": lambda year, month, day, days: _counted(year, 1000),
    "isoyear": lambda year, month, day, days: _no_zero(iso_week(days)[0]),
    "dow": lambda year, month, day, days: (days + 6) % 7,
    "isodow": lambda year, month, day, days: (days + 5) % 7 + 1,
    "doy": lambda year, month, day, days: days - days_from_civil(year, 1, 1) + 1,
}


def _no_zero(year: int) -> int:
    """There is no year zero: 1 BC is -1."""
    return year if year > 0 else year - 1


def _counted(year: int, length: int) -> int:
    """Centuries and millennia: the first begins with the year 1, the one before it is -1."""
    return (year + length - 1) // length if year > 0 else -((length - 1 - (year - 1)) // length)


def extract_timestamp(name: str, wall: int, zone: Zone | None = None) -> Decimal | None:
    """extract(name FROM timestamp).

    Args:
        name: the field.
        wall: the timestamp; with a zone an instant in UTC.
        zone: of the session, for a timestamptz.

    Returns:
        The numeric; None for NULL.

    Raises:
        SqlError: 22023 for a field that is not known, 0A000 for one of other types.
    """
    type_name = _TIMESTAMPTZ if zone is not None else _TIMESTAMP
    known = _unit(name)
    if wall in (INFINITY, MINUS_INFINITY):
        if known in _CYCLIC:
            return None
        if known in _GROWING:
            return Decimal("Infinity" if wall > 0 else "-Infinity")
        raise _refused(name, known, type_name)
    if known in _ZONE_UNITS and zone is None:
        raise _refused(name, known, type_name)
    if known == "epoch":
        usecs = wall - UNIX_EPOCH_DAYS * USECS_PER_DAY
        if usecs > _INT8_MAX:  # PostgreSQL has no exact way then
            return round_to(divide(Decimal(usecs), Decimal(USECS_PER_SEC)), 6)
        return _scaled(usecs, 6)
    offset = 0
    if zone is not None:
        offset = zone.offset_at(wall // USECS_PER_SEC)
        wall += offset * USECS_PER_SEC
        if known in _ZONE_UNITS:
            return _zone_part(known, offset)
    days, usecs = divmod(wall, USECS_PER_DAY)
    if known in _CLOCK:
        return _clock_part(known, usecs)
    if known == "julian":
        return _julian(days, usecs)
    part = _DATE_PARTS.get(known)
    if part is None:
        raise _refused(name, known, type_name)
    return Decimal(part(*civil_from_days(days), days))


def _zone_part(known: str, offset: int) -> Decimal:
    sign = -1 if offset < 0 else 1
    match known:
        case "timezone":
            return Decimal(offset)
        case "timezone_hour":
            return Decimal(sign * (abs(offset) // 3600))
        case _:
            return Decimal(sign * (abs(offset) // 60 % 60))


def extract_date(name: str, days: int) -> Decimal | None:
    """extract(name FROM date); None for NULL.

    Raises:
        SqlError: 22023, 0A000.
    """
    known = _unit(name)
    if days in (DATE_INFINITY, DATE_MINUS_INFINITY):
        if known in ("day", "month", "quarter", "week", "dow", "isodow", "doy"):
            return None
        if known in _GROWING:
            return Decimal("Infinity" if days > 0 else "-Infinity")
        raise _refused(name, known, "date")
    if known == "epoch":
        return Decimal((days - UNIX_EPOCH_DAYS) * 86_400)
    if known == "julian":
        return Decimal(days + EPOCH_JULIAN)
    part = _DATE_PARTS.get(known)
    if part is None:
        raise _refused(name, known, "date")
    return Decimal(part(*civil_from_days(days), days))


def extract_time(name: str, usecs: int, offset: int | None = None) -> Decimal:
    """extract(name FROM time), or of a timetz with its offset in seconds east.

    Raises:
        SqlError: 22023, 0A000.
    """
    known = _unit(name)
    if known in _CLOCK:
        return _clock_part(known, usecs)
    if known == "epoch":
        return _scaled(usecs - (offset or 0) * USECS_PER_SEC, 6)
    if known in _ZONE_UNITS and offset is not None:
        return _zone_part(known, offset)
    raise _refused(name, known, "time without time zone" if offset is None else "time with time zone")


def extract_interval(name: str, interval: Interval) -> Decimal:
    """extract(name FROM interval).

    Raises:
        SqlError: 22023, 0A000.
    """
    known = _unit(name)
    sign = -1 if interval.months < 0 else 1
    years, months = sign * (abs(interval.months) // 12), sign * (abs(interval.months) % 12)
    if known in _CLOCK:
        return _clock_part(known, interval.usecs)
    match known:
        case "day":
            return Decimal(interval.days)
        case "month":
            return Decimal(months)
        case "quarter":
            return Decimal(int(months / 3) + 1)
        case "year":
            return Decimal(years)
        case "decade" | "century" | "millennium":
            return Decimal(int(years / {"decade": 10, "century": 100, "millennium": 1000}[known]))
        case "epoch":
            # a year has 365.25 days
            quarters = (years * 1461 + months * 120 + interval.days * 4) * (86_400 // 4)
            return _scaled(quarters * USECS_PER_SEC + interval.usecs, 6)
        case _:
            raise _refused(name, known, "interval")


_CLOCK_STEPS = {
    "microsecond": 1,
    "millisecond": 1000,
    "second": USECS_PER_SEC,
    "minute": USECS_PER_MINUTE,
    "hour": USECS_PER_HOUR,
    "day": USECS_PER_DAY,
}


def truncate_timestamp(name: str, wall: int, zone: Zone | None = None) -> int:
    """date_trunc(name, timestamp).

    Args:
        name: the field below which all becomes nothing.
        wall: the timestamp; with a zone an instant in UTC.
        zone: whose days and hours count, for a timestamptz.

    Raises:
        SqlError: 22023, 0A000, 22008.
    """
    type_name = _TIMESTAMPTZ if zone is not None else _TIMESTAMP
    known = unit(name.lower()) or ""
    if wall in (INFINITY, MINUS_INFINITY):
        return wall
    offset = zone.offset_at(wall // USECS_PER_SEC) * USECS_PER_SEC if zone is not None else 0
    local = wall + offset
    step = _CLOCK_STEPS.get(known)
    if step is not None:
        local -= local % step
    else:
        local = _first_day(name, known, local // USECS_PER_DAY, type_name) * USECS_PER_DAY
    if zone is not None and (step is None or known == "day"):
        offset = zone.offset_of(local // USECS_PER_SEC) * USECS_PER_SEC
    if not MIN_TIMESTAMP <= local - offset < MAX_TIMESTAMP:
        raise SqlError("22008", "timestamp out of range")
    return local - offset


def _first_day(name: str, known: str, days: int, type_name: str) -> int:
    year, month, _ = civil_from_days(days)
    match known:
        case "week":
            return days - (days + 5) % 7
        case "month":
            return days_from_civil(year, month, 1)
        case "quarter":
            return days_from_civil(year, (month - 1) // 3 * 3 + 1, 1)
        case "year":
            return days_from_civil(year, 1, 1)
        case "decade":
            return days_from_civil(year // 10 * 10, 1, 1)
        case "century" | "millennium":
            length = 100 if known == "century" else 1000
            return days_from_civil((year - 1) // length * length + 1, 1, 1)
        case _:
            raise _refused(name, known, type_name)


def truncate_interval(name: str, interval: Interval) -> Interval:
    """date_trunc(name, interval).

    Raises:
        SqlError: 22023, 0A000.
    """
    known = unit(name.lower()) or ""
    months, days, usecs = interval
    if known in _CLOCK:
        return Interval(months, days, _toward_zero(usecs, _CLOCK_STEPS[known]))
    match known:
        case "day":
            return Interval(months, days, 0)
        case "month":
            return Interval(months, 0, 0)
        case "quarter":
            return Interval(_toward_zero(months, 3), 0, 0)
        case "year" | "decade" | "century" | "millennium":
            years = {"year": 1, "decade": 10, "century": 100, "millennium": 1000}[known]
            return Interval(_toward_zero(months, 12 * years), 0, 0)
        case "week":
            error = _refused(name, known, "interval")
            error.detail = "Months usually have fractional weeks."
            raise error
        case _:
            raise _refused(name, known, "interval")


def _toward_zero(value: int, step: int) -> int:
    return value // step * step if value >= 0 else -(-value // step * step)
