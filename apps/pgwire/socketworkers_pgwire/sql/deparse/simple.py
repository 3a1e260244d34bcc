"""Which expressions need no parentheses within another one, when the text is to be pretty: isSimpleNode."""

from __future__ import annotations

from ..nodes import (
    Aggregate,
    ArrayCoerce,
    ArrayExpr,
    BooleanTest,
    BoolExpr,
    Case,
    Coalesce,
    CoerceViaIO,
    Const,
    CurrentOf,
    Default,
    Distinct,
    Expr,
    FieldSelect,
    FuncCall,
    GroupingCall,
    MinMax,
    NullIf,
    NullTest,
    OpExpr,
    Param,
    Relabel,
    RowExpr,
    SqlValue,
    SubLink,
    Subscript,
    Var,
    WindowCall,
)

__all__ = ["is_simple"]

_ALWAYS = (
    Var,
    Const,
    Param,
    Default,
    CurrentOf,
    Subscript,
    ArrayExpr,
    RowExpr,
    Coalesce,
    MinMax,
    SqlValue,
    NullIf,
    Aggregate,
    GroupingCall,
    WindowCall,
    FuncCall,
    Case,
)
#: what encloses its parts itself
_ENCLOSING = (Subscript, ArrayExpr, RowExpr, Coalesce, MinMax, NullIf, Aggregate, GroupingCall, WindowCall, Case)


def is_simple(expr: Expr, parent: Expr, *, pretty: bool) -> bool:
    """Whether an expression can stand in another one as it is."""
    if isinstance(expr, _ALWAYS):
        return True
    if isinstance(expr, FieldSelect):
        return not isinstance(parent, FieldSelect)
    if isinstance(expr, Relabel | CoerceViaIO | ArrayCoerce):
        return is_simple(expr.arg, expr, pretty=pretty)
    if isinstance(expr, OpExpr) and pretty and isinstance(parent, OpExpr):
        return _operator_in_operator(expr, parent)
    if isinstance(expr, OpExpr | SubLink | NullTest | BooleanTest | Distinct):
        return _is_enclosed(parent) or isinstance(parent, BoolExpr)
    if isinstance(expr, BoolExpr):
        if isinstance(parent, BoolExpr):
            if not pretty:
                return False
            return parent.kind == "or" if expr.kind == "or" else parent.kind in ("and", "or")
        return _is_enclosed(parent)
    return False


def _is_enclosed(parent: Expr) -> bool:
    if isinstance(parent, FuncCall):
        return parent.form == "call"
    return isinstance(parent, _ENCLOSING)


def _operator_in_operator(expr: OpExpr, parent: OpExpr) -> bool:
    own, outer = _basic(expr), _basic(parent)
    if not own or not outer:
        return False
    own_low, outer_low = own in "+-", outer in "+-"
    if not own_low and outer_low:
        return True
    if own_low and not outer_low:
        return False
    return expr is parent.args[0]


def _basic(expr: OpExpr) -> str:
    """One of ``+ - * / %``, as a binary operator."""
    name = expr.operator.name
    return name if len(expr.args) == 2 and name in ("+", "-", "*", "/", "%") else ""
