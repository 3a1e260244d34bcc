"""Types of the system whose values are only ever shown: PostgreSQL 15 documentation §8.21, §53. Sans-IO.

Stored as TEXT, as they are written.
"""

from __future__ import annotations

from .settings import DEFAULT, Settings
from .text import Text

__all__ = ["ACLITEM", "ANYARRAY", "CSTRING", "NODE_TREE", "VOID"]


class _Void(Text):
    """void: its one value is written as nothing."""

    __slots__ = ()

    def output(self, stored: str, settings: Settings = DEFAULT) -> str:
        return ""

    def send(self, stored: str) -> bytes:
        return b""


VOID = _Void(2278, "void", "void", 0, 4, "P", "TEXT")
CSTRING = Text(2275, "cstring", "cstring", 1263, -2, "P", "TEXT")
ANYARRAY = Text(2277, "anyarray", "anyarray", 0, -1, "P", "TEXT")
NODE_TREE = Text(194, "pg_node_tree", "pg_node_tree", 0, -1, "Z", "TEXT")
ACLITEM = Text(1033, "aclitem", "aclitem", 1034, 12, "U", "TEXT")
