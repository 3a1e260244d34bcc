"""Aggregates in Python as SQLite runs them: a state of `functions.registry` behind the methods that it calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cmp_to_key
from typing import Any

__all__ = ["Sorted", "hypothetical_state", "sorting_state", "stepping_state", "window_state"]


def stepping_state(make: Callable[[], Any], strict: bool) -> Callable[[], Any]:
    """The factory of a state that takes rows as they come.

    Args:
        make: makes the state.
        strict: rows with a NULL are skipped.
    """

    class Stepping:
        __slots__ = ("_state", "step")

        def __init__(self) -> None:
            self._state = make()
            self.step = _skipping(self._state.step) if strict else self._state.step

        def final(self) -> Any:
            return self._state.final()

    return Stepping


def _skipping(step: Callable[..., None]) -> Callable[..., None]:
    def checked(*arguments: Any) -> None:
        if None not in arguments:
            step(*arguments)

    return checked


class Sorted:
    """How the rows of an aggregate are put in order, and which of them count.

    Args:
        arguments: how many values of a row are arguments; keys of order and then one of equality are behind them.
        descending: for each key, and whether NULLs come first.
        distinct: whether rows whose last value repeats are skipped.
    """

    __slots__ = ("arguments", "distinct", "keys")

    def __init__(self, arguments: int, keys: Sequence[tuple[bool, bool]], distinct: bool) -> None:
        self.arguments = arguments
        self.keys = tuple(keys)
        self.distinct = distinct

    def compare(self, one: tuple[Any, ...], other: tuple[Any, ...]) -> int:
        """Order of two rows."""
        for index, (descending, nulls_first) in enumerate(self.keys, self.arguments):
            a, b = one[index], other[index]
            if a is None or b is None:
                if a is not b:
                    return -1 if (a is None) == nulls_first else 1
            elif a != b:
                before = isinstance(b, str) if isinstance(a, str) != isinstance(b, str) else a < b
                return -1 if before != descending else 1
        return 0

    def rows(self, collected: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """The arguments of the rows that count, in order."""
        if self.keys:
            collected = sorted(collected, key=cmp_to_key(self.compare))
        if self.distinct:
            seen: set[Any] = set()
            kept = []
            for row in collected:
                if row[-1] not in seen:
                    seen.add(row[-1])
                    kept.append(row)
            collected = kept
        return [row[: self.arguments] for row in collected]


def sorting_state(make: Callable[[], Any], strict: bool, order: Sorted) -> Callable[[], Any]:
    """The factory of a state that takes the rows in an order of its own, or without those that repeat."""

    class Sorting:
        __slots__ = ("_rows",)

        def __init__(self) -> None:
            self._rows: list[tuple[Any, ...]] = []

        def step(self, *row: Any) -> None:
            self._rows.append(row)

        def final(self) -> Any:
            state = make()
            step = _skipping(state.step) if strict else state.step
            for row in order.rows(self._rows):
                step(*row)
            return state.final()

    return Sorting


def window_state(make: Callable[[], Any], strict: bool) -> Callable[[], tuple[Any, Any, Any, Any, Any]]:
    """The factory of an aggregate over a window. A frame that only grows needs one state; one that loses rows is
    calculated again from those that are left."""

    class Window:
        __slots__ = ("lost", "rows", "state")

        def __init__(self) -> None:
            self.rows: list[tuple[Any, ...]] = []
            self.state: Any = None
            self.lost = False

    def step(window: Window, *row: Any) -> None:
        window.rows.append(row)
        if window.state is not None and not window.lost and not (strict and None in row):
            window.state.step(*row)

    def inverse(window: Window, *row: Any) -> None:
        window.rows.pop(0)
        window.lost = True

    def value(window: Window) -> Any:
        if window.state is None or window.lost:
            window.state = make()
            window.lost = False
            for row in window.rows:
                if not (strict and None in row):
                    window.state.step(*row)
        return window.state.final()

    return lambda: (Window(), step, value, value, inverse)


def hypothetical_state(name: str, order: Sorted, keys: int) -> Callable[[], Any]:
    """The factory of a hypothetical-set aggregate (documentation §9.21, table 9.64): where a row would stand.

    Args:
        name: ``rank``, ``dense_rank``, ``percent_rank``, ``cume_dist``.
        order: of the keys, of which there are no arguments before.
        keys: how many there are; each row has its own first, then those of the row that is thought of.
    """

    class Hypothetical:
        __slots__ = ("_before", "_count", "_distinct", "_upto")

        def __init__(self) -> None:
            self._before = self._upto = self._count = 0
            self._distinct: set[tuple[Any, ...]] = set()

        def step(self, *row: Any) -> None:
            self._count += 1
            compared = order.compare(row[:keys], row[keys:])
            if compared < 0:
                self._before += 1
                if name == "dense_rank":
                    self._distinct.add(row[:keys])
            if compared <= 0:
                self._upto += 1

        def final(self) -> Any:
            if name == "rank":
                return self._before + 1
            if name == "dense_rank":
                return len(self._distinct) + 1
            if name == "percent_rank":
                return self._before / self._count if self._count else 0.0
            return (self._upto + 1) / (self._count + 1)

    return Hypothetical
