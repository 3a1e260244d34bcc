"""Constants: what is known before the statement runs is calculated once, as PostgreSQL's planner does."""

from __future__ import annotations

from dataclasses import replace

from ...errors import SqlError
from ...types.base import parts_of
from ..nodes import (
    ArrayCoerce,
    ArrayExpr,
    BooleanTest,
    Case,
    Coalesce,
    CoerceViaIO,
    CollateExpr,
    Const,
    Distinct,
    Expr,
    FuncCall,
    MinMax,
    NullIf,
    NullTest,
    OpExpr,
    Param,
    Relabel,
    ScalarArrayOp,
    Subscript,
)
from .evaluate import Frame, compile_expression
from .match import children, walk
from .state import Lowering

__all__ = ["fold", "is_foldable_io", "is_volatile", "with_known_test"]

_PURE = (
    ArrayCoerce,
    ArrayExpr,
    BooleanTest,
    CollateExpr,
    Distinct,
    MinMax,
    NullIf,
    NullTest,
    Relabel,
    ScalarArrayOp,
    Subscript,
)
#: types whose text form depends on settings of the session, and the reg* types, whose depends on the catalogue
_SESSION_TYPES = frozenset(
    (17, 700, 701, 1082, 1083, 1114, 1184, 1186, 1266, 24, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4089, 4096, 4191)
)


def is_foldable_io(lowering: Lowering, expr: CoerceViaIO) -> bool:
    """Whether neither the output nor the input function of a cast asks for settings of the session."""
    for oid in (expr.type, expr.arg.type):
        kind = lowering.type_row(oid).implementation
        if kind is None or any([each.oid in _SESSION_TYPES for each in parts_of(kind)]):
            return False
    return True


def fold(lowering: Lowering, expr: Expr) -> Const | None:
    """The constant that an expression is; None when it is none, or fails (it then fails when it is calculated)."""
    kind = type(expr)
    if kind is FuncCall or kind is OpExpr:
        assert isinstance(expr, FuncCall | OpExpr)
        if expr.proc.returns_set or expr.proc.kind != "f":
            return None
        if expr.proc.strict and any(_is_null(lowering.constant(each)) for each in expr.args):
            return None if expr.proc.volatility == "v" else _const(expr, None)
        if expr.proc.volatility != "i":
            return None
    elif kind is CoerceViaIO:
        assert isinstance(expr, CoerceViaIO)
        if not is_foldable_io(lowering, expr):
            return None
    elif kind is Case or kind is Coalesce:
        return _fold_choice(lowering, expr)
    elif kind not in _PURE:
        return None
    operands = list(children(expr))
    if isinstance(expr, ArrayCoerce):
        operands = [expr.arg]  # the cast of an element is no constant
    for operand in operands:
        if lowering.constant(operand) is None:
            return None
    return _calculated(lowering, expr, operands)


def _calculated(lowering: Lowering, expr: Expr, operands: list[Expr]) -> Const | None:
    leaves = {id(operand): index for index, operand in enumerate(operands)}
    values = [constant.value for operand in operands if (constant := lowering.constant(operand)) is not None]
    try:
        function, context = compile_expression(lowering, expr, leaves)
        if context:
            return None
        return _const(expr, function(Frame(None, (), values)))
    except SqlError as error:
        # as PostgreSQL's planner: wherever it stands, as long as no constant before it says that it is not looked at
        if error.sqlstate != "0A000" and lowering.failure is None:
            lowering.failure = error
        return None


def _const(expr: Expr, value: object) -> Const:
    return Const(type=expr.type, typmod=expr.typmod, collation=expr.collation, location=expr.location, value=value)


def _is_null(constant: Const | None) -> bool:
    return constant is not None and constant.value is None


def _fold_choice(lowering: Lowering, expr: Expr) -> Const | None:
    """CASE and COALESCE whose choice is known: a branch that is not taken is not looked at."""
    if isinstance(expr, Coalesce):
        for each in expr.args:
            constant = lowering.constant(each)
            if constant is None:
                return None
            if constant.value is not None:
                return _same_modifier(expr, constant)
        return _const(expr, None)
    assert isinstance(expr, Case)
    expr = with_known_test(lowering, expr)
    if expr.test is not None:
        return None
    for condition, result in expr.whens:
        constant = lowering.constant(condition)
        if constant is None:
            return None
        if constant.value:
            found = lowering.constant(result)
            return None if found is None else _same_modifier(expr, found)
    if expr.default is None:
        return _const(expr, None)
    found = lowering.constant(expr.default)
    return None if found is None else _same_modifier(expr, found)


def with_known_test(lowering: Lowering, expr: Case) -> Case:
    """CASE of a constant as one of conditions, which may then be known too."""
    if expr.test is None:
        return expr
    test = lowering.constant(expr.test)
    if test is None:
        return expr
    found = lowering.rewritten.get(id(expr))
    if found is None:
        whens: list[tuple[Expr, Expr]] = []
        for condition, result in expr.whens:
            if not isinstance(condition, OpExpr):
                return expr
            known = [test if isinstance(each, Param) and each.number == -1 else each for each in condition.args]
            if any(isinstance(node, Param) and node.number == -1 for each in known for node in walk(each)):
                return expr
            whens.append((replace(condition, args=known), result))
        found = lowering.rewritten[id(expr)] = (expr, replace(expr, test=None, whens=whens))
    return found[1]


def _same_modifier(expr: Expr, constant: Const) -> Const | None:
    if constant.typmod == expr.typmod or constant.value is None:
        return _const(expr, constant.value)
    return None


def is_volatile(expr: Expr) -> bool:
    """Whether a function in it may give something else each time."""
    return any(isinstance(each, FuncCall | OpExpr) and each.proc.volatility == "v" for each in walk(expr))
