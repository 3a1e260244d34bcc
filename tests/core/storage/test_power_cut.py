"""D1: a power cut at any moment loses nothing that was acknowledged and leaves no half transaction.

The recorder sits under our own storage code (commits at the end of a turn, syncs that begin and end late, checkpoints
beside and on the loop, other writers, pinned readers, closing and opening); see ``tests/support/disk/crash.py``. Two
controls show that the harness can fail. ``SOCKETWORKERS_CRASH_STATES`` sets how many states are tried.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.support.disk.crash import Disk, ManualExecutor, Recorder, crash_states

from socketworkers.storage import Database, Options, Storage, SyncTicket, checkpoints, engine, opening
from socketworkers.storage.tickets import SyncPoint

STATES = int(os.environ.get("SOCKETWORKERS_CRASH_STATES", "20000"))
SEED = int(os.environ.get("SOCKETWORKERS_SEED", "20260"))

TABLES = """
create table entry (n integer primary key, k integer not null, body blob not null);
create table head (id integer primary key, n integer not null);
insert into head values (1, 0);
"""


def body(n: int) -> bytes:
    """What transaction ``n`` writes: of changing length, and recognisable."""
    return random.Random(n).randbytes(200 + (n * 977) % 6000)


@dataclass
class Result:
    """What came out of checking states."""

    states: int = 0
    lost: int = 0
    corrupt: int = 0
    restarts: int = 0

    @property
    def bad(self) -> int:
        return self.lost + self.corrupt


@contextmanager
def shared_memory() -> Iterator[Path]:
    """A folder where writing is cheap."""
    where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(dir=where, prefix="socketworkers-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


class Workload:
    """One run over one recorded database.

    Args:
        path: the database; made when it is missing.
        rng: decides everything.
        ack_at_commit: the control: acknowledge when the commit has returned.
    """

    def __init__(self, path: Path, rng: random.Random, *, ack_at_commit: bool = False) -> None:
        self.path = path
        self.rng = rng
        self.ack_at_commit = ack_at_commit
        if not path.exists():
            first = Storage.open(path, ManualExecutor(), migrations=[TABLES])
            first.close_files()
        self.recorder = Recorder(f"recorder-{id(self)}", path)
        self.executor = ManualExecutor(self.recorder.end)
        self.storage: Storage
        self.next = 1

    def open(self) -> None:
        """Open the storage; the syncs made meanwhile take no time."""
        rng = self.rng
        pages = rng.choice((4, 9, 17, 60, 1000))
        options = Options(
            checkpoint_pages=pages,
            finish_pages=rng.choice((pages, pages * 2, 100_000)),
            keep_bytes=rng.choice((0, 40_000, 1 << 20)),
            vfs=self.recorder.name,
            wal=self.recorder.wal_type(),
        )
        self.storage = Storage.open(self.path, self.executor, migrations=[TABLES], options=options)
        self.recorder.end()
        self.next = self.storage.sql.value("select n from head") + 1

    def write(self, n: int) -> None:
        """One transaction on the storage's own connection: rows, a key, and now and then an undone part."""
        storage = self.storage
        storage.sql.execute("insert into entry values (?, ?, ?)", (n, n * 7, body(n)))
        if self.rng.random() < 0.2:
            with suppress(ZeroDivisionError), storage.transaction():
                storage.sql.execute("delete from entry where n <= ?", (n,))
                raise ZeroDivisionError
        if n > 5 and self.rng.random() < 0.3:
            storage.sql.execute("update entry set k = k where n = ?", (self.rng.randrange(1, n),))
        storage.sql.execute("update head set n = ?", (n,))
        storage.put("n", n)

    def write_elsewhere(self, writer: apsw.Connection, n: int) -> None:
        """The same on a connection that an app drives itself."""
        writer.execute("begin immediate")
        writer.execute("insert into entry values (?, ?, ?)", (n, n * 7, body(n)))
        writer.execute("update head set n = ?", (n,))
        writer.execute("insert or replace into _kv (key, kind, value) values ('n', 0, ?)", (n,))
        writer.execute("commit")

    def run(self, turns: int) -> None:
        """Do ``turns`` turns of the loop and close."""
        rng, recorder, executor = self.rng, self.recorder, self.executor
        self.open()
        reader: apsw.Connection | None = None
        writer: apsw.Connection | None = None
        for _ in range(turns):
            n = self.next
            kind = rng.random()
            if kind < 0.75:
                self.write(n)
                self.next += 1
                if rng.random() < 0.2:
                    self.storage.flush()
            elif kind < 0.85 and not self.storage.writing:
                writer = writer or self.storage.open_connection()
                self.write_elsewhere(writer, n)
                self.next += 1
            seen = self.storage.sql.value("select n from head")
            ticket = self.storage.commit_ticket()
            # A write or a read: whatever was seen is acknowledged when the ticket has ended.
            ticket.add_done_callback(lambda error, seen=seen: recorder.ack(seen) if error is None else None)  # type: ignore[misc]
            executor.turn()
            if self.ack_at_commit:
                recorder.ack(seen)
            if rng.random() < 0.6:
                executor.begin_work()
            if rng.random() < 0.5:
                executor.end_work()
            if rng.random() < 0.06:
                if reader is None:
                    reader = self.storage.open_connection(readonly=True)
                    reader.execute("begin; select count(*) from entry").fetchall()
                else:
                    self.storage.close_connection(reader)
                    reader = None
            if rng.random() < 0.03:
                executor.settle()
                reader = writer = None
                self.storage.close_files()
                self.open()
        if rng.random() < 0.5:
            executor.settle()
        executor.end_work()
        assert self.storage.failed is None
        self.storage.close_files()

    def close(self) -> None:
        self.recorder.unregister()


def check(path: Path, acked: int, result: Result) -> int:
    """Open a rebuilt disk with plain SQLite and compare; returns the last transaction that is there."""
    result.states += 1
    try:
        connection = apsw.Connection(str(path))
        try:
            if connection.pragma("integrity_check") != "ok":
                result.corrupt += 1
                return -1
            m = connection.execute("select n from head").get
            key = connection.execute("select value from _kv where key = 'n'").get
            rows: list[tuple[Any, ...]] = connection.execute("select n, k, body from entry order by n").fetchall()
        finally:
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.close(True)
    except apsw.Error:
        result.corrupt += 1
        return -1
    whole = len(rows) == m and (key or 0) == m
    if not whole or any(n != at or k != n * 7 or data != body(n) for at, (n, k, data) in enumerate(rows, 1)):
        result.corrupt += 1
        return -1
    if m < acked:
        result.lost += 1
    return int(m)


def simulate(states: int, seed: int, *, ack_at_commit: bool = False, twice: bool = True) -> Result:
    """Run workloads and check the disks of power cuts until enough were seen."""
    result = Result()
    with shared_memory() as folder:
        image, second = folder / "image.sqlite", folder / "second.sqlite"
        for round in range(100_000):
            if result.states >= states:
                break
            rng = random.Random(f"{seed}-{round}")
            path = folder / f"run-{round}.sqlite"
            workload = Workload(path, rng, ack_at_commit=ack_at_commit)
            try:
                workload.run(rng.randrange(10, 60))
                result.restarts += sum(
                    one.kind == "write" and one.file == "wal" and one.offset == 0 for one in workload.recorder.log
                )
                for number, (disk, acked) in enumerate(crash_states(workload.recorder, rng, every=9, parts=2)):
                    disk.save(image)
                    check(image, acked, result)
                    if twice and number % 40 == 20:
                        cut_again(disk, acked, second, rng, result)
            finally:
                workload.close()
                for left in folder.glob("run-*"):
                    left.unlink()
    return result


def cut_again(disk: Disk, acked: int, path: Path, rng: random.Random, result: Result) -> None:
    """Start our storage on a disk after a power cut, work on, and cut again: also in the middle of recovery."""
    disk.save(path)
    workload = Workload(path, rng)
    try:
        workload.run(rng.randrange(1, 6))
        for again, later in crash_states(workload.recorder, rng, every=6, parts=1):
            again.save(path)
            check(path, max(acked, later), result)
    finally:
        workload.close()


@pytest.mark.catalogue("D1")
@pytest.mark.timeout(60 + STATES // 50)
def test_nothing_acknowledged_is_lost() -> None:
    result = simulate(STATES, SEED)
    assert result.states >= STATES
    assert result.restarts > STATES // 200, "the WAL has to start over often, or the hard cases were not met"
    assert (result.corrupt, result.lost) == (0, 0), f"seed {SEED}"


@pytest.mark.catalogue("D1")
def test_control_acknowledging_at_commit_loses() -> None:
    result = simulate(400, SEED, ack_at_commit=True, twice=False)
    assert result.lost > 20
    assert result.corrupt == 0


@pytest.mark.catalogue("D1")
def test_control_without_syncs_of_sqlite_corrupts(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = engine.connect

    def careless(*args: Any, **kwargs: Any) -> apsw.Connection:
        connection = plain(*args, **kwargs)
        connection.pragma("synchronous", 0)
        return connection

    monkeypatch.setattr(opening, "connect", careless)
    monkeypatch.setattr(checkpoints, "connect", careless)
    result = simulate(2000, SEED, twice=False)
    assert result.bad > 20


@pytest.mark.catalogue("D1")
def test_control_sharing_a_sync_that_has_begun_loses(monkeypatch: pytest.MonkeyPatch) -> None:
    demand = SyncPoint.demand

    def early(self: SyncPoint, gather: bool = False) -> SyncTicket:
        return self._flying if self._flying is not None and self._waiting is None else demand(self, gather)

    monkeypatch.setattr(SyncPoint, "demand", early)
    result = simulate(400, SEED, twice=False)
    assert result.lost > 20


@pytest.mark.catalogue("D1")
def test_control_showing_reads_before_their_commit_is_synced_loses(monkeypatch: pytest.MonkeyPatch) -> None:
    hold = Database.hold

    def ungated(self: Database) -> SyncTicket | None:
        return hold(self) if self.writing else self._point.newest

    monkeypatch.setattr(Database, "hold", ungated)
    result = simulate(2000, SEED, twice=False)
    assert result.lost > 5
