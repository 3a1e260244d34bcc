"""Checkpoints: copying the WAL's pages into the database, so that the WAL can start over and stays short.

They run beside the loop on a connection of their own, passive: they wait for nobody and nobody waits for them. They
never cut the WAL in steady state, because overwriting is synced twice as fast as growing. SQLite syncs the WAL before
it copies and the database before the WAL may start over; a checkpoint that fails to is final for the database.
Owned by ``database``, one per file.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

import apsw

from .. import faults
from ..errors import StorageError, StorageFull
from .engine import connect
from .executor import Executor
from .options import Notify, Options
from .tickets import SyncTicket
from .trouble import Verdict, judge

__all__ = ["FRAME", "Checkpoints"]

log = logging.getLogger("socketworkers.storage")

#: Bytes of a page and its frame header in the WAL (https://sqlite.org/fileformat2.html §4.1).
FRAME: Final = 4096 + 24


class Checkpoints:
    """See the module.

    Args:
        connection: the database's own connection, for the rest that is copied on the loop.
        path: the database.
        executor: where checkpoints run.
        options: the sizes at which something happens.
        notify: told about ``storage.wal``.
        writing: whether a transaction is open on ``connection``.
        failed: called with an error that is final.

    Attributes:
        pages: in the WAL since it started over.
        count: how many have ended.
    """

    __slots__ = (
        "_connection",
        "_executor",
        "_failed",
        "_next",
        "_notify",
        "_options",
        "_path",
        "_running",
        "_stopped",
        "_warned",
        "_writing",
        "count",
        "pages",
    )

    def __init__(
        self,
        connection: apsw.Connection,
        path: Path,
        executor: Executor,
        options: Options,
        notify: Notify,
        writing: Callable[[], bool],
        failed: Callable[[BaseException], object],
    ) -> None:
        self.pages = 0
        self.count = 0
        self._connection = connection
        self._path = path
        self._executor = executor
        self._options = options
        self._notify = notify
        self._writing = writing
        self._failed = failed
        self._next = options.checkpoint_pages
        self._running: SyncTicket | None = None
        self._stopped = False
        self._warned = False
        connection.set_wal_hook(self.committed)

    def committed(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        """SQLite's WAL hook, also of connections in other threads: ``pages`` are in the WAL now."""
        if pages < self.pages:
            self._next = self._options.checkpoint_pages  # it started over
        self.pages = pages
        return apsw.SQLITE_OK

    def due(self) -> None:
        """Begin a checkpoint if the WAL is long enough and none runs. Called on the loop after commits."""
        if self.pages < self._next:
            return
        if self.pages * FRAME < self._options.warn_bytes:
            self._warned = False
        elif not self._warned:
            self._warned = True
            log.warning("the WAL of %s has %d MiB: is a reader left open?", self._path, self.pages * FRAME >> 20)
            self._notify("storage.wal", path=str(self._path), bytes=self.pages * FRAME)
        if self._running is None and not self._stopped:
            self._running = SyncTicket(self._executor)
            self._executor.run(self._copy, self._copied)

    async def stop(self) -> None:
        """Begin none any more, and wait for the one that runs."""
        self._stopped = True
        if self._running is not None:
            await self._running.wait()

    def fail(self) -> None:
        """The database has failed: begin none any more."""
        self._stopped = True

    def _copy(self) -> tuple[int, int]:
        """A passive checkpoint; runs in a thread."""
        faults.point("storage.checkpoint")
        connection = connect(str(self._path), busy_timeout=0, vfs=self._options.vfs, cache_kib=64)
        try:
            return connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error as error:
            # The number behind it is the connection's, and the connection ends here.
            if judge(error, connection.system_errno) is Verdict.FULL:
                raise StorageFull(errno.ENOSPC, "no space for a checkpoint", str(self._path)) from error
            raise
        finally:
            connection.close()

    def _copied(self, result: tuple[int, int] | None, error: BaseException | None) -> None:
        running, self._running = self._running, None
        self._next = self.pages + self._options.checkpoint_pages
        self.count += 1
        if result is not None:
            if not self._stopped:
                self._finish(*result)
        elif error is None or judge(error) is Verdict.FINAL:
            # Also while the database is being closed: the pages that were to be copied may be lost.
            self._failed(error or StorageError(errno.EIO, "checkpoint"))
        # Otherwise (busy, full, no descriptors left) it is tried again after more pages; the WAL keeps everything.
        if running is not None:
            running.finish()

    def _finish(self, found: int, copied: int) -> None:
        """Copy the rest on the loop when the WAL is too long.

        Under steady load a checkpoint beside the loop never meets the end of the WAL, and only a WAL that was copied
        to its end can start over. The rest is short. (``copied < found``: a reader needs the pages; it would not help.)
        """
        if copied < found or self.pages <= found or self.pages < self._options.finish_pages or self._writing():
            return
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error as error:
            if judge(error, self._connection.system_errno) is Verdict.FINAL:
                self._failed(error)
