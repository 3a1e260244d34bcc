"""The local port: through our gateway, through others' servers, and what it says when there is no way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import websockets.asyncio.server
from tests.support.pairs import eventually
from tests.tunnel.world import running

from socketworkers import Context, Env, Socket, connect, serve
from socketworkers.certificates import local_authority, make_certificate, write_pair
from socketworkers.server import Server
from socketworkers.tunnel import connect_tunnel

both_loops = pytest.mark.usefixtures("any_loop")


@contextlib.asynccontextmanager
async def entered(to: str, **settings: Any) -> AsyncIterator[Server]:
    server = await connect_tunnel(to, **settings)
    try:
        yield server
    finally:
        await server.stop()


async def local(server: Server) -> Socket:
    return await connect(("127.0.0.1", server.listeners[0].port), allow_half_open=True)


async def ask(socket: Socket, data: bytes) -> bytes:
    """Send, end, and read all that comes."""
    writer = socket.writable.get_writer()
    await writer.write(data)
    await writer.close()
    return b"".join([chunk async for chunk in socket.readable])


@both_loops
async def test_through_our_gateway_with_half_close() -> None:
    async with running() as world, entered(world.to) as server:
        sockets = [await local(server) for _ in range(3)]
        answers = await asyncio.gather(*(ask(each, b"x" * 100_000) for each in sockets))
        assert answers == [b"X" * 100_000 + b".100000"] * 3


@both_loops
async def test_without_half_close_an_end_is_the_end() -> None:
    async with running() as world, entered(world.to, half_close=False) as server:
        socket = await local(server)
        writer, reader = socket.writable.get_writer(), socket.readable.get_reader()
        await writer.write(b"abc")
        assert await reader.read_exactly(3) == b"ABC"
        await writer.close()
        assert await reader.read() == b""
        await eventually(lambda: world.behind.connections == 0)


async def test_the_destination_as_a_header() -> None:
    async with running() as world, entered(world.url, destination=f"127.0.0.1:{world.port}") as server:
        assert await ask(await local(server), b"abc") == b"ABC.3"


async def test_what_a_program_sends_before_the_tunnel_is_there_arrives() -> None:
    async with running() as world, entered(world.to) as server:
        socket = connect(("127.0.0.1", server.listeners[0].port), allow_half_open=True)
        assert await ask(socket, b"early") == b"EARLY.5"


async def test_certificates_of_both_ends(tmp_path: Path) -> None:
    """``--ca``, ``--client-cert`` and ``--client-key`` against ``--tls-client-ca``."""
    authority = local_authority(tmp_path)
    for name, client in (("localhost", False), ("ci", True)):
        pair = make_certificate(authority, [name], client=client)
        write_pair(pair, tmp_path / f"{name}.pem", tmp_path / f"{name}-key.pem")
    ca = str(tmp_path / "ca.pem")
    settings = {"tls_cert": (str(tmp_path / "localhost.pem"),), "tls_key": (str(tmp_path / "localhost-key.pem"),)}
    async with running(listen="wss://127.0.0.1:0/v1", tls_client_ca=ca, **settings) as world:
        to = world.to.replace("//127.0.0.1:", "//localhost:", 1)
        ours = {"client_cert": str(tmp_path / "ci.pem"), "client_key": str(tmp_path / "ci-key.pem")}
        async with entered(to, ca=ca, **ours) as server:
            assert await ask(await local(server), b"abc") == b"ABC.3"
        async with entered(to, ca=ca) as server:
            with contextlib.suppress(OSError):
                assert await ask(await local(server), b"abc") == b""
        assert len(world.arrived) == 1


async def test_a_certificate_of_nobody_we_know(caplog: pytest.LogCaptureFixture) -> None:
    async with running(listen="wss://127.0.0.1:0/v1", tls="auto") as world:
        to = world.to.replace("//127.0.0.1:", "//localhost:", 1)
        assert "if its authority is your own, --ca FILE" in await refused(to, caplog)


Handler = Callable[[websockets.asyncio.server.ServerConnection], Awaitable[None]]


async def cloudflare(connection: websockets.asyncio.server.ServerConnection) -> None:
    """As the 2021 template's server side sees its client."""
    assert connection.request is not None
    fields = connection.request.headers
    assert fields["CF-Access-Client-Id"] == "ci.access"
    assert fields["CF-Access-Client-Secret"] == "s3cret"
    assert fields["Cf-Access-Jump-Destination"] == "db:5432"
    async for message in connection:
        assert isinstance(message, bytes)
        await connection.send(message.upper())


async def text(connection: websockets.asyncio.server.ServerConnection) -> None:
    """A server that answers with text."""
    async for message in connection:
        assert isinstance(message, bytes)
        await connection.send(message.decode().upper())


@pytest.mark.parametrize("handler", [cloudflare, text])
async def test_a_server_of_others(handler: Handler) -> None:
    async with websockets.asyncio.server.serve(handler, "127.0.0.1", 0) as other:
        port = next(iter(other.sockets)).getsockname()[1]
        options = {
            "destination": "db:5432",
            "service_token_id": "ci.access",
            "service_token_secret": "s3cret",
        }
        async with entered(f"ws://127.0.0.1:{port}/", **options) as server:
            socket = await local(server)
            writer, reader = socket.writable.get_writer(), socket.readable.get_reader()
            await writer.write(b"hello")
            assert await reader.read_exactly(5) == b"HELLO"
            await socket.close()


# -- no way --------------------------------------------------------------------------------------------------------


async def refused(to: str, caplog: pytest.LogCaptureFixture, **settings: Any) -> str:
    """What the log says of a connection that came to nothing."""
    caplog.set_level(logging.WARNING, "socketworkers")
    async with entered(to, **settings) as server:
        socket = await local(server)
        with contextlib.suppress(OSError):
            assert await socket.readable.get_reader().read() == b""
        await eventually(lambda: server.connections == 0)
        await socket.abort()
    return caplog.text


async def test_the_gateway_refuses(caplog: pytest.LogCaptureFixture) -> None:
    async with running() as world:
        said = await refused(world.url + "?address=127.0.0.1:1", caplog)
    assert "no tunnel: [Errno 111]" in said
    assert "refused the WebSocket: 400 Bad Request: this address is not allowed" in said


async def test_nobody_is_there(caplog: pytest.LogCaptureFixture) -> None:
    assert "cannot connect to ws://127.0.0.1:1/: Connection refused" in await refused("ws://127.0.0.1:1/", caplog)


ANSWERS = {
    "Cloudflare's login": (
        b"HTTP/1.1 302 Found\r\nLocation: https://x.example/cdn-cgi/access/login/y?kid=1\r\n\r\n",
        "the gateway asks for a login (Cloudflare Access): give a service token, --service-token-id",
    ),
    "another redirect": (
        b"HTTP/1.1 307 Temporary Redirect\r\nLocation: ws://127.0.0.1:{port}/elsewhere\r\n\r\n",
        "the gateway answers with a redirect (307), which is not followed",
    ),
    "no HTTP": (b"220 mail.example.org ESMTP\r\n", "the answer is not HTTP/1.1"),
    "a web page": (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<h1>Hello</h1>",
        "the server refused the WebSocket: 200 OK",
    ),
    "a text that tries to look like another line": (
        b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\n\r\nno\x1b[2J\x00 way\nINFO all is well",
        "403 Forbidden: no[2J way",
    ),
}


@pytest.mark.attack("C11")
@pytest.mark.attack("C10")
@pytest.mark.parametrize("kind", ANSWERS)
async def test_answers_that_are_no_tunnel(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    answer, said = ANSWERS[kind]
    asked: list[bytes] = []

    async def web(socket: Socket, env: Env, ctx: Context) -> None:
        asked.append(await socket.readable.get_reader().read_until(b"\r\n\r\n", limit=8192))
        await socket.writable.get_writer().write(answer)

    behind = await serve(web, "127.0.0.1:0")
    try:
        found = await refused(f"ws://127.0.0.1:{behind.listeners[0].port}/", caplog, service_token_id="id",
                              service_token_secret="very secret")  # fmt: skip
    finally:
        await behind.stop()
    assert said in found
    assert "very secret" not in found
    assert "all is well" not in found
    assert len(asked) == 1  # nobody was sent elsewhere, with our token
    assert b"CF-Access-Client-Secret: very secret\r\n" in asked[0]


async def test_a_drain_closes_what_stays() -> None:
    async with running() as world, entered(world.to, drain_timeout=0.4) as server:
        socket = await local(server)
        writer, reader = socket.writable.get_writer(), socket.readable.get_reader()
        await writer.write(b"abc")
        assert await reader.read_exactly(3) == b"ABC"
        draining = asyncio.ensure_future(server.drain())
        assert await reader.read() in (b"", b".3")
        await socket.close()
        assert await draining is True


async def test_a_program_that_leaves_meanwhile_takes_the_attempt_along() -> None:
    arrived = asyncio.Event()
    gone = asyncio.Event()

    async def silent(socket: Socket, env: Env, ctx: Context) -> None:
        arrived.set()
        with contextlib.suppress(OSError):
            await socket.closed
        gone.set()

    behind = await serve(silent, "127.0.0.1:0")
    try:
        async with entered(f"ws://127.0.0.1:{behind.listeners[0].port}/") as server:
            socket = await local(server)
            await arrived.wait()
            await socket.abort()
            await asyncio.wait_for(gone.wait(), 5)
    finally:
        await behind.stop()
