"""The choice among functions and operators of one name: func_select_candidate of parse_func.c, as chapter 10 of the
documentation tells it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ...catalog import Catalog
from .oids import ANY, UNKNOWN
from .typenames import base_type, type_row

__all__ = ["select_candidate"]

C = TypeVar("C")


def select_candidate(
    catalog: Catalog, actual: Sequence[int], candidates: Sequence[C], types_of: Callable[[C], Sequence[int]]
) -> C | None:
    """The best of several candidates that all could be called.

    Args:
        catalog: the catalogue.
        actual: types of the arguments.
        candidates: two at least.
        types_of: gives a candidate's declared argument types.

    Returns:
        The candidate, None when no rule tells them apart.
    """
    left = [(candidate, types_of(candidate)) for candidate in candidates]
    places = range(len(actual))
    inputs = [kind if kind == UNKNOWN else base_type(catalog, kind) for kind in actual]
    known = [place for place in places if inputs[place] != UNKNOWN]

    # most exact matches at known types
    left = _best(left, [sum(types[place] == inputs[place] for place in known) for _, types in left])
    if len(left) == 1:
        return left[0][0]

    # most exact matches or preferred types
    rows = [type_row(catalog, kind) for kind in inputs]

    def preferred(types: Sequence[int]) -> int:
        count = 0
        for place in known:
            if types[place] == inputs[place] or (
                (row := type_row(catalog, types[place])).preferred and row.category == rows[place].category
            ):
                count += 1
        return count

    left = _best(left, [preferred(types) for _, types in left])
    if len(left) == 1:
        return left[0][0]
    unknown = [place for place in places if inputs[place] == UNKNOWN]
    if not unknown:
        return None

    # a category for each unknown: string if any candidate takes strings, else the one that all take
    categories: dict[int, tuple[str, bool]] = {}
    resolved = True
    for place in unknown:
        chosen, has_preferred, conflict = "", False, False
        for _, types in left:
            row = _row(catalog, types[place])
            if not chosen:
                chosen, has_preferred = row
            elif row[0] == chosen:
                has_preferred = has_preferred or row[1]
            elif row[0] == "S":
                chosen, has_preferred, conflict = row[0], row[1], False
            elif chosen != "S":
                conflict = True
        if conflict:
            resolved = False
            break
        categories[place] = (chosen, has_preferred)
    if resolved:
        kept = [
            (candidate, types)
            for candidate, types in left
            if all(_fits(_row(catalog, types[place]), categories[place]) for place in unknown)
        ]
        if kept:
            left = kept
        if len(left) == 1:
            return left[0][0]

    # the unknowns may be what all the others are
    if known:
        kind = inputs[known[0]]
        if all(inputs[place] == kind for place in known):
            from .coerce import can_coerce_all

            kept = [
                (candidate, types) for candidate, types in left if can_coerce_all(catalog, [kind] * len(actual), types)
            ]
            if len(kept) == 1:
                return kept[0][0]
    return None


def _best(left: list[tuple[C, Sequence[int]]], scores: list[int]) -> list[tuple[C, Sequence[int]]]:
    best = max(scores)
    if best == 0:
        return left
    return [each for each, score in zip(left, scores, strict=True) if score == best]


def _row(catalog: Catalog, kind: int) -> tuple[str, bool]:
    if kind == ANY:
        return "P", False
    row = type_row(catalog, kind)
    return row.category, row.preferred


def _fits(row: tuple[str, bool], wanted: tuple[str, bool]) -> bool:
    return row[0] == wanted[0] and (row[1] or not wanted[1])
