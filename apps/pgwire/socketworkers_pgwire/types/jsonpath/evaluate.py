"""Evaluates a path on a value: lax or strict, §9.16.2.1."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from .. import numeric_math as nm
from ..errors import SqlError
from ..floats import FLOAT8
from ..json_text import Json
from ..numeric import numeric_text
from .nodes import (
    COMPARISONS,
    Accessor,
    AnyKey,
    AnyLevel,
    Binary,
    Constant,
    Current,
    Exists,
    Expression,
    Filter,
    Key,
    Last,
    LikeRegex,
    Method,
    Not,
    Path,
    Root,
    StartsWith,
    Subscripts,
    Unary,
    Unknown,
    Variable,
)
from .parse import parse

__all__ = ["PathQuery", "query_for"]

_INT_MAX = (1 << 31) - 1
#: finds a regular expression in a text: given by who calls, for it is no part of the types
Matcher = Callable[[str, str, str], bool]
_ARITHMETIC: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "+": nm.add,
    "-": nm.subtract,
    "*": nm.multiply,
    "/": nm.divide,
    "%": nm.modulo,
}


def _number(value: Json) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return Decimal(value)


def _type_name(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object" if isinstance(value, dict) else "number"


class PathQuery:
    """One evaluation."""

    __slots__ = ("_checked", "_current", "_last", "_matches", "_root", "_steps", "_variables", "_whole", "strict")

    def __init__(
        self, path: str, root: Json, variables: Mapping[str, Json], matches: Matcher, check: Callable[[], None]
    ) -> None:
        self._whole = _parsed(path)
        self.strict = self._whole.strict
        self._root = root
        self._variables = variables
        self._matches = matches
        self._checked = check
        self._steps = 0
        self._current: list[Json] = []
        self._last: list[int] = []

    def items(self) -> Iterator[Json]:
        """All items.

        Raises:
            SqlError: of the classes 22 and 42.
        """
        return self._items(self._whole.expression)

    def exists(self) -> bool:
        """Whether there is an item; in lax mode what is behind the first is not looked at.

        Raises:
            SqlError: as `items`.
        """
        return self._any(self._whole.expression)

    def _any(self, expression: Expression) -> bool:
        if self.strict:  # an error anywhere counts
            return bool(list(self._items(expression)))
        if isinstance(expression, Unary):  # what is no number is passed over then
            return any(_number(value) is not None for value in self._unwrapped(self._items(expression.operand)))
        return next((True for _ in self._items(expression)), False)

    def _tick(self) -> None:
        self._steps += 1
        if self._steps % 10_000 == 0:
            self._checked()

    def _items(self, expression: Expression) -> Iterator[Json]:
        self._tick()
        match expression:
            case Constant(value):
                yield value
            case Root():
                yield self._root
            case Current():
                yield self._current[-1]
            case Last():
                yield self._last[-1] - 1
            case Variable(name):
                if name not in self._variables:
                    raise SqlError("42704", f'could not find jsonpath variable "{name}"')
                yield self._variables[name]
            case Path(base, accessors):
                yield from self._accessed(self._items(base), accessors)
            case Unary(operator, operand):
                for value in self._unwrapped(self._items(operand)):
                    number = _number(value)
                    if number is None:
                        message = f"operand of unary jsonpath operator {operator} is not a numeric value"
                        raise SqlError("2203B", message)
                    yield number if operator == "+" else nm.negate(number)
            case Binary(operator, left, right) if operator in _ARITHMETIC:
                a = self._operand(left, "left", operator)
                b = self._operand(right, "right", operator)
                yield _ARITHMETIC[operator](a, b)
            case _:
                yield self._truth(expression)

    def _operand(self, expression: Expression, side: str, operator: str) -> Decimal:
        values = list(self._unwrapped(self._items(expression)))
        number = _number(values[0]) if len(values) == 1 else None
        if number is None:
            raise SqlError("22038", f"{side} operand of jsonpath operator {operator} is not a single numeric value")
        return number

    def _unwrapped(self, values: Iterator[Json]) -> Iterator[Json]:
        """Of arrays their elements, in lax mode."""
        for value in values:
            if isinstance(value, list) and not self.strict:
                yield from value
            else:
                yield value

    # accessors

    def _accessed(self, values: Iterator[Json], accessors: tuple[Accessor, ...]) -> Iterator[Json]:
        for accessor in accessors:
            values = self._apply(values, accessor)
        return values

    def _apply(self, values: Iterator[Json], accessor: Accessor) -> Iterator[Json]:
        for value in values:
            self._tick()
            match accessor:
                case Key(name):
                    yield from self._member(value, name)
                case AnyKey():
                    yield from self._any_member(value)
                case AnyLevel(first, last):
                    yield from self._levels(value, 0, first, last)
                case Subscripts(ranges):
                    yield from self._elements(value, ranges)
                case Filter(predicate):
                    for each in self._unwrapped(iter((value,))):
                        self._current.append(each)
                        try:
                            kept = self._truth(predicate) is True
                        finally:
                            self._current.pop()
                        if kept:
                            yield each
                case Method(name):
                    yield from self._method(value, name)

    def _member(self, value: Json, name: str) -> Iterator[Json]:
        if isinstance(value, list) and not self.strict:
            for each in value:
                if isinstance(each, dict) and name in each:
                    yield each[name]
        elif isinstance(value, dict):
            if name in value:
                yield value[name]
            elif self.strict:
                raise SqlError("2203A", f'JSON object does not contain key "{name}"')
        elif self.strict:
            raise SqlError("2203A", "jsonpath member accessor can only be applied to an object")

    def _any_member(self, value: Json) -> Iterator[Json]:
        if isinstance(value, dict):
            yield from value.values()
        elif isinstance(value, list) and not self.strict:
            for each in value:
                if isinstance(each, dict):
                    yield from each.values()
        elif self.strict:
            raise SqlError("2203C", "jsonpath wildcard member accessor can only be applied to an object")

    def _levels(self, value: Json, level: int, first: int, last: int) -> Iterator[Json]:
        """The value and all below it; -1 stands for the leaves."""
        self._tick()
        children = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
        leaf = not isinstance(value, dict | list)
        if (level >= first and (last < 0 or level <= last)) if first >= 0 else leaf and level > 0:
            yield value
        if last < 0 or level < last:
            for each in children:
                yield from self._levels(each, level + 1, first, last)

    def _elements(self, value: Json, ranges: tuple[tuple[Expression, Expression | None], ...]) -> Iterator[Json]:
        if not isinstance(value, list):
            if self.strict:
                wildcard = "" if ranges else "wildcard "
                raise SqlError("22039", f"jsonpath {wildcard}array accessor can only be applied to an array")
            value = [value]
        if not ranges:
            yield from value
            return
        for low, high in ranges:
            self._last.append(len(value))
            try:
                first = self._index(low)
                last = first if high is None else self._index(high)
            finally:
                self._last.pop()
            if self.strict and (first < 0 or first > last or last >= len(value)):
                raise SqlError("22033", "jsonpath array subscript is out of bounds")
            yield from value[max(first, 0) : max(min(last, len(value) - 1) + 1, 0)]

    def _index(self, expression: Expression) -> int:
        values = list(self._items(expression))
        number = _number(values[0]) if len(values) == 1 else None
        if number is None:
            raise SqlError("22033", "jsonpath array subscript is not a single numeric value")
        index = int(nm.truncate(number))
        if not -_INT_MAX - 1 <= index <= _INT_MAX:
            raise SqlError("22033", "jsonpath array subscript is out of integer range")
        return index

    # methods

    def _method(self, value: Json, name: str) -> Iterator[Json]:
        if name == "type":
            yield _type_name(value)
        elif name == "size":
            if not isinstance(value, list) and self.strict:
                raise SqlError("22039", "jsonpath item method .size() can only be applied to an array")
            yield len(value) if isinstance(value, list) else 1
        else:
            for each in self._unwrapped(iter((value,))):
                if name == "keyvalue":
                    yield from self._pairs(each)
                else:
                    yield self._double(each) if name == "double" else self._numeric_method(each, name)

    def _numeric_method(self, value: Json, name: str) -> Json:
        number = _number(value)
        if number is None:
            raise SqlError("22036", f"jsonpath item method .{name}() can only be applied to a numeric value")
        return {"abs": nm.absolute, "floor": nm.floor, "ceiling": nm.ceiling}[name](number)

    def _double(self, value: Json) -> Json:
        number = _number(value)
        if number is None and not isinstance(value, str):
            raise SqlError("22036", "jsonpath item method .double() can only be applied to a string or numeric value")
        kind = "numeric" if number is not None else "string"
        try:
            found = FLOAT8.input(numeric_text(number) if number is not None else str(value))
        except SqlError:
            message = (
                f"{kind} argument of jsonpath item method .double() is not a valid representation of a double "
                "precision number"
            )
            raise SqlError("22036", message) from None
        if isinstance(found, str) or math.isinf(found):
            raise SqlError("22036", "NaN or Infinity is not allowed for jsonpath item method .double()")
        return number if number is not None else nm.from_float(found, 15)

    def _pairs(self, value: Json) -> Iterator[Json]:
        if not isinstance(value, dict):
            raise SqlError("2203C", "jsonpath item method .keyvalue() can only be applied to an object")
        if value is not self._root:
            raise SqlError("0A000", "jsonpath item method .keyvalue() below the root is not supported")
        for key, each in value.items():
            yield {"id": 0, "key": key, "value": each}

    # predicates: True, False, or None for unknown

    def _truth(self, expression: Expression) -> bool | None:
        match expression:
            case Binary("&&", left, right):
                first = self._truth(left)
                if first is False:
                    return False
                second = self._truth(right)
                return second if first is True else False if second is False else None
            case Binary("||", left, right):
                first = self._truth(left)
                if first is True:
                    return True
                second = self._truth(right)
                return second if first is False else True if second is True else None
            case Not(operand):
                found = self._truth(operand)
                return None if found is None else not found
            case Unknown(operand):
                return self._truth(operand) is None
            case Exists(operand):
                return self._exists(operand)
            case Binary(operator, left, right) if operator in COMPARISONS:
                return self._some(left, right, lambda a, b: _compared(operator, a, b))
            case StartsWith(operand, start):
                return self._some(operand, start, _starts)
            case LikeRegex(operand, pattern, flags):
                return self._some(
                    operand,
                    None,
                    lambda a, b: self._matches(a, pattern, flags) if isinstance(a, str) else None,
                )
            case _:
                raise AssertionError(expression)

    def _exists(self, operand: Expression) -> bool | None:
        try:
            return self._any(operand)
        except SqlError as error:
            _check_unknown(error)
            return None

    def _some(self, left: Expression, right: Expression | None, test: Callable[[Any, Any], bool | None]) -> bool | None:
        """Whether it is true of some pair; in strict mode an error makes it unknown, in lax mode none after a hit."""
        try:
            first = list(self._unwrapped(self._items(left)))
            second: list[Json] = [None] if right is None else list(self._unwrapped(self._items(right)))
        except SqlError as error:
            _check_unknown(error)
            return None
        failed = found = False
        for a in first:
            for b in second:
                self._tick()
                result = test(a, b)
                if result is None:
                    if self.strict:
                        return None
                    failed = True
                elif result:
                    if not self.strict:
                        return True
                    found = True
        return True if found else None if failed else False


def _check_unknown(error: SqlError) -> None:
    """Errors of values make a predicate unknown; others are errors."""
    if error.sqlstate[:2] != "22":
        raise error


def _compared(operator: str, a: Json, b: Json) -> bool | None:
    first, second = _type_name(a), _type_name(b)
    if first != second:
        if a is None or b is None:
            return operator == "!="  # null is less than nothing and equal to nothing else
        return None
    if first in ("array", "object"):
        return None
    if first == "null":
        order = 0
    elif first == "number":
        x, y = _number(a), _number(b)
        if x is None or y is None:
            return None
        order = (x > y) - (x < y)
    else:
        order = (a > b) - (a < b)
    match operator:
        case "==":
            return order == 0
        case "!=":
            return order != 0
        case "<":
            return order < 0
        case "<=":
            return order <= 0
        case ">":
            return order > 0
        case _:
            return order >= 0


def _starts(a: Json, b: Json) -> bool | None:
    return a.startswith(b) if isinstance(a, str) and isinstance(b, str) else None


@lru_cache(200)
def _parsed(path: str) -> Any:
    return parse(path)


def query_for(
    path: str, root: Json, variables: Mapping[str, Json], matches: Matcher, check: Callable[[], None]
) -> PathQuery:
    """An evaluation.

    Args:
        path: in its storage form.
        root: what ``$`` stands for.
        variables: by name.
        matches: whether a text (the first) has a match of a regular expression with flags.
        check: called now and then; it may raise.
    """
    return PathQuery(path, root, variables, matches, check)
