"""int2vector and oidvector, of the system's catalogues: arrays counted from 0 and written with blanks. Sans-IO."""

from __future__ import annotations

import re

from .array import Array, ArrayType
from .base import SPACES, AnyType
from .errors import SqlError, bad_binary, invalid_input
from .integers import INT2
from .oid import OID, scan_oid
from .settings import DEFAULT, Settings

__all__ = ["INT2VECTOR", "OIDVECTOR", "Vector"]

_INT2 = re.compile(r"([+-]?)0*([0-9]+)", re.ASCII)


class Vector(ArrayType):
    """int2vector or oidvector."""

    __slots__ = ()

    def __init__(self, element: AnyType, oid: int, typname: str, array_oid: int) -> None:
        super().__init__(element, oid)
        self.typname = self.name = typname
        self.array_oid = array_oid

    def input(self, text: str, settings: Settings = DEFAULT) -> str:
        items: list[int] = []
        position = 0
        while position < len(text):
            if text[position] in SPACES:
                position += 1
                continue
            if self.element is OID:
                value, position = scan_oid(text, position)
            else:
                value, position = _scan_int2(text, position)
            items.append(value)
        return self.store(Array(items, (len(items),), (0,)))

    def output(self, stored: str, settings: Settings = DEFAULT) -> str:
        return " ".join(map(str, self.load(stored).items))

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> str:
        stored = super().receive(data, settings)
        array = self.load(stored)
        if array.lowers != (0,) or None in array.items:
            raise bad_binary(f"invalid {self.typname} data")
        return stored

    def send(self, stored: str) -> bytes:
        if stored == "[]":
            # one dimension, with nothing in it
            return bytes((0, 0, 0, 1, 0, 0, 0, 0)) + self.element.oid.to_bytes(4) + bytes(8)
        return super().send(stored)

    def order(self, stored: str) -> bytes:
        """An oidvector goes by its length first, an int2vector like any array."""
        order = super().order(stored)
        return len(self.load(stored).items).to_bytes(4) + order if self.element is OID else order

    def encode_column(self, values: object, settings: Settings = DEFAULT, binary: bool = False) -> list[bytes | None]:
        assert isinstance(values, list | tuple)
        if binary:
            return [None if value is None else self.send(value) for value in values]
        return [None if value is None else self.output(value).encode() for value in values]


def _scan_int2(text: str, position: int) -> tuple[int, int]:
    match = _INT2.match(text, position)
    rest = text[position:]
    if match is None:
        raise invalid_input("smallint", rest)
    value = int(match[1] + match[2][:25])
    if not INT2.minimum <= value <= INT2.maximum:
        raise SqlError("22003", f'value "{rest}" is out of range for type smallint')
    if text[match.end() : match.end() + 1] not in ("", " "):
        raise invalid_input("smallint", rest)
    return value, match.end()


INT2VECTOR = Vector(INT2, 22, "int2vector", 1006)
OIDVECTOR = Vector(OID, 30, "oidvector", 1013)
