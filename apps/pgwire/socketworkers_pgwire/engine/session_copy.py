"""COPY, both ways. A layer of `SqlSession`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import SqlError
from ..session import (
    Answer,
    CopyEnd,
    CopyPut,
    Done,
    Fetch,
    Portion,
)
from ..sql.execute.modify import ModifyPlan
from .portal import Portal
from .session_log import LoggingSession

if TYPE_CHECKING:
    from ..sql.plan import Plan

__all__ = ["CopyingSession"]


class CopyingSession(LoggingSession):
    """Runs COPY beside the loop."""

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
