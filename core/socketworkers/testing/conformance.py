"""``check_socket``: what every transport's sockets have to do, as one suite that anybody can run over a pair of theirs.

The rules are those of docs/reference/socket.md. Each takes a fresh pair and fails with an AssertionError. A transport
says what it can do (``CAPABILITIES``); what it cannot do has rules of its own, so that nothing is left out silently.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

from ..errors import (
    Aborted,
    ConnectionLost,
    IdleTimeout,
    LimitExceeded,
    StateError,
    UnexpectedEOF,
    WriteTimeout,
)
from ..info import Timeouts
from ..socket import Socket

__all__ = ["CAPABILITIES", "SOCKET_RULES", "MakePair", "check_socket", "rules_for"]

#: seconds for one rule; none needs more than one
TIMEOUT = 10.0


class MakePair(Protocol):
    """Makes two connected, open sockets: the connecting end (half-open allowed) and the accepting end.

    It is called with some of ``high_water_mark`` and ``timeouts``, which are meant for both ends. An attribute
    ``capabilities`` says what the transport can do, all of ``CAPABILITIES`` by default: without ``reset`` (Unix
    sockets) the peer of an aborted socket sees an end, without ``half_close`` (WebSocket) the end of one direction is
    the end of both.
    """

    def __call__(self, **options: Any) -> Awaitable[tuple[Socket, Socket]]: ...


Rule = Callable[[MakePair], Awaitable[None]]

#: what a transport may be unable to do
CAPABILITIES = frozenset({"half_close", "reset"})
#: the rules by name
SOCKET_RULES: dict[str, Rule] = {}
_needs: dict[str, str] = {}
_without: dict[str, str] = {}


def _rule(function: Rule) -> Rule:
    SOCKET_RULES[getattr(function, "__name__", "")] = function
    return function


def _needing(capability: str) -> Callable[[Rule], Rule]:
    """A rule for transports that can do something."""

    def register(function: Rule) -> Rule:
        _needs[getattr(function, "__name__", "")] = capability
        return _rule(function)

    return register


def _lacking(capability: str) -> Callable[[Rule], Rule]:
    """A rule for transports that cannot do something."""

    def register(function: Rule) -> Rule:
        _without[getattr(function, "__name__", "")] = capability
        return _rule(function)

    return register


def rules_for(capabilities: Iterable[str] = CAPABILITIES) -> list[str]:
    """Names of the rules that a transport with those capabilities is held to.

    Raises:
        ValueError: a capability that there is not.
    """
    able = frozenset(capabilities)
    if able - CAPABILITIES:
        raise ValueError(f"no such capability: {', '.join(sorted(able - CAPABILITIES))}")
    return [
        name
        for name in SOCKET_RULES
        if (name not in _needs or _needs[name] in able) and (name not in _without or _without[name] not in able)
    ]


def _can(make: MakePair, capability: str) -> bool:
    return capability in getattr(make, "capabilities", CAPABILITIES)


async def check_socket(make_pair: MakePair, rules: Iterable[str] | None = None) -> None:
    """Hold a transport to the rules.

    Args:
        make_pair: makes a connected pair; its ``capabilities`` choose the rules.
        rules: names from ``SOCKET_RULES``; by default all that the transport's capabilities ask for.

    Raises:
        AssertionError: a rule is broken; the message names it.
    """
    if rules is None:
        rules = rules_for(getattr(make_pair, "capabilities", CAPABILITIES))
    for name in rules:
        try:
            async with asyncio.timeout(TIMEOUT):
                await SOCKET_RULES[name](make_pair)
        except TimeoutError as error:
            raise AssertionError(f"{name}: nothing happened for {TIMEOUT:g} s") from error
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


# -- helpers -------------------------------------------------------------------------------------------------------


async def _until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that no awaitable tells of (bytes that lie unread, for one)."""
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError(f"it never came true: {what}")


async def _fails(awaitable: Awaitable[object], kind: type[BaseException]) -> Any:
    try:
        result = await awaitable
    except kind as error:
        return error
    raise AssertionError(f"expected {kind.__name__}, got {result!r}")


async def _lost(make: MakePair, socket: Socket) -> None:
    """The other end was aborted."""
    if _can(make, "reset"):
        await _fails(socket.closed, ConnectionLost)
    else:
        await _until(lambda: socket._peer_eof or socket._state == 3, "the end arrives")
        await socket.abort()


async def _all(socket: Socket) -> bytes:
    return b"".join([chunk async for chunk in socket.readable])


async def _end(*sockets: Socket) -> None:
    for socket in sockets:
        await socket.abort()


# -- order, ends ---------------------------------------------------------------------------------------------------


@_rule
async def bytes_go_both_ways(make: MakePair) -> None:
    one, other = await make()
    for near, far in ((one, other), (other, one)):
        await near.writable.get_writer().write(b"hello")
        with far.readable.get_reader() as reader:
            assert await reader.read_exactly(5) == b"hello"
    await _end(one, other)


@_rule
async def an_empty_write_does_nothing(make: MakePair) -> None:
    one, other = await make()
    writer = one.writable.get_writer()
    await writer.write(b"")
    await writer.write(b"x")
    reader = other.readable.get_reader()
    assert await reader.read() == b"x"
    assert one.stats.chunks_out == 1
    await _end(one, other)


@_rule
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
        assert await _all(other) == wanted
        await other.close()
        await closing


@_rule
async def closed_resolves_after_a_close_of_both_ends(make: MakePair) -> None:
    one, other = await make()
    assert one.close() is one.closed
    assert await other.readable.get_reader().read() == b""
    await other.close()
    await one.closed
    await one.close()
    assert one.stats.buffered_out == 0


@_needing("half_close")
async def closed_resolves_when_both_directions_have_ended(make: MakePair) -> None:
    one, other = await make()
    for socket in (one, other):
        await socket.writable.get_writer().close()
    for socket in (one, other):
        assert await socket.readable.get_reader().read() == b""
    await one.closed
    await other.closed


@_rule
async def closed_resolves_with_nobody_reading(make: MakePair) -> None:
    one, other = await make()
    await one.writable.get_writer().write(b"unread")
    one.close()
    await _until(lambda: other.stats.buffered_in, "the bytes arrive")
    await other.close()
    await one.closed


@_rule
async def the_end_stays_the_end(make: MakePair) -> None:
    one, other = await make()
    await one.writable.get_writer().close()
    reader = other.readable.get_reader()
    assert [await reader.read() for _ in range(3)] == [b"", b"", b""]
    await _end(one, other)


@_needing("half_close")
async def half_open_to_the_accepting_end(make: MakePair) -> None:
    one, other = await make()
    writer = one.writable.get_writer()
    writer.write(b"request")
    await writer.close()  # send, then shut down
    assert await _all(other) == b"request"
    answer = other.writable.get_writer()
    await answer.write(b"reply")
    await answer.write(b" and more")
    await answer.close()
    assert await _all(one) == b"reply and more"
    await one.closed
    await other.closed


@_needing("half_close")
async def half_open_to_the_connecting_end(make: MakePair) -> None:
    one, other = await make()
    await other.writable.get_writer().close()
    assert await _all(one) == b""
    writer = one.writable.get_writer()
    await writer.write(b"still here")
    await writer.close()
    assert await _all(other) == b"still here"
    await one.closed
    await other.closed


@_lacking("half_close")
async def the_end_of_one_direction_is_the_end_of_both(make: MakePair) -> None:
    for turned in (False, True):
        one, other = await make()
        if turned:
            one, other = other, one
        reading = asyncio.get_running_loop().create_task(_all(one))
        writer = one.writable.get_writer()
        writer.write(b"request")
        await writer.close()
        assert await _all(other) == b"request"
        await other.closed
        assert await reading == b""
        await one.closed
        await _fails(other.writable.get_writer().write(b"too late"), ConnectionLost)


@_lacking("half_close")
async def both_ends_may_end_at_once(make: MakePair) -> None:
    one, other = await make()
    for socket in (one, other):
        socket.writable.get_writer().write(b"bye")
    closing = [socket.close() for socket in (one, other)]
    for closed in closing:
        await closed


@_lacking("half_close")
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


@_lacking("half_close")
async def pipes_end_with_either_end(make: MakePair) -> None:
    from ..streams import pipe

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
    await _end(client, near, far, server)


@_rule
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
    await _end(one, other)


@_rule
async def leaving_async_with_closes(make: MakePair) -> None:
    one, other = await make()

    async def far() -> bytes:
        data = await _all(other)
        await other.close()
        return data

    task = asyncio.get_running_loop().create_task(far())
    async with one:
        one.writable.get_writer().write(b"bye")
    assert await task == b"bye"
    await one.closed


# -- reset and abort -----------------------------------------------------------------------------------------------


@_rule
async def bytes_before_a_reset_are_read_first(make: MakePair) -> None:
    one, other = await make()
    writer = other.writable.get_writer()
    await writer.write(b"221 bye")
    await _until(lambda: one.stats.buffered_in == 7, "the bytes arrive")
    await other.abort("enough")
    if not _can(make, "reset"):
        assert await _all(one) == b"221 bye"
        return
    error = await _fails(one.closed, ConnectionLost)
    assert isinstance(error, ConnectionResetError)
    reader = one.readable.get_reader()
    assert await reader.read() == b"221 bye"
    await _fails(reader.read(), ConnectionLost)
    await _fails(reader.closed, ConnectionLost)
    assert isinstance(one.signal.reason, ConnectionLost)


@_rule
async def a_pending_read_hears_of_a_reset(make: MakePair) -> None:
    one, other = await make()
    reading = asyncio.get_running_loop().create_task(one.readable.get_reader().read())
    await asyncio.sleep(0)
    await other.abort("enough")
    if _can(make, "reset"):
        await _fails(reading, ConnectionLost)
    else:
        assert await reading == b""
    await _lost(make, one)


@_rule
async def abort_with_a_reason_fails_this_end_with_it(make: MakePair) -> None:
    one, other = await make()
    reader, writer = one.readable.get_reader(), one.writable.get_writer()
    events: list[object] = []
    one.add_event_listener("error", lambda event: events.append(event.detail))
    one.add_event_listener("close", lambda event: events.append("close"))
    await one.abort("bored")
    error = await _fails(one.closed, Aborted)
    assert error.reason == "bored", error
    assert await _fails(reader.read(), Aborted) is error
    assert await _fails(writer.write(b"x"), Aborted) is error
    assert one.signal.aborted
    assert one.signal.reason is error
    assert events == [error, "close"], events
    await _lost(make, other)


@_rule
async def abort_with_no_reason_is_an_orderly_end(make: MakePair) -> None:
    one, other = await make()
    await one.abort()
    await one.closed
    await _lost(make, other)


@_rule
async def abort_drops_what_waits(make: MakePair) -> None:
    one, other = await make(high_water_mark=4096)
    writer = one.writable.get_writer()
    sending = asyncio.get_running_loop().create_task(_send_for_ever(writer.write))
    await _until(lambda: one.stats.buffered_out, "the peer's buffers are full")
    await one.abort("enough")
    await _fails(sending, Aborted)
    # an end that is above its high-water mark hears of it when it reads
    if _can(make, "reset"):
        await _fails(_all(other), ConnectionLost)
    else:
        await _all(other)
    await _end(other)


async def _send_for_ever(write: Callable[[bytes], Awaitable[None]]) -> None:
    chunk = bytes(16384)
    while True:
        await write(chunk)


# -- back-pressure -------------------------------------------------------------------------------------------------


@_rule
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
    await _end(one, other)


@_rule
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
    await _fails(one.closed, LimitExceeded)
    assert one.stats.buffered_out == 0
    await _end(one, other)


@_needing("half_close")
async def both_ends_send_much_at_once(make: MakePair) -> None:
    one, other = await make()
    data = bytes(range(256)) * 8192

    async def send(socket: Socket) -> None:
        writer = socket.writable.get_writer()
        for start in range(0, len(data), 60000):
            await writer.write(data[start : start + 60000])
        await writer.close()

    _, _, there, back = await asyncio.gather(send(one), send(other), _all(other), _all(one))
    assert there == data
    assert back == data
    await one.closed
    await other.closed


@_rule
async def flush_means_out_of_this_process(make: MakePair) -> None:
    one, other = await make()
    writer = one.writable.get_writer()
    reading = asyncio.get_running_loop().create_task(_all(other))
    writer.write(bytes(200_000))
    await writer.flush()
    assert one.stats.buffered_out == 0
    await writer.close()
    assert len(await reading) == 200_000
    await _end(one, other)


# -- reading -------------------------------------------------------------------------------------------------------


@_rule
async def releasing_the_lock_loses_no_byte(make: MakePair) -> None:
    one, other = await make()
    reader = other.readable.get_reader()
    pending = asyncio.get_running_loop().create_task(reader.read())
    await asyncio.sleep(0)
    reader.release_lock()
    await _fails(pending, StateError)
    await _fails(reader.read(), StateError)
    await one.writable.get_writer().write(b"kept")
    with other.readable.get_reader() as again:
        assert await again.read() == b"kept"
    await _end(one, other)


@_rule
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
        pending = asyncio.get_running_loop().create_task(_all(other))
        await asyncio.sleep(0)
        pending.cancel()
        await asyncio.gather(pending, return_exceptions=True)
    await writer.write(b"cd")
    with other.readable.get_reader() as reader:
        assert await reader.read_exactly(2) == b"cd"
    await _end(one, other)


@_rule
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
    await _end(one, other)


@_rule
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


@_rule
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
    await _fails(reader.read_exactly(1 << 30), LimitExceeded)
    await writer.write(b"6" * 100)
    await _fails(reader.read_line(limit=50), LimitExceeded)
    assert (await reader.read_exactly(103)).endswith(b"666")
    await writer.write(b"short")
    await writer.close()
    error = await _fails(reader.read_exactly(10), UnexpectedEOF)
    assert error.partial == b"short"
    assert await reader.read_line() == b""
    await _end(one, other)


@_rule
async def a_callback_gets_data_and_the_end(make: MakePair) -> None:
    one, other = await make()
    writer = one.writable.get_writer()
    await writer.write(b"before ")
    await _until(lambda: other.stats.buffered_in, "the bytes arrive")
    got: list[bytes] = []
    other.on_data(got.append)
    await writer.write(b"after")
    await writer.close()
    await _until(lambda: got and got[-1] == b"", "the end arrives")
    assert b"".join(got) == b"before after"
    assert got.count(b"") == 1
    await _end(one, other)


@_rule
async def a_failing_callback_aborts(make: MakePair) -> None:
    one, other = await make()

    def fail(data: bytes) -> None:
        raise ZeroDivisionError

    other.on_data(fail)
    await one.writable.get_writer().write(b"x")
    await _fails(other.closed, ZeroDivisionError)
    await _lost(make, one)


@_needing("half_close")
async def pipes_connect_sockets(make: MakePair) -> None:
    from ..streams import pipe

    client, near = await make()
    far, server = await make()
    piping = asyncio.get_running_loop().create_task(pipe(near, far))
    writer = client.writable.get_writer()
    writer.write(b"through")
    await writer.close()
    assert await _all(server) == b"through"
    answer = server.writable.get_writer()
    answer.write(b"and back")
    await answer.close()
    assert await _all(client) == b"and back"
    await piping
    for socket in (client, near, far, server):
        await socket.closed


# -- time ----------------------------------------------------------------------------------------------------------


@_rule
async def an_idle_read_fails_and_writing_goes_on(make: MakePair) -> None:
    one, other = await make(timeouts=Timeouts(idle=0.15))
    with other.readable.get_reader() as reader:
        await _fails(reader.read(), IdleTimeout)
    await _fails(_all(other), IdleTimeout)
    writer = other.writable.get_writer()
    writer.write(b"421 too slow")
    other.close()
    with one.readable.get_reader() as client:
        assert await client.read_exactly(12) == b"421 too slow"
    await one.close()
    await other.closed


@_rule
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
    await _fails(reader.read_line(), IdleTimeout)
    dripping.cancel()
    assert loop.time() - began < 1.5
    other.set_deadline(None)
    await writer.write(b"\n")
    assert (await reader.read_line()).endswith(b"\n")
    await _end(one, other)


@_rule
async def a_peer_that_takes_nothing_is_aborted(make: MakePair) -> None:
    one, other = await make(high_water_mark=16384, timeouts=Timeouts(write=0.15))
    await _fails(_send_for_ever(one.writable.get_writer().write), WriteTimeout)
    await _fails(one.closed, WriteTimeout)
    await _end(other)


# -- what is known -------------------------------------------------------------------------------------------------


@_rule
async def info_and_stats_tell_the_truth(make: MakePair) -> None:
    one, other = await make()
    info = await one.ready
    assert one.info is not None
    assert info == one.info
    assert await one.opened == info
    assert info.opened_at > 1e9
    assert other.info is not None
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
    await _end(one, other)


@_rule
async def update_changes_an_open_socket(make: MakePair) -> None:
    one, other = await make()
    await one.update(high_water_mark=4096, no_delay=True, keep_alive=60, timeouts=Timeouts(idle=0.15))
    assert one.high_water_mark == 4096
    with one.readable.get_reader() as reader:
        await _fails(reader.read(), IdleTimeout)
    await one.abort()
    await _fails(one.update(no_delay=False), StateError)
    await _end(other)
