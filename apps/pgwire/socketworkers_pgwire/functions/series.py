"""generate_series(): PostgreSQL 15 documentation §9.25. The rows are made as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ..types import Interval
from ..types import datetime_math as dm
from ..types import numeric_math as nm
from ..types.errors import invalid_parameter
from ..types.numeric import numeric_text
from .context import Execution
from .kinds import interval_of, store_interval
from .registry import rows

__all__: list[str] = []


def _integers(limit: int, start: int, stop: int, step: int) -> Iterator[tuple[int]]:
    if not step:
        raise invalid_parameter("step size cannot equal zero")
    # a step beyond the type ends it
    stop = min(stop, limit) if step > 0 else max(stop, -limit - 1)
    return ((value,) for value in range(start, stop + (1 if step > 0 else -1), step))


@rows("generate_series(integer,integer)", "generate_series(integer,integer,integer)")
def _series4(start: int, stop: int, step: int = 1) -> Iterator[tuple[int]]:
    return _integers((1 << 31) - 1, start, stop, step)


@rows("generate_series(bigint,bigint)", "generate_series(bigint,bigint,bigint)")
def _series8(start: int, stop: int, step: int = 1) -> Iterator[tuple[int]]:
    return _integers((1 << 63) - 1, start, stop, step)


@rows("generate_series(numeric,numeric)", "generate_series(numeric,numeric,numeric)")
def _series_numeric(start: str, stop: str, step: str = "1") -> Iterator[tuple[str]]:
    first, last, by = Decimal(start), Decimal(stop), Decimal(step)
    for name, value in (("start", first), ("stop", last), ("step", by)):
        if not value.is_finite():
            word = "size" if name == "step" else "value"
            shown = "NaN" if value.is_nan() else "infinity"
            raise invalid_parameter(f"{name} {word} cannot be {shown}")
    if not by:
        raise invalid_parameter("step size cannot equal zero")
    return _decimals(first, last, by)


def _decimals(value: Decimal, last: Decimal, by: Decimal) -> Iterator[tuple[str]]:
    while value <= last if by > 0 else value >= last:
        yield (numeric_text(value),)
        value = nm.add(value, by)


def _positive(step: bytes) -> bool:
    zero = store_interval(Interval(0, 0, 0))
    if step[:12] == zero[:12]:
        raise invalid_parameter("step size cannot equal zero")
    return step > zero


@rows("generate_series(timestamp without time zone,timestamp without time zone,interval)")
def _series_wall(start: int, stop: int, step: bytes) -> Iterator[tuple[int]]:
    forward = _positive(step)
    by = interval_of(step)
    return _walls(start, stop, by, forward)


def _walls(value: int, stop: int, by: Interval, forward: bool) -> Iterator[tuple[int]]:
    while value <= stop if forward else value >= stop:
        yield (value,)
        value = dm.add_interval(value, by)


@rows("generate_series(timestamp with time zone,timestamp with time zone,interval)", context=True)
def _series_zoned(execution: Execution, start: int, stop: int, step: bytes) -> Iterator[tuple[int]]:
    forward = _positive(step)
    by, zone = interval_of(step), execution.settings.timezone
    value = start
    while value <= stop if forward else value >= stop:
        yield (value,)
        value = dm.add_interval_zoned(value, by, zone)
