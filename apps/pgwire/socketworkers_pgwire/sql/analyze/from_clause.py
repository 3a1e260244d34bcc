"""FROM: tables, views, subqueries, functions, joins. PostgreSQL: parse_clause.c, parse_relation.c."""

from __future__ import annotations

from typing import Any

from ...catalog import Relation
from ..grammar import Node
from ..nodes import (
    BoolExpr,
    Coalesce,
    CteSource,
    Entry,
    Expr,
    FromItem,
    FuncCall,
    FunctionSource,
    Join,
    Query,
    Var,
    WithQuery,
)
from ..walk import walk
from .coerce import Context, can_coerce, coerce_to_boolean, coerce_type, with_typmod
from .collations import assign, assign_all
from .common import select_common_type, select_common_typmod
from .comparisons import compare
from .expressions import expression, where_clause
from .fields import Field, function_columns, relation_fields
from .kinds import Kind
from .names import column_number, find_cte, find_relation
from .oids import BOOL, INT8, RECORD
from .places import location_of
from .state import Item, State, error, unsupported
from .targets import column_name
from .typenames import collation_of_type, format_type, is_composite, resolve_type, type_row

__all__ = ["from_clause", "relation_item"]

_KINDS: dict[str, Any] = {"JOIN_INNER": "inner", "JOIN_LEFT": "left", "JOIN_RIGHT": "right", "JOIN_FULL": "full"}


def from_clause(state: State, nodes: list[Node]) -> None:
    """FROM, or USING of DELETE: fills `query.from_` and the namespace."""
    for node in nodes:
        item, _, namespace = _from_item(state, node)
        _check_conflicts(state.namespace, namespace)
        _set_lateral(namespace, True, True)
        state.namespace += namespace
        state.query.from_.append(item)
    _set_lateral(state.namespace, False, True)


def _set_lateral(namespace: list[Item], only: bool, ok: bool) -> None:
    for item in namespace:
        item.lateral_only = only
        item.lateral_ok = ok


def _check_conflicts(first: list[Item], second: list[Item]) -> None:
    """Refuse two entries of one name.

    Raises:
        SqlError: 42712.
    """
    for item in second:
        if not item.visible:
            continue
        for other in first:
            if not other.visible or other.name != item.name:
                continue
            one, two = item.relation, other.relation
            if one is not None and two is not None and one.oid != two.oid and one.name == two.name == item.name:
                # tables of different schemas may have one name
                continue
            raise error("42712", f'table name "{item.name}" specified more than once', -1)


def _from_item(state: State, node: Node) -> tuple[FromItem, Item, list[Item]]:
    ((kind, fields),) = node.items()
    if kind == "RangeVar":
        item = range_var(state, fields)
    elif kind == "RangeSubselect":
        item = _subselect(state, fields)
    elif kind == "RangeFunction":
        item = _function(state, fields)
    elif kind == "JoinExpr":
        return _join(state, fields)
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
        _check_count(shown, len(live), len(given))
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
        state.shared.views[entry] = relation
    state.relations.append(item)
    return item


def _check_count(name: str, available: int, given: int) -> None:
    if given > available:
        raise error("42P10", f'table "{name}" has {available} columns available but {given} columns specified')


def _alias_names(alias: Node | None, names: list[str], shown: str) -> list[str]:
    if alias is None or "colnames" not in alias:
        return names
    given = [each["String"]["sval"] for each in alias["colnames"]]
    _check_count(shown, len(names), len(given))
    return given + names[len(given) :]


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
            names=_alias_names(alias, list(cte.names), shown),
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
    names = _alias_names(alias, [output.name for output in columns], shown)
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
            names=_alias_names(alias, [name for name, *_ in fields], shown),
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


def _join(state: State, node: Node) -> tuple[FromItem, Item, list[Item]]:
    kind = _KINDS[node.get("jointype", "JOIN_INNER")]
    left, left_item, left_names = _from_item(state, node["larg"])
    _set_lateral(left_names, True, kind in ("inner", "left"))
    mark = len(state.namespace)
    state.namespace += left_names
    right, right_item, right_names = _from_item(state, node["rarg"])
    del state.namespace[mark:]
    _check_conflicts(left_names, right_names)
    namespace = left_names + right_names
    left_columns = _columns(left_item)
    right_columns = _columns(right_item)
    using = [each["String"]["sval"] for each in node.get("usingClause", ())]
    if node.get("isNatural"):
        right_words = [name for name, _ in right_columns]
        using = [name for name, _ in left_columns if name in right_words]
    join = Join(kind=kind, left=left, right=right, condition=None)
    names: list[str] = []
    columns: list[Expr] = []
    if using:
        _merge_columns(state, join, using, left_columns, right_columns)
        names += using
        columns += [merged for _, _, merged in join.using]
    elif "quals" in node:
        join.condition = _on_clause(state, node["quals"], namespace)
    elif kind == "inner":
        join.kind = "cross"
    for name, expr in (*left_columns, *right_columns):
        if name not in using:
            names.append(name)
            columns.append(expr)
    alias = node.get("alias")
    join.columns = columns
    shown = "" if alias is None else alias["aliasname"]
    if alias is not None and len(alias.get("colnames", ())) > len(names):
        given = len(alias["colnames"])
        raise error(
            "42P10",
            f'join expression "{shown}" has {len(names)} columns available but {given} columns specified',
        )
    entry = state.add(
        Entry(
            alias=shown or "unnamed_join",
            names=_alias_names(alias, names, shown),
            types=[(expr.type, expr.typmod, expr.collation) for expr in columns],
            source=join,
        )
    )
    join.entry = entry
    # behind an alias the tables cannot be seen any more: its columns are the join's own
    item = Item(entry, visible=alias is not None, columns=None if alias is not None else columns)
    if alias is not None:
        state.relations.append(item)
        return join, item, [item]
    for each in namespace:
        each.columns_visible = False
    namespace.append(item)
    merged_alias = node.get("join_using_alias")
    if merged_alias is not None:
        merged = Entry(
            alias=merged_alias["aliasname"],
            names=list(using),
            types=entry.types[: len(using)],
            source=join,
        )
        state.shared.depths[merged] = state.depth
        merged_item = Item(merged, columns=[_merged_var(item, number) for number in range(len(using))])
        merged_item.columns_visible = False
        _check_conflicts(namespace, [merged_item])
        namespace.append(merged_item)
    return join, item, namespace


def _merged_var(item: Item, number: int) -> Expr:
    return column_number(item, number, -1)


def _columns(item: Item) -> list[tuple[str, Expr]]:
    """The columns of one side, as the other clauses of the join see them."""
    relation = item.relation
    return [
        (name, column_number(item, number, -1))
        for number, name in enumerate(item.entry.names)
        if relation is None or not relation.columns[number].dropped
    ]


def _on_clause(state: State, node: Node, namespace: list[Item]) -> Expr | None:
    before = state.namespace
    _set_lateral(namespace, False, True)
    state.namespace = namespace
    condition = where_clause(state, node, Kind.JOIN_ON, "JOIN/ON")
    state.namespace = before
    if condition is not None:
        assign(state, condition)
    return condition


def _merge_columns(
    state: State,
    join: Join,
    using: list[str],
    left_columns: list[tuple[str, Expr]],
    right_columns: list[tuple[str, Expr]],
) -> None:
    """USING: a column of each side, their comparison, and the one that is shown."""
    tests: list[Expr] = []
    seen: list[str] = []
    for name in using:
        if name in seen:
            raise error("42701", f'column name "{name}" appears more than once in USING clause')
        seen.append(name)
        left = _common(name, left_columns, "left")
        right = _common(name, right_columns, "right")
        before = state.kind
        state.kind = Kind.JOIN_USING
        tests.append(coerce_to_boolean(state, compare(state, "=", left, right, -1), "JOIN/USING"))
        state.kind = before
        join.using.append((left, right, _merged(state, join.kind, left, right)))
    condition = tests[0] if len(tests) == 1 else BoolExpr(type=BOOL, kind="and", args=tests)
    assign_all(state, [condition, *(merged for _, _, merged in join.using)])
    join.condition = condition


def _common(name: str, columns: list[tuple[str, Expr]], side: str) -> Expr:
    found = [expr for each, expr in columns if each == name]
    if len(found) > 1:
        raise error("42702", f'common column name "{name}" appears more than once in {side} table')
    if not found:
        raise error("42703", f'column "{name}" specified in USING clause does not exist in {side} table')
    return found[0]


def _merged(state: State, kind: str, left: Expr, right: Expr) -> Expr:
    """buildMergedJoinVar."""
    catalog = state.catalog
    common, _ = select_common_type(catalog, [left, right], "JOIN/USING")
    typmod = select_common_typmod([left, right], common)

    def cast(expr: Expr) -> Expr:
        if expr.type != common:
            if not can_coerce(catalog, expr.type, common, Context.IMPLICIT):
                raise error(
                    "42846",
                    f"JOIN/USING could not convert type {format_type(catalog, expr.type)} to"
                    f" {format_type(catalog, common)}",
                )
            return coerce_type(state, expr, common, typmod, Context.IMPLICIT, "implicit cast", -1)
        return with_typmod(expr, typmod)

    first, second = cast(left), cast(right)
    if kind in ("inner", "cross"):
        return first if isinstance(first, Var) or not isinstance(second, Var) else second
    if kind == "left":
        return first
    if kind == "right":
        return second
    return Coalesce(type=common, typmod=typmod, args=[first, second])
