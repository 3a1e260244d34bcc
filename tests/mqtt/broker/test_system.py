"""``$SYS``: the broker's own topics, by the names of Mosquitto's."""

from __future__ import annotations

from tests.support.mqttbroker.world import World, publish_bytes

from socketworkers_mqtt.system import SystemTopics

NAMES = """
version uptime clients/total clients/connected clients/disconnected clients/maximum clients/expired clients/active
clients/inactive messages/received messages/sent messages/stored publish/messages/received publish/messages/sent
publish/messages/dropped publish/bytes/received publish/bytes/sent bytes/received bytes/sent subscriptions/count
shared_subscriptions/count store/messages/count store/messages/bytes load/messages/received/1min
load/messages/sent/5min load/publish/dropped/15min load/publish/received/1min load/publish/sent/1min
load/bytes/received/1min load/bytes/sent/1min load/connections/1min
"""


def _values(world: World, system: SystemTopics, seconds: float = 10.0) -> dict[str, str]:
    world.advance(seconds)
    system.publish(world.now)
    client = world.connect("reader")
    client.subscribe("$SYS/#")
    found = {}
    for each in client.seen():
        assert each.retain
        found[each.topic.removeprefix("$SYS/broker/")] = each.payload.decode()
    client.disconnect()
    return found


def test_names(world: World) -> None:
    """All that a user of Mosquitto looks for; mosquitto(8)."""
    found = _values(world, SystemTopics(world.broker, world.now))
    assert set(NAMES.split()) <= set(found)
    assert "retained messages/count" in found
    assert found["version"].startswith("socketworkers ")
    assert found["uptime"] == "10 seconds"


def test_values(world: World) -> None:
    """What they count."""
    system = SystemTopics(world.broker, world.now)
    client = world.lasting("s")
    client.subscribe("a", "$share/g/b", qos=1)
    other = world.lasting("t")
    other.subscribe("a", qos=1)
    other.drop()
    publisher = world.connect("p")
    publisher.send(b"".join(publish_bytes(5, "a", b"x" * 10) for _ in range(20)))
    publisher.publish("a", b"y" * 10, 1, True)
    found = _values(world, system)
    assert found["clients/connected"] == "2"
    assert found["clients/disconnected"] == "1"
    assert found["clients/total"] == "3"
    assert found["clients/maximum"] == "2"
    assert found["publish/messages/received"] == "21"
    assert found["publish/bytes/received"] == "210"
    assert found["publish/messages/sent"] == "21"
    assert int(found["messages/received"]) == 3 + 2 + 20 + 1 + 1, "CONNECT, SUBSCRIBE, PUBLISH, PUBACK"
    assert found["subscriptions/count"] == "3"
    assert found["shared_subscriptions/count"] == "1"
    assert found["messages/stored"] == "2"
    assert float(found["load/publish/received/1min"]) == 21 * 6 * 10 / 60
    later = _values(world, system, 600.0)
    assert float(later["load/publish/received/1min"]) == 0
    assert float(later["load/publish/received/15min"]) > 0


def test_only_what_has_changed_is_published(world: World) -> None:
    """A subscriber is not woken for nothing; live values come without RETAIN."""
    system = SystemTopics(world.broker, world.now)
    world.advance(10)
    system.publish(world.now)
    client = world.connect("s")
    client.subscribe("$SYS/broker/clients/#", "$SYS/broker/version")
    client.take()
    for _ in range(3):
        world.advance(10)
        system.publish(world.now)
        world.settle()
    topics = [each.topic for each in client.seen()]
    assert "$SYS/broker/version" not in topics
    assert topics.count("$SYS/broker/clients/connected") == 1
    world.connect("other")
    system.publish(world.now)
    world.settle()
    got = client.seen()
    assert [(each.payload, each.retain) for each in got if each.topic.endswith("/connected")] == [(b"2", False)]


def test_it_is_apart_from_wildcards(world: World) -> None:
    """[MQTT-4.7.2-1]; nor is it stored."""
    client = world.subscriber("#", "+/+/+")
    SystemTopics(world.broker, world.now).publish(world.now + 10)
    world.settle()
    assert client.seen() == []
    assert world.broker.retained.count == 0
    assert not world.storage.sql.value("select count(*) from retained")
