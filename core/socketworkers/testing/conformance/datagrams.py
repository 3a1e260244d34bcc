"""``check_datagram_socket``: what sockets of messages have to do, as one suite over a pair of somebody's own.

The rules are those of docs/reference/socket.md. A transport may lose, repeat and reorder messages; a pair that is given
to these rules should not, or they cannot tell.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from ...errors import Aborted, IdleTimeout, LimitExceeded, StateError
from ...info import Timeouts
from ...socket import Socket
from .registry import TIMEOUT, MakePair, end, fails, until

__all__ = ["DATAGRAM_RULES", "check_datagram_socket"]

Rule = Callable[[MakePair], Awaitable[None]]
#: the rules by name
DATAGRAM_RULES: dict[str, Rule] = {}


def rule(function: Rule) -> Rule:
    DATAGRAM_RULES[getattr(function, "__name__", "")] = function
    return function


async def check_datagram_socket(make_pair: MakePair, rules: Iterable[str] | None = None) -> None:
    """Hold a transport of messages to the rules.

    Args:
        make_pair: makes a connected pair: the connecting end and the accepting end. The accepting end may have got one
            message already, which is read first and is not looked at. It is called with some of ``high_water_mark``,
            ``timeouts`` and ``allow_half_open`` (of the connecting end).
        rules: names from ``DATAGRAM_RULES``; all by default.

    Raises:
        AssertionError: a rule is broken; the message names it.
    """
    for name in rules if rules is not None else DATAGRAM_RULES:
        try:
            async with asyncio.timeout(TIMEOUT):
                await DATAGRAM_RULES[name](make_pair)
        except TimeoutError as error:
            raise AssertionError(f"{name}: nothing happened for {TIMEOUT:g} s") from error
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


async def messages(socket: Socket, count: int) -> list[bytes]:
    found: list[bytes] = []
    async for message in socket.readable:
        found.append(message)
        if len(found) == count:
            break
    return found


@rule
async def borders_are_kept_both_ways(make: MakePair) -> None:
    one, other = await make()
    sent = [b"a", b"bc" * 300, b"", b"def", bytes(9000)]
    for near, far in ((one, other), (other, one)):
        writer = near.writable.get_writer()
        for message in sent:
            await writer.write(message)
        assert await messages(far, len(sent)) == sent
    await end(one, other)


@rule
async def a_read_gives_one_message(make: MakePair) -> None:
    one, other = await make()
    writer = one.writable.get_writer()
    for message in (b"first", b"second"):
        await writer.write(message)
    await until(lambda: other.stats.buffered_in == 11, "both have come")
    with other.readable.get_reader() as reader:
        assert reader.buffered() == 11
        assert await reader.read() == b"first"
        await fails(reader.read(3), LimitExceeded)
        assert await reader.read(100) == b"second"
        await fails(reader.read_exactly(1), StateError)
        await fails(reader.read_line(), StateError)
        await fails(reader.peek(), StateError)
    await end(one, other)


@rule
async def a_buffer_that_is_too_short_takes_nothing(make: MakePair) -> None:
    one, other = await make()
    await one.writable.get_writer().write(b"12345")
    with other.readable.get_reader() as reader:
        await fails(reader.read_into(bytearray(4)), LimitExceeded)
        buffer = bytearray(8)
        assert await reader.read_into(buffer) == 5
        assert buffer[:5] == b"12345"
    await end(one, other)


@rule
async def what_is_too_long_is_an_error_and_is_not_sent(make: MakePair) -> None:
    one, other = await make()
    writer = one.writable.get_writer()
    try:
        writer.write(bytes(65_536))
    except LimitExceeded:
        pass
    else:
        raise AssertionError("65,536 bytes were taken as one message")
    await writer.write(b"after")
    assert await messages(other, 1) == [b"after"]
    assert one.stats.chunks_out == 1
    await end(one, other)


@rule
async def unawaited_writes_keep_their_order(make: MakePair) -> None:
    one, other = await make()
    writer = one.writable.get_writer()
    for number in range(100):
        writer.write(b"%d" % number)
    assert await messages(other, 100) == [b"%d" % number for number in range(100)]
    await end(one, other)


@rule
async def a_slow_reader_holds_little_and_loses_the_rest(make: MakePair) -> None:
    one, other = await make(high_water_mark=16384)
    writer = one.writable.get_writer()
    for _ in range(64):
        for _ in range(8):
            await writer.write(bytes(1000))
        await asyncio.sleep(0)
    # the kernel may hold some more; what the socket holds is bounded
    await until(lambda: other.stats.buffered_in > 8000, "some have come")
    assert other.stats.buffered_in <= 16384, other.stats.buffered_in
    reader = other.readable.get_reader()
    while other.stats.buffered_in:
        assert len(await reader.read()) == 1000
    await end(one, other)


@rule
async def empty_messages_do_not_come_for_nothing(make: MakePair) -> None:
    one, other = await make(high_water_mark=16384)
    writer = one.writable.get_writer()
    for _ in range(40):
        for _ in range(25):
            await writer.write(b"")
        await asyncio.sleep(0)
    await until(lambda: other._readable._size > 8000, "some have come")
    assert len(other._readable._chunks) <= 16384 // 64
    await end(one, other)


@rule
async def a_callback_gets_each_message(make: MakePair) -> None:
    one, other = await make()
    got: list[bytes] = []
    other.on_data(got.append)
    writer = one.writable.get_writer()
    for message in (b"one", b"", b"two"):
        await writer.write(message)
    await until(lambda: len(got) == 2, "they come")
    assert got == [b"one", b"two"]  # an empty one would look like the end
    await end(one, other)


@rule
async def a_failing_callback_aborts_this_end(make: MakePair) -> None:
    one, other = await make()

    def fail(data: bytes) -> None:
        raise ZeroDivisionError

    other.on_data(fail)
    await one.writable.get_writer().write(b"x")
    await fails(other.closed, ZeroDivisionError)
    await end(one)


@rule
async def close_sends_what_was_written_and_ends(make: MakePair) -> None:
    one, other = await make()
    writer = one.writable.get_writer()
    writer.write(b"a")
    writer.write(b"b")
    closing = one.close()
    assert await messages(other, 2) == [b"a", b"b"]
    await closing
    assert one.close() is one.closed
    assert one.stats.buffered_out == 0
    await end(other)


@rule
async def the_end_of_writing_is_the_end_of_the_connecting_socket(make: MakePair) -> None:
    one, other = await make()
    writer = one.writable.get_writer()
    writer.write(b"only")
    await writer.close()
    await one.closed
    assert await messages(other, 1) == [b"only"]
    await end(other)


@rule
async def half_open_goes_on_reading(make: MakePair) -> None:
    one, other = await make(allow_half_open=True)
    writer = one.writable.get_writer()
    writer.write(b"question")
    await writer.close()
    assert await messages(other, 1) == [b"question"]
    await other.writable.get_writer().write(b"answer")
    assert await messages(one, 1) == [b"answer"]
    await one.close()
    await end(other)


@rule
async def abort_with_a_reason_fails_this_end_with_it(make: MakePair) -> None:
    one, other = await make()
    reader, writer = one.readable.get_reader(), one.writable.get_writer()
    await one.abort("bored")
    error = await fails(one.closed, Aborted)
    assert error.reason == "bored"
    assert await fails(reader.read(), Aborted) is error
    assert await fails(writer.write(b"x"), Aborted) is error
    assert one.signal.reason is error
    await end(other)


@rule
async def what_follows_a_close_is_refused(make: MakePair) -> None:
    one, other = await make()
    writer = one.writable.get_writer()
    await writer.close()
    try:
        writer.write(b"x")
    except StateError:
        pass
    else:
        raise AssertionError("a closed writer took something")
    await end(one, other)


@rule
async def an_idle_read_fails_and_writing_goes_on(make: MakePair) -> None:
    one, other = await make(timeouts=Timeouts(idle=0.15))
    with one.readable.get_reader() as reader:
        await fails(reader.read(), IdleTimeout)
    await one.writable.get_writer().write(b"still here")
    assert await messages(other, 1) == [b"still here"]
    await end(one, other)


@rule
async def info_and_stats_tell_the_truth(make: MakePair) -> None:
    one, other = await make()
    info = await one.ready
    assert other.info is not None
    assert info.remote.port == other.info.local.port
    assert info.opened_at > 1e9
    before = other.stats
    await one.writable.get_writer().write(b"12345")
    assert await messages(other, 1) == [b"12345"]
    assert (one.stats.bytes_out, one.stats.chunks_out) == (5, 1)
    after = other.stats
    assert (after.bytes_in - before.bytes_in, after.chunks_in - before.chunks_in) == (5, 1)
    assert after.buffered_in == 0
    assert after.dropped_in == 0
    await end(one, other)


@rule
async def there_is_no_tls_to_start(make: MakePair) -> None:
    one, other = await make()
    await fails(one.start_tls(), StateError)
    await end(one, other)
