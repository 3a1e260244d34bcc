"""``async for chunk in stream``: what most handlers do most of the time, so it takes the shortest way to the bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from types import coroutine
from typing import TYPE_CHECKING, Any

from .source import READABLE
from .waiter import Waiter

if TYPE_CHECKING:
    from .readable import ReadableStream

__all__ = ["CancellingChunks", "Chunks"]


class Chunks:
    """``async for chunk in stream``; releases its lock when dropped."""

    __slots__ = ("_key", "_stream", "_waiter")

    def __init__(self, stream: ReadableStream) -> None:
        self._stream: ReadableStream | None = None
        self._waiter = Waiter()
        # the stream must not hold this object, or leaving the loop would not end it
        self._key = object()
        stream._lock(self._key)
        self._stream = stream

    def __aiter__(self) -> Chunks:
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
            and stream._state == READABLE
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


class CancellingChunks(Chunks):
    """The same, but leaving the loop cancels the stream."""

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
