"""The text format of COPY. Sans-IO."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import SqlError
from .options import CopyOptions
from .reader import MAX_LINE, Columns, Row, bad_format, split_plain

__all__ = ["TextReader", "TextWriter", "check_header"]

_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|(.))", re.DOTALL)
_NAMED = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_NEEDS = re.compile(rb"[\x08\t\n\x0b\x0c\r\\]")
_SPELLED = {
    ord("\b"): b"\\b",
    ord("\t"): b"\\t",
    ord("\n"): b"\\n",
    ord("\v"): b"\\v",
    ord("\f"): b"\\f",
    ord("\r"): b"\\r",
    ord("\\"): b"\\\\",
}


class TextReader:
    """See the module.

    Args:
        options: of the statement.
        names: of the columns.
    """

    __slots__ = (
        "_delimiter",
        "_ended",
        "_first",
        "_header",
        "_names",
        "_newline",
        "_null",
        "_options",
        "_rest",
        "line",
    )

    def __init__(self, options: CopyOptions, names: Sequence[str]) -> None:
        self._options = options
        self._names = list(names)
        self._delimiter = options.delimiter.encode()
        self._null = options.null.encode()
        self._header = options.header
        self._newline = b""
        self._rest = b""
        self._ended = False
        self._first = 0
        self.line = 0

    def columns(self, data: bytes) -> Columns | None:
        """As `Reader`."""
        if self._ended or self._header or not self._names:
            return None
        data = self._rest + data if self._rest else data
        if not self._newline and not self._find_newline(data):
            return None
        end = data.rfind(b"\n") + 1
        block = data[:end]
        if not end or self._newline == b"\r":
            return None
        escapes = block.count(b"\\")
        if escapes and self._null != b"\\N":
            return None
        found = split_plain(block, self._newline, self._delimiter, self._null, len(self._names))
        if found is None or (escapes and escapes != sum(column.count(None) for column in found)):
            return None
        self._keep(data[end:])
        self._first = self.line + 1
        self.line += len(found[0])
        return found

    def receive(self, data: bytes) -> list[Row]:
        """As `Reader`."""
        if self._ended:
            return []
        data = self._rest + data if self._rest else data
        if not self._newline and not self._find_newline(data):
            self._keep(data)
            return []
        plain = self._newline == b"\n" and b"\\\n" not in data
        lines = data.split(b"\n") if plain else self._split(data)
        self._keep(lines.pop())
        return self._rows(lines)

    def _find_newline(self, data: bytes) -> bool:
        """The first end of a line tells what ends all of them."""
        place = next((at for at, byte in enumerate(data) if byte in (10, 13)), -1)
        if place < 0 or (data[place] == 13 and place + 1 == len(data)):
            return False
        self._newline = b"\n" if data[place] == 10 else b"\r\n" if data[place + 1] == 10 else b"\r"
        return True

    def _split(self, data: bytes) -> list[bytes]:
        """Lines, where an end behind a backslash is none."""
        newline = self._newline
        lines: list[bytes] = []
        for part in data.split(newline):
            if lines and _odd(lines[-1]):
                lines[-1] += newline + part
            else:
                lines.append(part)
        return lines

    def _keep(self, rest: bytes) -> None:
        if len(rest) > MAX_LINE:
            raise SqlError("54000", "out of memory", detail="A line is too long.")
        self._rest = rest

    def _rows(self, lines: list[bytes]) -> list[Row]:
        self._first = self.line + 1
        if self._header and lines:
            self._header = False
            self.line += 1
            self._first += 1
            if self._options.header_match:
                check_header([_field(each, self._null) for each in lines[0].split(self._delimiter)], self._names)
            lines = lines[1:]
        if b"\\." in lines:
            lines = lines[: lines.index(b"\\.")]
            self._ended = True
        delimiter, null = self._delimiter, self._null
        if self._newline == b"\n" and any(b"\r" in line for line in lines):
            self.line += next(number for number, line in enumerate(lines, 1) if b"\r" in line)
            raise bad_format("literal carriage return found in data", 'Use "\\r" to represent carriage return.')
        self.line += len(lines)
        rows: list[Row] = []
        for line in lines:
            fields: Row = line.split(delimiter)  # type: ignore[assignment]
            if b"\\" in line:
                if b"\\" + delimiter in line:
                    fields = _joined(fields, delimiter)  # type: ignore[arg-type]
                fields = [_field(each, null) for each in fields]  # type: ignore[arg-type]
            elif null in fields:
                fields = [None if each == null else each for each in fields]
            rows.append(fields)
        return rows

    def line_of(self, number: int) -> int:
        """As `Reader`."""
        return self._first + number

    def end(self) -> list[Row]:
        """As `Reader`."""
        rest, self._rest = self._rest, b""
        if self._ended or not rest:
            return []
        if not self._newline:
            self._newline = b"\r" if rest.endswith(b"\r") else b"\n"
            if rest.endswith(b"\r"):
                rest = rest[:-1]
        return self._rows(self._split(rest))


def _odd(line: bytes) -> bool:
    """Whether an odd number of backslashes stands at the end."""
    return bool((len(line) - len(line.rstrip(b"\\"))) % 2)


def _joined(fields: list[bytes], delimiter: bytes) -> list[bytes | None]:
    joined: list[bytes | None] = []
    before = b""
    open = False
    for field in fields:
        before = before + delimiter + field if open else field
        open = _odd(before)
        if not open:
            joined.append(before)
    if open:
        joined.append(before)
    return joined


def _field(field: bytes, null: bytes) -> bytes | None:
    if field == null:
        return None
    return _ESCAPE.sub(_unescaped, field) if b"\\" in field else field


def _unescaped(match: re.Match[bytes]) -> bytes:
    octal, hexadecimal, other = match.groups()
    if octal is not None:
        return bytes([int(octal, 8) & 0xFF])
    if hexadecimal is not None:
        return bytes([int(hexadecimal, 16)])
    return _NAMED.get(other, other)


def check_header(found: Sequence[bytes | None], names: Sequence[str]) -> None:
    """HEADER MATCH.

    Raises:
        SqlError: 22P04, other columns stand there.
    """
    if len(found) != len(names):
        raise bad_format(f"wrong number of fields in header line: got {len(found)}, expected {len(names)}")
    for number, (field, name) in enumerate(zip(found, names, strict=True), 1):
        if field is None:
            raise bad_format(f"column name mismatch in header line field {number}: got null value")
        if field.decode(errors="replace") != name:
            raise bad_format(
                f'column name mismatch in header line field {number}: got "{field.decode(errors="replace")}", '
                f'expected "{name}"'
            )


class TextWriter:
    """See the module."""

    __slots__ = ("_delimiter", "_names", "_needs", "_null", "_options", "_spelled")

    def __init__(self, options: CopyOptions, names: Sequence[str]) -> None:
        self._options = options
        self._names = names
        self._delimiter = options.delimiter.encode()
        self._null = options.null.encode()
        self._needs = _NEEDS
        self._spelled = _SPELLED
        if self._delimiter != b"\t":
            self._needs = re.compile(b"[\\x08\\t\\n\\x0b\\x0c\\r\\\\" + re.escape(self._delimiter) + b"]")
            self._spelled = {**_SPELLED, self._delimiter[0]: b"\\" + self._delimiter}

    def begin(self) -> list[bytes]:
        """As `Writer`."""
        if not self._options.header:
            return []
        return [self._delimiter.join(self._escaped(name.encode()) for name in self._names) + b"\n"]

    def _escaped(self, field: bytes) -> bytes:
        if not self._needs.search(field):
            return field
        spelled = self._spelled
        return self._needs.sub(lambda match: spelled[match[0][0]], field)

    def rows(self, columns: Sequence[Sequence[bytes | None]], count: int) -> list[bytes]:
        """As `Writer`."""
        if not columns:
            return [b"\n"] * count
        null, needs = self._null, self._needs
        made = [
            [null if each is None else self._escaped(each) if needs.search(each) else each for each in column]
            for column in columns
        ]
        join = self._delimiter.join
        return [join(row) + b"\n" for row in zip(*made, strict=True)]

    def end(self) -> list[bytes]:
        """As `Writer`."""
        return []
