"""Plans that read: one SELECT of SQLite's, whose rows go out as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import apsw

from ...functions import Execution
from ..plan import Plan
from .chunks import Chunks
from .connection import ExecutionCell, Prepared, SqlFunction, prepared
from .failures import translate
from .stable import ensure_missing

__all__ = ["RowStatement", "SelectCursor", "SelectPlan", "Statement", "execute", "run"]


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL of SQLite's and where the values come from that are bound to it."""

    sql: str
    bind: Callable[[Execution, Sequence[Any]], Sequence[Any]]
    """From the values of the parameters those of ``?1`` ..."""
    functions: tuple[SqlFunction, ...]


@dataclass(frozen=True, slots=True)
class RowStatement:
    """SQL that runs once for each of some rows."""

    sql: str
    bind: Callable[[Execution, Sequence[Any], tuple[Any, ...]], Sequence[Any]]
    """From the parameters' values and the row those of ``?1`` ..."""
    functions: tuple[SqlFunction, ...] = ()


@dataclass(slots=True, kw_only=True)
class SelectPlan(Plan):
    """A query that changes nothing."""

    statement: Statement
    packed: Statement | None = None
    """Gives each row as one BLOB, the fields of a DataRow as text; None when SQLite cannot write it."""
    chunks: Chunks | None = None
    """Gives many rows at a time, as text, if it is all of one table."""

    def open(self, execution: Execution, values: Sequence[Any]) -> SelectCursor:
        if self.failure is not None:
            raise self.failure
        return SelectCursor(self, self.statement, execution, values)

    def open_packed(self, execution: Execution, values: Sequence[Any]) -> SelectCursor:
        """As `open`, with the rows of `packed`."""
        assert self.packed is not None
        if self.failure is not None:
            raise self.failure
        return SelectCursor(self, self.packed, execution, values)


class SelectCursor:
    """A query that runs."""

    __slots__ = ("_blank", "_cell", "_cursor", "_execution", "_plan", "_statement", "_values")

    affected = 0

    def __init__(self, plan: SelectPlan, statement: Statement, execution: Execution, values: Sequence[Any]) -> None:
        self._plan = plan
        self._statement = statement
        self._execution = execution
        self._values = values
        self._cursor: apsw.Cursor | None = None
        self._cell: ExecutionCell | None = None
        self._blank = plan.columns == ()

    @property
    def tag(self) -> str:
        return self._plan.tag

    def _start(self) -> apsw.Cursor:
        statement = self._statement
        connection = self._execution.connection
        state = prepared(connection)
        self._cell = state.cell
        self._cursor = run(state, connection, self._execution, statement, self._values)
        return self._cursor

    def fetch(self, count: int) -> list[tuple[Any, ...]]:
        try:
            cursor = self._cursor or self._start()
            assert self._cell is not None
            self._cell.values = self._values
            self._cell.execution = self._execution  # other statements may have run in between
            rows = list(islice(cursor, count))
        except Exception as error:
            self.close()
            raise translate(error) from error
        return [()] * len(rows) if self._blank else rows

    def rows(self) -> Iterator[tuple[Any, ...]]:
        while rows := self.fetch(256):
            yield from rows

    def close(self) -> None:
        if self._cursor is not None:
            self._cursor.close(True)


def run(
    state: Prepared, connection: apsw.Connection, execution: Execution, statement: Statement, values: Sequence[Any]
) -> apsw.Cursor:
    """Begin to run one statement of a plan of several."""
    state.cell.execution = execution
    state.cell.values = values
    state.ensure(statement.functions)
    return execute(state, connection, statement.sql, statement.bind(execution, values))


def execute(state: Prepared, connection: apsw.Connection, sql: str, values: Sequence[Any]) -> apsw.Cursor:
    """Run SQL; functions that the database's schema calls are registered when they turn out to be missing."""
    while True:
        try:
            return connection.execute(sql, values)
        except apsw.SQLError as error:
            if not ensure_missing(state, str(error)):
                raise
