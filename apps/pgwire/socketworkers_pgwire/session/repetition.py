"""A chunk that differs from an earlier one in the values of its parameters only. Sans-IO.

Most of what drivers send are statements that they have prepared: Bind, perhaps Describe, Execute, Sync, in one piece;
or one Query with other literals. From the second one on, the bytes around the parameters are compared as a whole, in
the place of taking the messages apart and going through the states of the session; what is answered are the same bytes.

A literal may be replaced without a look at the rest of the text: PostgreSQL's scanner goes from left to right without
looking back, so behind the same bytes it begins the same token, which ends where the digits or the quoted characters do
because it ended there before. What could be more than it spells (a quote, a backslash, another alphabet) goes the usual
way, and so do numbers that might be larger than an int4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from ..codec import (
    BIND_COMPLETE,
    EXECUTE_UNNAMED,
    SYNC,
    Bind,
    FieldDescription,
    encode_bind,
    encode_describe,
    encode_execute,
)
from .engine import Hole, Open, Repeat
from .names import PORTAL_COST, Portal, PreparedStatement

__all__ = ["MOST", "Noted", "NotedText", "Repetition", "TextRepetition", "Texts", "pieces_of"]

#: chunks that are known for one session at a time, and the longest one
MOST: Final = 64
_LONGEST: Final = 8192
#: bytes of a statement's name: PostgreSQL's own limit for names
_NAME: Final = 63
_NULL: Final = 0xFFFFFFFF
#: where the text of a Query begins, and how many bytes of it tell most texts apart
_TEXT: Final = 5
_KEY: Final = 21
#: bytes of texts that one session knows, about, and what each costs beside its own
_MOST_BYTES: Final = 1 << 15
_EACH: Final = 512
#: texts that begin alike
_ALIKE: Final = 8
#: of a number that is an int4 in any case
_DIGITS: Final = 9
_DESCRIBE: Final = encode_describe(b"P")
_EXECUTE: Final = encode_execute(b"", EXECUTE_UNNAMED.max_rows)


class Noted(NamedTuple):
    """A chunk that was carried out in one step."""

    bind: Bind
    prepared: PreparedStatement
    request: Open | None
    """None for a statement about transactions."""
    description: bytes
    """What Describe was answered; empty without one."""
    columns: tuple[FieldDescription, ...] | None
    """Of the result."""


class NotedText(NamedTuple):
    """A Query that was carried out in one step."""

    request: Open
    description: bytes
    """RowDescription; empty when it returns no rows."""


class Repetition:
    """One such chunk, and what answers it.

    Args:
        noted: what was carried out.
        piece: its bytes, without a Sync.
        run: runs it once more, if that can be.
        longest: bytes that a message may have.

    Attributes:
        prepared: the statement.
        before: what goes before the rows.
        run: runs it as a transaction by itself; None when that is not at once.
        formats: of its parameters.
        result_formats: of the columns of its result.
    """

    __slots__ = (
        "_behind",
        "_columns",
        "_count",
        "_first",
        "_head",
        "_longest",
        "_part",
        "_place",
        "_portal",
        "_results",
        "_tail",
        "before",
        "formats",
        "prepared",
        "result_formats",
        "run",
    )

    def __init__(self, noted: Noted, piece: bytes, run: Repeat | None, longest: int) -> None:
        bind = noted.bind
        self.prepared = noted.prepared
        self.run = run
        self.before = BIND_COMPLETE + noted.description
        self._columns = noted.columns
        self._portal: Portal | None = None
        self.formats = bind.formats
        self.result_formats = bind.result_formats
        rest = len(_EXECUTE) + (len(_DESCRIBE) if noted.description else 0)
        #: where the statement's name ends, and what stands there up to the parameters
        self._place = place = 6 + len(bind.statement)
        self._first = place + 1 + 2 + 2 * len(bind.formats) + 2
        self._head = piece[place : self._first]
        self._count = len(bind.parameters)
        #: bytes of the formats of results, what stands behind the parameters, and the same with a Sync
        self._results = 2 + 2 * len(bind.result_formats)
        self._part = piece[-(rest + self._results) :]
        self._tail = self._part + SYNC
        self._behind = rest + len(SYNC) + 1
        self._longest = min(longest, _LONGEST)

    def portal(self, tag: str, level: int) -> Portal:
        """The portal that was run, and with which tag it ended; "" of a statement about transactions."""
        made = self._portal
        if made is None:
            prepared, formats = self.prepared, self.result_formats
            made = self._portal = Portal("", None, prepared.statement, self._columns, formats, prepared, PORTAL_COST)
        # it was the last one of this statement, which nobody has any more, or which is to be replaced
        made.level = level
        made.done = made.counted = True
        made.failed = False
        made.tag = tag[: tag.rindex(" ")] if tag else ""
        return made

    def parameters(self, data: bytes) -> list[bytes | None] | None:
        """Those of a chunk; None when it differs in anything else."""
        tail = self._tail
        size = len(data)
        stop = size - len(tail)
        if (
            not data.startswith(self._head, self._place)
            or not data.endswith(tail)
            or int.from_bytes(data[1:5]) != size - self._behind
            or size > self._longest
        ):
            return None
        return self._values(data, self._first, stop)

    def piece(self, data: bytes, position: int) -> tuple[list[bytes | None], int] | None:
        """The parameters of a chunk's part that begins at a position, without a Sync, and where it ends; None when it
        differs in anything else."""
        stop = position + 1 + int.from_bytes(data[position + 1 : position + 5])
        results = stop - self._results
        start = position + self._first
        if (
            stop - position > self._longest
            or results < start
            or not data.startswith(self._head, position + self._place)
            or not data.startswith(self._part, results)
        ):
            return None
        parameters = self._values(data, start, results)
        return None if parameters is None else (parameters, results + len(self._part))

    def _values(self, data: bytes, position: int, stop: int) -> list[bytes | None] | None:
        """The parameters of a Bind that stand from a position up to another; None when they do not end there."""
        from_bytes = int.from_bytes
        parameters: list[bytes | None] = []
        for _ in range(self._count):
            start = position + 4
            length = from_bytes(data[position:start])
            position = start + length
            if position > stop:
                if length != _NULL or start > stop:
                    return None
                parameters.append(None)
                position = start
            else:
                parameters.append(data[start:position])
        return parameters if position == stop else None


class TextRepetition:
    """One Query, and what answers it.

    Args:
        data: the message.
        holes: where its literals stand in the text.
        run: makes what goes behind `before`.
        before: what goes before the rows.
    """

    __slots__ = ("_middle", "_quoted", "_start", "_tail", "before", "run")

    def __init__(self, data: bytes, holes: Sequence[Hole], run: Repeat, before: bytes) -> None:
        parts = []
        position = _TEXT
        for hole in holes:
            parts.append(data[position : _TEXT + hole.start])
            position = _TEXT + hole.end
        parts.append(data[position:])
        self.run = run
        self.before = before
        self._quoted = tuple([hole.quoted for hole in holes])
        self._start = parts[0]
        self._tail = parts[-1]
        #: what stands behind each literal but the last one
        self._middle = tuple(parts[1:-1])

    def literals(self, data: bytes) -> Sequence[bytes] | None:
        """Those of a Query of right length; None when it differs in anything else."""
        start, tail, quoted = self._start, self._tail, self._quoted
        if not data.startswith(start, _TEXT) or not data.endswith(tail):
            return None
        position, stop = _TEXT + len(start), len(data) - len(tail)
        if not quoted:
            return () if data[_TEXT:] == start else None
        found = []
        for middle in self._middle:
            end = data.find(middle, position)
            if end < 0:
                return None
            found.append(data[position:end])
            position = end + len(middle)
        if position > stop:
            return None
        found.append(data[position:stop])
        for literal, text in zip(found, quoted, strict=True):
            if text:
                if b"'" in literal or b"\\" in literal or b"\0" in literal or not literal.isascii():
                    return None
            elif not literal.isdigit() or len(literal) > _DIGITS:
                return None
        return found


class Texts:
    """Queries that are known for one session."""

    __slots__ = ("_bytes", "_known", "_longest")

    def __init__(self, longest: int) -> None:
        self._longest = min(longest, _LONGEST)
        self._bytes = 0
        #: by how their texts begin
        self._known: dict[bytes, list[TextRepetition]] = {}

    def find(self, data: bytes) -> tuple[TextRepetition, Sequence[bytes]] | None:
        """What answers a chunk that begins with a Query, and its literals; None when it is not known, or more."""
        known = self._known.get(data[_TEXT:_KEY])
        if known is None or len(data) > self._longest or int.from_bytes(data[1:_TEXT]) != len(data) - 1:
            return None
        for each in known:
            literals = each.literals(data)
            if literals is not None:
                return each, literals
        return None

    def add(self, data: bytes, holes: Sequence[Hole], run: Repeat, before: bytes) -> None:
        """Know a Query that was carried out, the whole of a chunk."""
        if len(data) > self._longest or data.find(0, _TEXT) != len(data) - 1:
            return
        made = TextRepetition(data, holes, run, before)
        if made.literals(data) is None:
            return  # with literals that could not be replaced
        self._bytes += len(data) + _EACH  # those that give way to others count on: it is cleared the sooner
        if self._bytes > _MOST_BYTES:
            self._known.clear()
            self._bytes = len(data) + _EACH
        key = data[_TEXT:_KEY]
        others = [each for each in self._known.get(key, ()) if each.literals(data) is None]
        self._known[key] = [made, *others[: _ALIKE - 1]]


def pieces_of(data: bytes, noted: Sequence[Noted]) -> list[bytes] | None:
    """The parts of a chunk that belong to these statements; None when more is in it than that, and a Sync.

    Args:
        data: the chunk.
        noted: what was carried out.
    """
    pieces = []
    for each in noted:
        bind = each.bind
        if len(bind.statement) > _NAME:
            return None
        piece = encode_bind(b"", bind.statement, bind.parameters, bind.formats, bind.result_formats)
        pieces.append(piece + (_DESCRIBE + _EXECUTE if each.description else _EXECUTE))
    return pieces if data == b"".join((*pieces, SYNC)) else None
