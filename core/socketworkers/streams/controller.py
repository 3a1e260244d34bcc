"""``ReadableStreamController``: feeds a stream from a source of one's own (Streams §4.7)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from ..errors import StateError
from .source import CLOSED, ERRORED, READABLE

if TYPE_CHECKING:
    from .readable import ReadableStream

__all__ = ["ReadableStreamController"]


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
        stream._look()
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
        if stream._state == ERRORED:
            return None
        if stream._state == CLOSED:
            return 0
        return stream._high - stream._size

    def enqueue(self, chunk: bytes | bytearray | memoryview) -> None:
        """Add bytes.

        Raises:
            StateError: closed, errored or asked to close.
            TypeError: not bytes.
            ValueError: empty (Streams §4.7.3).
        """
        if self._close_requested or self._stream._state != READABLE:
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
        if self._close_requested or self._stream._state != READABLE:
            raise StateError("the stream is closed already")
        self._close_requested = True
        self._stream._close()

    def error(self, reason: object) -> None:
        """Break the stream; buffered bytes are dropped (Streams §4.7.3). Nothing happens once it ended."""
        stream = self._stream
        if stream._state == READABLE or (stream._state == CLOSED and stream._size):
            error = reason if isinstance(reason, BaseException) else RuntimeError(f"the stream failed: {reason}")
            stream._fail(error, drop=True)

    # -- Source ------------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Nothing to do: pull is just not called."""

    def resume(self) -> None:
        """Call pull if the stream wants bytes (Streams §4.9.5 CallPullIfNeeded)."""
        stream = self._stream
        stream._paused = False  # and never plain: it has a ``_demand``
        wanted = stream._size < stream._high or stream._waiter is not None or stream._size < stream._want
        if not (self._started and wanted) or self._close_requested or stream._state != READABLE or self._pull is None:
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
