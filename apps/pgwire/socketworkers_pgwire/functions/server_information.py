"""The session and its server: PostgreSQL 15 documentation §9.26 (system information) and §9.27.1 (settings)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ..errors import SqlError
from ..types import BY_NAME
from .context import Execution
from .registry import CallSite, scalar

VERSION_TEXT = "PostgreSQL {version} (Socket Workers, over SQLite)"


@scalar("version()", context=True)
def _version(execution: Execution) -> str:
    return VERSION_TEXT.format(version=execution.session.setting("server_version"))


@scalar("current_database()", context=True)
def _database(execution: Execution) -> str:
    return execution.session.database


@scalar("current_query()", context=True)
def _query(execution: Execution) -> str:
    return execution.session.query


@scalar("current_setting(text)", context=True)
def _setting(execution: Execution, name: str) -> str | None:
    return execution.session.setting(name)


@scalar("current_setting(text,boolean)", context=True)
def _setting_or_null(execution: Execution, name: str, missing_ok: int) -> str | None:
    return execution.session.setting(name, bool(missing_ok))


@scalar("set_config(text,text,boolean)", context=True)
def _set_config(execution: Execution, name: str | None, value: str | None, local: int | None) -> str:
    if name is None:
        raise SqlError("22004", "SET requires parameter name")
    return execution.session.set_setting(name, value or "", bool(local))


@scalar("pg_backend_pid()", context=True)
def _pid(execution: Execution) -> int:
    return execution.session.pid


@scalar("pg_postmaster_start_time()", "pg_conf_load_time()", context=True)
def _start(execution: Execution) -> int:
    return execution.session.server_started


@scalar("pg_is_in_recovery()", "pg_jit_available()")
def _no(*_: Any) -> int:
    return 0


@scalar(
    "pg_is_wal_replay_paused()", "pg_get_wal_replay_pause_state()", "pg_wal_replay_pause()", "pg_wal_replay_resume()"
)
def _not_in_recovery() -> None:
    raise SqlError(
        "55000", "recovery is not in progress", hint="Recovery control functions can only be executed during recovery."
    )


@scalar("pg_trigger_depth()")
def _depth() -> int:
    return 0


@scalar("pg_client_encoding()", context=True)
def _client_encoding(execution: Execution) -> str:
    return execution.session.setting("client_encoding") or "UTF8"


@scalar("getdatabaseencoding()")
def _database_encoding() -> str:
    return "UTF8"


@scalar("inet_client_port()", context=True)
def _client_port(execution: Execution) -> int | None:
    address = execution.session.client_address
    return None if address is None else address[1]


@scalar("inet_server_port()", context=True)
def _server_port(execution: Execution) -> int | None:
    address = execution.session.server_address
    return None if address is None else address[1]


@scalar("txid_current()", "pg_current_xact_id()", context=True)
def _transaction(execution: Execution) -> int:
    return execution.session.transaction_id


@scalar("txid_current_if_assigned()", "pg_current_xact_id_if_assigned()", context=True)
def _transaction_if_assigned(execution: Execution) -> int | None:
    return execution.session.assigned_transaction_id


@scalar('pg_typeof("any")', bind=True)
def _typeof(call: CallSite) -> Callable[[Any], int]:
    kind = call.arguments[0]
    return lambda _: kind.oid


@scalar('pg_column_size("any")', bind=True)
def _column_size(call: CallSite) -> Callable[[Any], int | None]:
    kind = call.arguments[0]

    def size(value: Any) -> int | None:
        if value is None:
            return None
        if kind.typlen > 0:
            return kind.typlen
        length = len(kind.send(value))
        if kind.typname == "numeric":
            length -= 6  # digits take two bytes each, and the head is shorter at rest
            return length + 3
        return length + (1 if length < 127 else 4)

    return size


@scalar("pg_size_pretty(bigint)")
def _size_pretty(size: int) -> str:
    """pg_size_pretty() of dbsize.c: shifts with half rounded away from zero."""
    names = ("bytes", "kB", "MB", "GB", "TB", "PB")
    value, last = size, len(names) - 1
    for place, name in enumerate(names):
        limit = 10 * 1024 if not place else 20 * 1024 - 1
        if place == last or abs(value) < limit:
            if place:
                value = (value + (1 if value > 0 else -1)) // 2 if value >= 0 else -((-value + 1) // 2)
            return f"{value} {name}"
        shift = 9 if not place else 10
        value = value >> shift if value >= 0 else -(-value >> shift)
    raise AssertionError


@scalar("pg_size_pretty(numeric)")
def _size_pretty_numeric(size: str) -> str:
    names = ("bytes", "kB", "MB", "GB", "TB", "PB")
    value = Decimal(size)
    for place, name in enumerate(names):
        limit = 10 * 1024 if not place else 20 * 1024 - 1
        if place == len(names) - 1 or abs(value) < limit:
            if place:
                value = ((value + (1 if value > 0 else -1)) / 2).to_integral_value(rounding="ROUND_DOWN")
            return f"{value} {name}"
        value = (value / (512 if not place else 1024)).to_integral_value(rounding="ROUND_DOWN")
    raise AssertionError


_SIZE = re.compile(r"\s*([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?)\s*(.*?)\s*", re.DOTALL)
_FACTORS = {"bytes": 1, "b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "tb": 1 << 40, "pb": 1 << 50}


@scalar("pg_size_bytes(text)")
def _size_bytes(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise SqlError("22023", f'invalid size: "{text}"')
    value, unit = Decimal(match[1]), match[2]
    if unit:
        factor = _FACTORS.get(unit.lower())
        if factor is None:
            raise SqlError(
                "22023",
                f'invalid size: "{text}"',
                detail=f'Invalid size unit: "{unit}".',
                hint='Valid units are "bytes", "B", "kB", "MB", "GB", "TB", and "PB".',
            )
        value *= factor
    made = int(value.to_integral_value(rounding=ROUND_HALF_UP))
    if not -(1 << 63) <= made < 1 << 63:
        raise SqlError("22003", "bigint out of range")
    return made


@scalar("regclass(text)", context=True)
def _regclass(execution: Execution, text: str) -> int:
    return int(BY_NAME["regclass"].input(text, execution.settings))


@scalar("pg_blocking_pids(integer)", context=True)
def _blocking(execution: Execution, pid: int) -> str:
    return json.dumps(list(execution.session.blockers(pid)))


@scalar("pg_settings_get_flags(text)", context=True)
def _flags(execution: Execution, name: str) -> str | None:
    return None if execution.session.setting(name, True) is None else "[]"
