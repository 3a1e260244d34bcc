"""TransformStream: the cases of WPT streams/transform-streams that make sense for bytes."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

import pytest
from tests.support.recording import Boom, Gate, pending, raises, readable, throwing, turns

from socketworkers import StateError, TransformStream
from socketworkers.streams import TransformStreamController as Controller


async def collect(stream: Any) -> bytes:
    return b"".join([chunk async for chunk in stream])


async def test_identity() -> None:
    transform = TransformStream()
    writer = transform.writable.get_writer()
    writer.write(b"ab")
    writer.write(b"cd")
    writer.close()
    assert await collect(transform.readable) == b"abcd"
    await writer.closed


async def test_plain_and_coroutine_functions() -> None:
    def upper(chunk: bytes, controller: Controller) -> None:
        controller.enqueue(chunk.upper())
        controller.enqueue(b"")  # nothing to say is no error

    async def later(chunk: bytes, controller: Controller) -> None:
        await asyncio.sleep(0)
        controller.enqueue(chunk + b"!")

    for function, wanted in ((upper, b"AB"), (later, b"a!b!")):
        transform = TransformStream(function)
        writer = transform.writable.get_writer()
        writer.write(b"a")
        writer.write(b"b")
        writer.close()
        assert await collect(transform.readable) == wanted


async def test_a_real_one() -> None:
    packer = zlib.compressobj()
    transform = TransformStream(
        lambda chunk, controller: controller.enqueue(packer.compress(chunk)),
        flush=lambda controller: controller.enqueue(packer.flush()),
    )
    _, source = readable(b"x" * 1000, b"y" * 1000, close=True)
    packed = await collect(source.pipe_through(transform))
    assert zlib.decompress(packed) == b"x" * 1000 + b"y" * 1000


async def test_start_transform_flush_are_in_order() -> None:
    events: list[str] = []

    async def note(name: str) -> None:
        events.append(name)
        await turns()
        events.append(name + "ed")

    transform = TransformStream(
        lambda chunk, controller: note("transform"),
        start=lambda controller: note("start"),
        flush=lambda controller: note("flush"),
    )
    writer = transform.writable.get_writer()
    writer.write(b"a")
    await writer.close()
    assert events == ["start", "started", "transform", "transformed", "flush", "flushed"]


async def test_flush_may_enqueue() -> None:
    transform = TransformStream(
        lambda chunk, controller: None,
        start=lambda controller: controller.enqueue(b"head "),
        flush=lambda controller: controller.enqueue(b"tail"),
    )
    writer = transform.writable.get_writer()
    writer.write(b"dropped")
    writer.close()
    assert await collect(transform.readable) == b"head tail"


# -- back-pressure -------------------------------------------------------------------------------------------------


async def test_nothing_is_transformed_without_room() -> None:
    seen: list[bytes] = []

    def transform(chunk: bytes, controller: Controller) -> None:
        seen.append(chunk)
        controller.enqueue(chunk)

    stream = TransformStream(transform, readable_high_water_mark=0)
    writer = stream.writable.get_writer()
    writer.write(b"a")
    await turns()
    assert seen == []
    reader = stream.readable.get_reader()
    assert await reader.read() == b"a"
    stream = TransformStream(transform, readable_high_water_mark=1)
    writer = stream.writable.get_writer()
    first, second = pending(writer.write(b"b")), pending(writer.write(b"c"))
    await turns()
    assert seen == [b"a", b"b"]
    await first
    assert not second.done()
    assert await stream.readable.get_reader().read() == b"b"
    await second


async def test_transform_goes_on_while_there_is_room() -> None:
    seen: list[bytes] = []
    stream = TransformStream(lambda chunk, controller: seen.append(chunk), readable_high_water_mark=1)
    writer = stream.writable.get_writer()
    for number in range(4):
        await writer.write(b"%d" % number)
    assert seen == [b"0", b"1", b"2", b"3"]


async def test_a_slow_transform_holds_the_writer() -> None:
    gate = Gate()
    stream = TransformStream(lambda chunk, controller: gate(), writable_high_water_mark=1)
    writer = stream.writable.get_writer()
    assert writer.desired_size == 1
    writer.write(b"a")
    ready = pending(writer.ready)
    await turns()
    assert writer.desired_size == 0
    assert not ready.done()
    gate.open()
    await ready


async def test_transform_may_read_what_it_enqueued() -> None:
    async def transform(chunk: bytes, controller: Controller) -> None:
        controller.enqueue(chunk)
        assert await reader.read() == chunk

    stream = TransformStream(transform)
    reader = stream.readable.get_reader()
    await stream.writable.get_writer().write(b"a")


async def test_close_with_no_room() -> None:
    stream = TransformStream(readable_high_water_mark=0)
    await stream.writable.get_writer().close()
    await stream.readable.get_reader().closed


# -- errors --------------------------------------------------------------------------------------------------------


async def test_an_error_in_transform_breaks_both_sides() -> None:
    boom = Boom()
    for function in (throwing(boom), None):

        async def later(chunk: bytes, controller: Controller) -> None:
            raise boom

        stream = TransformStream(function or later)
        reader, writer = stream.readable.get_reader(), stream.writable.get_writer()
        await raises(writer.write(b"a"), boom)
        await raises(reader.read(), boom)
        await raises(reader.closed, boom)
        await raises(writer.closed, boom)


async def test_an_error_in_flush_breaks_both_sides() -> None:
    boom = Boom()
    stream = TransformStream(flush=throwing(boom))
    reader, writer = stream.readable.get_reader(), stream.writable.get_writer()
    await raises(writer.close(), boom)
    await raises(reader.read(), boom)
    await raises(writer.closed, boom)


async def test_error_of_the_controller_during_flush() -> None:
    boom = Boom()
    stream = TransformStream(flush=lambda controller: controller.error(boom))
    await raises(stream.writable.get_writer().close(), boom)
    await raises(stream.readable.get_reader().read(), boom)


async def test_an_error_in_start() -> None:
    boom = Boom()
    with pytest.raises(Boom):
        TransformStream(start=throwing(boom))

    async def start(controller: Controller) -> None:
        raise boom

    stream = TransformStream(throwing(AssertionError()), start=start)
    reader, writer = stream.readable.get_reader(), stream.writable.get_writer()
    written, closing = pending(writer.write(b"a")), pending(writer.close())
    await raises(written, boom)
    await raises(closing, boom)
    await raises(reader.read(), boom)


async def test_controller_error_only_counts_once() -> None:
    kept: list[Controller] = []
    boom = Boom()
    stream = TransformStream(start=kept.append)
    kept[0].error(boom)
    kept[0].error(Boom())
    with pytest.raises(StateError):
        kept[0].enqueue(b"x")
    await raises(stream.writable.get_writer().closed, boom)
    await raises(stream.readable.get_reader().closed, boom)


async def test_error_while_a_write_waits_for_room() -> None:
    kept: list[Controller] = []
    calls: list[bytes] = []
    stream = TransformStream(
        lambda chunk, controller: calls.append(chunk), start=kept.append, readable_high_water_mark=1
    )
    kept[0].enqueue(b"full")
    writer = stream.writable.get_writer()
    written = pending(writer.write(b"b"))
    await turns()
    kept[0].error(boom := Boom())
    await raises(written, boom)
    assert calls == []


async def test_abort_while_a_write_waits_for_room() -> None:
    stream = TransformStream(readable_high_water_mark=0)
    writer = stream.writable.get_writer()
    written = pending(writer.write(b"b"))
    await turns()
    aborting = pending(writer.abort(boom := Boom()))
    await raises(written, boom)
    await aborting
    await raises(stream.readable.get_reader().read(), boom)


async def test_abort_breaks_the_readable_with_its_reason() -> None:
    stream = TransformStream()
    boom = Boom()
    await stream.writable.abort(boom)
    await raises(stream.readable.get_reader().read(), boom)


# -- cancel --------------------------------------------------------------------------------------------------------


async def test_cancel_is_told_of_either_side() -> None:
    reasons: list[object] = []
    stream = TransformStream(cancel=reasons.append, flush=throwing(AssertionError()))
    boom = Boom()
    await stream.readable.cancel(boom)
    await raises(stream.writable.get_writer().closed, boom)
    other = TransformStream(cancel=reasons.append, flush=throwing(AssertionError()))
    await other.writable.abort(boom)
    await raises(other.readable.get_reader().closed, boom)
    assert reasons == [boom, boom]


async def test_an_error_in_cancel() -> None:
    boom = Boom()
    stream = TransformStream(cancel=throwing(boom))
    await raises(stream.readable.cancel("x"), boom)
    await raises(stream.writable.get_writer().closed, boom)
    stream = TransformStream(cancel=throwing(boom))
    await raises(stream.writable.abort("x"), boom)
    await raises(stream.readable.get_reader().closed, boom)


async def test_cancel_lets_a_waiting_write_go() -> None:
    stream = TransformStream(readable_high_water_mark=1)
    writer = stream.writable.get_writer()
    await writer.write(b"a")
    written = pending(writer.write(b"b"))
    await turns()
    await stream.readable.cancel(boom := Boom())
    await asyncio.wait([written])
    await raises(writer.closed, boom)


async def test_enqueue_after_cancel_is_refused() -> None:
    kept: list[Controller] = []
    stream = TransformStream(start=kept.append)
    await stream.readable.cancel()
    with pytest.raises(StateError):
        kept[0].enqueue(b"x")
    kept[0].terminate()
    kept[0].error(Boom())


# -- terminate -----------------------------------------------------------------------------------------------------


async def test_terminate_ends_the_readable_and_breaks_the_writable() -> None:
    kept: list[Controller] = []
    stream = TransformStream(start=kept.append)
    kept[0].enqueue(b"last")
    kept[0].terminate()
    kept[0].terminate()
    with pytest.raises(StateError):
        kept[0].enqueue(b"x")
    assert await collect(stream.readable) == b"last"
    await raises(stream.writable.get_writer().write(b"x"), StateError)


async def test_terminate_breaks_a_pipe() -> None:
    kept: list[Controller] = []
    seen: list[bytes] = []

    def transform(chunk: bytes, controller: Controller) -> None:
        seen.append(chunk)
        controller.enqueue(chunk)

    stream = TransformStream(transform, start=kept.append, readable_high_water_mark=0)
    _, source = readable(b"0")
    piping = pending(source.pipe_to(stream.writable))
    await turns()
    assert seen == []
    kept[0].terminate()
    await raises(piping, StateError)
    assert seen == []


async def test_terminate_in_flush() -> None:
    stream = TransformStream(flush=lambda controller: controller.terminate())
    writer = stream.writable.get_writer()
    await writer.close()
    await writer.closed
    await stream.readable.get_reader().closed


async def test_terminate_and_then_an_exception() -> None:
    boom = Boom()

    def transform(chunk: bytes, controller: Controller) -> None:
        controller.enqueue(chunk)
        controller.terminate()
        raise boom

    stream = TransformStream(transform, readable_high_water_mark=1)
    await raises(stream.writable.get_writer().write(b"a"), boom)
    await raises(stream.readable.get_reader().closed, boom)


async def test_error_after_terminate() -> None:
    kept: list[Controller] = []
    boom = Boom()
    stream = TransformStream(start=kept.append)
    kept[0].enqueue(b"queued")
    kept[0].terminate()
    kept[0].error(boom)
    await raises(stream.readable.get_reader().closed, boom)
    stream = TransformStream(start=kept.append)
    kept[1].terminate()
    kept[1].error(boom)
    await stream.readable.get_reader().closed
