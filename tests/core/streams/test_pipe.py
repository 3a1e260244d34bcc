"""``pipe_to``, ``pipe_through`` and ``pipe``: the cases of WPT streams/piping that make sense for bytes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.support.recording import Boom, Gate, pending, raises, readable, throwing, turns, writable

from socketworkers import AbortController, AbortSignal, ReadableStream, StateError, TransformStream
from socketworkers.testing import socket_pair


async def test_everything_arrives_and_the_end_is_passed_on() -> None:
    source, stream = readable(b"Hello, ", b"world", close=True)
    sink, destination = writable()
    await stream.pipe_to(destination)
    assert sink.data == b"Hello, world"
    assert sink.events[-1] == "close"
    assert not stream.locked
    assert not destination.locked
    await destination.get_writer().closed
    assert source.cancelled == []


async def test_locked_streams_are_refused_and_nothing_is_locked_by_halves() -> None:
    _, stream = readable()
    _, destination = writable()
    reader = stream.get_reader()
    await raises(stream.pipe_to(destination), StateError)
    assert not destination.locked
    reader.release_lock()
    writer = destination.get_writer()
    await raises(stream.pipe_to(destination), StateError)
    assert not stream.locked
    writer.release_lock()


async def test_both_are_locked_meanwhile() -> None:
    source, stream = readable()
    _, destination = writable()
    piping = pending(stream.pipe_to(destination))
    await turns()
    assert stream.locked
    assert destination.locked
    source.controller.close()
    await piping


# -- close ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("early", [True, False])
async def test_close_goes_forward(early: bool) -> None:
    source, stream = readable(close=early)
    sink, destination = writable()
    piping = pending(stream.pipe_to(destination))
    if not early:
        await turns()
        source.controller.enqueue(b"x")
        await turns()
        source.controller.close()
    await piping
    assert sink.events[-1] == "close"


async def test_prevent_close() -> None:
    _, stream = readable(b"x", close=True)
    sink, destination = writable()
    await stream.pipe_to(destination, prevent_close=True)
    assert sink.events == [b"x"]
    await destination.get_writer().write(b"y")


async def test_an_error_of_the_sinks_close_is_passed_on() -> None:
    _, stream = readable(close=True)
    _, destination = writable(close=throwing(boom := Boom()))
    await raises(stream.pipe_to(destination), boom)


async def test_close_waits_for_the_last_write() -> None:
    gate = Gate()
    _, stream = readable(b"x", close=True)
    sink, destination = writable(mark=100, write=gate)
    piping = pending(stream.pipe_to(destination))
    await turns()
    assert sink.events == [b"x"]
    gate.open()
    await piping
    assert sink.events == [b"x", "close"]


@pytest.mark.parametrize("prevent", [False, True])
async def test_close_goes_backward(prevent: bool) -> None:
    source, stream = readable()
    sink, destination = writable()
    await destination.close()
    await raises(stream.pipe_to(destination, prevent_cancel=prevent), StateError)
    assert len(source.cancelled) == (0 if prevent else 1)
    assert sink.events == ["close"]


# -- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("prevent", [False, True])
async def test_errors_go_forward(early: bool, prevent: bool) -> None:
    boom = Boom()
    source, stream = readable()
    sink, destination = writable()
    if early:
        source.controller.error(boom)
    piping = pending(stream.pipe_to(destination, prevent_abort=prevent))
    if not early:
        await turns()
        source.controller.error(boom)
    await raises(piping, boom)
    assert sink.events == ([] if prevent else [("abort", boom)])
    assert not stream.locked
    assert not destination.locked


async def test_what_was_read_is_written_before_the_abort() -> None:
    gate = Gate()
    source, stream = readable(b"a", mark=0)
    sink, destination = writable(mark=100, write=gate)
    piping = pending(stream.pipe_to(destination))
    await turns()
    source.controller.enqueue(b"b")
    await turns()
    source.controller.error(boom := Boom())
    await turns()
    assert sink.events == [b"a"]
    assert not piping.done()
    gate.open()
    await raises(piping, boom)
    assert sink.events == [b"a", b"b", ("abort", boom)]


async def test_an_error_of_the_sinks_abort_comes_first() -> None:
    source, stream = readable()
    source.controller.error(Boom())
    _, destination = writable(abort=throwing(boom := Boom()))
    await raises(stream.pipe_to(destination), boom)


@pytest.mark.parametrize("when", ["before", "during", "idle"])
@pytest.mark.parametrize("prevent", [False, True])
async def test_errors_go_backward(when: str, prevent: bool) -> None:
    boom = Boom()
    source, stream = readable(*([b"x"] if when == "during" else []))
    sink, destination = writable(write=throwing(boom) if when == "during" else None)
    if when == "before":
        sink.controller.error(boom)
    piping = pending(stream.pipe_to(destination, prevent_cancel=prevent))
    if when == "idle":
        await turns()
        sink.controller.error(boom)
    await raises(piping, boom)
    assert source.cancelled == ([] if prevent else [boom])
    assert not stream.locked


async def test_an_error_of_the_sources_cancel_comes_first() -> None:
    boom = Boom()
    _, stream = readable(cancel_error=boom)
    sink, destination = writable()
    sink.controller.error(Boom())
    await raises(stream.pipe_to(destination), boom)


async def test_an_error_of_the_last_write() -> None:
    boom = Boom()
    source, stream = readable(b"c", close=True)
    _, destination = writable(mark=100, write=throwing(boom))
    await raises(stream.pipe_to(destination), boom)
    assert source.cancelled == []


@pytest.mark.parametrize("broken", ["both", "source closed", "destination closed"])
async def test_both_ends_at_once(broken: str) -> None:
    """An error of the source counts before one of the destination."""
    one, other = Boom(), Boom()
    source, stream = readable(close=broken == "source closed")
    sink, destination = writable()
    if broken != "source closed":
        source.controller.error(one)
    if broken == "destination closed":
        await destination.close()
    else:
        sink.controller.error(other)
        await turns()
    wanted = other if broken == "source closed" else one
    await raises(stream.pipe_to(destination), wanted)


# -- back-pressure -------------------------------------------------------------------------------------------------


async def test_nothing_is_read_while_the_destination_wants_nothing() -> None:
    source, stream = readable(b"a", mark=0)
    gate = Gate()
    sink, destination = writable(write=gate)
    piping = pending(stream.pipe_to(destination))
    await turns()
    assert sink.events == [b"a"]
    source.controller.enqueue(b"b")
    await turns()
    assert stream._size == 1  # still in the source
    gate.open()
    await turns()
    source.controller.close()
    await piping
    assert sink.data == b"ab"


async def test_a_pull_source_is_asked_as_the_sink_goes() -> None:
    pulls = 0

    def pull(controller: Any) -> None:
        nonlocal pulls
        pulls += 1
        if pulls > 50:
            controller.close()
        else:
            controller.enqueue(b"x" * 10)

    sink, destination = writable()
    await ReadableStream(pull=pull, high_water_mark=0).pipe_to(destination)
    assert len(sink.data) == 500


# -- signals -------------------------------------------------------------------------------------------------------


async def test_an_aborted_signal() -> None:
    boom = Boom()
    for prevent in (False, True):
        source, stream = readable(mark=0)
        sink, destination = writable()
        piping = stream.pipe_to(
            destination, signal=AbortSignal.abort(boom), prevent_cancel=prevent, prevent_abort=prevent
        )
        await raises(piping, boom)
        assert source.cancelled == ([] if prevent else [boom])
        assert sink.events == ([] if prevent else [("abort", boom)])
        assert not stream.locked
        assert not destination.locked


async def test_abort_during_the_pipe_lets_writes_end() -> None:
    controller, gate = AbortController(), Gate()
    source, stream = readable(b"a", mark=0)
    sink, destination = writable(mark=100, write=gate)
    piping = pending(stream.pipe_to(destination, signal=controller.signal))
    await turns()
    source.controller.enqueue(b"b")
    await turns()
    controller.abort(boom := Boom())
    await turns()
    gate.open()
    await raises(piping, boom)
    assert sink.events == [b"a", b"b", ("abort", boom)]
    assert source.cancelled == [boom]


async def test_abort_of_an_idle_pipe() -> None:
    controller = AbortController()
    source, stream = readable()
    sink, destination = writable()
    piping = pending(stream.pipe_to(destination, signal=controller.signal))
    await turns()
    controller.abort(boom := Boom())
    await raises(piping, boom)
    assert source.cancelled == [boom]
    assert sink.events == [("abort", boom)]


async def test_errors_of_abort_and_cancel() -> None:
    one, other = Boom(), Boom()
    _, stream = readable(cancel_error=one, mark=0)
    _, destination = writable(abort=throwing(other))
    await raises(stream.pipe_to(destination, signal=AbortSignal.abort()), other)
    _, stream = readable(cancel_error=one, mark=0)
    _, destination = writable()
    await raises(stream.pipe_to(destination, signal=AbortSignal.abort()), one)


async def test_the_signal_comes_before_ended_streams() -> None:
    boom = Boom()
    for broken in (False, True):
        source, stream = readable(close=not broken)
        if broken:
            source.controller.error(Boom())
        _, destination = writable()
        await raises(stream.pipe_to(destination, signal=AbortSignal.abort(boom)), boom)


async def test_a_signal_after_the_end_does_nothing() -> None:
    controller = AbortController()
    _, stream = readable(b"x", close=True)
    sink, destination = writable()
    await stream.pipe_to(destination, signal=controller.signal, prevent_close=True)
    controller.abort()
    await turns()
    await destination.get_writer().write(b"y")
    assert sink.events == [b"x", b"y"]


async def test_a_cancelled_task_gives_the_locks_back() -> None:
    source, stream = readable()
    sink, destination = writable()
    task = asyncio.create_task(stream.pipe_to(destination))
    await turns()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not stream.locked
    assert not destination.locked
    source.controller.enqueue(b"kept")
    assert await stream.get_reader().read() == b"kept"
    assert sink.events == []


# -- through -------------------------------------------------------------------------------------------------------


async def test_pipe_through() -> None:
    _, stream = readable(b"a", b"b", close=True)
    out = stream.pipe_through(TransformStream(lambda chunk, controller: controller.enqueue(chunk.upper())))
    assert b"".join([chunk async for chunk in out.pipe_through(TransformStream())]) == b"AB"


async def test_pipe_through_refuses_locked_streams() -> None:
    _, stream = readable()
    transform = TransformStream()
    with transform.writable.get_writer(), pytest.raises(StateError):
        stream.pipe_through(transform)
    assert not stream.locked
    with stream.get_reader(), pytest.raises(StateError):
        stream.pipe_through(transform)


async def test_pipe_through_passes_errors_both_ways() -> None:
    boom = Boom()
    source, stream = readable()
    out = stream.pipe_through(TransformStream())
    source.controller.error(boom)
    await raises(out.get_reader().read(), boom)
    source, stream = readable(b"x")
    out = stream.pipe_through(TransformStream())
    await turns()
    await out.cancel(boom)
    await turns()
    assert source.cancelled == [boom]


async def test_pipe_into_a_socket() -> None:
    one, other = socket_pair(high_water_mark=1024)
    data = bytes(range(256)) * 1000
    _, stream = readable(*(data[start : start + 1000] for start in range(0, len(data), 1000)), close=True)
    reading = pending(collect(other))
    await stream.pipe_to(one.writable)
    assert await reading == data
    await one.abort()
    await other.abort()


async def collect(socket: Any) -> bytes:
    return b"".join([chunk async for chunk in socket.readable])


async def test_a_reset_of_the_destination_reaches_an_idle_source() -> None:
    one, other = socket_pair()
    source, stream = readable()
    piping = pending(stream.pipe_to(one.writable))
    await turns()
    await other.abort("gone")
    with pytest.raises(ConnectionResetError):
        await piping
    assert len(source.cancelled) == 1
