"""CREATE TABLE AS, SELECT INTO, materialized views (src/backend/commands/createas.c, matview.c)."""

from __future__ import annotations

from typing import Any

from ..catalog import Relation
from ..errors import SqlError
from ..sql.nodes import Entry, Output, Query, Var
from .columns import Definition
from .common import check_owner, creation_target, find_relation, notice, run_sql, unsupported, writer_of
from .surroundings import Surroundings
from .tables import NewTable, make_table, storage_options
from .texts import analyse_definition
from .views import add_rule, query_columns, view_query

__all__ = ["create_table_as", "refresh_materialized_view"]


def create_table_as(around: Surroundings, tree: dict[str, Any], query: Query | None = None) -> str:
    """CREATE TABLE AS, CREATE MATERIALIZED VIEW.

    Args:
        around: the statement.
        tree: the statement's.
        query: its query, when it was analysed already.

    Returns:
        the tag, with the number of rows.
    """
    into = tree["into"]
    range_var, materialized = into["rel"], tree.get("objtype") == "OBJECT_MATVIEW"
    tag = "CREATE MATERIALIZED VIEW" if materialized else "CREATE TABLE AS"
    target = creation_target(around, range_var)
    name = range_var["relname"]
    if around.catalog.relation_oid(target.namespace, name) and tree.get("if_not_exists"):
        notice(around, f'relation "{name}" already exists, skipping', "42P07")
        return tag
    if "ExecuteStmt" in tree["query"]:
        raise unsupported("CREATE TABLE AS EXECUTE")
    views: dict[Entry, Relation] = {}
    if materialized or query is None:
        analysed, views = view_query(around, tree["query"])
    else:
        analysed = query
    names = [each["String"]["sval"] for each in into.get("colNames", [])]
    columns = query_columns(around, analysed, names)
    if len(names) > len(columns):
        raise SqlError("42601", "too many column names were specified")
    on_commit = {"ONCOMMIT_DROP": "drop", "ONCOMMIT_DELETE_ROWS": "delete"}.get(into.get("onCommit", ""), "")
    table = NewTable(
        name=name,
        kind="m" if materialized else "r",
        columns=[Definition(column=column) for column in columns],
        options=storage_options(into.get("options", [])),
        on_commit=on_commit,
    )
    writer = writer_of(around)
    oid = make_table(around, writer, target, table)
    relation = around.catalog.relation_by_oid(oid)
    assert relation is not None
    count = 0 if into.get("skipData") else _fill(around, relation, analysed)
    if materialized:
        add_rule(around, writer, oid, analysed, views)
        if into.get("skipData"):
            writer.update("pg_class", writer.tables(oid), {"oid": oid}, relispopulated=0)
            writer.changed()
        return tag if into.get("skipData") else f"SELECT {count}"
    return tag if into.get("skipData") else f"SELECT {count}"


def _fill(around: Surroundings, relation: Relation, query: Query) -> int:
    """Put the rows of a query into a new table; gives their number."""
    outputs = [each for each in query.outputs if not each.junk]
    rows = Entry(
        alias="*SELECT*",
        names=[each.name for each in outputs],
        types=[(each.expr.type, each.expr.typmod, each.expr.collation) for each in outputs],
        source=query,
    )
    target = Entry(
        alias=relation.name,
        names=[column.name for column in relation.columns],
        types=[(column.type, column.typmod, column.collation) for column in relation.columns],
        source=relation,
    )
    values = [
        Output(
            expr=Var(type=kind, typmod=typmod, collation=collation, entry=rows, column=number),
            name=relation.columns[number - 1].name,
            column=number,
        )
        for number, (kind, typmod, collation) in enumerate(rows.types, 1)
    ]
    query = Query(command="insert", outputs=values, target=target, source=query, source_entry=rows)
    return around.execute(query, around.parameters)


def refresh_materialized_view(around: Surroundings, tree: dict[str, Any]) -> str:
    """REFRESH MATERIALIZED VIEW."""
    relation = find_relation(around, tree["relation"])
    assert relation is not None
    if relation.kind != "m":
        raise SqlError("42809", f'"{relation.name}" is not a materialized view')
    check_owner(around, relation)
    writer = writer_of(around)
    tables = writer.tables(relation.oid)
    ((populated,),) = writer.select("pg_class", tables, "relispopulated", oid=relation.oid)
    if tree.get("concurrent"):
        if tree.get("skipData"):
            raise SqlError("42601", "REFRESH options CONCURRENTLY and WITH NO DATA cannot be used together")
        if not populated:
            raise SqlError("0A000", "CONCURRENTLY cannot be used when the materialized view is not populated")
        if not any(index.unique and index.predicate is None and not index.expressions for index in relation.indexes):
            raise SqlError(
                "55000",
                f'cannot refresh materialized view "{relation.schema}.{relation.name}" concurrently',
                hint="Create a unique index with no WHERE clause on one or more columns of the materialized view.",
            )
    run_sql(around, f"DELETE FROM {relation.storage}")
    if not tree.get("skipData"):
        query, _ = analyse_definition(around, relation.definition)
        _fill(around, relation, query)
    writer.update("pg_class", tables, {"oid": relation.oid}, relispopulated=int(not tree.get("skipData")))
    writer.changed()
    return "REFRESH MATERIALIZED VIEW"
