"""Range types: PostgreSQL 15 documentation §8.17. Sans-IO.

Stored as TEXT, the JSON array of lower bound, upper bound and brackets: ``[1,5,"[)"]``. The bounds are in the storage
form of the subtype, null for an infinite one; the empty range is ``[]``. Those of discrete types are canonical.
"""

from __future__ import annotations

import json
import struct
from typing import Any, NamedTuple

from .array import converters
from .base import SPACES, AnyType, Type
from .calendar import DATE_INFINITY, DATE_MINUS_INFINITY, MAX_DATE
from .date import DATE
from .errors import SqlError, bad_binary, cut_binary
from .integers import INT4, INT8
from .numeric import NUMERIC
from .settings import DEFAULT, Settings
from .sortkey import append_key
from .timestamp import TIMESTAMP, TIMESTAMPTZ

__all__ = ["EMPTY", "RANGES", "Range", "RangeType"]

_dump = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
_loads = json.JSONDecoder().decode
_length = struct.Struct("!i")
_SPECIAL = frozenset('"\\()[],' + SPACES)
_EMPTY, _LOWER_INCLUSIVE, _UPPER_INCLUSIVE, _LOWER_INFINITE, _UPPER_INFINITE = 1, 2, 4, 8, 16
_STEPPED = frozenset((DATE.oid, INT4.oid, INT8.oid))


class Range(NamedTuple):
    """A range, to calculate with; the bounds are in the storage form of the subtype."""

    lower: Any
    """None when it is infinite, as `upper`."""
    upper: Any
    lower_inclusive: bool
    upper_inclusive: bool
    empty: bool = False


EMPTY = Range(None, None, False, False, True)


class RangeType(Type[str]):
    """The ranges of a subtype.

    Args:
        oid: pg_type.oid.
        typname: pg_type.typname.
        array_oid: pg_type.typarray.
        subtype: of the bounds.
        multirange_oid: pg_range.rngmultitypid.
        name: how format_type() spells it, when it must be qualified or quoted.
        subtype_oid: pg_range.rngsubtype, when that is a domain.
    """

    __slots__ = ("_from_json", "_to_json", "multirange_oid", "subtype", "subtype_oid")

    def __init__(
        self,
        oid: int,
        typname: str,
        array_oid: int,
        subtype: AnyType,
        multirange_oid: int,
        name: str | None = None,
        subtype_oid: int | None = None,
    ) -> None:
        super().__init__(oid, typname, typname if name is None else name, array_oid, -1, "R", "TEXT")
        self.subtype = subtype
        self.subtype_oid = subtype.oid if subtype_oid is None else subtype_oid
        self.multirange_oid = multirange_oid
        self._to_json, self._from_json = converters(subtype)

    # Values

    def load(self, stored: str) -> Range:
        return self.unpacked(_loads(stored))

    def store(self, value: Range) -> str:
        return _dump(self.packed(value))

    def unpacked(self, parts: list[Any]) -> Range:
        """The range of what JSON has for it."""
        if not parts:
            return EMPTY
        lower, upper, brackets = parts
        convert = self._from_json
        if convert is not None:
            lower = None if lower is None else convert(lower)
            upper = None if upper is None else convert(upper)
        return Range(lower, upper, brackets[0] == "[", brackets[1] == "]")

    def packed(self, value: Range) -> list[Any]:
        """What JSON has for a range."""
        lower, upper, lower_inclusive, upper_inclusive, empty = value
        if empty:
            return []
        convert = self._to_json
        if convert is not None:
            lower = None if lower is None else convert(lower)
            upper = None if upper is None else convert(upper)
        return [lower, upper, ("[" if lower_inclusive else "(") + ("]" if upper_inclusive else ")")]

    def make(self, lower: Any, upper: Any, lower_inclusive: bool, upper_inclusive: bool) -> Range:
        """The range with these bounds, brought to its canonical form.

        Raises:
            SqlError: 22000, the bounds are the wrong way round; 22003 or 22008, they cannot be brought to that form.
        """
        lower_inclusive = lower_inclusive and lower is not None
        upper_inclusive = upper_inclusive and upper is not None
        found = self._checked(lower, upper, lower_inclusive, upper_inclusive)
        if found.empty or self.subtype.oid not in _STEPPED:
            return found
        if lower is not None and not lower_inclusive and not self._endless(lower):
            lower, lower_inclusive = self._next(lower), True
        if upper is not None and upper_inclusive and not self._endless(upper):
            upper, upper_inclusive = self._next(upper), False
        return self._checked(lower, upper, lower_inclusive, upper_inclusive)

    def _checked(self, lower: Any, upper: Any, lower_inclusive: bool, upper_inclusive: bool) -> Range:
        if lower is not None and upper is not None:
            first, last = self._key(lower), self._key(upper)
            if first > last:
                raise SqlError("22000", "range lower bound must be less than or equal to range upper bound")
            if first == last and not (lower_inclusive and upper_inclusive):
                return EMPTY
        return Range(lower, upper, lower_inclusive, upper_inclusive)

    def _endless(self, value: Any) -> bool:
        return self.subtype is DATE and value in (DATE_INFINITY, DATE_MINUS_INFINITY)

    def _next(self, value: int) -> int:
        if self.subtype is not DATE:
            kind = INT8 if self.subtype is INT8 else INT4
            return kind.checked(value + 1)
        if value + 1 >= MAX_DATE:
            raise SqlError("22008", "date out of range")
        return value + 1

    # Order

    def _key(self, value: Any) -> bytes:
        parts: list[bytes] = []
        append_key(self.subtype.order(value), parts)
        return b"".join(parts)

    def lower_key(self, value: Range) -> bytes:
        """Sorts as the lower bound does among bounds of both kinds; an exclusive one is a bit above its value."""
        if value.lower is None:
            return b"\0"
        return b"\1" + self._key(value.lower) + (b"\1" if value.lower_inclusive else b"\2")

    def upper_key(self, value: Range) -> bytes:
        """As `lower_key`; an exclusive one is a bit below its value."""
        if value.upper is None:
            return b"\2"
        return b"\1" + self._key(value.upper) + (b"\1" if value.upper_inclusive else b"\0")

    def meets(self, first: Range, second: Range) -> bool:
        """Whether the second begins where the first ends, with nothing between and nothing in both."""
        if first.upper is None or second.lower is None or first.upper_inclusive == second.lower_inclusive:
            return False
        return self._key(first.upper) == self._key(second.lower)

    @property
    def has_equality(self) -> bool:
        return self.subtype.has_equality

    def eqkey(self, expression: str) -> str:
        if self._equal_as_text():
            return expression
        return self.ordkey(expression)

    def ordkey(self, expression: str) -> str:
        return f"pg_rangekey({expression},{self.oid})"

    def equality(self, stored: str) -> str | bytes:
        return stored if self._equal_as_text() else self.order(stored)

    def order(self, stored: str) -> bytes:
        """Empty ones first, then by the lower bound, then by the upper one (range_cmp of rangetypes.c)."""
        return self.range_key(self.load(stored))

    def range_key(self, value: Range) -> bytes:
        """`order` of a range that has been read."""
        return b"\0" if value.empty else b"\1" + self.lower_key(value) + self.upper_key(value)

    def _equal_as_text(self) -> bool:
        return self.subtype.declared in ("INTEGER", "TEXT") and self.subtype.eqkey("x") == "x"

    # Text

    def input(self, text: str, settings: Settings = DEFAULT) -> str:
        return self.store(self.read(text, settings))

    def read(self, text: str, settings: Settings = DEFAULT) -> Range:
        """The range that a literal spells (§8.17.5).

        Raises:
            SqlError: 22P02, and what `make` and the subtype raise.
        """
        body = text.strip(SPACES)
        if body[:5].lower() == "empty":
            if body[5:]:
                raise _malformed(text, 'Junk after "empty" key word.')
            return EMPTY
        if body[:1] not in ("[", "("):
            raise _malformed(text, "Missing left parenthesis or bracket.")
        lower, position = _read_bound(text, body, 1)
        if body[position] != ",":
            raise _malformed(text, "Missing comma after lower bound.")
        upper, position = _read_bound(text, body, position + 1)
        if body[position] == ",":
            raise _malformed(text, "Too many commas.")
        if body[position + 1 :]:
            raise _malformed(text, "Junk after right parenthesis or bracket.")
        read = self.subtype.input
        return self.make(
            None if lower is None else read(lower, settings),
            None if upper is None else read(upper, settings),
            body[0] == "[",
            body[position] == "]",
        )

    def output(self, stored: str, settings: Settings = DEFAULT) -> str:
        return self.spelled(self.load(stored), settings)

    def spelled(self, value: Range, settings: Settings = DEFAULT) -> str:
        """The text form of a range."""
        if value.empty:
            return "empty"
        write = self.subtype.output
        lower = "" if value.lower is None else _quoted(write(value.lower, settings))
        upper = "" if value.upper is None else _quoted(write(value.upper, settings))
        return f"{'[' if value.lower_inclusive else '('}{lower},{upper}{']' if value.upper_inclusive else ')'}"

    # Binary

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> str:
        return self.store(self.received(data, settings))

    def received(self, data: bytes, settings: Settings = DEFAULT) -> Range:
        """The range in binary form: flags, and each finite bound behind its length (range_recv of rangetypes.c).

        Raises:
            SqlError: 08P01, 22P03, and what `make` and the subtype raise.
        """
        if not data:
            raise cut_binary()
        flags, position = data[0], 1
        bounds: list[Any] = []
        for infinite in (_LOWER_INFINITE, _UPPER_INFINITE):
            if flags & (_EMPTY | infinite):
                bounds.append(None)
                continue
            if len(data) < position + 4:
                raise cut_binary()
            (length,) = _length.unpack_from(data, position)
            position += 4
            if length < 0 or length > len(data) - position:
                raise cut_binary()
            bounds.append(self.subtype.receive(data[position : position + length], settings))
            position += length
        if position != len(data):
            raise bad_binary()
        if flags & _EMPTY:
            return EMPTY
        return self.make(bounds[0], bounds[1], bool(flags & _LOWER_INCLUSIVE), bool(flags & _UPPER_INCLUSIVE))

    def send(self, stored: str) -> bytes:
        return self.sent(self.load(stored))

    def sent(self, value: Range) -> bytes:
        """The binary form of a range."""
        if value.empty:
            return bytes([_EMPTY])
        flags = (_LOWER_INCLUSIVE if value.lower_inclusive else 0) | (_UPPER_INCLUSIVE if value.upper_inclusive else 0)
        parts = []
        for bound, infinite in ((value.lower, _LOWER_INFINITE), (value.upper, _UPPER_INFINITE)):
            if bound is None:
                flags |= infinite
            else:
                data = self.subtype.send(bound)
                parts += [_length.pack(len(data)), data]
        return b"".join([bytes([flags]), *parts])


def _malformed(text: str, detail: str) -> SqlError:
    return SqlError("22P02", f'malformed range literal: "{text}"', detail=detail)


def _quoted(text: str) -> str:
    if text and not _SPECIAL.intersection(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '""')
    return f'"{escaped}"'


def _read_bound(text: str, body: str, position: int) -> tuple[str | None, int]:
    """The text of a bound, None for an infinite one, and where the comma or bracket behind it is."""
    start = position
    quoted = False
    parts: list[str] = []
    while True:
        if position >= len(body):
            raise _malformed(text, "Unexpected end of input.")
        letter = body[position]
        if not quoted and letter in ",)]":
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


RANGES = (
    RangeType(3904, "int4range", 3905, INT4, 4451),
    RangeType(3906, "numrange", 3907, NUMERIC, 4532),
    RangeType(3908, "tsrange", 3909, TIMESTAMP, 4533),
    RangeType(3910, "tstzrange", 3911, TIMESTAMPTZ, 4534),
    RangeType(3912, "daterange", 3913, DATE, 4535),
    RangeType(3926, "int8range", 3927, INT8, 4536),
)
