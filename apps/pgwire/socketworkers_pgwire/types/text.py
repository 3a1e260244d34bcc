"""text, varchar, char, name, "char": PostgreSQL 15 documentation §8.3. Stored as TEXT. Sans-IO.

Order is by code points, which is the order of collation "C" in UTF-8. A `char(n)` is stored without the blanks at its
end, which do not count in comparisons, and padded when it is written; a `bpchar` without length keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .base import Type, decode_utf8
from .errors import SqlError, bad_binary, cut_binary, invalid_parameter
from .settings import DEFAULT, Settings

__all__ = [
    "BPCHAR",
    "CHAR",
    "NAME",
    "TEXT",
    "UNKNOWN",
    "VARCHAR",
    "Character",
    "InternalChar",
    "Name",
    "Text",
    "Varchar",
]

MAX_LENGTH = 10_485_760  # §8.3: the largest n of char(n) and varchar(n)
MAX_NAME = 63  # §8.3: NAMEDATALEN less the end
_OCTAL = re.compile(r"\\[0-3][0-7][0-7]")
_HEADER = 4  # VARHDRSZ is in the modifiers of varchar and char


class Text(Type[str]):
    """text, and what is like it."""

    __slots__ = ()

    def input(self, text: str, settings: Settings = DEFAULT) -> str:
        return text

    def input_column(self, texts: Sequence[str | None], settings: Settings = DEFAULT) -> list[str | None]:
        return list(texts) if type(self).input is Text.input else super().input_column(texts, settings)

    def output(self, stored: str, settings: Settings = DEFAULT) -> str:
        return stored

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> str:
        return self.input(decode_utf8(data), settings)

    def send(self, stored: str) -> bytes:
        return stored.encode()

    def encode_column(
        self, values: Sequence[str | None], settings: Settings = DEFAULT, binary: bool = False
    ) -> list[bytes | None]:
        return [None if value is None else value.encode() for value in values]


class _Bounded(Text):
    """varchar and char: with a length that counts characters."""

    __slots__ = ("length",)

    def __init__(self, oid: int, typname: str, name: str, array_oid: int, typmod: int = -1) -> None:
        super().__init__(oid, typname, name, array_oid, -1, "S", "TEXT", typmod=typmod)
        self.length = typmod - _HEADER if typmod >= _HEADER else -1

    def input_column(self, texts: Sequence[str | None], settings: Settings = DEFAULT) -> list[str | None]:
        return list(texts) if self.length < 0 else super().input_column(texts, settings)

    def typmodin(self, arguments: Sequence[str]) -> int:
        short = "char" if self.typname == "bpchar" else "varchar"
        if len(arguments) != 1:
            raise invalid_parameter("invalid type modifier")
        length = int(arguments[0])
        if length < 1:
            raise invalid_parameter(f"length for type {short} must be at least 1")
        if length > MAX_LENGTH:
            raise invalid_parameter(f"length for type {short} cannot exceed {MAX_LENGTH}")
        return length + _HEADER

    def typmodout(self) -> str:
        return f"({self.length})" if self.length >= 0 else ""

    def _modified(self, typmod: int) -> _Bounded:
        return type(self)(self.oid, self.typname, self.name, self.array_oid, typmod)

    def _too_long(self) -> SqlError:
        return SqlError("22001", f"value too long for type {self.name}({self.length})")


class Varchar(_Bounded):
    """varchar, varchar(n)."""

    __slots__ = ()

    def input(self, text: str, settings: Settings = DEFAULT) -> str:
        return self.coerce(text)

    def coerce(self, stored: str, explicit: bool = False) -> str:
        if 0 <= self.length < len(stored):
            if not explicit and stored[self.length :].strip(" "):
                raise self._too_long()
            return stored[: self.length]
        return stored


class Character(_Bounded):
    """char(n), which its row of pg_type calls bpchar."""

    __slots__ = ()

    def input(self, text: str, settings: Settings = DEFAULT) -> str:
        return self.coerce(text)

    def coerce(self, stored: str, explicit: bool = False) -> str:
        if 0 <= self.length < len(stored):
            if not explicit and stored[self.length :].strip(" "):
                raise self._too_long()
            stored = stored[: self.length]
        return stored.rstrip(" ") if self.length >= 0 else stored

    def output(self, stored: str, settings: Settings = DEFAULT) -> str:
        return stored.ljust(self.length)

    def send(self, stored: str) -> bytes:
        return stored.ljust(self.length).encode()

    def encode_column(
        self, values: Sequence[str | None], settings: Settings = DEFAULT, binary: bool = False
    ) -> list[bytes | None]:
        length = self.length
        return [None if value is None else value.ljust(length).encode() for value in values]

    def eqkey(self, expression: str) -> str:
        return expression if self.length >= 0 else f"rtrim({expression},' ')"

    def equality(self, stored: str) -> str:
        return stored if self.length >= 0 else stored.rstrip(" ")


class Name(Text):
    """name: an identifier, cut to 63 bytes."""

    __slots__ = ()

    def input(self, text: str, settings: Settings = DEFAULT) -> str:
        return cut_name(text)

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> str:
        text = decode_utf8(data)
        if len(data) > MAX_NAME:
            raise SqlError("42622", "identifier too long", detail="Identifier must be less than 64 characters.")
        return text


class InternalChar(Text):
    """ "char": one byte of the system's catalogues; of a longer text the first. Stored as TEXT of at most one."""

    __slots__ = ()

    def input(self, text: str, settings: Settings = DEFAULT) -> str:
        if len(text) == 4 and _OCTAL.fullmatch(text):
            code = int(text[1:], 8)
            return chr(code) if code else ""
        data = text.encode()[:1]
        return data.decode("latin-1")

    def output(self, stored: str, settings: Settings = DEFAULT) -> str:
        return stored if stored < "\x80" else f"\\{ord(stored):03o}"

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> str:
        if len(data) != 1:
            raise bad_binary() if data else cut_binary()
        return "" if data == b"\0" else data.decode("latin-1")

    def send(self, stored: str) -> bytes:
        return stored.encode("latin-1") or b"\0"

    def encode_column(
        self, values: Sequence[str | None], settings: Settings = DEFAULT, binary: bool = False
    ) -> list[bytes | None]:
        if binary:
            return super(Text, self).encode_column(values, settings, True)
        return [None if value is None else self.output(value).encode() for value in values]


def cut_name(text: str) -> str:
    """At most 63 bytes of `text`, and no part of a character."""
    data = text.encode()
    return text if len(data) <= MAX_NAME else data[:MAX_NAME].decode(errors="ignore")


TEXT = Text(25, "text", "text", 1009, -1, "S", "TEXT", preferred=True)
VARCHAR = Varchar(1043, "varchar", "character varying", 1015)
BPCHAR = Character(1042, "bpchar", "character", 1014)
NAME = Name(19, "name", "name", 1003, 64, "S", "TEXT")
CHAR = InternalChar(18, "char", '"char"', 1002, 1, "Z", "TEXT")
UNKNOWN = Text(705, "unknown", "unknown", 0, -2, "X", "TEXT")
