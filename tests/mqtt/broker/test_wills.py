"""Wills: MQTT 5.0 §3.1.2.5 to §3.1.2.7, §3.1.3.2, §3.1.3.3, §3.14; MQTT 3.1.1 §3.1.2.5."""

from __future__ import annotations

import pytest
from tests.mqtt.broker.conftest import MakeWorld
from tests.support.mqttbroker.world import NEVER, Seen, World, access_of, will

from socketworkers_mqtt.codec import Reason, encode_passed

VERSIONS = pytest.mark.parametrize("version", [3, 4, 5])


@VERSIONS
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_will_is_published(world: World, version: int, qos: int) -> None:
    """[MQTT-3.1.2-7], [MQTT-3.1.2-8], [MQTT-3.1.2-10]; 3.1.1 [MQTT-3.1.2-8], [MQTT-3.1.2-10]: once."""
    seen = world.subscriber("will")
    world.connect("w", version, will=will(qos=qos)).drop()
    assert seen.seen() == [Seen("will", b"gone", qos)]
    world.connect("w", version).drop()
    assert seen.seen() == []


@VERSIONS
def test_no_will_after_disconnect(world: World, version: int) -> None:
    """[MQTT-3.1.2-10], [MQTT-3.14.4-3]; 3.1.1 [MQTT-3.14.4-3]."""
    seen = world.subscriber("will")
    world.connect("w", version, will=will()).disconnect()
    world.advance(1000)
    world.restart(seconds=1000)
    assert seen.take() == []
    assert not world.storage.sql.value("select count(*) from will")


def test_disconnect_with_will(world: World) -> None:
    """§3.14.2.1: 0x04."""
    seen = world.subscriber("will")
    world.connect("w", will=will()).disconnect(Reason.DISCONNECT_WITH_WILL_MESSAGE)
    assert seen.payloads() == [b"gone"]


@pytest.mark.parametrize(
    "reason", [Reason.UNSPECIFIED_ERROR, Reason.PROTOCOL_ERROR, Reason.QUOTA_EXCEEDED, Reason.ADMINISTRATIVE_ACTION]
)
def test_only_a_normal_disconnection_drops_the_will(world: World, reason: Reason) -> None:
    """[MQTT-3.14.4-3]: with 0x00 the will is discarded; with other reasons the connection was not closed in order."""
    seen = world.subscriber("will")
    world.connect("w", will=will()).disconnect(reason)
    assert seen.payloads() == [b"gone"]


@pytest.mark.parametrize("bad", [b"\x00", b"\x36\x03\0\1a", b"\xc1\x00", b"\x82\x02\0\1"])
def test_a_will_is_published_when_the_server_ends_the_connection(world: World, bad: bytes) -> None:
    """§3.1.2.5: a protocol error; 3.1.1 §3.1.2.5."""
    seen = world.subscriber("will")
    client = world.connect("w", will=will()).send(bad)
    assert client.closed
    assert seen.payloads() == [b"gone"]


@pytest.mark.parametrize("retain", [False, True])
@VERSIONS
def test_retained_wills(world: World, version: int, retain: bool) -> None:
    """[MQTT-3.1.2-14], [MQTT-3.1.2-15]; 3.1.1 [MQTT-3.1.2-16], [MQTT-3.1.2-17]."""
    world.connect("w", version, will=will(retain=retain, qos=1)).drop()
    world.restart()
    late = world.subscriber("will", client_id="late")
    assert late.seen() == ([Seen("will", b"gone", 1, retain=True)] if retain else [])


def test_an_empty_retained_will_removes(world: World) -> None:
    """[MQTT-3.3.1-6]."""
    world.connect("p").publish("will", b"x", retain=True)
    world.connect("w", will=will(payload=b"", retain=True)).drop()
    assert world.subscriber("will").seen() == []


def test_a_will_waits(world: World) -> None:
    """§3.1.3.2.2: the Will Delay Interval."""
    seen = world.subscriber("will")
    world.lasting("w", will=will(will_delay=10)).drop()
    world.advance(9.9)
    assert seen.take() == []
    world.advance(0.2)
    assert seen.payloads() == [b"gone"]
    world.advance(100)
    assert seen.take() == []


def test_a_client_that_comes_back_has_no_will(world: World) -> None:
    """[MQTT-3.1.3-9]."""
    seen = world.subscriber("will")
    world.lasting("w", will=will(will_delay=10)).drop()
    world.advance(5)
    world.lasting("w").disconnect()
    world.advance(100)
    assert seen.take() == []


@pytest.mark.parametrize(("delay", "expiry"), [(60, 0), (60, 5), (NEVER, 5)])
def test_a_will_does_not_wait_longer_than_its_session(world: World, delay: int, expiry: int) -> None:
    """[MQTT-3.1.2-8]: whichever happens first."""
    seen = world.subscriber("will")
    world.connect("w", session_expiry_interval=expiry, will=will(will_delay=delay)).drop()
    if expiry:
        world.advance(expiry - 0.5)
        assert seen.take() == []
        world.advance(1)
    assert seen.payloads() == [b"gone"]


def test_a_session_that_ends_by_clean_start_publishes_its_will(world: World) -> None:
    """§3.1.3.2.2, [MQTT-3.1.2-8]: the session has ended."""
    seen = world.subscriber("will")
    world.lasting("w", will=will(will_delay=60)).drop()
    world.lasting("w", clean=True)
    assert seen.payloads() == [b"gone"]


@pytest.mark.parametrize(("delay", "clean", "published"), [(0, False, True), (60, False, False), (60, True, True)])
def test_takeover(world: World, delay: int, clean: bool, published: bool) -> None:
    """§3.1.4: a will without delay is published, one with delay only if the session ends."""
    seen = world.subscriber("will")
    world.lasting("w", will=will(will_delay=delay))
    world.lasting("w", clean=clean)
    assert seen.payloads() == ([b"gone"] if published else [])


def test_properties_of_a_will(world: World) -> None:
    """[MQTT-3.1.2-9], [MQTT-3.1.3-10]: passed on, user properties in their order; expiry counts from publication."""
    passed = encode_passed(
        payload_format=1, content_type="text/plain", response_topic="r", correlation_data=b"\0\1",
        user_properties=[("b", "1"), ("a", "2"), ("b", "1")],
    )  # fmt: skip
    seen = world.subscriber("will")
    world.lasting("w", will=will(will_delay=10, expiry=30, passed=passed)).drop()
    world.advance(11)
    (got,) = seen.publishes()
    assert got.properties is not None
    assert got.properties.passed == passed
    assert got.properties.expiry == 30


@pytest.mark.parametrize("when", ["while connected", "while it waits"])
def test_wills_survive_the_server(world: World, when: str) -> None:
    """A client that is lost together with the server has a will; unless it comes back."""
    for name in ("lost", "back"):
        client = world.lasting(name, will=will(f"will/{name}", qos=1, will_delay=20), keep_alive=40)
        if when == "while it waits":
            client.drop()
    world.restart()
    world.lasting("back")
    seen = world.subscriber("will/#")
    world.advance(19.0)
    assert seen.take() == []
    world.advance(90.0)
    assert seen.seen() == [Seen("will/lost", b"gone", 1)]
    world.restart(seconds=1000)
    again = world.subscriber("will/#")
    world.advance(1000)
    assert again.take() == []


def test_a_will_that_waits_and_a_restart_in_its_time(world: World) -> None:
    """It is due when it would have been."""
    world.lasting("w", will=will(will_delay=100)).drop()
    world.advance(60)
    world.restart(seconds=20)
    seen = world.subscriber("will")
    world.advance(19)
    assert seen.take() == []
    world.advance(2)
    assert seen.payloads() == [b"gone"]


def test_connack_waits_until_the_will_is_on_disk(world: World) -> None:
    """Who is told that the connection stands may rely on the will."""
    world.disk_held = True
    client = world.connect("w", will=will())
    assert client.connack is None
    world.sync()
    assert client.connack is not None


@pytest.mark.attack("M3")
def test_a_will_that_is_not_allowed(make_world: MakeWorld) -> None:
    """§3.1.2.5, §5.4.2: refused at CONNECT; and again when it is published, if permissions changed meanwhile."""
    world = make_world(access_of("topic readwrite free/#\ntopic read will\ntopic read $SYS/#\n"))
    client = world.connect("w", will=will("will"))
    assert client.connack is not None
    assert client.connack.reason is Reason.NOT_AUTHORIZED
    seen = world.subscriber("will", "free/#")
    lost = world.lasting("x", will=will("free/a", will_delay=10))
    lost.drop()
    world.broker.access = access_of("topic read #\n")
    world.broker.router.forget()
    world.advance(20)
    assert seen.take() == []
    assert world.broker.stats.publish_refused == 1


@pytest.mark.attack("M3")
@pytest.mark.parametrize("topic", ["$SYS/broker/uptime", "$SYS"])
def test_a_will_to_the_servers_topics(world: World, topic: str) -> None:
    """§4.7.2."""
    client = world.connect("w", will=will(topic))
    assert client.connack is not None
    assert client.connack.reason is Reason.NOT_AUTHORIZED
