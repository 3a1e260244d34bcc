"""Enumerated types: PostgreSQL 15 documentation §9.10."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..types import AnyType, Array, EnumType
from .arrays import array_kind
from .registry import CallSite, scalar

__all__: list[str] = []


def _enum(kind: AnyType) -> EnumType:
    assert isinstance(kind, EnumType)
    return kind


@scalar("enum_first(anyenum)", bind=True)
def _first(call: CallSite) -> Callable[[Any], str | None]:
    labels = _enum(call.arguments[0]).labels
    return lambda value: labels[0] if labels else None


@scalar("enum_last(anyenum)", bind=True)
def _last(call: CallSite) -> Callable[[Any], str | None]:
    labels = _enum(call.arguments[0]).labels
    return lambda value: labels[-1] if labels else None


@scalar("enum_range(anyenum)", bind=True)
def _all(call: CallSite) -> Callable[[Any], str]:
    labels, kind = list(_enum(call.arguments[0]).labels), array_kind(call.result)
    return lambda value: kind.store(Array(labels, (len(labels),), (1,)))


@scalar("enum_range(anyenum,anyenum)", bind=True)
def _range(call: CallSite) -> Callable[[str | None, str | None], str]:
    enum, kind = _enum(call.arguments[0]), array_kind(call.result)

    def between(first: str | None, last: str | None) -> str:
        start = 0 if first is None else enum.order(first) - 1
        end = len(enum.labels) if last is None else enum.order(last)
        labels = list(enum.labels[start:end])
        return kind.store(Array(labels, (len(labels),), (1,)))

    return between
