"""Bridges between our broker and Mosquitto, each of them the one that connects."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.interop.mosquitto import Mosquitto, free_port, serve_mosquitto

from socketworkers.testing import serve_ephemeral
from socketworkers_mqtt import app
from socketworkers_mqtt.bridge import parse_bridge
from socketworkers_mqtt.client import Client, Message

#: seconds that something may take on a busy machine
PATIENCE = 20.0


async def collect(client: Client, count: int) -> list[Message]:
    """The next messages, without the probes of ``crossed``."""
    found: list[Message] = []
    try:
        async with asyncio.timeout(PATIENCE):
            while len(found) < count:
                message = await anext(client)
                if message.payload != b"probe":
                    found.append(message)
    except TimeoutError:
        pytest.fail(f"{len(found)} of {count} messages came: {flat(found)}")
    return found


async def bridged(url: str, name: str, filter: str = "$SYS/broker/connection/+/state") -> None:
    """Wait until a broker says that its bridge is connected."""
    async with asyncio.timeout(PATIENCE), Client(url) as client:
        await client.subscribe(filter)
        async for message in client:
            if name in message.topic and message.payload == b"1":
                return


async def crossed(one: Client, other: Client, topic: str) -> None:
    """Publish until a message comes over: only then both directions are known to be subscribed."""
    await other.subscribe(topic, qos=1)
    async with asyncio.timeout(PATIENCE):
        while True:
            await one.publish(topic, "probe", qos=1)
            try:
                async with asyncio.timeout(0.5):
                    await anext(other)
                    break
            except TimeoutError:
                continue
    await other.unsubscribe(topic)


def flat(messages: list[Message]) -> list[tuple[str, bytes, int]]:
    return [(message.topic, message.payload, message.qos) for message in messages]


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_we_bridge_to_mosquitto(tmp_path: Path, version: str) -> None:
    with serve_mosquitto(tmp_path) as mosquitto:
        bridge = {
            "name": "uplink",
            "address": mosquitto.url,
            "version": version,
            "topics": ["both/# both 2", "s/# out 1 here/ there/", "c/# in 2 here/ there/"],
        }
        async with serve_ephemeral(app, bridge=(parse_bridge(bridge),)) as server:
            ours = server.listeners[0].url
            await bridged(ours, "uplink")
            async with Client(ours) as here, Client(mosquitto.url) as there:
                await crossed(there, here, "both/probe")
                await here.subscribe("both/#", "here/#", qos=2)
                await there.subscribe("both/#", "there/#", qos=2)
                for qos in range(3):
                    await here.publish("both/h", b"h%d" % qos, qos)
                    await there.publish("both/t", b"t%d" % qos, qos)
                await here.publish("here/s/1", "out", 2)
                await there.publish("there/c/1", "in", 2)
                everything = [
                    (f"both/{side}", b"%s%d" % (side.encode(), qos), qos) for side in "ht" for qos in range(3)
                ]
                # nothing twice: the last ones are behind all that could have come back
                got = flat(await collect(here, 8))
                assert sorted(got) == sorted([*everything, ("here/s/1", b"out", 2), ("here/c/1", b"in", 2)])
                got = flat(await collect(there, 8))
                assert sorted(got) == sorted([*everything, ("there/s/1", b"out", 1), ("there/c/1", b"in", 2)])
                await here.publish("both/end", "", 1)
                await there.publish("both/end", "", 1)
                assert flat(await collect(here, 2)) == [("both/end", b"", 1)] * 2
                assert flat(await collect(there, 2)) == [("both/end", b"", 1)] * 2


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_retained_messages_cross_with_their_flag(tmp_path: Path, version: str) -> None:
    with serve_mosquitto(tmp_path) as mosquitto:
        async with Client(mosquitto.url) as there:
            await there.publish("in/a", "old", 1, retain=True)
        bridge = {"name": "b", "address": mosquitto.url, "version": version, "topics": ["in/# in 1", "out/# out 1"]}
        async with serve_ephemeral(app, bridge=(parse_bridge(bridge),)) as server:
            ours = server.listeners[0].url
            async with Client(ours) as here, Client(mosquitto.url) as there:
                await here.subscribe("in/#", qos=1)
                assert flat(await collect(here, 1)) == [("in/a", b"old", 1)]
                await there.publish("in/b", "new", 1, retain=True)
                await collect(here, 1)
                await here.publish("out/c", "kept", 1, retain=True)
                await there.subscribe("out/#", qos=1)
                await collect(there, 1)
                async with Client(ours) as late:
                    await late.subscribe("in/+", qos=1)
                    assert {(each.topic, each.retain) for each in await collect(late, 2)} == {
                        ("in/a", True),
                        ("in/b", True),
                    }
                async with Client(mosquitto.url) as late:
                    await late.subscribe("out/+", qos=1)
                    assert [each.retain for each in await collect(late, 1)] == [True]
                await here.publish("out/c", "", 1, retain=True)
                await collect(there, 1)
                async with Client(mosquitto.url) as late:
                    await late.subscribe("out/+", qos=1)
                    await there.publish("out/d", "x", 1)
                    assert [each.topic for each in await collect(late, 1)] == ["out/d"]


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_messages_wait_while_mosquitto_is_away(tmp_path: Path, version: str) -> None:
    """Ours in our broker while it is down, its own in its persistence file while our server is."""
    mosquitto = Mosquitto(tmp_path / "m", "persistence true", f"persistence_location {tmp_path / 'm'}/")
    mosquitto.start()
    bridge = {
        "name": "uplink",
        "address": mosquitto.url,
        "version": version,
        "topics": ["up/# out 2", "down/# in 2"],
        "retry_min": 0.1,
        "retry_max": 0.3,
        "client_id": "our-bridge",
    }
    settings: dict[str, Any] = {"bridge": (parse_bridge(bridge),), "data": str(tmp_path / "data")}
    try:
        async with serve_ephemeral(app, **settings) as server:
            ours = server.listeners[0].url
            await bridged(ours, "uplink")
            async with Client(ours, client_id="h", clean_start=False, session_expiry=3600) as here:
                await here.subscribe("down/#", qos=2)
            async with Client(mosquitto.url, client_id="t", clean_start=False, session_expiry=3600) as there:
                async with Client(ours) as sender:
                    await crossed(sender, there, "up/probe")
                await there.subscribe("up/#", qos=2)
            mosquitto.stop()
            async with Client(ours) as sender:
                for number in range(50):
                    await sender.publish("up/n", str(number), 1 + number % 2)
            mosquitto.start()
            async with Client(mosquitto.url, client_id="t", clean_start=False, session_expiry=3600) as there:
                got = await collect(there, 50)
                assert [int(each.payload) for each in got if each.qos == 2] == list(range(1, 50, 2))
                assert {int(each.payload) for each in got} == set(range(50))
        async with Client(mosquitto.url) as sender:
            for number in range(50):
                await sender.publish("down/n", str(number), 1 + number % 2)
        async with serve_ephemeral(app, **settings) as server:
            url = server.listeners[0].url
            async with Client(url, client_id="h", clean_start=False, session_expiry=3600) as here:
                assert here.session.connack is not None
                assert here.session.connack.session_present
                got = await collect(here, 50)
                assert [int(each.payload) for each in got if each.qos == 2] == list(range(1, 50, 2))
                assert {int(each.payload) for each in got} == set(range(50))
    finally:
        mosquitto.stop()


@pytest.mark.parametrize("version", ["mqttv311", "mqttv50", "mqttv31"])
async def test_mosquitto_bridges_to_us(tmp_path: Path, version: str) -> None:
    async with serve_ephemeral(app) as server:
        ours = server.listeners[0]
        lines = [
            "connection theirs",
            f"address 127.0.0.1:{ours.port}",
            f"bridge_protocol_version {version}",
            "remote_clientid their-bridge",
            "local_clientid local.their-bridge",
            "cleansession false",
            "topic both/# both 2",
            "topic s/# out 1 here/ there/",
            "topic c/# in 2 here/ there/",
        ]
        with serve_mosquitto(tmp_path, *lines) as mosquitto:
            # it tells us by a topic of $SYS that it has a right to
            await bridged(ours.url, "their-bridge")
            async with Client(mosquitto.url) as here, Client(ours.url) as there:
                await crossed(there, here, "both/probe")
                await here.subscribe("both/#", "here/#", qos=2)
                await there.subscribe("both/#", "there/#", qos=2)
                for qos in range(3):
                    await here.publish("both/h", b"h%d" % qos, qos)
                    await there.publish("both/t", b"t%d" % qos, qos)
                await here.publish("here/s/1", "out", 2)
                await there.publish("there/c/1", "in", 2)
                everything = [
                    (f"both/{side}", b"%s%d" % (side.encode(), qos), qos) for side in "ht" for qos in range(3)
                ]
                got = flat(await collect(here, 8))
                assert sorted(got) == sorted([*everything, ("here/s/1", b"out", 2), ("here/c/1", b"in", 2)])
                got = flat(await collect(there, 8))
                assert sorted(got) == sorted([*everything, ("there/s/1", b"out", 1), ("there/c/1", b"in", 2)])
                await here.publish("both/end", "", 1)
                await there.publish("both/end", "", 1)
                assert flat(await collect(here, 2)) == [("both/end", b"", 1)] * 2
                assert flat(await collect(there, 2)) == [("both/end", b"", 1)] * 2


async def test_its_will_tells_that_mosquitto_is_gone(tmp_path: Path) -> None:
    async with serve_ephemeral(app) as server:
        ours = server.listeners[0]
        lines = [f"connection theirs\naddress 127.0.0.1:{ours.port}\nremote_clientid their-bridge\ntopic a/# out 0"]
        async with Client(ours.url) as client:
            await client.subscribe("$SYS/broker/connection/+/state")
            with serve_mosquitto(tmp_path, *lines):
                assert (await collect(client, 1))[0].payload == b"1"
            assert (await collect(client, 1))[0].payload == b"0"


async def test_the_bridge_connects_when_mosquitto_comes(tmp_path: Path) -> None:
    port = free_port()
    bridge = {
        "name": "uplink",
        "address": [f"mqtt://127.0.0.1:{port}", f"mqtt://localhost:{port}"],
        "topics": ["a/# out 1"],
        "retry_min": 0.05,
        "retry_max": 0.1,
    }
    async with serve_ephemeral(app, bridge=(parse_bridge(bridge),)) as server:
        ours = server.listeners[0].url
        async with Client(ours) as here:
            await here.publish("a/1", "early", 1, retain=True)
        mosquitto = Mosquitto(tmp_path)
        mosquitto.port = port
        mosquitto.start()
        try:
            await bridged(ours, "uplink")
            async with Client(ours) as here, Client(mosquitto.url) as there:
                # retained there, whether it came before or comes after the subscription
                await there.subscribe("a/#", qos=1)
                assert flat(await collect(there, 1)) == [("a/1", b"early", 1)]
                await here.publish("a/2", "now", 1)
                assert flat(await collect(there, 1)) == [("a/2", b"now", 1)]
        finally:
            mosquitto.stop()
