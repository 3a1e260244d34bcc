"""Joins. PostgreSQL: parse_clause.c."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..grammar import Node
from ..nodes import BoolExpr, Coalesce, Entry, Expr, FromItem, Join, Var
from .coerce import Context, can_coerce, coerce_to_boolean, coerce_type, with_typmod
from .collations import assign, assign_all
from .common import select_common_type, select_common_typmod
from .comparisons import compare
from .expressions import where_clause
from .kinds import Kind
from .names import column_number
from .namespace import alias_names, check_conflicts, set_lateral
from .oids import BOOL
from .state import Item, State, error
from .typenames import format_type

__all__ = ["join_item"]

_KINDS: dict[str, Any] = {"JOIN_INNER": "inner", "JOIN_LEFT": "left", "JOIN_RIGHT": "right", "JOIN_FULL": "full"}


def join_item(
    state: State, node: Node, from_item: Callable[[State, Node], tuple[FromItem, Item, list[Item]]]
) -> tuple[FromItem, Item, list[Item]]:
    """A JoinExpr.

    Args:
        state: the query.
        node: the join.
        from_item: analyses one of its sides.

    Returns:
        The join, what it can be referred to as, and all that can be referred to in it.
    """
    kind = _KINDS[node.get("jointype", "JOIN_INNER")]
    left, left_item, left_names = from_item(state, node["larg"])
    set_lateral(left_names, True, kind in ("inner", "left"))
    mark = len(state.namespace)
    state.namespace += left_names
    right, right_item, right_names = from_item(state, node["rarg"])
    del state.namespace[mark:]
    check_conflicts(left_names, right_names)
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
            names=alias_names(alias, names, shown),
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
        check_conflicts(namespace, [merged_item])
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
    set_lateral(namespace, False, True)
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
