"""MQTT over QUIC: a client made here directly on aioquic, which shares no code with the broker's own client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aioquic.asyncio.client import connect as aioquic_connect
from aioquic.quic.configuration import QuicConfiguration

from socketworkers import TLSError, TlsOptions, connect
from socketworkers.server import Server
from socketworkers.testing import serve_ephemeral
from socketworkers_mqtt import app

pytestmark = pytest.mark.usefixtures("any_loop")


class Client:
    """MQTT 3.1.1 by hand, on one stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def packet(self) -> tuple[int, bytes]:
        """First byte and body of the next control packet (§2.2)."""
        first = (await self._reader.readexactly(1))[0]
        length = shift = 0
        while True:
            digit = (await self._reader.readexactly(1))[0]
            length |= (digit & 127) << shift
            if not digit & 128:
                return first, await self._reader.readexactly(length)
            shift += 7

    def send(self, first: int, body: bytes) -> None:
        """A control packet; bodies here fit two length bytes."""
        length = bytes([len(body)]) if len(body) < 128 else bytes([len(body) & 127 | 128, len(body) >> 7])
        self._writer.write(bytes([first]) + length + body)

    async def connect(self, name: str) -> None:
        """CONNECT, CONNACK (§3.1, §3.2)."""
        self.send(0x10, _text("MQTT") + b"\x04\x02\x00\x3c" + _text(name))
        assert await self.packet() == (0x20, b"\x00\x00")

    async def end(self) -> None:
        """DISCONNECT, and the end of the stream."""
        self.send(0xE0, b"")
        self._writer.write_eof()
        assert await self._reader.read() == b""


def _text(value: str) -> bytes:
    return len(value).to_bytes(2, "big") + value.encode()


@contextlib.asynccontextmanager
async def broker() -> AsyncIterator[tuple[Server, QuicConfiguration, int]]:
    """The broker with a QUIC listener."""
    async with serve_ephemeral(app, quic_port=0, tls="auto") as server:
        where = next(each for each in server.listeners if each.name == "quic")
        assert server.tls is not None
        configuration = QuicConfiguration(is_client=True, alpn_protocols=["mqtt"], server_name="localhost")
        configuration.load_verify_locations(cafile=str(server.tls.authority))
        yield server, configuration, where.port


async def test_publish_and_subscribe_over_two_connections() -> None:
    async with (
        broker() as (_, configuration, port),
        aioquic_connect("127.0.0.1", port, configuration=configuration) as one,
        aioquic_connect("127.0.0.1", port, configuration=configuration) as two,
    ):
        listener, speaker = Client(*await one.create_stream()), Client(*await two.create_stream())
        await listener.connect("listener")
        await speaker.connect("speaker")
        listener.send(0x82, b"\x00\x01" + _text("news/#") + b"\x01")
        assert await listener.packet() == (0x90, b"\x00\x01\x01")
        payload = b"x" * 5000
        speaker.send(0x32, _text("news/today") + b"\x00\x07" + payload)  # QoS 1
        assert await speaker.packet() == (0x40, b"\x00\x07")
        first, body = await listener.packet()
        assert first == 0x32
        assert body[:12] == _text("news/today")
        assert body[14:] == payload
        listener.send(0x40, body[12:14])
        await speaker.end()
        await listener.end()


async def test_each_stream_is_a_client() -> None:
    async with (
        broker() as (server, configuration, port),
        aioquic_connect("127.0.0.1", port, configuration=configuration) as one,
    ):
        clients = []
        for number in range(3):
            clients.append(Client(*await one.create_stream()))  # which takes a number when it sends first
            await clients[-1].connect(f"client-{number}")
        assert server.connections == 3
        for client in clients:
            client.send(0xC0, b"")
            assert await client.packet() == (0xD0, b"")
        for client in clients:
            await client.end()


async def test_another_protocol_is_refused() -> None:
    async with broker() as (server, _, port):
        assert server.tls is not None
        tls = TlsOptions(ca=str(server.tls.authority), sni="localhost", alpn=("h3",))
        with pytest.raises(TLSError) as caught:
            await connect(f"quic://127.0.0.1:{port}", tls=tls)
        assert caught.value.alert == 120
