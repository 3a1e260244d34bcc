"""PINGREQ, DISCONNECT and errors: MQTT 5.0 §3.12 to §3.14, §4.13; MQTT 3.1.1 §3.12 to §3.14, §4.8."""

from __future__ import annotations

import pytest
from tests.mqtt.broker.conftest import MakeWorld
from tests.support.mqttbroker.world import World, publish_bytes

from socketworkers_mqtt.codec import (
    Acks,
    Auth,
    Connect,
    Disconnect,
    MalformedPacket,
    Pingreq,
    Pingresp,
    Publish,
    PublishRun,
    Reason,
    Subscribe,
    Unsubscribe,
)
from socketworkers_mqtt.codec.ack import Ack
from socketworkers_mqtt.connection import TRANSITIONS, Connection
from socketworkers_mqtt.state import State

VERSIONS = pytest.mark.parametrize("version", [3, 4, 5])


@VERSIONS
def test_ping(world: World, version: int) -> None:
    """[MQTT-3.12.4-1]."""
    client = world.connect("c", version)
    for _ in range(3):
        client.ping()
    assert [type(packet) for packet in client.take()] == [Pingresp] * 3


def test_packets_without_properties_say_so(world: World) -> None:
    """[MQTT-2.2.2-1]: a length of 0 where there are none."""
    client = world.connect("c")
    size = len(client.raw)
    client.send(b"\x82\x07\0\1\0\0\1a\0", b"\xa2\x06\0\2\0\0\1a", publish_bytes(5, "a", b"x"))
    assert bytes(client.raw[size:]) == b"\x90\x04\0\1\0\0" + b"\xb0\x04\0\2\0\0"


@VERSIONS
def test_disconnect(world: World, version: int) -> None:
    """[MQTT-3.14.4-1], [MQTT-3.14.4-2]: nothing behind it counts, nothing is answered."""
    seen = world.subscriber("#")
    client = world.connect("c", version)
    client.send(publish_bytes(version, "a", b"before") + b"\xe0\0" + publish_bytes(version, "a", b"behind"))
    assert client.closed
    assert client.received == []
    assert seen.payloads() == [b"before"]
    assert "c" not in world.broker.sessions


@VERSIONS
def test_an_end_without_disconnect(world: World, version: int) -> None:
    """The network connection is lost: the session goes or stays as if by time."""
    world.connect("c", version).drop()
    assert "c" not in world.broker.sessions
    assert world.broker.connected == 0


@pytest.mark.parametrize(
    "data",
    [b"\xe1\0", b"\xe0\1\1", b"\xe0\1\x8e", b"\xe0\2\0\1", b"\xe0\4\0\2\x24\1"],
)
def test_a_malformed_disconnect(world: World, data: bytes) -> None:
    """[MQTT-3.14.1-1], [MQTT-3.14.2-1]: it is an error, not a farewell."""
    client = world.connect("c").send(data)
    assert client.closed
    assert isinstance(client.received[-1], Disconnect)
    assert client.received[-1].reason >= 0x80


@pytest.mark.parametrize("first", [0x00, 0x20, 0x90, 0xB0, 0xD0, 0xF1, 0xC1, 0x41, 0x51, 0x60, 0x71])
@pytest.mark.attack("M1")
@VERSIONS
def test_packets_that_no_client_sends(world: World, first: int, version: int) -> None:
    """Server-only types and reserved flags (CVE-2021-28166).

    Table 2-1, Table 2-2, [MQTT-2.1.3-1], [MQTT-3.6.1-1], [MQTT-3.15.1-1]; 3.1.1 [MQTT-2.2.2-2].
    """
    client = world.connect("c", version)
    client.send(bytes((first, 4)) + b"\0\1\0\0")
    assert client.closed
    if version == 5:
        assert isinstance(client.received[-1], Disconnect)
        assert client.received[-1].reason in (Reason.MALFORMED_PACKET, Reason.PROTOCOL_ERROR)
    else:
        assert client.received == [], "3.1.1 §4.8: the server has no word for it"


def test_the_table_is_complete() -> None:
    """Each packet in each state is either in the table or ends the connection, from one place."""
    packets = (Connect, Publish, PublishRun, Ack, Acks, Subscribe, Unsubscribe, Pingreq, Disconnect, Auth)
    for state in State:
        for packet in packets:
            known = (state, packet) in TRANSITIONS
            assert (packet in Connection.table[state]) == known
            if known:
                assert callable(getattr(Connection, TRANSITIONS[state, packet][0]))
    assert not Connection.table[State.CLOSED]
    assert all(packet in packets for _, packet in TRANSITIONS)


def test_a_handler_that_finds_a_fault_ends_the_connection(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """[MQTT-4.13.2-1]: told, then closed; the packets behind it are not handled."""
    client = world.connect("c")

    def refuse(connection: Connection, packet: Pingreq) -> None:
        raise MalformedPacket("not now", Reason.SERVER_BUSY)

    monkeypatch.setitem(client.connection._handlers, Pingreq, refuse)
    client.send(b"\xc0\0" + publish_bytes(5, "a", b"x", 1, packet_id=1))
    assert client.ended(Reason.SERVER_BUSY)
    assert len(client.received) == 1
    found = client.received[0]
    assert isinstance(found, Disconnect)
    assert found.properties.reason_string == "not now"
    assert found.properties.session_expiry_interval is None, "[MQTT-3.14.2-2]"


def test_bytes_behind_the_end_are_nothing(world: World) -> None:
    """Whatever still comes."""
    client = world.connect("c")
    client.send(b"\xf1\0")
    before = list(client.received)
    client.send(b"\xc0\0", b"", b"\xff" * 100)
    assert client.received == before


def test_the_end_within_a_packet(world: World) -> None:
    """A connection that ends in the middle of a packet: the part is forgotten, the will comes."""
    client = world.connect("c")
    seen = world.subscriber("#")
    client.send(publish_bytes(5, "a", b"whole") + publish_bytes(5, "a", b"part")[:-2])
    assert client.connection.decoder.buffered
    client.drop()
    assert seen.payloads() == [b"whole"]


def test_shutdown(world: World) -> None:
    """§3.14.2.1: 0x8B to 5.0; sessions that last are there again."""
    new, old = world.lasting("new"), world.lasting("old", 4)
    for client in (new, old):
        client.connection.disconnect(Reason.SERVER_SHUTTING_DOWN, "bye")
    world.settle()
    assert new.ended(Reason.SERVER_SHUTTING_DOWN)
    assert old.closed
    assert old.received == []
    world.restart()
    assert world.lasting("new").connack.session_present  # type: ignore[union-attr]


def test_the_session_lasts_while_the_connection_is_open(make_world: MakeWorld) -> None:
    """[MQTT-4.1.0-1]."""
    world = make_world(max_session_expiry=10)
    client = world.connect("c", session_expiry_interval=5)
    client.subscribe("a")
    world.advance(1e6)
    world.connect("p").publish("a", b"x")
    assert client.payloads() == [b"x"]


@pytest.mark.parametrize("retain", [False, True])
def test_nothing_is_sent_behind_disconnect(world: World, retain: bool) -> None:
    """[MQTT-3.14.4-1]: what was acknowledged in the same turn, at once or by the disk, stands before it."""
    client = world.connect("c")
    client.send(publish_bytes(5, "t", b"x", 1, retain, 1) + b"\x00\x00")
    assert client.ended(Reason.MALFORMED_PACKET)
