"""Quality of service: MQTT 5.0 §4.3, §4.4, §4.6, §4.9; MQTT 3.1.1 §4.3, §4.4, §4.6."""

from __future__ import annotations

import random

import pytest
from tests.mqtt.broker.conftest import MakeWorld
from tests.support.mqttbroker.world import Client, Seen, World, publish_bytes

from socketworkers_mqtt.codec import Ack, Acks, PacketType, Publish, Reason

PUBACK, PUBREC, PUBREL, PUBCOMP = PacketType.PUBACK, PacketType.PUBREC, PacketType.PUBREL, PacketType.PUBCOMP
VERSIONS = pytest.mark.parametrize("version", [3, 4, 5])


@VERSIONS
@pytest.mark.parametrize("published", [0, 1, 2])
@pytest.mark.parametrize("granted", [0, 1, 2])
def test_the_smaller_qos(world: World, version: int, published: int, granted: int) -> None:
    """[MQTT-3.8.4-8], [MQTT-3.3.4-1]; 3.1.1 [MQTT-3.8.4-6]; once, whichever versions meet."""
    client = world.connect("s", version)
    assert client.subscribe("a", qos=granted).reasons == (granted,)
    for other in (3, 4, 5):
        world.connect("p", other).publish("a", b"x", published)
        assert client.seen() == [Seen("a", b"x", min(published, granted))]


@VERSIONS
def test_qos_0_has_no_answer(world: World, version: int) -> None:
    """[MQTT-4.3.1-1], [MQTT-3.3.1-2]."""
    client = world.connect("p", version)
    client.publish("a", b"x")
    assert client.take() == []


@VERSIONS
def test_qos_1(world: World, version: int) -> None:
    """[MQTT-4.3.2-4], [MQTT-2.2.1-5], [MQTT-4.3.2-5]: after PUBACK the same identifier is a new message."""
    world.subscriber("a", client_id="s")
    publisher = world.connect("p", version)
    for number in range(3):
        publisher.send(publish_bytes(version, "a", b"%d" % number, 1, packet_id=7, dup=number == 2))
    assert publisher.acks() == [(PUBACK, 7, Reason.SUCCESS)] * 3
    assert world.broker.sessions["s"].connection.link.seen() == [Seen("a", b"%d" % n, 1) for n in range(3)]  # type: ignore[union-attr]


@VERSIONS
@pytest.mark.parametrize("lasting", [False, True])
def test_qos_2_once(world: World, version: int, lasting: bool) -> None:
    """[MQTT-4.3.3-8], [MQTT-4.3.3-10], [MQTT-4.3.3-11], [MQTT-4.3.3-12]; 3.1.1 [MQTT-4.3.3-2]."""
    seen = world.subscriber("a")
    publisher = (world.lasting if lasting else world.connect)("p", version, auto=False)
    for dup in (False, True, True):
        publisher.send(publish_bytes(version, "a", b"x", 2, packet_id=9, dup=dup))
        assert publisher.acks() == [(PUBREC, 9, Reason.SUCCESS)]
    assert seen.seen() == [Seen("a", b"x", 2)]
    for _ in range(2):
        publisher.ack(PUBREL, 9)
    first, second = publisher.acks()
    assert first == (PUBCOMP, 9, Reason.SUCCESS)
    assert second == (PUBCOMP, 9, Reason.PACKET_IDENTIFIER_NOT_FOUND if version == 5 else Reason.SUCCESS)
    publisher.send(publish_bytes(version, "a", b"y", 2, packet_id=9))
    assert seen.seen() == [Seen("a", b"y", 2)], "[MQTT-4.3.3-12]: it is a new message now"


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("restart", [False, True])
def test_a_publisher_of_qos_2_comes_back(world: World, version: int, restart: bool) -> None:
    """[MQTT-4.3.3-10]: over connections, and over a restart of the server."""
    seen = world.lasting("s")
    seen.subscribe("a", qos=2)
    publisher = world.lasting("p", version, auto=False)
    publisher.send(publish_bytes(version, "a", b"x", 2, packet_id=1))
    publisher.send(publish_bytes(version, "a", b"y", 2, packet_id=2))
    publisher.ack(PUBREL, 1)
    got = seen.payloads()
    publisher.drop()
    if restart:
        world.restart()
        seen = world.lasting("s")
    publisher = world.lasting("p", version, auto=False)
    publisher.send(publish_bytes(version, "a", b"y", 2, packet_id=2, dup=True))
    publisher.send(publish_bytes(version, "a", b"z", 2, packet_id=1))
    assert [(kind, number) for kind, number, _ in publisher.acks()] == [(PUBREC, 2), (PUBREC, 1)]
    got += seen.payloads()
    assert got == [b"x", b"y", b"z"]


@VERSIONS
def test_sending_qos_2(world: World, version: int) -> None:
    """[MQTT-4.3.3-1] to [MQTT-4.3.3-6]: PUBLISH, PUBREL for each PUBREC, never PUBLISH again."""
    client = world.connect("s", version, auto=False)
    client.subscribe("a", qos=2)
    world.connect("p").publish("a", b"x", 2)
    got = client.only(Publish)
    assert (got.qos, got.dup) == (2, False)
    for _ in range(2):
        client.ack(PUBREC, got.packet_id)
        assert client.acks() == [(PUBREL, got.packet_id, Reason.SUCCESS)]
    client.ack(PUBCOMP, got.packet_id)
    assert client.take() == []
    assert not world.broker.sessions["s"].inflight


def test_pubrec_for_nothing(world: World) -> None:
    """§3.6.2.1: 0x92 in PUBREL; the client's side is done with it too."""
    client = world.connect(auto=False)
    client.ack(PUBREC, 5)
    assert client.acks() == [(PUBREL, 5, Reason.PACKET_IDENTIFIER_NOT_FOUND)]
    client.ack(PUBREC, 5, Reason.UNSPECIFIED_ERROR)
    assert client.take() == []
    assert not client.closed


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("reason", [Reason.UNSPECIFIED_ERROR, Reason.NOT_AUTHORIZED, Reason.QUOTA_EXCEEDED])
def test_a_client_that_refuses_a_message(world: World, qos: int, reason: Reason) -> None:
    """[MQTT-4.4.0-2], [MQTT-4.8.2-6]: it is not sent again, and its place is free."""
    client = world.lasting("s", auto=False, receive_maximum=1)
    client.subscribe("a", qos=qos)
    publisher = world.connect("p")
    publisher.publish("a", b"1", 2)
    publisher.publish("a", b"2", 2)
    client.ack(PUBACK if qos == 1 else PUBREC, client.only(Publish).packet_id, reason)
    assert client.payloads() == [b"2"]
    client.drop()
    assert world.lasting("s", auto=False).payloads() == [b"2"]


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("restart", [False, True])
def test_redelivery(world: World, qos: int, version: int, restart: bool) -> None:
    """[MQTT-4.4.0-1], [MQTT-3.3.1-1], [MQTT-4.6.0-1]: on reconnection, in order, same identifier, with DUP.

    [MQTT-4.3.2-2], [MQTT-4.3.2-3]: the first time without DUP, and owed until it is acknowledged.
    """
    client = world.lasting("s", version, auto=False)
    client.subscribe("a", qos=qos)
    publisher = world.connect("p")
    for number in range(5):
        publisher.publish("a", b"%d" % number, qos)
    before = client.publishes()
    assert not any(each.dup for each in before)
    client.ack(PUBACK if qos == 1 else PUBREC, before[1].packet_id)
    if qos == 2:
        client.ack(PUBCOMP, before[1].packet_id)
    client.drop()
    if restart:
        world.restart()
    publisher = world.connect("p")
    publisher.publish("a", b"new", qos)
    after = world.lasting("s", version, auto=False).publishes()
    assert [(each.payload, each.packet_id, each.dup) for each in after[:-1]] == [
        (each.payload, each.packet_id, True) for number, each in enumerate(before) if number != 1
    ]
    assert (after[-1].payload, after[-1].dup) == (b"new", False)
    assert len({each.packet_id for each in after}) == 5


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("restart", [False, True])
def test_redelivery_of_pubrel(world: World, version: int, restart: bool) -> None:
    """[MQTT-4.4.0-1], [MQTT-4.3.3-5], [MQTT-4.3.3-6]: what was released is not published again."""
    client = world.lasting("s", version, auto=False)
    client.subscribe("a", qos=2)
    world.connect("p").publish("a", b"x", 2)
    number = client.only(Publish).packet_id
    client.ack(PUBREC, number)
    client.drop()
    if restart:
        world.restart()
    again = world.lasting("s", version, auto=False)
    assert again.take() == [Acks(PUBREL, [number])]
    again.ack(PUBCOMP, number)
    again.drop()
    assert world.lasting("s", version, auto=False).take() == []
    assert not world.storage.sql.value("select count(*) from queue")


@pytest.mark.parametrize("version", [4, 5])
def test_nothing_is_sent_again_on_the_same_connection(world: World, version: int) -> None:
    """[MQTT-4.4.0-1]: at no other time."""
    client = world.lasting("s", version, auto=False)
    client.subscribe("a", qos=1)
    world.connect("p").publish("a", b"x", 1)
    assert len(client.publishes()) == 1
    world.advance(3600)
    world.connect("p").publish("a", b"y", 1)
    assert client.payloads() == [b"y"]


def test_receive_maximum_of_the_client(world: World) -> None:
    """[MQTT-3.3.4-9], [MQTT-4.9.0-1], [MQTT-4.9.0-2]: QoS 1 and 2 together, QoS 0 beside them, others go on."""
    client = world.connect("s", receive_maximum=2, auto=False)
    client.subscribe("a", qos=2)
    publisher = world.connect("p")
    for number in range(6):
        publisher.publish("a", b"%d" % number, 1 + number % 2)
    publisher.publish("a", b"zero", 0)
    client.ping()
    first, second, zero = client.publishes()
    assert [first.payload, second.payload, zero.payload] == [b"0", b"1", b"zero"], "[MQTT-3.3.4-10], [MQTT-4.9.0-3]"
    client.ack(PUBACK, first.packet_id)
    assert client.payloads() == [b"2"]
    client.ack(PUBREC, second.packet_id)
    assert client.payloads() == [], "not until PUBCOMP"
    client.ack(PUBCOMP, second.packet_id)
    assert client.payloads() == [b"3"]


@pytest.mark.parametrize("restart", [False, True])
def test_receive_maximum_on_reconnection(world: World, restart: bool) -> None:
    """[MQTT-3.3.4-9], §4.9: a smaller one of the new connection holds for what is sent again as well."""
    client = world.lasting("s", auto=False)
    client.subscribe("a", qos=2)
    publisher = world.connect("p")
    for number in range(10):
        publisher.publish("a", b"%d" % number, 1 + number % 2)
    got = client.publishes()
    assert len(got) == 10
    client.ack(PUBREC, got[9].packet_id)
    client.drop()
    if restart:
        world.restart()
        publisher = world.connect("p")
    publisher.publish("a", b"new", 1)
    client = world.lasting("s", auto=False, receive_maximum=3)
    seen: list[bytes] = []
    underway: list[Publish] = []
    while True:
        for packet in client.take():
            if isinstance(packet, Publish):
                underway.append(packet)
                seen.append(packet.payload)
                assert packet.dup == (packet.payload != b"new")
            elif isinstance(packet, Acks) and packet.kind == PUBREL:
                for number in packet.packet_ids:
                    client.ack(PUBCOMP, number)
        assert len(underway) <= 3
        if not underway:
            break
        packet = underway.pop(0)
        client.ack(PUBACK if packet.qos == 1 else PUBREC, packet.packet_id)
        if packet.qos == 2:
            client.ack(PUBCOMP, packet.packet_id)
    assert seen[:3] == [b"0", b"1", b"2"]


def test_receive_maximum_of_the_server(make_world: MakeWorld) -> None:
    """[MQTT-3.3.4-7], §3.3.4: 0x93 for one that is too many; acknowledged ones do not count."""
    world = make_world(receive_maximum=3)
    client = world.connect("p", auto=False)
    for number in range(1, 4):
        client.send(publish_bytes(5, "a", b"x", 2, packet_id=number))
    client.send(publish_bytes(5, "a", b"x", 0) * 10)
    assert not client.closed
    client.ack(PUBREL, 2)
    client.send(publish_bytes(5, "a", b"x", 2, packet_id=2))
    client.send(publish_bytes(5, "a", b"x", 2, packet_id=3, dup=True))
    assert not client.closed, "the same one again is not one more"
    client.send(publish_bytes(5, "a", b"x", 1, packet_id=9))
    assert client.ended(Reason.RECEIVE_MAXIMUM_EXCEEDED)


def test_receive_maximum_while_the_disk_works(make_world: MakeWorld) -> None:
    """What waits for the disk is not acknowledged, and counts."""
    world = make_world(receive_maximum=3)
    world.lasting("s").subscribe("a", qos=1)
    client = world.connect("p")
    world.disk_held = True
    for number in range(1, 4):
        client.send(publish_bytes(5, "a", b"x", 1, packet_id=number))
    assert client.acks() == []
    world.sync()
    assert len(client.acks()) == 3
    world.disk_held = True
    for number in range(1, 5):
        client.send(publish_bytes(5, "a", b"x", 1, packet_id=number))
    assert client.ended(Reason.RECEIVE_MAXIMUM_EXCEEDED)


def test_receive_maximum_over_connections(make_world: MakeWorld) -> None:
    """§4.9: each connection begins anew; what is released of an earlier one makes no room for more."""
    world = make_world(receive_maximum=3)
    client = world.lasting("p", auto=False)
    for number in range(1, 4):
        client.send(publish_bytes(5, "a", b"x", 2, packet_id=number))
    client.drop()
    client = world.lasting("p", auto=False)
    for number in range(1, 4):
        client.ack(PUBREL, number)
    for number in range(1, 4):
        client.send(publish_bytes(5, "a", b"x", 2, packet_id=number))
    assert not client.closed
    client.send(publish_bytes(5, "a", b"x", 2, packet_id=4))
    assert client.ended(Reason.RECEIVE_MAXIMUM_EXCEEDED)


@pytest.mark.parametrize("version", [3, 4])
def test_before_5_0_there_is_no_receive_maximum(make_world: MakeWorld, version: int) -> None:
    """A client may have as many messages underway as it has identifiers."""
    world = make_world(receive_maximum=3)
    seen = world.subscriber("a", qos=0)
    client = world.connect("p", version, auto=False)
    for number in range(1, 6001):
        client.connection.receive(publish_bytes(version, "a", b"x", 2, packet_id=number))
    world.settle()
    assert len(client.acks()) == 6000
    assert len(seen.payloads()) == 6000
    for number in range(1, 6001):
        client.connection.receive(bytes((0x62, 2)) + number.to_bytes(2, "big"))
    world.settle()
    assert len(client.acks()) == 6000
    assert not world.broker.sessions["p"].incoming


@pytest.mark.parametrize("kind", [PUBACK, PUBREC, PUBCOMP])
def test_an_acknowledgement_of_nothing_is_ignored(world: World, kind: PacketType) -> None:
    """§4.3: it may be of an earlier connection (M1: a PUBACK that was never asked for)."""
    client = world.connect("s")
    for version in (4, 5):
        client = world.connect("s", version, auto=False)
        client.ack(kind, 77)
        assert not client.closed
        if kind is not PUBREC:
            assert client.take() == []


@pytest.mark.parametrize(("qos", "kind"), [(1, PUBREC), (1, PUBCOMP), (2, PUBACK), (2, PUBCOMP)])
def test_an_acknowledgement_that_does_not_fit(world: World, qos: int, kind: PacketType) -> None:
    """§4.3, §4.13: the wrong one for the QoS, or out of its turn: a Protocol Error, or no harm."""
    client = world.lasting("s", auto=False)
    client.subscribe("a", qos=qos)
    world.connect("p").publish("a", b"x", qos)
    number = client.only(Publish).packet_id
    client.ack(kind, number)
    if kind is PUBREC:
        assert [(each, reason) for each, _, reason in client.acks()] == [(PUBREL, Reason.PACKET_IDENTIFIER_NOT_FOUND)]
        client.drop()
    else:
        assert client.ended(Reason.PROTOCOL_ERROR)
    assert world.lasting("s", auto=False).payloads() == [b"x"], "it is still owed"


def order(client: Client) -> dict[tuple[str, int], list[bytes]]:
    """Payloads by topic and QoS in the order in which they came."""
    found: dict[tuple[str, int], list[bytes]] = {}
    for each in client.seen():
        found.setdefault((each.topic, each.qos), []).append(each.payload)
    return found


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("held", [False, True])
def test_order_of_messages(world: World, seed: int, held: bool) -> None:
    """[MQTT-4.6.0-5], [MQTT-4.6.0-6], [MQTT-4.2.0-1]: per topic and QoS, whatever waits for the disk."""
    chooser = random.Random(seed)
    client = world.lasting("s", receive_maximum=chooser.choice([1, 3, 100]))
    client.subscribe("#", qos=2)
    other = world.connect("t")
    other.subscribe("#", qos=2)
    publisher = world.connect("p")
    sent: dict[tuple[str, int], list[bytes]] = {}
    for number in range(200):
        topic, qos = chooser.choice("ab"), chooser.randint(0, 2)
        world.disk_held = held and chooser.random() < 0.7
        publisher.publish(topic, b"%d" % number, qos)
        sent.setdefault((topic, qos), []).append(b"%d" % number)
        if held and chooser.random() < 0.2:
            world.sync()
    world.sync()
    assert order(client) == sent
    assert order(other) == sent


def test_acknowledgements_are_in_order(world: World) -> None:
    """[MQTT-4.6.0-2], [MQTT-4.6.0-3], [MQTT-4.6.0-4]: also when only some wait for the disk."""
    world.lasting("s").subscribe("lasting", qos=2)
    world.subscriber("plain", client_id="t")
    client = world.connect("p", auto=False)
    expected: list[tuple[PacketType, int]] = []
    for number in range(1, 60):
        world.disk_held = True
        qos = 1 + number % 3 % 2
        client.send(publish_bytes(5, "lasting" if number % 4 == 0 else "plain", b"x", qos, packet_id=number))
        expected.append((PUBACK if qos == 1 else PUBREC, number))
        if number % 10 == 9:
            world.sync()
    world.sync()
    assert [(kind, number) for kind, number, _ in client.acks()] == expected


def test_pubrels_are_in_the_order_of_pubrecs(world: World) -> None:
    """[MQTT-4.6.0-4]."""
    client = world.lasting("s", auto=False)
    client.subscribe("a", qos=2)
    for number in range(10):
        world.connect("p").publish("a", b"%d" % number, 2)
    ids = [each.packet_id for each in client.publishes()]
    random.Random(1).shuffle(ids)
    for number in ids:
        world.disk_held = True
        client.ack(PUBREC, number)
    world.sync()
    assert [number for kind, number, _ in client.acks() if kind is PUBREL] == ids


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("promise", ["a session", "a retained message", "the publisher's own"])
def test_acknowledgements_wait_for_the_disk(world: World, qos: int, promise: str) -> None:
    """What is acknowledged is on disk; what nobody has to remember is acknowledged at once."""
    if promise == "a session":
        world.lasting("s").subscribe("a", qos=2)
    client = (world.lasting if promise == "the publisher's own" else world.connect)("p", auto=False)
    world.disk_held = True
    client.publish("a", b"x", qos, promise == "a retained message")
    waits = promise != "the publisher's own" or qos == 2
    assert (client.acks() == []) == waits
    world.sync()
    assert len(client.acks()) == waits
    if qos == 2:
        world.disk_held = True
        client.ack(PUBREL, 1)
        assert (client.acks() == []) == (promise == "the publisher's own")
        world.sync()


def test_subscriptions_wait_for_the_disk(world: World) -> None:
    """SUBACK and UNSUBACK promise something too, to a session that lasts."""
    client = world.lasting("s")
    world.disk_held = True
    client.send(b"\x82\x07\0\1\0\0\1a\1", b"\xa2\x06\0\2\0\0\1a")
    assert client.take() == []
    client.ping()
    assert len(client.take()) == 1
    world.sync()
    assert [type(packet).__name__ for packet in client.take()] == ["Suback", "Unsuback"]


@pytest.mark.parametrize("lasting", [False, True])
def test_a_qos_2_message_is_not_sent_before_it_is_safe(world: World, lasting: bool) -> None:
    """A crash between the two would route it again when its publisher repeats it: twice is once too often."""
    client = world.lasting("s", auto=False)
    client.subscribe("a", qos=2)
    plain = world.connect("t", auto=False)
    plain.subscribe("a", qos=2)
    publisher = (world.lasting if lasting else world.connect)("p", auto=False)
    world.disk_held = True
    publisher.publish("a", b"x", 2)
    assert client.take() == []
    assert plain.take() == []
    again = world.lasting("s", auto=False)
    assert again.publishes() == [], "nor on a new connection"
    world.sync()
    assert again.payloads() == [b"x"]
    assert plain.payloads() == [b"x"]


def test_pubrel_is_not_sent_before_it_is_safe(world: World) -> None:
    """A crash would publish again what the client has forgotten."""
    client = world.lasting("s", auto=False)
    client.subscribe("a", qos=2)
    world.connect("p").publish("a", b"x", 2)
    number = client.only(Publish).packet_id
    world.disk_held = True
    client.ack(PUBREC, number)
    assert client.take() == []
    again = world.lasting("s", auto=False)
    assert again.take() == [], "nor on a new connection"
    world.sync()
    assert again.acks() == [(PUBREL, number, Reason.SUCCESS)]


@pytest.mark.parametrize("restart", [False, True])
def test_expiry_of_what_waits(world: World, restart: bool) -> None:
    """[MQTT-3.3.2-5], [MQTT-3.3.2-6]; what was sent once is owed, [MQTT-4.3.3-7], [MQTT-4.3.3-13]."""
    client = world.lasting("s", auto=False, receive_maximum=1)
    client.subscribe("a", qos=2)
    publisher = world.connect("p")
    for payload, expiry in ((b"sent", 10), (b"short", 10), (b"long", 100), (b"ever", None)):
        publisher.publish("a", payload, 2, expiry=expiry)
    (sent,) = client.publishes()
    assert sent.properties is not None
    assert sent.properties.expiry == 10
    client.drop()
    world.advance(50)
    if restart:
        world.restart()
    client = world.lasting("s", auto=False)
    again, long, ever = client.publishes()
    assert (again.payload, again.dup) == (b"sent", True)
    assert again.properties is not None
    assert again.properties.expiry == 0
    assert long.payload == b"long"
    assert long.properties is not None
    assert long.properties.expiry == 50
    assert ever.payload == b"ever"
    assert ever.properties is None or ever.properties.expiry is None
    assert world.storage.sql.value("select count(*) from queue") == 3


def test_expiry_before_5_0(world: World) -> None:
    """A 3.1.1 client gets no expiry, but nothing that has expired either."""
    client = world.lasting("s", 4)
    client.subscribe("a", qos=1)
    client.drop()
    world.connect("p").publish("a", b"short", 1, expiry=10)
    world.connect("p").publish("a", b"long", 1, expiry=100)
    world.advance(50)
    assert world.lasting("s", 4).payloads() == [b"long"]


@pytest.mark.parametrize("qos", [1, 2])
def test_packet_identifiers_are_free_ones(make_world: MakeWorld, qos: int) -> None:
    """[MQTT-2.2.1-4], [MQTT-4.3.2-1], [MQTT-4.3.3-1]: never 0, never one that is underway, also around 65,535."""
    world = make_world(max_inflight=50)
    client = world.connect("s", auto=False, receive_maximum=50)
    client.subscribe("a", qos=qos)
    world.broker.sessions["s"]._next_id = 65_500
    publisher = world.connect("p", 4)
    chooser = random.Random(7)
    underway: list[int] = []
    for _ in range(200):
        publisher.publish("a", b"x", qos)
        for each in client.publishes():
            assert 1 <= each.packet_id <= 65_535
            assert each.packet_id not in underway
            underway.append(each.packet_id)
        if len(underway) > 30:
            number = underway.pop(chooser.randrange(len(underway)))
            client.ack(PUBACK if qos == 1 else PUBREC, number)
            if qos == 2:
                client.ack(PUBCOMP, number)


def test_qos_2_refused_by_the_server_is_new_the_next_time(make_world: MakeWorld) -> None:
    """[MQTT-4.3.3-9]."""
    world = make_world(max_retained=0)
    seen = world.subscriber("a")
    client = world.connect("p", auto=False)
    client.send(publish_bytes(5, "a", b"x", 2, True, packet_id=3))
    assert client.acks() == [(PUBREC, 3, Reason.QUOTA_EXCEEDED)]
    client.send(publish_bytes(5, "a", b"y", 2, packet_id=3))
    assert client.acks() == [(PUBREC, 3, Reason.SUCCESS)]
    assert seen.payloads() == [b"y"]


def test_reason_strings_of_acknowledgements(world: World) -> None:
    """[MQTT-3.4.2-2], [MQTT-3.1.2-29]: there are none, so nothing can be too large or unwanted."""
    client = world.connect("p", request_problem_information=0, auto=False)
    client.publish("a", b"x", 1)
    client.publish("a", b"x", 2)
    for packet in client.take():
        assert isinstance(packet, Ack)
        assert packet.reason is Reason.NO_MATCHING_SUBSCRIBERS
        assert packet.properties.reason_string is None
