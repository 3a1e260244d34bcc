"""A part of a turn's writes that is kept whole or undone (the block of ``Database.transaction``)."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

import apsw

from ..errors import StateError

if TYPE_CHECKING:
    from .database import Database

__all__ = ["Transaction"]


class Transaction:
    """The block of :meth:`Database.transaction`."""

    __slots__ = ("_database", "_generation", "_level")

    def __init__(self, database: Database) -> None:
        self._database = database
        self._generation = -1
        self._level = 0

    def __enter__(self) -> None:
        database = self._database
        opens = not database._writing
        database.begin(frees=True)
        if opens:
            database._admitted = False  # the first statement inside says whether it frees
        self._level = database._depth = database._depth + 1
        self._generation = database._generation
        database._connection.execute(f"savepoint s{self._level}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        database = self._database
        if self._generation != database._generation or not database._writing:
            # The whole turn was rolled back meanwhile: the disk is full or failed, or there was an await in here.
            database._depth = max(0, self._level - 1)
            if error is None:
                raise StateError("the transaction is gone: there was an await inside, or the disk refused")
            return
        database._depth = self._level - 1
        try:
            if error is not None:
                database._connection.execute(f"rollback to s{self._level}")
            database._connection.execute(f"release s{self._level}")
        except apsw.Error as failure:
            raise database.trouble(failure) from failure
        if error is not None:
            database.rolled_back()
