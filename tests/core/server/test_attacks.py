"""Hostile and broken peers against the core: attack classes C4 to C7, catalogue N1, N2, R1, R2."""

from __future__ import annotations

import asyncio
import json
import socket as kernel
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.pairs import eventually

from socketworkers import App, Context, Env, IdleTimeout, LimitExceeded, Socket, connect, socket_pair
from socketworkers.server import Server
from socketworkers.testing import serve_ephemeral

STARVED = Path(__file__).parents[2] / "support" / "starved.py"
pytestmark = pytest.mark.usefixtures("any_loop")


def made(handler: Any) -> App:
    app = App("app", refusal=b"no\n")
    app.connect(handler)
    return app


class Clients:
    """Plain sockets of the kernel that do not block."""

    def __init__(self) -> None:
        self.sockets: list[kernel.socket] = []

    async def open(self, server: Server, count: int, window: int = 0) -> list[kernel.socket]:
        """Connect ``count`` times; with ``window``, take no more than about so many bytes unread."""
        where = (server.listeners[0].host, server.listeners[0].port)
        opened = []
        for number in range(count):
            sock = kernel.socket()
            sock.setblocking(False)
            if window:
                sock.setsockopt(kernel.SOL_SOCKET, kernel.SO_RCVBUF, window)
            sock.connect_ex(where)
            opened.append(sock)
            if number % 50 == 49:
                await asyncio.sleep(0)
        self.sockets += opened
        return opened


@pytest.fixture
def clients() -> Iterator[Clients]:
    made = Clients()
    yield made
    for sock in made.sockets:
        sock.close()


@pytest.mark.catalogue("N1")
@pytest.mark.attack("C5")
async def test_slow_senders_and_slow_readers(clients: Clients) -> None:
    """500 clients that send a byte now and then, 500 that never read: all are gone in time, a normal one is served."""

    async def handler(socket: Socket, env: Env, ctx: Context) -> None:
        reader, writer = socket.readable.get_reader(), socket.writable.get_writer()
        while True:
            socket.set_deadline(1.0)  # for a whole line, however its bytes trickle in
            line = await reader.read_line(limit=1000)
            socket.set_deadline(None)
            if not line:
                return
            if line == b"much\n":
                await socket.update(send_buffer_size=16384)  # 500 kernel buffers of 2.5 MB take a second to fill
                while True:
                    await writer.write(bytes(16384))
            await writer.write(line)

    async with serve_ephemeral(made(handler), write_timeout=1.0) as server:

        async def times(seconds: float) -> list[float]:
            """What a normal client waits for; one that begins now: the deadline is not about the test's own pauses."""
            taken = []
            async with connect(("127.0.0.1", server.listeners[0].port)) as normal:
                reader, writer = normal.readable.get_reader(), normal.writable.get_writer()
                until = time.perf_counter() + seconds
                while time.perf_counter() < until:
                    began = time.perf_counter()
                    await writer.write(b"ping\n")
                    assert await reader.read_line() == b"ping\n"
                    taken.append(time.perf_counter() - began)
                    await asyncio.sleep(0.005)
            return sorted(taken)

        idle = await times(0.3)
        began = time.monotonic()
        slow = await clients.open(server, 500)
        lazy = await clients.open(server, 500, 4096)
        await eventually(lambda: server.connections == 1000)
        for sock in lazy:
            sock.send(b"much\n")

        async def drip() -> None:
            while True:
                for sock in slow:
                    try:
                        sock.send(b"x")
                    except OSError:
                        pass
                await asyncio.sleep(0.3)

        dripping = asyncio.ensure_future(drip())
        busy = await times(0.9)
        while server.connections > 1 and time.monotonic() < began + 6:
            await times(0.1)
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)
        await eventually(lambda: server.connections == 0, 1.0)
        # the floor is for machines that do other work at the same time; a server that is held up takes seconds
        assert busy[len(busy) * 99 // 100] < max(1.0, 5 * idle[len(idle) * 99 // 100])
        assert await times(0.05)
        assert server.budget.used == 0
        assert server.telemetry.handler_errors == 0


@pytest.mark.catalogue("N2")
@pytest.mark.attack("C6")
async def test_silent_connections_are_reaped(clients: Clients) -> None:
    """2,000 peers that never say anything, not even that they went away."""

    async def handler(socket: Socket, env: Env, ctx: Context) -> None:
        async for chunk in socket.readable:
            await socket.writable.get_writer().write(chunk)

    async with serve_ephemeral(made(handler), idle_timeout=1.0, max_connections=4000) as server:
        await clients.open(server, 2000)
        await eventually(lambda: server.telemetry.accepted == 2000, 10)
        await eventually(lambda: server.connections == 0, 10)
        assert not server._tasks
        assert not server._connections
        assert server.telemetry.handler_errors == 0


@pytest.mark.attack("C5")
async def test_a_handshake_that_never_ends(clients: Clients) -> None:
    """One silent client must not stop the port, and is gone at its deadline."""

    async def handler(socket: Socket, env: Env, ctx: Context) -> None:
        await socket.writable.get_writer().write(b"hello")

    async with serve_ephemeral(made(handler), tls="auto", tls_port=0, handshake_timeout=0.3) as server:
        port = server.listeners[1].port
        silent = [kernel.create_connection(("127.0.0.1", port)) for _ in range(20)]
        clients.sockets += silent
        silent[0].send(b"\x16\x03\x01")  # the beginning of a ClientHello
        from socketworkers import TlsOptions
        from socketworkers.testing.client import trusting

        began = time.monotonic()
        options = TlsOptions(context=trusting(server), sni="localhost")
        async with connect(("127.0.0.1", port), tls=options) as good:
            assert await good.readable.get_reader().read() == b"hello"
        assert time.monotonic() - began < 0.3
        await eventually(lambda: server.connections == 0, 3)
        assert server.telemetry.tls_failed == 20


@pytest.mark.attack("C6")
async def test_refused_connections_are_closed(clients: Clients) -> None:
    async def handler(socket: Socket, env: Env, ctx: Context) -> None:
        await socket.closed

    async with serve_ephemeral(made(handler), max_connections=1) as server:
        await clients.open(server, 1)
        await eventually(lambda: server.connections == 1)
        loop = asyncio.get_running_loop()
        for sock in await clients.open(server, 20):
            assert await asyncio.wait_for(loop.sock_recv(sock, 100), 2) == b"no\n"
            assert await asyncio.wait_for(loop.sock_recv(sock, 100), 2) == b""
        assert server.telemetry.refused == 20


@pytest.mark.attack("C4")
async def test_an_announced_length_allocates_nothing() -> None:
    one, other = socket_pair()
    reader = other.readable.get_reader()
    with pytest.raises(LimitExceeded):
        await reader.read_exactly(4 * 1024**3)
    with pytest.raises(LimitExceeded):
        await reader.peek(4 * 1024**3)
    reading = asyncio.ensure_future(reader.read_exactly(16 * 1024**2))
    await one.writable.get_writer().write(b"only this")
    await asyncio.sleep(0.01)
    assert other.stats.buffered_in == 9
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await one.abort()
    await other.abort()


async def chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 65536):
        yield bytes(65536)


@pytest.mark.catalogue("R2")
async def test_the_memory_cap_pauses_reading_and_loses_nothing() -> None:
    """40 greedy clients against a handler that does not read: bounded per connection and in all."""
    go = asyncio.Event()
    got: list[int] = []
    sockets: list[Socket] = []
    limit = 1024 * 1024

    async def handler(socket: Socket, env: Env, ctx: Context) -> None:
        sockets.append(socket)
        await go.wait()
        total = 0
        async for chunk in socket.readable:
            total += len(chunk)
        got.append(total)

    async with serve_ephemeral(made(handler), memory_limit=limit) as server:
        port = server.listeners[0].port

        async def greedy() -> None:
            socket = await connect(("127.0.0.1", port), allow_half_open=True)
            writer = socket.writable.get_writer()
            for _ in range(32):
                await writer.write(bytes(65536))
            await writer.close()
            assert await socket.readable.get_reader().read() == b""
            await socket.close()

        tasks = [asyncio.ensure_future(greedy()) for _ in range(40)]
        await eventually(lambda: len(sockets) == 40)
        await eventually(lambda: server.budget.exceeded)
        await asyncio.sleep(0.2)
        assert server.not_ready() == "the memory limit is reached"
        each = [socket.stats.buffered_in for socket in sockets]
        assert max(each) <= 65536 + 256 * 1024
        assert server.budget.used == sum(each)
        # reading stopped at once: what is above the cap is what had been read in that turn of the loop
        assert sum(each) < 40 * 256 * 1024
        before = sum(each)
        await asyncio.sleep(0.2)
        assert sum(socket.stats.buffered_in for socket in sockets) == before
        go.set()
        await asyncio.gather(*tasks)
        await eventually(lambda: len(got) == 40)
        assert set(got) == {32 * 65536}
        assert server.budget.used == 0
        assert server.ready


@pytest.mark.catalogue("R2")
async def test_a_paused_stream_that_ends_gives_its_share_back() -> None:
    async def handler(socket: Socket, env: Env, ctx: Context) -> None:
        try:
            await socket.closed
        except OSError:
            pass

    async with serve_ephemeral(made(handler), memory_limit=50_000) as server:
        for _ in range(3):
            socket = await connect(("127.0.0.1", server.listeners[0].port))
            socket.writable.get_writer().write(bytes(200_000))
            await eventually(lambda: server.budget.exceeded)
            await server_side(server).abort("enough")
            await eventually(lambda: server.budget.used == 0)
            await socket.abort()


def server_side(server: Server) -> Socket:
    return next(iter(server._connections))


async def test_a_deadline_holds_for_a_handler_that_iterates() -> None:
    one, other = socket_pair()
    other.set_deadline(0.1)
    with pytest.raises(IdleTimeout):
        async for _ in other.readable:
            pass
    await one.abort()
    await other.abort()


@pytest.mark.catalogue("R1")
@pytest.mark.attack("C7")
def test_out_of_descriptors() -> None:
    """With 40 descriptors: accepting pauses, says so once, costs next to nothing, and goes on within a second."""
    child = subprocess.Popen([sys.executable, str(STARVED)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    held: list[kernel.socket] = []

    def state() -> dict[str, Any]:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"?")
        child.stdin.flush()
        found: dict[str, Any] = json.loads(child.stdout.readline())
        return found

    try:
        where = ("127.0.0.1", int(child.stdout.readline()))
        assert state()["not_ready"] == ""
        held += [kernel.create_connection(where, timeout=10) for _ in range(60)]
        until = time.monotonic() + 5
        while not (now := state())["not_ready"] and time.monotonic() < until:
            time.sleep(0.01)
        assert "descriptors" in now["not_ready"]
        served = now["connections"]
        assert 10 < served < 40
        began, cpu = time.monotonic(), now["cpu"]
        held[0].sendall(b"still served")
        assert held[0].recv(100) == b"still served"
        time.sleep(1.0)
        now = state()
        assert "descriptors" in now["not_ready"]
        assert now["events"] == ["accept.error"]  # one exhaustion, one event
        assert now["cpu"] - cpu < 0.05 * (time.monotonic() - began) + 0.02
        for sock in held[:served]:
            sock.close()
        held = held[served:]
        began = time.monotonic()
        for sock in held:
            sock.settimeout(5)
            sock.sendall(b"at last")
            assert sock.recv(100) == b"at last"
        assert time.monotonic() - began <= 1.0
        until = time.monotonic() + 2
        while state()["not_ready"] and time.monotonic() < until:
            time.sleep(0.01)
        now = state()
        assert now["not_ready"] == ""
        assert now["events"] == ["accept.error", "accept.resumed"]
    finally:
        for sock in held:
            sock.close()
        child.stdin.close()
        child.stdout.close()
        child.wait(10)
