"""Counters of sequences: in memory, ahead on disk (PostgreSQL 15 documentation §9.17, sequence.c).

One process owns the file, so a counter may live in memory. On disk stands a value that it has not passed yet, 32 ahead
as PostgreSQL logs them; whichever transaction commits next writes it, and after a rollback a transaction of its own. So
a value that was given is never given again, whatever becomes of the transaction or the process.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

import apsw

from ..catalog.temporary import TemporarySchema
from ..errors import SqlError

__all__ = ["Counter", "SequenceStore"]

#: SEQ_LOG_VALS
AHEAD: Final = 32


@dataclass(slots=True)
class Counter:
    """One sequence."""

    last_value: int
    called: bool
    logged: int
    """How many values more are safe on disk."""


class SequenceStore:
    """The counters of one database. May be called in any thread."""

    __slots__ = ("_counters", "_dirty", "_lock")

    def __init__(self) -> None:
        self._counters: dict[int, Counter] = {}
        self._dirty: dict[int, Counter] = {}
        self._lock = threading.Lock()

    def counter(self, connection: apsw.Connection, oid: int, start: int) -> Counter:
        """The counter of a sequence; a new one begins at `start`."""
        found = self._counters.get(oid)
        if found is None:
            row = connection.execute(
                f'select last_value, is_called from {_place(oid)}."socketworkers.sequences" where oid = ?', (oid,)
            ).fetchone()
            found = Counter(row[0], bool(row[1]), 0) if row else Counter(start, False, 0)
            self._counters[oid] = found
        return found

    def nextval(self, connection: apsw.Connection, oid: int, parameters: tuple[int, int, int, int, int, str]) -> int:
        """The next value.

        Raises:
            SqlError: 2200H the sequence is at its end.
        """
        start, increment, most, least, cycle, name = parameters
        with self._lock:
            counter = self.counter(connection, oid, start)
            value = counter.last_value + increment if counter.called else counter.last_value
            if value > most or value < least:
                if not cycle:
                    kind, bound = ("maximum", most) if increment > 0 else ("minimum", least)
                    raise SqlError("2200H", f'nextval: reached {kind} value of sequence "{name}" ({bound})')
                value = least if increment > 0 else most
                counter.logged = 0
            counter.last_value, counter.called = value, True
            if counter.logged:
                counter.logged -= 1
            else:
                counter.logged = AHEAD
                self._dirty[oid] = counter
            return value

    def setval(
        self,
        connection: apsw.Connection,
        oid: int,
        parameters: tuple[int, int, int, int, int, str],
        value: int,
        called: bool,
    ) -> int:
        """Set a counter.

        Raises:
            SqlError: 22003 out of its bounds.
        """
        start, _, most, least, _, name = parameters
        if not least <= value <= most:
            raise SqlError("22003", f'setval: value {value} is out of bounds for sequence "{name}" ({least}..{most})')
        with self._lock:
            counter = self.counter(connection, oid, start)
            counter.last_value, counter.called, counter.logged = value, called, 0
            self._dirty[oid] = counter
        return value

    def state(self, connection: apsw.Connection, oid: int, start: int) -> tuple[int, int, bool]:
        """last_value, log_cnt, is_called."""
        with self._lock:
            counter = self.counter(connection, oid, start)
            return counter.last_value, counter.logged, counter.called

    def forget(self, oid: int) -> None:
        """A sequence is gone, or begins anew."""
        with self._lock:
            self._counters.pop(oid, None)
            self._dirty.pop(oid, None)

    @property
    def dirty(self) -> bool:
        """Whether something has to be written."""
        return bool(self._dirty)

    def write(self, connection: apsw.Connection, increments: dict[int, int]) -> None:
        """Write what lies ahead, in the open transaction of a connection.

        Args:
            connection: the writer.
            increments: of the sequences; 1 for those that are not known.
        """
        with self._lock:
            dirty, self._dirty = self._dirty, {}
            for oid, counter in dirty.items():
                if TemporarySchema.holds(oid):
                    continue  # it ends with its session
                ahead = counter.last_value + counter.logged * increments.get(oid, 1)
                ahead = max(-(1 << 63), min((1 << 63) - 1, ahead))
                connection.execute(
                    'insert or replace into main."socketworkers.sequences" values (?, ?, ?)',
                    (oid, ahead, int(counter.called)),
                )

    def soil(self) -> None:
        """What was written was rolled back: all that is ahead has to be written again."""
        with self._lock:
            for oid, counter in self._counters.items():
                if counter.called or counter.logged:
                    self._dirty[oid] = counter


def _place(oid: int) -> str:
    return "temp" if TemporarySchema.holds(oid) else "main"
