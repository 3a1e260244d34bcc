"""WritableStream: the cases of WPT streams/writable-streams that make sense for bytes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.support.recording import Boom, Gate, pending, raises, throwing, turns, writable

from socketworkers import Aborted, StateError, WritableStream
from socketworkers.streams import WritableStreamController


async def test_chunks_reach_the_sink_one_at_a_time_and_in_order() -> None:
    gate = Gate()
    running = 0

    async def write(chunk: bytes) -> None:
        nonlocal running
        running += 1
        assert running == 1
        if chunk == b"a":
            await gate()
        running -= 1

    sink, stream = writable(write=write)
    writer = stream.get_writer()
    written = [pending(writer.write(chunk)) for chunk in (b"a", b"b", b"c")]
    await turns()
    assert sink.events == [b"a"]
    assert not written[0].done()
    gate.open()
    await asyncio.gather(*written)
    await writer.close()
    assert sink.events == [b"a", b"b", b"c", "close"]
    await writer.closed


async def test_bytes_like_objects_are_copied() -> None:
    sink, stream = writable()
    writer = stream.get_writer()
    data = bytearray(b"before")
    writer.write(data)
    data[:] = b"after!"
    await writer.write(memoryview(b"view"))
    assert sink.data == b"beforeview"
    with pytest.raises(TypeError):
        writer.write("text")  # type: ignore[arg-type]


async def test_dropped_awaitables_make_no_noise() -> None:
    _, stream = writable(write=throwing(Boom()))
    writer = stream.get_writer()
    writer.write(b"a")
    writer.write(b"b")
    writer.abort("x")
    await turns()


# -- start ---------------------------------------------------------------------------------------------------------


async def test_nothing_is_written_before_start_has_ended() -> None:
    gate = Gate()
    got: list[bytes] = []

    async def start(controller: WritableStreamController) -> None:
        await gate()

    stream = WritableStream(start=start, write=lambda chunk, _: got.append(chunk))
    writer = stream.get_writer()
    closing = [pending(writer.write(b"a")), pending(writer.close())]
    await turns()
    assert got == []
    gate.open()
    await asyncio.gather(*closing)
    assert got == [b"a"]


async def test_an_error_in_start() -> None:
    boom = Boom()
    with pytest.raises(Boom):
        WritableStream(start=throwing(boom))

    async def start(controller: WritableStreamController) -> None:
        raise boom

    writer = WritableStream(start=start, write=throwing(AssertionError())).get_writer()
    written = pending(writer.write(b"a"))
    await raises(written, boom)
    await raises(writer.closed, boom)
    await raises(writer.close(), boom)


async def test_controller_error_during_start() -> None:
    boom = Boom()
    stream = WritableStream(start=lambda controller: controller.error(boom))
    writer = stream.get_writer()
    await raises(writer.write(b"x"), boom)
    await raises(writer.ready, boom)
    await raises(writer.closed, boom)


# -- back-pressure -------------------------------------------------------------------------------------------------


async def test_desired_size_and_ready() -> None:
    gate = Gate()
    _, stream = writable(mark=4, write=gate)
    writer = stream.get_writer()
    assert writer.desired_size == 4
    await writer.ready
    writer.write(b"abc")
    assert writer.desired_size == 1
    await writer.ready
    writer.write(b"defg")
    assert writer.desired_size == -3
    ready = pending(writer.ready)
    await turns()
    assert not ready.done()
    gate.open()
    await ready
    assert writer.desired_size is not None
    await writer.close()
    assert writer.desired_size == 0
    await writer.ready


async def test_ready_of_a_waiting_stream_settles_with_close_and_abort() -> None:
    gate = Gate()
    _, stream = writable(write=gate)
    writer = stream.get_writer()
    writer.write(b"a")
    ready = pending(writer.ready)
    await turns()
    closing = writer.close()
    await ready
    gate.open()
    await closing

    gate = Gate()
    _, stream = writable(write=gate)
    writer = stream.get_writer()
    writer.write(b"a")
    ready = pending(writer.ready)
    await turns()
    aborting = writer.abort(boom := Boom())
    await raises(ready, boom)
    assert writer.desired_size is None
    gate.open()
    await aborting


async def test_flush() -> None:
    gate = Gate()
    sink, stream = writable(mark=100, write=gate)
    writer = stream.get_writer()
    await writer.flush()
    writer.write(b"a")
    writer.write(b"b")
    flushing = pending(writer.flush())
    await turns()
    assert not flushing.done()
    gate.open()
    await flushing
    assert sink.data == b"ab"
    _, stream = writable(write=throwing(boom := Boom()))
    writer = stream.get_writer()
    writer.write(b"a")
    await raises(writer.flush(), boom)


async def test_negative_mark() -> None:
    with pytest.raises(ValueError, match="negative"):
        WritableStream(high_water_mark=-1)


# -- errors --------------------------------------------------------------------------------------------------------


async def test_an_error_in_write_breaks_the_stream() -> None:
    boom = Boom()
    sink, stream = writable(mark=100, write=throwing(boom))
    writer = stream.get_writer()
    first, second = pending(writer.write(b"a")), pending(writer.write(b"b"))
    await raises(first, boom)
    await raises(second, boom)
    await raises(writer.closed, boom)
    await raises(writer.write(b"c"), boom)
    await raises(writer.ready, boom)
    await raises(writer.close(), boom)
    assert writer.desired_size is None
    assert sink.events == [b"a"]


async def test_controller_error() -> None:
    sink, stream = writable()
    writer = stream.get_writer()
    sink.controller.error(boom := Boom())
    sink.controller.error(Boom())
    await raises(writer.closed, boom)
    await raises(writer.write(b"a"), boom)
    assert sink.events == []
    other, stream = writable()
    other.controller.error("a word")
    await raises(stream.get_writer().closed, RuntimeError)


async def test_controller_error_waits_for_a_write_under_way() -> None:
    gate = Gate()
    sink, stream = writable(mark=100, write=gate)
    writer = stream.get_writer()
    first, second = pending(writer.write(b"a")), pending(writer.write(b"b"))
    await turns()
    sink.controller.error(boom := Boom())
    closed = pending(writer.closed)
    await turns()
    assert not closed.done()
    gate.open()
    await first
    await raises(second, boom)
    await raises(closed, boom)


async def test_close_does_not_reject_while_a_sink_method_runs() -> None:
    gate = Gate()
    sink, stream = writable(write=gate)
    writer = stream.get_writer()
    written = pending(writer.write(b"a"))
    await turns()
    closing = pending(writer.close())
    sink.controller.error(boom := Boom())
    await turns()
    assert not closing.done()
    gate.open()
    await written
    await raises(closing, boom)


# -- close ---------------------------------------------------------------------------------------------------------


async def test_close_twice_and_write_after_close() -> None:
    gate = Gate()
    _, stream = writable(close=gate)
    writer = stream.get_writer()
    closing = pending(writer.close())
    for call in (writer.close, lambda: writer.write(b"x")):
        with pytest.raises(StateError):
            call()
    await turns()
    gate.open()
    await closing
    with pytest.raises(StateError):
        writer.close()
    await writer.closed


async def test_an_error_in_close() -> None:
    boom = Boom()
    _, stream = writable(close=throwing(boom))
    writer = stream.get_writer()
    written = pending(writer.write(b"y"))
    closing = pending(writer.close())
    await written
    await raises(closing, boom)
    await raises(writer.closed, boom)


async def test_controller_error_during_close_changes_nothing() -> None:
    gate = Gate()
    sink, stream = writable(close=gate)
    writer = stream.get_writer()
    closing = pending(writer.close())
    await turns()
    sink.controller.error(Boom())
    await turns()
    gate.open()
    await closing
    await writer.closed


async def test_stream_close_and_abort_need_no_writer_but_no_other_lock() -> None:
    sink, stream = writable()
    await stream.close()
    assert sink.events == ["close"]
    await raises(stream.close(), StateError)
    await stream.get_writer().closed
    sink, stream = writable()
    writer = stream.get_writer()
    await raises(stream.close(), StateError)
    await raises(stream.abort(), StateError)
    writer.release_lock()
    await stream.abort("why")
    assert sink.events == [("abort", "why")]


# -- abort ---------------------------------------------------------------------------------------------------------


async def test_abort_passes_the_reason_and_rejects_all() -> None:
    sink, stream = writable()
    writer = stream.get_writer()
    boom = Boom()
    await writer.abort(boom)
    assert sink.events == [("abort", boom)]
    assert sink.controller.signal.reason is boom
    for awaitable in (writer.write(b"x"), writer.close(), writer.ready, writer.closed):
        await raises(awaitable, boom)


async def test_abort_with_a_word_is_aborted() -> None:
    _, stream = writable()
    writer = stream.get_writer()
    await writer.abort("a word")
    with pytest.raises(Aborted) as caught:
        await writer.closed
    assert caught.value.reason == "a word"


async def test_abort_waits_for_the_write_under_way() -> None:
    gate = Gate()
    sink, stream = writable(mark=100, write=gate)
    writer = stream.get_writer()
    order: list[Any] = []
    writes = [pending(writer.write(chunk)) for chunk in (b"1", b"2", b"3")]
    for number, task in enumerate(writes):
        task.add_done_callback(lambda _, number=number: order.append(number))  # type: ignore[misc]
    await turns()
    boom = Boom()
    aborting = pending(writer.abort(boom))
    await turns()
    assert sink.events == [b"1"]
    assert not aborting.done()
    gate.open()
    await aborting
    await writes[0]
    await raises(writes[1], boom)
    await raises(writes[2], boom)
    await turns()
    assert order == [0, 1, 2]
    assert sink.events == [b"1", ("abort", boom)]


async def test_an_error_of_the_write_does_not_replace_the_reason() -> None:
    gate = Gate()
    _, stream = writable(write=gate)
    writer = stream.get_writer()
    written = pending(writer.write(b"a"))
    await turns()
    aborting = pending(writer.abort(reason := Boom()))
    gate.fail(boom := Boom())
    await raises(written, boom)
    await aborting
    await raises(writer.closed, reason)


async def test_an_error_in_abort() -> None:
    boom = Boom()
    _, stream = writable(abort=throwing(boom))
    writer = stream.get_writer()
    first, second = pending(writer.abort("x")), pending(writer.abort("y"))
    await raises(first, boom)
    await raises(second, boom)
    await raises(writer.closed, Aborted)


async def test_close_and_at_once_abort() -> None:
    """The close was not under way yet: the stream breaks, and the sink's close is not called."""
    gate = Gate()
    sink, stream = writable(write=gate)
    writer = stream.get_writer()
    writer.write(b"a")
    closing = pending(writer.close())
    await turns()
    aborting = pending(writer.abort(boom := Boom()))
    gate.open()
    await aborting
    await raises(closing, boom)
    await raises(writer.closed, boom)
    assert sink.events == [b"a", ("abort", boom)]


async def test_abort_while_the_close_is_under_way_is_ignored() -> None:
    gate = Gate()
    sink, stream = writable(close=gate)
    writer = stream.get_writer()
    closing = pending(writer.close())
    await turns()
    aborting = pending(writer.abort(Boom()))
    await turns()
    gate.open()
    await closing
    await aborting
    await writer.closed
    assert sink.events == ["close"]


async def test_abort_while_a_close_is_under_way_that_fails() -> None:
    gate = Gate()
    sink, stream = writable(close=gate)
    writer = stream.get_writer()
    closing = pending(writer.close())
    await turns()
    aborting = pending(writer.abort("x"))
    gate.fail(boom := Boom())
    await raises(closing, boom)
    await raises(aborting, boom)
    await raises(writer.closed, Aborted)
    assert sink.events == ["close"]


async def test_abort_after_the_end_does_nothing() -> None:
    sink, stream = writable()
    writer = stream.get_writer()
    await writer.close()
    await writer.abort("late")
    assert sink.events == ["close"]
    await writer.closed
    broken, stream = writable()
    broken.controller.error(Boom())
    await turns()
    await stream.abort("late")
    assert broken.events == []


async def test_abort_of_an_erroring_stream_rejects_with_the_error() -> None:
    gate = Gate()
    sink, stream = writable(write=gate)
    writer = stream.get_writer()
    writer.write(b"a")
    await turns()
    sink.controller.error(boom := Boom())
    aborting = pending(writer.abort("x"))
    await turns()
    gate.open()
    await raises(aborting, boom)
    assert sink.events == [b"a"]


async def test_a_write_can_stop_at_the_signal() -> None:
    stopped = asyncio.Event()

    async def write(chunk: bytes, controller: WritableStreamController) -> None:
        await controller.signal.wait()
        stopped.set()

    stream = WritableStream(write=write)
    writer = stream.get_writer()
    writer.write(b"a")
    await turns()
    await writer.abort()
    assert stopped.is_set()


async def test_the_signal_stays_quiet_in_a_close() -> None:
    sink, stream = writable()
    await stream.close()
    assert not sink.controller.signal.aborted


# -- locks ---------------------------------------------------------------------------------------------------------


async def test_a_released_writer_is_dead_and_its_writes_live() -> None:
    gate = Gate()
    sink, stream = writable(write=gate)
    with stream.get_writer() as writer:
        with pytest.raises(StateError):
            stream.get_writer()
        written = pending(writer.write(b"a"))
    assert not stream.locked
    for call in (
        lambda: writer.write(b"x"),
        writer.close,
        writer.abort,
        lambda: writer.desired_size,
        lambda: writer.ready,
        lambda: writer.closed,
    ):
        with pytest.raises(StateError):
            call()
    writer.release_lock()
    other = stream.get_writer()
    other.write(b"b")
    await turns()
    gate.open()
    await written
    await other.close()
    assert sink.events == [b"a", b"b", "close"]


async def test_close_survives_the_release() -> None:
    gate = Gate()
    _, stream = writable(close=gate)
    writer = stream.get_writer()
    closing = pending(writer.close())
    await turns()
    writer.release_lock()
    gate.open()
    await closing
    assert stream.get_writer().desired_size == 0
