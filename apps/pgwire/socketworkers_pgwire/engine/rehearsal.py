"""Where writes are tried out: the writing connection, in a transaction that is undone after each of them.

A transaction of SQLite that writes costs four system calls and reads again what it has undone; a savepoint in one that
stays open costs none. It is open for a moment only, and whoever really writes ends it, or takes it over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import apsw

from .connections import Handle, Pool

__all__ = ["Rehearsal"]

#: seconds that the transaction stays open
MOMENT: Final = 0.002


class Rehearsal:
    """The trials of one database. It must be the turn of who calls `begin` or `take`.

    Args:
        writers: has the connections.
        prepare: called before a transaction begins.
        copied: how often pages of the log were copied into the database: then it may start over, which only a
            transaction does that begins behind that.
    """

    __slots__ = ("_copied", "_copies", "_prepare", "_timer", "_writers", "open")

    def __init__(self, writers: Pool, prepare: Callable[[], object], copied: Callable[[], int]) -> None:
        self._writers = writers
        self._prepare = prepare
        self._copied = copied
        self._copies = 0
        self._timer: asyncio.TimerHandle | None = None
        self.open: Handle | None = None
        """The connection, while its transaction is open."""

    def begin(self) -> Handle:
        """Open a transaction. What is done in it is to be undone by `undo` before anything else runs on the loop."""
        handle = self._writers.borrow()
        assert handle is not None
        self._prepare()
        self._copies = self._copied()
        try:
            handle.apsw.execute("begin immediate")
            handle.apsw.execute("savepoint trial")
        except BaseException:
            self._leave(handle)
            raise
        self.open = handle
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(MOMENT, self._over)
        return handle

    def undo(self) -> None:
        """Undo what was done since `begin`, or the last `undo`."""
        handle = self.open
        assert handle is not None
        try:
            handle.apsw.execute("rollback to trial")
        except apsw.Error:  # an error has undone all of it
            self.end()

    def take(self) -> Handle | None:
        """Hand the connection over in its transaction, which has done nothing; None when there is none to be had."""
        handle = self.open
        if handle is not None:
            if self._copies != self._copied():
                self.end()
                return None
            self.open = None
        return handle

    def end(self) -> None:
        """Let others write."""
        handle, self.open = self.open, None
        if handle is not None:
            self._leave(handle)

    def _leave(self, handle: Handle) -> None:
        try:
            if handle.apsw.in_transaction:
                handle.apsw.execute("rollback")
        except apsw.Error:  # what is wrong with the file is told by who writes next
            self._writers.discard(handle)
        else:
            self._writers.give_back(handle)

    def _over(self) -> None:
        self._timer = None
        self.end()

    def close(self) -> None:
        """Never begin again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.end()
