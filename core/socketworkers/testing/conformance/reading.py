"""Rules of reading, of time and of what is known about a socket."""

from __future__ import annotations

import asyncio

from ...errors import (
    IdleTimeout,
    LimitExceeded,
    StateError,
    UnexpectedEOF,
    WriteTimeout,
)
from ...info import Timeouts
from .registry import MakePair, can, end, everything, fails, lost, needing, rule, send_for_ever, until

__all__: list[str] = []


# -- reading -------------------------------------------------------------------------------------------------------


@rule
async def releasing_the_lock_loses_no_byte(make: MakePair) -> None:
    one, other = await make()
    reader = other.readable.get_reader()
    pending = asyncio.get_running_loop().create_task(reader.read())
    await asyncio.sleep(0)
    reader.release_lock()
    await fails(pending, StateError)
    await fails(reader.read(), StateError)
    await one.writable.get_writer().write(b"kept")
    with other.readable.get_reader() as again:
        assert await again.read() == b"kept"
    await end(one, other)


@rule
async def a_cancelled_read_loses_no_byte(make: MakePair) -> None:
    one, other = await make()
    reader, writer = other.readable.get_reader(), one.writable.get_writer()
    for method in ("read", "peek", "read_line"):
        pending = asyncio.get_running_loop().create_task(getattr(reader, method)())
        await asyncio.sleep(0)
        await writer.write(b"ab")
        pending.cancel()
        await asyncio.gather(pending, return_exceptions=True)
    assert await reader.read_exactly(6) == b"ababab"
    reader.release_lock()
    for _ in range(2):
        pending = asyncio.get_running_loop().create_task(everything(other))
        await asyncio.sleep(0)
        pending.cancel()
        await asyncio.gather(pending, return_exceptions=True)
    await writer.write(b"cd")
    with other.readable.get_reader() as reader:
        assert await reader.read_exactly(2) == b"cd"
    await end(one, other)


@rule
async def a_lock_is_for_one(make: MakePair) -> None:
    one, other = await make()
    with one.readable.get_reader(), one.writable.get_writer():
        for lock in (one.readable.get_reader, one.writable.get_writer, lambda: one.on_data(print)):
            try:
                lock()
            except StateError:
                pass
            else:
                raise AssertionError("a locked stream was locked again")
    one.readable.get_reader()
    one.writable.get_writer()
    await end(one, other)


@rule
async def after_cancel_the_peer_is_not_blocked(make: MakePair) -> None:
    one, other = await make(high_water_mark=16384)
    await one.writable.get_writer().write(b"early")
    reader = other.readable.get_reader()
    await reader.cancel("not interested")
    reader.release_lock()
    writer = one.writable._writer
    assert writer is not None
    for _ in range(256):
        await writer.write(bytes(16384))
    await other.writable.get_writer().write(b"the other direction lives")
    with one.readable.get_reader() as back:
        assert await back.read_exactly(25) == b"the other direction lives"
    await writer.close()
    await other.close()
    await one.closed
    await other.closed


@rule
async def helpers_are_exact_and_bounded(make: MakePair) -> None:
    one, other = await make()
    writer, reader = one.writable.get_writer(), other.readable.get_reader()
    await writer.write(b"line\r\nhead;body12345")
    assert (await reader.peek(4)).startswith(b"line")
    assert await reader.read_line() == b"line\r\n"
    assert await reader.read_until(b";") == b"head;"
    assert await reader.read_exactly(4) == b"body"
    reader.unread(b"BODY")
    assert await reader.read(2) == b"BO"
    view = bytearray(4)
    assert await reader.read_into(view, at_least=4) == 4
    assert view == b"DY12"
    await fails(reader.read_exactly(1 << 30), LimitExceeded)
    await writer.write(b"6" * 100)
    await fails(reader.read_line(limit=50), LimitExceeded)
    assert (await reader.read_exactly(103)).endswith(b"666")
    await writer.write(b"short")
    await writer.close()
    error = await fails(reader.read_exactly(10), UnexpectedEOF)
    assert error.partial == b"short"
    assert await reader.read_line() == b""
    await end(one, other)


@rule
async def a_callback_gets_data_and_the_end(make: MakePair) -> None:
    one, other = await make()
    writer = one.writable.get_writer()
    await writer.write(b"before ")
    await until(lambda: other.stats.buffered_in, "the bytes arrive")
    got: list[bytes] = []
    other.on_data(got.append)
    await writer.write(b"after")
    await writer.close()
    await until(lambda: got and got[-1] == b"", "the end arrives")
    assert b"".join(got) == b"before after"
    assert got.count(b"") == 1
    await end(one, other)


@rule
async def a_failing_callback_aborts(make: MakePair) -> None:
    one, other = await make()

    def fail(data: bytes) -> None:
        raise ZeroDivisionError

    other.on_data(fail)
    await one.writable.get_writer().write(b"x")
    await fails(other.closed, ZeroDivisionError)
    await lost(make, one)


@needing("half_close")
async def pipes_connect_sockets(make: MakePair) -> None:
    from ...streams import pipe

    client, near = await make()
    far, server = await make()
    piping = asyncio.get_running_loop().create_task(pipe(near, far))
    writer = client.writable.get_writer()
    writer.write(b"through")
    await writer.close()
    assert await everything(server) == b"through"
    answer = server.writable.get_writer()
    answer.write(b"and back")
    await answer.close()
    assert await everything(client) == b"and back"
    await piping
    for socket in (client, near, far, server):
        await socket.closed


# -- time ----------------------------------------------------------------------------------------------------------


@rule
async def an_idle_read_fails_and_writing_goes_on(make: MakePair) -> None:
    one, other = await make(timeouts=Timeouts(idle=0.15))
    with other.readable.get_reader() as reader:
        await fails(reader.read(), IdleTimeout)
    await fails(everything(other), IdleTimeout)
    writer = other.writable.get_writer()
    writer.write(b"421 too slow")
    other.close()
    with one.readable.get_reader() as client:
        assert await client.read_exactly(12) == b"421 too slow"
    await one.close()
    await other.closed


@rule
async def a_deadline_does_not_move(make: MakePair) -> None:
    one, other = await make()
    writer, reader = one.writable.get_writer(), other.readable.get_reader()
    other.set_deadline(0.25)
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def drip() -> None:
        while True:
            await writer.write(b".")
            await asyncio.sleep(0.03)

    dripping = loop.create_task(drip())
    await fails(reader.read_line(), IdleTimeout)
    dripping.cancel()
    assert loop.time() - began < 1.5
    other.set_deadline(None)
    await writer.write(b"\n")
    assert (await reader.read_line()).endswith(b"\n")
    await end(one, other)


@rule
async def a_peer_that_takes_nothing_is_aborted(make: MakePair) -> None:
    one, other = await make(high_water_mark=16384, timeouts=Timeouts(write=0.15))
    await fails(send_for_ever(one.writable.get_writer().write), WriteTimeout)
    await fails(one.closed, WriteTimeout)
    await end(other)


# -- what is known -------------------------------------------------------------------------------------------------


@rule
async def info_and_stats_tell_the_truth(make: MakePair) -> None:
    one, other = await make()
    info = await one.ready
    assert one.info is not None
    assert info == one.info
    assert await one.opened == info
    assert info.opened_at > 1e9
    assert other.info is not None
    if can(make, "addresses"):
        assert info.remote == other.info.local
    assert info.secure is (info.tls is not None)
    await one.writable.get_writer().write(b"12345")
    await other.readable.get_reader().read_exactly(5)
    sent, received = one.stats, other.stats
    assert (sent.bytes_out, sent.chunks_out) == (5, 1)
    assert (received.bytes_in, received.chunks_in) == (5, 1)
    assert received.buffered_in == 0
    assert sent.duration >= 0
    assert sent.opened_at == info.opened_at
    await end(one, other)


@rule
async def update_changes_an_open_socket(make: MakePair) -> None:
    one, other = await make()
    await one.update(high_water_mark=4096, no_delay=True, keep_alive=60, timeouts=Timeouts(idle=0.15))
    assert one.high_water_mark == 4096
    with one.readable.get_reader() as reader:
        await fails(reader.read(), IdleTimeout)
    await one.abort()
    await fails(one.update(no_delay=False), StateError)
    await end(other)
