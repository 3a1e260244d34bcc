"""Expressions that are no part of a query: defaults, checks, generated columns, keys of indexes, arguments."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from ...catalog import Catalog, Relation
from ...errors import SqlError
from ...types import DEFAULT, Settings
from ..grammar import Node, parse
from ..nodes import Entry, Expr
from ..walk import walk
from .coerce import Context, coerce_to_target
from .collations import assign
from .expressions import transform
from .from_clause import relation_item
from .kinds import Kind
from .oids import TEXT, UNKNOWN
from .places import location_of
from .state import Item, Notes, Shared, State, error, stored_shared
from .typenames import format_type

__all__ = ["analyse_expression", "cast_for_column", "expression_of_text", "parse_expression"]


@lru_cache(2000)
def parse_expression(text: str) -> Node:
    """The tree of an expression, as the catalogue keeps it.

    Raises:
        SqlError: it is none.
    """
    return parse_expressions(text)[0]


def parse_expressions(text: str) -> list[Node]:
    """The trees of expressions that stand in a row, as pg_proc.proargdefaults has them.

    Raises:
        SqlError: one is none.
    """
    (statement,) = parse("SELECT " + text)
    return [each["ResTarget"]["val"] for each in statement.tree["targetList"]]


def expression_of_text(shared: Shared, text: str, entry: Entry | None = None, kind: Kind = Kind.OTHER) -> Expr:
    """An expression of the catalogue, analysed.

    Args:
        shared: what the statement shares.
        text: the expression.
        entry: the table whose columns it may refer to.
        kind: where it stands.
    """
    inner = stored_shared(shared)
    state = State(inner)
    if entry is not None:
        inner.depths[entry] = 0
        state.namespace = [Item(entry)]
    try:
        result = transform(state, parse_expression(text), kind)
    except SqlError as wrong:
        # it would point into the text of the catalogue
        wrong.position = None
        raise
    assign(state, result)
    for each in walk(result):
        each.location = -1
    shared.notes.add(inner.notes)
    return result


def analyse_expression(
    node: Node,
    catalog: Catalog,
    kind: Kind,
    relation: Relation | None = None,
    *,
    settings: Settings = DEFAULT,
    parameter_types: Sequence[int] | None = None,
    notes: Notes | None = None,
    stored: bool = False,
) -> tuple[Expr, Entry | None]:
    """An expression of DDL, or an argument of EXECUTE.

    Args:
        node: its parse tree.
        catalog: the catalogue.
        kind: where it stands: `Kind.DEFAULT`, `Kind.CHECK`, `Kind.GENERATED`, `Kind.INDEX_EXPRESSION`, ….
        relation: the table whose columns it may refer to.
        settings: of the session, for literals.
        parameter_types: types of parameters, which are refused without.
        notes: takes what a plan cache wants to know.
        stored: whether it is text that the deparser wrote, as the catalogue keeps it.

    Returns:
        The expression, and the entry that its `Var`s refer to.
    """
    parameters = None if parameter_types is None else list(parameter_types)
    shared = Shared(catalog, settings, parameters, notes or Notes(), stored=stored)
    state = State(shared)
    entry: Entry | None = None
    if relation is not None:
        item = relation_item(state, relation, None, -1)
        state.namespace = [item]
        entry = item.entry
    result = transform(state, node, kind)
    if result.type == UNKNOWN and kind not in (Kind.DEFAULT, Kind.GENERATED, Kind.EXECUTE):
        cast = coerce_to_target(state, result, TEXT, -1, Context.IMPLICIT)
        result = result if cast is None else cast
    assign(state, result)
    return result, entry


def cast_for_column(
    expr: Expr,
    catalog: Catalog,
    kind: int,
    typmod: int,
    column: str,
    *,
    what: str = "default expression",
    settings: Settings = DEFAULT,
) -> Expr:
    """A default or generated expression brought to the type of its column: cookDefault.

    Raises:
        SqlError: 42804.
    """
    state = State(Shared(catalog, settings, None, Notes()))
    result = coerce_to_target(state, expr, kind, typmod, Context.ASSIGNMENT)
    if result is None:
        raise _mismatch(catalog, expr, kind, column, what)
    assign(state, result)
    return result


def _mismatch(catalog: Catalog, expr: Expr, kind: int, column: str, what: str) -> SqlError:
    return error(
        "42804",
        f'column "{column}" is of type {format_type(catalog, kind)} but {what} is of type'
        f" {format_type(catalog, expr.type)}",
        location_of(expr) if what != "default expression" else -1,
        hint="You will need to rewrite or cast the expression.",
    )
