"""Dates, times and intervals: PostgreSQL 15 documentation §9.9, operators (table 9.31) and casts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..types import Interval
from ..types import datetime_math as dm
from ..types import interval_math as im
from ..types.calendar import DATE_INFINITY, DATE_MINUS_INFINITY, INFINITY, MINUS_INFINITY, USECS_PER_SEC
from ..types.errors import SqlError
from ..types.time import pack_timetz, unpack_timetz
from .context import Execution
from .kinds import float_of, interval_of, store_interval
from .registry import scalar

__all__: list[str] = []

_WALL, _ZONED = "timestamp without time zone", "timestamp with time zone"
_TIME, _TIMETZ = "time without time zone", "time with time zone"


def _intervals(function: Callable[..., Interval]) -> Callable[..., bytes]:
    return lambda *arguments: store_interval(function(*map(interval_of, arguments)))


scalar("interval_pl(interval,interval)")(_intervals(im.add))
scalar("interval_mi(interval,interval)")(_intervals(im.subtract))
scalar("interval_um(interval)")(_intervals(im.negate))
scalar("justify_hours(interval)")(_intervals(im.justify_hours))
scalar("justify_days(interval)")(_intervals(im.justify_days))
scalar("justify_interval(interval)")(_intervals(im.justify))


@scalar("interval_mul(interval,double precision)")
def _multiply(interval: bytes, factor: float | str) -> bytes:
    return store_interval(im.multiply(interval_of(interval), float_of(factor)))


@scalar("mul_d_interval(double precision,interval)")
def _multiplied(factor: float | str, interval: bytes) -> bytes:
    return store_interval(im.multiply(interval_of(interval), float_of(factor)))


@scalar("interval_div(interval,double precision)")
def _divide(interval: bytes, divisor: float | str) -> bytes:
    return store_interval(im.divide(interval_of(interval), float_of(divisor)))


# timestamps


@scalar(f"timestamp_pl_interval({_WALL},interval)")
def _wall_plus(wall: int, interval: bytes) -> int:
    return dm.add_interval(wall, interval_of(interval))


@scalar(f"interval_pl_timestamp(interval,{_WALL})")
def _plus_wall(interval: bytes, wall: int) -> int:
    return dm.add_interval(wall, interval_of(interval))


@scalar(f"timestamp_mi_interval({_WALL},interval)")
def _wall_minus(wall: int, interval: bytes) -> int:
    return dm.subtract_interval(wall, interval_of(interval))


@scalar(f"timestamptz_pl_interval({_ZONED},interval)", context=True)
def _zoned_plus(execution: Execution, instant: int, interval: bytes) -> int:
    return dm.add_interval_zoned(instant, interval_of(interval), execution.settings.timezone)


@scalar(f"interval_pl_timestamptz(interval,{_ZONED})", context=True)
def _plus_zoned(execution: Execution, interval: bytes, instant: int) -> int:
    return dm.add_interval_zoned(instant, interval_of(interval), execution.settings.timezone)


@scalar(f"timestamptz_mi_interval({_ZONED},interval)", context=True)
def _zoned_minus(execution: Execution, instant: int, interval: bytes) -> int:
    return dm.subtract_interval_zoned(instant, interval_of(interval), execution.settings.timezone)


@scalar(f"timestamp_mi({_WALL},{_WALL})", f"timestamptz_mi({_ZONED},{_ZONED})")
def _difference(a: int, b: int) -> bytes:
    return store_interval(dm.subtract_timestamps(a, b))


# dates


scalar("date_pli(date,integer)")(dm.add_days)
scalar("integer_pl_date(integer,date)")(lambda count, days: dm.add_days(days, count))
scalar("date_mii(date,integer)")(lambda days, count: dm.add_days(days, -count))
scalar("date_mi(date,date)")(dm.subtract_dates)
scalar(f"datetime_pl(date,{_TIME})", f'"timestamp"(date,{_TIME})')(dm.date_and_time)
scalar(f"timedate_pl({_TIME},date)")(lambda usecs, days: dm.date_and_time(days, usecs))


@scalar("date_pl_interval(date,interval)")
def _date_plus(days: int, interval: bytes) -> int:
    return dm.add_interval(dm.date_to_timestamp(days), interval_of(interval))


@scalar("interval_pl_date(interval,date)")
def _plus_date(interval: bytes, days: int) -> int:
    return _date_plus(days, interval)


@scalar("date_mi_interval(date,interval)")
def _date_minus(days: int, interval: bytes) -> int:
    return dm.subtract_interval(dm.date_to_timestamp(days), interval_of(interval))


@scalar(f"datetimetz_pl(date,{_TIMETZ})", f"timestamptz(date,{_TIMETZ})")
def _date_and_timetz(days: int, timetz: int) -> int:
    return dm.date_and_time(days, *unpack_timetz(timetz))


@scalar(f"timetzdate_pl({_TIMETZ},date)")
def _timetz_and_date(timetz: int, days: int) -> int:
    return dm.date_and_time(days, *unpack_timetz(timetz))


# times


@scalar(f"time_pl_interval({_TIME},interval)")
def _time_plus(usecs: int, interval: bytes) -> int:
    return dm.add_to_time(usecs, interval_of(interval))


@scalar(f"interval_pl_time(interval,{_TIME})")
def _plus_time(interval: bytes, usecs: int) -> int:
    return dm.add_to_time(usecs, interval_of(interval))


def _backward(interval: bytes) -> Interval:
    return Interval(0, 0, -interval_of(interval).usecs)


@scalar(f"time_mi_interval({_TIME},interval)")
def _time_minus(usecs: int, interval: bytes) -> int:
    return dm.add_to_time(usecs, _backward(interval))


@scalar(f"time_mi_time({_TIME},{_TIME})")
def _time_difference(a: int, b: int) -> bytes:
    return store_interval(Interval(0, 0, a - b))


@scalar(f"timetz_pl_interval({_TIMETZ},interval)")
def _timetz_plus(timetz: int, interval: bytes) -> int:
    usecs, offset = unpack_timetz(timetz)
    return pack_timetz(dm.add_to_time(usecs, interval_of(interval)), offset)


@scalar(f"interval_pl_timetz(interval,{_TIMETZ})")
def _plus_timetz(interval: bytes, timetz: int) -> int:
    return _timetz_plus(timetz, interval)


@scalar(f"timetz_mi_interval({_TIMETZ},interval)")
def _timetz_minus(timetz: int, interval: bytes) -> int:
    usecs, offset = unpack_timetz(timetz)
    return pack_timetz(dm.add_to_time(usecs, _backward(interval)), offset)


# casts

scalar('"timestamp"(date)')(dm.date_to_timestamp)
scalar(f"date({_WALL})")(dm.date_of)
scalar(f'"time"({_WALL})')(dm.time_of)
scalar(f'"time"({_TIMETZ})')(lambda timetz: unpack_timetz(timetz)[0])
scalar('"time"(interval)')(lambda interval: dm.interval_to_time(interval_of(interval)))
scalar(f'"interval"({_TIME})')(lambda usecs: store_interval(Interval(0, 0, usecs)))


@scalar(f'"timestamp"({_ZONED})', context=True)
def _wall_of(execution: Execution, instant: int) -> int:
    return dm.local_of(instant, execution.settings.timezone)


@scalar(f"timestamptz({_WALL})", context=True)
def _instant_of(execution: Execution, wall: int) -> int:
    return dm.at_zone(wall, execution.settings.timezone)


@scalar("timestamptz(date)", context=True)
def _instant_of_date(execution: Execution, days: int) -> int:
    return dm.at_zone(dm.date_to_timestamp(days), execution.settings.timezone)


@scalar(f"timestamptz(date,{_TIME})", context=True)
def _instant_of_date_and_time(execution: Execution, days: int, usecs: int) -> int:
    return dm.at_zone(dm.date_and_time(days, usecs), execution.settings.timezone)


@scalar(f"date({_ZONED})", context=True)
def _date_of(execution: Execution, instant: int) -> int:
    return dm.date_of(dm.local_of(instant, execution.settings.timezone))


@scalar(f'"time"({_ZONED})', context=True)
def _time_of(execution: Execution, instant: int) -> int | None:
    return dm.time_of(dm.local_of(instant, execution.settings.timezone))


@scalar(f"timetz({_ZONED})", context=True)
def _timetz_of(execution: Execution, instant: int) -> int | None:
    found = dm.timetz_of(instant, execution.settings.timezone)
    return None if found is None else pack_timetz(*found)


@scalar(f"timetz({_TIME})", context=True)
def _timetz_of_time(execution: Execution, usecs: int) -> int:
    """With the offset that the zone has today at that time."""
    settings = execution.settings
    today = dm.date_of(dm.local_of(settings.now, settings.timezone))
    wall = dm.date_and_time(today, usecs)
    return pack_timetz(usecs, settings.timezone.offset_of(wall // USECS_PER_SEC))


# isfinite

scalar("isfinite(date)")(lambda days: int(days not in (DATE_INFINITY, DATE_MINUS_INFINITY)))
scalar(f"isfinite({_WALL})", f"isfinite({_ZONED})")(lambda usecs: int(usecs not in (INFINITY, MINUS_INFINITY)))
scalar("isfinite(interval)")(lambda interval: 1)


# OVERLAPS: any end may be missing


def _overlaps(start: Any, end: Any, other_start: Any, other_end: Any) -> int | None:
    first, second = _ordered(start, end), _ordered(other_start, other_end)
    if first is None or second is None:
        return None
    (start, end), (other_start, other_end) = first, second
    if start == other_start:
        return None if end is None or other_end is None else 1
    if start > other_start:
        start, end, other_start, other_end = other_start, other_end, start, end
    # the one that begins first must end behind the beginning of the other
    if end is None:
        return None
    if other_start < end:
        return 1
    return None if other_end is None else 0


def _ordered(start: Any, end: Any) -> tuple[Any, Any] | None:
    if start is None:
        return None if end is None else (end, None)
    return (start, end) if end is None or start <= end else (end, start)


for _name in (_WALL, _ZONED, _TIME, _TIMETZ):
    scalar(f'"overlaps"({_name},{_name},{_name},{_name})')(_overlaps)


def _with_intervals(
    add: Callable[[Execution, Any, bytes], Any], first: bool, second: bool
) -> Callable[..., int | None]:
    def overlaps(execution: Execution, start: Any, end: Any, other_start: Any, other_end: Any) -> int | None:
        if first:
            end = None if start is None or end is None else add(execution, start, end)
        if second:
            other_end = None if other_start is None or other_end is None else add(execution, other_start, other_end)
        return _overlaps(start, end, other_start, other_end)

    return overlaps


for _name, _add in (
    (_WALL, lambda execution, wall, interval: _wall_plus(wall, interval)),
    (_ZONED, _zoned_plus),
    (_TIME, lambda execution, usecs, interval: _time_plus(usecs, interval)),
):
    for _first, _second in ((True, True), (True, False), (False, True)):
        _types = (_name, "interval" if _first else _name, _name, "interval" if _second else _name)
        scalar(f'"overlaps"({",".join(_types)})', context=True)(_with_intervals(_add, _first, _second))


# frames of windows


def _check_distance(negative: bool) -> None:
    if negative:
        raise SqlError("22013", "invalid preceding or following size in window function")


def _is_negative(interval: bytes) -> bool:
    return interval < store_interval(Interval(0, 0, 0)) and interval_of(interval) != (0, 0, 0)


def _within(value: Any, end: Any, less: int) -> int:
    return int(value <= end if less else value >= end)


@scalar(f"in_range({_WALL},{_WALL},interval,boolean,boolean)")
def _in_range(value: int, start: int, distance: bytes, subtract: int, less: int) -> int:
    _check_distance(_is_negative(distance))
    return _within(value, _wall_minus(start, distance) if subtract else _wall_plus(start, distance), less)


@scalar("in_range(date,date,interval,boolean,boolean)")
def _in_range_date(value: int, start: int, distance: bytes, subtract: int, less: int) -> int:
    result: int = _in_range(dm.date_to_timestamp(value), dm.date_to_timestamp(start), distance, subtract, less)
    return result


@scalar(f"in_range({_ZONED},{_ZONED},interval,boolean,boolean)", context=True)
def _in_range_zoned(execution: Execution, value: int, start: int, distance: bytes, subtract: int, less: int) -> int:
    _check_distance(_is_negative(distance))
    move = _zoned_minus if subtract else _zoned_plus
    return _within(value, move(execution, start, distance), less)


@scalar("in_range(interval,interval,interval,boolean,boolean)")
def _in_range_interval(value: bytes, start: bytes, distance: bytes, subtract: int, less: int) -> int:
    _check_distance(_is_negative(distance))
    move = im.subtract if subtract else im.add
    end = store_interval(move(interval_of(start), interval_of(distance)))
    return _within(value[:12], end[:12], less)


@scalar(f"in_range({_TIME},{_TIME},interval,boolean,boolean)")
def _in_range_time(value: int, start: int, distance: bytes, subtract: int, less: int) -> int:
    usecs = interval_of(distance).usecs
    _check_distance(usecs < 0)
    return _within(value, start - usecs if subtract else start + usecs, less)


@scalar(f"in_range({_TIMETZ},{_TIMETZ},interval,boolean,boolean)")
def _in_range_timetz(value: int, start: int, distance: bytes, subtract: int, less: int) -> int:
    usecs = interval_of(distance).usecs
    _check_distance(usecs < 0)
    there, offset = unpack_timetz(start)
    return _within(value, pack_timetz(there - usecs if subtract else there + usecs, offset), less)
