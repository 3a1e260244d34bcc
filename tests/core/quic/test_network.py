"""QUIC over a network that is not loopback: loss, repetition, reordering, and addresses that change on the way (N4)."""

from __future__ import annotations

import asyncio
import os

import pytest
from tests.support.lossy import lossy_relay
from tests.support.pairs import eventually
from tests.support.quic import listener_of, quic_server

from socketworkers import Socket, TlsOptions, connect
from socketworkers.server import Server
from socketworkers.testing.client import trusting

pytestmark = [pytest.mark.usefixtures("any_loop"), pytest.mark.catalogue("N4")]


def _through(server: Server, port: int) -> Socket:
    tls = TlsOptions(context=trusting(server), sni="localhost", alpn=("echo",))
    return connect(f"quic://127.0.0.1:{port}", tls=tls, allow_half_open=True)


async def _echoed(client: Socket, data: bytes) -> bytes:
    async def send() -> None:
        writer = client.writable.get_writer()
        for start in range(0, len(data), 10_000):
            await writer.write(data[start : start + 10_000])
        await writer.close()

    sending = asyncio.get_running_loop().create_task(send())
    answer = b"".join([chunk async for chunk in client.readable])
    await sending
    return answer


@pytest.mark.parametrize("seed", [1, 2])
async def test_loss_repetition_and_reordering(seed: int) -> None:
    async with quic_server() as server:
        where = server.listeners[0]
        async with lossy_relay((where.host, where.port), seed=seed, loss=0.05, repeat=0.05, late=0.1) as relay:
            async with _through(server, relay.port) as client:
                data = os.urandom(150_000)
                assert await _echoed(client, data) == data
                assert client.stats.retransmits
            assert relay.lost > 3


async def test_a_handshake_through_heavy_loss() -> None:
    async with quic_server(quic_retry="on") as server:
        where = server.listeners[0]
        async with (
            lossy_relay((where.host, where.port), seed=7, loss=0.2) as relay,
            _through(server, relay.port) as client,
        ):
            assert await _echoed(client, b"x") == b"x"


async def test_an_address_that_changes_on_the_way() -> None:
    """NAT rebinding (RFC 9000 §9.3): the client does not know, the server validates the new path and goes on."""
    async with quic_server() as server:
        where = server.listeners[0]
        async with (
            lossy_relay((where.host, where.port)) as relay,
            _through(server, relay.port) as client,
        ):
            writer, reader = client.writable.get_writer(), client.readable.get_reader()
            await writer.write(b"before")
            assert await reader.read() == b"before"
            (session,) = listener_of(server).sessions
            before = session.peer
            await relay.rebind()
            await writer.write(b"after")
            assert await reader.read() == b"after"
            assert session.peer != before
            await eventually(lambda: session.quic._network_paths[0].is_validated)
