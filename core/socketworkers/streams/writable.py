"""``WritableStream`` of bytes and its writer (Streams Living Standard §5).

The writer's ``write`` is a plain function: it queues at once and returns an awaitable that may be dropped. The generic
stream below feeds a sink of one's own, one chunk at a time; sockets have their own subclass that feeds the transport.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from typing import Any

from ..errors import Aborted, StateError
from ..events import AbortController, AbortSignal
from ..info import Datagram
from ..promise import DONE, Promise

__all__ = ["DEFAULT_HIGH_WATER_MARK", "Bytes", "WritableStream", "WritableStreamController", "Writer"]

DEFAULT_HIGH_WATER_MARK = 65536
Bytes = bytes | bytearray | memoryview


class Rejected:
    """An awaitable that fails when awaited and is silent when dropped."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __await__(self) -> Generator[Any, None, None]:
        raise self.error.with_traceback(None)
        yield


class WritableStream:
    """A place for bytes (Streams §5.2).

    Args:
        sink: object with any of the methods ``start(controller)``, ``write(chunk, controller)``, ``close()``,
            ``abort(reason)``, each plain or a coroutine function; or give them by keyword.
        high_water_mark: bytes to queue before ``write`` makes its caller wait.
    """

    __slots__ = ("__weakref__", "_impl", "_writer")

    def __init__(
        self,
        sink: object | None = None,
        *,
        start: Callable[[WritableStreamController], object] | None = None,
        write: Callable[[bytes, WritableStreamController], object] | None = None,
        close: Callable[[], object] | None = None,
        abort: Callable[[object], object] | None = None,
        high_water_mark: int = DEFAULT_HIGH_WATER_MARK,
    ) -> None:
        if high_water_mark < 0:
            raise ValueError("high_water_mark must not be negative")
        self._writer: Writer | None = None
        self._impl: Any = WritableStreamController(
            start or getattr(sink, "start", None),
            write or getattr(sink, "write", None),
            close or getattr(sink, "close", None),
            abort or getattr(sink, "abort", None),
            high_water_mark,
        )
        self._impl.begin()

    @classmethod
    def _of(cls, impl: Any) -> WritableStream:
        """A stream over a transport: ``impl`` has write, close, abort, flush, desired_size, ready, closed, state."""
        stream = cls.__new__(cls)
        stream._writer = None
        stream._impl = impl
        return stream

    @property
    def locked(self) -> bool:
        """Whether a writer holds the stream."""
        return self._writer is not None

    def get_writer(self) -> Writer:
        """Lock the stream and give its writer.

        Raises:
            StateError: another writer holds it.
        """
        return Writer(self)

    async def close(self) -> None:
        """Finish after what is queued was written (Streams §5.2.5).

        Raises:
            StateError: a writer holds the stream, or it was closed before.
        """
        if self._writer is not None:
            raise StateError("the stream is locked: close it through its writer")
        await self._impl.close()

    async def abort(self, reason: object = None) -> None:
        """Drop what is queued and break the stream (Streams §5.2.5).

        Raises:
            StateError: a writer holds the stream.
        """
        if self._writer is not None:
            raise StateError("the stream is locked: abort it through its writer")
        await self._impl.abort(reason)


class Writer:
    """Writes to a stream that it holds locked (Streams §5.3)."""

    __slots__ = ("_stream", "write")

    #: Queue ``data`` and return an awaitable that ends when there is room again. Awaiting is how to respect
    #: back-pressure; the order of writes never depends on it. An empty ``data`` does nothing.
    #: A ``Datagram`` is for UDP sockets that have no peer of their own.
    write: Callable[[Bytes | Datagram], Awaitable[None]]

    def __init__(self, stream: WritableStream) -> None:
        if stream._writer is not None:
            raise StateError("the stream is locked to another writer")
        stream._writer = self
        self._stream: WritableStream | None = stream
        self.write = stream._impl.write

    def _held(self) -> Any:
        if self._stream is None:
            raise StateError("the writer was released")
        return self._stream._impl

    @property
    def desired_size(self) -> int | None:
        """Bytes until the mark is reached (negative beyond it); 0 once closed, None once errored."""
        size: int | None = self._held().desired_size
        return size

    @property
    def ready(self) -> Awaitable[None]:
        """Ends when there is room to write."""
        ready: Awaitable[None] = self._held().ready
        return ready

    @property
    def closed(self) -> Awaitable[None]:
        """Ends when the stream has closed; fails with what broke it."""
        closed: Awaitable[None] = self._held().closed
        return closed

    def write_nowait(self, data: Bytes) -> None:
        """``write`` for those who never wait."""
        self.write(data)

    async def flush(self) -> None:
        """Return when all that was written before has left this process (for sockets: is in the kernel)."""
        await self._held().flush()

    def close(self) -> Awaitable[None]:
        """Finish after what is queued was written; on a socket, send FIN. May be dropped.

        Raises:
            StateError: closed already, or the writer was released.
        """
        closing: Awaitable[None] = self._held().close()
        return closing

    def abort(self, reason: object = None) -> Awaitable[None]:
        """Drop what is queued and break the stream; on a socket, reset the connection. May be dropped."""
        aborting: Awaitable[None] = self._held().abort(reason)
        return aborting

    def release_lock(self) -> None:
        """Give the stream back; what was written stays written."""
        if self._stream is not None:
            self._stream._writer = None
            self._stream = None
            self.write = _released

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.release_lock()


def _released(data: Bytes | Datagram) -> Awaitable[None]:
    raise StateError("the writer was released")


_WRITABLE, _CLOSING, _CLOSED, _ERRORING, _ERRORED = range(5)


class WritableStreamController:
    """Feeds a sink of one's own, one chunk at a time (Streams §5.4)."""

    def __init__(
        self,
        start: Callable[[WritableStreamController], object] | None,
        write: Callable[[bytes, WritableStreamController], object] | None,
        close: Callable[[], object] | None,
        abort: Callable[[object], object] | None,
        high_water_mark: int,
    ) -> None:
        self._start, self._write, self._close_sink, self._abort_sink = start, write, close, abort
        self._high = high_water_mark
        self._queue: deque[tuple[bytes, Promise[None]]] = deque()
        self._size = 0
        self._state = _WRITABLE
        self._error: BaseException | None = None
        self._task: asyncio.Task[None] | None = None
        self._room: Promise[None] | None = None
        self._closed: Promise[None] = Promise()
        self._close_promise: Promise[None] | None = None
        self._abort_request: tuple[Promise[None], object, bool] | None = None
        self._controller = AbortController()
        self._started = False

    @property
    def signal(self) -> AbortSignal:
        """Aborts when the stream is aborted, so that a write under way can stop."""
        return self._controller.signal

    def error(self, reason: object) -> None:
        """Break the stream: later writes fail with ``reason``."""
        if self._state in (_WRITABLE, _CLOSING):
            self._begin_error(reason if isinstance(reason, BaseException) else RuntimeError(f"failed: {reason}"))

    def begin(self) -> None:
        """Run the sink's start."""
        result = self._start(self) if self._start is not None else None
        if asyncio.iscoroutine(result) or asyncio.isfuture(result):
            self._task = asyncio.get_running_loop().create_task(self._run(result))
        else:
            self._started = True

    # -- what the writer calls ---------------------------------------------------------------------------------

    @property
    def desired_size(self) -> int | None:
        if self._state in (_ERRORING, _ERRORED):
            return None
        return 0 if self._state == _CLOSED else self._high - self._size

    @property
    def is_closing(self) -> bool:
        """Whether it takes no more writes because it was closed."""
        return self._state in (_CLOSING, _CLOSED)

    @property
    def ready(self) -> Awaitable[None]:
        if self._error is not None:
            return Rejected(self._error)
        if self._size < self._high or self._state != _WRITABLE:
            return DONE
        return self._room_promise()

    @property
    def closed(self) -> Awaitable[None]:
        return self._closed

    def _room_promise(self) -> Promise[None]:
        if self._room is None or self._room.settled:
            self._room = Promise()
        return self._room

    def write(self, data: Bytes) -> Awaitable[None]:
        """Queue a chunk; the awaitable ends once the sink has taken it (Streams §5.5.4)."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"a byte stream takes bytes, not {type(data).__name__}")
        if self._error is not None:
            return Rejected(self._error)
        if self._state != _WRITABLE:
            raise StateError("write after close")
        promise: Promise[None] = Promise()
        self._queue.append((bytes(data), promise))
        self._size += len(data)
        self._kick()
        return promise

    def close(self) -> Awaitable[None]:
        if self._state in (_CLOSING, _CLOSED):
            raise StateError("the stream is closed already")
        if self._error is not None:
            return Rejected(self._error)
        self._state = _CLOSING
        if self._room is not None:
            self._room.resolve(None)
        self._close_promise = Promise()
        self._kick()
        return self._close_promise

    async def flush(self) -> None:
        while self._queue or (self._task is not None and not self._task.done() and self._size):
            if self._error is not None:
                raise self._error.with_traceback(None)
            await self._queue[-1][1] if self._queue else await asyncio.sleep(0)

    def abort(self, reason: object = None) -> Awaitable[None]:
        if self._state in (_CLOSED, _ERRORED):
            return DONE
        if self._abort_request is not None:
            return self._abort_request[0]
        promise: Promise[None] = Promise()
        was_erroring = self._state == _ERRORING
        self._abort_request = (promise, reason, was_erroring)
        error = reason if isinstance(reason, BaseException) else Aborted(reason)
        self._controller.abort(error)
        if not was_erroring:
            self._begin_error(error)
        return promise

    # -- the sink's side ---------------------------------------------------------------------------------------

    def _begin_error(self, error: BaseException) -> None:
        self._state = _ERRORING
        self._error = error
        if self._room is not None:
            self._room.reject(error)
        if self._task is None or self._task.done():
            self._task = _task(self._finish_error())

    async def _finish_error(self) -> None:
        self._state = _ERRORED
        error = self._error
        assert error is not None
        while self._queue:
            self._queue.popleft()[1].reject(error)
        self._size = 0
        request, self._abort_request = self._abort_request, None
        if request is not None:
            promise, reason, was_erroring = request
            if was_erroring:
                promise.reject(error)
            else:
                try:
                    await _settled(self._abort_sink(reason) if self._abort_sink is not None else None)
                except Exception as problem:
                    promise.reject(problem)
                else:
                    promise.resolve(None)
        if self._close_promise is not None:
            self._close_promise.reject(error)
        self._closed.reject(error)

    def _kick(self) -> None:
        if self._task is None or self._task.done():
            self._task = _task(self._run(None))

    async def _run(self, start: Awaitable[object] | None) -> None:
        if start is not None:
            try:
                await start
            except Exception as problem:
                if self._state != _ERRORING:
                    self._state, self._error = _ERRORING, problem
            self._started = True
        while self._state in (_WRITABLE, _CLOSING) and self._queue:
            chunk, promise = self._queue[0]
            try:
                await _settled(self._write(chunk, self) if self._write is not None else None)
            except Exception as problem:
                self._queue.popleft()
                promise.reject(problem)
                if self._state != _ERRORING:
                    self._state, self._error = _ERRORING, problem
                    if self._room is not None:
                        self._room.reject(problem)
                break
            self._queue.popleft()
            self._size -= len(chunk)
            promise.resolve(None)
            if self._room is not None and self._size < self._high and self._error is None:
                self._room.resolve(None)
        if self._state == _CLOSING and not self._queue:
            await self._run_close()
        elif self._state == _ERRORING:
            await self._finish_error()

    async def _run_close(self) -> None:
        assert self._close_promise is not None
        try:
            await _settled(self._close_sink() if self._close_sink is not None else None)
        except Exception as problem:
            self._close_promise.reject(problem)
            if self._abort_request is not None:  # too late to abort: it fails as the close did
                self._abort_request[0].reject(problem)
                self._abort_request = None
            if self._state != _ERRORING:
                self._state, self._error = _ERRORING, problem
            await self._finish_error()
            return
        # closing was under way when abort came: it counts as closed (Streams §5.4.4)
        self._state, self._error = _CLOSED, None
        if self._abort_request is not None:
            self._abort_request[0].resolve(None)
            self._abort_request = None
        self._close_promise.resolve(None)
        self._closed.resolve(None)


async def _settled(result: object) -> None:
    if asyncio.iscoroutine(result) or asyncio.isfuture(result) or hasattr(result, "__await__"):
        await result


_tasks: set[asyncio.Task[None]] = set()


def _task(coroutine: Any) -> asyncio.Task[None]:
    task: asyncio.Task[None] = asyncio.get_running_loop().create_task(coroutine)
    _tasks.add(task)  # the loop keeps only weak references
    task.add_done_callback(_tasks.discard)
    return task
