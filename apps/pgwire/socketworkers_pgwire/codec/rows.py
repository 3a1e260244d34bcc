"""RowDescription and DataRow: "Message Formats" of the PostgreSQL documentation. Sans-IO.

A result is encoded column by column and joined once: what is done for each value is one addition of bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .fields import check_end, encode_string, message, read_string, read_uint16, truncated

__all__ = [
    "DataRow",
    "FieldDescription",
    "RowDescription",
    "decode_data_row",
    "decode_row_description",
    "encode_columns",
    "encode_packed",
    "encode_row",
    "encode_row_description",
    "encode_rows",
]

_FIELD = struct.Struct(">IhIhih")
_NULL = b"\xff\xff\xff\xff"
_KNOWN = 1024
_LENGTHS = tuple([length.to_bytes(4) for length in range(_KNOWN)])


class DataRow(NamedTuple):
    """DataRow: one row of a result."""

    values: list[bytes | None]


@dataclass(frozen=True, slots=True)
class FieldDescription:
    """One column of a RowDescription."""

    name: bytes
    type_oid: int
    type_size: int = -1
    """``pg_type.typlen``; negative for types of variable width."""
    type_modifier: int = -1
    """``pg_attribute.atttypmod``."""
    table_oid: int = 0
    """Of the table whose column it is; 0 for none."""
    column: int = 0
    """Number of that column; 0 for none."""
    format: int = 0
    """0 text, 1 binary; 0 in the answer to Describe of a statement, where it is not known."""


@dataclass(frozen=True, slots=True)
class RowDescription:
    """RowDescription."""

    fields: tuple[FieldDescription, ...]


def encode_row_description(fields: Sequence[FieldDescription], formats: Sequence[int] | None = None) -> bytes:
    """One RowDescription.

    Args:
        fields: the columns.
        formats: format codes that hold instead of those of the fields, as Bind has them: none for text, one for all
            columns, or one for each.

    Raises:
        ValueError: a name with a zero byte, or not as many formats as columns.
    """
    if formats is None:
        formats = [each.format for each in fields]
    elif len(formats) <= 1:
        formats = (tuple(formats) or (0,)) * len(fields)
    pack = _FIELD.pack
    parts = [len(fields).to_bytes(2)]
    for each, code in zip(fields, formats, strict=True):
        parts.append(encode_string(each.name))
        parts.append(pack(each.table_oid, each.column, each.type_oid, each.type_size, each.type_modifier, code))
    return message(b"T", *parts)


def decode_row_description(data: bytes, position: int, end: int) -> RowDescription:
    """Read one RowDescription.

    Raises:
        MalformedMessage: fields that are not there.
    """
    count, position = read_uint16(data, position, end)
    fields: list[FieldDescription] = []
    for _ in range(count):
        name, position = read_string(data, position, end)
        if position + _FIELD.size > end:
            raise truncated()
        table_oid, column, type_oid, size, modifier, code = _FIELD.unpack_from(data, position)
        fields.append(FieldDescription(name, type_oid, size, modifier, table_oid, column, code))
        position += _FIELD.size
    check_end(position, end)
    return RowDescription(tuple(fields))


def decode_data_row(data: bytes, position: int, end: int) -> DataRow:
    """Read one DataRow.

    Raises:
        MalformedMessage: values that are not there, a length below -1.
    """
    count, position = read_uint16(data, position, end)
    values: list[bytes | None] = []
    from_bytes = int.from_bytes
    for _ in range(count):
        start = position + 4
        length = from_bytes(data[position:start])
        position = start + length
        if position <= end and start <= end:
            values.append(data[start:position])
        elif length == 0xFFFFFFFF and start <= end:
            values.append(None)
            position = start
        else:
            raise truncated()
    check_end(position, end)
    return tuple.__new__(DataRow, (values,))


class _Heads(dict[int, bytes]):
    """Heads of DataRows of one result by the length of what follows: most rows have one of few lengths."""

    __slots__ = ("_count",)

    def __init__(self, count: bytes) -> None:
        self._count = count

    def __missing__(self, length: int) -> bytes:
        head = self[length] = b"D" + (length + 6).to_bytes(4) + self._count
        return head


def _framed(column: Sequence[bytes | None]) -> list[bytes]:
    """The values of a column, each behind its length."""
    lengths = _LENGTHS
    try:
        return [_NULL if value is None else lengths[len(value)] + value for value in column]
    except IndexError:
        return [_NULL if value is None else len(value).to_bytes(4) + value for value in column]


def encode_columns(columns: Sequence[Sequence[bytes | None]]) -> bytes:
    """The DataRows of a result that is given by columns.

    Args:
        columns: one or more, all with as many values; None is NULL. Values are encoded already, as text or binary.

    Returns:
        The messages one behind the other.

    Raises:
        ValueError: columns of different lengths, or none: without one the number of rows is not known.
        OverflowError: a row longer than a message can be.
    """
    if not columns:
        raise ValueError("a result without columns has rows that cannot be counted here")
    framed = [_framed(column) for column in columns]
    count = len(columns).to_bytes(2)
    if len(framed) == 1:
        rows = framed[0]
        if len(set(map(len, columns))) != 1:
            raise ValueError("columns of different lengths")
    else:
        join = b"".join
        rows = [join(row) for row in zip(*framed, strict=True)]
    heads = _Heads(count)
    return b"".join([heads[len(row)] + row for row in rows])


def encode_packed(rows: Sequence[bytes], count: int) -> bytes:
    """The DataRows of a result whose rows are fields with their lengths already.

    Args:
        rows: each one all fields of a row, joined.
        count: of the fields.
    """
    heads = _Heads(count.to_bytes(2))
    return b"".join([heads[len(row)] + row for row in rows])


def encode_row(values: Sequence[bytes | None]) -> bytes:
    """One DataRow.

    Args:
        values: encoded already, as text or binary; None is NULL.
    """
    body = b"".join(_framed(values))
    return b"D" + (len(body) + 6).to_bytes(4) + len(values).to_bytes(2) + body


def encode_rows(rows: Iterable[Sequence[bytes | None]]) -> bytes:
    """The DataRows of a result that is given by rows, all with as many values.

    Returns:
        The messages one behind the other; b"" for no rows.

    Raises:
        ValueError: rows of different lengths.
    """
    listed = rows if isinstance(rows, list) else list(rows)
    if len(listed) <= 1:  # the answer to a lookup by key
        if not listed:
            return b""
        return encode_row(listed[0])
    columns = list(zip(*listed, strict=True))
    if not columns:  # SELECT without a list of columns
        return b"D\0\0\0\x06\0\0" * len(listed)
    return encode_columns(columns)
