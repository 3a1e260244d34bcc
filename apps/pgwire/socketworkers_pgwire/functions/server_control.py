"""Waiting, locks, signals, notifications: PostgreSQL 15 documentation §9.27.2, §9.27.10, §9.9.6, and NOTIFY."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..codec import Report
from ..types import BY_NAME
from .context import Execution
from .registry import rows, scalar

#: what void functions give: the empty text is not NULL
VOID = ""
_MICROSECOND = 1_000_000
_DAY = 86_400


@scalar("pg_sleep(double precision)", context=True, blocking=True)
def _sleep(execution: Execution, seconds: float | str) -> str:
    execution.session.sleep(float(seconds))
    return VOID


@scalar("pg_sleep_for(interval)", context=True, blocking=True)
def _sleep_for(execution: Execution, interval: bytes) -> str:
    value = BY_NAME["interval"].load(interval)
    execution.session.sleep((value.months * 30 + value.days) * _DAY + value.microseconds / _MICROSECOND)
    return VOID


@scalar("pg_sleep_until(timestamp with time zone)", context=True, blocking=True)
def _sleep_until(execution: Execution, until: int) -> str:
    execution.session.sleep((until - execution.session.clock()) / _MICROSECOND)
    return VOID


@scalar("pg_notify(text,text)", context=True)
def _notify(execution: Execution, channel: str | None, payload: str | None) -> str:
    execution.session.notify(channel or "", payload or "")
    return VOID


@rows("pg_listening_channels()", context=True)
def _channels(execution: Execution) -> Iterable[tuple[Any, ...]]:
    return [(channel,) for channel in execution.session.listening()]


@scalar("pg_cancel_backend(integer)", context=True)
def _cancel(execution: Execution, pid: int) -> int:
    return _told(execution, pid, execution.session.cancel(pid))


@scalar("pg_terminate_backend(integer,bigint)", context=True)
def _terminate(execution: Execution, pid: int, timeout: int) -> int:
    return _told(execution, pid, execution.session.terminate(pid))


def _told(execution: Execution, pid: int, found: bool) -> int:
    if not found:
        message = f"PID {pid} is not a PostgreSQL backend process"
        execution.session.notice(Report(severity="WARNING", sqlstate="01000", message=message))
    return int(found)


def _lock(shared: bool, transaction: bool) -> Callable[..., str]:
    def lock(execution: Execution, *key: int) -> str:
        execution.session.advisory_lock(key, shared=shared, transaction=transaction, wait=True)
        return VOID

    return lock


def _try_lock(shared: bool, transaction: bool) -> Callable[..., int]:
    def try_lock(execution: Execution, *key: int) -> int:
        return int(execution.session.advisory_lock(key, shared=shared, transaction=transaction, wait=False))

    return try_lock


def _unlock(shared: bool) -> Callable[..., int]:
    def unlock(execution: Execution, *key: int) -> int:
        return int(execution.session.advisory_unlock(key, shared=shared))

    return unlock


for _shared in (False, True):
    _suffix = "_shared" if _shared else ""
    for _transaction, _word in ((False, ""), (True, "xact_")):
        _names = [f"{_word}lock{_suffix}({_types})" for _types in ("bigint", "integer,integer")]
        scalar(*[f"pg_advisory_{name}" for name in _names], context=True, blocking=True)(_lock(_shared, _transaction))
        scalar(*[f"pg_try_advisory_{name}" for name in _names], context=True)(_try_lock(_shared, _transaction))
    scalar(f"pg_advisory_unlock{_suffix}(bigint)", f"pg_advisory_unlock{_suffix}(integer,integer)", context=True)(
        _unlock(_shared)
    )


@scalar("pg_advisory_unlock_all()", context=True)
def _unlock_all(execution: Execution) -> str:
    execution.session.advisory_unlock(None, shared=False)
    return VOID
