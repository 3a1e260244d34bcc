"""oid, the reg* types, xid, xid8, cid and tid: PostgreSQL 15 documentation §8.19. Stored as INTEGER. Sans-IO."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

from .base import SPACES, Type, exactly
from .errors import SqlError, invalid_input
from .settings import DEFAULT, Settings

__all__ = ["CID", "OID", "REG_TYPES", "TID", "XID", "XID8", "Oid", "RegType", "Tid", "TransactionId"]

_UINT4_MAX = (1 << 32) - 1
_UNSIGNED = re.compile(r"[ \t-\r]*([+-]?)0*([0-9]+)", re.ASCII)
_ANY_BASE = re.compile(r"[ \t-\r]*([+-]?)(?:0[xX]([0-9a-fA-F]+)|0([0-7]*)|([1-9][0-9]*))", re.ASCII)
_TID = re.compile(r"\(([ \t-\r]*[+-]?[0-9]+),([ \t-\r]*[+-]?[0-9]+)\)", re.ASCII)
_uint4 = struct.Struct("!I")
_uint8 = struct.Struct("!Q")
_uint4_uint2 = struct.Struct("!IH")


class _Unsigned(Type[int]):
    """Four bytes without a sign."""

    __slots__ = ()

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> int:
        value: int = _uint4.unpack(exactly(data, 4))[0]
        return value

    def send(self, stored: int) -> bytes:
        return _uint4.pack(stored)


class Oid(_Unsigned):
    """oid."""

    __slots__ = ()

    def input(self, text: str, settings: Settings = DEFAULT) -> int:
        return read_oid(text)

    def encode_column(
        self, values: Sequence[int | None], settings: Settings = DEFAULT, binary: bool = False
    ) -> list[bytes | None]:
        if binary:
            pack = _uint4.pack
            return [None if value is None else pack(value) for value in values]
        return [None if value is None else b"%d" % value for value in values]


def read_oid(text: str) -> int:
    """An OID; a negative number wraps around.

    Raises:
        SqlError: 22P02, 22003.
    """
    return scan_oid(text, 0, alone=True)[0]


def scan_oid(text: str, position: int, *, alone: bool = False) -> tuple[int, int]:
    """The OID at `position`, as strtoul() reads it, and the position behind it; alone, nothing may follow.

    Raises:
        SqlError: 22P02, 22003.
    """
    match = _UNSIGNED.match(text, position)
    if match is None:
        raise invalid_input("oid", text[position:])
    value = int(match[1] + match[2][:40])
    if -1 << 64 < value < 1 << 64:
        if alone and text[match.end() :].strip(SPACES):
            raise invalid_input("oid", text)
        value &= (1 << 64) - 1
        if value <= _UINT4_MAX or value >= (1 << 64) - (1 << 31):
            return value & _UINT4_MAX, match.end()
    raise SqlError("22003", f'value "{text[position:]}" is out of range for type oid')


class RegType(_Unsigned):
    """One of the types that are OIDs written as the names of objects; the session's catalogue knows the names."""

    __slots__ = ()

    def input(self, text: str, settings: Settings = DEFAULT) -> int:
        if text == "-":
            return 0
        if text.isascii() and text.isdigit():
            return read_oid(text)
        if settings.names is None:
            raise SqlError("0A000", f"names of type {self.typname} are not known here")
        return settings.names.find(self.typname, text)

    def output(self, stored: int, settings: Settings = DEFAULT) -> str:
        if not stored:
            return "-"
        spelled = settings.names.spell(self.typname, stored) if settings.names is not None else None
        return str(stored) if spelled is None else spelled


class TransactionId(Type[int]):
    """xid, cid and xid8: what is read is as much of a number as there is, in any base of C."""

    __slots__ = ()

    @property
    def has_order(self) -> bool:
        return self.typlen == 8

    def input(self, text: str, settings: Settings = DEFAULT) -> int:
        match = _ANY_BASE.match(text)
        if match is None:
            return 0
        sign, hexadecimal, octal, decimal = match.groups()
        value = (
            int(hexadecimal[:40], 16) if hexadecimal else int(decimal[:40]) if decimal else int(octal[:60] or "0", 8)
        )
        limit = (1 << 64) - 1
        value = limit if value > limit else -value if sign == "-" else value
        bits = 64 if self.typlen == 8 else 32
        return self._signed(value & (1 << bits) - 1)

    def output(self, stored: int, settings: Settings = DEFAULT) -> str:
        return str(stored & ((1 << 64) - 1))

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> int:
        packing = _uint8 if self.typlen == 8 else _uint4
        return self._signed(packing.unpack(exactly(data, self.typlen))[0])

    def send(self, stored: int) -> bytes:
        return _uint8.pack(stored & ((1 << 64) - 1)) if self.typlen == 8 else _uint4.pack(stored)

    def ordkey(self, expression: str) -> str:
        return f"printf('%016x',{expression})" if self.typlen == 8 else expression

    def order(self, stored: int) -> int | str:
        return f"{stored & ((1 << 64) - 1):016x}" if self.typlen == 8 else stored

    @staticmethod
    def _signed(value: int) -> int:
        """SQLite's integers have a sign."""
        return value - (1 << 64) if value >> 63 else value


class Tid(Type[int]):
    """tid: a block and a place in it."""

    __slots__ = ()

    def input(self, text: str, settings: Settings = DEFAULT) -> int:
        match = _TID.match(text, text.find("(")) if "(" in text else None
        if match is None:
            raise invalid_input("tid", text)
        block, place = int(match[1][:40]), int(match[2][:40])
        if not -(1 << 31) <= block <= _UINT4_MAX or not 0 <= place <= 0xFFFF:
            raise invalid_input("tid", text)
        return (block & _UINT4_MAX) << 16 | place

    def output(self, stored: int, settings: Settings = DEFAULT) -> str:
        return f"({stored >> 16},{stored & 0xFFFF})"

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> int:
        block, place = _uint4_uint2.unpack(exactly(data, 6))
        stored: int = block << 16 | place
        return stored

    def send(self, stored: int) -> bytes:
        return _uint4_uint2.pack(stored >> 16, stored & 0xFFFF)


OID = Oid(26, "oid", "oid", 1028, 4, "N", "INTEGER", preferred=True)
XID = TransactionId(28, "xid", "xid", 1011, 4, "U", "INTEGER")
CID = TransactionId(29, "cid", "cid", 1012, 4, "U", "INTEGER")
XID8 = TransactionId(5069, "xid8", "xid8", 271, 8, "U", "INTEGER")
TID = Tid(27, "tid", "tid", 1010, 6, "U", "INTEGER")
REG_TYPES = tuple(
    RegType(oid, name, name, array_oid, 4, "N", "INTEGER")
    for oid, name, array_oid in (
        (24, "regproc", 1008),
        (2202, "regprocedure", 2207),
        (2203, "regoper", 2208),
        (2204, "regoperator", 2209),
        (2205, "regclass", 2210),
        (2206, "regtype", 2211),
        (3734, "regconfig", 3735),
        (3769, "regdictionary", 3770),
        (4089, "regnamespace", 4090),
        (4096, "regrole", 4097),
        (4191, "regcollation", 4192),
    )
)
