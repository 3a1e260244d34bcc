"""CURRENT_DATE, CURRENT_USER and the like: PostgreSQL 15 documentation §9.9.5, §9.26."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...functions import Execution
from ...types import AnyType
from ...types.datetime_math import date_of, local_of, time_of, timetz_of

__all__ = ["session_value"]


def session_value(name: str, kind: AnyType) -> Callable[[Execution], Any]:
    """The function that gives the value.

    Args:
        name: in lower case.
        kind: its type, with the precision as modifier.
    """
    function = _VALUES[name]
    if kind.typmod < 0:
        return function
    return lambda execution: kind.coerce(function(execution))


def _local(execution: Execution) -> int:
    return local_of(execution.session.transaction_time, execution.settings.timezone)


def _time_with_zone(execution: Execution) -> Any:
    from ...types.registry import BY_NAME

    value = timetz_of(execution.session.transaction_time, execution.settings.timezone)
    return None if value is None else BY_NAME["timetz"].store(value)


def _schema(execution: Execution) -> str | None:
    oid = execution.catalog.creation_namespace()
    return None if oid is None else execution.catalog.namespace_name(oid)


_VALUES: dict[str, Callable[[Execution], Any]] = {
    "current_date": lambda execution: date_of(_local(execution)),
    "current_time": _time_with_zone,
    "current_timestamp": lambda execution: execution.session.transaction_time,
    "localtime": lambda execution: time_of(_local(execution)),
    "localtimestamp": _local,
    "current_user": lambda execution: execution.session.user,
    "current_role": lambda execution: execution.session.user,
    "user": lambda execution: execution.session.user,
    "session_user": lambda execution: execution.session.session_user,
    "current_catalog": lambda execution: execution.session.database,
    "current_schema": _schema,
}
