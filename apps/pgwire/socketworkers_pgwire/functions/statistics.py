"""Aggregates for statistics: PostgreSQL 15 documentation §9.21, table 9.60.

Of doubles sums and sums of squares grow by the method of Youngs and Cramer, as in PostgreSQL, so that the digits agree.
Of integers and numerics they are exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ..types import numeric_math as nm
from ..types.numeric import numeric_text
from .floats import overflow
from .kinds import float_of, store_float
from .registry import CallSite, aggregate

__all__: list[str] = []

_EIGHT = "double precision"


class _Spread:
    """Count, sum and sum of squared differences of floats."""

    __slots__ = ("count", "squares", "total")

    def __init__(self, call: CallSite) -> None:
        self.count = self.total = self.squares = 0.0

    def step(self, value: float | str | None) -> None:
        """Take one in."""
        if value is None:
            return
        new = float_of(value)
        before_count, before = self.count, self.total
        self.count += 1.0
        self.total = before + new
        if before_count > 0.0:
            distance = new * self.count - self.total
            self.squares += distance * distance / (self.count * before_count)
            if math.isinf(self.total) or math.isinf(self.squares):
                if not math.isinf(before) and not math.isinf(new):
                    raise overflow()
                self.squares = math.nan
        elif math.isinf(new) or math.isnan(new):
            self.squares = math.nan


def _of_floats(final: Callable[[_Spread], float | None]) -> type[Any]:
    class Spread(_Spread):
        __slots__ = ()

        def final(self) -> float | str | None:
            result = final(self)
            return None if result is None else store_float(result)

    return Spread


def _population(state: _Spread) -> float | None:
    return state.squares / state.count if state.count else None


def _sample(state: _Spread) -> float | None:
    return state.squares / (state.count - 1.0) if state.count > 1.0 else None


def _root(function: Callable[[_Spread], float | None]) -> Callable[[_Spread], float | None]:
    def root(state: _Spread) -> float | None:
        found = function(state)
        return None if found is None else math.sqrt(found) if found == found else found

    return root


for _name in ("real", _EIGHT):
    aggregate(f"avg({_name})")(_of_floats(lambda state: state.total / state.count if state.count else None))
    aggregate(f"var_pop({_name})")(_of_floats(_population))
    aggregate(f"var_samp({_name})", f"variance({_name})")(_of_floats(_sample))
    aggregate(f"stddev_pop({_name})")(_of_floats(_root(_population)))
    aggregate(f"stddev_samp({_name})", f"stddev({_name})")(_of_floats(_root(_sample)))


class _ExactSpread:
    """Count, sum and sum of squares of exact numbers."""

    __slots__ = ("count", "special", "squares", "total")

    def __init__(self, call: CallSite) -> None:
        self.count = 0
        self.special = False
        self.total = self.squares = Decimal(0)

    def step(self, value: str | int | None) -> None:
        """Take one in."""
        if value is None:
            return
        number = Decimal(value)
        self.count += 1
        if not number.is_finite():
            self.special = True
            return
        self.total = nm.add(self.total, number)
        # the scale of a square is twice that of its number, whatever a numeric may have
        self.squares = nm.EXACT.add(self.squares, nm.EXACT.multiply(number, number))


def _of_numerics(sample: bool, root: bool) -> type[Any]:
    class Spread(_ExactSpread):
        __slots__ = ()

        def final(self) -> str | None:
            count = self.count
            if not count or (sample and count == 1):
                return None
            if self.special:
                return "NaN"
            number = Decimal(count)
            above = nm.EXACT.subtract(
                nm.EXACT.multiply(self.squares, number), nm.EXACT.multiply(self.total, self.total)
            )
            if above <= 0:
                return "0"
            result = nm.divide(above, nm.EXACT.multiply(number, number - 1 if sample else number))
            return numeric_text(_root_of(result) if root else result)

    return Spread


def _root_of(value: Decimal) -> Decimal:
    """The square root to as many digits as the quotient has."""
    scale = nm.scale_of(value)
    square = int(value.scaleb(2 * scale, nm.EXACT))
    root = math.isqrt(square)
    return Decimal(root + (square - root * root > root)).scaleb(-scale, nm.EXACT)


for _name in ("smallint", "integer", "bigint", "numeric"):
    aggregate(f"var_pop({_name})")(_of_numerics(False, False))
    aggregate(f"var_samp({_name})", f"variance({_name})")(_of_numerics(True, False))
    aggregate(f"stddev_pop({_name})")(_of_numerics(False, True))
    aggregate(f"stddev_samp({_name})", f"stddev({_name})")(_of_numerics(True, True))


# two variables


class _Pairs:
    """Counts, sums and sums of products of pairs; pairs with a NULL are passed over."""

    __slots__ = ("count", "sx", "sxx", "sxy", "sy", "syy")

    def __init__(self, call: CallSite) -> None:
        self.count = self.sx = self.sxx = self.sy = self.syy = self.sxy = 0.0

    def step(self, y_value: float | str | None, x_value: float | str | None) -> None:
        """Take one pair in: the dependent one first."""
        if y_value is None or x_value is None:
            return
        x, y = float_of(x_value), float_of(y_value)
        before, x_before, y_before = self.count, self.sx, self.sy
        self.count += 1.0
        self.sx += x
        self.sy += y
        if before > 0.0:
            x_distance = x * self.count - self.sx
            y_distance = y * self.count - self.sy
            scale = 1.0 / (self.count * before)
            self.sxx += x_distance * x_distance * scale
            self.syy += y_distance * y_distance * scale
            self.sxy += x_distance * y_distance * scale
            sums = (self.sx, self.sxx, self.sy, self.syy, self.sxy)
            if any(map(math.isinf, sums)):
                x_finite = math.isfinite(x_before) and math.isfinite(x)
                y_finite = math.isfinite(y_before) and math.isfinite(y)
                if (
                    ((math.isinf(self.sx) or math.isinf(self.sxx)) and x_finite)
                    or ((math.isinf(self.sy) or math.isinf(self.syy)) and y_finite)
                    or (math.isinf(self.sxy) and x_finite and y_finite)
                ):
                    raise overflow()
                self.sxx = math.nan if math.isinf(self.sxx) else self.sxx
                self.syy = math.nan if math.isinf(self.syy) else self.syy
                self.sxy = math.nan if math.isinf(self.sxy) else self.sxy
        else:
            if not math.isfinite(x):
                self.sxx = self.sxy = math.nan
            if not math.isfinite(y):
                self.syy = self.sxy = math.nan


def _of_pairs(final: Callable[[_Pairs], float | None], least: float = 1.0) -> type[Any]:
    class Pairs(_Pairs):
        __slots__ = ()

        def final(self) -> float | str | None:
            if self.count < least:
                return None
            result = final(self)
            return None if result is None else store_float(result)

    return Pairs


def _correlation(state: _Pairs) -> float | None:
    if state.sxx == 0 or state.syy == 0:
        return None
    return state.sxy / math.sqrt(state.sxx * state.syy)


def _r2(state: _Pairs) -> float | None:
    if state.sxx == 0:
        return None
    if state.syy == 0:
        return 1.0
    return (state.sxy * state.sxy) / (state.sxx * state.syy)


def _intercept(state: _Pairs) -> float | None:
    return None if state.sxx == 0 else (state.sy - state.sx * state.sxy / state.sxx) / state.count


_PAIRS: dict[str, Callable[[_Pairs], float | None]] = {
    "regr_sxx": lambda state: state.sxx,
    "regr_syy": lambda state: state.syy,
    "regr_sxy": lambda state: state.sxy,
    "regr_avgx": lambda state: state.sx / state.count,
    "regr_avgy": lambda state: state.sy / state.count,
    "covar_pop": lambda state: state.sxy / state.count,
    "corr": _correlation,
    "regr_r2": _r2,
    "regr_slope": lambda state: None if state.sxx == 0 else state.sxy / state.sxx,
    "regr_intercept": _intercept,
}
for _name, _final in _PAIRS.items():
    aggregate(f"{_name}({_EIGHT},{_EIGHT})")(_of_pairs(_final))
aggregate(f"covar_samp({_EIGHT},{_EIGHT})")(_of_pairs(lambda state: state.sxy / (state.count - 1.0), 2.0))


@aggregate(f"regr_count({_EIGHT},{_EIGHT})")
class _RegressionCount(_Pairs):
    """How many pairs have no NULL."""

    __slots__ = ()

    def final(self) -> int:
        return int(self.count)
