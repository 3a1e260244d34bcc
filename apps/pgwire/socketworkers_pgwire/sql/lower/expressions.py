"""Constants, parameters, casts, truth values and values of the session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..execute.stable import cast_function
from ..nodes import (
    ArrayCoerce,
    BooleanTest,
    BoolExpr,
    CoerceViaIO,
    CollateExpr,
    Default,
    Distinct,
    Expr,
    NullIf,
    NullTest,
    OpExpr,
    Param,
    Relabel,
    SqlValue,
    Var,
)
from .calls import by_python, hoisted, is_simple
from .comparisons import COMPARISONS
from .evaluate import Compilation, Compiled, Frame, comparison, compiles, implementation
from .fold import is_foldable_io
from .keys import compare
from .match import walk
from .shapes import as_kind, convert_sql
from .state import Lowering, lowers, unsupported

__all__ = ["balanced", "lower_bool"]


@lowers(Param)
def _param(lowering: Lowering, expr: Param) -> str:
    if expr.number > 0:
        return lowering.parameter(expr.number)
    return lowering.inner[expr.number]


@lowers(Default)
def _default(lowering: Lowering, expr: Default) -> str:
    raise unsupported("DEFAULT here", expr.location)


# casts


@lowers(Relabel)
def _relabel(lowering: Lowering, expr: Relabel) -> str:
    return _relabelled(lowering, expr)


@lowers(CollateExpr)
def _collate(lowering: Lowering, expr: CollateExpr) -> str:
    return lowering.expr(expr.arg)


def _relabelled(lowering: Lowering, expr: Relabel) -> str:
    """Binary coercible types have one storage form, but for that of their modifiers."""
    source, target = lowering.kind(expr.arg), lowering.kind(expr)
    return convert_sql(lowering, lowering.expr(expr.arg), *_relabel_kinds(source, target))


def _relabel_kinds(source: Any, target: Any) -> tuple[Any, Any]:
    """The two modifications between which a Relabel converts: of one type."""
    if source.oid == target.oid:
        return source, target
    return source, source.modified(-1)


@compiles(Relabel)
def _compile_relabel(compilation: Compilation, expr: Relabel) -> Compiled:
    source, target = compilation.lowering.kind(expr.arg), compilation.lowering.kind(expr)
    return compilation.as_kind(expr.arg, _relabel_kinds(source, target)[1])


@compiles(CollateExpr)
def _compile_collate(compilation: Compilation, expr: CollateExpr) -> Compiled:
    return compilation.expr(expr.arg)


@lowers(CoerceViaIO)
def _via_io(lowering: Lowering, expr: CoerceViaIO) -> str:
    source = lowering.kind(expr.arg)
    target = lowering.kind(expr)
    if target.category == "S" and target.typname in ("text", "varchar") and expr.typmod < 0:
        plain = source.typname != "money" and not source.typname.startswith("reg")
        if plain and source.category == "N" and source.declared == "INTEGER":
            return f"CAST({lowering.expr(expr.arg)} AS TEXT)"
        if source.category in ("S", "E") or source.typname in ("uuid", "json", "jsonb"):
            return as_kind(lowering, expr.arg, source.modified(-1))
    if is_foldable_io(lowering, expr) and (lowering.stored or any(isinstance(each, Var) for each in walk(expr))):
        cast = cast_function(source, target)
        if cast is not None and (expr.form == "implicit cast" or target.typmod < 0 or target.category != "S"):
            return f"{lowering.use(cast)}({lowering.expr(expr.arg)})"
    return hoisted(lowering, expr) or by_python(lowering, expr)


@compiles(CoerceViaIO)
def _compile_via_io(compilation: Compilation, expr: CoerceViaIO) -> Compiled:
    compilation.context = True
    source, target = compilation.lowering.kind(expr.arg), compilation.lowering.kind(expr)
    inner = compilation.expr(expr.arg)
    explicit = expr.form != "implicit cast"

    def converted(frame: Frame) -> Any:
        value = inner(frame)
        if value is None:
            return None
        if frame.execution is None:
            return read(source.output(value))
        settings = frame.execution.settings
        return read(source.output(value, settings), settings)

    plain = target.modified(-1)
    if explicit and target is not plain and target.category == "S":
        return _cut(compilation, inner, source, target)
    read = target.input
    return converted


def _cut(compilation: Compilation, inner: Compiled, source: Any, target: Any) -> Compiled:
    """An explicit cast cuts what is too long."""

    def converted(frame: Frame) -> Any:
        value = inner(frame)
        if value is None:
            return None
        text = source.output(value) if frame.execution is None else source.output(value, frame.execution.settings)
        return target.coerce(text, True)

    return converted


@lowers(ArrayCoerce)
def _array_coerce(lowering: Lowering, expr: ArrayCoerce) -> str:
    return hoisted(lowering, expr) or by_python(lowering, expr, [expr.arg])


@compiles(ArrayCoerce)
def _compile_array_coerce(compilation: Compilation, expr: ArrayCoerce) -> Compiled:
    source, target = compilation.lowering.kind(expr.arg), compilation.lowering.kind(expr)
    inner, element = compilation.expr(expr.arg), compilation.expr(expr.element)

    def converted(frame: Frame) -> Any:
        stored = inner(frame)
        if stored is None:
            return None
        array = source.load(stored)
        items = []
        for item in array.items:
            frame.inner[0] = item
            items.append(element(frame))
        array.items = items
        return target.store(array)

    return converted


# truth values


def balanced(parts: Sequence[str], word: str) -> str:
    """Many conditions as a tree that is as deep as the logarithm of their number: SQLite bounds the depth."""
    if len(parts) == 1:
        return parts[0]
    if len(parts) <= 8:
        return "(" + f" {word} ".join(parts) + ")"
    middle = len(parts) // 2
    return f"({balanced(parts[:middle], word)} {word} {balanced(parts[middle:], word)})"


def _flattened(expr: BoolExpr) -> list[Expr]:
    flat: list[Expr] = []
    pending: list[Expr] = [expr]
    while pending:
        node = pending.pop()
        if isinstance(node, BoolExpr) and node.kind == expr.kind:
            pending += reversed(node.args)
        else:
            flat.append(node)
    return flat


@lowers(BoolExpr)
def lower_bool(lowering: Lowering, expr: BoolExpr) -> str:
    """AND, OR, NOT."""
    if expr.kind == "not":
        return f"(NOT {lowering.expr(expr.args[0])})"
    parts: list[str] = []
    decisive = 0 if expr.kind == "and" else 1
    operands: list[Expr] = []
    for each in _flattened(expr):
        constant = lowering.constant(each)
        if constant is None or constant.value is None:
            operands.append(each)
        elif constant.value == decisive:
            # what stands behind is not looked at; what stands before is not needed
            return str(decisive)
    for each in operands:
        if parts:
            with lowering.perhaps():
                parts.append(lowering.expr(each))
        else:
            parts.append(lowering.expr(each))
    if not parts:
        return str(1 - decisive)
    return balanced(parts, "AND" if expr.kind == "and" else "OR")


@compiles(BoolExpr)
def _compile_bool(compilation: Compilation, expr: BoolExpr) -> Compiled:
    if expr.kind == "not":
        inner = compilation.expr(expr.args[0])

        def negated(frame: Frame) -> Any:
            value = inner(frame)
            return None if value is None else 1 - value

        return negated
    parts = compilation.exprs(_flattened(expr))
    decisive = 0 if expr.kind == "and" else 1

    def decided(frame: Frame) -> Any:
        result: int | None = 1 - decisive
        for part in parts:
            value = part(frame)
            if value is None:
                result = None
            elif value == decisive:
                return decisive
        return result

    return decided


@lowers(NullTest)
def _null_test(lowering: Lowering, expr: NullTest) -> str:
    if expr.row:
        from .rows import row_null_test

        return row_null_test(lowering, expr)
    return f"({lowering.expr(expr.arg)} {'IS NOT' if expr.negated else 'IS'} NULL)"


@compiles(NullTest)
def _compile_null_test(compilation: Compilation, expr: NullTest) -> Compiled:
    inner = compilation.expr(expr.arg)
    wanted = not expr.negated
    if expr.row:
        kind = compilation.lowering.kind(expr.arg)

        def row(frame: Frame) -> int:
            stored = inner(frame)
            values = () if stored is None else kind.load(stored)
            return int(all((value is None) == wanted for value in values)) if stored is not None else int(wanted)

        return row
    return lambda frame: 1 if (inner(frame) is None) == wanted else 0


@lowers(BooleanTest)
def _boolean_test(lowering: Lowering, expr: BooleanTest) -> str:
    word = "IS NOT" if expr.negated else "IS"
    value = {"true": "1", "false": "0", "unknown": "NULL"}[expr.test]
    return f"({lowering.expr(expr.arg)} {word} {value})"


@compiles(BooleanTest)
def _compile_boolean_test(compilation: Compilation, expr: BooleanTest) -> Compiled:
    inner = compilation.expr(expr.arg)
    wanted = {"true": 1, "false": 0, "unknown": None}[expr.test]
    negated = expr.negated
    return lambda frame: int((inner(frame) == wanted) != negated)


@lowers(Distinct)
def _distinct(lowering: Lowering, expr: Distinct) -> str:
    if COMPARISONS.get(expr.proc.signature) == "=":
        return compare(lowering, "IS" if expr.negated else "IS NOT", expr.args[0], expr.args[1])
    return by_python(lowering, expr)


def _equal(compilation: Compilation, expr: Distinct | NullIf) -> Any:
    """The function that tells whether two values are equal."""
    lowering = compilation.lowering
    if COMPARISONS.get(expr.proc.signature) == "=":
        return comparison(lowering, "=", expr.args[0], expr.args[1])
    call = OpExpr(
        type=16,
        operator=expr.operator,
        proc=expr.proc,
        args=expr.args,
        collation=expr.collation,
        location=expr.location,
    )
    found = implementation(lowering, call)
    if found.bind or found.context or found.kind != "scalar":
        raise unsupported(f"operator {expr.operator.signature} here", expr.location)
    return found.function


@compiles(Distinct)
def _compile_distinct(compilation: Compilation, expr: Distinct) -> Compiled:
    equal = _equal(compilation, expr)
    left, right = compilation.plain(expr.args[0]), compilation.plain(expr.args[1])
    negated = expr.negated

    def distinct(frame: Frame) -> int:
        a, b = left(frame), right(frame)
        differ = (a is None) != (b is None) if a is None or b is None else not equal(a, b)
        return int(differ != negated)

    return distinct


@lowers(NullIf)
def _null_if(lowering: Lowering, expr: NullIf) -> str:
    first, second = expr.args
    if COMPARISONS.get(expr.proc.signature) == "=" and is_simple(lowering, first):
        value = as_kind(lowering, first, lowering.type_of(expr.type, expr.typmod))
        return f"(CASE WHEN {compare(lowering, '=', first, second)} THEN NULL ELSE {value} END)"
    return by_python(lowering, expr)


@compiles(NullIf)
def _compile_null_if(compilation: Compilation, expr: NullIf) -> Compiled:
    equal = _equal(compilation, expr)
    left, right = compilation.plain(expr.args[0]), compilation.plain(expr.args[1])
    value = compilation.as_kind(expr.args[0], compilation.lowering.kind(expr))

    def unless(frame: Frame) -> Any:
        a, b = left(frame), right(frame)
        return None if a is None or (b is not None and equal(a, b)) else value(frame)

    return unless


# values of the session


@lowers(SqlValue)
def _sql_value(lowering: Lowering, expr: SqlValue) -> str:
    with_slot = hoisted(lowering, expr)
    return with_slot if with_slot is not None else by_python(lowering, expr)


@compiles(SqlValue)
def _compile_sql_value(compilation: Compilation, expr: SqlValue) -> Compiled:
    from .session_values import session_value

    compilation.context = True
    if "time" not in expr.name and "date" not in expr.name:
        compilation.lowering.personal = True
    function = session_value(expr.name, compilation.lowering.kind(expr))

    def value(frame: Frame) -> Any:
        assert frame.execution is not None
        return function(frame.execution)

    return value
