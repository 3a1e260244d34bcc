"""The examples that have to do with other servers: SOCKS5, the chat room, the forwarder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.interop.live import need, run
from tests.support.examples import example
from tests.tunnel.world import running

from socketworkers import Context, Env, Socket, serve
from socketworkers.server import Server
from socketworkers.testing import AppClient

# -- SOCKS5 --------------------------------------------------------------------------------------------------------


@pytest.fixture
async def web() -> AsyncIterator[Server]:
    """A web server of one page."""

    async def page(socket: Socket, env: Env, ctx: Context) -> None:
        await socket.readable.get_reader().read_until(b"\r\n\r\n", limit=8192)
        await socket.writable.get_writer().write(b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n")

    server = await serve(page, "127.0.0.1:0")
    yield server
    await server.stop()


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
async def test_curl_through_the_socks_proxy(web: Server, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    curl = need("curl", "Debian: curl")
    module = example("socks5")
    monkeypatch.setattr(module, "ALLOW", lambda address: address.startswith("127."))
    proxy = await serve(module.app, "127.0.0.1:0")
    try:
        to = f"http://localhost:{web.listeners[0].port}/"
        through = f"{scheme}://127.0.0.1:{proxy.listeners[0].port}"
        words = (curl, "-sS", "-4", "--noproxy", "", "--proxy", through, to)
        assert await asyncio.to_thread(run, *words) == b"hello\n"
    finally:
        await proxy.stop()


@pytest.mark.attack("C11")
@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (b"\x05\x01\x00\x01\x7f\0\0\1\0\x50", 2),  # 127.0.0.1
        (b"\x05\x01\x00\x04" + bytes(15) + b"\1\0\x50", 2),  # ::1
        (b"\x05\x01\x00\x04" + bytes(10) + b"\xff\xff\x7f\0\0\1\0\x50", 2),  # ::ffff:127.0.0.1
        (b"\x05\x01\x00\x03\x09localhost\0\x50", 2),
        (b"\x05\x01\x00\x03\x0a2130706433\0\x50", 2),
        (b"\x05\x02\x00\x01\x08\x08\x08\x08\0\x50", 7),  # BIND
        (b"\x05\x03\x00\x01\x08\x08\x08\x08\0\x50", 7),  # UDP ASSOCIATE
        (b"\x05\x01\x00\x09", 8),
    ],
)
async def test_what_the_socks_proxy_refuses(request_: bytes, problem: int) -> None:
    async with AppClient(example("socks5").app) as client:
        await client.send(b"\x05\x01\x00" + request_)
        assert await client.read_exactly(2) == b"\x05\x00"
        assert await client.read_exactly(10) == bytes((5, problem, 0, 1)) + bytes(6)
        await client.expect_end()


@pytest.mark.parametrize("hello", [b"\x05\x01\x02", b"\x04\x01\x00"])
async def test_a_login_that_the_socks_proxy_does_not_have(hello: bytes) -> None:
    async with AppClient(example("socks5").app) as client:
        await client.send(hello)
        assert await client.read_exactly(2) == b"\x05\xff"


# -- the chat room -------------------------------------------------------------------------------------------------


async def test_a_room_is_one_object() -> None:
    async with AppClient(example("chat").app) as alice:
        await alice.send(b"garden\nalice\n")
        await alice.expect(rb"\* alice is here\n")
        bob = alice.connect()
        await bob.send("garden\nbob\nGrüße\x1b!\n".encode())
        await bob.expect(rb"\* alice is here\n\* bob is here\n")
        await alice.expect("\\* bob is here\n<bob> Grüße!\n")
        elsewhere = alice.connect()
        await elsewhere.send(b"kitchen\nalice\n")
        await elsewhere.expect(rb"\* alice is here\n")
        twice = alice.connect()
        await twice.send(b"garden\nalice\n")
        await twice.expect(rb"! choose another name\n")
        await bob.close()
        await alice.expect(rb"\* bob has left\n")
        await elsewhere.close()
        await twice.close()


async def test_a_room_keeps_what_was_said(tmp_path: Path) -> None:
    async with AppClient(example("chat").app, data=str(tmp_path)) as client:
        await client.send(b"garden\nalice\nwords\n")
        await client.expect(rb"\* alice is here\n<alice> words\n")
    async with AppClient(example("chat").app, data=str(tmp_path)) as client:
        await client.send(b"garden\nbob\n")
        await client.expect(rb"\* alice is here\n<alice> words\n(\* alice has left\n)?\* bob is here\n")
        await client.send(b"x\n" * 50)
        for _ in range(50):
            await client.expect(rb"<bob> x\n")
        late = client.connect()
        await late.send(b"garden\ncarol\n")
        await late.expect(rb"(<bob> x\n){20}\* carol is here\n")
        await late.close()


# -- the forwarder -------------------------------------------------------------------------------------------------


async def test_the_forwarder_leads_through_a_tunnel() -> None:
    async with running() as world, AppClient(example("forward").app, to=world.to) as client:
        await client.send(b"hello")
        await client.send_end()
        assert await client.read_to_end() == b"HELLO.5"
