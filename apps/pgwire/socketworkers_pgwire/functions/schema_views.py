"""The functions of information_schema, which its views call (src/backend/catalog/information_schema.sql)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ..catalog.spelling import format_type
from ..types.vectors import INT2VECTOR
from .context import Execution
from .registry import CallSite, rows, scalar
from .visibility import catalog_of

__all__: list[str] = []

_CHARACTERS = (1042, 1043)
_BITS = (1560, 1562)
_TEXT, _NUMERIC, _DATE, _INTERVAL = 25, 1700, 1082, 1186
_PRECISIONS = {21: 16, 23: 32, 20: 64, 700: 24, 701: 53}
_TIMES = (1083, 1114, 1184, 1266)
_LONGEST = 1 << 30
_UTF8_LENGTH = 4
_FULL_PRECISION = 0xFFFF


@scalar("information_schema._pg_char_max_length(oid,integer)")
def _char_max_length(kind: int, typmod: int) -> int | None:
    if typmod == -1:
        return None
    if kind in _CHARACTERS:
        return typmod - 4
    return typmod if kind in _BITS else None


@scalar("information_schema._pg_char_octet_length(oid,integer)")
def _char_octet_length(kind: int, typmod: int) -> int | None:
    if kind != _TEXT and kind not in _CHARACTERS:
        return None
    if typmod == -1:
        return _LONGEST
    length = typmod - 4 if kind in _CHARACTERS else None
    return None if length is None else length * _UTF8_LENGTH


@scalar("information_schema._pg_numeric_precision(oid,integer)")
def _numeric_precision(kind: int, typmod: int) -> int | None:
    if kind == _NUMERIC:
        return None if typmod == -1 else (typmod - 4) >> 16 & 0xFFFF
    return _PRECISIONS.get(kind)


@scalar("information_schema._pg_numeric_precision_radix(oid,integer)")
def _numeric_radix(kind: int, typmod: int) -> int | None:
    return 2 if kind in _PRECISIONS else 10 if kind == _NUMERIC else None


@scalar("information_schema._pg_numeric_scale(oid,integer)")
def _numeric_scale(kind: int, typmod: int) -> int | None:
    if kind in (20, 21, 23):
        return 0
    if kind == _NUMERIC:
        return None if typmod == -1 else (typmod - 4) & 0xFFFF
    return None


@scalar("information_schema._pg_datetime_precision(oid,integer)")
def _datetime_precision(kind: int, typmod: int) -> int | None:
    if kind == _DATE:
        return 0
    if kind in _TIMES:
        return 6 if typmod < 0 else typmod
    if kind == _INTERVAL:
        return 6 if typmod < 0 or typmod & 0xFFFF == _FULL_PRECISION else typmod & 0xFFFF
    return None


@scalar("information_schema._pg_interval_type(oid,integer)", context=True)
def _interval_type(execution: Execution, kind: int, typmod: int) -> str | None:
    if kind != _INTERVAL:
        return None
    # what stands behind "interval" and its precision
    return format_type(execution.catalog, kind, typmod).removeprefix("interval").lstrip("()0123456789").strip().upper()


@scalar("information_schema._pg_index_position(oid,smallint)", context=True)
def _index_position(execution: Execution, index: int, number: int) -> int | None:
    catalog = catalog_of(execution)
    row: Any = catalog.connection.execute(
        f"SELECT indkey FROM {catalog.tables_of(index)['pg_index']} WHERE indexrelid = ?", (index,)
    ).fetchone()
    if row is None:
        return None
    keys = INT2VECTOR.load(row[0]).items
    return keys.index(number) + 1 if number in keys else None


@rows("information_schema._pg_expandarray(anyarray)", bind=True)
def _expand_array(call: CallSite) -> Any:
    (kind,) = call.arguments

    def expand(stored: str) -> Iterable[tuple[Any, ...]]:
        return [(item, place) for place, item in enumerate(kind.load(stored).items, 1)]

    return expand


# rows of pg_attribute and pg_type as values are JSON arrays of their columns
_ATTTYPID, _ATTTYPMOD = 2, 8
_TYPTYPE, _TYPBASETYPE, _TYPTYPMOD = 6, 25, 26


def _true(attribute: str, kind: str, own: int, base: int) -> int:
    column, row = json.loads(attribute), json.loads(kind)
    value: int = row[base] if row[_TYPTYPE] == "d" else column[own]
    return value


@scalar("information_schema._pg_truetypid(pg_attribute,pg_type)")
def _true_type(attribute: str, kind: str) -> int:
    return _true(attribute, kind, _ATTTYPID, _TYPBASETYPE)


@scalar("information_schema._pg_truetypmod(pg_attribute,pg_type)")
def _true_typmod(attribute: str, kind: str) -> int:
    return _true(attribute, kind, _ATTTYPMOD, _TYPTYPMOD)
