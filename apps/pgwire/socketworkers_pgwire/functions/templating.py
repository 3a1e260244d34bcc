"""to_char(), to_date(), to_timestamp() and to_number(): PostgreSQL 15 documentation §9.8."""

from __future__ import annotations

from decimal import Decimal

from ..types import datetime_math as dm
from ..types.calendar import INFINITY, MINUS_INFINITY, USECS_PER_SEC
from ..types.integers import INT4, INT8
from .context import Execution
from .kinds import interval_of
from .registry import scalar
from .templates import date_of_text, interval_text, moment_text, number_of_text, number_text, timestamp_of_text

__all__: list[str] = []


@scalar("to_char(timestamp without time zone,text)")
def _wall_text(wall: int, text: str) -> str | None:
    return None if wall in (INFINITY, MINUS_INFINITY) or not text else moment_text(wall, text)


@scalar("to_char(timestamp with time zone,text)", context=True)
def _zoned_text(execution: Execution, instant: int, text: str) -> str | None:
    if instant in (INFINITY, MINUS_INFINITY) or not text:
        return None
    zone = execution.settings.timezone
    seconds = instant // USECS_PER_SEC
    wall = dm.local_of(instant, zone)
    return moment_text(wall, text, zone.abbreviation_at(seconds), zone.offset_at(seconds))


@scalar("to_char(interval,text)")
def _interval_text(interval: bytes, text: str) -> str | None:
    return interval_text(interval_of(interval), text) if text else None


scalar("to_char(integer,text)")(lambda value, text: number_text(value, text, kind=INT4))
scalar("to_char(bigint,text)")(lambda value, text: number_text(value, text, kind=INT8))
scalar("to_char(numeric,text)")(lambda value, text: number_text(Decimal(value), text))
scalar("to_char(real,text)")(lambda value, text: number_text(value, text, digits=6))
scalar("to_char(double precision,text)")(lambda value, text: number_text(value, text, digits=15))
scalar("to_number(text,text)")(number_of_text)
scalar("to_date(text,text)")(date_of_text)


@scalar("to_timestamp(text,text)", context=True)
def _to_timestamp(execution: Execution, source: str, text: str) -> int:
    return timestamp_of_text(source, text, execution.settings.timezone)
