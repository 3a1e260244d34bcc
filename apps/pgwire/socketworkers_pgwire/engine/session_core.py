"""What every part of a session's engine stands on: its fields, its errors, and what it waits for.

The engine is one object in layers, each a file: `SessionCore`, `LoggingSession` (the statement log), `CopyingSession`
(COPY), and `SqlSession`, which has the statements and what a worker calls.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, cast

import apsw

from socketworkers.errors import StorageError, StorageFull
from socketworkers.storage import SyncTicket

from ..catalog import Relation
from ..errors import SqlError
from ..session import (
    Answer,
    Failure,
    Fetch,
    Request,
)
from .compile import Compiler
from .connections import Handle
from .database import Database
from .portal import Portal
from .transaction import Transaction

if TYPE_CHECKING:
    from .session import SqlSession
    from .surroundings import Surroundings

__all__ = ["SessionCore"]

log = logging.getLogger("socketworkers.pgwire")


class SessionCore:
    """Fields and what all layers use; see `SqlSession` for the arguments."""

    on_notification: Callable[[int, str, str], None]
    handlers: ClassVar[Mapping[type[Any], Callable[[Any, Any], Answer | None]]] = {}
    """What answers each request."""

    def __init__(
        self,
        database: Database,
        surroundings: Surroundings,
        compiler: Compiler,
        deliver: Callable[[Answer], None],
    ) -> None:
        self.database = database
        self.surroundings = surroundings
        self.compiler = compiler
        self.transaction = Transaction(cast("SqlSession", self))
        self.gate: SyncTicket | None = None
        """Set where output must wait for this sync; the worker takes it."""
        self.portals: set[Portal] = set()
        """Those that run."""
        self._deliver = deliver
        self._cancelled: SqlError | None = None
        self._running: Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._looking = False
        self._known_relations: tuple[int, dict[frozenset[int], tuple[Relation | None, ...]]] = (-1, {})
        database.sessions.add(cast("SqlSession", self))

    # What a worker calls

    def perform(self, request: Request) -> Answer | None:
        """Answer at once, or give None and deliver the answer later."""
        self._cancelled = None
        try:
            answer = self.handlers[type(request)](self, request)
        except Exception as error:
            return self.failure(error)
        if answer is not None:
            self._decorate(answer)
        return answer

    def cancel(self, error: SqlError) -> None:
        """Stop what runs; its request is answered with this error soon. Without effect when nothing runs."""
        self._cancelled = error
        if self.database.queue.forget(self) or self.database.marks.forget(self):
            self._stop_timer()
            self._deliver(self.failure(error))
        elif self._running is not None:
            self._running.apsw.interrupt()
            self.surroundings.wake()

    def refuse(self, request: Request, error: SqlError) -> Answer:
        """The answer to a request that is not begun any more."""
        if isinstance(request, Fetch) and isinstance(request.handle, Portal):
            self.finish(request.handle)
        return self.failure(error)

    @property
    def cancelled(self) -> SqlError | None:
        """With which error the running statement was told to stop; functions that compute for long look at it."""
        return self._cancelled

    def release(self, handles: Sequence[object]) -> None:
        """The protocol's side has dropped these."""
        for handle in handles:
            if isinstance(handle, Portal):
                self.finish(handle)

    def close(self) -> None:
        """The session is over: undo what is open, let go of all. While a thread works for it, once that has ended."""
        if self._closed:
            return
        self._closed = True
        self.database.queue.forget(self)
        self.database.marks.forget(self)
        self._stop_timer()
        if self._running is not None:
            self._cancelled = SqlError("57P01", "terminating connection due to administrator command")
            self._running.apsw.interrupt()
            self.surroundings.wake()
            return
        self._let_go()

    def _let_go(self) -> None:
        self.transaction.rollback()
        for portal in list(self.portals):
            self.finish(portal)
        self.database.sessions.discard(cast("SqlSession", self))
        self.surroundings.end()

    # Errors

    def failure(self, error: BaseException) -> Failure:
        """The answer that an exception becomes; what is our mistake is logged, and not told."""
        return Failure(self.translated(error).report)

    def translated(self, error: BaseException) -> SqlError:
        """What an exception is to the client."""
        if isinstance(error, SqlError):
            return error
        if isinstance(error, apsw.InterruptError):
            return self._cancelled or SqlError("57014", "canceling statement due to user request")
        if isinstance(error, StorageFull | apsw.FullError):
            return SqlError("53100", "could not extend file: No space left on device", hint="Check free disk space.")
        if isinstance(error, apsw.Error | OSError):
            before, error = error, self.database.storage.trouble(error)
            if isinstance(error, StorageError):
                log.error("pid %d: the storage: %s", self.surroundings.pid, before, exc_info=before)
            if isinstance(error, StorageFull):
                return SqlError(
                    "53100", "could not extend file: No space left on device", hint="Check free disk space."
                )
            if isinstance(error, StorageError):
                return SqlError("58030", "the storage of the database has failed", severity="FATAL")
        if isinstance(error, apsw.NoMemError | MemoryError):
            return SqlError("53200", "out of memory")
        if isinstance(error, apsw.TooBigError):
            return SqlError("54000", "a value or a statement is too large")
        if isinstance(error, RecursionError):
            return SqlError("54001", "stack depth limit exceeded", hint="Write the statement with less nesting.")
        log.error("pid %d: %s", self.surroundings.pid, error, exc_info=error)
        return SqlError("XX000", "internal error: it was logged by the server")

    def gate_on(self, ticket: SyncTicket) -> None:
        """Output waits for this sync as well: of another file than the database's."""
        before = self.gate
        if before is None or before.done:
            self.gate = ticket
        else:
            self.gate = before.joined(ticket)

    def notified(self, process_id: int, channel: str, payload: str) -> None:
        """A notification of a transaction that has just been committed."""
        if self._closed:
            return
        ticket = self.database.seen()
        if ticket is not None:
            self.gate = ticket
        self.on_notification(process_id, channel, payload)

    def _decorate(self, answer: Answer) -> None:
        surroundings = self.surroundings
        if surroundings.notices:
            answer.notices = (*answer.notices, *surroundings.take_notices())
        if surroundings.reports:
            answer.parameters = {**(answer.parameters or {}), **surroundings.take_reports()}

    def deliver(self, answer: Answer) -> None:
        """Give the answer to the request that `perform` gave None for."""
        self._decorate(answer)
        self._deliver(answer)

    # The catalogue

    @contextmanager
    def catalogue(self) -> Iterator[None]:
        """The catalogue can be looked up within: it sees what a statement that begins now would see."""
        if self._looking:
            yield
            return
        transaction, surroundings = self.transaction, self.surroundings
        handle = transaction.reader()
        before = handle.cell.execution
        surroundings.catalog.begin(handle.apsw)
        handle.give_to(surroundings)
        self._looking = True
        try:
            yield
        finally:
            self._looking = False
            if before is not None:
                handle.cell.execution = before
            transaction.give_back(handle)

    # Waiting

    def _wait_for(self, holders: set[object], request: Request) -> None:
        """Go on with `request` when these transactions have ended.

        Raises:
            SqlError: 40P01.
        """
        self.surroundings.waits("Lock", "tuple")
        self.database.marks.wait(self, holders, lambda: self._again(request))
        self._arm_lock_timeout()

    def _again(self, request: Request) -> None:
        self._stop_timer()
        self.surroundings.waits(None, None)
        answer = self.perform(request)
        if answer is not None:
            self._deliver(answer)

    def _wait(self, request: Request) -> None:
        """Go on with `request` when it is our turn to write."""
        self.surroundings.waits("Lock", "transactionid")

        self.database.queue.wait(self, lambda: self._again(request))
        self._arm_lock_timeout()

    def _arm_lock_timeout(self) -> None:
        seconds = self.surroundings.lock_timeout
        if seconds:
            self._timer = asyncio.get_running_loop().call_later(
                seconds, self.cancel, SqlError("55P03", "canceling statement due to lock timeout")
            )

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Running

    def run_beside(
        self, handle: Handle, work: Callable[[], Any], done: Callable[[Any, BaseException | None], None]
    ) -> None:
        """Run `work`, which uses this connection, in a thread; then `done` on the loop, unless the session is over."""
        self._running = handle

        def ended(result: Any, error: BaseException | None) -> None:
            self._running = None
            if self._closed:
                self._let_go()
            else:
                done(result, error)

        self.database.beside(work, ended)

    def _show(self) -> None:
        """What was read goes out once it is durable (reliability: a crash must not undo what a client has seen)."""
        ticket = self.database.seen()
        if ticket is not None:
            self.gate = ticket

    def finish(self, portal: Portal) -> None:
        """A portal is done, or dropped: let go of its connection."""
        cursor, handle, chunks = portal.cursor, portal.handle, portal.chunks
        portal.cursor = portal.handle = portal.chunks = None
        if portal.touched is not None and handle is not None:
            portal.touched = None
            handle.apsw.set_update_hook(None)
        self.portals.discard(portal)
        if cursor is not None:
            cursor.close()
        if chunks is not None:
            chunks.close()
        if handle is not None:
            self.transaction.give_back(handle)
