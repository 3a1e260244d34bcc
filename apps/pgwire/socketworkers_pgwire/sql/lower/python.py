"""Functions in Python that generated SQL calls: made once for each signature and types, and named after them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Literal

from ...functions import CallSite
from ...types import AnyType, ArrayType, RecordType
from ..execute.connection import ExecutionCell, SqlFunction

__all__ = ["function_of", "kind_key", "null_skipping", "parameter_function", "scalar_function", "site_key"]

_MAX_FUNCTIONS = 20_000
_FUNCTIONS: dict[Hashable, SqlFunction] = {}
_count = 0


def function_of(
    name: str,
    arity: int,
    kind: Literal["scalar", "aggregate", "window", "module"],
    key: Hashable,
    make: Callable[[ExecutionCell], Any],
    *,
    deterministic: bool = False,
) -> SqlFunction:
    """A function by what makes it one of its own.

    Args:
        name: for people; a number is put behind it.
        arity: how many arguments it has, -1 for any number.
        kind: what it is to SQLite.
        key: equal for equal functions. Types in it are compared by identity: one that was altered is another one.
        make: gives what is registered, for a connection's cell.
        deterministic: see `SqlFunction`.
    """
    global _count
    full = (name, arity, kind, key)
    found = _FUNCTIONS.get(full)
    if found is None:
        if len(_FUNCTIONS) >= _MAX_FUNCTIONS:
            _FUNCTIONS.clear()
        _count += 1
        quoted = name.replace('"', "'")
        found = _FUNCTIONS[full] = SqlFunction(f"{quoted} #{_count}", arity, kind, make, deterministic)
    return found


def parameter_function() -> SqlFunction:
    """The function that gives a parameter by its number, where there are more than SQLite binds."""

    def make(cell: ExecutionCell) -> Callable[[int], Any]:
        return lambda number: cell.values[number - 1]

    return function_of("parameter", 1, "scalar", (), make)


def kind_key(kind: AnyType | None) -> Hashable:
    """What makes a type one of its own, as part of a key: rows are made anew by each statement."""
    if isinstance(kind, RecordType):
        return kind.shape, kind.names, kind.oid
    if isinstance(kind, ArrayType) and isinstance(kind.element, RecordType):
        return "array", kind_key(kind.element)
    return kind


def site_key(site: CallSite) -> Hashable:
    """What makes the types of a call ones of their own."""
    return (
        tuple([kind_key(kind) for kind in site.arguments]),
        kind_key(site.result),
        tuple([kind_key(kind) for kind in site.columns]),
        site.variadic,
        site.names,
    )


def null_skipping(function: Callable[..., Any], arity: int) -> Callable[..., Any]:
    """A strict function: NULL when an argument is NULL."""
    if arity == 1:
        return lambda a: None if a is None else function(a)
    if arity == 2:
        return lambda a, b: None if a is None or b is None else function(a, b)
    if arity == 3:
        return lambda a, b, c: None if a is None or b is None or c is None else function(a, b, c)
    return lambda *arguments: None if None in arguments else function(*arguments)


def scalar_function(
    name: str, arity: int, key: Hashable, make: Callable[[], Callable[..., Any]], *, deterministic: bool = False
) -> SqlFunction:
    """A strict function that needs no surroundings."""
    return function_of(
        name, arity, "scalar", key, lambda cell: null_skipping(make(), arity), deterministic=deterministic
    )
