"""int2vector and oidvector, of the system's catalogues: arrays counted from 0 and written with blanks. Sans-IO."""

from __future__ import annotations

from .array import Array, ArrayType
from .base import SPACES, AnyType
from .errors import SqlError, invalid_input
from .integers import INT2
from .oid import OID, read_oid
from .settings import DEFAULT, Settings

__all__ = ["INT2VECTOR", "OIDVECTOR", "Vector"]

_MAX_WORDS = 100  # what PostgreSQL's functions read


class Vector(ArrayType):
    """int2vector or oidvector."""

    __slots__ = ()

    def __init__(self, element: AnyType, oid: int, typname: str, array_oid: int) -> None:
        super().__init__(element, oid)
        self.typname = self.name = typname
        self.array_oid = array_oid

    def input(self, text: str, settings: Settings = DEFAULT) -> str:
        items: list[int] = []
        for word in text.strip(SPACES).split():
            if self.element is OID:
                items.append(read_oid(word))
                continue
            try:
                items.append(INT2.input(word))
            except SqlError as error:
                if error.sqlstate == "22003":
                    raise
                raise invalid_input("smallint", word) from None
        if len(items) > _MAX_WORDS:
            raise SqlError("22023", f"{self.typname} has too many elements")
        return self.store(Array(items, (len(items),), (0,)))

    def output(self, stored: str, settings: Settings = DEFAULT) -> str:
        return " ".join(map(str, self.load(stored).items))

    def send(self, stored: str) -> bytes:
        if stored == "[]":
            # one dimension, with nothing in it
            return bytes((0, 0, 0, 1, 0, 0, 0, 0)) + self.element.oid.to_bytes(4) + bytes(8)
        return super().send(stored)

    def encode_column(
        self, values: object, settings: Settings = DEFAULT, binary: bool = False
    ) -> list[bytes | None]:
        assert isinstance(values, list | tuple)
        if binary:
            return [None if value is None else self.send(value) for value in values]
        return [None if value is None else self.output(value).encode() for value in values]


INT2VECTOR = Vector(INT2, 22, "int2vector", 1006)
OIDVECTOR = Vector(OID, 30, "oidvector", 1013)
