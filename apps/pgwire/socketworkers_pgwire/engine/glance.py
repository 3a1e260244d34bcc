"""One connection for reads that are over at once, which share a snapshot as long as nobody writes.

A read transaction of SQLite costs two system calls, more than a lookup by key does. As all commits are made in this
process, it is known that nothing has changed since the last one, so the next lookup may look at the same snapshot. It
ends when somebody is about to write, since a log that is looked at cannot start over, and after a moment in any case.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import apsw

from .connections import Handle

__all__ = ["Glance"]

#: seconds that a snapshot is kept without a writer
MOMENT: Final = 0.005
#: KiB of pages that the connection keeps: lookups go all over the tables
CACHE: Final = 32 << 10


class Glance:
    """Where lookups of one database are made.

    Args:
        connect: opens a connection that reads.
        disconnect: closes it.
    """

    __slots__ = ("_connect", "_disconnect", "_handle", "_timer", "open")

    def __init__(self, connect: Callable[[], Handle], disconnect: Callable[[Handle], None]) -> None:
        self._connect = connect
        self._disconnect = disconnect
        self._handle: Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.open: Handle | None = None
        """The connection, while it has a snapshot of what was committed last."""

    def begin(self) -> Handle:
        """Have a snapshot. Use the connection for what is over before anything else runs on the loop, and leave no
        statement open on it.

        Raises:
            StorageFailed: the file has failed.
        """
        handle = self._handle
        if handle is None:
            handle = self._handle = self._connect()
            handle.apsw.pragma("cache_size", -CACHE)
        connection = handle.apsw
        if connection.in_transaction:  # an error may have ended it
            connection.execute("rollback")
        connection.execute("begin")
        self.open = handle
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(MOMENT, self._over)
        return handle

    def end(self) -> None:
        """Let go of the snapshot, because somebody is about to write."""
        handle, self.open = self.open, None
        if handle is not None:
            handle.idle()
            if handle.apsw.in_transaction:
                handle.apsw.execute("rollback")

    def _over(self) -> None:
        self._timer = None
        try:
            self.end()
        except apsw.Error:
            pass  # what is wrong with the file is told by who reads it next

    def close(self) -> None:
        """Close the connection."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.end()
        handle, self._handle = self._handle, None
        if handle is not None:
            self._disconnect(handle)
