"""numeric: PostgreSQL 15 documentation §9.3, operators and functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal

from ..types import numeric_math as nm
from ..types.errors import SqlError
from ..types.integers import INT4
from ..types.numeric import numeric_text
from .kinds import numeric, same
from .registry import scalar

__all__: list[str] = []

_MAX_FACTORIAL = 32_177
_TEN = Decimal(10)
_ONE = Decimal(1)
_ZERO = Decimal(0)
_NAN = Decimal("NaN")

_OPERATIONS: tuple[tuple[tuple[str, ...], Callable[..., Decimal]], ...] = (
    (("numeric_add(numeric,numeric)",), nm.add),
    (("numeric_sub(numeric,numeric)",), nm.subtract),
    (("numeric_mul(numeric,numeric)",), nm.multiply),
    (("numeric_div(numeric,numeric)",), nm.divide),
    (("numeric_div_trunc(numeric,numeric)", "div(numeric,numeric)"), nm.integer_divide),
    (("numeric_mod(numeric,numeric)", "mod(numeric,numeric)"), nm.modulo),
    (("numeric_power(numeric,numeric)", "power(numeric,numeric)", "pow(numeric,numeric)"), nm.power),
    (("numeric_log(numeric,numeric)", "log(numeric,numeric)"), nm.log),
    (("log(numeric)", "log10(numeric)"), lambda a: nm.log(_TEN, a)),
    (("numeric_ln(numeric)", "ln(numeric)"), nm.ln),
    (("numeric_exp(numeric)", "exp(numeric)"), nm.exp),
    (("numeric_sqrt(numeric)", "sqrt(numeric)"), nm.sqrt),
    (("numeric_abs(numeric)", "abs(numeric)"), nm.absolute),
    (("numeric_uminus(numeric)",), nm.negate),
    (("numeric_inc(numeric)",), lambda a: nm.add(a, _ONE)),
    (("sign(numeric)",), nm.sign),
    (("ceil(numeric)", "ceiling(numeric)"), nm.ceiling),
    (("floor(numeric)",), nm.floor),
    (("round(numeric,integer)",), nm.round_to),
    (("round(numeric)",), lambda a: nm.round_to(a, 0)),
    (("trunc(numeric,integer)",), nm.truncate),
    (("trunc(numeric)",), nm.truncate),
    (("trim_scale(numeric)",), nm.trim_scale),
)


def _with_count(function: Callable[[Decimal, int], Decimal]) -> Callable[[str, int], str]:
    return lambda a, count: numeric_text(function(Decimal(a), count))


for _signatures, _function in _OPERATIONS:
    if _signatures[0].endswith("integer)"):
        scalar(*_signatures)(_with_count(_function))
    else:
        scalar(*_signatures)(numeric(_function))
scalar("numeric_uplus(numeric)")(same)


def _fraction(text: str) -> str | None:
    if text[-1] in "Ny":
        return None
    return text.partition(".")[2]


@scalar("scale(numeric)")
def _scale(text: str) -> int | None:
    fraction = _fraction(text)
    return None if fraction is None else len(fraction)


@scalar("min_scale(numeric)")
def _min_scale(text: str) -> int | None:
    fraction = _fraction(text)
    return None if fraction is None else len(fraction.rstrip("0"))


@scalar("factorial(bigint)")
def _factorial(a: int) -> str:
    if a < 0:
        raise SqlError("22003", "factorial of a negative number is undefined")
    if a > _MAX_FACTORIAL:
        raise nm.overflow()
    return numeric_text(Decimal(math.factorial(a)))


def _gcd(a: Decimal, b: Decimal) -> Decimal:
    """The greatest common divisor, with the larger scale of the two."""
    if a.is_nan() or b.is_nan():
        return _NAN
    if a.is_infinite() or b.is_infinite():
        if a.is_infinite():
            return _NAN if b.is_infinite() or b else Decimal("Infinity")
        return _NAN if a else Decimal("Infinity")
    scale = max(nm.scale_of(a), nm.scale_of(b))
    common = math.gcd(int(a.scaleb(scale, nm.EXACT)), int(b.scaleb(scale, nm.EXACT)))
    return Decimal(common).scaleb(-scale, nm.EXACT)


def _lcm(a: Decimal, b: Decimal) -> Decimal:
    if a.is_nan() or b.is_nan() or a.is_infinite() or b.is_infinite():
        return _NAN
    scale = max(nm.scale_of(a), nm.scale_of(b))
    common = math.lcm(int(a.scaleb(scale, nm.EXACT)), int(b.scaleb(scale, nm.EXACT)))
    return Decimal(common).scaleb(-scale, nm.EXACT)


def _gcd_of_infinite(a: Decimal, b: Decimal) -> Decimal:
    return _gcd(a, b) if a.is_finite() and b.is_finite() else _NAN


scalar("gcd(numeric,numeric)")(numeric(_gcd_of_infinite))
scalar("lcm(numeric,numeric)")(numeric(_lcm))


@scalar("width_bucket(numeric,numeric,numeric,integer)")
def _width_bucket(operand_text: str, low_text: str, high_text: str, count: int) -> int:
    operand, low, high = Decimal(operand_text), Decimal(low_text), Decimal(high_text)
    if count <= 0:
        raise SqlError("2201G", "count must be greater than zero")
    if operand.is_nan() or low.is_nan() or high.is_nan():
        raise SqlError("2201G", "operand, lower bound, and upper bound cannot be NaN")
    if low.is_infinite() or high.is_infinite():
        raise SqlError("2201G", "lower and upper bounds must be finite")
    if low == high:
        raise SqlError("2201G", "lower bound cannot equal upper bound")
    if low > high:
        operand, low, high = -operand, -low, -high
    if operand < low:
        return 0
    if operand >= high:
        return INT4.checked(count + 1)
    part = nm.EXACT.multiply(nm.EXACT.subtract(operand, low), Decimal(count))
    return int(nm.EXACT.divide_int(part, nm.EXACT.subtract(high, low))) + 1


@scalar("in_range(numeric,numeric,numeric,boolean,boolean)")
def _in_range(value: str, start: str, distance: str, subtract: int, less: int) -> int:
    far = Decimal(distance)
    if far.is_nan() or far < 0:
        raise SqlError("22013", "invalid preceding or following size in window function")
    here, there = Decimal(value), Decimal(start)
    if here.is_nan():
        return 1 if there.is_nan() else int(not less)
    if there.is_nan():
        return less
    if far.is_infinite() and there.is_infinite() and (there > 0 if subtract else there < 0):
        return 1
    end = nm.subtract(there, far) if subtract else nm.add(there, far)
    return int(here <= end if less else here >= end)
