"""The types of values, and conversions between the storage forms of one type with different modifiers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...types import AnyType, ArrayType
from ...types.array import Array
from ...types.numeric import NUMERIC, ScaledNumeric
from ...types.record import RECORD_OID, RecordType
from ...types.text import Character
from ..nodes import Expr
from .python import scalar_function
from .state import Lowering, unsupported

__all__ = ["as_kind", "convert_sql", "converter", "plain", "same_form", "type_of_expression"]

_RECORD_ARRAY = 2287


def type_of_expression(lowering: Lowering, expr: Expr) -> AnyType:
    """The type of the value of `expr`, with its modifier."""
    row = lowering.type_row(expr.type)
    if row.implementation is not None:
        return row.implementation.modified(expr.typmod)
    if expr.type in (RECORD_OID, _RECORD_ARRAY) or row.kind == "c":
        from .row_types import row_type

        return row_type(lowering, expr, row)
    if row.element and row.category == "A":
        return ArrayType(lowering.type_of(row.element, expr.typmod, expr.location), row.oid)
    raise unsupported(f"type {row.name}", expr.location)


def same_form(a: AnyType, b: AnyType) -> bool:
    """Whether values of two modifications of a type are stored alike."""
    if a is b:
        return True
    if isinstance(a, RecordType) and isinstance(b, RecordType):
        return len(a.fields) == len(b.fields) and all(map(same_form, a.fields, b.fields))
    if isinstance(a, ArrayType) and isinstance(b, ArrayType):
        return same_form(a.element, b.element)
    if isinstance(a, ScaledNumeric) or isinstance(b, ScaledNumeric):
        return isinstance(a, ScaledNumeric) and isinstance(b, ScaledNumeric) and a.scale == b.scale
    if isinstance(a, Character) and isinstance(b, Character):
        return a.length == b.length
    return True


def converter(source: AnyType, target: AnyType) -> Callable[[Any], Any]:
    """From the storage form of one modification of a type to that of another one; the value is not changed."""
    if isinstance(source, ArrayType) and isinstance(target, ArrayType):
        item = converter(source.element, target.element)

        def array(stored: str) -> str:
            loaded: Array = source.load(stored)
            loaded.items = [None if each is None else item(each) for each in loaded.items]
            return target.store(loaded)

        return array
    if isinstance(source, RecordType) and isinstance(target, RecordType) and len(source.fields) == len(target.fields):
        fields = [converter(a, b) for a, b in zip(source.fields, target.fields, strict=True)]

        def row(stored: str) -> str:
            values = source.load(stored)
            return target.store([None if v is None else f(v) for v, f in zip(values, fields, strict=True)])

        return row
    if isinstance(source, Character) and isinstance(target, Character):
        return lambda stored: target.coerce(source.output(stored), True)
    if target.oid == NUMERIC.oid:
        if isinstance(target, ScaledNumeric):
            return lambda stored: target.coerce(source.output(stored))
        return source.output
    return lambda stored: stored


def as_kind(lowering: Lowering, expr: Expr, target: AnyType) -> str:
    """The SQL of an expression, in the storage form of `target`, another modification of its type."""
    source = lowering.kind(expr)
    if same_form(source, target):
        return lowering.expr(expr)
    constant = lowering.constant(expr)
    if constant is not None:
        value = constant.value
        return lowering.value(None if value is None else converter(source, target)(value))
    return convert_sql(lowering, lowering.expr(expr), source, target)


def convert_sql(lowering: Lowering, sql: str, source: AnyType, target: AnyType) -> str:
    """The SQL of a value of `source` in the storage form of `target`."""
    if same_form(source, target):
        return sql
    function = scalar_function(
        f"form {source.oid} {source.typmod} {target.typmod}", 1, (source, target), lambda: converter(source, target)
    )
    return f"{lowering.use(function)}({sql})"


def plain(lowering: Lowering, expr: Expr) -> str:
    """The SQL of an expression, in the storage form of its type without modifier: what functions take."""
    return as_kind(lowering, expr, lowering.kind(expr).modified(-1))
