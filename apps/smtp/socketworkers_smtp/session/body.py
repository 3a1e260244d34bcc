"""The message that is coming in: counted, looked at, and passed on in parts of bounded size. Sans-IO.

A message that will be refused is still read to its end (only there can it be answered), but nothing more of it is
passed on or kept.
"""

from __future__ import annotations

from collections.abc import Callable

from .. import replies
from ..codec.header import HeaderScan
from ..replies import Reply
from .config import SessionConfig
from .events import Abandoned, BodyChunk, Envelope, Event, Message, MessageEnd, MessageStart

__all__ = ["CHUNK", "Body"]

CHUNK = 65_536
"""Largest `BodyChunk`, bytes."""


class Body:
    """One message, from the first byte behind ``354`` or the first BDAT to its end."""

    __slots__ = ("_config", "_parts", "_scan", "bare", "dead", "eight_bit", "size", "started")

    def __init__(self, config: SessionConfig) -> None:
        self._config = config
        self._parts: list[bytes] = []
        self._scan = HeaderScan()
        self.size = 0
        """Bytes of the message so far."""
        self.started = False
        """Whether `MessageStart` was given and neither `MessageEnd` nor `Abandoned` followed."""
        self.bare = False
        """Whether a bare CR or LF was seen where none may be."""
        self.dead = False
        """Whether the message will be refused at its end."""
        self.eight_bit = False
        """Whether an octet above 127 was seen."""

    def take(self, segment: bytes, events: list[Event], envelope: Callable[[], Envelope]) -> None:
        """Take the next part of the message; `envelope` is called if this makes it a large one."""
        self.size += len(segment)
        config = self._config
        scan = self._scan
        if not self.eight_bit:
            self.eight_bit = not segment.isascii()
        if not scan.done and scan.lines <= config.max_header_lines:
            scan.feed(segment)
        if (
            self.bare
            or scan.hops > config.max_hops
            or scan.lines > config.max_header_lines
            or 0 < config.max_size < self.size
        ):
            self.dead = True
            self.abandon("refused", events)
        elif self.started:
            _emit(segment, events)
        else:
            self._parts.append(segment)
            if self.size > config.inline_body:
                self.started = True
                events.append(MessageStart(envelope()))
                _emit(b"".join(self._parts), events)
                self._parts.clear()

    def abandon(self, reason: str, events: list[Event]) -> None:
        """Let go of what was kept, and tell the worker to do the same."""
        self._parts.clear()
        if self.started:
            self.started = False
            events.append(Abandoned(reason))

    def refusal(self) -> Reply | None:
        """Why the message cannot be taken, or None. The order does not depend on how the bytes were cut."""
        config = self._config
        if self.bare:
            return replies.BARE_NEWLINE_IN_DATA
        if 0 < config.max_size < self.size:
            return replies.too_large(config.max_size)
        if self._scan.hops > config.max_hops:
            return replies.MAIL_LOOP
        if self._scan.lines > config.max_header_lines:
            return replies.TOO_MANY_HEADERS
        return None

    def end(self, envelope: Envelope) -> Event:
        """The event of the complete message."""
        if self.started:
            self.started = False
            return MessageEnd(envelope, self.size)
        parts = self._parts
        return Message(envelope, parts[0] if len(parts) == 1 else b"".join(parts))


def _emit(data: bytes, events: list[Event]) -> None:
    if 0 < len(data) <= CHUNK:
        events.append(BodyChunk(data))
    else:
        events.extend(BodyChunk(data[start : start + CHUNK]) for start in range(0, len(data), CHUNK))
