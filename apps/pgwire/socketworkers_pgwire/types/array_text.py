"""Array literals: PostgreSQL 15 documentation §8.15.2 and §8.15.6. Sans-IO."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from .errors import SqlError

__all__ = ["Literal", "parse_literal", "print_literal"]

_MAX_DIMENSIONS = 6
_MAX_ITEMS = 134_217_727
_BLANKS = " \t\n\v\f\r"
_BOUND = re.compile(r"[ \t-\r]*\[(?:([+-]?[0-9]+):)?([+-]?[0-9]+)\]", re.ASCII)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SPECIAL = re.compile(r'[{}"\\ \t-\r]')
_SIMPLE = re.compile(r"\{([^{}\"\\ \t-\r]+)\}")


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
        texts = [
            "{" + delimiter.join(texts[start : start + length]) + "}" for start in range(0, len(texts), length)
        ]
    if any(lower != 1 for lower in lowers):
        bounds = "".join(
            [f"[{lower}:{lower + length - 1}]" for lower, length in zip(lowers, lengths, strict=True)]
        )
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
        if len(lengths) != len(given) or lengths != given:
            raise _malformed(text, "Specified array dimensions do not match array contents.")
    if not reader.items:
        return Literal([], (), ())
    if math.prod(lengths) > _MAX_ITEMS:
        raise SqlError("54000", f"array size exceeds the maximum allowed ({_MAX_ITEMS})")
    return Literal(reader.items, lengths, tuple(lower for lower, _ in bounds) or (1,) * len(lengths))


def _bounds(text: str) -> tuple[int, list[tuple[int, int]]]:
    """The dimensions in front, [lower:upper]..., and where the braces begin."""
    bounds: list[tuple[int, int]] = []
    position = 0
    while True:
        start = len(text) - len(text[position:].lstrip(_BLANKS))
        if not text.startswith("[", start):
            break
        if len(bounds) >= _MAX_DIMENSIONS:
            raise _too_many(len(bounds) + 1)
        match = _BOUND.match(text, position)
        if match is None:
            raise _malformed(text, _bound_detail(text[start + 1 :]))
        lower, upper = int(match[1] or 1), int(match[2])
        if upper < lower:
            raise SqlError("2202E", "upper bound cannot be less than lower bound")
        if upper - lower + 1 > _MAX_ITEMS or not -1 << 31 <= lower <= upper < 1 << 31:
            raise SqlError("54000", f"array size exceeds the maximum allowed ({_MAX_ITEMS})")
        bounds.append((lower, upper))
        position = match.end()
    if not bounds:
        if not text.startswith("{", start):
            raise _malformed(text, 'Array value must start with "{" or dimension information.')
        return start, bounds
    if not text.startswith("=", start):
        raise _malformed(text, 'Missing "=" after array dimensions.')
    start = len(text) - len(text[start + 1 :].lstrip(_BLANKS))
    if not text.startswith("{", start):
        raise _malformed(text, "Array contents must start with \"{\".")
    return start, bounds


def _bound_detail(rest: str) -> str:
    digits = rest.lstrip("+-0123456789:")
    if digits == rest:
        return '"[" must introduce explicitly-specified array dimensions.'
    return 'Missing "]" after array dimensions.'


def _too_many(dimensions: int) -> SqlError:
    return SqlError(
        "54000", f"number of array dimensions ({dimensions}) exceeds the maximum allowed ({_MAX_DIMENSIONS})"
    )


_MISMATCH = "Multidimensional arrays must have sub-arrays with matching dimensions."


class _Reader:
    """The braces and what is in them."""

    __slots__ = ("_pattern", "_position", "_text", "counts", "delimiter", "items", "lengths", "leaf")

    def __init__(self, text: str, position: int, delimiter: str) -> None:
        self._text = text
        self._position = position
        self.delimiter = delimiter
        self.items: list[str | None] = []
        self.lengths: list[int] = []
        self.counts: list[int] = []
        self.leaf: int | None = None
        self._pattern = re.compile(
            rf'[ \t-\r]*(?:([{{}}{re.escape(delimiter)}])|((?:[^{{}}{re.escape(delimiter)}"\\]|"(?:[^"\\]|\\.)*"|\\.)+)|(.)|\Z)',
            re.DOTALL,
        )

    def _fail(self, detail: str) -> SqlError:
        return _malformed(self._text, detail)

    def read(self) -> None:
        """All of it, up to the end of the text."""
        depth = 0
        before = "start"
        while True:
            match = self._pattern.match(self._text, self._position)
            assert match is not None
            sign, item, other = match.groups()
            self._position = match.end()
            if sign == "{":
                if before not in ("start", "{", "delimiter"):
                    raise self._fail('Unexpected "{" character.')
                if depth >= _MAX_DIMENSIONS:
                    raise _too_many(depth + 1)
                self._open(depth)
                depth += 1
                before = "{"
            elif sign == "}":
                if before not in ("{", "item", "}") or not depth:
                    raise self._fail('Unexpected "}" character.')
                depth -= 1
                self._close(depth)
                before = "}"
                if not depth:
                    break
            elif sign:
                if before not in ("item", "}"):
                    raise self._fail(f'Unexpected "{sign}" character.')
                before = "delimiter"
            elif item is not None:
                self._item(item, before, depth)
                before = "item"
            else:
                raise self._fail("Unexpected end of input." if other in (None, '"', "\\") else _MISMATCH)
        if self._text[self._position :].strip(_BLANKS):
            raise self._fail("Junk after closing right brace.")

    def _open(self, depth: int) -> None:
        if depth:
            self.counts[depth - 1] += 1
        if len(self.lengths) == depth:
            if self.leaf is not None and self.leaf <= depth:
                raise self._fail(_MISMATCH)
            self.lengths.append(-1)
        self.counts = [*self.counts[:depth], 0]

    def _close(self, depth: int) -> None:
        count = self.counts[depth]
        if self.lengths[depth] == -1:
            self.lengths[depth] = count
        elif self.lengths[depth] != count:
            raise self._fail(_MISMATCH)

    def _item(self, item: str, before: str, depth: int) -> None:
        if before in ("item", "}"):
            raise self._fail("Unexpected array element.")
        if not depth or (self.leaf is not None and self.leaf != depth) or len(self.lengths) > depth:
            raise self._fail(_MISMATCH)
        self.leaf = depth
        self.counts[depth - 1] += 1
        self.items.append(self._unquoted(item))

    def _unquoted(self, item: str) -> str | None:
        quote = item.find('"')
        if quote < 0:
            bare = item.rstrip(_BLANKS)
            if bare.endswith("\\") and len(bare) < len(item):
                bare += item[len(bare)]  # an escaped blank is no blank
            if "\\" not in bare:
                return None if bare.upper() == "NULL" else bare
            return _ESCAPED.sub(r"\1", bare)
        end = item.rstrip(_BLANKS)
        if quote or not end.endswith('"') or _QUOTED.fullmatch(end) is None:
            raise self._fail("Unexpected array element.")
        return _ESCAPED.sub(r"\1", end[1:-1])


_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
