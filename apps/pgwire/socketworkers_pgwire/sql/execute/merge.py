"""MERGE: the actions that were chosen for each row, carried out one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from ...errors import SqlError
from .constraints import Changed, check_statement, constraint_error
from .cursor import RowStatement, Statement
from .modify import Run

__all__ = ["MergeChange", "MergeStep"]


@dataclass(frozen=True, slots=True)
class MergeChange:
    """One WHEN clause."""

    action: str
    statement: RowStatement | None
    changed: Changed
    first: int
    """Where its values begin in a row, behind the number of the row and that of the clause."""


@dataclass(slots=True)
class MergeStep:
    """A MERGE."""

    collect: Statement
    changes: Sequence[MergeChange]
    changed: Changed

    def run(self, run: Run) -> None:
        touched: set[Any] = set()
        affected = 0
        for row in run.start(self.collect).fetchall():
            number: Any = row[0]
            chosen: Any = row[1]
            if chosen is None:
                continue
            change = self.changes[chosen]
            if change.statement is None:
                continue
            if change.action != "insert":
                if number in touched:
                    raise SqlError(
                        "21000",
                        "MERGE command cannot affect row a second time",
                        hint="Ensure that not more than one source row matches any one target row.",
                    )
                touched.add(number)
            try:
                run.execute(change.statement, row).fetchall()
            except apsw.ConstraintError as error:
                values = [number, *row[change.first :]] if change.changed.first else row[change.first :]
                known = change.changed.row_of(run.connection, values)
                raise constraint_error(run.execution, change.changed, error, known) from None
            affected += run.connection.changes()
        run.affected = affected
        run.returned = []
        for change in self.changes:
            if change.statement is not None:
                check_statement(run.execution, change.changed)
