"""Writes a path as PostgreSQL does."""

from __future__ import annotations

from decimal import Decimal

from ..json_text import quote
from ..numeric import numeric_text
from .nodes import (
    COMPARISONS,
    Accessor,
    AnyKey,
    AnyLevel,
    Binary,
    Constant,
    Current,
    Exists,
    Expression,
    Filter,
    Key,
    Last,
    LikeRegex,
    Method,
    Not,
    Path,
    Root,
    StartsWith,
    Subscripts,
    Unary,
    Unknown,
    Variable,
    WholePath,
)

__all__ = ["spell"]

_PRIORITIES = {
    "||": 0, "&&": 1, **dict.fromkeys(COMPARISONS, 2), "+": 3, "-": 3, "*": 4, "/": 4, "%": 4,
}  # fmt: skip


def spell(path: WholePath) -> str:
    """All of it."""
    return ("strict " if path.strict else "") + _spell(path.expression, True)


def _priority(expression: Expression) -> int:
    if isinstance(expression, Path):
        return _priority(expression.base)
    if isinstance(expression, Binary):
        return _PRIORITIES[expression.operator]
    if isinstance(expression, StartsWith):
        return 2
    return 5 if isinstance(expression, Unary) else 6


def _inner(expression: Expression, outer: int) -> str:
    return _spell(expression, _priority(expression) <= outer)


def _spell(expression: Expression, brackets: bool) -> str:
    match expression:
        case Constant(value):
            return _constant(value)
        case Root():
            return "$"
        case Current():
            return "@"
        case Last():
            return "last"
        case Variable(name):
            return "$" + quote(name)
        case Unary(operator, operand):
            text = operator + _inner(operand, 5)
        case Binary(operator, left, right):
            outer = _PRIORITIES[operator]
            text = f"{_inner(left, outer)} {operator} {_inner(right, outer)}"
        case StartsWith(operand, start):
            text = f"{_inner(operand, 2)} starts with {_inner(start, 2)}"
        case LikeRegex(operand, pattern, flags):
            shown = f' flag "{"".join(flag for flag in "ismxq" if flag in flags)}"' if flags else ""
            text = f"{_inner(operand, 6)} like_regex {quote(pattern)}{shown}"
        case Not(operand):
            return f"!({_spell(operand, False)})"
        case Unknown(operand):
            return f"({_spell(operand, False)}) is unknown"
        case Exists(operand):
            return f"exists ({_spell(operand, False)})"
        case Path(base, accessors):
            return _base(base, brackets) + "".join(map(_accessor, accessors))
    return f"({text})" if brackets else text


def _base(base: Expression, brackets: bool) -> str:
    if isinstance(base, Constant) and isinstance(base.value, Decimal):
        return f"({_constant(base.value)})"
    return _spell(base, True)


def _constant(value: str | Decimal | bool | None) -> str:
    if isinstance(value, str):
        return quote(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return numeric_text(value)


def _accessor(accessor: Accessor) -> str:
    match accessor:
        case Key(name):
            return "." + quote(name)
        case AnyKey():
            return ".*"
        case AnyLevel(0, -1):
            return ".**"
        case AnyLevel(first, last):
            if first == last:
                return f".**{{{_level(first)}}}"
            return f".**{{{_level(first)} to {_level(last)}}}"
        case Subscripts(()):
            return "[*]"
        case Subscripts(ranges):
            return "[" + ",".join(map(_range, ranges)) + "]"
        case Filter(predicate):
            return f"?({_spell(predicate, False)})"
        case Method(name):
            return f".{name}()"


def _level(level: int) -> str:
    return "last" if level < 0 else str(level)


def _range(bounds: tuple[Expression, Expression | None]) -> str:
    first, last = bounds
    return _spell(first, False) + ("" if last is None else f" to {_spell(last, False)}")
