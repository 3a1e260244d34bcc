"""Handlers that are resumed past their tasks: for the task, and for everyone who looks at it, nothing is different."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import io
from collections.abc import AsyncIterator, Coroutine, Generator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from socketworkers import ReadableStream
from socketworkers.streams.steps import Steps
from socketworkers.streams.waiter import Waiter

pytestmark = pytest.mark.usefixtures("any_loop")
Coro = Coroutine[Any, Any, Any]


class Feed:
    """A stream, and bytes into it from a callback of the loop as a transport brings them."""

    def __init__(self) -> None:
        self.stream = ReadableStream._of(self, 65536)

    def pause(self) -> None:
        """The stream holds enough."""

    def resume(self) -> None:
        """It wants more."""

    def cancel(self, reason: object) -> None:
        """Nobody is interested."""

    async def bring(self, *chunks: bytes) -> None:
        """Returns once all chunks were enqueued, each in a callback of its own in which no task runs."""
        loop = asyncio.get_running_loop()
        for chunk in chunks:
            done: asyncio.Future[None] = loop.create_future()

            def callback(chunk: bytes = chunk, done: asyncio.Future[None] = done) -> None:
                self.stream._enqueue(chunk)
                done.set_result(None)

            loop.call_soon(callback)
            await done

    async def end(self) -> None:
        self.stream._close()


def start(coroutine: Coro) -> asyncio.Task[Any]:
    return asyncio.get_running_loop().create_task(Steps(coroutine))


@asynccontextmanager
async def waiting(coroutine: Coro) -> AsyncIterator[asyncio.Task[Any]]:
    """A task of ``coroutine`` that has come to its first wait."""
    task = start(coroutine)
    await asyncio.sleep(0)
    yield task
    if not task.done():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_each_chunk_is_handled_in_the_callback_that_brought_it() -> None:
    feed = Feed()
    seen: list[tuple[bytes, asyncio.Task[Any] | None]] = []
    note = seen.append

    async def handle() -> str:
        async for chunk in feed.stream:
            note((chunk, asyncio.current_task()))
        return "ended"

    async with waiting(handle()) as task:
        for number in range(5):
            asyncio.get_running_loop().call_soon(feed.stream._enqueue, b"%d" % number)
            await asyncio.sleep(0)
            assert seen[-1] == (b"%d" % number, task)
        await feed.end()
        assert await task == "ended"


async def test_the_task_notices_no_difference_when_it_waits_on_something_else() -> None:
    feed = Feed()
    seen: list[bytes] = []

    async def handle() -> int:
        async for chunk in feed.stream:
            if chunk == b"sleep":
                await asyncio.sleep(0)
            elif chunk == b"later":
                await asyncio.sleep(0.001)
            elif chunk == b"task":
                await asyncio.get_running_loop().create_task(asyncio.sleep(0))
            elif chunk == b"return":
                return len(seen)
            seen.append(chunk)
        raise AssertionError

    chunks = [b"plain", b"sleep", b"plain", b"later", b"task", b"task", b"plain"]
    async with waiting(handle()) as task:
        for chunk in chunks:
            await feed.bring(chunk)
            while seen[-1:] != [chunk]:
                await asyncio.sleep(0)
        await feed.bring(b"return")
        assert await task == len(chunks)
    assert seen == chunks


@pytest.mark.parametrize("way", ["iterate", "read"])
async def test_the_task_hears_of_its_first_wait_and_of_the_end(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    feed, told = Feed(), 0
    before = Waiter.add_done_callback

    def counted(self: Waiter, *args: Any, **options: Any) -> None:
        nonlocal told
        told += 1
        before(self, *args, **options)

    monkeypatch.setattr(Waiter, "add_done_callback", counted)

    async def handle() -> bytes:
        if way == "iterate":
            return b"".join([chunk async for chunk in feed.stream])
        reader, parts = feed.stream.get_reader(), []
        while part := await reader.read():
            parts.append(part)
        return b"".join(parts)

    async with waiting(handle()) as task:
        await feed.bring(*(b"%d" % number for number in range(10)))
        assert told == 1
        await feed.end()
        assert await task == b"0123456789"
    assert told == 1


async def test_readers_methods() -> None:
    feed = Feed()

    async def handle() -> list[bytes]:
        with feed.stream.get_reader() as reader:
            return [
                await reader.read(),
                await reader.read(),
                await reader.read_exactly(3),
                await reader.read_line(),
                await reader.peek(1),
                await reader.read(),
            ]

    async with waiting(handle()) as task:
        await feed.bring(b"one", b"two", b"t", b"hre", b"li", b"ne\n", b"end")
        assert await task == [b"one", b"two", b"thr", b"eline\n", b"end", b"end"]


async def test_an_exception_is_the_tasks() -> None:
    feed = Feed()

    async def handle() -> None:
        async for chunk in feed.stream:
            raise ZeroDivisionError(chunk)

    async with waiting(handle()) as task:
        await feed.bring(b"x")
        with pytest.raises(ZeroDivisionError):
            await task


async def test_cancelled_while_it_waits() -> None:
    feed = Feed()
    seen: list[bytes] = []
    note = seen.append

    async def handle() -> None:
        try:
            async for chunk in feed.stream:
                note(chunk)
        except asyncio.CancelledError:
            note(b"cancelled")
            raise

    async with waiting(handle()) as task:
        await feed.bring(b"one", b"two")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert seen == [b"one", b"two", b"cancelled"]
    await feed.bring(b"kept")
    assert await feed.stream.get_reader().read() == b"kept"


@pytest.mark.parametrize("then", ["wait", "sleep", "future", "task", "return", "raise"])
async def test_cancelled_by_itself_while_it_is_resumed(then: str) -> None:
    """``Task.cancel`` within the step: the next wait fails, whatever it is on, and is itself cancelled."""
    loop = asyncio.get_running_loop()
    feed, reached = Feed(), []
    future: asyncio.Future[None] = loop.create_future()
    child = loop.create_task(asyncio.Event().wait())

    async def handle() -> None:
        async for _ in feed.stream:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            try:
                match then:
                    case "sleep":
                        await asyncio.sleep(0)
                    case "future":
                        await future
                    case "task":
                        await child
                    case "return":
                        return
                    case "raise":
                        raise ZeroDivisionError
            except asyncio.CancelledError:
                reached.append("inside")
                raise

    async with waiting(handle()) as task:
        await feed.bring(b"x")
        result = (await asyncio.gather(task, return_exceptions=True))[0]
    if then == "raise":
        assert isinstance(result, ZeroDivisionError)
    else:
        assert isinstance(result, asyncio.CancelledError)
        assert task.cancelled()
    assert reached == (["inside"] if then in ("sleep", "future", "task") else [])
    assert future.cancelled() == (then == "future")
    if then != "task":
        child.cancel()
    await asyncio.gather(child, return_exceptions=True)
    assert child.cancelled()


async def test_a_cancellation_that_is_survived() -> None:
    feed = Feed()
    seen: list[bytes] = []

    async def handle() -> None:
        while True:
            try:
                async for chunk in feed.stream:
                    seen.append(chunk)
                    if chunk == b"cancel":
                        task = asyncio.current_task()
                        assert task is not None
                        task.cancel()
                return
            except asyncio.CancelledError:
                seen.append(b"survived")

    async with waiting(handle()) as task:
        for chunk in (b"one", b"cancel", b"two", b"three"):
            await feed.bring(chunk)
            for _ in range(3):
                await asyncio.sleep(0)
        await feed.end()
        await task
    assert seen == [b"one", b"cancel", b"survived", b"two", b"three"]


async def test_deadlines_within_a_handler() -> None:
    feed = Feed()
    seen: list[bytes] = []

    async def handle() -> None:
        async for chunk in feed.stream:
            seen.append(chunk)
            try:
                async with asyncio.timeout(0.001):
                    await asyncio.Event().wait()
            except TimeoutError:
                seen.append(b"late")

    async with waiting(handle()) as task:
        for number in range(1, 4):
            await feed.bring(b"x")
            while len(seen) < 2 * number:
                await asyncio.sleep(0.001)
        await feed.end()
        await task
    assert seen == [b"x", b"late"] * 3


async def test_a_deadline_around_the_wait() -> None:
    feed = Feed()

    async def handle() -> str:
        reader = feed.stream.get_reader()
        await reader.read()
        await reader.read()
        try:
            async with asyncio.timeout(0.001):
                await reader.read()
        except TimeoutError:
            return "late"
        return "in time"

    async with waiting(handle()) as task:
        await feed.bring(b"x", b"y")
        assert await task == "late"


async def test_the_tasks_context_is_in_place() -> None:
    feed = Feed()
    seen: list[str] = []
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="outside")

    async def handle() -> None:
        name.set("handler")
        async for _ in feed.stream:
            seen.append(name.get())
            name.set(name.get() + "+")

    async with waiting(handle()):
        await feed.bring(b"x", b"y")
    assert seen == ["handler", "handler+"]
    assert name.get() == "outside"


async def test_bytes_that_another_task_brings() -> None:
    """A task is running: the handler cannot be stepped within it, and goes on in the next turn."""
    feed = Feed()
    seen: list[bytes] = []
    note = seen.append

    async def handle() -> None:
        async for chunk in feed.stream:
            note(chunk)

    async with waiting(handle()) as task:
        await feed.bring(b"first")
        feed.stream._enqueue(b"second")
        assert seen == [b"first"]
        await asyncio.sleep(0)
        assert seen == [b"first", b"second"]
        await feed.bring(b"third")
        await feed.end()
        await task
    assert seen == [b"first", b"second", b"third"]


async def test_bytes_are_handed_over_past_the_queue() -> None:
    """What a waiting iteration is resumed with never lies in the stream, and the idle iteration keeps none of it."""
    feed = Feed()
    sizes: list[int] = []
    note = sizes.append

    async def handle() -> None:
        async for _ in feed.stream:
            note(feed.stream._size)

    async with waiting(handle()):
        await feed.bring(b"x" * 100, b"y" * 70000)
        waiter = feed.stream._waiter
        assert waiter is not None
        assert waiter.takes
        assert waiter.given is None
    assert sizes == [0, 0]


class Between:
    """An awaitable of a handler's own around a wait: an iterator that has no ``send``."""

    def __init__(self, inner: Any, *, leave: bool = False) -> None:
        self._inner = inner
        self._leave = leave

    def __await__(self) -> Generator[Any, Any, Any]:
        return self  # type: ignore[return-value]

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._leave and inspect.getgeneratorstate(self._inner) == inspect.GEN_SUSPENDED:
            self._inner = None
            raise StopIteration(b"left")
        return self._inner.send(None)


async def test_bytes_pass_awaitables_that_send_nothing_on() -> None:
    feed = Feed()

    async def handle() -> list[bytes]:
        chunks = aiter(feed.stream)
        return [await Between(anext(chunks)) for _ in range(3)]

    async with waiting(handle()) as task:
        await feed.bring(b"one", b"two", b"three")
        assert await task == [b"one", b"two", b"three"]


async def test_an_awaitable_that_gives_its_wait_up_when_the_bytes_come() -> None:
    """They are in the stream again, before all that comes later, and lock and iteration go on."""
    feed = Feed()

    async def handle() -> list[bytes]:
        chunks = aiter(feed.stream)
        first = await Between(anext(chunks), leave=True)
        return [first, await anext(chunks), await anext(chunks)]

    async with waiting(handle()) as task:
        await feed.bring(b"one", b"two")
        assert await task == [b"left", b"one", b"two"]


async def test_one_iterator_in_two_tasks_in_turn() -> None:
    feed = Feed()
    seen: list[tuple[str, bytes]] = []
    chunks = aiter(feed.stream)

    async def take(name: str) -> None:
        seen.append((name, await anext(chunks)))
        seen.append((name, await anext(chunks)))

    for name in ("one", "two"):
        async with waiting(take(name)) as task:
            await feed.bring(b"x", b"y")
            await task
    assert seen == [("one", b"x"), ("one", b"y"), ("two", b"x"), ("two", b"y")]
    await feed.end()
    assert await anext(chunks, b"nothing") == b"nothing"


async def test_those_who_print_tasks_see_the_coroutine() -> None:
    feed = Feed()

    async def handle() -> None:
        async for _ in feed.stream:
            pass

    async with waiting(handle()) as task:
        assert "handle" in repr(task)
        text = io.StringIO()
        task.print_stack(file=text)
        assert "async for _ in feed.stream" in text.getvalue()
        coroutine: Any = task.get_coro()
        assert coroutine.__qualname__.endswith("handle")


async def test_awaited_and_closed_as_a_coroutine_is() -> None:
    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    assert await Steps(answer()) == 42
    never = Steps(answer())
    never.close()
    with pytest.raises(RuntimeError):
        never.send(None)
