"""The writing half of a socket: order, back-pressure, and bytes that wait (for the connection, for TLS, for a commit).

Bytes go straight to the channel unless something holds them; then they queue, and all later ones queue behind them.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any

from ..errors import Aborted, LimitExceeded, StateError
from ..promise import DONE, Promise
from ..streams.writable import Bytes, Rejected

if TYPE_CHECKING:
    from ..gate import OutputGate, Ticket
    from ..lifetime import Lifetime
    from .endpoint import Channel

__all__ = ["Outbox"]

_EOF = b""
#: un-awaited bytes beyond this many times the high-water mark abort the socket
OVERFLOW = 4


def _nowhere(data: bytes) -> None:
    """What a socket without a channel sends to; never called."""


_done_futures: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Future[None]] = weakref.WeakKeyDictionary()


def done_of(loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
    """A future of the loop that is done: awaiting it costs less than awaiting any object of Python's own."""
    done = _done_futures.get(loop)
    if done is None:
        done = _done_futures[loop] = loop.create_future()
        done.set_result(None)
    return done


class _Room:
    """What ``write`` returns while the socket is full: awaiting it waits for room."""

    __slots__ = ("_outbox", "_size")

    def __init__(self, outbox: Outbox, size: int) -> None:
        self._outbox = outbox
        self._size = size

    def __await__(self) -> Generator[Any, None, None]:
        outbox = self._outbox
        outbox.unawaited -= self._size
        self._size = 0
        return outbox.room().__await__()


class Outbox:
    """Implements a ``WritableStream`` over a channel."""

    __slots__ = (
        "_closed",
        "_done",
        "_error",
        "_fast",
        "_flushed",
        "_held",
        "_held_size",
        "_high",
        "_room",
        "_send",
        "_socket",
        "bytes_out",
        "channel",
        "chunks_out",
        "closing",
        "eof_sent",
        "gate",
        "paused",
        "unawaited",
    )

    def __init__(self, socket: Lifetime, high_water_mark: int) -> None:
        self._socket = socket
        self._high = high_water_mark
        self.channel: Channel | None = None
        #: nothing stands between ``write`` and the channel; kept up by ``_look``
        self._fast = False
        self._send: Callable[[bytes], None] = _nowhere
        self._done = done_of(socket._loop)
        self._error: BaseException | None = None
        self._held: deque[tuple[Ticket | None, bytes]] | None = None
        self._held_size = 0
        self.gate: OutputGate | None = None
        self.paused = False
        self.closing = False
        self.eof_sent = False
        self.unawaited = 0
        self.bytes_out = 0
        self.chunks_out = 0
        self._room: Promise[None] | None = None
        self._flushed: Promise[None] | None = None
        self._closed: Promise[None] | None = None

    # -- the stream's side -------------------------------------------------------------------------------------

    def write(self, data: Bytes) -> Awaitable[None]:
        """Queue ``data`` at once; see ``Writer.write``."""
        if self._fast and type(data) is bytes and (size := len(data)):
            self.bytes_out += size
            self.chunks_out += 1
            send = self._send  # CPython calls a local faster than an attribute
            send(data)
            if self._fast:
                return self._done
            self.unawaited += size
            return _Room(self, size)
        if self.closing:
            raise StateError("write after close")
        if self._error is not None:
            return Rejected(self._error)
        if type(data) is not bytes:
            if not isinstance(data, (bytes, bytearray, memoryview)):
                raise TypeError(f"a socket takes bytes, not {type(data).__name__}")
            data = bytes(data)
        if not data:
            return DONE
        if self.unawaited > OVERFLOW * self._high:
            self._socket._abort(
                LimitExceeded(f"{self.unawaited} bytes were written without awaiting and the peer does not read")
            )
            return Rejected(self._error or Aborted())
        self.bytes_out += len(data)
        self.chunks_out += 1
        if self._held is not None or self.gate is not None or self.channel is None:
            room = self._hold(data)
            self._look()
            return room
        self.channel.write(data)
        if self.paused:
            self.unawaited += len(data)
            return _Room(self, len(data))
        return DONE

    def _look(self) -> None:
        """Bring ``_fast`` up to date."""
        channel = self.channel
        self._fast = (
            channel is not None
            and self._held is None
            and self.gate is None
            and self._error is None
            and not self.closing
            and not self.paused
        )
        self._send = channel.write if channel is not None else _nowhere

    def set_gate(self, gate: OutputGate | None) -> None:
        """From now on (or no longer) ask ``gate`` what output has to wait for."""
        self.gate = gate
        self._look()

    def _hold(self, data: bytes) -> Awaitable[None]:
        ticket = self.gate.hold() if self.gate is not None else None
        if ticket is not None and ticket.done:
            ticket = None
        if self._held is None:
            if ticket is None and self.channel is not None:
                self.channel.write(data)
                if not self.paused:
                    return DONE
                self.unawaited += len(data)
                return _Room(self, len(data))
            self._held = deque()
        held = self._held
        if ticket is not None and (not held or held[-1][0] is not ticket):
            ticket.add_done_callback(self._ticket_done)
        held.append((ticket, data))
        self._held_size += len(data)
        if self._held_size > self._high:
            self.unawaited += len(data)
            return _Room(self, len(data))
        return DONE

    def _ticket_done(self, error: BaseException | None) -> None:
        if error is not None:
            self._socket._abort(error)
        else:
            self.release()

    def release(self) -> None:
        """Send what has nothing more to wait for, in order."""
        held, channel = self._held, self.channel
        if not held or channel is None or self._error is not None:
            if channel is not None and held is not None and not held:
                self._held = None
            self._look()
            return
        ready: list[bytes] = []
        eof = False
        while held and (held[0][0] is None or held[0][0].done):
            data = held.popleft()[1]
            if data:
                ready.append(data)
                self._held_size -= len(data)
            else:
                eof = True
        if not held:
            self._held = None
            self._look()
        if ready:
            channel.write(ready[0] if len(ready) == 1 else b"".join(ready))
        if eof:
            self._send_eof()
        if not self.paused and self._held_size <= self._high:
            self._make_room()
        self._check_flushed()

    def block(self) -> None:
        """Hold everything until ``release`` (connecting, TLS handshake)."""
        if self._held is None:
            self._held = deque()
        self._look()

    def close(self) -> Awaitable[None]:
        """FIN after everything before it."""
        if self.closing:
            raise StateError("the stream is closed already")
        if self._error is not None:
            return Rejected(self._error)
        self.finish()
        return self.closed

    def finish(self) -> None:
        """As ``close``, without complaint if it was done before."""
        if self.closing or self._error is not None:
            return
        self.closing = True
        self._look()
        if self._held is not None or self.channel is None:
            if self._held is None:
                self._held = deque()
            self._held.append((None, _EOF))
        else:
            self._send_eof()

    def _send_eof(self) -> None:
        if not self.eof_sent and self.channel is not None:
            self.eof_sent = True
            try:
                self.channel.write_eof()
            except (OSError, NotImplementedError, RuntimeError):
                pass  # the connection is gone: its loss is reported on its own way
            if self._closed is not None:
                self._wait_flushed().then(self._settle_closed)
            self._socket._half_done()

    def _settle_closed(self) -> None:
        if self._closed is not None:
            if self._error is not None:
                self._closed.reject(self._error)
            else:
                self._closed.resolve(None)

    def abort(self, reason: object = None) -> Awaitable[None]:
        """Drop everything and reset the connection."""
        return self._socket.abort(reason)

    @property
    def is_closing(self) -> bool:
        return self.closing

    @property
    def desired_size(self) -> int | None:
        if self._error is not None:
            return None
        return 0 if self.closing else self._high - self.buffered

    @property
    def buffered(self) -> int:
        """Bytes that the kernel has not taken yet."""
        size = self._held_size
        if self.channel is not None and self._error is None:
            size += self.channel.get_write_buffer_size()
        return size

    @property
    def ready(self) -> Awaitable[None]:
        if self._error is not None:
            return Rejected(self._error)
        return self.room() if self.paused or self._held_size > self._high else DONE

    @property
    def closed(self) -> Promise[None]:
        """Resolves once FIN is on its way after all bytes; rejects if they cannot be sent."""
        if self._closed is None:
            self._closed = Promise()
            if self._error is not None:
                self._closed.reject(self._error)
            elif self.eof_sent:
                self._wait_flushed().then(self._settle_closed)
        return self._closed

    async def flush(self) -> None:
        """All that was written before is in the kernel."""
        if self._error is not None:
            raise self._error.with_traceback(None)
        if self.buffered:
            await self._wait_flushed()
        if self._error is not None:
            raise self._error.with_traceback(None)

    # -- the channel's side ------------------------------------------------------------------------------------

    def open(self, channel: Channel) -> None:
        """The channel is there."""
        self.channel = channel
        channel.set_write_buffer_limits(self._high)
        self._look()

    def set_high_water_mark(self, high: int) -> None:
        """Change the mark of an open socket."""
        self._high = high
        if self.channel is not None:
            self.channel.set_write_buffer_limits(high)

    def _wait_flushed(self) -> Promise[None]:
        if self._flushed is None:
            self._flushed = Promise()
            if self.channel is not None and self.buffered:
                # with a mark of 0 the channel reports when its last byte is gone
                self.channel.set_write_buffer_limits(0, 0)
            else:
                flushed, self._flushed = self._flushed, None
                flushed.resolve(None)
                return flushed
        return self._flushed

    def _check_flushed(self) -> None:
        if self._flushed is not None and not self.buffered:
            flushed, self._flushed = self._flushed, None
            if self.channel is not None and self._error is None:
                self.channel.set_write_buffer_limits(self._high)
            flushed.resolve(None)

    def pause_writing(self) -> None:
        self.paused = True
        self._fast = False
        self._socket._write_stalled()

    def resume_writing(self) -> None:
        self.paused = False
        self._look()
        self._check_flushed()
        if self._held_size <= self._high:
            self._make_room()

    def _make_room(self) -> None:
        self.unawaited = 0
        if self._room is not None:
            room, self._room = self._room, None
            room.resolve(None)

    def room(self) -> Promise[None]:
        """Settles when there is room again."""
        if self._room is None:
            self._room = Promise()
            if self._error is not None:
                self._room.reject(self._error)
            elif not self.paused and self._held_size <= self._high:
                self._room.resolve(None)
        return self._room

    def fail(self, error: BaseException) -> None:
        """Nothing more can be sent."""
        if self._error is not None:
            return
        self._error = error
        self._look()
        self._held = None
        self._held_size = 0
        if self._closed is not None:
            self._closed.reject(error)
        for promise in (self._room, self._flushed):
            if promise is not None:
                promise.reject(error)
        self._room = self._flushed = None
