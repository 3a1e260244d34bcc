"""D3 and D5 on real file systems: syncs that fail and lie the second time, and a disk that is full for a while."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.core.storage.conftest import Opener
from tests.support.disk.mounts import LossyDisk, lossy_disk, small_tmpfs

from socketworkers.errors import StorageError, StorageFailed, StorageFull
from socketworkers.storage import BodyFiles, Options, Reserve, Storage, ThreadExecutor, database, opening
from socketworkers.storage.recovery import mark_of
from socketworkers.storage.trouble import Verdict
from socketworkers.storage.wal import WalFile


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LossyDisk]:
    with lossy_disk(tmp_path) as disk:
        yield disk


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Path]:
    with small_tmpfs(tmp_path / "small", "8m") as folder:
        yield folder


class RetryingWal(WalFile):
    """The mistake that the rule of one strike is against."""

    __slots__ = ()

    def sync(self) -> None:
        for _ in range(5):
            try:
                return super().sync()
            except OSError:
                continue
        super().sync()


async def fill(storage: Storage, limit: int) -> tuple[list[int], BaseException | None]:
    """Write 20 KB at a time until it is refused; what was acknowledged, and the refusal."""
    acked: list[int] = []
    for n in range(limit):
        try:
            storage.put(f"k{n:05}", n.to_bytes(4) * 5000)
            await storage.synced()
        except StorageError as error:
            return acked, error
        acked.append(n)
    return acked, None


def lost(storage: Storage, acked: list[int]) -> list[int]:
    """The acknowledged numbers that are not there as they were written."""
    missing = []
    for n in acked:
        try:
            if storage.get(f"k{n:05}") != n.to_bytes(4) * 5000:
                missing.append(n)
        except StorageError:
            missing.append(n)
    return missing


@pytest.mark.catalogue("D3")
@pytest.mark.parametrize("power", ["on", "cut"])
async def test_a_sync_that_fails_is_final_and_nothing_acknowledged_is_lost(
    opened: Opener, disk: LossyDisk, power: str
) -> None:
    path = disk.folder / "a.sqlite"
    storage = await opened(path, options=Options(checkpoint_pages=200))
    acked, error = await fill(storage, 3000)
    assert isinstance(error, StorageFailed)
    assert len(acked) > 50
    with pytest.raises(StorageFailed):
        storage.get("k00000")
    assert (await fill(storage, 10))[0] == []
    await storage.close()
    disk.enlarge()
    assert mark_of(path).exists()
    if power == "cut":
        disk.remount()  # what the caches still showed is gone; the mark may be, too
    marked = mark_of(path).exists()
    before = path.stat().st_ino
    again = await opened(path)
    assert (path.stat().st_ino != before) == marked, "a failed file is copied before it is used"
    assert lost(again, acked) == []
    more, error = await fill(again, 5)
    assert (more, error) == ([0, 1, 2, 3, 4], None)
    await again.close()
    disk.remount()
    last = await opened(path)
    assert lost(last, acked) == []
    await last.close()


@pytest.mark.catalogue("D3")
async def test_control_trying_a_sync_again_loses(opened: Opener, disk: LossyDisk) -> None:
    path = disk.folder / "a.sqlite"
    # Without checkpoints, which would notice.
    storage = await opened(path, options=Options(checkpoint_pages=1 << 30, wal=RetryingWal))
    acked, error = await fill(storage, 1500)
    assert len(acked) > 600, f"more than fits was acknowledged ({error})"
    storage.close_files()
    disk.enlarge()
    disk.remount()
    try:
        again = await opened(path)
    except StorageError:
        return  # it cannot even be opened
    assert lost(again, acked)
    await again.close()


@pytest.mark.catalogue("D5")
@pytest.mark.parametrize("kept", [True, False], ids=["reserve", "no reserve"])
async def test_a_full_disk_refuses_writes_keeps_reads_and_recovers(opened: Opener, tmpfs: Path, kept: bool) -> None:
    path = tmpfs / "a.sqlite"
    reserve = Reserve(tmpfs) if kept else None
    storage = await opened(path, reserve=reserve, options=Options(checkpoint_pages=50))
    (tmpfs / "filler").write_bytes(bytes(3 << 20))
    acked, error = await fill(storage, 3000)
    assert isinstance(error, StorageFull)
    assert error.errno == errno.ENOSPC
    assert storage.failed is None
    assert len(acked) > 30
    assert lost(storage, acked) == []
    with pytest.raises(StorageFull):
        for n in range(50):
            storage.put(f"x{n}", bytes(20_000))
            await storage.synced()
    assert lost(storage, acked) == []
    (tmpfs / "filler").unlink()
    async with asyncio.timeout(5):
        while True:
            try:
                storage.put("again", 1)
                await storage.synced()
                break
            except StorageFull:
                await asyncio.sleep(0.02)
    assert lost(storage, acked) == []
    await storage.close()
    again = await opened(path)
    assert lost(again, acked) == []
    assert again.get("again") == 1
    assert again.sql.value("select integrity_check from pragma_integrity_check") == "ok"
    await again.close()


@pytest.mark.catalogue("D5")
async def test_deletions_work_on_a_full_disk(opened: Opener, tmpfs: Path) -> None:
    reserve = Reserve(tmpfs, share=0.2, interval=0.0)
    storage = await opened(tmpfs / "a.sqlite", reserve=reserve, options=Options(checkpoint_pages=20, finish_pages=40))
    acked, error = await fill(storage, 3000)
    assert isinstance(error, StorageFull)
    for n in acked[:-1]:
        storage.delete(f"k{n:05}")
        await storage.synced()
    assert list(storage.list()) == [f"k{acked[-1]:05}"]
    await storage.close()


@pytest.mark.catalogue("D5")
async def test_bodies_on_a_full_disk(executor: ThreadExecutor, tmpfs: Path) -> None:
    bodies = BodyFiles(tmpfs / "b", executor)
    await bodies.write("small", b"x" * 1000)
    with pytest.raises(StorageFull):
        await bodies.write("large", bytes(20 << 20))
    assert bodies.failed is None
    assert list((tmpfs / "b" / "tmp").iterdir()) == []
    await bodies.write("next", bytes(1 << 20))
    assert await bodies.read("small") == b"x" * 1000
    await bodies.close()


@pytest.mark.catalogue("D5")
async def test_control_taking_a_full_disk_for_a_failure_does_not_recover(
    opened: Opener, tmpfs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (database, opening):
        monkeypatch.setattr(module, "judge", lambda error, number=0: Verdict.FINAL)
    storage = await opened(tmpfs / "a.sqlite")
    (tmpfs / "filler").write_bytes(bytes(3 << 20))
    _, error = await fill(storage, 3000)
    assert isinstance(error, StorageFailed)
    (tmpfs / "filler").unlink()
    with pytest.raises(StorageFailed):
        storage.put("again", 1)
    await storage.close()
