"""The statement log of a transaction: it writes without holding the turn to write while its client thinks.

A point write within BEGIN … COMMIT (READ COMMITTED) runs at once and is rolled back: its client gets what it came to,
and the statement goes to the log. COMMIT carries the log out in one turn and compares every result that was told; so
the transaction is as if it ran whole at its commit. What it has told stays true because of the row marks (`marks`).

Whatever does not fit takes the turn and keeps it, after the log was carried out: other statements than point writes,
reads of own changes that are no point reads, most volatile functions, definitions. The rows of an INSERT are
calculated once, so that a number of a sequence stays what it was. Savepoints are kept as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import apsw

from ..errors import SqlError
from ..sql.execute.modify import Apply, ModifyPlan, Native
from ..sql.keywords import quote_identifier
from ..sql.lower.point import adds_by_key
from ..sql.nodes import Query
from ..sql.plan import Plan
from ..types import Settings
from .foresight import Foresight, foresight
from .marks import Key

if TYPE_CHECKING:
    from ..catalog import Catalog, Relation
    from .surroundings import Surroundings

__all__ = ["MOST", "Entry", "Recorded", "StatementLog", "Touched", "Traits", "key_mark", "table_of", "traits"]

#: statements that one log may have; replaying more would hold the turn for too long
MOST: Final = 64
#: rows of one write whose keys are marked
_MOST_KEYS: Final = 1000
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
    relations: tuple[Relation | None, ...] = ()
    """What these tables were."""
    frozen: Sequence[tuple[Any, ...]] | None = None
    """The rows that it inserts, when they would be other ones the next time: with a number of a sequence."""


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
class UniqueKey:
    """A unique index."""

    name: str
    """What its keys are marked by, in the place of a table's name."""
    table: str
    """That it is of, as the hooks of SQLite call it."""
    sql: str
    """The key of the row that has this number."""


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
    uniques: tuple[UniqueKey, ...] = ()
    """Unique indexes that it may put a key into."""
    parents: tuple[UniqueKey, ...] = ()
    """Foreign keys whose parents must stay: how to find the number of a row's parent."""
    ends: str = ""
    """Table whose rows it deletes, or whose keys it changes, while others refer to them; see `key_mark`."""
    moves: str = ""
    """Table whose rows it gives other numbers: SQLite tells the new ones only."""


def traits(plan: Plan, catalog: Catalog, query: Query) -> Traits | None:
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
    freezes = isinstance(plan, ModifyPlan) and plan.freezes
    changed = _changed(plan)
    moves = plan.tag == "UPDATE" and relation.rowid_column > 0 and (changed is None or relation.rowid_column in changed)
    loggable = permanent and not plan.personal and not moves and (not plan.volatile or freezes)
    tied = bool(relation.referenced_by) or any(each.kind == "f" for each in relation.constraints)
    counted = (
        plan.tag == "UPDATE"
        and plan.columns is None
        and plan.short
        and not tied
        and adds_by_key(query)
        and not any(each.kind in "cux" for each in relation.constraints)
        and all(index.primary or not index.unique for index in relation.indexes)
    )
    waits = tied or any(each.deferrable for each in relation.constraints)
    foreseen = None
    if loggable and not plan.volatile:
        foreseen = foresight(plan, relation, table_of(relation), counted=counted, tied=tied)
    uniques = _uniques(plan, relation, catalog)
    plain = permanent and not waits
    return Traits(
        loggable,
        counted,
        tied,
        bool(relation.rowid_column),
        waits,
        plain,
        foreseen,
        uniques,
        _parents(plan, relation, changed, catalog),
        table_of(relation) if relation.referenced_by and _ends_keys(plan, relation, changed) else "",
        table_of(relation) if moves else "",
    )


def key_mark(table: str, row: int) -> Key:
    """What is marked of a row whose key others refer to: shared by who does, and exclusively by who ends or changes it.
    Other changes of the row have nothing to do with that (§13.3.2, FOR KEY SHARE and FOR NO KEY UPDATE)."""
    return f"key of {table}", row


def _changed(plan: Plan) -> set[int] | None:
    """Numbers of the columns that an UPDATE sets; None when that is not known, or when it is another statement."""
    if plan.tag != "UPDATE" or not isinstance(plan, ModifyPlan):
        return None
    steps = [step for step in plan.steps if isinstance(step, Native | Apply)]
    if len(steps) != len(plan.steps):
        return None
    return {number for step in steps for number in step.changed.columns}


def _parents(plan: Plan, relation: Relation, changed: set[int] | None, catalog: Catalog) -> tuple[UniqueKey, ...]:
    if plan.tag == "DELETE" or not relation.rowid or relation.kind != "r":
        return ()
    found = []
    for each in relation.constraints:
        parent = catalog.relation_by_oid(each.foreign_relation) if each.kind == "f" else None
        if parent is None or not parent.rowid or (changed is not None and changed.isdisjoint(each.keys)):
            continue
        names = [
            (quote_identifier(parent.columns[theirs - 1].name), quote_identifier(relation.columns[own - 1].name))
            for own, theirs in zip(each.keys, each.foreign_keys, strict=True)
        ]
        pairs = [f"p.{theirs}=c.{own}" for theirs, own in names]
        sql = (
            f"SELECT p.{quote_identifier(parent.rowid)} FROM {relation.storage} AS c JOIN {parent.storage} AS p "
            f"ON {' AND '.join(pairs)} WHERE c.{quote_identifier(relation.rowid)}=?"
        )
        found.append(UniqueKey(table_of(parent), table_of(relation), sql))
    return tuple(found)


def _ends_keys(plan: Plan, relation: Relation, changed: set[int] | None) -> bool:
    if plan.tag == "DELETE" or (plan.tag == "UPDATE" and changed is None):
        return True
    keys = {number for index in relation.indexes if index.unique for number in index.keys}
    return changed is not None and not keys.isdisjoint(changed)


def _uniques(plan: Plan, relation: Relation, catalog: Catalog) -> tuple[UniqueKey, ...]:
    """Those of a table whose keys are equal when SQLite's values are; of others a conflict is found at the commit."""
    if plan.tag == "DELETE" or not relation.rowid or relation.kind != "r" or relation.oid < _FIRST_USER_OID:
        return ()
    changed = _changed(plan)
    found = []
    for index in relation.indexes:
        if not index.unique or not index.storage or index.expressions or index.predicate is not None:
            continue
        if changed is not None and changed.isdisjoint(index.keys):
            continue
        columns = [relation.columns[number - 1] for number in index.keys]
        kinds = [catalog.type_by_oid(column.type) for column in columns]
        if all(
            kind is not None and kind.implementation is not None and kind.implementation.eqkey("x") == "x"
            for kind in kinds
        ):
            listed = ",".join([quote_identifier(column.name) for column in columns])
            sql = f"SELECT {listed} FROM {relation.storage} WHERE {quote_identifier(relation.rowid)}=?"
            found.append(UniqueKey(f"{relation.oid} {index.oid}", table_of(relation), sql))
    return tuple(found)


class StatementLog:
    """The log of one transaction."""

    __slots__ = ("definitions", "entries", "tables")

    def __init__(self) -> None:
        self.definitions = -1
        """How often the catalogue had changed when it began."""
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

    def _check_definitions(self, surroundings: Surroundings) -> None:
        """The catalogue has changed since the log began: its tables must be what they were.

        Raises:
            SqlError: 40001 one is another one.
        """
        catalog = surroundings.catalog
        catalog.begin(surroundings.connection)
        for entry in self.entries:
            if entry.relations != tuple(map(catalog.relation_by_oid, entry.tables)):
                raise SqlError("40001", "could not serialize access due to a concurrent change of a table's definition")
        self.definitions = surroundings.definitions

    def replay(self, surroundings: Surroundings, start: int = 0, end: int | None = None) -> None:
        """Carry statements out on the surroundings' connection, and compare what they come to with what was told.

        Raises:
            SqlError: 40001 it is something else; a constraint does not hold any more.
        """
        now = surroundings.moment
        if self.entries and self.definitions != surroundings.definitions:
            self._check_definitions(surroundings)
        for entry in self.entries[start:end]:
            surroundings.moment = entry.moment
            try:
                affected, rows = entry.plan.perform(surroundings, entry.values, entry.frozen)
                if affected != entry.affected or rows != entry.rows:
                    raise SqlError("40001", "could not serialize access due to concurrent update")
            finally:
                surroundings.moment = now


class Touched:
    """An update hook that remembers which rows a write has changed.

    Args:
        traits: of the write.
    """

    __slots__ = ("_ends", "_inserts", "_parents", "_rows", "_table", "_uniques", "keys")

    def __init__(self, traits: Traits) -> None:
        self._inserts = traits.marks_inserts
        self._uniques, self._parents, self._ends = traits.uniques, traits.parents, traits.ends
        looked_at = (*traits.uniques, *traits.parents)
        self._table = looked_at[0].table if looked_at else ""
        self._rows: set[int] = set()
        self.keys: set[Key] = set()

    def __call__(self, kind: int, database: str, table: str, row: int) -> None:
        """As apsw calls it."""
        if kind != apsw.SQLITE_INSERT or self._inserts:
            self.keys.add((table, row))
        if kind != apsw.SQLITE_DELETE and self._table == table:
            self._rows.add(row)
        if kind != apsw.SQLITE_INSERT and self._ends == table:
            self.keys.add(key_mark(table, row))

    def parents(self, connection: apsw.Connection) -> set[Key]:
        """What these rows refer to now, which must stay until their transaction has ended."""
        if len(self._rows) > _MOST_KEYS:
            return set()
        return {
            key_mark(parent.name, found)
            for parent in self._parents
            for number in self._rows
            for (found,) in connection.execute(parent.sql, (number,))
        }

    def unique_keys(self, connection: apsw.Connection) -> set[Key]:
        """The keys that these rows have now in unique indexes: two transactions must not put in the same one."""
        found: set[Key] = set()
        if len(self._rows) > _MOST_KEYS:
            return found
        for unique in self._uniques:
            for number in self._rows:
                for values in connection.execute(unique.sql, (number,)):
                    if None not in values:
                        found.add((unique.name, hash(values)))
        return found
