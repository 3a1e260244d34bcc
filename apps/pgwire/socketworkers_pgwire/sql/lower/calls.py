"""Calls of functions and operators: as SQL where SQLite calculates the same, else as a function in Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ...errors import SqlError
from ...types import AnyType, RecordType
from ..execute.connection import ExecutionCell
from ..execute.stable import length_function, pure_function
from ..nodes import Aggregate, Expr, FuncCall, OpExpr, Param, SubLink, Var, WindowCall
from .comparisons import COMPARISONS
from .evaluate import (
    Compiled,
    Frame,
    call_site,
    compile_expression,
    implementation,
    is_explicit,
    is_length_coercion,
)
from .keys import compare
from .match import children, skeleton, walk
from .python import function_of, kind_key, null_skipping, site_key
from .shapes import convert_sql, plain
from .state import Lowering, Slot, lowers, unsupported
from .templates import SIMPLE_TEMPLATES, TEMPLATES

if TYPE_CHECKING:
    from ...functions import Execution

__all__ = ["by_python", "hoisted", "is_simple"]

#: functions that change what lasts: their statement needs the writer
_WRITING = {
    "nextval(regclass)",
    "nextval(identity column)",
    "setval(regclass,bigint)",
    "setval(regclass,bigint,boolean)",
}
_DIVISIONS = {
    f"int{prefix}{name}({left},{right})": sign
    for prefix, left, right in (
        ("2", "smallint", "smallint"),
        ("4", "integer", "integer"),
        ("8", "bigint", "bigint"),
        ("24", "smallint", "integer"),
        ("28", "smallint", "bigint"),
        ("42", "integer", "smallint"),
        ("48", "integer", "bigint"),
        ("82", "bigint", "smallint"),
        ("84", "bigint", "integer"),
    )
    for name, sign in (("div", "/"), ("mod", "%"))
}


def is_simple(lowering: Lowering, expr: Expr) -> bool:
    """Whether the SQL of an expression may be said twice."""
    if lowering.given:
        return False
    if isinstance(expr, Var):
        return expr.column != 0
    return (isinstance(expr, Param) and expr.number > 0) or lowering.constant(expr) is not None


@lowers(FuncCall, OpExpr)
def _lower_call(lowering: Lowering, expr: FuncCall | OpExpr) -> str:
    proc = expr.proc
    signature = proc.signature
    operation = COMPARISONS.get(signature)
    if operation is not None:
        return compare(lowering, operation, expr.args[0], expr.args[1], expr.input_collation)
    if proc.volatility == "v":
        lowering.volatile = True
        if signature in _WRITING:
            lowering.writes = True
    if is_length_coercion(lowering, expr):
        assert isinstance(expr, FuncCall)
        return hoisted(lowering, expr) or _length_coercion(lowering, expr)
    native = _native(lowering, expr)
    if native is not None:
        return native
    return hoisted(lowering, expr) or _python_call(lowering, expr)


def _native(lowering: Lowering, expr: FuncCall | OpExpr) -> str | None:
    signature = expr.proc.signature
    template = TEMPLATES.get(signature)
    if template is None:
        sign = _DIVISIONS.get(signature)
        if sign is not None:
            divisor = lowering.constant(expr.args[1])
            if divisor is not None and divisor.value not in (0, -1, None):
                return f"({lowering.expr(expr.args[0])}{sign}{lowering.expr(expr.args[1])})"
        template = SIMPLE_TEMPLATES.get(signature)
        if template is None or lowering.stored or not all(is_simple(lowering, each) for each in expr.args):
            return None
    sql = template(*[plain(lowering, each) for each in expr.args])
    if not sql.startswith(("(", "CASE ", "CAST(")) or sql.startswith("CASE "):
        sql = f"({sql})"
    return _result(lowering, expr, sql)


def _result(lowering: Lowering, expr: Expr, sql: str) -> str:
    """What a function gives, a plain form, in the form of the expression."""
    row = lowering.type_row(expr.type)
    if row.implementation is None or expr.typmod < 0:
        return sql
    return convert_sql(lowering, sql, row.implementation.modified(-1), row.implementation.modified(expr.typmod))


def _python_call(lowering: Lowering, expr: FuncCall | OpExpr) -> str:
    found = implementation(lowering, expr)
    row: AnyType | None = None
    if found.kind == "rows" and not expr.proc.returns_set and expr.proc.modes:
        row = lowering.kind(expr)
    if not isinstance(row, RecordType) and (found.kind != "scalar" or expr.proc.returns_set):
        raise unsupported(f"function {expr.proc.signature} here", expr.location)
    site = call_site(lowering, expr)
    arity = len(expr.args)
    strict = expr.proc.strict
    arguments = ",".join([plain(lowering, each) for each in expr.args])
    if _may_be_stable(lowering, expr) and expr.proc.volatility == "i":
        pure = pure_function(expr.proc.signature, arity, strict, site)
        if pure is not None:
            return _result(lowering, expr, f"{lowering.use(pure)}({arguments})")
    if lowering.stored:
        raise unsupported(f"function {expr.proc.signature} in an index or a constraint", expr.location)

    def make(cell: ExecutionCell) -> Callable[..., Any]:
        function = found.function(site) if found.bind else found.function
        if found.context:
            called = function

            def function(*arguments: Any) -> Any:
                return called(cell.execution, *arguments)

        if isinstance(row, RecordType):
            function = first_row(function, row)
        return null_skipping(function, arity) if strict and arity else function

    key = site_key(site) if found.bind else ()
    function = function_of(expr.proc.signature, arity, "scalar", key, make)
    return _result(lowering, expr, f"{lowering.use(function)}({arguments})")


def first_row(function: Callable[..., Any], kind: RecordType) -> Callable[..., Any]:
    """A function that gives one row, as one that gives a value."""

    def called(*arguments: Any) -> str | None:
        for row in function(*arguments):
            return kind.store(row)
        return None

    return called


def _may_be_stable(lowering: Lowering, expr: Expr) -> bool:
    """Whether a function can have its stable name: so that an index of the same expression is found. SQLite may then
    call it before it is known whether its value is wanted, unless it depends on a row."""
    if lowering.stored:
        return True
    return any(isinstance(each, Var) for each in walk(expr))


def _length_coercion(lowering: Lowering, expr: FuncCall) -> str:
    if _may_be_stable(lowering, expr):
        function = length_function(lowering.kind(expr), is_explicit(expr))
        if function is not None:
            return f"{lowering.use(function)}({plain(lowering, expr.args[0])})"
    return by_python(lowering, expr, expr.args[:1])


def by_python(lowering: Lowering, expr: Expr, operands: Sequence[Expr] | None = None) -> str:
    """The SQL of an expression which is calculated in Python from the values of those right below it.

    Args:
        lowering: the statement.
        expr: it.
        operands: its leaves; all expressions below it without.

    Raises:
        SqlError: 0A000, nothing is registered for it.
    """
    if lowering.stored:
        raise unsupported(f"{type(expr).__name__} in an index or a constraint", expr.location)
    leaves: dict[int, int] = {}
    used: list[Expr] = []
    for operand in children(expr) if operands is None else operands:
        if id(operand) not in leaves and not (isinstance(operand, Param) and operand.number <= 0):
            leaves[id(operand)] = len(used)
            used.append(operand)
    compiled, _ = compile_expression(lowering, expr, leaves)
    return _called(lowering, expr, compiled, leaves, used)


def _called(lowering: Lowering, expr: Expr, compiled: Compiled, leaves: dict[int, int], used: Sequence[Expr]) -> str:
    def make(cell: ExecutionCell) -> Callable[..., Any]:
        return lambda *values: compiled(Frame(cell.execution, (), values))

    kinds = tuple([kind_key(lowering.kind(each).modified(-1)) for each in (expr, *used)])
    function = function_of(type(expr).__name__, len(used), "scalar", (skeleton(expr, leaves), kinds), make)
    return f"{lowering.use(function)}({','.join([lowering.expr(each) for each in used])})"


def hoisted(lowering: Lowering, expr: Expr) -> str | None:
    """The slot of an expression that has one value for the whole statement, which is calculated when it begins.

    Only where it is calculated in any case: what may not be calculated at all may fail.
    """
    if lowering.conditional or lowering.stored:
        return None
    for each in walk(expr):
        if isinstance(each, Var | SubLink | Aggregate | WindowCall):
            return None
        if isinstance(each, Param) and each.number <= 0 and each.number in lowering.inner:
            return None
        if isinstance(each, FuncCall | OpExpr) and (each.proc.volatility == "v" or each.proc.returns_set):
            return None
    try:
        compiled, _ = compile_expression(lowering, expr, {})
    except SqlError:
        return None

    def compute(execution: Execution, values: Sequence[Any]) -> Any:
        return compiled(Frame(execution, values, ()))

    return lowering.slot(Slot(compute=compute))
