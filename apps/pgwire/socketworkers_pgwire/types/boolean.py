"""bool: PostgreSQL 15 documentation §8.6. Stored as INTEGER 0 or 1. Sans-IO."""

from __future__ import annotations

from collections.abc import Sequence

from .base import SPACES, Type, exactly
from .errors import invalid_input
from .settings import DEFAULT, Settings

__all__ = ["BOOL", "Boolean"]

#: every unique prefix of these words is taken; "o" is none, for on and off begin with it
_WORDS = {"true": 1, "false": 0, "yes": 1, "no": 0, "on": 1, "off": 0, "1": 1, "0": 0}
_SPELLED = {
    word[:length]: value for word, value in _WORDS.items() for length in range(1, len(word) + 1) if word[:length] != "o"
}
_TEXT: dict[int | None, bytes | None] = {None: None, 0: b"f", 1: b"t"}
_BINARY: dict[int | None, bytes | None] = {None: None, 0: b"\0", 1: b"\1"}


class Boolean(Type[int]):
    """bool."""

    __slots__ = ()

    def input(self, text: str, settings: Settings = DEFAULT) -> int:
        value = _SPELLED.get(text)
        if value is None:
            value = _SPELLED.get(_lower(text.strip(SPACES)))
            if value is None:
                raise invalid_input("boolean", text)
        return value

    def output(self, stored: int, settings: Settings = DEFAULT) -> str:
        return "t" if stored else "f"

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> int:
        return 1 if exactly(data, 1)[0] else 0

    def send(self, stored: int) -> bytes:
        return b"\1" if stored else b"\0"

    def encode_column(
        self, values: Sequence[int | None], settings: Settings = DEFAULT, binary: bool = False
    ) -> list[bytes | None]:
        return list(map((_BINARY if binary else _TEXT).__getitem__, values))


def _lower(text: str) -> str:
    return text.lower() if text.isascii() else text


BOOL = Boolean(16, "bool", "boolean", 1000, 1, "B", "INTEGER", preferred=True)
