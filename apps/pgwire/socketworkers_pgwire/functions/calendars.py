"""Fields of dates and times: PostgreSQL 15 documentation §9.9: extract, date_trunc, age, make_…, time zones."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ..types import Interval, Zone, find_zone, fixed_zone
from ..types import datetime_math as dm
from ..types import datetime_units as du
from ..types.abbreviations import DYNAMIC
from ..types.calendar import (
    EPOCH_JULIAN,
    INFINITY,
    MAX_DATE,
    MAX_TIMESTAMP,
    MIN_DATE,
    MIN_TIMESTAMP,
    MINUS_INFINITY,
    USECS_PER_DAY,
    USECS_PER_SEC,
    civil_from_days,
    days_from_civil,
    days_in_month,
)
from ..types.datetime_fields import zone_offset
from ..types.datetime_tokens import Fault
from ..types.errors import SqlError, invalid_parameter
from ..types.floats import FLOAT8
from ..types.interval import INTERVAL
from ..types.numeric import numeric_text
from ..types.time import pack_timetz, unpack_timetz
from .context import Execution
from .kinds import float_of, interval_of, store_interval
from .registry import scalar

__all__ = ["zone_of_text"]

_WALL, _ZONED = "timestamp without time zone", "timestamp with time zone"
_TIME, _TIMETZ = "time without time zone", "time with time zone"


_SMALL = {
    word[:10]: unit
    for unit, words in (
        ("second", ("s", "sec", "second", "seconds", "secs")),
        (
            "millisecond",
            ("msec", "msecs", "ms", "msecond", "mseconds", "msecs", "millisecond", "milliseconds", "millisecon"),
        ),
    )
    for word in words
}
_JULIAN_REST = 151  # the last Julian day lies so far behind the last date
_MAX_OFFSET = 1 << 17  # what a timetz holds, in seconds


# extract() and date_part()


def _text(value: Any) -> str | None:
    return None if value is None else numeric_text(value)


def _number(unit: str, value: Decimal | None) -> float | None:
    """As double: seconds and milliseconds are put together from two parts, and the sum shows it."""
    if value is None:
        return None
    known = _SMALL.get(unit.lower()[:10])
    if known is None or not value.is_finite():
        return float(value)
    usecs = int(value.scaleb(6 if known == "second" else 3))
    sign = -1 if usecs < 0 else 1
    seconds, rest = divmod(abs(usecs), USECS_PER_SEC)
    if known == "second":
        return sign * seconds + sign * rest / 1e6
    return sign * seconds * 1000.0 + sign * rest / 1000.0


scalar(f'"extract"(text,{_WALL})')(lambda unit, wall: _text(du.extract_timestamp(unit, wall)))
scalar('"extract"(text,date)')(lambda unit, days: _text(du.extract_date(unit, days)))
scalar(f'"extract"(text,{_TIME})')(lambda unit, usecs: _text(du.extract_time(unit, usecs)))
scalar(f'"extract"(text,{_TIMETZ})')(lambda unit, timetz: _text(du.extract_time(unit, *unpack_timetz(timetz))))
scalar('"extract"(text,interval)')(lambda unit, interval: _text(du.extract_interval(unit, interval_of(interval))))


@scalar(f'"extract"(text,{_ZONED})', context=True)
def _extract_zoned(execution: Execution, unit: str, instant: int) -> str | None:
    return _text(du.extract_timestamp(unit, instant, execution.settings.timezone))


def _julian(wall: int) -> float:
    days, usecs = divmod(wall, USECS_PER_DAY)
    seconds, usecs = divmod(usecs, USECS_PER_SEC)
    return days + EPOCH_JULIAN + (seconds + usecs / 1e6) / 86_400.0


def _part(unit: str, wall: int, zone: Zone | None = None) -> float | None:
    value = du.extract_timestamp(unit, wall, zone)
    if value is not None and unit.lower() in ("julian", "jd", "j") and wall not in (INFINITY, MINUS_INFINITY):
        return _julian(wall if zone is None else dm.local_of(wall, zone))
    return _number(unit, value)


scalar(f"date_part(text,{_WALL})")(_part)
scalar("date_part(text,date)")(lambda unit, days: _part(unit, dm.date_to_timestamp(days)))
scalar(f"date_part(text,{_TIME})")(lambda unit, usecs: _number(unit, du.extract_time(unit, usecs)))
scalar(f"date_part(text,{_TIMETZ})")(lambda unit, timetz: _number(unit, du.extract_time(unit, *unpack_timetz(timetz))))


@scalar(f"date_part(text,{_ZONED})", context=True)
def _part_zoned(execution: Execution, unit: str, instant: int) -> float | None:
    return _part(unit, instant, execution.settings.timezone)


@scalar("date_part(text,interval)")
def _part_interval(unit: str, stored: bytes) -> float | None:
    interval = interval_of(stored)
    value = du.extract_interval(unit, interval)
    if unit.lower() == "epoch":
        years = int(interval.months / 12)
        seconds = interval.usecs / 1e6
        seconds += 365.25 * 86_400.0 * years
        seconds += 30.0 * 86_400.0 * (interval.months - years * 12)
        return seconds + 86_400.0 * interval.days
    return _number(unit, value)


# date_trunc() and date_bin()

scalar(f"date_trunc(text,{_WALL})")(du.truncate_timestamp)
scalar("date_trunc(text,interval)")(lambda unit, i: store_interval(du.truncate_interval(unit, interval_of(i))))


@scalar(f"date_trunc(text,{_ZONED})", context=True)
def _truncate_zoned(execution: Execution, unit: str, instant: int) -> int:
    return du.truncate_timestamp(unit, instant, execution.settings.timezone)


@scalar(f"date_trunc(text,{_ZONED},text)")
def _truncate_in_zone(unit: str, instant: int, name: str) -> int:
    if instant in (INFINITY, MINUS_INFINITY):
        return instant
    # of an abbreviation whose meaning changes the zone behind it counts
    zone = find_zone(DYNAMIC.get(name.lower(), "")) or dm.zone_named(name, instant, wall=False)
    return du.truncate_timestamp(unit, instant, zone)


@scalar(f"date_bin(interval,{_WALL},{_WALL})", f"date_bin(interval,{_ZONED},{_ZONED})")
def _date_bin(stride: bytes, usecs: int, origin: int) -> int:
    if usecs in (INFINITY, MINUS_INFINITY):
        return usecs
    if origin in (INFINITY, MINUS_INFINITY):
        raise SqlError("22008", "origin out of range")
    months, days, step = interval_of(stride)
    if months:
        raise SqlError("0A000", "timestamps cannot be binned into intervals containing months or years")
    step += days * USECS_PER_DAY
    if not -1 << 63 <= step < 1 << 63:
        raise SqlError("22008", "interval out of range")
    if step <= 0:
        raise SqlError("22008", "stride must be greater than zero")
    if not -1 << 63 <= usecs - origin < 1 << 63:
        raise SqlError("22008", "interval out of range")
    result = usecs - (usecs - origin) % step
    if not MIN_TIMESTAMP <= result < MAX_TIMESTAMP:
        raise SqlError("22008", "timestamp out of range")
    return result


# age()


@scalar(f"age({_WALL},{_WALL})")
def _age(a: int, b: int) -> bytes:
    return store_interval(dm.age(a, b))


@scalar(f"age({_ZONED},{_ZONED})", context=True)
def _age_zoned(execution: Execution, a: int, b: int) -> bytes:
    return store_interval(dm.age_zoned(a, b, execution.settings))


def _midnight(execution: Execution) -> int:
    """The start of today, by the wall clock."""
    settings = execution.settings
    return dm.date_to_timestamp(dm.date_of(dm.local_of(settings.now, settings.timezone)))


@scalar(f"age({_WALL})", context=True)
def _age_today(execution: Execution, wall: int) -> bytes:
    return store_interval(dm.age(_midnight(execution), wall))


@scalar(f"age({_ZONED})", context=True)
def _age_today_zoned(execution: Execution, instant: int) -> bytes:
    settings = execution.settings
    return store_interval(dm.age_zoned(dm.at_zone(_midnight(execution), settings.timezone), instant, settings))


# values of fields


def _date(year: int, month: int, day: int, shown: int) -> int:
    astronomical = year if year > 0 else year + 1
    if not year or not 1 <= month <= 12 or not 1 <= day <= days_in_month(astronomical, month):
        raise SqlError("22008", f"date field value out of range: {shown}-{month:02d}-{day:02d}")
    return days_from_civil(astronomical, month, day)


def _date_range(year: int, month: int, day: int) -> SqlError:
    return SqlError("22008", f"date out of range: {year}-{month:02d}-{day:02d}")


@scalar("make_date(integer,integer,integer)")
def _make_date(year: int, month: int, day: int) -> int:
    days = _date(year, month, day, year + 1 if year < 0 else year)
    if not MIN_DATE <= days < MAX_DATE:
        raise _date_range(year, month, day)
    return days


def _shown(seconds: float) -> str:
    return f"{seconds:02g}" if math.isfinite(seconds) else FLOAT8.output(FLOAT8.store(seconds))


def _clock(hour: int, minute: int, second: float | str) -> int:
    seconds = float_of(second)
    usecs = round(seconds * 1e6) if math.isfinite(seconds) and abs(seconds) < 100 else -1
    if (
        not 0 <= hour <= 24
        or not 0 <= minute <= 59
        or not 0 <= usecs <= 60 * USECS_PER_SEC
        or (hour == 24 and (minute or usecs))
    ):
        raise SqlError("22008", f"time field value out of range: {hour}:{minute:02d}:{_shown(seconds)}")
    return (hour * 60 + minute) * 60 * USECS_PER_SEC + usecs


scalar("make_time(integer,integer,double precision)")(_clock)


def _wall(year: int, month: int, day: int, hour: int, minute: int, second: float | str) -> int:
    days = _date(year, month, day, year)
    if not MIN_DATE <= days < MAX_DATE + _JULIAN_REST:
        raise _date_range(year, month, day)
    usecs = _clock(hour, minute, second)
    result = days * USECS_PER_DAY + usecs
    if not MIN_TIMESTAMP <= result < MAX_TIMESTAMP:
        shown = f"{year}-{month:02d}-{day:02d} {hour}:{minute:02d}:{_shown(float_of(second))}"
        raise SqlError("22008", f"timestamp out of range: {shown}")
    return result


scalar("make_timestamp(integer,integer,integer,integer,integer,double precision)")(_wall)


@scalar("make_timestamptz(integer,integer,integer,integer,integer,double precision)", context=True)
def _make_zoned(execution: Execution, *fields: Any) -> int:
    return dm.at_zone(_wall(*fields), execution.settings.timezone)


@scalar("make_timestamptz(integer,integer,integer,integer,integer,double precision,text)", context=True)
def _make_in_zone(execution: Execution, *fields: Any) -> int:
    *parts, name = fields
    wall = _wall(*parts)
    return dm.at_zone(wall, zone_of_text(name, wall))


def zone_of_text(name: str, wall: int) -> Zone:
    """A zone as make_timestamptz() takes it: a name, an abbreviation, or an offset that begins with its sign.

    Raises:
        SqlError: 22023.
    """
    if name[:1].isascii() and name[:1].isdigit():
        error = invalid_parameter(f'invalid input syntax for type numeric time zone: "{name}"')
        error.hint = 'Numeric time zones must have "-" or "+" as first character.'
        raise error
    if name[:1] in ("+", "-"):
        try:
            return fixed_zone(zone_offset(name))
        except Fault:
            raise invalid_parameter(f'numeric time zone "{name}" out of range') from None
    return dm.zone_named(name, wall, wall=True)


@scalar("make_interval(integer,integer,integer,integer,integer,integer,double precision)")
def _make_interval(
    years: int, months: int, weeks: int, days: int, hours: int, minutes: int, seconds: float | str
) -> bytes:
    number = float_of(seconds)
    if not math.isfinite(number):
        raise SqlError("22008", "interval out of range")
    usecs = (hours * 60 + minutes) * 60 * USECS_PER_SEC + round(number * 1e6)
    all_months, all_days = years * 12 + months, weeks * 7 + days
    if not (-1 << 31 <= all_months < 1 << 31 and -1 << 31 <= all_days < 1 << 31 and -1 << 63 <= usecs < 1 << 63):
        raise SqlError("22008", "interval out of range")
    return store_interval(Interval(all_months, all_days, usecs))


@scalar("to_timestamp(double precision)")
def _from_epoch(seconds: float | str) -> int:
    return dm.from_epoch(float_of(seconds))


# AT TIME ZONE


@scalar(f"timezone(text,{_WALL})")
def _wall_in_zone(name: str, wall: int) -> int:
    return dm.at_zone(wall, dm.zone_named(name, wall, wall=True))


@scalar(f"timezone(text,{_ZONED})")
def _instant_in_zone(name: str, instant: int) -> int:
    return dm.local_of(instant, dm.zone_named(name, instant, wall=False))


@scalar(f"timezone(text,{_TIMETZ})", context=True)
def _timetz_in_zone(execution: Execution, name: str, timetz: int) -> int:
    """By the offset that the zone has now."""
    now = execution.settings.now
    return _shifted(timetz, dm.zone_named(name, now, wall=False).offset_at(now // USECS_PER_SEC))


def _shifted(timetz: int, offset: int) -> int:
    if abs(offset) >= _MAX_OFFSET:
        raise SqlError("22009", "time zone displacement out of range")
    usecs, before = unpack_timetz(timetz)
    return pack_timetz((usecs + (offset - before) * USECS_PER_SEC) % USECS_PER_DAY, offset)


def _interval_zone(stored: bytes) -> Zone:
    interval = interval_of(stored)
    if interval.months or interval.days:
        shown = INTERVAL.output(stored)
        raise invalid_parameter(f'interval time zone "{shown}" must not include months or days')
    return dm.session_zone(interval)


scalar(f"timezone(interval,{_WALL})")(
    lambda interval, wall: wall if wall in (INFINITY, MINUS_INFINITY) else dm.at_zone(wall, _interval_zone(interval))
)
scalar(f"timezone(interval,{_ZONED})")(
    lambda interval, instant: (
        instant if instant in (INFINITY, MINUS_INFINITY) else dm.local_of(instant, _interval_zone(interval))
    )
)
scalar(f"timezone(interval,{_TIMETZ})")(
    lambda interval, timetz: _shifted(timetz, _interval_zone(interval).offset_at(0))
)


# the clock


def _clock_function(name: str) -> Callable[[Execution], int]:
    return lambda execution: int(getattr(execution.session, name))


scalar("now()", "transaction_timestamp()", context=True)(_clock_function("transaction_time"))
scalar("statement_timestamp()", context=True)(_clock_function("statement_time"))


@scalar("clock_timestamp()", context=True)
def _clock_timestamp(execution: Execution) -> int:
    return execution.session.clock()


_DAYS = ("Sat", "Sun", "Mon", "Tue", "Wed", "Thu", "Fri")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@scalar("timeofday()", context=True)
def _time_of_day(execution: Execution) -> str:
    zone, instant = execution.settings.timezone, execution.session.clock()
    days, usecs = divmod(dm.local_of(instant, zone), USECS_PER_DAY)
    year, month, day = civil_from_days(days)
    seconds, usecs = divmod(usecs, USECS_PER_SEC)
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{usecs:06d}"
    name = zone.abbreviation_at(instant // USECS_PER_SEC)
    return f"{_DAYS[days % 7]} {_MONTHS[month - 1]} {day:02d} {clock} {year:04d} {name}"
