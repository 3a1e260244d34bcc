"""A look at the header part of a message as it streams by: how many lines, how many hops. Sans-IO.

Counts only; MIME is never parsed, so a bomb of nested parts costs nothing (S4). Memory is nine bytes between two reads.
"""

from __future__ import annotations

__all__ = ["HeaderScan"]

_RECEIVED = b"\nreceived:"
_OVERLAP = len(_RECEIVED) - 1


class HeaderScan:
    """Feed it the message from its beginning; it stops looking at the empty line behind the header."""

    __slots__ = ("_tail", "done", "hops", "lines")

    def __init__(self) -> None:
        self._tail = b"\r\n"  # as if behind a line: the first line may be a Received field, or empty
        self.done = False
        """Whether the end of the header was seen."""
        self.hops = 0
        """``Received:`` fields so far, RFC 5321 §6.3."""
        self.lines = 0
        """Lines of the header so far."""

    def feed(self, data: bytes) -> None:
        """Take the next part of the message."""
        if self.done or not data:
            return
        text = self._tail + data
        end = text.find(b"\r\n\r\n")
        if end >= 0:
            self.done = True
            text = text[: end + 2]
        self.lines += text.count(b"\n") - self._tail.count(b"\n")
        self.hops += text.lower().count(_RECEIVED)
        self._tail = text[-_OVERLAP:]
