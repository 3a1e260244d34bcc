"""TLS: in place on both sides, refused injections, no way back to clear text, ALPN, SNI, certificates, half-close."""

from __future__ import annotations

import asyncio
import ssl

import pytest
from tests.support.pairs import authority, client_tls, eventually, pairs, server_tls

from socketworkers import (
    Aborted,
    App,
    ConnectionLost,
    Context,
    Env,
    HandshakeTimeout,
    Socket,
    StateError,
    TLSError,
    TlsOptions,
    connect,
    socket_pair,
)
from socketworkers.testing import serve_ephemeral

pytestmark = pytest.mark.usefixtures("any_loop")
BOTH = pytest.mark.parametrize("transport", ["memory", "tcp"])


async def upgrade(one: Socket, other: Socket, **client: object) -> None:
    await asyncio.gather(
        one.start_tls(context=client_tls(), server_hostname="localhost", **client),  # type: ignore[arg-type]
        other.start_tls(context=server_tls()),
    )


# -- STARTTLS ------------------------------------------------------------------------------------------------------


@BOTH
async def test_in_place_on_both_sides(transport: str) -> None:
    async with pairs(transport) as make:
        one, other = await make()
        writer, reader = one.writable.get_writer(), other.readable.get_reader()
        upgrades: list[str] = []
        one.add_event_listener("upgrade", lambda event: upgrades.append(event.type))
        await writer.write(b"STARTTLS\r\n")
        assert await reader.read_line() == b"STARTTLS\r\n"
        await upgrade(one, other)
        assert upgrades == ["upgrade"]
        await writer.write(b"inside")  # the same writer and reader
        assert await reader.read_exactly(6) == b"inside"
        for socket in (one, other):
            assert socket.upgraded
            info = socket.info
            assert info is not None
            assert info.secure
            assert info.tls is not None
            assert info.tls.version == "TLSv1.3"
            assert info.tls.sni == "localhost"
            with pytest.raises(StateError, match="already"):
                await socket.start_tls(context=server_tls())
        assert one.info is not None
        assert one.info.tls is not None
        assert one.info.tls.peer_certificate


@BOTH
@pytest.mark.attack("C1")
async def test_a_slow_server_with_the_hello_already_there(transport: str) -> None:
    """What breaks asyncio's own streams: the ClientHello comes before the server starts TLS."""
    async with pairs(transport) as make:
        one, other = await make()
        starting = asyncio.ensure_future(one.start_tls(context=client_tls(), server_hostname="localhost"))
        await asyncio.sleep(0.2)
        assert other.stats.buffered_in > 100
        await other.start_tls(context=server_tls())
        await starting
        await other.writable.get_writer().write(b"ok")
        assert await one.readable.get_reader().read() == b"ok"


@BOTH
@pytest.mark.attack("C1")
@pytest.mark.parametrize("side", ["server", "client"])
async def test_plaintext_before_tls_is_refused(transport: str, side: str) -> None:
    async with pairs(transport) as make:
        client, server = await make()
        attacker, victim = (client, server) if side == "server" else (server, client)
        await attacker.writable.get_writer().write(b"RCPT TO:<injected>\r\n")
        await eventually(lambda: victim.stats.buffered_in)
        with pytest.raises(StateError, match="20 plaintext bytes"):
            await victim.start_tls(context=server_tls() if side == "server" else client_tls())
        with pytest.raises(StateError):
            await victim.closed
        with pytest.raises(ConnectionLost):
            await attacker.closed


@pytest.mark.attack("C1")
async def test_plaintext_in_front_of_the_hello_is_refused() -> None:
    """Both in one segment: the commands must not survive into the encrypted session."""
    client, server = socket_pair()
    hello = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_tls().wrap_bio(*hello, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    await client.writable.get_writer().write(b"NOOP\r\n" + hello[1].read())
    await eventually(lambda: server.stats.buffered_in)
    with pytest.raises(StateError, match="plaintext bytes"):
        await server.start_tls(context=server_tls())
    await client.abort()


@pytest.mark.attack("C1")
async def test_plaintext_that_comes_during_the_handshake_is_refused() -> None:
    client, server = socket_pair()
    starting = asyncio.ensure_future(server.start_tls(context=server_tls()))
    await asyncio.sleep(0)
    await client.writable.get_writer().write(b"NOOP\r\n")
    with pytest.raises(TLSError):
        await starting
    with pytest.raises(TLSError):
        await server.closed
    await client.abort()


@pytest.mark.attack("C2")
async def test_nothing_is_sent_in_clear_text_when_tls_fails() -> None:
    client, server = socket_pair()
    writer = client.writable.get_writer()
    starting = asyncio.ensure_future(client.start_tls(context=client_tls(), server_hostname="localhost"))
    await asyncio.sleep(0)
    secret = writer.write(b"the secret")
    answer = server.writable.get_writer()
    hello = await server.readable.get_reader().read()
    await answer.write(b"454 TLS not available due to temporary reason\r\n")
    with pytest.raises(TLSError):
        await starting
    with pytest.raises(TLSError):
        await writer.write(b"the secret, again")
    with pytest.raises(TLSError):
        await client.closed
    del secret
    rest = hello
    try:
        async for chunk in server.readable:
            rest += chunk
    except (ConnectionLost, StateError):
        pass
    assert b"the secret" not in rest
    await server.abort()


@BOTH
async def test_written_before_and_behind_the_upgrade(transport: str) -> None:
    """What was written before goes in clear text, what is written during the handshake waits for its end."""
    async with pairs(transport) as make:
        one, other = await make()
        writer, reader = other.writable.get_writer(), one.readable.get_reader()
        writer.write(b"220 go\r\n")
        starting = asyncio.ensure_future(other.start_tls(context=server_tls()))
        await asyncio.sleep(0)
        writer.write(b"inside")
        assert await reader.read() == b"220 go\r\n"
        await one.start_tls(context=client_tls(), server_hostname="localhost")
        await starting
        assert await reader.read() == b"inside"


async def test_start_tls_of_a_closed_socket() -> None:
    one, other = socket_pair()
    one.writable.get_writer().close()
    with pytest.raises(StateError, match="closed"):
        await one.start_tls(context=client_tls())
    await one.abort()
    await other.abort()


@BOTH
async def test_half_close_over_tls(transport: str) -> None:
    async with pairs(transport) as make:
        one, other = await make()
        await upgrade(one, other)
        writer = one.writable.get_writer()
        writer.write(b"request")
        await writer.close()
        assert b"".join([chunk async for chunk in other.readable]) == b"request"
        answer = other.writable.get_writer()
        answer.write(b"x" * 200_000)
        closing = answer.close()
        assert len(b"".join([chunk async for chunk in one.readable])) == 200_000
        await closing
        await one.closed
        await other.closed


@BOTH
async def test_back_pressure_through_tls(transport: str) -> None:
    async with pairs(transport) as make:
        one, other = await make(high_water_mark=16384)
        await upgrade(one, other)
        data = bytes(range(256)) * 4096

        async def send() -> None:
            writer = one.writable.get_writer()
            for start in range(0, len(data), 10_000):
                await writer.write(data[start : start + 10_000])
            await writer.close()

        sending = asyncio.ensure_future(send())
        await asyncio.sleep(0.02)
        assert b"".join([chunk async for chunk in other.readable]) == data
        await sending


# -- handshakes that fail ------------------------------------------------------------------------------------------


@BOTH
async def test_handshake_timeout(transport: str) -> None:
    async with pairs(transport) as make:
        one, other = await make()
        with pytest.raises(HandshakeTimeout):
            await other.start_tls(context=server_tls(), timeout=0.05)
        with pytest.raises(HandshakeTimeout):
            await other.closed
        await one.abort()


async def test_a_cancelled_handshake_aborts() -> None:
    one, other = socket_pair()
    task = asyncio.ensure_future(other.start_tls(context=server_tls()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(Aborted):
        await other.closed
    await one.abort()


async def test_the_peer_goes_away_during_the_handshake() -> None:
    for reset in (False, True):
        one, other = socket_pair()
        task = asyncio.ensure_future(other.start_tls(context=server_tls()))
        await asyncio.sleep(0)
        await (one.abort() if reset else one.writable.get_writer().close())
        with pytest.raises((TLSError, ConnectionLost)):
            await task
        await one.abort()


async def test_an_unknown_authority_and_a_wrong_name() -> None:
    for context, name in ((ssl.create_default_context(), "localhost"), (client_tls(), "other.example")):
        one, other = socket_pair()
        serving = asyncio.ensure_future(other.start_tls(context=server_tls()))
        with pytest.raises(TLSError) as caught:
            await one.start_tls(context=context, server_hostname=name)
        assert caught.value.reason == "CERTIFICATE_VERIFY_FAILED"
        assert caught.value.verify_code
        with pytest.raises((TLSError, ConnectionLost)):
            await serving
        await other.abort()


async def test_tls_1_1_is_refused() -> None:
    from socketworkers.dial import client_context

    assert client_context(TlsOptions()).minimum_version >= ssl.TLSVersion.TLSv1_2


async def test_a_truncated_stream_is_told_from_an_end() -> None:
    """No close_notify: the bytes are readable, and the layer remembers it."""
    async with pairs("tcp") as make:
        one, other = await make()
        await upgrade(one, other)
        await one.writable.get_writer().write(b"half a mes")
        reader = other.readable.get_reader()
        assert await reader.read() == b"half a mes"
        layer = one._channel
        layer._channel.write_eof()  # type: ignore[union-attr]
        assert await reader.read() == b""
        assert other._channel is None or other._channel.truncated  # type: ignore[attr-defined]


# -- ALPN, SNI, client certificates, over a server -----------------------------------------------------------------


async def tls_server(context: ssl.SSLContext, alpn: tuple[str, ...] = ()) -> tuple[App, list[object]]:
    seen: list[object] = []
    app = App("secure")

    @app.connect
    async def handle(socket: Socket, env: Env, ctx: Context) -> None:
        await socket.start_tls(context=context, alpn=alpn)
        seen.append(socket.info)
        await socket.writable.get_writer().write(b"ok")

    return app, seen


@pytest.mark.attack("C3")
async def test_alpn() -> None:
    context = server_tls()
    context.set_alpn_protocols(["smtp", "x"])
    app, seen = await tls_server(context, ("smtp", "x"))
    async with serve_ephemeral(app) as server:
        where = ("127.0.0.1", server.listeners[0].port)

        def options(*alpn: str) -> TlsOptions:
            return TlsOptions(context=client_tls(), sni="localhost", alpn=alpn)

        async with connect(where, tls=options("x", "smtp")) as socket:
            assert socket.info is not None
            assert socket.info.tls is not None
            assert socket.info.tls.alpn == "smtp"  # the server's preference
            assert await socket.readable.get_reader().read() == b"ok"
        async with connect(where, tls=options()) as socket:  # none offered: none needed
            assert await socket.readable.get_reader().read() == b"ok"
        assert [info.tls.alpn for info in seen] == ["smtp", None]  # type: ignore[attr-defined]
        # a browser that was lured here: alert 120, and the handler never sees it
        with pytest.raises(TLSError) as caught:
            await connect(where, tls=options("http/1.1", "h2"))
        assert "NO_APPLICATION_PROTOCOL" in caught.value.reason
        assert caught.value.alert == 120
        assert len(seen) == 2


async def test_sni_and_client_certificates() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("localhost").configure_cert(context)
    authority().configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    app, seen = await tls_server(context)
    async with serve_ephemeral(app) as server:
        where = ("127.0.0.1", server.listeners[0].port)
        known = client_tls()
        authority().issue_cert("client@example.org").configure_cert(known)
        async with connect(where, tls=TlsOptions(context=known, sni="localhost")) as socket:
            assert await socket.readable.get_reader().read() == b"ok"
        info = seen[0]
        assert info.tls.sni == "localhost"  # type: ignore[attr-defined]
        assert info.tls.peer_certificate  # type: ignore[attr-defined]
        with pytest.raises((TLSError, ConnectionLost)):
            # with TLS 1.3 the client is done before the server has looked
            async with connect(where, tls=TlsOptions(context=client_tls(), sni="localhost")) as socket:
                await socket.readable.get_reader().read()
        assert len(seen) == 1


async def test_update_starts_tls() -> None:
    one, other = socket_pair()
    serving = asyncio.ensure_future(other.start_tls(context=server_tls()))
    await one.update(tls=TlsOptions(context=client_tls(), sni="localhost"))
    await serving
    assert one.upgraded
    await one.abort()
    await other.abort()
