"""Sources, sinks and transformers that note what is asked of them (the idea of WPT's recording streams)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from socketworkers import ReadableStream, WritableStream
from socketworkers.streams import ReadableStreamController, WritableStreamController


class Boom(Exception):
    """The error that tests throw; each instance is one of its own."""


class Source:
    """``events`` holds ``pull`` and ``("cancel", reason)``."""

    def __init__(self, *chunks: bytes, close: bool = False, cancel_error: Exception | None = None) -> None:
        self.chunks = chunks
        self.ends = close
        self.cancel_error = cancel_error
        self.events: list[Any] = []
        self.controller: ReadableStreamController

    def start(self, controller: ReadableStreamController) -> None:
        self.controller = controller
        for chunk in self.chunks:
            controller.enqueue(chunk)
        if self.ends:
            controller.close()

    def pull(self, controller: ReadableStreamController) -> None:
        self.events.append("pull")

    def cancel(self, reason: object) -> None:
        self.events.append(("cancel", reason))
        if self.cancel_error is not None:
            raise self.cancel_error

    @property
    def cancelled(self) -> list[Any]:
        """Reasons of the cancels."""
        return [event[1] for event in self.events if event != "pull"]


class Sink:
    """``events`` holds written bytes, ``close`` and ``("abort", reason)``."""

    def __init__(
        self,
        *,
        write: Callable[[bytes], Awaitable[object] | None] | None = None,
        close: Callable[[], Awaitable[object] | None] | None = None,
        abort: Callable[[object], Awaitable[object] | None] | None = None,
    ) -> None:
        self._write, self._close, self._abort = write, close, abort
        self.events: list[Any] = []
        self.controller: WritableStreamController

    def start(self, controller: WritableStreamController) -> None:
        self.controller = controller

    async def write(self, chunk: bytes, controller: WritableStreamController) -> None:
        self.events.append(chunk)
        if self._write is not None and (pending := self._write(chunk)) is not None:
            await pending

    async def close(self) -> None:
        self.events.append("close")
        if self._close is not None and (pending := self._close()) is not None:
            await pending

    async def abort(self, reason: object) -> None:
        self.events.append(("abort", reason))
        if self._abort is not None and (pending := self._abort(reason)) is not None:
            await pending

    @property
    def data(self) -> bytes:
        """All that was written."""
        return b"".join(event for event in self.events if isinstance(event, bytes))


def readable(*chunks: bytes, mark: int = 1, **options: Any) -> tuple[Source, ReadableStream]:
    """A recording source and its stream."""
    source = Source(*chunks, **options)
    return source, ReadableStream(source, high_water_mark=mark)


def writable(mark: int = 1, **options: Any) -> tuple[Sink, WritableStream]:
    """A recording sink and its stream."""
    sink = Sink(**options)
    return sink, WritableStream(sink, high_water_mark=mark)


def throwing(error: Exception) -> Callable[..., None]:
    """A function that raises."""

    def throw(*_: object) -> None:
        raise error

    return throw


class Gate:
    """An awaitable that a test opens."""

    def __init__(self) -> None:
        self._future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def __call__(self, *_: object) -> asyncio.Future[None]:
        return self._future

    def open(self) -> None:
        self._future.set_result(None)

    def fail(self, error: Exception) -> None:
        self._future.set_exception(error)


async def turns(count: int = 10) -> None:
    """Let everything run that can."""
    for _ in range(count):
        await asyncio.sleep(0)


async def raises(awaitable: Awaitable[object], error: object) -> None:
    """``awaitable`` fails with that very object, or with that class."""
    got: BaseException | None = None
    result: object = None
    try:
        result = await awaitable
    except BaseException as problem:
        got = problem
    assert got is not None, f"it gave {result!r}"
    assert isinstance(got, error) if isinstance(error, type) else got is error, repr(got)


def pending(awaitable: Awaitable[Any]) -> asyncio.Task[Any]:
    """A task that waits for it."""

    async def wait() -> Any:
        return await awaitable

    return asyncio.get_running_loop().create_task(wait())
