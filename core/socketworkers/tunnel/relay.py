"""Two sockets joined: what one receives the other sends, without a task or a buffer in between.

Back-pressure goes through: while one side takes nothing, the other is not read. With half-close each end of a direction
is passed on by itself; without it the first end is the end of both, as WebSocket has it (RFC 6455 §7.1.1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ..lifetime import CLOSED
from ..promise import Promise
from ..telemetry import Counter

if TYPE_CHECKING:
    from ..errors import IdleTimeout
    from ..socket import Socket

__all__ = ["Relay"]

#: RFC 6455 §7.4.1: in order, the tunnel is going down, the connection behind it broke
NORMAL, GOING_AWAY, BROKEN = 1000, 1001, 1011


class Relay:
    """Joins two open sockets until both have closed.

    Args:
        one: a socket; nobody reads from it.
        other: the same.
        half_close: whether one direction can end while the other one goes on.
        idle: seconds without a byte in either direction after which both are closed; None for no limit.
        counters: what to count the bytes from ``one``, and from ``other``, with.
    """

    __slots__ = ("_due", "_half_close", "_idle", "_last", "_open", "_sides", "_wheel", "ended", "reason")

    def __init__(
        self,
        one: Socket,
        other: Socket,
        *,
        half_close: bool,
        idle: float | None = None,
        counters: tuple[Counter, Counter] | None = None,
    ) -> None:
        from_one, from_other = counters or (Counter(), Counter())
        self._sides = (_Side(self, one, other, from_one), _Side(self, other, one, from_other))
        self._half_close = half_close
        self._wheel = one._wheel
        self._idle = self._wheel.ticks(idle)
        self._due = self._last = 0
        self._open = 2
        #: resolves once both sockets are closed; never rejects
        self.ended: Promise[None] = Promise()
        #: why it ended, "" for in order
        self.reason = ""

    async def run(self) -> None:
        """Carry until the end. Cancelled, it resets both sockets."""
        try:
            self.start()
            await self.ended
        except asyncio.CancelledError:
            for side in self._sides:
                side.source.abort("the server is stopping")
            raise

    def start(self) -> None:
        """Begin to carry."""
        for side in self._sides:
            socket = side.source
            socket.set_timeouts(replace(socket._timeouts, idle=None))
            socket._half_open = True
        if self._idle:
            self._wheel.schedule(self, self._wheel.now() + self._idle)
        for side in self._sides:
            side.start()

    def end(self, reason: str, *, code: int = GOING_AWAY) -> None:
        """Close both in order: what is under way is sent."""
        self.reason = self.reason or reason
        for side in self._sides:
            side.source.close(reason, code=code)

    def _on_tick(self, tick: int) -> int:
        last = max(side.source._active for side in self._sides)
        if any(side.sink.congested for side in self._sides):
            last = tick  # it is not silent, it is slow: that is the write timeout's business
        if tick < last + self._idle:
            return last + self._idle
        self.end("idle for too long")
        return 0

    def _finished(self, side: _Side) -> None:
        """A direction ended in order."""
        if self._half_close:
            side.sink._outbox.finish()
        else:
            for each in self._sides:
                each.source.close("the other side has closed", code=NORMAL)

    def _closed(self, side: _Side, error: BaseException | None) -> None:
        """A socket is gone; with an error, the other one's peer has to hear of it."""
        other = side.sink
        if error is not None and not self.reason:
            self.reason = str(error)
        if other._state != CLOSED:
            if error is None:
                other.close("the other side has closed", code=NORMAL)
            elif other.info is not None and other.info.websocket is not None:
                other.close("the connection behind it was lost", code=BROKEN)
            else:
                # what came before is delivered first; the write timeout bounds it
                other._outbox._wait_flushed().then(lambda: other._abort(error))
        self._open -= 1
        if not self._open:
            self._wheel.cancel(self)
            self.ended.resolve(None)


class _Side:
    """One direction; the watcher of the socket that it reads."""

    __slots__ = ("_counter", "_paused", "_relay", "_write", "sink", "source")

    def __init__(self, relay: Relay, source: Socket, sink: Socket, counter: Counter) -> None:
        self._relay = relay
        self.source = source
        self.sink = sink
        self._counter = counter
        self._paused = False
        self._write: Callable[[bytes], object] = sink._outbox.write

    def start(self) -> None:
        """Read from now on."""
        socket = self.source
        socket.on_data(self._data, self)
        if socket._state == CLOSED:  # before anybody watched
            self.closed(socket._close_error)

    def _data(self, data: bytes) -> None:
        outbox = self.sink._outbox
        if not data:
            self._relay._finished(self)
        elif not outbox.closing and outbox._error is None:
            self._counter.value += len(data)
            self._write(data)
            if outbox.paused and not self._paused:
                self._paused = True
                outbox.unawaited = 0  # waited for below
                self.source.pause()
                outbox.room().then(self._go_on)

    def _go_on(self) -> None:
        self._paused = False
        self.source.resume()

    def timed_out(self, error: IdleTimeout) -> None:
        """No deadline is set: the relay has its own."""

    def closed(self, error: BaseException | None) -> None:
        """See ``Watcher``."""
        self.source._watcher = None
        self._relay._closed(self, error)
