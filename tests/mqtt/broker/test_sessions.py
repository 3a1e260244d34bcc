"""Sessions: MQTT 5.0 §3.1.2.4, §3.1.2.11.2, §3.1.4, §4.1; MQTT 3.1.1 §3.1.2.4, §4.1. Restarts of the broker."""

from __future__ import annotations

import pytest
from tests.mqtt.broker.conftest import MakeWorld
from tests.support.mqttbroker.world import NEVER, Client, Seen, World, access_of, will

from socketworkers_mqtt.codec import PacketType, Reason
from socketworkers_mqtt.codec import Subscription as Wanted


def present(client: Client) -> bool:
    assert client.connack is not None
    assert client.connack.reason is Reason.SUCCESS
    return client.connack.session_present


@pytest.mark.parametrize("version", [4, 5])
def test_clean_start_discards_the_session(world: World, version: int) -> None:
    """[MQTT-3.1.2-4], [MQTT-3.1.4-4], [MQTT-3.2.2-2]; 3.1.1 [MQTT-3.1.2-6], [MQTT-3.2.2-1]."""
    world.lasting("s", version).subscribe("a", qos=1)
    world.lose("s")
    world.connect("p").publish("a", b"1", qos=1)
    again = world.lasting("s", version, clean=True)
    assert not present(again)
    world.connect("p").publish("a", b"2", qos=1)
    assert again.seen() == []
    again.drop()
    world.restart()
    assert not world.broker.router.tree.count


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("restart", [False, True])
def test_a_session_is_resumed(world: World, version: int, restart: bool) -> None:
    """[MQTT-3.1.2-5], [MQTT-3.1.2-23], [MQTT-3.2.2-3], [MQTT-4.5.0-1]; 3.1.1 [MQTT-3.1.2-4], [MQTT-3.2.2-2]."""
    client = world.lasting("s", version)
    assert not present(client)
    client.subscribe("a", qos=2)
    client.drop()
    publisher = world.connect("p")
    publisher.publish("a", b"1", qos=1)
    publisher.publish("a", b"2", qos=2)
    publisher.publish("a", b"3", qos=0)
    if restart:
        world.restart()
    again = world.lasting("s", version)
    assert present(again)
    assert again.seen() == [Seen("a", b"1", 1), Seen("a", b"2", 2)]
    world.connect("p").publish("a", b"4", qos=1)
    assert again.seen() == [Seen("a", b"4", 1)]


def test_there_was_no_session(world: World) -> None:
    """[MQTT-3.1.2-6], [MQTT-3.2.2-3]."""
    assert not present(world.lasting("s"))
    assert not present(world.connect("t", clean=False))


def test_3_1_has_no_session_present(world: World) -> None:
    """MQTT 3.1 §3.2: the byte is reserved."""
    world.lasting("s", 3).subscribe("a", qos=1)
    world.lose("s")
    world.connect("p").publish("a", b"1", qos=1)
    again = world.lasting("s", 3)
    assert not present(again)
    assert again.raw.startswith(b"\x20\x02\0\0")
    assert again.payloads() == [b"1"]


def test_a_session_ends_with_its_connection(world: World) -> None:
    """§3.1.2.11.2: an interval of 0, or none; [MQTT-4.1.0-2]."""
    client = world.connect("s", clean=False)
    client.subscribe("a")
    client.drop()
    assert "s" not in world.broker.sessions
    assert not world.broker.router.tree.count
    assert not present(world.connect("s", clean=False))


@pytest.mark.parametrize("restart", [False, True])
def test_session_expiry(world: World, restart: bool) -> None:
    """§3.1.2.11.2, [MQTT-4.1.0-2]: it lasts as long as was asked for, no longer, and not shorter while connected."""
    client = world.connect("s", session_expiry_interval=100)
    client.subscribe("a", qos=1)
    world.advance(1000)
    assert "s" in world.broker.sessions, "[MQTT-4.1.0-1]"
    client.drop()
    world.advance(99)
    if restart:
        world.restart()
    assert present(world.connect("s", clean=False, session_expiry_interval=100))
    world.lose("s")
    world.advance(50)
    if restart:
        world.restart(seconds=51)
        world.advance(0)
    else:
        world.advance(51)
    assert "s" not in world.broker.sessions
    assert not world.broker.router.tree.count
    assert world.broker.stats.expired == 1
    assert not present(world.connect("s", clean=False))


def test_sessions_that_were_connected_expire_after_restarts(world: World) -> None:
    """Each restart does not begin the time anew."""
    world.connect("s", session_expiry_interval=100)
    world.restart()
    world.advance(60)
    world.restart()
    world.advance(60)
    assert "s" not in world.broker.sessions


def test_a_session_that_never_expires(world: World) -> None:
    """§3.1.2.11.2: 0xFFFFFFFF."""
    world.lasting("s").drop()
    world.advance(100 * 365 * 86400.0)
    assert present(world.lasting("s"))


def test_sessions_of_3_1_1_expire_when_told(make_world: MakeWorld) -> None:
    """3.1.1 §3.1.2.4: an administrator may bound them."""
    world = make_world(max_session_expiry=3600)
    world.lasting("s", 4).drop()
    world.advance(3599)
    assert present(world.lasting("s", 4))
    world.lose("s")
    world.advance(3601)
    assert not present(world.lasting("s", 4))


def test_expiry_can_change_with_each_connection(world: World) -> None:
    """§3.1.2.11.2: the last CONNECT counts."""
    world.lasting("s").drop()
    assert present(world.connect("s", clean=False))
    world.lose("s")
    assert "s" not in world.broker.sessions
    world.restart()
    assert not present(world.lasting("s"))


@pytest.mark.parametrize("old", [4, 5])
@pytest.mark.parametrize("new", [4, 5])
def test_takeover(world: World, old: int, new: int) -> None:
    """[MQTT-3.1.4-3]: 0x8E and the end for the older connection; 3.1.1 [MQTT-3.1.4-2]."""
    first = world.lasting("s", old)
    first.subscribe("a", qos=1)
    first.take()
    second = world.lasting("s", new)
    assert first.ended(Reason.SESSION_TAKEN_OVER) if old == 5 else first.closed and first.received == []
    assert present(second)
    first.drop()
    assert world.broker.sessions["s"].connection is second.connection
    world.connect("p").publish("a", b"1", qos=1)
    assert second.seen() == [Seen("a", b"1", 1)]
    assert first.received == [] or old == 5


@pytest.mark.attack("M4")
def test_a_hundred_takeovers(world: World) -> None:
    """Each connection ends but the last; nothing is left of the others."""
    clients = [world.connect("s", session_expiry_interval=86400, clean=number % 3 == 0) for number in range(100)]
    for client in clients[:-1]:
        assert client.ended(Reason.SESSION_TAKEN_OVER)
    assert not clients[-1].closed
    assert len(world.broker.sessions) == 1
    assert world.broker.connected == 1
    assert world.broker.stats.takeovers == 99
    assert len(world.broker.timers) < 10, "timers of sessions that are gone pile up"


@pytest.mark.attack("M4")
def test_timers_do_not_pile_up(world: World) -> None:
    """Intervals that become shorter and shorter, sessions that are made anew, wills with delays."""
    for number in range(2000):
        client = world.connect(
            f"s{number % 3}", session_expiry_interval=100_000 - number, will=will(will_delay=90_000 - number)
        )
        client.drop()
    assert len(world.broker.timers) < 100
    world.advance(99_000)
    assert not world.broker.sessions


@pytest.mark.attack("M4")
def test_takeover_in_the_middle_of_qos_2(world: World) -> None:
    """The new connection goes on where the old one was: nothing twice, nothing lost ([MQTT-4.4.0-1])."""
    world.lasting("s", auto=False).subscribe("a", qos=2)
    publisher = world.lasting("p", auto=False)
    for number in range(3):
        publisher.publish("a", b"%d" % number, qos=2)
    old = world.broker.sessions["s"].connection.link  # type: ignore[union-attr]
    ids = [each.packet_id for each in old.publishes()]
    old.ack(PacketType.PUBREC, ids[0])
    old.ack(PacketType.PUBREC, ids[1])
    old.ack(PacketType.PUBCOMP, ids[0])
    new = world.lasting("s", auto=False)
    assert old.closed
    packets = new.take()
    assert [type(packet).__name__ for packet in packets] == ["Acks", "Publish"]
    assert packets[0].kind is PacketType.PUBREL  # type: ignore[union-attr]
    assert packets[0].packet_ids == [ids[1]]  # type: ignore[union-attr]
    assert packets[1].packet_id == ids[2]  # type: ignore[union-attr]
    assert packets[1].dup  # type: ignore[union-attr]


@pytest.mark.attack("M3")
def test_a_session_is_its_users_alone(make_world: MakeWorld) -> None:
    """Another user who takes a client identifier gets neither subscriptions nor messages of its session."""
    world = make_world(access_of(users={"alice": "a", "bob": "b"}))
    alice = world.lasting("s", username="alice", password=b"a")
    alice.subscribe("private", qos=1)
    alice.drop()
    world.lasting("p", username="alice", password=b"a").publish("private", b"secret", qos=1)
    bob = world.lasting("s", username="bob", password=b"b")
    assert not present(bob)
    assert bob.seen() == []
    bob.drop()
    assert not present(world.lasting("s", username="alice", password=b"a"))


def test_disconnect_can_change_the_expiry(world: World) -> None:
    """§3.14.2.2.2: shorter, longer, never; but not from nothing."""
    client = world.connect("s", session_expiry_interval=100)
    client.disconnect(session_expiry_interval=1000)
    world.advance(500)
    client = world.connect("s", clean=False, session_expiry_interval=100)
    assert present(client)
    client.disconnect(session_expiry_interval=0)
    assert "s" not in world.broker.sessions
    world.restart()
    assert not present(world.connect("s", clean=False))


def test_a_session_expiry_of_nothing_stays(world: World) -> None:
    """§3.14.2.2.2: a Protocol Error; the connection counts as lost, with its will."""
    seen = world.subscriber("will")
    client = world.connect("s", will=will())
    client.disconnect(session_expiry_interval=10)
    assert client.ended(Reason.PROTOCOL_ERROR)
    assert seen.payloads() == [b"gone"]


def test_the_expiry_of_disconnect_is_bounded(make_world: MakeWorld) -> None:
    """By the longest that the server allows."""
    world = make_world(max_session_expiry=100)
    world.connect("s", session_expiry_interval=50).disconnect(session_expiry_interval=NEVER)
    world.advance(101)
    assert "s" not in world.broker.sessions


@pytest.mark.parametrize("version", [4, 5])
def test_subscriptions_after_a_restart(world: World, version: int) -> None:
    """All that was asked for is kept: QoS, options, identifiers, share names."""
    client = world.lasting("s", version)
    if version == 5:
        client.subscribe(Wanted("a/+", 1, no_local=True, retain_as_published=True, retain_handling=2), identifier=77)
        client.subscribe(Wanted("$share/g/b/#", 2), identifier=300)
    else:
        client.subscribe("a/+", qos=1)
        client.subscribe("gone", qos=1)
        client.unsubscribe("gone")
    before = {(each.full_filter, each.options, each.identifier) for each in world.broker.router.tree}
    assert len(before) == (2 if version == 5 else 1)
    world.restart()
    assert {(each.full_filter, each.options, each.identifier) for each in world.broker.router.tree} == before
    again = world.lasting("s", version)
    assert present(again)
    again.publish("a/x", b"own", 1, True)
    assert len(again.publishes()) == (0 if version == 5 else 1), "no local"
    world.connect("p").publish("a/y", b"1", 2, True)
    (got,) = again.publishes()
    assert (got.qos, got.retain) == (1, version == 5)
    if version == 5:
        assert got.properties is not None
        assert got.properties.subscription_ids == (77,)
        world.connect("p").publish("b/y", b"1", 2)
        (got,) = again.publishes()
        assert got.properties is not None
        assert got.properties.subscription_ids == (300,)


@pytest.mark.parametrize("count", [10, 255, 256, 257, 700])
@pytest.mark.parametrize("restart", [False, True])
def test_long_queues(make_world: MakeWorld, count: int, restart: bool) -> None:
    """Of a long queue the most is on disk only; all comes, in order, once, also what is published meanwhile."""
    world = make_world(max_inflight=20)
    world.lasting("s").subscribe("a", qos=1)
    world.lose("s")
    publisher = world.connect("p")
    for number in range(count):
        publisher.publish("a", b"%d" % number, qos=1)
    session = world.broker.sessions["s"]
    assert session.queue_count == count
    assert len(session.queue or ()) <= 256
    if restart:
        world.restart()
        publisher = world.connect("p")
    client = world.lasting("s", auto=False)
    first = client.publishes()
    assert len(first) == min(count, 20)
    publisher.publish("a", b"meanwhile", qos=1)
    client.auto = True
    first += client.publishes()
    for each in first:
        client.ack(PacketType.PUBACK, each.packet_id)
    got = [each.payload for each in first] + client.payloads()
    assert got == [b"%d" % number for number in range(count)] + [b"meanwhile"]
    session = world.broker.sessions["s"]
    assert (session.queue_count, session.queue_bytes, world.broker.queued_bytes) == (0, 0, 0)
    assert not world.storage.sql.value("select count(*) from queue")


@pytest.mark.attack("M2")
@pytest.mark.parametrize("lasting", [False, True])
def test_queues_are_bounded(make_world: MakeWorld, lasting: bool) -> None:
    """By number and bytes, of one session and of all; what is dropped is counted, what was there stays."""
    world = make_world(max_queued=10, max_queued_bytes=1000, max_queued_total=1500, max_inflight=1)
    names = ("s", "t")
    for name in names:
        client = (world.lasting if lasting else world.connect)(name, auto=False)
        client.subscribe("a/" + name, qos=1)
        if lasting:
            client.drop()
    publisher = world.connect("p")
    for _ in range(30):
        publisher.publish("a/s", b"x" * 17, qos=1)
    assert world.broker.sessions["s"].queue_count == 10
    for _ in range(30):
        publisher.publish("a/t", b"x" * 297, qos=1)
    assert world.broker.sessions["t"].queue_count == 3, "1,000 bytes"
    dropped = world.broker.stats.publish_dropped
    assert dropped == world.broker.sessions["s"].dropped + world.broker.sessions["t"].dropped
    assert dropped == 60 - 13 - (0 if lasting else 2)
    assert world.broker.queued_bytes == 10 * 20 + 3 * 300
    assert [reason for _, _, reason in publisher.acks()] == [Reason.SUCCESS] * 60


@pytest.mark.attack("M2")
def test_bytes_of_all_queues_are_bounded(make_world: MakeWorld) -> None:
    """As above, over many sessions (CVE-2025-62723)."""
    world = make_world(max_queued_total=5000)
    for number in range(20):
        world.lasting(f"s{number}").subscribe("a", qos=1)
        world.lose(f"s{number}")
    publisher = world.connect("p")
    for _ in range(20):
        publisher.publish("a", b"x" * 99, qos=1)
    assert world.broker.queued_bytes == 5000
    for number in range(20):
        assert world.broker.kick(f"s{number}", forget=True)
    world.settle()
    assert world.broker.queued_bytes == 0
    assert not world.storage.sql.value("select count(*) from queue")


@pytest.mark.attack("M2")
@pytest.mark.parametrize("way", ["acknowledged", "ended", "ended after a restart"])
def test_bodies_of_large_messages_go_with_their_last_reader(world: World, way: str) -> None:
    """A large payload for several sessions is stored once, and not longer than somebody needs it."""
    for number in range(3):
        world.lasting(f"s{number}").subscribe("a", qos=1)
        world.lose(f"s{number}")
    publisher = world.connect("p")
    for number in range(300):
        publisher.publish("a", b"%d" % number + b"x" * 2000, qos=1)
    assert world.storage.sql.value("select count(*) from body") == 300
    if way == "ended after a restart":
        world.restart()
    for number in range(3):
        if way == "acknowledged":
            assert len(world.lasting(f"s{number}").payloads()) == 300
        else:
            assert world.broker.kick(f"s{number}", forget=True)
        world.settle()
        assert world.storage.sql.value("select count(*) from body") == (0 if number == 2 else 300)
    assert not world.broker.bodies


def test_a_kick_can_forget(world: World) -> None:
    """What an operator may do: 0x98, and the session with it if told."""
    client = world.lasting("s")
    assert not world.broker.kick("unknown")
    assert world.broker.kick("s")
    world.settle()
    assert client.ended(Reason.ADMINISTRATIVE_ACTION)
    assert present(world.lasting("s"))
    assert world.broker.kick("s", forget=True)
    world.settle()
    assert not present(world.lasting("s"))
