"""SQL for the owner of a storage: ``storage.sql.execute("insert ...", (1, 2))``.

Statements run at once, on the loop, and return all their rows: no statement stays open over an ``await``. A writing
statement opens the turn's transaction; transactions, ``ATTACH`` and the settings that durability stands on are not
the caller's to change.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import apsw

from ..errors import StateError
from .database import Database
from .tickets import fresh

__all__ = ["Parameters", "Row", "Sql"]

Row = tuple[Any, ...]
Parameters = Sequence[Any] | Mapping[str, Any]

_FIRST_WORD: Final = re.compile(
    r"(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*([A-Za-z]+)(?:\s+(?:\w+\s*\.\s*)?(\w+))?", re.DOTALL
)

_NOT_ALLOWED: Final = frozenset(
    ("ATTACH", "BEGIN", "COMMIT", "DETACH", "END", "RELEASE", "ROLLBACK", "SAVEPOINT", "VACUUM")
)
#: Settings that durability and layout stand on (the conditions of ``engine``).
_OWN_PRAGMAS: Final = frozenset(
    (
        "application_id",
        "checkpoint_fullfsync",
        "fullfsync",
        "journal_mode",
        "journal_size_limit",
        "locking_mode",
        "synchronous",
        "user_version",
        "wal_autocheckpoint",
        "wal_checkpoint",
        "writable_schema",
    )
)

#: How many statement texts are remembered; texts are constants of the program in all sane uses.
_REMEMBERED: Final = 2048


class _Kind(enum.IntEnum):
    READ = 0
    WRITE = 1
    FREE = 2
    """A deletion: it may use the reserve."""


class Sql:
    """The SQL side of one storage."""

    __slots__ = ("_connection", "_database", "_kinds")

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection = database._connection
        self._kinds: dict[str, int] = {}

    def execute(self, sql: str, params: Parameters = ()) -> list[Row]:
        """Run one statement (or a script without parameters).

        Args:
            sql: the text; parameters as ``?`` or ``:name``.
            params: None, int, float, str and bytes.

        Returns:
            All rows, as tuples; [] when it has none.

        Raises:
            apsw.SQLError: the statement is wrong.
            apsw.ConstraintError: a constraint refused; only this statement was undone.
            StateError: the statement is the storage's own business.
            StorageFull: no space; all writes of this turn are undone.
            StorageFailed: the file has failed.
        """
        database = self._database
        if database._failed is not None:
            raise fresh(database._failed)
        kind = self._kinds.get(sql)
        if kind is None:
            kind = self._classify(sql, params)
        if kind:
            database.begin(frees=kind == 2)
        try:
            return self._connection.execute(sql, params).fetchall()
        except apsw.Error as error:
            outcome = database.trouble(error)
            if outcome is error:
                raise
            raise outcome from error

    def execute_many(self, sql: str, rows: Iterable[Parameters]) -> None:
        """Run one writing statement once per row of parameters.

        Raises:
            as :meth:`execute`; rows before a failing one are kept unless inside ``transaction()``.
        """
        database = self._database
        if database._failed is not None:
            raise fresh(database._failed)
        database.begin(frees=_word_of(sql)[0] == "DELETE")
        try:
            self._connection.executemany(sql, rows)
        except apsw.Error as error:
            outcome = database.trouble(error)
            if outcome is error:
                raise
            raise outcome from error

    def one(self, sql: str, params: Parameters = ()) -> Row | None:
        """The first row, or None."""
        rows = self.execute(sql, params)
        return rows[0] if rows else None

    def value(self, sql: str, params: Parameters = ()) -> Any:
        """The first column of the first row, or None."""
        rows = self.execute(sql, params)
        return rows[0][0] if rows else None

    @property
    def changes(self) -> int:
        """Rows changed by the last writing statement."""
        return self._connection.changes()

    @property
    def last_rowid(self) -> int:
        """The rowid of the last insert."""
        return self._connection.last_insert_rowid()

    def _classify(self, sql: str, params: Parameters) -> int:
        """Whether a text writes; remembered per text."""
        word = _word_of(sql)[0]
        kind = _Kind.READ

        def look(cursor: apsw.Cursor, statement: str, _bindings: object) -> bool:
            nonlocal kind
            script = bool(sql.strip()[len(statement.strip()) :].strip(" \n\t\r;"))
            if script or not cursor.is_readonly:
                kind = _Kind.FREE if word == "DELETE" and not script else _Kind.WRITE
            return False

        cursor = self._connection.cursor()
        cursor.exec_trace = look
        try:
            cursor.execute(sql, params)  # prepared and bound, not run: the trace says no
        except apsw.ExecTraceAbort:
            pass
        except apsw.Error as error:
            outcome = self._database.trouble(error)
            if outcome is error:
                raise
            raise outcome from error
        if len(self._kinds) >= _REMEMBERED:
            self._kinds.clear()
        self._kinds[sql] = kind
        return kind


def _word_of(sql: str) -> tuple[str, str]:
    """The first word of a statement in upper case, and the name behind it.

    Raises:
        StateError: the statement is not the app's to make.
    """
    match = _FIRST_WORD.match(sql)
    if match is None:
        return "", ""
    word, name = match[1].upper(), (match[2] or "").lower()
    if word in _NOT_ALLOWED or (word == "PRAGMA" and name in _OWN_PRAGMAS):
        raise StateError(f"{word} {name} is not for apps: use transaction(), migrations or open_connection()")
    return word, name
