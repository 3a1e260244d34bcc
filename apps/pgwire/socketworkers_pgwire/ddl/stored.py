"""Expressions of the catalogue inside SQLite's schema: checks, keys and conditions of indexes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from ..catalog import Constraint, Relation
from ..errors import SqlError
from ..sql.lower import load
from ..sql.lower.literals import quote_text
from ..sql.lower.state import Lowering
from ..sql.nodes import Expr, Var
from ..sql.walk import walk
from ..types.sqlite import quote_identifier
from .physical import rewrite_table, table_sql

if TYPE_CHECKING:
    from .surroundings import Surroundings

__all__ = ["check_sql", "plain_row_number", "put_text", "refresh", "stored_sql", "without_foreign_keys"]


def stored_sql(around: Surroundings, relation: Relation, expr: Expr) -> str:
    """An expression over the columns of a table, as it may stand in SQLite's schema.

    What SQLite has by itself is written so; all else is ``pg_stored(text, columns, ...)``, which calculates the text.

    Raises:
        SqlError: 0A000 something in it is not supported.
    """
    load()
    variables = {each.column: each for each in walk(expr) if isinstance(each, Var)}
    lowering = Lowering(around.catalog, ())
    for each in variables.values():
        lowering.columns[each.entry, each.column] = _column(relation, each)
    sql = lowering.expr(expr)
    if lowering.failure is None and not lowering.slots and not lowering.functions and "pg_err(" not in sql:
        return sql
    from ..sql.deparse import deparse_expression

    text = deparse_expression(expr, around.catalog.qualified())
    used = sorted(variables)
    described = [
        [relation.columns[n - 1].name, variables[n].type, variables[n].typmod, variables[n].collation] for n in used
    ]
    columns = "".join(f", {_column(relation, variables[n])}" for n in used)
    return f"pg_stored({quote_text(text)}, {quote_text(json.dumps(described, ensure_ascii=False))}{columns})"


def _column(relation: Relation, var: Var) -> str:
    if var.column <= 0:
        raise SqlError("0A000", "system columns and whole rows in a stored expression are not supported")
    return quote_identifier(relation.columns[var.column - 1].name)


def check_sql(around: Surroundings, relation: Relation, constraint: Constraint) -> str | None:
    """A check constraint in SQLite's SQL."""
    from .expressions import analyse_text

    return stored_sql(around, relation, analyse_text(around, relation, constraint.expression))


def put_text(around: Surroundings, relation: Relation) -> None:
    """Bring the text of a table in SQLite to what a relation says. Its columns must be those that are there."""
    sql = table_sql(around.catalog, relation, lambda table, constraint: check_sql(around, table, constraint))
    rewrite_table(around.connection, relation, sql)


def plain_row_number(around: Surroundings, before: Relation) -> None:
    """Give a column the values that it had as the row's number: they were kept nowhere else.

    Args:
        around: the statement.
        before: the table as it was.
    """
    name = quote_identifier(before.columns[before.rowid_column - 1].name)
    around.connection.execute(f"UPDATE {before.storage} SET {name} = {before.rowid}")


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
