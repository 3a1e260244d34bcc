"""Multiranges: PostgreSQL 15 documentation §9.20, and the aggregates of ranges of §9.21."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..types import AnyType, ArrayType, MultirangeType, Range, RangeType
from ..types.errors import SqlError
from ..types.multirange import MULTIRANGES
from ..types.range import EMPTY
from .ranges import contains, element_key, intersection, overlap, range_kind
from .registry import CallSite, aggregate, rows, scalar

__all__: list[str] = []


def _multirange_kind(kind: AnyType | None) -> MultirangeType:
    assert isinstance(kind, MultirangeType)
    return kind


# Constructors (§8.17.6)


def _construct(call: CallSite) -> Callable[..., str]:
    kind = _multirange_kind(call.result)
    given = call.arguments[0] if call.arguments else None
    if given is None:
        return lambda: kind.store(())
    if isinstance(given, RangeType):
        return lambda stored: kind.store((given.load(stored),))
    assert isinstance(given, ArrayType)
    load, element = given.load, range_kind(given.element)

    def construct(stored: str) -> str:
        array = load(stored)
        if len(array.lengths) > 1:
            raise SqlError("21000", "multiranges cannot be constructed from multidimensional arrays")
        if None in array.items:
            raise SqlError("22004", "multirange values cannot contain null members")
        return kind.store([element.load(each) for each in array.items])

    return construct


for _kind in MULTIRANGES:
    _name, _range = _kind.typname, _kind.range.typname
    scalar(f"{_name}()", f"{_name}({_range})", f"{_name}({_range}[])", bind=True)(_construct)
scalar("multirange(anyrange)", bind=True)(_construct)


# Parts


def _part(function: Callable[[list[Range]], Any]) -> Callable[[CallSite], Callable[[str], Any]]:
    def bind(call: CallSite) -> Callable[[str], Any]:
        load = _multirange_kind(call.arguments[0]).load
        return lambda stored: function(load(stored))

    return bind


scalar("lower(anymultirange)", bind=True)(_part(lambda all: all[0].lower if all else None))
scalar("upper(anymultirange)", bind=True)(_part(lambda all: all[-1].upper if all else None))
scalar("isempty(anymultirange)", bind=True)(_part(lambda all: int(not all)))
scalar("lower_inc(anymultirange)", bind=True)(_part(lambda all: int(bool(all) and all[0].lower_inclusive)))
scalar("upper_inc(anymultirange)", bind=True)(_part(lambda all: int(bool(all) and all[-1].upper_inclusive)))
scalar("lower_inf(anymultirange)", bind=True)(_part(lambda all: int(bool(all) and all[0].lower is None)))
scalar("upper_inf(anymultirange)", bind=True)(_part(lambda all: int(bool(all) and all[-1].upper is None)))


@scalar("range_merge(anymultirange)", bind=True)
def _merge(call: CallSite) -> Callable[[str], str]:
    kind = _multirange_kind(call.arguments[0])

    def merge(stored: str) -> str:
        ranges = kind.load(stored)
        if not ranges:
            return kind.range.store(EMPTY)
        first, last = ranges[0], ranges[-1]
        return kind.range.store(Range(first.lower, last.upper, first.lower_inclusive, last.upper_inclusive))

    return merge


@rows("unnest(anymultirange)", bind=True)
def _unnest(call: CallSite) -> Callable[[str], Iterator[tuple[str]]]:
    kind = _multirange_kind(call.arguments[0])
    return lambda stored: ((kind.range.store(each),) for each in kind.load(stored))


# Relations; a range counts as the set of itself, and an empty one as the empty set


def _reader(kind: AnyType) -> tuple[RangeType, Callable[[str], list[Range]]]:
    if isinstance(kind, MultirangeType):
        return kind.range, kind.load
    found = range_kind(kind)

    def load(stored: str) -> list[Range]:
        value = found.load(stored)
        return [] if value.empty else [value]

    return found, load


def _all_in(kind: RangeType, a: Sequence[Range], b: Sequence[Range]) -> bool:
    return all(any(contains(kind, one, other) for one in a) for other in b)


def _overlap(kind: RangeType, a: Sequence[Range], b: Sequence[Range]) -> bool:
    return any(overlap(kind, one, other) for one in a for other in b)


def _before(kind: RangeType, a: Sequence[Range], b: Sequence[Range]) -> bool:
    return bool(a) and bool(b) and kind.upper_key(a[-1]) < kind.lower_key(b[0])


def _overleft(kind: RangeType, a: Sequence[Range], b: Sequence[Range]) -> bool:
    return bool(a) and bool(b) and kind.upper_key(a[-1]) <= kind.upper_key(b[-1])


def _overright(kind: RangeType, a: Sequence[Range], b: Sequence[Range]) -> bool:
    return bool(a) and bool(b) and kind.lower_key(a[0]) >= kind.lower_key(b[0])


def _adjacent(kind: RangeType, a: Sequence[Range], b: Sequence[Range]) -> bool:
    return bool(a) and bool(b) and (kind.meets(a[-1], b[0]) or kind.meets(b[-1], a[0]))


_Sets = Callable[[RangeType, Sequence[Range], Sequence[Range]], bool]


def _relate(name: str, relation: _Sets, *, turned: bool = False) -> None:
    def bind(call: CallSite) -> Callable[[str, str], int]:
        kind, first = _reader(call.arguments[0])
        _, second = _reader(call.arguments[1])
        if turned:
            return lambda a, b: int(relation(kind, second(b), first(a)))
        return lambda a, b: int(relation(kind, first(a), second(b)))

    pairs = (("multirange", "multirange"), ("multirange", "range"), ("range", "multirange"))
    scalar(*[f"{a}_{name}_{b}(any{a},any{b})" for a, b in pairs], bind=True)(bind)


_relate("contains", _all_in)
_relate("contained_by", _all_in, turned=True)
_relate("overlaps", _overlap)
_relate("before", _before)
_relate("after", _before, turned=True)
_relate("overleft", _overleft)
_relate("overright", _overright)
_relate("adjacent", _adjacent)


@scalar("multirange_contains_elem(anymultirange,anyelement)", bind=True)
def _contains_element(call: CallSite) -> Callable[[str, Any], int]:
    kind = _multirange_kind(call.arguments[0])
    within = kind.range

    def contains_element(stored: str, value: Any) -> int:
        key = element_key(within, value)
        return int(any(within.lower_key(each) <= key <= within.upper_key(each) for each in kind.load(stored)))

    return contains_element


@scalar("elem_contained_by_multirange(anyelement,anymultirange)", bind=True)
def _element_contained(call: CallSite) -> Callable[[Any, str], int]:
    contains_element = _contains_element(CallSite(call.arguments[::-1], call.result))
    return lambda value, stored: contains_element(stored, value)


# What is made of two


def _union(kind: RangeType, a: list[Range], b: list[Range]) -> list[Range]:
    return a + b


def _intersection(kind: RangeType, a: list[Range], b: list[Range]) -> list[Range]:
    return [intersection(kind, one, other) for one in a for other in b]


def _difference(kind: RangeType, a: list[Range], b: list[Range]) -> list[Range]:
    left = a
    for other in b:
        kept: list[Range] = []
        for one in left:
            if not overlap(kind, one, other):
                kept.append(one)
                continue
            if kind.lower_key(one) < kind.lower_key(other):
                kept.append(kind.make(one.lower, other.lower, one.lower_inclusive, not other.lower_inclusive))
            if kind.upper_key(one) > kind.upper_key(other):
                kept.append(kind.make(other.upper, one.upper, not other.upper_inclusive, one.upper_inclusive))
        left = kept
    return left


_Make = Callable[[RangeType, list[Range], list[Range]], list[Range]]


def _made(function: _Make) -> Callable[[CallSite], Callable[[str, str], str]]:
    def bind(call: CallSite) -> Callable[[str, str], str]:
        kind = _multirange_kind(call.arguments[0])
        return lambda a, b: kind.store(function(kind.range, kind.load(a), kind.load(b)))

    return bind


scalar("multirange_union(anymultirange,anymultirange)", bind=True)(_made(_union))
scalar("multirange_intersect(anymultirange,anymultirange)", bind=True)(_made(_intersection))
scalar("multirange_minus(anymultirange,anymultirange)", bind=True)(_made(_difference))


# Aggregates


@aggregate("range_agg(anyrange)", "range_agg(anymultirange)")
class _RangeAgg:
    """The union of all as a multirange; NULL without any."""

    __slots__ = ("_kind", "_load", "_ranges")

    def __init__(self, call: CallSite) -> None:
        self._kind = _multirange_kind(call.result)
        self._load = _reader(call.arguments[0])[1]
        self._ranges: list[Range] | None = None

    def step(self, stored: str | None) -> None:
        if stored is not None:
            if self._ranges is None:
                self._ranges = []
            self._ranges += self._load(stored)

    def final(self) -> str | None:
        return None if self._ranges is None else self._kind.store(self._ranges)


@aggregate("range_intersect_agg(anyrange)", "range_intersect_agg(anymultirange)")
class _IntersectAgg:
    """What is in all of them; NULL without any."""

    __slots__ = ("_common", "_kind", "_load", "_range")

    def __init__(self, call: CallSite) -> None:
        self._kind = call.arguments[0]
        self._range, self._load = _reader(self._kind)
        self._common: list[Range] | None = None

    def step(self, stored: str | None) -> None:
        if stored is not None:
            ranges = self._load(stored)
            if self._common is None:
                self._common = ranges
            else:
                found = _intersection(self._range, self._common, ranges)
                self._common = [each for each in found if not each.empty]

    def final(self) -> str | None:
        if self._common is None:
            return None
        if isinstance(self._kind, MultirangeType):
            return self._kind.store(self._common)
        return self._range.store(self._common[0] if self._common else EMPTY)
