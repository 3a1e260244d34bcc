"""SUBSCRIBE, UNSUBSCRIBE and their answers: MQTT 5.0 §3.8 to §3.11; MQTT 3.1.1 §3.8 to §3.11."""

from __future__ import annotations

import pytest
from tests.mqtt.broker.conftest import MakeWorld
from tests.support.mqttbroker.world import Seen, World, access_of

from socketworkers_mqtt.codec import PacketType, Publish, Reason
from socketworkers_mqtt.codec import Subscription as Wanted

VERSIONS = pytest.mark.parametrize("version", [3, 4, 5])


@VERSIONS
def test_one_answer_with_a_reason_for_each(world: World, version: int) -> None:
    """[MQTT-3.8.4-1], [MQTT-3.8.4-2], [MQTT-3.8.4-5] to [MQTT-3.8.4-7], [MQTT-3.9.3-1], [MQTT-2.2.1-6]."""
    client = world.connect("s", version)
    answer = client.subscribe(Wanted("a", 2), Wanted("b/#", 0), Wanted("+/c", 1))
    assert answer.reasons == (2, 0, 1)
    assert len(world.broker.sessions["s"].subscriptions or ()) == 3
    taken = client.unsubscribe("a", "never", "+/c")
    if version == 5:
        assert taken.reasons == (Reason.SUCCESS, Reason.NO_SUBSCRIPTION_EXISTED, Reason.SUCCESS)
    assert set(world.broker.sessions["s"].subscriptions or ()) == {"b/#"}


def test_what_is_refused_stands_in_its_place(make_world: MakeWorld) -> None:
    """[MQTT-3.9.3-1], [MQTT-3.9.3-2]; 3.1.1 [MQTT-3.8.4-5], [MQTT-3.9.3-2]: 0x80 in its stead."""
    world = make_world(access_of("topic read a\n"), max_subscriptions=2)
    for version, denied in ((5, Reason.NOT_AUTHORIZED), (4, Reason.UNSPECIFIED_ERROR), (3, Reason.UNSPECIFIED_ERROR)):
        client = world.connect(f"s{version}", version)
        assert client.subscribe("b", "a", "c", qos=1).reasons == (denied, 1, denied)


@pytest.mark.attack("M2")
def test_their_number_is_bounded(make_world: MakeWorld) -> None:
    """0x97; those that are there can be changed."""
    world = make_world(max_subscriptions=2)
    client = world.connect("s")
    assert client.subscribe("a", "b", "c").reasons == (0, 0, Reason.QUOTA_EXCEEDED)
    assert client.subscribe("a", qos=2).reasons == (2,)
    assert client.subscribe("$share/g/x").reasons == (Reason.QUOTA_EXCEEDED,)
    assert world.connect("t", 4).subscribe("a", "b", "c").reasons == (0, 0, 0x80)
    client.unsubscribe("b")
    assert client.subscribe("c").reasons == (0,)


@VERSIONS
def test_the_same_filter_replaces(world: World, version: int) -> None:
    """[MQTT-3.8.4-3]: also its options; 3.1.1 [MQTT-3.8.4-3]; no message is lost by it."""
    client = world.connect("s", version)
    client.subscribe("a/+", qos=0)
    client.subscribe("a/+", qos=2)
    world.connect("p").publish("a/b", b"x", 2)
    assert client.seen() == [Seen("a/b", b"x", 2)]
    client.subscribe("a/+", qos=1)
    world.connect("p").publish("a/b", b"x", 2)
    assert client.seen() == [Seen("a/b", b"x", 1)]
    assert world.broker.router.tree.count == 1
    client.unsubscribe("a/+")
    world.connect("p").publish("a/b", b"x", 2)
    assert client.seen() == []


@pytest.mark.parametrize("version", [4, 5])
def test_replacing_loses_nothing(world: World, version: int) -> None:
    """[MQTT-3.8.4-4]: what waits stays."""
    client = world.lasting("s", version, auto=False)
    client.subscribe("a", qos=1)
    publisher = world.connect("p")
    for number in range(150):
        publisher.publish("a", b"%d" % number, 1)
    client.auto = True
    got = client.publishes()
    client.subscribe("a", qos=0)
    for each in got:
        client.ack(PacketType.PUBACK, each.packet_id)
    assert len(got) + len(client.publishes()) == 150


@VERSIONS
def test_unsubscribe(world: World, version: int) -> None:
    """[MQTT-3.10.4-1], [MQTT-3.10.4-2], [MQTT-3.10.4-4], [MQTT-3.10.4-5], [MQTT-3.10.4-6], [MQTT-3.11.3-1],
    [MQTT-3.11.3-2].
    """
    client = world.connect("s", version)
    client.subscribe("a/b", "a/+")
    client.unsubscribe("a/B", "a", "#", "a/+/")
    world.connect("p").publish("a/b", b"x")
    assert client.payloads() == [b"x"], "compared character by character; one copy for both"
    client.unsubscribe("a/b")
    world.connect("p").publish("a/b", b"x")
    assert client.payloads() == [b"x"]
    client.unsubscribe("a/+")
    world.connect("p").publish("a/b", b"x")
    assert client.payloads() == []
    client.unsubscribe("a/+")
    assert not client.closed


@pytest.mark.parametrize("qos", [1, 2])
def test_what_is_underway_is_completed(world: World, qos: int) -> None:
    """[MQTT-3.10.4-3]: messages whose delivery has begun; also over a new connection."""
    client = world.lasting("s", auto=False)
    client.subscribe("a", qos=qos)
    world.connect("p").publish("a", b"x", qos)
    client.unsubscribe("a")
    first = client.only(Publish)
    client.drop()
    (again,) = world.lasting("s", auto=False).publishes()
    assert (again.packet_id, again.payload, again.dup) == (first.packet_id, b"x", True)


def test_no_local(world: World) -> None:
    """[MQTT-3.8.3-3]: not back to the client that published, however it comes."""
    client = world.connect("s")
    client.subscribe(Wanted("a", 2, no_local=True))
    client.subscribe(Wanted("b/#", 2, no_local=True), Wanted("b/x", 1))
    other = world.subscriber("a", client_id="t")
    for qos in range(3):
        client.publish("a", b"own", qos)
        other.publish("a", b"other", qos)
        assert client.payloads() == [b"other"]
        assert other.payloads() == [b"own", b"other"]
    client.publish("b/x", b"own", 2)
    assert client.seen() == [Seen("b/x", b"own", 1)], "by the subscription that allows it"
    other.publish("b/x", b"other", 2)
    assert client.seen() == [Seen("b/x", b"other", 2)]


@pytest.mark.parametrize("version", [3, 4, 5])
def test_overlapping_subscriptions(world: World, version: int) -> None:
    """[MQTT-3.3.4-2]; 3.1.1 [MQTT-3.3.5-1]: one copy with the highest QoS that was granted."""
    client = world.connect("s", version)
    client.subscribe(Wanted("a/b", 0), Wanted("a/+", 2), Wanted("#", 1))
    for qos in range(3):
        world.connect("p").publish("a/b", b"x", qos)
        assert client.seen() == [Seen("a/b", b"x", qos)]


def test_subscription_identifiers(world: World) -> None:
    """[MQTT-3.3.4-3], [MQTT-3.3.4-4]: those of all subscriptions that match, in the one copy."""
    client = world.connect("s")
    client.subscribe("a/b", qos=1, identifier=1)
    client.subscribe("a/+", qos=1, identifier=268_435_455)
    client.subscribe("#", qos=1)
    client.subscribe("x/#", qos=1, identifier=3)

    def got(topic: str, qos: int) -> tuple[int, ...]:
        world.connect("p").publish(topic, b"x", qos)
        (packet,) = client.publishes()
        return packet.properties.subscription_ids if packet.properties is not None else ()

    for qos in (0, 1):
        assert sorted(got("a/b", qos)) == [1, 268_435_455]
        assert got("a/c", qos) == (268_435_455,)
        assert got("z", qos) == ()
        assert got("x", qos) == (3,)
    client.subscribe("x/#", qos=1)
    assert got("x", 1) == (), "replaced by one without"
    client.subscribe("x/#", qos=1, identifier=9)
    assert got("x", 1) == (9,)
    assert world.connect("old", 4).subscribe("x/#").reasons == (0,)


def test_identifiers_of_what_waits(world: World) -> None:
    """They are those of the time of publication, also from disk."""
    client = world.lasting("s")
    client.subscribe("a", qos=1, identifier=7)
    client.subscribe("#", qos=1, identifier=8)
    client.drop()
    world.connect("p").publish("a", b"x", 1)
    world.restart()
    (packet,) = world.lasting("s").publishes()
    assert packet.properties is not None
    assert sorted(packet.properties.subscription_ids) == [7, 8]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x82\x02\0\1", Reason.MALFORMED_PACKET),
        (b"\x82\x03\0\1\0", Reason.PROTOCOL_ERROR),  # [MQTT-3.8.3-2]
        (b"\x82\x07\0\1\0\0\1a\3", Reason.PROTOCOL_ERROR),
        (b"\x82\x07\0\1\0\0\1a\x30", Reason.PROTOCOL_ERROR),
        (b"\x82\x07\0\1\0\0\1a\x40", Reason.MALFORMED_PACKET),  # [MQTT-3.8.3-5]
        (b"\x82\x07\0\0\0\0\1a\0", Reason.PROTOCOL_ERROR),
        (b"\x80\x07\0\1\0\0\1a\0", Reason.MALFORMED_PACKET),  # [MQTT-3.8.1-1]
        (b"\x82\x08\0\1\0\0\2a#\0", Reason.TOPIC_FILTER_INVALID),
        (b"\x82\x09\0\1\2\x0b\0\0\1a\0", Reason.PROTOCOL_ERROR),  # identifier 0
        (b"\x82\x10\0\1\0\0\x0a$share/g/a\x04", Reason.PROTOCOL_ERROR),  # [MQTT-3.8.3-4]
        (b"\xa2\x03\0\1\0", Reason.PROTOCOL_ERROR),  # [MQTT-3.10.3-2]
        (b"\xa0\x06\0\1\0\0\1a", Reason.MALFORMED_PACKET),  # [MQTT-3.10.1-1]
    ],
)
def test_what_no_client_may_send(world: World, data: bytes, reason: Reason) -> None:
    """§3.8, §3.10, [MQTT-4.13.1-1]: nothing of it takes effect."""
    client = world.connect("s").send(data)
    assert client.ended(reason)
    assert not world.broker.router.tree.count
