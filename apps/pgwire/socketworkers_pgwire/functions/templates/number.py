"""Templates of numbers: §9.8, tables 9.29 and 9.30."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from ...types import numeric_math as nm
from ...types.errors import SqlError
from ...types.floats import FLOAT8, to_float4
from ...types.integers import INT4, Integer
from ...types.numeric import NUMERIC, numeric_text
from .reader import Item, Sort, ordinal, read_template
from .words import by_letter

__all__ = ["Picture", "number_of_text", "number_text", "picture"]

_PATTERNS = by_letter(
    [
        ",",
        ".",
        "0",
        "9",
        "B",
        "C",
        "D",
        "EEEE",
        "FM",
        "G",
        "L",
        "MI",
        "PL",
        "PR",
        "RN",
        "SG",
        "SP",
        "S",
        "TH",
        "V",
        "b",
        "c",
        "d",
        "eeee",
        "fm",
        "g",
        "l",
        "mi",
        "pl",
        "pr",
        "rn",
        "sg",
        "sp",
        "s",
        "th",
        "v",
    ]
)
FLOAT4_DIGITS = 6
_DATA = frozenset("0123456789.,+-")
_MAX_ROMAN = 3999
_ROMAN_WIDTH = 15
_ROMANS = (
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"),
    (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
)  # fmt: skip


def _syntax(message: str, detail: str | None = None) -> SqlError:
    return SqlError("42601", message, detail=detail)


@dataclass(slots=True)
class Picture:
    """What a template asks for."""

    items: Sequence[Item]
    before: int = 0
    """Digits before the point."""
    behind: int = 0
    zero_start: int = 0
    """Digits before the first zero."""
    zero_end: int = 0
    multiplied: int = 0
    """Digits behind V."""
    sign_before: int = 0
    """Digits before the point that stand before S."""
    sign: str = ""
    """Where S puts the sign: ``before``, ``behind``, or "" without S."""
    fill: bool = False
    zero: bool = False
    decimal: bool = False
    multiple: bool = False
    bracket: bool = False
    minus: bool = False
    plus: bool = False
    roman: bool = False
    scientific: bool = False
    blank: bool = False

    def add(self, name: str) -> None:
        """Take in one pattern.

        Raises:
            SqlError: 42601, it does not go with those before it.
        """
        if self.scientific and name != "EEEE":
            raise _syntax('"EEEE" must be the last pattern used')
        match name:
            case "9" | "0":
                self._digit(name)
            case "B":
                if not self.before and not self.behind and not self.zero:
                    self.blank = True
            case "D" | ".":
                if self.decimal:
                    raise _syntax("multiple decimal points")
                if self.multiple:
                    raise _syntax('cannot use "V" and decimal point together')
                self.decimal = True
            case "FM":
                self.fill = True
            case "S":
                self._sign()
            case "MI" | "PL" | "SG":
                if self.sign:
                    raise _syntax(f'cannot use "S" and "{name}" together')
                self.minus = self.minus or name != "PL"
                self.plus = self.plus or name != "MI"
            case "PR":
                if self.sign or self.plus or self.minus:
                    raise _syntax('cannot use "PR" and "S"/"PL"/"MI"/"SG" together')
                self.bracket = True
            case "RN":
                self.roman = True
            case "V":
                if self.decimal:
                    raise _syntax('cannot use "V" and decimal point together')
                self.multiple = True
            case "EEEE":
                self._scientific()

    def _digit(self, name: str) -> None:
        if self.bracket:
            raise _syntax(f'"{name}" must be ahead of "PR"')
        if name == "9":
            if self.multiple:
                self.multiplied += 1
            elif self.decimal:
                self.behind += 1
            else:
                self.before += 1
            return
        if not self.zero and not self.decimal:
            self.zero = True
            self.zero_start = self.before
        if self.decimal:
            self.behind += 1
        else:
            self.before += 1
        self.zero_end = self.before + self.behind

    def _sign(self) -> None:
        if self.sign:
            raise _syntax('cannot use "S" twice')
        if self.plus or self.minus or self.bracket:
            raise _syntax('cannot use "S" and "PL"/"MI"/"SG"/"PR" together')
        if self.decimal:
            self.sign = "behind"
        else:
            self.sign = "before"
            self.sign_before = self.before

    def _scientific(self) -> None:
        if self.scientific:
            raise _syntax('cannot use "EEEE" twice')
        if (
            self.blank
            or self.fill
            or self.sign
            or self.bracket
            or self.minus
            or self.plus
            or self.roman
            or self.multiple
        ):
            raise _syntax(
                '"EEEE" is incompatible with other formats',
                '"EEEE" may only be used together with digit and decimal point patterns.',
            )
        self.scientific = True


@lru_cache(200)
def _items(text: str) -> list[Item]:
    return read_template(text, _PATTERNS, dates=False)


def picture(text: str) -> Picture:
    """Read a template.

    Raises:
        SqlError: 42601.
    """
    found = Picture(_items(text))
    for item in found.items:
        if item.sort is Sort.WORD:
            found.add(item.text.upper())
    return found


def _roman(number: int) -> str:
    if not 1 <= number <= _MAX_ROMAN:
        return "#" * _ROMAN_WIDTH
    parts = []
    for value, letters in _ROMANS:
        count, number = divmod(number, value)
        parts.append(letters * count)
    return "".join(parts)


def number_text(value: int | float | str | Decimal, text: str, *, kind: Integer | None = None, digits: int = 0) -> str:
    """to_char(number, text).

    Args:
        value: an integer, a Decimal, or a float in its storage form.
        text: the template.
        kind: of an integer its type.
        digits: of a float how many are exact.

    Raises:
        SqlError: 42601, 22003.
    """
    if not text:
        return ""
    found = picture(text)
    if isinstance(value, Decimal):
        number = _of_numeric(value, found)
    elif kind is not None:
        assert isinstance(value, int)
        number = _of_integer(value, found, kind)
    else:
        assert isinstance(value, float | str)
        number = _of_float(value, found, digits)
    if found.scientific:
        return number
    sign = ""
    if not found.roman:
        sign, number = ("-", number[1:]) if number[0] == "-" else ("+", number)
        whole = len(number.partition(".")[0])
        spaces = max(found.before - whole, 0)
        if whole > found.before:
            number = "#" * found.before + "." + "#" * found.behind
        return _Writer(found, number, sign, spaces).write()
    return _Writer(found, number, sign, 0).write()


def _hashes(found: Picture) -> str:
    text = list("#" * (found.before + found.behind + 6))
    text[0] = " "
    text[found.before + 1] = "."
    return "".join(text)


def _scientific_text(value: Decimal, places: int) -> str:
    exponent = value.adjusted() if value else 0
    mantissa = numeric_text(nm.round_to(value.scaleb(-exponent, nm.EXACT), places)) if value else None
    if mantissa is None:
        mantissa = "0." + "0" * places if places else "0"
    spelled = f"{mantissa}e{exponent:+03d}"
    return spelled if spelled[0] == "-" else " " + spelled


def _of_numeric(value: Decimal, found: Picture) -> str:
    if found.roman:
        return _roman(nm.to_integer(nm.round_to(value, 0), 32, "integer"))
    if found.scientific:
        return _scientific_text(value, found.behind) if value.is_finite() else _hashes(found)
    if found.multiple:
        value = nm.multiply(value, Decimal(10) ** found.multiplied)
        found.before += found.multiplied
    return numeric_text(nm.round_to(value, found.behind))


def _of_integer(value: int, found: Picture, kind: Integer) -> str:
    if found.roman:
        return _roman(INT4.checked(value))
    if found.scientific:
        if kind.typlen == 4:
            spelled = f"{float(value):+.{found.behind}e}"
            return " " + spelled[1:] if spelled[0] == "+" else spelled
        return _scientific_text(Decimal(value), found.behind)
    if found.multiple:
        value = kind.multiply(value, kind.checked(10**found.multiplied))
        found.before += found.multiplied
    return f"{value}.{'0' * found.behind}" if found.behind else str(value)


def _of_float(stored: float | str, found: Picture, digits: int) -> str:
    value = math.nan if isinstance(stored, str) else stored
    if found.roman:
        return _roman(round(value) if math.isfinite(value) else 0)
    if found.scientific:
        if not math.isfinite(value):
            return _hashes(found)
        spelled = f"{value:+.{found.behind}e}"
        return " " + spelled[1:] if spelled[0] == "+" else spelled
    if found.multiple:
        value *= 10.0**found.multiplied
        if digits == FLOAT4_DIGITS:
            value = to_float4(value)
        found.before += found.multiplied
    special = "" if math.isfinite(value) else FLOAT8.output(FLOAT8.store(value))
    whole = len(special.lstrip("-") or f"{abs(value):.0f}")
    if whole >= digits:
        found.behind = 0
    elif whole + found.behind > digits:
        found.behind = digits - whole
    return special or f"{value:.{found.behind}f}"


class _Writer:
    """Writes a number into its picture, pattern by pattern."""

    __slots__ = (
        "_last",
        "bracket",
        "count",
        "current",
        "found",
        "inside",
        "number",
        "out",
        "place",
        "sign",
        "signed",
        "spaces",
        "where",
    )

    def __init__(self, found: Picture, number: str, sign: str, spaces: int) -> None:
        self.found = found
        self.number = number
        self.sign = sign
        self.spaces = spaces
        self.out: list[str] = []
        self.place = 0  # of the next digit in `number`
        self.current = 0  # patterns of digits so far
        self.inside = False  # whether a digit was written last
        self.where = found.sign
        self._last: int | None = None  # place of the last digit of the fraction that is written
        self.bracket = found.bracket
        if found.roman:
            self.signed = True
            self.count = 0
            return
        if found.plus or found.minus:
            self.signed = not (found.plus and not found.minus)
        else:
            if sign != "-" and found.fill:
                self.bracket = False
            self.signed = sign == "+" and found.fill and not found.sign
            if found.sign == "before" and found.before == found.sign_before:
                self.where = "behind"
        self.count = found.behind + found.before - 1
        if found.fill and found.decimal:
            self._last = self._last_relevant()
        if not self.signed and not spaces:
            self.count += 1

    def _last_relevant(self) -> int | None:
        point = self.number.find(".")
        if point < 0:
            return None
        last = len(self.number.rstrip("0")) - 1 if self.number[point + 1 :].strip("0") else point
        if self.found.zero_end > self.spaces:
            last = max(last, min(len(self.number) - 1, self.found.zero_end - self.spaces))
        return last

    def _at(self, place: int | None) -> str:
        return self.number[place : place + 1] if place is not None else ""

    def _blank_before_point(self) -> bool:
        """A zero alone before the point is not written."""
        return not self.found.zero and self.place == 0 and self.number[:1] == "0" and self.found.behind != 0

    def write(self) -> str:
        """All of it."""
        for item in self.found.items:
            if item.sort is Sort.WORD:
                self._word(item.text)
            else:
                self.out.append(item.text)
        return "".join(self.out)

    def _word(self, text: str) -> None:
        found, name = self.found, text.upper()
        # a Roman number has no other patterns
        match name:
            case "9" | "0" | "." | "D":
                if not found.roman:
                    self._digit(name)
            case "," | "G":
                if self.inside:
                    self.out.append(",")
                elif not found.fill:
                    self.out.append(" ")
            case "L":
                self.out.append(" ")
            case "RN":
                spelled = self.number if found.fill else self.number.rjust(_ROMAN_WIDTH)
                self.out.append(spelled if text == "RN" else spelled.lower())
            case "TH":
                if not (found.roman or self.number[:1] == "#" or self.sign == "-" or found.decimal):
                    end = ordinal(self.number)
                    self.out.append(end.upper() if text == "TH" else end)
            case "MI":
                self._fixed_sign("-")
            case "PL":
                self._fixed_sign("+")
            case "SG":
                self.out.append(self.sign)

    def _fixed_sign(self, sign: str) -> None:
        if self.sign == sign:
            self.out.append(sign)
        elif not self.found.fill:
            self.out.append(" ")

    def _write_sign(self) -> None:
        found = self.found
        begins = self.current >= self.spaces or (found.zero and found.zero_start == self.current)
        if self.signed or not begins or (self._blank_before_point() and self._at(self._last) != "."):
            return
        if found.sign:
            if self.where == "before":
                self.out.append(self.sign)
                self.signed = True
        elif self.bracket:
            self.out.append(" " if self.sign == "+" else "<")
            self.signed = True
        else:
            if self.sign == "-":
                self.out.append("-")
            elif not found.fill:
                self.out.append(" ")
            self.signed = True

    def _digit(self, name: str) -> None:
        found = self.found
        self.inside = False
        self._write_sign()
        if self.current < self.spaces and (found.zero_start > self.current or not found.zero):
            if not found.fill:
                self.out.append(" ")
        elif found.zero and self.current < self.spaces:
            self.out.append("0")
            self.inside = True
        else:
            self._next(name)
        end = self.count + bool(self.spaces) + found.decimal
        if self._last is not None and self._last == self.place:
            end = self.current
        if self.current + 1 == end:
            if self.signed and self.bracket:
                self.out.append(" " if self.sign == "+" else ">")
            elif found.sign and self.where == "behind":
                self.out.append(self.sign)
        self.current += 1

    def _next(self, name: str) -> None:
        digit = self._at(self.place)
        if digit == ".":
            if self._at(self._last) != "." or self.found.fill:
                self.out.append(".")
        elif self._last is not None and self.place > self._last and name != "0":
            pass
        elif self._blank_before_point():
            if not self.found.fill:
                self.out.append(" ")
            elif self._at(self._last) == ".":
                self.out.append("0")
        else:
            self.out.append(digit)
            self.inside = True
        if digit:
            self.place += 1


def number_of_text(source: str, text: str) -> str | None:
    """to_number(text, text); None for NULL.

    Raises:
        SqlError: 42601, 0A000, 22P02, 22003.
    """
    if not text:
        return None
    found = picture(text)
    if found.scientific:
        raise SqlError("0A000", '"EEEE" not supported for input')
    if found.roman:
        raise SqlError("0A000", '"RN" not supported for input')
    number, scale = _Scanner(source, found).scan()
    precision = found.before + found.multiplied + scale
    spelled: str
    typmod = (precision << 16 | scale) + 4
    kind = NUMERIC.modified(typmod)
    value = kind.coerce(NUMERIC.input(number)) if precision else NUMERIC.input(number)
    spelled = kind.output(value)
    if found.multiple:
        factor = nm.power(Decimal(10), Decimal(-found.multiplied))
        return numeric_text(nm.multiply(Decimal(spelled), factor))
    return spelled


class _Scanner:
    """Reads a number by its picture."""

    __slots__ = ("digits", "found", "fraction", "place", "point", "sign", "source", "whole")

    def __init__(self, source: str, found: Picture) -> None:
        self.source = source
        self.found = found
        self.place = 0
        self.sign = " "
        self.digits: list[str] = []
        self.whole = self.fraction = 0  # digits that were read
        self.point = False

    def _peek(self) -> str:
        return self.source[self.place : self.place + 1]

    def scan(self) -> tuple[str, int]:
        """The text of the number, and the digits of its fraction."""
        for item in self.found.items:
            if self.place >= len(self.source):
                break
            if item.sort is Sort.WORD:
                self._word(item.text.upper())
            else:
                self.place += 1
        text = "".join(self.digits)
        return self.sign + text.removesuffix("."), self.fraction

    def _word(self, name: str) -> None:
        match name:
            case "9" | "0" | "." | "D":
                self._digit(name)
                self.place += 1
            case "," | "G":
                # in PostgreSQL no digit is ever "just read" here, so with FM nothing is passed over
                if not self.found.fill and self._peek() == ",":
                    self.place += 1
            case "L":
                self._pass_over(1)
            case "TH":
                if not (self.sign == "-" or self.found.decimal):
                    self._pass_over(2)
            case "MI" | "PL" | "SG":
                wanted = {"MI": "-", "PL": "+", "SG": "+-"}[name]
                if self._peek() in wanted:
                    self.sign = self._peek()
                    self.place += 1
                else:
                    self._pass_over(1)

    def _pass_over(self, count: int) -> None:
        while count and self._peek() and self._peek() not in _DATA:
            self.place += 1
            count -= 1

    def _digit(self, name: str) -> None:
        found = self.found
        if self._peek() == " ":
            self.place += 1
        if not self._peek():
            return
        if self.sign == " " and name in "09" and not self.whole + self.fraction:
            character = self._peek()
            if found.sign == "before" or found.sign:
                signs = {"-": "-", "+": "+"}
            else:
                signs = {"-": "-", "+": "+", **({"<": "-"} if found.bracket else {})}
            if character in signs:
                self.sign = signs[character]
                self.place += 1
        if not self._peek():
            return
        read = False
        if self._peek() in "0123456789":
            if self.point and self.fraction == found.behind:
                return
            self.digits.append(self._peek())
            if self.point:
                self.fraction += 1
            else:
                self.whole += 1
            read = True
        elif found.decimal and not self.point and self._peek() == ".":
            self.digits.append(".")
            self.point = read = True
        self._sign_behind(read)

    def _sign_behind(self, read: bool) -> None:
        if self.sign != " " or not self.whole + self.fraction or not self._peek():
            return
        found = self.found
        following = self.source[self.place + 1 : self.place + 2]
        if found.sign:
            if read and following and following not in "0123456789" and following in "+-":
                self.sign = following
                self.place += 1
        elif not read and (found.plus or found.minus) and self._peek() in "+-":
            self.sign = self._peek()
            self.place += 1
