"""INSERT, UPDATE, DELETE, MERGE, and WITH queries that do any of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from ...catalog import Relation
from ...types import AnyType
from ...types.sqlite import quote_identifier
from ..execute.constraints import Changed, not_null_error
from ..execute.cursor import RowStatement, Statement
from ..execute.modify import Capture, Collected, ModifyPlan, Step
from ..execute.modify import Query as QueryStep
from ..nodes import Entry, Output, Query, Var, WithQuery
from .fold import is_volatile
from .match import relations_read, walk
from .point import is_point
from .python import function_of
from .shapes import as_kind
from .state import Lowering, Slot, unsupported
from .statement import binder, result_columns
from .with_queries import with_clause

if TYPE_CHECKING:
    from ...functions import Execution

__all__ = ["Target", "lower_modification", "prefix", "row_binder", "row_statement", "statement"]

_TAGS = {"insert": "INSERT 0", "update": "UPDATE", "delete": "DELETE", "merge": "MERGE", "select": "SELECT"}


class Target:
    """The table that a statement changes.

    Args:
        lowering: the statement.
        entry: the table's.
    """

    def __init__(self, lowering: Lowering, entry: Entry) -> None:
        assert isinstance(entry.source, Relation)
        self.lowering = lowering
        self.entry = entry
        self.relation = entry.source
        if self.relation.kind not in "rm" or not self.relation.storage or self.relation.storage.startswith("("):
            raise unsupported(f'changing "{self.relation.name}"', entry.location)
        lowering.written.add(self.relation.oid)
        lowering.relations.add(self.relation.oid)
        self.alias = lowering.aliases[entry] = lowering.alias()
        self.table = self.relation.storage
        name = self.table
        for database in ("temp.", "main."):
            name = name.removeprefix(database)
        self.name = name
        """By which RETURNING calls it."""
        self.probing = False
        """Whether rows are only looked for, to say which one of them failed."""

    def column(self, number: int) -> str:
        """The quoted name of a column."""
        return quote_identifier(self.relation.columns[number - 1].name)

    def kind(self, number: int) -> AnyType:
        """The type of a column."""
        column = self.relation.columns[number - 1]
        return self.lowering.type_of(column.type, column.typmod)

    @property
    def rowid(self) -> str:
        """The name of the row's number."""
        if not self.relation.rowid:
            raise unsupported(f'changing "{self.relation.name}", whose columns hide the row number,')
        return quote_identifier(self.relation.rowid)

    def changed(
        self, command: Literal["insert", "update", "delete"], columns: Sequence[int] = (), first: int = 0
    ) -> Changed:
        """What the execution must know of it."""
        relation = self.relation
        deferrable = any(each.deferrable and each.kind in "pu" for each in relation.constraints)
        foreign = any(each.kind == "f" for each in relation.constraints) and command != "delete"
        probe = ""
        if command == "insert":
            probe = self.insert_sql(columns)
        elif command == "update":
            sets = ",".join(f"{self.column(number)}=?{index}" for index, number in enumerate(columns, 2))
            probe = f"UPDATE {self.table} SET {sets} WHERE {self.rowid}=?1"
        return Changed(
            relation, command, tuple(columns), probe, first, deferrable or foreign or bool(relation.referenced_by)
        )

    def insert_sql(self, columns: Sequence[int]) -> str:
        """INSERT of one row whose values are bound."""
        if not columns:
            return f"INSERT INTO {self.table} AS {self.alias} DEFAULT VALUES"
        marks = ",".join(f"?{index}" for index in range(1, len(columns) + 1))
        return f"INSERT INTO {self.table} AS {self.alias} ({self.names(columns)}) VALUES ({marks})"

    def names(self, columns: Sequence[int]) -> str:
        """A list of columns."""
        return ",".join(map(self.column, columns))

    def value(self, number: int, sql: str, fixed: bool = False) -> str:
        """The SQL of a new value of a column. SQLite would make a number up for a row that has none."""
        if number != self.relation.rowid_column or fixed or self.probing:
            return sql
        relation, name = self.relation, self.relation.columns[number - 1].name

        def present(value: Any) -> Any:
            if value is None:
                raise not_null_error(relation, name)
            return value

        function = function_of(f"not null {relation.name}", 1, "scalar", (relation.oid, name), lambda cell: present)
        return f"{self.lowering.use(function)}({sql})"

    def assigned(self, outputs: Sequence[Output]) -> list[str]:
        """The SQL of new values. In those of generated columns the table's columns are the new values of the row."""
        lowering = self.lowering
        plain = {
            output.column: self.value(
                output.column,
                as_kind(lowering, output.expr, self.kind(output.column)),
                (constant := lowering.constant(output.expr)) is not None and constant.value is not None,
            )
            for output in outputs
            if not output.generated
        }
        if len(plain) == len(outputs):
            return list(plain.values())
        used = {
            each.column
            for output in outputs
            if output.generated
            for each in walk(output.expr)
            if isinstance(each, Var) and each.entry is self.entry
        }
        for output in outputs:
            if output.column in used and is_volatile(output.expr):
                raise unsupported("a volatile value of a column that a generated column is computed from,")
        known = dict(lowering.columns)
        lowering.columns |= {(self.entry, number): f"({sql})" for number, sql in plain.items()}
        values = [
            as_kind(lowering, output.expr, self.kind(output.column)) if output.generated else plain[output.column]
            for output in outputs
        ]
        lowering.columns = known
        return values

    def returning(self, outputs: Sequence[Output] | None, extra: str = "") -> str:
        """``RETURNING ...``, or nothing."""
        lowering = self.lowering
        parts = []
        if outputs is not None:
            for number in range(-6, len(self.relation.columns) + 1):
                lowering.columns.pop((self.entry, number), None)
            alias, lowering.aliases[self.entry] = lowering.aliases[self.entry], self.name
            try:
                parts = [lowering.expr(output.expr) for output in outputs] or ["0"]
            finally:
                lowering.aliases[self.entry] = alias
        if extra:
            parts.append(extra)
        return " RETURNING " + ",".join(parts) if parts else ""


def lower_modification(lowering: Lowering, query: Query) -> ModifyPlan:
    """The plan of a statement that changes data, itself or in WITH."""
    steps = _modifying_steps(lowering, query)
    columns = None
    if query.command == "select":
        columns = result_columns(lowering, query)
        with lowering.statement():
            steps.append(QueryStep(statement(lowering, lowering.query(query))))
    else:
        steps.append(_step_of(lowering, query, ()))
        if query.returning is not None:
            columns = result_columns(lowering, query)
    return ModifyPlan(
        columns=columns,
        parameters=lowering.parameters,
        writes=True,
        tag=_TAGS[query.command],
        counted=query.command == "select",
        short=is_point(lowering, query),
        blocking=lowering.blocking,
        volatile=lowering.volatile,
        personal=lowering.personal,
        repeatable=False,
        size=4_000,
        relations=frozenset(lowering.relations),
        written=frozenset(lowering.written),
        steps=steps,
        failure=lowering.failure,
    )


def _modifying_steps(lowering: Lowering, query: Query) -> list[Step]:
    """The parts of WITH that change data: they run first, each once, and what they return is kept.

    All parts see the tables as they were before the statement (documentation §7.8.4): where one is read by another part
    the rows that were changed are kept as they were.
    """
    steps: list[Step] = []
    for each in query.ctes:
        if each.query.command == "select":
            continue
        steps += _modifying_steps(lowering, each.query)
        assert each.query.target is not None
        relation = each.query.target.source
        assert isinstance(relation, Relation)
        capture = None
        if relation.oid in relations_read(query, each) and relation.oid not in lowering.snapshots:
            capture = Capture(relation, object())
        step = _step_of(lowering, each.query, query.ctes)
        key = object()
        steps.append(Collected(step, key, capture))
        lowering.ready.add(each)
        lowering.results[each] = (key, len(each.query.returning or ()))
        if capture is not None:
            lowering.snapshots[relation.oid] = capture.key
    return steps


def statement(lowering: Lowering, sql: str) -> Statement:
    """One SQL statement of several."""
    return Statement(sql, binder(lowering.slots), tuple(lowering.functions.values()))


def row_statement(lowering: Lowering, sql: str) -> RowStatement:
    """One SQL statement that runs for each of some rows."""
    return RowStatement(sql, row_binder(lowering.slots), tuple(lowering.functions.values()))


def row_binder(slots: Sequence[Slot]) -> Callable[[Execution, Sequence[Any], tuple[Any, ...]], Sequence[Any]]:
    """The function that gives the values to bind for one row."""
    if all(slot.row >= 0 for slot in slots):
        numbers = [slot.row for slot in slots]
        return lambda execution, values, row: [row[number] for number in numbers]
    plain = binder([slot if slot.row < 0 else Slot() for slot in slots])
    places = [(index, slot.row) for index, slot in enumerate(slots) if slot.row >= 0]

    def bind(execution: Execution, values: Sequence[Any], row: tuple[Any, ...]) -> Sequence[Any]:
        bound = list(plain(execution, values))
        for index, number in places:
            bound[index] = row[number]
        return bound

    return bind


def prefix(lowering: Lowering, query: Query, around: Sequence[WithQuery]) -> str:
    """The WITH clause of one part: its own queries, and those of the statement that it may name."""
    return with_clause(lowering, [*around, *query.ctes])


def _step_of(lowering: Lowering, query: Query, around: Sequence[WithQuery]) -> Step:
    """One statement that changes one table."""
    from .delete import lower_delete
    from .insert import lower_insert
    from .merge import lower_merge
    from .update import lower_update

    lower = {"insert": lower_insert, "update": lower_update, "delete": lower_delete, "merge": lower_merge}
    return lower[query.command](lowering, query, [each for each in around if each.query.command == "select"])
