"""Tickets, group commit, the one strike, full disks and damaged files, by named fault points."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.core.storage.conftest import Opener

from socketworkers import faults
from socketworkers.errors import StartupError, StateError, StorageError, StorageFailed, StorageFull
from socketworkers.storage import Options, Reserve, Storage, SyncTicket, ThreadExecutor, check_library, engine, recovery
from socketworkers.storage.trouble import Verdict, judge
from socketworkers.storage.wal import WalFile


class Counted:
    """A WAL whose syncs are counted and can be held back."""

    def __init__(self) -> None:
        self.syncs = 0
        self.gate = threading.Event()
        self.gate.set()
        outer = self

        class Wal(WalFile):
            __slots__ = ()

            def sync(self) -> None:
                outer.syncs += 1
                assert outer.gate.wait(10)
                super().sync()

        self.type = Wal


def test_too_old_a_library_is_refused() -> None:
    check_library()
    for version in ("3.51.2", "3.40.1", "3.7.0"):
        with pytest.raises(StartupError) as caught:
            check_library(version)
        assert len(caught.value.lines()) == 3
    check_library("3.51.3")
    check_library("4.0")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("failing", [None, 0, 1])
async def test_joined_tickets_end_with_the_later_or_the_first_error(
    order: tuple[int, int], failing: int | None
) -> None:
    executor = ThreadExecutor(1)
    pair = SyncTicket(executor), SyncTicket(executor)
    joined = pair[0].joined(pair[1])
    told: list[BaseException | None] = []
    joined.add_done_callback(told.append)
    error = StorageFailed(errno.EIO, "gone")
    for step, number in enumerate(order, 1):
        pair[number].finish(error if number == failing else None)
        assert joined.done == (step == 2 or number == failing)
    assert repr(joined.error) == repr(None if failing is None else error)
    assert list(map(repr, told)) == [repr(joined.error)]
    await executor.close()


def test_sqlite_counts_no_memory_unless_somebody_uses_it_already() -> None:
    connection = apsw.Connection(":memory:")
    connection.execute("create table t (a)")
    assert apsw.status(apsw.SQLITE_STATUS_MEMORY_USED)[0] == 0
    connection.close()
    used_before = (
        "import apsw; c = apsw.Connection(':memory:'); c.execute('create table t (a)'); import socketworkers.storage;"
        "c.execute('insert into t values (1)'); assert c.execute('select a from t').fetchall() == [(1,)];"
        "print(apsw.status(apsw.SQLITE_STATUS_MEMORY_USED)[0] > 0)"
    )
    done = subprocess.run([sys.executable, "-c", used_before], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


async def test_settings_of_every_connection(opened: Opener) -> None:
    storage = await opened()
    for connection in (storage._connection, storage.open_connection(), storage.open_connection(readonly=True)):
        assert connection.pragma("journal_mode") == "wal"
        assert connection.pragma("synchronous") == 1
        assert connection.pragma("wal_autocheckpoint") == 0
        assert connection.pragma("foreign_keys") == 1


async def test_many_waiters_share_one_sync(opened: Opener) -> None:
    wal = Counted()
    storage = await opened(options=Options(wal=wal.type))
    wal.syncs = 0

    async def write(n: int) -> None:
        storage.put(f"k{n}", n)
        await storage.synced()

    await asyncio.gather(*[write(n) for n in range(100)])
    assert wal.syncs == 1
    assert storage.hold() is None


async def test_a_sync_that_has_begun_covers_no_later_commit(opened: Opener) -> None:
    wal = Counted()
    storage = await opened(options=Options(wal=wal.type))
    wal.syncs = 0
    wal.gate.clear()
    storage.put("a", 1)
    first = storage.flush()
    storage.put("b", 1)
    second = storage.flush()
    storage.put("c", 1)
    third = storage.flush()
    assert first is not None
    assert second is third
    assert second is not first
    wal.gate.set()
    await storage.synced(third)
    assert (first.done, wal.syncs) == (True, 2)


async def test_a_read_waits_for_the_write_it_saw(opened: Opener) -> None:
    wal = Counted()
    storage = await opened(options=Options(wal=wal.type))
    wal.gate.clear()
    storage.put("a", 1)
    open_ticket = storage.hold()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert storage.get("a") == 1
    ticket = storage.hold()
    assert ticket is not None
    assert not ticket.done
    wal.gate.set()
    await ticket.wait()
    await storage.synced(open_ticket)
    assert storage.hold() is None


async def test_callbacks_and_cancelled_waiters(opened: Opener) -> None:
    storage = await opened()
    told: list[BaseException | None] = []
    storage.put("a", 1)
    ticket = storage.hold()
    assert ticket is not None
    waiters = [asyncio.create_task(ticket.wait()) for _ in range(3)]
    ticket.add_done_callback(told.append)
    await asyncio.sleep(0)
    waiters[1].cancel()
    await asyncio.gather(*waiters, return_exceptions=True)
    assert [waiter.cancelled() for waiter in waiters] == [False, True, False]
    ticket.add_done_callback(told.append)
    await asyncio.sleep(0)
    assert told == [None, None]


async def test_commits_of_other_connections(opened: Opener) -> None:
    wal = Counted()
    storage = await opened(options=Options(wal=wal.type))
    writer = storage.open_connection()
    await storage.synced(storage.commit_ticket())
    wal.syncs = 0
    await asyncio.to_thread(writer.execute, "insert into _kv values ('a', 0, 1)")
    ticket = storage.commit_ticket()
    assert not ticket.done
    await storage.synced(ticket)
    assert (wal.syncs, storage.commit_ticket().done) == (1, True)
    storage.close_connection(writer)
    memory = await opened(None)
    with pytest.raises(StateError):
        memory.open_connection()


@pytest.mark.parametrize("point", ["storage.sync", "storage.before_commit", "storage.write"])
async def test_one_strike(opened: Opener, tmp_path: Path, point: str, caplog: pytest.LogCaptureFixture) -> None:
    events: list[tuple[str, dict[str, Any]]] = []
    storage = await opened(notify=lambda name, **fields: events.append((name, fields)))
    storage.put("kept", 1)
    await storage.synced()
    faults.arm(point, "eio", 1)
    with pytest.raises(StorageFailed) as caught:
        for n in range(3):
            storage.put("lost", n)
        await storage.synced()
    assert caught.value.errno == errno.EIO
    faults.disarm()
    # Retrying would report success; nothing may be tried again.
    for attempt in (lambda: storage.get("kept"), lambda: storage.put("a", 1), storage.open_connection):
        with pytest.raises(StorageFailed):
            attempt()
    told: list[BaseException | None] = []
    ticket = storage.hold()
    assert ticket is not None
    assert not ticket.done, "a gate that looks open would let output out"
    ticket.add_done_callback(told.append)
    with pytest.raises(StorageFailed):
        await storage.synced()
    assert isinstance(told[0], StorageFailed)
    assert [name for name, _ in events] == ["storage.failed"]
    assert events[0][1]["path"] == str(tmp_path / "a.sqlite")
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    await storage.close()
    assert recovery.mark_of(tmp_path / "a.sqlite").exists()
    before = (tmp_path / "a.sqlite").stat().st_ino
    again = await opened()
    assert again.get("kept") == 1
    assert (tmp_path / "a.sqlite").stat().st_ino != before, "a failed file must be copied"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.sqlite", "a.sqlite-shm", "a.sqlite-wal"]
    again.put("more", 2)
    await again.synced()


async def test_failed_checkpoint_is_final(opened: Opener) -> None:
    storage = await opened(options=Options(checkpoint_pages=2))
    faults.arm("storage.checkpoint", "eio", 1)
    with pytest.raises(StorageFailed):
        for n in range(200):
            storage.put(f"k{n}", b"x" * 5000)
            await storage.synced()
    assert storage.failed is not None


@pytest.mark.parametrize("point", ["storage.before_commit", "storage.write"])
async def test_full_disk_is_ordinary(opened: Opener, point: str) -> None:
    storage = await opened()
    storage.put("kept", 1)
    await storage.synced()
    faults.arm(point, "enospc", 1)
    with pytest.raises(StorageFull):
        storage.put("lost", 1)
        await storage.synced()
    assert storage.failed is None
    await asyncio.sleep(0)
    assert storage.list() == {"kept": 1}
    storage.put("again", 1)
    await storage.synced()
    assert storage.list() == {"again": 1, "kept": 1}


async def test_after_running_out_of_space_the_turn_is_lost_as_a_whole(opened: Opener) -> None:
    storage = await opened(options=Options(cache_kib=64))
    storage.sql.execute("create table t (x)")
    await storage.synced()
    storage._connection.pragma("max_page_count", 200)
    storage.put("a", 1)
    with pytest.raises(StorageFull):
        for _ in range(200):
            storage.sql.execute("insert into t values (?)", (b"x" * 4000,))
    with pytest.raises(StorageFull):
        storage.put("b", 1)  # it would be committed without the writes before it
    assert storage.get("a") is None
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    storage.put("c", 1)
    await storage.synced()
    assert list(storage.list()) == ["c"]


async def test_reserve(opened: Opener, tmp_path: Path) -> None:
    reserve = Reserve(tmp_path, least=1 << 60, share=2.0)
    with pytest.raises(StorageFull):
        await opened(reserve=reserve)
    storage = await opened()
    storage.put("a", 1)
    storage._reserve = reserve
    storage.put("b", 1)  # a transaction that was admitted is not refused half-way
    await storage.synced()
    with pytest.raises(StorageFull):
        storage.put("c", 1)
    with pytest.raises(StorageFull), storage.transaction():
        storage.put("c", 1)
    await storage.synced()
    assert storage.get("a") == 1
    storage.delete("a")
    storage.put("removed", "a")  # what deletes may note what it has deleted
    await storage.synced()
    storage.sql.execute("delete from _alarm")
    storage._reserve = None
    await storage.synced()


async def test_wal_starts_over_under_steady_load(opened: Opener, tmp_path: Path) -> None:
    storage = await opened(options=Options(checkpoint_pages=20, finish_pages=60))
    largest = 0
    for n in range(600):
        storage.put("a", bytes(3000) + n.to_bytes(4))
        await storage.synced()
        largest = max(largest, (tmp_path / "a.sqlite-wal").stat().st_size)
    assert largest < 300 * 4120


async def test_a_pinned_reader_is_reported(opened: Opener) -> None:
    events: list[str] = []
    storage = await opened(
        options=Options(checkpoint_pages=5, finish_pages=10, warn_bytes=50 * 4120),
        notify=lambda name, **fields: events.append(name),
    )
    storage.put("a", 0)
    storage.flush()
    reader = storage.open_connection(readonly=True)
    reader.execute("begin; select * from _kv").fetchall()
    for n in range(100):
        storage.put("a", n)
        await storage.synced()
    assert events == ["storage.wal"]
    assert storage.wal_bytes > 50 * 4120
    storage.close_connection(reader)
    for n in range(100):
        storage.put("a", n)
        await storage.synced()
    assert storage.wal_bytes < 50 * 4120


async def test_descriptors_are_given_back(opened: Opener, executor: ThreadExecutor) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("needs /proc")
    await executor.call(lambda: None)
    before = descriptors()
    storage = await opened()
    writer = storage.open_connection()
    writer.execute("insert into _kv values ('a', 0, 1)")
    storage.put("b", 1)
    assert descriptors() > before
    await storage.close()
    assert descriptors() == before
    with pytest.raises(StorageFailed, match="closed"):
        storage.get("a")


async def test_a_deleted_wal_is_noticed(opened: Opener, tmp_path: Path) -> None:
    storage = await opened()
    (tmp_path / "a.sqlite-wal").unlink()
    storage.put("a", 1)
    with pytest.raises(StorageFailed):
        await storage.synced()


@pytest.mark.parametrize("damage", ["header", "middle"])
async def test_damaged_file(opened: Opener, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.sqlite"
    storage = await opened()
    for n in range(200):
        storage.put(f"key{n:04}", b"x" * 500)
    await storage.close()
    with open(path, "r+b") as file:
        file.seek(0 if damage == "header" else 3 * 4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(StorageFailed):
        again = await opened()
        again.list()


async def test_newer_and_foreign_files_are_refused(opened: Opener, tmp_path: Path) -> None:
    steps = ["create table t (x)", lambda connection: connection.execute("alter table t add column y")]
    storage = await opened(migrations=steps)
    storage.sql.execute("insert into t (x, y) values (1, 2)")
    await storage.close()
    with pytest.raises(StartupError) as caught:
        await opened(migrations=steps[:1])
    assert "newer version" in caught.value.what
    again = await opened(migrations=[*steps, "create table u (z)"])
    assert again.sql.execute("select * from t, u") == []
    await again.close()
    foreign = tmp_path / "foreign.sqlite"
    connection = apsw.Connection(str(foreign))
    connection.execute("create table t (x)")
    connection.close()
    with pytest.raises(StartupError):
        await opened(foreign)


async def test_a_failing_migration_changes_nothing(opened: Opener) -> None:
    def broken(connection: apsw.Connection) -> None:
        connection.execute("create table half (x)")
        raise ZeroDivisionError

    storage = await opened(migrations=["create table t (x)"])
    await storage.close()
    with pytest.raises(ZeroDivisionError):
        await opened(migrations=["create table t (x)", broken])
    storage = await opened(migrations=["create table t (x)"])
    assert storage.sql.value("select count(*) from sqlite_schema where name = 'half'") == 0


@pytest.mark.parametrize("point", ["recover", "recover_copied", "recover_replace"])
async def test_recovery_can_be_cut_off_anywhere(opened: Opener, tmp_path: Path, point: str) -> None:
    storage = await opened()
    storage.put("a", 1)
    await storage.synced()
    faults.arm("storage.sync", "eio", 1)
    storage.put("b", 1)
    with pytest.raises(StorageFailed):
        await storage.synced()
    await storage.close()
    faults.disarm()
    faults.arm(f"storage.{point}", "eio", 1)
    with pytest.raises(StorageError):
        await opened()
    faults.disarm()
    again = await opened()
    assert again.get("a") == 1
    assert not recovery.mark_of(tmp_path / "a.sqlite").exists()


def test_creating_leaves_all_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    faults.arm("storage.create", "enospc", 1)
    try:
        with pytest.raises(OSError):
            engine.create_file(path)
    finally:
        faults.disarm()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a.sqlite-wal").write_bytes(b"left by a crash between two unlinks")
    engine.create_file(path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.sqlite"]


async def test_executor_waits_for_its_work_and_leaves_no_thread() -> None:
    before = set(threading.enumerate())  # a server that outlives tests has threads of its own
    executor = ThreadExecutor(2)
    done: list[int] = []
    gate = threading.Event()
    for n in range(5):
        executor.run(lambda n=n: gate.wait(5) and n, lambda result, error: done.append(result))  # type: ignore[misc]
    with pytest.raises(ZeroDivisionError):
        asyncio.get_running_loop().call_soon(gate.set)
        await executor.call(lambda: 1 // 0)
    await executor.close()
    assert sorted(done) == [0, 1, 2, 3, 4]
    assert not [each for each in set(threading.enumerate()) - before if each.name.startswith("storage-")]
    with pytest.raises(RuntimeError):
        executor.run(lambda: None, lambda result, error: None)


async def test_storage_type(storage: Storage) -> None:
    assert isinstance(storage, Storage)


def test_no_descriptor_left_is_no_harm_to_a_file() -> None:
    for number in (errno.EMFILE, errno.ENFILE):
        assert judge(OSError(number, "x")) is Verdict.OTHER
    assert judge(OSError(errno.EIO, "x")) is Verdict.FINAL
