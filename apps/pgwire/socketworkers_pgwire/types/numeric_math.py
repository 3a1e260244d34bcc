"""Arithmetic of numeric: PostgreSQL 15 documentation §9.3. Sans-IO.

Values are Decimal with exponents of at most 0, whose digits behind the point are the display scale. Sums, differences
and products are exact; everything else is rounded, a half away from zero, to the scale that PostgreSQL chooses: at
least sixteen significant digits, and no fewer than the operands have behind the point.
"""

from __future__ import annotations

import math
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal

from .errors import SqlError, division_by_zero

__all__ = [
    "EXACT",
    "MAX_SCALE",
    "MAX_WHOLE_DIGITS",
    "absolute",
    "add",
    "ceiling",
    "divide",
    "exp",
    "floor",
    "from_float",
    "integer_divide",
    "ln",
    "log",
    "modulo",
    "multiply",
    "negate",
    "overflow",
    "power",
    "round_to",
    "scale_of",
    "sign",
    "sqrt",
    "subtract",
    "to_integer",
    "trim_scale",
    "truncate",
]

MAX_WHOLE_DIGITS = 131_072  # table 8.2
MAX_SCALE = 16_383
_MAX_DISPLAY_SCALE = 1000
_MAX_RESULT_SCALE = 2000
_SIGNIFICANT = 16  # the fewest digits that a rounded result has
_GROUP = 4  # PostgreSQL counts in digits of base 10,000, and its choice of scales shows it
_MAX_EXACT_ROOT = 5_000  # digits
_LOG10_E = 0.434294481903252

EXACT = Context(prec=2 * (MAX_WHOLE_DIGITS + MAX_SCALE), rounding=ROUND_HALF_UP, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])
_NAN = Decimal("NaN")
_ZERO = Decimal(0)
_ONE = Decimal(1)


def overflow() -> SqlError:
    """22003: more digits than a numeric has."""
    return SqlError("22003", "value overflows numeric format")


def scale_of(value: Decimal) -> int:
    """Digits behind the point."""
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _with_scale(value: Decimal, scale: int, rounding: str = ROUND_HALF_UP) -> Decimal:
    return value.quantize(Decimal((0, (1,), -scale)), rounding, EXACT)


def round_to(value: Decimal, scale: int, rounding: str = ROUND_HALF_UP) -> Decimal:
    """round(value, scale); with a negative scale zeros before the point."""
    if not value.is_finite():
        return value
    scale = max(-MAX_WHOLE_DIGITS - 1, min(scale, MAX_SCALE))
    if scale >= 0:
        return _with_scale(value, scale, rounding)
    if value and value.adjusted() < -scale - 1:
        return _ZERO
    return _with_scale(_with_scale(value, scale, rounding), 0)


def truncate(value: Decimal, scale: int = 0) -> Decimal:
    """trunc(value, scale)."""
    return round_to(value, scale, ROUND_DOWN)


def ceiling(value: Decimal) -> Decimal:
    """ceil(value)."""
    return round_to(value, 0, ROUND_CEILING)


def floor(value: Decimal) -> Decimal:
    """floor(value)."""
    return round_to(value, 0, ROUND_FLOOR)


def trim_scale(value: Decimal) -> Decimal:
    """The value without zeros at the end of its fraction."""
    if not value.is_finite():
        return value
    scale = scale_of(value)
    text = format(value, "f")
    return _with_scale(value, scale - (len(text) - len(text.rstrip("0")))) if scale and text[-1] == "0" else value


def add(a: Decimal, b: Decimal) -> Decimal:
    """`a + b`."""
    return EXACT.add(a, b)


def subtract(a: Decimal, b: Decimal) -> Decimal:
    """`a - b`."""
    return EXACT.subtract(a, b)


def multiply(a: Decimal, b: Decimal) -> Decimal:
    """`a * b`."""
    product = EXACT.multiply(a, b)
    return _with_scale(product, MAX_SCALE) if product.is_finite() and scale_of(product) > MAX_SCALE else product


def negate(a: Decimal) -> Decimal:
    """`-a`."""
    return a.copy_negate()


def absolute(a: Decimal) -> Decimal:
    """abs(a)."""
    return a.copy_abs()


def sign(a: Decimal) -> Decimal:
    """sign(a)."""
    return a if a.is_nan() else Decimal((a > 0) - (a < 0))


def _group(value: Decimal) -> tuple[int, int]:
    """Weight and value of the first digit of base 10,000."""
    if not value:
        return 0, 0
    weight = value.adjusted() // _GROUP
    return weight, int(value.copy_abs().scaleb(-_GROUP * weight, EXACT))


def _division_scale(a: Decimal, b: Decimal) -> int:
    weight_a, first_a = _group(a)
    weight_b, first_b = _group(b)
    weight = weight_a - weight_b - (first_a <= first_b)
    scale = max(_SIGNIFICANT - weight * _GROUP, scale_of(a), scale_of(b), 0)
    return min(scale, _MAX_DISPLAY_SCALE)


def divide(a: Decimal, b: Decimal) -> Decimal:
    """`a / b`.

    Raises:
        SqlError: 22012.
    """
    if a.is_nan() or b.is_nan():
        return _NAN
    if not b:
        raise division_by_zero()
    if a.is_infinite() or b.is_infinite():
        return _ZERO if not a.is_infinite() else EXACT.divide(a, b)
    return _divided(a, b, _division_scale(a, b))


def _divided(a: Decimal, b: Decimal, scale: int) -> Decimal:
    """The quotient to so many digits behind the point, a half away from zero."""
    quotient, rest = EXACT.divmod(a.scaleb(scale, EXACT), b)
    if EXACT.multiply(rest, Decimal(2)).copy_abs() >= b.copy_abs():
        quotient = EXACT.add(quotient, _ONE if (a < 0) == (b < 0) else -_ONE)
    return _with_scale(quotient.scaleb(-scale, EXACT), scale)


def integer_divide(a: Decimal, b: Decimal) -> Decimal:
    """div(a, b): the quotient without its fraction."""
    if a.is_nan() or b.is_nan():
        return _NAN
    if not b:
        raise division_by_zero()
    if a.is_infinite() or b.is_infinite():
        return _ZERO if not a.is_infinite() else EXACT.divide(a, b)
    return _with_scale(EXACT.divide_int(a, b), 0)


def modulo(a: Decimal, b: Decimal) -> Decimal:
    """`a % b`, with the sign of `a`; 22012 for a zero."""
    if a.is_nan() or b.is_nan():
        return _NAN
    if not b:
        raise division_by_zero()
    if a.is_infinite():
        return _NAN
    if b.is_infinite():
        return a
    return EXACT.remainder(a, b)


def _bounded_scale(scale: int, *values: Decimal) -> int:
    return min(max(scale, 0, *map(scale_of, values)), _MAX_DISPLAY_SCALE)


def _context(digits: int) -> Context:
    return Context(prec=max(digits, 1), rounding=ROUND_HALF_UP, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])


def sqrt(value: Decimal) -> Decimal:
    """sqrt(value); 2201F below zero."""
    if value.is_nan():
        return value
    if value < 0:
        raise SqlError("2201F", "cannot take square root of a negative number")
    if value.is_infinite():
        return value
    weight = _group(value)[0]
    digits = weight * _GROUP // 2 + 1 if weight >= 0 else 1 - (1 - weight * _GROUP) // 2
    scale = _bounded_scale(_SIGNIFICANT - digits, value)
    shifted = value.scaleb(2 * scale, EXACT)
    if shifted.adjusted() > _MAX_EXACT_ROOT:
        return _with_scale(_context(scale + value.adjusted() // 2 + 10).sqrt(value), scale)
    square = int(shifted)
    root = math.isqrt(square)
    # what is cut off can only raise the root by less than a half
    root += square - root * root > root
    return Decimal(root).scaleb(-scale, EXACT)


def exp(value: Decimal) -> Decimal:
    """exp(value)."""
    if not value.is_finite():
        return _ZERO if value.is_infinite() and value < 0 else value
    weight = max(-_MAX_RESULT_SCALE, min(float(value) * _LOG10_E, _MAX_RESULT_SCALE))
    scale = _bounded_scale(_SIGNIFICANT - int(weight), value)
    if abs(value) >= 3 * _MAX_RESULT_SCALE:
        if value > 0:
            raise overflow()
        return _with_scale(_ZERO, scale)
    digits = scale + max(int(float(value) * _LOG10_E), 0) + 8
    return _with_scale(_context(digits).exp(value), scale)


def _ln_weight(value: Decimal) -> int:
    """About where the first digit of ln(value) is, by the first digits of base 10,000, as PostgreSQL guesses it."""
    if value <= 0:
        return 0
    if Decimal("0.9") <= value <= Decimal("1.1"):
        rest = EXACT.subtract(value, _ONE)
        if not rest:
            return 0
        weight, first = _group(rest)
        return weight * _GROUP + int(math.log10(first))
    weight, _ = _group(value)
    start = int(value.scaleb(-_GROUP * (weight - 1), EXACT))
    exponent = (weight - 1) * _GROUP
    if start % 10_000 == 0 and EXACT.compare(value, Decimal(start).scaleb(exponent, EXACT)) == 0:
        start, exponent = start // 10_000, exponent + _GROUP
    logarithm = math.log(start) + exponent * 2.302585092994046
    return int(math.log10(abs(logarithm)))


def _check_logarithm(value: Decimal) -> None:
    if value < 0:
        raise SqlError("2201E", "cannot take logarithm of a negative number")
    if not value:
        raise SqlError("2201E", "cannot take logarithm of zero")


def _ln(value: Decimal, scale: int) -> Decimal:
    """ln(value) with some digits more than `scale`."""
    return _context(scale + 12 + max(len(str(abs(value.adjusted()))), 1)).ln(value)


def ln(value: Decimal) -> Decimal:
    """ln(value); 2201E for zero and below."""
    if value.is_nan():
        return value
    _check_logarithm(value)
    if value.is_infinite():
        return value
    scale = _bounded_scale(_SIGNIFICANT - _ln_weight(value), value)
    return _with_scale(_ln(value, scale), scale)


def log(base: Decimal, value: Decimal) -> Decimal:
    """log(base, value); 2201E for zero and below, 22012 for the base 1."""
    if base.is_nan() or value.is_nan():
        return _NAN
    if (base.is_infinite() or value.is_infinite()) and (base < 0 or value < 0):
        raise SqlError("2201E", "cannot take logarithm of a negative number")  # told before that of zero
    _check_logarithm(base)
    _check_logarithm(value)
    if base.is_infinite() or value.is_infinite():
        if base.is_infinite():
            return _NAN if value.is_infinite() else _ZERO
        return value
    scale = _bounded_scale(_SIGNIFICANT - (_ln_weight(value) - _ln_weight(base)), base, value)
    logarithm = _ln(base, scale + 20)
    if not logarithm:
        raise division_by_zero()
    return _divided(_ln(value, scale + 20), logarithm, scale)


def power(base: Decimal, exponent: Decimal) -> Decimal:
    """`base ^ exponent`.

    Raises:
        SqlError: 2201F for what has no result, 22003 when it is too large.
    """
    if not base.is_finite() or not exponent.is_finite():
        return _special_power(base, exponent)
    if not base and exponent < 0:
        raise SqlError("2201F", "zero raised to a negative power is undefined")
    whole = exponent == exponent.to_integral_value()
    if base < 0 and not whole:
        raise SqlError("2201F", "a negative number raised to a non-integer power yields a complex result")
    if whole and -(1 << 31) <= exponent < 1 << 31:
        return _integer_power(base, int(exponent), _bounded_scale(_SIGNIFICANT, base))
    if not base:
        return _with_scale(_ZERO, _SIGNIFICANT)
    magnitude = base.copy_abs()
    odd = base < 0 and int(exponent) % 2 == 1
    estimate = float(EXACT.multiply(_context(20).ln(magnitude), exponent))
    if abs(estimate) > _MAX_RESULT_SCALE * 3.01:
        if estimate > 0:
            raise overflow()
        return _with_scale(_ZERO, _MAX_DISPLAY_SCALE)
    weight = int(estimate * _LOG10_E)
    scale = _bounded_scale(_SIGNIFICANT - weight, base, exponent)
    digits = scale + max(weight, 0) + 20
    result = _with_scale(_context(digits).power(magnitude, exponent), scale)
    return result.copy_negate() if odd else result


def _integer_power(base: Decimal, exponent: int, scale: int) -> Decimal:
    if exponent == 0:
        return _with_scale(_ONE, scale)
    if exponent == 1:
        return _with_scale(base, scale)
    if exponent == -1:
        return _divided(_ONE, base, scale)
    if exponent == 2:
        return _with_scale(EXACT.multiply(base, base), scale)
    if not base:
        return _with_scale(_ZERO, scale)
    start = base.copy_abs().scaleb(-base.adjusted(), EXACT)
    weight = exponent * (math.log10(float(start)) + base.adjusted())
    if weight > MAX_WHOLE_DIGITS:
        raise overflow()
    if weight + 1 < -scale:
        return _with_scale(_ZERO, scale)
    digits = max(1 + scale + int(weight), 1) + 8 + int(math.log(abs(exponent)))
    result = _context(digits).power(base.copy_abs(), Decimal(exponent))
    result = _with_scale(result, scale)
    if result.adjusted() >= MAX_WHOLE_DIGITS:
        raise overflow()
    return result.copy_negate() if base < 0 and exponent % 2 else result


def _special_power(base: Decimal, exponent: Decimal) -> Decimal:
    """With NaN and infinities, as POSIX has pow()."""
    if base.is_nan() or exponent.is_nan():
        return _ONE if base == 1 or exponent == 0 else _NAN
    if base == 1 or not exponent:
        return _ONE
    if exponent.is_infinite():
        if base == -1:
            return _ONE
        if not base and exponent < 0:
            raise SqlError("2201F", "zero raised to a negative power is undefined")
        grows = (abs(base) > 1) == (exponent > 0)
        return Decimal("Infinity") if grows else _ZERO
    if exponent < 0:
        return _ZERO
    if base > 0:
        return base
    if exponent != exponent.to_integral_value():
        raise SqlError("2201F", "a negative number raised to a non-integer power yields a complex result")
    return base if int(exponent) % 2 else base.copy_negate()


def to_integer(value: Decimal, bits: int, name: str) -> int:
    """The cast to an integer type, a half away from zero.

    Raises:
        SqlError: 22003; 0A000 for NaN and the infinities.
    """
    if not value.is_finite():
        raise SqlError("0A000", f"cannot convert {'NaN' if value.is_nan() else 'infinity'} to {name}")
    rounded = int(_with_scale(value, 0)) if not value or value.adjusted() < 20 else 1 << 70
    if -(1 << bits - 1) <= rounded < 1 << bits - 1:
        return rounded
    raise SqlError("22003", f"{name} out of range")


def from_float(value: float, digits: int) -> Decimal:
    """The cast of a float8 (15 digits) or float4 (6 digits)."""
    result = Decimal(f"{value:.{digits}g}") if math.isfinite(value) else Decimal(value)
    return _with_scale(result, 0) if result.is_finite() and scale_of(result) < 0 else result
