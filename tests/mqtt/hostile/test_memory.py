"""C4 and M2: what a peer announces is never allocated, and what it sends is bounded."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator

import pytest
from tests.mqtt.broker.conftest import MakeWorld, make_world  # noqa: F401  # a fixture
from tests.support.mqttbroker.world import World, publish_bytes

from socketworkers_mqtt.codec import Connect, Properties, encode_connect


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def grown(before: int) -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0] - before


@pytest.mark.attack("C4")
@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize(
    "data",
    [
        b"\x30\xff\xff\xff\x7f",  # CVE-2023-0809: large, and not CONNECT
        b"\x10\xff\xff\xff\x7f\0\4MQTT\5\2\0\x3c",
        b"\x10\x90\x80\x01\0\4MQTT\5\2\0\x3c",
        b"\x82\xff\xff\xff\x7f",
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",  # TLS
    ],
)
def test_a_first_packet_that_is_not_a_small_connect(make_world: MakeWorld, data: bytes) -> None:  # noqa: F811
    """Nothing is allocated for it; the connection ends at once."""
    world = make_world()
    world.open().send(data)
    before = tracemalloc.get_traced_memory()[0]
    clients = [world.open().send(data) for _ in range(50)]
    assert all(client.closed for client in clients)
    assert all(not client.connection.decoder.buffered for client in clients)
    assert grown(before) < 50 * 12_000, "a connection's own objects and no more"


@pytest.mark.attack("M2")
@pytest.mark.usefixtures("traced")
def test_repeated_qos_2_that_is_never_released(make_world: MakeWorld) -> None:  # noqa: F811
    """CVE-2023-28366: the same identifiers again and again; nothing piles up."""
    world = make_world()
    client = world.connect("c", 4, auto=False)
    data = b"".join(publish_bytes(4, "a", b"x" * 100, 2, packet_id=number) for number in range(1, 101))
    client.send(data)
    client.take()
    client.raw.clear()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(100):
        client.send(data)
        client.take()
        client.raw.clear()
    assert grown(before) < 200_000
    assert len(world.broker.sessions["c"].incoming or ()) == 100


@pytest.mark.attack("M2")
def test_thousands_of_user_properties(world: World) -> None:
    """CVE-2021-41039, CVE-2021-34431, CVE-2017-7654: a CONNECT is bounded, before anybody is known."""
    small = Connect("MQTT", 5, True, 60, "c", properties=Properties(user_properties=(("a", "b"),) * 500))
    assert not world.open().send(encode_connect(small)).closed
    large = Connect("MQTT", 5, True, 60, "d", properties=Properties(user_properties=(("a", "b"),) * 10_000))
    client = world.open()
    for start in range(0, 70_000, 1000):
        client.send(encode_connect(large)[start : start + 1000])
        assert client.connection.decoder.buffered <= 16_389
    assert client.closed
    assert "d" not in world.broker.sessions


@pytest.fixture
def world(make_world: MakeWorld) -> World:  # noqa: F811
    return make_world()


@pytest.mark.attack("M2")
@pytest.mark.usefixtures("traced")
def test_clients_that_come_and_go(world: World) -> None:
    """Names that are used once leave nothing behind."""

    def come_and_go(first: int) -> None:
        for number in range(first, first + 300):
            client = world.connect(f"c{number}", session_expiry_interval=1, clean=True)
            client.subscribe(f"a/{number}/#", f"$share/g{number}/b", qos=1)
            client.publish(f"a/{number}/x", b"x", 1)
            client.publish(f"a/{number}/x", b"x", 2)
            client.drop()
        world.advance(10)
        world._clients.clear()

    come_and_go(0)
    before = tracemalloc.get_traced_memory()[0]
    come_and_go(1000)
    assert not world.broker.sessions
    assert not world.broker.router.tree.count
    assert grown(before) < 150_000
