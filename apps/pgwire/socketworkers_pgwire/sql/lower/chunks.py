"""Whole tables, some hundred rows at a time: SQLite joins them to DataRow messages, one value for many rows.

To step from row to row and to take out a value costs more than to read it. So the table is read in ranges of its row
numbers, each of which comes as one BLOB. Only for queries of columns of one table without anything else, whose rows
are mostly short: a length below 128 is one character of UTF-8, longer rows are joined more slowly, and those that are
really long are left to `packed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ...catalog import Column, Relation
from ...types import AnyType
from ...types.boolean import Boolean
from ...types.integers import Integer
from ...types.numeric import Numeric, ScaledNumeric
from ...types.text import TEXT, VARCHAR
from ..execute.chunks import ROWS, Chunks
from ..keywords import quote_identifier
from ..nodes import Entry, Query, Var
from .select import result_outputs
from .state import Lowering

__all__ = ["chunks_of"]

#: columns: all their lengths have to be told in less than 128 bytes, and `concat` takes 100 arguments
_MOST: Final = 12
_FIRST_USER_OID: Final = 16384
_LARGEST: Final = (1 << 63) - 1
#: the longest message whose length is one character
_SHORT: Final = 127
#: bytes of text in a row that is joined
_LONGEST: Final = 8000


@dataclass(frozen=True, slots=True)
class _Field:
    """A column as a DataRow has it."""

    value: str
    length: str
    """In bytes; of NULL 0."""
    head: str
    """Its length as one Int32, where that is below 128."""
    long_head: str
    """The same without a limit."""
    most: int
    """The largest length; -1 when that is not known."""


def chunks_of(lowering: Lowering, query: Query) -> Chunks | None:
    """How to read the whole table that a query is about; None when it is not, or has columns of other types.

    Args:
        lowering: that of the query.
        query: has no order, and can be packed (see `packed`).
    """
    if len(query.from_) != 1 or query.where is not None or query.limit is not None or query.offset is not None:
        return None
    if query.ctes or query.group or query.having is not None or query.grouping_sets is not None:
        return None
    if query.has_aggregates or query.has_windows or query.has_set_functions or query.has_sublinks:
        return None
    (entry,) = query.from_
    if not isinstance(entry, Entry) or not isinstance(entry.source, Relation):
        return None
    relation = entry.source
    if relation.kind != "r" or relation.oid < _FIRST_USER_OID or relation.persistence != "p" or not relation.rowid:
        return None
    fields = []
    outputs = result_outputs(query)
    for output in outputs:
        expr = output.expr
        if not isinstance(expr, Var) or expr.entry is not entry or expr.column < 1:
            return None
        field = _field(lowering.kind(expr), relation.columns[expr.column - 1])
        if field is None:
            return None
        fields.append(field)
    count = len(fields)
    fixed = 6 + 4 * count + sum([field.most for field in fields if field.most >= 0])
    texts = [field.length for field in fields if field.most < 0]
    if not 1 <= count <= _MOST or fixed + 20 * len(texts) > _SHORT:
        return None
    number = quote_identifier(relation.rowid)
    parts: list[str] = []
    for field in fields:
        parts += (f"CASE WHEN {field.length}<128 THEN {field.head} ELSE {field.long_head} END", field.value)
    rest = f"SELECT CAST(concat({','.join(parts)}) AS BLOB) FROM {relation.storage} WHERE {number}>=? ORDER BY {number}"
    return Chunks(_joined(fields, fixed, texts, relation.storage, number), rest, count)


def _joined(fields: Sequence[_Field], fixed: int, texts: Sequence[str], table: str, number: str) -> str:
    count = len(fields)
    length = "+".join([str(6 + 4 * count), *[field.length for field in fields]])
    heads = [f"char(0,0,0,{length},0,{count})", *[field.head for field in fields]]
    values = [field.value for field in fields]
    row = f"concat('D',{','.join(_alternating(heads, values))})"
    whole = "count(*)>0"
    if texts:
        text = "+".join(texts)
        heads = [f"unhex(format('%08x%04x',{length},{count}))", *[field.long_head for field in fields]]
        long = f"concat('D',{','.join(_alternating(heads, values))})"
        row = f"CASE WHEN {text}<={_SHORT - fixed} THEN {row} WHEN {text}<={_LONGEST} THEN {long} END"
        whole = f"max({text})<={_LONGEST}"
    step = f"SELECT {number} FROM {table}"
    return (
        f"WITH RECURSIVE k(f,n) AS (SELECT (SELECT min({number}) FROM {table}),"
        f"({step} ORDER BY {number} LIMIT 1 OFFSET {ROWS}) UNION ALL SELECT n,"
        f"({step} WHERE {number}>=k.n ORDER BY {number} LIMIT 1 OFFSET {ROWS}) FROM k WHERE n IS NOT NULL) "
        f"SELECT f,(SELECT CASE WHEN {whole} THEN CAST(count(*)||group_concat({row},'') AS BLOB) END FROM {table} "
        f"WHERE {number}>=k.f AND {number}<=ifnull(k.n-1,{_LARGEST})) FROM k WHERE f IS NOT NULL"
    )


def _alternating(heads: Sequence[str], values: Sequence[str]) -> list[str]:
    """The message's head, then each field's head and value."""
    parts = [heads[0]]
    for head, value in zip(heads[1:], values, strict=True):
        parts += (head, value)
    return parts


def _field(kind: AnyType, column: Column) -> _Field | None:
    value = quote_identifier(column.name)
    octets = f"octet_length({value})"
    if isinstance(kind, Boolean):
        made = (f"CASE {value} WHEN 1 THEN 't' WHEN 0 THEN 'f' END", "1", 1)
    elif isinstance(kind, Integer):
        made = (value, octets, {2: 6, 4: 11, 8: 20}[kind.typlen])
    elif isinstance(kind, ScaledNumeric) and kind.scale > 0:
        made = (*_scaled(value, kind.scale), 22 + kind.scale)
    elif isinstance(kind, Numeric) or kind.oid in (TEXT.oid, VARCHAR.oid):
        made = (value, octets, -1)
    else:
        return None
    text, length, most = made
    head, long_head = f"char(0,0,0,{length})", f"unhex(format('%08x',{length}))"
    if not column.not_null:
        null = f"iif({value} IS NULL,x'ffffffff',"
        head, long_head, length = f"{null}{head})", f"{null}{long_head})", f"iif({value} IS NULL,0,{length})"
    return _Field(text, f"({length})", head, long_head, most)


def _scaled(value: str, scale: int) -> tuple[str, str]:
    """An INTEGER with its decimal point, as `ScaledNumeric.output` has it; or NaN, which is TEXT, and so larger."""
    power, octets = 10**scale, f"octet_length({value})"
    text = (
        f"CASE WHEN {value} BETWEEN 0 AND {_LARGEST} THEN ({value}/{power})||'.'||substr({power}+{value}%{power},2) "
        f"WHEN {value}<0 THEN '-'||(-({value}/{power}))||'.'||substr({power}-{value}%{power},2) ELSE {value} END"
    )
    length = (
        f"CASE WHEN {value} BETWEEN 0 AND {_LARGEST} THEN max({octets},{scale + 1})+1 "
        f"WHEN {value}<0 THEN max({octets}-1,{scale + 1})+2 ELSE {octets} END"
    )
    return text, length
