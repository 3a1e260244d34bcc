"""Comparisons: equality and order of SQLite on the keys of the types (`Type.eqkey`, `Type.ordkey`)."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Literal

from ...types import AnyType
from ...types.numeric import Numeric, ScaledNumeric
from ...types.numeric_math import EXACT
from ..nodes import Expr
from .comparisons import SWAPPED, Operation
from .python import scalar_function
from .shapes import as_kind, plain, same_form
from .state import Lowering, unsupported

__all__ = ["compare", "equality_key", "key_of", "order_key"]

#: pg_collation.oid of default, C and POSIX: order by code points
_BY_CODE_POINTS = {0, 100, 950, 951}
_MIN, _MAX = -(1 << 63), (1 << 63) - 1


def check_order(lowering: Lowering, kind: AnyType, collation: int, location: int) -> None:
    """Whether we have the order that a collation asks for.

    Raises:
        SqlError: 0A000.
    """
    if collation in _BY_CODE_POINTS or kind.category != "S":
        return
    row = lowering.catalog.collation_by_oid(collation)
    if row is None or row.name not in ("default", "C", "POSIX", "ucs_basic", "C.utf8"):
        raise unsupported(f"collation {row.name if row is not None else collation}", location)


def key_of(kind: AnyType, sql: str, which: Literal["eq", "ord"]) -> str:
    """The key of a value of a type."""
    return kind.eqkey(sql) if which == "eq" else kind.ordkey(sql)


def _key(lowering: Lowering, expr: Expr, kind: AnyType, which: Literal["eq", "ord"]) -> str:
    """The key of an expression, which is brought to the form `kind` first; that of a constant is known."""
    constant = lowering.constant(expr)
    if constant is None or constant.value is None:
        return key_of(kind, as_kind(lowering, expr, kind), which)
    from .shapes import converter

    source = lowering.kind(expr)
    value = constant.value if same_form(source, kind) else converter(source, kind)(constant.value)
    return lowering.value(kind.equality(value) if which == "eq" else kind.order(value))


def equality_key(lowering: Lowering, expr: Expr) -> str:
    """What stands for an expression in GROUP BY, PARTITION BY, DISTINCT."""
    kind = lowering.kind(expr)
    if not kind.has_equality:
        raise unsupported(f"equality of {kind.name}", expr.location)
    return _key(lowering, expr, kind, "eq")


def order_key(lowering: Lowering, expr: Expr) -> str:
    """What stands for an expression in ORDER BY."""
    kind = lowering.kind(expr)
    check_order(lowering, kind, expr.collation, expr.location)
    return _key(lowering, expr, kind, "ord")


def compare(
    lowering: Lowering,
    operation: Operation | Literal["IS", "IS NOT"],
    left: Expr,
    right: Expr,
    collation: int | None = None,
) -> str:
    """The SQL of a comparison of two expressions of one type, or of types whose storage forms compare alike.

    Args:
        lowering: the statement.
        operation: what is asked.
        left: one side.
        right: the other one.
        collation: by which it is compared; that of the sides without.
    """
    which: Literal["eq", "ord"] = "eq" if operation in ("=", "<>", "IS", "IS NOT") else "ord"
    one, other = lowering.kind(left), lowering.kind(right)
    if which == "ord":
        by = collation if collation is not None else left.collation or right.collation
        check_order(lowering, one, by, left.location)
    if same_form(one, other):
        return f"({_key(lowering, left, one, which)} {operation} {_key(lowering, right, other, which)})"
    if isinstance(one, Numeric | ScaledNumeric) and isinstance(other, Numeric | ScaledNumeric):
        scaled = _compare_scaled(lowering, operation, left, right, one, other)
        if scaled is not None:
            return scaled
    one, other = one.modified(-1), other.modified(-1)
    return f"({_key(lowering, left, one, which)} {operation} {_key(lowering, right, other, which)})"


def _compare_scaled(
    lowering: Lowering,
    operation: Operation | Literal["IS", "IS NOT"],
    left: Expr,
    right: Expr,
    one: AnyType,
    other: AnyType,
) -> str | None:
    """A column of scaled integers with a constant or a parameter, which is scaled for the comparison: so that an
    index of the column can be used."""
    if isinstance(one, ScaledNumeric) and _is_fixed(lowering, right) and not isinstance(other, ScaledNumeric):
        key = _scaled(lowering, right, one.scale, operation)
        return f"({lowering.expr(left)} {operation} {key})"
    if isinstance(other, ScaledNumeric) and _is_fixed(lowering, left) and not isinstance(one, ScaledNumeric):
        swapped = operation if operation == "IS" or operation == "IS NOT" else SWAPPED[operation]
        return _compare_scaled(lowering, swapped, right, left, other, one)
    return None


def _is_fixed(lowering: Lowering, expr: Expr) -> bool:
    from ..nodes import Param

    return lowering.constant(expr) is not None or (isinstance(expr, Param) and expr.number > 0)


def _scaled(lowering: Lowering, expr: Expr, scale: int, operation: str) -> str:
    """A numeric as the number that scaled integers are compared with."""
    constant = lowering.constant(expr)
    rounding = ROUND_CEILING if operation in ("<", ">=") else ROUND_FLOOR if operation in (">", "<=") else ""

    def scaled(text: str) -> int | float | str:
        return _scaled_value(text, scale, rounding)

    if constant is not None:
        return lowering.value(None if constant.value is None else scaled(constant.value))
    function = scalar_function(f"scaled {scale}", 1, (scale, rounding), lambda: scaled, deterministic=True)
    return f"{lowering.use(function)}({plain(lowering, expr)})"


def _scaled_value(text: str, scale: int, rounding: str) -> int | float | str:
    if text == "NaN":
        return text
    if text in ("Infinity", "-Infinity"):
        return float(text)
    value = Decimal(text).scaleb(scale, EXACT)
    whole = value.to_integral_value(rounding or ROUND_FLOOR)
    if not rounding and whole != value:
        return 0.5  # equal to no integer
    return int(whole) if _MIN <= whole <= _MAX else float(whole)
