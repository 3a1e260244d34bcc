"""Expressions calculated in Python: for constants, for parts that SQLite has no form for, and for very deep ones.

`compile` makes a closure of an expression. Its leaves, sub-expressions that are known from elsewhere, are read from the
frame. Nodes register how they are compiled here; what is not registered cannot be compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from ...functions import CallSite, Implementation, find
from ...types import AnyType
from ..nodes import Const, Expr, FuncCall, OpExpr, Param
from .comparisons import COMPARISONS, Operation
from .state import Lowering, unsupported

if TYPE_CHECKING:
    from ...functions import Execution

__all__ = ["Compilation", "Compiled", "Frame", "compile_expression", "compiles", "implementation"]


class Frame:
    """What an expression is calculated over."""

    __slots__ = ("execution", "inner", "leaves", "parameters")

    def __init__(self, execution: Execution | None, parameters: Sequence[Any], leaves: Sequence[Any]) -> None:
        self.execution = execution
        self.parameters = parameters
        self.leaves = leaves
        self.inner: dict[int, Any] = {}


#: categories of types whose functions ask the session for the time, the time zone and forms only
_TIMES = ("D", "T")
Compiled: TypeAlias = "Callable[[Frame], Any]"


class Compilation:
    """One expression that is compiled.

    Args:
        lowering: the statement.
        leaves: by id() of a sub-expression, the index of its value in `Frame.leaves`.
    """

    def __init__(self, lowering: Lowering, leaves: Mapping[int, int]) -> None:
        self.lowering = lowering
        self.leaves = leaves
        self.context = False
        """Whether something in it asks for the session."""

    def expr(self, expr: Expr) -> Compiled:
        """The closure of an expression.

        Raises:
            SqlError: 0A000, it cannot be compiled.
        """
        index = self.leaves.get(id(expr))
        if index is not None:
            return lambda frame: frame.leaves[index]
        constant = expr if isinstance(expr, Const) else None
        if constant is not None:
            value = constant.value
            return lambda frame: value
        compiler = _COMPILE.get(type(expr))
        if compiler is None:
            raise unsupported(type(expr).__name__, expr.location)
        return compiler(self, expr)

    def exprs(self, exprs: Sequence[Expr]) -> list[Compiled]:
        """The closures of several."""
        return [self.expr(each) for each in exprs]

    def as_kind(self, expr: Expr, target: AnyType) -> Compiled:
        """The closure of an expression, in another storage form of its type."""
        from .shapes import converter, same_form

        source = self.lowering.kind(expr)
        inner = self.expr(expr)
        if same_form(source, target):
            return inner
        convert = converter(source, target)

        def converted(frame: Frame) -> Any:
            value = inner(frame)
            return None if value is None else convert(value)

        return converted

    def plain(self, expr: Expr) -> Compiled:
        """The closure of an expression, in the form of its type without modifier."""
        return self.as_kind(expr, self.lowering.kind(expr).modified(-1))


_COMPILE: dict[type[Expr], Callable[[Compilation, Any], Compiled]] = {}


def compiles(
    *nodes: type[Expr],
) -> Callable[[Callable[[Compilation, Any], Compiled]], Callable[[Compilation, Any], Compiled]]:
    """Make a function the one that compiles these nodes."""

    def register(function: Callable[[Compilation, Any], Compiled]) -> Callable[[Compilation, Any], Compiled]:
        for node in nodes:
            _COMPILE[node] = function
        return function

    return register


def compile_expression(lowering: Lowering, expr: Expr, leaves: Mapping[int, int]) -> tuple[Compiled, bool]:
    """The closure of an expression, and whether it needs `Frame.execution`.

    Raises:
        SqlError: 0A000, it cannot be compiled.
    """
    compilation = Compilation(lowering, leaves)
    return compilation.expr(expr), compilation.context


def implementation(lowering: Lowering, expr: FuncCall | OpExpr) -> Implementation:
    """What stands behind a call.

    Raises:
        SqlError: 0A000, nothing.
    """
    found = find(expr.proc.signature)
    if found is None:
        what = f"operator {expr.operator.signature}" if isinstance(expr, OpExpr) else f"function {expr.proc.signature}"
        raise unsupported(what, expr.location)
    if found.blocking:
        lowering.blocking = True
    if expr.proc.volatility == "s" and not any(
        lowering.type_row(each.type).category in _TIMES for each in (expr, *expr.args)
    ):
        lowering.personal = True
    return found


def call_site(lowering: Lowering, expr: FuncCall | OpExpr) -> CallSite:
    """The types of a call."""
    arguments = tuple([lowering.kind(each).modified(-1) for each in expr.args])
    variadic = isinstance(expr, FuncCall) and expr.variadic
    return CallSite(arguments, result_kind(lowering, expr), variadic=variadic)


def result_kind(lowering: Lowering, expr: Expr) -> AnyType | None:
    """The type of a call's result, None for one without an implementation."""
    row = lowering.type_row(expr.type)
    if row.implementation is None and row.kind == "c":
        return lowering.type_of(expr.type)
    return row.implementation


_COMPARE: dict[Operation, Callable[[Any, Any], int]] = {
    "=": lambda a, b: 1 if a == b else 0,
    "<>": lambda a, b: 1 if a != b else 0,
    "<": lambda a, b: 1 if less(a, b) else 0,
    "<=": lambda a, b: 0 if less(b, a) else 1,
    ">": lambda a, b: 1 if less(b, a) else 0,
    ">=": lambda a, b: 0 if less(a, b) else 1,
}


def less(a: Any, b: Any) -> bool:
    """Order of SQLite's values of one column: numbers before texts."""
    if type(a) is str and type(b) is not str:
        return False
    if type(b) is str and type(a) is not str:
        return True
    before: bool = a < b
    return before


def comparison(lowering: Lowering, operation: Operation, left: Expr, right: Expr) -> Callable[[Any, Any], int]:
    """The comparison of two values that are no NULLs, in the plain forms of the types of both expressions."""
    one, other = lowering.kind(left).modified(-1), lowering.kind(right).modified(-1)
    test = _COMPARE[operation]
    if operation in ("=", "<>"):
        return lambda a, b: test(one.equality(a), other.equality(b))
    return lambda a, b: test(one.order(a), other.order(b))


@compiles(Param)
def _param(compilation: Compilation, expr: Param) -> Compiled:
    number = expr.number
    if number > 0:
        return lambda frame: frame.parameters[number - 1]
    return lambda frame: frame.inner[number]


@compiles(FuncCall, OpExpr)
def _call(compilation: Compilation, expr: FuncCall | OpExpr) -> Compiled:
    lowering = compilation.lowering
    coercion = _length_coercion(compilation, expr)
    if coercion is not None:
        return coercion
    arguments = [compilation.plain(each) for each in expr.args]
    operation = COMPARISONS.get(expr.proc.signature)
    if operation is not None:
        function: Callable[..., Any] = comparison(lowering, operation, expr.args[0], expr.args[1])
        context = False
    else:
        found = implementation(lowering, expr)
        if found.kind != "scalar":
            raise unsupported(f"function {expr.proc.signature} here", expr.location)
        function = found.function(call_site(lowering, expr)) if found.bind else found.function
        context = found.context
    compilation.context |= context
    return _converted(compilation, expr, _applied(function, arguments, expr.proc.strict, context))


def _applied(function: Callable[..., Any], arguments: list[Compiled], strict: bool, context: bool) -> Compiled:
    def applied(frame: Frame) -> Any:
        values = [argument(frame) for argument in arguments]
        if strict and None in values:
            return None
        return function(frame.execution, *values) if context else function(*values)

    def unary(frame: Frame) -> Any:
        value = argument(frame)
        return None if value is None else function(value)

    def binary(frame: Frame) -> Any:
        left = argument(frame)
        right = other(frame)
        return None if left is None or right is None else function(left, right)

    if strict and not context and len(arguments) == 1:
        (argument,) = arguments
        return unary
    if strict and not context and len(arguments) == 2:
        argument, other = arguments
        return binary
    return applied


def _converted(compilation: Compilation, expr: Expr, inner: Compiled) -> Compiled:
    """What a function gives, a plain form, in the form of the expression."""
    from .shapes import converter, same_form

    row = compilation.lowering.type_row(expr.type)
    if row.implementation is None or expr.typmod < 0:
        return inner
    target = row.implementation.modified(expr.typmod)
    source = row.implementation.modified(-1)
    if same_form(source, target):
        return inner
    convert = converter(source, target)

    def converted(frame: Frame) -> Any:
        value = inner(frame)
        return None if value is None else convert(value)

    return converted


def is_length_coercion(lowering: Lowering, expr: Expr) -> bool:
    """Whether a call is one of the functions that bring a value to a modifier, with a constant modifier."""
    if not isinstance(expr, FuncCall) or expr.typmod < 0 or len(expr.args) < 2 or expr.form == "call":
        return False
    return expr.args[0].type == expr.type and isinstance(expr.args[1], Const) and expr.args[1].value == expr.typmod


def is_explicit(expr: FuncCall) -> bool:
    """Whether a length coercion may cut what is too long."""
    if len(expr.args) > 2 and isinstance(expr.args[2], Const):
        return bool(expr.args[2].value)
    return expr.form == "explicit cast"


def _length_coercion(compilation: Compilation, expr: FuncCall | OpExpr) -> Compiled | None:
    if not isinstance(expr, FuncCall) or not is_length_coercion(compilation.lowering, expr):
        return None
    target = compilation.lowering.kind(expr)
    inner = compilation.plain(expr.args[0])
    explicit = is_explicit(expr)

    def coerced(frame: Frame) -> Any:
        value = inner(frame)
        return None if value is None else target.coerce(value, explicit)

    return coerced
