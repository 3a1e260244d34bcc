"""Row marks: which rows open transactions have written in their logs, so that others wait for them as for row locks.

A transaction that keeps a log of its statements (see `log`) holds no lock of SQLite between them. What it has told its
client must still be true when the log is carried out: so the rows it touched are marked until it ends. A *counted* mark
is that of an UPDATE by key of which the client only knows that it changed one row; such ones may be held together, for
their changes add up whatever their order. Any other mark is exclusive. Who has a counted mark beside others and needs
an exclusive one, because it reads back what it wrote, gets it at once; the others commit behind it. No I/O and no
clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from ..errors import SqlError

__all__ = ["Key", "RowMarks"]

Key: TypeAlias = "tuple[str, int]"
"""Name of the table in SQLite, number of the row."""


class _Mark:
    __slots__ = ("holders", "owner")

    def __init__(self, holder: object, exclusive: bool) -> None:
        self.holders = {holder}
        self.owner = holder if exclusive else None
        """Whose mark is exclusive; counted ones of the others are older."""


class RowMarks:
    """The marks of one database."""

    __slots__ = ("_before", "_held", "_marks", "_waiting")

    def __init__(self) -> None:
        self._marks: dict[Key, _Mark] = {}
        self._held: dict[object, set[Key]] = {}
        self._before: dict[object, set[object]] = {}
        self._waiting: dict[object, tuple[set[object], Callable[[], None]]] = {}

    def __bool__(self) -> bool:
        return bool(self._marks)

    def holds(self, who: object) -> bool:
        """Whether `who` has marked any rows."""
        return who in self._held

    def holders(self, who: object, tables: Iterable[str]) -> set[object]:
        """Who else has marked rows of these tables."""
        wanted = set(tables)
        return {
            holder
            for holder, keys in self._held.items()
            if holder is not who and any(table in wanted for table, _ in keys)
        }

    def taken(self, who: object, key: Key) -> bool:
        """Whether others have marked a row, so that `who` would have to wait for it."""
        return key in self._marks and bool(self.conflict(who, (key,), counted=False))

    def conflict(self, who: object, keys: Iterable[Key], *, counted: bool) -> set[object]:
        """Whom `who` has to wait for before it may mark these rows."""
        found: set[object] = set()
        marks = self._marks
        for key in keys:
            mark = marks.get(key)
            if mark is None or mark.owner is who:
                continue
            if mark.owner is not None:
                found.add(mark.owner)
            elif not counted and who not in mark.holders:
                found |= mark.holders
        return found

    def add(self, who: object, keys: Iterable[Key], *, counted: bool) -> None:
        """Mark rows; there is no conflict."""
        held = self._held.setdefault(who, set())
        for key in keys:
            mark = self._marks.get(key)
            if mark is None:
                self._marks[key] = _Mark(who, not counted)
            else:
                mark.holders.add(who)
                if not counted and mark.owner is None:
                    mark.owner = who
                    for other in mark.holders:
                        if other is not who:
                            self._before.setdefault(other, set()).add(who)
            held.add(key)

    def before(self, who: object) -> set[object]:
        """Who has to end before `who` may commit."""
        return set(self._before.get(who, ()))

    def own(self, who: object, tables: Iterable[str]) -> list[Key]:
        """The rows of these tables that `who` has marked."""
        wanted = set(tables)
        return [key for key in self._held.get(who, ()) if key[0] in wanted]

    def wait(self, who: object, holders: set[object], turn: Callable[[], None]) -> None:
        """Call `turn` once none of `holders` holds a mark any more.

        Raises:
            SqlError: 40P01, they wait for `who`.
        """
        seen: set[object] = set()
        waiting = list(holders)
        while waiting:
            holder = waiting.pop()
            if holder is who:
                raise SqlError(
                    "40P01",
                    "deadlock detected",
                    detail="Transactions wait for rows that the other ones have changed.",
                    hint="See server log for query details.",
                )
            if holder not in seen:
                seen.add(holder)
                if holder in self._waiting:
                    waiting += self._waiting[holder][0]
        self._waiting[who] = (set(holders), turn)

    def forget(self, who: object) -> bool:
        """`who` waits no more; whether it did."""
        return self._waiting.pop(who, None) is not None

    def waits_for(self, who: object) -> set[object]:
        """Whom `who` waits for."""
        found = self._waiting.get(who)
        return set() if found is None else found[0]

    def release(self, who: object) -> None:
        """The transaction of `who` has ended: those who waited for nobody else go on."""
        for key in self._held.pop(who, ()):
            mark = self._marks.get(key)
            if mark is not None:
                mark.holders.discard(who)
                if mark.owner is who:
                    mark.owner = None
                if not mark.holders:
                    del self._marks[key]
        if self._before:
            self._before.pop(who, None)
            for each in self._before.values():
                each.discard(who)
        ready: list[Callable[[], None]] = []
        for waiter, (holders, turn) in list(self._waiting.items()):
            if who in holders:
                holders.discard(who)
                if not holders:
                    del self._waiting[waiter]
                    ready.append(turn)
        for turn in ready:
            turn()
