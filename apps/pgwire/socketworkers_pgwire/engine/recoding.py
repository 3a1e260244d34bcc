"""Values on their way from and to a client whose encoding is not the server's (PostgreSQL 15 documentation §24.3.3).

The types read and write UTF-8. In the text format all of a field is text; in the binary one it is where the type says.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from ..session import SERVER_ENCODING, decode_text, encode_text
from ..types import AnyType, ArrayType, EnumType, RecordType
from ..types.errors import bad_binary, cut_binary

__all__ = ["Recode", "incoming", "outgoing"]

Recode = Callable[[bytes], bytes]
_TEXTS = frozenset(("text", "varchar", "bpchar", "name", "unknown", "json", "refcursor", "cstring"))
#: a version of one byte comes first
_VERSIONED = frozenset(("jsonb", "jsonpath"))
_length = struct.Struct("!i")
_ARRAY_HEAD = 12
_DIMENSION = 8


def outgoing(kind: AnyType, binary: bool, encoding: str) -> Recode | None:
    """What brings a value to the client's encoding; None when nothing has to be done.

    Args:
        kind: its type.
        binary: whether it is in the binary format.
        encoding: Python's name of the client's encoding.
    """
    return None if encoding == SERVER_ENCODING else _recoder(kind, binary, lambda data: encode_text(data, encoding))


def incoming(kind: AnyType, binary: bool, encoding: str) -> Recode | None:
    """What brings a value of a client to UTF-8; as `outgoing`."""
    if encoding == SERVER_ENCODING:
        return None
    return _recoder(kind, binary, lambda data: data if data.isascii() else decode_text(data, encoding).encode())


def _recoder(kind: AnyType, binary: bool, recode: Recode) -> Recode | None:
    if not binary or kind.typname in _TEXTS or isinstance(kind, EnumType):
        return recode
    if kind.typname in _VERSIONED:
        return lambda data: data[:1] + recode(data[1:])
    if isinstance(kind, ArrayType):
        item = _recoder(kind.element, True, recode)
        return None if item is None else lambda data: _array(data, item)
    if isinstance(kind, RecordType):
        fields = [_recoder(each, True, recode) for each in kind.fields]
        return (lambda data: _record(data, fields)) if any(fields) else None
    return None


def _value(data: bytes, position: int, recode: Recode | None, parts: list[bytes]) -> int:
    """Append a value with its length in front; where the next one is."""
    if len(data) < position + 4:
        raise cut_binary()
    length: int = _length.unpack_from(data, position)[0]
    end = position + 4 + max(length, 0)
    if length < 0 or recode is None:
        parts.append(data[position:end])
        return end
    if end > len(data):
        raise bad_binary("insufficient data left in message")
    value = recode(data[position + 4 : end])
    parts += (_length.pack(len(value)), value)
    return end


def _array(data: bytes, recode: Recode) -> bytes:
    if len(data) < _ARRAY_HEAD:
        raise cut_binary()
    position = _ARRAY_HEAD + _DIMENSION * max(_length.unpack_from(data)[0], 0)
    parts = [data[:position]]
    while position < len(data):
        position = _value(data, position, recode, parts)
    return b"".join(parts)


def _record(data: bytes, fields: list[Recode | None]) -> bytes:
    parts = [data[:4]]
    position = 4
    for recode in fields:
        parts.append(data[position : position + 4])
        position = _value(data, position + 4, recode, parts)
    return b"".join([*parts, data[position:]])
