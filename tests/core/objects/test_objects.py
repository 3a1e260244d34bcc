"""Durable Objects: one live instance per id, gated results, hooks, eviction, sockets, failures."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from socketworkers import faults
from socketworkers.errors import StartupError, StateError, StorageFailed, StorageFull
from socketworkers.gate import OutputGate
from socketworkers.objects import DurableObject, ObjectRuntime, allow_unconfirmed, owner_of
from socketworkers.storage import Migration, Options
from socketworkers.storage.wal import WalFile


class Box(DurableObject):
    """Counts what happens to it in ``env``."""

    migrations: ClassVar[Sequence[Migration]] = ("create table item (id integer primary key, x)",)

    async def start(self) -> None:
        self.env.starts.append(self.ctx.id)
        await asyncio.sleep(0)
        if self.ctx.id == "broken":
            raise ZeroDivisionError

    async def add(self, x: object) -> int:
        self.ctx.storage.sql.execute("insert into item (x) values (?)", (x,))
        return self.ctx.storage.sql.last_rowid

    async def add_then_fail(self, x: object) -> None:
        await self.add(x)
        raise KeyError(x)

    @allow_unconfirmed
    async def add_unconfirmed(self, x: object) -> None:
        await self.add(x)

    async def count(self) -> int:
        count: int = self.ctx.storage.sql.value("select count(*) from item")
        return count

    def plain(self, a: int, *, b: int) -> int:
        return a + b

    async def slow(self, gate: asyncio.Event) -> int:
        before = await self.count()
        await gate.wait()
        return before

    async def block(self, work: Callable[[], Awaitable[None]]) -> None:
        await self.ctx.block_concurrency_while(work)

    async def beside(self, work: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            await work()

        self.ctx.wait_until(run())

    async def connect(self, socket: Any) -> str:
        self.ctx.storage.put("who", "socket")
        socket.write(b"hello")
        await asyncio.sleep(0)
        return "done"

    def _private(self) -> None: ...


class FakeSocket:
    """Remembers the gate and whether something was held when it wrote."""

    def __init__(self) -> None:
        self.gates: list[OutputGate | None] = []
        self.held: list[bool] = []

    def set_output_gate(self, gate: OutputGate | None) -> None:
        self.gates.append(gate)

    def write(self, data: bytes) -> None:
        gate = self.gates[-1]
        self.held.append(gate is not None and gate.hold() is not None)


Maker = Callable[..., Awaitable[ObjectRuntime]]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Maker]:
    runtimes: list[ObjectRuntime] = []

    async def maker(
        data: Path | None = tmp_path / "data", cls: type[DurableObject] = Box, **more: Any
    ) -> ObjectRuntime:
        runtime = ObjectRuntime(data, {"BOX": cls}, SimpleNamespace(starts=[]), **more)
        runtimes.append(runtime)
        await runtime.start()
        return runtime

    yield maker
    faults.disarm()
    for runtime in runtimes:
        await runtime.close()


@pytest.fixture(params=["file", "memory"])
async def runtime(request: pytest.FixtureRequest, make: Maker, tmp_path: Path) -> ObjectRuntime:
    return await make(tmp_path / "data" if request.param == "file" else None)


async def test_calls(runtime: ObjectRuntime) -> None:
    box = runtime.namespace("BOX").get("a")
    assert await box.add(5) == 1
    assert await box.count() == 1
    assert await box.plain(1, b=2) == 3
    assert box.id == "a"
    assert await runtime.namespace("BOX").get("b").count() == 0
    for name in ("missing", "_private", "alarm", "start", "ctx"):
        with pytest.raises(AttributeError):
            getattr(box, name)
    with pytest.raises(KeyError):
        runtime.namespace("NONE")
    for wrong in ("", "x" * 2000, 5):
        with pytest.raises((ValueError, TypeError)):
            runtime.namespace("BOX").get(wrong)  # type: ignore[arg-type]


async def test_one_instance_for_many_callers(runtime: ObjectRuntime) -> None:
    namespace = runtime.namespace("BOX")
    await asyncio.gather(*[namespace.get("a").add(n) for n in range(50)])
    assert runtime.env.starts == ["a"]
    assert await namespace.get("a").count() == 50
    assert namespace.live == runtime.live == 1


async def test_one_instance_while_evicted_and_called(make: Maker) -> None:
    runtime = await make(idle_timeout=0.0)
    namespace = runtime.namespace("BOX")
    alive: set[str] = set()
    for n in range(150):
        if n % 3 == 0:
            namespace.evict(runtime.now(), 0.0)
        await namespace.get("a").add(n)
        assert namespace.live <= 1
        alive.add(str(id(namespace._live.get("a"))))
    assert await namespace.get("a").count() == 150
    assert len(runtime.env.starts) > 10


async def test_result_waits_for_the_disk(make: Maker) -> None:
    gate = threading.Event()
    gate.set()

    class Wal(WalFile):
        __slots__ = ()

        def sync(self) -> None:
            assert gate.wait(10)
            super().sync()

    runtime = await make(options=Options(wal=Wal))
    box = runtime.namespace("BOX").get("a")
    await box.count()
    gate.clear()
    write = asyncio.create_task(box.add(1))
    failing = asyncio.create_task(box.add_then_fail(1))
    await asyncio.sleep(0.01)
    read = asyncio.create_task(box.count())
    await asyncio.sleep(0.01)
    assert not write.done()
    assert not failing.done(), "an error tells about the state too"
    assert not read.done(), "a reader must not see what a crash may undo"
    await asyncio.wait_for(box.add_unconfirmed(1), 1)
    await asyncio.wait_for(runtime.namespace("BOX").get("a", allow_unconfirmed=True).add(1), 1)
    gate.set()
    assert (await write, await read) == (1, 2)
    with pytest.raises(KeyError):
        await failing


async def test_calls_interleave_only_at_await(runtime: ObjectRuntime) -> None:
    box = runtime.namespace("BOX").get("a")
    await box.count()
    gate = asyncio.Event()
    slow = asyncio.create_task(box.slow(gate))
    await asyncio.sleep(0)
    await box.add(1)
    gate.set()
    assert await slow == 0


async def test_cancelling_the_caller_cancels_the_call(runtime: ObjectRuntime) -> None:
    box = runtime.namespace("BOX").get("a")
    await box.count()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await box.slow(asyncio.Event())
    assert await box.count() == 0


async def test_block_concurrency(runtime: ObjectRuntime) -> None:
    box = runtime.namespace("BOX").get("a")
    await box.count()
    gate = asyncio.Event()

    async def work() -> None:
        await gate.wait()

    blocking = asyncio.create_task(box.block(work))
    await asyncio.sleep(0)
    call = asyncio.create_task(box.add(1))
    await asyncio.sleep(0.01)
    assert not call.done()
    gate.set()
    await blocking
    assert await call == 1


async def test_failed_block_resets_the_object(runtime: ObjectRuntime) -> None:
    box = runtime.namespace("BOX").get("a")
    await box.add(1)

    async def work() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await box.block(work)
    assert await box.count() == 1
    assert runtime.env.starts == ["a", "a"]


async def test_failing_start_is_told_to_all_callers(runtime: ObjectRuntime) -> None:
    box = runtime.namespace("BOX").get("broken")
    results = await asyncio.gather(box.count(), box.count(), return_exceptions=True)
    assert [type(result) for result in results] == [ZeroDivisionError, ZeroDivisionError]
    with pytest.raises(ZeroDivisionError):
        await box.count()
    assert runtime.live == 0


async def test_a_caller_that_goes_away_does_not_stop_the_start(runtime: ObjectRuntime) -> None:
    box = runtime.namespace("BOX").get("a")
    first = asyncio.create_task(box.count())
    second = asyncio.create_task(box.count())
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 0
    assert first.cancelled()


async def test_eviction(make: Maker) -> None:
    runtime = await make(idle_timeout=0.05)
    box = runtime.namespace("BOX").get("a")
    await box.add(1)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    gate = asyncio.Event()

    async def work() -> None:
        await gate.wait()

    await box.beside(work)
    await asyncio.sleep(0.15)
    assert runtime.live == 1, "work is in it"
    gate.set()
    async with asyncio.timeout(5):
        while runtime.live or runtime.namespace("BOX")._closing:
            await asyncio.sleep(0.01)
    if before:
        assert len(os.listdir("/proc/self/fd")) < before
    assert await box.count() == 1


async def test_evicted_in_memory_keeps_its_data(make: Maker) -> None:
    runtime = await make(None, idle_timeout=0.0)
    namespace = runtime.namespace("BOX")
    await namespace.get("a").add(1)
    namespace.evict(runtime.now() + 1, 0.0)
    assert await namespace.get("a").count() == 1
    assert namespace.list_ids() == ["a"]
    assert runtime.env.starts == ["a", "a"]


async def test_owned_sockets_are_gated(runtime: ObjectRuntime) -> None:
    socket = FakeSocket()
    box = runtime.namespace("BOX").get("a")
    assert await box.connect(socket) == "done"
    assert socket.held == [True]
    assert socket.gates[-1] is None
    assert len(socket.gates) == 2


async def test_list_exists_delete(runtime: ObjectRuntime) -> None:
    namespace = runtime.namespace("BOX")
    ids = ["b", "A", "a", "ünïcode/../x", ".dot", "x" * 700, "y" * 699 + "z", "%41", "a b\n"]
    for id in ids:
        assert not namespace.exists(id)
        await namespace.get(id).add(id)
    assert namespace.list_ids() == sorted(ids)
    assert await namespace.delete("A")
    assert not await namespace.delete("A")
    assert namespace.list_ids() == sorted(set(ids) - {"A"})
    assert await namespace.get("A").count() == 0
    gate = asyncio.Event()
    slow = asyncio.create_task(namespace.get("a").slow(gate))
    await asyncio.sleep(0)
    with pytest.raises(StateError):
        await namespace.delete("a")
    gate.set()
    await slow


async def test_everything_is_there_after_a_restart(make: Maker) -> None:
    runtime = await make()
    ids = ["a", "x" * 700, "B@ü"]
    for id in ids:
        await runtime.namespace("BOX").get(id).add(id)
    await runtime.close()
    with pytest.raises(StateError):
        await runtime.namespace("BOX").get("a").count()
    again = await make()
    assert again.namespace("BOX").list_ids() == sorted(ids)
    for id in ids:
        assert await again.namespace("BOX").get(id).count() == 1


async def test_a_failed_object_stays_failed_and_others_serve(make: Maker) -> None:
    events: list[str] = []
    runtime = await make(notify=lambda name, **fields: events.append(name))
    namespace = runtime.namespace("BOX")
    await namespace.get("good").add(1)
    bad = namespace.get("bad")
    await bad.add(1)
    faults.arm("storage.sync", "eio", 1)
    results = await asyncio.gather(bad.add(2), bad.count(), bad.add_then_fail(3), return_exceptions=True)
    assert all(isinstance(result, StorageFailed) for result in results)
    faults.disarm()
    for _ in range(3):
        with pytest.raises(StorageFailed):
            await bad.count()
    assert runtime.failed
    assert list(namespace.failed) == ["bad"]
    assert await namespace.get("good").count() == 1
    assert events == ["storage.failed"]
    await runtime.close()
    again = await make(notify=lambda name, **fields: events.append(name))
    assert await again.namespace("BOX").get("bad").count() >= 1
    await asyncio.sleep(0)
    assert events == ["storage.failed", "storage.recovered"]


async def test_failed_creation_is_final_too(make: Maker) -> None:
    runtime = await make()
    faults.arm("storage.sync", "eio", 1)
    box = runtime.namespace("BOX").get("a")
    with pytest.raises(StorageFailed):
        await box.add(1)
    faults.disarm()
    with pytest.raises(StorageFailed):
        await box.add(1)
    await runtime.close()
    assert await (await make()).namespace("BOX").get("a").add(1) == 1


async def test_full_disk_reaches_every_caller_of_the_turn_and_goes_away(make: Maker) -> None:
    runtime = await make()
    box = runtime.namespace("BOX").get("a")
    await box.add(1)
    faults.arm("storage.before_commit", "enospc", 1)
    results = await asyncio.gather(*[box.add(n) for n in range(5)], return_exceptions=True)
    assert [type(result) for result in results] == [StorageFull] * 5
    assert await box.add(2) == 2
    assert not runtime.failed


async def test_second_server_on_the_same_folder(make: Maker, tmp_path: Path) -> None:
    assert owner_of(tmp_path / "data") is None
    runtime = await make()
    with pytest.raises(StartupError) as caught:
        await make()
    assert len(caught.value.lines()) == 3
    assert str(os.getpid()) in " ".join(caught.value.lines())
    assert owner_of(tmp_path / "data") == os.getpid()
    await runtime.close()
    assert owner_of(tmp_path / "data") is None
    await make()


LOCKER = """
import sys
from pathlib import Path
from socketworkers.objects import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("locked", flush=True)
sys.stdin.read()
"""


async def test_the_lock_goes_with_its_process(make: Maker, tmp_path: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        LOCKER,
        str(tmp_path / "data"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert child.stdout is not None
        assert await child.stdout.readline() == b"locked\n"
        with pytest.raises(StartupError, match="in use") as caught:
            await make()
        assert str(child.pid) in caught.value.why
    finally:
        child.kill()
        await child.communicate()
    await make()


async def test_unusable_folder(make: Maker, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError):
        await make(tmp_path / "file" / "data")


async def test_newer_tables_are_refused(make: Maker) -> None:
    runtime = await make()
    await runtime.namespace("BOX").get("a").add(1)
    await runtime.close()

    class Older(Box):
        migrations = ()

    again = await make(cls=Older)
    with pytest.raises(StartupError, match="newer"):
        await again.namespace("BOX").get("a").count()


async def test_body_files(runtime: ObjectRuntime) -> None:
    bodies = runtime.body_files("queue")
    assert bodies is runtime.body_files("queue")
    await bodies.write("a", b"x")
    assert await bodies.read("a") == b"x"


async def test_no_task_is_made_for_a_call_that_does_not_wait(runtime: ObjectRuntime) -> None:
    box = runtime.namespace("BOX").get("a")
    await box.count()
    before = len(asyncio.all_tasks())
    assert await box.count() == 0
    assert len(asyncio.all_tasks()) == before
    call = box.count()
    with pytest.raises(StopIteration) as done:
        call.send(None)
    assert done.value.value == 0
