"""Streams as sockets, with peers of ours and of aioquic (RFC 9000 §2–§4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from aioquic.quic import events
from tests.support.pairs import eventually
from tests.support.quic import aioquic_peer, dial, echo, listener_of, quic_server

from socketworkers import (
    App,
    ConnectError,
    ConnectionLost,
    Context,
    Env,
    LimitExceeded,
    ListenerSpec,
    QuicOptions,
    Socket,
    StateError,
    TLSError,
    TlsOptions,
    connect,
    serve,
)
from socketworkers.testing.client import trusting

pytestmark = pytest.mark.usefixtures("any_loop")


async def test_info_tells_of_the_connection() -> None:
    told: list[object] = []

    async def keep(socket: Socket, env: Env, ctx: Context) -> None:
        assert socket.info is not None
        told.append(socket.info)
        assert ctx.listener.name == "quic"
        await echo(socket, env, ctx)

    async with quic_server(keep) as server, dial(server) as client:
        info = client.info
        assert info is not None
        assert info.type == "quic"
        assert info.quic is not None
        assert (info.quic.version, info.quic.stream_id, info.quic.alpn) == (1, 0, "echo")
        assert not info.quic.early_data
        assert not info.quic.unidirectional
        assert info.secure
        assert info.tls is not None
        assert (info.tls.version, info.tls.alpn, info.tls.sni) == ("TLSv1.3", "echo", "localhost")
        assert info.tls.cipher.startswith("TLS_AES_")
        assert info.tls.peer_certificate is not None
        assert info.tls.peer_common_name
        await client.writable.get_writer().write(b"x")
        assert await client.readable.get_reader().read() == b"x"
        (seen,) = told
        assert seen.remote == info.local  # type: ignore[attr-defined]
        assert seen.local == info.remote  # type: ignore[attr-defined]
        stats = client.stats
        assert stats.rtt is not None
        assert 0 < stats.rtt < 5
        assert stats.rtt_var is not None
        assert stats.retransmits is not None


async def test_a_server_that_speaks_first_is_heard() -> None:
    """A stream is told to the peer before it carries a byte (§3.2)."""

    async def greet(socket: Socket, env: Env, ctx: Context) -> None:
        await socket.writable.get_writer().write(b"220 ready")

    async with quic_server(greet) as server, dial(server) as client:
        assert await client.readable.get_reader().read() == b"220 ready"


async def test_many_streams_of_one_connection() -> None:
    async with quic_server() as server, dial(server) as first:
        assert first.info is not None
        assert first.info.quic is not None
        session = first.info.quic.session
        sockets = [session.open_stream() for _ in range(20)]
        numbers = [socket.info.quic.stream_id for socket in sockets]
        assert numbers == list(range(4, 84, 4))
        for number, socket in enumerate(sockets):
            socket.writable.get_writer().write(b"%d" % number)
        for number, socket in enumerate(sockets):
            assert await socket.readable.get_reader().read() == b"%d" % number
            socket.close()
        await asyncio.gather(*(socket.closed for socket in sockets))
        await eventually(lambda: server.connections <= 1)
        assert len(listener_of(server).sessions) == 1


async def test_the_connection_ends_with_the_last_stream() -> None:
    async with quic_server() as server:
        client = await dial(server)
        assert client.info is not None
        assert client.info.quic is not None
        session = client.info.quic.session
        await client.close()
        await session.closed
        await eventually(lambda: not listener_of(server).sessions)
        with pytest.raises(StateError):
            session.open_stream()


async def test_a_stream_of_an_aioquic_client() -> None:
    async with quic_server() as server, aioquic_peer(server) as peer:
        reader, writer = await peer.create_stream()
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        writer.write_eof()
        assert await reader.read() == b""


async def test_a_reset_of_an_aioquic_client_is_a_lost_connection() -> None:
    lost: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    async def keep(socket: Socket, env: Env, ctx: Context) -> None:
        try:
            await echo(socket, env, ctx)
        except ConnectionLost as error:
            lost.set_result(error)
            raise

    async with quic_server(keep) as server, aioquic_peer(server) as peer:
        peer.quic.send_stream_data(0, b"x")
        peer.transmit()
        await peer.until(events.StreamDataReceived)
        peer.quic.reset_stream(0, 7)
        peer.transmit()
        error = await lost
        assert "0x7" in str(error.__cause__)


async def test_unidirectional_streams() -> None:
    got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def take(socket: Socket, env: Env, ctx: Context) -> None:
        assert socket.info is not None
        assert socket.info.quic is not None
        if socket.info.quic.unidirectional:
            with pytest.raises(StateError):
                socket.writable.get_writer().write(b"there is no way back")
            got.set_result(b"".join([chunk async for chunk in socket.readable]))
            out = socket.info.quic.session.open_stream(unidirectional=True)
            assert await out.readable.get_reader().read() == b""
            out.writable.get_writer().write(b"and back")
            await out.close()
        else:
            await echo(socket, env, ctx)

    options = QuicOptions(max_unidirectional_streams=4)
    async with quic_server(take, quic=options) as server, dial(server, quic=options) as client:
        assert client.info is not None
        assert client.info.quic is not None
        session = client.info.quic.session
        out = session.open_stream(unidirectional=True)
        accepting = asyncio.get_running_loop().create_task(session.accept_stream())
        out.writable.get_writer().write(b"one way")
        await out.close()
        assert await got == b"one way"
        back = await accepting
        assert b"".join([chunk async for chunk in back.readable]) == b"and back"


async def test_unidirectional_streams_are_off_unless_asked_for() -> None:
    async with quic_server() as server, aioquic_peer(server) as peer:
        assert peer.quic._remote_max_streams_uni == 0


async def test_datagrams() -> None:
    async def answer(socket: Socket, env: Env, ctx: Context) -> None:
        assert socket.info is not None
        assert socket.info.quic is not None
        session = socket.info.quic.session
        async for message in session.datagrams:
            session.send_datagram(message.upper())

    options = QuicOptions(datagrams=True)
    async with quic_server(answer, quic=options) as server, dial(server, quic=options) as client:
        assert client.info is not None
        assert client.info.quic is not None
        session = client.info.quic.session
        reader = session.datagrams.get_reader()
        for message in (b"one", b"two"):
            session.send_datagram(message)
            assert await reader.read() == message.upper()
        with pytest.raises(LimitExceeded):
            session.send_datagram(bytes(1200))


async def test_datagrams_are_off_unless_asked_for() -> None:
    async with quic_server() as server, dial(server) as client:
        assert client.info is not None
        assert client.info.quic is not None
        with pytest.raises(StateError, match="takes no datagrams"):
            client.info.quic.session.send_datagram(b"x")


async def test_the_application_protocol_chooses_the_handler() -> None:
    async def loud(socket: Socket, env: Env, ctx: Context) -> None:
        writer = socket.writable.get_writer()
        async for chunk in socket.readable:
            await writer.write(chunk.upper())

    app = App(
        "two",
        listeners=(
            ListenerSpec("plain", "quic", "quic_port", tls="implicit", alpn=("echo",)),
            ListenerSpec("loud", "quic", "quic_port", tls="implicit", alpn=("loud",), handler=loud),
        ),
    )
    app.connect(echo)
    server = await serve(app, quic_port=0, tls="auto")
    try:
        url = next(each.url for each in server.listeners if each.scheme == "quic")
        for protocol, wanted in (("echo", b"hi"), ("loud", b"HI")):
            tls = TlsOptions(context=trusting(server), sni="localhost", alpn=(protocol,))
            async with connect(url, tls=tls) as client:
                await client.writable.get_writer().write(b"hi")
                assert await client.readable.get_reader().read() == wanted
        tls = TlsOptions(context=trusting(server), sni="localhost", alpn=("http/1.1",))
        with pytest.raises(TLSError) as caught:
            await connect(url, tls=tls)
        assert caught.value.alert == 120  # no_application_protocol (RFC 9001 §8.1)
    finally:
        await server.stop()


async def test_a_certificate_that_is_not_trusted() -> None:
    async with quic_server() as server:
        with pytest.raises(TLSError) as caught:
            await connect(server.listeners[0].url, tls=TlsOptions(sni="localhost", alpn=("echo",)))
        assert caught.value.alert == 42  # bad_certificate
        async with connect(server.listeners[0].url, tls=TlsOptions(verify=False, alpn=("echo",))) as client:
            assert client.info is not None


async def test_nobody_listens() -> None:
    with pytest.raises(ConnectError) as caught:
        await connect("quic://127.0.0.1:9", tls=TlsOptions(verify=False, alpn=("x",)))
    assert caught.value.errno == 111


async def _at_rest(value: Callable[[], int]) -> int:
    """A number that has not changed for a while."""
    before, quiet = -1, 0
    while quiet < 6:
        quiet = quiet + 1 if value() == before else 0
        before = value()
        await asyncio.sleep(0.03)
    return before


async def test_a_slow_reader_bounds_what_a_peer_can_send() -> None:
    """Flow control is back-pressure (§4): of 16 MiB a reader that does not read gets a window and a little."""
    arrived: asyncio.Future[Socket] = asyncio.get_running_loop().create_future()

    async def sit(socket: Socket, env: Env, ctx: Context) -> None:
        arrived.set_result(socket)
        await socket.closed

    async with quic_server(sit) as server, aioquic_peer(server) as peer:
        peer.quic.send_stream_data(0, bytes(16 * 1024 * 1024))
        peer.transmit()
        socket = await arrived
        await eventually(lambda: socket.stats.buffered_in >= 65536, 20)
        held = await _at_rest(lambda: socket.stats.buffered_in)
        assert held <= 65536 + 2 * 128 * 1024
        await socket.abort()


async def test_many_slow_readers_share_one_window() -> None:
    sockets: list[Socket] = []

    async def sit(socket: Socket, env: Env, ctx: Context) -> None:
        sockets.append(socket)
        await socket.closed

    options = QuicOptions(connection_window=512 * 1024)
    async with quic_server(sit, quic=options) as server, aioquic_peer(server) as peer:
        for number in range(20):
            peer.quic.send_stream_data(4 * number, bytes(256 * 1024))
        peer.transmit()
        await eventually(lambda: len(sockets) >= 1)
        held = await _at_rest(lambda: sum(socket.stats.buffered_in for socket in sockets))
        assert held <= 2 * 512 * 1024, held
        # who reads lets the others go on
        total = 0

        async def drain(socket: Socket) -> None:
            nonlocal total
            async for chunk in socket.readable:
                total += len(chunk)
                if total >= 20 * 256 * 1024:
                    return

        tasks: list[asyncio.Task[None]] = []
        known = 0
        while total < 20 * 256 * 1024:
            tasks += [asyncio.get_running_loop().create_task(drain(socket)) for socket in sockets[known:]]
            known = len(sockets)
            await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_version_2_and_version_negotiation() -> None:
    async with quic_server() as server:
        async with dial(server, quic=QuicOptions(versions=(0x6B3343CF,))) as client:  # RFC 9369
            assert client.info is not None
            assert client.info.quic is not None
            assert client.info.quic.version == 0x6B3343CF
        # a version that is not ours, then one that is (§6)
        async with aioquic_peer(server, original_version=0x1A2A3A4A, supported_versions=[0x1A2A3A4A, 1]) as peer:
            assert peer.quic._version == 1
        assert listener_of(server).refused["version"] >= 1


async def test_a_client_moves_to_another_address() -> None:
    """Connection migration (§9), and new keys on the way (RFC 9001 §6)."""
    async with quic_server() as server, dial(server) as client:
        assert client.info is not None
        assert client.info.quic is not None
        session = client.info.quic.session
        writer, reader = client.writable.get_writer(), client.readable.get_reader()
        await writer.write(b"before")
        assert await reader.read() == b"before"
        old = session.local
        new = await session.migrate()
        assert new.port != old.port
        session.rekey()
        await writer.write(b"after")
        assert await reader.read() == b"after"
        await client.update(local=("127.0.0.1", 0))
        new = session.local
        assert client.info.local == new
        await writer.write(b"and again")
        assert await reader.read() == b"and again"
        (theirs,) = listener_of(server).sessions
        await eventually(lambda: theirs.peer == new)
        path = theirs.quic._network_paths[0]
        await eventually(lambda: path.is_validated)


async def test_handshakes_are_counted() -> None:
    async with quic_server() as server:
        told: list[tuple[str, object]] = []
        server.telemetry.subscribe(lambda name, fields: told.append((name, fields)))
        async with dial(server):
            pass
        with pytest.raises(TLSError):
            await dial(server, alpn=("other",))
        await eventually(lambda: server.telemetry.tls_failed)
        done = [fields for name, fields in told if name == "tls.done"]
        assert len(done) == 1
        assert server.telemetry.handshake_seconds.count == 1


async def test_key_log(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"{tmp_path}/keys"
    monkeypatch.setenv("SSLKEYLOGFILE", path)
    async with quic_server() as server, dial(server) as client:
        await client.writable.get_writer().write(b"x")
        assert await client.readable.get_reader().read() == b"x"
    with open(path) as file:
        labels = [line.split()[0] for line in file]
    # both ends of this process wrote theirs
    assert labels.count("CLIENT_TRAFFIC_SECRET_0") == 2
    assert labels.count("SERVER_TRAFFIC_SECRET_0") == 2


async def test_a_drain_lets_streams_end_and_takes_no_new_ones() -> None:
    async with quic_server() as server, aioquic_peer(server) as peer:
        reader, writer = await peer.create_stream()
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
        draining = asyncio.get_running_loop().create_task(server.drain(5))
        await eventually(lambda: listener_of(server)._draining)
        peer.quic.send_stream_data(4, b"too late")
        peer.transmit()
        reset = await peer.until(events.StreamReset)
        assert reset.stream_id == 4
        writer.write(b"y")
        assert await reader.readexactly(1) == b"y"
        writer.write_eof()
        assert await draining
        with pytest.raises(ConnectError, match="code 0x2"):  # CONNECTION_REFUSED
            await dial(server)


async def test_a_connection_with_streams_is_kept_alive() -> None:
    options = QuicOptions(idle_timeout=1.0)
    async with quic_server(quic=options) as server, dial(server, quic=options) as client:
        await asyncio.sleep(1.7)
        await client.writable.get_writer().write(b"still here")
        assert await client.readable.get_reader().read() == b"still here"


async def test_silence_ends_a_connection() -> None:
    options = QuicOptions(idle_timeout=1.0, keep_alive=False)
    async with quic_server(quic=options) as server:
        client = await dial(server, quic=options)
        with pytest.raises(ConnectionLost):
            await client.closed
        await eventually(lambda: not listener_of(server).sessions)
