"""PUBLISH: MQTT 5.0 §3.3, properties, topic aliases, the largest packets, reason codes; MQTT 3.1.1 §3.3."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.mqtt.broker.conftest import MakeWorld
from tests.support.mqttbroker.world import Seen, World, access_of, publish_bytes

from socketworkers_mqtt.codec import PacketType, Reason, encode_passed

PUBACK, PUBREC = PacketType.PUBACK, PacketType.PUBREC
PASSED = encode_passed(
    payload_format=1,
    content_type="text/plain",
    response_topic="answers/1",
    correlation_data=b"\0\xff" * 20,
    user_properties=[("b", "1"), ("a", ""), ("", "2"), ("b", "1"), ("é", "\N{GRINNING FACE}")],
)


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("restart", [False, True])
def test_properties_are_passed_on(world: World, qos: int, restart: bool) -> None:
    """[MQTT-3.3.2-4], [MQTT-3.3.2-15], [MQTT-3.3.2-16], [MQTT-3.3.2-17], [MQTT-3.3.2-18], [MQTT-3.3.2-20]."""
    client = world.lasting("s")
    client.subscribe("a", qos=2)
    if restart:
        client.drop()
    world.connect("p").publish("a", b"x", qos, True, passed=PASSED)
    if restart:
        world.restart()
        client = world.lasting("s")
        if not qos:
            client.subscribe("a", qos=2)
    (got,) = client.publishes()
    assert got.properties is not None
    assert got.properties.passed == PASSED
    assert got.properties.user_properties == (("b", "1"), ("a", ""), ("", "2"), ("b", "1"), ("é", "\N{GRINNING FACE}"))
    assert got.properties.subscription_ids == ()
    (late,) = world.subscriber("a", client_id="late").publishes()
    assert late.properties is not None
    assert late.properties.passed == PASSED


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("qos", [0, 1])
def test_older_clients_get_no_properties(world: World, version: int, qos: int) -> None:
    """Each in its own protocol, in both directions."""
    old, new = world.connect("old", version), world.connect("new")
    for client in (old, new):
        client.subscribe("a", qos=1)
    new.publish("a", b"1", qos, passed=PASSED, expiry=100)
    old.publish("a", b"2", qos)
    assert old.seen() == [Seen("a", b"1", qos), Seen("a", b"2", qos)]
    first, second = new.publishes()
    assert first.properties is not None
    assert first.properties.passed == PASSED
    assert second.properties is None or second.properties.passed == b""


@given(st.binary(max_size=300), st.sampled_from([3, 4, 5]), st.sampled_from([3, 4, 5]), st.integers(0, 2))
def test_payloads_are_not_touched(payload: bytes, sender: int, receiver: int, qos: int) -> None:
    """§3.3.3: whatever they are."""
    world = World()
    client = world.subscriber("a", version=receiver)
    world.connect("p", sender).publish("a", payload, qos)
    assert client.seen() == [Seen("a", payload, qos)]
    world.close()


def test_runs_of_messages(world: World) -> None:
    """Many QoS 0 messages of one read go to everybody in their order, in every form of the protocol."""
    clients = [world.connect(f"s{version}", version) for version in (3, 4, 5)]
    clients.append(world.connect("alias", topic_alias_maximum=5))
    clients.append(world.connect("identifier"))
    clients.append(world.connect("shared"))
    for client in clients[:4]:
        client.subscribe("a/+")
    clients[4].subscribe("a/+", identifier=3)
    clients[5].subscribe("$share/g/a/+")
    for version in (3, 4, 5):
        rows = [(f"a/{number // 7 % 3}", b"%02d" % number) for number in range(60)]
        world.connect("p", version).send(b"".join(publish_bytes(version, topic, payload) for topic, payload in rows))
        for client in clients:
            assert client.seen() == [Seen(topic, payload) for topic, payload in rows]


# -- topic aliases ---------------------------------------------------------------------------------------------------


def test_aliases_of_the_client(make_world: MakeWorld) -> None:
    """§3.3.2.3.4, [MQTT-3.3.2-12], [MQTT-3.2.2-17]: 1 to the maximum, set anew at will; never passed on."""
    world = make_world(max_topic_alias=3)
    seen = world.subscriber("#")
    client = world.connect("p")
    for qos in (0, 1, 2):
        client.publish("a", b"1", qos, alias=1)
        client.publish("ignored", b"2", qos, alias=1, send_topic=False)
        client.publish("b", b"3", qos, alias=3)
        client.publish("c", b"4", qos, alias=1)
        client.publish("ignored", b"5", qos, alias=1, send_topic=False)
        client.publish("ignored", b"6", qos, alias=3, send_topic=False)
        got = seen.publishes()
        assert [(each.topic, each.payload) for each in got] == [
            (b"a", b"1"), (b"a", b"2"), (b"b", b"3"), (b"c", b"4"), (b"c", b"5"), (b"b", b"6")
        ]  # fmt: skip
        assert all(each.properties is None or each.properties.alias is None for each in got)


@pytest.mark.parametrize(
    ("alias", "reason"),
    [(0, Reason.TOPIC_ALIAS_INVALID), (4, Reason.TOPIC_ALIAS_INVALID), (65535, Reason.TOPIC_ALIAS_INVALID)],
)
def test_aliases_that_cannot_be(make_world: MakeWorld, alias: int, reason: Reason) -> None:
    """[MQTT-3.3.2-8], [MQTT-3.3.2-9]: 0x94."""
    client = make_world(max_topic_alias=3).connect("p")
    client.publish("a", b"x", alias=alias)
    assert client.ended(reason)


def test_an_alias_that_was_never_set(world: World) -> None:
    """§3.3.2.3.4: a Protocol Error."""
    client = world.connect("p")
    client.publish("", b"x", alias=1, send_topic=False)
    assert client.ended(Reason.PROTOCOL_ERROR)


def test_aliases_end_with_their_connection(world: World) -> None:
    """[MQTT-3.3.2-7]: on both sides."""
    client = world.lasting("p", topic_alias_maximum=2)
    client.subscribe("a")
    client.publish("a", b"x", alias=1)
    assert client.publishes()[0].properties.alias == 1  # type: ignore[union-attr]
    client.drop()
    client = world.lasting("p", topic_alias_maximum=2)
    client.subscribe("a")
    client.publish("a", b"y")
    (got,) = client.publishes()
    assert got.topic == b"a"
    assert got.properties is not None
    assert got.properties.alias == 1
    client.publish("", b"x", alias=1, send_topic=False)
    assert client.ended(Reason.PROTOCOL_ERROR)


@pytest.mark.parametrize("maximum", [None, 0])
def test_a_client_without_aliases(world: World, maximum: int | None) -> None:
    """[MQTT-3.1.2-27]."""
    client = world.connect("s", topic_alias_maximum=maximum)
    client.subscribe("#", qos=1)
    for number in range(20):
        world.connect("p").publish("a", b"x", number % 2)
    assert all(each.properties is None or each.properties.alias is None for each in client.publishes())


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_aliases_of_the_server(world: World, qos: int) -> None:
    """[MQTT-3.1.2-26], [MQTT-3.3.2-11]: no more than the client allows; the topic is sent once."""
    client = world.connect("s", topic_alias_maximum=2)
    client.subscribe("#", qos=2)
    publisher = world.connect("p")
    size = len(client.raw)
    for number in range(30):
        publisher.publish("topic/" + "abc"[number % 3] * 10, b"%02d" % number, qos)
    raw = bytes(client.raw[size:])
    assert client.seen() == [Seen("topic/" + "abc"[n % 3] * 10, b"%02d" % n, qos) for n in range(30)]
    assert set(client.topics) == {1, 2}
    assert [raw.count(b"topic/" + letter * 10) for letter in (b"a", b"b", b"c")] == [1, 1, 10]


@pytest.mark.parametrize("seed", range(3))
def test_aliases_while_the_disk_works(world: World, seed: int) -> None:
    """What is held for the disk does not refer to an alias that is told later, nor the other way round."""
    import random

    chooser = random.Random(seed)
    client = world.lasting("s", topic_alias_maximum=3)
    client.subscribe("#", qos=2)
    publisher = world.connect("p")
    sent: dict[tuple[str, int], list[bytes]] = {}
    for number in range(100):
        world.disk_held = chooser.random() < 0.6
        topic, qos = chooser.choice("abcd"), chooser.randint(0, 2)
        publisher.publish(topic, b"%d" % number, qos)
        sent.setdefault((topic, qos), []).append(b"%d" % number)
        if chooser.random() < 0.2:
            world.sync()
    world.sync()
    got: dict[tuple[str, int], list[bytes]] = {}
    for each in client.seen():
        got.setdefault((each.topic, each.qos), []).append(each.payload)
    assert got == sent


# -- the largest packets -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("lasting", [False, True])
def test_maximum_packet_size_of_the_client(world: World, qos: int, lasting: bool) -> None:
    """[MQTT-3.1.2-24], [MQTT-3.1.2-25]: what is too large is as if it had been delivered; to the byte."""
    client = (world.lasting if lasting else world.connect)("s", maximum_packet_size=100)
    client.subscribe("a", qos=2)
    publisher = world.connect("p")
    overhead = 2 + 2 + 1 + (2 if qos else 0) + 1
    for size in (100 - overhead, 101 - overhead, 5000, 10):
        publisher.publish("a", b"x" * size, qos)
    assert [len(payload) for payload in client.payloads()] == [100 - overhead, 10]
    assert not client.closed
    assert world.broker.stats.publish_dropped == 2
    assert not world.broker.sessions["s"].inflight
    assert not world.storage.sql.value("select count(*) from queue")


def test_a_queue_of_messages_that_are_too_large(world: World) -> None:
    """As above, many at once."""
    client = world.lasting("s")
    client.subscribe("a", qos=1)
    client.drop()
    publisher = world.connect("p")
    for number in range(3000):
        publisher.publish("a", b"x" * (200 if number % 1000 else 20), 1)
    client = world.lasting("s", maximum_packet_size=100)
    assert [len(payload) for payload in client.payloads()] == [20, 20, 20]
    assert not world.broker.sessions["s"].queue_count
    assert not world.broker.queued_bytes


@pytest.mark.parametrize("restart", [False, True])
def test_a_smaller_maximum_on_reconnection(world: World, restart: bool) -> None:
    """[MQTT-3.1.2-25]: what is sent again is measured anew."""
    client = world.lasting("s", auto=False)
    client.subscribe("a", qos=1)
    for size in (200, 10, 300):
        world.connect("p").publish("a", b"x" * size, 1)
    assert len(client.publishes()) == 3
    client.drop()
    if restart:
        world.restart()
    client = world.lasting("s", auto=False, maximum_packet_size=100, receive_maximum=1)
    assert [len(each.payload) for each in client.publishes()] == [10]
    assert len(world.broker.sessions["s"].inflight or ()) in (1, 2)


def test_aliases_and_the_maximum_packet_size(world: World) -> None:
    """A topic that was not sent because its packet was too large has no alias."""
    client = world.connect("s", topic_alias_maximum=5, maximum_packet_size=60)
    client.subscribe("#", qos=1)
    publisher = world.connect("p")
    topic = "t" * 40
    publisher.publish(topic, b"x" * 40, 1)
    publisher.publish(topic, b"1", 1)
    publisher.publish(topic, b"x" * 40, 1)
    publisher.publish(topic, b"2", 0)
    assert client.seen() == [Seen(topic, b"1", 1), Seen(topic, b"x" * 40, 1), Seen(topic, b"2")]


@pytest.mark.parametrize("version", [4, 5])
def test_maximum_packet_size_of_the_server(make_world: MakeWorld, version: int) -> None:
    """§3.2.2.3.6: 0x95, as soon as the length is known (C4: a claim of 268 MB)."""
    world = make_world(max_packet=1000)
    seen = world.subscriber("#")
    client = world.connect("p", version)
    client.publish("a", b"x" * 900)
    assert len(seen.payloads()) == 1
    client.send(b"\x30\xff\xff\xff\x7f\x00\x01a")
    assert client.ended(Reason.PACKET_TOO_LARGE) if version == 5 else client.closed
    assert client.connection.decoder.buffered == 0
    assert seen.payloads() == []


# -- reasons -----------------------------------------------------------------------------------------------------------


def test_nobody_is_subscribed(world: World) -> None:
    """§3.4.2.1, §3.5.2.1: 0x10, which is no failure; 3.1.1 knows no such thing."""
    client = world.connect("p", auto=False)
    client.publish("a", b"x", 1)
    client.publish("a", b"x", 2)
    assert [(kind, reason) for kind, _, reason in client.acks()] == [
        (PUBACK, Reason.NO_MATCHING_SUBSCRIBERS), (PUBREC, Reason.NO_MATCHING_SUBSCRIBERS)
    ]  # fmt: skip
    client.ack(PacketType.PUBREL, 2)
    assert client.acks() == [(PacketType.PUBCOMP, 2, Reason.SUCCESS)]
    old = world.connect("q", 4, auto=False)
    old.publish("a", b"x", 1)
    assert old.raw.endswith(b"\x40\x02\0\1")
    world.subscriber("a")
    client.publish("a", b"x", 1)
    assert client.acks() == [(PUBACK, 3, Reason.SUCCESS)]


@pytest.mark.attack("M3")
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_publishing_what_is_not_allowed(make_world: MakeWorld, qos: int) -> None:
    """0x87; before 5.0 acknowledged and dropped ([MQTT-3.3.5-2] of 3.1.1). Nothing is routed or retained."""
    world = make_world(access_of("topic read #\ntopic write open/#\n"))
    seen = world.subscriber("#")
    for version in (3, 4, 5):
        client = world.connect("p", version)
        client.publish("closed", b"x", qos, True)
        acks = client.acks()
        if qos == 0:
            assert acks == []
        elif version == 5:
            assert acks == [(PUBACK if qos == 1 else PUBREC, 1, Reason.NOT_AUTHORIZED)]
        else:
            assert [kind for kind, _, _ in acks] == ([PUBACK] if qos == 1 else [PUBREC, PacketType.PUBCOMP])
        client.publish("open/x", b"%d" % version, qos)
    assert seen.payloads() == [b"3", b"4", b"5"]
    assert world.broker.retained.count == 0


@pytest.mark.attack("M3")
def test_an_alias_is_no_way_around(make_world: MakeWorld) -> None:
    """The topic behind an alias is checked each time."""
    world = make_world(access_of("topic read #\ntopic write open/#\n"))
    seen = world.subscriber("#")
    client = world.connect("p")
    client.publish("closed", b"1", 1, alias=1)
    client.publish("", b"2", 1, alias=1, send_topic=False)
    assert {reason for _, _, reason in client.acks()} == {Reason.NOT_AUTHORIZED}
    assert seen.payloads() == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x36\x06\0\1a\0\1\0", Reason.MALFORMED_PACKET),  # [MQTT-3.3.1-4]
        (b"\x38\x04\0\1a\0", Reason.MALFORMED_PACKET),  # [MQTT-3.3.1-2]
        (b"\x32\x06\0\1a\0\0\0", Reason.PROTOCOL_ERROR),  # [MQTT-2.2.1-3]
        (b"\x30\x03\0\0\0", Reason.PROTOCOL_ERROR),  # [MQTT-4.7.3-1], CVE-2021-34432
        (b"\x30\x05\0\2a#\0", Reason.TOPIC_NAME_INVALID),  # [MQTT-3.3.2-2]
        (b"\x30\x05\0\2+a\0", Reason.TOPIC_NAME_INVALID),  # [MQTT-4.7.0-1]
        (b"\x30\x05\0\2a\0\0", Reason.MALFORMED_PACKET),  # [MQTT-4.7.3-2]
        (b"\x30\x05\0\2\xc0\x80\0", Reason.MALFORMED_PACKET),  # [MQTT-1.5.4-1]
        (b"\x30\x06\0\1a\2\x0b\1", Reason.PROTOCOL_ERROR),  # [MQTT-3.3.4-6]
        (b"\x30\x09\0\1a\5\x08\0\2a#", Reason.PROTOCOL_ERROR),  # [MQTT-3.3.2-14]
        (b"\x30\x06\0\1a\2\1\2", Reason.PROTOCOL_ERROR),  # §3.3.2.3.2
        (b"\x30\x06\0\1a\2\x7f\1", Reason.MALFORMED_PACKET),
        (b"\x30\x08\0\1a\5\x02\0\0\0", Reason.MALFORMED_PACKET),
        (b"\x30\x80\x80\x80\x80\x01", Reason.MALFORMED_PACKET),  # CVE-2026-21888
        (b"\x30\x84\x00\0\1a\0", Reason.MALFORMED_PACKET),  # [MQTT-1.5.5-1]
    ],
)
@pytest.mark.attack("M1")
def test_what_no_client_may_send(world: World, data: bytes, reason: Reason) -> None:
    """[MQTT-4.13.1-1]: told, closed, and nobody else is disturbed."""
    seen = world.subscriber("#")
    other = world.connect("q")
    client = world.connect("p").send(publish_bytes(5, "a", b"before") + data + publish_bytes(5, "a", b"behind"))
    assert client.ended(reason)
    assert seen.payloads() == [b"before"]
    other.publish("a", b"after")
    assert seen.payloads() == [b"after"]


def test_dup_is_not_passed_on(world: World) -> None:
    """[MQTT-3.3.1-3]."""
    seen = world.subscriber("a")
    client = world.connect("p")
    client.send(publish_bytes(5, "a", b"x", 1, packet_id=5, dup=True))
    client.send(publish_bytes(5, "a", b"x", 2, packet_id=6, dup=True))
    assert [each.dup for each in seen.publishes()] == [False, False]


def test_what_goes_to_a_client_that_does_not_read(make_world: MakeWorld) -> None:
    """QoS 0 is dropped and counted beyond a bound; QoS 1 and 2 wait in the session; others are not disturbed."""
    world = make_world(max_backlog=1000)
    slow, quick = world.connect("slow"), world.connect("quick")
    for client in (slow, quick):
        client.subscribe("a", qos=1)
    publisher = world.connect("p")
    slow.connection.block(True)
    slow.connection.backlog = 1001
    for number in range(10):
        publisher.publish("a", b"%d" % number, number % 2)
    publisher.send(publish_bytes(5, "a", b"run") * 5)
    assert len(quick.payloads()) == 15
    assert slow.take() == []
    assert world.broker.stats.publish_dropped == 10
    assert world.broker.sessions["slow"].queue_count == 5
    slow.connection.backlog = 0
    slow.connection.block(False)
    world.settle()
    assert slow.payloads() == [b"1", b"3", b"5", b"7", b"9"]
