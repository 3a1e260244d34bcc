"""bit and varbit: PostgreSQL 15 documentation §8.10. Stored as TEXT of zeros and ones. Sans-IO."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from .base import Type
from .errors import SqlError, bad_binary, cut_binary, invalid_parameter
from .settings import DEFAULT, Settings

__all__ = ["BIT", "VARBIT", "BitString"]

_MAX_LENGTH = 83_886_080
_length = struct.Struct("!i")


class BitString(Type[str]):
    """bit, or varbit when its length may vary."""

    __slots__ = ("varying",)

    def __init__(self, oid: int, typname: str, name: str, array_oid: int, varying: bool, typmod: int = -1) -> None:
        super().__init__(oid, typname, name, array_oid, -1, "V", "TEXT", preferred=varying, typmod=typmod)
        self.varying = varying

    def input(self, text: str, settings: Settings = DEFAULT) -> str:
        digits = text
        if text[:1] in ("x", "X"):
            digits = text[1:]
            wrong = next((each for each in digits if each not in "0123456789abcdefABCDEF"), None)
            if wrong is not None:
                raise SqlError("22P02", f'"{wrong}" is not a valid hexadecimal digit')
            digits = "".join([f"{int(each, 16):04b}" for each in digits])
        else:
            if text[:1] in ("b", "B"):
                digits = text[1:]
            wrong = next((each for each in digits if each not in "01"), None)
            if wrong is not None:
                raise SqlError("22P02", f'"{wrong}" is not a valid binary digit')
        return self.coerce(digits)

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> str:
        if len(data) < 4:
            raise cut_binary()
        (count,) = _length.unpack_from(data)
        if not 0 <= count <= 8 * (1 << 28):
            raise bad_binary("invalid length in external bit string")
        if len(data) != 4 + (count + 7) // 8:
            raise cut_binary() if len(data) < 4 + (count + 7) // 8 else bad_binary()
        return self.coerce("".join([f"{byte:08b}" for byte in data[4:]])[:count])

    def send(self, stored: str) -> bytes:
        padded = stored + "0" * (-len(stored) % 8)
        data = int(padded, 2).to_bytes(len(padded) // 8) if padded else b""
        return _length.pack(len(stored)) + data

    def typmodin(self, arguments: Sequence[str]) -> int:
        if len(arguments) != 1:
            raise invalid_parameter("invalid type modifier")
        short = "varbit" if self.varying else "bit"
        length = int(arguments[0])
        if length < 1:
            raise invalid_parameter(f"length for type {short} must be at least 1")
        if length > _MAX_LENGTH:
            raise invalid_parameter(f"length for type {short} cannot exceed {_MAX_LENGTH}")
        return length

    def typmodout(self) -> str:
        return f"({self.typmod})" if self.typmod >= 0 else ""

    def _modified(self, typmod: int) -> BitString:
        return BitString(self.oid, self.typname, self.name, self.array_oid, self.varying, typmod)

    def coerce(self, stored: str, explicit: bool = False) -> str:
        length = self.typmod
        if length <= 0 or len(stored) == length:
            return stored
        if self.varying:
            if len(stored) < length:
                return stored
            if not explicit:
                raise SqlError("22001", f"bit string too long for type bit varying({length})")
            return stored[:length]
        if not explicit:
            raise SqlError("22026", f"bit string length {len(stored)} does not match type bit({length})")
        return stored[:length].ljust(length, "0")


BIT = BitString(1560, "bit", "bit", 1561, False)
VARBIT = BitString(1562, "varbit", "bit varying", 1563, True)
