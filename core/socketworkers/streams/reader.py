"""``ByteReader``: reads from a stream that it holds locked, with the bounded helpers that protocols need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import LimitExceeded, StateError, UnexpectedEOF
from ..promise import Promise
from .source import READABLE
from .waiter import Waiter

if TYPE_CHECKING:
    from .readable import ReadableStream

__all__ = ["ByteReader"]

#: what the bounded helpers allow when they are told nothing
DEFAULT_LIMIT = 65536
MAX_EXACT = 16 * 1024 * 1024


class ByteReader:
    """Reads from a stream that it holds locked (Streams §4.3, §4.4), with the bounded helpers that protocols need."""

    __slots__ = ("_released", "_stream", "_waiter")

    def __init__(self, stream: ReadableStream) -> None:
        stream._lock(self)
        self._stream = stream
        self._released = False
        #: one for all of its waits, of which there is one at a time: a handler that waits on the same object again is
        #: resumed past its task
        self._waiter = Waiter()

    @property
    def closed(self) -> Promise[None]:
        """Resolves at the end of the stream, rejects with its error, or with StateError once released."""
        stream = self._held()
        if stream._closed is None:
            stream._closed = Promise()
            if not stream._size:
                stream._settle()
        return stream._closed

    def _held(self) -> ReadableStream:
        if self._released:
            raise StateError("the reader was released")
        return self._stream

    async def read(self, n: int = -1) -> bytes:
        """The next bytes: all that have come, at most ``n``.

        Returns:
            bytes; ``b""`` only at the end of the stream (or for ``n`` = 0).

        Raises:
            SocketError: what broke the stream, after all that came before it was read.
            StateError: the reader was released.
        """
        stream = self._held()
        if n == 0:
            return b""
        if stream._reading:
            await stream._begin()
        elif stream._size:
            return stream._take_all() if n < 0 else stream._take(n)
        else:
            stream._reading = True
        waiter = self._waiter
        try:
            if (
                not stream._size
                and stream._state == READABLE
                and stream._waiter is None
                and stream._demand is None
                and not stream._paused
                and stream._interrupted is None
            ):
                # the usual case of ``_wait``; a coroutine less for every connection that is idle here
                waiter._state = 0
                stream._waiter = waiter
                await waiter
            if not stream._size:
                if stream._state == READABLE:
                    await stream._wait(0, waiter)
                if not stream._size:
                    stream._raise_if_failed()
                    return b""
            return stream._take_all() if n < 0 else stream._take(n)
        finally:
            if stream._waiter is waiter:
                stream._waiter = None
            stream._end()

    async def read_exactly(self, n: int, *, limit: int = MAX_EXACT) -> bytes:
        """Exactly ``n`` bytes.

        Raises:
            LimitExceeded: ``n`` is more than ``limit``; nothing is taken.
            UnexpectedEOF: the stream ended first; ``partial`` holds what came (and was taken).
        """
        stream = self._held()
        if n > limit:
            raise LimitExceeded(f"{n} bytes were asked for where {limit} are allowed")
        if n < 0:
            raise ValueError("n must not be negative")
        if not n:
            return b""
        if stream._size >= n and not stream._reading:
            return stream._take(n)
        await stream._begin()
        try:
            await stream._wait(n - 1, self._waiter)
            if stream._size < n:
                partial = stream._take_all()
                stream._raise_if_failed()
                raise UnexpectedEOF(partial, n)
            return stream._take(n)
        finally:
            stream._end()

    async def read_until(self, separator: bytes, *, limit: int = DEFAULT_LIMIT) -> bytes:
        """All up to and with ``separator``; ``b""`` if the stream ends before the first byte.

        Args:
            separator: what ends the piece; not empty.
            limit: most bytes that the piece may have, the separator counted.

        Raises:
            LimitExceeded: no separator within ``limit``; nothing is taken (``consumed`` = 0).
            UnexpectedEOF: the stream ended within the piece.
        """
        stream = self._held()
        if not separator:
            raise ValueError("the separator must not be empty")
        if stream._size and not stream._reading:
            found = stream._join().find(separator, 0, limit)
            if found >= 0:
                return stream._take(found + len(separator))
        await stream._begin()
        try:
            start = 0
            while True:
                data = stream._join()
                found = data.find(separator, start, limit)
                if found >= 0:
                    return stream._take(found + len(separator))
                if len(data) >= limit:
                    raise LimitExceeded(f"no {separator!r} within {limit} bytes")
                if stream._state != READABLE:
                    if not data:
                        stream._raise_if_failed()
                        return b""
                    stream._take_all()
                    stream._raise_if_failed()
                    raise UnexpectedEOF(data)
                start = max(0, len(data) - len(separator) + 1)
                await stream._wait(len(data), self._waiter)
        finally:
            stream._end()

    async def read_line(self, *, limit: int = DEFAULT_LIMIT) -> bytes:
        r"""A line with its ``\n``; ``b""`` at the end of the stream. Raises as ``read_until``."""
        return await self.read_until(b"\n", limit=limit)

    async def peek(self, n: int = 1, *, limit: int = DEFAULT_LIMIT) -> bytes:
        """At least the next ``n`` bytes (fewer only at the end of the stream), left in place.

        Raises:
            LimitExceeded: ``n`` is more than ``limit``.
        """
        stream = self._held()
        if n > limit:
            raise LimitExceeded(f"a look at {n} bytes where {limit} are allowed")
        if stream._size < n or stream._reading:
            await stream._begin()
            try:
                await stream._wait(n - 1, self._waiter)
            finally:
                stream._end()
        if not stream._size:
            stream._raise_if_failed()
        return stream._join()

    def unread(self, data: bytes) -> None:
        """Give bytes back; the next read sees them first."""
        self._held()._unread(data)

    def buffered(self) -> int:
        """How many bytes can be read without waiting."""
        return self._held()._size

    async def read_into(self, buffer: bytearray | memoryview, *, at_least: int = 1) -> int:
        """Fill the caller's buffer (the standard's BYOB read, Streams §4.4).

        Args:
            buffer: writable, at least ``at_least`` bytes long.
            at_least: return once this many are there (or the stream ended).

        Returns:
            How many bytes were put in; 0 only at the end of the stream.

        Raises:
            ValueError: the buffer is empty or shorter than ``at_least``.
        """
        stream = self._held()
        view = memoryview(buffer).cast("B")
        if not len(view) or not 1 <= at_least <= len(view):
            raise ValueError("the buffer must have room for at least one byte and for at_least bytes")
        await stream._begin()
        try:
            # nothing is taken before all is there: a cancelled read loses no byte
            await stream._wait(at_least - 1, self._waiter)
            if not stream._size:
                stream._raise_if_failed()
                return 0
            data = stream._take(len(view))
        finally:
            stream._end()
        view[: len(data)] = data
        return len(data)

    async def cancel(self, reason: object = None) -> None:
        """Drop what is buffered and tell the source; the lock stays (Streams §4.3.3)."""
        if (pending := self._held()._cancel(reason)) is not None:
            await pending

    def release_lock(self) -> None:
        """Give the stream back. Pending reads fail with StateError and lose no byte."""
        if not self._released:
            self._released = True
            self._stream._unlock(self)

    def __aiter__(self) -> ByteReader:
        return self

    async def __anext__(self) -> bytes:
        if data := await self.read():
            return data
        raise StopAsyncIteration

    def __enter__(self) -> ByteReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.release_lock()
