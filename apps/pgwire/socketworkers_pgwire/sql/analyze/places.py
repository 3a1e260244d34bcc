"""Where an analysed expression begins in the text: PostgreSQL's exprLocation (nodeFuncs.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..grammar import Node
from ..nodes import (
    ArrayCoerce,
    BooleanTest,
    BoolExpr,
    CoerceViaIO,
    CollateExpr,
    Distinct,
    Expr,
    FieldSelect,
    FuncCall,
    NullIf,
    NullTest,
    OpExpr,
    Query,
    Relabel,
    RowCompare,
    ScalarArrayOp,
    SubLink,
    Subscript,
)
from ..walk import query_expressions, subqueries, walk

__all__ = ["forget_places", "leftmost", "location_of", "raw_location"]


def leftmost(first: int, second: int) -> int:
    """The place that comes first, of two of which each may be nowhere (-1)."""
    if first < 0:
        return second
    if second < 0:
        return first
    return min(first, second)


def location_of(expr: Expr) -> int:
    """The place where an expression begins, -1 for nowhere."""
    kind = type(expr)
    if kind in (OpExpr, FuncCall, BoolExpr, Distinct, NullIf):
        return _least(expr.location, expr.args)  # type: ignore[attr-defined]
    if kind in (Relabel, CoerceViaIO, ArrayCoerce, NullTest, BooleanTest):
        return leftmost(expr.location, location_of(expr.arg))  # type: ignore[attr-defined]
    if kind in (CollateExpr, FieldSelect, Subscript):
        return location_of(expr.arg)  # type: ignore[attr-defined]
    if kind is ScalarArrayOp:
        assert isinstance(expr, ScalarArrayOp)
        return leftmost(expr.location, leftmost(location_of(expr.left), location_of(expr.array)))
    if kind is RowCompare:
        assert isinstance(expr, RowCompare)
        return _least(-1, expr.left)
    if kind is SubLink:
        assert isinstance(expr, SubLink)
        return _least(expr.location, expr.left)
    return expr.location


def _least(location: int, args: Sequence[Expr]) -> int:
    for arg in args:
        location = leftmost(location, location_of(arg))
    return location


def forget_places(query: Query) -> None:
    """Take the places out of a query whose text is not that of the statement."""
    for each in subqueries(query):
        for expr in query_expressions(each):
            for inner in walk(expr):
                inner.location = -1
                if isinstance(inner, SubLink):
                    forget_places(inner.query)


#: fields of raw nodes that may stand before the node's own place
_BEFORE = ("lexpr", "rexpr", "arg", "testexpr", "args")


def raw_location(node: Node) -> int:
    """The place where an expression of the parse tree begins."""
    ((kind, fields),) = node.items()
    location: int = fields.get("location", -1 if kind in ("A_Indirection", "List") else 0)
    if kind in (
        "A_Expr",
        "BoolExpr",
        "NullTest",
        "BooleanTest",
        "TypeCast",
        "CollateClause",
        "A_Indirection",
        "SubLink",
        "FuncCall",
        "List",
    ):
        for key in _BEFORE:
            inner: Any = fields.get(key)
            if isinstance(inner, list):
                for each in inner:
                    location = leftmost(location, raw_location(each))
            elif inner:
                location = leftmost(location, raw_location(inner))
        for each in fields.get("items", ()):
            if each:
                return leftmost(location, raw_location(each))
    return location
