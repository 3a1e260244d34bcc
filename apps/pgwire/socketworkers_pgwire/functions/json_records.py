"""Rows made of JSON: PostgreSQL 15 documentation §9.16, json_populate_record and json_to_record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..types import AnyType, Array, RecordType, Settings
from ..types import json_operators as jo
from ..types.array import ArrayType
from ..types.errors import SqlError, invalid_parameter
from ..types.record import RECORD_OID
from .context import Execution
from .registry import CallSite, rows

__all__: list[str] = []


def _value(text: str | None, kind: AnyType, settings: Settings) -> Any:
    """A part of a JSON text as a value of a type; JSON's null is NULL but for json and jsonb."""
    if text is None:
        return None
    text = text.strip(" \t\n\r")
    if kind.typname in ("json", "jsonb"):
        return None if text == "null" else kind.input(text, settings)
    if text == "null":
        return None
    if isinstance(kind, RecordType) and text[0] == "{":
        return kind.store(_fields(text, kind.names, kind.fields, [None] * len(kind.fields), settings))
    if isinstance(kind, ArrayType) and text[0] == "[":
        return _array(text, kind, settings)
    spelled = jo.as_text(text)
    assert spelled is not None
    return kind.input(spelled, settings)


def _array(text: str, kind: ArrayType, settings: Settings) -> str:
    lengths: list[int] = []
    items = _flat(text, 0, lengths, kind, settings)
    return kind.store(Array(items, tuple(lengths), (1,) * len(lengths)))


def _flat(text: str, depth: int, lengths: list[int], kind: ArrayType, settings: Settings) -> list[Any]:
    found = jo.elements(text)
    if found is None:
        raise SqlError("22P02", "expected JSON array")
    if depth == len(lengths):
        lengths.append(len(found))
    elif lengths[depth] != len(found):
        raise SqlError(
            "22P02",
            "malformed JSON array",
            detail="Multidimensional arrays must have sub-arrays with matching dimensions.",
        )
    items: list[Any] = []
    nested = found and found[0].startswith("[") and kind.element.typname not in ("json", "jsonb")
    for each in found:
        items += _flat(each, depth + 1, lengths, kind, settings) if nested else [_value(each, kind.element, settings)]
    return items


def _fields(
    text: str, names: Sequence[str], kinds: Sequence[AnyType], base: Sequence[Any], settings: Settings
) -> list[Any]:
    """The members that have the names of columns; the others as they were."""
    found = dict(jo.members(text) or ())
    return [
        _value(found[name], kind, settings) if name in found else before
        for name, kind, before in zip(names, kinds, base, strict=True)
    ]


def _check_same(record: RecordType, columns: Sequence[AnyType]) -> None:
    """A column definition list must have the types of the row that is given."""
    detail = None
    if len(record.fields) != len(columns):
        count = len(record.fields)
        plural = "" if count == 1 else "s"
        detail = f"Returned row contains {count} attribute{plural}, but query expects {len(columns)}."
    for place, (have, wanted) in enumerate(zip(record.fields, columns, strict=False), 1):
        if detail is None and have.oid != wanted.oid:
            detail = (
                f"Returned type {have.format_type()} at ordinal position {place}, but query expects "
                f"{wanted.format_type()}."
            )
    if detail is not None:
        raise SqlError("42804", "function return row and query-specified return row do not match", detail=detail)


def _row(call: CallSite, name: str) -> tuple[Sequence[str], Sequence[AnyType], RecordType | None]:
    first = call.arguments[0]
    if isinstance(first, RecordType):
        if first.oid == RECORD_OID and call.names:
            _check_same(first, call.columns)
            return call.names, call.columns, first
        return [each or f"f{number}" for number, each in enumerate(first.names, 1)], first.fields, first
    if not call.names:
        raise SqlError("42804", f"first argument of {name} must be a row type")
    return call.names, call.columns, None


def _checked(text: str, name: str) -> str:
    if jo.members(text) is None:
        kind = "a scalar" if jo.elements(text) is None else "an array"
        raise invalid_parameter(f"cannot call {name} on {kind}")
    return text


def _one(name: str, populate: bool) -> Callable[[CallSite], Callable[..., Iterator[tuple[Any, ...]]]]:
    def bind(call: CallSite) -> Callable[..., Iterator[tuple[Any, ...]]]:
        names, kinds, record = _row(call, name) if populate else (call.names, call.columns, None)

        def build(execution: Execution, *arguments: Any) -> Iterator[tuple[Any, ...]]:
            base: Sequence[Any] = [None] * len(kinds)
            text = arguments[0]
            if populate:
                if record is not None and arguments[0] is not None:
                    base = record.load(arguments[0])
                text = arguments[1]
            if text is None:
                yield tuple(base)
                return
            yield tuple(_fields(_checked(text, name), names, kinds, base, execution.settings))

        return build

    return bind


def _several(name: str, populate: bool) -> Callable[[CallSite], Callable[..., Iterator[tuple[Any, ...]]]]:
    def bind(call: CallSite) -> Callable[..., Iterator[tuple[Any, ...]]]:
        names, kinds, record = _row(call, name) if populate else (call.names, call.columns, None)

        def build(execution: Execution, *arguments: Any) -> Iterator[tuple[Any, ...]]:
            base: Sequence[Any] = [None] * len(kinds)
            text = arguments[0]
            if populate:
                if record is not None and arguments[0] is not None:
                    base = record.load(arguments[0])
                text = arguments[1]
            if text is None:
                return
            items = jo.elements(text)
            if items is None:
                kind = "a scalar" if jo.members(text) is None else "an object"
                raise invalid_parameter(f"cannot call {name} on {kind}")
            for each in items:
                if jo.members(each) is None:
                    raise invalid_parameter(f"argument of {name} must be an array of objects")
                yield tuple(_fields(each, names, kinds, base, execution.settings))

        return build

    return bind


for _kind in ("json", "jsonb"):
    _rest = ",boolean" if _kind == "json" else ""
    rows(f"{_kind}_to_record({_kind})", bind=True, context=True)(_one(f"{_kind}_to_record", False))
    rows(f"{_kind}_to_recordset({_kind})", bind=True, context=True)(_several(f"{_kind}_to_recordset", False))
    rows(f"{_kind}_populate_record(anyelement,{_kind}{_rest})", bind=True, context=True)(
        _one(f"{_kind}_populate_record", True)
    )
    rows(f"{_kind}_populate_recordset(anyelement,{_kind}{_rest})", bind=True, context=True)(
        _several(f"{_kind}_populate_recordset", True)
    )
