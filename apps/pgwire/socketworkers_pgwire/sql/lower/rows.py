"""Rows: ROW(...), whole rows of tables, their fields and comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...catalog import Relation
from ...types import RecordType
from ..nodes import Expr, FieldSelect, NullTest, RowCompare, RowExpr, SubLink, Var
from .calls import by_python
from .comparisons import Operation
from .evaluate import Compilation, Compiled, Frame, compiles
from .expressions import balanced
from .keys import compare
from .python import function_of
from .row_types import entry_type
from .shapes import as_kind
from .state import Lowering, lowers
from .variables import column_sql

__all__ = ["fields_of", "row_null_test", "whole_row"]


def whole_row(lowering: Lowering, expr: Var) -> str:
    """A whole row as one value; NULL where an outer join found none."""
    fields = fields_of(lowering, expr)
    assert fields is not None
    sql = _made(lowering, entry_type(lowering, expr.entry), fields)
    source = expr.entry.source
    if expr.entry in lowering.marks:
        return f"iif({lowering.marks[expr.entry]} IS NULL,NULL,{sql})"
    if isinstance(source, Relation) and source.rowid and expr.entry in lowering.aliases:
        number = column_sql(lowering, expr.entry, -1)
        return f"iif({number} IS NULL,NULL,{sql})"
    return sql


@lowers(RowExpr)
def _row(lowering: Lowering, expr: RowExpr) -> str:
    kind = lowering.kind(expr)
    assert isinstance(kind, RecordType)
    return _made(lowering, kind, expr.fields)


def _made(lowering: Lowering, kind: RecordType, fields: Sequence[Expr]) -> str:
    function = function_of("row", -1, "scalar", kind.shape, lambda cell: lambda *values: kind.store(values))
    values = [as_kind(lowering, field, target) for field, target in zip(fields, kind.fields, strict=True)]
    return f"{lowering.use(function)}({','.join(values)})"


@compiles(RowExpr)
def _compile_row(compilation: Compilation, expr: RowExpr) -> Compiled:
    kind = compilation.lowering.kind(expr)
    assert isinstance(kind, RecordType)
    fields = [compilation.as_kind(field, target) for field, target in zip(expr.fields, kind.fields, strict=True)]
    return lambda frame: kind.store([field(frame) for field in fields])


@compiles(FieldSelect)
def _compile_field(compilation: Compilation, expr: FieldSelect) -> Compiled:
    kind = compilation.lowering.kind(expr.arg)
    inner = compilation.expr(expr.arg)
    number = expr.number - 1

    def field(frame: Frame) -> Any:
        stored = inner(frame)
        return None if stored is None else kind.load(stored)[number]

    return field


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
    if isinstance(expr.arg, SubLink) and expr.arg.kind == "multiset":
        from .sublinks import single_row

        query = expr.arg.query
        sql = lowering.query(query)
        return single_row(lowering, query, sql, f"c{expr.number}")
    return by_python(lowering, expr)


@lowers(RowCompare)
def _row_compare(lowering: Lowering, expr: RowCompare) -> str:
    """The first pair that differs decides (§9.24.5); written out, so that each pair is compared by its own keys."""
    left, right = expr.left[-1], expr.right[-1]
    sql = compare(lowering, expr.kind, left, right)
    strict: Operation = "<" if expr.kind in ("<", "<=") else ">"
    with lowering.perhaps():
        for left, right in zip(reversed(expr.left[:-1]), reversed(expr.right[:-1]), strict=True):
            equal = compare(lowering, "=", left, right)
            before = compare(lowering, strict, left, right)
            sql = f"(CASE WHEN {equal} THEN {sql} ELSE {before} END)"
    return sql
