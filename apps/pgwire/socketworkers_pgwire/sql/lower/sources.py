"""Table functions in FROM and in the select list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...functions import CallSite, find
from ...types import AnyType, RecordType
from ..execute.connection import ExecutionCell
from ..execute.virtual import Source, collected, rows_function
from ..nodes import Entry, Expr, FuncCall, FunctionSource
from .match import free_entries
from .python import function_of, site_key
from .shapes import plain
from .state import Lowering, unsupported

__all__ = ["collect", "function_source", "lockstep", "rows_source"]


_RECORDS = (2249, 2287)
_ANYELEMENT = 2283


def rows_source(lowering: Lowering, width: int) -> str:
    """The name of the table function that gives the rows which `collect` made one value of."""
    function = function_of(
        f"rows {width}", width, "module", (), lambda cell: Source(rows_function, width, 1), deterministic=False
    )
    return lowering.use(function)


def collect(lowering: Lowering) -> str:
    """The name of the aggregate that makes one value of rows."""
    return lowering.use(function_of("collected", -1, "aggregate", (), lambda cell: collected))


#: these give an element that is a row as the one value that it is
_WHOLE = frozenset(("unnest(anyarray)",))


@dataclass(frozen=True, slots=True)
class _Part:
    """One function of a table function."""

    signature: str
    function: Callable[[ExecutionCell], Callable[..., Iterable[tuple[Any, ...]]]]
    key: Any
    arity: int
    width: int
    arguments: Sequence[Expr]


def _as_row(part: _Part, kind: RecordType) -> _Part:
    """A function of several columns that gives each of its rows as one value."""

    def make(cell: ExecutionCell) -> Callable[..., Iterable[tuple[Any, ...]]]:
        function = part.function(cell)
        return lambda *arguments: ((kind.store(row),) for row in function(*arguments))

    return replace(part, function=make, key=(part.key, "row", kind.shape))


def _as_columns(part: _Part, kind: RecordType) -> _Part:
    """A function that gives each row as one value, with the fields as its columns."""
    blank = (None,) * len(kind.fields)

    def make(cell: ExecutionCell) -> Callable[..., Iterable[tuple[Any, ...]]]:
        function = part.function(cell)
        return lambda *arguments: (blank if value is None else kind.load(value) for (value,) in function(*arguments))

    return replace(part, function=make, key=(part.key, "columns", kind.shape))


def _single(value: Any) -> Iterable[tuple[Any, ...]]:
    return ((value,),)


def _part(
    lowering: Lowering, call: Expr, width: int, columns: Sequence[AnyType], names: Sequence[str] = ()
) -> tuple[_Part, list[str]]:
    """One function with the SQL of its arguments."""
    if isinstance(call, FuncCall):
        found = find(call.proc.signature)
        if found is None:
            raise unsupported(f"function {call.proc.signature}", call.location)
        if call.proc.volatility == "v":
            lowering.volatile = True
        if found.blocking:
            lowering.blocking = True
        if found.kind == "rows":
            site = CallSite(
                tuple([lowering.kind(each).modified(-1) for each in call.args]),
                lowering.type_row(call.type).implementation,
                tuple(columns),
                call.variadic,
                tuple(names),
            )
            strict = call.proc.strict

            def make(cell: ExecutionCell) -> Callable[..., Iterable[tuple[Any, ...]]]:
                function = found.function(site) if found.bind else found.function

                def rows(*arguments: Any) -> Iterable[tuple[Any, ...]]:
                    if strict and None in arguments:
                        return ()
                    given: Iterable[tuple[Any, ...]] = (
                        function(cell.execution, *arguments) if found.context else function(*arguments)
                    )
                    return given

                return rows

            key = (call.proc.signature, site_key(site)) if found.bind else call.proc.signature
            part = _Part(call.proc.signature, make, key, len(call.args), width, call.args)
            return part, [plain(lowering, each) for each in call.args]
    if width != 1:
        raise unsupported("a function of several columns here", call.location)
    return _Part("value", lambda cell: _single, "value", 1, 1, [call]), [lowering.expr(call)]


def _combined(parts: Sequence[_Part], ordinality: bool) -> Callable[[ExecutionCell], Source]:
    """Functions side by side: as many rows as the longest has, the others are padded with NULL."""
    width = sum(part.width for part in parts) + ordinality
    arity = sum(part.arity for part in parts)

    def make(cell: ExecutionCell) -> Source:
        functions = [(part.function(cell), part.arity, (None,) * part.width) for part in parts]
        if len(functions) == 1 and not ordinality:
            return Source(functions[0][0], width, arity)

        def rows(*arguments: Any) -> Iterator[tuple[Any, ...]]:
            iterators: list[Iterator[tuple[Any, ...]] | None] = []
            start = 0
            for function, count, _ in functions:
                iterators.append(iter(function(*arguments[start : start + count])))
                start += count
            number = 0
            while True:
                row: tuple[Any, ...] = ()
                found = False
                for index, (_, _, blank) in enumerate(functions):
                    iterator = iterators[index]
                    piece = None if iterator is None else next(iterator, None)
                    if piece is None:
                        iterators[index] = None
                        row += blank
                    else:
                        found = True
                        row += piece
                if not found:
                    return
                number += 1
                yield (*row, number) if ordinality else row

        return Source(rows, width, arity)

    return make


def _emit(lowering: Lowering, parts: Sequence[_Part], arguments: Sequence[str], ordinality: bool) -> str:
    key = (tuple([(part.key, part.width) for part in parts]), ordinality)
    name = ", ".join([part.signature for part in parts])
    function = function_of(name, len(arguments), "module", key, _combined(parts, ordinality))
    return f"{lowering.use(function)}({','.join(arguments)})"


def lockstep(lowering: Lowering, calls: Sequence[FuncCall]) -> str:
    """Functions of the select list that step together; their columns are ``c1`` ..."""
    parts, arguments = [], []
    for call in calls:
        part, sql = _part(lowering, call, 1, ())
        kind = lowering.kind(call) if call.proc.modes or _fills_rows(call) else None
        parts.append(_as_row(part, kind) if isinstance(kind, RecordType) else part)
        arguments += sql
    return _emit(lowering, parts, arguments, False)


def _fills_rows(call: FuncCall) -> bool:
    """Whether it gives rows of the type of its first argument: json_populate_recordset()."""
    return call.proc.arguments[:1] == (call.proc.result,) == (_ANYELEMENT,)


def function_source(lowering: Lowering, entry: Entry, alias: str) -> str:
    """A table function in FROM, with its alias."""
    source = entry.source
    assert isinstance(source, FunctionSource)
    series = _native_series(lowering, source)
    if series is not None:
        return f"({series}) AS {alias}"
    parts, arguments = [], []
    start = 0
    for call, width in zip(source.calls, source.widths, strict=True):
        types = entry.types[start : start + width]
        kinds = [lowering.type_of(*each[:2]) for each in types if width > 1 or each[0] not in _RECORDS]
        part, sql = _part(lowering, call, width, kinds, entry.names[start : start + width])
        element = lowering.type_row(call.type).implementation
        if isinstance(element, RecordType) and part.signature in _WHOLE:
            part = _as_columns(part, element)
        parts.append(part)
        arguments += sql
        start += width
    return f"{_emit(lowering, parts, arguments, source.ordinality)} AS {alias}"


def _native_series(lowering: Lowering, source: FunctionSource) -> str | None:
    """generate_series() of integers as a recursive query, where its arguments come from no other table."""
    if len(source.calls) != 1 or source.ordinality:
        return None
    call = source.calls[0]
    if not isinstance(call, FuncCall) or not call.proc.signature.startswith("generate_series("):
        return None
    if call.type not in (23, 20) or free_entries(call):
        return None
    step = lowering.constant(call.args[2]) if len(call.args) == 3 else None
    if len(call.args) == 3 and (step is None or not step.value):
        return None
    by = 1 if step is None else step.value
    name = lowering.alias("g")
    first, last = lowering.expr(call.args[0]), lowering.expr(call.args[1])
    sign = "<=" if by > 0 else ">="
    # the end is one row of its own, so that it is calculated once
    return (
        f"WITH RECURSIVE {name}(c1,z) AS (SELECT a,z FROM (SELECT {first} AS a,{last} AS z) WHERE a{sign}z "
        f"UNION ALL SELECT c1+({by}),z FROM {name} WHERE c1+({by}){sign}z) SELECT c1 FROM {name}"
    )
