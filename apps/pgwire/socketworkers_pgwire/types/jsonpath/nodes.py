"""What a path consists of."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

__all__ = [
    "COMPARISONS",
    "Accessor",
    "AnyKey",
    "AnyLevel",
    "Binary",
    "Constant",
    "Current",
    "Exists",
    "Expression",
    "Filter",
    "Key",
    "Last",
    "LikeRegex",
    "Method",
    "Not",
    "Path",
    "Root",
    "StartsWith",
    "Subscripts",
    "Unary",
    "Unknown",
    "Variable",
    "WholePath",
    "is_predicate",
]

COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")


@dataclass(frozen=True, slots=True)
class Constant:
    """A string, number, boolean or null."""

    value: str | Decimal | bool | None


@dataclass(frozen=True, slots=True)
class Root:
    """``$``."""


@dataclass(frozen=True, slots=True)
class Current:
    """``@``."""


@dataclass(frozen=True, slots=True)
class Last:
    """``last``."""


@dataclass(frozen=True, slots=True)
class Variable:
    """``$name``."""

    name: str


@dataclass(frozen=True, slots=True)
class Unary:
    """``+`` or ``-`` before an expression."""

    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic, comparison, ``&&`` or ``||``."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Not:
    """``!``."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Unknown:
    """``is unknown``."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Exists:
    """``exists (…)``."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class StartsWith:
    """``starts with``."""

    operand: Expression
    start: Constant | Variable


@dataclass(frozen=True, slots=True)
class LikeRegex:
    """``like_regex``."""

    operand: Expression
    pattern: str
    flags: str


@dataclass(frozen=True, slots=True)
class Key:
    """``.name``."""

    name: str


@dataclass(frozen=True, slots=True)
class AnyKey:
    """``.*``."""


@dataclass(frozen=True, slots=True)
class AnyLevel:
    """``.**{first to last}``; -1 stands for ``last``."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Subscripts:
    """``[…]``; none stands for ``[*]``."""

    ranges: tuple[tuple[Expression, Expression | None], ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """``? (…)``."""

    predicate: Expression


@dataclass(frozen=True, slots=True)
class Method:
    """``.name()``."""

    name: str


Accessor: TypeAlias = Key | AnyKey | AnyLevel | Subscripts | Filter | Method


@dataclass(frozen=True, slots=True)
class Path:
    """An expression with accessors behind it."""

    base: Expression
    accessors: tuple[Accessor, ...]


Expression: TypeAlias = (
    "Constant | Root | Current | Last | Variable | Unary | Binary | Not | Unknown | Exists | StartsWith | LikeRegex"
    " | Path"
)


@dataclass(frozen=True, slots=True)
class WholePath:
    """All of it."""

    expression: Expression
    strict: bool


def is_predicate(expression: Expression) -> bool:
    """Whether it is true, false or unknown."""
    if isinstance(expression, Binary):
        return expression.operator in COMPARISONS or expression.operator in ("&&", "||")
    return isinstance(expression, Not | Unknown | Exists | StartsWith | LikeRegex)
