"""Writes that wait for the commit: see `log`. A layer of `SqlSession`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import apsw

from ..errors import SqlError
from ..session import (
    Fetch,
    Request,
)
from ..sql.execute.modify import ModifyPlan
from .connections import Handle
from .log import Entry, Recorded, Touched, key_mark
from .marks import Key
from .portal import Portal
from .session_core import SessionCore

if TYPE_CHECKING:
    from ..sql.plan import Locking, Plan

__all__ = ["LoggingSession", "deadlock"]

#: rows that one query marks; with more it takes the turn to write
MOST_LOCKED: Final = 10_000
#: seconds that it may take on the loop: more than others, since the other way makes all writers wait
LOCKING: Final = 0.01


class LoggingSession(SessionCore):
    """Runs writes on trial, and reads what only the log has."""

    def _trial(self, tables: Iterable[int], work: Callable[[Handle], Any]) -> Any:
        """Run `work` on a connection where what the log did to these tables is done, and undo all of it.

        It is our turn, and it is over afterwards.
        """
        database, transaction = self.database, self.transaction
        rehearsal = database.rehearsal
        try:
            handle = rehearsal.open or rehearsal.begin()
            try:
                handle.give_to(self.surroundings)
                if not transaction.log.tables.isdisjoint(tables):
                    transaction.log.replay(self.surroundings)
                return work(handle)
            finally:
                rehearsal.undo()
        finally:
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
        if traits.foresight is not None and transaction.log.tables.isdisjoint(plan.written | plan.relations):
            foreseen = self.foresee(plan, values)
            if foreseen is not None:
                self.database.queue.leave(self)
                return foreseen
        assert isinstance(plan, ModifyPlan)  # others are not loggable
        touched = Touched(traits)

        frozen: Sequence[tuple[Any, ...]] | None = None

        def work(handle: Handle) -> Recorded | None:
            nonlocal frozen
            if plan.volatile:
                frozen = plan.calculate(surroundings, values)
            handle.apsw.set_update_hook(touched)
            try:
                affected, rows = plan.perform(surroundings, values, frozen)
            finally:
                handle.apsw.set_update_hook(None)
            # while it is our turn still: whose turn is next runs at once when it is over
            if traits.uniques:
                touched.keys |= touched.unique_keys(handle.apsw)
            parents = touched.parents(handle.apsw) if traits.parents else ()
            holders = marks.conflict(self, touched.keys, counted=traits.counted)
            if parents:
                holders |= marks.conflict(self, parents, counted=True)
            if holders:
                collided(holders)
                return None
            marks.add(self, touched.keys, counted=traits.counted)
            if parents:
                marks.add(self, parents, counted=True)
            return Recorded(plan, rows, affected)

        recorded: Recorded | None = self._trial(transaction.log.tables if traits.tied else plan.written, work)
        if recorded is not None and (recorded.affected or recorded.found):
            self._note(plan, values, recorded, frozen)
        return recorded

    def _note(
        self,
        plan: ModifyPlan,
        values: Sequence[Any],
        recorded: Recorded,
        frozen: Sequence[tuple[Any, ...]] | None = None,
    ) -> None:
        """Add a statement that has run to the log, with what its tables are."""
        log, definitions, tables = self.transaction.log, self.database.definitions, plan.written
        if not log:
            log.definitions = definitions
        known = self._known_relations
        if known[0] != definitions:
            known = self._known_relations = (definitions, {})
        relations = known[1].get(tables)
        if relations is None:
            with self.catalogue():
                relations = known[1][tables] = tuple(map(self.surroundings.catalog.relation_by_oid, tables))
        moment = self.surroundings.moment
        log.add(Entry(plan, values, recorded.found, recorded.affected, tables, moment, relations, frozen))

    def foresee(self, plan: Plan, values: Sequence[Any]) -> Recorded | None:
        """As `record`, without a trial, and it is our turn still; None when there has to be one."""
        database, surroundings, traits = self.database, self.surroundings, plan.traits
        try:
            handle = database.glance.open or database.glance.begin()
            handle.give_to(surroundings)
            found = traits.foresight.look(handle, surroundings, values)
        except Exception:  # the trial says what it is
            return None
        if found is None:
            return None
        affected, keys = found
        marks = database.marks
        if marks.conflict(self, keys, counted=traits.counted):
            return None  # the trial finds them again, and waits
        marks.add(self, keys, counted=traits.counted)
        made = Recorded(plan, [], affected)
        if affected:
            assert isinstance(plan, ModifyPlan)
            self._note(plan, values, made)
        return made

    def _read_own(self, portal: Portal, request: Request) -> bool:
        """Read rows that the log has changed; False when that has to wait.

        Raises:
            SqlError: it failed; 40P01.
        """
        plan = portal.plan
        keys, holders = self.own_keys(plan)
        if holders:
            self._wait_for(holders, request)
            return False
        if not self.transaction.take_turn():
            self._wait(request)
            return False
        portal.cursor = Recorded(plan, self.own_rows(plan, portal.values, keys), 0)
        return True

    def own_keys(self, plan: Plan) -> tuple[Sequence[Key], set[object]]:
        """The rows that the log has changed of what a query reads, and for whom it would have to wait."""
        tables, marks = plan.tables, self.database.marks
        keys = marks.own(self, [tables[oid] for oid in plan.relations & self.transaction.log.tables])
        return keys, marks.conflict(self, keys, counted=False)

    def own_rows(self, plan: Plan, values: Sequence[Any], keys: Sequence[Key]) -> list[tuple[Any, ...]]:
        """What a query reads where the log is carried out. It is our turn, and it is over afterwards.

        Raises:
            SqlError: it failed.
        """
        self.database.marks.add(self, keys, counted=False)  # what is shown of them must stay true

        def work(handle: Handle) -> list[tuple[Any, ...]]:
            cursor = plan.open(self.surroundings, values)
            try:
                return cursor.fetch(1 << 30)
            finally:
                cursor.close()

        rows: list[tuple[Any, ...]] = self._trial(plan.relations, work)
        return rows

    def lock_rows(self, portal: Portal, locking: Locking, request: Request) -> bool | None:
        """Run a query that locks rows, and mark them; False when it has to wait, None when it takes too long for that.

        Raises:
            SqlError: 55P03 others have locked one, and it does not wait; 40P01; it failed.
        """
        database, plan = self.database, portal.plan
        marks, queue = database.marks, database.queue

        def work(handle: Handle) -> bool | None:
            rows = self._looked(handle, locking.plan, portal.values)
            if rows is None:
                return None
            keys = [(table, row[place]) for row in rows for place, table in locking.places if row[place] is not None]
            if locking.keys:
                keys += [key_mark(table, row) for table, row in keys]
            # while it is our turn still: whose turn is next runs at once when it is over
            holders = marks.conflict(self, keys, counted=False)
            if holders and plan.wait == "error":
                raise SqlError("55P03", f'could not obtain lock on row in relation "{locking.name}"')
            if holders and writing:
                raise deadlock()
            if holders:
                self._wait_for(holders, request)
                return False
            if keys:
                marks.add(self, keys, counted=False)
                self.transaction.locked = True
            width = len(plan.columns or ())
            portal.cursor = Recorded(plan, [row[:width] for row in rows], 0)
            return True

        writer = self.transaction.handle
        writing = writer is not None  # the others need our turn to end
        if writer is not None:
            writer.give_to(self.surroundings)
            return work(writer)
        if not queue.take(self):
            return None  # who writes without marks may have changed any row
        if not self.transaction.log.tables.isdisjoint(plan.relations):
            found: bool | None = self._trial(plan.relations, work)
            return found
        try:
            handle = database.glance.open or database.glance.begin()
            handle.give_to(self.surroundings)
            return work(handle)
        finally:
            queue.leave(self)

    def _looked(self, handle: Handle, plan: Plan, values: Sequence[Any]) -> list[tuple[Any, ...]] | None:
        """The rows of a query; None when it has very many, or takes long."""
        database = self.database
        cursor = plan.open(self.surroundings, values)
        database.watch(handle, LOCKING)
        try:
            rows = cursor.fetch(MOST_LOCKED + 1)
        except apsw.InterruptError:
            if not database.deadline.over:
                raise
            return None
        finally:
            database.unwatch(handle)
            cursor.close()
        return rows if len(rows) <= MOST_LOCKED else None

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
        touched.keys |= touched.unique_keys(handle.apsw)
        holders = database.marks.conflict(self, touched.keys, counted=counted)
        holders |= database.marks.conflict(self, touched.parents(handle.apsw), counted=True)
        if not holders:
            return False
        if not transaction.alone:
            # they find out at their commit, but for those who rely on what they have locked
            if any(isinstance(each, LoggingSession) and each.transaction.locked for each in holders):
                self.finish(portal)
                raise deadlock()
            return False
        cursor, portal.cursor = portal.cursor, None
        if cursor is not None:
            cursor.close()
        self.portals.discard(portal)
        portal.handle = None
        self._wait_for(holders, request)
        transaction.give_up_turn()  # whose turn is next runs at once, and may be whom we wait for
        return True


def deadlock() -> SqlError:
    """Two wait for each other: one for rows that the other one has locked, which needs the turn to write."""
    return SqlError(
        "40P01",
        "deadlock detected",
        detail="A transaction that writes needs rows that another one has locked, which cannot write meanwhile.",
        hint="See server log for query details.",
    )
