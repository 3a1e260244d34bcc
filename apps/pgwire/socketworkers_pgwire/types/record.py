"""Rows as values: PostgreSQL 15 documentation §8.16. Sans-IO.

Stored as TEXT, the JSON array of the storage forms of the fields, written as those of arrays are.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

from .array import json_converters
from .base import SPACES, AnyType, Type
from .errors import SqlError, bad_binary, cut_binary
from .settings import DEFAULT, Settings
from .sortkey import append_key

__all__ = ["RECORD_OID", "RecordType", "record_text"]

RECORD_OID = 2249
RECORD_ARRAY_OID = 2287

_dump = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
_loads = json.JSONDecoder().decode
_count = struct.Struct("!i")
_field = struct.Struct("!Ii")


class RecordType(Type[str]):
    """A composite type, or the type of one ROW(…).

    Args:
        fields: names and types of the columns.
        oid: of the composite type; that of record without.
        typname: its name.
        name: how format_type() spells it.
        array_oid: the OID of its array.
    """

    __slots__ = ("_from_json", "_to_json", "kinds", "names")

    def __init__(
        self,
        fields: Sequence[tuple[str, AnyType]],
        oid: int = RECORD_OID,
        typname: str = "record",
        name: str | None = None,
        array_oid: int = RECORD_ARRAY_OID,
    ) -> None:
        category = "P" if oid == RECORD_OID else "C"
        super().__init__(oid, typname, typname if name is None else name, array_oid, -1, category, "TEXT")
        self.names = tuple(field for field, _ in fields)
        self.kinds = tuple(kind for _, kind in fields)
        converters = [json_converters(kind) for kind in self.kinds]
        self._to_json = [to for to, _ in converters]
        self._from_json = [back for _, back in converters]

    @property
    def has_equality(self) -> bool:
        return all(kind.has_equality for kind in self.kinds)

    def load(self, stored: str) -> list[Any]:
        """The fields, in their storage forms."""
        values = _loads(stored)
        return [
            value if value is None or convert is None else convert(value)
            for value, convert in zip(values, self._from_json, strict=True)
        ]

    def store(self, value: Sequence[Any]) -> str:
        return _dump(
            [
                field if field is None or convert is None else convert(field)
                for field, convert in zip(value, self._to_json, strict=True)
            ]
        )

    def output(self, stored: str, settings: Settings = DEFAULT) -> str:
        pairs = zip(self.load(stored), self.kinds, strict=True)
        return record_text([None if value is None else kind.output(value, settings) for value, kind in pairs])

    def input(self, text: str, settings: Settings = DEFAULT) -> str:
        if self.oid == RECORD_OID:
            raise SqlError("0A000", "input of anonymous composite types is not implemented")
        texts = _Reader(text).fields(len(self.kinds))
        pairs = zip(texts, self.kinds, strict=True)
        return self.store([None if each is None else kind.input(each, settings) for each, kind in pairs])

    def send(self, stored: str) -> bytes:
        parts = [_count.pack(len(self.kinds))]
        for value, kind in zip(self.load(stored), self.kinds, strict=True):
            if value is None:
                parts.append(_field.pack(kind.oid, -1))
            else:
                data = kind.send(value)
                parts += (_field.pack(kind.oid, len(data)), data)
        return b"".join(parts)

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> str:
        if self.oid == RECORD_OID:
            raise SqlError("0A000", "input of anonymous composite types is not implemented")
        if len(data) < _count.size:
            raise cut_binary()
        (count,) = _count.unpack_from(data)
        if count != len(self.kinds):
            raise SqlError("42804", f"wrong number of columns: {count}, expected {len(self.kinds)}")
        position = _count.size
        values: list[Any] = []
        for number, kind in enumerate(self.kinds, 1):
            if len(data) < position + _field.size:
                raise cut_binary()
            oid, length = _field.unpack_from(data, position)
            position += _field.size
            if oid != kind.oid:
                raise SqlError(
                    "42804",
                    f"binary data has type {oid} instead of expected {kind.oid} ({kind.format_type()}) "
                    f"in record column {number}",
                )
            if length == -1:
                values.append(None)
                continue
            if length < 0 or length > len(data) - position:
                raise bad_binary("insufficient data left in message")
            values.append(kind.receive(data[position : position + length], settings))
            position += length
        if position != len(data):
            raise bad_binary()
        return self.store(values)

    def eqkey(self, expression: str) -> str:
        return f"pg_recordkey({expression},{self.oid})"

    def equality(self, stored: str) -> bytes:
        parts: list[bytes] = []
        for value, kind in zip(self.load(stored), self.kinds, strict=True):
            if value is None:
                parts.append(b"\2")  # NULL is above all, and equal to NULL
            else:
                parts.append(b"\1")
                append_key(kind.order(value), parts)
        return b"".join(parts)


def record_text(fields: Sequence[str | None]) -> str:
    """The literal of a row: what has special characters, or is empty, stands in quotes."""
    parts = []
    for text in fields:
        if text is None:
            parts.append("")
        elif not text or any(each in '"\\(),' or each in SPACES for each in text):
            parts.append('"' + text.replace("\\", "\\\\").replace('"', '""') + '"')
        else:
            parts.append(text)
    return "(" + ",".join(parts) + ")"


class _Reader:
    """Reads a literal."""

    __slots__ = ("position", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def _fail(self, detail: str) -> SqlError:
        return SqlError("22P02", f'malformed record literal: "{self.text}"', detail=detail)

    def fields(self, count: int) -> list[str | None]:
        """The texts of so many fields."""
        body = self.text.strip(SPACES)
        self.position = len(self.text) - len(self.text.lstrip(SPACES))
        if not body.startswith("("):
            raise self._fail("Missing left parenthesis.")
        self.position += 1
        found: list[str | None] = []
        for number in range(count):
            if number:
                if self._peek() != ",":
                    raise self._fail("Too few columns.")
                self.position += 1
            found.append(self._field())
        if self._peek() == ",":
            raise self._fail("Too many columns.")
        if self._peek() != ")":
            raise self._fail("Too many columns." if self._peek() else "Unexpected end of input.")
        if self.text[self.position + 1 :].strip(SPACES):
            raise self._fail("Junk after right parenthesis.")
        return found

    def _peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def _field(self) -> str | None:
        if self._peek() in (",", ")"):
            return None
        parts: list[str] = []
        quoted = False
        while quoted or self._peek() not in (",", ")"):
            character = self._peek()
            if not character:
                raise self._fail("Unexpected end of input.")
            self.position += 1
            if character == "\\":
                if not self._peek():
                    raise self._fail("Unexpected end of input.")
                parts.append(self._peek())
                self.position += 1
            elif character == '"':
                if quoted and self._peek() == '"':
                    parts.append('"')
                    self.position += 1
                else:
                    quoted = not quoted
            else:
                parts.append(character)
        return "".join(parts)
