"""What readers have beyond the standard, and BYOB reads (WPT readable-byte-streams/read-min)."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.recording import Boom, pending, raises, readable, turns

from socketworkers import LimitExceeded, ReadableStream, UnexpectedEOF
from socketworkers.streams import ReadableStreamController


async def test_read_of_n_bytes() -> None:
    _, stream = readable(b"ab", b"cd", b"ef", close=True)
    reader = stream.get_reader()
    assert [await reader.read(n) for n in (1, 2, 0, 100)] == [b"a", b"bc", b"", b"def"]
    assert await reader.read(5) == b""


async def test_read_exactly() -> None:
    source, stream = readable(b"abc")
    reader = stream.get_reader()
    assert await reader.read_exactly(0) == b""
    assert await reader.read_exactly(2) == b"ab"
    reading = pending(reader.read_exactly(4))
    for chunk in (b"d", b"e", b"fg"):
        await turns()
        assert not reading.done()
        source.controller.enqueue(chunk)
    assert await reading == b"cdef"
    await raises(reader.read_exactly(-1), ValueError)
    await raises(reader.read_exactly(17 * 1024 * 1024), LimitExceeded)
    reading = pending(reader.read_exactly(10))
    await turns()
    source.controller.close()
    with pytest.raises(UnexpectedEOF) as caught:
        await reading
    assert caught.value.partial == b"g"


async def test_read_exactly_of_more_than_the_mark() -> None:
    """The source has to be asked beyond its mark, or both wait for ever."""

    def pull(controller: ReadableStreamController) -> None:
        controller.enqueue(bytes(100))

    stream = ReadableStream(pull=pull, high_water_mark=150)
    reader = stream.get_reader()
    assert len(await reader.read_exactly(1000)) == 1000
    assert len(await reader.peek(900)) >= 900
    await reader.cancel()


async def test_read_until() -> None:
    source, stream = readable(b"one--two-")
    reader = stream.get_reader()
    assert await reader.read_until(b"--") == b"one--"
    reading = pending(reader.read_until(b"--"))
    await turns()
    source.controller.enqueue(b"-three")  # the separator is cut in two
    assert await reading == b"two--"
    await raises(reader.read_until(b""), ValueError)
    source.controller.close()
    with pytest.raises(UnexpectedEOF) as caught:
        await reader.read_until(b"--")
    assert caught.value.partial == b"three"
    assert await reader.read_until(b"--") == b""


@pytest.mark.parametrize("limit", [1, 5, 6, 7, 8])
async def test_read_until_is_bounded_and_takes_nothing(limit: int) -> None:
    _, stream = readable(b"12345\r\nrest")
    reader = stream.get_reader()
    if limit >= 7:
        assert await reader.read_until(b"\r\n", limit=limit) == b"12345\r\n"
    else:
        with pytest.raises(LimitExceeded):
            await reader.read_until(b"\r\n", limit=limit)
        assert await reader.read() == b"12345\r\nrest"


async def test_the_limit_holds_however_the_bytes_arrive() -> None:
    source, stream = readable(mark=1)
    reader = stream.get_reader()
    reading = pending(reader.read_line(limit=10))
    for _ in range(10):
        await turns()
        assert not reading.done()
        source.controller.enqueue(b"x")
    await raises(reading, LimitExceeded)


async def test_read_line() -> None:
    _, stream = readable(b"a\r\n\nno end", close=True)
    reader = stream.get_reader()
    assert [await reader.read_line() for _ in range(2)] == [b"a\r\n", b"\n"]
    await raises(reader.read_line(), UnexpectedEOF)


async def test_peek_and_unread() -> None:
    source, stream = readable(b"ab")
    reader = stream.get_reader()
    assert await reader.peek() == b"ab"
    peeking = pending(reader.peek(3))
    await turns()
    source.controller.enqueue(b"cd")
    assert await peeking == b"abcd"
    await raises(reader.peek(100_000), LimitExceeded)
    assert await reader.read(3) == b"abc"
    reader.unread(b"abc")
    reader.unread(b"")
    assert reader.buffered() == 4
    source.controller.close()
    assert await reader.peek(10) == b"abcd"
    assert await reader.read() == b"abcd"
    assert await reader.peek() == b""


async def test_unread_at_the_end_of_the_stream() -> None:
    """A parser that read too much gives it back even when the peer has finished."""
    _, stream = readable(b"header body", close=True)
    reader = stream.get_reader()
    data = await reader.read()
    reader.unread(data[7:])
    assert await reader.read() == b"body"
    assert await reader.read() == b""


async def test_errors_reach_every_helper() -> None:
    for method, arguments in (
        ("read", ()),
        ("read_exactly", (3,)),
        ("read_until", (b"x",)),
        ("read_line", ()),
        ("peek", ()),
        ("read_into", (bytearray(1),)),
    ):
        source, stream = readable()
        reader = stream.get_reader()
        waiting = pending(getattr(reader, method)(*arguments))
        await turns()
        source.controller.error(boom := Boom())
        await raises(waiting, boom)
        await raises(getattr(reader, method)(*arguments), boom)


async def test_read_into() -> None:
    source, stream = readable(b"abc")
    reader = stream.get_reader()
    view = bytearray(8)
    assert await reader.read_into(view) == 3
    assert view[:3] == b"abc"
    reading = pending(reader.read_into(memoryview(view)[2:], at_least=4))
    for chunk in (b"1", b"23", b"456789"):
        await turns()
        assert not reading.done()
        source.controller.enqueue(chunk)
    assert await reading == 6
    assert view == b"ab123456"
    assert await reader.read() == b"789"
    for bad in ((bytearray(0), 1), (bytearray(2), 3), (bytearray(2), 0)):
        with pytest.raises(ValueError, match="room"):
            await reader.read_into(bad[0], at_least=bad[1])
    source.controller.enqueue(b"z")
    source.controller.close()
    assert await reader.read_into(view, at_least=2) == 1  # the end came first
    assert await reader.read_into(view) == 0


async def test_a_read_into_that_is_cancelled_loses_no_byte() -> None:
    source, stream = readable()
    reader = stream.get_reader()
    reading = asyncio.create_task(reader.read_into(bytearray(4), at_least=4))
    await turns()
    source.controller.enqueue(b"ab")
    await turns()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert await reader.read() == b"ab"


async def test_readers_are_iterators_and_contexts() -> None:
    _, stream = readable(b"ab", close=True)
    with stream.get_reader() as reader:
        assert [chunk async for chunk in reader] == [b"ab"]
    assert not stream.locked
