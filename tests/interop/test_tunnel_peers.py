"""The gateway with a client of others: the Python package websockets, as ``websocat`` would speak to it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import websockets.asyncio.client
from tests.tunnel.world import World, running
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol


def dial(world: World, to: str = "", **options: Any) -> websockets.asyncio.client.connect:
    return websockets.asyncio.client.connect(to or world.to, **{"compression": "deflate", "proxy": None, **options})


async def collect(client: websockets.asyncio.client.ClientConnection, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = await client.recv()
        assert isinstance(piece, bytes)
        data += piece
    return data


async def test_bytes_of_every_kind() -> None:
    async with running() as world, dial(world) as client:
        for size in (1, 125, 126, 65535, 65536, 1_000_000):
            await client.send(b"a" * size)
            assert await collect(client, size) == b"A" * size
        await client.send("text, too: ä")
        assert await collect(client, 13) == "TEXT, TOO: ä".encode()
        await client.send([b"frag", b"ments", b"", b" of one"])
        assert await collect(client, 16) == b"FRAGMENTS OF ONE"
        assert await (await client.ping(b"beat")) >= 0
        assert client.response is not None
        assert "Sec-WebSocket-Extensions" not in client.response.headers


async def test_half_close_by_an_empty_message() -> None:
    async with running() as world, dial(world, subprotocols=[Subprotocol("tcp-halfclose.v1")]) as client:
        assert client.subprotocol == "tcp-halfclose.v1"
        await client.send(b"abc")
        await client.send(b"")
        assert await collect(client, 5) == b"ABC.3"
        assert await client.recv() == b""  # the end of the other direction
        with pytest.raises(ConnectionClosed) as caught:
            await client.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1000


async def test_codes_at_the_end() -> None:
    async with running() as world:
        async with dial(world) as client:
            await client.send(b"x")
            await collect(client, 1)
            world.arrived[0].abort("broken")
            with pytest.raises(ConnectionClosed) as caught:
                await client.recv()
            assert caught.value.rcvd is not None
            assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1011, "the connection behind it was lost")
        async with dial(world) as client:
            await client.send(b"x")
            await collect(client, 1)
            closing = asyncio.ensure_future(world.arrived[1].close())
            with pytest.raises(ConnectionClosed) as caught:
                while True:
                    await client.recv()
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1000
            await closing


async def test_refusals() -> None:
    async with running() as world:
        for to, status in ((f"{world.url}?address=127.0.0.1:1", 400), (f"{world.url}/x", 404)):
            with pytest.raises(InvalidStatus) as caught:
                async with dial(world, to):
                    pass
            assert caught.value.response.status_code == status
