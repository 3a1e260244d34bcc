"""``App.admit``: an app's own say before a handshake is answered; and WebSockets for apps without a word of theirs."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator

import pytest
from tests.support.websocket import BINARY, ask, client_frame, open_websocket, read_frame, request

from socketworkers import App, ConnectError, Context, Env, ListenerSpec, Socket, SocketInfo, connect, serve
from socketworkers.server import Server
from socketworkers.testing import AppClient
from socketworkers.websocket import refusal

pytestmark = pytest.mark.usefixtures("any_loop")


def guarded() -> App:
    """Lets alice in, knows bob but not now, breaks at carol."""
    app = App("guarded", listeners=(ListenerSpec("ws", "ws", "ws_port"),))

    @app.admit
    async def admit(info: SocketInfo, socket: Socket, env: Env, ctx: Context) -> None:
        assert info.type == "websocket"
        assert info.websocket is not None
        assert socket.info is None  # not open yet
        sent = dict(info.websocket.headers).get("authorization", "")
        await asyncio.sleep(0)
        name = base64.b64decode(sent.removeprefix("Basic ")).decode().partition(":")[0]
        if name == "carol":
            raise RuntimeError("a fault of the app")
        if name == "bob":
            raise refusal(503, "come back later", ("Retry-After", "120"))
        if name != "alice":
            raise refusal(401, "who are you?", ("WWW-Authenticate", 'Basic realm="guarded"'))
        ctx.admitted = name

    @app.connect
    async def greet(socket: Socket, env: Env, ctx: Context) -> None:
        await socket.writable.get_writer().write(f"hello {ctx.admitted}".encode())
        await socket.readable.get_reader().read()

    return app


@pytest.fixture
async def client() -> AsyncIterator[AppClient]:
    async with AppClient(guarded(), listener="ws") as client:
        yield client


def basic(name: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:x".encode()).decode()


async def test_who_is_admitted_is_in_the_context(client: AppClient) -> None:
    await open_websocket(client, authorization=basic("alice"))
    assert (await read_frame(client)).payload == b"hello alice"
    await client.send(client_frame(BINARY, b"bye"))


async def test_a_refusal_is_a_status_of_http(client: AppClient) -> None:
    status, fields, body = await ask(client, request())
    assert (status, body) == (401, b"who are you?\n")
    assert fields["www-authenticate"] == 'Basic realm="guarded"'
    await client.expect_end()


async def test_a_refusal_for_now(client: AppClient) -> None:
    status, fields, _ = await ask(client, request(authorization=basic("bob")))
    assert (status, fields["retry-after"]) == (503, "120")
    assert client.server.telemetry.websocket_refused == 1


async def test_a_fault_of_the_app_ends_the_connection_and_is_reported(
    client: AppClient, caplog: pytest.LogCaptureFixture
) -> None:
    await client.send(request(authorization=basic("carol")))
    with contextlib.suppress(OSError):
        assert await client.read_to_end() == b""
    assert client.server.telemetry.handler_errors == 1
    assert "a fault of the app" in caplog.text


async def test_what_follows_the_request_before_the_answer() -> None:
    asked, given_up = asyncio.Event(), asyncio.Event()
    app = App("slow", listeners=(ListenerSpec("ws", "ws", "ws_port"),))

    @app.admit
    async def admit(info: SocketInfo, socket: Socket, env: Env, ctx: Context) -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()

    @app.connect
    async def never(socket: Socket, env: Env, ctx: Context) -> None:
        raise AssertionError("nobody was admitted")

    async with AppClient(app, listener="ws") as client:
        await client.send(request())
        await asked.wait()
        await client.send(client_frame(BINARY, b"early"))  # RFC 6455 §4.1: the client has to wait
        await asyncio.wait_for(given_up.wait(), 5)
        with contextlib.suppress(OSError):
            assert await client.read_to_end() == b""


async def test_a_client_of_ours_is_told_the_text() -> None:
    server = await serve(guarded(), "ws://127.0.0.1:0/")
    try:
        with pytest.raises(ConnectError, match=r"401 Unauthorized: who are you\?"):
            await connect(server.listeners[0].url)
        socket = await connect(server.listeners[0].url, headers={"Authorization": basic("alice")})
        assert await socket.readable.get_reader().read_exactly(11) == b"hello alice"
        await socket.close()
    finally:
        await server.stop()


async def test_every_app_can_be_reached_by_websocket() -> None:
    app = App("plain")

    @app.connect
    async def upper(socket: Socket, env: Env, ctx: Context) -> None:
        writer = socket.writable.get_writer()
        async for chunk in socket.readable:
            await writer.write(chunk.upper())

    assert [spec.name for spec in app.listeners] == ["main", "tls", "ws", "wss"]
    server = Server(app, app.config(data=":memory:", ws_port=0))
    await server.start()
    try:
        urls = {listener.name: listener.url for listener in server.listeners}
        assert set(urls) == {"main", "ws"}
        socket = await connect(urls["ws"] + "any/path", subprotocols=("tcp-halfclose.v1",), allow_half_open=True)
        writer = socket.writable.get_writer()
        await writer.write(b"hello")
        await writer.close()
        assert b"".join([chunk async for chunk in socket.readable]) == b"HELLO"
    finally:
        await server.stop()


async def test_text_from_a_server_if_the_client_takes_it() -> None:
    """``text`` and ``ping_interval`` of ``connect``."""
    import websockets.asyncio.server

    async def answer(connection: websockets.asyncio.server.ServerConnection) -> None:
        await connection.send("grün")
        await connection.wait_closed()

    async with websockets.asyncio.server.serve(answer, "127.0.0.1", 0) as other:
        url = f"ws://127.0.0.1:{next(iter(other.sockets)).getsockname()[1]}/"
        socket = await connect(url, text=True, ping_interval=None)
        assert await socket.readable.get_reader().read_exactly(5) == "grün".encode()
        await socket.close()
        refusing = await connect(url)
        with pytest.raises(OSError, match="text message"):
            await refusing.readable.get_reader().read()
