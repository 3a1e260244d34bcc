"""What is above and below a channel, and the channel over a transport of the loop, for systems without epoll.

One receive buffer serves the whole loop, bytes are handed up as they came.

``BufferedProtocol`` with a shared buffer is safe on selector loops and uvloop, where it is filled and consumed within
one callback. On a proactor loop the buffer is held while waiting, so there each connection gets its own.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["Channel", "Endpoint", "Upper"]

#: Bytes of one read; also how long one busy connection can keep the others of its loop waiting. Larger reads are fewer
#: calls, until their bytes are so large that malloc fetches each from the system (glibc: from 128 KiB on). Through the
#: tunnel, MB/s each way: 1,106 and 1,638 with 64 KiB, 1,882 and 2,303 with 124, 757 and 767 with 256.
BUFFER_SIZE = 124 * 1024


class Channel(Protocol):
    """Where bytes go: the part of ``asyncio.Transport`` that sockets use. TLS and memory provide it, too."""

    def write(self, data: bytes) -> None: ...

    def write_eof(self) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_write_buffer_size(self) -> int: ...

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def get_extra_info(self, name: str, default: Any = None) -> Any: ...


class Upper(Protocol):
    """Who gets what a channel brings."""

    def _received(self, data: bytes) -> None: ...

    def _eof_received(self) -> None: ...

    def _severed(self, error: BaseException) -> None:
        """The connection is broken, and bytes that came before are still unread: ``_lost`` follows once they are."""

    def _lost(self, error: BaseException | None) -> None: ...

    def _pause_writing(self) -> None: ...

    def _resume_writing(self) -> None: ...


_buffers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, memoryview] = weakref.WeakKeyDictionary()


def _buffer_of(loop: asyncio.AbstractEventLoop) -> memoryview:
    proactor = getattr(asyncio, "ProactorEventLoop", None)
    if proactor is not None and isinstance(loop, proactor):
        return memoryview(bytearray(16 * 1024))
    view = _buffers.get(loop)
    if view is None:
        view = _buffers[loop] = memoryview(bytearray(BUFFER_SIZE))
    return view


class Endpoint(asyncio.BufferedProtocol):
    """A transport of the loop as a ``Channel``: its events go to ``upper`` (a socket or the TLS layer below it)."""

    __slots__ = ("_ended", "_view", "receive", "transport", "upper")

    transport: asyncio.Transport

    def __init__(self, upper: Upper, loop: asyncio.AbstractEventLoop) -> None:
        self._view = _buffer_of(loop)
        #: nothing that is written now reaches the peer, and whoever may not know it was told
        self._ended = False
        self.attach(upper)

    def attach(self, upper: Upper) -> None:
        """From now on ``upper`` gets everything."""
        self.upper = upper
        self.receive: Callable[[bytes], None] = upper._received

    # -- from the transport ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        self.receive(bytes(self._view[:nbytes]))

    def eof_received(self) -> bool:
        self.upper._eof_received()
        return True  # half-open: the socket decides when to close

    def connection_lost(self, exc: BaseException | None) -> None:
        self.upper._lost(exc)

    def pause_writing(self) -> None:
        self.upper._pause_writing()

    def resume_writing(self) -> None:
        self.upper._resume_writing()

    # -- Channel -----------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Hand ``data`` to the transport. One that has broken takes it without a word and tells of it in a later turn
        of the loop: who awaits each write must leave the loop one."""
        transport = self.transport
        transport.write(data)
        if transport.is_closing() and not self._ended:
            self._ended = True
            self.upper._pause_writing()

    def write_eof(self) -> None:
        self.transport.write_eof()

    def close(self) -> None:
        self._ended = True
        self.transport.close()

    def abort(self) -> None:
        self._ended = True
        self.transport.abort()

    def pause_reading(self) -> None:
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        self.transport.resume_reading()

    def get_write_buffer_size(self) -> int:
        return self.transport.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.transport.set_write_buffer_limits(high, low)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.transport.get_extra_info(name, default)
