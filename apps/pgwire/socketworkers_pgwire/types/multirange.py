"""Multirange types: PostgreSQL 15 documentation §8.17. Sans-IO.

Stored as TEXT, the JSON array of its ranges as `range` has them: in their order, none empty, none that touch.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable

from .base import SPACES, Type
from .errors import SqlError, bad_binary, cut_binary
from .range import RANGES, Range, RangeType
from .settings import DEFAULT, Settings

__all__ = ["MULTIRANGES", "MultirangeType"]

_dump = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
_loads = json.JSONDecoder().decode
_int4 = struct.Struct("!i")


class MultirangeType(Type[str]):
    """Sets of ranges of one type.

    Args:
        oid: pg_type.oid.
        typname: pg_type.typname.
        array_oid: pg_type.typarray.
        range: the type of its ranges.
        name: how format_type() spells it, when it must be qualified or quoted.
    """

    __slots__ = ("range",)

    def __init__(self, oid: int, typname: str, array_oid: int, range: RangeType, name: str | None = None) -> None:
        super().__init__(oid, typname, typname if name is None else name, array_oid, -1, "R", "TEXT")
        self.range = range

    def load(self, stored: str) -> list[Range]:
        unpacked = self.range.unpacked
        return [unpacked(each) for each in _loads(stored)]

    def store(self, value: Iterable[Range]) -> str:
        """The storage form of ranges that may be in any order, empty, or overlap."""
        packed = self.range.packed
        return _dump([packed(each) for each in self.merged(value)])

    def merged(self, ranges: Iterable[Range]) -> list[Range]:
        """The same set in the fewest ranges, in their order."""
        kind = self.range
        found: list[Range] = []
        for each in sorted((each for each in ranges if not each.empty), key=kind.range_key):
            last = found[-1] if found else None
            if last is not None and (kind.lower_key(each) <= kind.upper_key(last) or kind.meets(last, each)):
                if kind.upper_key(each) > kind.upper_key(last):
                    found[-1] = Range(last.lower, each.upper, last.lower_inclusive, each.upper_inclusive)
            else:
                found.append(each)
        return found

    @property
    def has_equality(self) -> bool:
        return self.range.has_equality

    def eqkey(self, expression: str) -> str:
        if self.range.eqkey("x") == "x":
            return expression
        return self.ordkey(expression)

    def ordkey(self, expression: str) -> str:
        return f"pg_rangekey({expression},{self.oid})"

    def equality(self, stored: str) -> str | bytes:
        return stored if self.range.eqkey("x") == "x" else self.order(stored)

    def order(self, stored: str) -> bytes:
        """Range by range; of two that begin alike the shorter one first (multirange_cmp of multirangetypes.c)."""
        return b"".join([self.range.range_key(each) for each in self.load(stored)])

    def input(self, text: str, settings: Settings = DEFAULT) -> str:
        read = self.range.read
        return self.store([read(each, settings) for each in _split(text)])

    def output(self, stored: str, settings: Settings = DEFAULT) -> str:
        spelled = self.range.spelled
        return "{" + ",".join([spelled(each, settings) for each in self.load(stored)]) + "}"

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> str:
        if len(data) < 4:
            raise cut_binary()
        (count,) = _int4.unpack_from(data)
        position = 4
        ranges: list[Range] = []
        if count < 0 or count * 4 > len(data):
            raise cut_binary()
        for _ in range(count):
            if len(data) < position + 4:
                raise cut_binary()
            (length,) = _int4.unpack_from(data, position)
            position += 4
            if length < 0 or length > len(data) - position:
                raise cut_binary()
            ranges.append(self.range.received(data[position : position + length], settings))
            position += length
        if position != len(data):
            raise bad_binary()
        return self.store(ranges)

    def send(self, stored: str) -> bytes:
        ranges = self.load(stored)
        parts: list[bytes] = [_int4.pack(len(ranges))]
        for each in ranges:
            data = self.range.sent(each)
            parts += (_int4.pack(len(data)), data)
        return b"".join(parts)


def _malformed(text: str, detail: str) -> SqlError:
    return SqlError("22P02", f'malformed multirange literal: "{text}"', detail=detail)


def _split(text: str) -> list[str]:
    """The texts of the ranges in a literal."""
    body = text.strip(SPACES)
    if not body.startswith("{"):
        raise _malformed(text, "Missing left brace.")
    found: list[str] = []
    position = _behind_spaces(body, 1)
    if not body.startswith("}", position):
        while True:
            position = _behind_spaces(body, position)
            empty = body[position : position + 5].lower() == "empty"
            end = position + 5 if empty else _range_end(text, body, position)
            found.append(body[position:end])
            position = _behind_spaces(body, end)
            if body.startswith("}", position):
                break
            if position >= len(body):
                raise _malformed(text, "Unexpected end of input.")
            if body[position] != ",":
                raise _malformed(text, "Expected comma or end of multirange.")
            position += 1
    if body[position + 1 :]:
        raise _malformed(text, "Junk after closing right brace.")
    return found


def _behind_spaces(body: str, position: int) -> int:
    while position < len(body) and body[position] in SPACES:
        position += 1
    return position


def _range_end(text: str, body: str, position: int) -> int:
    if position >= len(body):
        raise _malformed(text, "Unexpected end of input.")
    if body[position] not in "[(":
        raise _malformed(text, "Expected range start.")
    quoted = False
    position += 1
    while position < len(body):
        letter = body[position]
        if letter == "\\":
            position += 1
        elif letter == '"':
            quoted = not quoted
        elif not quoted and letter in ")]":
            return position + 1
        position += 1
    raise _malformed(text, "Unexpected end of input.")


def _of(array_oid: int, kind: RangeType) -> MultirangeType:
    return MultirangeType(kind.multirange_oid, kind.typname.replace("range", "multirange"), array_oid, kind)


_ARRAYS = (6150, 6151, 6152, 6153, 6155, 6157)
MULTIRANGES = tuple([_of(array, kind) for array, kind in zip(_ARRAYS, RANGES, strict=True)])
