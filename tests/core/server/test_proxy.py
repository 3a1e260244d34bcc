"""The PROXY protocol: believed from trusted networks only, within a deadline, both versions, malformed ones refused."""

from __future__ import annotations

import asyncio
import socket as kernel
import struct

import pytest

from socketworkers import App, Context, Env, ProtocolError, Socket
from socketworkers.server import server as server_module
from socketworkers.server.proxy_protocol import SIGNATURE_V2, ProxyHeader, parse_proxy_header
from socketworkers.testing import AppClient

pytestmark = pytest.mark.usefixtures("any_loop")

app = App("who")


@app.connect
async def who(socket: Socket, env: Env, ctx: Context) -> None:
    info = socket.info
    assert info is not None
    first = await socket.readable.get_reader().read()
    await socket.writable.get_writer().write(f"{info.remote} {info.local} {info.proxied_from} {first!r}".encode())


def v2(command: int = 1, family: int = 0x11, body: bytes | None = None, tlv: bytes = b"") -> bytes:
    if body is None:
        body = kernel.inet_aton("192.0.2.7") + kernel.inet_aton("198.51.100.1") + struct.pack("!HH", 4711, 25)
    body += tlv
    return SIGNATURE_V2 + bytes([0x20 | command, family]) + struct.pack("!H", len(body)) + body


V6 = kernel.inet_pton(kernel.AF_INET6, "2001:db8::1") * 2 + struct.pack("!HH", 1, 2)
GOOD = {
    "v1": (b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 25\r\n", "192.0.2.7:4711 198.51.100.1:25"),
    "v1 of IPv6": (b"PROXY TCP6 2001:db8::1 2001:db8::2 4711 25\r\n", "[2001:db8::1]:4711 [2001:db8::2]:25"),
    "v2": (v2(), "192.0.2.7:4711 198.51.100.1:25"),
    "v2 with more": (v2(tlv=b"\x04\x00\x03abc"), "192.0.2.7:4711 198.51.100.1:25"),
    "v2 of IPv6": (v2(family=0x21, body=V6), "[2001:db8::1]:1 [2001:db8::1]:2"),
}
SPEAKS_FOR_ITSELF = {
    "unknown": b"PROXY UNKNOWN whatever\r\n",
    "local": v2(command=0),
    "unix": v2(family=0x31, body=bytes(216)),
}
BAD = {
    "none": b"EHLO x\r\n",
    "no port": b"PROXY TCP4 192.0.2.7 198.51.100.1 4711\r\n",
    "wrong family": b"PROXY TCP6 192.0.2.7 198.51.100.1 4711 25\r\n",
    "no address": b"PROXY TCP4 example.org 198.51.100.1 4711 25\r\n",
    "port": b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 25\r\n",
    "leading zero": b"PROXY TCP4 192.0.2.7 198.51.100.1 025 25\r\n",
    "too long": b"PROXY " + b"x" * 200,
    "v2 version": SIGNATURE_V2 + b"\x31\x11\x00\x0c" + bytes(12),
    "v2 command": v2(command=2),
    "v2 short": v2(body=bytes(4)),
    "v2 long": SIGNATURE_V2 + b"\x21\x11\xff\xff",
}


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("every", [0, 1])
async def test_good_headers(name: str, every: int) -> None:
    header, wanted = GOOD[name]
    async with AppClient(app, proxy_from=("127.0.0.0/8",)) as client:
        if every:
            for index in range(len(header)):
                await client.send(header[index : index + 1])
                await asyncio.sleep(0)
            await client.send(b"data")
        else:
            await client.send(header + b"data")
        assert (await client.read()).decode() == f"{wanted} 127.0.0.1:49152 b'data'"


@pytest.mark.parametrize("name", SPEAKS_FOR_ITSELF)
async def test_the_proxy_itself(name: str) -> None:
    async with AppClient(app, proxy_from=("127.0.0.1",)) as client:
        await client.send(SPEAKS_FOR_ITSELF[name] + b"data")
        assert (await client.read()).startswith(b"127.0.0.1:49152 ")


@pytest.mark.parametrize("name", BAD)
async def test_bad_headers_end_the_connection(name: str) -> None:
    async with AppClient(app, proxy_from=("127.0.0.1",)) as client:
        await client.send(BAD[name])
        try:
            assert await client.read() == b""
        except ConnectionResetError:
            pass
        assert client.server.telemetry.handler_errors == 0


async def test_others_are_not_believed() -> None:
    """A header from elsewhere is data, and the address is the real one."""
    async with AppClient(app, proxy_from=("10.0.0.0/8", "2001:db8::/32")) as client:
        await client.send(GOOD["v1"][0])
        answer = await client.read()
        assert answer.startswith(b"127.0.0.1:49152 ")
        assert b"PROXY TCP4" in answer


@pytest.mark.attack("C5")
async def test_a_header_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "PROXY_HEADER_TIMEOUT", 0.2)
    async with AppClient(app, proxy_from=("127.0.0.1",)) as client:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for byte in b"PROXY TCP4 192.0.2.7 ":
            try:
                client.writer.write(bytes([byte]))
            except RuntimeError:
                break
            await asyncio.sleep(0.03)
        try:
            assert await client.read() == b""
        except ConnectionResetError:
            pass
        assert loop.time() - began < 2


async def test_limits_count_the_client_and_not_the_proxy() -> None:
    async with AppClient(app, proxy_from=("127.0.0.1",), max_connections_per_address=1) as client:
        await client.send(GOOD["v1"][0])
        await asyncio.sleep(0.01)
        same = client.connect()
        await same.send(GOOD["v1"][0])
        assert await same.read() == b""
        other = client.connect()
        await other.send(GOOD["v1 of IPv6"][0] + b"x")
        assert await other.read()
        for peer in (same, other):
            await peer.close()


def test_parser_never_fails_otherwise() -> None:
    for header, _ in GOOD.values():
        for cut in range(len(header)):
            assert parse_proxy_header(header[:cut]) is None
        parsed = parse_proxy_header(header + b"more")
        assert isinstance(parsed, ProxyHeader)
        assert parsed.length == len(header)
        for index in range(len(header)):
            for value in (0, 0x0A, 0xFF):
                changed = header[:index] + bytes([value]) + header[index + 1 :]
                try:
                    parse_proxy_header(changed)
                except ProtocolError:
                    pass
