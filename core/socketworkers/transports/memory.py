"""A pair of channels in memory that behave as TCP does: back-pressure, half-close, reset, delivery on the next turn."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from .endpoint import Upper

__all__ = ["MemoryChannel", "memory_pair"]

_EOF = b""
#: bytes that may be under way to a peer that does not read: the kernel's socket buffer, so to say
WINDOW = 65536


class MemoryChannel:
    """One end. What is written here arrives at the other end's ``upper``."""

    __slots__ = (
        "_aborted",
        "_closed",
        "_delivering",
        "_eof_written",
        "_extra",
        "_finished",
        "_fragment",
        "_high",
        "_latency",
        "_loop",
        "_low",
        "_out",
        "_out_size",
        "_paused_reading",
        "_paused_writing",
        "peer",
        "receive",
        "upper",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, extra: dict[str, Any], latency: float, fragment: int) -> None:
        self._loop = loop
        self._extra = extra
        self._latency = latency
        self._fragment = fragment
        self._out: deque[bytes] = deque()
        self._out_size = 0
        self._delivering = False
        self._eof_written = False
        self._closed = False
        self._aborted = False
        self._finished = False
        self._paused_reading = False
        self._paused_writing = False
        self._high, self._low = 65536, 16384
        self.upper: Upper | None = None
        self.peer: MemoryChannel | None = None

    @property
    def transport(self) -> MemoryChannel:
        return self

    def attach(self, upper: Upper) -> None:
        """From now on ``upper`` gets what arrives."""
        self.upper = upper
        if self.peer is not None:
            self.peer._kick()

    # -- Channel -----------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        if self._closed or self._aborted or not data:
            return
        self._out.append(bytes(data))
        self._out_size += len(data)
        self._kick()
        if self._out_size > self._high and not self._paused_writing:
            self._paused_writing = True
            if self.upper is not None:
                self.upper._pause_writing()

    def write_eof(self) -> None:
        if not self._eof_written and not self._closed and not self._aborted:
            self._eof_written = True
            self._out.append(_EOF)
            self._kick()

    def close(self) -> None:
        if not self._closed and not self._aborted:
            self.write_eof()
            self._closed = True
            self._kick()
            if not self._out:
                self._loop.call_soon(self._finish, None)

    def abort(self) -> None:
        if not self._aborted:
            self._aborted = True
            self._out.clear()
            self._out_size = 0
            self._loop.call_soon(self._finish, None)
            peer = self.peer
            if peer is not None:
                self._loop.call_soon(peer._reset)

    def pause_reading(self) -> None:
        self._paused_reading = True

    def resume_reading(self) -> None:
        if self._paused_reading:
            self._paused_reading = False
            if self.peer is not None:
                self.peer._kick()

    def get_write_buffer_size(self) -> int:
        return self._out_size

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = 65536 if high is None else high
        self._low = self._high // 4 if low is None else low
        if self._out_size > self._high and not self._paused_writing and self.upper is not None:
            self._paused_writing = True
            self.upper._pause_writing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._extra.get(name, default)

    # -- delivery ----------------------------------------------------------------------------------------------

    def _kick(self) -> None:
        if self.peer is not None and self.peer._finished and self._out:
            # bytes for an end that is gone: TCP answers them with a reset; a FIN just falls away
            lost = any(self._out)
            self._out.clear()
            self._out_size = 0
            if lost and not self._aborted:
                self._loop.call_soon(self._reset)
            elif self._closed:
                self._loop.call_soon(self._finish, None)
            return
        if self._delivering or not self._out or self.peer is None or self.peer.upper is None:
            return
        if self.peer._paused_reading:
            return
        self._delivering = True
        if self._latency:
            self._loop.call_later(self._latency, self._deliver)
        else:
            self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        self._delivering = False
        peer = self.peer
        if peer is None or peer.upper is None or peer._paused_reading:
            return
        while self._out and not peer._paused_reading and not peer._aborted and peer.upper is not None:
            chunk = self._out[0]
            if chunk is _EOF or not chunk:
                self._out.popleft()
                if not peer._closed:
                    peer.upper._eof_received()
                continue
            if self._fragment and len(chunk) > self._fragment:
                chunk, self._out[0] = chunk[: self._fragment], chunk[self._fragment :]
            else:
                self._out.popleft()
            self._out_size -= len(chunk)
            if peer._closed:
                # bytes for an end that was closed: TCP answers with a reset
                self._loop.call_soon(self._reset)
                return
            peer.upper._received(chunk)
            if self._fragment:
                break
        if self._paused_writing and self._out_size <= self._low and self.upper is not None:
            self._paused_writing = False
            self.upper._resume_writing()
        if self._out:
            self._kick()
        elif self._closed and not self._aborted:
            self._loop.call_soon(self._finish, None)

    def _reset(self) -> None:
        if self._finished:
            return
        self._aborted = True
        self._out.clear()
        self._out_size = 0
        self._finish(ConnectionResetError("the peer reset the connection"))

    def _finish(self, error: BaseException | None) -> None:
        if self._finished:
            return
        upper, self.upper = self.upper, None
        self._closed = self._finished = True
        if upper is not None:
            upper._lost(error)
        if self.peer is not None:
            self.peer._kick()


def memory_pair(
    loop: asyncio.AbstractEventLoop, names: tuple[Any, Any], latency: float = 0.0, fragment: int = 0
) -> tuple[MemoryChannel, MemoryChannel]:
    """Two connected channels.

    Args:
        loop: delivers.
        names: addresses of the two ends.
        latency: seconds that bytes are under way.
        fragment: deliver at most this many bytes at once; 0 = as they were written.
    """
    one = MemoryChannel(loop, {"sockname": names[0], "peername": names[1]}, latency, fragment)
    other = MemoryChannel(loop, {"sockname": names[1], "peername": names[0]}, latency, fragment)
    one.peer, other.peer = other, one
    return one, other
