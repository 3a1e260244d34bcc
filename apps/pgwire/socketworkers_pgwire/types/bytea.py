"""bytea: PostgreSQL 15 documentation §8.4. Stored as BLOB. Sans-IO."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .base import Type
from .errors import SqlError, invalid_input, invalid_parameter
from .settings import DEFAULT, Settings

__all__ = ["BYTEA", "Bytea"]

_ESCAPE = re.compile(rb"\\(?:\\|([0-3][0-7][0-7]))?")
_SPACES = re.compile(r"[ \n\t\r]+")
_ESCAPED = tuple(
    b"\\\\" if byte == 0x5C else bytes([byte]) if 0x20 <= byte < 0x7F else b"\\%03o" % byte for byte in range(256)
)


class Bytea(Type[bytes]):
    """bytea."""

    __slots__ = ()

    def input(self, text: str, settings: Settings = DEFAULT) -> bytes:
        if text.startswith("\\x"):
            return _from_hex(text[2:])
        if "\\" not in text:
            return text.encode()
        return _ESCAPE.sub(_unescape, text.encode())

    def output(self, stored: bytes, settings: Settings = DEFAULT) -> str:
        if settings.bytea_output == "hex":
            return "\\x" + stored.hex()
        return b"".join([_ESCAPED[byte] for byte in stored]).decode()

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> bytes:
        return bytes(data)

    def send(self, stored: bytes) -> bytes:
        return stored

    def encode_column(
        self, values: Sequence[bytes | None], settings: Settings = DEFAULT, binary: bool = False
    ) -> list[bytes | None]:
        if binary:
            return list(values)
        if settings.bytea_output == "hex":
            return [None if value is None else b"\\x" + value.hex().encode() for value in values]
        return super().encode_column(values, settings)


def _unescape(match: re.Match[bytes]) -> bytes:
    if match[1]:
        return bytes([int(match[1], 8)])
    if len(match[0]) == 2:
        return b"\\"
    raise SqlError("22P02", "invalid input syntax for type bytea")


def _from_hex(digits: str) -> bytes:
    """Two digits a byte; blanks may stand between bytes, not within one (§8.4.1)."""
    try:
        return bytes.fromhex(_SPACES.sub("", digits)) if not _SPACES.search(digits) else _spaced(digits)
    except ValueError:
        pass
    position = 0
    while position < len(digits):
        if digits[position] in " \n\t\r":
            position += 1
            continue
        for each in digits[position : position + 2]:
            if each not in "0123456789abcdefABCDEF":
                raise invalid_parameter(f'invalid hexadecimal digit: "{each}"')
        if position + 1 == len(digits):
            raise invalid_parameter("invalid hexadecimal data: odd number of digits")
        position += 2
    raise invalid_input("bytea", digits)


def _spaced(digits: str) -> bytes:
    parts = [part for part in _SPACES.split(digits) if part]
    return b"".join(map(bytes.fromhex, parts))


BYTEA = Bytea(17, "bytea", "bytea", 1001, -1, "U", "BLOB")
