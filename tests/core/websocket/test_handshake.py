"""RFC 6455 §4: the opening handshake of both ends, and plain HTTP that meets a WebSocket listener."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator

import pytest
from tests.support.websocket import ACCEPT, BINARY, KEY, ask, client_frame, frame, open_websocket, read_frame, request

from socketworkers import (
    App,
    ConnectError,
    Context,
    Env,
    HandshakeTimeout,
    ListenerSpec,
    Socket,
    Timeouts,
    connect,
    serve,
)
from socketworkers.errors import ProtocolError
from socketworkers.testing import AppClient, Peer
from socketworkers.testing.client import TIMEOUT
from socketworkers.transports.websocket_handshake import Terms, accept_request, make_request, read_response

pytestmark = pytest.mark.usefixtures("any_loop")

ANY = ListenerSpec("any", "ws", "ws_port")
PATH = ListenerSpec("path", "ws", "ws_port", path="/mqtt")
MQTT = ListenerSpec("mqtt", "ws", "ws_port", subprotocols=("mqtt", "mqttv3.1"), subprotocol_required=True)
CHAT = ListenerSpec("chat", "ws", "ws_port", subprotocols=("chat", "superchat"))
app = App("who", listeners=(ANY, PATH, MQTT, CHAT))


@app.connect
async def who(socket: Socket, env: Env, ctx: Context) -> None:
    assert socket.info is not None
    found = socket.info.websocket
    assert found is not None
    assert socket.info.type == "websocket"
    assert ctx.tls_context is None
    text = f"{found.resource}|{found.subprotocol}|{found.host}|{found.origin}|{found.headers}"
    await socket.writable.get_writer().write(text.encode())
    await socket.readable.get_reader().read()


@pytest.fixture
async def client() -> AsyncIterator[AppClient]:
    async with AppClient(app, listener="any") as client:
        yield client


async def told(peer: Peer) -> str:
    return (await read_frame(peer)).payload.decode()


async def test_section_1_3_example(client: AppClient) -> None:
    status, fields, _ = await ask(
        client,
        request("/chat?room=1", origin="http://localhost", sec_websocket_protocol="chat, superchat", cookie="a=b"),
    )
    assert status == 101
    assert fields["sec-websocket-accept"] == ACCEPT
    assert fields["upgrade"].lower() == "websocket"
    assert fields["connection"].lower() == "upgrade"
    assert "sec-websocket-protocol" not in fields  # none of them is spoken here, and none is required
    assert await told(client) == "/chat?room=1|None|server.example.com|http://localhost|(('cookie', 'a=b'),)"


@pytest.mark.parametrize(
    ("target", "resource"),
    [("/", "/"), ("/a/b?c=d&e", "/a/b?c=d&e"), ("http://x/a?b", "/a?b"), ("ws://x:1", "/"), ("/%2e%2e/", "/%2e%2e/")],
)
async def test_request_targets(client: AppClient, target: str, resource: str) -> None:
    await open_websocket(client, target)
    assert (await told(client)).startswith(resource + "|None|")


@pytest.mark.parametrize(
    "fields",
    [
        {"upgrade": "WebSocket"},
        {"upgrade": "h2c, websocket"},
        {"connection": "keep-alive, Upgrade"},
        {"connection": "UPGRADE"},
        {"content_length": "0"},
        {"sec_websocket_extensions": "permessage-deflate; client_max_window_bits"},
        {"x": b"\xe4 obs-text is allowed"},
        {"x": ""},
    ],
)
async def test_fields_as_clients_send_them(client: AppClient, fields: dict[str, str]) -> None:
    status, answer, _ = await ask(client, request(**fields))
    assert status == 101
    assert "sec-websocket-extensions" not in answer  # compression is not negotiated: CRIME, and memory


@pytest.mark.parametrize("every", [1, 7, 100])
async def test_a_request_in_pieces(client: AppClient, every: int) -> None:
    data = request()
    for start in range(0, len(data) - every, every):
        await client.send(data[start : start + every])
        await asyncio.sleep(0)
    rest = data[len(range(0, len(data) - every, every)) * every :]
    assert (await ask(client, rest))[0] == 101


REFUSED = {
    "4.2.1-1 POST": (request(method="POST"), 405, {"allow": "GET"}),
    "4.2.1-1 HTTP/1.0": (request().replace(b"HTTP/1.1", b"HTTP/1.0"), 505, {}),
    "4.2.1-1 the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, {}),
    "4.2.1-2 no host": (request(drop=["host"]), 400, {}),
    "4.2.1-2 two hosts": (request().replace(b"\r\nupgrade", b"\r\nHost: b\r\nupgrade"), 400, {}),
    "4.2.1-3 plain HTTP": (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 426, {"upgrade": "websocket"}),
    "4.2.1-3 another upgrade": (request(upgrade="h2c"), 426, {"upgrade": "websocket"}),
    "4.2.1-4 no connection": (request(drop=["connection"]), 400, {}),
    "4.2.1-4 another connection": (request(connection="keep-alive"), 400, {}),
    "4.2.1-5 no key": (request(drop=["sec-websocket-key"]), 400, {}),
    "4.2.1-5 two keys": (
        request().replace(b"\r\nupgrade", f"\r\nSec-WebSocket-Key: {KEY}\r\nupgrade".encode()),
        400,
        {},
    ),
    "4.2.1-5 a short key": (request(sec_websocket_key="c2hvcnQ="), 400, {}),
    "4.2.1-5 a key that is no base64": (request(sec_websocket_key="*" * 24), 400, {}),
    "4.2.1-5 a key that is not ASCII": (request(sec_websocket_key=b"\xe4" * 24), 400, {}),
    "4.2.1-6 no version": (request(drop=["sec-websocket-version"]), 426, {"sec-websocket-version": "13"}),
    "4.4 version 8": (request(sec_websocket_version="8"), 426, {"sec-websocket-version": "13"}),
    "4.1 something behind it": (request() + client_frame(BINARY, b"early"), 400, {}),
    "4.1 a body": (request(content_length="3") + b"abc", 400, {}),
    "a body to come": (request(content_length="3"), 400, {}),
    "a chunked body": (request(transfer_encoding="chunked"), 400, {}),
    "RFC 9112 3 two spaces": (request().replace(b"GET ", b"GET  "), 400, {}),
    "RFC 9112 5.1 space before the colon": (request().replace(b"host:", b"host :"), 400, {}),
    "RFC 9112 5.2 folded": (request(x="a\r\n b"), 400, {}),
    "RFC 9112 2.2 bare LF": (request(x="a\nb: c"), 400, {}),
    "RFC 9110 5.5 NUL": (request(x="a\0b"), 400, {}),
    "no colon": (request(x="a\r\nnonsense"), 400, {}),
    "a target that is no path": (request("path"), 400, {}),
    "an authority": (request("a:1"), 400, {}),
    "asterisk": (request("*"), 400, {}),
    "a scheme that is not ours": (request("ftp://a/"), 400, {}),
    "an address that is not one": (request("http://[a/"), 400, {}),
    "a target that is not ASCII": (request("/ä"), 400, {}),
    "more than 8 KiB": (request(x="y" * 9000), 431, {}),
    "8 KiB of nothing": (b"GET / HTTP/1.1\r\nx: " + b"y" * 9000, 431, {}),
    "an MQTT client": (b"\x10\x0c\0\x04MQTT\x04\x02\0<\0\0", 400, {}),
    "a TLS client": (b"\x16\x03\x01\x02\0\x01", 400, {}),
    "an SMTP client": (b"EHLO client.example\r\n", 400, {}),
}


@pytest.mark.attack("C8")
@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_refused(client: AppClient, name: str) -> None:
    """A short answer that names the reason, the end after it, and no task left."""
    data, wanted, fields = REFUSED[name]
    status, answer, body = await ask(client, data)
    assert status == wanted
    assert answer.items() >= fields.items()
    assert 4 < len(body) < 100
    await client.expect_end()
    await client.close()
    assert client.server.telemetry.websocket_refused == 1
    assert client.server.telemetry.handler_errors == 0


@pytest.mark.attack("C8")
async def test_a_subprotocol_that_is_not_ascii(client: AppClient) -> None:
    """What made another server abort its process (Granian): here it is a bad request."""
    for value in (b"mqtt\xff", b"\xc3\xa4", b"a b", b"a\x01"):
        peer = client.connect()
        assert (await ask(peer, request(sec_websocket_protocol=value)))[0] == 400
        await peer.close()


@pytest.mark.attack("C10")
async def test_a_refusal_repeats_nothing(client: AppClient) -> None:
    for data in (request("/<script>"), request(sec_websocket_protocol="<script>"), request(origin="<script>")):
        peer = client.connect("path")
        _, _, body = await ask(peer, data)
        assert b"script" not in body
        await peer.close()


async def test_paths(client: AppClient) -> None:
    for path, status in (("/mqtt", 101), ("/mqtt?x=/", 101), ("/", 404), ("/mqtt/", 404), ("/MQTT", 404)):
        peer = client.connect("path")
        assert (await ask(peer, request(path)))[0] == status
        await peer.close()
    plain = client.connect("path")
    assert (await ask(plain, b"GET /favicon.ico HTTP/1.1\r\nHost: a\r\n\r\n"))[0] == 404


@pytest.mark.parametrize(
    ("offer", "chosen"),
    [("mqtt", "mqtt"), ("mqttv3.1", "mqttv3.1"), ("foo, mqttv3.1, mqtt", "mqttv3.1"), ("foo,mqtt", "mqtt")],
)
async def test_subprotocols(client: AppClient, offer: str, chosen: str) -> None:
    """§4.2.2: the first of the client's that the server speaks. [MQTT-6.0.0-3], [MQTT-6.0.0-4]."""
    peer = client.connect("mqtt")
    status, fields, _ = await ask(peer, request(sec_websocket_protocol=offer))
    assert status == 101
    assert fields["sec-websocket-protocol"] == chosen
    assert (await told(peer)).split("|")[1] == chosen


async def test_subprotocols_over_several_fields(client: AppClient) -> None:
    peer = client.connect("mqtt")
    twice = request(sec_websocket_protocol="a").replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: b, mqtt\r\n\r\n")
    assert (await ask(peer, twice))[1]["sec-websocket-protocol"] == "mqtt"


@pytest.mark.parametrize("offer", [None, "", "MQTT", "mqtt5", "foo, bar"])
async def test_a_required_subprotocol(client: AppClient, offer: str | None) -> None:
    """[MQTT-6.0.0-3]: a client that does not offer it is refused."""
    peer = client.connect("mqtt")
    status, _, body = await ask(peer, request(sec_websocket_protocol=offer))
    assert (status, body) == (400, b"one of these subprotocols is required: mqtt, mqttv3.1\n")
    assert (await ask(client.connect("chat"), request(sec_websocket_protocol=offer)))[0] == 101


@pytest.mark.parametrize(
    ("host", "origins", "origin", "status"),
    [
        ("127.0.0.1", (), "http://localhost:3000", 101),
        ("127.0.0.1", (), "http://127.0.0.1", 101),
        ("127.0.0.1", (), "https://app.localhost", 101),
        ("127.0.0.1", (), "http://[::1]:8080", 101),
        ("127.0.0.1", (), "https://evil.example", 403),
        ("127.0.0.1", (), "https://localhost.evil.example", 403),
        ("127.0.0.1", (), "null", 403),
        ("127.0.0.1", (), "http://[", 403),
        ("127.0.0.1", ("*",), "https://evil.example", 101),
        ("127.0.0.1", ("https://app.example",), "https://app.example", 101),
        ("127.0.0.1", ("https://app.example",), "http://localhost:3000", 403),
        ("127.0.0.1", ("https://app.example",), "http://app.example", 403),
        ("0.0.0.0", (), "https://evil.example", 101),
        ("0.0.0.0", ("https://app.example",), "https://evil.example", 403),
    ],
)
async def test_origins(host: str, origins: tuple[str, ...], origin: str, status: int) -> None:
    """§10.2. Nobody but this machine's pages on loopback: a visitor's browser is behind every firewall."""
    async with AppClient(app, listener="any", host=host, ws_origin=origins) as client:
        assert (await ask(client, request(origin=origin)))[0] == status
        assert (await ask(client.connect(), request()))[0] == 101  # no browser, no origin


async def test_a_handshake_that_never_ends(client: AppClient) -> None:
    """C5: a deadline for the whole of it."""
    async with AppClient(app, listener="any", handshake_timeout=0.2) as slow:
        await slow.send(b"GET / HTTP/1.1\r\n")
        with pytest.raises(OSError, match="lost"):
            await slow.read()
        assert slow.server.connections == 0


async def test_a_peer_that_leaves_during_the_handshake(client: AppClient) -> None:
    await client.send(request()[:-2])
    await client.send_end()
    with pytest.raises(OSError, match="lost"):
        await client.read()
    peer = client.connect()
    await peer.send(request()[:10])
    await peer.abort()
    assert client.server.telemetry.handler_errors == 0


# -- the client's end ----------------------------------------------------------------------------------------------


def answer(**fields: str | None) -> bytes:
    lines = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": ACCEPT}
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in {**lines, **named}.items() if value is not None)
    return f"HTTP/1.1 101 Switching Protocols\r\n{head}\r\n".encode()


def test_the_request_is_taken_by_our_server() -> None:
    data = make_request("host:1", "/a?b", KEY, ("mqtt", "x"), {"Authorization": "Basic eA=="})
    reply, info = accept_request(data, Terms("/a", ("mqtt",), True))
    assert (info.resource, info.subprotocol, info.host) == ("/a?b", "mqtt", "host:1")
    assert info.headers == (("authorization", "Basic eA=="),)
    found = read_response(reply, "/a?b", KEY, ("mqtt", "x"))
    assert found.subprotocol == "mqtt"


WRONG_ANSWERS = {
    "another status": (b"HTTP/1.1 404 Not Found\r\n\r\n", "404 Not Found"),
    "a redirect": (b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", "302 Found"),
    "HTTP/1.0": (b"HTTP/1.0 101 Switching Protocols\r\n\r\n", "not HTTP/1.1"),
    "no HTTP": (b"SSH-2.0-x\r\n\r\n", "not HTTP/1.1"),
    "4.1-2 no upgrade": (answer(Upgrade=None), "no Upgrade"),
    "4.1-2 another upgrade": (answer(Upgrade="h2c"), "no Upgrade"),
    "4.1-3 no connection": (answer(Connection=None), "no Connection"),
    "4.1-4 no accept": (answer(Sec_WebSocket_Accept=None), "Accept does not fit"),
    "4.1-4 another accept": (answer(Sec_WebSocket_Accept=KEY), "Accept does not fit"),
    "4.1-5 an extension": (answer(Sec_WebSocket_Extensions="permessage-deflate"), "extension"),
    "4.1-6 a subprotocol that was not offered": (answer(Sec_WebSocket_Protocol="chat"), "subprotocol"),
    "4.1-6 two subprotocols": (answer(Sec_WebSocket_Protocol="mqtt\r\nSec-WebSocket-Protocol: mqtt"), "more than one"),
    "a folded field": (answer(x="a\r\n b"), "malformed"),
}


@pytest.mark.parametrize("name", WRONG_ANSWERS)
def test_answers_that_open_nothing(name: str) -> None:
    data, words = WRONG_ANSWERS[name]
    with pytest.raises(ProtocolError, match=words):
        read_response(data, "/", KEY, ("mqtt",))


async def dialled(reply: bytes, **options: object) -> BaseException | None:
    """What comes of connecting to a server that answers whatever it is told to."""

    async def rough(socket: Socket, env: Env, ctx: Context) -> None:
        reader = socket.readable.get_reader()
        await reader.read_until(b"\r\n\r\n")
        await socket.writable.get_writer().write(reply)
        await reader.read()

    server = await serve(rough)
    try:
        async with asyncio.timeout(TIMEOUT):
            await connect(f"ws://127.0.0.1:{server.listeners[0].port}/x", **options)
    except OSError as error:
        return error
    finally:
        await server.stop()
    return None


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "refused the WebSocket: 403 Forbidden"),
        (answer(), "Accept does not fit"),
        (b"220 mail.example ESMTP\r\n", "not HTTP/1.1"),
        (b"\x15\x03\x01\0\x02\x02\x50", "not HTTP/1.1"),
        (b"HTTP/1.1 101 x\r\n" + b"x: y\r\n" * 2000, "larger than 8192 bytes"),
    ],
)
async def test_a_client_tells_why_it_could_not_connect(reply: bytes, words: str) -> None:
    error = await dialled(reply)
    assert isinstance(error, ConnectError)
    assert error.errno == errno.ECONNREFUSED
    assert words in str(error)


async def test_a_server_that_never_answers() -> None:
    error = await dialled(b"HTTP/1.1 ", timeouts=Timeouts(handshake=0.2))
    assert isinstance(error, HandshakeTimeout)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"subprotocols": ("a b",)}, "not the name of a subprotocol"),
        ({"subprotocols": ("a", "a")}, "named twice"),
        ({"headers": {"x": "a\r\nb: c"}}, "cannot be sent"),
        ({"headers": {"x y": "a"}}, "cannot be sent"),
        ({"headers": {"Sec-WebSocket-Key": "a"}}, "made by the handshake itself"),
        ({"headers": {"Content-Length": "3"}}, "made by the handshake itself"),
    ],
)
async def test_what_cannot_be_asked_for(options: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        connect("ws://127.0.0.1:1/", **options)
    with pytest.raises(ValueError, match="are for ws:// and wss://"):
        connect("tcp://127.0.0.1:1", subprotocols=("a",))


async def test_frames_right_behind_the_answer() -> None:
    """A server may send at once, in the same packet."""

    async def keyed(socket: Socket, env: Env, ctx: Context) -> None:
        reader = socket.readable.get_reader()
        reply, _ = accept_request(await reader.read_until(b"\r\n\r\n"), Terms())
        await socket.writable.get_writer().write(reply + frame(BINARY, b"first") + frame(BINARY, b", second"))
        await reader.read()

    server = await serve(keyed)
    try:
        socket = await connect(f"ws://127.0.0.1:{server.listeners[0].port}")
        assert await socket.readable.get_reader().read_exactly(13) == b"first, second"
        await socket.abort()
    finally:
        await server.stop()
