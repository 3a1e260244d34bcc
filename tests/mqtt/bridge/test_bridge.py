"""Bridges between brokers of ours: what crosses, what does not come back, and what a cut connection does to it."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest
from tests.mqtt.bridge.brokers import Cutter, bridge_to, broker, carried, take

from socketworkers.testing import serve_ephemeral
from socketworkers_mqtt import app
from socketworkers_mqtt.bridge.bridge import Bridge
from socketworkers_mqtt.bridge.guard import MARK
from socketworkers_mqtt.client import Client, Message, MqttError, Refused, Rejected
from socketworkers_mqtt.codec import Connect, Decoder, Reason, encode_connack
from socketworkers_mqtt.retained import MOST_STATES

VERSIONS = pytest.mark.parametrize("version", ["5", "3.1.1"])


def flat(messages: list[Message]) -> list[tuple[str, bytes, int]]:
    return sorted((message.topic, message.payload, message.qos) for message in messages)


@VERSIONS
async def test_both_directions_and_nothing_twice(any_loop: None, version: str) -> None:
    async with broker() as there_url:
        spec = bridge_to(there_url, "b/# both 2", "s/# out 1 here/ there/", "c/# in 2 here/ there/", version=version)
        async with broker(spec) as here_url, Client(here_url) as here, Client(there_url) as there:
            await carried(there, here, "b/probe")
            await here.subscribe("b/#", "here/#", qos=2)
            await there.subscribe("b/#", "there/#", qos=2)
            for qos in range(3):
                await here.publish("b/h", b"%d" % qos, qos)
                await there.publish("b/t", b"%d" % qos, qos)
            await here.publish("here/s/1", "out", 2)
            await there.publish("there/c/1", "in", 2)
            both = [(f"b/{side}", b"%d" % qos, qos) for side in "ht" for qos in range(3)]
            assert flat(await take(here, 8)) == [*both, ("here/c/1", b"in", 2), ("here/s/1", b"out", 2)]
            assert flat(await take(there, 8)) == [*both, ("there/c/1", b"in", 2), ("there/s/1", b"out", 1)]
            # had anything come back, it would be in front of these
            await here.publish("b/end", "", 1)
            await there.publish("b/end", "", 1)
            assert flat(await take(here, 2)) == flat(await take(there, 2)) == [("b/end", b"", 1)] * 2


@pytest.mark.parametrize("direction", ["out", "in"])
async def test_messages_in_a_ring_of_brokers_end_where_they_began(direction: str) -> None:
    """No Local of a single connection cannot stop them; the names of the brokers that they have crossed can."""
    topic = f"r/# {direction} 1"
    async with Cutter(1, 0, 0) as way, serve_ephemeral(app, bridge=(bridge_to(way.url, topic),)) as server:
        a_url = server.listeners[0].url
        async with (
            broker(bridge_to(a_url, topic)) as b_url,
            broker(bridge_to(b_url, topic)) as c_url,
            Client(a_url) as a,
            Client(b_url) as b,
            Client(c_url) as c,
        ):
            way.target = int(c_url.rpartition(":")[2])
            for one, other in ((a, b), (b, c), (c, a)):
                await carried(*((one, other) if direction == "in" else (other, one)), "r/probe")
            for client in (a, b, c):
                await client.subscribe("r/m", qos=1)
            for word in ("x", "y", "z"):
                await a.publish("r/m", word, 1)
                # once published, and once when it has come round
                assert [each.text for each in await take(a, 2)] == [word] * 2
                for client in (b, c):
                    (message,) = await take(client, 1)
                    assert message.text == word
                    assert {name for name, _ in message.user_properties} == {MARK}


async def test_without_the_bridges_bit_what_was_sent_is_not_taken_back() -> None:
    async with broker() as there_url:
        spec = bridge_to(there_url, "b/# both 1", version="3.1.1", private=False)
        async with broker(spec) as here_url, Client(here_url) as here, Client(there_url) as there:
            await carried(there, here, "b/probe")
            await here.subscribe("b/#", qos=1)
            await here.publish("b/1", "x", 1)
            await there.publish("b/2", "y", 1)
            assert flat(await take(here, 2)) == [("b/1", b"x", 1), ("b/2", b"y", 1)]


async def test_a_broker_that_knows_only_old_versions() -> None:
    """It refuses 5.0 as 3.1.1 says, takes the bridge's bit for a version, and is spoken to without."""
    seen: list[tuple[int, bool]] = []
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = Decoder(max_packet=1 << 20)
        packets: list[Any] = []
        while not packets:
            packets = decoder.receive(await reader.read(4096))
        (connect,) = packets
        assert isinstance(connect, Connect)
        seen.append((connect.version, connect.bridge))
        if connect.version == 5 or connect.bridge:
            writer.write(b"\x20\x02\x00\x01" if connect.version < 5 else encode_connack(5, False, 0x84))
        else:
            writer.write(encode_connack(4, False, 0))
            if not connect.clean_start:
                done.set()
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        async with broker(bridge_to(url, "a/# out 1")):
            await done.wait()
        # the last one twice: a clean session first, and then one that lasts
        assert seen == [(5, False), (4, True), (4, False), (4, False)]
    finally:
        server.close()
        await server.wait_closed()


async def test_a_broker_that_leaves_what_it_does_not_know_unanswered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it has answered once, the versions take turns."""
    monkeypatch.setattr("socketworkers_mqtt.bridge.bridge.PATIENCE", 0.3)
    seen: list[int] = []
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (connect,) = Decoder(max_packet=1 << 20).receive(await reader.read(4096))
        assert isinstance(connect, Connect)
        seen.append(connect.version)
        if connect.version == 4:
            writer.write(encode_connack(4, False, 0))
            if not connect.clean_start:
                done.set()
        with contextlib.suppress(OSError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        async with broker(bridge_to(url, "a/# out 1")):
            await done.wait()
        assert seen == [5, 4, 4]
    finally:
        server.close()
        await server.wait_closed()


@VERSIONS
@pytest.mark.parametrize("seed", range(3))
async def test_cut_connections_lose_nothing_and_deliver_nothing_twice(version: str, seed: int) -> None:
    """QoS 2 exactly once and in order, QoS 1 at least once, both ways, over connections that are cut all the time."""
    count = 300
    # few under way: what is sent again on each connection must leave room for something new
    async with broker(max_inflight=8) as there_url:
        port = int(there_url.rpartition(":")[2])
        async with Cutter(port, seed, 0) as way:
            spec = bridge_to(way.url, "out/# out 2", "in/# in 2", version=version)
            async with broker(spec, max_inflight=8) as here_url, Client(here_url) as here, Client(there_url) as there:
                await carried(here, there, "out/probe")
                await carried(there, here, "in/probe")
                await here.subscribe("in/+/q", qos=2)
                await there.subscribe("out/+/q", qos=2)
                way.most = 2500
                way.cut()

                async def send(client: Client, prefix: str) -> None:
                    for number in range(count):
                        await client.publish(f"{prefix}/{1 + number % 2}/q", str(number), 1 + number % 2)

                async def receive(client: Client) -> list[Message]:
                    found: list[Message] = []
                    while {int(each.payload) for each in found} != set(range(count)):
                        found += await take(client, 1)
                    return found

                senders = asyncio.gather(send(here, "out"), send(there, "in"))
                found = await asyncio.gather(receive(there), receive(here))
                await senders
                way.most = 0
                for got in found:
                    twice = [int(each.payload) for each in got if each.qos == 2]
                    assert twice == list(range(1, count, 2))
                assert way.cuts > 2


async def test_a_restart_of_our_broker_loses_nothing_and_delivers_nothing_twice(tmp_path: Path) -> None:
    """Our side's session is on disk, the other side's is the other broker's."""
    count, rounds = 40, 3
    async with broker(max_inflight=8) as there_url:
        port = int(there_url.rpartition(":")[2])
        async with Cutter(port, 1, 0) as way, Client(there_url) as there:
            spec = bridge_to(way.url, "out/# out 2", "in/# in 2")
            settings: dict[str, Any] = {"data": str(tmp_path / "data"), "max_inflight": 8}
            async with broker(spec, **settings) as here_url, Client(here_url) as here:
                await carried(here, there, "out/probe")
                await carried(there, here, "in/probe")
                async with Client(here_url, client_id="h", clean_start=False, session_expiry=600) as keeper:
                    await keeper.subscribe("in/q", qos=2)
            await there.subscribe("out/q", qos=2)
            for turn in range(rounds):
                # the connection ends within what is sent: some of it is under way when the server stops
                way.most = 1500
                async with broker(spec, **settings) as here_url, Client(here_url) as here:
                    for number in range(count):
                        await asyncio.gather(
                            here.publish("out/q", str(turn * count + number), 2),
                            there.publish("in/q", str(turn * count + number), 2),
                        )
            way.most = 0
            async with broker(spec, **settings) as here_url:
                got = await take(there, count * rounds)
                assert [int(each.payload) for each in got] == list(range(count * rounds))
                async with Client(here_url, client_id="h", clean_start=False, session_expiry=600) as keeper:
                    got = await take(keeper, count * rounds)
                    assert [int(each.payload) for each in got] == list(range(count * rounds))
                async with Client(here_url) as here:
                    await here.publish("out/q", "end", 2)
                    assert (await take(there, 1))[0].payload == b"end"


@VERSIONS
async def test_identifiers_of_a_session_that_the_other_broker_has_lost_mean_nothing(
    version: str, unused_tcp_port: int
) -> None:
    """It begins with identifier 1 again: those messages are new, whatever was under way with it before."""
    url = f"mqtt://127.0.0.1:{unused_tcp_port}"
    spec = bridge_to(url, "in/# in 2", version=version)
    async with serve_ephemeral(app, bridge=(spec,)) as server, Client(server.listeners[0].url) as here:
        for _ in range(2):
            async with broker(port=unused_tcp_port), Client(url) as there:
                await carried(there, here, "in/probe")
                await here.subscribe("in/n", qos=2)
                for number in range(30):
                    await there.publish("in/n", str(number), 2)
                assert [int(each.payload) for each in await take(here, 30)] == list(range(30))
                # as if the last ones had not been released when the other broker went away
                session = server.env.mqtt.object.broker.sessions["$bridge/uplink"]
                session.incoming = set(range(1, 60))


async def test_nobody_else_can_have_the_session_of_a_bridge() -> None:
    async with broker() as there_url, broker(bridge_to(there_url, "a/# out 1")) as here_url:
        for version in (4, 5):
            with pytest.raises(Refused) as refused:
                await Client(here_url, client_id="$bridge/uplink", version=version, clean_start=False).connect()
            assert refused.value.reason is Reason.CLIENT_IDENTIFIER_NOT_VALID


async def test_states_of_other_brokers_bridges_are_kept_within_bounds() -> None:
    """They are in memory: a client cannot fill it under names of its own (M2)."""
    state = "$SYS/broker/connection/{}/state".format
    async with broker() as url, Client(url) as client:
        for number in range(MOST_STATES):
            await client.publish(state(number), "1", 1, retain=True)
        for topic, payload in ((state("more"), "1"), (state(1), "x" * 65)):
            with pytest.raises(Rejected, match="QUOTA_EXCEEDED"):
                await client.publish(topic, payload, 1, retain=True)
        for topic in ("$SYS/broker/uptime", "$SYS/broker/connection/state", "$SYS/broker/connection/a/b/state"):
            with pytest.raises(Rejected, match="NOT_AUTHORIZED"):
                await client.publish(topic, "1", 1, retain=True)
        await client.publish(state(1), "0", 1, retain=True)
        await client.publish(state(2), "", 1, retain=True)
        await client.publish(state("more"), "1", 1, retain=True)
        await client.subscribe(state("+"))
        found = {each.topic: each.text for each in await take(client, MOST_STATES)}
        assert (found[state(1)], found[state("more")]) == ("0", "1")
        assert state(2) not in found


async def test_rules_are_for_clients_and_not_for_bridges(tmp_path: Path) -> None:
    rules = tmp_path / "acl"
    rules.write_text("topic readwrite own/#\ntopic read $SYS/#\n")
    async with broker() as there_url:
        spec = bridge_to(there_url, "own/# out 1", "secret/# in 1", "secret/# out 1")
        async with broker(spec, acl_file=str(rules)) as here_url, Client(here_url) as here, Client(there_url) as there:
            await carried(here, there, "own/probe")
            with pytest.raises(MqttError):
                await here.publish("secret/x", "y", 1)
            await there.publish("secret/kept", "x", 1, retain=True)
            await there.subscribe("own/#", qos=1)
            await here.publish("own/1", "x", 1)
            assert flat(await take(there, 1)) == [("own/1", b"x", 1)]


async def test_a_bridge_that_is_taken_out_of_the_settings_keeps_nothing(tmp_path: Path) -> None:
    settings = {"data": str(tmp_path / "data")}
    async with broker() as there_url:
        spec = bridge_to(there_url, "a/# out 1", "b/# both 1")
        async with broker(spec, **settings):
            pass
        # other topics: what was subscribed to before is not any more
        other = bridge_to(there_url, "c/# out 1")
        async with broker(other, **settings) as here_url, Client(here_url) as here, Client(there_url) as there:
            await carried(here, there, "c/probe")
            await there.subscribe("#", qos=1)
            await here.publish("a/1", "x", 1)
            await here.publish("c/1", "x", 1)
            assert flat(await take(there, 1)) == [("c/1", b"x", 1)]
        async with serve_ephemeral(app, **settings) as server:
            assert "$bridge/uplink" not in server.env.mqtt.object.broker.sessions


async def test_what_is_published_before_the_first_contact_waits() -> None:
    async with broker() as there_url:
        port = int(there_url.rpartition(":")[2])
        async with Cutter(1, 0, 0) as way, Client(there_url) as there:  # nobody is at port 1
            await there.subscribe("#", qos=1)
            async with serve_ephemeral(app, bridge=(bridge_to(way.url, "a/# out 1"),)) as server:
                async with Client(server.listeners[0].url) as here:
                    await here.publish("a/1", "early", 1)
                way.target = port
                assert flat(await take(there, 1)) == [("a/1", b"early", 1)]


async def test_why_there_is_no_connection_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async with broker(anonymous="off") as there_url:
        async with serve_ephemeral(app, bridge=(bridge_to(there_url, "a/# out 1"),)) as server:
            bridge: Bridge = server.env.mqtt.bridges.bridges[0]
            async with asyncio.timeout(10):
                while not bridge.problem:
                    await asyncio.sleep(0)
            first = bridge.problem
            async with Client(server.listeners[0].url) as here:
                await here.subscribe("$SYS/broker/connection/uplink/state")
                assert [each.payload for each in await take(here, 1)] == [b"0"]
        assert "NOT_AUTHORIZED" in first
        assert len([record for record in caplog.records if "NOT_AUTHORIZED" in record.getMessage()]) == 1


async def test_a_bridge_logs_in_and_uses_tls(tmp_path: Path) -> None:
    async with serve_ephemeral(app, tls="auto", tls_port=0, data=str(tmp_path / "there"), anonymous="off") as there:
        there.env.mqtt.set_password("bridge", "pass word")
        port = next(each.port for each in there.listeners if each.name == "tls")
        spec = bridge_to(
            f"mqtts://localhost:{port}",
            "a/# out 1",
            username="bridge",
            password="pass word",
            ca=str(tmp_path / "there" / "tls" / "ca.pem"),
        )
        async with broker(spec) as here_url:
            main = next(each.url for each in there.listeners if each.name == "main")
            async with Client(here_url) as here, Client(main, username="bridge", password="pass word") as watcher:
                await carried(here, watcher, "a/probe")


@VERSIONS
async def test_over_a_websocket(version: str) -> None:
    async with serve_ephemeral(app, ws_port=0) as there:
        urls = {each.name: each.url for each in there.listeners}
        async with (
            broker(bridge_to(urls["ws"], "b/# both 2", version=version)) as here_url,
            Client(here_url) as here,
            Client(urls["main"]) as watcher,
        ):
            await carried(here, watcher, "b/probe")
            await carried(watcher, here, "b/probe")


async def test_a_refused_subscription_is_told_and_the_rest_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rules = tmp_path / "acl"
    rules.write_text("topic readwrite open/#\n")
    async with broker(acl_file=str(rules)) as there_url:
        spec = bridge_to(there_url, "secret/# in 1", "open/# both 1", "secret/# out 1")
        async with broker(spec) as here_url, Client(here_url) as here, Client(there_url) as there:
            await carried(there, here, "open/probe")
            await here.publish("secret/x", "refused there", 1)
            await carried(here, there, "open/probe")
            assert not here.session.unacknowledged
    assert "bridge uplink: the other broker refused subscriptions: NOT_AUTHORIZED" in caplog.text


async def test_when_the_server_drains_the_bridge_ends() -> None:
    async with broker() as there_url, serve_ephemeral(app, bridge=(bridge_to(there_url, "a/# out 1"),)) as server:
        bridges = server.env.mqtt.bridges
        async with Client(server.listeners[0].url) as here, Client(there_url) as there:
            await carried(here, there, "a/probe")
        await server.drain()
        await asyncio.wait(bridges._tasks, timeout=10)
        assert all(task.done() for task in bridges._tasks)
        assert not bridges.bridges[0].connected


async def test_kicked_it_comes_back() -> None:
    async with (
        broker() as there_url,
        serve_ephemeral(app, bridge=(bridge_to(there_url, "a/# out 1"),)) as server,
        Client(server.listeners[0].url) as here,
        Client(there_url) as there,
    ):
        await carried(here, there, "a/probe")
        owner = server.env.mqtt.object
        owner.now()
        for forget in (False, True):
            assert owner.broker.kick("$bridge/uplink", forget=forget)
            owner.settle()
            await carried(here, there, "a/probe")


async def test_many_messages_to_a_broker_that_reads_slowly() -> None:
    """Back-pressure: QoS 1 messages wait in the session, and all of them arrive."""
    count, payload = 400, b"x" * 20_000
    async with (
        broker() as there_url,
        broker(bridge_to(there_url, "a/# out 1")) as here_url,
        Client(here_url) as here,
        Client(there_url, max_messages=10) as there,
    ):
        await carried(here, there, "a/probe")
        await there.subscribe("a/n", qos=1)
        await asyncio.gather(*(here.publish("a/n", b"%d " % number + payload, 1) for number in range(count)))
        got = await take(there, count)
        assert [int(each.payload.split()[0]) for each in got] == list(range(count))
