"""Operators and functions that are compared with PostgreSQL: the statement, types, and ours on storage forms."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from socketworkers_pgwire.types import BY_NAME, AnyType, Interval
from socketworkers_pgwire.types import datetime_math as dm
from socketworkers_pgwire.types import interval_math as im
from socketworkers_pgwire.types import json_operators as jo
from socketworkers_pgwire.types import numeric_math as nm
from socketworkers_pgwire.types.datetime_units import (
    extract_date,
    extract_interval,
    extract_time,
    extract_timestamp,
    truncate_interval,
    truncate_timestamp,
)
from socketworkers_pgwire.types.floats import FLOAT4, FLOAT8
from socketworkers_pgwire.types.integers import INT2, INT4, INT8

__all__ = ["KINDS", "OPERATIONS", "Operation", "Zoned", "argument_type"]


def _path(stored: str) -> list[str | None]:
    found: list[str | None] = BY_NAME["_text"].load(stored).items
    return found


class Zoned:
    """Marks a function that takes the session's settings first."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function


#: types of the parameters, type of the result, and the function
Operation = tuple[tuple[str, ...], str, Callable[..., Any] | Zoned]
#: kinds of parameters that are no types: the type, and the texts, or how they are made
KINDS: dict[str, tuple[str, tuple[str, ...] | Callable[[random.Random], str]]] = {
    "small_numeric": (
        "numeric",
        lambda rng: f"{rng.choice(('', '', '', '-'))}{rng.randint(0, 10 ** rng.randint(0, 6))}.{rng.randint(0, 999)}",
    ),
    "tiny_numeric": (
        "numeric",
        lambda rng: (
            f"{rng.choice(('', '', '-'))}{rng.randint(0, rng.choice((3, 40, 90)))}"
            f"{rng.choice(('', '', '.5', f'.{rng.randint(0, 999)}'))}"
        ),
    ),
    "small_int": ("int4", lambda rng: str(rng.randint(-5, 12))),
    "small_float": (
        "float8",
        lambda rng: rng.choice(
            (
                "0",
                "NaN",
                "1e300",
                "2",
                "0.5",
                "1e-5",
                f"{rng.uniform(-9, 9):.{rng.randint(0, 9)}f}",
                f"{rng.uniform(-9, 9):.{rng.randint(0, 9)}f}",
            )
        ),
    ),
    "epoch": (
        "float8",
        lambda rng: rng.choice(
            (
                "NaN",
                "Infinity",
                "-Infinity",
                "1e30",
                "0",
                f"{rng.uniform(-1e11, 1e11):.7f}",
                f"{rng.uniform(0, 2e9):.6f}",
            )
        ),
    ),
    "key": ("text", ("a", "b", "bb", "", "é", "ccc", "d.e", "0", "1", "nosuch")),
    "path": (
        "_text",
        (
            "{}",
            "{a}",
            "{a,b}",
            "{b,0}",
            "{0}",
            "{-1}",
            "{1,a}",
            "{0,0}",
            "{bb}",
            "{9}",
            "{-9}",
            "{x}",
            "{a,x}",
            "{ccc,1,a}",
            "{NULL}",
            "{a,NULL}",
            '{""}',
            "{é}",
            "{0,-1}",
        ),
    ),
    "unit": (
        "text",
        (
            "microseconds",
            "milliseconds",
            "second",
            "minute",
            "hour",
            "day",
            "week",
            "month",
            "quarter",
            "year",
            "decade",
            "century",
            "millennium",
            "DAY",
            "d",
            "y",
            "mon",
            "dow",
            "epoch",
            "timezone",
            "fortnight",
            "",
            "julian",
        ),
    ),
    "zone_name": (
        "text",
        (
            "UTC",
            "America/New_York",
            "europe/london",
            "PST",
            "pdt",
            "MSK",
            "Asia/Kathmandu",
            "EST5EDT",
            "<+03>-3",
            "Nowhere",
            "IST",
            "z",
            "+02",
            "UTC+3",
        ),
    ),
}


def argument_type(name: str) -> AnyType:
    """The type of a parameter."""
    return BY_NAME[KINDS[name][0] if name in KINDS else name]


OPERATIONS: dict[str, Operation] = {}
_function: Callable[..., Any]


def _add(sql: str, types: str, result: str, function: Callable[..., Any] | Zoned) -> None:
    names = types.split()
    for number, name in enumerate(names, 1):
        sql = sql.replace(f"${number}", f"${number}::{KINDS[name][0] if name in KINDS else name}")
    OPERATIONS[sql] = tuple(names), result, function


for _kind in (INT2, INT4, INT8):
    for _sql, _name in (("+", "add"), ("-", "subtract"), ("*", "multiply"), ("/", "divide"), ("%", "modulo")):
        _add(f"$1 {_sql} $2", f"{_kind.typname} {_kind.typname}", _kind.typname, getattr(_kind, _name))
    _add("- $1", _kind.typname, _kind.typname, _kind.negate)
    _add("abs($1)", _kind.typname, _kind.typname, _kind.absolute)
for _float in (FLOAT4, FLOAT8):
    for _sql, _name in (("+", "add"), ("-", "subtract"), ("*", "multiply"), ("/", "divide")):
        _add(f"$1 {_sql} $2", f"{_float.typname} {_float.typname}", _float.typname, getattr(_float, _name))
    _add(
        "$1::numeric",
        _float.typname,
        "numeric",
        lambda a, digits=6 if _float is FLOAT4 else 15: nm.from_float(a, digits),
    )
    for _kind in (INT2, INT4, INT8):
        _add(
            f"$1::{_kind.typname}",
            _float.typname,
            _kind.typname,
            lambda a, f=_float, k=_kind: f.to_integer(a, k.maximum, k.name),
        )
for _sql, _function in (
    ("$1 + $2", nm.add),
    ("$1 - $2", nm.subtract),
    ("$1 * $2", nm.multiply),
    ("$1 / $2", nm.divide),
    ("$1 % $2", nm.modulo),
    ("div($1, $2)", nm.integer_divide),
):
    _add(_sql, "numeric numeric", "numeric", _function)
_add("$1 ^ $2", "small_numeric tiny_numeric", "numeric", nm.power)
_add("log($1, $2)", "small_numeric small_numeric", "numeric", nm.log)
for _sql, _function in (
    ("- $1", nm.negate),
    ("abs($1)", nm.absolute),
    ("sign($1)", nm.sign),
    ("ceil($1)", nm.ceiling),
    ("floor($1)", nm.floor),
    ("trim_scale($1)", nm.trim_scale),
    ("sqrt($1)", nm.sqrt),
    ("ln($1)", nm.ln),
):
    _add(_sql, "numeric", "numeric", _function)
_add("exp($1)", "tiny_numeric", "numeric", nm.exp)
_add("round($1, $2)", "numeric small_int", "numeric", nm.round_to)
_add("trunc($1, $2)", "numeric small_int", "numeric", nm.truncate)
for _bits, _kind in ((16, INT2), (32, INT4), (64, INT8)):
    _add(f"$1::{_kind.typname}", "numeric", _kind.typname, lambda a, b=_bits, k=_kind: nm.to_integer(a, b, k.name))


def _zoned(sql: str, types: str, result: str, function: Callable[..., Any]) -> None:
    _add(sql, types, result, Zoned(function))


_add("$1 + $2", "interval interval", "interval", im.add)
_add("$1 - $2", "interval interval", "interval", im.subtract)
_add("- $1", "interval", "interval", im.negate)
_add("$1 * $2", "interval small_float", "interval", im.multiply)
_add("$1 / $2", "interval small_float", "interval", im.divide)
_add("justify_hours($1)", "interval", "interval", im.justify_hours)
_add("justify_days($1)", "interval", "interval", im.justify_days)
_add("justify_interval($1)", "interval", "interval", im.justify)
_add("$1 + $2", "timestamp interval", "timestamp", dm.add_interval)
_add("$1 - $2", "timestamp interval", "timestamp", dm.subtract_interval)
_add("$1 - $2", "timestamp timestamp", "interval", dm.subtract_timestamps)
_add("age($1, $2)", "timestamp timestamp", "interval", dm.age)
_zoned("$1 + $2", "timestamptz interval", "timestamptz", lambda s, a, b: dm.add_interval_zoned(a, b, s.timezone))
_zoned("$1 - $2", "timestamptz interval", "timestamptz", lambda s, a, b: dm.subtract_interval_zoned(a, b, s.timezone))
_add("$1 - $2", "timestamptz timestamptz", "interval", dm.subtract_timestamps)
_zoned("age($1, $2)", "timestamptz timestamptz", "interval", lambda s, a, b: dm.age_zoned(a, b, s))
_add("$1 + $2", "date int4", "date", dm.add_days)
_add("$1 - $2", "date date", "int4", dm.subtract_dates)
_add("$1 + $2", "date interval", "timestamp", lambda a, b: dm.add_interval(dm.date_to_timestamp(a), b))
_add("$1::timestamp", "date", "timestamp", dm.date_to_timestamp)
_add("$1::date", "timestamp", "date", dm.date_of)
_add("$1::time", "timestamp", "time", dm.time_of)
_zoned("$1::date", "timestamptz", "date", lambda s, a: dm.date_of(dm.local_of(a, s.timezone)))
_zoned("$1::timestamp", "timestamptz", "timestamp", lambda s, a: dm.local_of(a, s.timezone))
_zoned("$1::timestamptz", "timestamp", "timestamptz", lambda s, a: dm.at_zone(a, s.timezone))
_add("$1 + $2", "time interval", "time", dm.add_to_time)
_add("$1 + $2", "timetz interval", "timetz", lambda a, b: (dm.add_to_time(a[0], b), a[1]))
_zoned("$1::time", "timestamptz", "time", lambda s, a: dm.time_of(dm.local_of(a, s.timezone)))
_zoned("$1::timetz", "timestamptz", "timetz", lambda s, a: dm.timetz_of(a, s.timezone))
_add("$1 + $2", "date time", "timestamp", dm.date_and_time)
_add("$1 + $2", "date timetz", "timestamptz", lambda a, b: dm.date_and_time(a, *b))
_add("$1 - $2", "time time", "interval", lambda a, b: Interval(0, 0, a - b))
_add("$1::time", "interval", "time", dm.interval_to_time)
_add("to_timestamp($1)", "epoch", "timestamptz", dm.from_epoch)
_add(
    "timezone($2, $1)", "timestamp zone_name", "timestamptz", lambda a, b: dm.at_zone(a, dm.zone_named(b, a, wall=True))
)
_add(
    "timezone($2, $1)",
    "timestamptz zone_name",
    "timestamp",
    lambda a, b: dm.local_of(a, dm.zone_named(b, a, wall=False)),
)
_add("date_trunc($1, $2)", "unit timestamp", "timestamp", truncate_timestamp)
_zoned("date_trunc($1, $2)", "unit timestamptz", "timestamptz", lambda s, u, a: truncate_timestamp(u, a, s.timezone))
_add("date_trunc($1, $2)", "unit interval", "interval", truncate_interval)
_UNITS = [
    "microseconds",
    "milliseconds",
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "quarter",
    "year",
    "decade",
    "century",
    "millennium",
    "dow",
    "isodow",
    "doy",
    "isoyear",
    "julian",
    "epoch",
    "timezone",
    "timezone_hour",
    "timezone_minute",
    "fortnight",
]
for _unit in _UNITS:
    _add(f"extract({_unit} FROM $1)", "timestamp", "numeric", lambda a, u=_unit: extract_timestamp(u, a))
    _zoned(
        f"extract({_unit} FROM $1)", "timestamptz", "numeric", lambda s, a, u=_unit: extract_timestamp(u, a, s.timezone)
    )
    _add(f"extract({_unit} FROM $1)", "date", "numeric", lambda a, u=_unit: extract_date(u, a))
    _add(f"extract({_unit} FROM $1)", "time", "numeric", lambda a, u=_unit: extract_time(u, a))
    _add(f"extract({_unit} FROM $1)", "timetz", "numeric", lambda a, u=_unit: extract_time(u, *a))
    _add(f"extract({_unit} FROM $1)", "interval", "numeric", lambda a, u=_unit: extract_interval(u, a))


def _flag(function: Callable[..., bool]) -> Callable[..., int]:
    return lambda *arguments: int(function(*arguments))


# of json and jsonb the functions take texts, as they are stored
for _json in ("json", "jsonb"):
    _add("$1 -> $2", f"{_json} key", _json, jo.field)
    _add("$1 ->> $2", f"{_json} key", "text", lambda a, b: jo.as_text(jo.field(a, b)))
    _element = jo.element if _json == "json" else jo.jsonb_element
    _add("$1 -> $2", f"{_json} small_int", _json, _element)
    _add("$1 ->> $2", f"{_json} small_int", "text", lambda a, b, element=_element: jo.as_text(element(a, b)))
    _add("$1 #> $2", f"{_json} path", _json, lambda a, b: jo.extract_path(a, _path(b)))
    _add("$1 #>> $2", f"{_json} path", "text", lambda a, b: jo.as_text(jo.extract_path(a, _path(b))))
    _add(f"{_json}_typeof($1)", _json, "text", jo.type_of)
_add("$1 @> $2", "jsonb jsonb", "bool", _flag(jo.contains))
_add("$1 ? $2", "jsonb key", "bool", _flag(jo.exists))
_add("$1 ?| $2", "jsonb path", "bool", _flag(lambda a, b: jo.exists_any(a, _path(b))))
_add("$1 ?& $2", "jsonb path", "bool", _flag(lambda a, b: jo.exists_all(a, _path(b))))
_add("$1 || $2", "jsonb jsonb", "jsonb", jo.concatenate)
_add("$1 - $2", "jsonb key", "jsonb", lambda a, b: jo.delete_keys(a, [b]))
_add("$1 - $2", "jsonb path", "jsonb", lambda a, b: jo.delete_keys(a, _path(b)))
_add("$1 - $2", "jsonb small_int", "jsonb", jo.delete_index)
_add("$1 #- $2", "jsonb path", "jsonb", lambda a, b: jo.delete_path(a, _path(b)))
_add("jsonb_set($1, $2, $3)", "jsonb path jsonb", "jsonb", lambda a, b, c: jo.set_path(a, _path(b), c))
_add("jsonb_set($1, $2, $3, false)", "jsonb path jsonb", "jsonb", lambda a, b, c: jo.set_path(a, _path(b), c, False))
_add("jsonb_insert($1, $2, $3)", "jsonb path jsonb", "jsonb", lambda a, b, c: jo.insert_path(a, _path(b), c))
_add(
    "jsonb_insert($1, $2, $3, true)", "jsonb path jsonb", "jsonb", lambda a, b, c: jo.insert_path(a, _path(b), c, True)
)
_add("jsonb_strip_nulls($1)", "jsonb", "jsonb", jo.strip_nulls)
