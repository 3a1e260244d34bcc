"""Bodies beside a database: whole and durable under their name, or gone."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.support.pairs import eventually

from socketworkers import faults
from socketworkers.errors import StateError, StorageError, StorageFailed, StorageFull
from socketworkers.storage import BodyFiles, Reserve, ThreadExecutor, files


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_round_trip(tmp_path: Path, executor: ThreadExecutor) -> None:
    bodies = BodyFiles(tmp_path / "b", executor)
    writer = bodies.create("one")
    data = bytes(range(256)) * 3000
    for start in range(0, len(data), 50_000):
        await writer.write(data[start : start + 50_000])
    assert not bodies.exists("one")
    await writer.commit()
    assert (writer.size, writer.name) == (len(data), "one")
    assert await bodies.read("one") == data
    assert b"".join([chunk async for chunk in bodies.chunks("one", 100_000)]) == data
    await writer.discard()
    assert bodies.exists("one")
    with pytest.raises(StateError):
        await writer.write(b"x")
    with pytest.raises(StateError):
        await writer.commit()
    await bodies.write("empty", b"")
    assert await bodies.read("empty") == b""
    await bodies.remove("one", "empty", "missing")
    assert left(tmp_path) == []
    with pytest.raises(FileNotFoundError):
        await bodies.read("one")
    await bodies.close()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", ".hidden", "tmp", "a" * 300, "a\0", "ä", "-x"])
async def test_names(tmp_path: Path, executor: ThreadExecutor, name: str) -> None:
    bodies = BodyFiles(tmp_path, executor)
    with pytest.raises(ValueError):
        bodies.create(name)


async def test_folder_syncs_are_shared(
    tmp_path: Path, executor: ThreadExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All bodies that are placed while a sync of the folder is under way share the next one."""
    syncs: list[str] = []
    goes_on = threading.Event()

    def point(name: str) -> None:
        if name == "storage.sync_folder":
            syncs.append(name)
            goes_on.wait(10)

    bodies = BodyFiles(tmp_path, executor)
    monkeypatch.setattr(faults, "point", point)
    first = asyncio.create_task(bodies.write("first", b"x"))
    await eventually(lambda: len(syncs) == 1)
    others = asyncio.gather(*[bodies.write(f"b{n}", b"x" * 1000) for n in range(100)])
    await eventually(lambda: len([name for name in left(tmp_path) if not name.startswith("tmp")]) == 101)
    assert not first.done()
    assert len(syncs) == 1
    goes_on.set()
    await asyncio.gather(first, others)
    assert len(syncs) in (2, 3), "the last of them may come to the loop behind the end of the first sync"


async def test_writes_and_syncs_of_bodies_leave_threads_for_others(
    tmp_path: Path, executor: ThreadExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One body is written at a time, some are synced, and whoever else waits for the disk does not wait for them."""
    at: dict[str, int] = {"storage.write": 0, "storage.sync_body": 0}
    goes_on = threading.Event()

    def point(name: str) -> None:
        if name in at:
            at[name] += 1
            if name == "storage.sync_body":
                goes_on.wait(10)

    monkeypatch.setattr(faults, "point", point)
    bodies = BodyFiles(tmp_path, executor)
    many = asyncio.gather(*[bodies.write(f"b{n}", b"x") for n in range(40)])
    await eventually(lambda: at["storage.sync_body"] == files.SYNCS)
    async with asyncio.timeout(5):
        assert await executor.call(lambda: "done") == "done"
    assert at["storage.sync_body"] == files.SYNCS
    goes_on.set()
    await many
    assert len(left(tmp_path)) == 40


async def test_sweep(tmp_path: Path, executor: ThreadExecutor) -> None:
    bodies = BodyFiles(tmp_path, executor)
    for name in ("kept", "orphan"):
        await bodies.write(name, b"x")
    unfinished = bodies.create("unfinished")
    await unfinished.write(b"x" * files.CHUNK)
    assert len(left(tmp_path / "tmp")) == 1
    await unfinished.discard()
    (tmp_path / "tmp" / "left").write_bytes(b"by a crash")
    assert BodyFiles(tmp_path, executor).sweep({"kept"}) == ["orphan"]
    assert left(tmp_path) == ["kept"]


@pytest.mark.parametrize(
    ("point", "action", "error", "final"),
    [
        ("storage.write", "enospc", StorageFull, False),
        ("storage.write", "eio", StorageError, False),
        ("storage.sync_body", "enospc", StorageFailed, False),
        ("storage.sync_body", "eio", StorageFailed, False),
        ("storage.sync_folder", "eio", StorageFailed, True),
    ],
)
async def test_refusals(
    tmp_path: Path, executor: ThreadExecutor, point: str, action: str, error: type[Exception], final: bool
) -> None:
    events: list[str] = []
    bodies = BodyFiles(tmp_path, executor, notify=lambda name, **fields: events.append(name))
    faults.arm(point, action, 1)
    with pytest.raises(error) as caught:
        await bodies.write("a", b"x" * files.CHUNK)
    assert type(caught.value) is error
    faults.disarm()
    if final:
        assert bodies.failed is not None
        assert events == ["storage.failed"]
        with pytest.raises(StorageFailed):
            bodies.create("b")
    else:
        assert left(tmp_path) == []
        await bodies.write("b", b"x")
    await bodies.close()


async def test_reserve(tmp_path: Path, executor: ThreadExecutor) -> None:
    bodies = BodyFiles(tmp_path, executor, reserve=Reserve(tmp_path, least=1 << 60, share=2.0))
    with pytest.raises(StorageFull):
        bodies.create("a")


async def test_a_cancelled_commit_leaves_nothing_behind(tmp_path: Path, executor: ThreadExecutor) -> None:
    bodies = BodyFiles(tmp_path, executor)
    writer = bodies.create("a")
    await writer.write(b"x" * 1000)
    task = asyncio.create_task(writer.commit())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await writer.discard()
    await bodies.close()
    assert left(tmp_path) == []


async def test_in_memory_mode_leaves_no_folder(executor: ThreadExecutor) -> None:
    bodies = BodyFiles(None, executor)
    await bodies.write("a", b"x")
    assert await bodies.read("a") == b"x"
    folder: Any = bodies.folder
    await bodies.close()
    assert not folder.exists()
