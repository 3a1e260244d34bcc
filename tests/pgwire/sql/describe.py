"""Asks a PostgreSQL what it says of a statement that is parsed and described."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

__all__ = ["Describer"]

_TABLES = """
SELECT json_build_object('oid', c.oid::int8, 'name', relname, 'namespace', relnamespace::int8, 'schema', 'public',
  'kind', relkind, 'persistence', relpersistence, 'owner', 10, 'storage', '', 'type', reltype::int8,
  'definition', CASE WHEN relkind = 'v' THEN rtrim(pg_get_viewdef(c.oid), ';') ELSE '' END,
  'columns', (SELECT coalesce(json_agg(json_build_object('number', attnum, 'name', attname, 'type', atttypid::int8,
     'typmod', atttypmod, 'collation', attcollation::int8, 'not_null', attnotnull,
     'default', pg_get_expr(adbin, adrelid), 'identity', attidentity, 'generated', attgenerated,
     'sequence', coalesce((SELECT objid::int8 FROM pg_depend WHERE refobjid = attrelid AND refobjsubid = attnum
        AND deptype = 'i' AND classid = 'pg_class'::regclass), 0)) ORDER BY attnum), '[]')
     FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
     WHERE attrelid = c.oid AND attnum > 0),
  'indexes', (SELECT coalesce(json_agg(json_build_object('oid', indexrelid::int8, 'name', i.relname,
     'unique', indisunique, 'primary', indisprimary, 'nulls_not_distinct', false,
     'keys', to_json((indkey::int2[])[0:indnkeyatts - 1]), 'storage', '',
     'expressions', coalesce((SELECT json_agg(pg_get_indexdef(indexrelid, k + 1, true))
        FROM generate_series(0, indnkeyatts - 1) k WHERE indkey[k] = 0), '[]'),
     'predicate', pg_get_expr(indpred, indrelid)) ORDER BY indexrelid), '[]')
     FROM pg_index JOIN pg_class i ON i.oid = indexrelid WHERE indrelid = c.oid),
  'constraints', (SELECT coalesce(json_agg(json_build_object('oid', oid::int8, 'name', conname, 'kind', contype,
     'deferrable', condeferrable, 'deferred', condeferred, 'index', conindid::int8, 'keys', to_json(conkey))
     ORDER BY oid), '[]') FROM pg_constraint WHERE conrelid = c.oid))
FROM pg_class c WHERE c.oid >= 16384 AND relkind IN ('r', 'v', 'c', 'S', 'i') ORDER BY c.oid"""
_TYPES = """
SELECT json_build_object('oid', oid::int8, 'name', typname, 'namespace', typnamespace::int8, 'kind', typtype,
  'category', typcategory, 'preferred', typispreferred, 'element', typelem::int8, 'array', typarray::int8,
  'relation', typrelid::int8, 'base', typbasetype::int8, 'typmod', typtypmod, 'collation', typcollation::int8,
  'labels', (SELECT coalesce(json_agg(enumlabel ORDER BY enumsortorder), '[]') FROM pg_enum WHERE enumtypid = t.oid))
FROM pg_type t WHERE oid >= 16384 ORDER BY typtype = 'b', oid"""


class Describer:
    """A connection that waits for its answers.

    Args:
        port: of the server.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._stream = self._socket.makefile("rb")
        startup = struct.pack("!I", 196608) + b"user\0postgres\0database\0postgres\0client_encoding\0UTF8\0\0"
        self._socket.sendall(struct.pack("!I", len(startup) + 4) + startup)
        self._answers()

    def close(self) -> None:
        """End the connection."""
        self._socket.sendall(b"X\0\0\0\4")
        self._stream.close()
        self._socket.close()

    def rows(self, sql: str) -> list[str]:
        """The first column of each row of a query.

        Raises:
            ValueError: the query failed.
        """
        self._send(b"Q", sql.encode() + b"\0")
        found = []
        for kind, body in self._answers():
            if kind == b"E":
                raise ValueError(f"{sql}: {_fields(body)}")
            if kind == b"D":
                (length,) = struct.unpack_from("!i", body, 2)
                found.append(body[6 : 6 + length].decode())
        return found

    def tables(self) -> dict[str, Any]:
        """The user's relations and types, as `Tables` reads them."""
        return {
            "relations": [json.loads(row) for row in self.rows(_TABLES)],
            "types": [json.loads(row) for row in self.rows(_TYPES)],
        }

    def describe(self, sql: str) -> dict[str, Any]:
        """What it says of a statement."""
        self._send(b"P", b"\0" + sql.encode() + b"\0\0\0")
        self._send(b"D", b"S\0")
        self._send(b"S", b"")
        said: dict[str, Any] = {"parameters": [], "columns": None}
        for kind, body in self._answers():
            if kind == b"E":
                return _error(_fields(body))
            if kind == b"t":
                (count,) = struct.unpack_from("!H", body)
                said["parameters"] = list(struct.unpack_from(f"!{count}I", body, 2))
            elif kind == b"T":
                said["columns"] = _columns(body)
        return said

    def _send(self, kind: bytes, body: bytes) -> None:
        self._socket.sendall(kind + struct.pack("!I", len(body) + 4) + body)

    def _answers(self) -> list[tuple[bytes, bytes]]:
        found = []
        while True:
            kind, length = struct.unpack("!cI", self._stream.read(5))
            found.append((kind, self._stream.read(length - 4)))
            if kind == b"Z":
                return found


def _fields(body: bytes) -> dict[str, str]:
    return {field[:1].decode(): field[1:].decode() for field in body.split(b"\0") if field}


def _error(fields: dict[str, str]) -> dict[str, Any]:
    names = {"C": "sqlstate", "M": "message", "D": "detail", "H": "hint"}
    said: dict[str, Any] = {name: fields[key] for key, name in names.items() if key in fields}
    if "P" in fields:
        said["position"] = int(fields["P"])
    return said


def _columns(body: bytes) -> list[list[Any]]:
    (count,) = struct.unpack_from("!H", body)
    place = 2
    found = []
    for _ in range(count):
        end = body.index(b"\0", place)
        name = body[place:end].decode()
        table, number, kind, _, typmod, _ = struct.unpack_from("!IhIhih", body, end + 1)
        place = end + 19
        found.append([name, kind, typmod, table, number])
    return found
