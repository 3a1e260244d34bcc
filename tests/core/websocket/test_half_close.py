"""Half-close over a WebSocket by the subprotocol ``tcp-halfclose.v1``: an empty binary message ends one direction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.support.websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    client_frame,
    close,
    open_websocket,
    read_frame,
)

from socketworkers import App, ConnectionLost, Context, Env, ListenerSpec, Socket, connect, serve
from socketworkers.testing import AppClient
from socketworkers.transports.websocket import HALF_CLOSE
from socketworkers.transports.websocket_frames import FrameReader

pytestmark = pytest.mark.usefixtures("any_loop")

app = App("count", listeners=(ListenerSpec("ws", "ws", "ws_port", subprotocols=(HALF_CLOSE,), text=True),))


@app.connect
async def count(socket: Socket, env: Env, ctx: Context) -> None:
    """Answers only once the peer has ended its direction."""
    writer = socket.writable.get_writer()
    size = 0
    async for chunk in socket.readable:
        size += len(chunk)
    await writer.write(b"%d bytes" % size)
    await writer.close()


@pytest.fixture
async def client() -> AsyncIterator[AppClient]:
    async with AppClient(app, listener="ws") as client:
        yield client


async def test_send_then_end_and_still_get_the_answer() -> None:
    server = await serve(app, "ws://127.0.0.1:0/")
    try:
        socket = await connect(server.listeners[0].url, subprotocols=(HALF_CLOSE,), allow_half_open=True)
        writer = socket.writable.get_writer()
        await writer.write(bytes(100_000))
        await writer.close()
        assert b"".join([chunk async for chunk in socket.readable]) == b"100000 bytes"
        await socket.closed
    finally:
        await server.stop()


async def test_without_the_subprotocol_the_end_is_the_end_of_both_directions() -> None:
    server = await serve(app, "ws://127.0.0.1:0/")
    try:
        socket = await connect(server.listeners[0].url, allow_half_open=True)
        await socket.writable.get_writer().close()
        assert b"".join([chunk async for chunk in socket.readable]) == b""
        await socket.closed
    finally:
        await server.stop()


@pytest.mark.parametrize(
    "end",
    [
        client_frame(BINARY),
        client_frame(BINARY, fin=False) + client_frame(CONTINUATION),
        client_frame(BINARY, fin=False) + client_frame(PING) + client_frame(CONTINUATION, fin=False)
        + client_frame(CONTINUATION),
    ],
    ids=["one frame", "two", "three, with a Ping between"],
)  # fmt: skip
async def test_the_mark_in_any_number_of_fragments(client: AppClient, end: bytes) -> None:
    await open_websocket(client, sec_websocket_protocol=HALF_CLOSE)
    await client.send(client_frame(BINARY, b"abc") + end)
    frames = []
    while (found := await read_frame(client)).first != 0x80 | CLOSE:
        frames.append(found)
    assert [each.payload for each in frames if each.first == 0x82] == [b"3 bytes", b""]
    assert found.payload == b"\x03\xe8"


@pytest.mark.parametrize(
    "more",
    [
        client_frame(BINARY, b"x"),
        client_frame(BINARY),
        client_frame(TEXT, b"x"),
        client_frame(BINARY, fin=False),
        client_frame(CONTINUATION),
    ],
)
def test_data_behind_the_end_is_a_fault(more: bytes) -> None:
    for cut in range(len(more) + 1):
        reader = FrameReader(client=False, text=True)
        reader.half_close = True
        chunks = reader.receive(client_frame(BINARY, b"abc") + client_frame(BINARY) + more[:cut])
        chunks += reader.receive(more[cut:])
        assert chunks == [b"abc"]
        assert reader.finished
        assert reader.fault is not None
        assert (reader.fault.code, reader.fault.message) == (1002, "data behind the end of the stream")


@pytest.mark.parametrize(
    ("data", "finished"),
    [
        (client_frame(TEXT), False),
        (client_frame(BINARY, fin=False), False),
        (client_frame(BINARY, b"a", fin=False) + client_frame(CONTINUATION), False),
        (client_frame(BINARY, fin=False) + client_frame(CONTINUATION, b"a"), False),
        (client_frame(BINARY, fin=False) + client_frame(CONTINUATION), True),
        (client_frame(PING), False),
    ],
)
def test_what_is_a_mark(data: bytes, finished: bool) -> None:
    for cut in range(len(data) + 1):
        reader = FrameReader(client=False, text=True)
        reader.half_close = True
        reader.receive(data[:cut])
        reader.receive(data[cut:])
        assert (reader.finished, reader.fault) == (finished, None)
    plain = FrameReader(client=False, text=True)
    plain.receive(data)
    assert not plain.finished


async def test_controls_go_on_behind_the_mark(client: AppClient) -> None:
    await open_websocket(client, sec_websocket_protocol=HALF_CLOSE)
    await client.send(client_frame(BINARY) + client_frame(PING, b"still here"))
    frames = []
    while (found := await read_frame(client)).first != 0x80 | CLOSE:
        frames.append((found.first & 0x0F, found.payload))
    assert sorted(frames) == [(BINARY, b""), (BINARY, b"0 bytes"), (PONG, b"still here")]
    await client.send(close())
    await client.expect_end()


async def test_a_close_frame_without_the_mark_ends_both_directions(client: AppClient) -> None:
    await open_websocket(client, sec_websocket_protocol=HALF_CLOSE)
    await client.send(client_frame(BINARY, b"abc") + close())
    assert (await read_frame(client)).first == 0x80 | CLOSE
    await client.expect_end()


# -- codes of our own ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subprotocols", [(), (HALF_CLOSE,)], ids=["plain", "half-close"])
async def test_close_with_a_code_of_ones_own(subprotocols: tuple[str, ...]) -> None:
    async def bad_gateway(socket: Socket, env: Env, ctx: Context) -> None:
        await socket.writable.get_writer().write(b"what came before")
        socket.close("the other side is gone", code=1011)

    own = App("own", listeners=(ListenerSpec("ws", "ws", "ws_port", subprotocols=(HALF_CLOSE,)),))
    own.connect(bad_gateway)
    server = await serve(own, "ws://127.0.0.1:0/")
    try:
        socket = await connect(server.listeners[0].url, subprotocols=subprotocols, allow_half_open=True)
        reader = socket.readable.get_reader()
        assert await reader.read_exactly(16) == b"what came before"
        with pytest.raises(ConnectionLost, match="closed the WebSocket with 1011: the other side is gone") as caught:
            await reader.read()
        assert caught.value.close_code == 1011
    finally:
        await server.stop()


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000])
async def test_codes_that_no_close_frame_can_have(client: AppClient, code: int) -> None:
    with pytest.raises(ValueError, match="no code"):
        client.socket.close(code=code)


async def test_a_code_means_nothing_elsewhere() -> None:
    from socketworkers.testing import socket_pair

    near, far = socket_pair()
    await asyncio.gather(near.close("done", code=1001), far.readable.get_reader().read(), far.close())
