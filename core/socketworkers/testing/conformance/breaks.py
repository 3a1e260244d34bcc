"""Rules of resets, of aborts and of back-pressure."""

from __future__ import annotations

import asyncio

from ...errors import (
    Aborted,
    ConnectionLost,
    LimitExceeded,
)
from ...socket import Socket
from .registry import MakePair, can, end, everything, fails, lost, needing, rule, send_for_ever, until

__all__: list[str] = []


# -- reset and abort -----------------------------------------------------------------------------------------------


@rule
async def bytes_before_a_reset_are_read_first(make: MakePair) -> None:
    one, other = await make()
    writer = other.writable.get_writer()
    await writer.write(b"221 bye")
    await until(lambda: one.stats.buffered_in == 7, "the bytes arrive")
    await other.abort("enough")
    if not can(make, "reset"):
        assert await everything(one) == b"221 bye"
        return
    error = await fails(one.closed, ConnectionLost)
    assert isinstance(error, ConnectionResetError)
    reader = one.readable.get_reader()
    assert await reader.read() == b"221 bye"
    await fails(reader.read(), ConnectionLost)
    await fails(reader.closed, ConnectionLost)
    assert isinstance(one.signal.reason, ConnectionLost)


@rule
async def a_pending_read_hears_of_a_reset(make: MakePair) -> None:
    one, other = await make()
    reading = asyncio.get_running_loop().create_task(one.readable.get_reader().read())
    await asyncio.sleep(0)
    await other.abort("enough")
    if can(make, "reset"):
        await fails(reading, ConnectionLost)
    else:
        assert await reading == b""
    await lost(make, one)


@rule
async def abort_with_a_reason_fails_this_end_with_it(make: MakePair) -> None:
    one, other = await make()
    reader, writer = one.readable.get_reader(), one.writable.get_writer()
    events: list[object] = []
    one.add_event_listener("error", lambda event: events.append(event.detail))
    one.add_event_listener("close", lambda event: events.append("close"))
    await one.abort("bored")
    error = await fails(one.closed, Aborted)
    assert error.reason == "bored", error
    assert await fails(reader.read(), Aborted) is error
    assert await fails(writer.write(b"x"), Aborted) is error
    assert one.signal.aborted
    assert one.signal.reason is error
    assert events == [error, "close"], events
    await lost(make, other)


@rule
async def abort_with_no_reason_is_an_orderly_end(make: MakePair) -> None:
    one, other = await make()
    await one.abort()
    await one.closed
    await lost(make, other)


@rule
async def abort_drops_what_waits(make: MakePair) -> None:
    one, other = await make(high_water_mark=4096)
    writer = one.writable.get_writer()
    sending = asyncio.get_running_loop().create_task(send_for_ever(writer.write))
    await until(lambda: one.stats.buffered_out, "the peer's buffers are full")
    await one.abort("enough")
    await fails(sending, Aborted)
    # an end that is above its high-water mark hears of it when it reads
    if can(make, "reset"):
        await fails(everything(other), ConnectionLost)
    else:
        await everything(other)
    await end(other)


# -- back-pressure -------------------------------------------------------------------------------------------------


@rule
async def a_slow_reader_stops_the_writer(make: MakePair) -> None:
    one, other = await make(high_water_mark=16384)
    sent = 0

    async def send() -> None:
        nonlocal sent
        writer = one.writable.get_writer()
        for _ in range(2048):
            await writer.write(bytes(16384))
            sent += 16384
        await writer.close()

    task = asyncio.get_running_loop().create_task(send())
    before = -1
    while sent != before:  # until the kernel's buffers are full
        before = sent
        await asyncio.sleep(0.02)
    assert not task.done(), "32 MiB were taken with nobody reading"
    assert other.stats.buffered_in <= 16384 + 256 * 1024, other.stats.buffered_in
    assert one.stats.buffered_out <= 3 * 16384, one.stats.buffered_out
    total = 0
    async for chunk in other.readable:
        total += len(chunk)
    await task
    assert total == 32 * 1024 * 1024
    await end(one, other)


@rule
async def unawaited_writes_are_bounded(make: MakePair) -> None:
    one, other = await make(high_water_mark=16384)
    writer = one.writable.get_writer()
    with_room = 0
    for _ in range(4096):
        if one.signal.aborted:
            break
        writer.write(bytes(8192))
        with_room += 8192
        if with_room % (1024 * 1024) == 0:
            await asyncio.sleep(0)
    await fails(one.closed, LimitExceeded)
    assert one.stats.buffered_out == 0
    await end(one, other)


@needing("half_close")
async def both_ends_send_much_at_once(make: MakePair) -> None:
    one, other = await make()
    data = bytes(range(256)) * 8192

    async def send(socket: Socket) -> None:
        writer = socket.writable.get_writer()
        for start in range(0, len(data), 60000):
            await writer.write(data[start : start + 60000])
        await writer.close()

    _, _, there, back = await asyncio.gather(send(one), send(other), everything(other), everything(one))
    assert there == data
    assert back == data
    await one.closed
    await other.closed


@rule
async def flush_means_out_of_this_process(make: MakePair) -> None:
    one, other = await make()
    writer = one.writable.get_writer()
    reading = asyncio.get_running_loop().create_task(everything(other))
    writer.write(bytes(200_000))
    await writer.flush()
    assert one.stats.buffered_out == 0
    await writer.close()
    assert len(await reading) == 200_000
    await end(one, other)
