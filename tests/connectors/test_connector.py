"""The connector without a database: TLS as PostgreSQL starts it, the private socket, lifetimes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.connectors.test_transport import Recorder
from tests.support.pairs import client_tls, eventually, server_tls

from socketworkers import AddressError, ConnectError, Context, Env, Socket, StateError, TlsOptions, serve
from socketworkers.connectors import Connector, postgres_tls
from socketworkers.errors import ProtocolError
from socketworkers.server import Server

SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


@pytest.fixture
async def tls_server() -> AsyncIterator[Server]:
    """Answers SSLRequest as PostgreSQL does; the first byte of the port's name says how."""

    async def handle(socket: Socket, env: Env, ctx: Context) -> None:
        reader, writer = socket.readable.get_reader(), socket.writable.get_writer()
        assert await reader.read_exactly(8) == SSL_REQUEST
        if env.way == "N":
            await writer.write(b"N")
        elif env.way == "injected":
            await writer.write(b"S" + b"E\0\0\0\x08SQL\0")
        else:
            await writer.write(b"S")
            await socket.start_tls(context=server_tls())
        with contextlib.suppress(OSError):
            async for chunk in reader:
                await writer.write(chunk.upper())

    server = await serve(handle, "127.0.0.1:0")
    server.env.way = "S"
    yield server
    await server.stop()


def address(server: Server) -> str:
    return f"tcp://127.0.0.1:{server.listeners[0].port}"


def trust() -> TlsOptions:
    return TlsOptions(context=client_tls(), sni="localhost")


async def test_tls_as_postgresql_starts_it(tls_server: Server) -> None:
    via = Connector(address(tls_server), prepare=postgres_tls(trust()))
    sock = await via.dial()
    assert sock.info is not None
    assert sock.info.secure
    await sock.writable.get_writer().write(b"abc")
    assert await sock.readable.get_reader().read_exactly(3) == b"ABC"
    await sock.close()


async def test_no_way_back_to_clear_text(tls_server: Server) -> None:
    """C2: a server (or somebody in between) that has no TLS gets nothing."""
    tls_server.env.way = "N"
    with pytest.raises(ProtocolError, match="has no TLS"):
        await Connector(address(tls_server), prepare=postgres_tls(trust())).dial()
    await eventually(lambda: tls_server.connections == 0)


@pytest.mark.attack("C1")
async def test_clear_text_behind_the_answer(tls_server: Server) -> None:
    tls_server.env.way = "injected"
    with pytest.raises(StateError, match="plaintext bytes"):
        await Connector(address(tls_server), prepare=postgres_tls(trust())).dial()
    await eventually(lambda: tls_server.connections == 0)


async def test_the_certificate_is_verified(tls_server: Server) -> None:
    with pytest.raises(OSError, match="certificate"):
        await Connector(address(tls_server), prepare=postgres_tls()).dial()


@contextlib.asynccontextmanager
async def echo() -> AsyncIterator[Server]:
    async def handle(socket: Socket, env: Env, ctx: Context) -> None:
        await socket.readable.pipe_to(socket.writable)

    server = await serve(handle, "127.0.0.1:0")
    try:
        yield server
    finally:
        await server.stop()


async def test_the_private_socket_carries_both_ways_and_half_close() -> None:
    async with echo() as server, Connector(address(server)) as via:
        reader, writer = await asyncio.open_unix_connection(via.path)
        writer.write(b"x" * 200_000)
        writer.write_eof()
        assert await reader.read() == b"x" * 200_000
        writer.close()
        await writer.wait_closed()


async def test_the_end_of_the_connector_ends_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, given_up = asyncio.Event(), asyncio.Event()

    async def never(*_: object) -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()

    async with Connector("tcp://127.0.0.1:1") as via:
        monkeypatch.setattr("socketworkers.dial._attempt", never)
        client = socket.socket(socket.AF_UNIX)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, via.path)
        await asyncio.wait_for(asked.wait(), 5)
    client.close()
    assert given_up.is_set()


async def test_nothing_is_left_when_it_cannot_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with pytest.raises(Exception, match="cannot listen"):
        await Connector("tcp://127.0.0.1:1").open()
    assert list(long.iterdir()) == []


async def test_connections_of_its_loop_end_with_it() -> None:
    async with echo() as server:
        async with Connector(address(server)) as via:
            loop = via.asyncpg()["loop"]
            protocols = [(await loop.create_connection(Recorder, "x"))[1] for _ in range(2)]
            closing, protocol = await loop.create_connection(Recorder, "x")
            closing.write(b"last words")
            closing.close()
        assert not via._sockets
        await eventually(lambda: all(each.events == ["made", "lost"] for each in protocols))
        await eventually(lambda: protocol.events == ["made", "lost"])
        await eventually(lambda: server.connections == 0)


async def test_it_can_be_opened_again() -> None:
    async with echo() as server:
        via = Connector(address(server))
        for _ in range(2):
            await via.open()
            folder = os.path.dirname(via.path)
            await via.close()
            await via.close()
            assert not os.path.exists(folder)


async def test_mistakes() -> None:
    with pytest.raises(AddressError):
        Connector("nonsense")
    via = Connector("tcp://127.0.0.1:1")
    for name in ("psycopg", "aiomysql", "redis"):
        with pytest.raises(StateError, match="async with"):
            getattr(via, name)()
    with pytest.raises(ConnectError):
        await via.dial()
