"""CASE, COALESCE, GREATEST, LEAST: one value of several."""

from __future__ import annotations

from typing import Any

from ..nodes import Case, Coalesce, MinMax
from .calls import by_python, is_simple
from .evaluate import Compilation, Compiled, Frame, compiles, less
from .fold import with_known_test
from .shapes import as_kind
from .state import Lowering, lowers

__all__: list[str] = []


@lowers(Case)
def _case(lowering: Lowering, expr: Case) -> str:
    expr = with_known_test(lowering, expr)
    target = lowering.kind(expr)
    parts: list[str] = []
    test = expr.test
    value = ""
    if test is not None and not is_simple(lowering, test) and not lowering.stored:
        return _case_of_value(lowering, expr)
    if test is not None:
        value = lowering.expr(test)
    outer = lowering.inner.get(-1)
    for index, (condition, result) in enumerate(expr.whens):
        constant = lowering.constant(condition) if test is None else None
        if constant is not None:
            if not constant.value:
                continue
            # what stands behind is not looked at
            with lowering.perhaps():
                last = as_kind(lowering, result, target)
            return f"(CASE {' '.join(parts)} ELSE {last} END)" if parts else last
        if test is not None:
            lowering.inner[-1] = value
        if index:
            with lowering.perhaps():
                sql = lowering.expr(condition)
        else:
            sql = lowering.expr(condition)
        if outer is not None:
            lowering.inner[-1] = outer
        with lowering.perhaps():
            parts.append(f"WHEN {sql} THEN {as_kind(lowering, result, target)}")
    with lowering.perhaps():
        default = "NULL" if expr.default is None else as_kind(lowering, expr.default, target)
    return f"(CASE {' '.join(parts)} ELSE {default} END)" if parts else default


def _case_of_value(lowering: Lowering, expr: Case) -> str:
    """CASE of a value that is calculated once: in a query of its own, which SQLite must not merge with this one."""
    assert expr.test is not None
    name = lowering.alias("k")
    value = lowering.expr(expr.test)
    outer = dict(lowering.inner)
    lowering.inner[-1] = f"{name}.v"
    inner = Case(
        type=expr.type, typmod=expr.typmod, collation=expr.collation, test=None, whens=expr.whens, default=expr.default
    )
    try:
        sql = _case(lowering, inner)
    finally:
        lowering.inner = outer
    return f"(WITH {name}(v) AS MATERIALIZED (SELECT {value}) SELECT {sql} FROM {name})"


@compiles(Case)
def _compile_case(compilation: Compilation, expr: Case) -> Compiled:
    target = compilation.lowering.kind(expr)
    test = None if expr.test is None else compilation.expr(expr.test)
    whens = [(compilation.expr(when), compilation.as_kind(then, target)) for when, then in expr.whens]
    default = None if expr.default is None else compilation.as_kind(expr.default, target)

    def chosen(frame: Frame) -> Any:
        outer = frame.inner.get(-1)
        if test is not None:
            value = test(frame)
        for when, then in whens:
            if test is not None:
                frame.inner[-1] = value
            holds = when(frame)
            frame.inner[-1] = outer
            if holds:
                return then(frame)
        return None if default is None else default(frame)

    return chosen


@lowers(Coalesce)
def _coalesce(lowering: Lowering, expr: Coalesce) -> str:
    target = lowering.kind(expr)
    parts: list[str] = []
    for each in expr.args:
        constant = lowering.constant(each)
        if constant is not None and constant.value is None:
            continue
        if parts:
            with lowering.perhaps():
                parts.append(as_kind(lowering, each, target))
        else:
            parts.append(as_kind(lowering, each, target))
        if constant is not None:
            break
    if not parts:
        return "NULL"
    return parts[0] if len(parts) == 1 else f"coalesce({','.join(parts)})"


@compiles(Coalesce)
def _compile_coalesce(compilation: Compilation, expr: Coalesce) -> Compiled:
    target = compilation.lowering.kind(expr)
    parts = [compilation.as_kind(each, target) for each in expr.args]

    def first(frame: Frame) -> Any:
        for part in parts:
            value = part(frame)
            if value is not None:
                return value
        return None

    return first


@lowers(MinMax)
def _min_max(lowering: Lowering, expr: MinMax) -> str:
    return by_python(lowering, expr)


@compiles(MinMax)
def _compile_min_max(compilation: Compilation, expr: MinMax) -> Compiled:
    target = compilation.lowering.kind(expr)
    parts = [compilation.as_kind(each, target) for each in expr.args]
    order = target.order
    greatest = expr.greatest

    def extreme(frame: Frame) -> Any:
        best: Any = None
        for part in parts:
            value = part(frame)
            if value is None:
                continue
            if best is None:
                best = value
                continue
            if less(order(best), order(value)) if greatest else less(order(value), order(best)):
                best = value
        return best

    return extreme
