"""float4 and float8: PostgreSQL 15 documentation §8.1.3, §9.3. Sans-IO.

Stored as REAL, a float4 as the double of the same value; NaN as TEXT 'NaN', which SQLite sorts above all numbers and
finds equal to itself, as PostgreSQL does (SQLite makes NULL of a NaN).
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Sequence
from fractions import Fraction

from .base import SPACES, Type, exactly
from .errors import SqlError, division_by_zero, invalid_input
from .settings import DEFAULT, Settings

__all__ = ["FLOAT4", "FLOAT8", "Float"]

NAN = "NaN"
# what strtod() of the C library takes
_FLOAT = re.compile(
    r"([+-]?)(?:(nan)(?:\([a-z0-9_]*\))?|(inf(?:inity)?)|(0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(?:p[+-]?[0-9]+)?)"
    r"|((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?))",
    re.ASCII | re.IGNORECASE,
)
_PLAIN = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?", re.ASCII)
_LEAST_NORMAL4 = 2.0**-126
_float32 = struct.Struct("!f")


class Float(Type[float | str]):
    """A floating-point number of four or eight bytes."""

    __slots__ = ("_digits", "_pack", "_unpack")

    def __init__(self, oid: int, typname: str, name: str, array_oid: int, size: int, digits: int) -> None:
        super().__init__(oid, typname, name, array_oid, size, "N", "ANY", preferred=size == 8)
        self._digits = digits
        packing = struct.Struct("!d" if size == 8 else "!f")
        self._pack = packing.pack
        self._unpack = packing.unpack

    def input(self, text: str, settings: Settings = DEFAULT) -> float | str:
        if _PLAIN.fullmatch(text) and self.typlen == 8:
            return float(text)
        match = _FLOAT.match(text.lstrip(SPACES))
        if match is None:
            raise invalid_input(self.name, text)
        junk = text.lstrip(SPACES)[match.end() :].strip(SPACES)
        sign, nan, infinity, hexadecimal, decimal = match.groups()
        if nan or infinity:
            if junk:
                raise invalid_input(self.name, text)
            return NAN if nan else -math.inf if sign == "-" else math.inf
        try:
            value = float.fromhex(sign + hexadecimal) if hexadecimal else float(sign + decimal)
        except OverflowError:
            value = math.inf
        written = decimal or hexadecimal[2:]
        if self.typlen == 4:
            value = _nearest_float4(value, sign + decimal if decimal else "")
        if math.isinf(value) or (not value and _not_zero(written, bool(hexadecimal))):
            shown = match[0] if self.typlen == 8 else text
            raise SqlError("22003", f'"{shown}" is out of range for type {self.name}')
        if junk:
            raise invalid_input(self.name, text)
        return value

    def output(self, stored: float | str, settings: Settings = DEFAULT) -> str:
        if type(stored) is str:
            return stored
        value = float(stored)
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        if settings.extra_float_digits <= 0:
            return f"{value:.{max(1, self._digits + settings.extra_float_digits)}g}"
        return shortest8(value) if self.typlen == 8 else shortest4(value)

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> float | str:
        return self.store(self._unpack(exactly(data, self.typlen))[0])

    def send(self, stored: float | str) -> bytes:
        return self._pack(math.nan if type(stored) is str else stored)

    def encode_column(
        self, values: Sequence[float | str | None], settings: Settings = DEFAULT, binary: bool = False
    ) -> list[bytes | None]:
        if binary:
            pack, nan = self._pack, self._pack(math.nan)
            return [None if v is None else pack(v) if type(v) is float else nan for v in values]
        if self.typlen != 8 or settings.extra_float_digits <= 0:
            output = self.output
            return [None if v is None else output(v, settings).encode() for v in values]
        spelled: list[bytes | None] = []
        append, spell = spelled.append, float.__repr__
        for value in values:
            if type(value) is float:
                text = spell(value)
                if -1e15 < value < 1e15 and "e" not in text:
                    append((text[:-2] if text.endswith(".0") else text).encode())
                else:
                    append(self.output(value, settings).encode())
            else:
                append(None if value is None else self.output(value, settings).encode())
        return spelled

    def load(self, stored: float | str) -> float:
        return math.nan if type(stored) is str else float(stored)

    def store(self, value: float) -> float | str:
        return NAN if value != value else value

    # arithmetic: documentation §9.3

    def _checked(self, value: float, infinite: bool, zero: bool) -> float:
        """PostgreSQL's check of a result: an infinity from finite operands, a zero from others."""
        if self.typlen == 4 and not math.isinf(value) and value == value:
            value = to_float4(value)
        if math.isinf(value) and not infinite:
            raise SqlError("22003", "value out of range: overflow")
        if not value and not zero:
            raise SqlError("22003", "value out of range: underflow")
        return value

    def add(self, a: float, b: float) -> float:
        """`a + b`, or 22003."""
        return self._checked(a + b, math.isinf(a) or math.isinf(b), True)

    def subtract(self, a: float, b: float) -> float:
        """`a - b`, or 22003."""
        return self._checked(a - b, math.isinf(a) or math.isinf(b), True)

    def multiply(self, a: float, b: float) -> float:
        """`a * b`, or 22003, also when it becomes zero."""
        return self._checked(a * b, math.isinf(a) or math.isinf(b), a == 0 or b == 0)

    def divide(self, a: float, b: float) -> float:
        """`a / b`; 22012 for a zero unless `a` is NaN."""
        if not b:
            if a != a:
                return a
            raise division_by_zero()
        return self._checked(a / b, math.isinf(a), a == 0 or math.isinf(b))

    def to_integer(self, value: float, maximum: int, name: str) -> int:
        """The cast to an integer type, which takes the even one of two that are equally near.

        Raises:
            SqlError: 22003, also for NaN.
        """
        if math.isfinite(value) and -maximum - 1 <= (rounded := round(value)) <= maximum:
            return rounded
        raise SqlError("22003", f"{name} out of range")


def shortest8(value: float) -> str:
    """The shortest text that reads back as the same double, with an exponent below 1e-4 and from 1e15 on."""
    text = repr(value)
    if "e" not in text:
        if text.endswith(".0"):
            text = text[:-2]
            if len(text) - (text[0] == "-") > 15:
                return _exponent_form(text)
        elif len(text) > 17 and (value >= 1e15 or value <= -1e15):
            return _exponent_form(text)
        return text
    if "e+" in text:
        return _within(text, value)
    return text


def _exponent_form(text: str) -> str:
    sign, digits = ("-", text[1:]) if text[0] == "-" else ("", text)
    whole, _, fraction = digits.partition(".")
    digits = (whole + fraction).rstrip("0")
    exponent = len(whole) - 1
    return f"{sign}{digits[0]}{'.' + digits[1:] if len(digits) > 1 else ''}e+{exponent:02d}"


def _within(text: str, value: float) -> str:
    """Python takes a text exactly between two doubles when reading it gives the even one; PostgreSQL does not."""
    exact = int(value)
    spelled = int(Fraction(text))
    if abs(spelled - exact) * 2 == math.ulp(value):
        digits = len(text.partition("e")[0].lstrip("-").replace(".", ""))
        for precision in range(digits, 18):
            longer = f"{value:.{precision}e}"
            if float(longer) == value and abs(int(Fraction(longer)) - exact) * 2 < math.ulp(value):
                return longer
    return text


def shortest4(value: float) -> str:
    """The shortest text that reads back as the same float4, with an exponent below 1e-4 and from 1e6 on."""
    # below the normal numbers fewer digits than six tell them apart
    for digits in (6, 7, 8, 9) if abs(value) >= _LEAST_NORMAL4 else range(1, 10):
        text = f"{value:.{digits}g}"
        if to_float4(float(text)) == value and not _between4(text, value):
            break
        # below a power of two the neighbours are nearer than above it, so the nearest text may not be the one
        other = _one_more(f"{value:.{digits - 1}e}") if math.frexp(value)[0] in (0.5, -0.5) else ""
        if other and digits < 9 and to_float4(float(other)) == value:
            text = other
            break
    return _respell4(text)


def _between4(text: str, value: float) -> bool:
    spelled = float(text)
    step = 2.0 ** max(math.frexp(value)[1] - 24, -149)
    return abs(spelled - value) * 2 == step and spelled == Fraction(text)


def _one_more(text: str) -> str:
    """One more in the last digit, "" when that makes it longer."""
    mantissa, e, exponent = text.partition("e")
    if not e:
        return ""
    sign = "-" if mantissa[0] == "-" else ""
    digits = mantissa.lstrip("-").replace(".", "")
    raised = str(int(digits) + 1)
    if len(raised) != len(digits):
        return ""
    return f"{sign}{raised[0]}{'.' + raised[1:] if len(raised) > 1 else ''}e{exponent}"


def _respell4(text: str) -> str:
    mantissa, e, exponent = text.partition("e")
    if e:
        power = int(exponent)
        if -5 < power < 6:
            return f"{float(text):.{9}g}"
        return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}e{exponent}"
    whole, _, _ = mantissa.lstrip("-").partition(".")
    if len(whole) > 6:
        return _exponent_form(mantissa)
    return mantissa


def to_float4(value: float) -> float:
    """The nearest float4; an infinity when it is too large for one."""
    try:
        rounded: float = _float32.unpack(_float32.pack(value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    return rounded


def _nearest_float4(value: float, text: str) -> float:
    """The float4 nearest to `text`, whose nearest double is `value`; rounding twice may go wrong only at a middle."""
    if not math.isfinite(value):
        return value
    rounded = to_float4(value)
    if rounded == value or not text or not math.isfinite(rounded):
        return rounded
    other = value + (value - rounded)
    if to_float4(other) == other and other != rounded and len(text) < 1000:
        middle = Fraction(value)
        exact = Fraction(text)
        if exact != middle:
            return max(rounded, other) if exact > middle else min(rounded, other)
    return rounded


def _not_zero(written: str, hexadecimal: bool) -> bool:
    mantissa = re.split("[pP]" if hexadecimal else "[eE]", written)[0]
    return mantissa.strip("0.") != ""


FLOAT4 = Float(700, "float4", "real", 1021, 4, 6)
FLOAT8 = Float(701, "float8", "double precision", 1022, 8, 15)
