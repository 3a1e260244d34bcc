"""The shapes of rows: which fields a value of type record, or of a composite type, has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...catalog import TypeRow
from ...types import AnyType, ArrayType
from ...types.record import RECORD_OID, RecordType
from ..nodes import (
    Aggregate,
    ArrayExpr,
    Case,
    Coalesce,
    CteSource,
    Entry,
    Expr,
    FieldSelect,
    FuncCall,
    Join,
    MinMax,
    NullIf,
    Output,
    Query,
    Relabel,
    RowExpr,
    SubLink,
    Subscript,
    ValuesSource,
    Var,
    WindowCall,
)
from .state import Lowering, unsupported

_ANYELEMENT = 2283

__all__ = ["composite_type", "entry_kinds", "entry_type", "row_type"]


def composite_type(lowering: Lowering, row: TypeRow) -> RecordType:
    """A composite type, or the type of a table's rows.

    Raises:
        SqlError: 0A000, it has a column of a type that we do not have.
    """
    relation = lowering.catalog.relation_by_oid(row.relation)
    if relation is None:
        raise unsupported(f"type {row.name}")
    columns = [column for column in relation.columns if not column.dropped]
    fields = [lowering.type_of(column.type, column.typmod) for column in columns]
    return RecordType(fields, [column.name for column in columns], row.oid, row.name, row.array)


def row_type(lowering: Lowering, expr: Expr, row: TypeRow) -> AnyType:
    """The type of an expression that gives a row, or an array of rows.

    Raises:
        SqlError: 0A000, nothing tells the fields.
    """
    if row.kind == "c":
        return composite_type(lowering, row)
    found = _known(lowering, expr)
    if found is None:
        raise unsupported("a record whose columns are not known", expr.location)
    return found


def entry_type(lowering: Lowering, entry: Entry) -> RecordType:
    """The type of the whole row of an entry."""
    kept = [(name, each) for name, each in zip(entry.names, entry.types, strict=True) if each[0]]
    fields = [_column_type(lowering, entry, number) for number, each in enumerate(entry.types, 1) if each[0]]
    return RecordType(fields, [name for name, _ in kept])


def entry_kinds(lowering: Lowering, entry: Entry) -> list[AnyType]:
    """The types of the columns of an entry."""
    return [_column_type(lowering, entry, number) for number in range(1, len(entry.types) + 1)]


def _column_type(lowering: Lowering, entry: Entry, number: int) -> AnyType:
    kind, typmod, collation = entry.types[number - 1]
    return lowering.kind(Var(type=kind, typmod=typmod, collation=collation, entry=entry, column=number))


def _known(lowering: Lowering, expr: Expr) -> AnyType | None:
    if isinstance(expr, RowExpr):
        return RecordType([lowering.kind(each) for each in expr.fields], expr.names)
    if isinstance(expr, Var):
        return entry_type(lowering, expr.entry) if expr.column == 0 else _of_column(lowering, expr)
    if isinstance(expr, SubLink):
        outputs = [output for output in expr.query.outputs if not output.junk]
        if expr.kind == "multiset":
            return RecordType([lowering.kind(each.expr) for each in outputs], [each.name for each in outputs])
        kind = lowering.kind(outputs[0].expr)
        return ArrayType(kind, expr.type) if expr.kind == "array" else kind
    if isinstance(expr, ArrayExpr):
        return ArrayType(lowering.kind(expr.items[0]), expr.type) if expr.items else None
    if isinstance(expr, Subscript):
        kind = lowering.kind(expr.arg)
        return kind.element if isinstance(kind, ArrayType) and not expr.slice else kind
    if isinstance(expr, FieldSelect):
        kind = lowering.kind(expr.arg)
        return kind.fields[expr.number - 1] if isinstance(kind, RecordType) else None
    if isinstance(expr, FuncCall) and expr.proc.modes:
        return _of_arguments(lowering, expr)
    if isinstance(expr, Aggregate | WindowCall):
        if not expr.args:
            return None
        kind = lowering.kind(expr.args[0])
        return ArrayType(kind, expr.type) if expr.type != RECORD_OID and not isinstance(kind, ArrayType) else kind
    return _of_choice(lowering, expr)


def _of_arguments(lowering: Lowering, expr: FuncCall) -> AnyType | None:
    """The row that a function gives by its OUT arguments."""
    proc = expr.proc
    found = [(kind, place) for place, kind in enumerate(proc.all_arguments) if proc.modes[place] in "obt"]
    kinds = []
    for kind, _ in found:
        if kind == _ANYELEMENT:
            # that of the array which it takes
            array = lowering.kind(expr.args[0])
            kinds.append(array.element if isinstance(array, ArrayType) else array)
        else:
            kinds.append(lowering.type_of(kind))
    return RecordType(kinds, [proc.names[place] for _, place in found])


def _of_choice(lowering: Lowering, expr: Expr) -> AnyType | None:
    if isinstance(expr, Relabel):
        return lowering.kind(expr.arg)
    if isinstance(expr, Case):
        return lowering.kind(expr.whens[0][1])
    if isinstance(expr, Coalesce | MinMax | NullIf):
        return lowering.kind(expr.args[0])
    if isinstance(expr, FuncCall):
        return _of_call(lowering, expr)
    return None


def _of_call(lowering: Lowering, expr: FuncCall) -> AnyType | None:
    """A polymorphic function gives a row of the shape that its arguments have."""
    for each in expr.args:
        row = lowering.type_row(each.type)
        if each.type != RECORD_OID and row.kind != "c" and row.element == 0:
            continue
        kind = lowering.kind(each)
        element = kind.element if isinstance(kind, ArrayType) else kind
        if isinstance(element, RecordType):
            return element if expr.type == RECORD_OID else ArrayType(element, expr.type)
    return None


def _of_column(lowering: Lowering, expr: Var) -> AnyType | None:
    """The type of a column that is a row: what the query behind it says."""
    source: Any = expr.entry.source
    handlers: dict[type, Callable[[], AnyType | None]] = {
        Join: lambda: lowering.kind(source.columns[expr.column - 1]),
        Query: lambda: _of_query(lowering, source, expr.column),
        CteSource: lambda: _of_query(lowering, source.cte.query, expr.column),
        ValuesSource: lambda: _of_values(lowering, [row[expr.column - 1] for row in source.rows]),
    }
    handler = handlers.get(type(source))
    return None if handler is None else handler()


def _of_values(lowering: Lowering, exprs: Sequence[Expr]) -> AnyType:
    """One type for all rows.

    Raises:
        SqlError: 0A000, they are records of different fields, which the stored values do not tell.
    """
    kind = lowering.kind(exprs[0])
    for each in exprs[1:]:
        if isinstance(each, RowExpr) and isinstance(kind, RecordType):
            other = lowering.kind(each)
            if isinstance(other, RecordType) and [a.oid for a in other.fields] != [a.oid for a in kind.fields]:
                raise unsupported("a column of records with different fields", each.location)
    return kind


def _of_query(lowering: Lowering, query: Query, column: int) -> AnyType:
    while query.set_operation is not None:
        query = query.set_operation.left
    outputs: list[Output] = [output for output in query.outputs if not output.junk]
    if query.command != "select":
        outputs = query.returning or []
    return lowering.kind(outputs[column - 1].expr)
