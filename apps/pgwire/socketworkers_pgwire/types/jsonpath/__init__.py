"""jsonpath: PostgreSQL 15 documentation §8.14.7 and §9.16.2. Stored as TEXT in PostgreSQL's own spelling. Sans-IO."""

from __future__ import annotations

from ..base import Type, decode_utf8
from ..errors import SqlError, cut_binary
from ..settings import DEFAULT, Settings
from .evaluate import PathQuery, query_for
from .parse import parse
from .spell import spell

__all__ = ["JSONPATH", "PathQuery", "query_for"]


class JsonPathType(Type[str]):
    """jsonpath."""

    __slots__ = ()

    @property
    def has_equality(self) -> bool:
        return False

    def input(self, text: str, settings: Settings = DEFAULT) -> str:
        return spell(parse(text))

    def output(self, stored: str, settings: Settings = DEFAULT) -> str:
        return stored

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> str:
        if not data:
            raise cut_binary()
        if data[0] != 1:
            raise SqlError("XX000", f"unsupported jsonpath version number: {data[0]}")
        return self.input(decode_utf8(data[1:]))

    def send(self, stored: str) -> bytes:
        return b"\1" + stored.encode()


JSONPATH = JsonPathType(4072, "jsonpath", "jsonpath", 4073, -1, "U", "TEXT")
