"""Rows as values: record and composite types, PostgreSQL 15 documentation §8.16. Sans-IO.

Stored as TEXT, the JSON array of the storage forms of the fields, as in `array`. Which types they have the value does
not say: a `RecordType` is made for each shape, where a statement makes rows or reads them.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from .array import converters
from .base import AnyType, Type
from .errors import SqlError, bad_binary, cut_binary
from .settings import DEFAULT, Settings
from .sortkey import append_key

__all__ = ["RECORD_OID", "RecordType", "record_key"]

RECORD_OID, _RECORD_ARRAY = 2249, 2287
_dump = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
_loads = json.JSONDecoder().decode
_int4 = struct.Struct("!i")
_field = struct.Struct("!Ii")
_QUOTED = frozenset('"\\(), \t\n\r\v\f')


class RecordType(Type[str]):
    """Rows of one shape.

    Args:
        fields: types of the fields, with their modifiers.
        names: of the fields.
        oid: of a composite type; that of record without.
        name: of a composite type, as format_type() spells it.
        array_oid: of the array of a composite type.
    """

    __slots__ = ("_from_json", "_to_json", "fields", "names")

    def __init__(
        self,
        fields: Sequence[AnyType],
        names: Sequence[str],
        oid: int = RECORD_OID,
        name: str = "record",
        array_oid: int = _RECORD_ARRAY,
    ) -> None:
        super().__init__(oid, name, name, array_oid, -1, "P" if oid == RECORD_OID else "C", "TEXT")
        self.fields = tuple(fields)
        self.names = tuple(names)
        pairs = [converters(kind) for kind in fields]
        self._to_json = [pair[0] for pair in pairs]
        self._from_json = [pair[1] for pair in pairs]

    def load(self, stored: str) -> tuple[Any, ...]:
        """The fields in their storage forms."""
        values = _loads(stored)
        return tuple(
            [
                value if value is None or convert is None else convert(value)
                for value, convert in zip(values, self._from_json, strict=True)
            ]
        )

    def store(self, value: Sequence[Any]) -> str:
        return _dump(
            [
                each if each is None or convert is None else convert(each)
                for each, convert in zip(value, self._to_json, strict=True)
            ]
        )

    def output(self, stored: str, settings: Settings = DEFAULT) -> str:
        """record_out(): fields with special characters in double quotes, NULL as nothing."""
        parts = []
        for value, kind in zip(self.load(stored), self.fields, strict=True):
            text = "" if value is None else kind.output(value, settings)
            if value is not None and (not text or _QUOTED.intersection(text)):
                text = text.replace("\\", "\\\\").replace('"', '""')
                text = f'"{text}"'
            parts.append(text)
        return f"({','.join(parts)})"

    def input(self, text: str, settings: Settings = DEFAULT) -> str:
        """record_in().

        Raises:
            SqlError: 0A000 for a record, of which nothing tells the fields; 22P02.
        """
        if self.oid == RECORD_OID:
            raise SqlError("0A000", "input of anonymous composite types is not implemented")
        texts = _split(text)
        if len(texts) < len(self.fields):
            raise _malformed(text, "Too few columns.")
        if len(texts) > len(self.fields):
            raise _malformed(text, "Too many columns.")
        return self.store(
            [
                None if each is None else kind.input(each, settings)
                for each, kind in zip(texts, self.fields, strict=True)
            ]
        )

    def send(self, stored: str) -> bytes:
        values = self.load(stored)
        parts = [_int4.pack(len(values))]
        for value, kind in zip(values, self.fields, strict=True):
            if value is None:
                parts.append(_field.pack(kind.oid, -1))
            else:
                data = kind.send(value)
                parts += (_field.pack(kind.oid, len(data)), data)
        return b"".join(parts)

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> str:
        if self.oid == RECORD_OID:
            raise SqlError("0A000", "input of anonymous composite types is not implemented")
        if len(data) < 4:
            raise cut_binary()
        (count,) = _int4.unpack_from(data)
        if count != len(self.fields):
            raise SqlError("42804", f"wrong number of columns: {count}, expected {len(self.fields)}")
        position = 4
        values: list[Any] = []
        for number, kind in enumerate(self.fields, 1):
            if len(data) < position + _field.size:
                raise cut_binary()
            oid, length = _field.unpack_from(data, position)
            position += _field.size
            if oid != kind.oid:
                message = f"binary data has type {oid} instead of expected {kind.oid} in record column {number}"
                raise SqlError("42804", message)
            if length == -1:
                values.append(None)
                continue
            if length < 0 or length > len(data) - position:
                raise cut_binary()
            values.append(kind.receive(data[position : position + length], settings))
            position += length
        if position != len(data):
            raise bad_binary()
        return self.store(values)

    @property
    def has_equality(self) -> bool:
        return all(kind.has_equality for kind in self.fields)

    @property
    def has_order(self) -> bool:
        return all(kind.has_order for kind in self.fields)

    @property
    def shape(self) -> str:
        """The types of the fields, as `record_key` reads them."""
        return _dump(_described(self))

    def eqkey(self, expression: str) -> str:
        return f"pg_recordkey({expression},'{self.shape}')"

    def equality(self, stored: str) -> bytes:
        return self.order(stored)

    def order(self, stored: str) -> bytes:
        """Field by field, NULL behind all (record_cmp of rowtypes.c)."""
        parts: list[bytes] = []
        for value, kind in zip(self.load(stored), self.fields, strict=True):
            if value is None:
                parts.append(b"\2")
            else:
                parts.append(b"\1")
                append_key(kind.order(value), parts)
        return b"".join(parts)


def _described(kind: AnyType) -> Any:
    if isinstance(kind, RecordType):
        return [_described(each) for each in kind.fields]
    return f"{kind.oid} {kind.typmod}"


def _shaped(described: Any, types: Mapping[int, AnyType]) -> AnyType:
    if isinstance(described, list):
        return RecordType([_shaped(each, types) for each in described], [""] * len(described))
    oid, typmod = map(int, described.split())
    return types[oid].modified(typmod)


def record_key(stored: str, shape: str, types: Mapping[int, AnyType]) -> bytes:
    """The key of a row.

    Args:
        stored: the row.
        shape: as `RecordType.shape` describes it.
        types: by OID.
    """
    kind = _shaped(_loads(shape), types)
    key: bytes = kind.order(stored)
    return key


def _malformed(text: str, detail: str) -> SqlError:
    return SqlError("22P02", f'malformed record literal: "{text}"', detail=detail)


def _split(text: str) -> list[str | None]:
    """The texts of the fields; None for NULL."""
    body = text.strip(" \t\n\r\v\f")
    if not body.startswith("("):
        raise _malformed(text, "Missing left parenthesis.")
    fields: list[str | None] = []
    position = 1
    while True:
        found, position = _read_field(text, body, position)
        fields.append(found)
        if body[position] == ",":
            position += 1
            continue
        if body[position + 1 :]:
            raise _malformed(text, "Junk after right parenthesis.")
        return [] if fields == [None] else fields


def _read_field(text: str, body: str, position: int) -> tuple[str | None, int]:
    start = position
    quoted = False
    parts: list[str] = []
    while True:
        if position >= len(body):
            raise _malformed(text, "Unexpected end of input.")
        letter = body[position]
        if not quoted and letter in ",)":
            return (None if position == start else "".join(parts)), position
        if letter == "\\":
            position += 1
            if position >= len(body):
                raise _malformed(text, "Unexpected end of input.")
            parts.append(body[position])
        elif letter == '"':
            if quoted and body[position + 1 : position + 2] == '"':
                parts.append('"')
                position += 1
            else:
                quoted = not quoted
        else:
            parts.append(letter)
        position += 1
