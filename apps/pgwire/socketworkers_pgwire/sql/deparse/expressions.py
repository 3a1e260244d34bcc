"""Expressions: get_rule_expr of ruleutils.c."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...errors import SqlError
from ..keywords import quote_identifier
from ..nodes import (
    Aggregate,
    ArrayCoerce,
    ArrayExpr,
    BooleanTest,
    BoolExpr,
    Case,
    Coalesce,
    CoerceViaIO,
    CollateExpr,
    Const,
    Default,
    Distinct,
    Expr,
    FieldSelect,
    FuncCall,
    GroupingCall,
    Join,
    MinMax,
    NullIf,
    NullTest,
    OpExpr,
    Param,
    Relabel,
    RowCompare,
    RowExpr,
    ScalarArrayOp,
    SortKey,
    SqlValue,
    SubLink,
    Subscript,
    Var,
    WindowCall,
)
from .calls import function_call
from .constants import constant
from .simple import is_simple
from .writer import VAR, Writer

__all__ = ["expression", "in_parentheses", "listed", "sort_keys", "top_level", "variable"]

_SYSTEM = {-1: "ctid", -2: "xmin", -3: "cmin", -4: "xmax", -5: "cmax", -6: "tableoid"}


def expression(writer: Writer, expr: Expr, implicit: bool = False) -> None:
    """Write an expression.

    Args:
        writer: the text.
        expr: the expression.
        implicit: whether implicit casts are shown.
    """
    handler = _HANDLERS.get(type(expr))
    if handler is None:
        raise SqlError("0A000", f"the text of {type(expr).__name__} is not supported")
    handler(writer, expr, implicit)


def in_parentheses(writer: Writer, expr: Expr, implicit: bool, parent: Expr) -> None:
    """Write an expression within another one: get_rule_expr_paren."""
    wanted = writer.pretty and not is_simple(expr, parent, pretty=True)
    if wanted:
        writer.put("(")
    expression(writer, expr, implicit)
    if wanted:
        writer.put(")")


def listed(writer: Writer, exprs: Sequence[Expr], implicit: bool = True) -> None:
    """Write expressions with commas between them."""
    for number, expr in enumerate(exprs):
        if number:
            writer.put(", ")
        expression(writer, expr, implicit)


def top_level(writer: Writer, expr: Expr) -> None:
    """Write an expression where a whole row would be taken for a star."""
    if isinstance(expr, Var) and expr.column == 0:
        variable(writer, expr)
        writer.put("::" + writer.type(expr.type, expr.typmod))
    else:
        expression(writer, expr, True)


def variable(writer: Writer, var: Var) -> str:
    """Write a column; gives its name."""
    entry = var.entry
    table = writer.names.table(entry)
    if var.column == 0:
        writer.put(f"{quote_identifier(table)}.*" if table else "*")
        return ""
    if var.column < 0:
        name = _SYSTEM[var.column]
    else:
        name = writer.names.column(entry, var.column)
        if isinstance(entry.source, Join) and not table:
            stands_for = entry.source.columns[var.column - 1]
            if isinstance(stands_for, Var):
                return variable(writer, stands_for)
            writer.put(quote_identifier(name))
            return name
    if writer.prefix and table:
        writer.put(quote_identifier(table) + ".")
    writer.put(quote_identifier(name))
    return name


def _variable(writer: Writer, expr: Var, implicit: bool) -> None:
    variable(writer, expr)


def _constant(writer: Writer, expr: Const, implicit: bool) -> None:
    constant(writer, expr)


def _param(writer: Writer, expr: Param, implicit: bool) -> None:
    writer.put(f"${expr.number}" if expr.number > 0 else "CASE_TEST_EXPR")


def _operator(writer: Writer, expr: OpExpr, implicit: bool) -> None:
    writer.open()
    name = writer.operator(expr.operator)
    if len(expr.args) == 2:
        in_parentheses(writer, expr.args[0], True, expr)
        writer.put(f" {name} ")
    else:
        writer.put(f"{name} ")
    in_parentheses(writer, expr.args[-1], True, expr)
    writer.close()


def _distinct(writer: Writer, expr: Distinct, implicit: bool) -> None:
    if expr.negated:
        writer.open()
        writer.put("NOT ")
    writer.open()
    in_parentheses(writer, expr.args[0], True, expr)
    writer.put(" IS DISTINCT FROM ")
    in_parentheses(writer, expr.args[1], True, expr)
    writer.close()
    if expr.negated:
        writer.close()


def _scalar_array(writer: Writer, expr: ScalarArrayOp, implicit: bool) -> None:
    writer.open()
    in_parentheses(writer, expr.left, True, expr)
    writer.put(f" {writer.operator(expr.operator)} {'ANY' if expr.any else 'ALL'} (")
    in_parentheses(writer, expr.array, True, expr)
    if isinstance(expr.array, SubLink) and expr.array.kind == "scalar":
        # else it would be read as a subquery that gives the elements
        writer.put("::" + writer.type(expr.array.type, expr.array.typmod))
    writer.put(")")
    writer.close()


def _bool(writer: Writer, expr: BoolExpr, implicit: bool) -> None:
    writer.open()
    if expr.kind == "not":
        writer.put("NOT ")
        in_parentheses(writer, expr.args[0], False, expr)
    else:
        word = f" {expr.kind.upper()} "
        for number, arg in enumerate(expr.args):
            if number:
                writer.put(word)
            in_parentheses(writer, arg, False, expr)
    writer.close()


def _null_test(writer: Writer, expr: NullTest, implicit: bool) -> None:
    writer.open()
    in_parentheses(writer, expr.arg, True, expr)
    writer.put(" IS NOT NULL" if expr.negated else " IS NULL")
    writer.close()


def _boolean_test(writer: Writer, expr: BooleanTest, implicit: bool) -> None:
    writer.open()
    in_parentheses(writer, expr.arg, False, expr)
    writer.put(f" IS {'NOT ' if expr.negated else ''}{expr.test.upper()}")
    writer.close()


def coercion(writer: Writer, arg: Expr, kind: int, typmod: int, parent: Expr) -> None:
    """``arg::type``: get_coercion_expr."""
    if isinstance(arg, Const) and arg.type == kind and arg.typmod == -1:
        constant(writer, arg, -1)
    else:
        writer.open()
        in_parentheses(writer, arg, False, parent)
        writer.close()
    writer.put("::" + writer.type(kind, typmod))


def _cast(writer: Writer, expr: Relabel | CoerceViaIO | ArrayCoerce, implicit: bool) -> None:
    arg = expr.arg
    # what only forgets a modifier is not there in PostgreSQL's tree
    forgets = isinstance(expr, Relabel) and arg.type == expr.type and expr.typmod == -1
    if expr.form == "implicit cast" and (not implicit or forgets):
        if forgets:
            expression(writer, arg, implicit)
        else:
            in_parentheses(writer, arg, False, expr)
        return
    coercion(writer, arg, expr.type, -1 if isinstance(expr, CoerceViaIO) else expr.typmod, expr)


def _collate(writer: Writer, expr: CollateExpr, implicit: bool) -> None:
    writer.open()
    in_parentheses(writer, expr.arg, implicit, expr)
    writer.put(" COLLATE " + writer.collation(expr.collation))
    writer.close()


def _strip(expr: Expr) -> Expr:
    while isinstance(expr, Relabel | CoerceViaIO | ArrayCoerce | FuncCall) and expr.form == "implicit cast":
        expr = expr.args[0] if isinstance(expr, FuncCall) else expr.arg
    return expr


def _case(writer: Writer, expr: Case, implicit: bool) -> None:
    writer.keyword("CASE", 0, VAR, 0)
    if expr.test is not None:
        writer.put(" ")
        expression(writer, expr.test, True)
    for condition, result in expr.whens:
        shown = condition
        if expr.test is not None and isinstance(condition, OpExpr) and len(condition.args) == 2:
            first = _strip(condition.args[0])
            if isinstance(first, Param) and first.number == -1:
                shown = condition.args[1]
        writer.keyword("WHEN ", 0, 0, 0)
        expression(writer, shown, False)
        writer.put(" THEN ")
        expression(writer, result, True)
    if expr.default is not None:
        writer.keyword("ELSE ", 0, 0, 0)
        expression(writer, expr.default, True)
    writer.keyword("END", -VAR, 0, 0)


def _named_call(word: str) -> Callable[[Writer, Any, bool], None]:
    def write(writer: Writer, expr: Any, implicit: bool) -> None:
        writer.put(word + "(")
        listed(writer, expr.args)
        writer.put(")")

    return write


def _min_max(writer: Writer, expr: MinMax, implicit: bool) -> None:
    writer.put("GREATEST(" if expr.greatest else "LEAST(")
    listed(writer, expr.args)
    writer.put(")")


def _array(writer: Writer, expr: ArrayExpr, implicit: bool) -> None:
    writer.put("ARRAY[")
    listed(writer, expr.items)
    writer.put("]")
    if not expr.items:
        writer.put("::" + writer.type(expr.type))


def _row(writer: Writer, expr: RowExpr, implicit: bool) -> None:
    _row_of(writer, expr.fields)
    if expr.type != 2249:
        writer.put("::" + writer.type(expr.type))


def _row_of(writer: Writer, fields: Sequence[Expr]) -> None:
    writer.put("ROW(")
    for number, field in enumerate(fields):
        if number:
            writer.put(", ")
        top_level(writer, field)
    writer.put(")")


def _row_compare(writer: Writer, expr: RowCompare, implicit: bool) -> None:
    writer.put("(")
    _row_of(writer, expr.left)
    writer.put(f" {writer.operator(expr.operators[0])} ")
    _row_of(writer, expr.right)
    writer.put(")")


def _field(writer: Writer, expr: FieldSelect, implicit: bool) -> None:
    wanted = not isinstance(expr.arg, Subscript | FieldSelect)
    if wanted:
        writer.put("(")
    expression(writer, expr.arg, True)
    if wanted:
        writer.put(")")
    writer.put("." + quote_identifier(expr.name))


def _subscript(writer: Writer, expr: Subscript, implicit: bool) -> None:
    wanted = not isinstance(expr.arg, Var | FieldSelect)
    if wanted:
        writer.put("(")
    expression(writer, expr.arg, implicit)
    if wanted:
        writer.put(")")
    for number, upper in enumerate(expr.upper):
        writer.put("[")
        if expr.slice:
            lower = expr.lower[number]
            if lower is not None:
                expression(writer, lower)
            writer.put(":")
        if upper is not None:
            expression(writer, upper)
        writer.put("]")


def _sql_value(writer: Writer, expr: SqlValue, implicit: bool) -> None:
    writer.put(expr.name.upper())
    if expr.typmod >= 0:
        writer.put(f"({expr.typmod})")


def _default(writer: Writer, expr: Default, implicit: bool) -> None:
    writer.put("DEFAULT")


def _sublink(writer: Writer, expr: SubLink, implicit: bool) -> None:
    from .queries import nested

    writer.put("ARRAY(" if expr.kind == "array" else "(")
    name = writer.operator(expr.operators[0]) if expr.operators else ""
    if expr.left:
        if len(expr.left) == 1:
            expression(writer, expr.left[0], True)
        else:
            writer.put("(")
            listed(writer, expr.left)
            writer.put(")")
    enclosed = True
    if expr.kind == "exists":
        writer.put("EXISTS ")
    elif expr.kind == "any":
        writer.put(" IN " if name == "=" else f" {name} ANY ")
    elif expr.kind == "all":
        writer.put(f" {name} ALL ")
    elif expr.kind == "rowcompare":
        writer.put(f" {name} ")
    else:
        enclosed = False
    if enclosed:
        writer.put("(")
    nested(writer, expr.query, names_visible=False)
    writer.put("))" if enclosed else ")")


def _call(writer: Writer, expr: FuncCall, implicit: bool) -> None:
    if expr.form == "implicit cast" and not implicit:
        in_parentheses(writer, expr.args[0], False, expr)
    elif expr.form in ("implicit cast", "explicit cast"):
        coercion(writer, expr.args[0], expr.type, expr.typmod, expr)
    else:
        function_call(writer, expr)


def sort_keys(writer: Writer, keys: Sequence[SortKey], numbers: Sequence[int] | None = None) -> None:
    """ORDER BY: get_rule_orderby; with numbers where only they can be written."""
    for place, key in enumerate(keys):
        if place:
            writer.put(", ")
        group_item(writer, key.expr, 0 if numbers is None else numbers[place])
        if key.descending:
            writer.put(" DESC")
            if not key.nulls_first:
                writer.put(" NULLS LAST")
        elif key.nulls_first:
            writer.put(" NULLS FIRST")


def group_item(writer: Writer, expr: Expr, number: int = 0) -> None:
    """A key of ORDER BY, GROUP BY or PARTITION BY: get_rule_sortgroupclause."""
    if number:
        writer.put(str(number))
    elif isinstance(expr, Const):
        constant(writer, expr, 1)
    elif not expr or isinstance(expr, Var):
        expression(writer, expr, True)
    else:
        wanted = writer.pretty or isinstance(expr, FuncCall | Aggregate | WindowCall)
        if wanted:
            writer.put("(")
        expression(writer, expr, True)
        if wanted:
            writer.put(")")


def _aggregate(writer: Writer, expr: Aggregate, implicit: bool) -> None:
    from .calls import aggregate_call

    aggregate_call(writer, expr)


def _window(writer: Writer, expr: WindowCall, implicit: bool) -> None:
    from .calls import window_call

    window_call(writer, expr)


_HANDLERS: dict[type[Expr], Callable[[Writer, Any, bool], None]] = {
    Var: _variable,
    Const: _constant,
    Param: _param,
    OpExpr: _operator,
    FuncCall: _call,
    Distinct: _distinct,
    NullIf: _named_call("NULLIF"),
    ScalarArrayOp: _scalar_array,
    BoolExpr: _bool,
    NullTest: _null_test,
    BooleanTest: _boolean_test,
    Relabel: _cast,
    CoerceViaIO: _cast,
    ArrayCoerce: _cast,
    CollateExpr: _collate,
    Case: _case,
    Coalesce: _named_call("COALESCE"),
    MinMax: _min_max,
    ArrayExpr: _array,
    RowExpr: _row,
    RowCompare: _row_compare,
    FieldSelect: _field,
    Subscript: _subscript,
    SubLink: _sublink,
    Aggregate: _aggregate,
    GroupingCall: _named_call("GROUPING"),
    WindowCall: _window,
    SqlValue: _sql_value,
    Default: _default,
}
