"""Ranges: PostgreSQL 15 documentation §9.20, operators and functions of one range and of two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..types import AnyType, Range, RangeType
from ..types.errors import SqlError
from ..types.range import EMPTY, RANGES
from ..types.sortkey import append_key
from .registry import CallSite, scalar

__all__ = ["Relation", "contains", "element_key", "intersection", "overlap", "range_kind", "span"]

_FLAGS = ("[]", "[)", "(]", "()")
Relation = Callable[[RangeType, Range, Range], bool]


def range_kind(kind: AnyType | None) -> RangeType:
    """The type of an argument that is a range."""
    assert isinstance(kind, RangeType)
    return kind


# Constructors (§8.17.6)


def _construct(call: CallSite) -> Callable[..., str]:
    kind = range_kind(call.result)

    def construct(lower: Any, upper: Any, flags: str | None = "[)") -> str:
        if flags is None:
            raise SqlError("22000", "range constructor flags argument must not be null")
        if flags not in _FLAGS:
            hint = 'Valid values are "[]", "[)", "(]", and "()".'
            raise SqlError("42601", "invalid range bound flags", hint=hint)
        return kind.store(kind.make(lower, upper, flags[0] == "[", flags[1] == "]"))

    return construct


for _kind in RANGES:
    _subtype = _kind.subtype.name
    scalar(f"{_kind.typname}({_subtype},{_subtype})", f"{_kind.typname}({_subtype},{_subtype},text)", bind=True)(
        _construct
    )


# Parts


def _part(function: Callable[[Range], Any]) -> Callable[[CallSite], Callable[[str], Any]]:
    def bind(call: CallSite) -> Callable[[str], Any]:
        load = range_kind(call.arguments[0]).load
        return lambda stored: function(load(stored))

    return bind


scalar("lower(anyrange)", bind=True)(_part(lambda each: each.lower))
scalar("upper(anyrange)", bind=True)(_part(lambda each: each.upper))
scalar("isempty(anyrange)", bind=True)(_part(lambda each: int(each.empty)))
scalar("lower_inc(anyrange)", bind=True)(_part(lambda each: int(each.lower_inclusive)))
scalar("upper_inc(anyrange)", bind=True)(_part(lambda each: int(each.upper_inclusive)))
scalar("lower_inf(anyrange)", bind=True)(_part(lambda each: int(each.lower is None and not each.empty)))
scalar("upper_inf(anyrange)", bind=True)(_part(lambda each: int(each.upper is None and not each.empty)))


# Relations of two ranges


def element_key(kind: RangeType, value: Any) -> bytes:
    """Sorts as a value of the subtype does among bounds."""
    parts = [b"\1"]
    append_key(kind.subtype.order(value), parts)
    return b"".join((*parts, b"\1"))


def contains(kind: RangeType, a: Range, b: Range) -> bool:
    """Whether all of `b` is in `a`."""
    if a.empty or b.empty:
        return b.empty
    return kind.lower_key(a) <= kind.lower_key(b) and kind.upper_key(b) <= kind.upper_key(a)


def overlap(kind: RangeType, a: Range, b: Range) -> bool:
    """Whether something is in both."""
    if a.empty or b.empty:
        return False
    return kind.lower_key(a) <= kind.upper_key(b) and kind.lower_key(b) <= kind.upper_key(a)


def _before(kind: RangeType, a: Range, b: Range) -> bool:
    return not a.empty and not b.empty and kind.upper_key(a) < kind.lower_key(b)


def _overleft(kind: RangeType, a: Range, b: Range) -> bool:
    return not a.empty and not b.empty and kind.upper_key(a) <= kind.upper_key(b)


def _overright(kind: RangeType, a: Range, b: Range) -> bool:
    return not a.empty and not b.empty and kind.lower_key(a) >= kind.lower_key(b)


def _adjacent(kind: RangeType, a: Range, b: Range) -> bool:
    return not a.empty and not b.empty and (kind.meets(a, b) or kind.meets(b, a))


def _relation(relation: Relation) -> Callable[[CallSite], Callable[[str, str], int]]:
    def bind(call: CallSite) -> Callable[[str, str], int]:
        kind = range_kind(call.arguments[0])
        return lambda a, b: int(relation(kind, kind.load(a), kind.load(b)))

    return bind


def _turned(relation: Relation) -> Relation:
    return lambda kind, a, b: relation(kind, b, a)


scalar("range_contains(anyrange,anyrange)", bind=True)(_relation(contains))
scalar("range_contained_by(anyrange,anyrange)", bind=True)(_relation(_turned(contains)))
scalar("range_overlaps(anyrange,anyrange)", bind=True)(_relation(overlap))
scalar("range_before(anyrange,anyrange)", bind=True)(_relation(_before))
scalar("range_after(anyrange,anyrange)", bind=True)(_relation(_turned(_before)))
scalar("range_overleft(anyrange,anyrange)", bind=True)(_relation(_overleft))
scalar("range_overright(anyrange,anyrange)", bind=True)(_relation(_overright))
scalar("range_adjacent(anyrange,anyrange)", bind=True)(_relation(_adjacent))


@scalar("range_contains_elem(anyrange,anyelement)", bind=True)
def _contains_element(call: CallSite) -> Callable[[str, Any], int]:
    kind = range_kind(call.arguments[0])

    def contains_element(stored: str, value: Any) -> int:
        found = kind.load(stored)
        key = element_key(kind, value)
        return int(not found.empty and kind.lower_key(found) <= key <= kind.upper_key(found))

    return contains_element


@scalar("elem_contained_by_range(anyelement,anyrange)", bind=True)
def _element_contained(call: CallSite) -> Callable[[Any, str], int]:
    contains_element = _contains_element(CallSite(call.arguments[::-1], call.result))
    return lambda value, stored: contains_element(stored, value)


# What is made of two ranges


def span(kind: RangeType, a: Range, b: Range) -> Range:
    """The smallest range that both are in."""
    if a.empty or b.empty:
        return a if b.empty else b
    first = a if kind.lower_key(a) <= kind.lower_key(b) else b
    last = a if kind.upper_key(a) >= kind.upper_key(b) else b
    return Range(first.lower, last.upper, first.lower_inclusive, last.upper_inclusive)


def intersection(kind: RangeType, a: Range, b: Range) -> Range:
    """What is in both."""
    if not overlap(kind, a, b):
        return EMPTY
    first = a if kind.lower_key(a) >= kind.lower_key(b) else b
    last = a if kind.upper_key(a) <= kind.upper_key(b) else b
    return Range(first.lower, last.upper, first.lower_inclusive, last.upper_inclusive)


def _union(kind: RangeType, a: Range, b: Range) -> Range:
    if not a.empty and not b.empty and not overlap(kind, a, b) and not _adjacent(kind, a, b):
        raise SqlError("22000", "result of range union would not be contiguous")
    return span(kind, a, b)


def _difference(kind: RangeType, a: Range, b: Range) -> Range:
    if not overlap(kind, a, b):
        return a
    before = kind.lower_key(a) < kind.lower_key(b)
    behind = kind.upper_key(a) > kind.upper_key(b)
    if before and behind:
        raise SqlError("22000", "result of range difference would not be contiguous")
    if before:
        return kind.make(a.lower, b.lower, a.lower_inclusive, not b.lower_inclusive)
    if behind:
        return kind.make(b.upper, a.upper, not b.upper_inclusive, a.upper_inclusive)
    return EMPTY


def _made(function: Callable[[RangeType, Range, Range], Range]) -> Callable[[CallSite], Callable[[str, str], str]]:
    def bind(call: CallSite) -> Callable[[str, str], str]:
        kind = range_kind(call.arguments[0])
        return lambda a, b: kind.store(function(kind, kind.load(a), kind.load(b)))

    return bind


scalar("range_union(anyrange,anyrange)", bind=True)(_made(_union))
scalar("range_intersect(anyrange,anyrange)", bind=True)(_made(intersection))
scalar("range_minus(anyrange,anyrange)", bind=True)(_made(_difference))
scalar("range_merge(anyrange,anyrange)", bind=True)(_made(span))
