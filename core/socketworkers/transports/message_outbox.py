"""The writing half of a datagram socket: as ``Outbox``, but what waits is never joined, and empty messages are sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable
from typing import Any

from ..errors import Aborted, LimitExceeded, StateError
from ..info import Datagram
from ..promise import DONE
from ..streams.writable import Rejected
from .outbox import OVERFLOW, Outbox, _Room

__all__ = ["MAX_MESSAGE", "MessageOutbox"]

#: 65,535 less the headers of UDP (8) and of IPv4 (20); RFC 768, RFC 791
MAX_MESSAGE = 65_507
_END: Any = object()


class MessageOutbox(Outbox):
    """Implements a ``WritableStream`` of messages over a datagram channel."""

    __slots__ = ()

    def write(self, data: Any) -> Awaitable[None]:
        """Queue one message at once; see ``Writer.write``.

        Raises:
            LimitExceeded: it is too long for the transport. Nothing is sent, least of all a part of it.
            StateError: the writable is closed.
            TypeError: neither bytes nor, on a socket without a peer of its own, a ``Datagram``.
        """
        if self._fast and type(data) is bytes and len(data) <= MAX_MESSAGE:
            self._send(data)
            self.bytes_out += len(data)
            self.chunks_out += 1
            return self._done if self._fast else self._room_for(len(data))
        if self.closing:
            raise StateError("write after close")
        if self._error is not None:
            return Rejected(self._error)
        if type(data) is Datagram:
            size = len(data.data)
        else:
            if type(data) is not bytes:
                if not isinstance(data, (bytes, bytearray, memoryview)):
                    raise TypeError(f"a datagram socket takes bytes or a Datagram, not {type(data).__name__}")
                data = bytes(data)
            size = len(data)
        if size > MAX_MESSAGE:
            raise LimitExceeded(f"a message of {size} bytes is longer than {MAX_MESSAGE}")
        if self.unawaited > OVERFLOW * self._high:
            self._socket._abort(LimitExceeded(f"{self.unawaited} bytes were written without awaiting"))
            return Rejected(self._error or Aborted())
        channel = self.channel
        if self._held is not None or self.gate is not None or channel is None:
            room = self._keep(data, size)
        else:
            channel.write(data)
            room = self._room_for(size) if self.paused else DONE
        self.bytes_out += size
        self.chunks_out += 1
        return room

    def _room_for(self, size: int) -> Awaitable[None]:
        self.unawaited += size
        return _Room(self, size)

    def _keep(self, data: Any, size: int) -> Awaitable[None]:
        """Hold it back: there is no connection yet, or it tells of what is not on disk."""
        ticket = self.gate.hold() if self.gate is not None else None
        if ticket is not None and ticket.done:
            ticket = None
        held = self._held
        if held is None:
            if ticket is None and self.channel is not None:
                self.channel.write(data)
                return self._room_for(size) if self.paused else DONE
            held = self._held = deque()
        if ticket is not None and (not held or held[-1][0] is not ticket):
            ticket.add_done_callback(self._ticket_done)
        held.append((ticket, data))
        self._held_size += size
        return self._room_for(size) if self._held_size > self._high else DONE

    def release(self) -> None:
        """Send what has nothing more to wait for, in order."""
        held, channel = self._held, self.channel
        if channel is None or self._error is not None:
            self._look()
            return
        while held and (held[0][0] is None or held[0][0].done):
            data: Any = held.popleft()[1]
            if data is _END:
                self._send_eof()
                continue
            self._held_size -= len(data.data if type(data) is Datagram else data)
            try:
                channel.write(data)
            except LimitExceeded as error:  # the path takes less than we could know when it was written
                self._socket._abort(error)
                return
        if not held:
            self._held = None
        self._look()
        if not self.paused and self._held_size <= self._high:
            self._make_room()
        self._check_flushed()

    def finish(self) -> None:
        """No more messages after those before."""
        if self.closing or self._error is not None:
            return
        self.closing = True
        self._look()
        if self._held is not None or self.channel is None:
            if self._held is None:
                self._held = deque()
            self._held.append((None, _END))
        else:
            self._send_eof()
