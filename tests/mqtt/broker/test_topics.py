"""Topic names and filters: MQTT 5.0 §4.7; MQTT 3.1.1 §4.7. The tree against a plain comparison."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.mqttbroker.world import World

from socketworkers_mqtt.access import filters_overlap
from socketworkers_mqtt.codec import Reason
from socketworkers_mqtt.message import Message
from socketworkers_mqtt.session import Session
from socketworkers_mqtt.topics import Subscription, TopicTree, filter_matches

MATCHES = [
    # MQTT 5.0 §4.7.1.2, §4.7.1.3, the examples of the text
    ("sport/tennis/player1/#", "sport/tennis/player1", True),
    ("sport/tennis/player1/#", "sport/tennis/player1/ranking", True),
    ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", True),
    ("sport/#", "sport", True),
    ("#", "sport", True),
    ("#", "/", True),
    ("sport/tennis/+", "sport/tennis/player1", True),
    ("sport/tennis/+", "sport/tennis/player1/ranking", False),
    ("sport/+", "sport", False),
    ("sport/+", "sport/", True),
    ("+", "sport", True),
    ("+/tennis/#", "a/tennis/b/c", True),
    ("+/+", "/finance", True),
    ("/+", "/finance", True),
    ("+", "/finance", False),
    ("sport/+/player1", "sport/tennis/player1", True),
    # §4.7.2
    ("#", "$SYS/a", False),
    ("+/monitor/Clients", "$SYS/monitor/Clients", False),
    ("$SYS/#", "$SYS/a", True),
    ("$SYS/#", "$SYS", True),
    ("$SYS/monitor/+", "$SYS/monitor/Clients", True),
    ("a/#", "a/$b", True),
    ("+/$b", "a/$b", True),
    # §4.7.3: nothing is folded or normalized
    ("ACCOUNTS", "Accounts", False),
    ("/finance", "finance", False),
    ("a//b", "a/b", False),
    ("a/+/b", "a//b", True),
    ("\N{ANGSTROM SIGN}", "\N{LATIN CAPITAL LETTER A WITH RING ABOVE}", False),
    ("A\N{COMBINING RING ABOVE}", "\N{LATIN CAPITAL LETTER A WITH RING ABOVE}", False),
    ("\N{ZERO WIDTH NO-BREAK SPACE}a", "a", False),
]


@pytest.mark.parametrize(("filter", "topic", "matches"), MATCHES)
def test_matching(world: World, filter: str, topic: str, matches: bool) -> None:
    """[MQTT-4.7.1-1], [MQTT-4.7.1-2], [MQTT-4.7.2-1], [MQTT-4.7.3-4], [MQTT-3.3.2-3], [MQTT-1.5.4-3]."""
    assert filter_matches(filter.encode(), topic.encode()) is matches
    client = world.subscriber(filter)
    if topic.startswith("$SYS"):
        world.broker.publish(Message(topic.encode(), b"x", 1))
        world.settle()
        assert len(client.publishes()) == matches
        return
    world.connect("p").publish(topic, b"x", 1)
    assert len(client.publishes()) == matches
    world.connect("p", 4).publish(topic, b"x", 0)
    assert len(client.publishes()) == matches
    world.connect("p", 4).publish(topic, b"x", 0, True)
    client.take()
    assert len(world.subscriber(filter, client_id="late").publishes()) == matches, "retained"


LEVELS = st.sampled_from(["", "a", "b", "$a", "aa"])
TOPICS = st.lists(LEVELS, min_size=1, max_size=5).map("/".join).filter(bool)
FILTERS = st.builds(
    lambda levels, tail: "/".join([*levels, *tail]),
    st.lists(st.one_of(LEVELS, st.just("+")), max_size=4),
    st.sampled_from([["#"], ["+"], ["a"], [""]]),
).filter(bool)


@given(
    st.lists(st.tuples(FILTERS, st.integers(0, 2)), max_size=12), st.lists(TOPICS, min_size=1, max_size=5), st.data()
)
def test_the_tree_finds_what_matches(wanted: list[tuple[str, int]], topics: list[str], data: st.DataObject) -> None:
    """After any row of additions and removals."""
    tree = TopicTree()
    sessions = [Session(f"s{number}", 5) for number in range(3)]
    there: dict[tuple[str, int], Subscription] = {}
    for filter, owner in wanted:
        subscription = Subscription(sessions[owner], filter.encode(), 0)
        assert (tree.add(subscription) is not None) == ((filter, owner) in there)
        there[filter, owner] = subscription
        if data.draw(st.booleans()):
            key = data.draw(st.sampled_from(sorted(there)))
            assert tree.remove(there.pop(key))
    assert tree.count == len(there)
    for topic in topics:
        found, groups = tree.match(topic.encode())
        assert groups == []
        expected = {id(each) for (filter, _), each in there.items() if filter_matches(filter.encode(), topic.encode())}
        assert len(found) == len(expected)
        assert {id(each) for each in found} == expected
    for subscription in there.values():
        assert tree.remove(subscription)
        assert not tree.remove(subscription)
    assert tree._root.empty, "nothing of the tree is left"


@given(FILTERS, FILTERS, TOPICS)
def test_filters_that_overlap(one: str, other: str, topic: str) -> None:
    """A topic that both match shows it; the other way round is for the table of the access rules."""
    if filter_matches(one.encode(), topic.encode()) and filter_matches(other.encode(), topic.encode()):
        assert filters_overlap(one.encode(), other.encode())
    assert filters_overlap(one.encode(), other.encode()) == filters_overlap(other.encode(), one.encode())


@pytest.mark.attack("M2")
def test_levels_are_bounded(world: World) -> None:
    """65,535 slashes are 65,536 levels for a tree."""
    client = world.connect("s")
    topic = b"/" * 5000
    data = b"\0\1\0" + len(topic).to_bytes(2, "big") + topic + b"\0"
    client.send(b"\x82" + bytes((len(data) & 127 | 128, len(data) >> 7)) + data)
    assert client.ended(Reason.TOPIC_FILTER_INVALID)
    client = world.connect("s")
    data = len(topic).to_bytes(2, "big") + topic + b"\0"
    client.send(b"\x30" + bytes((len(data) & 127 | 128, len(data) >> 7)) + data)
    assert client.ended(Reason.TOPIC_NAME_INVALID)


@pytest.mark.attack("M2")
def test_remembered_routes_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A topic for each message is no leak."""
    from socketworkers_mqtt import router

    monkeypatch.setattr(router, "MAX_ROUTES", 100)
    client = world.subscriber("#")
    publisher = world.connect("p")
    for number in range(1000):
        publisher.publish(f"a/{number}", b"x")
    assert len(client.publishes()) == 1000
    assert len(world.broker.router._routes) <= 100


def test_topics_of_the_server(world: World) -> None:
    """§4.7.2: clients cannot publish there; they are told (0x87), or nothing in 3.1.1 ([MQTT-3.3.5-2])."""
    seen = world.subscriber("$SYS/#", "$other/#")
    for version in (3, 4, 5):
        client = world.connect("p", version)
        for qos in range(3):
            client.publish("$SYS/broker/uptime", b"x", qos, True)
        reasons = {reason for _, _, reason in client.acks()}
        assert reasons == ({Reason.NOT_AUTHORIZED} if version == 5 else {Reason.SUCCESS})
        client.publish("$other/x", b"%d" % version, 0)
    assert seen.payloads() == [b"3", b"4", b"5"]
    assert not world.broker.retained.count
    assert world.broker.stats.publish_refused == 9
