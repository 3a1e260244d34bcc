"""Two sockets joined: ends, losses, back-pressure and silence, in memory."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.pairs import eventually

from socketworkers import ConnectionLost, Socket, Timeouts
from socketworkers.telemetry import Counter
from socketworkers.testing import FakeClock, socket_pair
from socketworkers.tunnel import Relay

both_loops = pytest.mark.usefixtures("any_loop")


class Joined(NamedTuple):
    """The two ends that programs hold, and the relay between them."""

    one: Socket
    other: Socket
    relay: Relay
    inner: tuple[Socket, Socket]


async def join(*, half_close: bool = True, idle: float | None = None, high_water_mark: int = 65536) -> Joined:
    one, near = socket_pair(high_water_mark=high_water_mark)
    far, other = socket_pair(high_water_mark=high_water_mark)
    return Joined(one, other, Relay(near, far, half_close=half_close, idle=idle), (near, far))


@pytest.fixture(params=[True, False], ids=["half-close", "one end for both"])
async def joined(request: pytest.FixtureRequest) -> AsyncIterator[Joined]:
    made = await join(half_close=request.param)
    task = asyncio.ensure_future(made.relay.run())
    yield made
    for socket in (made.one, made.other):
        await socket.abort()
    await asyncio.wait_for(task, 5)
    for socket in made.inner:
        assert socket.closed.settled


@both_loops
async def test_bytes_both_ways(joined: Joined) -> None:
    data = bytes(range(256)) * 2000
    sending = asyncio.ensure_future(joined.one.writable.get_writer().write(data))
    await joined.other.writable.get_writer().write(b"back")
    assert await joined.other.readable.get_reader().read_exactly(len(data)) == data
    assert await joined.one.readable.get_reader().read_exactly(4) == b"back"
    await sending


@both_loops
@pytest.mark.parametrize("first", ["one", "other"])
async def test_an_end_goes_through(joined: Joined, first: str) -> None:
    near, far = (joined.one, joined.other) if first == "one" else (joined.other, joined.one)
    writer = near.writable.get_writer()
    writer.write(b"the last word")
    await writer.close()
    reader = far.readable.get_reader()
    assert await reader.read_exactly(13) == b"the last word"
    assert await reader.read() == b""
    if joined.relay._half_close:
        await far.writable.get_writer().write(b"and an answer")
        assert await near.readable.get_reader().read_exactly(13) == b"and an answer"
        await far.close()
    await joined.relay.ended
    assert near.readable.locked or await near.readable.get_reader().read() == b""
    assert joined.relay.reason == ""


@both_loops
@pytest.mark.parametrize("first", ["one", "other"])
async def test_a_loss_goes_through_behind_what_came_before(joined: Joined, first: str) -> None:
    near, far = (joined.one, joined.other) if first == "one" else (joined.other, joined.one)
    await near.writable.get_writer().write(b"before")
    reader = far.readable.get_reader()
    assert await reader.read_exactly(6) == b"before"
    near.abort("gone")
    with pytest.raises(ConnectionLost):
        await reader.read()
    await joined.relay.ended
    assert joined.relay.reason


@both_loops
async def test_cancelled_it_resets_both() -> None:
    made = await join()
    task = asyncio.ensure_future(made.relay.run())
    await made.one.writable.get_writer().write(b"x")
    assert await made.other.readable.get_reader().read() == b"x"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for socket in (made.one, made.other):
        with pytest.raises(ConnectionLost):
            await socket.closed


@both_loops
@pytest.mark.parametrize("how", ["in order", "reset"])
async def test_one_is_gone_before_it_starts(how: str) -> None:
    made = await join()
    if how == "reset":
        await made.inner[0].abort()
    else:
        await asyncio.gather(made.one.close(), made.inner[0].close())
    await asyncio.wait_for(made.relay.run(), 5)
    if how == "reset":
        with pytest.raises(ConnectionLost):
            await made.other.closed
    else:
        assert await made.other.readable.get_reader().read() == b""
    await made.one.abort()
    await made.other.abort()


@both_loops
async def test_what_waited_before_it_started_is_carried() -> None:
    made = await join()
    await made.one.writable.get_writer().write(b"early")
    await made.one.writable._impl.close()
    task = asyncio.ensure_future(made.relay.run())
    assert b"".join([chunk async for chunk in made.other.readable]) == b"early"
    await made.other.close()
    await asyncio.wait_for(task, 5)


# -- back-pressure -------------------------------------------------------------------------------------------------


@both_loops
@pytest.mark.attack("C5")
@pytest.mark.parametrize("first", ["one", "other"])
async def test_a_slow_reader_holds_the_sender_up_and_costs_no_memory(first: str) -> None:
    made = await join(high_water_mark=16384)
    near, far = (made.one, made.other) if first == "one" else (made.other, made.one)
    task = asyncio.ensure_future(made.relay.run())
    total = 4 * 1024 * 1024
    sent = 0

    async def send() -> None:
        nonlocal sent
        writer = near.writable.get_writer()
        while sent < total:
            await writer.write(bytes(4096))
            sent += 4096
        await writer.close()

    sending = asyncio.ensure_future(send())
    last = -1
    while last != sent:  # until nothing moves any more
        last = sent
        for _ in range(50):
            await asyncio.sleep(0)
    # a mark each in four buffers: the two readers' and the two writers' of both pairs
    assert sent <= 6 * 16384
    held = sum(socket.stats.buffered_in + socket.stats.buffered_out for socket in made.inner)
    assert held <= 3 * 16384
    got = 0
    async for chunk in far.readable:
        got += len(chunk)
        assert sum(socket.stats.buffered_in + socket.stats.buffered_out for socket in made.inner) <= 3 * 16384
    assert got == total
    await sending
    await far.close()
    await asyncio.wait_for(task, 5)


Talk = list[tuple[int, int]]


async def speak(socket: Socket, talk: Talk, data: bytes) -> None:
    """Write ``data`` in pieces, with turns of the loop between them, and end the direction."""
    writer = socket.writable.get_writer()
    place = 0
    for size, turns in talk:
        await writer.write(data[place : place + size])
        place += size
        for _ in range(turns):
            await asyncio.sleep(0)
    await writer.close()


async def hear(socket: Socket, turns: int) -> bytes:
    """Read to the end, slowly."""
    data = b""
    async for chunk in socket.readable:
        data += chunk
        for _ in range(turns):
            await asyncio.sleep(0)
    return data


TALK = st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 5)), max_size=15)


@settings(max_examples=60, deadline=None)
@given(talks=st.tuples(TALK, TALK), turns=st.tuples(st.integers(0, 6), st.integers(0, 6)), mark=st.integers(1, 8000))
def test_all_bytes_arrive_in_order_however_they_come(
    talks: tuple[Talk, Talk], turns: tuple[int, int], mark: int
) -> None:
    datas = [bytes(random.Random(len(talk)).randbytes(sum(size for size, _ in talk))) for talk in talks]

    async def play() -> list[bytes | None]:
        made = await join(high_water_mark=mark)
        task = asyncio.ensure_future(made.relay.run())
        found = await asyncio.gather(
            speak(made.one, talks[0], datas[0]),
            speak(made.other, talks[1], datas[1]),
            hear(made.other, turns[0]),
            hear(made.one, turns[1]),
        )
        await task
        assert made.relay.reason == ""
        return list(found)

    assert asyncio.run(play())[2:] == datas


async def test_bytes_are_counted_by_their_source() -> None:
    one, near = socket_pair()
    far, other = socket_pair()
    counters = Counter(), Counter()
    task = asyncio.ensure_future(Relay(near, far, half_close=True, counters=counters).run())
    await one.writable.get_writer().write(b"12345")
    await other.writable.get_writer().write(b"123")
    await eventually(lambda: (counters[0].value, counters[1].value) == (5, 3))
    await asyncio.gather(one.close(), other.close())
    await asyncio.wait_for(task, 5)


# -- silence -------------------------------------------------------------------------------------------------------


async def test_silence_in_both_directions_ends_it() -> None:
    made = await join(idle=10)
    with FakeClock() as clock:
        task = asyncio.ensure_future(made.relay.run())
        await clock.advance(9)
        made.one.writable.get_writer().write(b"a")  # one direction is enough
        await clock.advance(9)
        made.other.writable.get_writer().write(b"b")
        await clock.advance(9.8)
        assert not made.relay.ended.settled
        await clock.advance(0.5)
        assert made.relay.reason == "idle for too long"
        await clock.advance(5)
        assert task.done()
    assert b"".join([chunk async for chunk in made.one.readable]) == b"b"
    assert b"".join([chunk async for chunk in made.other.readable]) == b"a"
    await task
    await made.one.abort()
    await made.other.abort()


async def send(socket: Socket) -> None:
    writer = socket.writable.get_writer()
    while True:
        await writer.write(bytes(512))


async def test_a_slow_reader_is_not_silent() -> None:
    made = await join(idle=10, high_water_mark=1024)
    for socket in (made.one, *made.inner):
        socket.set_timeouts(Timeouts(write=None))
    with FakeClock() as clock:
        task = asyncio.ensure_future(made.relay.run())
        sending = asyncio.ensure_future(send(made.one))
        await clock.advance(60)
        assert not made.relay.ended.settled
        assert not made.relay.reason
        sending.cancel()
        await made.one.abort()
        await made.other.abort()
        await clock.advance(1)
    await asyncio.wait_for(task, 5)
