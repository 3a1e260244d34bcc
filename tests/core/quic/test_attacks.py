"""What strangers can do to a QUIC listener: the class C9."""

from __future__ import annotations

import asyncio
import os
import socket as _socket
from typing import Any

import pytest
from aioquic import tls
from aioquic._buffer import Buffer
from aioquic.buffer import encode_uint_var
from aioquic.quic import events
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection, QuicConnectionError, QuicReceiveContext
from aioquic.quic.packet import QuicPacketType, pull_quic_header
from tests.support.pairs import eventually
from tests.support.quic import dial, hostile_peer, listener_of, quic_server

from socketworkers import ConnectError, Context, Env, QuicOptions, Socket
from socketworkers.quic import listener as listener_module
from socketworkers.server import Server

pytestmark = [pytest.mark.usefixtures("any_loop"), pytest.mark.attack("C9")]


def _initial(**others: Any) -> bytes:
    """A client's first datagram."""
    quic = QuicConnection(configuration=QuicConfiguration(is_client=True, alpn_protocols=["echo"], **others))
    quic.connect(("127.0.0.1", 1), now=0.0)
    return quic.datagrams_to_send(now=0.0)[0][0]


class Stranger:
    """A bare UDP socket beside a server."""

    def __init__(self, server: Server) -> None:
        self.sock = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.connect((server.listeners[0].host, server.listeners[0].port))

    def __enter__(self) -> Stranger:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.send(data)

    def heard(self) -> list[bytes]:
        """What has come by now."""
        found = []
        while True:
            try:
                found.append(self.sock.recv(65536))
            except BlockingIOError:
                return found


async def _settled(server: Server, stranger: Stranger) -> list[bytes]:
    """What came in the time that a server takes to answer somebody else, after what was sent before."""
    async with dial(server) as client:
        await client.writable.get_writer().write(b"x")
        assert await client.readable.get_reader().read() == b"x"
    return stranger.heard()


async def test_nothing_is_amplified_more_than_three_times() -> None:
    """RFC 9000 §8.1: before the address is proven at most three times what came."""
    async with quic_server() as server:
        with Stranger(server) as stranger:
            data = _initial()
            stranger.send(data)
            heard = await _settled(server, stranger)
            assert heard, "the handshake was not answered"
            # and for as long as the server tries again
            await asyncio.sleep(1.0)
            total = sum(map(len, heard + stranger.heard()))
            assert total <= 3 * len(data), total


async def test_what_is_too_short_to_begin_gets_no_answer() -> None:
    """§14.1 and §6.1: neither a handshake nor a Version Negotiation for less than 1200 bytes."""
    async with quic_server() as server:
        with Stranger(server) as stranger:
            data = _initial()
            for cut in (0, 1, 7, 20, 100, 1199):
                stranger.send(data[:cut])
                unknown = bytes([data[0]]) + b"\x1a\x2a\x3a\x4a" + data[5:cut]
                stranger.send(unknown)
            assert await _settled(server, stranger) == []
            refused = listener_of(server).refused
            assert refused["short"] + refused["malformed"] >= 10


async def test_version_negotiation_is_short_and_makes_no_loop() -> None:
    """§6.1: an answer that is smaller than the question, and none to a Version Negotiation (for ever)."""
    async with quic_server() as server:
        with Stranger(server) as stranger:
            data = _initial()
            stranger.send(bytes([data[0]]) + b"\x1a\x2a\x3a\x4a" + data[5:])
            (answer,) = await _settled(server, stranger)
            assert len(answer) < 100
            header = pull_quic_header(Buffer(data=answer))
            assert header.packet_type == QuicPacketType.VERSION_NEGOTIATION
            stranger.send(answer + bytes(1200))
            assert await _settled(server, stranger) == []


async def test_a_flood_of_handshakes_is_asked_to_retry_and_leaves_no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry under load (§8.1.2): CVE-2025-54939's class, memory before the handshake."""
    monkeypatch.setattr(listener_module, "RETRY_FROM", 4)
    async with quic_server() as server:
        listener = listener_of(server)
        with Stranger(server) as stranger:
            for _ in range(40):
                stranger.send(_initial())
                await asyncio.sleep(0)
            await eventually(lambda: listener.refused.get("retry", 0) >= 30)
            assert listener.handshakes <= 4
            assert len(listener.sessions) <= 4
            retries = [data for data in stranger.heard() if data[0] & 0xF0 == 0xF0]
            assert retries
            assert max(map(len, retries)) < 300
        # who answers from where it says it is comes in
        async with dial(server) as client:
            await client.writable.get_writer().write(b"x")
            assert await client.readable.get_reader().read() == b"x"


async def test_handshakes_under_way_are_bounded_and_have_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "MAX_HANDSHAKES", 5)
    async with quic_server(quic_retry="off", handshake_timeout=1.5) as server:
        listener = listener_of(server)
        with Stranger(server) as stranger:
            for _ in range(20):
                stranger.send(_initial())
            await eventually(lambda: listener.refused.get("full", 0) >= 15)
            assert listener.handshakes == 5
            await eventually(lambda: listener.handshakes == 0)
            assert not listener.sessions
            assert not listener._sessions


async def test_a_handshake_that_claims_to_be_far_ahead_makes_no_room() -> None:
    """CVE-2025-54939's class: a CRYPTO frame with a large offset, before the address is proven (RFC 9000 §7.5)."""
    async with quic_server(quic_retry="off") as server:
        listener = listener_of(server)
        listener._datagram(_initial(), ("127.0.0.1", 9), None)
        (session,) = listener.sessions
        quic = session.quic
        context = QuicReceiveContext(tls.Epoch.INITIAL, b"", quic._network_paths[0], None, 0.0, 1)
        frame = b"\x06" + encode_uint_var(20_000) + encode_uint_var(4) + b"abcd"
        with pytest.raises(QuicConnectionError) as caught:
            quic._payload_received(context, frame)
        assert caught.value.error_code == 0xD  # CRYPTO_BUFFER_EXCEEDED
        assert not quic._crypto_streams[tls.Epoch.INITIAL].receiver._buffer


async def test_a_token_of_somebody_else_is_worth_nothing() -> None:
    """§8.1.3: it is bound to an address, and cannot be made."""
    async with quic_server(quic_retry="on") as server:
        listener = listener_of(server)
        with Stranger(server) as stranger:
            for token in (b"x", os.urandom(64), os.urandom(200)):
                stranger.send(_initial(token=token))
            await eventually(lambda: listener.refused.get("token", 0) == 3)
            assert not listener.sessions


async def test_connections_of_one_address_are_bounded() -> None:
    async with quic_server(max_connections_per_address=2) as server, dial(server), dial(server):
        listener = listener_of(server)
        third = dial(server)
        await eventually(lambda: listener.refused.get("address", 0) >= 1)
        await third.abort()


async def test_streams_at_once_are_bounded() -> None:
    """§4.6: one stream too many ends the connection."""
    async with quic_server(quic=QuicOptions(max_streams=5)) as server, hostile_peer(server) as peer:
        peer.quic.frames.append((0x08, encode_uint_var(4 * 5) + b"x"))
        peer.quic.send_ping(1)
        peer.transmit()
        ended = await peer.until(events.ConnectionTerminated)
        assert ended.error_code == 0x4  # STREAM_LIMIT_ERROR


async def test_a_flood_of_streams_opens_no_more_than_handlers_end() -> None:
    """Opened and reset at once, again and again: each counts until its handler is done."""
    running = most = served = 0

    async def slow(socket: Socket, env: Env, ctx: Context) -> None:
        nonlocal running, most, served
        running += 1
        served += 1
        most = max(most, running)
        try:
            await asyncio.sleep(0.01)
        finally:
            running -= 1

    async with quic_server(slow, quic=QuicOptions(max_streams=8)) as server, hostile_peer(server) as peer:
        opened, largest = 0, 0
        while opened < 120:
            first = opened
            while opened < peer.quic._remote_max_streams_bidi:
                peer.quic.send_stream_data(4 * opened, b"x")
                opened += 1
            if opened % 3:  # some at once, before a handler has begun
                peer.transmit()
                await asyncio.sleep(0.005)
            for number in range(first, opened):
                peer.quic.reset_stream(4 * number, 1)
            peer.transmit()
            await asyncio.sleep(0.005)
            largest = max(largest, server.connections)
        assert served
        assert most <= 8
        assert largest <= 8


async def test_flow_control_is_enforced() -> None:
    """§4.1: bytes beyond the window end the connection."""
    async with quic_server(quic=QuicOptions(stream_window=4096)) as server, hostile_peer(server) as peer:
        frame = encode_uint_var(0) + encode_uint_var(5000) + b"x"  # STREAM with an offset, to the packet's end
        peer.quic.frames.append((0x0C, frame))
        peer.quic.send_ping(1)
        peer.transmit()
        ended = await peer.until(events.ConnectionTerminated)
        assert ended.error_code == 0x3  # FLOW_CONTROL_ERROR


async def test_path_challenges_are_answered_within_bounds() -> None:
    """CVE-2023-49295: thousands of PATH_CHALLENGE are not kept until they can be answered."""
    async with quic_server() as server, hostile_peer(server) as peer:
        (session,) = listener_of(server).sessions
        for _ in range(30):
            for _ in range(100):
                peer.quic.frames.append((0x1A, os.urandom(8)))
            peer.quic.send_ping(1)
            peer.transmit()
            await asyncio.sleep(0)
        await eventually(lambda: not peer.quic.frames)
        kept = [len(path.remote_challenges) for path in session.quic._network_paths]
        assert max(kept) <= 32
        assert len(session.quic._network_paths) <= 8


async def test_retired_connection_ids_are_answered_within_bounds() -> None:
    """CVE-2024-22189: NEW_CONNECTION_ID that retire all before them, faster than RETIRE_CONNECTION_ID can be sent."""
    async with quic_server() as server, hostile_peer(server) as peer:
        (session,) = listener_of(server).sessions
        for number in range(8, 2000):
            body = encode_uint_var(number) + encode_uint_var(number) + b"\x08" + os.urandom(8) + os.urandom(16)
            peer.quic.frames.append((0x18, body))
        for _ in range(100):
            peer.quic.send_ping(1)
            peer.transmit()
            await asyncio.sleep(0)
        assert len(session.quic._retire_connection_ids) <= 200
        assert len(session.quic._peer_cid_available) <= 8
        assert len(session.quic._peer_cid_sequence_numbers) <= 4000


@pytest.mark.parametrize("optimism", [100, 10_000])
async def test_acknowledgements_of_what_was_never_sent_end_the_connection(optimism: int) -> None:
    """CVE-2025-4820: optimistic acknowledgements would open the congestion window (RFC 9000 §13.1, §21.4)."""
    async with quic_server() as server, hostile_peer(server) as peer:
        peer.quic.optimism = optimism
        peer.quic.send_stream_data(0, b"x")
        peer.transmit()
        ended = await peer.until(events.ConnectionTerminated)
        assert ended.error_code == 0xA  # PROTOCOL_VIOLATION


async def test_who_guesses_acknowledgements_meets_a_number_that_was_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """§21.4: numbers are skipped, so that acknowledging all up to the newest gives a liar away."""
    from socketworkers.quic import connection

    monkeypatch.setattr(connection, "SKIP_AFTER", (4, 8))
    async with quic_server() as server, hostile_peer(server) as peer:
        peer.quic.send_stream_data(0, bytes(60_000))
        original = peer.quic._write_ack_frame

        def all_of_them(builder: Any, space: Any, now: float) -> None:
            if peer.quic._handshake_complete:
                bounds = space.ack_queue.bounds()
                space.ack_queue.add(bounds.start, bounds.stop)
            original(builder, space, now)

        peer.quic._write_ack_frame = all_of_them
        peer.transmit()
        ended = await peer.until(events.ConnectionTerminated)
        assert ended.error_code == 0xA


async def test_honest_peers_do_not_mind_numbers_that_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from socketworkers.quic import connection

    monkeypatch.setattr(connection, "SKIP_AFTER", (2, 5))
    async with quic_server() as server, dial(server) as client:
        writer, reader = client.writable.get_writer(), client.readable.get_reader()
        data = os.urandom(300_000)

        async def send() -> None:
            for start in range(0, len(data), 10_000):
                await writer.write(data[start : start + 10_000])
            await writer.close()

        sending = asyncio.get_running_loop().create_task(send())
        assert await reader.read_exactly(len(data)) == data
        await sending


async def test_a_flood_of_empty_datagrams_is_bounded() -> None:
    """Zero-length DATAGRAM frames (RFC 9221) and zero-length UDP datagrams cost their place, not more."""
    options = QuicOptions(datagrams=True)
    async with quic_server(quic=options) as server, hostile_peer(server, max_datagram_frame_size=65535) as peer:
        (session,) = listener_of(server).sessions
        for _ in range(40):
            for _ in range(500):
                peer.quic.frames.append((0x31, b"\x00"))
            peer.quic.send_ping(1)
            peer.transmit()
            await asyncio.sleep(0)
        await eventually(lambda: not peer.quic.frames)
        await eventually(lambda: session.datagrams.dropped > 0)
        assert len(session.datagrams._chunks) <= 256 * 1024 // 64
        with Stranger(server) as stranger:
            for _ in range(1000):
                stranger.send(b"")
            assert await _settled(server, stranger) == []


async def test_a_peer_that_acknowledges_nothing_fills_no_memory() -> None:
    """What was sent is bounded by the congestion window, what was not by the high-water mark."""
    arrived: asyncio.Future[Socket] = asyncio.get_running_loop().create_future()

    async def pour(socket: Socket, env: Env, ctx: Context) -> None:
        arrived.set_result(socket)
        writer = socket.writable.get_writer()
        while True:
            await writer.write(bytes(16384))

    async with quic_server(pour, write_timeout=0.5) as server, hostile_peer(server) as peer:
        peer.quic._write_ack_frame = lambda builder, space, now: None
        peer.quic.send_stream_data(0, b"x")
        peer.transmit()
        socket = await arrived
        with pytest.raises(OSError):
            await socket.closed
        sender = [each.sender for each in peer.quic._streams.values()]
        assert sender


async def test_malformed_datagrams_begin_nothing() -> None:
    """Random bytes, cuts and changes of a real first datagram: nothing raises, nothing is kept for longer."""
    import random

    chosen = random.Random(20261126)
    async with quic_server(handshake_timeout=0.3, quic_retry="off") as server:
        listener = listener_of(server)
        problems: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: problems.append(context))
        good = _initial()
        for _ in range(400):
            data = bytearray(good)
            for _ in range(chosen.randrange(1, 6)):
                data[chosen.randrange(len(data) if chosen.random() < 0.3 else 60)] = chosen.randrange(256)
            listener._datagram(
                bytes(data[: chosen.choice((len(data), chosen.randrange(len(data))))]), ("127.0.0.1", 9), None
            )
            listener._datagram(chosen.randbytes(chosen.randrange(1500)), ("127.0.0.1", 9), None)
            listener._settle()
        await eventually(lambda: not listener.sessions)
        assert not problems
        assert not listener._sessions
        assert not listener._touched


async def test_a_client_is_not_led_astray_by_a_forged_refusal() -> None:
    """Datagrams from elsewhere do not reach a client: its socket is connected."""
    async with quic_server() as server, dial(server) as client:
        assert client.info is not None
        with _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM) as liar:
            liar.sendto(os.urandom(1200), (client.info.local.host, client.info.local.port))
        await client.writable.get_writer().write(b"x")
        assert await client.readable.get_reader().read() == b"x"


async def test_a_server_that_is_not_there_is_told_at_once() -> None:
    async with quic_server() as server:
        url = server.listeners[0].url
    from socketworkers import TlsOptions, connect

    with pytest.raises(ConnectError):
        await connect(url, tls=TlsOptions(verify=False, alpn=("echo",)))
