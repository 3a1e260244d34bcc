"""``async for chunk in stream``: what most handlers do most of the time, so it takes the shortest way to the bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from types import coroutine
from typing import TYPE_CHECKING, Any

from .waiter import Waiter

if TYPE_CHECKING:
    from .readable import ReadableStream

__all__ = ["CancellingChunks", "Chunks"]


#: the key of an iteration that has given its lock back for good
_RELEASED = object()


class Chunks:
    """``async for chunk in stream``; releases its lock when dropped."""

    __slots__ = ("_key", "_stream", "_waiter")

    def __init__(self, stream: ReadableStream) -> None:
        self._key = _RELEASED
        self._stream = stream
        self._waiter = Waiter(takes=True)
        # the stream must not hold this object, or leaving the loop would not end it
        key = object()
        stream._lock(key)
        self._key = key

    def __aiter__(self) -> Chunks:
        return self

    @coroutine
    def __anext__(self) -> Generator[Any, None, bytes]:
        # one generator per chunk and nothing else: this loop is what most handlers do most of the time
        stream = self._stream
        if stream._reader is not self._key:
            self._lock_again()
        if stream._plain and not stream._size and stream._waiter is None:
            # the usual case of ``_wait``
            waiter = self._waiter
            waiter._state = 0
            stream._waiter = waiter
            try:
                yield waiter
            except BaseException:
                if stream._waiter is waiter:
                    stream._waiter = None
                self._failed()
                raise
            data = waiter.given
            if data is not None:
                waiter.given = None
                return data
        if not stream._size:
            try:
                yield from stream._wait().__await__()
            except BaseException:
                self._failed()
                raise
            if not stream._size:
                self._release()
                stream._raise_if_failed()
                raise StopAsyncIteration
        return stream._take_all()

    def _lock_again(self) -> None:
        if self._key is _RELEASED:
            raise StopAsyncIteration
        self._stream._lock(self._key)  # an earlier wait failed, and gave the lock back

    def _failed(self) -> None:
        """The loop is left, but whoever catches the exception holds our frame and so the lock."""
        data, self._waiter.given = self._waiter.given, None
        if data is not None:  # what was resumed did not go on here
            self._stream._unread(data)
        self._stream._unlock(self._key)

    def _release(self) -> None:
        key, self._key = self._key, _RELEASED
        self._stream._unlock(key)

    async def aclose(self) -> None:
        self._release()

    def __del__(self) -> None:
        if self._key is not _RELEASED:
            self._release()


class CancellingChunks(Chunks):
    """The same, but leaving the loop cancels the stream."""

    __slots__ = ()

    async def aclose(self) -> None:
        if self._key is not _RELEASED:
            pending = self._stream._cancel(None)
            self._release()
            if pending is not None:
                await pending

    def __del__(self) -> None:
        if self._key is not _RELEASED:
            pending = self._stream._cancel(None)
            self._release()
            if pending is not None:
                try:
                    task = asyncio.ensure_future(pending)
                except RuntimeError:  # no loop runs any more
                    getattr(pending, "close", lambda: None)()
                else:
                    task.add_done_callback(lambda done: done.cancelled() or done.exception())
