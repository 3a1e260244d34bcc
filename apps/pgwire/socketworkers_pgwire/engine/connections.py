"""Connections to one database file, which statements and transactions borrow: some write, the others only read.

A connection is used by one session at a time, on the loop or in one thread. What a plan's functions see of the
statement they run for is in the connection's cell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import apsw

from ..sql.execute import ExecutionCell, Prepared

if TYPE_CHECKING:
    from .surroundings import Surroundings

__all__ = ["Handle", "Pool"]

#: connections that are kept open; more are opened while more are in use
KEPT = 8
#: instructions of SQLite between two looks at the clock
STEPS = 1000


class Handle:
    """One connection."""

    __slots__ = ("apsw", "cell", "prepared", "writes")

    def __init__(self, connection: apsw.Connection, *, writes: bool) -> None:
        self.apsw = connection
        self.cell = ExecutionCell()
        self.writes = writes
        self.prepared: Prepared
        """What plans know of it; set by who opens it."""

    def give_to(self, execution: Surroundings) -> None:
        """From now on statements of this one run here."""
        self.cell.execution = execution
        execution.connection = self.apsw
        execution.catalog.use(self.apsw)

    def idle(self) -> None:
        """Nobody uses it."""
        self.cell.execution = None


class Pool:
    """Connections of one kind.

    Args:
        connect: opens one.
        close: closes one.
        most: how many may be open; beyond that `borrow` gives None.
    """

    __slots__ = ("_close", "_connect", "_free", "_kept", "_most", "opened")

    def __init__(self, connect: Callable[[], Handle], close: Callable[[Handle], None], most: int) -> None:
        self._connect = connect
        self._close = close
        self._most = most
        self._free: list[Handle] = []
        self._kept = KEPT
        self.opened = 0

    def borrow(self) -> Handle | None:
        """One that nobody uses; None when there are too many."""
        if self._free:
            return self._free.pop()
        if self.opened >= self._most:
            return None
        handle = self._connect()
        self.opened += 1
        return handle

    def give_back(self, handle: Handle) -> None:
        """It is not used any more; it holds no snapshot."""
        handle.idle()
        if len(self._free) < self._kept:
            self._free.append(handle)
        else:
            self.discard(handle)

    def discard(self, handle: Handle) -> None:
        """Close one that is broken, or too many."""
        self.opened -= 1
        self._close(handle)

    def close(self) -> None:
        """Close all that nobody uses, and from now on what is given back."""
        self._kept = 0
        while self._free:
            self.discard(self._free.pop())
