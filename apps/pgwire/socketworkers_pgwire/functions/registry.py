"""How functions of pg_proc are implemented in Python, and found by the lowering.

Arguments and results are in the storage forms of the *unmodified* types (`Type.modified(-1)`); None is NULL. A strict
function (pg_proc.proistrict) is never called with None. Errors are `SqlError`. Most functions are plain::

    @scalar("repeat(text,integer)")
    def repeat(text: str, count: int) -> str: ...

One whose work depends on the types of the call (polymorphic arguments) is *bound* first, once per call site::

    @scalar("array_append(anycompatiblearray,anycompatible)", bind=True)
    def array_append(call: CallSite) -> Callable[..., Any]: ...

One that depends on the session takes the `Execution` first::

    @scalar("current_setting(text)", context=True)
    def current_setting(execution: Execution, name: str) -> str: ...

Operators have no entries of their own: an operator is its function (``int4pl(integer,integer)``). What SQLite does by
itself and equally is lowered to SQL by `sql.lower`, which asks here only for what it has no template for; an entry here
is still wanted for such functions, so that constants fold and arrays and aggregates can use them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from ..types import AnyType

__all__ = ["AggregateState", "CallSite", "Implementation", "aggregate", "find", "rows", "scalar", "window"]

Function = TypeVar("Function", bound=Callable[..., Any])
State = TypeVar("State", bound=type[Any])


@dataclass(frozen=True, slots=True)
class CallSite:
    """The types with which a function is called."""

    arguments: tuple[AnyType, ...]
    """Actual types, unmodified; those of polymorphic arguments resolved."""
    result: AnyType | None
    """Actual result type; None for record, void and a type without an implementation."""
    columns: tuple[AnyType, ...] = ()
    """Of a function that returns rows: types of the columns (OUT arguments or a column definition list)."""
    variadic: bool = False
    """Whether the last argument is the array of a VARIADIC one, given as such."""
    names: tuple[str, ...] = ()
    """Names of `columns`."""
    order: tuple[tuple[bool, bool], ...] = ()
    """Of an aggregate with WITHIN GROUP: for each column of its order whether it is descending, and whether NULLs come
    first; () stands for ascending and last. `arguments` are the direct ones, then the aggregated ones."""


class AggregateState(Protocol):
    """Running state of one group; what a class given to `aggregate` must have.

    Made with the `CallSite`, and with the `Execution` first when `context` is true.
    """

    def step(self, *arguments: Any) -> None:
        """Take one row in: never called for rows that a strict transition function skips."""

    def final(self) -> Any:
        """The result of the group."""


@dataclass(frozen=True, slots=True)
class Implementation:
    """One function."""

    kind: Literal["scalar", "rows", "aggregate", "window"]
    function: Callable[..., Any]
    """scalar: gives a value. rows: gives an iterable of tuples (one item each for functions of one column).
    aggregate: the state's class. window: see `window`."""
    bind: bool = False
    context: bool = False
    blocking: bool = False
    """It may wait (pg_sleep, advisory locks): its statement never runs on the loop."""


_FOUND: dict[str, Implementation] = {}


def _add(signatures: tuple[str, ...], entry: Implementation) -> None:
    for signature in signatures:
        assert signature not in _FOUND, signature
        _FOUND[signature] = entry


def scalar(
    *signatures: str, bind: bool = False, context: bool = False, blocking: bool = False
) -> Callable[[Function], Function]:
    """Register a function that gives one value.

    Args:
        signatures: as regprocedure writes them (`Proc.signature`); several share one implementation.
        bind: it takes the `CallSite` and gives the function.
        context: what is called takes the `Execution` first.
        blocking: it may wait.
    """

    def register(function: Function) -> Function:
        _add(signatures, Implementation("scalar", function, bind, context, blocking))
        return function

    return register


def rows(*signatures: str, bind: bool = False, context: bool = False) -> Callable[[Function], Function]:
    """Register a function that returns a set, or a row of several columns; it gives an iterable of tuples."""

    def register(function: Function) -> Function:
        _add(signatures, Implementation("rows", function, bind, context))
        return function

    return register


def aggregate(*signatures: str, context: bool = False) -> Callable[[State], State]:
    """Register an aggregate: a class like `AggregateState`."""

    def register(state: State) -> State:
        _add(signatures, Implementation("aggregate", state, True, context))
        return state

    return register


def window(*signatures: str) -> Callable[[Function], Function]:
    """Register a window function: takes the `CallSite`, gives a function of (rows of the partition: a list of argument
    tuples) that gives the list of results. Only for those that SQLite lacks."""

    def register(function: Function) -> Function:
        _add(signatures, Implementation("window", function, True))
        return function

    return register


def find(signature: str) -> Implementation | None:
    """The implementation of a function, None when there is none: 0A000 where it is used."""
    from . import load

    load()
    return _FOUND.get(signature)
