"""Array literals: PostgreSQL 15 documentation §8.15.2 and §8.15.6. Sans-IO."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from .errors import SqlError

__all__ = ["Literal", "parse_literal", "print_literal"]

_MAX_DIMENSIONS = 6
_BLANKS = " \t\n\v\f\r"
_BOUND = re.compile(r"[0-9+-]+")
_DIGITS = re.compile(r"[+-]?[0-9]+")
_MAX_INT = (1 << 31) - 1
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SPECIAL = re.compile(r'[{}"\\ \t-\r]')
_SIMPLE = re.compile(r'\{([^{}"\\ \t-\r]+)\}')


class Literal(NamedTuple):
    """The texts of the elements in one row, and the shape."""

    items: list[str | None]
    lengths: tuple[int, ...]
    lowers: tuple[int, ...]


def print_literal(literal: Literal, delimiter: str = ",") -> str:
    """The text form, with bounds in front when one of them is not 1."""
    items, lengths, lowers = literal
    if not items:
        return "{}"
    texts = [_quoted(item, delimiter) for item in items]
    for length in reversed(lengths):
        texts = ["{" + delimiter.join(texts[start : start + length]) + "}" for start in range(0, len(texts), length)]
    if any(lower != 1 for lower in lowers):
        bounds = "".join([f"[{lower}:{lower + length - 1}]" for lower, length in zip(lowers, lengths, strict=True)])
        return f"{bounds}={texts[0]}"
    return texts[0]


def _quoted(item: str | None, delimiter: str) -> str:
    if item is None:
        return "NULL"
    if not item or delimiter in item or _SPECIAL.search(item) or item.upper() == "NULL":
        escaped = item.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return item


def _malformed(text: str, detail: str) -> SqlError:
    return SqlError("22P02", f'malformed array literal: "{text}"', detail=detail)


def parse_literal(text: str, delimiter: str = ",") -> Literal:
    """Read an array literal.

    Raises:
        SqlError: 22P02; 2202E for bounds that are the wrong way round; 54000 for too many dimensions or elements.
    """
    match = _SIMPLE.fullmatch(text)
    if match is not None:
        parts: Sequence[str] = match[1].split(delimiter)
        if all(parts):
            items = [None if part.upper() == "NULL" else part for part in parts]
            return Literal(items, (len(items),), (1,))
    position, bounds = _bounds(text)
    reader = _Reader(text, position, delimiter)
    reader.read()
    lengths = tuple(reader.lengths)
    if bounds:
        given = tuple(upper - lower + 1 for lower, upper in bounds)
        if (lengths if reader.items else ()) != given:
            raise _malformed(text, "Specified array dimensions do not match array contents.")
        for lower, upper in bounds:
            if upper == _MAX_INT:
                raise SqlError("54000", f"array lower bound is too large: {lower}")
    if not reader.items:
        return Literal([], (), ())
    return Literal(reader.items, lengths, tuple(lower for lower, _ in bounds) or (1,) * len(lengths))


def _bounds(text: str) -> tuple[int, list[tuple[int, int]]]:
    """The dimensions in front, [lower:upper]..., and where the braces begin."""
    bounds: list[tuple[int, int]] = []
    position = _behind_blanks(text, 0)
    while text.startswith("[", position):
        if len(bounds) >= _MAX_DIMENSIONS:
            raise _too_many(len(bounds) + 1)
        first, position = _bound(text, position + 1)
        if first is None:
            raise _malformed(text, '"[" must introduce explicitly-specified array dimensions.')
        lower, upper = 1, first
        if text.startswith(":", position):
            second, position = _bound(text, position + 1)
            if second is None:
                raise _malformed(text, "Missing array dimension value.")
            lower, upper = first, second
        if not text.startswith("]", position):
            raise _malformed(text, 'Missing "]" after array dimensions.')
        if upper < lower:
            raise SqlError("2202E", "upper bound cannot be less than lower bound")
        bounds.append((lower, upper))
        position = _behind_blanks(text, position + 1)
    if not bounds:
        if not text.startswith("{", position):
            raise _malformed(text, 'Array value must start with "{" or dimension information.')
        return position, bounds
    if not text.startswith("=", position):
        raise _malformed(text, 'Missing "=" after array dimensions.')
    position = _behind_blanks(text, position + 1)
    if not text.startswith("{", position):
        raise _malformed(text, 'Array contents must start with "{".')
    return position, bounds


def _behind_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in _BLANKS:
        position += 1
    return position


def _bound(text: str, position: int) -> tuple[int | None, int]:
    """A bound, of which as much counts as is a number; None when there is nothing like one."""
    match = _BOUND.match(text, position)
    if match is None:
        return None, position
    digits = _DIGITS.match(match[0])
    return (max(-_MAX_INT - 1, min(int(digits[0][:20]), _MAX_INT)) if digits else 0), match.end()


def _too_many(dimensions: int) -> SqlError:
    return SqlError(
        "54000", f"number of array dimensions ({dimensions}) exceeds the maximum allowed ({_MAX_DIMENSIONS})"
    )


_MISMATCH = "Multidimensional arrays must have sub-arrays with matching dimensions."


class _State(Enum):
    """What the last piece was."""

    START = 0
    OPENED = 1
    ITEM = 2
    QUOTED = 3
    NEXT_ITEM = 4
    CLOSED = 5
    NEXT_LEVEL = 6


_MAY_OPEN = {_State.START, _State.OPENED, _State.NEXT_LEVEL}
_MAY_END = {_State.ITEM, _State.QUOTED, _State.CLOSED}
_MAY_QUOTE = {_State.OPENED, _State.NEXT_ITEM}
_MAY_HOLD = {_State.OPENED, _State.ITEM, _State.NEXT_ITEM}


class _Reader:
    """The braces and what is in them.

    Args:
        text: the literal.
        position: of the first brace.
        delimiter: between elements.
    """

    __slots__ = (
        "_depth",
        "_item",
        "_kept",
        "_pattern",
        "_quoted",
        "_state",
        "_text",
        "counts",
        "delimiter",
        "items",
        "lengths",
    )

    def __init__(self, text: str, position: int, delimiter: str) -> None:
        self._text = text[position:]
        self.delimiter = delimiter
        self.items: list[str | None] = []
        #: of each level, as the first of its kind had it; -1 while it is open
        self.lengths: list[int] = []
        self.counts: list[int] = []
        self._depth = 0
        self._state = _State.START
        self._item: list[str] = []
        self._kept = 0
        self._quoted = False
        sign = re.escape(delimiter)
        self._pattern = re.compile(
            rf'([ \t-\r]+)|([{{}}{sign}])|("(?:[^"\\]|\\.)*")|(\\.)|([^{{}}{sign}"\\ \t-\r]+)|(.)', re.DOTALL
        )

    def _fail(self, detail: str) -> SqlError:
        return _malformed(self._text, detail)

    def read(self) -> None:
        """All of it, up to the end of the text.

        Raises:
            SqlError: 22P02, 54000.
        """
        for match in self._pattern.finditer(self._text):
            blanks, sign, quoted, escaped, plain, _ = match.groups()
            if blanks:
                if self._item:
                    self._item.append(blanks)
            elif sign == "{":
                self._open()
            elif sign == "}":
                self._close()
                if not self._depth:
                    if self._text[match.end() :].strip(_BLANKS):
                        raise self._fail("Junk after closing right brace.")
                    return
            elif sign:
                self._delimit()
            elif plain:
                if self._state not in _MAY_HOLD:
                    raise self._fail("Unexpected array element.")
                self._hold(plain, _State.ITEM)
            else:
                self._quote_or_escape(quoted, escaped, match[0])
        raise self._fail("Unexpected end of input.")

    def _quote_or_escape(self, quoted: str | None, escaped: str | None, piece: str) -> None:
        if piece[0] == '"':
            if self._state not in _MAY_QUOTE:
                raise self._fail("Unexpected array element.")
            if quoted is None:
                raise self._fail("Unexpected end of input.")
            self._quoted = True
            self._hold(_ESCAPED.sub(r"\1", quoted[1:-1]), _State.QUOTED)
            return
        if self._state not in _MAY_HOLD:
            raise self._fail('Unexpected "\\" character.')
        if escaped is None:
            raise self._fail("Unexpected end of input.")
        self._quoted = True
        self._hold(escaped[1], _State.ITEM)

    def _hold(self, piece: str, state: _State) -> None:
        self._item.append(piece)
        self._kept = len(self._item)  # blanks behind it do not count
        self._state = state

    def _open(self) -> None:
        if self._state not in _MAY_OPEN:
            raise self._fail('Unexpected "{" character.')
        if self._depth >= _MAX_DIMENSIONS:
            raise _too_many(self._depth + 1)
        if len(self.lengths) == self._depth:
            if self.items:
                raise self._fail(_MISMATCH)
            self.lengths.append(-1)
        self.counts = [*self.counts[: self._depth], 0]
        self._depth += 1
        self._state = _State.OPENED

    def _close(self) -> None:
        empty = self._depth == 1 and self._state is _State.OPENED
        if self._state not in _MAY_END and not empty:
            raise self._fail('Unexpected "}" character.')
        self._end_item()
        self._depth -= 1
        count = self.counts[self._depth]
        if self.lengths[self._depth] == -1:
            self.lengths[self._depth] = count
        elif self.lengths[self._depth] != count:
            raise self._fail(_MISMATCH)
        if self._depth:
            self.counts[self._depth - 1] += 1
        self._state = _State.CLOSED

    def _delimit(self) -> None:
        if self._state not in _MAY_END:
            raise self._fail(f'Unexpected "{self.delimiter}" character.')
        self._state = _State.NEXT_LEVEL if self._state is _State.CLOSED else _State.NEXT_ITEM
        self._end_item()

    def _end_item(self) -> None:
        if not self._item:
            return
        if self._depth != len(self.lengths):
            raise self._fail(_MISMATCH)
        text = "".join(self._item[: self._kept])
        self.items.append(None if not self._quoted and text.upper() == "NULL" else text)
        self.counts[self._depth - 1] += 1
        self._item = []
        self._quoted = False
