"""Arrays: PostgreSQL 15 documentation §9.19, operators and functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..types import AnyType, Array
from ..types.array import MAX_DIMENSIONS, ArrayType, too_many_dimensions
from ..types.errors import SqlError
from ..types.integers import INT4
from .context import Execution
from .kinds import BY_SQL_NAME
from .registry import CallSite, rows, scalar

__all__ = ["array_kind", "elements_equal"]

_MAX_ITEMS = 134_217_727
_MAX_FILLED = 10_000_000  # what is made of one value
_INTEGERS = BY_SQL_NAME["integer[]"]


def array_kind(kind: AnyType | None) -> ArrayType:
    """The type of an argument that is an array."""
    assert isinstance(kind, ArrayType)
    return kind


def elements_equal(kind: ArrayType) -> Callable[[Any], Any]:
    """The key by which elements are equal.

    Raises:
        SqlError: 42883, they have no equality.
    """
    element = kind.element
    if not element.has_equality:
        raise SqlError("42883", f"could not identify an equality operator for type {element.format_type()}")
    return element.equality


def _one_dimensional(array: Array) -> None:
    if len(array.lengths) > 1:
        raise SqlError("22000", "argument must be empty or one-dimensional array")


@scalar("array_append(anycompatiblearray,anycompatible)", bind=True)
def _append(call: CallSite) -> Callable[[str | None, Any], str]:
    kind = array_kind(call.arguments[0])

    def append(stored: str | None, item: Any) -> str:
        array = Array([]) if stored is None else kind.load(stored)
        _one_dimensional(array)
        if not array.items:
            return kind.store(Array([item], (1,), (1,)))
        INT4.checked(array.lowers[0] + array.lengths[0])
        return kind.store(Array([*array.items, item], (array.lengths[0] + 1,), array.lowers))

    return append


@scalar("array_prepend(anycompatible,anycompatiblearray)", bind=True)
def _prepend(call: CallSite) -> Callable[[Any, str | None], str]:
    kind = array_kind(call.arguments[1])

    def prepend(item: Any, stored: str | None) -> str:
        array = Array([]) if stored is None else kind.load(stored)
        _one_dimensional(array)
        if not array.items:
            return kind.store(Array([item], (1,), (1,)))
        INT4.checked(array.lowers[0] - 1)
        return kind.store(Array([item, *array.items], (array.lengths[0] + 1,), array.lowers))

    return prepend


def _incompatible(detail: str) -> SqlError:
    return SqlError("2202E", "cannot concatenate incompatible arrays", detail=detail)


def _concatenated(a: Array, b: Array) -> Array:
    if not a.items:
        return b
    if not b.items:
        return a
    first, second = len(a.lengths), len(b.lengths)
    if abs(first - second) > 1:
        raise _incompatible(f"Arrays of {first} and {second} dimensions are not compatible for concatenation.")
    items = a.items + b.items
    if first == second:
        if (a.lengths[1:], a.lowers[1:]) != (b.lengths[1:], b.lowers[1:]):
            raise _incompatible("Arrays with differing element dimensions are not compatible for concatenation.")
        return Array(items, (a.lengths[0] + b.lengths[0], *a.lengths[1:]), a.lowers)
    outer, inner = (a, b) if first > second else (b, a)
    if (outer.lengths[1:], outer.lowers[1:]) != (inner.lengths, inner.lowers):
        raise _incompatible("Arrays with differing dimensions are not compatible for concatenation.")
    return Array(items, (outer.lengths[0] + 1, *outer.lengths[1:]), outer.lowers)


@scalar("array_cat(anycompatiblearray,anycompatiblearray)", bind=True)
def _concatenate(call: CallSite) -> Callable[[str | None, str | None], str | None]:
    kind = array_kind(call.arguments[0])

    def concatenate(a: str | None, b: str | None) -> str | None:
        if a is None or b is None:
            return b if a is None else a
        return kind.store(_concatenated(kind.load(a), kind.load(b)))

    return concatenate


# measures


def _measure(function: Callable[[Array], Any]) -> Callable[[CallSite], Callable[[str], Any]]:
    def bind(call: CallSite) -> Callable[[str], Any]:
        load = array_kind(call.arguments[0]).load
        return lambda stored: function(load(stored))

    return bind


def _dimensions(array: Array) -> str | None:
    pairs = zip(array.lengths, array.lowers, strict=True)
    return "".join([f"[{lower}:{lower + length - 1}]" for length, lower in pairs]) or None


scalar("array_dims(anyarray)", bind=True)(_measure(_dimensions))
scalar("array_ndims(anyarray)", bind=True)(_measure(lambda array: len(array.lengths) or None))
scalar("cardinality(anyarray)", bind=True)(_measure(lambda array: len(array.items)))


def _of_dimension(function: Callable[[int, int], int]) -> Callable[[CallSite], Callable[[str, int], int | None]]:
    def bind(call: CallSite) -> Callable[[str, int], int | None]:
        load = array_kind(call.arguments[0]).load

        def measure(stored: str, dimension: int) -> int | None:
            array = load(stored)
            if not 1 <= dimension <= len(array.lengths):
                return None
            return function(array.lengths[dimension - 1], array.lowers[dimension - 1])

        return measure

    return bind


scalar("array_length(anyarray,integer)", bind=True)(_of_dimension(lambda length, lower: length))
scalar("array_lower(anyarray,integer)", bind=True)(_of_dimension(lambda length, lower: lower))
scalar("array_upper(anyarray,integer)", bind=True)(_of_dimension(lambda length, lower: lower + length - 1))


# making


def _numbers(stored: str, what: str) -> list[int]:
    array = _INTEGERS.load(stored)
    if len(array.lengths) > 1:
        raise SqlError("2202E", "wrong number of array subscripts", detail=f"{what} array must be one dimensional.")
    if None in array.items:
        raise SqlError("22004", "dimension values cannot be null")
    numbers: list[int] = array.items
    return numbers


@scalar("array_fill(anyelement,integer[])", "array_fill(anyelement,integer[],integer[])", bind=True)
def _fill(call: CallSite) -> Callable[..., str]:
    kind = array_kind(call.result)
    with_lowers = len(call.arguments) == 3

    def fill(item: Any, lengths: str | None, lowers: str | None = None) -> str:
        if lengths is None or (with_lowers and lowers is None):
            raise SqlError("22004", "dimension array or low bound array cannot be null")
        sizes = _numbers(lengths, "Dimension")
        if len(sizes) > MAX_DIMENSIONS:
            raise too_many_dimensions(len(sizes))
        starts = [1] * len(sizes) if lowers is None else _numbers(lowers, "Low bound")
        if len(starts) != len(sizes):
            raise SqlError(
                "2202E",
                "wrong number of array subscripts",
                detail="Low bound array has different size than dimensions array.",
            )
        count = 1 if sizes else 0
        for size in sizes:
            count *= size
            if size < 0 or count > _MAX_ITEMS:
                raise SqlError("54000", f"array size exceeds the maximum allowed ({_MAX_ITEMS})")
        if count > _MAX_FILLED:
            raise SqlError("54000", f"array size exceeds the maximum allowed ({_MAX_FILLED})")
        for size, start in zip(sizes, starts, strict=True):
            if count:
                INT4.checked(start + size)
        return kind.store(Array([item] * count, tuple(sizes), tuple(starts)))

    return fill


@scalar("trim_array(anyarray,integer)", bind=True)
def _trim(call: CallSite) -> Callable[[str, int], str]:
    kind = array_kind(call.arguments[0])

    def trim(stored: str, count: int) -> str:
        array = kind.load(stored)
        length = array.lengths[0] if array.lengths else 0
        if not 0 <= count <= length:
            raise SqlError("2202E", f"number of elements to trim must be between 0 and {length}")
        if not length:
            return stored
        kept = length - count
        items = array.items[: len(array.items) // length * kept]
        # what is left is a slice, which begins at 1
        return kind.store(Array(items, (kept, *array.lengths[1:]), (1,) * len(array.lengths)))

    return trim


# searching


def _searchable(array: Array, verb: str) -> None:
    if len(array.lengths) > 1:
        raise SqlError("0A000", f"{verb} elements in multidimensional arrays is not supported")


@scalar(
    "array_position(anycompatiblearray,anycompatible)",
    "array_position(anycompatiblearray,anycompatible,integer)",
    bind=True,
)
def _position(call: CallSite) -> Callable[..., int | None]:
    kind = array_kind(call.arguments[0])
    key = elements_equal(kind)

    def position(stored: str | None, item: Any, start: int | None = -(1 << 31)) -> int | None:
        if stored is None:
            return None
        array = kind.load(stored)
        _searchable(array, "searching for")
        if not array.items or (item is None and None not in array.items):
            return None
        if start is None:
            raise SqlError("22004", "initial position must not be null")
        wanted = None if item is None else key(item)
        for number, each in enumerate(array.items, array.lowers[0] if array.lowers else 1):
            if number >= start and (each is None) == (item is None) and (each is None or key(each) == wanted):
                return number
        return None

    return position


@scalar("array_positions(anycompatiblearray,anycompatible)", bind=True)
def _positions(call: CallSite) -> Callable[[str | None, Any], str | None]:
    kind = array_kind(call.arguments[0])
    key = elements_equal(kind)

    def positions(stored: str | None, item: Any) -> str | None:
        if stored is None:
            return None
        array = kind.load(stored)
        _searchable(array, "searching for")
        wanted = None if item is None else key(item)
        found = [
            number
            for number, each in enumerate(array.items, array.lowers[0] if array.lowers else 1)
            if (each is None) == (item is None) and (each is None or key(each) == wanted)
        ]
        result: str = _INTEGERS.store(Array(found, (len(found),), (1,)))
        return result

    return positions


def _same(key: Callable[[Any], Any], item: Any) -> Callable[[Any], bool]:
    if item is None:
        return lambda each: each is None
    wanted = key(item)
    return lambda each: each is not None and key(each) == wanted


@scalar("array_remove(anycompatiblearray,anycompatible)", bind=True)
def _remove(call: CallSite) -> Callable[[str | None, Any], str | None]:
    kind = array_kind(call.arguments[0])
    key = elements_equal(kind)

    def remove(stored: str | None, item: Any) -> str | None:
        if stored is None:
            return None
        array = kind.load(stored)
        if len(array.lengths) > 1:
            raise SqlError("0A000", "removing elements from multidimensional arrays is not supported")
        same = _same(key, item)
        kept = [each for each in array.items if not same(each)]
        return stored if len(kept) == len(array.items) else kind.store(Array(kept, (len(kept),), array.lowers))

    return remove


@scalar("array_replace(anycompatiblearray,anycompatible,anycompatible)", bind=True)
def _replace(call: CallSite) -> Callable[[str | None, Any, Any], str | None]:
    kind = array_kind(call.arguments[0])
    key = elements_equal(kind)

    def replace(stored: str | None, item: Any, other: Any) -> str | None:
        if stored is None:
            return None
        array = kind.load(stored)
        same = _same(key, item)
        return kind.store(Array([other if same(each) else each for each in array.items], array.lengths, array.lowers))

    return replace


def _sets(call: CallSite, left: str, right: str) -> tuple[set[Any], set[Any], bool]:
    """Keys of the elements of both, and whether the second has NULLs."""
    kind = array_kind(call.arguments[0])
    key = elements_equal(kind)
    a, b = kind.load(left).items, kind.load(right).items
    return {key(each) for each in a if each is not None}, {key(each) for each in b if each is not None}, None in b


@scalar("arraycontains(anyarray,anyarray)", bind=True)
def _contains(call: CallSite) -> Callable[[str, str], int]:
    def contains(a: str, b: str) -> int:
        have, wanted, nulls = _sets(call, a, b)
        return int(not nulls and wanted <= have)

    return contains


@scalar("arraycontained(anyarray,anyarray)", bind=True)
def _contained(call: CallSite) -> Callable[[str, str], int]:
    contains = _contains(call)
    return lambda a, b: contains(b, a)


@scalar("arrayoverlap(anyarray,anyarray)", bind=True)
def _overlap(call: CallSite) -> Callable[[str, str], int]:
    def overlap(a: str, b: str) -> int:
        have, wanted, _ = _sets(call, a, b)
        return int(not have.isdisjoint(wanted))

    return overlap


@scalar("width_bucket(anycompatible,anycompatiblearray)", bind=True)
def _width_bucket(call: CallSite) -> Callable[[Any, str], int]:
    kind = array_kind(call.arguments[1])
    order = kind.element.order

    def bucket(value: Any, stored: str) -> int:
        array = kind.load(stored)
        if len(array.lengths) > 1:
            raise SqlError("2202E", "thresholds must be one-dimensional array")
        if None in array.items:
            raise SqlError("22004", "thresholds array must not contain NULLs")
        low, high = 0, len(array.items)
        mine = _comparable(order(value))
        while low < high:
            middle = (low + high) // 2
            if mine < _comparable(order(array.items[middle])):
                high = middle
            else:
                low = middle + 1
        return low

    return bucket


def _comparable(key: Any) -> tuple[bool, Any]:
    """Numbers come before the text NaN."""
    return isinstance(key, str), key


# to text and rows


@scalar("array_to_string(anyarray,text)", "array_to_string(anyarray,text,text)", bind=True, context=True)
def _to_string(call: CallSite) -> Callable[..., str | None]:
    kind = array_kind(call.arguments[0])
    output = kind.element.output

    def to_string(
        execution: Execution, stored: str | None, separator: str | None, null: str | None = None
    ) -> str | None:
        if stored is None or separator is None:
            return None
        settings = execution.settings
        items = kind.load(stored).items
        texts = [null if each is None else output(each, settings) for each in items]
        return separator.join([text for text in texts if text is not None])

    return to_string


@rows("unnest(anyarray)", bind=True)
def _unnest(call: CallSite) -> Callable[[str], Iterator[tuple[Any]]]:
    load = array_kind(call.arguments[0]).load
    return lambda stored: ((item,) for item in load(stored).items)


@rows("generate_subscripts(anyarray,integer)", "generate_subscripts(anyarray,integer,boolean)", bind=True)
def _subscripts(call: CallSite) -> Callable[..., Iterator[tuple[int]]]:
    load = array_kind(call.arguments[0]).load

    def subscripts(stored: str, dimension: int, reverse: int = 0) -> Iterator[tuple[int]]:
        array = load(stored)
        if not 1 <= dimension <= len(array.lengths):
            return
        lower = array.lowers[dimension - 1]
        numbers = range(lower, lower + array.lengths[dimension - 1])
        for number in reversed(numbers) if reverse else numbers:
            yield (number,)

    return subscripts
