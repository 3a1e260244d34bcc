"""Arrays: PostgreSQL 15 documentation §8.15. Sans-IO.

Stored as TEXT, the JSON array of the storage forms of the elements, nested for more dimensions: SQLite's own JSON
functions look into it. Bytes are written in hexadecimal, infinities as words. With other lower bounds than 1 it is an
object with them beside the items.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .array_text import Literal, parse_literal, print_literal
from .base import AnyType, Type
from .errors import SqlError, bad_binary, cut_binary
from .settings import DEFAULT, Settings
from .sortkey import append_key

__all__ = ["MAX_DIMENSIONS", "Array", "ArrayType", "converters"]

MAX_DIMENSIONS = 6
_MAX_ITEMS = 134_217_727  # what PostgreSQL's memory for one value holds
_FIRST_NOT_FIXED = 10_000  # OIDs from here on may differ from one database to another
_dump = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
_loads = json.JSONDecoder().decode
_header = struct.Struct("!iiI")
_dimension = struct.Struct("!ii")
_length = struct.Struct("!i")
#: storage forms that are written to JSON and read from it as they are, and are equal when they are spelled equally
_NATIVE = {"INTEGER", "TEXT"}


@dataclass(slots=True)
class Array:
    """An array, to calculate with: the elements, in their storage forms, in one row."""

    items: list[Any]
    """One after the other, the last dimension fastest."""
    lengths: tuple[int, ...] = ()
    """Of each dimension; an empty array has none."""
    lowers: tuple[int, ...] = ()
    """First index of each dimension."""


class ArrayType(Type[str]):
    """The array of an element type."""

    __slots__ = ("_from_json", "_to_json", "element")

    def __init__(self, element: AnyType, oid: int | None = None) -> None:
        super().__init__(
            element.array_oid if oid is None else oid,
            "_" + element.typname[:62],
            element.format_type() + "[]",
            0,
            -1,
            "A",
            "TEXT",
            typmod=element.typmod,
        )
        self.element = element
        self._to_json, self._from_json = converters(element)

    @property
    def has_equality(self) -> bool:
        return self.element.has_equality

    @property
    def has_order(self) -> bool:
        return self.element.has_order

    def format_type(self) -> str:
        return self.name

    def typmodin(self, arguments: Sequence[str]) -> int:
        return self.element.typmodin(arguments)

    def typmodout(self) -> str:
        return ""

    def _modified(self, typmod: int) -> ArrayType:
        """Of an array the modifier is that of the elements."""
        element = self.element.modified(typmod)
        return self if element is self.element else ArrayType(element, self.oid)

    def coerce(self, stored: str, explicit: bool = False) -> str:
        array: Array = self.modified(-1).load(stored)
        coerce = self.element.coerce
        array.items = [None if item is None else coerce(item, explicit) for item in array.items]
        return self.store(array)

    def input(self, text: str, settings: Settings = DEFAULT) -> str:
        literal = parse_literal(text, self.element.array_delimiter)
        read = self.element.input
        items = [None if item is None else read(item, settings) for item in literal.items]
        return self.store(Array(items, literal.lengths, literal.lowers))

    def output(self, stored: str, settings: Settings = DEFAULT) -> str:
        array = self.load(stored)
        write = self.element.output
        items = [None if item is None else write(item, settings) for item in array.items]
        return print_literal(Literal(items, array.lengths, array.lowers), self.element.array_delimiter)

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> str:
        if len(data) < _header.size:
            raise cut_binary()
        dimensions, flags, element_oid = _header.unpack_from(data)
        if dimensions < 0:
            raise bad_binary(f"invalid number of dimensions: {dimensions}")
        if dimensions > MAX_DIMENSIONS:
            raise too_many_dimensions(dimensions)
        if flags not in (0, 1):
            raise bad_binary("invalid array flags")
        if element_oid != self.element.oid and element_oid < _FIRST_NOT_FIXED and self.element.oid < _FIRST_NOT_FIXED:
            raise SqlError(
                "42804",
                f"binary data has array element type {element_oid} instead of expected "
                f"{self.element.oid} ({self.element.format_type()})",
            )
        position = _header.size + dimensions * _dimension.size
        if len(data) < position:
            raise cut_binary()
        bounds = [_dimension.unpack_from(data, _header.size + index * 8) for index in range(dimensions)]
        for length, lower in bounds:
            if lower + length - 1 > (1 << 31) - 1:
                raise SqlError("54000", f"array lower bound is too large: {lower}")
        lengths = tuple(length for length, _ in bounds)
        if any(length < 0 for length in lengths) or math.prod(lengths) > _MAX_ITEMS:
            raise SqlError("54000", f"array size exceeds the maximum allowed ({_MAX_ITEMS})")
        count = math.prod(lengths) if lengths else 0
        items, position = self._receive_items(data, position, count, settings)
        if position != len(data):
            raise bad_binary()
        if not count:
            return "[]"
        return self.store(Array(items, lengths, tuple(lower for _, lower in bounds)))

    def _receive_items(self, data: bytes, position: int, count: int, settings: Settings) -> tuple[list[Any], int]:
        items: list[Any] = []
        receive = self.element.receive
        for _ in range(count):
            if len(data) < position + 4:
                raise cut_binary()
            length = _length.unpack_from(data, position)[0]
            position += 4
            if length == -1:
                items.append(None)
                continue
            if length < 0 or length > len(data) - position:
                raise bad_binary("insufficient data left in message")
            items.append(receive(data[position : position + length], settings))
            position += length
        return items, position

    def send(self, stored: str) -> bytes:
        array = self.load(stored)
        parts = [_header.pack(len(array.lengths), None in array.items, self.element.oid)]
        parts += [_dimension.pack(*bound) for bound in zip(array.lengths, array.lowers, strict=True)]
        send = self.element.send
        for item in array.items:
            if item is None:
                parts.append(b"\xff\xff\xff\xff")
            else:
                data = send(item)
                parts += (_length.pack(len(data)), data)
        return b"".join(parts)

    def load(self, stored: str) -> Array:
        nested = _loads(stored)
        lowers: list[int] | None = None
        if isinstance(nested, dict):
            lowers, nested = nested["lower"], nested["items"]
        if not nested:
            return Array([])
        lengths = [len(nested)]
        # an element is never a list: json is stored as a text
        while isinstance(nested[0], list):
            lengths.append(len(nested[0]))
            nested = [each for row in nested for each in row]
        convert = self._from_json
        if convert is not None:
            nested = [None if each is None else convert(each) for each in nested]
        return Array(nested, tuple(lengths), tuple(lowers) if lowers else (1,) * len(lengths))

    def store(self, value: Array) -> str:
        items = value.items
        if not items:
            return "[]"
        convert = self._to_json
        if convert is not None:
            items = [None if item is None else convert(item) for item in items]
        for length in reversed(value.lengths[1:]):
            items = [items[start : start + length] for start in range(0, len(items), length)]
        if any(lower != 1 for lower in value.lowers):
            return _dump({"lower": list(value.lowers), "items": items})
        return _dump(items)

    def encode_column(
        self, values: Sequence[str | None], settings: Settings = DEFAULT, binary: bool = False
    ) -> list[bytes | None]:
        if binary or self.element.category != "N" or self.element.declared != "INTEGER" or self.element.typlen < 0:
            return super().encode_column(values, settings, binary)
        if self.element.typname == "money" or self.element.typname.startswith("reg"):
            return super().encode_column(values, settings)
        # numbers are spelled in JSON as in PostgreSQL
        output = self.output
        spelled: list[bytes | None] = []
        for value in values:
            if value is None:
                spelled.append(None)
            elif value[1:2] not in ("[", '"') and value[0] == "[":
                spelled.append(f"{{{value[1:-1].replace('null', 'NULL')}}}".encode())
            else:
                spelled.append(output(value, settings).encode())
        return spelled

    def eqkey(self, expression: str) -> str:
        if self._equal_as_text():
            return expression
        return f"pg_arraykey({expression},{self.oid},{self.typmod})"

    def ordkey(self, expression: str) -> str:
        return f"pg_arraykey({expression},{self.oid},{self.typmod})"

    def equality(self, stored: str) -> str | bytes:
        return stored if self._equal_as_text() else self.order(stored)

    def order(self, stored: str) -> bytes:
        """Elements first, NULL behind all; then the count, the dimensions, their lengths and their lower bounds."""
        array = self.load(stored)
        parts: list[bytes] = []
        order = self.element.order
        for item in array.items:
            if item is None:
                parts.append(b"\2")
            else:
                parts.append(b"\1")
                append_key(order(item), parts)
        parts += (b"\0", bytes([len(array.lengths)]))
        parts += [_dimension.pack(length, 0)[:4] for length in array.lengths]
        parts += [(lower + (1 << 31)).to_bytes(4) for lower in array.lowers]
        return b"".join(parts)

    def _equal_as_text(self) -> bool:
        return self.element.declared in _NATIVE and self.element.eqkey("x") == "x"


def too_many_dimensions(dimensions: int) -> SqlError:
    """54000 program_limit_exceeded."""
    return SqlError(
        "54000", f"number of array dimensions ({dimensions}) exceeds the maximum allowed ({MAX_DIMENSIONS})"
    )


def converters(element: AnyType) -> tuple[Callable[[Any], Any] | None, Callable[[Any], Any] | None]:
    """How elements are brought to JSON and back, when they are not the same there."""
    if element.declared == "BLOB":
        return bytes.hex, bytes.fromhex
    if element.typname in ("float4", "float8"):
        return _float_to_json, _float_from_json
    return None, None


def _float_to_json(value: float | str) -> float | str:
    if type(value) is float and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _float_from_json(value: float | str) -> float | str:
    return value if value == "NaN" else float(value)
