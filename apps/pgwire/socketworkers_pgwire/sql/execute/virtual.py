"""Table functions: Python functions that give rows, as SQLite's virtual tables.

A table function has the columns ``c1`` ... and the hidden columns ``a1`` ..., which are its arguments. It is only ever
called with all of them; where they come from other tables of the join SQLite calls it once for each of their rows.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import apsw

__all__ = ["Source", "collected", "pack_rows", "rows_function"]

_EQUAL = apsw.SQLITE_INDEX_CONSTRAINT_EQ
_ROWS = 25.0


class Source:
    """A table function, as `create_module` takes it.

    Args:
        function: takes the arguments, gives the rows: tuples of `width` values.
        width: how many columns there are.
        arity: how many arguments.
    """

    __slots__ = ("_declaration", "arity", "function", "width")

    def __init__(self, function: Callable[..., Iterable[tuple[Any, ...]]], width: int, arity: int) -> None:
        self.function = function
        self.width = width
        self.arity = arity
        columns = [f"c{number}" for number in range(1, width + 1)]
        hidden = [f"a{number} HIDDEN" for number in range(1, arity + 1)]
        self._declaration = f"CREATE TABLE x({','.join(columns + hidden)})"

    def Connect(self, *_: object) -> tuple[str, _Table]:
        return self._declaration, _Table(self)

    Create = Connect


class _Table:
    __slots__ = ("_source",)

    def __init__(self, source: Source) -> None:
        self._source = source

    def BestIndexObject(self, info: apsw.IndexInfo) -> bool:
        """Only where all arguments are known."""
        width = self._source.width
        wanted = set(range(width, width + self._source.arity))
        for index in range(info.nConstraint):
            column = info.get_aConstraint_iColumn(index)
            if column not in wanted or info.get_aConstraint_op(index) != _EQUAL:
                continue
            if not info.get_aConstraint_usable(index):
                return False
            wanted.discard(column)
            info.set_aConstraintUsage_argvIndex(index, column - width + 1)
            info.set_aConstraintUsage_omit(index, True)
        if wanted:
            return False
        info.estimatedCost = _ROWS
        info.estimatedRows = int(_ROWS)
        return True

    def Open(self) -> _Cursor:
        return _Cursor(self._source)

    def Disconnect(self) -> None:
        """Nothing is held."""

    Destroy = Disconnect


class _Cursor:
    __slots__ = ("_function", "_number", "_row", "_rows")

    def __init__(self, source: Source) -> None:
        self._function = source.function
        self._rows: Iterator[tuple[Any, ...]] = iter(())
        self._row: tuple[Any, ...] | None = None
        self._number = 0

    def Filter(self, _number: int, _name: str | None, arguments: tuple[Any, ...]) -> None:
        self._rows = iter(self._function(*arguments))
        self._number = 0
        self.Next()

    def Next(self) -> None:
        self._row = next(self._rows, None)
        self._number += 1

    def Eof(self) -> bool:
        return self._row is None

    def Column(self, number: int) -> Any:
        assert self._row is not None
        # a hidden column is only read to compare it with what was given; the comparison is left out
        return self._row[number] if 0 <= number < len(self._row) else None

    def Rowid(self) -> int:
        return self._number

    def Close(self) -> None:
        self._rows = iter(())
        self._row = None


def rows_function(data: bytes | None) -> Iterable[tuple[Any, ...]]:
    """The rows that `collected` made one value of."""
    if data is None:
        return ()
    rows: list[tuple[Any, ...]] = marshal.loads(data)
    return rows


def pack_rows(rows: list[tuple[Any, ...]]) -> bytes:
    """Rows as one value. They never leave the process, so that any form will do that keeps values exactly."""
    return marshal.dumps(rows)


class collected:
    """Aggregate: all rows as one value, so that a subquery can stand as argument of a table function."""

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: list[tuple[Any, ...]] = []

    def step(self, *row: Any) -> None:
        """Take a row in."""
        self._rows.append(row)

    def final(self) -> bytes:
        """The value."""
        return pack_rows(self._rows)
