"""The statement log of a transaction: it writes without holding the turn to write while its client thinks.

A point write within BEGIN … COMMIT (READ COMMITTED) runs at once and is rolled back: its client gets what it came to,
and the statement goes to the log. COMMIT carries the log out in one turn and compares every result that was told; so
the transaction is as if it ran whole at its commit. What it has told stays true because of the row marks (`marks`).

Whatever does not fit takes the turn and keeps it, after the log was carried out: other statements than point writes,
reads of own changes that are no point reads, volatile functions, definitions, savepoints are kept as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import apsw

from ..errors import SqlError
from ..sql.execute.modify import ModifyPlan
from ..sql.plan import Plan
from ..types import Settings
from .foresight import Foresight, foresight
from .marks import Key

if TYPE_CHECKING:
    from ..catalog import Catalog, Relation
    from .surroundings import Surroundings

__all__ = ["MOST", "Entry", "Recorded", "StatementLog", "Touched", "Traits", "table_of", "traits"]

#: statements that one log may have; replaying more would hold the turn for too long
MOST: Final = 64
_FIRST_USER_OID: Final = 16384
_TAGS: Final = ("INSERT 0", "UPDATE", "DELETE")


@dataclass(frozen=True, slots=True)
class Entry:
    """A statement that has run, and what its client was told."""

    plan: ModifyPlan
    values: Sequence[Any]
    rows: list[tuple[Any, ...]]
    affected: int
    tables: frozenset[int]
    moment: tuple[int, Settings]
    """The time of the statement, and the forms of values then."""


class Recorded:
    """The cursor of a statement whose result is known."""

    __slots__ = ("_place", "affected", "found", "tag")

    def __init__(self, plan: Plan, rows: list[tuple[Any, ...]], affected: int) -> None:
        self.found = rows
        self._place = 0
        self.affected = affected
        self.tag = plan.tag

    def fetch(self, count: int) -> list[tuple[Any, ...]]:
        """As `plan.Cursor`."""
        rows = self.found[self._place : self._place + count]
        self._place += len(rows)
        return rows

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """As `plan.Cursor`."""
        rows, self._place = self.found[self._place :], len(self.found)
        return iter(rows)

    def close(self) -> None:
        """As `plan.Cursor`."""


def table_of(relation: Relation) -> str:
    """How the hooks of SQLite call a table."""
    return relation.storage.strip('"').replace('""', '"')


@dataclass(frozen=True, slots=True)
class Traits:
    """What is known of a write when it is compiled."""

    loggable: bool
    """It may run now and again at the commit, with the same result as long as its rows are the same."""
    counted: bool
    """An UPDATE that tells its client nothing but that it changed a row, and can only fail on that row."""
    tied: bool
    """Foreign keys tie its table to others."""
    marks_inserts: bool
    """The numbers of its rows are a key: two transactions that insert the same one collide."""
    waits: bool
    """A constraint of its table may wait for the end of the transaction."""
    plain: bool
    """It changes one table of the user's, and is done when SQLite has done it."""
    foresight: Foresight | None = None
    """How to know what it comes to before it is done."""


def traits(plan: Plan, catalog: Catalog) -> Traits | None:
    """Of a plan that changes data; None of another one."""
    if not plan.written:
        return None
    relations = [catalog.relation_by_oid(oid) for oid in plan.written]
    relation = relations[0]
    if len(relations) != 1 or relation is None:
        return Traits(False, False, True, True, True, False)
    permanent = (
        isinstance(plan, ModifyPlan)
        and plan.short
        and not plan.blocking
        and plan.tag in _TAGS
        and relation.oid >= _FIRST_USER_OID
        and relation.kind == "r"
        and relation.persistence == "p"
    )
    loggable = permanent and not plan.volatile and not plan.personal
    tied = bool(relation.referenced_by) or any(each.kind == "f" for each in relation.constraints)
    counted = (
        plan.tag == "UPDATE"
        and plan.columns is None
        and plan.short
        and not tied
        and not any(each.kind in "cux" for each in relation.constraints)
        and all(index.primary or not index.unique for index in relation.indexes)
    )
    waits = tied or any(each.deferrable for each in relation.constraints)
    foreseen = foresight(plan, relation, table_of(relation), counted=counted, tied=tied) if loggable else None
    return Traits(loggable, counted, tied, bool(relation.rowid_column), waits, permanent and not waits, foreseen)


class StatementLog:
    """The log of one transaction."""

    __slots__ = ("entries", "tables")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.tables: set[int] = set()
        """OIDs of the tables that were written."""

    def __len__(self) -> int:
        return len(self.entries)

    def add(self, entry: Entry) -> None:
        """A statement has run."""
        self.entries.append(entry)
        self.tables |= entry.tables

    def cut(self, length: int) -> None:
        """Undo all but the first statements."""
        del self.entries[length:]
        self.tables = {oid for entry in self.entries for oid in entry.tables}

    def replay(self, surroundings: Surroundings, start: int = 0, end: int | None = None) -> None:
        """Carry statements out on the surroundings' connection, and compare what they come to with what was told.

        Raises:
            SqlError: 40001 it is something else; a constraint does not hold any more.
        """
        now = surroundings.moment
        for entry in self.entries[start:end]:
            surroundings.moment = entry.moment
            try:
                affected, rows = entry.plan.perform(surroundings, entry.values)
                if affected != entry.affected or rows != entry.rows:
                    raise SqlError("40001", "could not serialize access due to concurrent update")
            finally:
                surroundings.moment = now


class Touched:
    """An update hook that remembers which rows were changed."""

    __slots__ = ("_inserts", "keys")

    def __init__(self, inserts: bool) -> None:
        self._inserts = inserts
        self.keys: set[Key] = set()

    def __call__(self, kind: int, database: str, table: str, row: int) -> None:
        """As apsw calls it."""
        if kind != apsw.SQLITE_INSERT or self._inserts:
            self.keys.add((table, row))
