"""Rules of order and of ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ...errors import (
    ConnectionLost,
    StateError,
)
from ...socket import Socket
from .registry import MakePair, end, everything, fails, lacking, needing, rule, until

__all__: list[str] = []


# -- order, ends ---------------------------------------------------------------------------------------------------


@rule
async def bytes_go_both_ways(make: MakePair) -> None:
    one, other = await make()
    for near, far in ((one, other), (other, one)):
        await near.writable.get_writer().write(b"hello")
        with far.readable.get_reader() as reader:
            assert await reader.read_exactly(5) == b"hello"
    await end(one, other)


@rule
async def an_empty_write_does_nothing(make: MakePair) -> None:
    one, other = await make()
    writer = one.writable.get_writer()
    await writer.write(b"")
    await writer.write(b"x")
    reader = other.readable.get_reader()
    assert await reader.read() == b"x"
    assert one.stats.chunks_out == 1
    await end(one, other)


@rule
async def unawaited_writes_before_close_arrive_in_order(make: MakePair) -> None:
    for turned in (False, True):
        one, other = await make()
        if turned:
            one, other = other, one
        writer = one.writable.get_writer()
        wanted = b""
        for number in range(1000):
            wanted += (chunk := b"%d " % number)
            writer.write(chunk)
        closing = one.close()
        assert await everything(other) == wanted
        await other.close()
        await closing


@rule
async def closed_resolves_after_a_close_of_both_ends(make: MakePair) -> None:
    one, other = await make()
    assert one.close() is one.closed
    assert await other.readable.get_reader().read() == b""
    await other.close()
    await one.closed
    await one.close()
    assert one.stats.buffered_out == 0


@needing("half_close")
async def closed_resolves_when_both_directions_have_ended(make: MakePair) -> None:
    one, other = await make()
    for socket in (one, other):
        await socket.writable.get_writer().close()
    for socket in (one, other):
        assert await socket.readable.get_reader().read() == b""
    await one.closed
    await other.closed


@rule
async def closed_resolves_with_nobody_reading(make: MakePair) -> None:
    one, other = await make()
    await one.writable.get_writer().write(b"unread")
    one.close()
    await until(lambda: other.stats.buffered_in, "the bytes arrive")
    await other.close()
    await one.closed


@rule
async def the_end_stays_the_end(make: MakePair) -> None:
    one, other = await make()
    await one.writable.get_writer().close()
    reader = other.readable.get_reader()
    assert [await reader.read() for _ in range(3)] == [b"", b"", b""]
    await end(one, other)


@needing("half_close")
async def half_open_to_the_accepting_end(make: MakePair) -> None:
    one, other = await make()
    writer = one.writable.get_writer()
    writer.write(b"request")
    await writer.close()  # send, then shut down
    assert await everything(other) == b"request"
    answer = other.writable.get_writer()
    await answer.write(b"reply")
    await answer.write(b" and more")
    await answer.close()
    assert await everything(one) == b"reply and more"
    await one.closed
    await other.closed


@needing("half_close")
async def half_open_to_the_connecting_end(make: MakePair) -> None:
    one, other = await make()
    await other.writable.get_writer().close()
    assert await everything(one) == b""
    writer = one.writable.get_writer()
    await writer.write(b"still here")
    await writer.close()
    assert await everything(other) == b"still here"
    await one.closed
    await other.closed


@lacking("half_close")
async def the_end_of_one_direction_is_the_end_of_both(make: MakePair) -> None:
    for turned in (False, True):
        one, other = await make()
        if turned:
            one, other = other, one
        reading = asyncio.get_running_loop().create_task(everything(one))
        writer = one.writable.get_writer()
        writer.write(b"request")
        await writer.close()
        assert await everything(other) == b"request"
        await other.closed
        assert await reading == b""
        await one.closed
        await fails(other.writable.get_writer().write(b"too late"), ConnectionLost)


@lacking("half_close")
async def both_ends_may_end_at_once(make: MakePair) -> None:
    one, other = await make()
    for socket in (one, other):
        socket.writable.get_writer().write(b"bye")
    closing = [socket.close() for socket in (one, other)]
    for closed in closing:
        await closed


@lacking("half_close")
async def both_ends_send_much_at_once_and_then_end(make: MakePair) -> None:
    one, other = await make()
    data = bytes(range(256)) * 8192

    async def talk(socket: Socket) -> bytes:
        writer, reader = socket.writable.get_writer(), socket.readable.get_reader()

        async def send() -> None:
            for start in range(0, len(data), 60000):
                await writer.write(data[start : start + 60000])

        sending = asyncio.get_running_loop().create_task(send())
        got = await reader.read_exactly(len(data), limit=len(data))
        await sending
        return got

    back, there = await asyncio.gather(talk(one), talk(other))
    assert there == data
    assert back == data
    one.close()
    await other.closed
    await one.closed


@lacking("half_close")
async def pipes_end_with_either_end(make: MakePair) -> None:
    from ...streams import pipe

    client, near = await make()
    far, server = await make()
    piping = asyncio.get_running_loop().create_task(pipe(near, far))
    reader, writer = client.readable.get_reader(), client.writable.get_writer()
    there, back = server.readable.get_reader(), server.writable.get_writer()
    writer.write(b"through")
    assert await there.read_exactly(7) == b"through"
    back.write(b"and back")
    assert await reader.read_exactly(8) == b"and back"
    await writer.close()
    assert await there.read() == b""
    await asyncio.gather(piping, return_exceptions=True)
    await end(client, near, far, server)


@rule
async def what_follows_a_close_is_refused(make: MakePair) -> None:
    one, other = await make()
    writer = one.writable.get_writer()
    await writer.close()
    calls: tuple[Callable[[], object], ...] = (lambda: writer.write(b"x"), writer.close)
    for call in calls:
        try:
            call()
        except StateError:
            pass
        else:
            raise AssertionError("a closed writer took something")
    await end(one, other)


@rule
async def leaving_async_with_closes(make: MakePair) -> None:
    one, other = await make()

    async def far() -> bytes:
        data = await everything(other)
        await other.close()
        return data

    task = asyncio.get_running_loop().create_task(far())
    async with one:
        one.writable.get_writer().write(b"bye")
    assert await task == b"bye"
    await one.closed
