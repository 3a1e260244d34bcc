"""Arithmetic of intervals: PostgreSQL 15 documentation §9.9, table 9.31. Sans-IO."""

from __future__ import annotations

import math

from .calendar import USECS_PER_DAY, USECS_PER_SEC
from .errors import SqlError, division_by_zero
from .interval import Interval

__all__ = [
    "add",
    "divide",
    "justify",
    "justify_days",
    "justify_hours",
    "multiply",
    "negate",
    "subtract",
]

_DAYS_PER_MONTH = 30
_SECS_PER_DAY = 86_400


def _out_of_range() -> SqlError:
    return SqlError("22008", "interval out of range")


def _checked(months: int, days: int, usecs: int) -> Interval:
    if not (-1 << 31 <= months < 1 << 31 and -1 << 31 <= days < 1 << 31 and -1 << 63 <= usecs < 1 << 63):
        raise _out_of_range()
    return Interval(months, days, usecs)


def add(a: Interval, b: Interval) -> Interval:
    """`a + b`, or 22008."""
    return _checked(a.months + b.months, a.days + b.days, a.usecs + b.usecs)


def subtract(a: Interval, b: Interval) -> Interval:
    """`a - b`, or 22008."""
    return _checked(a.months - b.months, a.days - b.days, a.usecs - b.usecs)


def negate(a: Interval) -> Interval:
    """`-a`, or 22008."""
    return _checked(-a.months, -a.days, -a.usecs)


def multiply(a: Interval, factor: float) -> Interval:
    """`a * factor`: what is left of months goes to days, of days to the time."""
    return _scaled(a, a.months * factor, a.days * factor, a.usecs * factor)


def divide(a: Interval, divisor: float) -> Interval:
    """`a / divisor`; 22012 for zero."""
    if divisor == 0:
        raise division_by_zero()
    return _scaled(a, a.months / divisor, a.days / divisor, a.usecs / divisor)


def _scaled(a: Interval, months: float, days: float, usecs: float) -> Interval:
    for part in (months, days):
        if not -(2.0**31) <= part <= 2.0**31 - 1:  # not NaN either
            raise _out_of_range()
    whole_months, whole_days = int(months), int(days)
    rest_days = _rounded((months - whole_months) * _DAYS_PER_MONTH)
    rest_secs = _rounded((days - whole_days + rest_days - int(rest_days)) * _SECS_PER_DAY)
    if abs(rest_secs) >= _SECS_PER_DAY:
        carried = int(rest_secs / _SECS_PER_DAY)
        whole_days += carried
        rest_secs -= carried * _SECS_PER_DAY
    whole_days += int(rest_days)
    total = usecs + rest_secs * USECS_PER_SEC
    if not math.isfinite(total):
        raise _out_of_range()
    return _checked(whole_months, whole_days, round(total))


def _rounded(value: float) -> float:
    """To microseconds, as far as PostgreSQL takes a rest to be meant."""
    return float(round(value * 1e6)) / 1e6


def _split(value: int, step: int) -> tuple[int, int]:
    """Quotient toward zero and rest."""
    quotient = abs(value) // step
    if value < 0:
        quotient = -quotient
    return quotient, value - quotient * step


def justify_hours(a: Interval) -> Interval:
    """justify_hours(): 24 hours are a day, and time has the sign of days."""
    more, usecs = _split(a.usecs, USECS_PER_DAY)
    days = a.days + more
    if days > 0 > usecs:
        days, usecs = days - 1, usecs + USECS_PER_DAY
    elif days < 0 < usecs:
        days, usecs = days + 1, usecs - USECS_PER_DAY
    return _checked(a.months, days, usecs)


def justify_days(a: Interval) -> Interval:
    """justify_days(): 30 days are a month, and days have the sign of months."""
    more, days = _split(a.days, _DAYS_PER_MONTH)
    months = a.months + more
    if months > 0 > days:
        months, days = months - 1, days + _DAYS_PER_MONTH
    elif months < 0 < days:
        months, days = months + 1, days - _DAYS_PER_MONTH
    return _checked(months, days, a.usecs)


def justify(a: Interval) -> Interval:
    """justify_interval(): both, and all of one sign."""
    more, usecs = _split(a.usecs, USECS_PER_DAY)
    days = a.days + more
    more, days = _split(days, _DAYS_PER_MONTH)
    months = a.months + more
    if months > 0 and (days < 0 or (days == 0 and usecs < 0)):
        months, days = months - 1, days + _DAYS_PER_MONTH
    elif months < 0 and (days > 0 or (days == 0 and usecs > 0)):
        months, days = months + 1, days - _DAYS_PER_MONTH
    if days > 0 > usecs:
        days, usecs = days - 1, usecs + USECS_PER_DAY
    elif days < 0 < usecs:
        days, usecs = days + 1, usecs - USECS_PER_DAY
    return _checked(months, days, usecs)
