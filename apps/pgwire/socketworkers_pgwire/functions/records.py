"""Rows and small things: PostgreSQL 15 documentation §9.24.5, §9.14, §9.26."""

from __future__ import annotations

import operator
import uuid
from collections.abc import Callable
from typing import Any

from .context import Execution
from .kinds import BY_SQL_NAME
from .registry import CallSite, scalar

__all__: list[str] = []

_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}


def _compared(test: Callable[[Any, Any], Any]) -> Callable[[CallSite], Callable[[str, str], int]]:
    """Field by field; NULL is equal to NULL and above all else."""

    def bind(call: CallSite) -> Callable[[str, str], int]:
        first, second = (kind.order for kind in call.arguments)
        return lambda a, b: int(test(first(a), second(b)))

    return bind


for _suffix, _test in _TESTS.items():
    scalar(f"record_{_suffix}(record,record)", bind=True)(_compared(_test))
scalar("btrecordcmp(record,record)", bind=True)(_compared(lambda a, b: (a > b) - (a < b)))


@scalar("gen_random_uuid()")
def _random_uuid() -> str:
    return str(uuid.uuid4())


@scalar('"current_user"()', "getpgusername()", context=True)
def _current_user(execution: Execution) -> str:
    return execution.session.user


@scalar('"session_user"()', context=True)
def _session_user(execution: Execution) -> str:
    return execution.session.session_user


@scalar("booland_statefunc(boolean,boolean)")
def _and(a: int, b: int) -> int:
    return int(bool(a) and bool(b))


@scalar("boolor_statefunc(boolean,boolean)")
def _or(a: int, b: int) -> int:
    return int(bool(a) or bool(b))


@scalar("oidvectortypes(oidvector)", context=True)
def _types(execution: Execution, stored: str) -> str:
    """Names of the types, as format_type() spells them without a modifier."""
    items = BY_SQL_NAME["oidvector"].load(stored).items
    names = []
    for oid in items:
        row = execution.catalog.type_by_oid(oid)
        known = row.implementation if row is not None else None
        names.append(known.modified(-1).format_type() if known is not None else row.name if row is not None else "???")
    return ", ".join(names)
