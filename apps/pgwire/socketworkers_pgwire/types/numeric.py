"""numeric: PostgreSQL 15 documentation §8.1.2. Sans-IO.

Stored as TEXT, spelled as it is written, with its display scale; equality and order go by `pg_numkey`. With a modifier
of at most 18 digits it is `ScaledNumeric` instead: INTEGER, the value times ten to the scale, or TEXT 'NaN', which
SQLite compares as PostgreSQL does.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from decimal import Decimal

from .base import SPACES, AnyType, Type
from .errors import SqlError, bad_binary, cut_binary, invalid_input, invalid_parameter
from .numeric_math import EXACT, MAX_SCALE, MAX_WHOLE_DIGITS, overflow, round_to
from .settings import DEFAULT, Settings

__all__ = ["MAX_SCALED_PRECISION", "NUMERIC", "Numeric", "ScaledNumeric", "numeric_key", "numeric_text"]

MAX_PRECISION = 1000
MAX_SCALED_PRECISION = 18  # what int8 holds
_HEADER = 4
_PLAIN = re.compile(r"-?(?:[1-9][0-9]{0,999}|0)(?:\.[0-9]{1,999})?", re.ASCII)
_PLAIN_COLUMN = re.compile(r"(?:(?:[1-9][0-9]{0,999}+|0)(?:\.[0-9]{1,999}+)?+\n)*+", re.ASCII)
_SHORT = re.compile(r"(-?[0-9]{1,18})(?:\.([0-9]{1,18}))?", re.ASCII)
_NUMBER = re.compile(
    r"[ \t-\r]*([+-]?)(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))(?:[eE][ \t-\r]*([+-]?[0-9]+))?[ \t-\r]*", re.ASCII
)
_EXPONENT = re.compile(r"[ \t-\r]*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][ \t-\r]*([+-]?[0-9]+)", re.ASCII)
_MAX_EXPONENT = (1 << 30) - 1
_SPECIAL = {
    "nan": "NaN",
    **{sign + word: "Infinity" for sign in ("", "+") for word in ("inf", "infinity")},
    "-inf": "-Infinity",
    "-infinity": "-Infinity",
}
_SPECIAL_SIGNS = {"NaN": 0xC000, "Infinity": 0xD000, "-Infinity": 0xF000}
_SIGN_SPECIALS = {sign: text for text, sign in _SPECIAL_SIGNS.items()}
_INFINITY_SCALE = 0x20  # no scale, but what PostgreSQL sends there
_NEGATIVE_SIGN = 0x4000
_header = struct.Struct("!hhHH")


class Numeric(Type[str]):
    """numeric without a modifier, or with more than 18 digits."""

    __slots__ = ("precision", "scale")

    def __init__(self, typmod: int = -1) -> None:
        super().__init__(1700, "numeric", "numeric", 1231, -1, "N", "TEXT", typmod=typmod)
        self.precision, self.scale = _unpacked(typmod)

    def input(self, text: str, settings: Settings = DEFAULT) -> str:
        spelled = parse(text)
        return spelled if self.typmod < 0 else self.coerce(spelled)

    def input_column(self, texts: Sequence[str | None], settings: Settings = DEFAULT) -> list[str | None]:
        if self.typmod < 0 and None not in texts:
            together = "\n".join(texts) + "\n"  # type: ignore[arg-type]
            if _PLAIN_COLUMN.fullmatch(together) and together.count("\n") == len(texts):
                return list(texts)
        return super().input_column(texts, settings)

    def output(self, stored: str, settings: Settings = DEFAULT) -> str:
        return stored

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> str:
        spelled = receive_numeric(data)
        return spelled if self.typmod < 0 else self.coerce(spelled)

    def send(self, stored: str) -> bytes:
        return send_numeric(stored)

    def encode_column(
        self, values: Sequence[str | None], settings: Settings = DEFAULT, binary: bool = False
    ) -> list[bytes | None]:
        if binary:
            return [None if value is None else send_numeric(value) for value in values]
        return [None if value is None else value.encode() for value in values]

    def load(self, stored: str) -> Decimal:
        return Decimal(stored)

    def store(self, value: Decimal) -> str:
        return numeric_text(value)

    def eqkey(self, expression: str) -> str:
        return f"pg_numkey({expression})"

    def equality(self, stored: str) -> bytes:
        return numeric_key(stored)

    def typmodin(self, arguments: Sequence[str]) -> int:
        if not 1 <= len(arguments) <= 2:
            raise invalid_parameter("invalid NUMERIC type modifier")
        precision = int(arguments[0])
        scale = int(arguments[1]) if len(arguments) == 2 else 0
        if not 1 <= precision <= MAX_PRECISION:
            raise invalid_parameter(f"NUMERIC precision {precision} must be between 1 and {MAX_PRECISION}")
        if not -MAX_PRECISION <= scale <= MAX_PRECISION:
            raise invalid_parameter(f"NUMERIC scale {scale} must be between -{MAX_PRECISION} and {MAX_PRECISION}")
        return (precision << 16 | scale & 0x7FF) + _HEADER

    def typmodout(self) -> str:
        return f"({self.precision},{self.scale})" if self.typmod >= 0 else ""

    def _modified(self, typmod: int) -> AnyType:
        return _of_modifier(typmod)

    def coerce(self, stored: str, explicit: bool = False) -> str:
        if self.typmod < 0 or stored == "NaN":
            return stored
        return numeric_text(_bounded(stored, self.precision, self.scale))


class ScaledNumeric(Type[int | str]):
    """numeric(p,s) of at most 18 digits."""

    __slots__ = ("precision", "scale")

    def __init__(self, typmod: int) -> None:
        super().__init__(1700, "numeric", "numeric", 1231, -1, "N", "ANY", typmod=typmod)
        self.precision, self.scale = _unpacked(typmod)

    def input(self, text: str, settings: Settings = DEFAULT) -> int | str:
        match = _SHORT.fullmatch(text)
        if match is not None:
            whole, fraction = match.groups()
            fraction = fraction or ""
            if len(fraction) <= self.scale and len(whole) <= self.precision - self.scale:
                return int(whole + fraction.ljust(self.scale, "0"))
        return self.coerce(parse(text))

    def output(self, stored: int | str, settings: Settings = DEFAULT) -> str:
        scale = self.scale
        text = str(stored)
        if scale <= 0 or type(stored) is str:
            return text + "0" * -scale if stored and type(stored) is int else text
        if type(stored) is int and stored >= 0:
            if len(text) > scale:
                return f"{text[:-scale]}.{text[-scale:]}"
            return "0." + text.rjust(scale, "0")
        text = text[1:].rjust(scale + 1, "0")
        return f"-{text[:-scale]}.{text[-scale:]}"

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> int | str:
        return self.coerce(receive_numeric(data))

    def send(self, stored: int | str) -> bytes:
        return send_numeric(self.output(stored))

    def load(self, stored: int | str) -> Decimal:
        return Decimal(self.output(stored))

    def store(self, value: Decimal) -> int | str:
        return self.coerce(numeric_text(value))

    def typmodin(self, arguments: Sequence[str]) -> int:
        return NUMERIC.typmodin(arguments)

    def typmodout(self) -> str:
        return f"({self.precision},{self.scale})"

    def _modified(self, typmod: int) -> AnyType:
        return _of_modifier(typmod)

    def coerce(self, stored: int | str, explicit: bool = False) -> int | str:
        """A value in the form of a numeric without modifier, its text, scaled."""
        if stored == "NaN":
            return stored
        value = _bounded(str(stored), self.precision, self.scale)
        return int(value.scaleb(self.scale, EXACT))


def _of_modifier(typmod: int) -> AnyType:
    return ScaledNumeric(typmod) if 0 < _unpacked(typmod)[0] <= MAX_SCALED_PRECISION else Numeric(typmod)


def _unpacked(typmod: int) -> tuple[int, int]:
    """Precision and scale; the scale is eleven bits with a sign."""
    if typmod < _HEADER:
        return 0, 0
    bits = typmod - _HEADER
    return bits >> 16 & 0xFFFF, ((bits & 0x7FF) ^ 1024) - 1024


def _bounded(text: str, precision: int, scale: int) -> Decimal:
    """Rounded to the scale.

    Raises:
        SqlError: 22003, more digits than the precision before the point.
    """
    value = Decimal(text)
    if value.is_infinite():
        detail = f"A field with precision {precision}, scale {scale} cannot hold an infinite value."
        raise SqlError("22003", "numeric field overflow", detail=detail)
    rounded = round_to(value, scale)
    if rounded and rounded.adjusted() >= precision - scale:
        power = precision - scale
        limit = f"10^{power}" if power else "1"
        detail = f"A field with precision {precision}, scale {scale} must round to an absolute value less than {limit}."
        raise SqlError("22003", "numeric field overflow", detail=detail)
    return rounded


def parse(text: str) -> str:
    """The text of a numeric in its own spelling.

    Raises:
        SqlError: 22P02, or 22003 for more digits than a numeric has.
    """
    if _PLAIN.fullmatch(text):
        return text if text[0] != "-" or text.strip("-0.") else text[1:]
    match = _NUMBER.fullmatch(text)
    if match is None:
        special = _SPECIAL.get(text.strip(SPACES).lower())
        if special is None:
            start = _EXPONENT.match(text)
            if start is not None and abs(int(start[1][:22])) > _MAX_EXPONENT:
                raise overflow()  # told before what stands behind it
            raise invalid_input("numeric", text)
        return special
    sign, whole, fraction, only_fraction, exponent = match.groups()
    whole = (whole or "").lstrip("0")
    fraction = fraction or only_fraction or ""
    if exponent is not None:
        shift = int(exponent[:22])
        if not -_MAX_EXPONENT <= shift <= _MAX_EXPONENT:
            raise overflow()
        whole, fraction = _shifted(whole, fraction, shift)
    if len(whole) > MAX_WHOLE_DIGITS or len(fraction) > MAX_SCALE:
        raise overflow()
    spelled = f"{whole or '0'}.{fraction}" if fraction else whole or "0"
    return "-" + spelled if sign == "-" and spelled.strip("0.") else spelled


def _shifted(whole: str, fraction: str, shift: int) -> tuple[str, str]:
    """The digits with the point moved; what would be too long is refused before it is made."""
    if not (whole + fraction).strip("0"):
        scale = max(0, len(fraction) - shift)
        if scale > MAX_SCALE:
            raise overflow()
        return "", "0" * scale
    if shift >= 0:
        first = len(whole) or -(len(fraction) - len(fraction.lstrip("0")))
        if first + shift > MAX_WHOLE_DIGITS:
            raise overflow()
        fraction = fraction.ljust(shift, "0")
        return (whole + fraction[:shift]).lstrip("0"), fraction[shift:]
    if len(fraction) - shift > MAX_SCALE:
        raise overflow()
    digits = whole.rjust(-shift, "0")
    return digits[:shift], digits[shift:] + fraction


def numeric_text(value: Decimal) -> str:
    """How a numeric is spelled: no exponent, no sign before zero.

    Raises:
        SqlError: 22003, more digits than a numeric has.
    """
    if not value.is_finite():
        return "NaN" if value.is_nan() else "-Infinity" if value < 0 else "Infinity"
    if not value:
        exponent = value.as_tuple().exponent
        assert isinstance(exponent, int)
        return "0." + "0" * -exponent if exponent < 0 else "0"
    if value.adjusted() >= MAX_WHOLE_DIGITS:
        raise overflow()
    return format(value, "f")


def numeric_key(text: str) -> bytes:
    """Bytes that are equal for equal numerics and sort as they do: a class, the exponent and two digits a byte."""
    first = text[0]
    if first == "N":
        return b"\5"
    if first == "I":
        return b"\4"
    negative = first == "-"
    if negative:
        text = text[1:]
        if text[0] == "I":
            return b"\0"
    whole, _, fraction = text.partition(".")
    if whole == "0":
        digits = fraction.lstrip("0")
        exponent = len(digits) - len(fraction)
    else:
        digits = whole + fraction
        exponent = len(whole)
    digits = digits.rstrip("0")
    if not digits:
        return b"\2"
    if len(digits) & 1:
        digits += "0"
    exponent += 1 << 20
    if not negative:
        return b"\3" + exponent.to_bytes(3) + bytes.fromhex(digits)
    # the nines' complement, and an end above every digit: the longer of two is then the smaller
    return b"\1" + (0xFF_FFFF - exponent).to_bytes(3) + bytes.fromhex(digits.translate(_NINES)) + b"\xff"


_NINES = str.maketrans("0123456789", "9876543210")


def send_numeric(text: str) -> bytes:
    """The binary form: groups of four digits."""
    sign = _SPECIAL_SIGNS.get(text)
    if sign is not None:
        return _header.pack(0, 0, sign, 0 if text == "NaN" else _INFINITY_SCALE)
    negative = text[0] == "-"
    whole, _, fraction = (text[1:] if negative else text).partition(".")
    padded = whole.rjust(-(-len(whole) // 4) * 4, "0") + fraction + "0" * (-len(fraction) % 4)
    groups = [int(padded[start : start + 4]) for start in range(0, len(padded), 4)]
    weight = -(-len(whole) // 4) - 1
    while groups and not groups[-1]:
        groups.pop()
    leading = 0
    while leading < len(groups) and not groups[leading]:
        leading += 1
    if leading:
        del groups[:leading]
        weight -= leading
    if not groups:
        weight = 0
    return struct.pack(
        f"!hhHH{len(groups)}h", len(groups), weight, _NEGATIVE_SIGN if negative else 0, len(fraction), *groups
    )


def receive_numeric(data: bytes) -> str:
    """The spelling of a binary form.

    Raises:
        SqlError: 08P01, 22P03.
    """
    if len(data) < _header.size:
        raise cut_binary()
    count, weight, sign, scale = _header.unpack_from(data)
    count &= 0xFFFF
    if sign not in (0, _NEGATIVE_SIGN) and sign not in _SIGN_SPECIALS:
        raise bad_binary('invalid sign in external "numeric" value')
    if scale & ~MAX_SCALE:
        raise bad_binary('invalid scale in external "numeric" value')
    if len(data) < _header.size + count * 2:
        raise cut_binary()
    groups = struct.unpack_from(f"!{count}h", data, _header.size)
    if groups and (min(groups) < 0 or max(groups) > 9999):
        raise bad_binary('invalid digit in external "numeric" value')
    if len(data) != _header.size + count * 2:
        raise bad_binary()
    if sign in _SIGN_SPECIALS:
        return _SIGN_SPECIALS[sign]
    digits = "".join([f"{group:04d}" for group in groups])
    whole_length = (weight + 1) * 4
    if whole_length >= 0:
        whole = digits[:whole_length].ljust(whole_length, "0")
        fraction = digits[whole_length:]
    else:
        whole, fraction = "", "0" * min(-whole_length, MAX_SCALE + 1) + digits
    fraction = fraction[:scale].ljust(scale, "0")
    whole = whole.lstrip("0") or "0"
    spelled = f"{whole}.{fraction}" if fraction else whole
    return "-" + spelled if sign and spelled.strip("0.") else spelled


NUMERIC = Numeric()
