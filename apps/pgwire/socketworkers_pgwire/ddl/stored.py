"""Expressions of the catalogue inside SQLite's schema: checks, keys and conditions of indexes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..catalog import Column, Constraint, Relation
from ..sql.lower import lower_stored, lower_stored_constant
from ..sql.nodes import Expr
from ..types.sqlite import quote_identifier
from .common import run_sql
from .physical import rewrite_table, table_sql

if TYPE_CHECKING:
    from .surroundings import Surroundings

__all__ = [
    "check_sql",
    "full_table_sql",
    "plain_row_number",
    "put_text",
    "refresh",
    "stored_sql",
    "without_foreign_keys",
]


def stored_sql(around: Surroundings, expr: Expr) -> str:
    """An expression over the columns of a table, as it may stand in SQLite's schema.

    Raises:
        SqlError: 0A000 something in it cannot stand there.
    """
    return lower_stored(expr, around.catalog)


def check_sql(around: Surroundings, relation: Relation, constraint: Constraint) -> str | None:
    """A check constraint in SQLite's SQL."""
    from .expressions import analyse_text

    return stored_sql(around, analyse_text(around, relation, constraint.expression))


def default_sql(around: Surroundings, relation: Relation, column: Column) -> str:
    """The default of a column in SQLite's SQL.

    Raises:
        SqlError: 0A000 it is no constant.
    """
    from .expressions import analyse_text

    assert column.default is not None
    return lower_stored_constant(analyse_text(around, relation, column.default, column), around.catalog)


def full_table_sql(around: Surroundings, relation: Relation) -> str:
    """The whole text of a table for SQLite."""
    return table_sql(
        around.catalog,
        relation,
        lambda table, constraint: check_sql(around, table, constraint),
        lambda table, column: default_sql(around, table, column),
    )


def put_text(around: Surroundings, relation: Relation) -> None:
    """Bring the text of a table in SQLite to what a relation says. Its columns must be those that are there."""
    rewrite_table(around.connection, relation, full_table_sql(around, relation))


def plain_row_number(around: Surroundings, before: Relation) -> None:
    """Give a column the values that it had as the row's number: they were kept nowhere else.

    Args:
        around: the statement.
        before: the table as it was.
    """
    name = quote_identifier(before.columns[before.rowid_column - 1].name)
    run_sql(around, f"UPDATE {before.storage} SET {name} = {before.rowid}")


def refresh(around: Surroundings, oid: int) -> None:
    """Bring the text of a table in SQLite to what the catalogue says now."""
    relation = around.catalog.relation_by_oid(oid)
    if relation is not None and relation.kind in "rm":
        put_text(around, relation)


def without_foreign_keys(around: Surroundings, relation: Relation) -> None:
    """Take the foreign keys out of the text of a table that is about to be dropped."""
    bare = replace(relation, constraints=())
    sql = table_sql(around.catalog, bare)
    rewrite_table(around.connection, bare, sql)
