"""money: PostgreSQL 15 documentation §8.2.1."""

from __future__ import annotations

import math
from decimal import Decimal

from ..types import numeric_math as nm
from ..types.errors import SqlError, division_by_zero
from ..types.floats import FLOAT8
from ..types.integers import INT8, Integer
from ..types.numeric import numeric_text
from .comparison import register_choices, register_tests
from .kinds import float_of, same, store_float
from .registry import CallSite, aggregate, scalar

__all__: list[str] = []

_CENTS = Integer(790, "money", "money", 791, 8, "!q")  # to calculate with, and for the words of its errors

register_tests("cash_", "money,money", same, same, "cash_cmp")
register_choices("cash", "money", same)
scalar("cash_pl(money,money)")(_CENTS.add)
scalar("cash_mi(money,money)")(_CENTS.subtract)


def _rounded(value: float) -> int:
    if not math.isfinite(value) or not -(2.0**63) <= value < 2.0**63:
        raise SqlError("22003", "money out of range")
    return round(value)


def _divided(cents: int, divisor: float | str) -> int:
    number = float_of(divisor)
    if number == 0:
        raise division_by_zero()
    return _rounded(FLOAT8.divide(float(cents), number))


def _multiplied(cents: int, factor: float | str) -> int:
    return _rounded(FLOAT8.multiply(float(cents), float_of(factor)))


for _name, _kind in (("flt4", "real"), ("flt8", "double precision")):
    scalar(f"cash_mul_{_name}(money,{_kind})")(_multiplied)
    scalar(f"{_name}_mul_cash({_kind},money)")(lambda factor, cents: _multiplied(cents, factor))
    scalar(f"cash_div_{_name}(money,{_kind})")(_divided)
for _name, _kind in (("int2", "smallint"), ("int4", "integer"), ("int8", "bigint")):
    scalar(f"cash_mul_{_name}(money,{_kind})", f"{_name}_mul_cash({_kind},money)")(_CENTS.multiply)
    scalar(f"cash_div_{_name}(money,{_kind})")(_CENTS.divide)
for _kind in ("integer", "bigint"):
    scalar(f"money({_kind})")(lambda value: INT8.multiply(value, 100))


@scalar("cash_div_cash(money,money)")
def _ratio(a: int, b: int) -> float | str:
    if not b:
        raise division_by_zero()
    return store_float(a / b)


@scalar('"numeric"(money)')
def _to_numeric(cents: int) -> str:
    return numeric_text(Decimal(cents).scaleb(-2))


@scalar("money(numeric)")
def _of_numeric(text: str) -> int:
    return nm.to_integer(nm.multiply(Decimal(text), Decimal(100)), 64, "bigint")


@aggregate("sum(money)")
class _Sum:
    """The sum."""

    __slots__ = ("_total",)

    def __init__(self, call: CallSite) -> None:
        self._total: int | None = None

    def step(self, value: int | None) -> None:
        """Take one in."""
        if value is not None:
            self._total = value if self._total is None else _CENTS.add(self._total, value)

    def final(self) -> int | None:
        """All."""
        return self._total


_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def _words(value: int) -> str:
    """Of a number below a thousand."""
    hundreds, rest = divmod(value, 100)
    parts = [f"{_ONES[hundreds]} hundred"] if hundreds else []
    if not hundreds or rest:
        small = _ONES[rest] if rest < 20 else _TENS[rest // 10 - 2] + (f" {_ONES[rest % 10]}" if rest % 10 else "")
        if hundreds and rest < 20:
            small = f"and {small}"
        parts.append(small)
    return " ".join(parts)


@scalar("cash_words(money)")
def _cash_words(cents: int) -> str:
    sign = "minus " if cents < 0 else ""
    whole, rest = divmod(abs(cents), 100)
    parts: list[str] = []
    for power, name in (
        (10**15, " quadrillion"),
        (10**12, " trillion"),
        (10**9, " billion"),
        (10**6, " million"),
        (1000, " thousand"),
    ):
        count = whole // power % 1000 if power < 10**15 else whole // power
        if count:
            parts.append(_words(count) + name + " ")
    if whole % 1000:
        parts.append(_words(whole % 1000))
    if not parts:
        parts.append("zero")
    dollars, cents_word = "dollar" if whole == 1 else "dollars", "cent" if rest == 1 else "cents"
    text = f"{sign}{''.join(parts)} {dollars} and {_words(rest)} {cents_word}"
    return text[0].upper() + text[1:]
