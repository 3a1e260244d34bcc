"""Subqueries in expressions. PostgreSQL: transformSubLink."""

from __future__ import annotations

from ..grammar import Node
from ..nodes import BoolExpr, Expr, OpExpr, Param, Query, RowCompare, RowExpr, SubLink
from .expressions import expression
from .oids import BOOL, RECORD
from .state import State, error
from .typenames import format_type, type_row

__all__ = ["row_compare_sublink", "sublink"]


def sublink(state: State, node: Node) -> Expr:
    """A subquery of any kind.

    Raises:
        SqlError: 42601 it has the wrong number of columns; 0A000 it cannot stand here.
    """
    location = node.get("location", 0)
    query = _query(state, node, location)
    kind = node.get("subLinkType", "EXISTS_SUBLINK")
    if kind == "EXISTS_SUBLINK":
        return SubLink(type=BOOL, kind="exists", query=query, location=location)
    shown = [output.expr for output in query.outputs if not output.junk]
    if kind in ("EXPR_SUBLINK", "ARRAY_SUBLINK"):
        if len(shown) != 1:
            raise error(
                "42601", "subquery must return only one column" if shown else "subquery must return a column", location
            )
        first = shown[0]
        if kind == "EXPR_SUBLINK":
            return SubLink(type=first.type, typmod=first.typmod, kind="scalar", query=query, location=location)
        row = type_row(state.catalog, first.type)
        # arrays of arrays are arrays of more dimensions
        array = row.array or (first.type if row.element else 0)
        if not array:
            raise error(
                "42704", f"could not find array type for data type {format_type(state.catalog, first.type)}", location
            )
        return SubLink(type=array, typmod=first.typmod, kind="array", query=query, location=location)
    left_expr = expression(state, node["testexpr"])
    left = left_expr.fields if isinstance(left_expr, RowExpr) and left_expr.type == RECORD else [left_expr]
    names = node.get("operName") or [{"String": {"sval": "="}}]
    return _compared(state, "any" if kind == "ANY_SUBLINK" else "all", left, names, query, location)


def _query(state: State, node: Node, location: int) -> Query:
    refused = state.kind.subqueries
    if refused:
        raise error("0A000", f"cannot use subquery in {refused}", location)
    state.query.has_sublinks = True
    from .select import sub_select

    return sub_select(state, node["subselect"])


def _compared(state: State, kind: str, left: list[Expr], names: list[Node], query: Query, location: int) -> SubLink:
    from .comparisons import combine, row_tests

    shown = [output.expr for output in query.outputs if not output.junk]
    if len(left) < len(shown):
        raise error("42601", "subquery has too many columns", location)
    if len(left) > len(shown):
        raise error("42601", "subquery has too few columns", location)
    right: list[Expr] = [
        Param(type=expr.type, typmod=expr.typmod, collation=expr.collation, number=-number)
        for number, expr in enumerate(shown, 1)
    ]
    tests = row_tests(state, names, left, right, location)
    whole: list[Expr] = list(tests)
    if len(tests) > 1:
        combined = combine(tests, names, location)
        if isinstance(combined, RowCompare) or (isinstance(combined, BoolExpr) and combined.kind == "or"):
            whole = [combined]
    result = SubLink(
        type=BOOL,
        kind="any",
        query=query,
        left=[_left_of(test) for test in tests],
        operators=[test.operator for test in tests],
        tests=whole,
        location=location,
    )
    if kind == "all":
        result.kind = "all"
    elif kind == "rowcompare":
        result.kind = "rowcompare"
    return result


def _left_of(test: OpExpr) -> Expr:
    return test.args[0]


def row_compare_sublink(state: State, left: Node, names: list[Node], node: Node, location: int) -> Expr:
    """``(a, b) = (SELECT …)``."""
    query = _query(state, node, node.get("location", 0))
    row = expression(state, left)
    assert isinstance(row, RowExpr)
    return _compared(state, "rowcompare", row.fields, names, query, location)
