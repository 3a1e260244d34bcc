"""Which collation each expression has: PostgreSQL documentation §24.2.1, parse_collate.c.

It is settled for whole expressions, when all literals and parameters have their types.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from ...catalog import Catalog
from ..nodes import (
    Aggregate,
    Case,
    CollateExpr,
    Const,
    CurrentOf,
    Default,
    Expr,
    FieldSelect,
    GroupingCall,
    Param,
    Relabel,
    RowCompare,
    RowExpr,
    SqlValue,
    SubLink,
    Subscript,
    Var,
    WindowCall,
)
from ..walk import children
from .oids import DEFAULT_COLLATION
from .places import location_of
from .state import State, error

__all__ = ["assign", "assign_all", "common_collation"]

NONE, IMPLICIT, CONFLICT, EXPLICIT = range(4)

_Found: TypeAlias = tuple[int, int, int, int]
"""Collation, how strongly it is meant, where, and the other one of a conflict."""

_NOTHING: _Found = (0, NONE, -1, 0)
_LEAVES = frozenset((Var, Const, Param, SqlValue, Default, CurrentOf, GroupingCall))


def assign(state: State, expr: Expr) -> None:
    """Settle the collations of an expression that stands by itself.

    Raises:
        SqlError: 42P21 explicit collations differ.
    """
    if type(expr) not in _LEAVES:
        _visit(state.catalog, expr)


def assign_all(state: State, exprs: Iterable[Expr]) -> None:
    """`assign`, of several."""
    catalog = state.catalog
    for expr in exprs:
        if type(expr) not in _LEAVES:
            _visit(catalog, expr)


def common_collation(state: State, exprs: Iterable[Expr], *, conflict_allowed: bool) -> int:
    """The collation of several expressions together: select_common_collation.

    Raises:
        SqlError: 42P21 they differ.
    """
    found = _NOTHING
    for expr in exprs:
        found = _merge(state.catalog, found, _visit(state.catalog, expr))
    if found[1] == CONFLICT:
        if conflict_allowed:
            return 0
        raise _implicit_mismatch(state.catalog, found)
    return found[0]


def _name(catalog: Catalog, collation: int) -> str:
    row = catalog.collation_by_oid(collation)
    return "" if row is None else row.name


def _implicit_mismatch(catalog: Catalog, found: _Found) -> Exception:
    return error(
        "42P21",
        f'collation mismatch between implicit collations "{_name(catalog, found[0])}" and "{_name(catalog, found[3])}"',
        found[2],
        hint="You can choose the collation by applying the COLLATE clause to one or both expressions.",
    )


def _merge(catalog: Catalog, one: _Found, other: _Found) -> _Found:
    if other[1] > one[1]:
        return other
    if other[1] < one[1] or other[0] == one[0]:
        return one
    if other[1] == IMPLICIT:
        # a collation that is not the default one is meant more
        if one[0] == DEFAULT_COLLATION:
            return other
        if other[0] != DEFAULT_COLLATION:
            return one[0], CONFLICT, other[2], other[0]
    elif other[1] == EXPLICIT:
        raise error(
            "42P21",
            f'collation mismatch between explicit collations "{_name(catalog, one[0])}" and'
            f' "{_name(catalog, other[0])}"',
            other[2],
        )
    return one


def _visit(catalog: Catalog, expr: Expr) -> _Found:
    kind = type(expr)
    if kind in _LEAVES:
        collation = expr.collation
        if kind is GroupingCall:
            for arg in children(expr):
                _visit(catalog, arg)
        return (collation, IMPLICIT, expr.location, 0) if collation else _NOTHING
    if isinstance(expr, CollateExpr):
        _visit(catalog, expr.arg)
        return expr.collation, EXPLICIT, expr.location, 0
    found = _NOTHING
    for arg in _contributors(catalog, expr):
        below = _visit(catalog, arg)
        if below[1]:
            found = below if not found[1] else _merge(catalog, found, below)
    row = catalog.type_by_oid(expr.type)
    own = 0 if row is None else row.collation
    if isinstance(expr, SubLink):
        if expr.kind not in ("scalar", "array"):
            return _NOTHING
        first = expr.query.outputs[0].expr.collation
        expr.collation = first if own else 0
        return (expr.collation, IMPLICIT, expr.location, 0) if expr.collation else _NOTHING
    if isinstance(expr, FieldSelect):
        return (expr.collation, IMPLICIT, expr.location, 0) if expr.collation else _NOTHING
    expr.input_collation = 0 if found[1] == CONFLICT else found[0]
    if not own:
        expr.collation = 0
        return _NOTHING
    if not found[1] or (row is not None and row.kind == "d" and isinstance(expr, Relabel)):
        expr.collation = own
        return own, IMPLICIT, location_of(expr), 0
    expr.collation = 0 if found[1] == CONFLICT else found[0]
    return found


def _contributors(catalog: Catalog, expr: Expr) -> Iterable[Expr]:
    """The parts whose collations say what the whole one's is; the others are settled here."""
    if isinstance(expr, Case):
        if expr.test is not None:
            _visit(catalog, expr.test)
        for condition, _ in expr.whens:
            _visit(catalog, condition)
        results = [result for _, result in expr.whens]
        return results if expr.default is None else [*results, expr.default]
    if isinstance(expr, Aggregate):
        if expr.filter is not None:
            _visit(catalog, expr.filter)
        for key in expr.order:
            _visit(catalog, key.expr)
        if not expr.direct:
            return expr.args
        split = len(expr.direct)
        if expr.proc.aggregate_kind == "h":
            # each hypothetical argument is compared with the column that it is ranked in
            split -= len(expr.args)
            for direct, arg in zip(expr.direct[split:], expr.args, strict=True):
                pair = _merge(catalog, _visit(catalog, direct), _visit(catalog, arg))
                if pair[1] == CONFLICT:
                    raise _implicit_mismatch(catalog, pair)
        for arg in expr.direct[:split]:
            _visit(catalog, arg)
        # an ordered set is compared by the collation of the one thing it is ordered by
        if len(expr.args) == 1:
            return expr.args
        for arg in expr.args:
            _visit(catalog, arg)
        return ()
    if isinstance(expr, WindowCall):
        if expr.filter is not None:
            _visit(catalog, expr.filter)
        return expr.args
    if isinstance(expr, Subscript):
        for arg in children(expr)[1:]:
            _visit(catalog, arg)
        return (expr.arg,)
    if isinstance(expr, RowExpr):
        for arg in expr.fields:
            _visit(catalog, arg)
        return ()
    if isinstance(expr, RowCompare):
        expr.collations = []
        for left, right in zip(expr.left, expr.right, strict=True):
            pair = _merge(catalog, _visit(catalog, left), _visit(catalog, right))
            if pair[1] == CONFLICT:
                raise _implicit_mismatch(catalog, pair)
            expr.collations.append(pair[0])
        return ()
    return children(expr)
