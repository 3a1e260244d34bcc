"""Functions that indexes and constraints in a database's file call: their names say what they are.

A name is the signature of a function of pg_proc, ``lower(text)``; for one whose work depends on the types of the call
these follow, ``array_length(anyarray,integer) 1007,23>23``; a cast is ``cast 25,-1>23,-1`` and a length coercion
``length 1043,9,1``. So a connection can be given them again when SQLite says that it misses one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...functions import CallSite, find
from ...types import BY_OID, AnyType
from .connection import ExecutionCell, Prepared, SqlFunction

__all__ = ["cast_function", "ensure_missing", "length_function", "pure_function"]

_STABLE: dict[str, SqlFunction] = {}
_MISSING = ("no such function: ", "unknown function: ")


def _skipping(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments: None if None in arguments else function(*arguments)


def _keep(name: str, arity: int, make: Callable[[ExecutionCell], Any]) -> SqlFunction:
    found = _STABLE.get(name)
    if found is None:
        found = _STABLE[name] = SqlFunction(name, arity, "scalar", make, deterministic=True)
    return found


def pure_function(signature: str, arity: int, strict: bool, site: CallSite) -> SqlFunction | None:
    """An immutable function under its stable name; None when it can have none."""
    found = find(signature)
    if found is None or found.kind != "scalar" or found.context or '"' in signature:
        return None
    name = signature + ("" if strict else " null")
    if found.bind:
        kinds = (*site.arguments, site.result)
        if site.variadic or any(kind is None or BY_OID.get(kind.oid) is None for kind in kinds):
            return None
        name += f" {','.join([str(kind.oid) for kind in site.arguments])}>{site.result.oid if site.result else 0}"

    def make(cell: ExecutionCell) -> Callable[..., Any]:
        function = found.function(site) if found.bind else found.function
        return _skipping(function) if strict else function

    return _keep(name, arity, make)


def cast_function(source: AnyType, target: AnyType) -> SqlFunction | None:
    """A cast by text, between built-in types that ask for no setting of the session."""
    if source.oid not in BY_OID or target.oid not in BY_OID:
        return None

    def make(cell: ExecutionCell) -> Callable[..., Any]:
        return _skipping(lambda value: target.input(source.output(value)))

    return _keep(f"cast {source.oid},{source.typmod}>{target.oid},{target.typmod}", 1, make)


def length_function(target: AnyType, explicit: bool) -> SqlFunction | None:
    """A coercion to a modifier."""
    if target.oid not in BY_OID:
        return None
    name = f"length {target.oid},{target.typmod},{int(explicit)}"
    return _keep(name, 1, lambda cell: _skipping(lambda value: target.coerce(value, explicit)))


def ensure_missing(state: Prepared, message: str) -> bool:
    """Register the function that SQLite's error says is missing; whether it is one of these."""
    for prefix in _MISSING:
        if message.startswith(prefix):
            name = message.removeprefix(prefix).removesuffix("()") if prefix[0] == "u" else message.removeprefix(prefix)
            function = _STABLE.get(name) or _named(name)
            if function is None or state.knows(function):
                return False
            state.ensure((function,))
            return True
    return False


def _named(name: str) -> SqlFunction | None:
    """A function by its name, in a process that has not made it yet."""
    kind, _, rest = name.partition(" ")
    if kind == "cast":
        source, _, target = rest.partition(">")
        return cast_function(_kind(source), _kind(target))
    if kind == "length":
        oid, typmod, explicit = rest.split(",")
        return length_function(BY_OID[int(oid)].modified(int(typmod)), explicit == "1")
    signature, closed, rest = name.rpartition(")")
    if not closed:
        return None
    signature += ")"
    words = rest.split()
    strict = "null" not in words
    site = CallSite((), None)
    arity = signature.count(",") + 1 if not signature.endswith("()") else 0
    if words and ">" in words[-1]:
        arguments, _, result = words[-1].partition(">")
        site = CallSite(tuple([BY_OID[int(oid)] for oid in arguments.split(",")]), BY_OID[int(result)])
        arity = len(site.arguments)
    return pure_function(signature, arity, strict, site)


def _kind(text: str) -> AnyType:
    oid, _, typmod = text.partition(",")
    return BY_OID[int(oid)].modified(int(typmod))
