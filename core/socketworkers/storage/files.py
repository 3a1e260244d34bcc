"""Large bodies as files beside a database: whole and durable, or not there.

A body is written to ``tmp/``, synced, renamed to its name, and its folder is synced: only then may a commit name it.
The syncs of the folder are shared by all bodies that wait at that time. A body that no commit names (the process
died in between) is an orphan and is removed by :meth:`BodyFiles.sweep` at the next start.
Used by apps (the mail queue). Nothing here knows what a body is.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Final

from .. import faults
from ..errors import StateError, StorageError, StorageFailed, StorageFull
from .engine import sync_file, sync_folder
from .executor import ThreadExecutor
from .reserve import Reserve
from .tickets import SyncPoint, fresh
from .trouble import Verdict, judge

__all__ = ["BodyFiles", "BodyWriter"]

log = logging.getLogger("socketworkers.storage")

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}")
_CLOEXEC: Final = getattr(os, "O_CLOEXEC", 0)

#: Bytes that a writer keeps before it goes to the disk, and that one read brings.
CHUNK: Final = 256 * 1024

#: Bodies that are written at a time. A write copies into memory of the system, which costs a core and no waiting: with
#: more of them at once the loop gets so much less of it (ten senders of 1 MB beside one of 4 KB: its median fell from
#: 8 ms to 2 ms, and all together became no slower).
WRITES: Final = 1

#: Bodies that are synced at a time: fewer than there are threads, so that a database's sync never waits for theirs.
SYNCS: Final = 8

#: Pieces that are kept as they came; fewer than a system call takes (IOV_MAX of POSIX is 1024 on Linux).
PIECES: Final = 256


class BodyFiles:
    """The bodies of one folder.

    Args:
        folder: where they lie; made if it is missing. None: a temporary folder that goes with :meth:`close`, and
            nothing is synced (a server without data folder).
        executor: where the disk is waited for.
        reserve: says when new bodies are refused.
        notify: told about ``storage.failed`` and ``storage.full``.

    Raises:
        StorageFull: no room for the folder.
        StorageError: it cannot be made.
    """

    __slots__ = (
        "_count",
        "_descriptor",
        "_executor",
        "_keeps",
        "_notify",
        "_point",
        "_reserve",
        "_syncs",
        "_temporary",
        "_writes",
        "folder",
    )

    def __init__(
        self,
        folder: Path | None,
        executor: ThreadExecutor,
        *,
        reserve: Reserve | None = None,
        notify: Callable[..., None] | None = None,
    ) -> None:
        self._temporary = None if folder is not None else tempfile.TemporaryDirectory(prefix="socketworkers-")
        self.folder = folder if self._temporary is None and folder is not None else Path(self._temporary_name())
        self._keeps = folder is not None
        self._executor = executor
        self._reserve = reserve
        self._notify = notify
        self._count = 0
        self._writes = asyncio.Semaphore(WRITES)
        self._syncs = asyncio.Semaphore(SYNCS)
        self._descriptor = -1
        self._point = SyncPoint(executor, self._sync_folder, self._folder_failed)
        try:
            (self.folder / "tmp").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if judge(error) is Verdict.FULL:
                raise StorageFull(errno.ENOSPC, "no space left on the disk", str(self.folder)) from error
            raise StorageError(error.errno or errno.EIO, error.strerror or str(error), str(self.folder)) from error
        if self._keeps:
            try:
                # The folder itself must not be lost, nor names that a killed process had not synced.
                sync_folder(self.folder.parent)
                sync_folder(self.folder)
                # Kept: a sync that fails is final, and it must not fail for want of a descriptor.
                self._descriptor = os.open(self.folder, os.O_RDONLY | _CLOEXEC) if os.name == "posix" else -1
            except OSError as error:
                self._point.fail(self._folder_failed(error))  # trying again may look well without being so

    def _temporary_name(self) -> str:
        assert self._temporary is not None
        return self._temporary.name

    @property
    def failed(self) -> StorageError | None:
        """The final error of the folder; None while all is well."""
        return self._point.error

    def path(self, name: str) -> Path:
        """Where a body lies.

        Raises:
            ValueError: the name is not made of letters, digits and ``_ . + -``, or begins with one of the last three.
        """
        if not _NAME.fullmatch(name) or name == "tmp":
            raise ValueError(f"{name!r} is no name for a body")
        return self.folder / name

    def create(self, name: str) -> BodyWriter:
        """Begin a new body. Nothing touches the disk before the first full chunk.

        Raises:
            StorageFull: space is short.
            StorageFailed: a sync of the folder failed earlier.
        """
        path = self.path(name)
        if self._point.error is not None:
            raise fresh(self._point.error)
        if self._reserve is not None:
            self._reserve.check()
        self._count += 1
        return BodyWriter(self, path, self.folder / "tmp" / f"{os.getpid()}-{self._count}-{name[:100]}")

    async def write(self, name: str, data: bytes) -> None:
        """Write a whole body; returns once it is durable.

        Raises:
            as :meth:`create` and :meth:`BodyWriter.commit`.
        """
        writer = self.create(name)
        try:
            await writer.write(data)
            await writer.commit()
        except BaseException:
            await writer.discard()
            raise

    async def read(self, name: str) -> bytes:
        """A whole body.

        Raises:
            FileNotFoundError: there is none.
        """
        return await self._executor.call(self.path(name).read_bytes)

    async def chunks(self, name: str, size: int = CHUNK) -> AsyncIterator[bytes]:
        """A body in pieces of at most ``size`` bytes.

        Raises:
            FileNotFoundError: there is none.
        """
        path = self.path(name)
        descriptor = await self._executor.call(lambda: os.open(path, os.O_RDONLY | _CLOEXEC))
        try:
            offset = 0
            while data := await self._executor.call(lambda: os.pread(descriptor, size, offset)):  # noqa: B023
                yield data
                offset += len(data)
        finally:
            os.close(descriptor)

    def exists(self, name: str) -> bool:
        """Whether there is such a body."""
        return self.path(name).exists()

    async def remove(self, *names: str) -> None:
        """Remove bodies; a missing one is no error. Not synced: a name that comes back is an orphan."""
        paths = [self.path(name) for name in names]

        def unlink() -> None:
            for path in paths:
                path.unlink(missing_ok=True)

        await self._executor.call(unlink)

    def sweep(self, keep: Iterable[str]) -> list[str]:
        """Remove unfinished bodies and those whose name is not in ``keep``; at start, before new ones are made.

        Returns:
            The names of the bodies that were removed.
        """
        for entry in os.scandir(self.folder / "tmp"):
            os.unlink(entry.path)
        named = set(keep)
        orphans = [e.name for e in os.scandir(self.folder) if e.is_file() and e.name not in named]
        for name in orphans:
            (self.folder / name).unlink(missing_ok=True)
        return orphans

    async def close(self) -> None:
        """Wait for the syncs that are under way; remove a temporary folder."""
        await self._point.idle()
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
        if self._temporary is not None:
            self._temporary.cleanup()

    def _sync_folder(self) -> None:
        faults.point("storage.sync_folder")
        if self._keeps and os.name == "posix":
            os.fsync(self._descriptor)

    def _folder_failed(self, error: BaseException) -> StorageError:
        number = error.errno if isinstance(error, OSError) and error.errno else errno.EIO
        failed = StorageFailed(number, str(error), str(self.folder))
        log.error("storage failed: %s: %s", self.folder, failed)
        if self._notify is not None:
            self._notify("storage.failed", path=str(self.folder), error=str(failed))
        return failed


class BodyWriter:
    """One body that is being written. Ends with :meth:`commit` or :meth:`discard`; one call at a time."""

    __slots__ = (
        "_buffer",
        "_buffered",
        "_descriptor",
        "_files",
        "_lock",
        "_path",
        "_placed",
        "_state",
        "_temporary",
        "size",
    )

    def __init__(self, files: BodyFiles, path: Path, temporary: Path) -> None:
        self._files = files
        self._path = path
        self._temporary = temporary
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._descriptor = -1
        self._placed = False
        # A cancelled caller leaves its thread at work; discard() must not meet it half-way.
        self._lock = threading.Lock()
        self._state = "open"
        self.size = 0
        """Bytes written so far."""

    @property
    def name(self) -> str:
        """The body's name."""
        return self._path.name

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Add bytes; they go to the disk in chunks, in a thread. Returns at once while a chunk is not full.

        Raises:
            StateError: committed or discarded.
            StorageFull: no space; the body is gone.
            StorageError: the disk refused; the body is gone.
        """
        if self._state != "open":
            raise StateError(f"the body {self.name} is {self._state}")
        self._buffer.append(bytes(data))
        self._buffered += len(data)
        self.size += len(data)
        if self._buffered >= CHUNK:
            await self._run(self._spill, self._files._writes)
        elif len(self._buffer) >= PIECES:
            self._buffer = [b"".join(self._buffer)]

    async def commit(self) -> None:
        """Make the body durable under its name.

        Raises:
            StateError: committed or discarded.
            StorageFull: no space; the body is gone.
            StorageFailed: a sync failed; the body is gone and must not be acknowledged.
            StorageError: the disk refused; the body is gone.
        """
        if self._state != "open":
            raise StateError(f"the body {self.name} is {self._state}")
        if self._buffered:
            await self._run(self._spill, self._files._writes)
        await self._run(self._place, self._files._syncs)
        self._state = "committed"
        if self._files._keeps:
            await self._files._point.demand().wait()

    async def discard(self) -> None:
        """Forget the body; also after an error or a cancelled call, and without effect after :meth:`commit`."""
        if self._state == "open":
            self._state = "discarded"
            if self.size:
                await self._files._executor.call(self._forget)

    async def _run(self, work: Callable[[], None], lane: asyncio.Semaphore) -> None:
        try:
            async with lane:
                await self._files._executor.call(work)
        except OSError as error:
            self._state = "failed"
            if isinstance(error, StorageError):
                raise
            if judge(error) is Verdict.FULL:
                raise StorageFull(errno.ENOSPC, "no space left on the disk", str(self._path)) from error
            raise StorageError(error.errno or errno.EIO, error.strerror or str(error), str(self._path)) from error

    def _spill(self) -> None:
        with self._lock:
            self._write_out()

    def _write_out(self) -> None:
        pieces, self._buffer, self._buffered = self._buffer, [], 0
        try:
            faults.point("storage.write")
            if self._descriptor < 0:
                self._descriptor = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CLOEXEC, 0o600)
            written = os.writev(self._descriptor, pieces) if pieces else 0
            for piece in pieces:
                if written < len(piece):  # the disk took less than it was given
                    rest = memoryview(piece)[written:]
                    while rest:
                        rest = rest[os.write(self._descriptor, rest) :]
                written = max(0, written - len(piece))
        except OSError:
            self._drop()
            raise

    def _place(self) -> None:
        with self._lock:
            self._write_out()
            try:
                try:
                    if self._files._keeps:
                        faults.point("storage.sync_body")
                        sync_file(self._descriptor)
                except OSError as error:
                    # Final for this body: its pages may be gone, whatever the reason (ENOSPC of a late allocation too).
                    raise StorageFailed(error.errno or errno.EIO, str(error), str(self._path)) from error
                descriptor, self._descriptor = self._descriptor, -1
                os.close(descriptor)
                os.rename(self._temporary, self._path)
                self._placed = True
            except OSError:
                self._drop()
                raise

    def _drop(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
            self._temporary.unlink(missing_ok=True)

    def _forget(self) -> None:
        with self._lock:
            self._drop()
            if self._placed:
                self._path.unlink(missing_ok=True)
