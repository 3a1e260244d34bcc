"""What a write will come to, without writing: for writes that can do nothing but what a query tells beforehand.

An UPDATE of columns that no constraint looks at changes the rows that a SELECT with its condition finds; an INSERT into
a table without constraints puts in one row. So they need no trial on the writing connection (see `log`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..sql.execute.cursor import Statement, run
from ..sql.execute.modify import ModifyPlan, Native, Values
from .marks import Key

if TYPE_CHECKING:
    from ..catalog import Relation
    from ..sql.plan import Plan
    from .connections import Handle
    from .surroundings import Surroundings

__all__ = ["Foresight", "foresight"]


@dataclass(frozen=True, slots=True)
class Foresight:
    """How to know what a write comes to."""

    table: str
    """As the hooks of SQLite call it."""
    probe: Statement | None
    """Of an UPDATE: the numbers of the rows that it changes, and their new values."""
    insert: Values | None
    """Of an INSERT: what makes its row."""
    not_null: tuple[int, ...]
    """Where the values stand that may not be NULL."""

    def look(self, handle: Handle, surroundings: Surroundings, values: Sequence[Any]) -> tuple[int, list[Key]] | None:
        """How many rows it changes, and which of them there are already.

        Args:
            handle: a connection that reads what was committed last; it was given to the surroundings.
            surroundings: of the statement.
            values: of its parameters.

        Returns:
            None when it has to be tried, because it fails.

        Raises:
            SqlError: a value cannot be calculated.
        """
        not_null = self.not_null
        if self.insert is not None:
            handle.cell.values = values
            made: list[Any] = []
            for cell in self.insert.rows[0]:
                made.append(cell(surroundings, values, made))
            if any([made[place] is None for place in not_null]):
                return None
            return 1, []
        assert self.probe is not None
        rows = run(handle.prepared, handle.apsw, surroundings, self.probe, values).fetchall()
        for row in rows:
            for place in not_null:
                if row[place] is None:
                    return None
        table = self.table
        return len(rows), [(table, int(row[0])) for row in rows]  # type: ignore[arg-type]


def foresight(plan: Plan, relation: Relation, table: str, *, counted: bool, tied: bool) -> Foresight | None:
    """What is known beforehand of a write that may be logged; None when it has to be tried.

    Args:
        plan: the write.
        relation: its table.
        table: how the hooks of SQLite call that.
        counted: see `log.Traits`.
        tied: see `log.Traits`.
    """
    if not isinstance(plan, ModifyPlan) or len(plan.steps) != 1 or plan.columns is not None:
        return None
    if any(index.expressions or index.predicate for index in relation.indexes):
        return None
    (step,) = plan.steps
    required = {column.number for column in relation.columns if column.not_null and not column.dropped}
    if isinstance(step, Native) and counted and step.probe is not None and step.changed.command == "update":
        changed = step.changed.columns
        keys = {number for index in relation.indexes if index.unique for number in index.keys}
        if relation.rowid_column in changed or not keys.isdisjoint(changed):
            return None
        places = [place for place, number in enumerate(changed, step.changed.first) if number in required]
        return Foresight(table, step.probe, None, tuple(places))
    if isinstance(step, Values) and step.head and len(step.rows) == 1:
        given = step.changed.columns
        if tied or relation.rowid_column or relation.constraints or any(each.unique for each in relation.indexes):
            return None
        if not required.issubset(given):
            return None
        return Foresight(table, None, step, tuple([given.index(number) for number in required]))
    return None
