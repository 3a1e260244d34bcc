"""The channel over a kernel socket and the poller below it: edges, marks, ends, resets, and who shares a batch."""

from __future__ import annotations

import array
import asyncio
import contextvars
import gc
import os
import socket as kernel
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.support.pairs import TRANSPORTS, eventually, pairs

from socketworkers import App, ConnectError, ConnectionLost, Context, Env, Socket, connect
from socketworkers.testing import check_socket, serve_ephemeral
from socketworkers.testing.conformance import rules_for
from socketworkers.transports import kernel as transport
from socketworkers.transports.endpoint import BUFFER_SIZE
from socketworkers.transports.kernel import KernelChannel, Poller, poller_of

pytestmark = [
    pytest.mark.usefixtures("any_loop"),
    pytest.mark.skipif(not transport.AVAILABLE, reason="needs epoll"),
]


class Upper:
    """Notes what a channel brings."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.events: list[str] = []
        self.error: BaseException | None = None
        self.on_data: Callable[[bytes], object] = lambda data: None

    def _received(self, data: bytes) -> None:
        self.data += data
        self.on_data(data)

    def _eof_received(self) -> None:
        self.events.append("eof")

    def _severed(self, error: BaseException) -> None:
        self.events.append("severed")

    def _lost(self, error: BaseException | None) -> None:
        self.events.append("lost")
        self.error = error

    def _pause_writing(self) -> None:
        self.events.append("pause")

    def _resume_writing(self) -> None:
        self.events.append("resume")


class Ends:
    """A channel, what is above it, and the peer's plain socket."""

    def __init__(self, near: kernel.socket, far: kernel.socket) -> None:
        near.setblocking(False)
        far.setblocking(False)
        self.far = far
        self.near = near
        self.upper = Upper()
        self.channel = KernelChannel(poller_of(asyncio.get_running_loop()), near, self.upper)

    def reset(self) -> None:
        """The peer resets the connection."""
        self.far.setsockopt(kernel.SOL_SOCKET, kernel.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.far.close()

    async def close(self) -> None:
        self.channel.abort()
        self.far.close()
        await eventually(lambda: self.near.fileno() < 0)


def tcp_pair() -> tuple[kernel.socket, kernel.socket]:
    with kernel.create_server(("127.0.0.1", 0)) as listener:
        near = kernel.create_connection(listener.getsockname())
        far, _ = listener.accept()
    for sock in (near, far):
        sock.setsockopt(kernel.IPPROTO_TCP, kernel.TCP_NODELAY, 1)
    return near, far


@asynccontextmanager
async def ends(make: Callable[[], tuple[kernel.socket, kernel.socket]] = tcp_pair) -> AsyncIterator[Ends]:
    made = Ends(*make())
    try:
        yield made
    finally:
        await made.close()


async def settle() -> None:
    """Turns enough for what the kernel has already to come up, and for what that starts."""
    for _ in range(5):
        await asyncio.sleep(0.002)


def _uvloop() -> asyncio.AbstractEventLoop:
    import uvloop

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


LOOPS = pytest.mark.parametrize("factory", [asyncio.new_event_loop, _uvloop], ids=["asyncio", "uvloop"])
BOTH = pytest.mark.parametrize("make", [tcp_pair, kernel.socketpair], ids=["tcp", "unix"])


# -- the rules of sockets ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "rule"),
    [(kind, rule) for kind in ("tcp", "unix", "tls", "websocket") for rule in rules_for(TRANSPORTS[kind])],
)
async def test_rule_over_the_loops_transports(rule: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no epoll: the same rules hold over asyncio's and uvloop's own transports."""
    monkeypatch.setattr(transport, "AVAILABLE", False)
    async with pairs(kind) as make:
        await check_socket(make, [rule])


# -- bytes ---------------------------------------------------------------------------------------------------------


@BOTH
async def test_bytes_and_ends(make: Any) -> None:
    async with ends(make) as pair:
        pair.far.send(b"one")
        await eventually(lambda: pair.upper.data == b"one")
        pair.channel.write(b"two")
        await settle()
        assert pair.far.recv(10) == b"two"
        pair.far.send(b"three")
        pair.far.shutdown(kernel.SHUT_WR)  # with the last bytes in one event
        await eventually(lambda: pair.upper.events == ["eof"])
        assert pair.upper.data == b"onethree"
        pair.channel.write(b"still")
        pair.channel.write_eof()
        pair.channel.write(b"ignored")
        await settle()
        assert pair.far.recv(10) == b"still"
        assert pair.far.recv(10) == b""
        assert pair.upper.events == ["eof"]
        pair.channel.close()
        assert pair.upper.events == ["eof"]  # never within the call
        await eventually(lambda: pair.upper.events == ["eof", "lost"])
        assert pair.upper.error is None
        assert pair.near.fileno() < 0


@BOTH
async def test_more_than_a_buffer_at_once(make: Any) -> None:
    data = os.urandom(1 << 20)
    async with ends(make) as pair:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(pair.far, data)
        await eventually(lambda: len(pair.upper.data) == len(data))
        assert pair.upper.data == data


@BOTH
async def test_a_peer_that_is_slow_to_read(make: Any) -> None:
    loop = asyncio.get_running_loop()
    async with ends(make) as pair:
        pair.channel.set_write_buffer_limits(100_000, 50_000)
        sent = bytearray()
        while not pair.channel.get_write_buffer_size():
            sent += (chunk := os.urandom(65536))
            pair.channel.write(chunk)
        for number in range(200):  # many small chunks behind it: gathered, in order
            sent += (chunk := b"%d " % number)
            pair.channel.write(chunk)
        while pair.channel.get_write_buffer_size() <= 100_000:
            sent += (chunk := os.urandom(10_000))
            pair.channel.write(chunk)
        assert pair.upper.events == ["pause"]
        pair.channel.write_eof()
        pair.channel.close()
        got = bytearray()
        while chunk := await loop.sock_recv(pair.far, 65536):
            got += chunk
        assert got == sent
        await eventually(lambda: "lost" in pair.upper.events)
        assert pair.upper.events == ["pause", "resume", "lost"]
        assert pair.upper.error is None


@BOTH
async def test_the_buffer_empties_while_bytes_come(make: Any) -> None:
    """Both directions at once; neither edge hides the other."""
    loop = asyncio.get_running_loop()
    data = os.urandom(3_000_000)
    async with ends(make) as pair:
        pair.channel.write(data)
        got = bytearray()

        async def read() -> None:
            while len(got) < len(data):
                got.extend(await loop.sock_recv(pair.far, 65536))

        await asyncio.gather(read(), loop.sock_sendall(pair.far, data))
        await eventually(lambda: len(pair.upper.data) == len(data))
        assert got == data
        assert pair.upper.data == data
        assert pair.channel.get_write_buffer_size() == 0
        pair.far.send(b"more")
        await eventually(lambda: pair.upper.data.endswith(b"more"))


@BOTH
async def test_pausing(make: Any) -> None:
    async with ends(make) as pair:
        pair.channel.pause_reading()
        pair.far.send(b"one")
        await settle()
        assert not pair.upper.data
        pair.channel.resume_reading()
        await eventually(lambda: pair.upper.data == b"one")
        pair.upper.on_data = lambda data: pair.channel.pause_reading()
        await asyncio.get_running_loop().sock_sendall(pair.far, bytes(200_000))
        await settle()
        # the rest of what one edge told of stays where it is
        assert len(pair.upper.data) <= 3 + BUFFER_SIZE
        pair.upper.on_data = lambda data: None
        pair.channel.resume_reading()
        pair.channel.resume_reading()
        await eventually(lambda: len(pair.upper.data) == 200_003)
        pair.channel.pause_reading()
        pair.far.shutdown(kernel.SHUT_WR)
        await settle()
        assert "eof" not in pair.upper.events
        pair.channel.resume_reading()
        await eventually(lambda: pair.upper.events == ["eof"])


async def test_urgent_data_hide_nothing() -> None:
    """A read ends at the mark of urgent data (tcp(7)); what lies behind it is read as well."""
    async with ends() as pair:
        pair.channel.pause_reading()
        pair.far.send(b"before")
        pair.far.send(b"!", kernel.MSG_OOB)
        pair.far.send(b"behind")
        await settle()
        pair.channel.resume_reading()
        await eventually(lambda: pair.upper.data == b"beforebehind")


async def test_descriptors_that_come_along_hide_nothing() -> None:
    """A read of a Unix socket ends behind bytes that came with descriptors; what lies behind them is read as well."""
    async with ends(kernel.socketpair) as pair:
        rights = [(kernel.SOL_SOCKET, kernel.SCM_RIGHTS, array.array("i", [0]))]
        pair.channel.pause_reading()
        for part in (b"a", b"b", b"c"):
            pair.far.sendmsg([part], rights)
        await settle()
        pair.channel.resume_reading()
        await eventually(lambda: pair.upper.data == b"abc")


# -- resets --------------------------------------------------------------------------------------------------------


async def test_a_reset_after_bytes() -> None:
    async with ends() as pair:
        pair.far.send(b"221 bye")
        await eventually(lambda: pair.upper.data == b"221 bye")
        pair.reset()
        await eventually(lambda: pair.upper.events == ["lost"])
        assert isinstance(pair.upper.error, ConnectionResetError)


async def test_a_reset_while_paused_is_noticed_and_loses_no_byte() -> None:
    async with ends() as pair:
        pair.channel.pause_reading()
        pair.far.send(b"221 bye")
        await settle()
        pair.reset()
        await eventually(lambda: pair.upper.events == ["severed"])
        assert not pair.upper.data
        pair.channel.resume_reading()
        await eventually(lambda: pair.upper.events == ["severed", "lost"])
        assert pair.upper.data == b"221 bye"
        assert isinstance(pair.upper.error, ConnectionResetError)


async def test_a_reset_after_the_peers_end() -> None:
    async with ends() as pair:
        pair.far.shutdown(kernel.SHUT_WR)
        await eventually(lambda: pair.upper.events == ["eof"])
        pair.reset()
        await eventually(lambda: pair.upper.events == ["eof", "lost"])
        assert isinstance(pair.upper.error, ConnectionError)  # Linux calls it a broken pipe in this state


async def test_a_reset_while_closing_with_bytes_to_send() -> None:
    async with ends() as pair:
        pair.channel.write(bytes(16_000_000))
        pair.channel.close()
        await settle()
        assert pair.upper.events == ["pause"]
        pair.reset()
        await eventually(lambda: pair.upper.events == ["pause", "lost"])
        assert isinstance(pair.upper.error, OSError)


async def test_a_write_after_a_reset_does_not_overtake_the_peers_last_words() -> None:
    async with ends() as pair:
        pair.far.send(b"421 too many")
        pair.reset()
        for _ in range(3):
            pair.channel.write(b"EHLO")  # no turn of the loop since: the reset is news to it
        assert pair.upper.events == ["pause"]  # so that who awaits each write leaves the loop its turn
        await eventually(lambda: pair.upper.events == ["pause", "lost"])
        assert pair.upper.data == b"421 too many"
        assert isinstance(pair.upper.error, ConnectionError)


async def test_nothing_spins_when_everything_has_ended() -> None:
    async with ends() as pair, ends(kernel.socketpair) as other:
        for each in (pair, other):
            each.channel.write_eof()
            each.far.shutdown(kernel.SHUT_WR)
        await eventually(lambda: pair.upper.events == other.upper.events == ["eof"])
        await settle()
        assert poller_of(asyncio.get_running_loop())._poll(0, 8) == []


@pytest.mark.parametrize("over", ["epoll", "the loop's transports"])
async def test_a_writer_that_never_waits_hears_of_a_reset(over: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that always reads leaves ``await write()`` nothing to wait for; its end must come through all the same."""
    monkeypatch.setattr(transport, "AVAILABLE", over == "epoll")
    ended = asyncio.Event()
    heard: list[bool] = []
    most = 2_000_000  # far more than one can write while the peer reads

    async def produce(socket: Socket, env: Env, ctx: Context) -> None:
        writer = socket.writable.get_writer()
        try:
            for _ in range(most):
                await writer.write(b"x" * 64)
            heard.append(False)
        except ConnectionLost:
            heard.append(True)
        finally:
            ended.set()

    app = App("produce")
    app.connect(produce)
    async with serve_ephemeral(app) as server:
        port = server.listeners[0].port

        def read_for_a_while() -> None:
            with kernel.create_connection(("127.0.0.1", port)) as sock:
                until = time.monotonic() + 0.2
                while time.monotonic() < until:
                    sock.recv(1 << 20)

        reading = threading.Thread(target=read_for_a_while)
        reading.start()
        await asyncio.wait_for(ended.wait(), 50)
        reading.join()
        await eventually(lambda: not server.connections)
        assert heard == [True]
        assert server.telemetry.handler_errors == 0


async def test_a_socket_hears_of_a_reset_while_its_buffer_is_full() -> None:
    async with pairs("tcp") as make:
        one, other = await make(high_water_mark=4096)
        signal = one.signal
        writer = other.writable.get_writer()
        for _ in range(4):
            writer.write(bytes(4096))
        await eventually(lambda: one._readable._paused)
        await other.abort("enough")
        await eventually(lambda: signal.aborted)
        assert isinstance(signal.reason, ConnectionLost)
        assert one.signal is signal
        with pytest.raises(ConnectionLost):
            await one.writable.get_writer().write(b"x")
        assert not one.closed.settled
        got = bytearray()
        with pytest.raises(ConnectionLost):
            async for chunk in one.readable:
                got += chunk
        assert len(got) >= 4096
        with pytest.raises(ConnectionLost) as caught:
            await one.closed
        assert caught.value is signal.reason


# -- who shares a batch --------------------------------------------------------------------------------------------


async def test_an_exception_ends_one_channel_and_no_other() -> None:
    problems: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: problems.append(context))
    made = [Ends(*tcp_pair()) for _ in range(6)]

    def fail(data: bytes) -> None:
        raise ZeroDivisionError

    made[2].upper.on_data = fail
    for pair in made:
        pair.far.send(b"x")
    await eventually(lambda: all(pair.upper.data == b"x" for pair in made))
    await eventually(lambda: made[2].upper.events == ["lost"])
    assert isinstance(made[2].upper.error, ZeroDivisionError)
    assert [type(each["exception"]) for each in problems] == [ZeroDivisionError]
    for pair in made:
        pair.far.close() if pair is made[2] else pair.far.send(b"y")
    await eventually(lambda: all(pair.upper.data == b"xy" for pair in made if pair is not made[2]))
    for pair in made:
        await pair.close()


async def test_one_that_ends_others_of_its_batch() -> None:
    """Events that were found already reach no channel that has ended, and no new one by its number."""
    made = [Ends(*tcp_pair()) for _ in range(8)]
    numbers = [pair.channel.fd for pair in made]
    later: list[Ends] = []

    def end_others(data: bytes) -> None:
        if not later:
            for pair in made:
                if not pair.upper.data:
                    pair.channel.abort()
            later.extend(Ends(*tcp_pair()) for _ in range(4))
            # the descriptors of the aborted are not given back within the batch
            assert not {pair.channel.fd for pair in later} & set(numbers)

    for pair in made:
        pair.upper.on_data = end_others
        pair.far.send(b"x")
    await eventually(lambda: later)
    await settle()
    assert sum(bool(pair.upper.data) for pair in made) == 1
    assert sum(pair.upper.events == ["lost"] for pair in made) == 7
    assert all(not pair.upper.data and not pair.upper.events for pair in later)
    for pair in (*made, *later):
        await pair.close()


async def test_a_batch_is_bounded_and_all_have_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "BATCH", 3)
    loop = asyncio.get_running_loop()
    made = [Ends(*tcp_pair()) for _ in range(9)]
    order: list[str] = []

    def note(data: bytes) -> None:
        order.append("bytes")
        loop.call_soon(order.append, "turn")

    for pair in made:
        pair.upper.on_data = note
        pair.channel.pause_reading()
        pair.far.send(b"x")
    await settle()
    for pair in made:
        pair.channel.resume_reading()
    await eventually(lambda: order.count("turn") == 9)
    longest = max(len(run) for run in " ".join(order).replace("bytes", "b").replace(" ", "").split("turn"))
    assert longest <= 3, order
    for pair in made:
        await pair.close()


@LOOPS
@pytest.mark.parametrize("way", ["events", "unread", "pausing"])
def test_an_interrupt_in_a_batch_loses_no_edge(factory: Callable[[], asyncio.AbstractEventLoop], way: str) -> None:
    """Ctrl-C leaves the loop in the middle of a batch; who runs it again finds everything that came."""
    made: list[Ends] = []

    def interrupt(data: bytes) -> None:
        for pair in made:
            pair.upper.on_data = lambda data: None
            if way == "pausing" and pair.upper.data:
                pair.channel.pause_reading()
        raise KeyboardInterrupt

    async def begin() -> None:
        made.extend(Ends(*tcp_pair()) for _ in range(5))
        for pair in made:
            pair.upper.on_data = interrupt
            if way != "events":
                pair.channel.pause_reading()
            pair.far.send(b"x")
        if way != "events":
            await settle()
        for pair in made:
            pair.channel.resume_reading()
        await asyncio.sleep(60)

    async def end() -> None:
        await eventually(lambda: all(pair.upper.data == b"x" for pair in made))
        for pair in made:
            await pair.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    loop = factory()
    try:
        task = loop.create_task(begin())
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(task)
        loop.run_until_complete(end())
    finally:
        loop.close()


async def test_callbacks_have_contexts_of_their_own() -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="nobody")
    seen: list[str] = []
    app = App("named")

    @app.connect
    async def handle(socket: Socket, env: Env, ctx: Context) -> None:
        def data(chunk: bytes) -> None:
            seen.append(name.get())
            if chunk:
                name.set(name.get() + chunk.decode())

        name.set("handler ")
        socket.on_data(data)
        await socket.closed

    async with serve_ephemeral(app) as server:
        for _ in range(2):
            async with connect(("127.0.0.1", server.listeners[0].port)) as socket:
                await socket.writable.get_writer().write(b"x")
                await eventually(lambda: seen)
        await eventually(lambda: len(seen) == 4)
    assert sorted(seen) == ["handler ", "handler ", "handler x", "handler x"]


# -- the poller ----------------------------------------------------------------------------------------------------


@LOOPS
def test_the_descriptor_goes_with_the_loop(factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def use() -> int:
        async with ends() as pair:
            number = poller_of(asyncio.get_running_loop())._epoll.fileno()
            pair.far.send(b"x")
            await eventually(lambda: pair.upper.data == b"x")
        assert poller_of(asyncio.get_running_loop())._epoll.fileno() == number  # kept for the next one
        return number

    loop = factory()
    gc.disable()
    try:
        number = loop.run_until_complete(use())
        assert "eventpoll" in os.readlink(f"/proc/self/fd/{number}")
        loop.close()
        assert not os.path.exists(f"/proc/self/fd/{number}")
    finally:
        gc.enable()
        loop.close()


async def test_a_channel_that_outlives_its_loop_gives_its_descriptor_back() -> None:
    def run() -> None:
        loop = asyncio.new_event_loop()
        made: list[Ends] = []

        async def begin() -> None:
            made.append(Ends(*tcp_pair()))

        loop.run_until_complete(begin())
        loop.close()
        made[0].channel.write(b"x")
        made[0].channel.abort()
        assert made[0].near.fileno() < 0
        made[0].far.close()

    await asyncio.get_running_loop().run_in_executor(None, run)


async def test_a_kernel_that_watches_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    app = App("closed")

    @app.connect
    async def handle(socket: Socket, env: Env, ctx: Context) -> None:
        raise AssertionError

    def full(self: Poller, channel: KernelChannel) -> None:
        raise OSError(28, "No space left on device")  # epoll_ctl(2), ENOSPC

    async with serve_ephemeral(app) as server:
        where = ("127.0.0.1", server.listeners[0].port)
        with monkeypatch.context() as patch:
            patch.setattr(Poller, "watch", full)
            with pytest.raises(ConnectError):
                await connect(where)
            with kernel.create_connection(where) as client:
                client.setblocking(False)
                assert await asyncio.get_running_loop().sock_recv(client, 1) == b""
        assert server.connections == 0


async def test_what_a_channel_knows() -> None:
    async with ends() as pair:
        assert pair.channel.get_extra_info("socket") is pair.near
        assert pair.channel.get_extra_info("sockname") == pair.far.getpeername()
        assert pair.channel.get_extra_info("peername") == pair.far.getsockname()
        assert pair.channel.get_extra_info("nothing", "else") == "else"
        pair.channel.abort()
        await eventually(lambda: pair.near.fileno() < 0)
        assert pair.channel.get_extra_info("peername", "gone") == "gone"
