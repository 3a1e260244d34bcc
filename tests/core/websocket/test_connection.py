"""RFC 6455 §5.5, §7 and attack class C8: an open WebSocket against peers that keep to the rules and that do not."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable

import pytest
from tests.support.pairs import eventually, pairs
from tests.support.websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    MASK,
    PING,
    PONG,
    TEXT,
    Frame,
    client_frame,
    close,
    frame,
    open_websocket,
    read_frame,
)

from socketworkers import App, ConnectionLost, Context, Env, ListenerSpec, Socket, StateError, connect, serve
from socketworkers.testing import AppClient, FakeClock, Peer
from socketworkers.transports.websocket import MAX_NOISE
from socketworkers.transports.websocket_handshake import Terms, accept_request

both_loops = pytest.mark.usefixtures("any_loop")


class Told:
    """What handlers saw, in order."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.ends: list[object] = []
        self.sockets: list[Socket] = []


def echo() -> tuple[App, Told]:
    told = Told()
    app = App(
        "echo", listeners=(ListenerSpec("ws", "ws", "ws_port"), ListenerSpec("text", "ws", "text_port", text=True))
    )

    @app.connect
    async def handle(socket: Socket, env: Env, ctx: Context) -> None:
        told.sockets.append(socket)
        writer = socket.writable.get_writer()
        try:
            async for chunk in socket.readable:
                told.chunks.append(chunk)
                await writer.write(chunk)
        except OSError as error:
            told.ends.append(error)
            raise
        told.ends.append("end")

    return app, told


@pytest.fixture
async def opened() -> AsyncIterator[tuple[AppClient, Told]]:
    app, told = echo()
    async with AppClient(app, listener="ws") as client:
        await open_websocket(client)
        yield client, told


Opened = tuple[AppClient, Told]


async def closed_with(client: Peer) -> tuple[int, str]:
    """The Close frame that comes, and the end of the connection after it."""
    found = await read_frame(client)
    assert found.first == 0x80 | CLOSE, found
    await client.expect_end()
    code = struct.unpack("!H", found.payload[:2])[0] if found.payload else 1005
    return code, found.payload[2:].decode()


# -- data ----------------------------------------------------------------------------------------------------------


@both_loops
async def test_borders_of_frames_mean_nothing(opened: Opened) -> None:
    """[MQTT-6.0.0-2]: one message in many frames, many in one, and what arrives at once is one chunk."""
    client, told = opened
    await client.send(
        client_frame(BINARY, b"one ", fin=False)
        + client_frame(CONTINUATION, b"two ")
        + client_frame(BINARY, b"three ")
        + client_frame(BINARY, b"four")[:8]
    )
    assert await read_frame(client) == Frame(0x82, b"one two three fo")
    await client.send(client_frame(BINARY, b"four")[8:])
    assert await read_frame(client) == Frame(0x82, b"ur")
    assert told.chunks == [b"one two three fo", b"ur"]


@both_loops
async def test_a_payload_is_handed_up_as_it_comes(opened: Opened) -> None:
    client, told = opened
    await client.send(frame(BINARY, b"abc", mask=b"\0\0\0\0", form=64, claim=1 << 40))
    assert await read_frame(client) == Frame(0x82, b"abc")
    await client.send(b"defg")
    assert await read_frame(client) == Frame(0x82, b"defg")
    assert told.sockets[0].stats.bytes_in == 7


@both_loops
async def test_a_write_is_a_message() -> None:
    sizes = [1, 125, 126, 65535, 65536, 200_000]
    app = App("writer", listeners=(ListenerSpec("ws", "ws", "ws_port"),))

    @app.connect
    async def handle(socket: Socket, env: Env, ctx: Context) -> None:
        writer = socket.writable.get_writer()
        for size in sizes:
            await writer.write(b"x" * size)
        writer.write(b"last")

    async with AppClient(app, listener="ws") as client:
        await open_websocket(client)
        for size in sizes:
            assert await read_frame(client) == Frame(0x82, b"x" * size)
        assert await read_frame(client) == Frame(0x82, b"last")
        assert await read_frame(client) == Frame(0x88, b"\x03\xe8")
        await client.send(close())
        await client.expect_end()


async def test_text_where_it_is_taken(opened: Opened) -> None:
    client = opened[0].connect("text")
    await open_websocket(client)
    await client.send(client_frame(TEXT, "Grüße".encode()))
    assert (await read_frame(client)).payload == "Grüße".encode()
    await client.send(client_frame(TEXT, b"\xff"))
    assert await closed_with(client) == (1007, "text that is not UTF-8")


# -- controls ------------------------------------------------------------------------------------------------------


@both_loops
async def test_a_ping_is_answered(opened: Opened) -> None:
    """§5.5.2, within a fragmented message, too (§5.4); it is no data."""
    client, told = opened
    await client.send(client_frame(BINARY, b"a", fin=False) + client_frame(PING, b"you there?"))
    frames = [await read_frame(client), await read_frame(client)]
    assert sorted(frames) == [Frame(0x82, b"a"), Frame(0x8A, b"you there?")]
    await client.send(
        client_frame(PING, b"x" * 125) + client_frame(PONG, b"unasked") + client_frame(CONTINUATION, b"b")
    )
    frames = [await read_frame(client), await read_frame(client)]
    assert sorted(frames) == [Frame(0x82, b"b"), Frame(0x8A, b"x" * 125)]
    assert told.chunks == [b"a", b"b"]


@pytest.mark.attack("C8")
async def test_many_pings_in_one_read_get_one_pong(opened: Opened) -> None:
    """§5.5.3: only the latest has to be answered, so a flood is not doubled."""
    client, _ = opened
    await client.send(
        b"".join(client_frame(PING, b"%d" % number) for number in range(100)) + client_frame(BINARY, b"x")
    )
    frames = [await read_frame(client), await read_frame(client)]
    assert sorted(frames) == [Frame(0x82, b"x"), Frame(0x8A, b"99")]


@pytest.mark.attack("C8")
@pytest.mark.parametrize(
    "noise", [client_frame(PING), client_frame(PONG), client_frame(BINARY)], ids=["ping", "pong", "empty"]
)
@both_loops
async def test_a_flood_without_data_is_ended(opened: Opened, noise: bytes) -> None:
    client, told = opened
    await client.send(noise * (MAX_NOISE + 1))
    found = await read_frame(client)
    if found.first == 0x80 | PONG:
        found = await read_frame(client)
    assert found == Frame(0x88, struct.pack("!H", 1008) + b"too many frames without data")
    await client.expect_end()
    await client.close()
    await eventually(lambda: told.ends)
    assert isinstance(told.ends[0], ConnectionLost)


@pytest.mark.attack("C8")
async def test_empty_fragments_without_end_are_a_flood(opened: Opened) -> None:
    client, _ = opened
    await client.send(client_frame(BINARY, fin=False) + client_frame(CONTINUATION, fin=False) * MAX_NOISE)
    assert (await closed_with(client))[0] == 1008


async def test_noise_is_counted_by_the_second() -> None:
    """A peer that pings often, but for hours, is no attacker."""
    app, told = echo()
    with FakeClock() as clock:
        async with AppClient(app, listener="ws", timeout=3600 * 100, ws_ping=None) as client:
            opening = asyncio.ensure_future(open_websocket(client))
            await clock.settle()
            await opening
            for _ in range(5):
                await client.send(client_frame(PING) * (MAX_NOISE - 1))
                await clock.advance(1.2)
            await client.send(client_frame(BINARY, b"still here"))
            await clock.settle()
            assert told.chunks == [b"still here"]
            await client.abort()


@pytest.mark.attack("C8")
async def test_pongs_do_not_pile_up_for_a_peer_that_does_not_read() -> None:
    """While the peer takes nothing, at most one Pong waits for it."""
    app = App("silent", listeners=(ListenerSpec("ws", "ws", "ws_port"),))
    sockets: list[Socket] = []

    @app.connect
    async def handle(socket: Socket, env: Env, ctx: Context) -> None:
        sockets.append(socket)
        async for _ in socket.readable:
            pass

    async with AppClient(app, listener="ws") as client:
        await open_websocket(client)
        await eventually(lambda: sockets)
        socket = sockets[0]
        writer = socket.writable.get_writer()
        while not socket._outbox.paused:
            writer.write(bytes(10_000))
            await asyncio.sleep(0)
        before = socket.stats.buffered_out
        for number in range(200):
            await client.send(client_frame(PING, b"%d" % number))
            await client.send(client_frame(BINARY, b"x"))
            await asyncio.sleep(0)
        assert socket.stats.buffered_out <= before + 200
        found = Frame(0, b"")
        while found.first != 0x80 | PONG:
            found = await read_frame(client)
        assert found.payload == b"199"
        await client.abort()


# -- our own pings -------------------------------------------------------------------------------------------------


async def test_a_server_pings_and_ends_what_does_not_answer() -> None:
    app, told = echo()
    with FakeClock() as clock:
        async with AppClient(app, listener="ws", timeout=3600, ws_ping=54.0) as client:
            opening = asyncio.ensure_future(open_websocket(client))
            await clock.settle()
            await opening
            await clock.advance(54.2)
            assert await read_frame(client) == Frame(0x89, b"")
            await client.send(client_frame(PONG))
            await clock.advance(54.2)
            assert await read_frame(client) == Frame(0x89, b"")
            await client.send(client_frame(BINARY, b"busy"))  # data tell as much as a Pong
            await clock.settle()
            assert await read_frame(client) == Frame(0x82, b"busy")
            await clock.advance(54.2)
            assert await read_frame(client) == Frame(0x89, b"")
            assert not told.ends
            await clock.advance(54.2)
            assert str(told.ends) == "[ConnectionLost(104, 'the peer answers no ping')]"
            await client.abort()


async def test_a_peer_that_never_answers_our_close_does_not_stay_for_ever() -> None:
    """A handler that has closed its half and reads on: no Ping may follow a Close (§5.5.1), yet silence has an end."""
    app = App("half", listeners=(ListenerSpec("ws", "ws", "ws_port"),))
    ends: list[str] = []

    @app.connect
    async def handle(socket: Socket, env: Env, ctx: Context) -> None:
        await socket.writable.get_writer().close()
        try:
            async for _ in socket.readable:
                pass
        except OSError as error:
            ends.append(str(error))

    with FakeClock() as clock:
        async with AppClient(app, listener="ws", timeout=3600, ws_ping=54.0) as client:
            opening = asyncio.ensure_future(open_websocket(client))
            await clock.settle()
            await opening
            assert await read_frame(client) == Frame(0x88, b"\x03\xe8")
            await clock.advance(55)
            assert not ends
            await clock.advance(55)
            assert ends == ["[Errno 104] the peer answers no Close"]
            await client.abort()


async def test_pings_can_be_switched_off() -> None:
    app, told = echo()
    with FakeClock() as clock:
        async with AppClient(app, listener="ws", timeout=3600, ws_ping=None) as client:
            opening = asyncio.ensure_future(open_websocket(client))
            await clock.settle()
            await opening
            await clock.advance(1000)
            assert not client.reader.buffered()
            assert not told.ends
            await client.abort()


# -- the end -------------------------------------------------------------------------------------------------------


@both_loops
@pytest.mark.parametrize(
    ("sent", "code"),
    [(close(1000, b"bye"), 1000), (close(1001), 1001), (close(None), 1005)],
    ids=["1000", "1001", "none"],
)
async def test_the_peer_closes(opened: Opened, sent: bytes, code: int) -> None:
    """§5.5.1: the code is echoed; §7.1.1: then the server ends the connection, at once."""
    client, told = opened
    await client.send(client_frame(BINARY, b"last words") + sent + client_frame(BINARY, b"never read"))
    assert told.ends == []
    found = await read_frame(client)
    if found.first == 0x82:
        assert found.payload == b"last words"
        found = await read_frame(client)
    assert found.first == 0x88
    assert found.payload == (struct.pack("!H", code) if code != 1005 else b"")
    await client.expect_end()
    await eventually(lambda: told.ends)
    assert told.chunks == [b"last words"]
    assert client.server.telemetry.handler_errors == 0


@both_loops
@pytest.mark.parametrize("code", [1002, 1003, 1008, 1011, 3000, 4999])
async def test_the_peer_closes_for_a_reason(opened: Opened, code: int) -> None:
    """Bytes that came are read, then the reader hears that it was no orderly end."""
    client, told = opened
    await client.send(client_frame(BINARY, b"x") + close(code, b"no more"))
    while (found := await read_frame(client)).first != 0x88:
        pass
    assert found.payload[:2] == struct.pack("!H", code)
    await client.expect_end()
    await client.send_end()
    await eventually(lambda: told.ends)
    assert told.chunks == [b"x"]
    assert str(told.ends[0]) == f"[Errno 104] the peer closed the WebSocket with {code}: no more"


@both_loops
async def test_we_close(opened: Opened) -> None:
    client, told = opened
    closing = told.sockets[0].close()
    assert await read_frame(client) == Frame(0x88, b"\x03\xe8")
    await client.send(client_frame(BINARY, b"on its way") + close(1000))
    await client.expect_end()
    await closing


@both_loops
async def test_a_peer_that_does_not_answer_a_close(opened: Opened) -> None:
    """It gets its second, then the connection is given back."""
    client, told = opened
    closing = told.sockets[0].close()
    assert await read_frame(client) == Frame(0x88, b"\x03\xe8")
    await client.expect_end()
    await closing


@both_loops
async def test_a_peer_that_answers_a_close_by_hanging_up(opened: Opened) -> None:
    client, told = opened
    closing = told.sockets[0].close()
    assert await read_frame(client) == Frame(0x88, b"\x03\xe8")
    await client.send_end()
    await client.expect_end()
    await closing


@both_loops
async def test_an_end_without_a_close_frame_is_a_loss(opened: Opened) -> None:
    """§7.1.5: 1006, for a stream may have been cut."""
    client, told = opened
    await client.send(client_frame(BINARY, b"x"))
    assert await read_frame(client) == Frame(0x82, b"x")
    await client.send_end()
    await client.expect_end()
    await eventually(lambda: told.ends)
    assert "without a Close frame" in str(told.ends[0])


WRONG: dict[str, tuple[bytes, int]] = {
    "unmasked": (frame(BINARY, b"x"), 1002),
    "rsv": (client_frame(BINARY, b"x", rsv=4), 1002),
    "text": (client_frame(TEXT, b"x"), 1003),
    "fragmented ping": (client_frame(PING, fin=False), 1002),
    "long ping": (client_frame(PING, b"x" * 200), 1002),
    "continuation": (client_frame(CONTINUATION, b"x"), 1002),
    "close code": (close(1005), 1002),
    "close reason": (close(1000, b"\xff"), 1007),
    "length": (frame(BINARY, b"", mask=MASK, form=64, claim=1 << 63), 1002),
}


@pytest.mark.attack("C8")
@both_loops
@pytest.mark.parametrize("name", WRONG)
async def test_a_broken_rule_ends_the_connection(opened: Opened, name: str) -> None:
    """§7.1.7: what came before is served, the code says why, nothing is read any more."""
    client, told = opened
    data, code = WRONG[name]
    await client.send(client_frame(BINARY, b"good") + data + client_frame(BINARY, b"ignored") * 10)
    found = await read_frame(client)
    if found.first == 0x82:
        assert found.payload == b"good"
        found = await read_frame(client)
    assert found.first == 0x88
    assert found.payload[:2] == struct.pack("!H", code)
    await client.expect_end()
    await client.send_end()
    await eventually(lambda: told.ends)
    assert told.chunks == [b"good"]
    error = told.ends[0]
    assert isinstance(error, ConnectionLost)
    assert "broke the WebSocket protocol" in str(error)
    assert client.server.telemetry.handler_errors == 0
    await eventually(lambda: not client.server.connections)


@pytest.mark.attack("C8")
async def test_a_broken_rule_by_a_peer_that_stays(opened: Opened) -> None:
    client, told = opened
    await client.send(frame(BINARY, b"x"))
    assert (await read_frame(client)).first == 0x88
    await client.expect_end()
    await eventually(lambda: told.ends, 3)
    assert len(told.ends) == 1
    assert not client.server.connections


@both_loops
async def test_writing_to_a_peer_that_has_closed_is_no_error_of_the_handler() -> None:
    """A reply to a peer that did not wait for it fails as on a TCP connection that is gone: no traceback."""
    app = App("slow", listeners=(ListenerSpec("ws", "ws", "ws_port"),))
    outcome: list[object] = []

    @app.connect
    async def handle(socket: Socket, env: Env, ctx: Context) -> None:
        writer = socket.writable.get_writer()
        outcome.extend([chunk async for chunk in socket.readable])
        try:
            for _ in range(3):
                await asyncio.sleep(0.01)
                await writer.write(b"reply")
        except OSError as error:
            outcome.append(type(error))
            raise

    async with AppClient(app, listener="ws") as client:
        await open_websocket(client)
        await client.send(client_frame(BINARY, b"QUIT") + close())
        assert await closed_with(client) == (1000, "")
        await eventually(lambda: len(outcome) == 2)
        assert outcome == [b"QUIT", ConnectionLost]
        assert client.server.telemetry.handler_errors == 0


@both_loops
async def test_an_abort_is_a_reset() -> None:
    async with pairs("websocket") as make:
        one, other = await make()
        await other.abort("enough")
        with pytest.raises(ConnectionLost):
            await one.closed


@both_loops
async def test_tls_does_not_start_inside_for_who_came_in() -> None:
    """Who went out may: to what is behind a tunnel (``tests/tunnel``)."""
    async with pairs("websocket") as make:
        one, other = await make()
        with pytest.raises(StateError, match="wss"):
            await other.start_tls()
        await one.abort()
        await other.abort()


# -- the client's end ----------------------------------------------------------------------------------------------


async def against(script: Callable[[Peer], object]) -> tuple[Socket, Callable[[], object]]:
    """A client of ours on a server that does what ``script`` says after the handshake."""

    async def handle(socket: Socket, env: Env, ctx: Context) -> None:
        peer = Peer(socket)
        head = await peer.reader.read_until(b"\r\n\r\n")
        await peer.send(accept_request(head, Terms())[0])
        await script(peer)  # type: ignore[misc]

    server = await serve(handle)
    return await connect(f"ws://127.0.0.1:{server.listeners[0].port}/"), server.stop


@both_loops
async def test_a_client_masks_and_echoes_and_waits_for_the_servers_end() -> None:
    """§5.1, §5.5.1, §7.1.1."""
    seen: list[Frame] = []
    ended: list[bytes] = []

    async def script(peer: Peer) -> None:
        seen.append(await read_frame(peer))
        await peer.send(frame(PING, b"?"))
        seen.append(await read_frame(peer))
        await peer.send(frame(BINARY, b"bye") + frame(CLOSE, b"\x03\xe9"))
        seen.append(await read_frame(peer))

    socket, stop = await against(script)
    writer, reader = socket.writable.get_writer(), socket.readable.get_reader()
    await writer.write(b"hello")
    assert await reader.read() == b"bye"
    ended.append(await reader.read())
    await socket.closed
    await stop()  # type: ignore[misc]
    assert ended == [b""]
    assert seen == [Frame(0x82, b"hello", True), Frame(0x8A, b"?", True), Frame(0x88, b"\x03\xe9", True)]


@both_loops
async def test_a_client_does_not_wait_for_ever_for_the_servers_end() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(frame(CLOSE, b"\x03\xe8"))
        assert (await read_frame(peer)).first == 0x88
        assert await peer.read() == b""  # the client hung up

    socket, stop = await against(script)
    await socket.closed
    await stop()  # type: ignore[misc]


@pytest.mark.attack("C8")
@both_loops
@pytest.mark.parametrize(
    ("data", "code"), [(client_frame(BINARY, b"x"), 1002), (frame(TEXT, b"x"), 1003)], ids=["masked", "text"]
)
async def test_a_client_refuses_a_server_that_breaks_a_rule(data: bytes, code: int) -> None:
    seen: list[Frame] = []

    async def script(peer: Peer) -> None:
        await peer.send(data)
        seen.append(await read_frame(peer))

    socket, stop = await against(script)
    with pytest.raises(ConnectionLost, match="broke the WebSocket protocol"):
        await socket.readable.get_reader().read()
    await stop()  # type: ignore[misc]
    assert seen[0].payload[:2] == struct.pack("!H", code)


@both_loops
async def test_what_was_written_before_it_opened_waits_for_the_handshake() -> None:
    """Over plain TCP and in TLS: not a byte of it before the server has agreed."""
    app, told = echo()
    for transport in ("ws", "wss"):
        server = await serve(app, f"{transport}://127.0.0.1:0/", **({"tls": "auto"} if transport == "wss" else {}))
        from socketworkers import TlsOptions
        from socketworkers.testing.client import trusting

        tls = TlsOptions(context=trusting(server), sni="localhost") if transport == "wss" else None
        socket = connect(server.listeners[0].url, tls=tls)
        writer = socket.writable.get_writer()
        writer.write(b"early ")
        writer.write(b"bird")
        assert await socket.readable.get_reader().read_exactly(10) == b"early bird"
        await socket.close()
        await server.stop()
    assert told.chunks == [b"early bird"] * 2
