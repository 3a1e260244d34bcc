"""Expressions that the catalogue keeps: defaults, generated columns, checks, index expressions and predicates.

They are analysed, kept as text with all names qualified, and read back by the same analysis with an empty search path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..catalog import Column, Relation
from ..catalog.session import SessionCatalog
from ..catalog.spelling import format_type
from ..sql.analyze.coerce import Context, coerce_to_target
from ..sql.analyze.expressions import transform, where_clause
from ..sql.analyze.kinds import Kind
from ..sql.analyze.state import Item, State
from ..sql.grammar import Node, parse
from ..sql.nodes import Const, Entry, Expr, FuncCall, OpExpr, Query, SqlValue, SubLink, Var
from ..sql.walk import entries, query_expressions, subqueries, walk
from .common import error, state_of
from .ids import CLASS, COLLATION, TYPE, Address
from .surroundings import Surroundings

__all__ = ["Stored", "analyse_text", "check", "default", "depends_on", "generated", "index_expression", "predicate"]

_REGCLASS = 2205


@dataclass(slots=True)
class Stored:
    """An expression as the catalogue keeps it."""

    text: str
    expr: Expr
    depends: set[Address]
    """What it refers to, PostgreSQL's own objects left out."""
    columns: set[int]
    """Numbers of the columns of its table that it reads."""


def relation_state(around: Surroundings, relation: Relation | None, catalog: SessionCatalog | None = None) -> State:
    """A state in which the columns of a relation can be used."""
    state = state_of(around, catalog)
    if relation is not None:
        entry = Entry(
            alias=relation.name,
            names=["" if column.dropped else column.name for column in relation.columns],
            types=[(column.type, column.typmod, column.collation) for column in relation.columns],
            source=relation,
        )
        state.add(entry)
        item = Item(entry)
        state.namespace.append(item)
        state.relations.append(item)
    return state


def default(around: Surroundings, relation: Relation, column: Column, node: Node) -> Stored:
    """DEFAULT: cookDefault() of src/backend/catalog/heap.c.

    Raises:
        SqlError: whatever is wrong with it; 42804 it has another type.
    """
    state = relation_state(around, relation)
    expr = transform(state, node, Kind.DEFAULT)
    for each in walk(expr):
        if isinstance(each, Var):
            raise error("0A000", "cannot use column reference in DEFAULT expression", {"location": each.location})
    return _stored(around, relation, _assigned(around, state, expr, column, "default expression"))


def generated(around: Surroundings, relation: Relation, column: Column, node: Node) -> Stored:
    """GENERATED ALWAYS AS: cookDefault() too.

    Raises:
        SqlError: whatever is wrong with it; 42P17 it is not immutable, or reads itself or another such column.
    """
    state = relation_state(around, relation)
    expr = transform(state, node, Kind.GENERATED)
    for each in walk(expr):
        if isinstance(each, Var) and each.column > 0 and relation.columns[each.column - 1].generated:
            raise error(
                "42P17",
                f'cannot use generated column "{relation.columns[each.column - 1].name}" in column generation expression',
                {"location": each.location},
                detail="A generated column cannot reference another generated column.",
            )
    if volatility(around, expr) != "i":
        raise error("42P17", "generation expression is not immutable")
    return _stored(around, relation, _assigned(around, state, expr, column, "default expression"))


def check(around: Surroundings, relation: Relation, node: Node) -> Stored:
    """CHECK: cookConstraint().

    Raises:
        SqlError: whatever is wrong with it.
    """
    state = relation_state(around, relation)
    expr = where_clause(state, node, Kind.CHECK, "CHECK")
    assert expr is not None
    return _stored(around, relation, expr)


def index_expression(around: Surroundings, relation: Relation, node: Node) -> Stored:
    """A key of an index that is no plain column.

    Raises:
        SqlError: whatever is wrong with it; 42P17 it is not immutable.
    """
    state = relation_state(around, relation)
    expr = transform(state, node, Kind.INDEX_EXPRESSION)
    if volatility(around, expr) != "i":
        raise error("42P17", "functions in index expression must be marked IMMUTABLE")
    return _stored(around, relation, expr)


def predicate(around: Surroundings, relation: Relation, node: Node) -> Stored:
    """The WHERE of an index.

    Raises:
        SqlError: whatever is wrong with it; 42P17 it is not immutable.
    """
    state = relation_state(around, relation)
    expr = where_clause(state, node, Kind.INDEX_PREDICATE, "WHERE")
    assert expr is not None
    if volatility(around, expr) != "i":
        raise error("42P17", "functions in index predicate must be marked IMMUTABLE")
    return _stored(around, relation, expr)


def analyse_text(around: Surroundings, relation: Relation | None, text: str, column: Column | None = None) -> Expr:
    """An expression that the catalogue keeps, analysed.

    Args:
        around: the statement.
        relation: whose columns it reads.
        text: it.
        column: that gets its value.
    """
    catalog = around.catalog.qualified()
    (raw,) = parse("SELECT " + text)
    state = relation_state(around, relation, catalog)
    expr = transform(state, raw.tree["targetList"][0]["ResTarget"]["val"], Kind.OTHER)
    return expr if column is None else _assigned(around, state, expr, column, "default expression")


def _assigned(around: Surroundings, state: State, expr: Expr, column: Column, what: str) -> Expr:
    result = coerce_to_target(state, expr, column.type, column.typmod, Context.ASSIGNMENT)
    if result is None:
        catalog = around.catalog
        raise error(
            "42804",
            f'column "{column.name}" is of type {format_type(catalog, column.type)} but {what} is of type '
            f"{format_type(catalog, expr.type)}",
            hint="You will need to rewrite or cast the expression.",
        )
    return result


def _stored(around: Surroundings, relation: Relation | None, expr: Expr) -> Stored:
    from ..sql.deparse import deparse_expression

    text = deparse_expression(expr, around.catalog.qualified())
    depends, columns = depends_on(expr, relation)
    return Stored(text, expr, depends, columns)


def volatility(around: Surroundings, expr: Expr) -> str:
    """``i``, ``s`` or ``v``: that of the most volatile function in it."""
    worst = "i"
    for each in walk(expr):
        if isinstance(each, FuncCall | OpExpr):
            worst = max(worst, each.proc.volatility)
        elif isinstance(each, SqlValue):
            worst = max(worst, "s")
    return worst


def depends_on(expr: Expr | Query, relation: Relation | None = None) -> tuple[set[Address], set[int]]:
    """What an expression or a query refers to: recordDependencyOnExpr() of src/backend/catalog/dependency.c.

    Returns:
        all objects, and the numbers of the columns of `relation` among them.
    """
    found: set[Address] = set()
    columns: set[int] = set()
    if isinstance(expr, Query):
        _query_depends(expr, found)
    else:
        _expression_depends(expr, found)
    if relation is not None:
        for address in found:
            if address.class_id == CLASS and address.oid == relation.oid and address.part > 0:
                columns.add(address.part)
    return {each for each in found if each.oid >= 16384}, columns


def _expression_depends(expr: Expr, found: set[Address]) -> None:
    for each in walk(expr):
        if isinstance(each, Var):
            source: Any = each.entry.source
            if isinstance(source, Relation) and each.column > 0:
                found.add(Address(CLASS, source.oid, each.column))
            elif isinstance(source, Relation):
                found.add(Address(CLASS, source.oid))
        elif isinstance(each, Const) and each.type == _REGCLASS and each.value:
            found.add(Address(CLASS, each.value))
        found.add(Address(TYPE, each.type))
        if each.collation not in (0, 100):
            found.add(Address(COLLATION, each.collation))
        if isinstance(each, SubLink):
            _query_depends(each.query, found)


def _query_depends(query: Query, found: set[Address]) -> None:
    for part in subqueries(query):
        for each in query_expressions(part):
            _expression_depends(each, found)
        for entry in entries(part.from_):
            if isinstance(entry.source, Relation):
                found.add(Address(CLASS, entry.source.oid))
