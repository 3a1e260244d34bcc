"""``tee`` (WPT readable-streams/tee and readable-byte-streams/tee), with its bound."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.recording import Boom, Gate, pending, raises, readable, turns

from socketworkers import LimitExceeded, ReadableStream, StateError
from socketworkers.streams import ReadableStreamController


async def collect(stream: ReadableStream) -> bytes:
    return b"".join([chunk async for chunk in stream])


async def test_both_branches_get_everything() -> None:
    _, stream = readable(b"a", b"b", close=True)
    one, other = stream.tee()
    assert stream.locked
    with pytest.raises(StateError):
        stream.get_reader()
    assert await collect(one) == b"ab"
    assert await collect(other) == b"ab"
    both = readable(b"x" * 100, close=True)[1].tee()
    assert await asyncio.gather(*map(collect, both)) == [b"x" * 100] * 2


async def test_a_branch_may_be_far_ahead_within_the_limit() -> None:
    source, stream = readable()
    one, other = stream.tee(limit=100)
    reader = one.get_reader()
    for _ in range(10):
        source.controller.enqueue(bytes(10))
        assert len(await reader.read()) == 10
    reading = pending(reader.read())
    await turns()
    source.controller.enqueue(b"x")
    await raises(reading, LimitExceeded)
    await raises(other.get_reader().read(), LimitExceeded)
    assert len(source.cancelled) == 1


async def test_errors_reach_both() -> None:
    source, stream = readable()
    one, other = stream.tee()
    readers = one.get_reader(), other.get_reader()
    reads = [pending(reader.read()) for reader in readers]
    await turns()
    source.controller.error(boom := Boom())
    for read, reader in zip(reads, readers, strict=True):
        await raises(read, boom)
        await raises(reader.closed, boom)


async def test_cancelling_one_branch_leaves_the_other() -> None:
    source, stream = readable(b"a")
    one, other = stream.tee()
    cancelling = pending(one.cancel("one"))
    await turns()
    assert source.cancelled == []
    reader = other.get_reader()
    assert await reader.read() == b"a"
    source.controller.enqueue(b"b")
    assert await reader.read() == b"b"
    assert not cancelling.done()
    source.controller.close()
    assert await reader.read() == b""
    await cancelling


async def test_cancelling_both_cancels_the_source() -> None:
    for turned in (False, True):
        source, stream = readable()
        branches = stream.tee()
        order = (1, 0) if turned else (0, 1)
        tasks = [pending(branches[index].cancel(f"reason {index}")) for index in order]
        await asyncio.gather(*tasks)
        assert source.cancelled == [["reason 0", "reason 1"]]


async def test_an_error_of_the_cancel_reaches_both() -> None:
    boom = Boom()
    _, stream = readable(cancel_error=boom)
    one, other = stream.tee()
    first, second = pending(one.cancel("x")), pending(other.cancel("y"))
    await raises(second, boom)
    await raises(first, boom)


async def test_the_source_is_asked_only_as_the_faster_branch_reads() -> None:
    pulls = 0

    def pull(controller: ReadableStreamController) -> None:
        nonlocal pulls
        pulls += 1
        controller.enqueue(b"x")

    one, other = ReadableStream(pull=pull, high_water_mark=0).tee()
    await turns(50)
    before = pulls
    assert before <= 2
    reader = one.get_reader()
    for _ in range(5):
        assert await reader.read()
    assert pulls <= before + 6
    await asyncio.gather(reader.cancel(), other.cancel())


async def test_closing_while_a_branch_is_read() -> None:
    gate = Gate()

    async def pull(controller: ReadableStreamController) -> None:
        await gate()
        controller.close()

    one, other = ReadableStream(pull=pull).tee()
    reads = [pending(collect(branch)) for branch in (one, other)]
    await turns()
    gate.open()
    assert await asyncio.gather(*reads) == [b"", b""]
