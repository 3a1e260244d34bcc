"""Writes that wait for the commit: see `log`. A layer of `SqlSession`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..session import (
    Fetch,
    Request,
)
from .connections import Handle
from .log import Entry, Recorded, Touched, table_of
from .portal import Portal
from .session_core import SessionCore

if TYPE_CHECKING:
    from ..sql.plan import Plan

__all__ = ["LoggingSession"]


class LoggingSession(SessionCore):
    """Runs writes on trial, and reads what only the log has."""

    def _trial(self, tables: Iterable[int], work: Callable[[Handle], Any]) -> Any:
        """Run `work` on a connection where what the log did to these tables is done, and undo all of it.

        It is our turn, and it is over afterwards.
        """
        database, transaction = self.database, self.transaction
        handle = database.writers.borrow()
        assert handle is not None
        try:
            database.glance.end()
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
