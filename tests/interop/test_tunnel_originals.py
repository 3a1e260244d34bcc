"""The programs that the two dialects come from: Cloudflare's ``cloudflared access tcp`` and Neon's ``wsproxy``.

No package of Debian has them, and to build them takes Go: they are used where they are on the path.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.databases import free_port
from tests.tunnel.world import World, running

from socketworkers import ConnectError, Socket, connect
from socketworkers.sasl import Credentials
from socketworkers.tunnel import connect_tunnel


def program(name: str, where: str) -> str:
    """Path of a program of Go's."""
    return shutil.which(name) or pytest.skip(f"{name} is not on the path (go build of {where})")


@contextlib.asynccontextmanager
async def child(folder: Path, port: int, *command: str, **variables: str) -> AsyncIterator[Path]:
    """A program that listens on a port, and its log."""
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env={**os.environ, **variables}
        )
    try:
        while True:
            assert process.poll() is None, log.read_text()
            with contextlib.suppress(OSError):
                await (await connect(("127.0.0.1", port))).abort()
                break
            await asyncio.sleep(0.02)
        yield log
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 20)


async def shouted(socket: Socket, size: int) -> bool:
    """Whether that many bytes come back in upper case."""
    writer, reader = socket.writable.get_writer(), socket.readable.get_reader()
    try:
        writer.write(b"a" * size)
        data = await reader.read_exactly(size)
    except (OSError, EOFError):
        return False
    finally:
        await socket.abort()
    return data == b"A" * size


# -- cloudflared, the client ---------------------------------------------------------------------------------------


async def through_cloudflared(world: World, folder: Path, *options: str) -> bool:
    cloudflared = program("cloudflared", "github.com/cloudflare/cloudflared/cmd/cloudflared")
    port = free_port()
    # it speaks TLS whatever the URL says
    name = world.url.replace("wss://127.0.0.1:", "https://localhost:")
    words = (cloudflared, "access", "tcp", "--hostname", name, "--url", f"127.0.0.1:{port}", *options)
    assert world.gateway.tls is not None
    async with child(folder, port, *words, SSL_CERT_FILE=str(world.gateway.tls.authority), HOME=str(folder)):
        return await shouted(await connect(("127.0.0.1", port)), 300_000)


@pytest.mark.parametrize("named", [True, False], ids=["with a destination", "without one"])
async def test_cloudflareds_client(tmp_path: Path, named: bool) -> None:
    async with running(listen="wss://127.0.0.1:0", tls="auto") as world:
        options = ("--destination", f"127.0.0.1:{world.port}") if named else ()
        assert await through_cloudflared(world, tmp_path, *options)


async def test_cloudflareds_client_is_refused(tmp_path: Path) -> None:
    async with running(listen="wss://127.0.0.1:0", tls="auto") as world:
        assert not await through_cloudflared(world, tmp_path, "--destination", "127.0.0.1:22")
        assert world.counted("socketworkers_tunnel_refused")["rule"] >= 1


@pytest.mark.parametrize(("secret", "opens"), [("s3cret", True), ("wrong", False)])
async def test_cloudflareds_service_token(tmp_path: Path, secret: str, opens: bool) -> None:
    users = Credentials()
    users.set_password("ci.access", "s3cret", iterations=4096)
    users.save(tmp_path / "tokens")
    settings = {"tls": "auto", "service_tokens": str(tmp_path / "tokens")}
    async with running(listen="wss://127.0.0.1:0", **settings) as world:
        assert await through_cloudflared(world, tmp_path, "--id", "ci.access", "--secret", secret) is opens


# -- wsproxy, the server -------------------------------------------------------------------------------------------


@pytest.fixture
async def wsproxy(tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a wsproxy that leads to this machine's ports above 1024."""
    path = program("wsproxy", "github.com/neondatabase/wsproxy")
    port = free_port()
    variables = {
        "LISTEN_PORT": f"127.0.0.1:{port}",
        "PROMETHEUS_BIND": f"127.0.0.1:{free_port()}",
        "ALLOW_ADDR_REGEX": r"^127\.0\.0\.1:\d{4,5}$",
    }
    async with child(tmp_path, port, path, **variables):
        yield f"ws://127.0.0.1:{port}/v1"


async def test_our_socket_through_wsproxy(wsproxy: str) -> None:
    async with running() as world:
        target = f"127.0.0.1:{world.port}"
        assert await shouted(await connect(f"{wsproxy}?address={target}"), 300_000)
        with pytest.raises(ConnectError, match="400 Bad Request: proxying to specified address not allowed"):
            await connect(f"{wsproxy}?address=127.0.0.1:22")


async def test_our_entrance_through_wsproxy(wsproxy: str) -> None:
    async with running() as world:
        entrance = await connect_tunnel(f"{wsproxy}?address=127.0.0.1:{world.port}")
        try:
            for size in (1, 300_000):
                assert await shouted(await connect(("127.0.0.1", entrance.listeners[0].port)), size)
        finally:
            await entrance.stop()
