"""Enumerated types: PostgreSQL 15 documentation §8.7. Sans-IO.

Stored as TEXT, the label; the order is that of the type.
"""

from __future__ import annotations

from collections.abc import Sequence

from .base import Type, decode_utf8
from .errors import SqlError
from .settings import DEFAULT, Settings

__all__ = ["EnumType"]


class EnumType(Type[str]):
    """One enumerated type.

    Args:
        oid: pg_type.oid.
        typname: its name.
        array_oid: the OID of its array.
        labels: in their order, as pg_enum.enumsortorder tells.
        name: how format_type() spells it, when it must be qualified or quoted.
    """

    __slots__ = ("_positions", "labels")

    def __init__(self, oid: int, typname: str, array_oid: int, labels: Sequence[str], name: str | None = None) -> None:
        super().__init__(oid, typname, typname if name is None else name, array_oid, 4, "E", "TEXT")
        self.labels = tuple(labels)
        self._positions = {label: position for position, label in enumerate(labels, 1)}

    def input(self, text: str, settings: Settings = DEFAULT) -> str:
        if text not in self._positions:
            raise SqlError("22P02", f'invalid input value for enum {self.name}: "{text}"')
        return text

    def output(self, stored: str, settings: Settings = DEFAULT) -> str:
        return stored

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> str:
        return self.input(decode_utf8(data))

    def send(self, stored: str) -> bytes:
        return stored.encode()

    def encode_column(
        self, values: Sequence[str | None], settings: Settings = DEFAULT, binary: bool = False
    ) -> list[bytes | None]:
        return [None if value is None else value.encode() for value in values]

    def ordkey(self, expression: str) -> str:
        return f"pg_enumord({expression},{self.oid})"

    def order(self, stored: str) -> int:
        """The place of a label, counted from 1.

        Raises:
            SqlError: 22P02, there is no such label.
        """
        position = self._positions.get(stored)
        if position is None:
            raise SqlError("22P02", f'invalid input value for enum {self.name}: "{stored}"')
        return position
