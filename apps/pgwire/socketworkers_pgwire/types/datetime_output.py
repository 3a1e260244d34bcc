"""How dates, times and zones are written: PostgreSQL 15 documentation §8.5.2. Sans-IO."""

from __future__ import annotations

from .calendar import (
    USECS_PER_DAY,
    USECS_PER_SEC,
    civil_from_days,
)
from .settings import Settings

__all__ = ["clock_text", "date_text", "iso_date", "iso_timestamp", "timestamp_text", "zone_text"]

_FIRST_AD = -730_119  # 0001-01-01
_MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS = ("Sat", "Sun", "Mon", "Tue", "Wed", "Thu", "Fri")  # 2000-01-01 was a Saturday
_HOURS_MINUTES = tuple(f" {minute // 60:02d}:{minute % 60:02d}:" for minute in range(24 * 60 + 1))
_SECONDS = tuple(f"{second:02d}" for second in range(60))
_MAX_CACHED_DAYS = 16_384
_day_texts: dict[int, str] = {}


def iso_date(days: int) -> str:
    """yyyy-mm-dd of days since 2000-01-01, without the mark of years before Christ."""
    text = _day_texts.get(days)
    if text is None:
        year, month, day = civil_from_days(days)
        text = f"{year if year > 0 else 1 - year:04d}-{month:02d}-{day:02d}"
        if len(_day_texts) >= _MAX_CACHED_DAYS:
            _day_texts.clear()
        _day_texts[days] = text
    return text


def iso_timestamp(wall: int) -> str:
    """yyyy-mm-dd hh:mm:ss[.ffffff] of microseconds since 2000-01-01, without the mark of years before Christ."""
    days, rest = divmod(wall, USECS_PER_DAY)
    seconds, usecs = divmod(rest, USECS_PER_SEC)
    minutes, second = divmod(seconds, 60)
    text = (_day_texts.get(days) or iso_date(days)) + _HOURS_MINUTES[minutes] + _SECONDS[second]
    return f"{text}.{usecs:06d}".rstrip("0") if usecs else text


def clock_text(usecs: int) -> str:
    """hh:mm:ss[.ffffff] of microseconds since midnight."""
    seconds, usecs = divmod(usecs, USECS_PER_SEC)
    minutes, second = divmod(seconds, 60)
    text = _HOURS_MINUTES[minutes][1:] + _SECONDS[second]
    return f"{text}.{usecs:06d}".rstrip("0") if usecs else text


def zone_text(offset: int) -> str:
    """+hh[:mm[:ss]] of seconds east of Greenwich."""
    hours, rest = divmod(abs(offset), 3600)
    minutes, seconds = divmod(rest, 60)
    text = f"{'-' if offset < 0 else '+'}{hours:02d}"
    if rest:
        text += f":{minutes:02d}"
        if seconds:
            text += f":{seconds:02d}"
    return text


def date_text(days: int, settings: Settings) -> str:
    """A date in the session's style."""
    text = iso_date(days) if settings.datestyle == "ISO" else _other_date(days, settings)
    return text if days >= _FIRST_AD else text + " BC"


def _other_date(days: int, settings: Settings) -> str:
    year, month, day = civil_from_days(days)
    if year <= 0:
        year = 1 - year
    if settings.datestyle == "German":
        return f"{day:02d}.{month:02d}.{year:04d}"
    first, second = (day, month) if settings.dateorder == "DMY" else (month, day)
    return (
        f"{first:02d}/{second:02d}/{year:04d}"
        if settings.datestyle == "SQL"
        else f"{first:02d}-{second:02d}-{year:04d}"
    )


def timestamp_text(wall: int, settings: Settings, zoned: bool) -> str:
    """A timestamp in the session's style.

    Args:
        wall: microseconds since 2000-01-01; for a timestamptz in UTC.
        settings: style and zone.
        zoned: whether it is a timestamptz.
    """
    offset = instant = 0
    if zoned:
        instant = wall // USECS_PER_SEC
        offset = settings.timezone.offset_at(instant)
        wall += offset * USECS_PER_SEC
    era = "" if wall >= _FIRST_AD * USECS_PER_DAY else " BC"
    style = settings.datestyle
    if style == "ISO":
        return iso_timestamp(wall) + (zone_text(offset) if zoned else "") + era
    name = settings.timezone.abbreviation_at(instant) if zoned else ""
    days, usecs = divmod(wall, USECS_PER_DAY)
    clock = clock_text(usecs)
    if style != "Postgres":
        zone = (f" {name}" if name else zone_text(offset)) if zoned else ""
        return f"{_other_date(days, settings)} {clock}{zone}{era}"
    year, month, day = civil_from_days(days)
    first = f"{day:02d} {_MONTHS[month]}" if settings.dateorder == "DMY" else f"{_MONTHS[month]} {day:02d}"
    zone = f" {name or zone_text(offset)}" if zoned else ""
    return f"{_WEEKDAYS[days % 7]} {first} {clock} {year if year > 0 else 1 - year:04d}{zone}{era}"
