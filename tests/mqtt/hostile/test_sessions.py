"""Attacks on one connection, against the whole server in memory: C4, C5, C8, M1."""

from __future__ import annotations

import asyncio
import contextlib
import time
import tracemalloc

import pytest
from tests.mqtt.codec.wire import CONNECT, packet, string
from tests.support.mqttbroker.world import publish_bytes
from tests.support.websocket import BINARY, CONTINUATION, PING, PONG, TEXT, client_frame, open_websocket, read_frame

from socketworkers.testing import AppClient, Peer
from socketworkers_mqtt import app
from socketworkers_mqtt.codec import (
    PINGREQ,
    PINGRESP,
    Connack,
    Connect,
    Decoder,
    Disconnect,
    Packet,
    Properties,
    Reason,
    encode_connect,
)
from socketworkers_mqtt.passwords import Users

HUGE = b"\xff\xff\xff\x7f"


async def rest(peer: Peer) -> bytes:
    """Everything until the end of the connection."""
    data = b""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(10):
            while chunk := await peer.reader.read():
                data += chunk
    return data


def packets(data: bytes, version: int) -> list[Packet]:
    return Decoder(max_packet=1 << 20, version=version, role="client").receive(data)


async def connected(peer: Peer, version: int = 4) -> None:
    await peer.send(CONNECT[version])
    first = await peer.read_exactly(2)
    (connack,) = packets(first + await peer.read_exactly(first[1]), version)
    assert isinstance(connack, Connack)
    assert connack.reason is Reason.SUCCESS


async def pings(peer: Peer) -> None:
    await peer.send(PINGREQ)
    assert await peer.read_exactly(2) == PINGRESP


async def all_gone(client: AppClient) -> None:
    async with asyncio.timeout(10):
        while client.server.connections:
            await asyncio.sleep(0.01)
    broker = client.env.mqtt.object.broker
    assert not broker.sessions
    assert broker.connected == 0


# -- C4 ------------------------------------------------------------------------------------------------------------


@pytest.mark.attack("C4")
@pytest.mark.parametrize("first", [0x10, 0x30, 0x82, 0xF0, 0x00], ids=hex)
async def test_a_first_packet_of_268_mb_allocates_nothing(first: int) -> None:
    """CVE-2023-0809, CVE-2017-7651: what is announced before anybody is known."""
    async with AppClient(app) as client:
        peer = client.connect()
        tracemalloc.start()
        try:
            await peer.send(bytes((first,)) + HUGE + (b"\0\x04MQTT\x04\x02\0\0" if first == 0x10 else b""))
            assert await rest(peer) == b"", "no word to somebody who did not introduce himself"
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()
        await peer.close()
        await all_gone(client)


@pytest.mark.attack("C4")
async def test_a_packet_that_is_announced_takes_what_came_of_it() -> None:
    async with AppClient(app, max_packet=268_435_460) as client:
        await connected(client)
        tracemalloc.start()
        try:
            await client.send(b"\x30" + HUGE + b"\0\x01t" + bytes(100_000))
            await pings_of_another(client)
            assert tracemalloc.get_traced_memory()[1] < 2 << 20
        finally:
            tracemalloc.stop()


async def pings_of_another(client: AppClient) -> None:
    """What was sent before has been read."""
    peer = client.connect()
    connect = Connect("MQTT", 4, True, 0, "another", None, None, None, Properties())
    await peer.send(encode_connect(connect) + PINGREQ)
    assert await peer.read_exactly(6) == b"\x20\x02\0\0" + PINGRESP
    await peer.close()


@pytest.mark.attack("C4")
async def test_more_than_the_maximum_packet_size() -> None:
    async with AppClient(app, max_packet=2000) as client:
        await connected(client, 5)
        await client.send(b"\x30" + HUGE)
        (last,) = packets(await rest(client), 5)
        assert isinstance(last, Disconnect)
        assert last.reason is Reason.PACKET_TOO_LARGE
        await all_gone(client)


@pytest.mark.attack("C4")
async def test_what_is_sent_before_the_answer_to_a_password_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    async with AppClient(app) as client:
        mqtt = client.env.mqtt
        mqtt.set_password("alice", "secret")
        asked = asyncio.Event()
        answer = asyncio.Event()

        def slow(self: Users, username: str, password: bytes) -> bool:
            loop.call_soon_threadsafe(asked.set)
            asyncio.run_coroutine_threadsafe(answer.wait(), loop).result(10)
            return True

        loop = asyncio.get_running_loop()
        monkeypatch.setattr(Users, "check_password", slow)
        connect = Connect("MQTT", 4, True, 0, "c", None, "alice", b"secret", Properties())
        await client.send(encode_connect(connect))
        await asked.wait()
        sending = asyncio.create_task(client.send(publish_bytes(4, "t", bytes(1000)) * 10_000))
        link = next(iter(client.env.mqtt.object.links))
        await asyncio.sleep(0.2)
        connection = link.connection
        kept = connection.decoder.buffered + sum(len(each.data) for each in connection._backlog)
        assert kept <= 128 * 1024, "no more is read"
        assert not sending.done()
        answer.set()
        assert await client.read_exactly(4) == b"\x20\x02\0\0"
        await sending
        await pings(client)
        assert client.env.mqtt.object.broker.stats.publish_received == 10_000, "and nothing of it is lost"


# -- C5 ------------------------------------------------------------------------------------------------------------


async def trickle(peer: Peer) -> None:
    with contextlib.suppress(OSError):
        while True:
            await peer.send(b"x")
            await asyncio.sleep(0.02)


@pytest.mark.attack("C5")
@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("where", ["connect", "publish", "behind connect", "password"])
async def test_one_byte_at_a_time_does_not_move_the_deadline(where: str, version: int) -> None:
    async with AppClient(app, connect_timeout=0.6, packet_timeout=0.6) as client:
        peer = client.connect()
        if where == "connect":
            await peer.send(b"\x10\xff\x7f\0\x04MQTT" + bytes((version, 2)))
        elif where == "publish":
            await connected(peer, version)
            await peer.send(b"\x30\xff\xff\x01\0\x04slow")
        elif where == "behind connect":
            await peer.send(CONNECT[version] + b"\x30\xff\xff\x01\0\x04slow")
        else:
            client.env.mqtt.set_password("alice", "secret")
            properties = Properties(authentication_method="SCRAM-SHA-256") if version == 5 else Properties()
            connect = Connect("MQTT", version, True, 0, "c", None, None, None, properties)
            await peer.send(encode_connect(connect))
        began = time.monotonic()
        trickling = asyncio.create_task(trickle(peer))
        try:
            data = await rest(peer)
        finally:
            trickling.cancel()
            await asyncio.gather(trickling, return_exceptions=True)
        assert time.monotonic() - began < 8.0
        if version == 5 and where in ("publish", "behind connect"):
            last = packets(data, 5)[-1]
            assert isinstance(last, Disconnect)
            assert last.reason is Reason.KEEP_ALIVE_TIMEOUT
        await peer.close()
        await all_gone(client)


@pytest.mark.attack("C5")
async def test_a_client_that_sends_a_lot_is_not_taken_for_a_slow_one() -> None:
    """Each of its writes ends within a packet, for longer than a packet may take."""
    async with AppClient(app, packet_timeout=1.5) as client:
        await connected(client)
        data = publish_bytes(4, "t", bytes(1000)) * 50
        held = data[-500:]
        began = time.monotonic()
        sent = 0
        while time.monotonic() < began + 3.0:
            await client.send(held + data[:-500] if sent else data[:-500])
            sent += 1
            await asyncio.sleep(0.01)
        await client.send(held)
        await pings(client)
        assert client.env.mqtt.object.broker.stats.publish_received == sent * 50


@pytest.mark.attack("C5")
async def test_the_rest_of_a_packet_has_its_time_even_after_others() -> None:
    """The deadline of an earlier packet is not that of a later one."""
    async with AppClient(app, packet_timeout=1.0) as client:
        await connected(client)
        await client.send(b"\x30\x05\0\x01")
        await asyncio.sleep(0.7)
        await client.send(b"txx" + b"\x30\x05\0\x01")
        await asyncio.sleep(0.7)
        await client.send(b"txx")
        await pings(client)


# -- C8 ------------------------------------------------------------------------------------------------------------


@pytest.mark.attack("C8")
@pytest.mark.parametrize(
    "wire",
    [
        client_frame(TEXT, CONNECT[4]),  # [MQTT-6.0.0-1]
        client_frame(BINARY, b"\x10" + HUGE + b"\0\x04MQTT"),
        client_frame(BINARY, CONNECT[4][:-1], claim=1 << 62, form=64),
        client_frame(BINARY, b"", fin=False) * 2000,
        client_frame(BINARY, CONNECT[4] + b"\x30\x7f"),
        client_frame(BINARY, CONNECT[4] + b"\xd0\0"),
        client_frame(CONTINUATION, CONNECT[4]),
        client_frame(PING, bytes(126), form=16),
        b"\x82\x0f" + CONNECT[4],  # not masked
        client_frame(BINARY, CONNECT[4], rsv=4),
    ],
    ids=[
        "text", "claim of mqtt", "claim of the frame", "fragments", "half", "wrong packet", "continuation", "long ping",
        "unmasked", "compressed",
    ],
)  # fmt: skip
async def test_bad_websocket_clients(wire: bytes) -> None:
    async with AppClient(app, ws_port=0, connect_timeout=1.0, packet_timeout=1.0) as client:
        peer = await open_websocket(client.connect("ws"), sec_websocket_protocol="mqtt")
        tracemalloc.start()
        try:
            await peer.send(wire)
            await rest(peer)
            assert tracemalloc.get_traced_memory()[1] < 4 << 20
        finally:
            tracemalloc.stop()
        await peer.close()
        await all_gone(client)
        normal = await open_websocket(client.connect("ws"), sec_websocket_protocol="mqtt")
        await normal.send(client_frame(BINARY, CONNECT[4]))
        assert (await read_frame(normal)).payload == b"\x20\x02\0\0"
        await normal.close()


@pytest.mark.attack("C8")
async def test_frames_borders_mean_nothing_and_pings_are_answered_in_between() -> None:
    """[MQTT-6.0.0-2]: a packet over many frames, many packets in one, control frames in the middle."""
    async with AppClient(app, ws_port=0) as client:
        peer = await open_websocket(client.connect("ws"), sec_websocket_protocol="mqtt")
        wire = CONNECT[4] + packet(0x82, b"\0\x01", string("t"), b"\0") + publish_bytes(4, "t", b"hello") + PINGREQ
        for place, byte in enumerate(wire):
            last = place == len(wire) - 1
            await peer.send(client_frame(BINARY if not place else CONTINUATION, bytes((byte,)), fin=last))
            if place % 8 == 0:
                await peer.send(client_frame(PING, b"%d" % place))
        data = b""
        pongs = 0
        while not data.endswith(PINGRESP):
            frame = await read_frame(peer)
            if frame.first & 15 == PONG:
                pongs += 1
            else:
                data += frame.payload
        assert data == b"\x20\x02\0\0" + b"\x90\x03\0\x01\0" + publish_bytes(4, "t", b"hello") + PINGRESP
        assert pongs
        await peer.close()


@pytest.mark.attack("C8")
async def test_a_subprotocol_that_is_not_ours() -> None:
    async with AppClient(app, ws_port=0) as client:
        for value in ("xmpp", "mqtt\xff", "\x80" * 3, "mqtt" * 2000):
            peer = client.connect("ws")
            fields = (
                b"GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            )
            await peer.send(fields + b"Sec-WebSocket-Protocol: " + value.encode("latin-1") + b"\r\n\r\n")
            answer = await rest(peer)
            assert answer.startswith(b"HTTP/1.1 4")
            await peer.close()


# -- M1 ------------------------------------------------------------------------------------------------------------


@pytest.mark.attack("M1")
async def test_what_is_no_mqtt_at_all() -> None:
    """C3's relatives: no word to those who speak something else."""
    async with AppClient(app) as client:
        for wire in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0", b"EHLO a\r\n", b"\0\0\0\x08\x04\xd2\x16/"):
            peer = client.connect()
            await peer.send(wire)
            assert await rest(peer) == b""
            await peer.close()
        await all_gone(client)
