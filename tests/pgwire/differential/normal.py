"""Values without what is each server's own: identifiers of users' objects, the time of day, process ids, versions.

What a value becomes depends on the type of its column, and for a few kinds on the column's name; never on the
statement.
"""

from __future__ import annotations

import datetime as dt
import re

from socketworkers_pgwire.codec import FieldDescription

__all__ = ["FIRST_USER_OID", "own_oid", "plain_value"]

FIRST_USER_OID = 16384  # FirstNormalObjectId of PostgreSQL's access/transam.h

_OID, _OIDVECTOR, _OID_ARRAY = 26, 30, 1028
_NODE_TREE, _TEXT_ARRAY = 194, 1009
#: reg* types print a number for what they do not know
_REG = frozenset((24, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4089, 4096, 4191))
#: xid, cid, tid, xid8, pg_lsn, txid_snapshot, pg_snapshot: the history of a server
_HISTORY = frozenset((28, 29, 27, 5069, 3220, 2970, 5038))
_INT4, _INT8, _TEXT, _NAME, _NUMERIC = 23, 20, 25, 19, 1700
_DATE, _TIME, _TIMESTAMP, _TIMESTAMPTZ, _TIMETZ = 1082, 1083, 1114, 1184, 1266
_STAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d):(\d\d)(?:\.\d+)?)?([+-]\d\d(?::?\d\d)?)?$")
_WITHIN = dt.timedelta(minutes=30)

#: kinds that are known by the type and the name of their column
_NAMED = {
    (_INT4, b"pg_backend_pid"): b"<pid>",
    (_INT4, b"pid"): b"<pid>",
    (_INT8, b"txid_current"): b"<xid>",
    (_INT8, b"pg_relation_size"): b"<size>",
    (_INT8, b"pg_table_size"): b"<size>",
    (_INT8, b"pg_indexes_size"): b"<size>",
    (_INT8, b"pg_total_relation_size"): b"<size>",
    (_INT8, b"pg_database_size"): b"<size>",
    (_TEXT, b"pg_size_pretty"): b"<size>",
    (_TEXT, b"Size"): b"<size>",
    (_INT4, b"inet_server_port"): b"<port>",
    (_INT4, b"inet_client_port"): b"<port>",
    (_TEXT, b"port"): b"<port>",
    (_TEXT, b"data_directory"): b"<folder>",
    (_TEXT, b"unix_socket_directories"): b"<folder>",
}


def own_oid(oid: int) -> int:
    """An object identifier, -1 for each of a user's objects."""
    return -1 if oid >= FIRST_USER_OID else oid


def plain_value(column: FieldDescription, value: bytes | None, now: dt.datetime) -> bytes | None:
    """A value as it is compared.

    Args:
        column: where it is from.
        value: what came, in the form that the column's format says.
        now: the time of the run, in UTC.
    """
    if value is None or not value:
        return value
    kind = column.type_oid
    if column.format:
        return _binary(kind, column.name, value, now)
    if kind == _OID or kind in _REG:
        return _oid(value)
    if kind in (_OIDVECTOR, _OID_ARRAY):
        return re.sub(rb"\d+", lambda found: _oid(found[0]), value)
    if kind in _HISTORY:
        return b"<history>"
    if kind == _NODE_TREE:
        return b"<tree>"
    if kind == _TEXT_ARRAY and column.name == b"attoptions" and value.startswith(b"{pg_attver="):
        return None  # a number that PostgreSQL 15 gives each altered column
    if kind in (_INT4, _INT8) and b"version" in column.name and value.isdigit() and 150_000 <= int(value) < 160_000:
        return value[:2]
    if (kind, column.name) in _NAMED:
        return _NAMED[kind, column.name]
    if kind in (_DATE, _TIMESTAMP, _TIMESTAMPTZ):
        return b"<now>" if _near(value.decode("utf-8", "replace"), now, kind == _DATE) else value
    if kind in (_TIME, _TIMETZ):
        return b"<now>" if _near(f"{now.date()} {value.decode('utf-8', 'replace')}", now, False) else value
    if kind in (_TEXT, _NAME):
        return _version(column.name, value)
    return value


def _binary(kind: int, name: bytes, value: bytes, now: dt.datetime) -> bytes:
    """A value in binary form: an object identifier, a time in microseconds since 2000, or as it is."""
    if kind in (_TEXT, _NAME):
        return _version(name, value)
    if kind == _OID and len(value) == 4:
        return b"<oid>" if int.from_bytes(value) >= FIRST_USER_OID else value
    if kind in (_TIMESTAMP, _TIMESTAMPTZ) and len(value) == 8:
        since = (now - dt.datetime(2000, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
        near = abs(int.from_bytes(value, signed=True) - since) <= _WITHIN // dt.timedelta(microseconds=1)
        return b"<now>" if near else value
    if kind >= FIRST_USER_OID and len(value) >= 12 and int.from_bytes(value[8:12]) >= FIRST_USER_OID:
        return value[:8] + b"<oid>" + value[12:]  # an array tells the type of its elements
    return b"<history>" if kind in _HISTORY else value


def _oid(value: bytes) -> bytes:
    return b"<oid>" if value.isdigit() and int(value) >= FIRST_USER_OID else value


def _near(text: str, now: dt.datetime, day: bool) -> bool:
    """Whether a time in ISO form is that of the run; time zones that make it another day are not looked for."""
    found = _STAMP.match(text)
    if found is None:
        return False
    numbers = [int(each) if each else 0 for each in found.groups()[:6]]
    try:
        stamp = dt.datetime(*numbers[:6])  # type: ignore[arg-type]
        zone = found[7]
        if zone:
            sign = -1 if zone[0] == "-" else 1
            digits = zone[1:].replace(":", "")
            stamp -= sign * dt.timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    except (ValueError, OverflowError):
        return False
    near = abs(stamp - now.replace(tzinfo=None))
    return near <= dt.timedelta(days=1) if day else near <= _WITHIN


def _version(name: bytes, value: bytes) -> bytes:
    """The version of a server, to its first number: the rest tells of builds."""
    if name == b"version" and value.startswith(b"PostgreSQL "):
        return value.partition(b".")[0]
    if name == b"server_version":
        return value.partition(b".")[0]
    if name == b"server_version_num":
        return value[:-4]
    return value
