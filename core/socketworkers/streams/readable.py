"""``ReadableStream`` of bytes and its reader (Streams Living Standard §4).

The stream is the receive buffer itself: a transport calls ``_enqueue``, ``_close`` and ``_fail``; the reader takes
from the same queue. Back-pressure is counted in bytes. Does no I/O.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Generator, Iterable
from types import coroutine
from typing import TYPE_CHECKING, Any, Protocol

from ..budget import UNLIMITED, MemoryBudget
from ..errors import LimitExceeded, StateError, UnexpectedEOF
from ..promise import Promise
from .waiter import Waiter

if TYPE_CHECKING:
    from ..events import AbortSignal
    from .writable import WritableStream

__all__ = ["DEFAULT_HIGH_WATER_MARK", "ByteReader", "ReadableStream", "ReadableStreamController", "Source"]

DEFAULT_HIGH_WATER_MARK = 65536
#: what the bounded helpers allow when they are told nothing
DEFAULT_LIMIT = 65536
MAX_EXACT = 16 * 1024 * 1024

_READABLE, _CLOSED, _ERRORED = 0, 1, 2


class Source(Protocol):
    """Where a stream's bytes come from."""

    def pause(self) -> None:
        """Enough is buffered."""

    def resume(self) -> None:
        """There is room again, or somebody waits."""

    def cancel(self, reason: object) -> Awaitable[object] | None:
        """Nobody is interested any more."""


class ReadableStream:
    """Bytes to read (Streams §4.2).

    Args:
        source: object with any of the methods ``start(controller)``, ``pull(controller)``, ``cancel(reason)``,
            each plain or a coroutine function; or give them by keyword.
        high_water_mark: bytes to buffer before the source is asked to wait.
    """

    __slots__ = (
        "__weakref__",
        "_budget",
        "_callback",
        "_chunks",
        "_closed",
        "_counted",
        "_demand",
        "_error",
        "_high",
        "_interrupted",
        "_paused",
        "_reader",
        "_reading",
        "_size",
        "_source",
        "_state",
        "_turns",
        "_waiter",
        "_want",
    )

    def __init__(
        self,
        source: object | None = None,
        *,
        start: Callable[[ReadableStreamController], object] | None = None,
        pull: Callable[[ReadableStreamController], object] | None = None,
        cancel: Callable[[object], object] | None = None,
        high_water_mark: int = DEFAULT_HIGH_WATER_MARK,
    ) -> None:
        if high_water_mark < 0:
            raise ValueError("high_water_mark must not be negative")
        self._init(None, high_water_mark, UNLIMITED)
        ReadableStreamController(
            self,
            start or getattr(source, "start", None),
            pull or getattr(source, "pull", None),
            cancel or getattr(source, "cancel", None),
        )

    def _init(self, source: Source | None, high_water_mark: int, budget: MemoryBudget) -> None:
        self._chunks: list[bytes] = []
        self._counted = 0
        self._size = 0
        self._want = 0
        self._high = high_water_mark
        self._state = _READABLE
        self._error: BaseException | None = None
        self._reader: object | None = None
        self._waiter: Waiter | None = None
        self._reading = False
        self._turns: deque[asyncio.Future[None]] | None = None
        self._source = source
        self._demand: Callable[[], None] | None = None
        self._paused = False
        self._callback: Callable[[bytes], object] | None = None
        self._interrupted: BaseException | None = None
        self._closed: Promise[None] | None = None
        self._budget = budget

    @classmethod
    def _of(cls, source: Source, high_water_mark: int, budget: MemoryBudget = UNLIMITED) -> ReadableStream:
        stream = cls.__new__(cls)
        stream._init(source, high_water_mark, budget)
        return stream

    # -- the producing side ------------------------------------------------------------------------------------

    def _enqueue(self, data: bytes) -> None:
        if self._state != _READABLE or not data:
            return
        if self._callback is not None:
            self._callback(data)
            return
        self._chunks.append(data)
        self._size += len(data)
        waiter = self._waiter
        if waiter is not None:
            # a reader takes it within this turn: not worth counting against the memory cap
            self._waiter = None
            waiter.wake_now()
        else:
            self._counted += len(data)
            budget = self._budget
            budget.used += len(data)
            if 0 < budget.limit < budget.used:
                self._pause()
                budget.hold(self)
                return
        if self._size >= self._high and self._size >= self._want:
            self._pause()

    def _pause(self) -> None:
        if not self._paused and self._source is not None:
            self._paused = True
            self._source.pause()

    def _resume(self) -> None:
        if self._paused and self._source is not None:
            self._paused = False
            self._source.resume()

    def _close(self) -> None:
        """No more will come; what is buffered can still be read."""
        if self._state != _READABLE:
            return
        self._state = _CLOSED
        if self._callback is not None:
            callback, self._callback = self._callback, None
            callback(b"")
        self._finish()

    def _fail(self, error: BaseException, *, drop: bool) -> None:
        """Broken. With ``drop`` the buffered bytes are lost (the standard's rule), else they are read first."""
        if self._state == _ERRORED:
            return
        if self._state == _CLOSED and not (drop and self._size):
            return
        self._state = _ERRORED
        self._error = error
        if drop:
            self._discard()
        self._callback = None
        self._finish()

    def _finish(self) -> None:
        self._wake()
        if not self._size:
            self._settle()

    def _settle(self) -> None:
        """Settle ``closed`` once the last byte is gone."""
        self._budget.forget(self)
        if self._closed is not None and self._state != _READABLE:
            if self._error is not None:
                self._closed.reject(self._error)
            else:
                self._closed.resolve(None)

    def _discard(self) -> None:
        self._chunks.clear()
        self._size = 0
        counted, self._counted = self._counted, 0
        self._budget.release(counted)

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # -- the consuming side ------------------------------------------------------------------------------------

    @property
    def locked(self) -> bool:
        """Whether a reader holds the stream."""
        return self._reader is not None

    @property
    def high_water_mark(self) -> int:
        """Bytes that are buffered before the source is asked to wait."""
        return self._high

    def get_reader(self) -> ByteReader:
        """Lock the stream and give its reader.

        Raises:
            StateError: another reader holds it.
        """
        return ByteReader(self)

    def _lock(self, owner: object) -> None:
        if self._reader is not None:
            raise StateError("the stream is locked to another reader")
        if self._callback is not None:
            raise StateError("the stream's data go to a callback (on_data)")
        self._reader = owner

    def _unlock(self, owner: object, error: BaseException | None = None) -> None:
        if self._reader is not owner:
            return
        self._reader = None
        for waiter in (self._waiter, *(self._turns or ())):
            if waiter is not None and not waiter.done():
                waiter.set_exception(error or StateError("the reader was released"))
        self._waiter = None
        self._turns = None

    async def _begin(self) -> None:
        """A read that has to wait begins: reads are served in the order they were made (Streams §4.9.2).

        Whoever calls this calls ``_end``, too.
        """
        if not self._reading:
            self._reading = True
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._turns is None:
            self._turns = deque()
        self._turns.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was our turn already
                self._end()
            raise

    def _end(self) -> None:
        """A read has ended: the next one has its turn."""
        turns = self._turns
        while turns:
            turn = turns.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._turns = None
        self._reading = False

    async def _wait(self, more_than: int = 0, waiter: Waiter | None = None) -> None:
        """Return once more than ``more_than`` bytes are buffered or the stream has ended."""
        while self._size <= more_than and self._state == _READABLE:
            if self._interrupted is not None:
                interrupted, self._interrupted = self._interrupted, None
                raise interrupted
            if more_than >= self._high:
                self._want = more_than + 1
            if self._paused:
                if self._size and self._budget.exceeded:
                    self._budget.hold(self)
                else:
                    self._resume()
            elif self._demand is not None:
                self._demand()
            if self._size > more_than or self._state != _READABLE:
                break
            if waiter is None:
                waiter = Waiter()
            waiter._state = 0
            self._waiter = waiter
            try:
                await waiter
            finally:
                self._want = 0
                if self._waiter is waiter:
                    self._waiter = None

    def _interrupt_read(self, error: BaseException) -> None:
        """Fail the pending read, or else the next one that has to wait; the stream itself goes on."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            self._waiter = None
            waiter.set_exception(error)
        else:
            self._interrupted = error

    def _take_all(self) -> bytes:
        chunks = self._chunks
        if len(chunks) == 1:
            data = chunks.pop()
        else:
            data = b"".join(chunks)
            chunks.clear()
        self._size = 0
        if self._counted or self._paused or self._state != _READABLE or self._demand is not None:
            self._after_take()
        return data

    def _take(self, count: int) -> bytes:
        if count >= self._size:
            return self._take_all()
        chunks = self._chunks
        if len(chunks[0]) > count:
            first = chunks[0]
            data = first[:count]
            chunks[0] = first[count:]
        else:
            whole = self._join()
            data = whole[:count]
            chunks[0] = whole[count:]
        self._size -= count
        self._after_take()
        return data

    def _after_take(self) -> None:
        counted = self._counted
        budget = self._budget
        if counted > self._size:
            budget.used -= counted - self._size
            self._counted = self._size
        if budget._paused:
            budget.release(0)
        if self._paused:
            if self._size <= self._high // 2 and not budget.exceeded:
                self._resume()
        elif self._demand is not None and self._state == _READABLE:
            self._demand()
        if not self._size and self._state != _READABLE:
            self._settle()

    def _unread(self, data: bytes) -> None:
        if data:
            self._chunks.insert(0, bytes(data))
            self._size += len(data)
            self._counted += len(data)
            self._budget.used += len(data)
            self._wake()

    def _join(self) -> bytes:
        """All that is buffered as one chunk, left in place."""
        if len(self._chunks) > 1:
            data = b"".join(self._chunks)
            self._chunks.clear()
            self._chunks.append(data)
        return self._chunks[0] if self._chunks else b""

    def _raise_if_failed(self) -> None:
        if self._error is not None:
            raise self._error.with_traceback(None)

    def _cancel(self, reason: object) -> Awaitable[object] | None:
        if self._state == _ERRORED and not self._size:
            return _rejected(self._error)
        source = self._source
        was_open = self._state == _READABLE
        self._state = _CLOSED
        self._error = None
        self._discard()
        self._wake()
        self._settle()
        return source.cancel(reason) if source is not None and was_open else None

    async def cancel(self, reason: object = None) -> None:
        """Drop what is buffered and tell the source that nobody is interested (Streams §4.2.5).

        Raises:
            StateError: a reader holds the stream: cancel through it.
        """
        if self._reader is not None:
            raise StateError("the stream is locked: cancel it through its reader")
        if (pending := self._cancel(reason)) is not None:
            await pending

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Read chunk by chunk, each all that had come. Leaving the loop releases the lock and does not cancel."""
        return _Chunks(self)

    def values(self, *, prevent_cancel: bool = False) -> AsyncIterator[bytes]:
        """Iterate as the standard does: leaving the loop cancels the stream unless ``prevent_cancel``."""
        return _Chunks(self) if prevent_cancel else _CancellingChunks(self)

    async def pipe_to(
        self,
        destination: WritableStream,
        *,
        prevent_close: bool = False,
        prevent_abort: bool = False,
        prevent_cancel: bool = False,
        signal: AbortSignal | None = None,
    ) -> None:
        """Move all bytes to ``destination``, with back-pressure, end and errors passed on (Streams §4.9.1).

        Raises:
            StateError: one of the streams is locked.
            BaseException: whatever broke either stream, or the signal's reason.
        """
        from .pipe import pipe_to

        await pipe_to(self, destination, prevent_close, prevent_abort, prevent_cancel, signal)

    def pipe_through(
        self,
        transform: Any,
        *,
        prevent_close: bool = False,
        prevent_abort: bool = False,
        prevent_cancel: bool = False,
        signal: AbortSignal | None = None,
    ) -> ReadableStream:
        """Pipe into ``transform.writable`` and give ``transform.readable``.

        Raises:
            StateError: this stream or the transform's writable is locked.
        """
        from .pipe import pipe_through

        return pipe_through(self, transform, prevent_close, prevent_abort, prevent_cancel, signal)

    def tee(self, *, limit: int = 1024 * 1024) -> tuple[ReadableStream, ReadableStream]:
        """Two streams with the same bytes.

        Args:
            limit: bytes that the slower branch may lag behind; beyond it both fail with ``LimitExceeded``.
        """
        from .tee import tee

        return tee(self, limit)

    @classmethod
    def from_(cls, chunks: AsyncIterable[bytes] | Iterable[bytes]) -> ReadableStream:
        """A stream of an iterable's chunks (Streams §4.2.5 ``from``).

        Raises:
            TypeError: it is not iterable, or gives something that is not bytes.
        """
        from .pipe import from_iterable

        return from_iterable(chunks)


async def _rejected(error: BaseException | None) -> None:
    if error is not None:
        raise error


class _Chunks:
    """``async for chunk in stream``; releases its lock when dropped."""

    __slots__ = ("_key", "_stream", "_waiter")

    def __init__(self, stream: ReadableStream) -> None:
        self._stream: ReadableStream | None = None
        self._waiter = Waiter()
        # the stream must not hold this object, or leaving the loop would not end it
        self._key = object()
        stream._lock(self._key)
        self._stream = stream

    def __aiter__(self) -> _Chunks:
        return self

    @coroutine
    def __anext__(self) -> Generator[Any, None, bytes]:
        # one generator per chunk and nothing else: this loop is what most handlers do most of the time
        stream = self._stream
        if stream is None:
            raise StopAsyncIteration
        if stream._reader is not self._key:  # an earlier wait failed, and gave the lock back
            stream._lock(self._key)
        if (
            not stream._size
            and stream._state == _READABLE
            and stream._waiter is None
            and stream._demand is None
            and not stream._paused
            and stream._interrupted is None
        ):
            # the usual case of ``_wait``
            waiter = self._waiter
            waiter._state = 0
            stream._waiter = waiter
            try:
                yield waiter
            except BaseException:
                # the loop is left, but whoever catches this holds our frame and so the lock
                if stream._waiter is waiter:
                    stream._waiter = None
                stream._unlock(self._key)
                raise
        if not stream._size:
            try:
                yield from stream._wait().__await__()
            except BaseException:
                stream._unlock(self._key)
                raise
            if not stream._size:
                self._release()
                stream._raise_if_failed()
                raise StopAsyncIteration
        chunks = stream._chunks
        if len(chunks) == 1 and not (stream._counted or stream._paused or stream._state or stream._demand):
            # the usual case of ``_take_all``
            stream._size = 0
            return chunks.pop()
        return stream._take_all()

    def _release(self) -> None:
        if (stream := self._stream) is not None:
            self._stream = None
            stream._unlock(self._key)

    async def aclose(self) -> None:
        self._release()

    def __del__(self) -> None:
        if self._stream is not None:
            self._release()


class _CancellingChunks(_Chunks):
    __slots__ = ()

    async def aclose(self) -> None:
        if (stream := self._stream) is not None:
            pending = stream._cancel(None)
            self._release()
            if pending is not None:
                await pending

    def __del__(self) -> None:
        if (stream := self._stream) is not None:
            pending = stream._cancel(None)
            self._release()
            if pending is not None:
                try:
                    task = asyncio.ensure_future(pending)
                except RuntimeError:  # no loop runs any more
                    getattr(pending, "close", lambda: None)()
                else:
                    task.add_done_callback(lambda done: done.cancelled() or done.exception())


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
                and stream._state == _READABLE
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
                if stream._state == _READABLE:
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
                if stream._state != _READABLE:
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


class ReadableStreamController:
    """Feeds a stream from a source of one's own (Streams §4.7). Also the stream's ``Source``."""

    __slots__ = ("_again", "_cancel", "_close_requested", "_pull", "_pulling", "_started", "_stream", "_tasks")

    def __init__(
        self,
        stream: ReadableStream,
        start: Callable[[ReadableStreamController], object] | None,
        pull: Callable[[ReadableStreamController], object] | None,
        cancel: Callable[[object], object] | None,
    ) -> None:
        self._stream = stream
        self._pull = pull
        self._cancel = cancel
        self._pulling = False
        self._again = False
        self._started = False
        self._close_requested = False
        self._tasks: set[asyncio.Task[None]] = set()
        stream._source = self
        stream._demand = self.resume
        result = start(self) if start is not None else None
        if asyncio.iscoroutine(result) or asyncio.isfuture(result):
            self._spawn(self._run_start(result))
        else:
            self._started = True
            try:
                asyncio.get_running_loop().call_soon(self.resume)
            except RuntimeError:
                pass  # made outside a loop: the first read pulls

    @property
    def desired_size(self) -> int | None:
        """Bytes wanted before the mark is reached; 0 once closed, None once errored."""
        stream = self._stream
        if stream._state == _ERRORED:
            return None
        if stream._state == _CLOSED:
            return 0
        return stream._high - stream._size

    def enqueue(self, chunk: bytes | bytearray | memoryview) -> None:
        """Add bytes.

        Raises:
            StateError: closed, errored or asked to close.
            TypeError: not bytes.
            ValueError: empty (Streams §4.7.3).
        """
        if self._close_requested or self._stream._state != _READABLE:
            raise StateError("the stream takes no more bytes")
        if not isinstance(chunk, (bytes, bytearray, memoryview)):
            raise TypeError(f"a byte stream takes bytes, not {type(chunk).__name__}")
        if not len(chunk):
            raise ValueError("an empty chunk says nothing")
        stream = self._stream
        stream._enqueue(bytes(chunk))
        self.resume()

    def close(self) -> None:
        """End the stream once what is buffered was read.

        Raises:
            StateError: closed, errored or asked to close already.
        """
        if self._close_requested or self._stream._state != _READABLE:
            raise StateError("the stream is closed already")
        self._close_requested = True
        self._stream._close()

    def error(self, reason: object) -> None:
        """Break the stream; buffered bytes are dropped (Streams §4.7.3). Nothing happens once it ended."""
        stream = self._stream
        if stream._state == _READABLE or (stream._state == _CLOSED and stream._size):
            error = reason if isinstance(reason, BaseException) else RuntimeError(f"the stream failed: {reason}")
            stream._fail(error, drop=True)

    # -- Source ------------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Nothing to do: pull is just not called."""

    def resume(self) -> None:
        """Call pull if the stream wants bytes (Streams §4.9.5 CallPullIfNeeded)."""
        stream = self._stream
        stream._paused = False
        wanted = stream._size < stream._high or stream._waiter is not None or stream._size < stream._want
        if not (self._started and wanted) or self._close_requested or stream._state != _READABLE or self._pull is None:
            return
        if self._pulling:
            self._again = True
            return
        self._pulling = True
        try:
            result = self._pull(self)
        except Exception as error:
            self._pulling = False
            self.error(error)
            return
        if asyncio.iscoroutine(result) or asyncio.isfuture(result):
            self._spawn(self._run_pull(result))
        else:
            asyncio.get_running_loop().call_soon(self._pulled)

    def _pulled(self) -> None:
        self._pulling = False
        if self._again:
            self._again = False
            self.resume()

    async def _run_pull(self, result: Awaitable[object]) -> None:
        try:
            await result
        except Exception as error:
            self._pulling = False
            self.error(error)
        else:
            self._pulled()

    async def _run_start(self, result: Awaitable[object]) -> None:
        try:
            await result
        except Exception as error:
            self.error(error)
        else:
            self._started = True
            self.resume()

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self, reason: object) -> Awaitable[object] | None:
        """Tell the source."""
        if self._cancel is None:
            return None
        result = self._cancel(reason)
        return result if asyncio.iscoroutine(result) or asyncio.isfuture(result) else None
