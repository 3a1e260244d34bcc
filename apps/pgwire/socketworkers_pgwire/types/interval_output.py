"""How intervals are written: PostgreSQL 15 documentation §8.5.5. Sans-IO."""

from __future__ import annotations

from .calendar import USECS_PER_SEC
from .settings import IntervalStyle

__all__ = ["interval_text"]


def interval_text(months: int, days: int, usecs: int, style: IntervalStyle = "postgres") -> str:
    """An interval in one of the four styles."""
    sign = -1 if months < 0 else 1
    year, month = sign * (abs(months) // 12), sign * (abs(months) % 12)
    match style:
        case "postgres":
            return _postgres(year, month, days, usecs)
        case "postgres_verbose":
            return _verbose(year, month, days, usecs)
        case "sql_standard":
            return _sql_standard(year, month, days, usecs)
        case "iso_8601":
            return _iso_8601(year, month, days, usecs)


def _clock(usecs: int) -> tuple[int, int, int, int]:
    """Hours, minutes, seconds and microseconds, all of them positive."""
    seconds, usecs = divmod(abs(usecs), USECS_PER_SEC)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return hours, minutes, seconds, usecs


def _seconds(seconds: int, usecs: int, width: int = 2) -> str:
    text = f"{seconds:0{width}d}"
    return f"{text}.{usecs:06d}".rstrip("0") if usecs else text


def _postgres(year: int, month: int, days: int, usecs: int) -> str:
    parts = []
    negative = False
    for value, name in ((year, "year"), (month, "mon"), (days, "day")):
        if value:
            parts.append(f"{'+' if negative and value > 0 else ''}{value} {name}{'' if value == 1 else 's'}")
            negative = value < 0
    if usecs or not parts:
        hours, minutes, seconds, rest = _clock(usecs)
        sign = "-" if usecs < 0 else "+" if negative else ""
        parts.append(f"{sign}{hours:02d}:{minutes:02d}:{_seconds(seconds, rest)}")
    return " ".join(parts)


def _verbose(year: int, month: int, days: int, usecs: int) -> str:
    hours, minutes, seconds, rest = _clock(usecs)
    sign = -1 if usecs < 0 else 1
    parts = ["@"]
    ago: bool | None = None
    fields = ((year, "year"), (month, "mon"), (days, "day"), (sign * hours, "hour"), (sign * minutes, "min"))
    for value, name in fields:
        if value:
            if ago is None:
                ago = value < 0
            shown = -value if ago else value
            parts.append(f"{shown} {name}{'' if shown == 1 else 's'}")
    if seconds or rest:
        if ago is None:
            ago = usecs < 0
        shown_sign = "-" if ago != (usecs < 0) else ""
        parts.append(f"{shown_sign}{_seconds(seconds, rest, 1)} sec{'' if seconds == 1 and not rest else 's'}")
    if ago is None:
        return "@ 0"
    return " ".join(parts) + (" ago" if ago else "")


def _sql_standard(year: int, month: int, days: int, usecs: int) -> str:
    fields = (year, month, days, usecs)
    negative, positive = any(field < 0 for field in fields), any(field > 0 for field in fields)
    if not negative and not positive:
        return "0"
    year_month, day_time = bool(year or month), bool(days or usecs)
    hours, minutes, seconds, rest = _clock(usecs)
    clock = f"{hours}:{minutes:02d}:{_seconds(seconds, rest)}"
    if (negative and positive) or (year_month and day_time):
        year_sign = "-" if year < 0 or month < 0 else "+"
        day_sign, clock_sign = "-" if days < 0 else "+", "-" if usecs < 0 else "+"
        return f"{year_sign}{abs(year)}-{abs(month)} {day_sign}{abs(days)} {clock_sign}{clock}"
    sign = "-" if negative else ""
    if year_month:
        return f"{sign}{abs(year)}-{abs(month)}"
    return f"{sign}{abs(days)} {clock}" if days else f"{sign}{clock}"


def _iso_8601(year: int, month: int, days: int, usecs: int) -> str:
    if not (year or month or days or usecs):
        return "PT0S"
    text = "P" + "".join(f"{value}{unit}" for value, unit in ((year, "Y"), (month, "M"), (days, "D")) if value)
    if usecs:
        hours, minutes, seconds, rest = _clock(usecs)
        sign = "-" if usecs < 0 else ""
        text += "T" + (f"{sign}{hours}H" if hours else "") + (f"{sign}{minutes}M" if minutes else "")
        if seconds or rest:
            text += f"{sign}{_seconds(seconds, rest, 1)}S"
    return text
