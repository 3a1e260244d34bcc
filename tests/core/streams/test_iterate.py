"""Async iteration and ``from_`` (WPT readable-streams/async-iterator, readable-streams/from)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.support.recording import Boom, pending, raises, readable, turns

from socketworkers import ReadableStream, StateError
from socketworkers.streams import ReadableStreamController


async def test_iterating_push_and_pull_sources() -> None:
    _, stream = readable(b"1", b"2", close=True)
    assert b"".join([chunk async for chunk in stream]) == b"12"
    left = [b"3", b"2", b"1"]

    def pull(controller: ReadableStreamController) -> None:
        controller.enqueue(left.pop())
        if not left:
            controller.close()

    assert b"".join([chunk async for chunk in ReadableStream(pull=pull, high_water_mark=0)]) == b"123"


async def test_iterating_ended_streams() -> None:
    _, stream = readable(close=True)
    assert [chunk async for chunk in stream] == []
    source, stream = readable()
    source.controller.error(boom := Boom())
    with pytest.raises(Boom) as caught:
        async for _ in stream:
            raise AssertionError
    assert caught.value is boom
    assert not stream.locked


async def test_leaving_the_loop_keeps_the_stream() -> None:
    """The deviation: protocols read a header in a loop and then go on."""
    source, stream = readable(b"header")
    async for chunk in stream:
        assert chunk == b"header"
        break
    assert not stream.locked
    assert source.cancelled == []
    source.controller.enqueue(b"body")
    assert await stream.get_reader().read() == b"body"


@pytest.mark.parametrize("prevent", [False, True])
async def test_values_cancels_unless_told_otherwise(prevent: bool) -> None:
    for how in ("break", "raise", "return"):
        source, stream = readable(b"x")

        async def loop(how: str = how, stream: ReadableStream = stream) -> None:
            async for _ in stream.values(prevent_cancel=prevent):
                if how == "break":
                    break
                if how == "raise":
                    raise Boom
                return

        await asyncio.gather(loop(), return_exceptions=True)
        await turns()
        assert source.cancelled == ([] if prevent else [None]), how
        assert not stream.locked


async def test_closing_an_iterator_by_hand() -> None:
    source, stream = readable(b"x")
    iterator = stream.values()
    with pytest.raises(StateError):
        stream.values()
    await iterator.aclose()  # type: ignore[attr-defined]
    await iterator.aclose()  # type: ignore[attr-defined]
    assert source.cancelled == [None]
    with pytest.raises(StopAsyncIteration):
        await anext(iterator)


async def test_values_of_a_finished_stream_does_not_cancel() -> None:
    source, stream = readable(b"x", close=True)
    assert [chunk async for chunk in stream.values()] == [b"x"]
    assert source.cancelled == []


class Async:
    """An async iterator that notes its life."""

    def __init__(self, *chunks: bytes, error: Exception | None = None) -> None:
        self.chunks = list(chunks)
        self.error = error
        self.asked = 0
        self.closed = 0

    def __aiter__(self) -> Async:
        return self

    async def __anext__(self) -> bytes:
        self.asked += 1
        if self.chunks:
            return self.chunks.pop(0)
        if self.error is not None:
            raise self.error
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed += 1


def generator() -> Iterator[bytes]:
    yield b"a"
    yield b"b"


async def async_generator() -> AsyncIterator[bytes]:
    yield b"a"
    await asyncio.sleep(0)
    yield b"b"


@pytest.mark.parametrize(
    "make",
    [
        lambda: [b"a", b"b"],
        lambda: iter((b"a", bytearray(b"b"))),
        lambda: {b"a": 1, b"b": 2},
        generator,
        async_generator,
        lambda: Async(b"a", b"", b"b"),
        lambda: readable(b"a", b"b", close=True)[1],
        lambda: readable(b"a", b"b", close=True)[1].values(),
    ],
)
async def test_from_takes_iterables(make: object) -> None:
    stream = ReadableStream.from_(make())  # type: ignore[operator]
    reader = stream.get_reader()
    assert await reader.read_exactly(2) == b"ab"
    assert await reader.read() == b""
    await reader.closed


@pytest.mark.parametrize("bad", [None, 0, True, object(), lambda: 1, b"bytes", "text"])
async def test_from_refuses_other_things(bad: object) -> None:
    with pytest.raises(TypeError):
        ReadableStream.from_(bad)  # type: ignore[arg-type]


async def test_from_asks_only_when_somebody_reads() -> None:
    chunks = Async(b"a", b"b")
    reader = ReadableStream.from_(chunks).get_reader()
    await turns()
    assert chunks.asked == 0
    assert await reader.read() == b"a"
    assert chunks.asked == 1
    assert chunks.closed == 0


async def test_from_passes_errors_on() -> None:
    boom = Boom()
    reader = ReadableStream.from_(Async(error=boom)).get_reader()
    await raises(reader.read(), boom)
    await raises(reader.closed, boom)
    await raises(ReadableStream.from_(iter([1])).get_reader().read(), TypeError)  # type: ignore[arg-type]


async def test_cancel_closes_the_iterator() -> None:
    chunks = Async(b"a", b"b")
    await ReadableStream.from_(chunks).cancel("enough")
    assert chunks.closed == 1
    ended = Async()
    reader = ReadableStream.from_(ended).get_reader()
    assert await reader.read() == b""
    assert ended.closed == 0  # it ended by itself


async def test_from_stalls_with_its_iterator() -> None:
    class Stalled(Async):
        async def __anext__(self) -> bytes:
            await asyncio.get_running_loop().create_future()
            raise AssertionError

    reader = ReadableStream.from_(stalled := Stalled()).get_reader()
    reading = pending(reader.read())
    await turns()
    assert not reading.done()
    await reader.cancel()
    assert await reading == b""
    assert stalled.closed == 1
