"""Types that only the system's catalogues have (PostgreSQL 15 documentation §8.19, §8.20, §53). Sans-IO."""

from __future__ import annotations

import struct

from .base import Type, exactly
from .errors import SqlError, invalid_input
from .settings import DEFAULT, Settings
from .text import Text

__all__ = ["CATALOGUE_TYPES", "PG_LSN", "Lsn", "Opaque"]

_LSN = struct.Struct("!Q")
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")


class Opaque(Text):
    """Values that the system makes and nobody else: they can be read, and not written."""

    __slots__ = ()

    @property
    def has_equality(self) -> bool:
        return False

    def input(self, text: str, settings: Settings = DEFAULT) -> str:
        raise SqlError("0A000", f"cannot accept a value of type {self.typname}")

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> str:
        raise SqlError("0A000", f"cannot accept a value of type {self.typname}")


class Lsn(Type[int]):
    """pg_lsn: a place in the write-ahead log."""

    __slots__ = ()

    def input(self, text: str, settings: Settings = DEFAULT) -> int:
        high, slash, low = text.partition("/")
        if not slash or not 1 <= len(high) <= 8 or not 1 <= len(low) <= 8 or not set(high + low) <= _HEXADECIMAL:
            raise invalid_input("pg_lsn", text)
        return _signed(int(high, 16) << 32 | int(low, 16))

    def output(self, stored: int, settings: Settings = DEFAULT) -> str:
        value = stored & ((1 << 64) - 1)
        return f"{value >> 32:X}/{value & 0xFFFFFFFF:X}"

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> int:
        return _signed(_LSN.unpack(exactly(data, 8))[0])

    def send(self, stored: int) -> bytes:
        return _LSN.pack(stored & ((1 << 64) - 1))

    def ordkey(self, expression: str) -> str:
        return f"printf('%016x',{expression})"

    def order(self, stored: int) -> str:
        return f"{stored & ((1 << 64) - 1):016x}"


def _signed(value: int) -> int:
    """SQLite's integers have a sign."""
    return value - (1 << 64) if value >> 63 else value


PG_LSN = Lsn(3220, "pg_lsn", "pg_lsn", 3221, 8, "U", "INTEGER")
CATALOGUE_TYPES = (
    PG_LSN,
    Text(1790, "refcursor", "refcursor", 2201, -1, "U", "TEXT"),
    Opaque(3361, "pg_ndistinct", "pg_ndistinct", 0, -1, "Z", "TEXT"),
    Opaque(3402, "pg_dependencies", "pg_dependencies", 0, -1, "Z", "TEXT"),
    Opaque(5017, "pg_mcv_list", "pg_mcv_list", 0, -1, "Z", "TEXT"),
)
