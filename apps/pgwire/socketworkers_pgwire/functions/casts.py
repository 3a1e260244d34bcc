"""Casts between numbers, texts and booleans, and the functions that bring values to a modifier: §9.3, §8.3, §10.5.

The casts of dates and times stand with them.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ..types import numeric_math as nm
from ..types.base import AnyType
from ..types.errors import SqlError, invalid_parameter, out_of_range
from ..types.floats import FLOAT4, FLOAT8, to_float4
from ..types.integers import INT2, INT4, INT8, Integer
from ..types.interval import INTERVAL
from ..types.numeric import NUMERIC, numeric_text
from ..types.text import BPCHAR, CHAR, NAME, VARCHAR
from ..types.time import TIME, TIMETZ
from ..types.timestamp import TIMESTAMP, TIMESTAMPTZ
from .floats import overflow, underflow
from .kinds import same
from .registry import scalar

__all__: list[str] = []

_INTEGERS = (INT2, INT4, INT8)
_MAX_OID = (1 << 32) - 1


def _from_float(kind: Integer, source: str) -> Callable[[Any], int]:
    def cast(value: float | str) -> int:
        if isinstance(value, str):
            raise out_of_range(kind.name)
        return FLOAT8.to_integer(value, kind.maximum, kind.name)

    return cast


def _from_numeric(kind: Integer) -> Callable[[str], int]:
    return lambda text: nm.to_integer(Decimal(text), kind.typlen * 8, kind.name)


for _kind in _INTEGERS:
    for _other in _INTEGERS:
        if _other is not _kind:
            scalar(f"{_kind.typname}({_other.name})")(_kind.checked)
    for _source in ("real", "double precision"):
        scalar(f"{_kind.typname}({_source})")(_from_float(_kind, _source))
    scalar(f"{_kind.typname}(numeric)")(_from_numeric(_kind))
    scalar(f"float8({_kind.name})")(float)
    scalar(f"float4({_kind.name})")(
        lambda value: to_float4(float(value)) if abs(value) < 1 << 53 else _float4_of(value)
    )
    scalar(f'"numeric"({_kind.name})')(str)


def _float4_of(value: int) -> float:
    """One rounding only, of what a double does not hold."""
    result = FLOAT4.input(str(value))
    assert isinstance(result, float)
    return result


@scalar("float8(real)")
def _float8_of_float4(value: float | str) -> float | str:
    return value


@scalar("float4(double precision)")
def _float4_of_float8(value: float | str) -> float | str:
    if isinstance(value, str):
        return value
    result = to_float4(value)
    if result in (float("inf"), float("-inf")) and result != value:
        raise overflow()
    if not result and value:
        raise underflow()
    return result


def _float_of_numeric(kind: AnyType) -> Callable[[str], float | str]:
    def cast(text: str) -> float | str:
        value: float | str = kind.input(text)
        return value

    return cast


scalar("float8(numeric)")(_float_of_numeric(FLOAT8))
scalar("float4(numeric)")(_float_of_numeric(FLOAT4))


def _numeric_of_float(digits: int) -> Callable[[float | str], str]:
    return lambda value: "NaN" if isinstance(value, str) else numeric_text(nm.from_float(value, digits))


scalar('"numeric"(double precision)')(_numeric_of_float(15))
scalar('"numeric"(real)')(_numeric_of_float(6))


@scalar("int4(boolean)")
def _int4_of_bool(value: int) -> int:
    return int(value)


@scalar("bool(integer)")
def _bool_of_int4(value: int) -> int:
    return 1 if value else 0


@scalar("text(boolean)")
def _text_of_bool(value: int) -> str:
    return "true" if value else "false"


@scalar("oid(bigint)")
def _oid_of_int8(value: int) -> int:
    if 0 <= value <= _MAX_OID:
        return value
    raise SqlError("22003", "OID out of range")


scalar("int8(oid)")(same)


@scalar("xid(xid8)")
def _xid_of_xid8(value: int) -> int:
    return value & _MAX_OID


# "char" is a byte with a sign


@scalar('int4("char")')
def _int4_of_char(value: str) -> int:
    code = ord(value) if value else 0
    return code - 256 if code > 127 else code


@scalar('"char"(integer)')
def _char_of_int4(value: int) -> str:
    if not -128 <= value <= 127:
        raise SqlError("22003", '"char" out of range')
    return chr(value & 255) if value else ""


@scalar('"char"(text)')
def _char_of_text(text: str) -> str:
    return CHAR.input(text)


@scalar('text("char")', 'bpchar("char")')
def _text_of_char(value: str) -> str:
    return CHAR.output(value)


@scalar("name(text)", "name(character varying)")
def _name_of_text(text: str) -> str:
    return NAME.input(text)


@scalar("name(character)")
def _name_of_bpchar(text: str) -> str:
    return NAME.input(text).rstrip(" ")


scalar("text(name)", "bpchar(name)", '"varchar"(name)')(same)


@scalar("text(character)")
def _text_of_bpchar(text: str) -> str:
    return text.rstrip(" ")


# modifiers


@scalar('"varchar"(character varying,integer,boolean)')
def _varchar(text: str, typmod: int, explicit: int) -> str:
    return VARCHAR.modified(typmod).coerce(text, bool(explicit))


@scalar("bpchar(character,integer,boolean)")
def _bpchar(text: str, typmod: int, explicit: int) -> str:
    kind = BPCHAR.modified(typmod)
    return kind.output(kind.coerce(text, bool(explicit)))


@scalar('"numeric"(numeric,integer)')
def _numeric(text: str, typmod: int) -> str:
    kind: AnyType = NUMERIC.modified(typmod)
    return kind.output(kind.coerce(text))


def _with_modifier(kind: AnyType) -> Callable[[Any, int], Any]:
    return lambda value, typmod: kind.modified(typmod).coerce(value)


for _name, _any in (
    ("timestamp", TIMESTAMP),
    ("timestamptz", TIMESTAMPTZ),
    ("time", TIME),
    ("timetz", TIMETZ),
    ("interval", INTERVAL),
):
    _quoted = f'"{_name}"' if _name in ("timestamp", "time", "interval") else _name
    scalar(f"{_quoted}({_any.format_type()},integer)")(_with_modifier(_any))


# jsonb

_JSON_KINDS = {"{": "object", "[": "array", '"': "string", "t": "boolean", "f": "boolean", "n": "null"}
_CANNOT = {
    "null": "null",
    "string": "string",
    "numeric": "numeric",
    "boolean": "boolean",
    "array": "array",
    "object": "object",
}


def _refused(stored: str, target: str) -> SqlError:
    kind = _CANNOT[_JSON_KINDS.get(stored[0], "numeric")]
    return invalid_parameter(f"cannot cast jsonb {kind} to type {target}")


@scalar("bool(jsonb)")
def _bool_of_jsonb(stored: str) -> int:
    if stored in ("true", "false"):
        return int(stored == "true")
    raise _refused(stored, "boolean")


def _of_jsonb(target: str, cast: Callable[[str], Any]) -> Callable[[str], Any]:
    def function(stored: str) -> Any:
        if stored[0] in _JSON_KINDS:
            raise _refused(stored, target)
        return cast(stored)

    return function


for _kind in _INTEGERS:
    scalar(f"{_kind.typname}(jsonb)")(_of_jsonb(_kind.name, _from_numeric(_kind)))
scalar("float8(jsonb)")(_of_jsonb("double precision", _float_of_numeric(FLOAT8)))
scalar("float4(jsonb)")(_of_jsonb("real", _float_of_numeric(FLOAT4)))
scalar('"numeric"(jsonb)')(_of_jsonb("numeric", same))
