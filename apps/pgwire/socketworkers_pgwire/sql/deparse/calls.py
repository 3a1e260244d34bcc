"""Calls of functions, aggregates and window functions: get_func_expr and its kin of ruleutils.c."""

from __future__ import annotations

from ..keywords import quote_identifier
from ..nodes import Aggregate, Const, Expr, FuncCall, NamedWindow, WindowCall, WindowFrame
from .writer import Writer

__all__ = ["aggregate_call", "function_call", "window_call", "window_specification"]


def function_call(writer: Writer, expr: FuncCall) -> None:
    """A call that is no cast."""
    if expr.form == "sql syntax" and _sql_syntax(writer, expr):
        return
    # a name that is also syntax needs its schema where the call is no such syntax
    schema = "pg_catalog." if expr.form == "sql syntax" and expr.proc.name == "extract" else ""
    writer.put(schema + writer.function(expr.proc) + "(")
    _arguments(writer, expr.args, expr.variadic)
    writer.put(")")


def _arguments(writer: Writer, args: list[Expr], variadic: bool) -> None:
    from .expressions import expression, listed

    if variadic and args:
        last = args[-1]
        for arg in args[:-1]:
            expression(writer, arg, True)
            writer.put(", ")
        writer.put("VARIADIC ")
        expression(writer, last, True)
        return
    listed(writer, args)


def _part(writer: Writer, expr: Expr) -> None:
    from .expressions import expression

    expression(writer, expr, False)


def _sql_syntax(writer: Writer, expr: FuncCall) -> bool:
    """The forms of the SQL standard: get_func_sql_syntax."""
    from .expressions import in_parentheses

    name, args = expr.proc.name, expr.args
    if name == "timezone":
        writer.put("(")
        in_parentheses(writer, args[1], False, expr)
        writer.put(" AT TIME ZONE ")
        in_parentheses(writer, args[0], False, expr)
        writer.put(")")
        return True
    pieces: list[str | Expr]
    if name == "overlaps":
        pieces = ["((", args[0], ", ", args[1], ") OVERLAPS (", args[2], ", ", args[3], "))"]
    elif name == "extract" and isinstance(args[0], Const) and str(args[0].value).isidentifier():
        pieces = ["EXTRACT(", str(args[0].value), " FROM ", args[1], ")"]
    elif name == "position":
        pieces = ["POSITION((", args[1], ") IN (", args[0], "))"]
    elif name == "overlay":
        pieces = ["OVERLAY(", args[0], " PLACING ", args[1], " FROM ", args[2]]
        pieces += [" FOR ", args[3], ")"] if len(args) == 4 else [")"]
    elif name == "substring" and expr.proc.signature == "substring(text,text,text)":
        pieces = ["SUBSTRING(", args[0], " SIMILAR ", args[1], " ESCAPE ", args[2], ")"]
    elif name == "substring":
        pieces = ["SUBSTRING(", args[0], " FROM ", args[1]]
        pieces += [" FOR ", args[2], ")"] if len(args) == 3 else [")"]
    elif name in _TRIMS:
        pieces = [f"TRIM({_TRIMS[name]}"]
        pieces += [" ", args[1]] if len(args) == 2 else []
        pieces += [" FROM ", args[0], ")"]
    elif name == "pg_collation_for":
        pieces = ["COLLATION FOR (", args[0], ")"]
    elif name == "is_normalized":
        pieces = ["((", args[0], ") IS", _form(args), " NORMALIZED)"]
    elif name == "normalize":
        form = _form(args)
        pieces = ["NORMALIZE(", args[0], f",{form}" if form else "", ")"]
    else:
        return False
    for piece in pieces:
        if isinstance(piece, str):
            writer.put(piece)
        else:
            _part(writer, piece)
    return True


_TRIMS = {"btrim": "BOTH", "ltrim": "LEADING", "rtrim": "TRAILING"}


def _form(args: list[Expr]) -> str:
    last = args[-1]
    return f" {last.value}" if len(args) == 2 and isinstance(last, Const) else ""


def aggregate_call(writer: Writer, expr: Aggregate) -> None:
    """An aggregate: get_agg_expr."""
    from .expressions import expression, listed, sort_keys

    writer.put(writer.function(expr.proc) + "(" + ("DISTINCT " if expr.distinct else ""))
    if expr.proc.aggregate_kind in ("o", "h"):
        listed(writer, expr.direct)
        writer.put(") WITHIN GROUP (ORDER BY ")
        sort_keys(writer, expr.order)
    else:
        if expr.star:
            writer.put("*")
        else:
            listed(writer, expr.args)
        if expr.order:
            writer.put(" ORDER BY ")
            sort_keys(writer, expr.order)
    if expr.filter is not None:
        writer.put(") FILTER (WHERE ")
        expression(writer, expr.filter)
    writer.put(")")


def window_call(writer: Writer, expr: WindowCall) -> None:
    """A call with OVER."""
    from .expressions import expression, listed

    writer.put(writer.function(expr.proc) + "(")
    if expr.star:
        writer.put("*")
    else:
        listed(writer, expr.args)
    if expr.filter is not None:
        writer.put(") FILTER (WHERE ")
        expression(writer, expr.filter)
    writer.put(") OVER ")
    if expr.window.name:
        writer.put(quote_identifier(expr.window.name))
    else:
        window_specification(writer, expr.window)


def window_specification(writer: Writer, window: NamedWindow) -> None:
    """``(PARTITION BY … ORDER BY … frame)``: get_rule_windowspec."""
    from .expressions import group_item, sort_keys

    writer.put("(")
    space = ""
    if window.partition:
        writer.put("PARTITION BY ")
        for number, expr in enumerate(window.partition):
            if number:
                writer.put(", ")
            group_item(writer, expr)
        space = " "
    if window.order:
        writer.put(space + "ORDER BY ")
        sort_keys(writer, window.order)
        space = " "
    if window.frame is not None:
        writer.put(space)
        _frame(writer, window.frame)
    writer.put(")")


def _frame(writer: Writer, frame: WindowFrame) -> None:
    writer.put(frame.mode.upper() + " ")
    if frame.between:
        writer.put("BETWEEN ")
    _bound(writer, frame.start, frame.start_offset)
    if frame.between:
        writer.put(" AND ")
        _bound(writer, frame.end, frame.end_offset)
    if frame.exclude != "no others":
        writer.put(f" EXCLUDE {frame.exclude.upper()}")


def _bound(writer: Writer, word: str, offset: Expr | None) -> None:
    if offset is not None:
        _part(writer, offset)
        writer.put(" ")
    writer.put(word.upper())
