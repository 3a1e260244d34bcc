"""socat, ncat, dig and aioquic against the examples for UDP and QUIC."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aioquic.asyncio.client import connect as aioquic_connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.asyncio.server import serve as aioquic_serve
from aioquic.quic.configuration import QuicConfiguration
from tests.interop.live import need
from tests.support.docs import ROOT, blocks
from tests.support.pairs import authority

from socketworkers import App, Context, Datagram, Env, ListenerSpec, Socket, TlsOptions, connect, serve
from socketworkers.server import BoundListener, Server
from socketworkers.testing import serve_ephemeral
from socketworkers.testing.client import trusting

EXAMPLES = Path(__file__).parents[2] / "examples"


def _app(name: str) -> App:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.app
    assert isinstance(found, App)
    return found


def _listener(server: Server, name: str) -> BoundListener:
    return next(each for each in server.listeners if each.name == name)


async def _run(*command: str, input: bytes = b"") -> bytes:
    child = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(child.communicate(input), 30)
    return output


@pytest.mark.parametrize("name", ["echo_everywhere", "dns_forwarder", "quic_relay"])
def test_examples_are_short(name: str) -> None:
    assert len((EXAMPLES / f"{name}.py").read_text().splitlines()) <= 60


async def test_echo_over_every_transport() -> None:
    ports: dict[str, Any] = {"tls": "auto", "tls_port": 0, "ws_port": 0, "udp_port": 0, "quic_port": 0}
    async with serve_ephemeral(_app("echo_everywhere"), **ports) as server:
        assert len(server.listeners) == 5
        for listener in server.listeners:
            scheme = {"main": "tcp", "tls": "tls"}.get(listener.name, listener.scheme)
            tls = None
            if listener.tls == "implicit":
                tls = TlsOptions(context=trusting(server), sni="localhost", alpn=("echo",) * (scheme == "quic"))
            async with connect(f"{scheme}://127.0.0.1:{listener.port}", tls=tls) as client:
                await client.writable.get_writer().write(b"hello")
                assert await client.readable.get_reader().read() == b"hello", scheme


@pytest.mark.parametrize("tool", ["socat", "ncat"])
async def test_udp_tools_against_the_echo(tool: str) -> None:
    program = need(tool, f"Debian: {tool}")
    async with serve_ephemeral(_app("echo_everywhere"), udp_port=0) as server:
        where = _listener(server, "udp")
        arguments = ("-", f"UDP:127.0.0.1:{where.port}") if tool == "socat" else ("-u", "127.0.0.1", str(where.port))
        child = await asyncio.create_subprocess_exec(
            program, *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            for message in (b"one datagram", b"and another"):
                child.stdin.write(message)
                assert await asyncio.wait_for(child.stdout.readexactly(len(message)), 20) == message
        finally:
            child.terminate()
            await child.wait()
        assert server.telemetry.accepted == 1, "a flow for its port"


async def test_our_client_against_socat() -> None:
    program = need("socat", "Debian: socat")
    with _free_udp_port() as port:
        pass
    child = await asyncio.create_subprocess_exec(program, f"UDP-LISTEN:{port},bind=127.0.0.1", "EXEC:cat")
    try:
        answer = b""
        while not answer:  # until it listens
            with contextlib.suppress(OSError):
                client = await connect(f"udp://127.0.0.1:{port}")
                await client.writable.get_writer().write(b"over there")
                async with asyncio.timeout(5):
                    answer = await client.readable.get_reader().read()
            await client.abort()
        assert answer == b"over there"
    finally:
        child.terminate()
        await child.wait()


@contextlib.contextmanager
def _free_udp_port() -> Any:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        yield probe.getsockname()[1]


# -- DNS -----------------------------------------------------------------------------------------------------------


class Resolver:
    """An upstream that knows one address, over UDP and TCP."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def reply(self, query: bytes, scheme: str) -> bytes:
        self.asked.append(scheme)
        at = 12
        while query[at]:
            at += query[at] + 1
        question = query[12 : at + 5]
        record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 300, 4) + bytes([192, 0, 2, 53])
        return query[:2] + b"\x81\x80" + struct.pack("!4H", 1, 1, 0, 0) + question + record

    async def serve(self, socket: Socket, env: Env, ctx: Context) -> None:
        writer = socket.writable.get_writer()
        if ctx.listener.scheme == "udp":
            async for message in socket.readable:
                assert isinstance(message, Datagram)
                await writer.write(Datagram(self.reply(message.data, "udp"), message.remote))
        reader = socket.readable.get_reader()
        while await reader.peek():
            (size,) = struct.unpack("!H", await reader.read_exactly(2))
            reply = self.reply(await reader.read_exactly(size), "tcp")
            await writer.write(struct.pack("!H", len(reply)) + reply)


@contextlib.asynccontextmanager
async def _forwarder() -> AsyncIterator[tuple[Resolver, int]]:
    resolver = Resolver()
    upstream = App("upstream", tls_listener=False, listeners=(ListenerSpec("udp", "udp", "port", datagrams=True),))
    upstream.connect(resolver.serve)
    async with (
        serve_ephemeral(upstream) as above,
        serve_ephemeral(_app("dns_forwarder"), upstream=f"127.0.0.1:{above.listeners[0].port}") as server,
    ):
        yield resolver, server.listeners[0].port


async def test_dig_against_the_forwarder() -> None:
    dig = need("dig", "Debian: bind9-dnsutils")
    async with _forwarder() as (resolver, port):
        command = (dig, "@127.0.0.1", "-p", str(port), "+short", "+tries=1", "+nocookie", "www.example.org", "A")
        for extra in ((), (), ("+tcp",), ("+tcp",)):
            assert await _run(*command, *extra) == b"192.0.2.53\n"
        assert resolver.asked == ["udp", "tcp"], "the second answers come from the cache"


async def test_the_forwarder_says_when_it_cannot() -> None:
    with _free_udp_port() as port:
        pass
    async with serve_ephemeral(_app("dns_forwarder"), upstream=f"127.0.0.1:{port}") as server:
        query = b"\x12\x34\x01\x00" + struct.pack("!4H", 1, 0, 0, 0) + b"\x03www\x00\x00\x01\x00\x01"
        async with connect(f"udp://127.0.0.1:{server.listeners[0].port}") as client:
            await client.writable.get_writer().write(query)
            reply = await client.readable.get_reader().read()
            assert reply[:2] == query[:2]
            assert reply[3] & 0xF == 2  # SERVFAIL


# -- QUIC ----------------------------------------------------------------------------------------------------------


async def _echo(socket: Socket, env: Env, ctx: Context) -> None:
    await socket.readable.pipe_to(socket.writable)


async def test_the_relay_carries_tcp_over_quic() -> None:
    echo = await serve(_echo)
    try:
        there_to = f"tcp://127.0.0.1:{echo.listeners[0].port}"
        async with serve_ephemeral(_app("quic_relay"), quic_port=0, tls="auto", to=there_to) as there:
            assert there.tls is not None
            url = f"quic://localhost:{_listener(there, 'quic').port}"
            async with serve_ephemeral(_app("quic_relay"), to=url, ca=str(there.tls.authority)) as here:
                data = os.urandom(200_000)

                async def talk() -> bytes:
                    reader, writer = await asyncio.open_connection("127.0.0.1", here.listeners[0].port)
                    writer.write(data)
                    writer.write_eof()
                    answer = await reader.read()
                    writer.close()
                    await writer.wait_closed()
                    return answer

                answers = await asyncio.gather(talk(), talk(), talk())
                assert list(answers) == [data] * 3
                (session,) = {id(each._channel._session) for each in there._connections if each.info.type == "quic"}  # type: ignore[union-attr]
                assert session
    finally:
        await echo.stop()


async def test_an_aioquic_client_against_the_echo() -> None:
    async with serve_ephemeral(_app("echo_everywhere"), quic_port=0, tls="auto") as server:
        where = _listener(server, "quic")
        assert server.tls is not None
        configuration = QuicConfiguration(is_client=True, alpn_protocols=["echo"], server_name="localhost")
        configuration.load_verify_locations(cafile=str(server.tls.authority))
        async with aioquic_connect("127.0.0.1", where.port, configuration=configuration) as peer:
            reader, writer = await peer.create_stream()
            data = os.urandom(500_000)
            writer.write(data)
            writer.write_eof()
            assert await reader.read() == data


async def test_our_client_against_an_aioquic_server(tmp_path: Path) -> None:
    class Echo(QuicConnectionProtocol):
        def quic_event_received(self, event: Any) -> None:
            if hasattr(event, "end_stream"):
                self._quic.send_stream_data(event.stream_id, event.data, event.end_stream)

    certificate = authority().issue_cert("localhost")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(tmp_path / "cert.pem", append=True)
    authority().cert_pem.write_to_path(tmp_path / "ca.pem")
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["echo"])
    configuration.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server = await aioquic_serve("127.0.0.1", 0, configuration=configuration, create_protocol=Echo, retry=True)
    try:
        transport: Any = server._transport
        port = transport.get_extra_info("sockname")[1]
        tls = TlsOptions(ca=str(tmp_path / "ca.pem"), sni="localhost", alpn=("echo",))
        async with connect(f"quic://127.0.0.1:{port}", tls=tls, allow_half_open=True) as client:
            data = os.urandom(500_000)

            async def send() -> None:
                writer = client.writable.get_writer()
                for start in range(0, len(data), 50_000):
                    await writer.write(data[start : start + 50_000])
                await writer.close()

            sending = asyncio.get_running_loop().create_task(send())
            assert b"".join([chunk async for chunk in client.readable]) == data
            await sending
    finally:
        server.close()
        await asyncio.sleep(0)


# -- guides --------------------------------------------------------------------------------------------------------


async def test_the_app_of_the_guide_to_udp() -> None:
    namespace: dict[str, Any] = {}
    exec(blocks(ROOT / "docs" / "how-to" / "udp.md", "python")[0], namespace)
    async with (
        serve_ephemeral(namespace["app"], udp_port=0) as server,
        connect(_listener(server, "udp").url) as client,
    ):
        writer, reader = client.writable.get_writer(), client.readable.get_reader()
        for wanted in (b"1: x", b"2: x"):
            await writer.write(b"x")
            assert await reader.read() == wanted


async def test_the_app_of_the_guide_to_quic() -> None:
    namespace: dict[str, Any] = {}
    exec(blocks(ROOT / "docs" / "how-to" / "quic.md", "python")[0], namespace)
    async with serve_ephemeral(namespace["app"], quic_port=0, tls="auto") as server:
        tls = TlsOptions(context=trusting(server), sni="localhost", alpn=("upper",))
        async with connect(_listener(server, "quic").url, tls=tls) as client:
            await client.writable.get_writer().write(b"hello")
            assert await client.readable.get_reader().read() == b"HELLO"
