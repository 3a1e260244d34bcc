"""Who may write: one at a time for each database, in the order in which they asked.

SQLite has one writer. Waiting for it within SQLite would poll and be unfair; so nobody asks SQLite before it is his
turn here. No I/O and no clock: the caller arms the timer of a ``lock_timeout`` and calls `forget`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

__all__ = ["WriterQueue"]


class WriterQueue:
    """The queue of one database."""

    __slots__ = ("_waiting", "owner")

    def __init__(self) -> None:
        self.owner: object | None = None
        """Whose turn it is; None: nobody's."""
        self._waiting: OrderedDict[object, Callable[[], None]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, who: object) -> bool:
        """Take the turn if nobody has it (or `who` has it already)."""
        if self.owner is who:
            return True
        if self.owner is None:
            self.owner = who
            return True
        return False

    def wait(self, who: object, turn: Callable[[], None]) -> None:
        """Call `turn` once it is the turn of `who`, who waits for nothing else."""
        self._waiting[who] = turn

    def waits(self, who: object) -> bool:
        """Whether `who` waits."""
        return who in self._waiting

    def forget(self, who: object) -> bool:
        """`who` waits no more; whether it did."""
        return self._waiting.pop(who, None) is not None

    def leave(self, who: object) -> None:
        """The turn of `who` is over: the one that has waited longest is next, and is called now."""
        if self.owner is who:
            self.owner = None
            if self._waiting:
                self.owner, turn = self._waiting.popitem(last=False)
                turn()

    def blocker(self) -> object | None:
        """Whom everybody waits for."""
        return self.owner
