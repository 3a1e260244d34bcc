"""Retained messages: MQTT 5.0 §3.3.1.3, §3.8.3.1, §3.3.2.3.3; MQTT 3.1.1 §3.3.1.3."""

from __future__ import annotations

import pytest
from tests.mqtt.broker.conftest import MakeWorld
from tests.support.mqttbroker.world import Seen, World, access_of, publish_bytes

from socketworkers_mqtt.codec import PacketType, Reason, encode_subscribe, encode_unsubscribe
from socketworkers_mqtt.codec import Subscription as Wanted

VERSIONS = pytest.mark.parametrize("version", [3, 4, 5])


@VERSIONS
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("restart", [False, True])
def test_the_last_word_is_kept(world: World, version: int, qos: int, restart: bool) -> None:
    """[MQTT-3.3.1-5], [MQTT-3.3.1-9]; 3.1.1 [MQTT-3.3.1-5], [MQTT-3.3.1-6], [MQTT-3.3.1-8]."""
    publisher = world.connect("p", version)
    publisher.publish("a", b"1", qos, True)
    publisher.publish("a", b"2", qos, True)
    publisher.publish("a", b"3", qos, False)
    if restart:
        world.restart()
    client = world.subscriber("a", version=version)
    assert client.seen() == [Seen("a", b"2", qos, retain=True)], "[MQTT-3.3.1-8]"
    assert world.broker.retained.count == 1


@VERSIONS
@pytest.mark.parametrize("restart", [False, True])
def test_an_empty_payload_removes(world: World, version: int, restart: bool) -> None:
    """[MQTT-3.3.1-6], [MQTT-3.3.1-7]; 3.1.1 [MQTT-3.3.1-10], [MQTT-3.3.1-11]: and is sent on as any message."""
    live = world.subscriber("a", client_id="live")
    publisher = world.connect("p", version)
    publisher.publish("a", b"1", 1, True)
    publisher.publish("a", b"", 1, True)
    publisher.publish("never", b"", 1, True)
    assert live.seen() == [Seen("a", b"1", 1), Seen("a", b"", 1)]
    if restart:
        world.restart()
    assert world.subscriber("#").seen() == []
    assert world.broker.retained.count == 0


@pytest.mark.parametrize("kept", [False, True])
def test_retain_as_published(world: World, kept: bool) -> None:
    """[MQTT-3.3.1-12], [MQTT-3.3.1-13]: only what goes to a subscription that is there; 3.1.1 [MQTT-3.3.1-9]."""
    client = world.connect("s")
    client.subscribe(Wanted("a", 2, retain_as_published=kept))
    for qos in range(3):
        for retain in (True, False):
            world.connect("p").publish("a", b"x", qos, retain)
            assert client.seen() == [Seen("a", b"x", qos, retain=retain and kept)]
    late = world.connect("late")
    late.subscribe(Wanted("a", 0, retain_as_published=kept))
    assert late.seen() == [Seen("a", b"x", 0, retain=True)], "a new subscription gets it with RETAIN either way"


@pytest.mark.parametrize(("handling", "first", "second"), [(0, 1, 1), (1, 1, 0), (2, 0, 0)])
@pytest.mark.parametrize("filter", ["a", "+", "#"])
def test_retain_handling(world: World, handling: int, first: int, second: int, filter: str) -> None:
    """[MQTT-3.3.1-9], [MQTT-3.3.1-10], [MQTT-3.3.1-11]."""
    world.connect("p").publish("a", b"x", 0, True)
    client = world.connect("s")
    client.subscribe(Wanted(filter, 0, retain_handling=handling))
    assert len(client.seen()) == first
    client.subscribe(Wanted(filter, 0, retain_handling=handling))
    assert len(client.seen()) == second
    client.unsubscribe(filter)
    client.subscribe(Wanted(filter, 0, retain_handling=handling))
    assert len(client.seen()) == first, "it is new again"


@pytest.mark.parametrize("version", [3, 4])
def test_before_5_0_every_subscribe_sends_them_again(world: World, version: int) -> None:
    """3.1.1 [MQTT-3.8.4-3]."""
    world.connect("p").publish("a", b"x", 0, True)
    client = world.connect("s", version)
    for _ in range(3):
        client.subscribe("a")
        assert client.seen() == [Seen("a", b"x", 0, retain=True)]


@pytest.mark.parametrize("published", [0, 1, 2])
@pytest.mark.parametrize("granted", [0, 1, 2])
def test_qos_of_what_is_retained(world: World, published: int, granted: int) -> None:
    """[MQTT-3.8.4-8]: the smaller one."""
    world.connect("p").publish("a", b"x", published, True)
    assert world.subscriber("a", qos=granted).seen() == [Seen("a", b"x", min(published, granted), retain=True)]


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("filter", ["a", "a/#"])
def test_expiry(world: World, restart: bool, filter: str) -> None:
    """§3.3.1.3, §3.3.2.3.3, [MQTT-3.3.2-6]: what is left of the interval is sent; then it is gone, also from disk."""
    world.connect("p").publish("a", b"x", 1, True, expiry=100)
    world.connect("p").publish("b", b"stays", 1, True)
    world.advance(40)
    if restart:
        world.restart()
    (got,) = world.subscriber(filter).publishes()
    assert got.properties is not None
    assert got.properties.expiry == 60
    world.advance(60)
    assert world.subscriber(filter).publishes() == []
    world.advance(30)
    world.broker.handle_timer()
    world.settle()
    assert world.storage.sql.value("select count(*) from retained") == 1
    assert world.broker.retained.count == 1


def test_without_their_client_nothing_is_sent(world: World) -> None:
    """A connection that ends while it is served; and a subscription that is taken back meanwhile."""
    publisher = world.connect("p")
    for number in range(1000):
        publisher.publish(f"a/{number}", b"x", 1, True)
    client = world.connect("s", auto=False)
    client.subscribe("a/#", qos=1)
    assert 0 < len(client.publishes()) < 1000
    client.drop()
    world.settle()
    assert not world.broker.retained.busy
    assert not world.broker.retained._waiting


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("lasting", [False, True])
def test_many(world: World, qos: int, lasting: bool) -> None:
    """Page by page, as fast as the client acknowledges: all of them, each once, those of others not."""
    publisher = world.connect("p")
    for number in range(700):
        publisher.send(publish_bytes(5, f"a/{number:04}", b"%d" % number, 1, True, number + 1))
    for name in ("a", "ab/1", "b/1", "$a/1", "a0"):
        publisher.publish(name, b"other", 1, True)
    client = (world.lasting if lasting else world.connect)("s")
    client.subscribe("a/+", qos=qos)
    got = client.seen()
    assert got == [Seen(f"a/{number:04}", b"%d" % number, min(qos, 1), retain=True) for number in range(700)]
    assert [each.topic for each in world.subscriber("a/#", client_id="t").seen()][:1] == ["a"], "§4.7.1.2"
    assert len(world.subscriber("#", client_id="u").seen()) == 704
    assert [each.topic for each in world.subscriber("+/1", client_id="v").seen()] == ["ab/1", "b/1"]
    assert [each.topic for each in world.subscriber("$a/#", client_id="w").seen()] == ["$a/1"]


def test_several_filters_in_one_subscribe(world: World) -> None:
    """[MQTT-3.8.4-5]: as if each had come alone."""
    world.connect("p").publish("a", b"x", 0, True)
    client = world.connect("s")
    client.subscribe("a", "+", "#", "b")
    assert client.payloads() == [b"x"] * 3


def test_subscription_identifiers_of_what_is_retained(world: World) -> None:
    """[MQTT-3.3.4-3]: of the subscription that asked."""
    world.connect("p").publish("a", b"x", 0, True)
    client = world.connect("s")
    client.subscribe("a", identifier=5)
    client.subscribe("#", identifier=6)
    assert [each.properties.subscription_ids for each in client.publishes()] == [(5,), (6,)]  # type: ignore[union-attr]


def test_not_for_shared_subscriptions(world: World) -> None:
    """§4.8.2: no retained messages when a shared subscription is made."""
    world.connect("p").publish("a", b"x", 0, True)
    assert world.subscriber("$share/g/a").seen() == []


@pytest.mark.attack("M2")
def test_their_number_is_bounded(make_world: MakeWorld) -> None:
    """0x97 beyond it; what is there can be replaced and removed. Before 5.0 there is no such answer."""
    world = make_world(max_retained=3)
    publisher = world.connect("p")
    for number in range(5):
        publisher.publish(f"a/{number}", b"1", 1, True)
        world.advance(0.1)
    assert [reason for _, _, reason in publisher.acks()] == [
        *([Reason.NO_MATCHING_SUBSCRIBERS] * 3), *([Reason.QUOTA_EXCEEDED] * 2)
    ]  # fmt: skip
    publisher.publish("a/4", b"1", 2, True)
    assert publisher.acks() == [(PacketType.PUBREC, 6, Reason.QUOTA_EXCEEDED)]
    publisher.publish("a/1", b"2", 1, True)
    publisher.publish("a/2", b"", 1, True)
    publisher.publish("a/5", b"1", 1, True)
    assert {reason for _, _, reason in publisher.acks()} == {Reason.NO_MATCHING_SUBSCRIBERS}
    assert sorted(each.topic for each in world.subscriber("#").seen()) == ["a/0", "a/1", "a/5"]


@pytest.mark.attack("M3")
def test_only_what_may_be_read(make_world: MakeWorld) -> None:
    """A wildcard gives what is allowed and leaves out the rest."""
    world = make_world(access_of("topic read #\ntopic deny secret/#\nuser boss\ntopic write #\n"))
    publisher = world.connect("p", username="boss")
    for topic in ("secret/a", "open/a"):
        publisher.publish(topic, b"x", 1, True)
    assert world.broker.retained.count == 2
    client = world.connect("z")
    assert client.subscribe("#", "secret/a").reasons == (Reason.GRANTED_QOS_0, Reason.NOT_AUTHORIZED)
    assert [each.topic for each in client.seen()] == ["open/a"]


@pytest.mark.parametrize("filter", ["a", "+"])
@pytest.mark.parametrize("held", [False, True])
def test_behind_their_suback(world: World, filter: str, held: bool) -> None:
    """§3.8.4 allows them before it, and clients like to see it first; what they get is the last word of that time."""
    publisher = world.connect("p")
    publisher.publish("a", b"old", 1, True)
    client = world.lasting("s")
    world.disk_held = held
    client.send(encode_subscribe(5, 1, [Wanted(filter, 0)]))
    publisher.publish("a", b"new", 0, True)
    assert [type(packet).__name__ for packet in client.received] == (
        ["Publish"] if held else ["Suback", "Publish", "Publish"]
    )
    world.sync()
    assert [type(packet).__name__ for packet in client.received] == (
        ["Publish", "Suback", "Publish"] if held else ["Suback", "Publish", "Publish"]
    )
    assert client.payloads() == ([b"new", b"new"] if held else [b"old", b"new"])


def test_no_retained_messages_for_what_was_unsubscribed_meanwhile(world: World) -> None:
    """As above, with an UNSUBSCRIBE that is held as well."""
    world.connect("p").publish("a", b"x", 1, True)
    client = world.lasting("s")
    world.disk_held = True
    client.send(encode_subscribe(5, 1, [Wanted("a", 0)]), encode_unsubscribe(5, 2, ["a"]))
    world.sync()
    assert [type(packet).__name__ for packet in client.take()] == ["Suback", "Unsuback"]
