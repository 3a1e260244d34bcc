"""money: PostgreSQL 15 documentation §8.2, with the lc_monetary "C". Stored as INTEGER, in cents. Sans-IO."""

from __future__ import annotations

import re

from .base import Type, exactly
from .errors import SqlError, invalid_input
from .settings import DEFAULT, Settings

__all__ = ["MONEY"]

_MONEY = re.compile(r"\s*(-|\()?\s*\$?\s*(-|\()?\s*\$?([0-9,]*)(?:\.([0-9]*))?\s*(\))?\s*\$?\s*(-)?\s*", re.ASCII)


class Money(Type[int]):
    """An amount."""

    __slots__ = ()

    def input(self, text: str, settings: Settings = DEFAULT) -> int:
        match = _MONEY.fullmatch(text)
        if match is None or not any(each.isdigit() for each in text):
            raise invalid_input("money", text)
        whole, fraction = match[3].replace(",", ""), match[4] or ""
        value = int((whole or "0") + fraction[:2].ljust(2, "0")) if len(whole) < 25 else 1 << 70
        value += fraction[2:3] >= "5"
        if match[1] or match[2] or match[6]:
            value = -value
        if not -1 << 63 <= value < 1 << 63:
            raise SqlError("22003", f'value "{text}" is out of range for type money')
        return value

    def output(self, stored: int, settings: Settings = DEFAULT) -> str:
        whole, cents = divmod(abs(stored), 100)
        return f"{'-' if stored < 0 else ''}${whole:,}.{cents:02d}"

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> int:
        return int.from_bytes(exactly(data, 8), signed=True)

    def send(self, stored: int) -> bytes:
        return stored.to_bytes(8, signed=True)


MONEY = Money(790, "money", "money", 791, 8, "N", "INTEGER")
