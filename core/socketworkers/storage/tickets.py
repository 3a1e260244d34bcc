"""Tickets: one shared promise per sync, and the rule which sync may keep it.

A sync makes durable what was written *before it began* (``reference/reliability.md`` §1, condition 2). So a ticket
belongs to a sync that has not begun yet; whoever needs durability at this moment shares that ticket with all others.
At most one sync per file is in flight; the next one begins when it has ended and covers everybody who came meanwhile.

The first failed sync is final: the ticket that flew, the one that waits and every later one get the error, and no
further sync is tried, because the system may have dropped the pages it could not write and report success next time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..errors import StorageError
from .executor import Executor

__all__ = ["SyncPoint", "SyncTicket", "fresh"]

#: turns of the loop that a sync waits for at most
MOST_GATHERING = 3

DoneCallback = Callable[[BaseException | None], None]


def fresh(error: BaseException) -> BaseException:
    """A copy of an error for one more waiter: one instance raised in many tasks would collect all their frames."""
    if isinstance(error, OSError):
        copy = type(error)(*error.args)
        copy.filename = error.filename
        copy.__cause__ = error.__cause__
        return copy
    return error


class SyncTicket:
    """One sync to come (see :class:`socketworkers.gate.Ticket`). ``await ticket.wait()`` or add callbacks."""

    __slots__ = ("_callbacks", "_executor", "_waiters", "done", "error")

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._callbacks: list[DoneCallback] | None = None
        self._waiters: list[asyncio.Future[None]] | None = None
        self.done = False
        """Whether the sync has ended, well or not."""
        self.error: BaseException | None = None
        """Why it failed; None while it is under way and when it went well."""

    def add_done_callback(self, callback: DoneCallback) -> None:
        """Call ``callback`` on the loop once the sync has ended: with None, or with the error that is final."""
        if self.done:
            self._executor.soon(callback, self.error)
        elif self._callbacks is None:
            self._callbacks = [callback]
        else:
            self._callbacks.append(callback)

    def joined(self, other: SyncTicket) -> SyncTicket:
        """A ticket that ends with the later of this one and another, perhaps of another file; with the first error."""
        made = SyncTicket(self._executor)

        def one(error: BaseException | None) -> None:
            if error is not None or (self.done and other.done):
                made.finish(error or self.error or other.error)

        self.add_done_callback(one)
        other.add_done_callback(one)
        return made

    async def wait(self) -> None:
        """Wait until the sync has ended.

        Raises:
            StorageFailed: it failed, and nothing that it should have kept may be acknowledged.
            StorageFull: there was no room for the commit; nothing of it was kept.
        """
        if not self.done:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            if self._waiters is None:
                self._waiters = [waiter]
            else:
                self._waiters.append(waiter)
            await waiter
        if self.error is not None:
            raise fresh(self.error)

    def finish(self, error: BaseException | None = None) -> None:
        """End the ticket and tell everybody. Only the first call counts."""
        if self.done:
            return
        self.done = True
        self.error = error
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)
        callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            try:
                callback(None if error is None else fresh(error))
            except Exception as failure:
                # One bad callback must not keep the others from being told that they may go on.
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "a callback of a sync ticket failed", "exception": failure}
                )


class SyncPoint:
    """The syncs of one file or folder: one in flight, one waiting, one shared ticket each.

    Args:
        executor: where the syncs run.
        sync: does one sync, blocking; raises when it failed.
        failed: called once, on the loop, with the error of the first sync that failed; returns the error that
            everybody who waits is to get.
        begins: called on the loop right before a sync begins.
    """

    __slots__ = (
        "_begins",
        "_executor",
        "_failed",
        "_flying",
        "_gathered",
        "_gathering",
        "_landed",
        "_sync",
        "_waiting",
        "error",
    )

    def __init__(
        self,
        executor: Executor,
        sync: Callable[[], object],
        failed: Callable[[BaseException], StorageError],
        begins: Callable[[], object] | None = None,
    ) -> None:
        self._executor = executor
        self._sync = sync
        self._failed = failed
        self._begins = begins
        self._landed: asyncio.Future[None] | None = None
        self._flying: SyncTicket | None = None
        self._waiting: SyncTicket | None = None
        #: of a sync that waits for the end of the turn: turns that it waited for, and who came meanwhile
        self._gathering = self._gathered = 0
        self.error: StorageError | None = None
        """The final error; set by the first sync that failed, or by :meth:`fail`."""

    @property
    def newest(self) -> SyncTicket | None:
        """The ticket that covers all that was ever demanded; None when all of it is durable."""
        return self._waiting or self._flying

    async def idle(self) -> None:
        """Wait until no sync is in flight, also after a failure, when the tickets have long ended."""
        while self._flying is not None or self._waiting is not None:
            if self._landed is None or self._landed.done():
                self._landed = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._landed)

    def demand(self, gather: bool = False) -> SyncTicket:
        """The ticket of a sync that begins after this call.

        Args:
            gather: whether a sync that could begin now waits for the end of the turn, and for one or two more while
                others keep coming: each of many clients would begin one for itself alone.
        """
        ticket = self._waiting
        if ticket is None:
            ticket = SyncTicket(self._executor)
            if self.error is not None:
                self._executor.soon(ticket.finish, self.error)
            elif self._flying is not None:
                self._waiting = ticket
            elif gather:
                self._waiting = ticket
                self._gathering = MOST_GATHERING
                self._gathered = 0
                self._executor.soon(self._begin_gathered)
            else:
                self._begin(ticket)
        else:
            self._gathered += 1
        return ticket

    def _begin_gathered(self) -> None:
        ticket = self._waiting
        if ticket is None or self._flying is not None:
            return  # it failed meanwhile
        self._gathering -= 1
        if self._gathered and self._gathering:
            self._gathered = 0
            self._executor.soon(self._begin_gathered)
            return
        self._waiting = None
        self._begin(ticket)

    def fail(self, error: StorageError) -> None:
        """Fail for good: nothing that waits or flies is acknowledged any more."""
        if self.error is None:
            self.error = error
        waiting, self._waiting = self._waiting, None
        for ticket in (self._flying, waiting):
            if ticket is not None:
                ticket.finish(self.error)
        if self._flying is None:
            self._land()

    def _land(self) -> None:
        if self._landed is not None and not self._landed.done():
            self._landed.set_result(None)

    def _begin(self, ticket: SyncTicket) -> None:
        self._flying = ticket
        if self._begins is not None:
            self._begins()
        self._executor.run(self._sync, self._ended)

    def _ended(self, _result: object, error: BaseException | None) -> None:
        if error is not None and self.error is None:
            self.fail(self._failed(error))
        ticket, self._flying = self._flying, None
        waiting, self._waiting = self._waiting, None
        if self.error is None and waiting is not None:
            self._begin(waiting)  # before anybody is told: the disk should not wait for Python
        self._land()
        if ticket is not None:
            ticket.finish(self.error)
        if self.error is not None and waiting is not None:
            waiting.finish(self.error)
