"""``TransformStream``: what is written to one side is read, changed, from the other (Streams Living Standard §6)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..errors import StateError
from ..promise import Promise
from .controller import ReadableStreamController
from .readable import DEFAULT_HIGH_WATER_MARK, ReadableStream
from .writable import WritableStream, WritableStreamController, _settled

__all__ = ["TransformStream", "TransformStreamController"]


class TransformStreamController:
    """What a transformer writes its output with (Streams §6.3)."""

    __slots__ = ("_readable", "_resume", "_writable", "finished")

    def __init__(self) -> None:
        self._readable: ReadableStreamController | None = None
        self._writable: WritableStreamController | None = None
        self._resume: Callable[[], None] | None = None
        self.finished = False

    @property
    def desired_size(self) -> int | None:
        """Bytes that the readable side still wants."""
        return None if self._readable is None else self._readable.desired_size

    def enqueue(self, chunk: bytes | bytearray | memoryview) -> None:
        """Put bytes out. An empty chunk is passed over: a transform often has nothing to say yet."""
        if self._readable is None:
            raise StateError("the transform has not started")
        if len(chunk):
            self._readable.enqueue(chunk)

    def terminate(self) -> None:
        """End the readable side and refuse further writes (Streams §6.3.3)."""
        self.finished = True
        if self._readable is not None and self._readable.desired_size is not None:
            try:
                self._readable.close()
            except StateError:
                pass
        if self._writable is not None:
            self._writable.error(StateError("the transform was terminated"))
        if self._resume is not None:
            self._resume()

    def error(self, reason: object) -> None:
        """Break both sides."""
        self.finished = True
        if self._readable is not None:
            self._readable.error(reason)
        if self._writable is not None:
            self._writable.error(reason)
        if self._resume is not None:
            self._resume()


class TransformStream:
    """A pair of streams with a function in between.

    Args:
        transform: ``(chunk, controller)``, plain or a coroutine function; None passes bytes on unchanged.
        flush: ``(controller)``, called at the end of the input.
        start: ``(controller)``, called first.
        cancel: ``(reason)``, called when either side is given up.
        writable_high_water_mark: bytes queued for the transformer.
        readable_high_water_mark: bytes of output queued before the transformer has to wait.
    """

    __slots__ = ("_cancel", "_controller", "_flush", "_resumed", "_transform", "readable", "writable")

    def __init__(
        self,
        transform: Callable[[bytes, TransformStreamController], object] | None = None,
        *,
        flush: Callable[[TransformStreamController], object] | None = None,
        start: Callable[[TransformStreamController], object] | None = None,
        cancel: Callable[[object], object] | None = None,
        writable_high_water_mark: int = DEFAULT_HIGH_WATER_MARK,
        readable_high_water_mark: int = DEFAULT_HIGH_WATER_MARK,
    ) -> None:
        self._transform = transform
        self._flush = flush
        self._cancel = cancel
        self._resumed: Promise[None] | None = None
        self._controller = controller = TransformStreamController()
        controller._resume = self._let_go

        def take_readable(inner: ReadableStreamController) -> None:
            controller._readable = inner

        def start_writable(inner: WritableStreamController) -> object:
            controller._writable = inner
            result = start(controller) if start is not None else None
            return guarded(result) if hasattr(result, "__await__") else None

        async def guarded(result: object) -> None:
            try:
                await _settled(result)
            except Exception as error:
                controller.error(error)
                raise

        self.readable = ReadableStream(
            start=take_readable, pull=self._pull, cancel=self._cancelled, high_water_mark=readable_high_water_mark
        )
        self.writable = WritableStream(
            start=start_writable,
            write=self._write,
            close=self._close,
            abort=self._aborted,
            high_water_mark=writable_high_water_mark,
        )

    def _pull(self, _: ReadableStreamController) -> None:
        self._let_go()

    def _let_go(self) -> None:
        """A write that waits for room goes on."""
        if self._resumed is not None:
            self._resumed.resolve(None)
            self._resumed = None

    async def _write(self, chunk: bytes, inner: WritableStreamController) -> None:
        controller = self._controller
        size = controller.desired_size
        stream = self.readable
        if size is not None and size <= 0 and stream._waiter is None and not controller.finished:
            self._resumed = Promise()
            unfollow = inner.signal.follow(self._let_go)  # an abort waits for the write under way
            try:
                await self._resumed
            finally:
                unfollow()
            if inner._error is not None:
                raise inner._error
        if self._transform is None:
            controller.enqueue(chunk)
            return
        try:
            await _settled(self._transform(chunk, controller))
        except asyncio.CancelledError:
            raise
        except Exception as error:
            controller.error(error)
            raise

    async def _close(self) -> None:
        controller = self._controller
        if self._flush is not None:
            try:
                await _settled(self._flush(controller))
            except Exception as error:
                controller.error(error)
                raise
        if controller._readable is not None and not controller.finished:
            controller._readable.close()
        if self.readable._error is not None:
            raise self.readable._error

    async def _aborted(self, reason: object) -> None:
        controller = self._controller
        error = reason if reason is not None else StateError("the transform was aborted")
        try:
            if self._cancel is not None and not controller.finished:
                controller.finished = True
                await _settled(self._cancel(reason))
        except Exception as problem:
            error = problem
            raise
        finally:
            if controller._readable is not None:
                controller._readable.error(error)

    async def _cancelled(self, reason: object) -> None:
        controller = self._controller
        error = reason if isinstance(reason, BaseException) else StateError("the transform's output was cancelled")
        try:
            if self._cancel is not None and not controller.finished:
                controller.finished = True
                await _settled(self._cancel(reason))
        except Exception as problem:
            error = problem
            raise
        finally:
            if controller._writable is not None:
                controller._writable.error(error)
            self._let_go()
