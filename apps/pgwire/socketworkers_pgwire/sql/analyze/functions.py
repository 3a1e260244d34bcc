"""Calls of functions: which one is meant, and the expression that it becomes. PostgreSQL: parse_func.c, namespace.c."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...catalog import Catalog, Proc
from ..grammar import Node
from ..nodes import Const, Expr
from .candidates import select_candidate
from .coerce import Context, can_coerce_all, pathway
from .oids import RECORD, UNKNOWN
from .typenames import format_type, is_composite, split_name, type_row

__all__ = ["Choice", "find_function", "signature"]


@dataclass(slots=True)
class Choice:
    """A function that could be called, or a cast written like a call."""

    proc: Proc | None
    """None for a cast, and for several functions between which nothing decides."""
    types: list[int]
    """Declared types of the arguments of the call: of VARIADIC ones the element type, of named ones in the order of the
    call, those that defaults stand for last."""
    variadic: int = 0
    """How many arguments are gathered into the VARIADIC one."""
    defaults: list[int] = field(default_factory=list)
    """Numbers of the arguments (from 0) that are left to their defaults."""
    numbers: list[int] | None = None
    """Of a call with named arguments: number of the declared argument for each given one, and then the defaults."""
    cast: int = 0
    """Type of the cast."""
    place: int = 0
    """Where the function's schema is in the search path."""


def find_function(
    catalog: Catalog,
    names: list[Node],
    args: Sequence[Expr],
    argument_names: Sequence[str],
    *,
    expand_variadic: bool,
) -> Choice | bool | None:
    """The function that a call means: func_get_detail.

    Args:
        catalog: the catalogue.
        names: the dotted name.
        args: arguments in the order of the call, named ones last.
        argument_names: names of the last ones.
        expand_variadic: False when the last argument is marked VARIADIC.

    Returns:
        What was chosen, None when there is none, False when there are several.
    """
    schema, name = split_name(names)
    actual = [arg.type for arg in args]
    count = len(actual)
    if not argument_names:
        # the common case by far: an exact match without anything special
        procs = catalog.functions(schema, name)
        wanted = tuple(actual)
        for proc in procs:
            if proc.arguments == wanted and not (proc.variadic and expand_variadic):
                return Choice(proc, list(wanted))
    candidates = _candidates(catalog, schema, name, count, argument_names, expand_variadic)
    best: Choice | None = None
    for candidate in candidates:
        if candidate.types[:count] == actual:
            best = candidate
            break
    if best is None:
        if count == 1 and not argument_names:
            cast = _as_cast(catalog, schema, name, args[0])
            if cast:
                return Choice(None, actual, cast=cast)
        fitting = [each for each in candidates if can_coerce_all(catalog, actual, each.types)]
        if len(fitting) == 1:
            best = fitting[0]
        elif fitting:
            best = select_candidate(catalog, actual, fitting, lambda each: each.types)
            if best is None:
                return False
    if best is None:
        return None
    if best.proc is None:
        return False
    if argument_names and not expand_variadic and best.numbers is not None and best.numbers[count - 1] != count - 1:
        return None
    return best


def _candidates(
    catalog: Catalog, schema: str | None, name: str, count: int, argument_names: Sequence[str], expand_variadic: bool
) -> list[Choice]:
    """FuncnameGetCandidates: all functions that take that many arguments."""
    found: dict[tuple[int, ...], Choice] = {}
    path = catalog.search_path
    for proc in catalog.functions(schema, name):
        choice = (
            _named(proc, count, argument_names, expand_variadic)
            if argument_names
            else _positional(proc, count, expand_variadic)
        )
        if choice is None:
            continue
        choice.place = path.index(proc.namespace) if schema is None and proc.namespace in path else 0
        key = tuple(choice.types[: len(choice.types) - len(choice.defaults)])
        other = found.get(key)
        if other is not None:
            # the same arguments: what is earlier in the path wins, then what needs no VARIADIC
            if choice.place != other.place:
                preference = choice.place - other.place
            elif bool(choice.variadic) != bool(other.variadic):
                preference = 1 if choice.variadic else -1
            else:
                preference = 0
            if preference > 0:
                continue
            if preference == 0:
                other.proc = None
                continue
        found[key] = choice
    return list(found.values())


def _positional(proc: Proc, count: int, expand_variadic: bool) -> Choice | None:
    declared = len(proc.arguments)
    variadic = declared <= count and expand_variadic and proc.variadic
    if variadic:
        repeated = count - declared + 1
        return Choice(proc, [*proc.arguments[:-1], *[proc.variadic] * repeated], variadic=repeated)
    if declared > count:
        if count + proc.default_count < declared:
            return None
        return Choice(proc, list(proc.arguments), defaults=list(range(count, declared)))
    return Choice(proc, list(proc.arguments)) if declared == count else None


def _named(proc: Proc, count: int, argument_names: Sequence[str], expand_variadic: bool) -> Choice | None:
    if proc.variadic and expand_variadic:
        return None
    declared = len(proc.arguments)
    if declared < count or count + proc.default_count < declared or not proc.names:
        return None
    inputs = proc.names
    if proc.modes:
        inputs = tuple(name for name, mode in zip(proc.names, proc.modes, strict=False) if mode in "ibv")
    positional = count - len(argument_names)
    numbers = list(range(positional))
    for name in argument_names:
        if name not in inputs:
            return None
        number = inputs.index(name)
        if number in numbers:
            return None
        numbers.append(number)
    defaults = [number for number in range(declared) if number not in numbers]
    if defaults and defaults[0] < declared - proc.default_count:
        return None
    numbers += defaults
    return Choice(proc, [proc.arguments[number] for number in numbers], defaults=defaults, numbers=numbers)


def _as_cast(catalog: Catalog, schema: str | None, name: str, arg: Expr) -> int:
    """The type that a call like ``text(x)`` casts to, 0 when it is no cast."""
    row = catalog.type(schema, name)
    if row is None or row.kind == "c" or row.oid == RECORD:
        return 0
    source = arg.type
    if source == UNKNOWN and isinstance(arg, Const):
        return row.oid
    path, _ = pathway(catalog, row.oid, source, Context.EXPLICIT)
    if path == "relabel":
        return row.oid
    if path == "io" and not (
        (source == RECORD or is_composite(catalog, source)) and type_row(catalog, row.oid).category == "S"
    ):
        return row.oid
    return 0


def signature(catalog: Catalog, names: list[str], actual: Sequence[int], argument_names: Sequence[str] = ()) -> str:
    """A call as error messages show it."""
    shown = [format_type(catalog, kind) for kind in actual]
    positional = len(shown) - len(argument_names)
    for index, name in enumerate(argument_names, positional):
        shown[index] = f"{name} => {shown[index]}"
    return f"{'.'.join(names)}({', '.join(shown)})"
