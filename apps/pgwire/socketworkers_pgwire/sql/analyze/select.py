"""SELECT and VALUES. PostgreSQL: transformSelectStmt, transformValuesClause (analyze.c)."""

from __future__ import annotations

from ..grammar import Node
from ..nodes import Entry, Expr, Output, Query, ValuesSource, Var
from .aggregates import check_groups
from .clauses import distinct_clause, group_clause, limit_clause, sort_clause
from .coerce import coerce_to_common, with_typmod
from .collations import assign_all, common_collation
from .common import select_common_type, select_common_typmod
from .expressions import where_clause
from .from_clause import from_clause
from .kinds import Kind
from .locks import STRENGTHS, locking_clause
from .places import raw_location
from .state import Item, State, error
from .targets import expression_list, mark_origins, resolve_unknowns, target_list
from .windows import declare_windows, window_clause

__all__ = ["analyse_select", "finish", "sub_select", "values_rows"]


def sub_select(state: State, node: Node) -> Query:
    """A SELECT within another query.

    Args:
        state: the query around it.
        node: the wrapped SelectStmt.
    """
    return analyse_select(State(state.shared, state), node["SelectStmt"])


def analyse_select(state: State, node: Node) -> Query:
    """A SelectStmt of any form, as the query of `state`."""
    if "valuesLists" in node:
        return _values(state, node)
    if node.get("op", "SETOP_NONE") != "SETOP_NONE":
        from .set_operations import set_operation

        return set_operation(state, node)
    return _plain(state, node)


def with_clause(state: State, node: Node) -> None:
    """WITH, if there is one."""
    clause = node.get("withClause")
    if clause is not None:
        from .ctes import analyse_with

        analyse_with(state, clause)


def _plain(state: State, node: Node) -> Query:
    query = state.query
    with_clause(state, node)
    if "intoClause" in node:
        raise error(
            "42601",
            "SELECT ... INTO is not allowed here",
            node["intoClause"].get("rel", {}).get("location", -1),
        )
    windows = node.get("windowClause")
    if windows:
        declare_windows(state, windows)
    from_clause(state, node.get("fromClause", ()))
    query.outputs = target_list(state, node.get("targetList", []), Kind.SELECT)
    mark_origins(state, query.outputs)
    query.where = where_clause(state, node.get("whereClause"), Kind.WHERE, "WHERE")
    query.having = where_clause(state, node.get("havingClause"), Kind.HAVING, "HAVING")
    query.sort = sort_clause(state, node.get("sortClause", ()), query.outputs)
    query.group_distinct = node.get("groupDistinct", False)
    groups = node.get("groupClause")
    if groups:
        group_clause(state, groups)
    distinct = node.get("distinctClause")
    if distinct:
        distinct_clause(state, distinct)
    limits(state, node)
    if state.window_definitions:
        window_clause(state)
    if state.resolve_unknowns:
        resolve_unknowns(state, query.outputs)
    for locking in node.get("lockingClause", ()):
        locking_clause(state, locking["LockingClause"])
    finish(state)
    check_groups(state)
    return query


def limits(state: State, node: Node) -> None:
    query = state.query
    query.with_ties = node.get("limitOption") == "LIMIT_OPTION_WITH_TIES"
    query.offset = limit_clause(state, node.get("limitOffset"), Kind.OFFSET)
    query.limit = limit_clause(state, node.get("limitCount"), Kind.LIMIT, with_ties=query.with_ties)


def finish(state: State) -> None:
    """Settle the collations of all expressions of the query: assign_query_collations."""
    query = state.query
    exprs: list[Expr] = [output.expr for output in query.outputs]
    exprs += [key.expr for key in query.sort]
    for part in (query.where, query.having, query.limit, query.offset):
        if part is not None:
            exprs.append(part)
    if query.windows:
        for window in query.windows:
            exprs += window.partition
            exprs += [key.expr for key in window.order]
    if query.returning:
        exprs += [output.expr for output in query.returning]
    assign_all(state, exprs)


def values_rows(state: State, node: Node, kind: Kind, *, allow_default: bool = False) -> list[list[Expr]]:
    """The rows of VALUES, of equal length, types not brought together yet.

    Raises:
        SqlError: 42601 their lengths differ.
    """
    before = state.kind
    state.kind = kind
    rows: list[list[Expr]] = []
    for each in node["valuesLists"]:
        items = each["List"].get("items", [])
        row = expression_list(state, items, allow_default=allow_default)
        if rows and len(row) != len(rows[0]):
            place = raw_location(items[0]) if items else -1
            raise error("42601", "VALUES lists must all be the same length", place)
        rows.append(row)
    state.kind = before
    return rows


def common_rows(state: State, rows: list[list[Expr]]) -> tuple[list[list[Expr]], list[tuple[int, int, int]]]:
    """Rows whose columns have one type each, and these types."""
    types: list[tuple[int, int, int]] = []
    columns: list[list[Expr]] = []
    for place in range(len(rows[0])):
        column = [row[place] for row in rows]
        kind, _ = select_common_type(state.catalog, column, "VALUES")
        column = [coerce_to_common(state, expr, kind, "VALUES") for expr in column]
        typmod = select_common_typmod(column, kind)
        column = [with_typmod(expr, typmod) for expr in column]
        collation = common_collation(state, column, conflict_allowed=True)
        columns.append(column)
        types.append((kind, typmod, collation))
    return [[column[index] for column in columns] for index in range(len(rows))], types


def _values(state: State, node: Node) -> Query:
    query = state.query
    with_clause(state, node)
    rows, types = common_rows(state, values_rows(state, node, Kind.VALUES))
    names = [f"column{number}" for number in range(1, len(types) + 1)]
    entry = state.add(Entry(alias="*VALUES*", names=names, types=types, source=ValuesSource(rows=rows)))
    item = Item(entry)
    state.namespace = [item]
    state.relations.append(item)
    query.from_ = [entry]
    query.outputs = [
        Output(
            expr=Var(type=kind, typmod=typmod, collation=collation, entry=entry, column=number, location=-1),
            name=name,
        )
        for number, (name, (kind, typmod, collation)) in enumerate(zip(names, types, strict=True), 1)
    ]
    query.sort = sort_clause(state, node.get("sortClause", ()), query.outputs)
    limits(state, node)
    if "lockingClause" in node:
        word = STRENGTHS[node["lockingClause"][0]["LockingClause"].get("strength", "LCS_FORUPDATE")].upper()
        raise error("0A000", f"FOR {word} cannot be applied to VALUES")
    finish(state)
    return query
