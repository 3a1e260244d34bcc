"""What readers and writers of all formats have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from ..errors import SqlError

__all__ = ["MAX_LINE", "Columns", "Reader", "Row", "Writer", "bad_format", "split_plain"]

#: bytes of one row; what PostgreSQL's memory for one value holds
MAX_LINE = (1 << 30) - 1

Row: TypeAlias = "list[bytes | None]"
Columns: TypeAlias = "list[list[str | None]]"


class Reader(Protocol):
    """Takes the data of a COPY from a client."""

    line: int
    """Number of the line, or row, that the last row ended with; for the context of errors."""

    def columns(self, data: bytes) -> Columns | None:
        """The rows that are complete now, by columns and as texts, when nothing in them is quoted or escaped.

        None: they are not so plain, and nothing was taken; `receive` tells what they are, and what is wrong.
        """

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


def split_plain(block: bytes, newline: bytes, delimiter: bytes, null: bytes, width: int) -> Columns | None:
    """The columns of whole lines that are cut by delimiters and nothing else.

    Every end of a line is made a field of its own: the lines have `width` fields when those stand where they must.

    Args:
        block: ends with an end of a line.
        newline: what ends lines, ``\\n`` or ``\\r\\n``.
        delimiter: one byte.
        null: how NULL is written.
        width: number of columns, not 0.

    Returns:
        None when it is not UTF-8, has a NUL or a bare carriage return, or lines with other numbers of fields.
    """
    count = block.count(b"\n")
    if newline == b"\r\n":
        if block.count(b"\r") != count or block.count(newline) != count:
            return None
        block = block.replace(newline, b"\n")
    elif b"\r" in block:
        return None
    try:
        text = block.decode()
    except UnicodeDecodeError:
        return None
    cut, nothing, step = delimiter.decode(), null.decode(), width + 1
    fields: list[str | None] = text.replace("\n", f"{cut}\n{cut}").split(cut)  # type: ignore[assignment]
    fields.pop()
    if "\0" in text or len(fields) != count * step or fields[width::step].count("\n") != count:
        return None
    columns = [fields[number::step] for number in range(width)]
    if nothing in text:
        columns = [
            [None if each == nothing else each for each in column] if nothing in column else column
            for column in columns
        ]
    return columns


def bad_format(message: str, hint: str | None = None) -> SqlError:
    """22P04 bad_copy_file_format."""
    return SqlError("22P04", message, hint=hint)
