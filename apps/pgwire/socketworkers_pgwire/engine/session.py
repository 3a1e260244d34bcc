"""One session's engine: answers what the protocol's state machine asks, at once where it can.

`SqlSession.perform` is the `inline` of a `Session`: it gives an answer, or None and calls `deliver` with it later. What
must not leave before a sync has ended is told by `gate`; the worker holds the output back, nothing here waits for it.

A statement runs on the loop when it is short, or for two milliseconds at most; one that takes longer is stopped and
runs again in a thread, as long as it has changed nothing and sent nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import apsw

from socketworkers import faults
from socketworkers.errors import StorageError, StorageFull
from socketworkers.storage import SyncTicket

from ..catalog import Index, Relation
from ..cluster import SUPERUSER
from ..codec import Report
from ..errors import SqlError
from ..session import (
    Answer,
    CallFunction,
    CopyEnd,
    CopyPut,
    Done,
    Failure,
    Fetch,
    FunctionResult,
    Open,
    Opened,
    Parsed,
    ParseQuery,
    Portion,
    Prepare,
    Ran,
    Request,
    Transact,
    TransactKind,
)
from ..sql.analyze import analyze
from ..sql.analyze.state import Notes, Shared, State
from ..sql.analyze.typenames import resolve_type
from ..sql.execute.modify import ModifyPlan
from ..sql.grammar import Node, Raw, cut_names
from ..sql.lower import lower
from ..sql.nodes import Query, Utility
from ..sql.rights import Right, rights_of
from ..types import AnyType
from .action import Action, nothing
from .compile import Compiled, Compiler
from .connections import Handle
from .database import Database
from .log import Entry, Recorded, Touched, table_of
from .portal import Portal, encode
from .shortcut import run_at_once
from .transaction import Transaction

if TYPE_CHECKING:
    from ..sql.plan import Plan
    from .surroundings import Surroundings

__all__ = ["SqlSession"]

log = logging.getLogger("socketworkers.pgwire")

#: rows that are fetched and encoded at a time, on the loop and beside it
BATCH = 256
BATCH_BESIDE = 1024


class SqlSession:
    """The engine of one session.

    Args:
        database: where it is connected to.
        surroundings: what functions see of it.
        compiler: makes plans.
        deliver: called on the loop with an answer that was not at hand.

    Attributes:
        on_notification: called with process id, channel and payload of a notification.
    """

    on_notification: Callable[[int, str, str], None]

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
        self.transaction = Transaction(self)
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
        database.sessions.add(self)

    # What a worker calls

    def perform(self, request: Request) -> Answer | None:
        """Answer at once, or give None and deliver the answer later."""
        self._cancelled = None
        try:
            answer = _HANDLERS[type(request)](self, request)
        except Exception as error:
            return self.failure(error)
        if answer is not None:
            self._decorate(answer)
        return answer

    def shortcut(self, request: Open, commits: bool) -> Ran | None:
        """As `Session.shortcut`: carry out a statement from its Bind to its end, if that can be done at once."""
        self._cancelled = None
        answer = run_at_once(self, request, commits)
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
        self.database.sessions.discard(self)
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
            self.gate = both(before, ticket)

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

    # What the compiler needs

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

    def analyse(
        self, raw: Raw, types: Sequence[int] | None, notes: Notes | None = None
    ) -> tuple[Query | Utility, tuple[int, ...]]:
        """A statement's analysed tree, and the types of all its parameters; None when it can have none.

        Raises:
            SqlError: what is wrong with it.
        """
        surroundings = self.surroundings
        parameters = None if types is None else list(types)
        analysed = analyze(raw, surroundings.catalog, parameters, settings=surroundings.settings, notes=notes)
        if isinstance(analysed, Utility):
            analysed.parameters = tuple(parameters or ())
        return analysed, tuple(parameters or ())

    def analyse_tree(self, raw: Raw, types: Sequence[AnyType]) -> Query:
        """A query that we have made ourselves.

        Raises:
            SqlError: what is wrong with it.
        """
        parameters = [each.oid for each in types]
        analysed = analyze(raw, self.surroundings.catalog, parameters, settings=self.surroundings.settings)
        assert isinstance(analysed, Query)
        return analysed

    def rights(self, query: Query | None) -> tuple[Right, ...]:
        """Privileges that are needed for a query: a superuser needs none, but the owners of views do."""
        if query is None:
            return ()
        rights = rights_of(query)
        if self.surroundings.superuser:
            return tuple([each for each in rights if each.user not in (0, SUPERUSER)])
        return rights

    def lower(self, query: Query, parameters: Sequence[int], *, positions: bool = False) -> Plan:
        """The plan of a query; that of a cursor knows the places of its rows.

        Raises:
            SqlError: 0A000.
        """
        return lower(query, self.surroundings.catalog, parameters, positions=positions)

    def bound(self, plan: Plan, nodes: Sequence[Node], types: Sequence[int]) -> Plan:
        """A plan whose parameters are these expressions, of EXECUTE.

        Raises:
            SqlError: one has a type that cannot be cast.
        """
        from .bound import bind_expressions

        return bind_expressions(self, plan, nodes, types)

    def type_named(self, node: Node) -> int:
        """The OID of the type that a TypeName names.

        Raises:
            SqlError: 42704.
        """
        surroundings = self.surroundings
        return resolve_type(State(Shared(surroundings.catalog, surroundings.settings, None, Notes())), node)[0]

    def relation(self, node: Node) -> Relation:
        """The relation that a RangeVar names.

        Raises:
            SqlError: 42P01.
        """
        schema, name = node.get("schemaname") or None, node["relname"]
        relation = self.surroundings.catalog.relation(schema, name)
        if relation is None:
            shown = f"{schema}.{name}" if schema else name
            place = node.get("location")
            raise SqlError(
                "42P01", f'relation "{shown}" does not exist', position=None if place is None else int(place) + 1
            )
        return relation

    def index_of(self, relation: Relation) -> list[Index]:
        """The one index that a relation of kind ``i`` is."""
        owners = self.surroundings.catalog.relation_by_oid(relation.oid)
        return [index for index in owners.indexes if index.oid == relation.oid] if owners is not None else []

    def type_with(self, oid: int, typmod: int) -> AnyType:
        """The implementation of a type with its modifier.

        Raises:
            SqlError: 0A000 there is none.
        """
        row = self.surroundings.catalog.type_by_oid(oid)
        if row is None or row.implementation is None:
            name = row.name if row is not None else str(oid)
            raise SqlError("0A000", f"type {name} is not supported")
        return row.implementation.modified(typmod) if typmod >= 0 else row.implementation

    # Statements

    def _parse(self, request: ParseQuery) -> Answer:
        self.surroundings.begin_statement(request.text)
        return Parsed(self.compiler.parse(request.text, self._tell_cut))

    def _tell_cut(self, text: str) -> bool:
        """Tell of names that are longer than PostgreSQL keeps them; whether there are any."""
        found = cut_names(text)
        for name, kept in found:
            message = f'identifier "{name}" will be truncated to "{kept}"'
            self.surroundings.notice(Report(severity="NOTICE", sqlstate="42622", message=message))
        return bool(found)

    def _prepare(self, request: Prepare) -> Answer:
        self.surroundings.begin_statement(request.text)
        self._tell_cut(request.text)
        return self.compiler.prepare(self, request)

    def _open(self, request: Open) -> Answer:
        compiled = request.handle
        assert isinstance(compiled, Compiled)
        if not compiled.fixed:
            self.surroundings.begin_bound(compiled.source)
        self.transaction.touch()
        plan, columns = self.compiler.plan(self, compiled)
        if plan.rights:
            self.compiler.authorize(self, compiled, plan)
        values = self.compiler.bind(self, compiled, plan, request) if request.parameters else compiled.values
        if plan.failure is not None:
            raise plan.failure
        portal = Portal(plan, values, request.result_formats, columns)
        return Opened(portal, columns, late=bool(plan.written))

    # Running

    def _fetch(self, request: Fetch) -> Answer | None:
        portal = request.handle
        assert isinstance(portal, Portal)
        self.resume(portal)
        if portal.declared:
            return self._fetch_declared(portal, request.limit)
        if portal.plan.tag == "COPY":
            return self._copy(portal, request)
        if portal.cursor is None and not self._begin(portal, request):
            return None
        if portal.handle is None:  # it ran for the log
            assert portal.cursor is not None
            count = min(request.limit, BATCH) if request.limit else BATCH
            return self._portion(portal, portal.cursor.fetch(count), count)
        if portal.beside:
            self._beside(portal, request)
            return None
        return self._on_loop(portal, request)

    def resume(self, portal: Portal) -> None:
        """A portal goes on: what its functions look up is looked up on its connection, whatever ran in between."""
        if portal.handle is not None:
            portal.handle.give_to(self.surroundings)

    def _begin(self, portal: Portal, request: Request) -> bool:
        """Give the plan a connection and open it; False when it has to wait for its turn to write.

        Raises:
            SqlError: it may not run.
        """
        plan = portal.plan
        transaction = self.transaction
        if not isinstance(plan, Action):
            transaction.queried = True
        if plan.writes:
            transaction.check_writable(plan.tag)
            if transaction.logs(plan):
                return self._log(portal, request)
        elif transaction.reads_own(plan):
            if plan.short and plan.columns is not None:
                return self._read_own(portal, request)
            if not transaction.take_turn():
                self._wait(request)
                return False
            transaction.writer()
        if plan.writes and not transaction.take_turn():
            if plan.wait == "error":
                raise SqlError("55P03", "could not obtain lock on row: another transaction writes")
            if plan.wait == "skip":
                portal.plan = plan = nothing(plan)
            else:
                self._wait(request)
                return False
        if plan.writes:
            handle = transaction.writer()
            transaction.writes(plan)
            if self.database.marks and plan.traits is not None:
                portal.touched = Touched(inserts=plan.traits.marks_inserts)
                handle.apsw.set_update_hook(portal.touched)
        else:
            handle = transaction.reader()
        portal.handle = handle
        handle.give_to(self.surroundings)
        self.portals.add(portal)  # before it can fail: who leaves now gives the connection back
        portal.open(self.surroundings)
        return True

    # The log

    def _trial(self, tables: Iterable[int], work: Callable[[Handle], Any]) -> Any:
        """Run `work` on a connection where what the log did to these tables is done, and undo all of it.

        It is our turn, and it is over afterwards.
        """
        database, transaction = self.database, self.transaction
        handle = database.writers.borrow()
        assert handle is not None
        try:
            handle.apsw.execute("begin immediate")
            handle.give_to(self.surroundings)
            if not transaction.log.tables.isdisjoint(tables):
                transaction.log.replay(self.surroundings)
            return work(handle)
        finally:
            if handle.apsw.in_transaction:
                handle.apsw.execute("rollback")
            database.writers.give_back(handle)
            database.queue.leave(self)

    def _log(self, portal: Portal, request: Request) -> bool:
        """Run a write that goes to the log; False when it has to wait.

        Raises:
            SqlError: it failed; 40P01.
        """
        if not self.transaction.take_turn():
            self._wait(request)
            return False
        recorded = self.record(portal.plan, portal.values, lambda holders: self._wait_for(holders, request))
        if recorded is None:
            return False
        portal.cursor = recorded
        return True

    def record(self, plan: Plan, values: Sequence[Any], collided: Callable[[set[object]], None]) -> Recorded | None:
        """Run a write on trial and note it in the log. It is our turn, and it is over afterwards.

        Args:
            plan: is loggable.
            values: of its parameters.
            collided: called with who has marked rows that it changes; nothing is noted then, and None returned.

        Raises:
            SqlError: it failed.
        """
        transaction, marks = self.transaction, self.database.marks
        surroundings, traits = self.surroundings, plan.traits
        touched = Touched(inserts=traits.marks_inserts)

        def work(handle: Handle) -> Recorded | None:
            handle.apsw.set_update_hook(touched)
            try:
                cursor = plan.open(surroundings, values)
                rows = cursor.fetch(1 << 30)
                cursor.close()
            finally:
                handle.apsw.set_update_hook(None)
            # while it is our turn still: whose turn is next runs at once when it is over
            holders = marks.conflict(self, touched.keys, counted=traits.counted)
            if holders:
                collided(holders)
                return None
            marks.add(self, touched.keys, counted=traits.counted)
            return Recorded(plan, rows, cursor.affected)

        recorded: Recorded | None = self._trial(transaction.log.tables if traits.tied else plan.written, work)
        if recorded is not None and (recorded.affected or recorded.found):
            transaction.log.add(
                Entry(plan, values, recorded.found, recorded.affected, plan.written, surroundings.moment)
            )
        return recorded

    def _read_own(self, portal: Portal, request: Request) -> bool:
        """Read rows that the log has changed; False when that has to wait.

        Raises:
            SqlError: it failed; 40P01.
        """
        plan, transaction, database = portal.plan, self.transaction, self.database
        catalog = self.surroundings.catalog
        with self.catalogue():
            names = [
                table_of(relation)
                for oid in plan.relations & transaction.log.tables
                if (relation := catalog.relation_by_oid(oid)) is not None
            ]
        keys = database.marks.own(self, names)
        holders = database.marks.conflict(self, keys, counted=False)
        if holders:
            self._wait_for(holders, request)
            return False
        if not transaction.take_turn():
            self._wait(request)
            return False
        database.marks.add(self, keys, counted=False)  # what is shown of them must stay true

        def work(handle: Handle) -> list[tuple[Any, ...]]:
            cursor = plan.open(self.surroundings, portal.values)
            try:
                return cursor.fetch(1 << 30)
            finally:
                cursor.close()

        portal.cursor = Recorded(plan, self._trial(plan.relations, work), 0)
        return True

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

    def _collides(self, portal: Portal, request: Fetch) -> bool:
        """Whether a write has changed rows that others have marked: then it is undone, and waits for them.

        A transaction that has written before cannot give up its turn: it goes first, and those who hold the marks find
        out at their commit.
        """
        touched, portal.touched = portal.touched, None
        if touched is None:
            return False
        handle = portal.handle
        assert handle is not None
        handle.apsw.set_update_hook(None)
        transaction, database = self.transaction, self.database
        counted = portal.plan.traits.counted
        holders = database.marks.conflict(self, touched.keys, counted=counted)
        if not holders or not transaction.alone:
            return False
        cursor, portal.cursor = portal.cursor, None
        if cursor is not None:
            cursor.close()
        self.portals.discard(portal)
        portal.handle = None
        self._wait_for(holders, request)
        transaction.give_up_turn()  # whose turn is next runs at once, and may be whom we wait for
        return True

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

    def _on_loop(self, portal: Portal, request: Fetch) -> Answer | None:
        plan, handle = portal.plan, portal.handle
        assert handle is not None
        assert portal.cursor is not None
        limit = request.limit
        count = min(limit, BATCH) if limit else BATCH
        if plan.short:
            try:
                rows = portal.cursor.fetch(count)
            except BaseException:
                self.finish(portal)
                raise
            if portal.touched is not None and self._collides(portal, request):
                return None
            return self._portion(portal, rows, count)
        if not plan.repeatable or portal.sent or (plan.writes and not self.transaction.fresh):
            # it could not be run again: SQLite undoes the whole transaction when it stops a statement that writes
            portal.beside = True
            self._beside(portal, request)
            return None
        database = self.database
        database.watch(handle)
        found: list[tuple[Any, ...]] | None = None
        try:
            found = portal.cursor.fetch(count)
        except apsw.InterruptError:
            if not database.deadline.over:
                self.finish(portal)
                raise
        except BaseException:
            self.finish(portal)
            raise
        finally:
            database.unwatch(handle)
        if found is None:
            self._again_beside(portal, request)
            return None
        if portal.touched is not None and self._collides(portal, request):
            return None
        return self._portion(portal, found, count)

    def _again_beside(self, portal: Portal, request: Fetch) -> None:
        """Its time on the loop was over: run it from the start in a thread."""
        handle = portal.handle
        assert handle is not None
        assert portal.cursor is not None
        portal.cursor.close()
        if portal.plan.writes:
            self.transaction.restart()
        portal.open(self.surroundings)
        portal.beside = True
        self._beside(portal, request)

    def _beside(self, portal: Portal, request: Fetch) -> None:
        handle, cursor = portal.handle, portal.cursor
        assert handle is not None
        assert cursor is not None
        limit = request.limit
        count = min(limit, BATCH_BESIDE) if limit else BATCH_BESIDE

        def work() -> tuple[list[tuple[Any, ...]], bytes]:
            rows = cursor.fetch(count)
            return rows, self._encoded(portal, rows) if portal.plan.columns is not None and rows else b""

        def done(result: Any, error: BaseException | None) -> None:
            if error is not None:
                self.finish(portal)
                self.deliver(self.failure(error))
                return
            rows, data = result
            if portal.touched is not None and self._collides(portal, request):
                return
            try:
                answer = self._portion(portal, rows, count, data)
            except Exception as wrong:
                self.deliver(self.failure(wrong))
                return
            self.deliver(answer)

        self.run_beside(handle, work, done)

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

    def _portion(self, portal: Portal, rows: list[tuple[Any, ...]], count: int, data: bytes | None = None) -> Portion:
        plan, cursor = portal.plan, portal.cursor
        assert cursor is not None
        if plan.columns is not None and rows:
            if data is None:
                try:
                    data = self._encoded(portal, rows)
                except BaseException:
                    self.finish(portal)
                    raise
            self._show()
            portal.sent = True
        if len(rows) == count and plan.columns is not None:
            return Portion(data or b"", len(rows))
        tag = cursor.tag if plan.counted else cursor.tag if cursor.affected < 0 else f"{cursor.tag} {cursor.affected}"
        self._show()
        nothing_found = not rows and not portal.sent
        self.finish(portal)
        if nothing_found and self.transaction.holds_for_nothing(plan):
            self.transaction.give_up_turn()
        return Portion(data or b"", len(rows), tag, plan.counted, self.transaction.settle())

    def _encoded(self, portal: Portal, rows: Sequence[Sequence[Any]]) -> bytes:
        surroundings = self.surroundings
        return encode(portal, rows, surroundings.settings, surroundings.protocol.encoding)

    def _show(self) -> None:
        """What was read goes out once it is durable (reliability: a crash must not undo what a client has seen)."""
        ticket = self.database.seen()
        if ticket is not None:
            self.gate = ticket

    def open_declared(self, portal: Portal) -> None:
        """Open the cursor of a DECLARE; it sees what there is now, whatever changes before it is read.

        Raises:
            SqlError: the plan cannot run.
        """
        transaction = self.transaction
        if portal.plan.writes:
            transaction.check_writable(portal.plan.tag)
            assert transaction.writing is not None
            handle = transaction.writer()
        else:
            handle = transaction.reader(pinned=True)
        portal.handle = handle
        handle.give_to(self.surroundings)
        self.portals.add(portal)
        portal.cursor = portal.plan.open(self.surroundings, portal.values)
        if handle.apsw is transaction.writing or handle is self.surroundings.own_connection:
            portal.materialize()  # what this transaction writes from now on must not be seen

    def _fetch_declared(self, portal: Portal, limit: int) -> Portion:
        count = min(limit, BATCH) if limit else BATCH
        rows = portal.move("FETCH_FORWARD", count)
        data = self._encoded(portal, rows)
        self._show()
        if len(rows) == count:
            return Portion(data, len(rows))
        return Portion(data, len(rows), portal.plan.tag, True, False)

    def finish(self, portal: Portal) -> None:
        """A portal is done, or dropped: let go of its connection."""
        cursor, handle = portal.cursor, portal.handle
        portal.cursor = portal.handle = None
        if portal.touched is not None and handle is not None:
            portal.touched = None
            handle.apsw.set_update_hook(None)
        self.portals.discard(portal)
        if cursor is not None:
            cursor.close()
        if handle is not None:
            self.transaction.give_back(handle)

    # COPY and function calls

    def _copy(self, portal: Portal, request: Fetch) -> Answer | None:
        """Begin a COPY, or go on with one to the client."""
        from .utility.copying import CopyFrom, CopyPlan, CopyTo

        plan = portal.plan
        assert isinstance(plan, CopyPlan)
        if portal.copy is None:
            transaction = self.transaction
            reads_own = transaction.reads_own(plan.source)
            if plan.writes or reads_own:
                if plan.writes:
                    transaction.check_writable("COPY FROM" if plan.table else "COPY")
                if not transaction.take_turn():
                    self._wait(request)
                    return None
            handle = transaction.writer() if plan.writes or reads_own else transaction.reader()
            portal.handle = handle
            handle.give_to(self.surroundings)
            self.portals.add(portal)
            if plan.table:
                portal.copy = CopyFrom(self, plan)
            else:
                portal.cursor = plan.source.open(self.surroundings, ())
                portal.copy = CopyTo(self, plan)
            answer: Answer = portal.copy.response()
            return answer
        self._copy_beside(portal, lambda: portal.copy.portion(portal))
        return None

    def _copy_beside(self, portal: Portal, work: Callable[[], Answer]) -> None:
        handle = portal.handle
        assert handle is not None

        def done(result: Any, error: BaseException | None) -> None:
            if error is not None:
                self.finish(portal)
                self.deliver(self.failure(error))
                return
            if isinstance(result, Portion):
                self._show()
                if result.tag is not None:
                    self.finish(portal)
                    result.settled = self.transaction.settle()
            self.deliver(result)

        self.run_beside(handle, work, done)

    def _copy_put(self, request: CopyPut) -> Answer | None:
        portal = request.handle
        assert isinstance(portal, Portal)
        if not portal.copy.buffer(request.data):
            return Done()
        self._copy_beside(portal, portal.copy.put)
        return None

    def _copy_end(self, request: CopyEnd) -> Answer | None:
        portal = request.handle
        assert isinstance(portal, Portal)
        self._copy_beside(portal, portal.copy.end)
        return None

    def insert_columns(self, plan: Plan, columns: Sequence[Sequence[Any]], count: int) -> tuple[int, SqlError] | None:
        """Insert rows, whose values are given by columns, by a plan of one row; works in a thread.

        Returns:
            The number of the first row that could not be inserted, from 0, and why; None when all were.
        """
        surroundings = self.surroundings
        if isinstance(plan, ModifyPlan) and plan.many and count > 1:
            return plan.insert(surroundings, columns, count)
        for number, values in enumerate(zip(*columns, strict=True) if columns else [()] * count):
            surroundings.check_cancelled()
            try:
                cursor = plan.open(surroundings, values)
                cursor.fetch(1)
                cursor.close()
            except SqlError as error:
                return number, error
        return None

    def _call(self, request: CallFunction) -> Answer | None:
        self.transaction.touch()
        return FunctionResult(self.compiler.call(self, request.call))

    # Transactions

    def _transact(self, request: Transact) -> Answer | None:
        transaction = self.transaction
        kind = request.kind
        modes = (transaction.isolation, transaction.read_only, transaction.deferrable)
        if kind is TransactKind.COMMIT:
            if transaction.log and not transaction.take_turn():
                self._wait(request)
                return None
            transaction.commit()
            if request.chain:
                transaction.begin_again(*modes)
        elif kind is TransactKind.ROLLBACK:
            transaction.rollback()
            if request.chain:
                transaction.begin_again(*modes)
        elif kind is TransactKind.BEGIN:
            if self.surroundings.protocol.extended:  # it may have been prepared long ago
                self.surroundings.begin_message()
            transaction.begin(request.options)
        elif kind is TransactKind.ABORT:
            transaction.abort()
        elif kind is TransactKind.SAVEPOINT:
            transaction.savepoint(request.name)
        elif kind is TransactKind.RELEASE:
            transaction.release(request.name)
        else:
            transaction.rollback_to(request.name)
        faults.point("pgwire.transacted")
        return Done()


def both(first: SyncTicket, second: SyncTicket) -> SyncTicket:
    """A ticket that ends with the later of two."""
    made = SyncTicket(first._executor)

    def one(error: BaseException | None) -> None:
        if error is not None or (first.done and second.done):
            made.finish(error or first.error or second.error)

    first.add_done_callback(one)
    second.add_done_callback(one)
    return made


_HANDLERS: dict[type[Any], Callable[[SqlSession, Any], Answer | None]] = {
    ParseQuery: SqlSession._parse,
    Prepare: SqlSession._prepare,
    Open: SqlSession._open,
    Fetch: SqlSession._fetch,
    CopyPut: SqlSession._copy_put,
    CopyEnd: SqlSession._copy_end,
    CallFunction: SqlSession._call,
    Transact: SqlSession._transact,
}
