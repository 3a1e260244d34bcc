"""Attack classes of the catalogue, as far as they concern a tunnel (the others stand beside what they attack)."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest
from tests.support.pairs import eventually
from tests.support.websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    ask,
    client_frame,
    close,
    frame,
    open_websocket,
    read_frame,
    request,
)
from tests.tunnel.world import World, running

from socketworkers import ConnectError, ConnectionLost, connect
from socketworkers.connectors import Connector
from socketworkers.testing import FakeClock, Peer


async def opened(world: World, **fields: str) -> Peer:
    """A raw connection with an open tunnel, on which a byte went there and back."""
    peer = await open_websocket(await world.peer(), f"/v1?address=127.0.0.1:{world.port}", **fields)
    await peer.send(client_frame(BINARY, b"a"))
    assert (await read_frame(peer)).payload == b"A"
    return peer


# -- C4, C5: before anything is allowed ----------------------------------------------------------------------------


@pytest.mark.attack("C5")
async def test_slow_requests_are_gone_at_their_deadline_and_hold_nobody_up() -> None:
    async with running(handshake_timeout=0.4, max_connections_per_address=0) as world:
        slow = [await world.peer() for _ in range(100)]

        async def drip(peer: Peer) -> None:
            with contextlib.suppress(OSError):
                for byte in request(f"/v1?address=127.0.0.1:{world.port}"):
                    await peer.send(bytes((byte,)))
                    await asyncio.sleep(0.02)

        dripping = [asyncio.ensure_future(drip(peer)) for peer in slow]
        socket = await connect(world.to)
        await socket.writable.get_writer().write(b"hello")
        assert await socket.readable.get_reader().read_exactly(5) == b"HELLO"
        await eventually(lambda: world.gateway.connections == 1)
        assert len(world.arrived) == 1  # none of the others got anywhere
        await socket.close()
        for task in dripping:
            task.cancel()
        await asyncio.gather(*dripping, return_exceptions=True)
        for peer in slow:
            await peer.abort()


@pytest.mark.attack("C4")
@pytest.mark.parametrize("where", ["query", "header", "no end"])
async def test_large_requests(where: str) -> None:
    async with running() as world:
        peer = await world.peer()
        data = {
            "query": request("/v1?address=" + "a" * 9000 + ":1"),
            "header": request("/v1", cf_access_jump_destination="a" * 9000),
            "no end": b"GET /v1?address=" + b"a" * 9000,
        }[where]
        assert (await ask(peer, data))[0] == 431
        await peer.close()


# -- C8: WebSocket -------------------------------------------------------------------------------------------------

BROKEN = {
    "an unmasked frame": (frame(BINARY, b"x"), 1002),
    "a reserved bit": (client_frame(BINARY, b"x", rsv=4), 1002),
    "a length above 2^63": (client_frame(BINARY, b"", form=64, claim=1 << 63), 1002),
    "a length that is not minimal": (client_frame(BINARY, b"x", form=16), 1002),
    "a continuation of nothing": (client_frame(CONTINUATION, b"x"), 1002),
    "a message in a message": (client_frame(BINARY, b"x", fin=False) + client_frame(BINARY, b"y"), 1002),
    "a control frame in fragments": (client_frame(PING, b"x", fin=False), 1002),
    "a control frame that is too long": (client_frame(PING, b"x" * 126), 1002),
    "a reserved code": (close(1005), 1002),
    "a flood of pings": (client_frame(PING) * 600, 1008),
    "a flood of empty frames": (client_frame(BINARY) * 600, 1008),
}


@pytest.mark.attack("C8")
@pytest.mark.parametrize("kind", BROKEN)
async def test_a_broken_frame_is_a_loss_behind_the_gateway(kind: str) -> None:
    """Not an end: what is behind must not take half of something for the whole."""
    data, code = BROKEN[kind]
    async with running() as world:
        peer = await opened(world)
        await peer.send(data)
        found = await read_frame(peer)
        while found.first != 0x80 | CLOSE:
            found = await read_frame(peer)
        assert int.from_bytes(found.payload[:2], "big") == code
        await peer.close()
        with pytest.raises(ConnectionLost):
            await world.arrived[0].closed


@pytest.mark.attack("C8")
async def test_an_end_without_a_close_frame_is_a_loss_too() -> None:
    async with running() as world:
        peer = await opened(world)
        await peer.send(client_frame(BINARY, b"half of", fin=False))
        await peer.send_end()
        with pytest.raises(ConnectionLost):
            await world.arrived[0].closed
        await peer.close()


@pytest.mark.attack("C8")
async def test_data_behind_its_end_is_a_loss() -> None:
    async with running() as world:
        peer = await opened(world, sec_websocket_protocol="tcp-halfclose.v1")
        await peer.send(client_frame(BINARY) + client_frame(BINARY, b"more"))
        found = await read_frame(peer)
        while found.first != 0x80 | CLOSE:
            found = await read_frame(peer)
        assert found.payload == b"\x03\xeadata behind the end of the stream"
        await peer.close()
        with contextlib.suppress(ConnectionLost):
            await world.arrived[0].closed
        assert world.arrived[0].bytes_in == 1


@pytest.mark.attack("C8")
async def test_fragments_without_end_are_carried_and_not_kept() -> None:
    async with running() as world:
        peer = await opened(world)
        await peer.send(client_frame(BINARY, b"a" * 100, fin=False))
        for _ in range(2000):
            await peer.send(client_frame(CONTINUATION, b"a" * 100, fin=False))
        await eventually(lambda: world.arrived[0].bytes_in == 200_101)
        (socket,) = world.gateway._connections
        assert socket.stats.buffered_in == 0
        await peer.abort()


@pytest.mark.attack("C8")
async def test_compression_is_never_agreed_on() -> None:
    async with running() as world:
        peer = await world.peer()
        offer = "permessage-deflate; client_max_window_bits"
        resource = f"/v1?address=127.0.0.1:{world.port}"
        status, fields, _ = await ask(peer, request(resource, sec_websocket_extensions=offer))
        assert status == 101
        assert "sec-websocket-extensions" not in fields
        await peer.abort()


@pytest.mark.attack("C8")
async def test_a_subprotocol_that_is_not_ascii() -> None:
    async with running() as world:
        peer = await world.peer()
        assert (await ask(peer, request("/v1", sec_websocket_protocol=b"tcp-halfclose.v1\xff")))[0] == 400
        await peer.close()


@pytest.mark.attack("C8")
async def test_web_pages_of_others_do_not_get_at_a_gateway_on_loopback() -> None:
    async with running() as world:
        for origin, expected in (("https://evil.example", 403), ("http://localhost:3000", 101), ("null", 403)):
            peer = await world.peer()
            resource = f"/v1?address=127.0.0.1:{world.port}"
            assert (await ask(peer, request(resource, origin=origin)))[0] == expected
            await peer.abort()


# -- C6: peers that are gone ---------------------------------------------------------------------------------------


@pytest.mark.attack("C6")
async def test_a_client_that_answers_no_ping_is_given_up() -> None:
    async with running(ws_ping=10.0) as world:
        peer = await opened(world)
        with FakeClock() as clock:
            await clock.advance(25)
            for _ in range(100):  # bytes under way come without time
                await asyncio.sleep(0)
            assert world.gateway.connections == 0
            await clock.advance(2)
        with pytest.raises(ConnectionLost):
            await world.arrived[0].closed
        await peer.abort()


# -- C10, C11: words of the peer -----------------------------------------------------------------------------------


@pytest.mark.attack("C10")
async def test_nothing_of_a_request_gets_into_the_log_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with running() as world:
        for evil in ("db%1b[2J:1", "db%0aINFO:1", "x" * 400 + ":1", "%e2%80%ae:1"):
            status, text = await world.status(f"/v1?address={evil}")
            assert status == 400
            assert text.isascii()
        assert (await world.status("/v1?address=" + "a." * 100 + "a:1"))[0] == 400
    for record in caplog.records:
        if record.name.startswith("socketworkers"):
            assert record.getMessage().isprintable()
            assert "INFO" not in record.getMessage()


@pytest.mark.attack("C11")
@pytest.mark.parametrize(
    "headers",
    [
        {"X": "a\r\nCf-Access-Jump-Destination: inside:1"},
        {"X\r\nY": "a"},
        {"X": "a\nb"},
        {"X": "a\0"},
        {"Host": "other"},
        {"Sec-WebSocket-Protocol": "x"},
        {"Transfer-Encoding": "chunked"},
        {"Content-Length": "5"},
        {"Upgrade": "h2c"},
    ],
)
async def test_headers_that_would_make_another_request(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        connect("ws://127.0.0.1:1/", headers=headers)
    with pytest.raises(ValueError):
        await Connector("ws://127.0.0.1:1/", headers=headers).dial()


@pytest.mark.attack("C11")
@pytest.mark.parametrize(
    "url", ["ws://h/v1?address=a b:1", "ws://h/v1?x\r\nY: z", "ws://h/ä", "ws://u:p@h/", "ws://h/#x"]
)
async def test_urls_that_would_make_another_request(url: str) -> None:
    with pytest.raises(ValueError):
        connect(url)


@pytest.mark.attack("C11")
async def test_the_tunnel_leads_to_no_listener_of_its_own() -> None:
    """A rule for every host does not include this machine."""
    async with running(allow=("*:*",)) as world:
        for host in ("127.0.0.1", "[::1]", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]", "localhost", "169.254.169.254"):
            assert (await world.status(f"/v1?address={host}:{world.port}"))[0] == 400, host
        assert not world.arrived
        with pytest.raises(ConnectError):
            await connect(world.to)
