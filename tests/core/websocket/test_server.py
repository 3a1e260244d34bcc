"""WebSocket listeners in a server: flags, TLS, limits, PROXY protocol, drain, memory, log and metrics as for others."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.pairs import eventually
from tests.support.websocket import BINARY, Frame, ask, client_frame, close, open_websocket, read_frame, request

from socketworkers import (
    AddressError,
    App,
    ConnectError,
    Context,
    Env,
    IdleTimeout,
    ListenerSpec,
    Socket,
    Timeouts,
    TLSError,
    TlsOptions,
    connect,
    serve,
)
from socketworkers.address import Address, parse_address
from socketworkers.cli.options import AppCommand, app_settings
from socketworkers.errors import StartupError
from socketworkers.observe.access import log_events
from socketworkers.observe.metrics import Exporter
from socketworkers.process.banner import start_lines
from socketworkers.process.provision import provision
from socketworkers.server import Server
from socketworkers.testing import AppClient, serve_ephemeral
from socketworkers.testing.client import Transport, trusting

both_loops = pytest.mark.usefixtures("any_loop")


async def upper(socket: Socket, env: Env, ctx: Context) -> None:
    writer = socket.writable.get_writer()
    async for chunk in socket.readable:
        await writer.write(chunk.upper())


def made(handler: Any = upper, **options: Any) -> App:
    spec = ListenerSpec("ws", "ws", "ws_port", "Shouting over WebSocket", path="/shout", subprotocols=("shout",))
    app = App("shout", listeners=(spec,), **options)
    app.connect(handler)
    return app


async def shout(socket: Socket, data: bytes) -> bytes:
    await socket.writable.get_writer().write(data)
    answer = await socket.readable.get_reader().read_exactly(len(data))
    await socket.close()
    return answer


# -- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "address", "back"),
    [
        ("ws://host", Address("ws", "host", 80, "/"), "ws://host/"),
        ("wss://host", Address("wss", "host", 443, "/"), "wss://host/"),
        ("ws://host:80/a?b=c", Address("ws", "host", 80, "/a?b=c"), "ws://host/a?b=c"),
        ("ws://host:443", Address("ws", "host", 443, "/"), "ws://host:443/"),
        ("ws://[::1]:8080/x/", Address("ws", "::1", 8080, "/x/"), "ws://[::1]:8080/x/"),
        ("ws://host?a=b", Address("ws", "host", 80, "/?a=b"), "ws://host/?a=b"),
        ("wss://h/v1?address=db:5432", Address("wss", "h", 443, "/v1?address=db:5432"), "wss://h/v1?address=db:5432"),
    ],
)
def test_urls(text: str, address: Address, back: str) -> None:
    """RFC 6455 §3."""
    assert parse_address(text) == address
    assert str(address) == back
    assert parse_address(back) == address


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ws://", "missing a host"),
        ("ws://host/#x", "fragment"),
        ("ws://host/x#", "fragment"),
        ("ws://me:secret@host/", "Authorization"),
        ("ws://host/ä", "percent-encoded"),
        ("ws://host/a b", "percent-encoded"),
        ("ws://host:0/", "not a port"),
        ("ws://host:x/", "cannot be parsed"),
    ],
)
def test_urls_that_are_refused(text: str, words: str) -> None:
    with pytest.raises(AddressError, match=words):
        parse_address(text)


async def test_a_type_and_a_pair_make_an_address() -> None:
    async with serve_ephemeral(made(), ws_port=0, ws_path="/") as server:
        where = server.listeners[1]
        socket = await Socket(type="websocket", remote=(where.host, where.port))
        assert await shout(socket, b"pair") == b"PAIR"
        with pytest.raises(AddressError, match="does not fit"):
            Socket(type="tcp", remote="ws://host/")
        with pytest.raises(AddressError, match="does not fit"):
            Socket(remote="wss://host/", tls=False)


# -- listeners -----------------------------------------------------------------------------------------------------


@both_loops
async def test_an_app_with_all_its_listeners() -> None:
    async with serve_ephemeral(made(), ws_port=0, wss_port=0, tls="auto") as server:
        urls = [listener.url for listener in server.listeners]
        assert [listener.name for listener in server.listeners] == ["main", "ws", "wss"]
        assert urls[1].startswith("ws://127.0.0.1:")
        assert urls[2].startswith("wss://127.0.0.1:")
        assert urls[1].endswith("/shout")
        tls = TlsOptions(context=trusting(server), sni="localhost")
        assert await shout(await connect(("127.0.0.1", server.listeners[0].port)), b"tcp") == b"TCP"
        assert await shout(await connect(urls[1]), b"ws") == b"WS"
        secure = await connect(urls[2], tls=tls, subprotocols=("loud", "shout"), headers={"X-Token": "t"})
        info = secure.info
        assert info is not None
        assert (info.type, info.secure) == ("websocket", True)
        assert info.tls is not None
        assert info.websocket is not None
        assert info.websocket.subprotocol == "shout"
        assert await shout(secure, b"wss") == b"WSS"


async def test_alpn_on_wss() -> None:
    """``http/1.1`` where the client offers it; a client that offers only something else is refused (RFC 7301)."""
    async with serve_ephemeral(made(), wss_port=0, tls="auto") as server:
        url = server.listeners[1].url
        context = trusting(server)
        context.set_alpn_protocols(["h2", "http/1.1"])
        socket = await connect(url, tls=TlsOptions(context=context, sni="localhost"))
        assert socket.info is not None
        assert socket.info.tls is not None
        assert socket.info.tls.alpn == "http/1.1"
        await socket.close()
        context = trusting(server)
        context.set_alpn_protocols(["h2"])
        with pytest.raises(TLSError):
            await connect(url, tls=TlsOptions(context=context, sni="localhost"))
        assert server.tls is not None
        own = TlsOptions(ca=str(server.tls.authority), sni="localhost")
        assert await shout(await connect(url, tls=own), b"offered by default") == b"OFFERED BY DEFAULT"


@both_loops
@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_serve_at_a_url(scheme: str) -> None:
    options: dict[str, Any] = {"tls": "auto"} if scheme == "wss" else {}
    server = await serve(upper, f"{scheme}://127.0.0.1:0/v1?ignored", **options)
    try:
        (listener,) = server.listeners
        assert listener.url == f"{scheme}://127.0.0.1:{listener.port}/v1"
        tls = TlsOptions(context=trusting(server), sni="localhost") if scheme == "wss" else None
        assert await shout(await connect(f"{listener.url}?a=b", tls=tls), b"hi") == b"HI"
    finally:
        await server.stop()
    server = await serve(made(), f"{scheme}://127.0.0.1:0/other", **options)
    try:
        (listener,) = server.listeners
        tls = TlsOptions(context=trusting(server), sni="localhost") if scheme == "wss" else None
        socket = await connect(listener.url, tls=tls, subprotocols=("shout",))
        assert socket.info is not None
        assert socket.info.websocket is not None
        assert (socket.info.websocket.resource, socket.info.websocket.subprotocol) == ("/other", "shout")
        assert await shout(socket, b"hi") == b"HI"
        with pytest.raises(ConnectError, match="404"):
            await connect(listener.url + "/not", tls=tls)
    finally:
        await server.stop()


async def test_on_a_unix_socket_it_is_what_the_first_listener_is(tmp_path: Path) -> None:
    path = tmp_path / "s"
    server = await serve(upper, "ws://127.0.0.1:0/", unix=str(path))
    try:
        async with connect(f"unix:{path}", allow_half_open=True) as socket:
            await socket.writable.get_writer().write(request())
            assert b" 101 " in await socket.readable.get_reader().read_line()
            await socket.abort()
    finally:
        await server.stop()


@both_loops
@pytest.mark.parametrize("transport", ["memory", "tcp", "tls", "websocket"])
@pytest.mark.parametrize("own", [True, False], ids=["own listener", "no listener"])
async def test_an_app_test_over_every_transport(transport: Transport, own: bool) -> None:
    app = made()
    if not own:
        app = App("plain")
        app.connect(upper)
    async with AppClient(app, transport=transport) as client:
        await client.send(b"hello")
        await client.expect(b"HELLO")
        async with client.connect() as other:
            await other.send(b"two")
            assert await other.read_exactly(3) == b"TWO"
        assert (client.socket.info is not None and client.socket.info.type) == {"tls": "tcp"}.get(transport, transport)
        assert client.server.connections >= 1


# -- settings and command line -------------------------------------------------------------------------------------


def test_flags_are_there_unless_an_app_wants_no_websockets() -> None:
    def names(app: App) -> set[str]:
        return {item.name for item in app_settings(app) if item.name.startswith("ws")}

    flags = {"ws_port", "wss_port", "ws_path", "ws_origin", "ws_ping"}
    assert names(App("without", ws_listener=False)) == set()
    assert names(App("plain")) == names(made()) == flags
    text = AppCommand("shout", made(), None).help_text("run-app shout", everything=True)
    assert "--ws-port PORT" in text
    assert "--ws-origin ORIGIN" in text
    without = AppCommand("without", App("without", ws_listener=False), None)
    assert "--ws-" not in without.help_text("run-app without", everything=True)


def test_an_app_brings_its_own_wss_listener() -> None:
    own = ListenerSpec("secure", "wss", "wss_port", tls="implicit", path="/own")
    app = App("x", listeners=(ListenerSpec("ws", "ws", "ws_port"), own))
    assert [spec.name for spec in app.listeners] == ["main", "tls", "ws", "secure"]
    spec = made().listeners[-1]
    assert (spec.name, spec.scheme, spec.port_setting, spec.path) == ("wss", "wss", "wss_port", "/shout")
    assert (spec.tls, spec.alpn, spec.subprotocols) == ("implicit", ("http/1.1",), ("shout",))


def test_wss_needs_a_certificate() -> None:
    app = made()
    with pytest.raises(StartupError, match="--wss-port needs a certificate"):
        provision(app, app.config(wss_port=0, data=":memory:"))


async def test_start_lines() -> None:
    async with serve_ephemeral(made(), ws_port=0) as server:
        lines = start_lines(server.app, server.settings, server.listeners)
        assert any(
            line.startswith("  Shouting over WebSocket") and server.listeners[1].url in line and line.endswith("plain")
            for line in lines
        )
        assert not any("nc 127.0.0.1" in line and str(server.listeners[1].port) in line for line in lines)


# -- limits, proxies, time, memory ---------------------------------------------------------------------------------


async def test_over_the_limit_the_answer_is_http() -> None:
    app = made(refusal=b"421 too many\r\n")
    async with AppClient(app, listener="ws", max_connections=1) as client:
        await open_websocket(client, "/shout")
        peer = client.connect()
        status, _, body = await ask(peer, b"")
        assert (status, body) == (503, b"too many connections\n")
        await peer.expect_end()
        assert await client.connect("main").read() == b"421 too many\r\n"


async def test_the_proxy_protocol_comes_before_the_handshake() -> None:
    seen: list[str] = []

    async def handler(socket: Socket, env: Env, ctx: Context) -> None:
        assert socket.info is not None
        seen.append(f"{socket.info.remote} {socket.info.proxied_from}")
        await upper(socket, env, ctx)

    async with AppClient(made(handler), listener="ws", proxy_from=("127.0.0.0/8",)) as client:
        header = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 25\r\n"
        status, _, _ = await ask(client, header + request("/shout"))
        assert status == 101
        await client.send(client_frame(BINARY, b"x"))
        assert (await read_frame(client)).payload == b"X"
        assert seen == ["192.0.2.7:4711 127.0.0.1:49152"]
        await client.send(close())


async def test_pings_are_not_data_for_the_idle_timeout() -> None:
    errors: list[BaseException] = []

    async def handler(socket: Socket, env: Env, ctx: Context) -> None:
        try:
            await socket.readable.get_reader().read()
        except IdleTimeout as error:
            errors.append(error)
            await socket.writable.get_writer().write(b"too slow")

    async with AppClient(made(handler), listener="ws", idle_timeout=0.3) as client:
        await open_websocket(client, "/shout")
        pinging = asyncio.ensure_future(_ping_for_ever(client))
        found = await read_frame(client)
        while found.first == 0x8A:
            found = await read_frame(client)
        pinging.cancel()
        assert found == Frame(0x82, b"too slow")
        assert len(errors) == 1


async def _ping_for_ever(client: AppClient) -> None:
    while True:
        await client.send(client_frame(0x9))
        await asyncio.sleep(0.05)


@both_loops
async def test_a_handler_that_does_not_read_stops_the_peer() -> None:
    """Back-pressure and the memory cap see the payload; nothing is kept in the layer."""
    go = asyncio.Event()
    got: list[int] = []
    sockets: list[Socket] = []

    async def handler(socket: Socket, env: Env, ctx: Context) -> None:
        sockets.append(socket)
        await go.wait()
        got.append(sum([len(chunk) async for chunk in socket.readable]))

    async with serve_ephemeral(made(handler), ws_port=0, memory_limit=200_000) as server:
        socket = await connect(server.listeners[1].url, timeouts=Timeouts(write=None))
        writer = socket.writable.get_writer()

        async def send() -> None:
            for _ in range(256):
                await writer.write(bytes(65536))
            await socket.close()

        sending = asyncio.ensure_future(send())
        await eventually(lambda: sockets and sockets[0].stats.buffered_in >= 65536)
        await asyncio.sleep(0.1)
        assert not sending.done()
        assert sockets[0].stats.buffered_in <= 65536 + 256 * 1024
        assert server.budget.used == sockets[0].stats.buffered_in
        go.set()
        await sending
        await eventually(lambda: got)
        assert got == [256 * 65536]
        assert server.budget.used == 0


@both_loops
async def test_drain_says_goodbye_with_a_close_frame() -> None:
    async def handler(socket: Socket, env: Env, ctx: Context) -> None:
        ctx.on_drain = lambda: socket.interrupt(IdleTimeout("the server is stopping"))
        await socket.readable.get_reader().read()

    async with AppClient(made(handler), listener="ws") as client:
        await open_websocket(client, "/shout")
        await client.send(client_frame(0x9, b"?"))
        assert (await read_frame(client)).first == 0x8A
        draining = asyncio.ensure_future(client.server.drain(5))
        assert await read_frame(client) == Frame(0x88, b"\x03\xe8")
        await client.send(close())
        await client.expect_end()
        assert await draining


async def test_log_and_metrics(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "socketworkers")
    server = Server(made(), made().config(data=":memory:"), listen=False)
    log_events(server.telemetry)
    await server.start()
    try:
        client = server.dial("ws")
        writer, reader = client.writable.get_writer(), client.readable.get_reader()
        await writer.write(request("/shout"))
        await reader.read_until(b"\r\n\r\n")
        await writer.write(client_frame(BINARY, b"hello") + close())
        await eventually(lambda: not server.connections)
        refused = server.dial("ws")
        await refused.writable.get_writer().write(request("/nowhere\x1b[31m".replace("\x1b", "%1b")))
        await refused.readable.get_reader().read_until(b"\r\n\r\n")
        await refused.close()
        await eventually(lambda: not server.connections)
        lines = [record.getMessage() for record in caplog.records]
        assert any("ws from 127.0.0.1:49152 closed after" in line and "5 bytes in, 5 out" in line for line in lines)
        assert lines[-1].endswith(" out: WebSocket refused: there is nothing here")
        page, _ = Exporter(server.telemetry).render()
        assert b"socketworkers_websocket_refused_total 1.0" in page
    finally:
        await server.stop()


def test_other_listeners_load_nothing() -> None:
    """The modules of WebSocket (wsproto, h11) are loaded for those who listen or connect that way only."""
    code = (
        "import asyncio, sys\n"
        "from socketworkers import App, serve\n"
        "async def main():\n"
        "    async def handle(socket, env, ctx): pass\n"
        "    server = await serve(handle)\n"
        "    print(sorted({'wsproto', 'h11'} & set(sys.modules)))\n"
        "    await server.stop()\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


async def test_the_certificate_is_verified() -> None:
    async with serve_ephemeral(made(), wss_port=0, tls="auto") as server:
        with pytest.raises(TLSError):
            await connect(server.listeners[1].url)
