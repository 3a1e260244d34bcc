"""The life of a socket: what its channel tells it, its deadlines, and its end. ``Socket`` adds what one does with it.

It owns no I/O of its own: bytes come from and go to a ``Channel`` (kernel, TLS, memory). The rules are the table in
docs/reference/socket.md and the suite ``socketworkers.testing.check_socket``.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import socket as _socket
import struct
from collections.abc import Callable
from typing import Any, Protocol

from .budget import UNLIMITED, MemoryBudget
from .errors import Aborted, ConnectionLost, IdleTimeout, LimitExceeded, SocketError, StorageError, WriteTimeout
from .events import AbortSignal, Event, EventTarget
from .info import Datagram, SocketInfo, Timeouts
from .promise import Promise
from .streams.messages import MessageStream
from .streams.readable import DEFAULT_HIGH_WATER_MARK, ReadableStream
from .streams.writable import WritableStream
from .transports.endpoint import Channel
from .transports.message_outbox import MessageOutbox
from .transports.outbox import Outbox
from .transports.wheel import TimerWheel, wheel_of

__all__ = ["CLOSED", "CLOSING", "CONNECTING", "OPEN", "Lifetime", "Watcher", "quiet"]

CONNECTING, OPEN, CLOSING, CLOSED = range(4)
#: how long a closed inbound socket waits for the peer's FIN, so that bytes on their way do not cause a reset that
#: destroys our last reply (RFC 9112 §9.6 tells the same story for HTTP)
LINGER = 1.0
#: what a Close frame of a WebSocket may say, beside 3000 to 4999 (RFC 6455 §7.4)
CLOSE_CODES = frozenset((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011))
_ids = itertools.count(1)


class Watcher(Protocol):
    """Who is told what happens to a socket whose bytes go to a callback (``Socket.on_data``)."""

    def timed_out(self, error: IdleTimeout) -> None:
        """The deadline or the idle timeout is over."""

    def closed(self, error: BaseException | None) -> None:
        """The socket has closed; ``error`` is what broke it."""


class Lifetime(EventTarget):
    """See the module. All state of a socket is here."""

    __slots__ = (
        "_active",
        "_channel",
        "_close_error",
        "_closed",
        "_deadline",
        "_due",
        "_endpoint",
        "_flush_mark",
        "_half_open",
        "_idle",
        "_inbound_side",
        "_info",
        "_keep_alive",
        "_linger",
        "_loop",
        "_outbox",
        "_owner",
        "_peer_eof",
        "_readable",
        "_ready",
        "_signal",
        "_state",
        "_tcp",
        "_timeouts",
        "_unfollow",
        "_upgraded",
        "_watcher",
        "_wheel",
        "_writable",
        "_write_due",
        "bytes_in",
        "chunks_in",
        "id",
        "on_close",
    )

    _owner: asyncio.Task[None] | None
    _unfollow: Callable[[], None] | None
    _keep_alive: bool | float

    def _init(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        high_water_mark: int = DEFAULT_HIGH_WATER_MARK,
        half_open: bool,
        timeouts: Timeouts,
        budget: MemoryBudget = UNLIMITED,
        id: str | None = None,
        messages: bool = False,
    ) -> None:
        super().__init__()
        self._loop = loop
        self._wheel: TimerWheel = wheel_of(loop)
        #: short name of the connection, the same in every log line
        self.id = id or f"c{next(_ids)}"
        self._state = CONNECTING
        self._half_open = half_open
        self._timeouts = timeouts
        self._idle = self._wheel.ticks(timeouts.idle)
        self._active = self._wheel.now()
        self._deadline = 0
        self._linger = 0
        self._peer_eof = False
        self._inbound_side = False
        self._write_due = 0
        self._flush_mark = 0
        self._due = 0
        self._channel: Channel | None = None
        self._endpoint: Any = None
        self._tcp: _socket.socket | None = None
        self._info: SocketInfo | None = None
        self._ready: Promise[SocketInfo] | None = None
        self._closed: Promise[None] | None = None
        self._close_error: BaseException | None = None
        self._signal: AbortSignal | None = None
        self._unfollow = None
        self._watcher: Watcher | None = None
        self._upgraded = False
        self._keep_alive = False
        self._owner = None
        #: called once with the socket when it has closed (for the one who counts connections)
        self.on_close: Callable[[Any], None] | None = None
        self.bytes_in = 0
        self.chunks_in = 0
        self._readable = (MessageStream if messages else ReadableStream)._of(self, high_water_mark, budget)
        self._writable: WritableStream | None = None
        self._outbox = (MessageOutbox if messages else Outbox)(self, high_water_mark)

    @property
    def ready(self) -> Promise[SocketInfo]:
        """Resolves to the ``SocketInfo`` once connected (and through the TLS handshake); rejects with why not."""
        if self._ready is None:
            self._ready = Promise()
            if self._info is not None:
                self._ready.resolve(self._info)
            elif self._state == CLOSED:
                self._ready.reject(self._close_error or Aborted())
        return self._ready

    @property
    def closed(self) -> Promise[None]:
        """Resolves when both directions have ended in order; rejects with what broke the connection."""
        if self._closed is None:
            self._closed = Promise()
            if self._state == CLOSED:
                self._settle_closed()
        return self._closed

    def close(self, reason: object = None, *, code: int | None = None) -> Promise[None]:
        """Send all that was written, then end both directions. Idempotent; returns ``closed``.

        Args:
            reason: a word for the log, and for the peer of a WebSocket that gets a ``code``.
            code: of a WebSocket's Close frame (RFC 6455 §7.4), 1000 by default; the peer's socket is lost with any
                other. Other transports have none.

        Raises:
            ValueError: a code that cannot be sent.
        """
        if code is not None:
            if code not in CLOSE_CODES and not 3000 <= code < 5000:
                raise ValueError(f"{code} is no code that a Close frame can have")
            if (set_close := getattr(self._channel, "set_close", None)) is not None:
                set_close(code, "" if reason is None else str(reason))
        if self._state in (CONNECTING, OPEN):
            if self._state == CONNECTING and self._channel is None:
                return self._close_pending()
            self._state = CLOSING
            self._linger = self._wheel.now() + self._wheel.ticks(LINGER)
            self._readable._cancel(reason)
            self._outbox.finish()
            if self._linger:
                self._arm(self._linger)
                self._half_done()
        return self.closed

    def _close_pending(self) -> Promise[None]:
        """Closed before it is connected: wait until it is settled, flush, close."""

        def later() -> None:
            if self._state == OPEN:
                self.close()

        self.ready.then(lambda: self._loop.call_soon(later))
        return self.closed

    def abort(self, reason: object = None) -> Promise[None]:
        """End now: drop what was not sent, reset the connection.

        Args:
            reason: an exception or a word. ``closed`` and both streams fail with it (``Aborted``); with None
                ``closed`` resolves.

        Returns:
            An awaitable that ends when the socket is gone; it never fails.
        """
        self._abort(reason if isinstance(reason, BaseException) else Aborted(reason))
        gone: Promise[None] = Promise()
        self.closed.then(lambda: gone.resolve(None))
        return gone

    # -- life --------------------------------------------------------------------------------------------------

    def _attach(self, channel: Channel, endpoint: Any, type: str, *, secure: bool = False) -> None:
        """The connection is there; ``_opened`` follows once TLS is, too."""
        self._channel = channel
        self._endpoint = endpoint
        sock = channel.get_extra_info("socket")
        self._tcp = sock if sock is not None and type == "tcp" else None
        self._outbox.open(channel)
        if self._timeouts.write is not None and self._outbox.paused:
            self._write_stalled()
        if self._readable._paused:
            channel.pause_reading()

    def _opened(self, info: SocketInfo) -> None:
        if self._state != CONNECTING:
            return
        self._info = info
        self._state = OPEN
        self._active = self._wheel.now()
        self._arm_idle()
        self._outbox.release()
        if self._ready is not None:
            self._ready.resolve(info)
        self._fire("open")
        if self._readable._state != 0:
            self._loop.call_soon(self._peer_finished)

    def _fire(self, type: str, detail: object = None) -> None:
        if self._listeners and self._listeners.get(type):
            self.dispatch_event(Event(type, detail=detail))

    # what the channel calls

    def _received(self, data: bytes) -> None:
        self.bytes_in += len(data)
        self.chunks_in += 1
        self._active = self._wheel.tick
        stream = self._readable
        callback = stream._callback
        if callback is not None:
            try:
                callback(data)
            except Exception as error:
                self._abort(error)
        elif (waiter := stream._waiter) is not None and waiter.takes:
            # the usual case of ``ReadableStream._enqueue``
            stream._waiter = None
            if not waiter.resume(data):
                stream._enqueue_for(waiter, data)
        else:
            stream._enqueue(data)

    def _message_received(self, message: bytes | Datagram, size: int) -> None:
        """As ``_received``, for a message whose border is kept."""
        self.bytes_in += size
        self.chunks_in += 1
        self._active = self._wheel.tick
        callback = self._readable._callback
        if callback is None:
            self._readable.push(message, size)  # type: ignore[attr-defined]
        elif size or type(message) is Datagram:  # an empty one would look like the end
            try:
                callback(message)  # type: ignore[arg-type]
            except Exception as error:
                self._abort(error)

    def _eof_received(self) -> None:
        self._active = self._wheel.tick
        self._peer_eof = True
        try:
            self._readable._close()
        except Exception as error:
            self._abort(error)
            return
        if self._state != CONNECTING:
            self._peer_finished()

    def _peer_finished(self) -> None:
        if not self._half_open and self._state == OPEN:
            self._outbox.finish()
        self._half_done()

    def _half_done(self) -> None:
        """One direction has ended: once both have, the connection is given back."""
        channel = self._channel
        if channel is not None and self._outbox.eof_sent and self._readable._state != 0 and self._state < CLOSED:
            if self._linger and not self._peer_eof:
                return
            self._state = CLOSING
            self._linger = 0
            if self._timeouts.write is not None:
                self._write_stalled()
            channel.close()

    def _pause_writing(self) -> None:
        self._outbox.pause_writing()

    def _resume_writing(self) -> None:
        self._outbox.resume_writing()

    def _severed(self, error: BaseException) -> None:
        """As lost, but for the bytes that came before: they are still to be read."""
        if self._state < CLOSED and self._close_error is None:
            self._close_error = lost = _connection_lost(error)
            self._outbox.fail(lost)
            if self._signal is not None:
                self._signal._abort(lost)

    def _lost(self, error: BaseException | None) -> None:
        if self._state == CLOSED:
            return
        if error is None or (self._outbox.eof_sent and not isinstance(error, SocketError) and self._flushed_all()):
            self._end(None, drop=False)
        elif isinstance(error, SocketError):
            self._end(error, drop=False)
        else:
            self._end(self._close_error or _connection_lost(error), drop=False)

    def _flushed_all(self) -> bool:
        return self._outbox._held_size == 0 and self._readable._state != 0

    def _abort(self, error: BaseException) -> None:
        """End now with ``error``; ``Aborted(None)`` counts as an orderly end for ``closed``."""
        if self._state == CLOSED:
            return
        owner, self._owner = self._owner, None
        if owner is not None and self._state == CONNECTING:
            owner.cancel()
        channel, sock = self._channel, self._tcp
        self._end(error, drop=True)
        if channel is not None:
            if sock is not None:
                try:  # the kernel sends a reset, not a FIN (tcp(7), SO_LINGER)
                    sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, struct.pack("ii", 1, 0))
                except OSError:
                    pass
            channel.abort()

    def _end(self, error: BaseException | None, *, drop: bool) -> None:
        if self._state == CLOSED:
            return
        never_opened = self._info is None
        self._state = CLOSED
        self._close_error = error
        self._wheel.cancel(self)
        if self._unfollow is not None:
            self._unfollow()
            self._unfollow = None
        reason = error or ConnectionLost("the connection is closed")
        if error is None:
            self._readable._close()
        else:
            self._readable._fail(error, drop=drop)
        self._readable._budget.forget(self._readable)
        if not self._outbox.eof_sent or error is not None:
            self._outbox.fail(reason)
        else:
            self._outbox._check_flushed()
            self._outbox._settle_closed()
            self._outbox.fail(reason)
        if self._ready is not None and never_opened:
            self._ready.reject(reason)
        if self._signal is not None and error is not None:
            self._signal._abort(error)
        if error is not None:
            self._fire("error", error)
        if self._closed is not None:
            self._settle_closed()
        self._fire("close", error)
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.closed(error)
        callback, self.on_close = self.on_close, None
        if callback is not None:
            callback(self)
        self._channel = None
        self._tcp = None
        self._endpoint = None

    def _settle_closed(self) -> None:
        assert self._closed is not None
        error = self._close_error
        if error is None or (isinstance(error, Aborted) and error.reason is None):
            self._closed.resolve(None)
        else:
            self._closed.reject(error)

    # -- Source of the readable --------------------------------------------------------------------------------

    def pause(self) -> None:
        if self._channel is not None and self._state < CLOSED:
            try:
                self._channel.pause_reading()
            except RuntimeError:
                pass  # older loops complain when the transport is closing

    def resume(self) -> None:
        if self._channel is not None and self._state < CLOSED:
            try:
                self._channel.resume_reading()
            except RuntimeError:
                pass

    def cancel(self, reason: object) -> None:
        """The reader is not interested: go on reading and drop it, so that the peer is not blocked."""
        self._readable._paused = False
        self._readable._look()
        self.resume()
        if self._endpoint is not None:
            self._endpoint.attach(_Drain(self))

    # -- time --------------------------------------------------------------------------------------------------

    def _arm(self, due: int) -> None:
        if due and (not self._due or due < self._due):
            self._wheel.schedule(self, due)

    def _arm_idle(self) -> None:
        if self._idle:
            self._arm(self._active + self._idle)

    def _write_stalled(self) -> None:
        seconds = self._timeouts.write
        if seconds is not None and not self._write_due and self._outbox.buffered:
            self._flush_mark = self._outbox.bytes_out - self._outbox.buffered
            self._write_due = self._wheel.now() + self._wheel.ticks(seconds)
            self._arm(self._write_due)

    def _on_tick(self, tick: int) -> int:
        if self._state == CLOSED:
            return 0
        if self._linger and tick >= self._linger:
            self._linger = 0
            if self._outbox.eof_sent and not self._outbox.buffered:
                self._half_done()
                if self._state == CLOSED:
                    return 0
            elif not self._write_due:
                self._write_stalled()
        if self._write_due and tick >= self._write_due:
            self._write_due = 0
            buffered = self._outbox.buffered
            if buffered:
                if self._outbox.bytes_out - buffered <= self._flush_mark:
                    self._abort(WriteTimeout(f"the peer took none of {buffered} bytes in time"))
                    return 0
                self._write_stalled()
            elif self._state == CLOSING:
                self._half_done()
        stream = self._readable
        waiting = stream._waiter is not None and not stream._waiter.done()
        if self._deadline and tick >= self._deadline and self._state < CLOSING:
            self._deadline = 0
            error = IdleTimeout("the peer took too long")
            error.deadline = True
            self._timed_out(error)
        elif (
            self._idle
            and tick >= self._active + self._idle
            and self._state == OPEN
            and (waiting or stream._callback is not None)
        ):
            self._active = tick
            self._timed_out(IdleTimeout("nothing came from the peer for too long"))
        if self._state == CLOSED:
            return 0
        due = [at for at in (self._linger, self._write_due, self._deadline) if at > 0]
        if self._idle and self._state == OPEN:
            due.append(max(self._active + self._idle, tick + 1))
        return min(due, default=0)

    def _timed_out(self, error: IdleTimeout) -> None:
        self._fire("timeout", error)
        stream = self._readable
        if stream._callback is not None:
            if self._watcher is not None:
                self._watcher.timed_out(error)
            elif not self.has_event_listener("timeout"):
                self._abort(error)
        else:
            stream._interrupt_read(error)


class _Drain:
    """Takes what comes for a socket whose reader is not interested any more."""

    __slots__ = ("_count", "_socket")

    #: a peer that goes on sending to a closed socket is cut off after this many bytes
    LIMIT = 16 * 1024 * 1024

    def __init__(self, socket: Lifetime) -> None:
        self._socket = socket
        self._count = 0

    def _received(self, data: bytes) -> None:
        socket = self._socket
        socket.bytes_in += len(data)
        self._count += len(data)
        if socket._state == CLOSING and self._count > self.LIMIT:
            socket._abort(LimitExceeded("the peer goes on sending to a closed socket"))

    def _eof_received(self) -> None:
        self._socket._peer_eof = True
        self._socket._peer_finished()

    def _severed(self, error: BaseException) -> None:
        self._socket._severed(error)

    def _lost(self, error: BaseException | None) -> None:
        self._socket._lost(error)

    def _pause_writing(self) -> None:
        self._socket._pause_writing()

    def _resume_writing(self) -> None:
        self._socket._resume_writing()


def _connection_lost(error: BaseException) -> ConnectionLost:
    lost = ConnectionLost(f"the connection was lost: {error.__class__.__name__}")
    lost.__cause__ = error
    return lost


def quiet(error: BaseException) -> bool:
    """Whether an error tells of the peer or the network, not of our code: not worth a traceback."""
    return isinstance(error, (SocketError, asyncio.CancelledError, StorageError, EOFError)) or (
        isinstance(error, OSError) and error.errno in (errno.EPIPE, errno.ECONNRESET, errno.ETIMEDOUT)
    )
