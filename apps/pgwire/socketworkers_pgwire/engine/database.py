"""One database while the server runs: its file, its connections, its queue of writers, its plans."""

from __future__ import annotations

import asyncio
import concurrent.futures
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

from socketworkers.storage import Storage, SyncTicket

from ..catalog.session import DatabaseCatalog
from ..catalog.shipped import shipped
from .compile import Compiler
from .connections import STEPS, Handle, Pool
from .glance import Glance
from .locks import AdvisoryLocks
from .marks import RowMarks
from .notifications import Notifications
from .queue import WriterQueue
from .rehearsal import Rehearsal
from .sequences import SequenceStore

if TYPE_CHECKING:
    from .session import SqlSession

__all__ = ["Database", "Deadline"]

#: connections that may read at the same time
MAX_READERS = 256
#: seconds that a statement may take on the loop before it is moved to a thread
ON_LOOP = 0.002

#: the catalogue's shipped rows are attached by a URI
_MEMORY = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI
_NAME = "memory.sqlite"

Prepare = Callable[[Handle], None]


class Deadline:
    """A progress handler that stops a statement when its time on the loop is over."""

    __slots__ = ("_clock", "over", "until")

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self.until = 0.0
        self.over = False

    def arm(self, seconds: float) -> None:
        """Count from now."""
        self.over = False
        self.until = self._clock() + seconds

    def __call__(self) -> bool:
        if self._clock() < self.until:
            return False
        self.over = True
        return True


class Database:
    """One open database.

    Args:
        name: of the database.
        oid: its OID.
        storage: its durable file; one in memory means that the database is gone at the end.
        threads: where long statements run.
        prepare: registers on a new connection what plans may call.
        catalog: what sessions share of the catalogue.
        image: the file that one in memory begins as; an empty database without.
    """

    def __init__(
        self,
        name: str,
        oid: int,
        storage: Storage,
        threads: concurrent.futures.Executor,
        prepare: Prepare,
        catalog: DatabaseCatalog,
        image: Path | None = None,
    ) -> None:
        self.name = name
        self.oid = oid
        self.storage = storage
        self.sessions: set[SqlSession] = set()
        self.queue = WriterQueue()
        self.marks = RowMarks()
        self.catalog = catalog
        self.compiler = Compiler()
        self.commits = 0
        """Counts commits: whether anything was committed since a snapshot was taken."""
        self.closed = asyncio.Event()
        """Set when the database is to be let go of."""
        self._transactions = 1000
        self.definitions = 0
        """Counts commits that changed the catalogue."""
        self.hear: Callable[[str], object] | None = None
        """Called with the text of each statement that comes."""
        self._tokens: dict[tuple[Any, ...], tuple[int, tuple[Any, ...]]] = {}
        self.sequences = SequenceStore()
        self.locks = AdvisoryLocks()
        self.notifications = Notifications()
        self.deadline = Deadline()
        self._threads = threads
        self._prepare = prepare
        self._loop = asyncio.get_running_loop()
        self._folder: Path | None = None
        if storage.path is None:  # SQLite has no readers beside a writer in memory
            self._folder = Path(tempfile.mkdtemp(prefix="socketworkers-pgwire-"))
            shutil.copyfile(image or shipped().template, self._folder / _NAME)
        self.writers = Pool(lambda: self.connect(writes=True), self.disconnect, MAX_READERS)
        """Only one of them writes at a time; a session with temporary tables keeps one for itself."""
        self.readers = Pool(lambda: self.connect(writes=False), self.disconnect, MAX_READERS)
        self.rehearsal = Rehearsal(self.writers, self._end_glance, lambda: self.storage.checkpoints)
        self.glance = Glance(lambda: self.connect(writes=False), self.disconnect)

    # Connections

    def connect(self, *, writes: bool) -> Handle:
        """Open one more connection.

        Raises:
            StorageFailed: the file has failed.
        """
        if self._folder is None:
            connection = self.storage.open_connection(readonly=not writes)
        else:
            connection = apsw.Connection(str(self._folder / _NAME), flags=_MEMORY)
            connection.pragma("journal_mode", "wal")
            connection.pragma("synchronous", 0)
            connection.pragma("foreign_keys", 1)
            connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
            connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
        handle = Handle(connection, writes=writes)
        self._prepare(handle)
        return handle

    def save(self, target: Path) -> None:
        """Write what was committed to a new file. Blocking.

        Raises:
            FileExistsError: there is one.
        """
        if target.exists():
            raise FileExistsError(target)
        handle = self.connect(writes=False)
        try:
            handle.apsw.execute("vacuum main into ?", (str(target),))
        finally:
            self.disconnect(handle)

    def disconnect(self, handle: Handle) -> None:
        """Close a connection."""
        if self._folder is None:
            self.storage.close_connection(handle.apsw)
        else:
            handle.apsw.close(True)

    def close(self) -> None:
        """Close all that no session uses."""
        self.rehearsal.close()
        self.glance.close()
        self.readers.close()
        self.writers.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def token(self, definitions: int, context: tuple[Any, ...]) -> tuple[int, tuple[Any, ...]]:
        """One object for all sessions whose plans depend on the same things."""
        found = self._tokens.get(context)
        if found is None or found[0] != definitions:
            if len(self._tokens) > 1000:
                self._tokens.clear()
            found = self._tokens[context] = (definitions, context)
        return found

    def new_transaction_id(self) -> int:
        """A number for a transaction that asks for one."""
        self._transactions += 1
        return self._transactions

    def _end_glance(self) -> None:
        self.glance.end()

    def begin_writing(self) -> None:
        """Somebody is about to write: nobody else may hold a transaction meanwhile, or a snapshot."""
        self.rehearsal.end()
        self.glance.end()

    # Durability

    def committed(self) -> SyncTicket | None:
        """A commit has ended: the ticket to wait for, None when it is durable."""
        self.commits += 1
        self.glance.end()
        return self.storage.commit_ticket() if self._folder is None else None

    def seen(self) -> SyncTicket | None:
        """What was read may come from commits that are not durable yet: their ticket."""
        return self.storage.hold() if self._folder is None else None

    def persist_sequences(self, writer: Handle, *, rolled_back: bool) -> None:
        """Write counters that no transaction has written: values that were given stay given after a rollback.

        Args:
            writer: the connection whose turn it is.
            rolled_back: whether what was written in the last transaction is gone.
        """
        store = self.sequences
        if rolled_back:
            store.soil()
        if store.dirty:
            self.begin_writing()
            writer.apsw.execute("begin immediate")
            store.write(writer.apsw, {})
            writer.apsw.execute("commit")
            self.committed()

    # Threads

    def watch(self, handle: Handle, seconds: float = ON_LOOP) -> None:
        """Stop what runs on this connection when its time on the loop is over."""
        self.deadline.arm(seconds)
        handle.apsw.set_progress_handler(self.deadline, STEPS)

    def unwatch(self, handle: Handle) -> None:
        """What runs on this connection has its time."""
        handle.apsw.set_progress_handler(None)

    def beside(self, work: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        """Run `work` in a thread and call `done` on the loop with what it gave or raised."""
        loop = self._loop

        def ended(future: concurrent.futures.Future[Any]) -> None:
            error = future.exception()
            result = None if error is not None else future.result()
            try:
                loop.call_soon_threadsafe(done, result, error)
            except RuntimeError:
                pass  # the loop has ended meanwhile

        self._threads.submit(work).add_done_callback(ended)
