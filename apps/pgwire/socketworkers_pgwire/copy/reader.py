"""What readers and writers of all formats have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from ..errors import SqlError

__all__ = ["MAX_LINE", "Reader", "Row", "Writer", "bad_format"]

#: bytes of one row; what PostgreSQL's memory for one value holds
MAX_LINE = (1 << 30) - 1

Row: TypeAlias = "list[bytes | None]"


class Reader(Protocol):
    """Takes the data of a COPY from a client."""

    line: int
    """Number of the line, or row, that the last row ended with; for the context of errors."""

    def receive(self, data: bytes) -> list[Row]:
        """The rows that are complete now.

        Raises:
            SqlError: 22P04 and its like.
        """

    def end(self) -> list[Row]:
        """The data is complete: the rows that are left.

        Raises:
            SqlError: it was not.
        """

    def line_of(self, number: int) -> int:
        """The line with which row `number` of the last answer ends."""


class Writer(Protocol):
    """Makes the data of a COPY to a client."""

    def begin(self) -> list[bytes]:
        """What stands before the first row: CopyData messages' contents."""

    def rows(self, columns: Sequence[Sequence[bytes | None]], count: int) -> list[bytes]:
        """The lines of rows that are given by columns, each one the content of a CopyData message."""

    def end(self) -> list[bytes]:
        """What stands behind the last row."""


def bad_format(message: str, hint: str | None = None) -> SqlError:
    """22P04 bad_copy_file_format."""
    return SqlError("22P04", message, hint=hint)
