"""Plans that change data: their parts run one after the other when the first row is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import apsw

from ...catalog import Relation
from ...errors import SqlError
from ...functions import Execution
from ..plan import Plan
from .connection import Prepared, prepared
from .constraints import (
    Changed,
    check_row_number,
    check_statement,
    constraint_error,
    not_null_error,
    restricted,
    table_name,
)
from .cursor import RowStatement, Statement, execute, run
from .failures import translate

__all__ = [
    "CALCULATED",
    "CONSTANT",
    "Apply",
    "Capture",
    "Collected",
    "ModifyCursor",
    "ModifyPlan",
    "Native",
    "RowStatement",
    "Run",
    "Step",
    "Values",
]

Row = tuple[Any, ...]
#: what a cell of `Values` is when it is no parameter: the same for each row, or something else for each
CONSTANT, CALCULATED = -1, -2
#: rows that one statement inserts at most, and values that it binds
_TOGETHER, _MOST_BOUND = 64, 8192
_REFERENCES = (apsw.SQLITE_CONSTRAINT_FOREIGNKEY, apsw.SQLITE_CONSTRAINT_TRIGGER)


class Run:
    """One execution of a plan.

    Args:
        execution: its surroundings.
        values: of the parameters.
        state: what is known of the connection, when it is at hand.
    """

    __slots__ = ("affected", "connection", "execution", "made", "returned", "state", "values")

    def __init__(self, execution: Execution, values: Sequence[Any], state: Prepared | None = None) -> None:
        self.execution = execution
        self.values = values
        self.connection = execution.connection
        self.state: Prepared = state or prepared(execution.connection)
        self.affected = 0
        self.made: Sequence[Row] | None = None
        """Rows that were calculated before."""
        self.returned: list[Row] = []

    def start(self, statement: Statement) -> apsw.Cursor:
        """Run a statement."""
        return run(self.state, self.connection, self.execution, statement, self.values)

    def execute(self, statement: RowStatement, row: Row) -> apsw.Cursor:
        """Run a statement for one row."""
        self.state.cell.values = self.values
        self.state.ensure(statement.functions)
        return execute(self.state, self.connection, statement.sql, statement.bind(self.execution, self.values, row))


class Step(Protocol):
    """A part of a plan; sets `Run.affected` and `Run.returned` when it is the last."""

    def run(self, run: Run) -> None:
        """Do it."""


@dataclass(slots=True)
class Native:
    """One statement of SQLite's does it all."""

    statement: Statement
    changed: Changed
    returns: bool
    probe: Statement | None = None
    """The rows that it would put into the table, as `SELECT`: to say which of them broke a constraint."""
    repeated: bool = False
    """The last column of what it returns is the row's number, which may not come twice (ON CONFLICT DO UPDATE)."""

    def run(self, run: Run) -> None:
        try:
            rows = run.start(self.statement).fetchall()
        except apsw.ConstraintError as error:
            raise self._failure(run, error) from None
        except SqlError as error:
            if error.sqlstate != "23502" or self.probe is None or error.table != self.changed.relation.name:
                raise
            raise find_failing(run, self.changed, self.probe) or error from None
        run.affected = run.connection.changes()
        if self.repeated:
            rows = _once(rows)
        run.returned = rows if self.returns else []
        check_statement(run.execution, self.changed)

    def _failure(self, run: Run, error: apsw.ConstraintError) -> Exception:
        if self.probe is None:
            return constraint_error(run.execution, self.changed, error, None)
        if getattr(error, "extendedresult", 0) in _REFERENCES:
            numbers = [row[0] for row in run.start(self.probe).fetchall()] if self.changed.command != "insert" else None
            return restricted(run.execution, self.changed, numbers) or error
        found = find_failing(run, self.changed, self.probe)
        return found or constraint_error(run.execution, self.changed, error, None)


def _once(rows: list[Row]) -> list[Row]:
    """Rows without their numbers; a number that comes twice is 21000."""
    numbers = [row[-1] for row in rows]
    if len(set(numbers)) != len(numbers):
        raise SqlError(
            "21000",
            "ON CONFLICT DO UPDATE command cannot affect row a second time",
            hint="Ensure that no rows proposed for insertion within the same command have duplicate constrained "
            "values.",
        )
    return [row[:-1] for row in rows]


def find_failing(run: Run, changed: Changed, probe: Statement) -> Exception | None:
    """Make a failed change again row by row, to know which one failed; nothing of it stays."""
    connection = run.connection
    connection.execute("SAVEPOINT probe")
    try:
        for row in run.start(probe).fetchall():
            try:
                check_row_number(run.execution, changed, changed.row_of(connection, row))
                execute(run.state, connection, changed.probe_sql, row)
            except apsw.ConstraintError as error:
                return constraint_error(run.execution, changed, error, changed.row_of(connection, row))
    except Exception as error:
        return translate(error)
    finally:
        connection.execute("ROLLBACK TO probe")
        connection.execute("RELEASE probe")
    return None


@dataclass(slots=True)
class Values:
    """INSERT of rows whose values are calculated in Python: they are known when a constraint refuses them."""

    rows: Sequence[Sequence[Callable[[Execution, Sequence[Any], Sequence[Any]], Any]]]
    statement: RowStatement
    changed: Changed
    returns: bool
    head: str = ""
    """The SQL in front of the rows, when it is all that there is beside them; "" when rows have to go one by one."""
    sources: Sequence[int] = ()
    """What each cell is: the index of a parameter, `CONSTANT` or `CALCULATED`."""
    steady: bool = False
    """Whether nothing but its cells may come to something else each time."""

    def run_many(self, run: Run, columns: Sequence[Sequence[Any]], count: int) -> tuple[int, SqlError] | None:
        """Insert many rows, the parameters of which are given by columns; `head` is not empty.

        Returns:
            The number of the first row that could not be inserted, from 0, and why; None when all were.
        """
        run.state.cell.execution = run.execution
        run.state.cell.values = run.values
        made, failure = self._made(run, columns, count)
        width = len(self.sources)
        connection = run.connection
        connection.execute("SAVEPOINT many")
        try:
            self._check_numbers(made)
            self._put(run, made)
        except (apsw.ConstraintError, SqlError):
            connection.execute("ROLLBACK TO many")
            connection.execute("RELEASE many")
            for number in range(len(made) // width):
                run.execution.session.check_cancelled()
                try:
                    self._put_one(run, tuple(made[number * width : (number + 1) * width]))
                except Exception as error:
                    return number, _told(error)
        else:
            connection.execute("RELEASE many")
        return failure

    def _made(
        self, run: Run, columns: Sequence[Sequence[Any]], count: int
    ) -> tuple[list[Any], tuple[int, SqlError] | None]:
        """The cells of all rows, one row behind the other; those before the first one that fails, and how it does."""
        (cells,) = self.rows
        execution = run.execution
        if CALCULATED not in self.sources:
            made: list[Any] = [None] * (len(cells) * count)
            for place, (cell, source) in enumerate(zip(cells, self.sources, strict=True)):
                made[place :: len(cells)] = [cell(execution, (), ())] * count if source == CONSTANT else columns[source]
            return made, None
        made = []
        for number, values in enumerate(zip(*columns, strict=True)):
            row: list[Any] = []
            try:
                for cell in cells:
                    row.append(cell(execution, values, row))
            except Exception as error:
                return made, (number, _told(error))
            made += row
        return made, None

    def _check_numbers(self, made: list[Any]) -> None:
        """As `check_row_number`, without the row."""
        relation = self.changed.relation
        number, given = relation.rowid_column, self.changed.columns
        if number and (number not in given or None in made[given.index(number) :: len(given)]):
            raise not_null_error(relation, relation.columns[number - 1].name)

    def _put(self, run: Run, made: Sequence[Any]) -> None:
        """Insert rows, many with each statement."""
        width = len(self.sources)
        state, connection, head = run.state, run.connection, self.head
        state.ensure(self.statement.functions)
        row = f"({','.join('?' * width)})"
        step = min(_TOGETHER, _MOST_BOUND // width) * width
        whole = len(made) - len(made) % step
        sql = head + ",".join([row] * (step // width))
        for start in range(0, whole, step):
            run.execution.session.check_cancelled()
            execute(state, connection, sql, made[start : start + step])
        if whole < len(made):
            execute(state, connection, head + ",".join([row] * ((len(made) - whole) // width)), made[whole:])

    def _put_one(self, run: Run, row: Row) -> list[Row]:
        check_row_number(run.execution, self.changed, dict(zip(self.changed.columns, row, strict=True)))
        try:
            return run.execute(self.statement, row).fetchall()
        except apsw.ConstraintError as error:
            values = self.changed.row_of(run.connection, row)
            raise constraint_error(run.execution, self.changed, error, values) from None

    def calculate(self, run: Run) -> list[Row]:
        """The rows that it inserts."""
        run.state.cell.execution = run.execution
        run.state.cell.values = run.values
        rows = []
        for cells in self.rows:
            made: list[Any] = []
            for cell in cells:
                made.append(cell(run.execution, run.values, made))
            rows.append(tuple(made))
        return rows

    def run(self, run: Run) -> None:
        run.state.cell.execution = run.execution
        affected = 0
        returned: list[Row] = []
        for row in self.calculate(run) if run.made is None else run.made:
            returned += self._put_one(run, row)
            affected += run.connection.changes()
        run.affected = affected
        run.returned = returned if self.returns else []
        check_statement(run.execution, self.changed)


def _told(error: Exception) -> SqlError:
    """What the client is told of an error; one that is for the engine is raised."""
    told = translate(error)
    if isinstance(told, SqlError):
        return told
    raise told from error


@dataclass(slots=True)
class Apply:
    """The rows are looked for first and changed afterwards: so that a statement does not see what it does itself.

    Each row that is found begins with what tells the row that is meant.
    """

    collect: Statement
    change: RowStatement
    changed: Changed
    returns: bool
    unique: bool = True
    """A row that is found again is changed once only, as in UPDATE ... FROM."""

    def run(self, run: Run) -> None:
        rows = run.start(self.collect).fetchall()
        seen: set[Any] = set()
        affected = 0
        returned: list[Row] = []
        for row in rows:
            if self.unique:
                if row[0] in seen or row[0] is None:
                    continue
                seen.add(row[0])
            try:
                returned += run.execute(self.change, row).fetchall()
            except apsw.ConstraintError as error:
                values = self.changed.row_of(run.connection, row)
                raise constraint_error(run.execution, self.changed, error, values) from None
            affected += run.connection.changes()
        run.affected = affected
        run.returned = returned if self.returns else []
        check_statement(run.execution, self.changed)


@dataclass(frozen=True, slots=True, eq=False)
class Capture:
    """A table that other parts of the statement read as it was before."""

    relation: Relation
    key: object


@dataclass(slots=True)
class Collected:
    """A query of WITH that changes data; what it returns is kept for the other parts."""

    step: Step
    key: object
    capture: Capture | None = None

    def run(self, run: Run) -> None:
        if self.capture is None:
            self.step.run(run)
        else:
            self._run_captured(run, self.capture)
        run.state.cell.results[self.key] = run.returned
        run.returned = []
        run.affected = 0

    def _run_captured(self, run: Run, capture: Capture) -> None:
        """The hook before each change tells which rows are touched, and what they were."""
        name = table_name(capture.relation)
        touched: dict[int, Row | None] = {}

        def before(update: apsw.PreUpdate) -> None:
            if update.table_name == name:
                touched.setdefault(update.rowid, update.old)
                touched.setdefault(update.rowid_new, None)

        run.connection.preupdate_hook(before, id=capture)
        try:
            self.step.run(run)
        finally:
            run.connection.preupdate_hook(None, id=capture)
        results = run.state.cell.results
        results[capture.key, "rows"] = [(number,) for number in touched]
        results[capture.key, "old"] = [(number, *row) for number, row in touched.items() if row is not None]


@dataclass(slots=True)
class Query:
    """The SELECT behind WITH queries that change data."""

    statement: Statement

    def run(self, run: Run) -> None:
        run.returned = run.start(self.statement).fetchall()


@dataclass(slots=True, kw_only=True)
class ModifyPlan(Plan):
    """A statement that changes data."""

    steps: Sequence[Step]
    targets: Sequence[Relation] = field(default_factory=list)

    def insert(self, execution: Execution, columns: Sequence[Sequence[Any]], count: int) -> tuple[int, SqlError] | None:
        """Run for many rows of parameters, given by columns; only when `many`. Returns as `Values.run_many`."""
        (step,) = self.steps
        assert isinstance(step, Values)
        run = Run(execution, ())
        try:
            return step.run_many(run, columns, count)
        except Exception as error:
            raise translate(error) from error
        finally:
            run.state.cell.results.clear()

    @property
    def many(self) -> bool:
        """Whether it inserts a row and does nothing else, so that many can be inserted together."""
        if self.failure is not None or len(self.steps) != 1:
            return False
        (step,) = self.steps
        return isinstance(step, Values) and bool(step.head) and len(step.rows) == 1

    @property
    def freezes(self) -> bool:
        """Whether it comes to the same with the rows that `calculate` has given."""
        return len(self.steps) == 1 and isinstance(self.steps[0], Values) and self.steps[0].steady

    def calculate(self, execution: Execution, values: Sequence[Any]) -> Sequence[Row]:
        """The rows that it inserts; only when it `freezes`.

        Raises:
            SqlError: one cannot be calculated.
        """
        (step,) = self.steps
        assert isinstance(step, Values)
        if self.failure is not None:
            raise self.failure
        try:
            return step.calculate(Run(execution, values))
        except Exception as error:
            raise translate(error) from error

    def perform(
        self, execution: Execution, values: Sequence[Any], rows: Sequence[Row] | None = None
    ) -> tuple[int, list[Row]]:
        """Run all of it, as `open` and `fetch` do: how many rows it changed, and what it returns.

        Args:
            execution: its surroundings.
            values: of the parameters.
            rows: that were calculated before; only when it `freezes`.

        Raises:
            SqlError: the statement failed.
        """
        if self.failure is not None:
            raise self.failure
        made = Run(execution, values)
        made.made = rows
        try:
            for step in self.steps:
                step.run(made)
        except Exception as error:
            raise translate(error) from error
        finally:
            made.state.cell.results.clear()
        return made.affected, [()] * len(made.returned) if self.columns == () else made.returned

    def open(self, execution: Execution, values: Sequence[Any]) -> ModifyCursor:
        if self.failure is not None:
            raise self.failure
        return ModifyCursor(self, execution, values)


class ModifyCursor:
    """A statement that changes data, while it runs: all of it with the first `fetch`."""

    __slots__ = ("_execution", "_plan", "_position", "_rows", "_values", "affected")

    def __init__(self, plan: ModifyPlan, execution: Execution, values: Sequence[Any]) -> None:
        self._plan = plan
        self._execution = execution
        self._values = values
        self._rows: list[Row] | None = None
        self._position = 0
        self.affected = 0

    @property
    def tag(self) -> str:
        return self._plan.tag

    def _run(self) -> list[Row]:
        self.affected, rows = self._plan.perform(self._execution, self._values)
        return rows

    def fetch(self, count: int) -> list[Row]:
        if self._rows is None:
            self._rows = self._run()
        rows = self._rows[self._position : self._position + count]
        self._position += len(rows)
        return rows

    def rows(self) -> Iterator[Row]:
        while rows := self.fetch(256):
            yield from rows

    def close(self) -> None:
        self._rows = []
        self._position = 0
