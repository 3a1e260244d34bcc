"""Days and clocks: the proleptic Gregorian calendar around 2000-01-01 (PostgreSQL documentation, B.7). Sans-IO."""

from __future__ import annotations

__all__ = [
    "DATE_INFINITY",
    "DATE_MINUS_INFINITY",
    "DAY_SECONDS",
    "EPOCH_JULIAN",
    "INFINITY",
    "MAX_DATE",
    "MAX_TIMESTAMP",
    "MINUS_INFINITY",
    "MIN_DATE",
    "MIN_TIMESTAMP",
    "UNIX_EPOCH_DAYS",
    "USECS_PER_DAY",
    "USECS_PER_HOUR",
    "USECS_PER_MINUTE",
    "USECS_PER_SEC",
    "civil_from_days",
    "days_from_civil",
    "days_in_month",
    "is_leap",
    "iso_week",
]

USECS_PER_SEC = 1_000_000
USECS_PER_MINUTE = 60 * USECS_PER_SEC
USECS_PER_HOUR = 60 * USECS_PER_MINUTE
USECS_PER_DAY = 24 * USECS_PER_HOUR
DAY_SECONDS = 86_400

EPOCH_JULIAN = 2_451_545  # the Julian day number of 2000-01-01
UNIX_EPOCH_DAYS = -10_957  # 1970-01-01

# §8.5, table 8.9; the upper ends are not reached
MIN_DATE = -EPOCH_JULIAN  # 4714-11-24 BC
MAX_DATE = 2_145_031_949  # 5874898-01-01
MIN_TIMESTAMP = -211_813_488_000_000_000
MAX_TIMESTAMP = 9_223_371_331_200_000_000  # 294277-01-01

DATE_INFINITY = (1 << 31) - 1
DATE_MINUS_INFINITY = -(1 << 31)
INFINITY = (1 << 63) - 1
MINUS_INFINITY = -(1 << 63)

_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_ERA_DAYS = 146_097  # 400 years
_TO_MARCH_0000 = 730_425  # days from 0000-03-01 to 2000-01-01


def is_leap(year: int) -> bool:
    """Whether the astronomical year (0 is 1 BC) has a 29th of February."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_in_month(year: int, month: int) -> int:
    """Length of a month of an astronomical year."""
    return 29 if month == 2 and is_leap(year) else _MONTH_DAYS[month - 1]


def days_from_civil(year: int, month: int, day: int) -> int:
    """Days since 2000-01-01; `day` may lie outside of the month, and is then counted on."""
    if month <= 2:
        year -= 1
        month += 12
    # years begin in March, so that the leap day is their last
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 1 - _TO_MARCH_0000


def civil_from_days(days: int) -> tuple[int, int, int]:
    """Astronomical year, month and day of a count of days since 2000-01-01."""
    era, rest = divmod(days + _TO_MARCH_0000, _ERA_DAYS)
    year = (rest - rest // 1460 + rest // 36_524 - rest // 146_096) // 365
    day_of_year = rest - (365 * year + year // 4 - year // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    year += era * 400
    return (year, month + 3, day) if month < 10 else (year + 1, month - 9, day)


def iso_week(days: int) -> tuple[int, int]:
    """ISO 8601 year and week."""
    thursday = days + 3 - (days + 5) % 7  # 2000-01-01 was a Saturday
    year = civil_from_days(thursday)[0]
    return year, (thursday - days_from_civil(year, 1, 1)) // 7 + 1
