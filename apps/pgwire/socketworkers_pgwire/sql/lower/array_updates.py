"""Assignment to an item or a slice of an array: PostgreSQL 15 documentation §8.15.4 (array_set_element and
array_set_slice of arrayfuncs.c)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...errors import SqlError
from ...types import Array, ArrayType

__all__ = ["assigned_item", "assigned_slice"]

_MAX_ITEMS = 134_217_727


def _wrong_count() -> SqlError:
    return SqlError("2202E", "wrong number of array subscripts")


def _sized(lengths: Sequence[int]) -> None:
    if math.prod(lengths) > _MAX_ITEMS:
        raise SqlError("54000", f"array size exceeds the maximum allowed ({_MAX_ITEMS})")


def assigned_item(kind: ArrayType, stored: str | None, indexes: Sequence[Any], value: Any) -> str | None:
    """The array with one item set; an array of one dimension grows, what lies between becomes NULL."""
    if None in indexes:
        raise SqlError("22004", "array subscript in assignment must not be null")
    array = Array([]) if stored is None else kind.load(stored)
    if not array.lengths:
        return kind.store(Array([value], (1,) * len(indexes), tuple(indexes)))
    if len(indexes) != len(array.lengths):
        raise _wrong_count()
    if len(indexes) == 1:
        _grow(array, indexes[0], indexes[0])
        array.items[indexes[0] - array.lowers[0]] = value
        return kind.store(array)
    position = 0
    for index, length, lower in zip(indexes, array.lengths, array.lowers, strict=True):
        if not lower <= index < lower + length:
            raise SqlError("2202E", "array subscript out of range")
        position = position * length + index - lower
    array.items[position] = value
    return kind.store(array)


def _grow(array: Array, first: int, last: int) -> None:
    """Make room in an array of one dimension."""
    lower, length = array.lowers[0], array.lengths[0]
    new_lower, new_last = min(lower, first), max(lower + length - 1, last)
    _sized([new_last - new_lower + 1])
    array.items = [None] * (lower - new_lower) + array.items + [None] * (new_last - (lower + length - 1))
    array.lengths, array.lowers = (len(array.items),), (new_lower,)


def assigned_slice(
    kind: ArrayType, stored: str | None, firsts: Sequence[Any], lasts: Sequence[Any], value: str | None
) -> str | None:
    """The array with a slice set from another array, of which as many items are taken as are wanted."""
    if value is None:
        return stored
    source = kind.load(value)
    array = Array([]) if stored is None else kind.load(stored)
    if not array.lengths:
        if None in firsts or None in lasts:
            raise SqlError("2202E", "array slice subscript must provide both boundaries", detail=_BOTH)
        lengths = [last - first + 1 for first, last in zip(firsts, lasts, strict=True)]
        if any(length < 0 for length in lengths):
            raise SqlError("2202E", "upper bound cannot be less than lower bound")
        count = math.prod(lengths)
        _sized(lengths)
        if count > len(source.items):
            raise SqlError("2202E", "source array too small")
        return kind.store(Array(source.items[:count], tuple(lengths), tuple(firsts)))
    if len(firsts) > len(array.lengths):
        raise _wrong_count()
    bounds: list[tuple[int, int]] = []
    for dimension, (length, lower) in enumerate(zip(array.lengths, array.lowers, strict=True)):
        first, last = lower, lower + length - 1
        if dimension < len(firsts):
            first = first if firsts[dimension] is None else firsts[dimension]
            last = last if lasts[dimension] is None else lasts[dimension]
        bounds.append((first, last))
    if any(last < first - 1 for first, last in bounds):
        raise SqlError("2202E", "upper bound cannot be less than lower bound")
    if len(bounds) == 1:
        _grow(array, *bounds[0])
    elif any(
        first < lower or last > lower + length - 1
        for (first, last), length, lower in zip(bounds, array.lengths, array.lowers, strict=True)
    ):
        raise SqlError("2202E", "array subscript out of range")
    positions = [0]
    for (first, last), length, lower in zip(bounds, array.lengths, array.lowers, strict=True):
        positions = [at * length + index for at in positions for index in range(first - lower, last - lower + 1)]
    if len(positions) > len(source.items):
        raise SqlError("2202E", "source array too small")
    for position, item in zip(positions, source.items, strict=False):
        array.items[position] = item
    return kind.store(array)


_BOTH = "When assigning to a slice of an empty array value, slice boundaries must be fully specified."
