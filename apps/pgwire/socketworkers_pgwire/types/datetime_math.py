"""Arithmetic of dates and times: PostgreSQL 15 documentation §9.9, table 9.31, and §9.9.4. Sans-IO.

Values are in their storage forms; a timetz is a pair of its time and its offset in seconds east.
"""

from __future__ import annotations

from .abbreviations import DAYLIGHT, DYNAMIC, STANDARD
from .calendar import (
    DATE_INFINITY,
    DATE_MINUS_INFINITY,
    INFINITY,
    MAX_DATE,
    MAX_TIMESTAMP,
    MIN_DATE,
    MIN_TIMESTAMP,
    MINUS_INFINITY,
    UNIX_EPOCH_DAYS,
    USECS_PER_DAY,
    USECS_PER_SEC,
    civil_from_days,
    days_from_civil,
    days_in_month,
)
from .errors import SqlError
from .interval import Interval
from .interval_math import justify_hours, negate
from .settings import Settings
from .zones import UTC, Zone, find_zone, fixed_zone

__all__ = [
    "add_days",
    "add_interval",
    "add_interval_zoned",
    "add_to_time",
    "age",
    "age_zoned",
    "at_zone",
    "date_and_time",
    "date_of",
    "date_to_timestamp",
    "from_epoch",
    "interval_to_time",
    "local_of",
    "session_zone",
    "subtract_dates",
    "subtract_interval",
    "subtract_interval_zoned",
    "subtract_timestamps",
    "time_of",
    "timetz_of",
    "zone_named",
]


def _timestamp_range() -> SqlError:
    return SqlError("22008", "timestamp out of range")


def _checked(usecs: int) -> int:
    if not MIN_TIMESTAMP <= usecs < MAX_TIMESTAMP:
        raise _timestamp_range()
    return usecs


def _is_infinite(usecs: int) -> bool:
    return usecs in (INFINITY, MINUS_INFINITY)


def _add_months(wall: int, months: int) -> int:
    """So many months later; at the end of a shorter month its last day."""
    days, clock = divmod(wall, USECS_PER_DAY)
    year, month, day = civil_from_days(days)
    year, month = divmod(year * 12 + month - 1 + months, 12)
    month += 1
    return days_from_civil(year, month, min(day, days_in_month(year, month))) * USECS_PER_DAY + clock


def add_interval(wall: int, interval: Interval) -> int:
    """timestamp + interval: the months, then the days, then the time.

    Raises:
        SqlError: 22008.
    """
    if _is_infinite(wall):
        return wall
    if interval.months:
        wall = _checked(_add_months(wall, interval.months))
    if interval.days:
        wall = _checked(wall + interval.days * USECS_PER_DAY)
    return _checked(wall + interval.usecs)


def add_interval_zoned(instant: int, interval: Interval, zone: Zone) -> int:
    """timestamptz + interval: months and days by the calendar of the zone.

    Raises:
        SqlError: 22008.
    """
    if _is_infinite(instant):
        return instant
    if interval.months:
        instant = _checked(_instant(_add_months(_local(instant, zone), interval.months), zone))
    if interval.days:
        instant = _checked(_instant(_local(instant, zone) + interval.days * USECS_PER_DAY, zone))
    return _checked(instant + interval.usecs)


def subtract_interval(wall: int, interval: Interval) -> int:
    """timestamp - interval."""
    return add_interval(wall, negate(interval))


def subtract_interval_zoned(instant: int, interval: Interval, zone: Zone) -> int:
    """timestamptz - interval."""
    return add_interval_zoned(instant, negate(interval), zone)


def subtract_timestamps(a: int, b: int) -> Interval:
    """timestamp - timestamp, and the same of timestamptz: days and time.

    Raises:
        SqlError: 22008.
    """
    if _is_infinite(a) or _is_infinite(b):
        raise SqlError("22008", "cannot subtract infinite timestamps")
    difference = a - b
    if not -1 << 63 <= difference < 1 << 63:
        raise SqlError("22008", "interval out of range")
    return justify_hours(Interval(0, 0, difference))


def local_of(instant: int, zone: Zone) -> int:
    """timestamptz AT TIME ZONE zone, which is a timestamp; with the session's zone also the cast.

    Raises:
        SqlError: 22008.
    """
    return instant if _is_infinite(instant) else _checked(_local(instant, zone))


def _local(instant: int, zone: Zone) -> int:
    return instant + zone.offset_at(instant // USECS_PER_SEC) * USECS_PER_SEC


def _instant(wall: int, zone: Zone) -> int:
    return wall - zone.offset_of(wall // USECS_PER_SEC) * USECS_PER_SEC


def at_zone(wall: int, zone: Zone) -> int:
    """timestamp AT TIME ZONE zone, which is a timestamptz; with the session's zone also the cast.

    Raises:
        SqlError: 22008.
    """
    return wall if _is_infinite(wall) else _checked(_instant(wall, zone))


def zone_named(name: str, instant: int, *, wall: bool) -> Zone:
    """The zone of AT TIME ZONE 'name': an abbreviation comes before a full name.

    Args:
        name: as written.
        instant: at which an abbreviation counts whose meaning has changed, in microseconds.
        wall: whether `instant` is a time of the wall clock.

    Raises:
        SqlError: 22023, it is not known.
    """
    if _is_infinite(instant):  # which is the same everywhere
        return UTC
    lowered = name.lower()
    offset = STANDARD.get(lowered, DAYLIGHT.get(lowered))
    if offset is not None:
        return fixed_zone(offset)
    zone = find_zone(DYNAMIC.get(lowered, name))
    if zone is None:
        raise SqlError("22023", f'time zone "{name}" not recognized')
    if lowered in DYNAMIC:
        seconds = instant // USECS_PER_SEC
        used = zone.offset_of_abbreviation(name.upper(), seconds - zone.offset_of(seconds) if wall else seconds)
        if used is not None:
            return fixed_zone(used)
    return zone


def session_zone(interval: Interval) -> Zone:
    """The zone of AT TIME ZONE interval.

    Raises:
        SqlError: 22023, it has months or days.
    """
    if interval.months or interval.days:
        raise SqlError("22023", "interval time zone must not include months or days")
    return fixed_zone(int(interval.usecs / USECS_PER_SEC))


def add_to_time(usecs: int, interval: Interval) -> int:
    """time + interval, and the same of timetz: around the clock."""
    return (usecs + interval.usecs) % USECS_PER_DAY


def _is_infinite_date(days: int) -> bool:
    return days in (DATE_INFINITY, DATE_MINUS_INFINITY)


def add_days(days: int, count: int) -> int:
    """date + integer.

    Raises:
        SqlError: 22008.
    """
    if _is_infinite_date(days):
        return days
    if not MIN_DATE <= days + count < MAX_DATE:
        raise SqlError("22008", "date out of range")
    return days + count


def subtract_dates(a: int, b: int) -> int:
    """date - date, in days.

    Raises:
        SqlError: 22008, one is infinite.
    """
    if _is_infinite_date(a) or _is_infinite_date(b):
        raise SqlError("22008", "cannot subtract infinite dates")
    return a - b


def date_to_timestamp(days: int) -> int:
    """The cast: midnight.

    Raises:
        SqlError: 22008.
    """
    if _is_infinite_date(days):
        return INFINITY if days > 0 else MINUS_INFINITY
    usecs = days * USECS_PER_DAY
    if usecs >= MAX_TIMESTAMP:
        raise SqlError("22008", "date out of range for timestamp")
    return usecs


def date_of(wall: int) -> int:
    """The cast of a timestamp to date."""
    if _is_infinite(wall):
        return DATE_INFINITY if wall > 0 else DATE_MINUS_INFINITY
    return wall // USECS_PER_DAY


def time_of(wall: int) -> int | None:
    """The cast of a timestamp to time; NULL of an infinite one."""
    return None if _is_infinite(wall) else wall % USECS_PER_DAY


def timetz_of(instant: int, zone: Zone) -> tuple[int, int] | None:
    """The cast of a timestamptz to timetz: the time in the zone and its offset; NULL of an infinite one."""
    if _is_infinite(instant):
        return None
    offset = zone.offset_at(instant // USECS_PER_SEC)
    return (instant + offset * USECS_PER_SEC) % USECS_PER_DAY, offset


def date_and_time(days: int, usecs: int, offset: int | None = None) -> int:
    """date + time, which is a timestamp; date + timetz, with the offset in seconds east, a timestamptz.

    Raises:
        SqlError: 22008.
    """
    midnight = date_to_timestamp(days)
    if _is_infinite(midnight):
        return midnight
    if offset is None:
        return _checked(midnight + usecs)
    instant = midnight + usecs - offset * USECS_PER_SEC
    if not MIN_TIMESTAMP <= instant < MAX_TIMESTAMP:
        raise SqlError("22008", "date out of range for timestamp")
    return instant


def interval_to_time(interval: Interval) -> int:
    """The cast: what is left of a day, counted forward."""
    return interval.usecs % USECS_PER_DAY


def from_epoch(seconds: float) -> int:
    """to_timestamp(float8): seconds since 1970.

    Raises:
        SqlError: 22008; 22023 for NaN.
    """
    if seconds != seconds:
        raise SqlError("22008", "timestamp cannot be NaN")
    if seconds in (float("inf"), float("-inf")):
        return INFINITY if seconds > 0 else MINUS_INFINITY
    since_2000 = seconds + UNIX_EPOCH_DAYS * 86_400
    if not MIN_TIMESTAMP <= since_2000 * 1e6 < MAX_TIMESTAMP:
        raise SqlError("22008", f'timestamp out of range: "{seconds:g}"')
    return _checked(round(since_2000 * USECS_PER_SEC))


def age(a: int, b: int) -> Interval:
    """age(timestamp, timestamp): years, months and days by the calendar.

    Raises:
        SqlError: 22008, one is infinite.
    """
    if _is_infinite(a) or _is_infinite(b):
        raise _timestamp_range()
    sign = 1
    if a < b:
        a, b, sign = b, a, -1
    (days_a, clock_a), (days_b, clock_b) = divmod(a, USECS_PER_DAY), divmod(b, USECS_PER_DAY)
    year_a, month_a, day_a = civil_from_days(days_a)
    year_b, month_b, day_b = civil_from_days(days_b)
    months, days, usecs = (year_a - year_b) * 12 + month_a - month_b, day_a - day_b, clock_a - clock_b
    if usecs < 0:
        usecs += USECS_PER_DAY
        days -= 1
    while days < 0:
        # the month that the earlier of the two lies in tells how long a month is
        days += days_in_month(year_b, month_b)
        months -= 1
    return Interval(sign * months, sign * days, sign * usecs)


def age_zoned(a: int, b: int, settings: Settings) -> Interval:
    """age(timestamptz, timestamptz), in the session's zone."""
    if _is_infinite(a) or _is_infinite(b):
        raise _timestamp_range()
    zone = settings.timezone
    return age(_local(a, zone), _local(b, zone))
