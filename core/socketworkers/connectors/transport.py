"""A ``Socket`` as an ``asyncio.Transport``, for protocols that others have written."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ..errors import Aborted
from ..websocket import HALF_CLOSE

if TYPE_CHECKING:
    from ..errors import IdleTimeout
    from ..socket import Socket

__all__ = ["SocketTransport"]


class SocketTransport(asyncio.Transport):
    """Drives a protocol from an open socket.

    Args:
        socket: open; nobody reads from it.
        protocol: an ``asyncio.Protocol`` or ``BufferedProtocol``.
    """

    __slots__ = ("_buffered", "_closing", "_congested", "_loop", "_protocol", "_reading", "_socket")

    def __init__(self, socket: Socket, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._closing = self._congested = False
        self._reading = True
        self.set_protocol(protocol)

    def start(self) -> None:
        """Tell the protocol that it is connected, and read from now on."""
        self._protocol.connection_made(self)
        self._socket.on_data(self._data, self)
        if self._socket.closed.settled:  # before anybody watched
            self.closed(self._socket.closed.error)

    # -- what the socket tells ---------------------------------------------------------------------------------

    def _data(self, data: bytes) -> None:
        protocol: Any = self._protocol
        if not data:
            if not protocol.eof_received():
                self.close()
        elif self._buffered:
            view = memoryview(data)
            while view:
                buffer = protocol.get_buffer(len(view))
                size = min(len(buffer), len(view))
                if not size:
                    raise RuntimeError("get_buffer() returned an empty buffer")
                buffer[:size] = view[:size]
                protocol.buffer_updated(size)
                view = view[size:]
        else:
            protocol.data_received(data)

    def timed_out(self, error: IdleTimeout) -> None:
        """As asyncio has it, an idle connection is the protocol's business."""

    def closed(self, error: BaseException | None) -> None:
        """See ``Watcher``."""
        self._closing = True
        lost = error if isinstance(error, Exception) and not isinstance(error, Aborted) else None
        self._loop.call_soon(self._protocol.connection_lost, lost)

    # -- what the protocol asks for ----------------------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As of asyncio's transports; ``socketworkers`` is the ``Socket`` itself."""
        if name == "socketworkers":
            return self._socket
        channel = self._socket._channel
        return default if channel is None else channel.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """From now on ``protocol`` gets what comes."""
        self._protocol: asyncio.BaseProtocol = protocol
        self._buffered = isinstance(protocol, asyncio.BufferedProtocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who gets what comes."""
        return self._protocol

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._closing

    def is_reading(self) -> bool:
        """Whether what comes is handed on."""
        return self._reading and not self._closing

    def pause_reading(self) -> None:
        """Let the peer wait."""
        if self.is_reading():
            self._reading = False
            self._socket.pause()

    def resume_reading(self) -> None:
        """Go on."""
        if not self._reading:
            self._reading = True
            if not self._closing:
                self._socket.resume()

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Queue bytes. As asyncio has it the queue has no limit, and ``pause_writing`` says when to stop."""
        outbox = self._socket._outbox
        if outbox.closing or outbox._error is not None or not data:
            return
        outbox.write(data)
        outbox.unawaited = 0  # waited for below
        if outbox.paused and not self._congested:
            self._congested = True
            self._protocol.pause_writing()
            outbox.room().then(self._roomy)

    def _roomy(self) -> None:
        self._congested = False
        if not self._closing:
            self._protocol.resume_writing()

    def can_write_eof(self) -> bool:
        """Whether one direction can be ended: WebSockets cannot, unless both ends agreed on it."""
        info = self._socket.info
        return info is None or info.websocket is None or info.websocket.subprotocol == HALF_CLOSE

    def write_eof(self) -> None:
        """End this direction after all that was written."""
        self._socket._outbox.finish()

    def get_write_buffer_size(self) -> int:
        """Bytes that wait."""
        return self._socket._outbox.buffered

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Where ``resume_writing`` and ``pause_writing`` come."""
        high = self._socket._outbox._high
        return high // 4, high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Move the upper mark."""
        self._socket._outbox.set_high_water_mark(max(1, 65536 if high is None else high))

    def close(self) -> None:
        """Send what was written, then close."""
        if not self._closing:
            self._closing = True
            self._socket.close()

    def abort(self) -> None:
        """Reset the connection."""
        self._closing = True
        self._socket.abort()
