"""Alarms: at least once, retried, across restarts and crashes, without opening every file."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from socketworkers import faults
from socketworkers.errors import StorageFailed
from socketworkers.objects import AlarmInfo, DurableObject, ObjectRuntime
from socketworkers.objects.alarms import AlarmClock, retry_delay


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Bell(DurableObject):
    async def set(self, at: float | None) -> None:
        if at is None:
            self.ctx.storage.delete_alarm()
        else:
            self.ctx.storage.set_alarm(at)

    async def due(self) -> float | None:
        return self.ctx.storage.get_alarm()

    async def alarm(self, info: AlarmInfo) -> None:
        self.env.rung.append((self.ctx.id, info.scheduled, info.retry_count))
        assert self.ctx.storage.get_alarm() is None
        action = self.env.actions.pop(0) if self.env.actions else None
        if action == "fail":
            raise ZeroDivisionError
        if action == "again":
            self.ctx.storage.set_alarm(self.env.clock() + 5)
        if action == "again and fail":
            self.ctx.storage.set_alarm(self.env.clock() + 5)
            raise ZeroDivisionError


Maker = Callable[..., Awaitable[ObjectRuntime]]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Maker]:
    runtimes: list[ObjectRuntime] = []

    async def maker(data: Path | None = tmp_path, clock: Clock | None = None, **more: Any) -> ObjectRuntime:
        clock = clock or Clock()
        env = SimpleNamespace(rung=[], actions=[], clock=clock)
        runtime = ObjectRuntime(data, {"BELL": Bell}, env, clock=clock, **more)
        runtimes.append(runtime)
        await runtime.start()
        return runtime

    yield maker
    for runtime in runtimes:
        await runtime.close()


async def move(runtime: ObjectRuntime, to: float) -> None:
    """Move the clock, and wait for the alarms that ring."""
    runtime.env.clock.now = to
    namespace = runtime.namespace("BELL")
    namespace._clock.look()
    while namespace._tasks:
        await asyncio.wait(list(namespace._tasks))


@pytest.mark.parametrize("kind", ["file", "memory"])
async def test_rings_once_when_due(make: Maker, tmp_path: Path, kind: str) -> None:
    runtime = await make(tmp_path if kind == "file" else None)
    bell = runtime.namespace("BELL").get("a")
    await bell.set(1010.0)
    assert await bell.due() == 1010.0
    await move(runtime, 1009.0)
    assert runtime.env.rung == []
    await move(runtime, 1010.0)
    await move(runtime, 2000.0)
    assert runtime.env.rung == [("a", 1010.0, 0)]
    assert await bell.due() is None


async def test_replaced_and_deleted(make: Maker) -> None:
    runtime = await make()
    bell = runtime.namespace("BELL").get("a")
    await bell.set(1010.0)
    await bell.set(1020.0)
    await move(runtime, 1015.0)
    assert runtime.env.rung == []
    await bell.set(None)
    await move(runtime, 1030.0)
    assert runtime.env.rung == []


async def test_retries_with_growing_delay_then_gives_up(make: Maker, caplog: pytest.LogCaptureFixture) -> None:
    runtime = await make()
    bell = runtime.namespace("BELL").get("a")
    runtime.env.actions = ["fail"] * 20
    await bell.set(1001.0)
    await move(runtime, 1001.0)
    delays = []
    while (due := await bell.due()) is not None:
        delays.append(due - runtime.env.clock.now)
        await move(runtime, due)
    assert len(delays) == 6
    assert all(2 * 2**n * 0.75 <= delay <= 2 * 2**n * 1.25 for n, delay in enumerate(delays))
    assert [count for _, _, count in runtime.env.rung] == [0, 1, 2, 3, 4, 5, 6]
    assert "given up" in caplog.text


def test_retry_delay() -> None:
    assert [retry_delay(n, 0.5) for n in range(6)] == [2, 4, 8, 16, 32, 64]
    assert (retry_delay(0, 0.0), retry_delay(0, 1.0)) == (1.5, 2.5)


@pytest.mark.parametrize("action", ["again", "again and fail"])
async def test_set_again_by_its_handler(make: Maker, action: str) -> None:
    runtime = await make()
    bell = runtime.namespace("BELL").get("a")
    runtime.env.actions = [action]
    await bell.set(1001.0)
    await move(runtime, 1001.0)
    assert await bell.due() == 1006.0
    await move(runtime, 1006.0)
    assert runtime.env.rung == [("a", 1001.0, 0), ("a", 1006.0, 0)]


async def test_survives_eviction_and_restart(make: Maker) -> None:
    runtime = await make(idle_timeout=100)
    namespace = runtime.namespace("BELL")
    await namespace.get("a").set(1010.0)
    await namespace.get("quiet").due()
    namespace.evict(runtime.now() + 1000, 0)
    await move(runtime, 1010.0)
    assert runtime.env.rung == [("a", 1010.0, 0)]
    await namespace.get("a").set(1020.0)
    await namespace.get("late").set(5000.0)
    await runtime.close()
    clock = Clock()
    clock.now = 1021.0
    again = await make(clock=clock)
    await move(again, 1021.0)
    assert again.env.rung == [("a", 1020.0, 0)]
    assert again.live == 1, "an alarm far away opens nothing"
    await move(again, 5000.0)
    assert again.env.rung[1:] == [("late", 5000.0, 0)]


CRASHER = """
import asyncio, os, signal, sys
from pathlib import Path
from socketworkers.objects import DurableObject, ObjectRuntime

class Bell(DurableObject):
    async def set(self, at):
        self.ctx.storage.set_alarm(at)
    async def alarm(self, info):
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    runtime = ObjectRuntime(Path(sys.argv[1]), {"BELL": Bell}, None, clock=lambda: 1000.0)
    await runtime.start()
    await runtime.namespace("BELL").get("far").set(1100.0)
    if sys.argv[2] == "idle":
        os.kill(os.getpid(), signal.SIGKILL)
    await runtime.namespace("BELL").get("now").set(1000.0)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("when", ["idle", "ringing"])
async def test_survives_kill(make: Maker, tmp_path: Path, when: str) -> None:
    child = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", CRASHER, str(tmp_path), when], timeout=50, check=False
    )
    assert child.returncode == -signal.SIGKILL
    clock = Clock()
    clock.now = 1101.0
    runtime = await make(clock=clock)
    namespace = runtime.namespace("BELL")
    while namespace._tasks:
        await asyncio.wait(list(namespace._tasks))
    await move(runtime, 1101.0)
    rung = sorted(runtime.env.rung)
    assert rung == ([("far", 1100.0, 0)] if when == "idle" else [("far", 1100.0, 0), ("now", 1000.0, 0)])
    assert os.path.exists(tmp_path / "objects" / "BELL" / "index.db")


async def test_clock_with_many_alarms() -> None:
    clock = Clock()
    fired: list[str] = []
    alarms = AlarmClock(clock, fired.append)
    for n in range(1000):
        alarms.set("same", 2000.0 + n)
        alarms.set(f"x{n % 10}", 3000.0 - n)
    assert len(alarms) == 11
    assert len(alarms._heap) < 200
    clock.now = 2005.0
    alarms.look()
    assert sorted(fired) == ["x5", "x6", "x7", "x8", "x9"] or len(fired) <= 10
    alarms.set("x1", None)
    clock.now = 9000.0
    alarms.look()
    assert fired.count("same") == 1
    assert "x1" not in fired or fired.index("x1") < 10
    alarms.close()


async def test_a_failed_index_is_told(make: Maker) -> None:
    events: list[str] = []
    runtime = await make(notify=lambda name, **fields: events.append(name))
    await runtime.namespace("BELL").get("a").set(1010.0)
    faults.arm("storage.sync", "eio", 1)
    try:
        with pytest.raises(StorageFailed):
            await runtime.namespace("BELL").get("b").set(1010.0)
    finally:
        faults.disarm()
    assert runtime.failed
    await asyncio.sleep(0.01)
    assert events == ["storage.failed"]
