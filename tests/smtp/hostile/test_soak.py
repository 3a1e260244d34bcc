"""R4: hours of ordinary use in little: idle clients, mail of all sizes, connections that come and go. Nothing grows.

``SOCKETWORKERS_SOAK`` is how many seconds it takes (``make soak`` takes three minutes).
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.smtp.hostile.test_crowds import BODY, attack, many_files, needs_files, wait_for
from tests.support.mailserver.client import Client, send_one
from tests.support.mailserver.load import Sender
from tests.support.mailserver.process import MailProcess

__all__ = ["many_files"]

SECONDS = float(os.environ.get("SOCKETWORKERS_SOAK", "") or 15)
IDLE, ACTIVE, KEPT = 1000, 20, 300
#: what the resident size may vary by from one third of the time to the next: pages of SQLite and of the allocator
VARIATION = 4 << 20

pytestmark = [pytest.mark.timeout(SECONDS + 120), pytest.mark.slow, pytest.mark.usefixtures("many_files")]


@dataclass
class Sample:
    """The server at one moment."""

    resident: int
    descriptors: int
    threads: int
    seconds: float
    """How long a normal client's message took."""


def sample(server: MailProcess, client: Client) -> Sample:
    began = time.monotonic()
    assert client.mail(BODY).startswith("250")
    seconds = time.monotonic() - began
    threads = len(list(Path(f"/proc/{server.pid}/task").iterdir()))
    return Sample(server.resident, server.descriptors, threads, seconds)


async def come_and_go(port: int, journal: Path, name: str, stop: asyncio.Event) -> int:
    """A client that connects anew for every few messages."""
    sender = Sender(journal, name)
    connections = 0
    try:
        while not stop.is_set():
            connections += 1
            await sender.run(port, stop, 1 + connections % 5)
    finally:
        sender.close()
    return connections


@pytest.mark.catalogue("R4")
async def test_nothing_grows(tmp_path: Path) -> None:
    needs_files(IDLE + 500)
    options = ("--keep", str(KEPT), "--max-connections-per-address", "0", "--log-level", "warning")
    with MailProcess(tmp_path, *options) as server:
        crowd = await attack("silent", IDLE, server.port, SECONDS + 100)
        stop = asyncio.Event()
        try:
            await wait_for(lambda: server.call("status")["connections"] >= IDLE, 60, "not all were accepted")
            load = [
                asyncio.create_task(come_and_go(server.port, tmp_path / f"j{number}", f"c{number}", stop))
                for number in range(ACTIVE)
            ]
            samples: list[Sample] = []
            client = await asyncio.to_thread(Client, server.port)
            until = time.monotonic() + SECONDS
            while time.monotonic() < until:
                samples.append(await asyncio.to_thread(sample, server, client))
                await asyncio.sleep(SECONDS / 150)
            client.close()
            stop.set()
            connections = sum(await asyncio.gather(*load))
        finally:
            crowd.kill()
            await crowd.communicate()
        third = len(samples) // 3
        middle, last = samples[third : 2 * third], samples[2 * third :]
        report = [
            (
                int(statistics.median(each.resident for each in part)) >> 10,
                max(each.descriptors for each in part),
                max(each.threads for each in part),
                round(statistics.median(each.seconds for each in part), 4),
            )
            for part in (samples[:third], middle, last)
        ]
        told = f"{connections} connections; KiB, descriptors, threads, seconds of each third: {report}"
        print(told)  # noqa: T201
        assert connections > ACTIVE * 5, told
        assert report[2][0] - report[1][0] < VARIATION >> 10, told
        assert report[2][1] <= report[1][1] + 5, told
        assert report[2][2] <= 20, told
        assert report[2][3] < 2 * report[1][3] + 0.05, told
        # and when all have gone, only what is kept is there
        await wait_for(lambda: server.call("status")["connections"] <= 1, 30, "connections are left")
        assert (await asyncio.to_thread(send_one, server.port, BODY)).startswith("250")
        await wait_for(lambda: not server.call("mail.status")["pending"], 60, "mail is still on its way")
        bodies = [path for path in (server.data / "files" / "mail").iterdir() if path.is_file()]
        assert len(bodies) <= KEPT
