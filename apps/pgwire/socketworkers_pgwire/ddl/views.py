"""CREATE VIEW, and materialized views (src/backend/commands/view.c, createas.c, matview.c)."""

from __future__ import annotations

import json
from typing import Any

from ..catalog import Relation
from ..catalog.spelling import format_type
from ..errors import SqlError
from ..sql.deparse import deparse_query
from ..sql.nodes import Entry, Query
from .common import Target, check_owner, creation_target, notice, unsupported, writer_of
from .expressions import depends_on
from .ids import CLASS, REWRITE, Address
from .rows import NewColumn, add_attribute, add_class, add_row_type
from .surroundings import Surroundings
from .tables import check_names, refuse_existing, storage_options
from .texts import analyse_select_of
from .writer import Writer

__all__ = ["add_rule", "create_view", "query_columns", "view_query"]


def query_columns(around: Surroundings, query: Query, names: list[str]) -> list[NewColumn]:
    """The columns that a query gives.

    Args:
        around: the statement.
        query: it.
        names: those that were written behind the name of the relation, for the first columns.
    """
    outputs = [each for each in query.outputs if not each.junk]
    columns = []
    for number, output in enumerate(outputs):
        expr = output.expr
        name = names[number] if number < len(names) else output.name
        row = around.catalog.type_by_oid(expr.type)
        if row is not None and row.kind == "p":
            raise SqlError("42P16", f'column "{name}" has pseudo-type {format_type(around.catalog, expr.type)}')
        if row is not None and row.collation and not expr.collation:
            raise SqlError(
                "42P22",
                f'no collation was derived for column "{name}" with collatable type '
                f"{format_type(around.catalog, expr.type)}",
                hint="Use the COLLATE clause to set the collation explicitly.",
            )
        columns.append(NewColumn(name=name, type=expr.type, typmod=expr.typmod, collation=expr.collation))
    return columns


def view_query(around: Surroundings, node: dict[str, Any]) -> tuple[Query, dict[Entry, Relation]]:
    """The analysed query of a view, and the entries in it that are views.

    Raises:
        SqlError: whatever is wrong with it; 0A000 it changes data.
    """
    tree = node.get("SelectStmt")
    if tree is None:
        raise SqlError("0A000", "views must not contain data-modifying statements")
    if "intoClause" in tree:
        raise SqlError("0A000", "views must not contain SELECT INTO")
    query, views = analyse_select_of(around, around.catalog, tree)
    if any(cte.query.command != "select" for cte in query.ctes):
        raise SqlError("0A000", "views must not contain data-modifying statements in WITH")
    return query, views


def create_view(around: Surroundings, tree: dict[str, Any]) -> str:
    """CREATE [OR REPLACE] VIEW."""
    if tree.get("withCheckOption", "NO_CHECK_OPTION") != "NO_CHECK_OPTION":
        raise unsupported("WITH CHECK OPTION", tree["view"])
    options = storage_options(tree.get("options", []))
    for option in options:
        if option.partition("=")[0] == "check_option":
            raise unsupported("check_option", tree["view"])
    query, views = view_query(around, tree["query"])
    range_var = dict(tree["view"])
    names = [each["String"]["sval"] for each in tree.get("aliases", [])]
    columns = query_columns(around, query, names)
    if len(names) > len(columns):
        raise SqlError("42601", "CREATE VIEW specifies more column names than columns")
    depends, _ = depends_on(query, views=views)
    if range_var.get("relpersistence", "p") == "p" and any(each.oid >= 4_000_000_000 for each in depends):
        range_var["relpersistence"] = "t"
        notice(around, f'view "{range_var["relname"]}" will be a temporary view')
    target = creation_target(around, range_var)
    name = range_var["relname"]
    oid = around.catalog.relation_oid(target.namespace, name)
    writer = writer_of(around)
    if oid and tree.get("replace"):
        _replace(around, writer, oid, columns, options)
    else:
        check_names(columns)
        refuse_existing(around, target, name)
        oid = add_view(writer, target, name, columns, options, around.session.user_oid)
    add_rule(around, writer, oid, query, views)
    return "CREATE VIEW"


def add_view(
    writer: Writer, target: Target, name: str, columns: list[NewColumn], options: list[str], owner: int, kind: str = "v"
) -> int:
    """A new view without its rule; gives its OID."""
    tables = target.tables
    oid = writer.new_oid(target.temporary)
    row_type = add_row_type(writer, tables, oid, name, target.namespace, owner)
    add_class(
        writer,
        tables,
        oid,
        name,
        target.namespace,
        kind,
        owner,
        type_oid=row_type,
        persistence=target.persistence,
        columns=len(columns),
        options=options,
    )
    for number, column in enumerate(columns, 1):
        add_attribute(writer, tables, oid, number, column)
    writer.changed()
    return oid


def _replace(around: Surroundings, writer: Writer, oid: int, columns: list[NewColumn], options: list[str]) -> None:
    """CREATE OR REPLACE: the old columns stay what they are, new ones come behind: checkViewTupleDesc()."""
    relation = around.catalog.relation_by_oid(oid)
    assert relation is not None
    if relation.kind != "v":
        raise SqlError("42809", f'"{relation.name}" is not a view')
    check_owner(around, relation)
    if len(columns) < len(relation.columns):
        raise SqlError("42P16", "cannot drop columns from view")
    for old, new in zip(relation.columns, columns, strict=False):
        if old.name != new.name:
            raise SqlError(
                "42P16",
                f'cannot change name of view column "{old.name}" to "{new.name}"',
                hint="Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead.",
            )
        if (old.type, old.typmod) != (new.type, new.typmod):
            before = format_type(around.catalog, old.type, old.typmod)
            after = format_type(around.catalog, new.type, new.typmod)
            raise SqlError("42P16", f'cannot change data type of view column "{old.name}" from {before} to {after}')
    tables = writer.tables(oid)
    for number, column in enumerate(columns[len(relation.columns) :], len(relation.columns) + 1):
        add_attribute(writer, tables, oid, number, column)

    writer.update(
        "pg_class",
        tables,
        {"oid": oid},
        relnatts=len(columns),
        reloptions=json.dumps(options) if options else None,
    )
    for (rule,) in writer.select("pg_rewrite", tables, "oid", ev_class=oid):
        writer.delete("pg_depend", tables, classid=REWRITE, objid=rule)
    writer.delete("pg_rewrite", tables, ev_class=oid)
    writer.changed()


def add_rule(around: Surroundings, writer: Writer, oid: int, query: Query, views: dict[Entry, Relation]) -> None:
    """The rule that makes a view of a relation: its query."""
    relation = around.catalog.relation_by_oid(oid)
    assert relation is not None
    tables = writer.tables(oid)
    rule = writer.new_oid(tables.temporary)
    text = deparse_query(
        query,
        around.catalog.qualified(),
        views,
        names=[column.name for column in relation.columns],
        storage=True,
        settings=around.settings,
    )
    writer.insert(
        "pg_rewrite",
        tables,
        oid=rule,
        rulename="_RETURN",
        ev_class=oid,
        ev_type="1",
        ev_enabled="O",
        is_instead=1,
        ev_qual="<>",
        ev_action=text,
    )
    here = Address(REWRITE, rule)
    writer.depend(here, Address(CLASS, oid), "i")
    depends, _ = depends_on(query, views=views)
    writer.depend_on_all(here, depends | {Address(CLASS, oid)}, "n")
    writer.changed()
