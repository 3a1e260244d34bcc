"""R4: clients that only keep alive, and some that work, for a while. What they take is bounded, and does not grow.

``make soak`` has 10,000 clients for three minutes; CI has 1,000 for a few seconds.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest
from tests.support.mqttbroker.crowd import Plain, crowd, needs_files, wait_for
from tests.support.mqttbroker.process import BrokerProcess

SOAK = bool(os.environ.get("SOCKETWORKERS_SOAK"))
COUNT, SECONDS, KEEP_ALIVE = (10_000, 180, 20) if SOAK else (1000, 9, 4)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def work(port: int, name: str, stop: threading.Event, rate: float) -> list[float]:
    """A client that sends itself messages; how long each took."""
    times = []
    with Plain(port, name) as client:
        client.subscribe(f"work/{name}/+", 1)
        number = 0
        while not stop.is_set():
            number += 1
            began = time.monotonic()
            client.publish(f"work/{name}/{number % 50}", b"%d" % number, 1, retain=number % 100 == 0)
            while not client.messages:
                client.message()
            assert client.messages.pop().payload == b"%d" % number
            times.append(time.monotonic() - began)
            stop.wait(1 / rate)
    return times


def p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99) - 1]


@pytest.mark.catalogue("R4")
async def test_idle_clients_and_some_that_work(tmp_path: Path) -> None:
    needs_files(COUNT + 500)
    options = ("--max-connections", "12000", "--max-connections-per-address", "0", "--sys-interval", "1s")
    with BrokerProcess(tmp_path, *options) as server:
        async with crowd("idle", 100, server.port, 60) as few:  # what is made once is there
            await few.all_in()
            await few.result(now=True)
        await wait_for(lambda: server.call("mqtt.status")["clients"] == 0, 10, "clients are left")
        files, memory = server.descriptors, server.resident
        stop = threading.Event()
        async with crowd("idle", COUNT, server.port, KEEP_ALIVE) as idle:
            await idle.all_in(180)
            await wait_for(lambda: server.call("mqtt.status")["clients"] == COUNT, 10, "not all are connected")
            each = (server.resident - memory) / COUNT
            working = [
                asyncio.create_task(asyncio.to_thread(work, server.port, f"worker{number}", stop, 20))
                for number in range(5)
            ]
            await asyncio.sleep(SECONDS / 3)
            begun, used, at = server.resident, server.cpu_seconds, time.monotonic()
            open_files = server.descriptors
            await asyncio.sleep(SECONDS * 2 / 3)
            grown, busy = server.resident - begun, (server.cpu_seconds - used) / (time.monotonic() - at)
            assert server.descriptors == open_files
            assert server.call("mqtt.status")["clients"] == COUNT + 5, "all are alive"
            stop.set()
            times = await asyncio.gather(*working)
            result = await idle.result(now=True)
        third = [each[: len(each) // 3] for each in times], [each[-len(each) // 3 :] for each in times]
        early, late = (p99([one for some in part for one in some]) for part in third)
        await wait_for(lambda: server.descriptors <= files, 20, "descriptors are left")
        print(  # noqa: T201
            f"\n{COUNT} idle for {SECONDS} s: {each:.0f} B each, {grown >> 10} KiB more, {busy:.0%} of a processor,"
            f" p99 {early * 1000:.1f} and then {late * 1000:.1f} ms, {result}"
        )
        assert result["ended"] == 0
        assert result["pings"] == result["pongs"] >= 2 * COUNT
        assert each <= 6 * 1024, f"{each:.0f} bytes each"
        assert grown < 2 << 20, f"{grown >> 10} KiB more within {SECONDS * 2 / 3} s"
        assert late < max(1.2 * early, 0.25), f"{early * 1000:.1f} ms, later {late * 1000:.1f} ms"
        assert "Traceback" not in server.text()
