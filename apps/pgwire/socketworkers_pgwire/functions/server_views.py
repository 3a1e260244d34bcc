"""The functions that system views are made of: settings, time zones, sessions, locks, statements, statistics."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any
from zoneinfo import available_timezones

from ..sql.keywords import COLUMN_NAME, RESERVED, TYPE_OR_FUNCTION, UNRESERVED
from ..types import BY_NAME, Interval, find_zone
from ..types.abbreviations import DAYLIGHT, DYNAMIC, STANDARD
from .context import Execution
from .registry import rows, scalar

_INTERVAL = BY_NAME["interval"]
_MICROSECOND = 1_000_000


@rows("pg_show_all_settings()", context=True)
def _settings(execution: Execution) -> Iterable[tuple[Any, ...]]:
    for row in execution.session.setting_rows():
        choices = row[11]
        yield (*row[:11], None if choices is None else json.dumps(choices), *row[12:])


@rows("pg_timezone_names()", context=True)
def _zones(execution: Execution) -> Iterable[tuple[Any, ...]]:
    now = execution.session.transaction_time
    for name in sorted(available_timezones()):
        zone = find_zone(name)
        if zone is None:
            continue
        offset = Interval(0, 0, zone.offset_at(now) * _MICROSECOND)
        yield name, zone.abbreviation_at(now), _INTERVAL.store(offset), int(zone.is_daylight_at(now))


@rows("pg_timezone_abbrevs()", context=True)
def _abbreviations(execution: Execution) -> Iterable[tuple[Any, ...]]:
    now = execution.session.transaction_time
    found = [(name, seconds, False) for name, seconds in STANDARD.items()]
    found += [(name, seconds, True) for name, seconds in DAYLIGHT.items()]
    for name, place in DYNAMIC.items():
        zone = find_zone(place)
        if zone is not None:
            seconds = zone.offset_of_abbreviation(name.upper(), now)
            found.append((name, zone.offset_at(now) if seconds is None else seconds, zone.is_daylight_at(now)))
    for name, seconds, daylight in sorted(found):
        yield name.upper(), _INTERVAL.store(Interval(0, 0, seconds * _MICROSECOND)), int(daylight)


def _address(text: str | None) -> Any:
    kind = BY_NAME.get("inet")
    return None if not text or kind is None else kind.input(text)


@scalar("inet_client_addr()", context=True)
def _client(execution: Execution) -> Any:
    address = execution.session.client_address
    return None if address is None else _address(address[0])


@scalar("inet_server_addr()", context=True)
def _server(execution: Execution) -> Any:
    address = execution.session.server_address
    return None if address is None else _address(address[0])


@rows("pg_stat_get_activity(integer)", context=True)
def _activity(execution: Execution, pid: int | None) -> Iterable[tuple[Any, ...]]:
    me = execution.session
    for backend in me.backends():
        if pid is not None and backend.pid != pid:
            continue
        seen = me.superuser or backend.user_oid == me.user_oid
        yield (
            backend.database_oid,
            backend.pid,
            backend.user_oid,
            backend.application_name,
            backend.state if seen else None,
            backend.query if seen else "<insufficient privilege>",
            backend.wait_event_type if seen else None,
            backend.wait_event if seen else None,
            backend.transaction_started if seen else None,
            backend.query_started if seen else None,
            backend.started if seen else None,
            backend.state_changed if seen else None,
            _address(backend.client_address[0]) if seen and backend.client_address else None,
            None,
            backend.client_port if seen else None,
            None,
            None,
            "client backend" if seen else None,
            int(backend.secure) if seen else None,
            *(None,) * 6,
            0 if seen else None,
            None,
            0 if seen else None,
            None,
            None,
        )


@rows("pg_lock_status()", context=True)
def _locks(execution: Execution) -> Iterable[tuple[Any, ...]]:
    for key, shared, pid in execution.session.advisory_locks():
        class_id, object_id = key if len(key) == 2 else (key[0] >> 32 & 0xFFFFFFFF, key[0] & 0xFFFFFFFF)
        yield (
            *("advisory", execution.session.database_oid, None, None, None, None, None),
            *(class_id & 0xFFFFFFFF, object_id & 0xFFFFFFFF, 2 if len(key) == 2 else 1),
            *(f"{pid}/1", pid, "ShareLock" if shared else "ExclusiveLock", 1, 0, None),
        )


@rows("pg_prepared_statement()", context=True)
def _statements(execution: Execution) -> Iterable[tuple[Any, ...]]:
    return execution.session.prepared_statements()


@rows("pg_cursor()", context=True)
def _cursors(execution: Execution) -> Iterable[tuple[Any, ...]]:
    return execution.session.cursors()


@rows("pg_get_keywords()")
def _keywords() -> Iterable[tuple[Any, ...]]:
    from .keywords import NOT_BARE_LABELS

    groups = (
        (UNRESERVED, "U", "unreserved"),
        (COLUMN_NAME, "C", "unreserved (cannot be function or type name)"),
        (TYPE_OR_FUNCTION, "T", "reserved (can be function or type name)"),
        (RESERVED, "R", "reserved"),
    )
    found = []
    for words, code, description in groups:
        for word in words:
            bare = word not in NOT_BARE_LABELS
            label = "can be bare label" if bare else "requires AS"
            found.append((word, code, int(bare), description, label))
    return sorted(found)


@rows("pg_available_extensions()")
def _extensions() -> Iterable[tuple[Any, ...]]:
    return [("plpgsql", "1.0", "PL/pgSQL procedural language")]


@rows("pg_available_extension_versions()")
def _extension_versions() -> Iterable[tuple[Any, ...]]:
    return [("plpgsql", "1.0", 1, 1, 0, "pg_catalog", None, "PL/pgSQL procedural language")]


@rows(
    "pg_get_replication_slots()",
    "pg_stat_get_wal_senders()",
    "pg_prepared_xact()",
    "pg_show_replication_origin_status()",
    "pg_show_all_file_settings()",
    "pg_hba_file_rules()",
    "pg_ident_file_mappings()",
    "pg_config()",
    "pg_get_shmem_allocations()",
    "pg_get_backend_memory_contexts()",
    "pg_stat_get_slru()",
)
def _none() -> Iterable[tuple[Any, ...]]:
    return ()


@rows(
    "pg_stat_get_progress_info(text)",
    "pg_get_publication_tables(text)",
    "pg_stat_get_subscription(oid)",
)
def _none_of(_: Any) -> Iterable[tuple[Any, ...]]:
    return ()


@rows("pg_stat_get_backend_idset()", context=True)
def _backend_ids(execution: Execution) -> Iterable[tuple[Any, ...]]:
    return [(backend.pid,) for backend in execution.session.backends()]


def _of_backend(find: Callable[[Any], Any]) -> Callable[[Execution, int], Any]:
    def look(execution: Execution, number: int) -> Any:
        return next((find(each) for each in execution.session.backends() if each.pid == number), None)

    return look


for _name, _find in (
    ("pid", lambda backend: backend.pid),
    ("dbid", lambda backend: backend.database_oid),
    ("userid", lambda backend: backend.user_oid),
    ("activity", lambda backend: backend.query),
    ("activity_start", lambda backend: backend.query_started),
    ("start", lambda backend: backend.started),
    ("xact_start", lambda backend: backend.transaction_started),
    ("wait_event", lambda backend: backend.wait_event),
    ("wait_event_type", lambda backend: backend.wait_event_type),
    ("client_port", lambda backend: backend.client_port),
):
    scalar(f"pg_stat_get_backend_{_name}(integer)", context=True)(_of_backend(_find))


@scalar("pg_stat_get_db_numbackends(oid)", context=True)
def _backends_of(execution: Execution, oid: int) -> int:
    return sum(backend.database_oid == oid for backend in execution.session.backends())


#: what nobody counts here is 0, as in a PostgreSQL whose statistics were just reset
_COUNTERS = (
    "blocks_fetched blocks_hit checksum_failures conflict_all conflict_bufferpin conflict_lock conflict_snapshot "
    "conflict_startup_deadlock conflict_tablespace deadlocks sessions sessions_abandoned sessions_fatal "
    "sessions_killed temp_bytes temp_files tuples_deleted tuples_fetched tuples_inserted tuples_returned "
    "tuples_updated xact_commit xact_rollback"
)
scalar(*[f"pg_stat_get_db_{_name}(oid)" for _name in _COUNTERS.split()])(lambda _: 0)
_TABLES = (
    "analyze_count autoanalyze_count autovacuum_count blocks_fetched blocks_hit dead_tuples ins_since_vacuum "
    "live_tuples mod_since_analyze numscans tuples_deleted tuples_fetched tuples_hot_updated tuples_inserted "
    "tuples_returned tuples_updated vacuum_count xact_blocks_fetched xact_blocks_hit xact_numscans xact_tuples_deleted "
    "xact_tuples_fetched xact_tuples_hot_updated xact_tuples_inserted xact_tuples_returned xact_tuples_updated "
    "function_calls"
)
scalar(*[f"pg_stat_get_{_name}(oid)" for _name in _TABLES.split()])(lambda _: 0)
_LAST = "last_analyze_time last_autoanalyze_time last_autovacuum_time last_vacuum_time"
scalar(*[f"pg_stat_get_{_name}(oid)" for _name in _LAST.split()])(lambda _: None)
_TIMES = "active_time blk_read_time blk_write_time idle_in_transaction_time session_time"
scalar(*[f"pg_stat_get_db_{_name}(oid)" for _name in _TIMES.split()])(lambda _: 0.0)
scalar("pg_stat_get_db_stat_reset_time(oid)", "pg_stat_get_db_checksum_last_failure(oid)")(lambda _: None)
