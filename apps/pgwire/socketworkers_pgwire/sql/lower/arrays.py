"""Arrays: constructors, subscripts, ``= ANY`` and its like."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ...errors import SqlError
from ...functions import Implementation
from ...types import Array, ArrayType
from ...types.array import MAX_DIMENSIONS, too_many_dimensions
from ...types.integers import INT4
from ..nodes import ArrayExpr, Expr, OpExpr, Param, ScalarArrayOp, Subscript
from .calls import by_python, hoisted
from .comparisons import COMPARISONS
from .evaluate import Compilation, Compiled, Frame, comparison, compiles, implementation
from .expressions import balanced
from .keys import check_order, compare
from .shapes import same_form
from .state import Lowering, Slot, lowers, unsupported

if TYPE_CHECKING:
    from ...functions import Execution

__all__ = ["stacked"]


# ARRAY[...]


@lowers(ArrayExpr)
def _array(lowering: Lowering, expr: ArrayExpr) -> str:
    if not expr.items:
        return "'[]'"
    return hoisted(lowering, expr) or by_python(lowering, expr)


@compiles(ArrayExpr)
def _compile_array(compilation: Compilation, expr: ArrayExpr) -> Compiled:
    target = compilation.lowering.kind(expr)
    assert isinstance(target, ArrayType)
    if expr.multidimensional:
        parts = [compilation.as_kind(each, target) for each in expr.items]
        return lambda frame: stacked(target, [part(frame) for part in parts])
    items = [compilation.as_kind(each, target.element) for each in expr.items]

    def made(frame: Frame) -> str:
        values = [item(frame) for item in items]
        return target.store(Array(values, (len(values),), (1,)))

    return made


def stacked(target: ArrayType, parts: Sequence[str | None]) -> str:
    """An array whose items are arrays (array_expr of PostgreSQL's executor)."""
    items: list[Any] = []
    lengths: tuple[int, ...] | None = None
    lowers_: tuple[int, ...] = ()
    empty = False
    for part in parts:
        array = target.load(part) if part is not None else Array([])
        if not array.lengths:
            empty = True
            continue
        if lengths is not None and (array.lengths != lengths or array.lowers != lowers_):
            raise _mismatch()
        lengths, lowers_ = array.lengths, array.lowers
        items += array.items
    if lengths is None:
        return "[]"
    if empty:
        raise _mismatch()
    if len(lengths) + 1 > MAX_DIMENSIONS:
        raise too_many_dimensions(len(lengths) + 1)
    return target.store(Array(items, (len(parts), *lengths), (1, *lowers_)))


def _mismatch() -> SqlError:
    return SqlError("2202E", "multidimensional arrays must have array expressions with matching dimensions")


# subscripts


@lowers(Subscript)
def _subscript(lowering: Lowering, expr: Subscript) -> str:
    return hoisted(lowering, expr) or by_python(lowering, expr)


@compiles(Subscript)
def _compile_subscript(compilation: Compilation, expr: Subscript) -> Compiled:
    kind = compilation.lowering.kind(expr.arg)
    if not isinstance(kind, ArrayType):
        return _compile_jsonb_subscript(compilation, expr)
    container = compilation.expr(expr.arg)
    upper = [None if each is None else compilation.expr(each) for each in expr.upper]
    lower = [None if each is None else compilation.expr(each) for each in expr.lower]
    if len(upper) > MAX_DIMENSIONS:
        raise too_many_dimensions(len(upper))
    if expr.assign is not None:
        from .array_updates import assigned_item, assigned_slice

        target = kind if expr.slice else kind.element
        value = compilation.as_kind(expr.assign, target)

        def assigned(frame: Frame) -> Any:
            stored = container(frame)
            last = [None if each is None else each(frame) for each in upper]
            if expr.slice:
                first = [None if each is None else each(frame) for each in lower]
                return assigned_slice(kind, stored, _bounds(lower, first), _bounds(upper, last), value(frame))
            return assigned_item(kind, stored, last, value(frame))

        return assigned

    def item(frame: Frame) -> Any:
        stored = container(frame)
        indexes = [None if each is None else each(frame) for each in upper]
        return None if stored is None or None in indexes else _item(kind, stored, indexes)

    def part(frame: Frame) -> Any:
        stored = container(frame)
        if stored is None:
            return None
        firsts, lasts = [], []
        for low, high in zip(lower, upper, strict=True):
            first = None if low is None else low(frame)
            last = None if high is None else high(frame)
            if (low is not None and first is None) or (high is not None and last is None):
                return None
            firsts.append(first)
            lasts.append(last)
        return _slice(kind, stored, firsts, lasts)

    return part if expr.slice else item


def _bounds(given: Sequence[Any], values: list[Any]) -> list[Any]:
    if any(each is not None and value is None for each, value in zip(given, values, strict=True)):
        raise SqlError("22004", "array subscript in assignment must not be null")
    return values


def _item(kind: ArrayType, stored: str, indexes: Sequence[Any]) -> Any:
    array = kind.load(stored)
    if len(indexes) != len(array.lengths):
        return None
    position = 0
    for index, length, lower in zip(indexes, array.lengths, array.lowers, strict=True):
        if not lower <= index < lower + length:
            return None
        position = position * length + index - lower
    return array.items[position]


def _slice(kind: ArrayType, stored: str, firsts: Sequence[Any], lasts: Sequence[Any]) -> str:
    """Bounds beyond the array are cut, dimensions that are not named are whole; the result counts from 1."""
    array = kind.load(stored)
    if len(firsts) > len(array.lengths) or not array.lengths:
        return "[]"
    ranges: list[range] = []
    for dimension, (length, lower) in enumerate(zip(array.lengths, array.lowers, strict=True)):
        first, last = lower, lower + length - 1
        if dimension < len(firsts):
            first = first if firsts[dimension] is None else max(first, firsts[dimension])
            last = last if lasts[dimension] is None else min(last, lasts[dimension])
        if last < first:
            return "[]"
        ranges.append(range(first - lower, last - lower + 1))
    items: list[int] = [0]
    for chosen, length in zip(ranges, array.lengths, strict=True):
        items = [position * length + index for position in items for index in chosen]
    lengths = tuple([len(chosen) for chosen in ranges])
    return kind.store(Array([array.items[position] for position in items], lengths, (1,) * len(lengths)))


def _compile_jsonb_subscript(compilation: Compilation, expr: Subscript) -> Compiled:
    from ...types import json_operators

    kind = compilation.lowering.kind(expr.arg)
    if kind.typname != "jsonb" or expr.slice:
        raise unsupported(f"subscripting of type {kind.name}", expr.location)
    container = compilation.expr(expr.arg)
    path = [(compilation.expr(each), each.type) for each in expr.upper if each is not None]
    value = None if expr.assign is None else compilation.expr(expr.assign)

    def steps(frame: Frame) -> list[str | None]:
        found = [step(frame) for step, _ in path]
        return [None if each is None else str(each) for each in found]

    def fetched(frame: Frame) -> Any:
        stored, where = container(frame), steps(frame)
        return None if stored is None or None in where else json_operators.extract_path(stored, where)

    def assigned(frame: Frame) -> Any:
        assert value is not None
        where = steps(frame)
        if None in where:
            raise SqlError("22004", "jsonb subscript in assignment must not be null")
        stored = container(frame)
        new = value(frame)
        number = path[0][1] == INT4.oid
        return json_operators.assign_path(
            stored, [step for step in where if step is not None], "null" if new is None else new, number=number
        )

    return fetched if value is None else assigned


# = ANY


@lowers(ScalarArrayOp)
def _scalar_array(lowering: Lowering, expr: ScalarArrayOp) -> str:
    operation = COMPARISONS.get(expr.proc.signature)
    membership = (operation == "=" and expr.any) or (operation == "<>" and not expr.any)
    constant = lowering.constant(expr.array)
    if constant is not None and constant.value is None:
        return "NULL"
    if membership and operation is not None:
        word = "IN" if expr.any else "NOT IN"
        if constant is not None:
            return _in_constants(lowering, expr, word, constant.value)
        if isinstance(expr.array, ArrayExpr) and not expr.array.multidimensional:
            return _in_list(lowering, expr, word, expr.array.items)
        bound = _in_bound(lowering, expr, word)
        if bound is not None:
            return bound
    elif isinstance(expr.array, ArrayExpr) and not expr.array.multidimensional and expr.array.items:
        return _one_by_one(lowering, expr, expr.array.items)
    return hoisted(lowering, expr) or by_python(lowering, expr)


def _element_call(expr: ScalarArrayOp, right: Expr) -> OpExpr:
    return OpExpr(
        type=16, operator=expr.operator, proc=expr.proc, args=[expr.left, right], location=expr.location,
        collation=expr.collation,
    )  # fmt: skip


def _one_by_one(lowering: Lowering, expr: ScalarArrayOp, items: Sequence[Expr]) -> str:
    parts = [lowering.expr(_element_call(expr, item)) for item in items[:1]]
    with lowering.perhaps():
        parts += [lowering.expr(_element_call(expr, item)) for item in items[1:]]
    return balanced(parts, "OR" if expr.any else "AND")


def _in_list(lowering: Lowering, expr: ScalarArrayOp, word: str, items: Sequence[Expr]) -> str:
    """A list that is written out. Its items need one form, that of the left side if it can be."""
    left = lowering.kind(expr.left)
    kinds = [lowering.kind(item) for item in items]
    if not all(same_form(left, kind) for kind in kinds):
        return _one_by_one(lowering, expr, items)
    keys = []
    for item, kind in zip(items, kinds, strict=True):
        keys.append(kind.eqkey(lowering.expr(item)))
    return f"({left.eqkey(lowering.expr(expr.left))} {word} ({','.join(keys)}))"


def _array_kind(lowering: Lowering, expr: ScalarArrayOp) -> ArrayType:
    kind = lowering.kind(expr.array)
    if not isinstance(kind, ArrayType):
        raise unsupported(f"ANY of type {kind.name}", expr.location)
    return kind


def _in_constants(lowering: Lowering, expr: ScalarArrayOp, word: str, stored: str) -> str:
    left, kind = lowering.kind(expr.left), _array_kind(lowering, expr)
    items = kind.load(stored).items
    if not items:
        return "0" if expr.any else "1"
    from ..nodes import Const

    constants = [Const(type=kind.element.oid, typmod=kind.typmod, value=item) for item in items]
    if not same_form(left, kind.element):
        if len(items) > 500:
            left = left.modified(-1)
        else:
            return balanced(
                [compare(lowering, "=" if expr.any else "<>", expr.left, item) for item in constants],
                "OR" if expr.any else "AND",
            )
    from .shapes import as_kind

    keys = [None if item is None else kind.element.equality(item) for item in items]
    key = left.eqkey(as_kind(lowering, expr.left, left))
    if len(keys) == 1:
        return f"({key} {'=' if expr.any else '<>'} {lowering.value(keys[0])})"
    if lowering.stored or (len(keys) <= 100 and all(each is None or type(each) in (int, str) for each in keys)):
        return f"({key} {word} ({','.join([lowering.value(each) for each in keys])}))"
    return f"({key} {word} (SELECT c1 FROM {_rows_source(lowering)}({lowering.slot(Slot(value=_packed(keys)))})))"


def _packed(keys: Sequence[Any]) -> bytes:
    import marshal

    return marshal.dumps([(key,) for key in keys])


def _rows_source(lowering: Lowering) -> str:
    from .sources import rows_source

    return rows_source(lowering, 1)


def _in_bound(lowering: Lowering, expr: ScalarArrayOp, word: str) -> str | None:
    """An array that is known when the statement begins: its items become rows of their keys."""
    if lowering.conditional:
        return None
    if hoisted(lowering, expr.array) is None:
        return None
    compute = lowering.slots.pop().compute
    assert compute is not None
    left, kind = lowering.kind(expr.left), _array_kind(lowering, expr)
    if not same_form(left, kind.element):
        left = left.modified(-1)
        if not same_form(left, kind.element):
            return None
    from .shapes import as_kind

    key = left.eqkey(as_kind(lowering, expr.left, left))
    equality, load = kind.element.equality, kind.load
    native = kind.element.declared in ("INTEGER", "TEXT") and kind.element.eqkey("x") == "x"

    def items(execution: Execution, values: Sequence[Any]) -> Any:
        stored = compute(execution, values)
        # x = ANY (NULL) is NULL, and so is x = ANY ('{NULL}') for every x
        found = [None] if stored is None else load(stored).items
        if native:
            return json.dumps(found, ensure_ascii=False)
        return _packed([None if item is None else equality(item) for item in found])

    bound = lowering.slot(Slot(compute=items))
    if native:
        return f"({key} {word} (SELECT value FROM json_each({bound})))"
    return f"({key} {word} (SELECT c1 FROM {_rows_source(lowering)}({bound})))"


@compiles(ScalarArrayOp)
def _compile_scalar_array(compilation: Compilation, expr: ScalarArrayOp) -> Compiled:
    lowering = compilation.lowering
    kind = _array_kind(lowering, expr).modified(-1)
    assert isinstance(kind, ArrayType)
    left, array = compilation.plain(expr.left), compilation.plain(expr.array)
    test = _element_test(compilation, expr, kind)
    any_, strict = expr.any, expr.proc.strict

    def tested(frame: Frame) -> Any:
        stored = array(frame)
        if stored is None:
            return None
        items = kind.load(stored).items
        if not items:
            return 0 if any_ else 1
        value = left(frame)
        if value is None and strict:
            return None
        result: int | None = 0 if any_ else 1
        for item in items:
            outcome = None if item is None and strict else test(frame, value, item)
            if outcome is None:
                result = None
            elif bool(outcome) == any_:
                return 1 if any_ else 0
        return result

    return tested


def _element_test(compilation: Compilation, expr: ScalarArrayOp, kind: ArrayType) -> Callable[[Frame, Any, Any], Any]:
    lowering = compilation.lowering
    item = Param(type=kind.element.oid, number=0)
    operation = COMPARISONS.get(expr.proc.signature)
    if operation is not None:
        if operation not in ("=", "<>"):
            check_order(lowering, kind.element, expr.collation, expr.location)
        compared = comparison(lowering, operation, expr.left, item)
        return lambda frame, a, b: compared(a, b)
    call = _element_call(expr, item)
    found: Implementation = implementation(lowering, call)
    if found.bind:
        from .evaluate import call_site

        function = found.function(call_site(lowering, call))
    else:
        function = found.function
    if found.context:
        compilation.context = True
        return lambda frame, a, b: function(frame.execution, a, b)
    return lambda frame, a, b: function(a, b)
