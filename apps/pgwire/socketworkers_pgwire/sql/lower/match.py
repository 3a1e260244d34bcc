"""Which expressions are the same, and what they are made of."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from ...catalog import OperatorRow, Proc, Relation
from ..nodes import (
    Const,
    CteSource,
    Entry,
    Expr,
    FromItem,
    FuncCall,
    FunctionSource,
    Join,
    NamedWindow,
    OpExpr,
    Query,
    Relabel,
    SetOperation,
    SortKey,
    SubLink,
    ValuesSource,
    Var,
    WindowFrame,
    WithQuery,
)

__all__ = [
    "children",
    "ctes_read",
    "entries_of",
    "expressions_of",
    "free_columns",
    "free_entries",
    "relations_read",
    "shape",
    "skeleton",
    "walk",
]

_LISTS = (list, tuple)
_FIELDS: dict[type, tuple[str, ...]] = {}
_IGNORED = {"location", "form"}


def _names(kind: type) -> tuple[str, ...]:
    names = _FIELDS.get(kind)
    if names is None:
        names = _FIELDS[kind] = tuple(field.name for field in fields(kind) if field.name not in _IGNORED)
    return names


def shape(node: Any) -> Hashable:
    """A value that is equal for expressions that mean the same; where they stand does not matter."""
    kind = type(node)
    if kind is Var:
        return ("Var", id(node.entry), node.column)
    if kind is Const:
        return ("Const", node.type, node.typmod, type(node.value), node.value)
    if isinstance(node, _LISTS):
        return tuple([shape(each) for each in node])
    if isinstance(node, OperatorRow | Proc):
        return node.oid
    if isinstance(node, Query | Entry):
        return id(node)
    if isinstance(node, Expr | SortKey | NamedWindow | WindowFrame):
        return (kind.__name__, *[shape(getattr(node, name)) for name in _names(kind)])
    hashable: Hashable = node
    return hashable


def skeleton(node: Any, leaves: Mapping[int, int]) -> Hashable:
    """A value that is equal for expressions of the same build, whatever stands at their leaves.

    Args:
        node: the expression.
        leaves: by id() of the leaves, their numbers.
    """
    if id(node) in leaves:
        return ("leaf", leaves[id(node)], node.type, node.typmod)
    if isinstance(node, _LISTS):
        return tuple([skeleton(each, leaves) for each in node])
    if isinstance(node, Expr | SortKey | NamedWindow | WindowFrame) and type(node) not in (Var, Const):
        kind = type(node)
        return (kind.__name__, *[skeleton(getattr(node, name), leaves) for name in _names(kind)])
    return shape(node)


def children(expr: Any) -> Iterator[Expr]:
    """The expressions right below one; not those of subqueries."""
    kind = type(expr)
    if kind is OpExpr or kind is FuncCall:
        yield from expr.args
    elif kind is Relabel:
        yield expr.arg
    elif kind is not Var and kind is not Const:
        for name in _names(kind):
            yield from _expressions(getattr(expr, name))


def _expressions(value: Any) -> Iterator[Expr]:
    if isinstance(value, Expr):
        yield value
    elif isinstance(value, _LISTS):
        for each in value:
            yield from _expressions(each)
    elif isinstance(value, SortKey):
        yield value.expr
    elif isinstance(value, NamedWindow):
        yield from _expressions(value.partition)
        yield from _expressions(value.order)
        if value.frame is not None:
            yield from _expressions(value.frame.start_offset)
            yield from _expressions(value.frame.end_offset)


def walk(expr: Expr, into: Callable[[Expr], bool] | None = None) -> Iterator[Expr]:
    """An expression and all below it, not those of subqueries; `into` tells of which ones to look at the children."""
    pending = [expr]
    while pending:
        node = pending.pop()
        yield node
        if into is None or into(node):
            pending += children(node)


def expressions_of(query: Query) -> Iterator[Expr]:
    """All expressions that stand in a query itself: its clauses and its FROM, not its subqueries'."""
    for output in (*query.outputs, *(query.returning or ())):
        yield output.expr
    yield from query.group
    for each in (query.where, query.having, query.limit, query.offset):
        if each is not None:
            yield each
    for key in query.sort:
        yield key.expr
    if isinstance(query.distinct, list):
        yield from query.distinct
    for window in query.windows:
        yield from _expressions(window)
    for item in query.from_:
        yield from _from_expressions(item)


def _from_expressions(item: FromItem) -> Iterator[Expr]:
    if isinstance(item, Join):
        yield from _from_expressions(item.left)
        yield from _from_expressions(item.right)
        if item.condition is not None:
            yield item.condition
    elif isinstance(item.source, FunctionSource):
        yield from item.source.calls
    elif isinstance(item.source, ValuesSource):
        for row in item.source.rows:
            yield from row


def entries_of(item: FromItem) -> Iterator[Entry]:
    """The entries of a FROM item that are no joins."""
    if isinstance(item, Join):
        yield from entries_of(item.left)
        yield from entries_of(item.right)
    else:
        yield item


def relations_read(query: Query, written: WithQuery) -> set[int]:
    """The tables that the parts of a statement read, but for one of its queries of WITH."""
    return {entry.source.oid for entry in _entries_within(query, written.query) if isinstance(entry.source, Relation)}


def ctes_read(query: Query) -> set[WithQuery]:
    """The queries of WITH that a query refers to, itself or within."""
    return {entry.source.cte for entry in _entries_within(query, None) if isinstance(entry.source, CteSource)}


def _entries_within(query: Query, without: Query | None) -> Iterator[Entry]:
    """The entries that a query and all queries within it read."""
    pending: list[Query] = [query]
    seen: set[int] = set()
    while pending:
        each = pending.pop()
        if id(each) in seen or each is without:
            continue
        seen.add(id(each))
        pending += [cte.query for cte in each.ctes]
        if each.set_operation is not None:
            pending += [each.set_operation.left, each.set_operation.right]
        if each.source is not None:
            pending.append(each.source)
        items: list[FromItem] = list(each.from_)
        if each.target is not None and each.command != "insert":
            items.append(each.target)
        for item in items:
            for entry in entries_of(item):
                yield entry
                if isinstance(entry.source, Query):
                    pending.append(entry.source)
        for expr in expressions_of(each):
            pending += [node.query for node in walk(expr) if isinstance(node, SubLink)]


def free_columns(source: Query | Expr) -> list[Var]:
    """The columns that a query, or an expression with its subqueries, refers to; its own ones may be among them."""
    found: dict[tuple[Entry, int], Var] = {}
    pending: list[Query | Expr] = [source]
    seen: set[int] = set()
    while pending:
        node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Query):
            pending += expressions_of(node)
            pending += [each.query for each in node.ctes]
            if isinstance(node.set_operation, SetOperation):
                pending += [node.set_operation.left, node.set_operation.right]
            for item in node.from_:
                pending += [entry.source for entry in entries_of(item) if isinstance(entry.source, Query)]
            if node.source is not None:
                pending.append(node.source)
            continue
        for each in walk(node):
            if isinstance(each, Var):
                if isinstance(each.entry.source, Join):
                    join = each.entry.source
                    pending += [join.columns[each.column - 1]] if each.column > 0 else join.columns
                else:
                    found.setdefault((each.entry, each.column), each)
            elif isinstance(each, SubLink):
                pending.append(each.query)
    return list(found.values())


def free_entries(source: Query | Expr) -> set[Entry]:
    """The entries that a query, or an expression with its subqueries, refers to; its own ones may be among them."""
    return {column.entry for column in free_columns(source)}
