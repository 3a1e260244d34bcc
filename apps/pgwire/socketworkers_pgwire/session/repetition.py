"""A chunk that differs from an earlier one in the values of its parameters only. Sans-IO.

Most of what drivers send are statements that they have prepared: Bind, perhaps Describe, Execute, Sync, in one piece.
From the second one on, the bytes around the parameters are compared as a whole, in the place of taking the messages
apart and going through the states of the session; what is answered are the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from ..codec import (
    BIND_COMPLETE,
    EXECUTE_UNNAMED,
    SYNC,
    Bind,
    encode_bind,
    encode_describe,
    encode_execute,
)
from .engine import Open, Repeat
from .names import PreparedStatement

__all__ = ["MOST", "Noted", "Repetition", "repetition"]

#: chunks that are known for one session at a time, and the longest one
MOST: Final = 64
_LONGEST: Final = 8192
_NULL: Final = 0xFFFFFFFF
_DESCRIBE: Final = encode_describe(b"P")
_EXECUTE: Final = encode_execute(b"", EXECUTE_UNNAMED.max_rows)


class Noted(NamedTuple):
    """A chunk that was carried out in one step."""

    bind: Bind
    prepared: PreparedStatement
    request: Open
    description: bytes
    """What Describe was answered; empty without one."""


class Repetition:
    """One such chunk, and what answers it.

    Attributes:
        prepared: the statement.
        before: what goes before the rows.
        run: makes them.
    """

    __slots__ = ("_behind", "_count", "_first", "_head", "_longest", "_place", "_tail", "before", "prepared", "run")

    def __init__(
        self, noted: Noted, run: Repeat, place: int, head: bytes, tail: bytes, behind: int, longest: int
    ) -> None:
        self.prepared = noted.prepared
        self.run = run
        self.before = BIND_COMPLETE + noted.description
        self._place = place
        self._head = head
        self._tail = tail
        self._first = place + len(head)
        self._count = len(noted.bind.parameters)
        self._behind = behind
        self._longest = longest

    def parameters(self, data: bytes) -> Sequence[bytes | None] | None:
        """Those of a chunk; None when it differs in anything else."""
        tail = self._tail
        size = len(data)
        stop = size - len(tail)
        from_bytes = int.from_bytes
        if (
            not data.startswith(self._head, self._place)
            or not data.endswith(tail)
            or from_bytes(data[1:5]) != size - self._behind
            or size > self._longest
        ):
            return None
        position = self._first
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


def repetition(data: bytes, noted: Noted, run: Repeat, longest: int) -> tuple[bytes, Repetition] | None:
    """What is known of a chunk that was carried out; None when more is in it than that.

    Args:
        data: the chunk.
        noted: what was carried out.
        run: runs it once more.
        longest: bytes that a message may have.

    Returns:
        The key: what stands in the chunk behind the name of the portal, up to the end of the statement's name; and the
        rest.
    """
    bind = noted.bind
    rest = _EXECUTE + SYNC
    if noted.description:
        rest = _DESCRIBE + rest
    if data != encode_bind(b"", bind.statement, bind.parameters, bind.formats, bind.result_formats) + rest:
        return None
    place = 6 + len(bind.statement)
    head = 1 + 2 + 2 * len(bind.formats) + 2
    results = 2 + 2 * len(bind.result_formats)
    tail = len(rest) + results
    made = Repetition(
        noted,
        run,
        place,
        data[place : place + head],
        data[-tail:],
        len(rest) + 1,
        min(longest, _LONGEST),
    )
    return bind.statement, made
