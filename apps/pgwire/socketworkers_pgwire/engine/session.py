"""One session's engine: answers what the protocol's state machine asks, at once where it can.

`SqlSession.perform` is the `inline` of a `Session`: it gives an answer, or None and calls `deliver` with it later. What
must not leave before a sync has ended is told by `gate`; the worker holds the output back, nothing here waits for it.

A statement runs on the loop when it is short, or for two milliseconds at most; one that takes longer is stopped and
runs again in a thread, as long as it has changed nothing and sent nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import apsw

from socketworkers import faults

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
    Fetch,
    FunctionResult,
    Hole,
    Open,
    Opened,
    Parsed,
    ParseQuery,
    Portion,
    Prepare,
    Ran,
    Repeat,
    Request,
    Transact,
    TransactKind,
)
from ..sql.analyze import analyze
from ..sql.analyze.state import Notes, Shared, State
from ..sql.analyze.typenames import resolve_type
from ..sql.execute.chunks import ChunkCursor
from ..sql.grammar import Node, Raw, cut_names
from ..sql.lower import lower
from ..sql.nodes import Query, Utility
from ..sql.rights import Right, rights_of
from ..types import AnyType
from .action import Action
from .compile import Compiled
from .log import Touched
from .portal import Portal, encode
from .repetition import repetition_of, repetition_of_text
from .session_copy import CopyingSession
from .session_log import deadlock
from .shortcut import run_at_once

if TYPE_CHECKING:
    from ..sql.plan import Plan

__all__ = ["SqlSession"]

log = logging.getLogger("socketworkers.pgwire")

#: how the tags of statements begin that change tables, or lock them
_CHANGES_TABLES = ("ALTER", "DROP", "TRUNCATE", "LOCK")
#: rows that are fetched and encoded at a time, on the loop and beside it
BATCH = 256
BATCH_BESIDE = 1024


class SqlSession(CopyingSession):
    """The engine of one session.

    Args:
        database: where it is connected to.
        surroundings: what functions see of it.
        compiler: makes plans.
        deliver: called on the loop with an answer that was not at hand.

    Attributes:
        on_notification: called with process id, channel and payload of a notification.
    """

    # What a worker calls

    def shortcut(self, request: Open, commits: bool) -> Ran | None:
        """As `Session.shortcut`: carry out a statement from its Bind to its end, if that can be done at once."""
        self._cancelled = None
        answer = run_at_once(self, request, commits)
        return None if answer is None else self.decorated(answer)

    def decorated(self, answer: Ran) -> Ran:
        """An answer, with the notices that there are."""
        self._decorate(answer)
        return answer

    def repeatable(self, request: Open) -> Repeat | None:
        """As `Session.repeatable`: what runs the statement that has just run with other parameters."""
        return repetition_of(self, request)

    def repeatable_text(self, request: Open) -> tuple[tuple[Hole, ...], Repeat] | None:
        """As `Session.repeatable_text`: the same for a statement of the simple protocol with other literals."""
        if self.database.hear is not None:
            return None  # each text is to be told
        return repetition_of_text(self, request)

    def begin_again(self, text: str) -> None:
        """A statement that has run before comes once more, as a query that is a transaction by itself."""
        self._cancelled = None
        self.surroundings.begin_bound(text)
        self.surroundings.begin_query()

    def begin_within(self, text: str) -> None:
        """A statement that has run before comes once more, in the block that is open."""
        self._cancelled = None
        self.surroundings.begin_bound(text)
        self.transaction.queried = True

    # What the compiler needs

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
        return self._resolved(node)[0]

    def implementation_named(self, node: Node) -> AnyType:
        """The implementation of the type that a TypeName names, with its modifier.

        Raises:
            SqlError: 42704; 0A000 there is none.
        """
        return self.type_with(*self._resolved(node))

    def _resolved(self, node: Node) -> tuple[int, int]:
        surroundings = self.surroundings
        return resolve_type(State(Shared(surroundings.catalog, surroundings.settings, None, Notes())), node)

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
        if portal.cursor is None and portal.chunks is None and not self._begin(portal, request):
            return None
        if portal.chunks is not None:
            return self._take(portal, portal.chunks)
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
        if isinstance(plan, Action):
            transaction.acted = True
        else:
            transaction.queried = True
        if plan.writes:
            transaction.check_writable(plan.tag)
            if transaction.logs(plan):
                return self._log(portal, request)
            if plan.locking is not None and transaction.locks_rows(plan.locking.plan):
                done = self.lock_rows(portal, plan.locking, request)
                if done is not None:
                    return done
            if self.database.marks and (holders := self._in_the_way(plan)):
                if plan.wait == "error":
                    raise SqlError("55P03", "could not obtain lock on row: another transaction has locked it")
                if transaction.writing is not None:
                    raise deadlock()
                self._wait_for(holders, request)
                return False
        elif transaction.reads_own(plan):
            if plan.short and plan.columns is not None:
                return self._read_own(portal, request)
            if before := self.database.marks.before(self):
                self._wait_for(before, request)
                return False
            if not transaction.take_turn():
                self._wait(request)
                return False
            transaction.writer()
        if plan.writes and transaction.log and (before := self.database.marks.before(self)):
            self._wait_for(before, request)  # the log is carried out now
            return False
        if plan.writes and not transaction.take_turn():
            if plan.wait == "error":
                raise SqlError("55P03", "could not obtain lock on row: another transaction writes")
            self._wait(request)  # also where it is to skip what is locked: which rows those are is not known
            return False
        if plan.writes:
            handle = transaction.writer()
            transaction.writes(plan)
            if self.database.marks and plan.traits is not None:
                portal.touched = Touched(plan.traits)
                handle.apsw.set_update_hook(portal.touched)
        else:
            handle = transaction.reader()
        portal.handle = handle
        handle.give_to(self.surroundings)
        self.portals.add(portal)  # before it can fail: who leaves now gives the connection back
        portal.open(self.surroundings, whole=isinstance(request, Fetch) and not request.limit)
        return True

    def _in_the_way(self, plan: Plan) -> set[object]:
        """Whom a write has to wait for before it begins, because it would not find out which of their rows it touches:
        a query that locks rows and cannot mark them; what gives rows other numbers; what changes tables themselves, of
        those who rely on what they have locked."""
        marks = self.database.marks
        if plan.locks and plan.wait != "skip":
            return marks.holders(self, plan.tables.values())
        if plan.traits is not None and plan.traits.moves:
            return marks.holders(self, (plan.traits.moves,))
        if isinstance(plan, Action) and plan.tag.partition(" ")[0] in _CHANGES_TABLES:
            others = self.database.sessions - {self}
            return {each for each in others if each.transaction.locked}
        return set()

    def _take(self, portal: Portal, chunks: ChunkCursor) -> Answer | None:
        """Many rows of a table at a time, which are as they are to be sent."""
        if not chunks.swift:
            handle = portal.handle
            assert handle is not None
            self.run_beside(handle, chunks.take, lambda found, error: self._took_beside(portal, found, error))
            return None
        try:
            found = chunks.take()
        except BaseException:
            self.finish(portal)
            raise
        return self._took(portal, *found)

    def _took_beside(self, portal: Portal, found: tuple[bytes, int, bool], error: BaseException | None) -> None:
        if error is None:
            self.deliver(self._took(portal, *found))
        else:
            self.finish(portal)
            self.deliver(self.failure(error))

    def _took(self, portal: Portal, data: bytes, count: int, more: bool) -> Portion:
        self._show()
        portal.sent = True
        if more:
            return Portion(data, count)
        self.finish(portal)
        return Portion(data, count, "SELECT", True, self.transaction.settle())

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
            try:
                if portal.touched is not None and self._collides(portal, request):
                    return
                answer = self._portion(portal, rows, count, data)
            except Exception as wrong:
                self.deliver(self.failure(wrong))
                return
            self.deliver(answer)

        self.run_beside(handle, work, done)

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

    # Function calls

    def _call(self, request: CallFunction) -> Answer | None:
        self.transaction.touch()
        return FunctionResult(self.compiler.call(self, request.call))

    # Transactions

    def _transact(self, request: Transact) -> Answer | None:
        transaction = self.transaction
        kind = request.kind
        modes = (transaction.isolation, transaction.read_only, transaction.deferrable)
        if kind is TransactKind.COMMIT:
            if transaction.log:
                before = self.database.marks.before(self)
                if before:
                    self._wait_for(before, request)
                    return None
                if not transaction.take_turn():
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


SqlSession.handlers = {
    ParseQuery: SqlSession._parse,
    Prepare: SqlSession._prepare,
    Open: SqlSession._open,
    Fetch: SqlSession._fetch,
    CopyPut: SqlSession._copy_put,
    CopyEnd: SqlSession._copy_end,
    CallFunction: SqlSession._call,
    Transact: SqlSession._transact,
}
