"""Whole tables that SQLite gives as DataRow messages, some hundred rows at a time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Final

import apsw

from ...codec import encode_packed
from ...functions import Execution
from .failures import translate

__all__ = ["ROWS", "ChunkCursor", "Chunks"]

#: rows of one chunk
ROWS: Final = 256
#: bytes that `ChunkCursor.take` gathers
ENOUGH: Final = 1 << 17


@dataclass(frozen=True, slots=True)
class Chunks:
    """The statements that read a table."""

    joined: str
    """For each range of rows: its first number; and their count with their DataRow messages as one BLOB, or NULL when
    it has rows that are too long for that."""
    rest: str
    """The rows from a number on, each as one BLOB, its fields with their lengths."""
    columns: int
    """How many there are."""


class ChunkCursor:
    """A table that is read to its end, and by nobody else meanwhile.

    Args:
        chunks: how.
        execution: whose connection it is read on.
    """

    __slots__ = ("_chunks", "_execution", "_joined", "_rest")

    affected = 0
    tag = "SELECT"

    def __init__(self, chunks: Chunks, execution: Execution) -> None:
        self._chunks = chunks
        self._execution = execution
        self._joined: apsw.Cursor | None = None
        self._rest: apsw.Cursor | None = None

    @property
    def swift(self) -> bool:
        """Whether `take` takes no longer than a millisecond or two, wherever its rows are."""
        return self._rest is None

    def take(self) -> tuple[bytes, int, bool]:
        """DataRow messages of further rows, how many these are, and whether there are more.

        Raises:
            SqlError: the statement failed.
        """
        parts: list[bytes] = []
        size = count = 0
        try:
            if self._rest is not None:
                rows = [row[0] for row in islice(self._rest, ROWS)]
                return encode_packed(rows, self._chunks.columns), len(rows), len(rows) == ROWS
            connection = self._execution.connection
            if self._joined is None:
                self._joined = connection.execute(self._chunks.joined)
            for first, joined in self._joined:
                if joined is None:  # from here on row by row
                    self._joined.close(True)
                    self._rest = connection.execute(self._chunks.rest, (first,))
                    return b"".join(parts), count, True
                behind = joined.index(b"D")
                count += int(joined[:behind])
                parts.append(joined[behind:])
                size += len(joined)
                if size >= ENOUGH:
                    return b"".join(parts), count, True
        except Exception as error:
            self.close()
            raise translate(error) from error
        return b"".join(parts), count, False

    def close(self) -> None:
        """As `plan.Cursor`."""
        for cursor in (self._joined, self._rest):
            if cursor is not None:
                cursor.close(True)
