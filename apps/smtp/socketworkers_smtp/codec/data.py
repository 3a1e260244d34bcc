"""The message behind DATA: RFC 5321 §4.1.1.4 and §4.5.2, strict against smuggling (S1). Sans-IO.

Only CR LF . CR LF ends the message. A bare CR or LF marks it as damaged; the true end is still awaited, so what a
smuggler put behind a false end can never be taken for commands. All scanning is done by searches and replacements of
the standard library, never byte by byte, and at most four bytes are held back between two reads.
"""

from __future__ import annotations

__all__ = ["DataReader"]

_END = b"\r\n.\r\n"
_DOT = _END[:3]


class DataReader:
    """Takes what the peer sends after ``354`` and gives back the message without dot-stuffing."""

    __slots__ = ("_drop", "_held", "bare")

    def __init__(self) -> None:
        self._held = b"\r\n"  # as if behind the line of DATA: a lone first dot ends an empty message
        self._drop = 2
        self.bare = False
        """Whether a bare CR or LF was seen so far."""

    def feed(self, data: bytes, position: int = 0) -> tuple[bytes, int]:
        """Take `data` from `position` on.

        Returns:
            The part of the message that is certain now, and the position behind the end of the message in `data`,
            or -1 when the end has not come (all of `data` was taken then).
        """
        held = len(self._held)
        text = self._held + data[position:] if position else self._held + data
        # Most pieces have no line with a dot in front, and searching from the end tells that four times as fast.
        dot = text.find(_DOT) if text.rfind(_DOT) >= 0 else -1
        end = text.find(_END, dot) if dot >= 0 else -1
        if end >= 0:
            segment = text[: end + 2]
            consumed = position + end + len(_END) - held
            self._held = b""
        else:
            consumed = -1
            keep = _held_back(text)
            self._held = text[len(text) - keep :] if keep else b""
            segment = text[: len(text) - keep] if keep else text
        if not self.bare and segment:
            # Without any CR, and with one in front of each LF, it is the same again only if it had no other ends of
            # lines; three times as fast as counting them.
            self.bare = segment.replace(b"\r", b"").replace(b"\n", b"\r\n") != segment
        if 0 <= dot < len(segment):
            segment = segment.replace(_DOT, b"\r\n")
        if self._drop and segment:
            segment = segment[self._drop :]
            self._drop = 0
        return segment, consumed


def _held_back(text: bytes) -> int:
    """Length of the longest end of `text` that could begin the end of the message."""
    for length in (4, 3, 2, 1):
        if text.endswith(_END[:length]):
            return length
    return 0
