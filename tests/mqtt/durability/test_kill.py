"""D2: the broker is killed, at named points and at random times under QoS 1 and 2, and started again on its folder.

Whatever was acknowledged comes to each session that lasts, QoS 2 once, in the order of its topic; the retained message
is the last one. ``SOCKETWORKERS_KILLS`` sets how many kills there are in all, ``SOCKETWORKERS_SEED`` which ones.
"""

from __future__ import annotations

import asyncio
import base64
import os
import random
from pathlib import Path

import pytest
from tests.support.mqttbroker.load import Publisher, Subscriber, judge, run_load, tokens
from tests.support.mqttbroker.process import BrokerProcess

KILLS = int(os.environ.get("SOCKETWORKERS_KILLS", "30"))
SEED = int(os.environ.get("SOCKETWORKERS_SEED", "20260101"))
SPOILED = Path(__file__).parents[2] / "support" / "mqttbroker" / "spoiled.py"
#: nothing may be dropped by the bounds of a queue
OPTIONS = ("--max-queued", "10000000", "--max-queued-bytes", "1G")

#: where the server dies, and at which pass (at most); each comes by in any second of load
POINTS = {
    "mqtt.after_read": 200,
    "mqtt.before_commit": 100,
    "storage.before_commit": 100,
    "storage.after_commit": 100,
    "mqtt.after_commit": 100,
    "storage.sync": 100,
    "mqtt.before_ack": 100,
    "mqtt.after_ack": 100,
    "storage.checkpoint": 1,
    "mqtt.start_recovery": 1,
    "mqtt.recovered": 1,
}

pytestmark = [pytest.mark.catalogue("D2"), pytest.mark.timeout(120 + 6 * KILLS)]


class Crowd:
    """The clients of one data folder over many lives of its server."""

    def __init__(self, folder: Path, *, honest: bool = True) -> None:
        self.folder = folder
        self.publishers = [Publisher(folder / f"journal-p{n}", f"p{n}", (4, 5)[n % 2], honest=honest) for n in range(4)]
        self.subscribers = [Subscriber("steady", 5), Subscriber("narrow", 5, 10), Subscriber("absent", 4)]

    def close(self) -> None:
        for publisher in self.publishers:
            publisher.close()

    def present(self, life: int) -> list[Publisher | Subscriber]:
        """Those who come in a life: one subscriber is away most of the time."""
        return [*self.publishers, *(self.subscribers if life % 4 == 3 else self.subscribers[:2])]

    async def subscribe(self, server: BrokerProcess) -> None:
        """Make the sessions; the server is killed as soon as it has acknowledged them."""
        stop = asyncio.Event()
        tasks = [asyncio.create_task(each.run(server.port, stop)) for each in self.subscribers]
        async with asyncio.timeout(20):
            while not all(each.subscribed for each in self.subscribers):
                await asyncio.sleep(0)
        server.kill()
        await asyncio.gather(*tasks)

    async def drain(self, server: BrokerProcess) -> None:
        """All that is under way comes to its end."""
        stop, now = asyncio.Event(), asyncio.Event()
        now.set()
        subscribers = [asyncio.create_task(each.run(server.port, stop)) for each in self.subscribers]
        try:
            async with asyncio.timeout(60):
                await asyncio.gather(*[each.run(server.port, now) for each in self.publishers])
                while any(
                    row["queued"] or row["underway"] or not row["connected"]
                    for row in await asyncio.to_thread(server.call, "mqtt.sessions")
                    if row["subscriptions"]
                ):
                    await asyncio.sleep(0.02)
        finally:
            stop.set()
            await asyncio.gather(*subscribers)

    def wrong(self) -> list[str]:
        """What is not as it was promised, once everything has come."""
        promised = tokens(self.folder)
        found = [line for client in (*self.publishers, *self.subscribers) for line in client.wrong]
        for each in self.subscribers:
            found += judge(promised, each.received, each.name)
        return found

    def retained_wrong(self, server: BrokerProcess) -> list[str]:
        """What is not as promised among the retained messages of a server that has just started."""
        rows = server.call("mqtt.retained.list")["messages"]
        there = {row["topic"]: base64.b64decode(row["payload"]) for row in rows}
        found = []
        for each in self.publishers:
            for topic, sent in each.retained_sent.items():
                number = int(there.get(topic, b" 0").partition(b"\n")[0].split(b" ")[-1])
                acknowledged = each.retained.get(topic, 0)
                if not acknowledged <= number <= sent:
                    found.append(f"{topic} is {number}, acknowledged was {acknowledged}, sent {sent}")
        return found


async def one_life(server: BrokerProcess, crowd: Crowd, life: int, chooser: random.Random, fault: str) -> list[str]:
    """Start, load and kill; what was wrong, "missed" if the server did not die of its fault."""
    try:
        if not server.start():
            assert server.status == -9, server.text()
            return []
        wrong = crowd.retained_wrong(server)
        await run_load(crowd.present(life), server.port, 15.0 if fault else chooser.uniform(0.05, 0.4), server.kill)
        if fault and not server.wait(2.0):
            wrong.append(f"{fault} was missed")
        return wrong
    finally:
        server.kill()


@pytest.mark.parametrize("part", ["points", "random"])
async def test_each_acknowledged_message_comes(tmp_path: Path, part: str) -> None:
    chooser = random.Random(f"{SEED} {part}")
    rounds = max(1, KILLS * len(POINTS) // 30 // len(POINTS))
    if part == "points":
        faults = [f"{point}:kill:{chooser.randint(1, POINTS[point])}" for _ in range(rounds) for point in POINTS]
    else:
        faults = [""] * max(1, KILLS - rounds * len(POINTS))
    crowd = Crowd(tmp_path)
    try:
        with BrokerProcess(tmp_path, *OPTIONS) as server:
            await crowd.subscribe(server)
        starts = []
        for life, fault in enumerate(faults):
            server = BrokerProcess(tmp_path, *OPTIONS, faults=fault)
            wrong = await one_life(server, crowd, life, chooser, fault)
            assert not wrong, f"seed {SEED}, {fault}: {wrong}"
            starts.append(server.start_seconds)
            if life % 6 == 5 or life == len(faults) - 1:
                with BrokerProcess(tmp_path, *OPTIONS) as server:
                    assert not crowd.retained_wrong(server)
                    await crowd.drain(server)
                    wrong = crowd.wrong()
                    assert not wrong, f"seed {SEED}, {fault}: {wrong[:20]}"
                    for each in crowd.publishers:
                        assert each.retained == each.retained_sent
                    assert not crowd.retained_wrong(server), "all are acknowledged: the last one it is"
                    assert server.stop() == 0
        assert len(tokens(tmp_path)) > 50 * len(faults), "there was next to no load"
        assert max(starts) < 15.0, f"a restart took {max(starts):.1f} s"
    finally:
        crowd.close()


@pytest.mark.parametrize("mistake", ["early", "twice", "claims"])
async def test_control_a_mistake_is_found_out(tmp_path: Path, mistake: str) -> None:
    """A server that acknowledges before it commits, one that forgets what it received, clients that claim too much."""
    spoiled = {} if mistake == "claims" else {"script": SPOILED, "variables": {"SPOILED": mistake}}
    crowd = Crowd(tmp_path, honest=mistake != "claims")
    try:
        with BrokerProcess(tmp_path, *OPTIONS) as server:
            await crowd.subscribe(server)
        for life in range(6):
            server = BrokerProcess(tmp_path, *OPTIONS, **spoiled)  # type: ignore[arg-type]
            await one_life(server, crowd, life, random.Random(life), "")
            if mistake == "claims":  # the publishers forget what was under way, as if it had been acknowledged
                for publisher in crowd.publishers:
                    publisher.forget()
            with BrokerProcess(tmp_path, *OPTIONS) as server:
                await crowd.drain(server)
            wrong = crowd.wrong()
            expected = "times" if mistake == "twice" else "is lost"
            if any(expected in line for line in wrong):
                return
        pytest.fail("the harness did not notice")
    finally:
        crowd.close()
