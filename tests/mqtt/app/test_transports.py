"""The whole app over memory, TCP and TLS, on both loops: what the state machine says reaches the wire."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.support.mqttbroker.live import TRANSPORTS, LiveClient, running
from tests.support.mqttbroker.world import publish_bytes, will
from tests.support.pairs import eventually

from socketworkers.sasl import Credentials
from socketworkers.testing import FakeClock
from socketworkers_mqtt.codec import Acks, PacketType, Publish, Reason, Suback, Subscription, encode_subscribe

transports = pytest.mark.parametrize("transport", TRANSPORTS)


@transports
@pytest.mark.parametrize("version", [3, 4, 5])
async def test_messages(any_loop: None, transport: str, version: int) -> None:
    async with (
        running(transport) as server,
        await server.client("s", version) as reader,
        await server.client("p", version) as writer,
    ):
        await reader.subscribe("a/+", qos=2)
        for qos in range(3):
            reason = await writer.publish("a/b", b"%d" % qos, qos)
            assert reason is Reason.SUCCESS
            assert await reader.message() == ("a/b", b"%d" % qos, qos)
        large = bytes(range(256)) * 4000
        await writer.publish("a/large", large, 1)
        assert await reader.message() == ("a/large", large, 1)


@transports
@pytest.mark.parametrize("memory", [True, False])
async def test_sessions_over_connections_and_restarts(
    any_loop: None, transport: str, memory: bool, tmp_path: Path
) -> None:
    data = ":memory:" if memory else str(tmp_path / "data")
    async with running(transport, data=data) as server:
        async with await server.client("s", clean=False, session_expiry_interval=1000) as reader:
            await reader.subscribe("a", qos=2)
        async with await server.client("p") as writer:
            for number in range(300):
                await writer.publish("a", b"%d" % number, 1 + number % 2)
            await writer.publish("kept", b"retained", 1, True)
        if memory:
            reader = server.open()
            connack = await reader.connect("s", clean=False, session_expiry_interval=1000)
            assert connack.session_present
            await in_order(reader, 300)
            await reader.close()
            return
    async with running(transport, data=data) as server, server.open() as reader:
        connack = await reader.connect("s", clean=False, session_expiry_interval=1000)
        assert connack.session_present
        await in_order(reader, 300)
        await reader.subscribe("kept")
        assert await reader.message() == ("kept", b"retained", 0)


async def in_order(reader: LiveClient, count: int) -> None:
    """All messages come, those of each QoS in their order ([MQTT-4.6.0-5])."""
    got: dict[int, list[int]] = {1: [], 2: []}
    for _ in range(count):
        _, payload, qos = await reader.message()
        got[qos].append(int(payload))
    assert got == {1: list(range(0, count, 2)), 2: list(range(1, count, 2))}


@transports
async def test_logins_and_what_is_pipelined(any_loop: None, transport: str, tmp_path: Path) -> None:
    """Packets behind CONNECT in the same write and right after it wait for the password's check."""
    credentials = Credentials()
    credentials.set_password("alice", "wonder land")
    (tmp_path / "data").mkdir(mode=0o700)
    credentials.save(tmp_path / "data" / "users")
    async with running(transport, data=str(tmp_path / "data")) as server:
        async with server.open() as client:
            behind = encode_subscribe(5, 1, [Subscription("a", 1)]) + publish_bytes(5, "a", b"1")
            more = asyncio.ensure_future(client.connect("c", username="alice", password=b"wonder land", behind=behind))
            await asyncio.sleep(0)
            for number in range(2, 20):
                await client.peer.send(publish_bytes(5, "a", b"%d" % number))
            assert (await more).reason is Reason.SUCCESS
            assert [(await client.message())[1] for _ in range(19)] == [b"%d" % number for number in range(1, 20)]

        async def nothing(seconds: float) -> None:
            """Without the second that a guesser has to wait."""

        server.server.env.mqtt.sleep = nothing
        client = server.open()
        connack = await client.connect("c", username="alice", password=b"wrong", behind=publish_bytes(5, "a", b"1"))
        assert connack.reason is Reason.BAD_USER_NAME_OR_PASSWORD
        assert await client.rest() == []
        await client.peer.close()
        client = server.open(4)
        assert (await client.connect("c")).reason is Reason.NOT_AUTHORIZED
        await client.peer.close()


@transports
async def test_guessing_is_slowed_down(transport: str, tmp_path: Path) -> None:
    """After some wrong passwords there is no answer about the next ones (0x9F), right or wrong."""
    credentials = Credentials()
    credentials.set_password("alice", "right")
    (tmp_path / "data").mkdir(mode=0o700)
    credentials.save(tmp_path / "data" / "users")
    async with running(transport, data=str(tmp_path / "data")) as server:
        waited: list[float] = []

        async def sleep(seconds: float) -> None:
            waited.append(seconds)

        server.server.env.mqtt.sleep = sleep
        reasons = []
        for number in range(30):
            client = server.open()
            connack = await client.connect(f"c{number}", username="alice", password=b"wrong")
            reasons.append(connack.reason)
            await client.peer.close()
            if connack.reason is Reason.CONNECTION_RATE_EXCEEDED:
                break
        assert reasons[-1] is Reason.CONNECTION_RATE_EXCEEDED
        assert set(reasons[:-1]) == {Reason.BAD_USER_NAME_OR_PASSWORD}
        client = server.open()
        assert (await client.connect("c", username="alice", password=b"right")).reason is reasons[-1]
        await client.peer.close()
        assert waited == [1.0] * (len(reasons) + 1)


@transports
async def test_takeover(any_loop: None, transport: str) -> None:
    async with running(transport) as server:
        first = await server.client("s")
        async with await server.client("s") as second:
            assert await first.ended() is Reason.SESSION_TAKEN_OVER
            await first.peer.close()
            await second.ping()
            assert server.broker.connected == 1


@transports
async def test_a_will_when_the_connection_breaks(any_loop: None, transport: str) -> None:
    async with running(transport) as server, await server.client("s") as reader:
        await reader.subscribe("will")
        lost = await server.client("w", will=will())
        await lost.peer.abort()
        assert await reader.message() == ("will", b"gone", 0)


@transports
async def test_shutdown(any_loop: None, transport: str) -> None:
    """0x8B to everybody when the server stops."""
    async with running(transport) as server:
        clients = [await server.client(f"c{number}") for number in range(3)]
        server.server.env.mqtt.object.say_goodbye()
        for client in clients:
            assert await client.ended() is Reason.SERVER_SHUTTING_DOWN
            await client.peer.close()


@transports
async def test_many_messages_of_qos_2_that_are_released_late(any_loop: None, transport: str) -> None:
    """A 3.1.1 client without a window sends all PUBLISH, then all PUBREL: nothing may wait for the other."""
    async with running(transport) as server, await server.client("s") as reader:
        await reader.subscribe("a", qos=0)
        client = await server.client("p", 4)
        client.auto = False
        count = 20_000
        data = b"".join(publish_bytes(4, "a", b"x", 2, packet_id=number) for number in range(1, count + 1))
        sending = asyncio.ensure_future(client.peer.send(data))
        received = 0
        while received < count:
            acks = await client.next(Acks)
            assert acks.kind is PacketType.PUBREC
            received += len(acks.packet_ids)
        await sending
        release = b"".join(b"\x62\x02" + number.to_bytes(2, "big") for number in range(1, count + 1))
        sending = asyncio.ensure_future(client.peer.send(release))
        while received:
            received -= len((await client.next(Acks)).packet_ids)
        await sending
        await client.close()
        for _ in range(count):
            await reader.next(Publish)


@transports
async def test_subscriptions_of_many_filters(any_loop: None, transport: str) -> None:
    """Hundreds of filters in one packet, and hundreds of packets in one write."""
    async with running(transport) as server, await server.client("s") as client:
        filters = [f"a/{number}" for number in range(500)]
        assert len((await client.subscribe(*filters, qos=1)).reasons) == 500
        wanted = [encode_subscribe(5, number, [Subscription(f"b/{number}", 1)]) for number in range(1000, 1500)]
        await client.peer.send(b"".join(wanted))
        for number in range(1000, 1500):
            assert (await client.next(Suback)).packet_id == number


# -- time --------------------------------------------------------------------------------------------------------------


@pytest.mark.attack("C5")
async def test_connect_has_to_come_in_time() -> None:
    """A connection on which nothing is said, and one on which CONNECT does not end."""
    async with running("memory", connect_timeout=10.0) as server:
        with FakeClock() as clock:
            silent, slow = server.open(), server.open()
            await slow.peer.send(b"\x10\x20\0\4MQTT")
            await clock.advance(9.0)
            await slow.peer.send(b"\5")
            await clock.advance(2.0)
            assert await silent.rest() == []
            assert await slow.rest() == []
            for client in (silent, slow):
                await client.peer.close()


@pytest.mark.attack("M4")
@pytest.mark.parametrize("version", [4, 5])
async def test_keep_alive(version: int) -> None:
    """[MQTT-3.1.2-22]; 3.1.1 [MQTT-3.1.2-24]: one and a half times, to the second (CVE-2020-13849); the will comes."""
    async with running("memory") as server, await server.client("s", keep_alive=0) as reader:
        await reader.subscribe("will")
        with FakeClock() as clock:
            client = await server.client("c", version, keep_alive=10, will=will())
            for _ in range(3):
                await clock.advance(14.0)
                await client.ping()
            await clock.advance(14.0)
            assert "c" in server.broker.sessions
            await clock.advance(2.0)
            assert "c" not in server.broker.sessions
            assert await client.ended() is (Reason.KEEP_ALIVE_TIMEOUT if version == 5 else None)
            assert (await reader.message())[1] == b"gone"
            await client.peer.close()


async def test_without_keep_alive() -> None:
    """§3.1.2.10: 0 turns it off; ``--idle-timeout`` is for those."""
    async with running("memory") as server:
        with FakeClock() as clock:
            client = await server.client("c", keep_alive=0)
            await clock.advance(300.0)
            await client.ping()
        await client.close()
    async with running("memory", idle_timeout=100.0) as server:
        with FakeClock() as clock:
            client = await server.client("c", keep_alive=0)
            await clock.advance(102.0)
            assert await client.ended() is Reason.KEEP_ALIVE_TIMEOUT
        await client.peer.close()


@pytest.mark.attack("C5")
async def test_the_rest_of_a_packet_has_to_come() -> None:
    """A byte now and then keeps a connection alive, but a packet has to end; others between do no harm."""
    async with running("memory", packet_timeout=60.0) as server:
        with FakeClock() as clock:
            client = await server.client("c", keep_alive=60)
            await client.peer.send(b"\x30\x10")
            for _ in range(11):
                await client.peer.send(b"\0")
                await clock.advance(5.0)
            assert "c" in server.broker.sessions
            await clock.advance(6.0)
            assert await client.ended() is Reason.KEEP_ALIVE_TIMEOUT
            await client.peer.close()
            client = await server.client("d", keep_alive=60)
            packet = publish_bytes(5, "a", b"x" * 10)
            await client.peer.send(packet[:5])
            for _ in range(20):  # each time the rest of one and the begin of the next
                await clock.advance(30.0)
                await client.peer.send(packet[5:] + packet[:5])
            await client.peer.send(packet[5:])
            await client.ping()
            await client.close()


async def test_keep_alive_of_a_client_that_has_sent_a_packet_in_parts() -> None:
    """The deadline of a packet that has ended does not take the place of the keep alive."""
    async with running("memory", packet_timeout=60.0) as server:
        with FakeClock() as clock:
            client = await server.client("c", keep_alive=10)
            packet = publish_bytes(5, "a", b"x" * 10)
            await client.peer.send(packet[:5])
            await clock.advance(1.0)
            await client.peer.send(packet[5:])
            await clock.advance(14.0)
            assert "c" in server.broker.sessions
            await clock.advance(2.0)
            assert await client.ended() is Reason.KEEP_ALIVE_TIMEOUT
            await client.peer.close()


async def test_sessions_end_by_themselves() -> None:
    """The broker's timers, with nobody connected."""
    async with running("memory") as server:
        with FakeClock() as clock:
            client = await server.client("s", session_expiry_interval=50, will=will(will_delay=20))
            reader = await server.client("r", keep_alive=0)
            await reader.subscribe("will")
            await client.peer.abort()
            await clock.advance(19.0)
            assert server.broker.wills._waiting
            await clock.advance(2.0)
            assert (await reader.message())[1] == b"gone"
            await clock.advance(28.0)
            assert "s" in server.broker.sessions
            await clock.advance(2.0)
            assert "s" not in server.broker.sessions
            await reader.close()


async def test_clients_that_send_too_fast() -> None:
    """``message_rate``: read later, not refused, whatever the keep alive; a row of messages counts as many."""
    async with running("memory", message_rate=100.0) as server:
        with FakeClock() as clock:
            reader = await server.client("r", keep_alive=0)
            await reader.subscribe("a")
            client = await server.client("c", keep_alive=4)
            data = publish_bytes(5, "a", b"x") * 1000
            for _ in range(3):
                await client.peer.send(data)
                await clock.settle()
            before = server.broker.stats.publish_received
            assert before <= 2000, "no more is read"
            await clock.advance(9.0)
            assert server.broker.stats.publish_received == before
            await clock.advance(60.0)
            assert server.broker.stats.publish_received == 3000
            await client.close()
            await reader.close()


# -- a client that does not read ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["tcp", "tls", "ws"])
async def test_a_subscriber_that_stops_reading(any_loop: None, transport: str) -> None:
    """Its memory is bounded, QoS 0 is dropped and counted, QoS 1 waits; the others get everything at once."""
    settings: dict[str, Any] = {"max_backlog": 1 << 20, "max_queued": 50}
    async with running(transport, **settings) as server:
        slow, quick = await server.client("slow"), await server.client("quick")
        slow.auto = False
        for client in (slow, quick):
            await client.subscribe("a", qos=1)
        writer = await server.client("p")
        payload = b"x" * 100_000
        for number in range(200):
            await writer.publish("a", b"%d" % number + payload, number % 2)
            assert (await quick.message())[1].startswith(b"%d" % number)
        connection = server.broker.sessions["slow"].connection
        assert connection.blocked
        assert connection.backlog <= (1 << 20) + 2 * 100_100
        assert server.broker.sessions["slow"].queue_count <= 50
        dropped = server.broker.stats.publish_dropped
        assert dropped > 80
        slow.auto = True
        got = 0
        while got < 200 - dropped:
            await slow.next(Publish)
            got += 1
        await writer.publish("a", b"last", 1)
        assert (await slow.message())[1] == b"last"
        for client in (slow, quick, writer):
            await client.close()


@pytest.mark.attack("C5")
@pytest.mark.parametrize("transport", ["tcp", "tls", "ws"])
async def test_a_client_that_never_reads_is_ended(transport: str) -> None:
    """What only answers can fill has an end as well; the write timeout ends it in any case."""
    async with running(transport, write_timeout=0.5) as server:
        client = await server.client("c")
        data = b"\xc0\0" * 20_000
        with pytest.raises((OSError, TimeoutError)):
            for _ in range(100_000):
                await client.peer.send(data)
        await client.peer.abort()
        await eventually(lambda: not server.broker.sessions, 10)
        assert server.broker.connected == 0
