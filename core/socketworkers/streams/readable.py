"""``ReadableStream`` of bytes (Streams Living Standard §4).

The stream is the receive buffer itself: a transport calls ``_enqueue``, ``_close`` and ``_fail``; a ``ByteReader`` or
an iteration takes from the same queue. Back-pressure is counted in bytes. Does no I/O.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Self

from ..budget import UNLIMITED, MemoryBudget
from ..errors import StateError
from ..promise import Promise
from .controller import ReadableStreamController
from .iteration import CancellingChunks, Chunks
from .reader import ByteReader
from .source import CLOSED, ERRORED, READABLE, Source
from .waiter import Waiter

if TYPE_CHECKING:
    from ..events import AbortSignal
    from .writable import WritableStream

__all__ = ["DEFAULT_HIGH_WATER_MARK", "ReadableStream"]

DEFAULT_HIGH_WATER_MARK = 65536


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
        "_plain",
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
        self._state = READABLE
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
        #: readable, and nothing else to look after than bytes; kept up by ``_look``
        self._plain = True

    @classmethod
    def _of(cls, source: Source, high_water_mark: int, budget: MemoryBudget = UNLIMITED) -> Self:
        stream = cls.__new__(cls)
        stream._init(source, high_water_mark, budget)
        return stream

    def _look(self) -> None:
        """Bring ``_plain`` up to date."""
        self._plain = (
            self._state == READABLE and not self._paused and self._interrupted is None and self._demand is None
        )

    # -- the producing side ------------------------------------------------------------------------------------

    def _enqueue(self, data: bytes) -> None:
        if self._state != READABLE or not data:
            return
        if self._callback is not None:
            self._callback(data)
            return
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not (waiter.takes and waiter.resume(data)):
                self._enqueue_for(waiter, data)
            return
        self._chunks.append(data)
        self._size += len(data)
        self._counted += len(data)
        budget = self._budget
        budget.used += len(data)
        if 0 < budget.limit < budget.used:
            self._pause()
            budget.hold(self)
        elif self._size >= self._high and self._size >= self._want:
            self._pause()

    def _enqueue_for(self, waiter: Waiter, data: bytes) -> None:
        """A reader takes it within this turn: not worth counting against the memory cap."""
        self._chunks.append(data)
        self._size += len(data)
        if waiter.takes:
            waiter.wake()
        else:
            waiter.wake_now()
        if self._size >= self._high and self._size >= self._want:
            self._pause()

    def _pause(self) -> None:
        if not self._paused and self._source is not None:
            self._paused = True
            self._plain = False
            self._source.pause()

    def _resume(self) -> None:
        if self._paused and self._source is not None:
            self._paused = False
            self._look()
            self._source.resume()

    def _close(self) -> None:
        """No more will come; what is buffered can still be read."""
        if self._state != READABLE:
            return
        self._state = CLOSED
        self._plain = False
        if self._callback is not None:
            callback, self._callback = self._callback, None
            callback(b"")
        self._finish()

    def _fail(self, error: BaseException, *, drop: bool) -> None:
        """Broken. With ``drop`` the buffered bytes are lost (the standard's rule), else they are read first."""
        if self._state == ERRORED:
            return
        if self._state == CLOSED and not (drop and self._size):
            return
        self._state = ERRORED
        self._plain = False
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
        if self._closed is not None and self._state != READABLE:
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

    def _bytes(self) -> int:
        """Bytes that wait to be read."""
        return self._size

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
        while self._size <= more_than and self._state == READABLE:
            if self._interrupted is not None:
                interrupted = self._interrupted
                self._interrupt_read(None)
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
            if self._size > more_than or self._state != READABLE:
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

    def _interrupt_read(self, error: BaseException | None) -> None:
        """Fail the pending read, or else the next one that has to wait; the stream itself goes on. None: fail none."""
        waiter = self._waiter
        if error is not None and waiter is not None and not waiter.done():
            self._waiter = None
            waiter.set_exception(error)
        else:
            self._interrupted = error
            self._look()

    def _take_all(self) -> bytes:
        chunks = self._chunks
        if len(chunks) == 1:
            data = chunks.pop()
        else:
            data = b"".join(chunks)
            chunks.clear()
        self._size = 0
        if self._counted or not self._plain:
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
        elif self._demand is not None and self._state == READABLE:
            self._demand()
        if not self._size and self._state != READABLE:
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
        if self._state == ERRORED and not self._size:
            return _rejected(self._error)
        source = self._source
        was_open = self._state == READABLE
        self._state = CLOSED
        self._plain = False
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
        return Chunks(self)

    def values(self, *, prevent_cancel: bool = False) -> AsyncIterator[bytes]:
        """Iterate as the standard does: leaving the loop cancels the stream unless ``prevent_cancel``."""
        return Chunks(self) if prevent_cancel else CancellingChunks(self)

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
