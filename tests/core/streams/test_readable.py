"""ReadableStream: the cases of WPT streams/readable-streams and readable-byte-streams that make sense for bytes."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.recording import Boom, Gate, Source, pending, raises, readable, throwing, turns

from socketworkers import ReadableStream, StateError
from socketworkers.streams import ReadableStreamController


async def test_chunks_that_were_enqueued_are_read() -> None:
    _, stream = readable(b"ab", b"cd", close=True)
    reader = stream.get_reader()
    assert await reader.read() == b"abcd"  # all that has come, not chunk by chunk
    assert await reader.read() == b""
    await reader.closed


async def test_start_runs_at_once_and_may_wait() -> None:
    gate = Gate()
    events: list[str] = []

    async def start(controller: ReadableStreamController) -> None:
        events.append("start")
        await gate()
        controller.enqueue(b"x")
        events.append("started")

    def pull(controller: ReadableStreamController) -> None:
        events.append("pull")

    stream = ReadableStream(start=start, pull=pull, high_water_mark=4)
    reading = pending(stream.get_reader().read())
    await turns()
    assert events == ["start"]  # no pull before start has ended
    gate.open()
    assert await reading == b"x"
    await turns()
    assert events[:3] == ["start", "started", "pull"]


async def test_an_error_in_start() -> None:
    boom = Boom()
    with pytest.raises(Boom):
        ReadableStream(start=throwing(boom))

    async def later(controller: ReadableStreamController) -> None:
        await asyncio.sleep(0)
        raise boom

    reader = ReadableStream(start=later).get_reader()
    await raises(reader.read(), boom)
    await raises(reader.closed, boom)


async def test_pull_is_called_while_bytes_are_wanted_and_one_at_a_time() -> None:
    gates: list[Gate] = []

    async def pull(controller: ReadableStreamController) -> None:
        gates.append(gate := Gate())
        await gate()
        controller.enqueue(b"12345678")

    stream = ReadableStream(pull=pull, high_water_mark=16)
    await turns()
    assert len(gates) == 1  # not again before the promise has settled
    gates[0].open()
    await turns()
    assert len(gates) == 2
    gates[1].open()
    await turns()
    assert len(gates) == 2  # the mark is reached
    reader = stream.get_reader()
    assert await reader.read(1) == b"1"
    await turns()
    assert len(gates) == 3
    gates[2].open()
    await turns()
    await reader.cancel()


async def test_a_mark_of_zero_pulls_only_for_a_reader() -> None:
    source, stream = readable(mark=0)
    await turns()
    assert source.events == []
    reading = pending(stream.get_reader().read())
    await turns()
    assert source.events == ["pull"]
    source.controller.enqueue(b"x")
    assert await reading == b"x"


async def test_an_error_in_pull_breaks_the_stream() -> None:
    boom = Boom()
    reader = ReadableStream(pull=throwing(boom)).get_reader()
    await raises(reader.read(), boom)
    await raises(reader.closed, boom)

    async def pull(controller: ReadableStreamController) -> None:
        raise boom

    await raises(ReadableStream(pull=pull).get_reader().read(), boom)


async def test_pull_may_close_and_then_fail() -> None:
    def pull(controller: ReadableStreamController) -> None:
        controller.close()
        raise Boom

    stream = ReadableStream(pull=pull)
    assert await stream.get_reader().read() == b""


async def test_desired_size() -> None:
    source, stream = readable(mark=10)
    assert source.controller.desired_size == 10
    source.controller.enqueue(b"1234")
    assert source.controller.desired_size == 6
    source.controller.enqueue(bytes(10))
    assert source.controller.desired_size == -4
    await stream.get_reader().read()
    assert source.controller.desired_size == 10
    source.controller.close()
    assert source.controller.desired_size == 0
    other, _ = readable()
    other.controller.error(Boom())
    assert other.controller.desired_size is None


async def test_a_negative_mark_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        ReadableStream(high_water_mark=-1)


async def test_the_controller_refuses_what_makes_no_sense() -> None:
    source, _ = readable()
    with pytest.raises(ValueError, match="empty"):
        source.controller.enqueue(b"")
    with pytest.raises(TypeError):
        source.controller.enqueue("text")  # type: ignore[arg-type]
    source.controller.close()
    with pytest.raises(StateError):
        source.controller.close()
    with pytest.raises(StateError):
        source.controller.enqueue(b"x")
    source.controller.error(Boom())  # nothing happens once it ended
    broken, stream = readable()
    broken.controller.error(boom := Boom())
    broken.controller.error(Boom())
    with pytest.raises(StateError):
        broken.controller.enqueue(b"x")
    with pytest.raises(StateError):
        broken.controller.close()
    await raises(stream.get_reader().read(), boom)


async def test_closing_waits_for_what_is_buffered() -> None:
    source, stream = readable(b"left")
    source.controller.close()
    reader = stream.get_reader()
    closed = pending(reader.closed)
    await turns()
    assert not closed.done()
    assert await reader.read() == b"left"
    await closed


async def test_error_drops_what_is_buffered() -> None:
    source, stream = readable(b"lost", close=True)
    source.controller.error(boom := Boom())
    await raises(stream.get_reader().read(), boom)


async def test_a_pending_read_hears_of_close_and_error() -> None:
    source, stream = readable()
    reading = pending(stream.get_reader().read())
    await turns()
    source.controller.close()
    assert await reading == b""
    source, stream = readable()
    reading = pending(stream.get_reader().read())
    await turns()
    source.controller.error(boom := Boom())
    await raises(reading, boom)


async def test_reads_are_served_in_order() -> None:
    source, stream = readable()
    reader = stream.get_reader()
    got: list[bytes] = []

    async def read() -> None:
        got.append(await reader.read(1))

    tasks = [asyncio.create_task(read()) for _ in range(3)]
    await turns()
    source.controller.enqueue(b"a")
    await turns()
    source.controller.enqueue(b"bc")
    await asyncio.gather(*tasks)
    assert got == [b"a", b"b", b"c"]
    tasks = [asyncio.create_task(read()) for _ in range(3)]
    await turns()
    source.controller.close()
    await asyncio.gather(*tasks)
    assert got[3:] == [b"", b"", b""]


async def test_all_pending_reads_hear_of_an_error() -> None:
    source, stream = readable()
    reader = stream.get_reader()
    tasks = [asyncio.create_task(reader.read()) for _ in range(3)]
    await turns()
    source.controller.error(boom := Boom())
    for task in tasks:
        await raises(task, boom)


# -- locks ---------------------------------------------------------------------------------------------------------


async def test_a_lock_is_for_one() -> None:
    _, stream = readable(b"x")
    reader = stream.get_reader()
    assert stream.locked
    for lock in (stream.get_reader, stream.tee, stream.__aiter__, stream.values):
        with pytest.raises(StateError):
            lock()
    await raises(stream.cancel(), StateError)
    reader.release_lock()
    assert not stream.locked
    reader.release_lock()  # a second time does nothing
    again = stream.get_reader()
    reader.release_lock()  # nor does it take the lock from somebody else
    assert stream.locked
    assert await again.read() == b"x"


async def test_a_released_reader_is_dead() -> None:
    _, stream = readable(b"x")
    reader = stream.get_reader()
    reader.release_lock()
    await raises(reader.read(), StateError)
    await raises(reader.cancel(), StateError)
    with pytest.raises(StateError):
        reader.closed
    with pytest.raises(StateError):
        reader.unread(b"y")


async def test_release_with_reads_pending_loses_no_byte() -> None:
    source, stream = readable()
    reader = stream.get_reader()
    tasks = [asyncio.create_task(reader.read()) for _ in range(2)]
    await turns()
    reader.release_lock()
    for task in tasks:
        await raises(task, StateError)
    source.controller.enqueue(b"kept")
    assert await stream.get_reader().read() == b"kept"


async def test_closed_of_a_reader_on_an_ended_stream() -> None:
    _, stream = readable(close=True)
    await stream.get_reader().closed
    source, stream = readable()
    source.controller.error(boom := Boom())
    await raises(stream.get_reader().closed, boom)


async def test_a_cancelled_task_loses_no_byte() -> None:
    source, stream = readable()
    reader = stream.get_reader()
    first, second = asyncio.create_task(reader.read(1)), asyncio.create_task(reader.read(1))
    await turns()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    source.controller.enqueue(b"ab")
    assert await second == b"a"
    third = asyncio.create_task(reader.read())
    assert await third == b"b"
    waiting = [asyncio.create_task(reader.read(1)) for _ in range(3)]
    await turns()
    source.controller.enqueue(b"xyz")
    waiting[0].cancel()  # it was woken, and is cancelled before it runs
    done = await asyncio.gather(*waiting, return_exceptions=True)
    left = reader.buffered()
    assert b"".join(part for part in done if isinstance(part, bytes)) == b"xyz"[: 3 - left]


# -- cancel --------------------------------------------------------------------------------------------------------


async def test_cancel_tells_the_source_and_drops_the_bytes() -> None:
    source, stream = readable(b"buffered")
    await stream.cancel(reason := Boom())
    assert source.cancelled == [reason]
    reader = stream.get_reader()
    assert await reader.read() == b""
    await reader.closed
    with pytest.raises(StateError):
        source.controller.enqueue(b"late")


async def test_cancel_through_the_reader_settles_pending_reads() -> None:
    source, stream = readable()
    reader = stream.get_reader()
    reading = [asyncio.create_task(reader.read()) for _ in range(2)]
    await turns()
    await reader.cancel("enough")
    assert [await task for task in reading] == [b"", b""]
    assert source.cancelled == ["enough"]
    await reader.closed


async def test_cancel_waits_for_the_source_and_passes_its_error_on() -> None:
    gate = Gate()

    async def cancel(reason: object) -> None:
        await gate()

    stream = ReadableStream(cancel=cancel)
    cancelling = pending(stream.cancel())
    await turns()
    assert not cancelling.done()
    gate.open()
    await cancelling
    _, stream = readable(cancel_error=(boom := Boom()))
    await raises(stream.cancel(), boom)


async def test_cancel_of_an_ended_stream() -> None:
    source, stream = readable(close=True)
    await stream.cancel()
    assert source.events == []
    source, stream = readable()
    source.controller.error(boom := Boom())
    await raises(stream.cancel(), boom)
    assert source.cancelled == []


async def test_cancel_during_start() -> None:
    gate = Gate()
    reasons: list[object] = []

    async def start(controller: ReadableStreamController) -> None:
        await gate()

    stream = ReadableStream(start=start, cancel=reasons.append, pull=throwing(Boom()))
    await stream.cancel("early")
    assert reasons == ["early"]
    gate.open()
    await turns()
    assert await stream.get_reader().read() == b""


async def test_no_pull_after_cancel() -> None:
    source, stream = readable()
    await turns()
    before = len(source.events)
    reader = stream.get_reader()
    await reader.cancel()
    await turns()
    assert [event for event in source.events[before:] if event == "pull"] == []


async def test_sources_may_be_objects_with_methods() -> None:
    source = Source(b"data", close=True)
    stream = ReadableStream(source)
    assert await stream.get_reader().read() == b"data"
    with pytest.raises(TypeError):
        ReadableStream(start=3)  # type: ignore[arg-type]
