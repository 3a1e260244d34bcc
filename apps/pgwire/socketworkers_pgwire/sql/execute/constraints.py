"""Constraints: SQLite's refusals in PostgreSQL's words, and those that SQLite does not check by itself.

Foreign keys are declared deferred in SQLite, which counts what is broken: after each statement that count tells
whether to look. Unique constraints that may be deferred have an index that is not unique. What waits for the end of
the transaction is looked at by `check_transaction`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import apsw

from ...catalog import Column, Constraint, Index, Relation
from ...errors import SqlError
from ...functions import Execution
from ...types import AnyType
from ...types.sqlite import quote_identifier
from ..keywords import quote_identifier as quote_name

__all__ = [
    "Changed",
    "check_row_number",
    "check_statement",
    "check_transaction",
    "constraint_error",
    "not_null_error",
    "restricted",
    "table_name",
]

_LONGEST = 64  # bytes of a value in "Failing row contains"
_Command = Literal["insert", "update", "delete"]


@dataclass(frozen=True, slots=True)
class Changed:
    """The table that a statement changes, and how."""

    relation: Relation
    command: _Command
    columns: tuple[int, ...] = ()
    """attnum of the columns that it gives values to."""
    probe_sql: str = ""
    """Puts one row into the table, or changes one, with the values bound."""
    first: int = 0
    """Where the values of the columns begin in a row; before that is the number of the row that is changed."""
    checked: bool = field(default=False)
    """Whether anything is to be looked at after the statement."""

    def row_of(self, connection: apsw.Connection, values: Sequence[Any]) -> dict[int, Any]:
        """The whole row by attnum: what it has with what it is given."""
        row: dict[int, Any] = {}
        relation = self.relation
        if self.first:
            names = [column.name for column in relation.columns if not column.dropped]
            numbers = [column.number for column in relation.columns if not column.dropped]
            listed = ",".join(map(quote_identifier, names))
            found = connection.execute(
                f"SELECT {listed} FROM {relation.storage} WHERE {quote_identifier(relation.rowid)}=?", (values[0],)
            ).fetchone()
            if found is not None:
                row = dict(zip(numbers, found, strict=True))
        for number, value in zip(self.columns, values[self.first :], strict=False):
            row[number] = value
        return row


def _kind(execution: Execution, column: Column) -> AnyType | None:
    row = execution.catalog.type_by_oid(column.type)
    return None if row is None or row.implementation is None else row.implementation.modified(column.typmod)


def _text(execution: Execution, column: Column, value: Any) -> str:
    if value is None:
        return "null"
    kind = _kind(execution, column)
    return str(value) if kind is None else kind.output(value, execution.settings)


def _failing_row(execution: Execution, relation: Relation, row: Mapping[int, Any] | None) -> str | None:
    if row is None:
        return None
    texts = []
    for column in relation.columns:
        if not column.dropped:
            text = _text(execution, column, row.get(column.number))
            data = text.encode()
            if len(data) > _LONGEST:
                text = data[:_LONGEST].decode(errors="ignore") + "..."
            texts.append(text)
    return f"Failing row contains ({', '.join(texts)})."


def table_name(relation: Relation) -> str:
    """A table's own name in SQLite, not quoted: what messages have before the column's."""
    name = relation.storage
    for database in ("temp.", "main."):
        name = name.removeprefix(database)
    return name.strip('"').replace('""', '"')


def constraint_error(
    execution: Execution, changed: Changed, error: apsw.ConstraintError, row: Mapping[int, Any] | None
) -> Exception:
    """The error that the client is told for a constraint of SQLite's.

    Args:
        execution: the statement's.
        changed: what was changed.
        error: SQLite's.
        row: the row that failed, by attnum; None when it is not known.
    """
    relation = changed.relation
    code = getattr(error, "extendedresult", 0)
    text = str(error).partition("failed: ")[2]
    if code == apsw.SQLITE_CONSTRAINT_NOTNULL:
        failure = not_null_error(relation, text.removeprefix(table_name(relation) + "."))
        failure.detail = _failing_row(execution, relation, row)
        return failure
    if code == apsw.SQLITE_CONSTRAINT_CHECK:
        return SqlError(
            "23514",
            f'new row for relation "{relation.name}" violates check constraint "{text}"',
            detail=_failing_row(execution, relation, row),
            schema=relation.schema,
            table=relation.name,
            constraint=text,
        )
    if code in (apsw.SQLITE_CONSTRAINT_UNIQUE, apsw.SQLITE_CONSTRAINT_PRIMARYKEY, apsw.SQLITE_CONSTRAINT_ROWID):
        index = _index_of(relation, text)
        if index is not None:
            return _unique_error(execution, relation, index, row)
    if code in (apsw.SQLITE_CONSTRAINT_FOREIGNKEY, apsw.SQLITE_CONSTRAINT_TRIGGER):
        return restricted(execution, changed, None) or error
    return error


def not_null_error(relation: Relation, column: str) -> SqlError:
    """23502, as yet without the row."""
    return SqlError(
        "23502",
        f'null value in column "{column}" of relation "{relation.name}" violates not-null constraint',
        schema=relation.schema,
        table=relation.name,
        column=column,
    )


def check_row_number(execution: Execution, changed: Changed, row: Mapping[int, Any]) -> None:
    """SQLite would make a number up for a row that has none.

    Raises:
        SqlError: 23502.
    """
    number = changed.relation.rowid_column
    if number and row.get(number) is None:
        failure = not_null_error(changed.relation, changed.relation.columns[number - 1].name)
        failure.detail = _failing_row(execution, changed.relation, row)
        raise failure


def _index_of(relation: Relation, text: str) -> Index | None:
    """The index that SQLite's message names, by itself or by its columns."""
    unique = [index for index in relation.indexes if index.unique]
    if text.startswith("index '"):
        name = text.removeprefix("index '").removesuffix("'")
        return next((index for index in unique if index.storage == name), None)
    table = table_name(relation)
    for index in unique:
        columns = [f"{table}.{relation.columns[key - 1].name}" for key in index.keys if key]
        if len(columns) == len(index.keys) and ", ".join(columns) == text:
            return index
    return None


def _unique_error(execution: Execution, relation: Relation, index: Index, row: Mapping[int, Any] | None) -> SqlError:
    detail = None
    if row is not None:
        detail = _key_detail(execution, relation, index, row, "already exists.")
    return SqlError(
        "23505",
        f'duplicate key value violates unique constraint "{index.name}"',
        detail=detail,
        schema=relation.schema,
        table=relation.name,
        constraint=index.name,
    )


def _key_detail(
    execution: Execution, relation: Relation, index: Index, row: Mapping[int, Any], rest: str
) -> str | None:
    names: list[str] = []
    texts: list[str] = []
    expressions = iter(index.expressions)
    for key in index.keys:
        if key:
            column = relation.columns[key - 1]
            names.append(quote_name(column.name))
            texts.append(_text(execution, column, row.get(key)))
        else:
            text = next(expressions)
            value = _expression_text(execution, relation, text, row)
            if value is None:
                return None
            names.append(text)
            texts.append(value)
    return f"Key ({', '.join(names)})=({', '.join(texts)}) {rest}"


def _expression_text(execution: Execution, relation: Relation, text: str, row: Mapping[int, Any]) -> str | None:
    """The value of an index's expression for a row."""
    from ..lower.stored import row_expression

    found = row_expression(execution.catalog, relation, text)
    if found is None:
        return None
    kind, function = found
    value = function(execution, row)
    return "null" if value is None else kind.output(value, execution.settings)


# foreign keys


def check_statement(execution: Execution, changed: Changed) -> None:
    """After a statement: foreign keys and unique constraints that must hold now.

    Raises:
        SqlError: 23503, 23505.
    """
    if not changed.checked:
        return
    connection = execution.connection
    if connection.status(apsw.SQLITE_DBSTATUS_DEFERRED_FKS)[0]:
        for error in _broken(execution, [changed.relation], changed, deferred=False):
            raise error
    if changed.command != "delete":
        _check_unique(execution, changed.relation, deferred=False)


def check_transaction(execution: Execution, written: Iterable[int], *, ends: bool) -> None:
    """Before COMMIT, and for SET CONSTRAINTS ... IMMEDIATE: all that waited.

    Args:
        execution: the surroundings.
        written: OIDs of the tables that the transaction has changed.
        ends: whether the transaction ends; otherwise what is deferred still goes on waiting.

    Raises:
        SqlError: 23503, 23505.
    """
    relations = [found for oid in written if (found := execution.catalog.relation_by_oid(oid)) is not None]
    if execution.connection.status(apsw.SQLITE_DBSTATUS_DEFERRED_FKS)[0]:
        for error in _broken(execution, relations, None, deferred=ends):
            raise error
    for relation in relations:
        _check_unique(execution, relation, deferred=ends)


def _is_deferred(execution: Execution, constraint: Constraint) -> bool:
    """Whether a constraint waits for the end of the transaction: as declared, or as SET CONSTRAINTS says.

    The session keeps what SET CONSTRAINTS said as a mapping of OIDs, 0 for ALL, to whether they are deferred.
    """
    if not constraint.deferrable:
        return False
    said: Mapping[int, bool] = getattr(execution.session, "constraint_modes", {})
    return said.get(constraint.oid, said.get(0, constraint.deferred))


def _broken(
    execution: Execution, relations: Sequence[Relation], changed: Changed | None, *, deferred: bool
) -> Iterable[SqlError]:
    """The foreign keys from and to these tables, and to those that lose rows with them, that are broken."""
    seen: set[int] = set()
    pending = list(relations)
    while pending:
        relation = pending.pop(0)
        if relation.oid in seen:
            continue
        seen.add(relation.oid)
        for constraint in relation.constraints:
            parent = execution.catalog.relation_by_oid(constraint.foreign_relation) if constraint.kind == "f" else None
            if parent is None or (not deferred and _is_deferred(execution, constraint)):
                continue
            error = _broken_key(execution, relation, constraint, parent, changed)
            if error is not None:
                yield error
        pending += [
            found for oid in relation.referenced_by if (found := execution.catalog.relation_by_oid(oid)) is not None
        ]


def _broken_key(
    execution: Execution, child: Relation, constraint: Constraint, parent: Relation, changed: Changed | None
) -> SqlError | None:
    """The first row of a table whose foreign key finds nothing."""
    keys = [child.columns[number - 1] for number in constraint.keys]
    others = [parent.columns[number - 1] for number in constraint.foreign_keys]
    mine = [f"c.{quote_identifier(column.name)}" for column in keys]
    pairs = [f"p.{quote_identifier(other.name)}={key}" for other, key in zip(others, mine, strict=True)]
    present = " AND ".join(f"{key} IS NOT NULL" for key in mine)
    row = execution.connection.execute(
        f"SELECT {','.join(mine)} FROM {child.storage} AS c WHERE {present} "
        f"AND NOT EXISTS (SELECT 1 FROM {parent.storage} AS p WHERE {' AND '.join(pairs)}) LIMIT 1"
    ).fetchone()
    if row is None:
        return None
    texts = ", ".join([_text(execution, column, value) for column, value in zip(keys, row, strict=True)])
    names = ", ".join(column.name for column in keys)
    if changed is None or changed.command == "insert" or _gave_values(changed, child, constraint):
        return SqlError(
            "23503",
            f'insert or update on table "{child.name}" violates foreign key constraint "{constraint.name}"',
            detail=f'Key ({names})=({texts}) is not present in table "{parent.name}".',
            schema=child.schema,
            table=child.name,
            constraint=constraint.name,
        )
    return SqlError(
        "23503",
        f'update or delete on table "{parent.name}" violates foreign key constraint "{constraint.name}" '
        f'on table "{child.name}"',
        detail=f"Key ({', '.join(column.name for column in others)})=({texts}) is still referenced from table "
        f'"{child.name}".',
        schema=child.schema,
        table=child.name,
        constraint=constraint.name,
    )


def _gave_values(changed: Changed, child: Relation, constraint: Constraint) -> bool:
    """Whether a statement has changed the referencing side itself."""
    if changed.relation.oid != child.oid or changed.command != "update":
        return False
    return bool(set(changed.columns) & set(constraint.keys))


def restricted(execution: Execution, changed: Changed, numbers: Sequence[Any] | None) -> SqlError | None:
    """ON DELETE or UPDATE RESTRICT, which SQLite refuses at once.

    Args:
        execution: the statement's.
        changed: what was changed.
        numbers: the rows that were meant, by their numbers, when they are known.
    """
    relation = changed.relation
    for oid in relation.referenced_by:
        child = execution.catalog.relation_by_oid(oid)
        if child is None:
            continue
        for constraint in child.constraints:
            action = constraint.on_delete if changed.command == "delete" else constraint.on_update
            if constraint.kind != "f" or constraint.foreign_relation != relation.oid or action != "r":
                continue
            columns = [relation.columns[number - 1] for number in constraint.foreign_keys]
            row = _referenced(execution, relation, child, constraint, numbers)
            if row is None and numbers is not None:
                continue
            detail = None
            if row is not None:
                texts = ", ".join([_text(execution, column, value) for column, value in zip(columns, row, strict=True)])
                names = ", ".join(column.name for column in columns)
                detail = f'Key ({names})=({texts}) is still referenced from table "{child.name}".'
            return SqlError(
                "23503",
                f'update or delete on table "{relation.name}" violates foreign key constraint '
                f'"{constraint.name}" on table "{child.name}"',
                detail=detail,
                schema=child.schema,
                table=child.name,
                constraint=constraint.name,
            )
    return None


def _referenced(
    execution: Execution, relation: Relation, child: Relation, constraint: Constraint, numbers: Sequence[Any] | None
) -> tuple[Any, ...] | None:
    """The key of the first of some rows that another table refers to."""
    theirs = [quote_identifier(relation.columns[number - 1].name) for number in constraint.foreign_keys]
    mine = [quote_identifier(child.columns[number - 1].name) for number in constraint.keys]
    pairs = " AND ".join(f"c.{one}=p.{other}" for one, other in zip(mine, theirs, strict=True))
    columns = ",".join(f"p.{each}" for each in theirs)
    sql = (
        f"SELECT {columns} FROM {relation.storage} AS p WHERE p.{quote_identifier(relation.rowid)}=?1 "
        f"AND EXISTS (SELECT 1 FROM {child.storage} AS c WHERE {pairs})"
    )
    for number in numbers or ():
        row: tuple[Any, ...] | None = execution.connection.execute(sql, (number,)).fetchone()
        if row is not None:
            return row
    return None


# unique constraints that may be deferred


def _check_unique(execution: Execution, relation: Relation, *, deferred: bool) -> None:
    for constraint in relation.constraints:
        if constraint.kind not in "pu" or not constraint.deferrable:
            continue
        if not deferred and _is_deferred(execution, constraint):
            continue
        keys = []
        for number in constraint.keys:
            column = relation.columns[number - 1]
            kind = _kind(execution, column)
            name = quote_identifier(column.name)
            keys.append((name, name if kind is None else kind.eqkey(name)))
        present = " AND ".join(f"{name} IS NOT NULL" for name, _ in keys)
        row = execution.connection.execute(
            f"SELECT {','.join(name for name, _ in keys)} FROM {relation.storage} WHERE {present} "
            f"GROUP BY {','.join(key for _, key in keys)} HAVING count(*)>1 LIMIT 1"
        ).fetchone()
        if row is not None:
            index = next(index for index in relation.indexes if index.oid == constraint.index)
            values = dict(zip(constraint.keys, row, strict=True))
            raise _unique_error(execution, relation, index, values)
