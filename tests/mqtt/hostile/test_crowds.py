"""Many bad clients at once, against a broker process: N1, N2, floods of connections, takeovers (M4)."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from pathlib import Path

import pytest
from tests.support.mqttbroker.attackers import connect_packet
from tests.support.mqttbroker.crowd import LATE, Plain, crowd, needs_files, wait_for
from tests.support.mqttbroker.process import BrokerProcess

pytestmark = pytest.mark.timeout(150)


def connections(server: BrokerProcess) -> int:
    return int(server.call("status")["connections"])


def p99(port: int, seconds: float) -> float:
    """The worst but one in a hundred of a normal client's times for a message to itself with QoS 1."""
    times: list[float] = []
    until = time.monotonic() + seconds
    with Plain(port, "normal") as client:
        client.subscribe("normal/#", 1)
        while time.monotonic() < until or len(times) < 100:
            began = time.monotonic()
            client.publish("normal/topic", b"x" * 100, 1)
            while not client.messages:
                client.message()
            client.messages.clear()
            times.append(time.monotonic() - began)
            time.sleep(0.001)
    times.sort()
    return times[int(len(times) * 0.99) - 1]


def flood(port: int, stop: threading.Event) -> None:
    """Messages that the readers do not read: the kernel takes 2.5 MB for each of them, the rest is the server's."""
    with Plain(port, "flood") as client:
        while not stop.is_set():
            client.publish("flood/topic", bytes(16_000))
            client.ping()
            time.sleep(0.03)


async def largest(server: BrokerProcess, stop: threading.Event) -> int:
    """Most memory until told to stop."""
    most = 0
    while not stop.is_set():
        most = max(most, server.resident)
        await asyncio.sleep(0.1)
    return most


@pytest.mark.catalogue("N1")
@pytest.mark.attack("C5")
async def test_slow_senders_and_slow_readers(tmp_path: Path) -> None:
    deadline = 4.0
    options = (
        "--connect-timeout", "4s", "--packet-timeout", "4s", "--write-timeout", "3s", "--max-backlog", "64KiB",
        "--max-connections-per-address", "0",
    )  # fmt: skip
    with BrokerProcess(tmp_path, *options) as server:
        idle = min([await asyncio.to_thread(p99, server.port, 0.5) for _ in range(3)])
        worse = 1e9
        for _ in range(3):  # the better of three: a stall of the machine is not the server's
            before = server.resident
            stop = threading.Event()
            async with (
                crowd("connect", 250, server.port, 40) as first,
                crowd("publish", 250, server.port, 40) as second,
                crowd("reader", 500, server.port, 60) as readers,
            ):
                crowds = (first, second, readers)
                for each in crowds:
                    await each.all_in(30)
                flooding = threading.Thread(target=flood, args=(server.port, stop))
                flooding.start()
                watching = asyncio.create_task(largest(server, stop))
                try:
                    worse = min(worse, await asyncio.to_thread(p99, server.port, 1.5))
                    results = [await each.result() for each in crowds]
                finally:
                    stop.set()
                    await asyncio.to_thread(flooding.join)
                    grown = await watching - before
            assert [each["ended"] for each in results] == [250, 250, 500]
            assert max(results[0]["longest"], results[1]["longest"]) < deadline + 1.0 + LATE, results
            if worse < max(2 * idle, 0.05):
                break
        assert worse < max(2 * idle, 0.05), f"{worse * 1000:.1f} ms, idle {idle * 1000:.1f} ms"
        assert grown < 1000 * 128 * 1024, f"{grown >> 10} KiB: each holds a bounded part of memory"
        await wait_for(lambda: connections(server) <= 1, 15, "connections are left")
        assert server.call("mqtt.status")["sessions"] == 0
        assert "Traceback" not in server.text()


@pytest.mark.catalogue("N2")
@pytest.mark.attack("C6")
async def test_silent_connections_are_reaped(tmp_path: Path) -> None:
    needs_files(3000)
    options = ("--connect-timeout", "3s", "--packet-timeout", "3s", "--max-connections-per-address", "0")
    with BrokerProcess(tmp_path, *options) as server:
        with Plain(server.port, "before") as client:
            client.ping()
        before = server.descriptors
        async with crowd("silent", 1000, server.port, 40) as silent, crowd("half", 1000, server.port, 40) as half:
            for each in (silent, half):
                result = await each.result()
                assert result["ended"] == 1000
                assert result["longest"] < 3.0 + 1.0 + LATE, result
        await wait_for(lambda: server.descriptors <= before + 3, 15, "descriptors are left")
        assert connections(server) <= 1
        with Plain(server.port, "after") as client:
            client.ping()


@pytest.mark.attack("C6")
async def test_a_flood_of_connections(tmp_path: Path) -> None:
    """2,000 more than may be: who is in is served, who is not is told so by the end, and all are forgotten."""
    with BrokerProcess(tmp_path, "--max-connections", "200", "--connect-timeout", "2s") as server:
        with Plain(server.port, "early") as early:
            before, memory = server.descriptors, server.resident
            async with crowd("silent", 2200, server.port, 40) as silent:
                result = await silent.result()
            assert result["ended"] == 2200
            assert server.descriptors < before + 250
            await asyncio.to_thread(early.ping)
            assert server.resident - memory < 16 << 20
        await wait_for(lambda: server.descriptors <= before + 1, 15, "descriptors are left")


@pytest.mark.attack("M4")
async def test_a_client_that_takes_itself_over_a_hundred_times_a_second(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path) as server, Plain(server.port, "other") as other:
        other.subscribe("to/#", 1)
        before, memory = server.descriptors, server.resident
        began = time.monotonic()
        rounds = 300
        with contextlib.ExitStack() as stack:
            last: Plain | None = None
            for number in range(rounds):
                last = stack.enter_context(Plain(server.port, "same", clean=False))
                last.send(connect_packet("x", 0)[:5])  # and half of something
                if number % 50 == 0:
                    await asyncio.to_thread(other.publish, "to/other", b"%d" % number, 1)
            assert time.monotonic() - began < rounds / 100, "a hundred each second, at least"
            assert last is not None
            await wait_for(lambda: connections(server) == 2, 10, "older connections are left")
            assert server.call("mqtt.status")["sessions"] == 2
            assert server.resident - memory < 8 << 20
        await wait_for(lambda: server.descriptors <= before, 10, "descriptors are left")
        assert [each.payload for each in other.messages] == [b"%d" % number for number in range(0, rounds, 50)]
        assert "Traceback" not in server.text()
