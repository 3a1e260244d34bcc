"""The tables and indexes of SQLite behind the catalogue's: made from what the catalogue says, and brought to it again.

A change that leaves the rows as they are (a constraint more or less, a column at the end, NOT NULL) puts another text
into SQLite's schema: the table is never copied, and never dropped, for that would delete the rows that refer to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import apsw

from ..catalog import Catalog, Column, Constraint, Relation
from ..errors import SqlError
from ..types import AnyType
from ..types.sqlite import declare_column, quote_identifier

__all__ = [
    "column_type",
    "create_table",
    "drop_index",
    "key_expressions",
    "rewrite_table",
    "split_storage",
    "table_sql",
]

_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


def column_type(catalog: Catalog, type_oid: int, typmod: int) -> AnyType:
    """The implementation of a column's type, with its modifier.

    Raises:
        SqlError: 0A000 there is none.
    """
    row = catalog.type_by_oid(type_oid)
    if row is None or row.implementation is None:
        name = row.name if row is not None else str(type_oid)
        raise SqlError("0A000", f'columns of type "{name}" are not supported')
    return row.implementation if typmod < 0 else row.implementation.modified(typmod)


def split_storage(relation: Relation) -> tuple[str, str]:
    """The database of SQLite that a table is in, and its name there, not quoted."""
    database, _, name = (
        ("main", "", relation.storage)
        if not relation.storage.startswith("temp.")
        else (
            "temp",
            "",
            relation.storage.removeprefix("temp."),
        )
    )
    return database, name[1:-1].replace('""', '"')


def sets_default(relation: Relation, column: Column) -> bool:
    """Whether a foreign key may set a column to its default: SQLite does it, and must have the default then."""
    return any(
        constraint.kind == "f"
        and column.number in constraint.keys
        and "d" in (constraint.on_delete, constraint.on_update)
        for constraint in relation.constraints
    )


def table_sql(
    catalog: Catalog,
    relation: Relation,
    check: Callable[[Relation, Constraint], str | None] | None = None,
    default: Callable[[Relation, Column], str] | None = None,
) -> str:
    """The text of a table for SQLite.

    Args:
        catalog: of the session.
        relation: the table.
        check: gives the expression of a check constraint in SQLite's SQL; None where statements look at it themselves.
        default: gives the default of a column in SQLite's SQL, where a foreign key may set it.
    """
    names: set[str] = set()
    parts: list[str] = []
    for column in relation.columns:
        if column.dropped:
            continue
        folded = column.name.lower() if column.name.isascii() else column.name
        if folded in names:
            raise SqlError("0A000", f'columns whose names differ in case only are not supported: "{column.name}"')
        names.add(folded)
        declared = _column(catalog, relation, column)
        if default is not None and column.default is not None and sets_default(relation, column):
            declared += f" DEFAULT {default(relation, column)}"
        parts.append(declared)
    for constraint in relation.constraints:
        if constraint.kind == "c" and check is not None:
            expression = check(relation, constraint)
            if expression is not None:
                parts.append(f"CONSTRAINT {quote_identifier(constraint.name)} CHECK ({expression})")
        elif constraint.kind == "f":
            parts.append(_foreign_key(catalog, relation, constraint))
    if not parts:
        # PostgreSQL's tables may be without columns
        parts.append('"socketworkers.none" INTEGER')
    _, name = split_storage(relation)
    return f"CREATE TABLE {quote_identifier(name)} ({', '.join(parts)}) STRICT"


def _column(catalog: Catalog, relation: Relation, column: Column) -> str:
    if column.number == relation.rowid_column:
        kind = column_type(catalog, column.type, column.typmod)
        return f"{quote_identifier(column.name)} INTEGER PRIMARY KEY /* {kind.format_type()} */"
    kind = column_type(catalog, column.type, column.typmod)
    return declare_column(column.name, kind, not_null=column.not_null)


def _foreign_key(catalog: Catalog, relation: Relation, constraint: Constraint) -> str:
    other = (
        relation
        if constraint.foreign_relation == relation.oid
        else catalog.relation_by_oid(constraint.foreign_relation)
    )
    assert other is not None
    _, name = split_storage(other)
    own = ", ".join(quote_identifier(relation.columns[number - 1].name) for number in constraint.keys)
    theirs = ", ".join(quote_identifier(other.columns[number - 1].name) for number in constraint.foreign_keys)
    return (
        f"CONSTRAINT {quote_identifier(constraint.name)} FOREIGN KEY ({own}) "
        f"REFERENCES {quote_identifier(name)} ({theirs})"
        f" ON UPDATE {_ACTIONS[constraint.on_update]} ON DELETE {_ACTIONS[constraint.on_delete]}"
        " DEFERRABLE INITIALLY DEFERRED"
    )


def create_table(connection: apsw.Connection, relation: Relation, sql: str) -> None:
    """Make the table in SQLite."""
    database, name = split_storage(relation)
    head = f"CREATE TABLE {quote_identifier(name)}"
    assert sql.startswith(head)
    connection.execute(f"CREATE TABLE {database}.{quote_identifier(name)}{sql[len(head) :]}")


def rewrite_table(connection: apsw.Connection, relation: Relation, sql: str) -> None:
    """Put another text in the place of a table's in SQLite's schema. The rows stay as they are, and must fit.

    Raises:
        SqlError: XX000 the text is wrong; nothing has changed then.
    """
    database, name = split_storage(relation)
    defensive = connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, -1)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
    try:
        version = connection.pragma("schema_version", schema=database)
        connection.pragma("writable_schema", 1)
        try:
            connection.execute(
                f"UPDATE {database}.sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?", (sql, name)
            )
            assert isinstance(version, int)
            connection.pragma("schema_version", version + 1, schema=database)
        finally:
            connection.pragma("writable_schema", "reset")
    finally:
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, defensive)
    connection.execute(f"SELECT 1 FROM {relation.storage} LIMIT 0").fetchall()


def key_expressions(column: str, kind: AnyType, *, unique: bool, not_distinct: bool = False) -> list[str]:
    """The keys of an index for one column, or for one expression in SQLite's SQL.

    Args:
        column: it, quoted.
        kind: its type.
        unique: equality is what counts, else order.
        not_distinct: NULLS NOT DISTINCT.
    """
    key = kind.eqkey(column) if unique else kind.ordkey(column)
    return [f"({column} IS NULL)", f"ifnull({key}, 0)"] if not_distinct else [key]


def drop_index(connection: apsw.Connection, storages: Iterable[str], database: str = "main") -> None:
    """Drop indexes in SQLite; those that are the row number have none."""
    for storage in storages:
        if storage:
            connection.execute(f"DROP INDEX IF EXISTS {database}.{quote_identifier(storage)}")
