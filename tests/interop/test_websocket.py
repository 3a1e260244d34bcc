"""WebSocket with others: the Python package websockets as client and as server, and Node's ws, as browsers speak."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets.asyncio.client
import websockets.asyncio.server
from tests.interop.live import need, node_modules, run
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from socketworkers import App, ConnectionLost, Context, Env, ListenerSpec, Socket, connect
from socketworkers.testing import ThreadedServer

SCRIPT = Path(__file__).with_name("node_websocket_client.js")
VERSION = "8"
SIZES = [0, 1, 125, 126, 65535, 65536, 300_000]

app = App(
    "echo",
    listeners=(ListenerSpec("ws", "ws", "ws_port", path="/echo", subprotocols=("mqtt",), subprotocol_required=True),),
)


@app.connect
async def echo(socket: Socket, env: Env, ctx: Context) -> None:
    writer = socket.writable.get_writer()
    async for chunk in socket.readable:
        await writer.write(chunk)


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadedServer]:
    with ThreadedServer(app, ws_port=0, wss_port=0, tls="auto") as running:
        yield running


def url(server: ThreadedServer, name: str = "ws") -> str:
    return server.listener(name).url.replace("127.0.0.1", "localhost")


def dial(server: ThreadedServer, name: str = "ws", path: str = "", **options: Any) -> websockets.asyncio.client.connect:
    if name == "wss":
        options["ssl"] = server.tls_context()
    options = {"subprotocols": [Subprotocol("mqtt")], "compression": "deflate", "proxy": None, **options}
    return websockets.asyncio.client.connect(url(server, name) + path, **options)


# -- websockets, the client ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ws", "wss"])
async def test_bytes_come_back(server: ThreadedServer, name: str) -> None:
    async with dial(server, name) as client:
        assert client.subprotocol == "mqtt"
        assert client.response is not None
        assert "Sec-WebSocket-Extensions" not in client.response.headers
        for size in SIZES[1:]:
            data = bytes(place * 31 & 0xFF for place in range(size))
            await client.send(data)
            got = b""
            while len(got) < size:
                piece = await client.recv()
                assert isinstance(piece, bytes)
                got += piece
            assert got == data
        await client.send([b"frag", b"men", b"", b"ted"])  # one message in several frames
        assert b"".join([await client.recv(decode=False)]).startswith(b"frag")
        assert await (await client.ping(b"beat")) >= 0
    assert client.close_code == 1000


@pytest.mark.parametrize(
    ("path", "options", "status"),
    [("x", {}, 404), ("", {"subprotocols": None}, 400), ("", {"origin": "https://evil.example"}, 403)],
)
async def test_refusals(server: ThreadedServer, path: str, options: dict[str, Any], status: int) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with dial(server, path=path, **options):
            pass
    assert caught.value.response.status_code == status


async def test_text_is_refused(server: ThreadedServer) -> None:
    async with dial(server) as client:
        await client.send("text")
        with pytest.raises(ConnectionClosed) as caught:
            await client.recv()
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1003, "text message")


# -- websockets, the server ----------------------------------------------------------------------------------------


async def serve_echo(connection: websockets.asyncio.server.ServerConnection) -> None:
    async for message in connection:
        if message == b"bye":
            await connection.close(4000, "as you wish")
        await connection.send(message)


@pytest.mark.parametrize("ending", ["ours", "theirs"])
async def test_our_client(ending: str) -> None:
    async with websockets.asyncio.server.serve(
        serve_echo, "127.0.0.1", 0, subprotocols=[Subprotocol("mqtt")], max_size=None
    ) as other:
        port = next(iter(other.sockets)).getsockname()[1]
        socket = await connect(f"ws://127.0.0.1:{port}/x", subprotocols=("foo", "mqtt"))
        assert socket.info is not None
        assert socket.info.websocket is not None
        assert socket.info.websocket.subprotocol == "mqtt"
        writer, reader = socket.writable.get_writer(), socket.readable.get_reader()
        for size in SIZES[1:]:
            data = bytes(place * 31 & 0xFF for place in range(size))
            writer.write(data)
            assert await reader.read_exactly(size) == data
        if ending == "ours":
            await socket.close()
        else:
            await writer.write(b"bye")
            with pytest.raises(ConnectionLost, match="4000: as you wish"):
                await reader.read()


async def test_our_client_in_tls(server: ThreadedServer) -> None:
    """Over TLS to a server of websockets, with our server's certificate."""
    tls = server.call(lambda: server.server.tls)
    assert tls is not None
    assert tls.certificate is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, str(Path(tls.certificate).with_name("key.pem")))
    async with websockets.asyncio.server.serve(serve_echo, "127.0.0.1", 0, ssl=context) as other:
        from socketworkers import TlsOptions

        port = next(iter(other.sockets)).getsockname()[1]
        options = TlsOptions(context=server.tls_context(), sni="localhost")
        async with connect(f"wss://127.0.0.1:{port}/", tls=options) as socket:
            socket.writable.get_writer().write(b"secret")
            with socket.readable.get_reader() as reader:
                assert await reader.read_exactly(6) == b"secret"


# -- Node ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def modules() -> str:
    """The folder that ws lies in."""
    return node_modules("ws", VERSION)


def node(server: ThreadedServer, modules: str, **task: Any) -> dict[str, Any]:
    messages = [base64.b64encode(message).decode() for message in task.pop("messages", [b"hello"])]
    name = task.pop("name", "ws")
    ca = server.call(lambda: server.server.tls and server.server.tls.authority)
    whole = {
        "modules": modules,
        "url": url(server, name) + task.pop("path", ""),
        "ca": Path(str(ca)).read_text(),
        "subprotocols": ["mqttv3.1", "mqtt"],
        "origin": "http://localhost:8080",
        "ending": 1000,
        "messages": messages,
        **task,
    }
    found: dict[str, Any] = json.loads(
        run(need("node", "Debian: nodejs"), str(SCRIPT), input=json.dumps(whole).encode())
    )
    return found


@pytest.mark.parametrize("name", ["ws", "wss"])
def test_node(server: ThreadedServer, modules: str, name: str) -> None:
    messages = [bytes(place * 7 & 0xFF for place in range(size)) for size in SIZES]
    found = node(server, modules, name=name, messages=messages)
    assert base64.b64decode(found["data"]) == b"".join(messages)
    assert found["binary"] is True
    assert found["protocol"] == "mqtt"
    assert found["extensions"] == ""
    assert found["pongs"] == ["beat"]
    assert (found["code"], found["reason"]) == (1000, "")
    assert "error" not in found


@pytest.mark.parametrize(("ending", "code"), [(1000, 1000), (4001, 4001), ("text", 1003), ("terminate", 1006)])
def test_node_ends(server: ThreadedServer, modules: str, ending: object, code: int) -> None:
    found = node(server, modules, ending=ending)
    assert found["code"] == code
    assert server.call(lambda: server.server.telemetry.handler_errors) == 0


@pytest.mark.parametrize(
    ("task", "status"),
    [({"path": "x"}, 404), ({"subprotocols": ["chat"]}, 400), ({"origin": "https://evil.example"}, 403)],
)
def test_node_is_refused(server: ThreadedServer, modules: str, task: dict[str, Any], status: int) -> None:
    assert node(server, modules, **task)["status"] == status


async def test_many_at_once(server: ThreadedServer) -> None:
    async def one(number: int) -> bytes:
        async with dial(server) as client:
            await client.send(b"%d" % number)
            answer = await client.recv()
            assert isinstance(answer, bytes)
            return answer

    assert await asyncio.gather(*(one(number) for number in range(50))) == [b"%d" % number for number in range(50)]
