"""The public testing kit, as its users use it."""

from __future__ import annotations

import asyncio
import socket as kernel
import time
from collections.abc import Callable
from typing import Any

import pytest

from socketworkers import App, Context, Env, Socket, TlsOptions, connect
from socketworkers.errors import StartupError
from socketworkers.testing import (
    AppClient,
    AppFixture,
    FakeClock,
    ThreadedServer,
    fragment,
    run_transcript,
    serve_ephemeral,
    socket_pair,
)
from socketworkers.testing.client import trusting

app = App("greeter", scheme="greet")
TRANSCRIPT = """\
# talks
S: 220 hello
C: hi
S~ h.
C: multi
C: line
S: multi
S: line
!eof
!closed
"""


@app.on_start
async def start(env: Env) -> None:
    env.started = True


@app.connect
async def handle(socket: Socket, env: Env, ctx: Context) -> None:
    writer = socket.writable.get_writer()
    writer.write(b"220 hello\r\n")
    with socket.readable.get_reader() as reader:
        while line := await reader.read_line():
            if line == b"STARTTLS\r\n":
                await writer.write(b"220 go\r\n")
                await socket.start_tls(context=ctx.tls_context)
            elif line == b"WHO\r\n":
                assert socket.info is not None
                await writer.write(b"%s\r\n" % str(socket.info.remote).encode())
            else:
                await writer.write(line)


def test_fragment() -> None:
    assert list(fragment(b"abcde", 2)) == [b"ab", b"cd", b"e"]
    assert list(fragment(b"abc")) == [b"a", b"b", b"c"]
    with pytest.raises(ValueError, match="at least 1"):
        fragment(b"", 0)


async def test_app_client() -> None:
    async with AppClient(app) as client:
        assert client.env.started
        assert (await client.expect(rb"(\d+) hello\r\n"))[1] == b"220"
        for piece in fragment(b"one\r\n"):
            await client.send(piece)
        assert await client.read_line() == b"one\r\n"
        async with client.connect(remote=("192.0.2.7", 4711)) as other:
            await other.expect("220 .*\r\n")
            await other.send(b"WHO\r\n")
            assert await other.read_line() == b"192.0.2.7:4711\r\n"
            assert client.server.connections == 2
        await client.send_end()
        await client.expect_end()


async def test_app_client_says_what_came() -> None:
    async with AppClient(app, timeout=0.05) as client:
        with pytest.raises(AssertionError, match=r"got b'220 hello"):
            await client.expect(b"250")
        await client.send_end()
        with pytest.raises(AssertionError, match="ended"):
            await client.expect(b"221")


async def test_app_client_starts_tls() -> None:
    async with AppClient(app, tls="auto") as client:
        await client.expect(rb"220 hello\r\n")
        await client.send(b"STARTTLS\r\n")
        await client.expect(rb"220 go\r\n")
        await client.start_tls()
        await client.send(b"inside\r\n")
        assert await client.read_line() == b"inside\r\n"
        assert client.socket.info is not None
        assert client.socket.info.secure
        tls = client.connect("tls")
        await tls.start_tls()
        await tls.expect(rb"220 hello\r\n")
        await tls.close()


async def test_app_client_has_no_descriptors() -> None:
    import os

    before = len(os.listdir("/proc/self/fd"))
    async with AppClient(app) as client:
        await client.expect(rb"220 hello\r\n")
        assert len(os.listdir("/proc/self/fd")) <= before + 1  # the spare one
        with pytest.raises(LookupError, match="no listener 'x'"):
            client.connect("x")
        with pytest.raises(RuntimeError, match="needs a certificate"):
            client.connect("tls")


async def test_serve_ephemeral(any_loop: None) -> None:
    async with serve_ephemeral(app, tls="auto", tls_port=0) as server:
        assert server.ready
        plain, tls = server.listeners
        async with connect((plain.host, plain.port)) as socket:
            assert await socket.readable.get_reader().read_line() == b"220 hello\r\n"
        async with connect((tls.host, tls.port), tls=TlsOptions(context=trusting(server))) as socket:
            assert await socket.readable.get_reader().read_line() == b"220 hello\r\n"


@pytest.mark.parametrize("transport", ["memory", "tcp", "tls", "websocket"])
async def test_run_transcript(transport: str, any_loop: None) -> None:
    await run_transcript(TRANSCRIPT, app, transport)  # type: ignore[arg-type]


async def test_run_transcript_names_the_line() -> None:
    with pytest.raises(AssertionError, match=r"transcript, line 3: expected 'there'"):
        await run_transcript("S: 220 hello\nC: here\nS: there\n", app)
    with pytest.raises(AssertionError, match=r"line 3: expected 'more', the server ended"):
        await run_transcript("S: 220 hello\n!eof\nS: more\n", app)


async def test_run_transcript_with_settings_and_directives() -> None:
    seen: list[object] = []
    text = "!set idle_timeout 1h\n!note that\nS: 220 hello\n!starttls\nC: x\nS: x\n"

    async def start_tls(argument: str, run: object) -> None:
        seen.append("tls")

    await run_transcript(
        text,
        app,
        directives={
            "note": lambda argument, run: seen.append((argument, run.server.settings.idle_timeout)),  # type: ignore[union-attr]
            "starttls": start_tls,
        },
    )
    assert seen == [("that", 3600.0), "tls"]
    with pytest.raises(ValueError, match="unknown directive 'nothing'"):
        await run_transcript("!nothing\n", app)
    with pytest.raises(ValueError, match="no setting 'colour'"):
        await run_transcript("!set colour red\n", app)


async def test_fake_clock() -> None:
    loop = asyncio.get_running_loop()
    fired: list[float] = []
    with FakeClock() as clock:
        began = clock.time()
        for delay in (30.0, 10.0, 20.0):
            loop.call_later(delay, lambda: fired.append(round(loop.time() - began)))
        sleeper = asyncio.create_task(asyncio.sleep(3600))
        real = time.monotonic()
        await clock.advance(25)
        assert fired == [10, 20]
        await clock.advance(3600)
        assert fired == [10, 20, 30]
        assert sleeper.done()
        assert time.monotonic() - real < 1
        with pytest.raises(ValueError, match="go back"):
            await clock.advance(-1)
    with pytest.raises(RuntimeError, match="not in place"):
        await clock.advance(1)
    assert abs(loop.time() - time.monotonic()) < 0.5


async def test_fake_clock_moves_the_idle_timeouts_of_sockets() -> None:
    from socketworkers import IdleTimeout, Timeouts

    with FakeClock() as clock:
        one, other = socket_pair(timeouts=Timeouts(idle=300))
        reader = other.readable.get_reader()
        reading = asyncio.create_task(reader.read())
        await clock.advance(299)
        assert not reading.done()
        await one.writable.get_writer().write(b"x")
        await clock.advance(0)
        assert await reading == b"x"
        reading = asyncio.create_task(reader.read())
        await clock.advance(299)
        assert not reading.done()
        await clock.advance(2)
        with pytest.raises(IdleTimeout):
            await reading
        await one.abort()
        await other.abort()


def test_fake_clock_refuses_other_loops() -> None:
    uvloop = pytest.importorskip("uvloop")
    loop = uvloop.new_event_loop()
    try:
        with pytest.raises(TypeError, match="uvloop"):
            FakeClock(loop)
    finally:
        loop.close()


def test_threaded_server() -> None:
    with ThreadedServer(app, tls="auto", tls_port=0) as server:
        assert server.url == f"greet://127.0.0.1:{server.port}"
        for _ in range(3):
            with kernel.create_connection((server.host, server.port)) as sock:
                assert sock.recv(100) == b"220 hello\r\n"
        with (
            kernel.create_connection((server.host, server.listener("tls").port)) as sock,
            server.tls_context().wrap_socket(sock, server_hostname="localhost") as tls,
        ):
            assert tls.recv(100) == b"220 hello\r\n"
        assert server.call(lambda: server.server.telemetry.accepted) == 4
        with pytest.raises(LookupError):
            server.listener("nothing")
    server.stop()
    with pytest.raises(RuntimeError, match="not running"):
        server.port


def test_threaded_server_starts_within_milliseconds() -> None:
    with ThreadedServer(app):
        pass
    times = []
    for _ in range(5):
        began = time.perf_counter()
        with ThreadedServer(app):
            times.append(time.perf_counter() - began)
    assert min(times) < 0.02, times


def test_threaded_server_passes_on_why_it_does_not_start() -> None:
    with ThreadedServer(app) as server, pytest.raises(StartupError):
        ThreadedServer(app, port=server.port).start()


class Visitors(AppFixture):
    """What an app's own fixture looks like."""

    def __init__(self, **settings: Any) -> None:
        self.names: list[bytes] = []
        visited = App("visitors")

        @visited.connect
        async def handle(socket: Socket, env: Env, ctx: Context) -> None:
            self.names.append(await socket.readable.get_reader().read_line())
            self._changed.set()

        super().__init__(visited, **settings)

    def _started(self, env: Env) -> None:
        self.names.append(type(env).__name__.encode())

    def wait_for(self, count: int, timeout: float = 5.0) -> list[bytes]:
        async def look() -> list[bytes] | None:
            return self.names[1:] if len(self.names) > count else None

        return self._wait_until(look, lambda: f"only {len(self.names) - 1} came", timeout)


def test_a_fixture_of_an_app() -> None:
    with Visitors() as visitors:
        assert visitors.url == f"visitors://{visitors.host}:{visitors.port}"
        assert visitors.names == [b"Env"]
        for name in (b"one\n", b"two\n"):
            with kernel.create_connection((visitors.host, visitors.port)) as sock:
                sock.sendall(name)
                visitors.wait_for(1 if name == b"one\n" else 2)
        assert visitors.wait_for(2) == [b"one\n", b"two\n"]
        with pytest.raises(AssertionError, match="only 2 came"):
            visitors.wait_for(3, timeout=0.01)
        with pytest.raises(ValueError, match="tls"):
            visitors.tls_context()
    with pytest.raises(RuntimeError, match="not running"):
        visitors.wait_for(1)


def test_socket_app(socket_app: Callable[..., ThreadedServer]) -> None:
    server = socket_app(app)
    with kernel.create_connection((server.host, server.port)) as sock:
        assert sock.recv(100) == b"220 hello\r\n"
