"""Growth (M2): what one client can make the broker hold, and what all of them can. Caps per client and in total."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.mqtt.codec.wire import CONNECT, packet, properties, string
from tests.support.mqttbroker.world import World, access_of, publish_bytes, will

from socketworkers.testing import AppClient
from socketworkers_mqtt import app
from socketworkers_mqtt.codec import (
    PINGREQ,
    PacketType,
    Publish,
    Reason,
    Subscription,
    encode_ack,
    encode_subscribe,
)
from socketworkers_mqtt.store import SqlStore

LONG = "x" * 60_000


@pytest.fixture
def make_world() -> Iterator[Callable[..., World]]:
    """``make_world(access, **limits)``; closed after the test."""
    made: list[World] = []

    def make(*arguments: object, **limits: object) -> World:
        made.append(World(*arguments, **limits))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """A broker at which everybody may do everything."""
    return make_world()


class Grown:
    """Memory that was allocated in a block and is still held."""

    bytes = 0

    def __enter__(self) -> Grown:
        tracemalloc.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bytes = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()


@pytest.mark.attack("M2")
@pytest.mark.parametrize("restricted", [False, True], ids=["open", "acl"])
def test_long_topics_are_not_remembered(make_world: Callable[..., World], restricted: bool) -> None:
    world = make_world(access_of("topic readwrite #\n")) if restricted else make_world()
    world.subscriber("+/never")
    client = world.connect("p")
    with Grown() as grown:
        for number in range(300):
            client.send(publish_bytes(5, f"{number}{LONG}", b"", 1, False, 1))
            client.take()
            client.raw.clear()
    assert grown.bytes < 2 << 20


@pytest.mark.attack("M2")
@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("name", [LONG, "/x" * 198, "$share/g/" + "+/" * 150 + "#"], ids=["long", "deep", "shared"])
def test_what_subscriptions_take_is_bounded(make_world: Callable[..., World], version: int, name: str) -> None:
    world = make_world(max_subscription_bytes=2 << 20, max_subscription_total=5 << 20)
    place = name.rindex("+") if "+" in name else len(name)
    with Grown() as grown:
        clients = [world.connect(f"c{number}", version) for number in range(5)]
        taken = []
        for client in clients:
            wanted = [Subscription(f"{name[:place]}{number}{name[place + 1 :]}", 0) for number in range(100)]
            reasons: list[int] = []
            for each in wanted:
                client.send(encode_subscribe(version, 1, [each]))
                (suback,) = client.take()
                reasons += suback.reasons  # type: ignore[union-attr]
                client.raw.clear()
            refused = Reason.QUOTA_EXCEEDED if version == 5 else 0x80
            assert set(reasons) <= {0, refused}
            assert reasons == sorted(reasons), "what there is no room for is refused, not what is there"
            taken.append(reasons.count(0))
        del wanted, each
    assert grown.bytes < 6 << 20
    assert 0 < taken[0] < 100, "of one client"
    assert taken[0] > taken[-1], "and of all"
    client = clients[0]
    client.send(encode_subscribe(version, 1, [Subscription(f"{name[:place]}0{name[place + 1 :]}", 1)]))
    assert client.take()[0].reasons == (1,), "one in place of another has room"  # type: ignore[union-attr]
    for client in clients:
        client.disconnect()
    assert world.broker.subscription_bytes == 0
    assert world.broker.router.tree.count == 0


@pytest.mark.attack("M2")
def test_what_subscriptions_take_is_counted_anew_after_a_restart(world: World) -> None:
    client = world.lasting("c")
    client.subscribe("a/b", "c/#", "$share/g/d")
    counted = world.broker.subscription_bytes
    assert counted > 0
    world.restart()
    assert world.broker.subscription_bytes == counted
    world.lasting("c").unsubscribe("a/b", "c/#", "$share/g/d")
    assert world.broker.subscription_bytes == 0


@pytest.mark.attack("M2")
def test_topics_with_an_alias_are_bounded(world: World) -> None:
    client = world.connect("c")
    for alias in range(1, 9):
        client.send(publish_bytes(5, f"{alias}{LONG}", b"", alias=alias, send_topic=True))
        assert not client.closed
    client.send(publish_bytes(5, f"9{LONG}", b"", alias=9, send_topic=True))
    assert client.ended(Reason.QUOTA_EXCEEDED)


@pytest.mark.attack("M2")
def test_long_topics_get_no_alias_of_ours(world: World) -> None:
    client = world.connect("s", topic_alias_maximum=100)
    client.subscribe("#")
    world.connect("p").publish(LONG, b"x")
    (message,) = client.publishes()
    assert message.properties is None or not message.properties.alias
    assert message.topic.decode() == LONG


@pytest.mark.attack("M2")
@pytest.mark.parametrize("lasting", [False, True])
def test_large_messages_under_way_are_bounded_in_bytes(make_world: Callable[..., World], lasting: bool) -> None:
    """A client that reads and never acknowledges: a hundred messages may be under way, but not a hundred large ones."""
    world = make_world(max_queued_bytes=2_000_000)
    client = world.lasting("s", auto=False) if lasting else world.connect("s", auto=False)
    client.subscribe("t", qos=1)
    publisher = world.connect("p")
    for number in range(30):
        publisher.publish("t", b"%02d" % number + bytes(300_000), 1)
    broker = world.broker
    first = client.publishes()
    assert len(first) == 6
    assert broker.underway_bytes == 6 * 300_002
    assert broker.queued_bytes <= 2_000_000
    seen = [each.payload[:2] for each in first]
    left = list(first)
    while left:  # and each that is acknowledged lets another one go
        client.ack(PacketType.PUBACK, left.pop(0).packet_id)
        more = client.publishes()
        assert len(more) <= 1
        left += more
        seen += [each.payload[:2] for each in more]
    assert seen == [b"%02d" % number for number in range(12)]
    assert broker.stats.publish_dropped == 18
    assert (broker.underway_bytes, broker.queued_bytes) == (0, 0)


@pytest.mark.attack("M2")
@pytest.mark.parametrize("way", ["ack", "end", "qos 2"])
def test_large_messages_under_way_count_for_the_total(make_world: Callable[..., World], way: str) -> None:
    world = make_world(max_queued_total=1_000_000)
    qos = 2 if way == "qos 2" else 1
    clients = [world.connect(f"s{number}", auto=False) for number in range(8)]
    for client in clients:
        client.subscribe(f"to/{client.connection.client_id}", qos=qos)
    publisher = world.connect("p")
    for client in clients:
        publisher.publish(f"to/{client.connection.client_id}", bytes(200_000), qos)
    got = [client for client in clients if any(isinstance(each, Publish) for each in client.received)]
    assert len(got) == 8, "one of each client has to go on, or nothing would ever again"
    publisher.publish("to/s0", bytes(200_000), qos)
    assert world.broker.stats.publish_dropped == 1
    for client in clients:
        (message,) = client.publishes()
        if way == "end":
            client.drop()
        elif way == "ack":
            client.ack(PacketType.PUBACK, message.packet_id)
        else:
            client.send(encode_ack(5, PacketType.PUBREC, message.packet_id))
            client.send(encode_ack(5, PacketType.PUBCOMP, message.packet_id))
    assert (world.broker.underway_bytes, world.broker.queued_bytes) == (0, 0)


@pytest.mark.attack("M2")
def test_many_wildcards_at_once_do_not_keep_the_loop_busy(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each filter looks through all that is retained; a turn of the loop looks at a bounded part."""
    publisher = world.connect("p")
    publisher.send(b"".join(publish_bytes(5, f"{number}/a", b"x", 0, True) for number in range(500)))
    pages = 0
    turns = [0]
    store = world.broker.store
    heads = type(store).retained_heads

    def counted(*arguments: object) -> object:
        nonlocal pages
        pages += 1
        turns[-1] += 1
        return heads(*arguments)  # type: ignore[arg-type]

    step = type(world.broker.retained).step

    def stepped(self: object) -> None:
        turns.append(0)
        step(self)  # type: ignore[arg-type]

    monkeypatch.setattr(type(store), "retained_heads", counted)
    monkeypatch.setattr(type(world.broker.retained), "step", stepped)
    client = world.connect("c")
    wanted = [Subscription(f"+/{number}" if number else "+/a", 0) for number in range(100)]
    client.send(encode_subscribe(5, 1, wanted))
    assert len(client.publishes()) == 500
    assert pages == 400, "each filter looks once at each page"
    assert max(turns) <= 24


@pytest.mark.attack("M2")
def test_large_retained_messages_come_a_few_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    publisher = world.connect("p")
    for number in range(40):
        publisher.publish(f"r/{number:02d}", bytes(300_000 if number % 2 else 300), retain=True)
    most = 0
    client = world.connect("s")
    arrived = client.arrived

    def watched(data: bytes) -> None:
        nonlocal most
        most = max(most, len(data))
        arrived(data)

    monkeypatch.setattr(client, "arrived", watched)
    client.send(encode_subscribe(5, 1, [Subscription("r/#", 0)]))
    seen = client.seen()
    assert [each.topic for each in seen] == [f"r/{number:02d}" for number in range(40)]
    assert [len(each.payload) for each in seen] == [300, 300_000] * 20
    assert most < 4 << 20


@pytest.mark.attack("M2")
@pytest.mark.parametrize("version", [4, 5])
def test_one_identifier_of_qos_2_again_and_again(world: World, version: int) -> None:
    """CVE-2023-28366: PUBREC is never answered; the message is kept once."""
    seen = world.subscriber("t")
    client = world.lasting("p", version, auto=False)
    wire = publish_bytes(version, "t", bytes(1000), 2, False, 7)
    client.send(wire)
    with Grown() as grown:
        for _ in range(2000):
            client.send(wire)
            client.take()
            client.raw.clear()
    assert grown.bytes < 1 << 20
    assert len(seen.publishes()) == 1
    assert world.storage.sql.one("select count(*) from incoming") == (1,)


@pytest.mark.attack("M2")
def test_identifiers_of_qos_2_without_end(world: World) -> None:
    """All 65,535 of a client before 5.0, which has no receive maximum: numbers are kept, no messages."""
    client = world.connect("p", 4, auto=False)
    with Grown() as grown:
        for start in range(1, 65_536, 1000):
            client.send(
                b"".join(
                    publish_bytes(4, "t", bytes(100), 2, False, packet_id)
                    for packet_id in range(start, min(65_536, start + 1000))
                )
            )
            client.take()
            client.raw.clear()
    assert len(world.broker.sessions["p"].incoming or ()) == 65_535
    assert grown.bytes < 8 << 20
    client.drop()
    assert not world.broker.sessions


@pytest.mark.attack("M2")
def test_wills_with_bad_properties(world: World) -> None:
    """CVE-2023-3592, CVE-2021-34431, CVE-2017-7654: refused, and nothing of them is left."""
    world.connect("warm").disconnect()
    bad = [
        packet(0x10, string("MQTT"), b"\x05\x06\0\0", b"\0", string("c"), properties(extra), string("w"), string(""))
        for extra in (b"\x02\0", b"\x23\0\x01", b"\x01\x01" * 2, b"\x7f" * 100, b"\x26" + string("k"), b"\x18\0\0")
    ] + [CONNECT[5][:-1], packet(0x10, string("MQTT"), b"\x05\xc6\0\0", b"\0", string("c"))]
    with Grown() as grown:
        for _ in range(100):
            for wire in bad:
                client = world.open(5).send(wire)
                client.drop()
                assert client.closed
        world._clients.clear()
        del client
    assert grown.bytes < 2 << 20
    assert not world.broker.sessions
    assert not world.broker.timers.next


@pytest.mark.attack("M2")
def test_user_properties_by_the_thousand(world: World) -> None:
    """CVE-2021-41039: a bounded number is passed on, more are refused at once."""
    client = world.connect("p")
    seen = world.subscriber("t")
    pair = b"\x26" + string("k") + string("v")
    for count in (100, 20_000):
        began = time.thread_time()
        client.send(packet(0x30, string("t"), properties(pair * count), b"x"))
        assert time.thread_time() - began < 0.5
    assert len(seen.publishes()) <= 1 or client.closed is False
    assert world.connect("other").ping().received


@pytest.mark.attack("M2")
def test_sessions_pile_up_to_a_bound(make_world: Callable[..., World]) -> None:
    """CVE-2025-62723: sessions that nobody comes back to, with wills and messages that wait."""
    world = make_world(max_sessions=50, max_queued_total=100_000)
    for number in range(80):
        client = world.lasting(f"c{number}", will=will(f"gone/{number}", bytes(1000), will_delay=1000))
        if client.closed:
            assert client.connection.close_reason == "the server cannot store another session now"
            continue
        client.subscribe("t", qos=1)
        client.drop()
    assert len(world.broker.sessions) == 50
    publisher = world.connect("p")
    for _ in range(20):
        publisher.publish("t", bytes(1000), 1)
    assert world.broker.queued_bytes <= 100_000
    assert world.broker.stats.publish_dropped > 0
    assert world.storage.sql.one("select count(*) from session") == (50,)


@pytest.mark.attack("M2")
def test_pings_of_a_client_that_does_not_read(world: World) -> None:
    """Answers wait as bytes; the broker's own memory for one connection is what ``worker`` bounds."""
    client = world.connect("c")
    client.connection.block(True)
    with Grown() as grown:
        client.send(PINGREQ * 100_000)
        assert len(client.take()) == 100_000
        client.raw.clear()
    assert grown.bytes < 1 << 20


@pytest.mark.attack("M2")
@pytest.mark.parametrize("total", [False, True], ids=["each", "total"])
async def test_what_waits_for_clients_that_do_not_read(total: bool) -> None:
    """Ten subscribers that read nothing: a bounded part of a flood waits for each, and for all of them.

    The bound is looked at when a message is routed: what came in one read of the publisher may be beyond it.
    """
    limits: dict[str, Any] = {"max_backlog_total": 200_000} if total else {"max_backlog": 50_000}
    async with AppClient(app, sys_interval=0.0, write_timeout=60.0, **limits) as client:
        broker = client.env.mqtt.object.broker
        peers = [client.connect() for _ in range(10)]
        for number, peer in enumerate(peers):
            name = string(f"s{number}")
            await peer.send(
                packet(0x10, string("MQTT"), b"\x04\x02\0\0", name) + packet(0x82, b"\0\1", string("f"), b"\0")
            )
            await peer.read_exactly(4 + 5)
        await client.send(CONNECT[4])
        await client.read_exactly(4)
        for _ in range(400):
            await client.send(publish_bytes(4, "f", bytes(20_000)))
        await client.send(PINGREQ)
        assert await client.read_exactly(2) == b"\xd0\0", "the publisher is not held up"
        waiting = [link.connection.backlog for link in client.env.mqtt.object.links]
        assert broker.backlog_bytes == sum(waiting)
        assert 0 < broker.backlog_bytes < (200_000 if total else 10 * 50_000) + 10 * 70_000
        assert broker.stats.publish_dropped > 1000
        for peer in peers[:5]:
            await peer.abort()
        peer = peers[5]
        read = 0
        async with asyncio.timeout(10):
            while broker.backlog_bytes > sum(waiting) * 3 // 4 or read < 50_000:
                read += len(await peer.read())
            while len(broker.sessions) > 6:
                await asyncio.sleep(0.01)
        assert broker.backlog_bytes == sum(link.connection.backlog for link in client.env.mqtt.object.links)
        for peer in peers[5:]:
            await peer.abort()
    assert broker.backlog_bytes == 0


@pytest.mark.attack("M2")
@pytest.mark.parametrize("after", [None, b"site/5"])
def test_a_page_of_what_is_retained_begins_where_the_last_one_ended(world: World, after: bytes | None) -> None:
    """Half a million topics are read in a time that grows with their number, not with its square."""
    asked: list[tuple[str, tuple[Any, ...]]] = []
    sql = world.storage.sql

    class Watched:
        def execute(self, statement: str, values: tuple[Any, ...]) -> list[Any]:
            asked.append((statement, values))
            return sql.execute(statement, values)

    store = SqlStore(world.storage)
    store._sql = Watched()  # type: ignore[assignment]
    store.retained_heads(b"site/", after, 10, 0.0, 100)
    store.retained_page(b"site/", after, 10, 0.0)
    for statement, values in asked:
        (plan,) = sql.execute(f"explain query plan {statement}", values)
        assert "PRIMARY KEY (topic>? AND topic<?)" in plan[3]
        assert values[0] == (after or b"site/")
