"""The server: handlers in all forms, their faults, ``wait_until``, hooks, listeners, limits, drain."""

from __future__ import annotations

import asyncio
import logging
import socket as kernel
import types
from pathlib import Path
from typing import Any

import pytest
from tests.support.pairs import eventually

from socketworkers import (
    App,
    Context,
    Env,
    LimitExceeded,
    ListenerSpec,
    ProtocolError,
    Socket,
    StateError,
    WorkerEntrypoint,
    connect,
    listen,
    serve,
)
from socketworkers.errors import StartupError
from socketworkers.server import Server
from socketworkers.settings import Settings
from socketworkers.testing import AppClient, serve_ephemeral

pytestmark = pytest.mark.usefixtures("any_loop")


async def echo(socket: Socket, env: Env, ctx: Context) -> None:
    writer = socket.writable.get_writer()
    async for chunk in socket.readable:
        await writer.write(chunk)


def made(handler: Any, **options: Any) -> App:
    app = App("app", **options)
    app.connect(handler)
    return app


async def dial(server: Server, index: int = 0) -> Socket:
    listener = server.listeners[index]
    return await connect((listener.host, listener.port), allow_half_open=True)


async def ask(server: Server, data: bytes, index: int = 0) -> bytes:
    """Send, shut down, read to the end."""
    socket = await dial(server, index)
    writer = socket.writable.get_writer()
    writer.write(data)
    await writer.close()
    answer = b"".join([chunk async for chunk in socket.readable])
    await socket.close()
    return answer


# -- forms of handlers ---------------------------------------------------------------------------------------------


async def test_handler_function() -> None:
    async with serve_ephemeral(made(echo)) as server:
        assert await ask(server, b"hello") == b"hello"
        await eventually(lambda: server.connections == 0)


async def test_event_listeners() -> None:
    """The form of the 2021 post: the connection lasts until somebody closes it."""
    app = App("app")

    def on_connect(event: Any) -> None:
        writer = event.socket.writable.get_writer()

        def data(chunk: bytes) -> None:
            if chunk:
                writer.write(chunk.upper())
            else:
                event.socket.close()

        event.socket.on_data(data)

    app.add_event_listener("connect", on_connect)
    async with serve_ephemeral(app) as server:
        assert await ask(server, b"hello") == b"HELLO"
    waiting = App("app")

    async def later(event: Any) -> None:
        await event.socket.writable.get_writer().write(b"done")

    waiting.add_event_listener("connect", later)
    async with serve_ephemeral(waiting) as server:
        assert await ask(server, b"") == b"done"


async def test_worker_entrypoint_and_modules() -> None:
    class Greeter(WorkerEntrypoint):
        async def connect(self, socket: Socket) -> None:
            assert self.ctx.listener.name == "main"
            await socket.writable.get_writer().write(self.env.config.host.encode())

    module = types.ModuleType("greeter")
    module.Greeter = Greeter  # type: ignore[attr-defined]
    async with serve_ephemeral(App.from_module(module)) as server:
        assert await ask(server, b"") == b"127.0.0.1"
    plain = types.ModuleType("plain")
    plain.connect = echo  # type: ignore[attr-defined]
    plain.port = 7  # type: ignore[attr-defined]
    app = App.from_module(plain)
    assert (app.name, app.port) == ("plain", 7)
    async with serve_ephemeral(app) as server:
        assert await ask(server, b"x") == b"x"
    with pytest.raises(LookupError, match="neither an App nor"):
        App.from_module(types.ModuleType("empty"))


async def test_serve_and_listen() -> None:
    server = await serve(echo)
    assert await ask(server, b"x") == b"x"
    await server.stop()
    async with await listen() as sockets:
        client = await connect(("127.0.0.1", sockets.port), allow_half_open=True)
        socket = await anext(sockets)
        await socket.writable.get_writer().write(b"hi")
        assert await client.readable.get_reader().read() == b"hi"
        await socket.close()
        await client.close()


async def test_unawaited_writes_before_the_return_arrive() -> None:
    async def handler(socket: Socket, env: Env, ctx: Context) -> None:
        writer = socket.writable.get_writer()
        for number in range(1000):
            writer.write(b"%d\n" % number)
        await writer.close()

    async with serve_ephemeral(made(handler)) as server:
        assert await ask(server, b"ignored") == b"".join(b"%d\n" % number for number in range(1000))


# -- faults --------------------------------------------------------------------------------------------------------


async def test_an_exception_ends_one_connection_is_logged_once_and_stays_here(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handler(socket: Socket, env: Env, ctx: Context) -> None:
        line = await socket.readable.get_reader().read_line()
        if line == b"fail\n":
            socket.writable.get_writer()
            raise ZeroDivisionError("secret internals")
        await socket.writable.get_writer().write(line)

    app = made(handler)
    async with serve_ephemeral(app) as server:
        failed: list[dict[str, Any]] = []
        server.telemetry.subscribe(lambda name, fields: failed.append(dict(fields)) if name == "conn.failed" else None)
        good = await dial(server)
        with pytest.raises(ConnectionResetError):
            assert b"secret" not in await ask(server, b"fail\n")
        writer = good.writable.get_writer()
        await writer.write(b"ok\n")
        assert await good.readable.get_reader().read_line() == b"ok\n"
        records = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert len(records) == 1
        assert records[0].connection == failed[0]["id"]  # type: ignore[attr-defined]
        assert server.telemetry.handler_errors == 1
        await good.abort()


async def test_protocol_errors_carry_the_reply_and_are_no_news(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(socket: Socket, env: Env, ctx: Context) -> None:
        reader = socket.readable.get_reader()
        line = await reader.read_line(limit=10)
        if line == b"bad\n":
            raise ProtocolError("bad", reply=b"500 bad\r\n")
        raise LimitExceeded("too much")

    async with serve_ephemeral(made(handler)) as server:
        assert await ask(server, b"bad\n") == b"500 bad\r\n"
        assert await ask(server, b"other\n") == b""
        assert await ask(server, b"x" * 20) == b""
    assert not caplog.records


async def test_writing_after_the_handler_returned_is_refused() -> None:
    results: list[object] = []

    async def handler(socket: Socket, env: Env, ctx: Context) -> None:
        writer = socket.writable.get_writer()

        async def late() -> None:
            await socket.closed
            try:
                await writer.write(b"late")
            except (OSError, StateError) as error:
                results.append(error)

        ctx.wait_until(late())

    async with serve_ephemeral(made(handler)) as server:
        assert await ask(server, b"") == b""
        await eventually(lambda: results)


async def test_wait_until_outlives_the_connection_and_logs_its_faults(caplog: pytest.LogCaptureFixture) -> None:
    done = asyncio.Event()
    go = asyncio.Event()

    async def handler(socket: Socket, env: Env, ctx: Context) -> None:
        async def later() -> None:
            await go.wait()
            done.set()
            raise ZeroDivisionError

        ctx.wait_until(later())

    async with serve_ephemeral(made(handler)) as server:
        assert await ask(server, b"") == b""
        await eventually(lambda: server.connections == 0)
        assert not done.is_set()
        draining = asyncio.ensure_future(server.drain(5))
        await asyncio.sleep(0.02)
        assert not draining.done()  # a drain waits for it
        go.set()
        assert await draining
        assert done.is_set()
    assert len(caplog.records) == 1


async def test_hooks_run_in_order_and_a_failing_one_undoes_all() -> None:
    events: list[str] = []
    app = made(echo)

    @app.on_start
    async def first(env: Env) -> None:
        events.append("first")
        env.thing = 3

    @app.on_start
    async def second(env: Env) -> None:
        events.append(f"second {env.thing}")

    @app.on_stop
    async def before(env: Env) -> None:
        events.append("stop last")

    @app.on_stop
    async def last(env: Env) -> None:
        events.append("stop first")

    async with serve_ephemeral(app) as server:
        port = server.listeners[0].port
        with pytest.raises(RuntimeError):
            await server.start()
    assert events == ["first", "second 3", "stop first", "stop last"]

    @app.on_start
    async def broken(env: Env) -> None:
        raise StartupError("no", "because", "do this")

    with pytest.raises(StartupError):
        async with serve_ephemeral(app, port=port):
            raise AssertionError
    with kernel.socket() as sock:
        sock.setsockopt(kernel.SOL_SOCKET, kernel.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))  # nothing is left bound
        sock.listen()
        server = Server(app, Settings(port=port, data=":memory:"))
        with pytest.raises(StartupError):
            await server.start()
        await server.stop()
    assert events[4:] == ["first", "second 3"]  # what did not start is not stopped


# -- listeners -----------------------------------------------------------------------------------------------------


async def test_several_listeners_and_their_names(tmp_path: Path) -> None:
    seen: list[str] = []

    async def handler(socket: Socket, env: Env, ctx: Context) -> None:
        seen.append(ctx.listener.name)

    from dataclasses import dataclass

    from socketworkers.settings import Settings, setting

    @dataclass
    class Config(Settings):
        second_port: int | None = setting(None, help="second")

    app = made(handler, config=Config, listeners=(ListenerSpec("second", "x", "second_port"),))
    path = tmp_path / "socket"
    async with serve_ephemeral(app, second_port=0, unix=str(path)) as server:
        assert [listener.name for listener in server.listeners] == ["main", "second", "unix"]
        for index in (0, 1):
            await ask(server, b"", index)
        socket = await connect(f"unix:{path}")
        assert await socket.readable.get_reader().read() == b""
        await socket.close()
        assert seen == ["main", "second", "unix"]
    assert not path.exists()


async def test_dual_stack_binds_all_families_to_one_port_or_none() -> None:
    async with serve_ephemeral(made(echo), host="*") as server:
        hosts = {listener.host for listener in server.listeners}
        ports = {listener.port for listener in server.listeners}
        assert len(ports) == 1
        assert "0.0.0.0" in hosts
        if "::" in hosts:
            async with connect(("::1", ports.pop())) as socket:
                assert socket.info is not None
                assert socket.info.remote.host == "::1"
    with kernel.socket(kernel.AF_INET6) as blocker:
        blocker.setsockopt(kernel.IPPROTO_IPV6, kernel.IPV6_V6ONLY, 1)
        blocker.bind(("::", 0))
        blocker.listen()
        port = blocker.getsockname()[1]
        with pytest.raises(StartupError):
            async with serve_ephemeral(made(echo), host="*", port=port):
                raise AssertionError
        with kernel.socket() as v4:
            v4.setsockopt(kernel.SOL_SOCKET, kernel.SO_REUSEADDR, 1)
            v4.bind(("0.0.0.0", port))


async def test_implicit_tls_needs_a_certificate() -> None:
    with pytest.raises(StartupError, match="certificate"):
        async with serve_ephemeral(made(echo), tls_port=0):
            raise AssertionError


async def test_a_stale_unix_socket_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with kernel.socket(kernel.AF_UNIX) as stale:
        stale.bind(str(path))
    async with serve_ephemeral(made(echo), unix=str(path)):
        with pytest.raises(StartupError, match="cannot listen on unix:"):
            async with serve_ephemeral(made(echo), unix=str(path)):
                raise AssertionError
        async with connect(f"unix:{path}"):
            pass
    (tmp_path / "file").write_text("x")
    with pytest.raises(StartupError):
        async with serve_ephemeral(made(echo), unix=str(tmp_path / "file")):
            raise AssertionError
    assert (tmp_path / "file").read_text() == "x"


# -- limits and drain ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["max_connections", "max_connections_per_address"])
@pytest.mark.attack("C6")
async def test_limits_refuse_with_the_apps_words_and_close(limit: str) -> None:
    app = made(echo, refusal=b"421 too many\r\n")
    async with serve_ephemeral(app, **{limit: 2}) as server:
        held = [await dial(server) for _ in range(2)]
        await eventually(lambda: server.connections == 2)
        refused = await dial(server)
        assert await refused.readable.get_reader().read_line() == b"421 too many\r\n"
        await refused.close()
        assert server.telemetry.refused == 1
        await held[0].close()
        await eventually(lambda: server.connections == 1)
        assert await ask(server, b"room again") == b"room again"
        await held[1].abort()
        await eventually(lambda: not server._admission.open)


async def test_drain_tells_handlers_waits_and_aborts_the_rest() -> None:
    told: list[str] = []

    async def handler(socket: Socket, env: Env, ctx: Context) -> None:
        ctx.on_drain = lambda: told.append("on_drain")
        line = await socket.readable.get_reader().read_line()
        if line == b"polite\n":
            await ctx.draining.wait()
            assert ctx.draining.aborted
            await socket.writable.get_writer().write(b"421 bye\r\n")
        else:
            await asyncio.get_running_loop().create_future()

    async with serve_ephemeral(made(handler)) as server:
        polite, stubborn = await dial(server), await dial(server)
        await polite.writable.get_writer().write(b"polite\n")
        await stubborn.writable.get_writer().write(b"stubborn\n")
        await asyncio.sleep(0.02)
        assert server.ready
        draining = asyncio.ensure_future(server.drain(0.3))
        assert await polite.readable.get_reader().read() == b"421 bye\r\n"
        await polite.close()
        assert not server.ready
        assert server.not_ready() == "draining"
        with pytest.raises(ConnectionError):
            await dial(server)
        assert not await draining
        with pytest.raises(ConnectionResetError):
            await stubborn.closed
        assert told == ["on_drain", "on_drain"]


async def test_an_idle_connection_is_closed_with_what_the_handler_says() -> None:
    from socketworkers import IdleTimeout

    async def handler(socket: Socket, env: Env, ctx: Context) -> None:
        try:
            await socket.readable.get_reader().read()
        except IdleTimeout:
            await socket.writable.get_writer().write(b"421 too slow\r\n")

    async with serve_ephemeral(made(handler), idle_timeout=0.1) as server:
        socket = await dial(server)
        assert await socket.readable.get_reader().read() == b"421 too slow\r\n"
        await socket.close()
        await eventually(lambda: server.connections == 0)


async def test_app_client_and_server_share_one_path() -> None:
    async with AppClient(made(echo, refusal=b"no\n"), max_connections=1) as client:
        await client.send(b"x")
        assert await client.read() == b"x"
        other = client.connect()
        assert await other.read() == b"no\n"
        await other.close()
