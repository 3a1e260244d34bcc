"""Expressions that the catalogue keeps: defaults, generated columns, checks, index expressions and predicates.

They are analysed, kept as text with all names qualified, and read back by the same analysis with an empty search path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..catalog import Column, Relation
from ..catalog.session import SessionCatalog
from ..sql.analyze import Kind, analyse_expression, cast_for_column, parse_expression
from ..sql.analyze.coerce import coerce_to_boolean
from ..sql.deparse import deparse_expression
from ..sql.grammar import Node
from ..sql.nodes import Const, Entry, Expr, FuncCall, OpExpr, Query, SqlValue, SubLink, Var
from ..sql.walk import entries, query_expressions, walk
from .common import error, state_of
from .ids import CLASS, COLLATION, FIRST_NORMAL, TYPE, Address
from .surroundings import Surroundings

__all__ = [
    "Stored",
    "analyse_text",
    "check",
    "default",
    "depends_on",
    "generated",
    "index_expression",
    "predicate",
    "stored_text",
]

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


def _analyse(around: Surroundings, relation: Relation | None, node: Node, kind: Kind) -> Expr:
    expr, _ = analyse_expression(node, around.catalog, kind, relation, settings=around.settings)
    return expr


def default(around: Surroundings, relation: Relation, column: Column, node: Node) -> Stored:
    """DEFAULT: cookDefault() of src/backend/catalog/heap.c.

    Raises:
        SqlError: whatever is wrong with it; 42804 it has another type.
    """
    expr = _analyse(around, relation, node, Kind.DEFAULT)
    for each in walk(expr):
        if isinstance(each, Var):
            raise error("0A000", "cannot use column reference in DEFAULT expression", {"location": each.location})
    return _stored(around, relation, _assigned(around, around.catalog, expr, column))


def generated(around: Surroundings, relation: Relation, column: Column, node: Node) -> Stored:
    """GENERATED ALWAYS AS: cookDefault() too.

    Raises:
        SqlError: whatever is wrong with it; 42P17 it is not immutable, or reads itself or another such column.
    """
    expr = _analyse(around, relation, node, Kind.GENERATED)
    for each in walk(expr):
        if isinstance(each, Var) and each.column > 0 and relation.columns[each.column - 1].generated:
            name = relation.columns[each.column - 1].name
            raise error(
                "42P17",
                f'cannot use generated column "{name}" in column generation expression',
                {"location": each.location},
                detail="A generated column cannot reference another generated column.",
            )
    if volatility(around, expr) != "i":
        raise error("42P17", "generation expression is not immutable")
    return _stored(around, relation, _assigned(around, around.catalog, expr, column))


def check(around: Surroundings, relation: Relation, node: Node) -> Stored:
    """CHECK: cookConstraint().

    Raises:
        SqlError: whatever is wrong with it.
    """
    return _stored(around, relation, _condition(around, relation, node, Kind.CHECK, "CHECK"))


def _condition(around: Surroundings, relation: Relation, node: Node, kind: Kind, construct: str) -> Expr:
    state = state_of(around)
    return coerce_to_boolean(state, _analyse(around, relation, node, kind), construct)


def index_expression(around: Surroundings, relation: Relation, node: Node) -> Stored:
    """A key of an index that is no plain column.

    Raises:
        SqlError: whatever is wrong with it; 42P17 it is not immutable.
    """
    expr = _analyse(around, relation, node, Kind.INDEX_EXPRESSION)
    if volatility(around, expr) != "i":
        raise error("42P17", "functions in index expression must be marked IMMUTABLE")
    return _stored(around, relation, expr)


def predicate(around: Surroundings, relation: Relation, node: Node) -> Stored:
    """The WHERE of an index.

    Raises:
        SqlError: whatever is wrong with it; 42P17 it is not immutable.
    """
    expr = _condition(around, relation, node, Kind.INDEX_PREDICATE, "WHERE")
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
    expr, _ = analyse_expression(parse_expression(text), catalog, Kind.OTHER, relation, settings=around.settings)
    return expr if column is None else _assigned(around, catalog, expr, column)


def _assigned(around: Surroundings, catalog: SessionCatalog, expr: Expr, column: Column) -> Expr:
    return cast_for_column(expr, catalog, column.type, column.typmod, column.name, settings=around.settings)


def stored_text(around: Surroundings, expr: Expr) -> str:
    """An expression as the catalogue keeps it."""
    return deparse_expression(expr, around.catalog.qualified(), storage=True, settings=around.settings)


def _stored(around: Surroundings, relation: Relation | None, expr: Expr) -> Stored:
    text = stored_text(around, expr)
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


def depends_on(
    expr: Expr | Query, relation: Relation | None = None, views: Mapping[Entry, Relation] | None = None
) -> tuple[set[Address], set[int]]:
    """What an expression or a query refers to: recordDependencyOnExpr() of src/backend/catalog/dependency.c.

    Args:
        expr: it.
        relation: the table whose columns are asked for.
        views: the entries that are views.

    Returns:
        all objects, and the numbers of the columns of `relation` among them.
    """
    dependencies = _Dependencies(views or {})
    if isinstance(expr, Query):
        dependencies.query(expr)
    else:
        dependencies.expression(expr)
    found = dependencies.found
    columns = {
        each.part
        for each in found
        if relation is not None and (each.class_id, each.oid) == (CLASS, relation.oid) and each.part > 0
    }
    # a whole relation goes without saying where a column of it is referred to: eliminate_duplicate_dependencies()
    said = {(each.class_id, each.oid) for each in found if each.part}
    kept = {each for each in found if each.part or (each.class_id, each.oid) not in said}
    return {each for each in kept if each.oid >= FIRST_NORMAL}, columns


class _Dependencies:
    """What is referred to; a view counts, and not what is behind it."""

    def __init__(self, views: Mapping[Entry, Relation]) -> None:
        self.found: set[Address] = set()
        self._views = views

    def expression(self, expr: Expr) -> None:
        for each in walk(expr):
            if isinstance(each, Var):
                source = self._views.get(each.entry, each.entry.source)
                if isinstance(source, Relation):
                    self.found.add(Address(CLASS, source.oid, max(each.column, 0)))
            elif isinstance(each, Const) and each.type == _REGCLASS and each.value:
                self.found.add(Address(CLASS, each.value))
            elif isinstance(each, SubLink):
                self.query(each.query)
            self.found.add(Address(TYPE, each.type))
            if each.collation not in (0, 100):
                self.found.add(Address(COLLATION, each.collation))

    def query(self, query: Query) -> None:
        for expr in query_expressions(query):
            self.expression(expr)
        for entry in entries(query.from_):
            source = self._views.get(entry, entry.source)
            if isinstance(source, Relation):
                self.found.add(Address(CLASS, source.oid))
            elif isinstance(source, Query):
                self.query(source)
        for cte in query.ctes:
            self.query(cte.query)
        if query.set_operation is not None:
            self.query(query.set_operation.left)
            self.query(query.set_operation.right)
