"""The binary format of COPY. Sans-IO."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from ..errors import SqlError
from .reader import MAX_LINE, Columns, Row, bad_format

__all__ = ["SIGNATURE", "BinaryReader", "BinaryWriter"]

SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0"
_HEADER: Final = struct.Struct("!ii")
_MAX_EXTENSION: Final = 1 << 20
_NULL: Final = b"\xff\xff\xff\xff"


class BinaryReader:
    """See the module.

    Args:
        width: number of columns.
    """

    __slots__ = ("_begun", "_ended", "_first", "_rest", "_width", "line")

    def __init__(self, width: int) -> None:
        self._width = width
        self._rest = b""
        self._begun = False
        self._ended = False
        self._first = 0
        self.line = 0

    def columns(self, data: bytes) -> Columns | None:
        """As `Reader`."""
        return None

    def receive(self, data: bytes) -> list[Row]:
        """As `Reader`."""
        data = self._rest + data if self._rest else data
        position = 0
        if not self._begun:
            position = self._header(data)
            if position < 0:
                self._rest = data
                return []
            self._begun = True
        rows: list[Row] = []
        self._first = self.line + 1
        width, length = self._width, len(data)
        from_bytes = int.from_bytes
        while not self._ended and position + 2 <= length:
            start = position
            count = from_bytes(data[position : position + 2], signed=True)
            position += 2
            if count == -1:
                self._ended = True
                break
            if count != width:
                self.line += 1
                raise bad_format(f"row field count is {count}, expected {width}")
            row: Row = []
            for _ in range(width):
                if position + 4 > length:
                    break
                size = from_bytes(data[position : position + 4], signed=True)
                position += 4
                if size == -1:
                    row.append(None)
                elif size < 0 or size > MAX_LINE:
                    raise bad_format("invalid field size")
                elif position + size > length:
                    position = length + 1
                    break
                else:
                    row.append(data[position : position + size])
                    position += size
            if len(row) < width:
                position = start
                break
            rows.append(row)
            self.line += 1
        rest = data[position:]
        if self._ended and rest:
            raise bad_format("received copy data after EOF marker")
        if len(rest) > MAX_LINE:
            raise SqlError("54000", "out of memory", detail="A row is too long.")
        self._rest = rest
        return rows

    def _header(self, data: bytes) -> int:
        """Where the first row begins; -1 when the header is not complete."""
        if not SIGNATURE.startswith(data[: len(SIGNATURE)]):
            raise bad_format("COPY file signature not recognized")
        start = len(SIGNATURE)
        if len(data) < start + _HEADER.size:
            return -1
        flags, extension = _HEADER.unpack_from(data, start)
        if flags & 1 << 16:
            raise bad_format("invalid COPY file header (WITH OIDS)")
        if flags & ~0xFFFF & 0xFFFFFFFF & ~(1 << 16):
            raise bad_format("unrecognized critical flags in COPY file header")
        if not 0 <= extension <= _MAX_EXTENSION:
            raise bad_format("invalid COPY file header (wrong length)")
        start += _HEADER.size + extension
        return start if len(data) >= start else -1

    def line_of(self, number: int) -> int:
        """As `Reader`."""
        return self._first + number

    def end(self) -> list[Row]:
        """As `Reader`."""
        if not self._begun:
            raise bad_format("COPY file signature not recognized" if not self._rest else "invalid COPY file header")
        if self._rest:
            raise bad_format("unexpected EOF in COPY data")
        return []


class BinaryWriter:
    """See the module."""

    __slots__ = ("_width",)

    def __init__(self, width: int) -> None:
        self._width = width

    def begin(self) -> list[bytes]:
        """As `Writer`."""
        return [SIGNATURE + _HEADER.pack(0, 0)]

    def rows(self, columns: Sequence[Sequence[bytes | None]], count: int) -> list[bytes]:
        """As `Writer`."""
        head = self._width.to_bytes(2)
        if not columns:
            return [head] * count
        framed = [[_NULL if each is None else len(each).to_bytes(4) + each for each in column] for column in columns]
        return [head + b"".join(row) for row in zip(*framed, strict=True)]

    def end(self) -> list[bytes]:
        """As `Writer`."""
        return [b"\xff\xff"]
