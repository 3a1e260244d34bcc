"""Rows: ROW(...), whole rows of tables, their fields and comparisons."""

from __future__ import annotations

from ..nodes import (
    Expr,
    FieldSelect,
    NullTest,
    RowCompare,
    RowExpr,
    Var,
)
from .calls import by_python
from .expressions import balanced
from .keys import compare
from .state import Lowering, lowers, unsupported

__all__ = ["fields_of", "row_null_test", "whole_row"]


def whole_row(lowering: Lowering, expr: Var) -> str:
    """A whole row as one value."""
    raise unsupported("a whole row as a value", expr.location)


@lowers(RowExpr)
def _row(lowering: Lowering, expr: RowExpr) -> str:
    raise unsupported("a row as a value", expr.location)


def fields_of(lowering: Lowering, expr: Expr) -> list[Expr] | None:
    """The expressions of a row's fields, where they are known."""
    if isinstance(expr, RowExpr):
        return expr.fields
    if isinstance(expr, Var) and expr.column == 0:
        entry = expr.entry
        return [
            Var(type=kind, typmod=typmod, collation=collation, entry=entry, column=number)
            for number, (kind, typmod, collation) in enumerate(entry.types, 1)
            if kind
        ]
    return None


def row_null_test(lowering: Lowering, expr: NullTest) -> str:
    """IS [NOT] NULL of a row: all of its fields are (are not) NULL."""
    fields = fields_of(lowering, expr.arg)
    if fields is None:
        return by_python(lowering, expr)
    if not fields:
        return "1"
    word = "IS NOT" if expr.negated else "IS"
    return balanced([f"({lowering.expr(field)} {word} NULL)" for field in fields], "AND")


@lowers(FieldSelect)
def _field(lowering: Lowering, expr: FieldSelect) -> str:
    fields = fields_of(lowering, expr.arg)
    if fields is not None and isinstance(expr.arg, RowExpr):
        return lowering.expr(fields[expr.number - 1])
    if isinstance(expr.arg, Var) and expr.arg.column == 0:
        column = Var(type=expr.type, typmod=expr.typmod, entry=expr.arg.entry, column=expr.number)
        return lowering.expr(column)
    return by_python(lowering, expr)


@lowers(RowCompare)
def _row_compare(lowering: Lowering, expr: RowCompare) -> str:
    """The first pair that differs decides (§9.24.5); written out, so that each pair is compared by its own keys."""
    left, right = expr.left[-1], expr.right[-1]
    sql = compare(lowering, expr.kind, left, right)
    strict = "<" if expr.kind in ("<", "<=") else ">"
    with lowering.perhaps():
        for left, right in zip(reversed(expr.left[:-1]), reversed(expr.right[:-1]), strict=True):
            equal = compare(lowering, "=", left, right)
            before = compare(lowering, strict, left, right)  # type: ignore[arg-type]
            sql = f"(CASE WHEN {equal} THEN {sql} ELSE {before} END)"
    return sql
