"""uuid: PostgreSQL 15 documentation §8.12. Stored as TEXT in lower case with hyphens, which sorts as its bytes do."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .base import Type, exactly
from .errors import invalid_input
from .settings import DEFAULT, Settings

__all__ = ["UUID", "Uuid"]

# §8.12: braces around all of it, a hyphen after any group of four digits
_UUID = re.compile(r"(\{)?(?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}(?(1)\})", re.ASCII)
_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Uuid(Type[str]):
    """uuid."""

    __slots__ = ()

    def input(self, text: str, settings: Settings = DEFAULT) -> str:
        if _CANONICAL.fullmatch(text):
            return text
        if _UUID.fullmatch(text) is None:
            raise invalid_input("uuid", text)
        return _hyphens(text.strip("{}").replace("-", "").lower())

    def output(self, stored: str, settings: Settings = DEFAULT) -> str:
        return stored

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> str:
        return _hyphens(exactly(data, 16).hex())

    def send(self, stored: str) -> bytes:
        return bytes.fromhex(stored.replace("-", ""))

    def encode_column(
        self, values: Sequence[str | None], settings: Settings = DEFAULT, binary: bool = False
    ) -> list[bytes | None]:
        if binary:
            return super().encode_column(values, settings, True)
        return [None if value is None else value.encode() for value in values]


def _hyphens(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


UUID = Uuid(2950, "uuid", "uuid", 2951, 16, "U", "TEXT")
