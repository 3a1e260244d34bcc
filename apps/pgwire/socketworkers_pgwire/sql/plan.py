"""What a statement has become once it can be run: the lowering makes plans, the engine runs them.

A plan is shared by sessions and kept: it holds no connection and no values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..errors import SqlError
from ..functions import Execution
from ..types import AnyType
from .rights import Right

__all__ = ["Cursor", "Locking", "Plan", "ResultColumn"]


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of a result."""

    name: str
    type: AnyType
    """With its typmod; that of a domain is its base type's, as RowDescription shows it. A column of a type without an
    implementation was refused (0A000) before."""
    type_oid: int
    typmod: int
    table: int = 0
    """OID of the table that it is a column of, or 0."""
    number: int = 0
    """attnum there."""


class Cursor(Protocol):
    """A plan that runs. Not started before the first call; closed or exhausted, it lets go of all it held."""

    def fetch(self, count: int) -> list[tuple[Any, ...]]:
        """Up to `count` further rows, in storage forms; fewer only at the end. Of a statement that changes data the
        first call carries all changes out.

        Raises:
            SqlError: the statement failed.
        """

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """All rows that are left, as they come from SQLite."""

    @property
    def affected(self) -> int:
        """Rows that were inserted, updated or deleted; known when the statement is done."""

    @property
    def tag(self) -> str:
        """The tag of CommandComplete without the count: ``SELECT``, ``INSERT 0``, ``UPDATE``. MERGE has ``MERGE``."""

    def close(self) -> None:
        """Let go."""


@dataclass(frozen=True, slots=True)
class Locking:
    """A query that locks rows, with their numbers behind its columns."""

    plan: Plan
    places: tuple[tuple[int, str], ...]
    """Where the numbers of locked rows stand in its rows, and of which table each is, as the hooks of SQLite call it.
    """
    name: str
    """Of the first of these tables."""
    keys: bool
    """Whether others may not refer to these rows meanwhile: FOR UPDATE."""


@dataclass(slots=True, kw_only=True)
class Plan:
    """A statement that can be run."""

    columns: tuple[ResultColumn, ...] | None
    """None when it returns no rows."""
    parameters: tuple[int, ...]
    """Types of its parameters."""
    writes: bool
    """Whether it needs the writer: it changes tables, locks rows, or calls a function that does."""
    tag: str
    counted: bool
    """Whether the count of rows sent is the one in the tag (SELECT, INSERT … RETURNING); otherwise it is `affected`."""
    short: bool = False
    """Whether it is known to be point work (by a unique key, or without tables) and may run on the loop without a
    deadline."""
    blocking: bool = False
    """Whether it calls something that may wait: it never runs on the loop."""
    volatile: bool = False
    """Whether another run on the same data may come to something else, or leaves traces (nextval, random)."""
    repeatable: bool = True
    """Whether it can be stopped and run again from the start unless rows were sent (it changes nothing by itself)."""
    size: int = 0
    """Estimate of the memory that it takes, in bytes."""
    traits: Any = None
    """What the engine wants to know of a write: `engine.log.Traits`."""
    personal: bool = False
    """Whether it asks the session for more than the time and the forms of values: its user, other settings, what is
    visible to it."""
    locks: bool = False
    """Whether it locks the rows that it reads."""
    wait: str = "block"
    """What to do when rows that it locks are locked by others: ``block``, ``skip``, ``error`` (NOWAIT)."""
    relations: frozenset[int] = field(default_factory=frozenset)
    """OIDs of the tables that it reads."""
    tables: Mapping[int, str] = field(default_factory=dict)
    """How the hooks of SQLite call those tables, of a plan that is short."""
    written: frozenset[int] = field(default_factory=frozenset)
    """OIDs of the tables that it changes."""
    failure: SqlError | None = None
    """What a constant in it fails with: the statement fails when it is bound, as when PostgreSQL plans it."""
    locking: Locking | None = None
    """How to know which rows it locks, when that is all that it does beside reading."""
    rights: tuple[Right, ...] = ()
    """Privileges that are needed to run it."""
    momentary: bool = False
    """Whether constants in it were read from the clock: it holds for one statement, or what was prepared once."""
    at_once: bool = False
    """Whether the engine may run it in one step from Bind to its end, when it is a transaction by itself."""
    positions: tuple[int, ...] = ()
    """OIDs of tables, the numbers of whose rows stand behind the columns in each row: for WHERE CURRENT OF."""

    def open(self, execution: Execution, values: Sequence[Any]) -> Cursor:
        """Begin to run it.

        Args:
            execution: the statement's surroundings; its connection is one that `prepare_connection` has seen.
            values: of the parameters, in the storage forms of their types.
        """
        raise NotImplementedError
