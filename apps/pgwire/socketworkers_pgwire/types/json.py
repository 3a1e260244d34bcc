"""json and jsonb: PostgreSQL 15 documentation §8.14. Sans-IO.

A json is stored as TEXT as it came; there is no equality of it. A jsonb is stored as TEXT in PostgreSQL's own spelling.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from decimal import Decimal

from .base import Type, decode_utf8
from .errors import SqlError, cut_binary
from .json_text import Json, check_json, dump_canonical, load_json, not_too_deep
from .numeric import numeric_key, numeric_text
from .numeric_math import trim_scale
from .settings import DEFAULT, Settings

__all__ = ["JSON", "JSONB", "JsonType", "JsonbType", "jsonb_equality", "jsonb_key"]

_VERSION = b"\1"


class _JsonText(Type[str]):
    """What both have in common: their storage form is what is written."""

    __slots__ = ()

    def output(self, stored: str, settings: Settings = DEFAULT) -> str:
        return stored

    def encode_column(
        self, values: Sequence[str | None], settings: Settings = DEFAULT, binary: bool = False
    ) -> list[bytes | None]:
        if binary:
            return super().encode_column(values, settings, True)
        return [None if value is None else value.encode() for value in values]

    def load(self, stored: str) -> Json:
        return load_json(stored)


class JsonType(_JsonText):
    """json."""

    __slots__ = ()

    @property
    def has_equality(self) -> bool:
        return False

    def input(self, text: str, settings: Settings = DEFAULT) -> str:
        check_json(text)
        return text

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> str:
        return self.input(decode_utf8(data))

    def send(self, stored: str) -> bytes:
        return stored.encode()


class JsonbType(_JsonText):
    """jsonb."""

    __slots__ = ()

    def input(self, text: str, settings: Settings = DEFAULT) -> str:
        return dump_canonical(load_json(text))

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> str:
        if not data:
            raise cut_binary()
        if data[0] != 1:
            raise SqlError("XX000", f"unsupported jsonb version number {data[0]}")
        return self.input(decode_utf8(data[1:]))

    def send(self, stored: str) -> bytes:
        return _VERSION + stored.encode()

    def store(self, value: Json) -> str:
        return dump_canonical(value)

    def eqkey(self, expression: str) -> str:
        return f"pg_jsonbeq({expression})"

    def ordkey(self, expression: str) -> str:
        return f"pg_jsonbkey({expression})"

    def equality(self, stored: str) -> str:
        return jsonb_equality(stored)

    def order(self, stored: str) -> bytes:
        return jsonb_key(stored)


@not_too_deep
def jsonb_equality(text: str) -> str:
    """A text that is the same for equal jsonb values: 1.0 becomes 1."""
    if "." not in text:
        return text
    return dump_canonical(_trimmed(load_json(text)))


def _trimmed(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _trimmed(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_trimmed(each) for each in value]
    return trim_scale(value) if isinstance(value, Decimal) else value


# the order of §8.14.4: Object > Array > Boolean > Number > String > Null; fewer members or elements first
_NULL, _STRING, _NUMBER, _BOOLEAN, _ARRAY, _OBJECT = b"\1", b"\2", b"\3", b"\4", b"\x10", b"\x11"
_count = struct.Struct("!I")
_UP = bytes(min(byte + 1, 255) for byte in range(256))


@not_too_deep
def jsonb_key(text: str) -> bytes:
    """Bytes that sort as PostgreSQL orders jsonb.

    A value that is no array and no object counts as an array of one element, before real ones; an empty array is
    therefore before it.
    """
    value = load_json(text)
    parts: list[bytes] = []
    if not isinstance(value, dict | list):
        parts += (_ARRAY, _count.pack(1), b"\0")
    _append_key(value, parts)
    return b"".join(parts)


def _append_key(value: Json, parts: list[bytes]) -> None:
    if isinstance(value, str):
        parts += (_STRING, value.encode(), b"\0")
    elif value is None:
        parts.append(_NULL)
    elif isinstance(value, bool):
        parts += (_BOOLEAN, b"\1" if value else b"\0")
    elif isinstance(value, list):
        parts += (_ARRAY, _count.pack(len(value)), b"\1")
        for each in value:
            _append_key(each, parts)
    elif isinstance(value, dict):
        parts += (_OBJECT, _count.pack(len(value)))
        for key, each in value.items():
            parts += (_STRING, key.encode(), b"\0")
            _append_key(each, parts)
    else:
        key_bytes = numeric_key(numeric_text(value if isinstance(value, Decimal) else Decimal(value)))
        parts.append(_NUMBER)
        if key_bytes[0] == 3:
            # an end below every digit, because more follows
            parts += (key_bytes[:4], key_bytes[4:].translate(_UP), b"\0")
        else:
            parts.append(key_bytes)


JSON = JsonType(114, "json", "json", 199, -1, "U", "TEXT")
JSONB = JsonbType(3802, "jsonb", "jsonb", 3807, -1, "U", "TEXT")
