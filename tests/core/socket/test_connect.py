"""Outbound sockets: pending at once, names, several addresses, refusals, deadlines, signals."""

from __future__ import annotations

import asyncio
import errno
import socket as kernel
from pathlib import Path
from typing import Any

import pytest
from tests.support.pairs import eventually, pairs

from socketworkers import (
    AbortController,
    Aborted,
    AddressError,
    App,
    ConnectError,
    ConnectTimeout,
    Context,
    Env,
    Socket,
    Timeouts,
    connect,
)
from socketworkers.testing import serve_ephemeral

pytestmark = pytest.mark.usefixtures("any_loop")

app = App("echo")


@app.connect
async def echo(socket: Socket, env: Env, ctx: Context) -> None:
    writer = socket.writable.get_writer()
    async for chunk in socket.readable:
        await writer.write(chunk)


@pytest.mark.parametrize(
    "address",
    [
        "",
        ":80",
        "host",
        "host:",
        "host:0",
        "host:65536",
        "host:x",
        "tcp://host",
        "gopher://host:1",
        "sctp://host:1",
        "tcp://host:1/path",
        "unix:",
        3,
        ("host",),
        ("host", "80"),
    ],
)
async def test_bad_addresses_fail_at_once(address: Any) -> None:
    with pytest.raises(AddressError):
        connect(address)


async def test_a_pending_socket_can_be_used() -> None:
    async with serve_ephemeral(app) as server:
        socket = connect(("127.0.0.1", server.listeners[0].port))
        assert socket.info is None
        writer = socket.writable.get_writer()
        writer.write(b"early")
        reading = asyncio.ensure_future(socket.readable.get_reader().read_exactly(5))
        info = await socket.opened
        assert info.remote.port == server.listeners[0].port
        assert await reading == b"early"
        await socket.close()


async def test_close_of_a_pending_socket_sends_what_was_written() -> None:
    got: list[bytes] = []
    sink = App("sink")

    @sink.connect
    async def take(socket: Socket, env: Env, ctx: Context) -> None:
        got.extend([chunk async for chunk in socket.readable])

    async with serve_ephemeral(sink) as server:
        socket = connect(("127.0.0.1", server.listeners[0].port))
        socket.writable.get_writer().write(b"last words")
        await socket.close()
        await eventually(lambda: b"".join(got) == b"last words")


async def test_abort_of_a_pending_socket() -> None:
    socket = connect(("192.0.2.1", 9))
    await socket.abort("never mind")
    for awaitable in (socket.ready, socket.closed):
        with pytest.raises(Aborted):
            await awaitable
    await asyncio.sleep(0)


def free_port() -> int:
    with kernel.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def test_refused() -> None:
    port = free_port()
    socket = connect(("127.0.0.1", port))
    with pytest.raises(ConnectError) as caught:
        await socket
    assert caught.value.errno == errno.ECONNREFUSED
    assert isinstance(caught.value, ConnectionError)
    assert f"tcp://127.0.0.1:{port}" in str(caught.value)
    assert caught.value.__cause__ is not None
    for awaitable in (socket.ready, socket.closed, socket.readable.get_reader().read()):
        with pytest.raises(ConnectError):
            await awaitable
    with pytest.raises(ConnectError):
        await socket.writable.get_writer().write(b"x")
    with pytest.raises(ConnectError):
        async with connect(("127.0.0.1", port)):
            raise AssertionError


async def test_a_failure_that_nobody_awaits_is_silent(recwarn: pytest.WarningsRecorder) -> None:
    socket = connect(("127.0.0.1", free_port()))
    await eventually(lambda: socket._state == 3)
    assert not recwarn.list


async def test_unknown_names(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*args: object, **options: object) -> object:
        raise kernel.gaierror(kernel.EAI_NONAME, "Name or service not known")

    resolve(monkeypatch, unknown)
    with pytest.raises(AddressError, match=r"nowhere\.example is not known") as caught:
        await connect("nowhere.example:80")
    assert isinstance(caught.value.__cause__, kernel.gaierror)


def resolve(monkeypatch: pytest.MonkeyPatch, function: Any) -> None:
    """Let the loop's resolver be another one."""
    import socketworkers.dial as dial

    loop = asyncio.get_running_loop()

    class Loop:
        getaddrinfo = staticmethod(function)

        def __getattr__(self, name: str) -> Any:
            return getattr(loop, name)

    class Module:
        get_running_loop = staticmethod(lambda: Loop())

        def __getattr__(self, name: str) -> Any:
            return getattr(asyncio, name)

    monkeypatch.setattr(dial, "asyncio", Module())


def entries(*addresses: tuple[str, int]) -> Any:
    async def found(*args: object, **options: object) -> list[Any]:
        result: list[Any] = []
        for host, port in addresses:
            family = kernel.AF_INET6 if ":" in host else kernel.AF_INET
            where = (host, port, 0, 0) if ":" in host else (host, port)
            result.append((family, kernel.SOCK_STREAM, 6, "", where))
        return result

    return found


async def test_a_dead_first_address_costs_a_quarter_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Happy eyeballs (RFC 8305): one address swallows everything, the next one answers."""
    async with serve_ephemeral(app) as server:
        port = server.listeners[0].port
        full = kernel.socket()
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = []
        try:
            for _ in range(4):  # a backlog that is full drops SYNs
                filler = kernel.socket()
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
                fillers.append(filler)
            resolve(monkeypatch, entries(full.getsockname(), ("127.0.0.1", port)))
            began = asyncio.get_running_loop().time()
            async with connect(f"several.example:{port}") as socket:
                assert socket.info is not None
                assert socket.info.remote.port == port
            assert 0.2 < asyncio.get_running_loop().time() - began < 2
        finally:
            for sock in (full, *fillers):
                sock.close()


async def test_a_refused_first_address_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve_ephemeral(app) as server:
        port = server.listeners[0].port
        resolve(monkeypatch, entries(("::1", free_port()), ("127.0.0.1", free_port()), ("127.0.0.1", port)))
        began = asyncio.get_running_loop().time()
        async with connect(f"several.example:{port}"):
            pass
        assert asyncio.get_running_loop().time() - began < 0.2


async def test_all_addresses_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve(monkeypatch, entries(("127.0.0.1", free_port()), ("127.0.0.1", free_port())))
    with pytest.raises(ConnectError, match="refused"):
        await connect("several.example:80")


async def test_connect_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*args: object, **options: object) -> object:
        await asyncio.sleep(60)
        raise AssertionError

    resolve(monkeypatch, never)
    socket = connect("slow.example:80", timeouts=Timeouts(connect=0.05))
    with pytest.raises(ConnectTimeout) as caught:
        await socket
    assert isinstance(caught.value, TimeoutError)
    with pytest.raises(ConnectTimeout):
        await socket.closed


async def test_an_abort_signal() -> None:
    controller = AbortController()
    async with serve_ephemeral(app) as server:
        where = ("127.0.0.1", server.listeners[0].port)
        socket = await connect(where, signal=controller.signal)
        reading = asyncio.ensure_future(socket.readable.get_reader().read())
        await asyncio.sleep(0)
        controller.abort("that is all")
        with pytest.raises(Aborted) as caught:
            await reading
        assert caught.value.reason == "that is all"
        late = connect(where, signal=controller.signal)
        with pytest.raises(Aborted):
            await late
        await asyncio.sleep(0.01)


async def test_half_open_is_off_for_outbound_by_default() -> None:
    closing = App("closing")

    @closing.connect
    async def say(socket: Socket, env: Env, ctx: Context) -> None:
        writer = socket.writable.get_writer()
        writer.write(b"bye")
        await writer.close()
        await socket.closed

    async with serve_ephemeral(closing) as server:
        socket = await connect(("127.0.0.1", server.listeners[0].port))
        assert await socket.readable.get_reader().read_exactly(3) == b"bye"
        await socket.closed  # nobody closed it here: the peer's FIN did


async def test_unix_paths_and_the_abstract_namespace(tmp_path: Path) -> None:
    for path in (str(tmp_path / "s"), "@socketworkers-test-abstract"):
        async with serve_ephemeral(app, unix=path), connect(f"unix:{path}") as socket:
            await socket.writable.get_writer().write(b"x")
            assert await socket.readable.get_reader().read() == b"x"
            assert socket.info is not None
            assert socket.info.type == "unix"
    with pytest.raises(ConnectError):
        await connect(f"unix:{tmp_path}/missing")


async def test_stats_tell_what_the_kernel_knows() -> None:
    async with pairs("tcp") as make:
        one, other = await make()
        await one.writable.get_writer().write(b"x" * 1000)
        await other.readable.get_reader().read_exactly(1000)
        stats = one.stats
        assert stats.rtt is not None
        assert 0 < stats.rtt < 1
        assert stats.rtt_var is not None
        assert stats.retransmits == 0
    async with pairs("memory") as make:
        one, other = await make()
        assert one.stats.rtt is None


async def test_options_reach_the_kernel() -> None:
    async with pairs("tcp") as make:
        one, _ = await make()
        sock = one._tcp
        assert sock is not None
        assert sock.getsockopt(kernel.IPPROTO_TCP, kernel.TCP_NODELAY) == 1
        await one.update(no_delay=False, keep_alive=30, send_buffer_size=65536)
        assert sock.getsockopt(kernel.IPPROTO_TCP, kernel.TCP_NODELAY) == 0
        assert sock.getsockopt(kernel.SOL_SOCKET, kernel.SO_KEEPALIVE) == 1
        assert sock.getsockopt(kernel.IPPROTO_TCP, kernel.TCP_KEEPIDLE) == 30
        assert sock.getsockopt(kernel.SOL_SOCKET, kernel.SO_SNDBUF) >= 65536


async def test_a_local_address() -> None:
    async with serve_ephemeral(app) as server:
        socket = connect(("127.0.0.1", server.listeners[0].port), local=("127.0.0.2", 0))
        async with socket:
            assert socket.info is not None
            assert socket.info.local.host == "127.0.0.2"
