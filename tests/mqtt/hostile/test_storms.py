"""Everybody at once: N3, the burst of a home that starts, and what half a million retained topics take.

``make soak`` runs the large sizes; CI runs the same tests with small ones.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest
from tests.support.mqttbroker.crowd import LATE, Plain, crowd, needs_files, wait_for
from tests.support.mqttbroker.process import BrokerProcess
from tests.support.mqttbroker.world import publish_bytes, will

SOAK = bool(os.environ.get("SOCKETWORKERS_SOAK"))
MANY = ("--max-connections", "12000", "--max-connections-per-address", "0")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800 if SOAK else 120)]


def clients(server: BrokerProcess) -> int:
    return int(server.call("mqtt.status")["clients"])


@pytest.mark.catalogue("N3")
@pytest.mark.parametrize("count", [pytest.param(5000 if SOAK else 1000)])
async def test_a_reconnect_storm(tmp_path: Path, count: int) -> None:
    """The server is killed under many clients with sessions, and all of them return at once."""
    needs_files(count + 500)
    server = BrokerProcess(tmp_path, *MANY)
    with server, Plain(server.port, "sender") as sender:
        async with crowd("session", count, server.port, 300) as first:
            await first.all_in(120)
            await wait_for(lambda: clients(server) == count + 1, 10, "not all are connected")
            before = server.resident
            result = await first.result(now=True)
            assert (result["subscribed"], result["present"]) == (count, 0)
        await wait_for(lambda: clients(server) == 1, 20, "connections are left")
        await asyncio.to_thread(sender.publish_many, [(f"to/{number}", b"%07d" % number) for number in range(count)])
        async with crowd("session", count // 10, server.port, 300) as connected:  # some are there when it dies
            await connected.all_in(60)
            server.kill()
    with server:
        assert server.start_seconds < 2.0 + LATE
        assert server.call("mqtt.status")["sessions"] == count
        began = time.monotonic()
        async with crowd("session", count, server.port, 300) as second:
            await second.all_in(60)
            assert time.monotonic() - began < 30, "all are back"
            await wait_for(lambda: clients(server) == count, 10, "not all are connected")
            after = server.resident
            used = server.cpu_seconds
            await asyncio.sleep(1.0)
            assert server.cpu_seconds - used < 0.25, "and then it is calm"
            result = await second.result(now=True)
        assert (result["subscribed"], result["present"]) == (count, count), "every session is there"
        one = len(publish_bytes(4, "to/0", b"0000000", 1, False, 1))
        names = sum(len(str(number)) - 1 for number in range(count))
        # a message that was under way when the server died comes again, with DUP: never less than all of them
        assert result["received"] == count * one + names, "nothing that was acknowledged is lost"
        assert after < before * 1.05 + (8 << 20), f"{before >> 20} MiB before, {after >> 20} MiB after"
        assert "Traceback" not in server.text()


def discovery(number: int) -> tuple[str, bytes]:
    """What a device of a home tells of itself."""
    payload = b'{"name":"Device %d","state_topic":"home/%d/state","unique_id":"%d"}' % (number, number, number)
    return f"homeassistant/sensor/device{number}/config", payload + b" " * (number % 400)


def test_the_burst_of_a_home(tmp_path: Path) -> None:
    """Discovery topics by the hundred, large payloads, wills, all at once, kill -9: all that is retained is there."""
    devices, large = 400, 6
    retained = dict(discovery(number) for number in range(devices))
    retained |= {f"cameras/{number}": bytes((number,)) * (300_000 + number) for number in range(large)}
    server = BrokerProcess(tmp_path)
    errors: list[BaseException] = []

    def device(first: int) -> None:
        try:
            for number in range(first, devices, 8):
                last = will(f"home/{number}/state", b"offline", 1, True)
                with Plain(server.port, f"device{number}", 5 if number % 2 else 4, will=last) as client:
                    client.publish(*discovery(number), 1, retain=True)
                    client.publish(f"home/{number}/state", b"online", 1, retain=True)
                    if number < large:
                        client.publish(f"cameras/{number}", retained[f"cameras/{number}"], 1, retain=True)
        except BaseException as error:
            errors.append(error)

    def storm() -> None:
        threads = [threading.Thread(target=device, args=(first,)) for first in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors, errors

    def check(states: bytes) -> None:
        with Plain(server.port, "home") as home:
            began = time.monotonic()
            home.subscribe("#", 1)
            while len(home.messages) < len(retained) + devices:
                home.message()
            assert time.monotonic() - began < 10
            found = {each.topic.decode(): each.payload for each in home.messages}
            assert all(each.retain for each in home.messages)
            assert found == retained | {f"home/{number}/state": states for number in range(devices)}

    with server:
        storm()
        check(b"offline")
        server.kill()
    with server:
        check(b"offline")
        storm()  # and again, over what is there
        check(b"offline")
        server.kill()
    with server:
        check(b"offline")
        assert server.call("mqtt.status")["retained"] == len(retained) + devices


@pytest.mark.attack("M2")
@pytest.mark.parametrize("count", [pytest.param(500_000 if SOAK else 15_000)])
def test_retained_topics_by_the_hundred_thousand(tmp_path: Path, count: int) -> None:
    """They are on disk and not in memory; a subscriber to all of them gets them all; the next start is quick."""
    server = BrokerProcess(tmp_path)
    with server:
        with Plain(server.port, "p") as publisher:
            publisher.publish("warm", b"up", 1)
            memory = server.resident
            began = time.monotonic()
            for start in range(0, count, 5000):
                publisher.publish_many(
                    [(f"site/{n % 100}/device/{n}", b"value %07d" % n) for n in range(start, min(count, start + 5000))],
                    retain=True,
                )
            took = time.monotonic() - began
        grown = server.resident - memory
        # the routes of 50,000 topics are remembered, and SQLite has a cache of a few MB; beyond that nothing grows
        assert grown < (64 << 20), f"{grown / 2**20:.1f} MiB"
        memory = server.resident
        with Plain(server.port, "s") as subscriber:
            began = time.monotonic()
            subscriber.subscribe("site/#")
            seen: set[bytes] = set()
            while len(seen) < count:
                message = subscriber.message()
                seen.add(message.topic)
                assert message.retain
                subscriber.messages.clear()
            read = time.monotonic() - began
            subscriber.ping()
        assert server.resident - memory < 48 << 20
        server.kill()
    with server:
        assert server.start_seconds < 2.0 + LATE
        assert server.call("mqtt.status")["retained"] == count
        with Plain(server.port, "s") as subscriber:
            subscriber.subscribe(f"site/1/device/{101}")
            assert subscriber.message().payload == b"value %07d" % 101
        print(f"\n{count} retained: {count / took:.0f}/s in, {count / read:.0f}/s out, {grown >> 20} MiB")  # noqa: T201


@pytest.mark.attack("C5")
def test_a_subscriber_that_stops_reading_harms_nobody(tmp_path: Path) -> None:
    """Its memory is bounded, what it holds up is only itself, and it is gone after the write timeout."""
    size, count = 10_000, 40_000 if SOAK else 4000
    with (
        BrokerProcess(
            tmp_path, "--write-timeout", "3s", "--max-backlog", "1MiB", "--max-queued-bytes", "4MiB"
        ) as server,
        Plain(server.port, "stuck") as stuck,
        Plain(server.port, "other") as other,
        Plain(server.port, "p") as publisher,
    ):
        stuck.take_little()
        stuck.subscribe("t/#", 1)
        other.subscribe("t/#", 1)
        memory = server.resident
        most = 0
        slowest = 0.0
        wire = publish_bytes(4, "t/0", bytes(size)) * 9
        for _ in range(count // 10):
            began = time.monotonic()
            publisher.send(wire)
            publisher.publish("t/1", bytes(size), 1)
            for _ in range(10):
                other.message()
            other.messages.clear()
            slowest = max(slowest, time.monotonic() - began)
            most = max(most, server.resident - memory)
        assert slowest < 1.0
        assert most < 32 << 20
        deadline = time.monotonic() + 3 + 1 + LATE
        while server.call("mqtt.status")["clients"] > 2:
            assert time.monotonic() < deadline, "it holds its place"
            publisher.send(publish_bytes(4, "t/0", bytes(size)))
            other.message()
        assert server.call("mqtt.status")["queued_bytes"] == 0
        assert "Traceback" not in server.text()
