"""FROM: tables, views, subqueries, functions, joins. PostgreSQL: parse_clause.c, parse_relation.c."""

from __future__ import annotations

from typing import Any

from ...catalog import Relation
from ..grammar import Node
from ..nodes import (
    CteSource,
    Entry,
    Expr,
    FromItem,
    FuncCall,
    FunctionSource,
    Query,
    Var,
    WithQuery,
)
from ..walk import walk
from .collations import assign
from .expressions import expression
from .fields import Field, function_columns, relation_fields
from .joins import join_item
from .kinds import Kind
from .names import find_cte, find_relation
from .namespace import alias_names, check_conflicts, check_count, set_lateral
from .oids import INT8, RECORD
from .places import location_of
from .state import Item, State, error, unsupported
from .targets import column_name
from .typenames import collation_of_type, format_type, is_composite, resolve_type, type_row

__all__ = ["from_clause", "relation_item"]


def from_clause(state: State, nodes: list[Node]) -> None:
    """FROM, or USING of DELETE: fills `query.from_` and the namespace."""
    for node in nodes:
        item, _, namespace = _from_item(state, node)
        check_conflicts(state.namespace, namespace)
        set_lateral(namespace, True, True)
        state.namespace += namespace
        state.query.from_.append(item)
    set_lateral(state.namespace, False, True)


def _from_item(state: State, node: Node) -> tuple[FromItem, Item, list[Item]]:
    ((kind, fields),) = node.items()
    if kind == "RangeVar":
        item = range_var(state, fields)
    elif kind == "RangeSubselect":
        item = _subselect(state, fields)
    elif kind == "RangeFunction":
        item = _function(state, fields)
    elif kind == "JoinExpr":
        return join_item(state, fields, _from_item)
    elif kind == "RangeTableSample":
        raise unsupported("TABLESAMPLE", fields.get("location", 0))
    elif kind == "JsonTable":
        raise unsupported("JSON_TABLE", fields.get("location", 0))
    else:
        raise unsupported("XMLTABLE", fields.get("location", 0))
    return item.entry, item, [item]


def range_var(state: State, node: Node) -> Item:
    """A table, a view or a WITH query by name."""
    alias = node.get("alias")
    name = node["relname"]
    if "schemaname" not in node:
        found = find_cte(state, name)
        if found is not None:
            return _cte(state, found[0], node, alias)
    relation = find_relation(state, node)
    location = node.get("location", 0)
    if relation.kind not in "rvmSfpt":
        word = {"i": "an index", "I": "an index", "c": "a composite type"}.get(relation.kind, "not a table")
        if relation.kind in "iI":
            raise error("42809", f'"{name}" is an index', location)
        raise error(
            "42809",
            f'cannot open relation "{name}"',
            location,
            detail=f"This operation is not supported for {word}s.".replace("a composite types", "composite types"),
        )
    return relation_item(state, relation, alias, location)


def relation_item(state: State, relation: Relation, alias: Node | None, location: int) -> Item:
    """An entry for a relation; a view is expanded.

    Raises:
        SqlError: 42P10 the alias has too many columns.
    """
    names = ["" if column.dropped else column.name for column in relation.columns]
    types = [(column.type, column.typmod, column.collation) for column in relation.columns]
    shown = relation.name if alias is None else alias["aliasname"]
    if alias is not None and "colnames" in alias:
        given = [each["String"]["sval"] for each in alias["colnames"]]
        live = [number for number, column in enumerate(relation.columns) if not column.dropped]
        check_count(shown, len(live), len(given))
        for number, name in zip(live, given, strict=False):
            names[number] = name
    source: Relation | Query = relation
    if relation.kind == "v" and relation.definition:
        from .views import view_query

        source = view_query(state, relation)
    entry = state.add(Entry(alias=shown, names=names, types=types, source=source, location=location))
    item = Item(entry)
    if source is not relation:
        item.relation = relation
        entry.view = relation
        state.shared.views[entry] = relation
    state.relations.append(item)
    return item


def _cte(state: State, cte: WithQuery, node: Node, alias: Node | None) -> Item:
    location = node.get("location", 0)
    query = cte.query
    if query is not None and query.command != "select" and query.returning is None:
        raise error("0A000", f'WITH query "{cte.name}" does not have a RETURNING clause', location)
    cte.references += 1
    shown = cte.name if alias is None else alias["aliasname"]
    entry = state.add(
        Entry(
            alias=shown,
            names=alias_names(alias, list(cte.names), shown),
            types=list(cte.types),
            source=CteSource(cte=cte),
            location=location,
        )
    )
    if query is None:
        state.reads_itself = True
    item = Item(entry)
    state.relations.append(item)
    return item


def subquery_item(state: State, query: Query, alias: Node | None, *, lateral: bool, location: int = -1) -> Item:
    """An entry for a query that was analysed."""
    shown = "" if alias is None else alias["aliasname"]
    outputs = query.outputs if query.returning is None else query.returning
    columns = [output for output in outputs if not output.junk]
    names = alias_names(alias, [output.name for output in columns], shown)
    types = [(output.expr.type, output.expr.typmod, output.expr.collation) for output in columns]
    entry = state.add(Entry(alias=shown, names=names, types=types, source=query, lateral=lateral, location=location))
    item = Item(entry, visible=bool(shown))
    state.relations.append(item)
    return item


def _subselect(state: State, node: Node) -> Item:
    from .select import sub_select

    alias = node.get("alias")
    select = node["subquery"]
    if alias is None:
        # the grammar of PostgreSQL 16 and later takes it without
        if "valuesLists" in select["SelectStmt"]:
            raise error(
                "42601",
                "VALUES in FROM must have an alias",
                hint="For example, FROM (VALUES ...) [AS] foo.",
            )
        raise error(
            "42601",
            "subquery in FROM must have an alias",
            hint="For example, FROM (SELECT ...) [AS] foo.",
        )
    lateral = node.get("lateral", False)
    before = state.kind, state.lateral_active
    state.kind, state.lateral_active = Kind.FROM_SUBSELECT, lateral
    query = sub_select(state, select)
    state.kind, state.lateral_active = before
    return subquery_item(state, query, alias, lateral=lateral)


def _function(state: State, node: Node) -> Item:
    alias = node.get("alias")
    calls: list[tuple[Node, Any]] = []
    for each in node["functions"]:
        items = each["List"]["items"]
        definitions = items[1].get("List", {}).get("items") if len(items) > 1 and items[1] else None
        unnested = _unnest_apart(items[0])
        calls += [(call, definitions) for call in unnested]
    before = state.kind, state.lateral_active
    state.kind, state.lateral_active = Kind.FROM_FUNCTION, True
    exprs: list[Expr] = []
    for call, _ in calls:
        last = state.last_set_function
        expr = expression(state, call)
        if state.last_set_function is not last and state.last_set_function is not expr:
            found = state.last_set_function
            raise error(
                "0A000",
                "set-returning functions must appear at top level of FROM",
                -1 if found is None else location_of(found),
            )
        exprs.append(expr)
    state.kind, state.lateral_active = before
    own = node.get("coldeflist")
    definitions_of = [given for _, given in calls]
    if own:
        if len(calls) != 1:
            place = own[0]["ColumnDef"].get("location", 0)
            if node.get("is_rowsfrom"):
                raise error(
                    "42601",
                    "ROWS FROM() with multiple functions cannot have a column definition list",
                    place,
                    hint="Put a separate column definition list for each function inside ROWS FROM().",
                )
            raise error(
                "42601",
                "UNNEST() with multiple arguments cannot have a column definition list",
                place,
                hint="Use separate UNNEST() calls inside ROWS FROM(), and attach a column definition list to each one.",
            )
        if node.get("ordinality"):
            raise error(
                "42601",
                "WITH ORDINALITY cannot be used with a column definition list",
                own[0]["ColumnDef"].get("location", 0),
                hint="Put the column definition list inside ROWS FROM().",
            )
        definitions_of = [own]
    fields: list[Field] = []
    widths: list[int] = []
    for (call, _), expr, definitions in zip(calls, exprs, definitions_of, strict=True):
        assign(state, expr)
        columns = _function_fields(state, call, expr, definitions, alias, len(calls))
        fields += columns
        widths.append(len(columns))
    ordinality = node.get("ordinality", False)
    if ordinality:
        fields.append(("ordinality", INT8, -1, 0))
    shown = alias["aliasname"] if alias is not None else column_name(calls[0][0])
    depth = state.depth
    lateral = any(
        isinstance(each, Var) and state.shared.depths.get(each.entry) == depth
        for expr in exprs
        for each in walk(expr, into_queries=True)
    )
    entry = state.add(
        Entry(
            alias=shown,
            names=alias_names(alias, [name for name, *_ in fields], shown),
            types=[(kind, typmod, collation) for _, kind, typmod, collation in fields],
            source=FunctionSource(calls=exprs, widths=widths, ordinality=ordinality),
            lateral=lateral or node.get("lateral", False),
            location=location_of(exprs[0]),
        )
    )
    item = Item(entry)
    state.relations.append(item)
    return item


def _unnest_apart(node: Node) -> list[Node]:
    """``unnest(a, b)`` is ``unnest(a), unnest(b)``."""
    call = node.get("FuncCall")
    if call is None or len(call["funcname"]) != 1 or call["funcname"][0]["String"]["sval"] != "unnest":
        return [node]
    args = call.get("args", ())
    plain = not any(key in call for key in ("agg_order", "agg_filter", "over", "agg_star", "agg_distinct"))
    if len(args) < 2 or not plain or call.get("func_variadic"):
        return [node]
    names = [{"String": {"sval": "pg_catalog"}}, {"String": {"sval": "unnest"}}]
    return [{"FuncCall": {**call, "funcname": names, "args": [arg]}} for arg in args]


def _function_fields(
    state: State, call: Node, expr: Expr, definitions: Any, alias: Node | None, count: int
) -> list[Field]:
    """The columns that a function in FROM gives."""
    catalog = state.catalog
    columns = function_columns(state, expr) if isinstance(expr, FuncCall) else None
    if definitions:
        place = definitions[0]["ColumnDef"].get("location", 0)
        if columns is not None:
            raise error("42601", "a column definition list is redundant for a function with OUT parameters", place)
        if is_composite(catalog, expr.type):
            raise error(
                "42601",
                "a column definition list is redundant for a function returning a named composite type",
                place,
            )
        if expr.type != RECORD:
            raise error("42601", 'a column definition list is only allowed for functions returning "record"', place)
        return [_definition(state, each["ColumnDef"]) for each in definitions]
    if columns is not None:
        return columns
    if is_composite(catalog, expr.type):
        row = type_row(catalog, expr.type)
        relation = catalog.relation_by_oid(row.relation)
        if relation is not None:
            return [field for field in relation_fields(relation) if field[1]]
    if expr.type == RECORD:
        raise error("42601", 'a column definition list is required for functions returning "record"', location_of(expr))
    row = type_row(catalog, expr.type)
    if row.kind == "p" and row.name not in ("void", "cstring", "unknown"):
        raise error(
            "42804",
            f'function "{column_name(call)}" in FROM has unsupported return type {format_type(catalog, expr.type)}',
            location_of(expr),
        )
    name = ""
    if isinstance(expr, FuncCall) and expr.proc.modes:
        outs = [each for each, mode in zip(expr.proc.names, expr.proc.modes, strict=False) if mode in "obt" and each]
        if len(outs) == 1:
            name = outs[0]
    if not name:
        name = alias["aliasname"] if alias is not None and count == 1 else column_name(call)
    return [(name, expr.type, expr.typmod, expr.collation or collation_of_type(catalog, expr.type))]


def _definition(state: State, node: Node) -> Field:
    kind, typmod = resolve_type(state, node["typeName"])
    row = type_row(state.catalog, kind)
    if row.kind == "p":
        raise error(
            "42P16",
            f'column "{node["colname"]}" has pseudo-type {format_type(state.catalog, kind)}',
            node.get("location", 0),
        )
    return node["colname"], kind, typmod, row.collation
