"""Shared subscriptions: MQTT 5.0 §4.8.2."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.mqtt.broker.conftest import MakeWorld
from tests.support.mqttbroker.world import Client, Seen, World, access_of

from socketworkers_mqtt.codec import PacketType, Publish, Reason
from socketworkers_mqtt.codec import Subscription as Wanted


def members(world: World, count: int, filter: str = "$share/g/a/#", qos: int = 2, **options: bool) -> list[Client]:
    made = []
    for number in range(count):
        client = world.lasting(f"m{number}", **options)
        client.subscribe(filter, qos=qos)
        made.append(client)
    return made


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_each_message_goes_to_one(world: World, qos: int) -> None:
    """§4.8.2: to one member of each group, and to those that are subscribed otherwise."""
    group = members(world, 3)
    other = world.subscriber("$share/other/a/#", client_id="other")
    plain = world.subscriber("a/#")
    publisher = world.connect("p")
    for number in range(30):
        publisher.publish("a/b", b"%d" % number, qos)
    got = [client.payloads() for client in group]
    assert [len(each) for each in got] == [10, 10, 10], "in turn"
    assert sorted((payload for each in got for payload in each), key=int) == [b"%d" % number for number in range(30)]
    assert len(other.payloads()) == len(plain.payloads()) == 30


def test_groups_are_by_name_and_filter(world: World) -> None:
    """§4.8.2: the same name with another filter is another shared subscription."""
    one, two = world.connect("1"), world.connect("2")
    one.subscribe("$share/g/a")
    two.subscribe("$share/g/+")
    world.connect("p").publish("a", b"x")
    assert one.payloads() == two.payloads() == [b"x"]


@pytest.mark.parametrize(
    "filter", ["$share", "$share/", "$share//a", "$share/g", "$share/g/", "$share/g+/a", "$share/#/a", "$share/+/a"]
)
def test_bad_names(world: World, filter: str) -> None:
    """[MQTT-4.8.2-1], [MQTT-4.8.2-2]."""
    client = world.connect("s")
    data = b"\0\1\0" + len(filter).to_bytes(2, "big") + filter.encode() + b"\0"
    client.send(b"\x82" + bytes((len(data),)) + data)
    if filter == "$share":
        assert not client.closed, "it is a topic filter like another"
    else:
        assert client.ended(Reason.TOPIC_FILTER_INVALID)


def test_the_members_qos(world: World) -> None:
    """[MQTT-4.8.2-3]: the QoS that was granted to the one that gets it."""
    low, high = world.connect("low"), world.connect("high")
    low.subscribe("$share/g/a", qos=0)
    high.subscribe("$share/g/a", qos=2)
    for _ in range(4):
        world.connect("p").publish("a", b"x", 1)
    assert [each.qos for each in low.seen()] == [0, 0]
    assert [each.qos for each in high.seen()] == [1, 1]


def test_options_of_a_member(world: World) -> None:
    """Retain as published and identifiers hold for shared subscriptions as well."""
    client = world.connect("s")
    client.subscribe(Wanted("$share/g/a", 1, retain_as_published=True), identifier=5)
    world.connect("p").publish("a", b"x", 1, True)
    (got,) = client.publishes()
    assert got.retain
    assert got.properties is not None
    assert got.properties.subscription_ids == (5,)


def test_those_who_are_away_are_passed_over(world: World) -> None:
    """A connected member goes before one that would have to be waited for."""
    away, here = members(world, 2)
    away.drop()
    for number in range(4):
        world.connect("p").publish("a", b"%d" % number, 1)
    assert len(here.payloads()) == 4
    here.drop()
    world.connect("p").publish("a", b"later", 1)
    world.connect("p").publish("a", b"lost", 0)
    got = [world.lasting(f"m{number}").payloads() for number in range(2)]
    assert sorted(got) == [[], [b"later"]], "kept by one of them"


@pytest.mark.parametrize("restart", [False, True])
def test_qos_2_stays_with_its_member(world: World, restart: bool) -> None:
    """[MQTT-4.8.2-4], [MQTT-4.8.2-5]: completed when it comes back; to nobody else if its session ends."""
    one, two = members(world, 2, auto=False)
    for number in range(4):
        world.connect("p").publish("a", b"%d" % number, 2)
    first, second = one.publishes(), two.publishes()
    assert len(first) == len(second) == 2
    one.ack(PacketType.PUBREC, first[0].packet_id)
    one.drop()
    if restart:
        world.restart()
        two = world.lasting("m1", auto=False)
        two.take()
    again = world.lasting("m0", auto=False)
    assert [(each.packet_id, each.payload) for each in again.publishes()] == [(first[1].packet_id, first[1].payload)]
    again.drop()
    assert world.broker.kick("m0", forget=True)
    world.settle()
    assert two.publishes() == []


def test_qos_1_goes_to_another_when_the_session_ends(world: World) -> None:
    """§4.8.2: what was not acknowledged, and what waited."""
    one, two = members(world, 2, qos=1, auto=False)
    publisher = world.connect("p")
    for number in range(6):
        publisher.publish("a", b"%d" % number, 1)
    mine, theirs = one.payloads(), two.publishes()
    assert len(mine) == len(theirs) == 3
    one.disconnect(session_expiry_interval=0)
    assert two.payloads() == mine
    for each in theirs:
        two.ack(PacketType.PUBACK, each.packet_id)
    two.drop()
    three = world.lasting("m2")
    three.subscribe("$share/g/a/#", qos=1)
    assert world.broker.kick("m1", forget=True)
    world.settle()
    assert sorted(three.payloads()) == sorted(mine), "in turn to the next"


def test_what_only_waited_goes_to_another_too(world: World) -> None:
    """QoS 2 whose delivery had not begun may go to others (§4.8.2)."""
    one = world.lasting("m0", auto=False, receive_maximum=1)
    one.subscribe("$share/g/a", qos=2)
    publisher = world.connect("p")
    for number in range(3):
        publisher.publish("a", b"%d" % number, 2)
    two = world.lasting("m1")
    two.subscribe("$share/g/a", qos=2)
    assert one.payloads() == [b"0"]
    one.disconnect(session_expiry_interval=0)
    assert two.seen() == [Seen("a", b"1", 2), Seen("a", b"2", 2)]


@pytest.mark.parametrize("reason", [Reason.UNSPECIFIED_ERROR, Reason.NOT_AUTHORIZED])
@pytest.mark.parametrize("qos", [1, 2])
def test_a_refused_message_goes_to_nobody_else(world: World, qos: int, reason: Reason) -> None:
    """[MQTT-4.8.2-6]."""
    one, two = members(world, 2, qos=qos, auto=False)
    world.connect("p").publish("a", b"x", qos)
    one.ack(PacketType.PUBACK if qos == 1 else PacketType.PUBREC, one.only(Publish).packet_id, reason)
    one.disconnect(session_expiry_interval=0)
    assert two.publishes() == []


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("qos", [1, 2])
def test_a_member_that_is_subscribed_twice(world: World, qos: int, restart: bool) -> None:
    """A shared and an ordinary subscription of one session, or two shared ones: a copy for each, none forgotten."""
    client = world.lasting("s", auto=False)
    client.subscribe("a", "$share/g/a", "$share/h/a", qos=qos)
    world.connect("p").publish("a", b"x", qos)
    got = client.publishes()
    assert len(got) == 3
    client.ack(PacketType.PUBACK if qos == 1 else PacketType.PUBREC, got[0].packet_id)
    if qos == 2:
        client.ack(PacketType.PUBCOMP, got[0].packet_id)
    client.drop()
    if restart:
        world.restart()
    again = world.lasting("s", auto=False).publishes()
    assert [each.packet_id for each in again] == [each.packet_id for each in got[1:]]


def test_leaving(world: World) -> None:
    """UNSUBSCRIBE with the whole filter; the others get what comes then."""
    one, two = members(world, 2)
    one.unsubscribe("a/#")
    assert world.broker.router.tree.shared_count == 2
    one.unsubscribe("$share/g/a/#")
    for _ in range(4):
        world.connect("p").publish("a", b"x", 1)
    assert (len(one.payloads()), len(two.payloads())) == (0, 4)
    two.unsubscribe("$share/g/a/#")
    assert world.broker.router.tree.count == 0
    publisher = world.connect("q")
    publisher.publish("a", b"x", 1)
    assert publisher.acks() == [(PacketType.PUBACK, 1, Reason.NO_MATCHING_SUBSCRIBERS)]


@pytest.mark.attack("M3")
def test_permissions_of_members(make_world: MakeWorld) -> None:
    """``$share`` gives nobody what the plain filter would not."""
    world = make_world(
        access_of("topic read a/open\nuser boss\ntopic readwrite #\n", users={"boss": "b"}, anonymous=True)
    )
    guest, boss = world.connect("guest"), world.connect("boss", username="boss", password=b"b")
    assert guest.subscribe("$share/g/secret").reasons == (Reason.NOT_AUTHORIZED,)
    assert guest.subscribe("$share/g/a/+").reasons == (0,)
    boss.subscribe("$share/g/a/+")
    for _ in range(4):
        boss.publish("a/secret", b"x")
        boss.publish("a/open", b"y")
    got, others = Counter(guest.payloads()), Counter(boss.payloads())
    assert got.keys() == {b"y"}
    assert others[b"x"] == 4, "those that the guest may not read go to the other member"
    assert got[b"y"] + others[b"y"] == 4
