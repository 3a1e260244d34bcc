"""One SQLite file whose commits are made durable beside the loop, many at a time.

The owner writes through :meth:`Database.begin` (``Storage`` does so before each writing statement). The first write
of a turn opens a transaction, the end of the turn commits it: writes with no ``await`` between them are one commit,
also those of different callers that ran in the same turn. A commit is not durable yet: :meth:`hold` gives the ticket
to wait for. All calls come from the loop's thread; syncs and checkpoints run in the executor.

The rules come from ``reference/reliability.md`` §1 and §2 and are tested by D1 to D5. In short: an acknowledgement
needs a sync that began after the commit had ended; reads wait like writes; the first failed sync or checkpoint is
final for the file; a full disk is not.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import apsw

from .. import faults
from ..errors import StateError, StorageError, StorageFailed, StorageFull
from .checkpoints import FRAME, Checkpoints
from .engine import check_library, connect, make_tables
from .executor import Executor
from .opening import open_file
from .options import DEFAULTS, Notify, Options, silent
from .recovery import leave_mark
from .reserve import Reserve
from .schema import Migration, migrate
from .tickets import SyncPoint, SyncTicket, fresh
from .transaction import Transaction
from .trouble import Verdict, errno_of, judge
from .wal import WalFile

__all__ = ["Database"]

log = logging.getLogger("socketworkers.storage")


@dataclass(slots=True)
class _External:
    """What is known about a connection that the app drives itself, perhaps in another thread."""

    connection: apsw.Connection | None = None
    committing: bool = field(default=False)


class Database:
    """See the module. Made by :meth:`open`; closed by :meth:`close`.

    Attributes:
        path: the file; None = in memory: everything is durable at once, and gone at the end.
    """

    __slots__ = (
        "_admitted",
        "_checkpoints",
        "_connection",
        "_depth",
        "_dirty",
        "_executor",
        "_externals",
        "_failed",
        "_generation",
        "_marked",
        "_notify",
        "_open",
        "_options",
        "_point",
        "_poison",
        "_reserve",
        "_turn",
        "_wal",
        "_writing",
        "on_failed",
        "path",
        "sync_seconds",
    )

    def __init__(
        self,
        connection: apsw.Connection,
        path: Path | None,
        wal: WalFile | None,
        executor: Executor,
        *,
        reserve: Reserve | None = None,
        notify: Notify | None = None,
        options: Options = DEFAULTS,
    ) -> None:
        self.path = path
        self.on_failed: Callable[[StorageFailed], None] | None = None
        """Called once when the database fails for good."""
        self.sync_seconds = 0.0
        """How long the last sync took."""
        self._connection = connection
        self._wal = wal
        self._executor = executor
        self._reserve = reserve
        self._notify = notify or silent
        self._options = options
        self._point = SyncPoint(executor, self._sync, self._fail, self._sync_begins)
        self._open: SyncTicket | None = None
        self._writing = False
        self._admitted = False
        self._turn = False
        self._depth = 0
        self._generation = 0
        self._poison: StorageError | None = None
        self._failed: StorageFailed | None = None
        self._marked: SyncTicket | None = None
        self._dirty = False
        self._externals: list[_External] = []
        self._checkpoints: Checkpoints | None = None
        if path is not None and wal is not None:
            self._checkpoints = Checkpoints(
                connection, path, executor, options, self._notify, lambda: self._writing, self._fail
            )

    # Opening and closing

    @classmethod
    def open(
        cls,
        path: Path | None,
        executor: Executor,
        *,
        migrations: Sequence[Migration] = (),
        reserve: Reserve | None = None,
        notify: Notify | None = None,
        options: Options = DEFAULTS,
    ) -> Self:
        """Open a file, or make it; bring it to the present version. Blocks on the disk: call it in a thread.

        Args:
            path: the file; its folder must exist, and its name must be durable or become so by this call. None for
                a database in memory.
            executor: where syncs run.
            migrations: the steps of the app's tables (``schema``).
            reserve: says when new work is refused.
            notify: told about events.
            options: see :class:`Options`.

        Raises:
            StartupError: SQLite is too old, or the file is of a newer version.
            StorageFailed: it is damaged, or the sync of a new file failed.
            StorageFull: no room for it.
            StorageError: the system refused otherwise.
        """
        check_library()
        if path is None:
            connection = connect(":memory:", cache_kib=options.cache_kib)
            make_tables(connection)
            migrate(connection, ":memory:", migrations)
            return cls(connection, None, None, executor, notify=notify, options=options)
        connection, wal = open_file(path, migrations, reserve, notify or silent, options)
        return cls(connection, path, wal, executor, reserve=reserve, notify=notify, options=options)

    async def close(self) -> None:
        """Commit what is open, wait until it is durable, and give all descriptors back."""
        try:
            if self._failed is None:
                self.flush()
                await self.synced(self.hold())
        except StorageError:
            pass  # whoever wrote has been told
        finally:
            await self._point.idle()
            if self._checkpoints is not None:
                await self._checkpoints.stop()
            if self._marked is not None:
                await self._marked.wait()
            closed = SyncTicket(self._executor)
            self._executor.run(self.close_files, lambda _result, error: closed.finish(error))
            before = self._failed
            await closed.wait()
            if self._failed is None:
                self._failed = StorageFailed(errno.EBADF, "the storage is closed", str(self.path))
            elif before is None:
                self._tell(self._failed)
            self._point.fail(self._failed)

    def close_files(self) -> None:
        """Close without waiting for anything; what is not committed is lost. Blocks on the disk.

        Our descriptor goes first: SQLite's last close may replace the WAL (condition 6).
        """
        wal, self._wal = self._wal, None
        for external in self._externals:
            if external.connection is not None:
                external.connection.close(True)
        self._externals.clear()
        if wal is not None:
            empty = wal.size() == 0
            wal.close()
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            if self._failed is None and not empty and not self._writing:
                try:
                    faults.point("storage.checkpoint")
                    self._connection.set_busy_timeout(0)
                    self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
                except (apsw.Error, OSError) as error:
                    self._closing_failed(error)  # or nothing, when another process only looks at the file
        self._connection.close(True)

    def _closing_failed(self, error: BaseException) -> None:
        """A checkpoint at the end failed: the WAL has everything, but the database file may have lost pages."""
        if judge(error, self._connection.system_errno) is Verdict.FINAL and self.path is not None:
            number = errno_of(error, self._connection)
            self._failed = StorageFailed(number, f"checkpoint: {error}", str(self.path))
            leave_mark(self.path, str(self._failed))

    # Writing

    @property
    def failed(self) -> StorageFailed | None:
        """The error that is final for this file; None while all is well."""
        return self._failed

    @property
    def writing(self) -> bool:
        """Whether a transaction is open."""
        return self._writing

    def begin(self, *, frees: bool = False) -> None:
        """Open the turn's transaction if it is not open. Every write calls this first.

        Args:
            frees: the write gives space back (a deletion), so it and what follows it may use the reserve.

        Raises:
            StorageFailed: the file has failed.
            StorageFull: space is short; or it ran out in this turn and earlier writes of the turn are gone.
        """
        if self._failed is not None:
            raise fresh(self._failed)
        if self._poison is not None:
            raise fresh(self._poison)
        # Asked once, by the first write of a transaction: what is refused is refused before anything is done. One
        # that begins with a deletion may use the reserve to the end: it has its own notes to make.
        if not (self._writing and self._admitted):
            if not frees and self._reserve is not None and self._reserve.low():
                self._notify("storage.full", path=str(self.path))
                self._reserve.check()
            self._admitted = True
        if not self._writing:
            try:
                faults.point("storage.write")
                self._connection.execute("begin immediate")
            except (apsw.Error, OSError) as error:
                raise self.trouble(error) from error
            self._writing = True
            if not self._turn:
                self._turn = True
                self._executor.soon(self._end_of_turn)

    def flush(self) -> SyncTicket | None:
        """Commit now instead of at the end of the turn.

        Returns:
            The ticket to wait for; None when all is durable.

        Raises:
            StateError: inside ``transaction()``.
            StorageError: the commit failed; nothing of the turn was kept.
        """
        if self._depth:
            raise StateError("flush() inside transaction()")
        if self._writing:
            self._commit()
        return self.hold()

    def _end_of_turn(self) -> None:
        self._turn = False
        self._poison = None
        if self._depth and self._writing:
            self._depth = 0
            self._lose(StorageError(errno.EDEADLK, "transaction() was left open over an await; it was rolled back"))
            self._poison = None
        elif self._writing:
            try:
                self._commit()
            except StorageError:
                # Whoever wrote holds the ticket of this commit and has been told through it.
                self._poison = None

    def _commit(self) -> None:
        try:
            faults.point("storage.before_commit")
            self._connection.execute("commit")
            self._writing = False
            faults.point("storage.after_commit")
        except (apsw.Error, OSError) as error:
            raise self.trouble(error, committing=True) from error
        waiting, self._open = self._open, None
        if self._checkpoints is None:
            if waiting is not None:
                waiting.finish()
            return
        ticket = self._point.demand()
        if waiting is not None:
            ticket.add_done_callback(waiting.finish)
        self._checkpoints.due()

    def transaction(self) -> Transaction:
        """A part of the turn's writes that is kept whole or undone: ``with storage.transaction(): ...``.

        An exception that leaves the block undoes what the block wrote, and nothing else. Nests. There must be no
        ``await`` inside.
        """
        return Transaction(self)

    def trouble(self, error: BaseException, *, committing: bool = False) -> BaseException:
        """Decide what follows from an error of SQLite or the system, do that, and return what to raise.

        Apps that drive a connection of their own (:meth:`open_connection`) call this with its errors, on the loop.
        """
        verdict = judge(error, self._connection.system_errno)
        if verdict is Verdict.FINAL:
            return self._fail(error)
        full = verdict is Verdict.FULL
        gone = self._writing and (full or committing or not self._connection.in_transaction)
        outcome: StorageError | None = None
        if full:
            outcome = StorageFull(errno.ENOSPC, "no space left on the disk", str(self.path))
            self._notify("storage.full", path=str(self.path))
        elif gone or isinstance(error, (apsw.CantOpenError, apsw.ReadOnlyError)):
            outcome = StorageError(errno_of(error, self._connection), str(error), str(self.path))
        if gone and outcome is not None:
            self._lose(outcome)
        return outcome or error

    def _lose(self, error: StorageError) -> None:
        """Roll the turn's transaction back; whoever wrote or writes in this turn is told."""
        self._writing = False
        self._generation += 1
        self._poison = error
        waiting, self._open = self._open, None
        if waiting is not None:
            self._executor.soon(waiting.finish, error)
        try:
            if self._connection.in_transaction:
                self._connection.execute("rollback")
        except apsw.Error as failure:
            self._fail(failure)
            return
        self.rolled_back()

    def rolled_back(self) -> None:
        """Called after writes were undone; for subclasses that keep something in memory."""

    # Durability

    def hold(self) -> SyncTicket | None:
        """The ticket of the newest commit that is not durable yet; None when nothing waits.

        It covers all that was written and all that could have been read up to now.
        """
        if self._writing:
            waiting = self._open
            if waiting is None:
                waiting = self._open = SyncTicket(self._executor)
            return waiting
        if self._failed is not None:
            return self._point.demand()  # a ticket that fails
        if self._dirty or (self._externals and any(external.committing for external in self._externals)):
            return self._point.demand(gather=True)
        return self._point.newest

    def commit_ticket(self) -> SyncTicket:
        """The ticket for all that is committed now on any connection, also on those of :meth:`open_connection`.

        Take it after the commit has returned, or after the read whose result is to be shown.
        """
        ticket = self.hold()
        if ticket is None:
            ticket = SyncTicket(self._executor)
            ticket.finish()
        if self._checkpoints is not None:
            self._checkpoints.due()
        return ticket

    async def synced(self, ticket: SyncTicket | None = None) -> None:
        """Wait for a ticket; without one, for all that was written up to now.

        Raises:
            StorageFailed: a sync failed: nothing that waited may be acknowledged.
            StorageFull: the commit found no space; nothing of it was kept.
        """
        ticket = ticket or self.hold()
        if ticket is not None:
            await ticket.wait()

    def _sync_begins(self) -> None:
        """Whatever was committed by other connections up to here is covered by the sync that begins now."""
        self._dirty = False

    def _sync(self) -> None:
        """One sync; runs in a thread."""
        started = time.perf_counter()
        if self._wal is not None:
            self._wal.sync()
        self.sync_seconds = time.perf_counter() - started

    def _fail(self, error: BaseException) -> StorageFailed:
        """The one strike: nothing pending is acknowledged, nothing more is read or written."""
        if self._failed is None:
            number = errno_of(error, self._connection)
            text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self._failed = failed = StorageFailed(number, text, str(self.path))
            self._writing = False
            self._generation += 1
            waiting, self._open = self._open, None
            if waiting is not None:
                self._executor.soon(waiting.finish, failed)
            if self._checkpoints is not None:
                self._checkpoints.fail()
            if self._point.error is None:
                self._point.fail(failed)
            if self.path is not None:
                path, reason = self.path, str(failed)
                self._marked = marked = SyncTicket(self._executor)
                self._executor.run(lambda: leave_mark(path, reason), lambda _result, _error: marked.finish())
            self._tell(failed)
        failure = fresh(self._failed)
        assert isinstance(failure, StorageFailed)
        return failure

    def _tell(self, failed: StorageFailed) -> None:
        log.error("storage failed: %s: %s", self.path, failed)
        self._notify("storage.failed", path=str(self.path), error=str(failed))
        if self.on_failed is not None:
            self.on_failed(failed)

    # Connections that the app drives itself

    def open_connection(self, *, readonly: bool = False, busy_timeout: float = 5.0) -> apsw.Connection:
        """One more connection to the same file, for an app that drives SQLite itself, perhaps in a thread.

        After its commits, and before it shows what it read, take :meth:`commit_ticket` on the loop and wait for it.
        It must not change the journal mode, ``synchronous`` or checkpoints. Close it with
        :meth:`close_connection`.

        Raises:
            StateError: the database is in memory, where there is one connection only.
            StorageFailed: the file has failed.
        """
        if self.path is None:
            raise StateError("a database in memory has one connection only: use a data folder")
        if self._failed is not None:
            raise fresh(self._failed)
        connection = connect(
            str(self.path),
            busy_timeout=busy_timeout,
            readonly=readonly,
            vfs=self._options.vfs,
            cache_kib=self._options.cache_kib,
        )
        external = _External(connection)

        # Others can see a commit before the WAL hook tells us of it; the commit hook comes before that moment.
        def commits() -> bool:
            external.committing = True
            return False

        def rolled_back() -> None:
            external.committing = False

        def committed(connection: apsw.Connection, name: str, pages: int) -> int:
            self._dirty = True
            external.committing = False
            return 0 if self._checkpoints is None else self._checkpoints.committed(connection, name, pages)

        connection.set_commit_hook(commits)
        connection.set_rollback_hook(rolled_back)
        connection.set_wal_hook(committed)
        self._externals.append(external)
        return connection

    def close_connection(self, connection: apsw.Connection) -> None:
        """Close a connection of :meth:`open_connection`."""
        for external in self._externals:
            if external.connection is connection:
                external.connection = None
                if external.committing:
                    self._dirty = True
        connection.close(True)
        self._externals = [other for other in self._externals if other.connection is not None]

    @property
    def checkpoints(self) -> int:
        """How many checkpoints have ended. A transaction that is open across one cannot let the WAL start over."""
        return 0 if self._checkpoints is None else self._checkpoints.count

    @property
    def wal_bytes(self) -> int:
        """Bytes of frames in the WAL since it started over."""
        return 0 if self._checkpoints is None else self._checkpoints.pages * FRAME
