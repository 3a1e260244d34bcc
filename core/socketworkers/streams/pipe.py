"""Moving bytes between streams: ``pipe_to``, ``pipe_through``, ``pipe``, ``from_`` (Streams Living Standard §4.9.1)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from ..errors import StateError
from .controller import ReadableStreamController
from .readable import ReadableStream
from .writable import WritableStream, WritableStreamController, _settled, _task

if TYPE_CHECKING:
    from ..events import AbortSignal

__all__ = ["pipe"]


async def pipe_to(
    source: ReadableStream,
    destination: WritableStream,
    prevent_close: bool,
    prevent_abort: bool,
    prevent_cancel: bool,
    signal: AbortSignal | None,
) -> None:
    """See ``ReadableStream.pipe_to``."""
    reader = source.get_reader()
    try:
        writer = destination.get_writer()
    except StateError:
        reader.release_lock()
        raise
    impl = destination._impl
    task = asyncio.current_task()
    aborted: list[BaseException] = []

    def on_abort() -> None:
        assert signal is not None
        assert signal.reason is not None
        aborted.append(signal.reason)
        if task is not None:
            task.cancel()

    async def shut(*actions: Callable[[], Awaitable[object] | None] | None) -> None:
        problem: BaseException | None = None
        if isinstance(impl, WritableStreamController) and impl._error is None and not impl.is_closing:
            # what was read is written first (Streams §4.9.1); a socket's peer may take nothing any more, so there
            # an abort does not wait
            try:
                await impl.flush()
            except Exception:
                pass  # it broke: the actions below and the caller see that
        for action in actions:
            if action is not None:
                try:
                    await _settled(action())
                except Exception as error:
                    problem = problem or error
        if problem is not None:
            raise problem

    def cancel_source(reason: object) -> Callable[[], Awaitable[object] | None] | None:
        return None if prevent_cancel else lambda: source._cancel(reason) if source._error is None else None

    def abort_destination(reason: object) -> Callable[[], Awaitable[object] | None] | None:
        return None if prevent_abort else lambda: impl.abort(reason) if impl._error is None else None

    unfollow = None
    try:
        if signal is not None:
            if signal.aborted:
                await shut(abort_destination(signal.reason), cancel_source(signal.reason))
                signal.throw_if_aborted()
            unfollow = signal.follow(on_abort)
        watcher = _Watcher(impl, source)
        try:
            while True:
                if (error := source._error) is not None and not source._size:
                    await shut(abort_destination(error))
                    raise error.with_traceback(None)
                if (error := impl._error) is not None:
                    await shut(cancel_source(error))
                    raise error.with_traceback(None)
                if _closed(impl):
                    problem = StateError("the destination is closed")
                    await shut(cancel_source(problem))
                    raise problem
                try:
                    await impl.ready
                    data = await reader.read()
                except StateError:
                    continue  # the destination ended while we waited: the watcher let us go
                except asyncio.CancelledError:
                    raise
                except Exception as error:
                    if error is impl._error:
                        continue
                    await shut(abort_destination(error))
                    raise
                if not data:
                    if not prevent_close:
                        await impl.close() if not _closed(impl) else None
                    else:
                        await writer.flush()
                    return
                sent = writer.write(data)
                if impl.desired_size is not None and impl.desired_size <= 0:
                    try:
                        await sent
                    except Exception:
                        if impl._error is None:
                            raise
        finally:
            watcher.stop()
    except asyncio.CancelledError:
        if not aborted:
            raise
        if task is not None:
            task.uncancel()
        await shut(abort_destination(aborted[0]), cancel_source(aborted[0]))
        raise aborted[0] from None
    finally:
        if unfollow is not None:
            unfollow()
        reader.release_lock()
        writer.release_lock()


def _closed(impl: Any) -> bool:
    return bool(impl.is_closing)


class _Watcher:
    """Ends a pending read when the destination breaks, so that its error reaches the source at once."""

    def __init__(self, impl: Any, source: ReadableStream) -> None:
        self._source: ReadableStream | None = source
        closed = impl.closed
        if hasattr(closed, "then"):
            closed.then(self._destination_ended)

    def _destination_ended(self) -> None:
        source = self._source
        if source is not None and source._waiter is not None and not source._waiter.done():
            source._waiter.set_exception(StateError("the destination ended"))

    def stop(self) -> None:
        self._source = None


def pipe_through(
    source: ReadableStream,
    transform: Any,
    prevent_close: bool,
    prevent_abort: bool,
    prevent_cancel: bool,
    signal: AbortSignal | None,
) -> ReadableStream:
    """See ``ReadableStream.pipe_through``."""
    if source.locked:
        raise StateError("the stream is locked")
    if transform.writable.locked:
        raise StateError("the transform's writable is locked")
    readable: ReadableStream = transform.readable
    task = _task(pipe_to(source, transform.writable, prevent_close, prevent_abort, prevent_cancel, signal))
    # an error reaches the reader through the transform; here it is only marked as seen
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return readable


async def pipe(one: Any, other: Any, *, signal: AbortSignal | None = None) -> None:
    """Connect two sockets (or pairs of streams) until both directions have ended.

    Args:
        one: has ``readable`` and ``writable``.
        other: the same.
        signal: ends both.

    Raises:
        BaseException: what broke one direction; the other one is then ended, too.
    """
    await asyncio.gather(
        one.readable.pipe_to(other.writable, signal=signal), other.readable.pipe_to(one.writable, signal=signal)
    )


def from_iterable(chunks: AsyncIterable[bytes] | Iterable[bytes]) -> ReadableStream:
    """See ``ReadableStream.from_``."""
    iterator: Any
    if isinstance(chunks, (bytes, bytearray, memoryview, str)):
        raise TypeError("give an iterable of chunks, not one chunk: [data]")
    if hasattr(chunks, "__aiter__"):
        iterator = chunks.__aiter__()
        pulling: list[asyncio.Task[Any] | None] = [None]

        async def pull(controller: ReadableStreamController) -> None:
            pulling[0] = asyncio.current_task()
            try:
                chunk = await iterator.__anext__()
                while not len(chunk):
                    chunk = await iterator.__anext__()
            except StopAsyncIteration:
                controller.close()
            else:
                controller.enqueue(chunk)
            finally:
                pulling[0] = None

        async def cancel(reason: object) -> None:
            if (task := pulling[0]) is not None:  # a generator that runs cannot be closed
                task.cancel()
                await asyncio.wait([task])
            if (close := getattr(iterator, "aclose", None)) is not None:
                await close()

        return ReadableStream(pull=pull, cancel=cancel, high_water_mark=0)
    if not hasattr(chunks, "__iter__"):
        raise TypeError(f"{type(chunks).__name__} is not iterable")
    iterator = iter(chunks)

    def pull_sync(controller: ReadableStreamController) -> None:
        for chunk in iterator:
            if len(chunk):
                controller.enqueue(chunk)
                return
        controller.close()

    def cancel_sync(reason: object) -> None:
        if (close := getattr(iterator, "close", None)) is not None:
            close()

    return ReadableStream(pull=pull_sync, cancel=cancel_sync, high_water_mark=0)
