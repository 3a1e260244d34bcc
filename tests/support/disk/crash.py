"""Power cuts, simulated: what SQLite and we write is recorded, and every disk that a cut may leave is rebuilt.

A :class:`Recorder` is a SQLite VFS under the database and its WAL, and stands in for our own sync of the WAL. It keeps
a log of writes, truncations and syncs. :func:`crash_states` walks the log and yields disks: all that was synced, plus
none, all or a random part of the rest, torn at 512 bytes, the two files independently. A sync has a beginning and an
end: it makes durable what was written before it *began*, once it has *ended*.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from socketworkers.storage.wal import WalFile

SECTOR = 512


@dataclass(slots=True)
class Operation:
    """One entry of the log."""

    kind: str
    """``write``, ``truncate``, ``sync_begin``, ``sync_end`` or ``ack``."""
    file: str = ""
    """``db`` or ``wal``."""
    offset: int = 0
    """Offset of a write, size of a truncation, number of a sync, number of the acknowledged transaction."""
    data: bytes = b""


@dataclass(slots=True)
class Disk:
    """The two files as they are on the disk."""

    db: bytearray = field(default_factory=bytearray)
    wal: bytearray = field(default_factory=bytearray)

    def copy(self) -> Disk:
        return Disk(bytearray(self.db), bytearray(self.wal))

    def apply(self, operation: Operation) -> None:
        image = self.db if operation.file == "db" else self.wal
        if operation.kind == "truncate":
            if len(image) > operation.offset:
                del image[operation.offset :]
            else:
                image.extend(bytes(operation.offset - len(image)))
        else:
            end = operation.offset + len(operation.data)
            if len(image) < operation.offset:
                image.extend(bytes(operation.offset - len(image)))
            image[operation.offset : end] = operation.data

    def save(self, path: Path) -> None:
        path.write_bytes(self.db)
        path.with_name(path.name + "-wal").write_bytes(self.wal)
        path.with_name(path.name + "-shm").unlink(missing_ok=True)


class Recorder(apsw.VFS):
    """The log, and the VFS that fills it. Close it when no connection uses it any more."""

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(name, "unix")
        self.name = name
        self.path = path
        self.log: list[Operation] = []
        self.start = Disk(bytearray(_read(path)), bytearray(_read(path.with_name(path.name + "-wal"))))
        self.syncs = 0
        self.landed: list[int] = []

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        text = name.filename() if isinstance(name, apsw.URIFilename) else name
        if text is not None and flags[0] & apsw.SQLITE_OPEN_MAIN_DB:
            return _File(self, "db", name, flags)
        if text is not None and flags[0] & apsw.SQLITE_OPEN_WAL:
            return _File(self, "wal", name, flags)
        return apsw.VFSFile("unix", name, flags)

    def sync(self, file: str) -> None:
        """A sync that takes no time."""
        self.begin(file)
        self.end()

    def begin(self, file: str) -> None:
        self.syncs += 1
        self.log.append(Operation("sync_begin", file, self.syncs))
        self.landed.append(self.syncs)

    def end(self) -> None:
        self.log.extend(Operation("sync_end", "", number) for number in self.landed)
        self.landed.clear()

    def ack(self, transaction: int) -> None:
        self.log.append(Operation("ack", "", transaction))

    def wal_type(self) -> type[WalFile]:
        """A ``WalFile`` whose sync goes into the log instead of to the disk."""
        recorder = self

        class RecordedWal(WalFile):
            __slots__ = ()

            def sync(self) -> None:
                recorder.begin("wal")

        return RecordedWal


class _File(apsw.VFSFile):
    def __init__(self, recorder: Recorder, file: str, name: Any, flags: list[int]) -> None:
        self.recorder = recorder
        self.file = file
        super().__init__("unix", name, flags)

    def xWrite(self, data: Any, offset: int) -> None:
        super().xWrite(data, offset)
        self.recorder.log.append(Operation("write", self.file, offset, bytes(data)))

    def xTruncate(self, size: int) -> None:
        super().xTruncate(size)
        self.recorder.log.append(Operation("truncate", self.file, size))

    def xSync(self, flags: int) -> None:
        log = self.recorder.log
        self.recorder.syncs += 1
        log.append(Operation("sync_begin", self.file, self.recorder.syncs))
        log.append(Operation("sync_end", "", self.recorder.syncs))


class ManualExecutor:
    """An executor without threads: work runs, and is reported, when the test says so.

    Args:
        ended: called when a piece of work has ended, before its ``done`` is called.
    """

    def __init__(self, ended: Callable[[], None] = lambda: None) -> None:
        self._ended = ended
        self._soon: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        self._work: list[tuple[Callable[[], Any], Callable[[Any, BaseException | None], None]]] = []
        self._flying: list[tuple[Any, BaseException | None, Callable[[Any, BaseException | None], None]]] = []

    def run(self, work: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        self._work.append((work, done))

    def soon(self, callback: Callable[..., Any], *args: Any) -> None:
        self._soon.append((callback, args))

    def turn(self) -> None:
        """End the turn: run what was asked for ``soon``."""
        calls, self._soon = self._soon, []
        for callback, args in calls:
            callback(*args)

    @property
    def waiting(self) -> bool:
        return bool(self._work or self._flying)

    def begin_work(self) -> None:
        """Begin all work that is queued; it is not reported yet."""
        work, self._work = self._work, []
        for call, done in work:
            result, failure = None, None
            try:
                result = call()
            except Exception as error:
                failure = error
            self._flying.append((result, failure, done))

    def end_work(self) -> None:
        """Report all work that was begun."""
        flying, self._flying = self._flying, []
        if flying:
            self._ended()
        for result, failure, done in flying:
            done(result, failure)

    def settle(self) -> None:
        """Run everything until nothing is left."""
        while self._soon or self.waiting:
            self.turn()
            self.begin_work()
            self.end_work()


def crash_states(recorder: Recorder, rng: random.Random, every: int, parts: int) -> Iterator[tuple[Disk, int]]:
    """Disks that a power cut may leave, each with the last transaction that had been acknowledged by then.

    Args:
        recorder: a finished recording.
        rng: decides where cuts are and what of the unsynced writes survives.
        every: one cut in so many log entries.
        parts: how many random parts of the unsynced writes are tried per cut, beside none and all.
    """
    durable = recorder.start.copy()
    pending: dict[str, list[Operation]] = {"db": [], "wal": []}
    begun: dict[int, tuple[str, list[Operation]]] = {}
    acked = 0
    for operation in recorder.log:
        if operation.kind == "ack":
            acked = max(acked, operation.offset)
        elif operation.kind == "sync_begin":
            begun[operation.offset] = (operation.file, list(pending[operation.file]))
        elif operation.kind == "sync_end":
            file, covered = begun.pop(operation.offset)
            known = {id(one) for one in covered}
            for one in pending[file]:
                if id(one) in known:
                    durable.apply(one)
            pending[file] = [one for one in pending[file] if id(one) not in known]
        else:
            pending[operation.file].append(operation)
        if rng.randrange(every):
            continue
        yield durable.copy(), acked
        if pending["db"] or pending["wal"]:
            whole = durable.copy()
            for one in pending["db"] + pending["wal"]:
                whole.apply(one)
            yield whole, acked
            for _ in range(parts):
                yield _part(durable, pending, rng), acked


def _part(durable: Disk, pending: dict[str, list[Operation]], rng: random.Random) -> Disk:
    disk = durable.copy()
    for operations in pending.values():
        chance = rng.choice((0.0, 0.2, 0.5, 0.9, 1.0))
        for operation in operations:
            if operation.kind == "truncate":
                if rng.random() < chance:
                    disk.apply(operation)
                continue
            for start in range(0, len(operation.data), SECTOR):
                if rng.random() < chance:
                    piece = operation.data[start : start + SECTOR]
                    disk.apply(Operation("write", operation.file, operation.offset + start, piece))
    return disk


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
