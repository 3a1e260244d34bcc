"""format(): PostgreSQL 15 documentation §9.4.1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..types import AnyType
from ..types.array import ArrayType
from ..types.errors import SqlError, invalid_parameter
from ..types.integers import INT4
from .context import Execution
from .keywords import quote_identifier
from .registry import CallSite, scalar
from .strings import MAX_RESULT, quoted_literal, too_large

__all__: list[str] = []

_MAX_INT = (1 << 31) - 1


class _Reader:
    """Reads the format one specifier after the other."""

    __slots__ = ("position", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def peek(self) -> str:
        if self.position >= len(self.text):
            error = invalid_parameter("unterminated format() type specifier")
            error.hint = 'For a single "%" use "%%".'
            raise error
        return self.text[self.position]

    def number(self) -> int | None:
        start = self.position
        while self.position < len(self.text) and self.text[self.position] in "0123456789":
            self.position += 1
        if start == self.position:
            return None
        digits = self.text[start : self.position]
        if len(digits) > 10 or int(digits) > _MAX_INT:
            raise SqlError("22003", "number is out of range")
        return int(digits)


def _width_of(value: Any, kind: AnyType) -> int:
    if value is None:
        return 0
    if kind.typname in ("int2", "int4"):
        return int(value)
    return int(INT4.input(kind.output(value)))


def _formatted(text: str, values: list[Any], kinds: list[AnyType], execution: Execution) -> str:
    reader = _Reader(text)
    parts: list[str] = []
    argument = 0  # number of the last one used
    size = 0
    while reader.position < len(text):
        percent = text.find("%", reader.position)
        if percent < 0:
            parts.append(text[reader.position :])
            break
        parts.append(text[reader.position : percent])
        reader.position = percent + 1
        if reader.peek() == "%":
            parts.append("%")
            reader.position += 1
            continue
        number, width, width_argument, left = _specifier(reader)
        if width_argument >= 0:
            argument = width_argument if width_argument > 0 else argument + 1
            width = _width_of(*_argument(argument, values, kinds))
        kind = reader.peek()
        if kind not in "sIL":
            error = invalid_parameter(f'unrecognized format() type specifier "{kind}"')
            error.hint = 'For a single "%" use "%%".'
            raise error
        reader.position += 1
        argument = number if number > 0 else argument + 1
        value, value_kind = _argument(argument, values, kinds)
        spelled = _spelled(kind, value, value_kind, execution)
        if width < 0:
            left, width = True, -width
        if width > MAX_RESULT or size > MAX_RESULT:
            raise too_large()
        spelled = spelled.ljust(width) if left else spelled.rjust(width)
        size += len(spelled)
        parts.append(spelled)
    return "".join(parts)


def _specifier(reader: _Reader) -> tuple[int, int, int, bool]:
    """Number of the argument or 0, width, number of the argument with the width (0 for the next, -1 for none), and
    whether the minus sign was there."""
    left = False
    reader.peek()
    number = reader.number()
    if number is not None:
        if reader.peek() != "$":
            return 0, number, -1, False
        if number == 0:
            raise invalid_parameter("format specifies argument 0, but arguments are numbered from 1")
        reader.position += 1
    while reader.peek() == "-":
        left = True
        reader.position += 1
    if reader.peek() == "*":
        reader.position += 1
        reader.peek()
        place = reader.number()
        if place is None:
            return number or 0, 0, 0, left
        if reader.peek() != "$":
            raise invalid_parameter('width argument position must be ended by "$"')
        if place == 0:
            raise invalid_parameter("format specifies argument 0, but arguments are numbered from 1")
        reader.position += 1
        return number or 0, 0, place, left
    return number or 0, reader.number() or 0, -1, left


def _argument(number: int, values: list[Any], kinds: list[AnyType]) -> tuple[Any, AnyType]:
    if number > len(values):
        raise invalid_parameter("too few arguments for format()")
    return values[number - 1], kinds[number - 1]


def _spelled(letter: str, value: Any, kind: AnyType, execution: Execution) -> str:
    if value is None:
        if letter == "I":
            raise SqlError("22004", "null values cannot be formatted as an SQL identifier")
        return "NULL" if letter == "L" else ""
    spelled = kind.output(value, execution.settings)
    return spelled if letter == "s" else quote_identifier(spelled) if letter == "I" else quoted_literal(spelled)


@scalar('format(text,"any")', bind=True, context=True)
def _format(call: CallSite) -> Callable[..., str | None]:
    kinds = list(call.arguments[1:])
    array = kinds[-1] if call.variadic and kinds else None

    def formatted(execution: Execution, text: str | None, *values: Any) -> str | None:
        if text is None:
            return None
        if isinstance(array, ArrayType):
            items = [] if values[0] is None else array.load(values[0]).items
            return _formatted(text, items, [array.element] * len(items), execution)
        return _formatted(text, list(values), kinds, execution)

    return formatted


@scalar("format(text)", context=True)
def _format_alone(execution: Execution, text: str | None) -> str | None:
    return None if text is None else _formatted(text, [], [], execution)
