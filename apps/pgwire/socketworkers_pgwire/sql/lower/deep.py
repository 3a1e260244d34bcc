"""Expressions that are nested deeper than SQLite takes: calculated in Python from their leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...errors import SqlError
from ..execute.connection import ExecutionCell
from ..nodes import (
    Aggregate,
    BoolExpr,
    Const,
    Expr,
    FuncCall,
    GroupingCall,
    OpExpr,
    Param,
    SubLink,
    Var,
    WindowCall,
)
from .calls import hoisted
from .evaluate import Frame, compile_expression
from .match import children, shape
from .python import function_of
from .state import Lowering

__all__ = ["lower_deep"]

_MAX_LEAVES = 900
_LEAVES = (Var, SubLink, Aggregate, GroupingCall, WindowCall)


def lower_deep(lowering: Lowering, expr: Expr) -> str:
    """The SQL of a very deep expression."""
    if isinstance(expr, BoolExpr):
        from .expressions import lower_bool

        return lower_bool(lowering, expr)
    found = hoisted(lowering, expr)
    if found is not None:
        return found
    leaves: dict[int, int] = {}
    used: list[Expr] = []
    numbers: dict[Any, int] = {}
    pending = [expr]
    while pending:
        node = pending.pop()
        if isinstance(node, FuncCall | OpExpr) and node.proc.volatility == "v":
            lowering.volatile = True
        if isinstance(node, _LEAVES) or (isinstance(node, Param) and node.number > 0):
            key = shape(node)
            if key not in numbers:
                numbers[key] = len(used)
                used.append(node)
            leaves[id(node)] = numbers[key]
        elif not isinstance(node, Const):
            pending += children(node)
    compiled, _ = compile_expression(lowering, expr, leaves)

    def make(cell: ExecutionCell) -> Callable[..., Any]:
        return lambda *values: compiled(Frame(cell.execution, (), values))

    function = function_of("deep", -1, "scalar", shape(expr), make)
    if len(used) > _MAX_LEAVES:
        raise SqlError("54001", "statement is too complex")
    return f"{lowering.use(function)}({','.join([lowering.expr(each) for each in used])})"
