"""The CSV format of COPY. Sans-IO."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import SqlError
from .options import CopyOptions
from .reader import MAX_LINE, Columns, Row, bad_format, split_plain
from .text import check_header

__all__ = ["CsvReader", "CsvWriter"]


class CsvReader:
    """See the module.

    Args:
        options: of the statement.
        names: of the columns.
    """

    __slots__ = (
        "_delimiter",
        "_ended",
        "_escape",
        "_header",
        "_inside",
        "_lines",
        "_names",
        "_newline",
        "_null",
        "_open",
        "_options",
        "_quote",
        "_rest",
        "_seen",
        "line",
    )

    def __init__(self, options: CopyOptions, names: Sequence[str]) -> None:
        self._options = options
        self._names = list(names)
        self._delimiter = options.delimiter.encode()
        self._quote = options.quote.encode()
        self._escape = options.escape.encode()
        self._null = options.null.encode()
        self._header = options.header
        self._newline = b""
        self._rest = b""
        self._open: list[bytes] = []
        #: while the end of lines is not known: what of the rest was looked at, and whether that ends inside of quotes
        self._seen = 0
        self._inside = False
        self._ended = False
        self._lines: Sequence[int] = ()
        self.line = 0

    def columns(self, data: bytes) -> Columns | None:
        """As `Reader`."""
        if self._ended or self._header or self._open or self._options.force_not_null or not self._names:
            return None
        whole = self._rest + data if self._rest else data
        if self._quote in whole or (not self._newline and not self._find_newline(whole)):
            return None
        end = whole.rfind(b"\n") + 1
        block = whole[:end]
        if not end or self._newline == b"\r" or b"\\." in block:
            return None
        found = split_plain(block, self._newline, self._delimiter, self._null, len(self._names))
        if found is None:
            return None
        self._keep(whole[end:])
        first = self.line + 1
        self.line += len(found[0])
        self._lines = range(first, self.line + 1)
        return found

    def receive(self, data: bytes) -> list[Row]:
        """As `Reader`."""
        if self._ended:
            return []
        data = self._rest + data if self._rest else data
        if not self._newline and not self._find_newline(data):
            self._keep(data)
            return []
        lines = data.split(self._newline)
        self._keep(lines.pop())
        return self._rows(lines)

    def _find_newline(self, data: bytes) -> bool:
        """The first end of a line outside of quotes tells what ends all of them."""
        quote, escape = self._quote[0], self._escape[0]
        inside, place = self._inside, self._seen
        while place < len(data):
            byte = data[place]
            if inside and byte == escape and escape != quote and place + 1 < len(data):
                place += 1
            elif byte == quote:
                inside = not inside
            elif not inside and byte in (10, 13):
                if byte == 13 and place + 1 == len(data):
                    break
                self._newline = b"\n" if byte == 10 else b"\r\n" if data[place + 1] == 10 else b"\r"
                return True
            place += 1
        self._inside, self._seen = inside, place
        return False

    def _keep(self, rest: bytes) -> None:
        if len(rest) + sum(map(len, self._open)) > MAX_LINE:
            raise SqlError("54000", "out of memory", detail="A line is too long.")
        self._rest = rest

    def _rows(self, lines: list[bytes]) -> list[Row]:
        rows: list[Row] = []
        numbers: list[int] = []
        self._lines = numbers
        quote = self._quote
        for line in lines:
            self.line += 1
            if self._open:
                self._open.append(line)
                if quote not in line:
                    continue
                whole = self._newline.join(self._open)
                if self._unfinished(whole):
                    continue
                self._open = []
                line = whole
            elif line == b"\\.":
                self._ended = True
                break
            elif quote in line and self._unfinished(line):
                self._open = [line]
                continue
            row = self._fields(line)
            if self._header:
                self._header = False
                if self._options.header_match:
                    check_header(row, self._names)
                continue
            rows.append(row)
            numbers.append(self.line)
        return rows

    def _unfinished(self, line: bytes) -> bool:
        """Whether a quoted field goes on in the next line."""
        quote, escape = self._quote, self._escape
        if quote == escape:
            return bool(line.count(quote) % 2)
        return self._scan(line)[1]

    def _fields(self, line: bytes) -> Row:
        if self._quote not in line:
            null = self._null
            forced = self._options.force_not_null
            fields: Row = line.split(self._delimiter)  # type: ignore[assignment]
            if null in fields:
                return [None if each == null and at not in forced else each for at, each in enumerate(fields)]
            return fields
        found, unfinished = self._scan(line)
        if unfinished:
            raise bad_format("unterminated CSV quoted field")
        row: Row = []
        options = self._options
        for at, (field, quoted) in enumerate(found):
            null_here = field == self._null and (
                at in options.force_null if quoted else at not in options.force_not_null
            )
            row.append(None if null_here else field)
        return row

    def _scan(self, line: bytes) -> tuple[list[tuple[bytes, bool]], bool]:
        """The fields of a line, each with whether it was quoted; and whether a quote was not closed."""
        delimiter, quote, escape = self._delimiter[0], self._quote, self._escape
        fields: list[tuple[bytes, bool]] = []
        parts: list[bytes] = []
        quoted = False
        position, length = 0, len(line)
        while True:
            # outside of quotes
            start = position
            while position < length and line[position] != delimiter and line[position] != quote[0]:
                position += 1
            parts.append(line[start:position])
            if position == length or line[position] == delimiter:
                fields.append((b"".join(parts), quoted))
                if position == length:
                    return fields, False
                parts, quoted = [], False
                position += 1
                continue
            quoted = True
            position += 1
            while True:  # inside
                start = position
                while position < length and line[position] != quote[0] and line[position] != escape[0]:
                    position += 1
                parts.append(line[start:position])
                if position == length:
                    fields.append((b"".join(parts), quoted))
                    return fields, True
                if line[position] == escape[0] and line[position + 1 : position + 2] in (quote, escape):
                    parts.append(line[position + 1 : position + 2])
                    position += 2
                elif line[position] == quote[0]:
                    position += 1
                    break
                else:
                    parts.append(line[position : position + 1])
                    position += 1

    def line_of(self, number: int) -> int:
        """As `Reader`."""
        return self._lines[number]

    def end(self) -> list[Row]:
        """As `Reader`."""
        rest, self._rest = self._rest, b""
        if self._ended:
            return []
        if not self._newline:
            alone = rest.endswith(b"\r") and not self._inside
            self._newline = b"\r" if alone else b"\n"
            rest = rest[:-1] if alone else rest
        rows = self._rows([rest]) if rest or self._open else []
        if self._open:
            raise bad_format("unterminated CSV quoted field")
        return rows


class CsvWriter:
    """See the module."""

    __slots__ = ("_delimiter", "_escape", "_names", "_null", "_options", "_quote", "_special")

    def __init__(self, options: CopyOptions, names: Sequence[str]) -> None:
        self._options = options
        self._names = names
        self._delimiter = options.delimiter.encode()
        self._quote = options.quote.encode()
        self._escape = options.escape.encode()
        self._null = options.null.encode()
        self._special = (self._delimiter, self._quote, b"\n", b"\r")

    def begin(self) -> list[bytes]:
        """As `Writer`."""
        if not self._options.header:
            return []
        return [self._delimiter.join(self._field(name.encode(), False, False) for name in self._names) + b"\n"]

    def _field(self, field: bytes, forced: bool, alone: bool) -> bytes:
        """A field, quoted where it must be."""
        if (
            not forced
            and field != self._null
            and not any(each in field for each in self._special)
            and not (alone and field == b"\\.")
        ):
            return field
        quote, escape = self._quote, self._escape
        if escape != quote:
            field = field.replace(escape, escape + escape)
        return quote + field.replace(quote, escape + quote) + quote

    def rows(self, columns: Sequence[Sequence[bytes | None]], count: int) -> list[bytes]:
        """As `Writer`."""
        if not columns:
            return [b"\n"] * count
        null, force = self._null, self._options.force_quote
        alone = len(columns) == 1
        made = [
            [null if each is None else self._field(each, force is None or at in force, alone) for each in column]
            for at, column in enumerate(columns)
        ]
        join = self._delimiter.join
        return [join(row) + b"\n" for row in zip(*made, strict=True)]

    def end(self) -> list[bytes]:
        """As `Writer`."""
        return []
