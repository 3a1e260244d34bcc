"""psycopg: types both ways in both formats, cursors, COPY, pipelines, two-phase names, notifications."""

from __future__ import annotations

import datetime as dt
import os
import uuid
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import errors, sql
from psycopg.rows import dict_row
from psycopg.types.enum import EnumInfo, register_enum
from psycopg.types.json import Json, Jsonb

VALUES: tuple[tuple[str, Any], ...] = (
    ("bool", True),
    ("int2", -7),
    ("int4", 2**31 - 1),
    ("int8", 1 - 2**63),
    ("float4", 1.5),
    ("float8", 0.1),
    ("numeric", Decimal("-12345678901234567890.12345")),
    ("text", "héllo 'w' \\ \U0001f600"),
    ("varchar", ""),
    ("bytea", bytes(range(256))),
    ("date", dt.date(2024, 2, 29)),
    ("time", dt.time(23, 59, 59, 999999)),
    ("timetz", dt.time(1, 2, 3, tzinfo=dt.timezone(dt.timedelta(hours=2)))),
    ("timestamp", dt.datetime(1, 1, 1)),
    ("timestamptz", dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC)),
    ("interval", dt.timedelta(days=-3, seconds=5, microseconds=7)),
    ("uuid", uuid.UUID(int=2**127 + 1)),
    ("int4[]", [1, None, 3]),
    ("text[]", ["a", 'b"c', "d,e", "", "NULL"]),
    ("numeric[]", [Decimal("1.10"), Decimal("NaN")]),
    ("date[]", [dt.date(1999, 12, 31)]),
    ("bool[]", [True, False]),
)


def values(connection: psycopg.Connection[Any]) -> None:
    """Each type, as text and in binary form, in and out."""
    for binary in (False, True):
        for kind, value in VALUES:
            if isinstance(value, Decimal) and value.is_nan():
                continue
            query = sql.SQL("SELECT %s::{0}, {1}::{0}").format(sql.SQL(kind), sql.Literal(value))
            row = connection.execute(query, [value], binary=binary).fetchone()
            assert row is not None
            assert str(row[0]) == str(value), (kind, binary, row[0], value)
            assert str(row[1]) == str(value), (kind, binary, row[1], value)
    row = connection.execute("SELECT %s, %s", [Json({"a": 1}), Jsonb([1, None])]).fetchone()
    assert row == ({"a": 1}, [1, None])


def cursors(connection: psycopg.Connection[Any]) -> None:
    """Rows of all shapes."""
    connection.execute("CREATE TABLE tour (id serial PRIMARY KEY, name text NOT NULL, n numeric(8, 2))")
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.executemany("INSERT INTO tour (name, n) VALUES (%s, %s)", [(f"n{n}", n / 4) for n in range(20)])
        assert cursor.rowcount == 20
        cursor.executemany("INSERT INTO tour (name) VALUES (%s) RETURNING id", [("x",), ("y",)], returning=True)
        assert cursor.fetchone() == {"id": 21}
        assert cursor.execute("SELECT * FROM tour WHERE id = %(id)s", {"id": 3}).fetchone() == {
            "id": 3, "name": "n2", "n": Decimal("0.50"),
        }  # fmt: skip
        assert cursor.description is not None
        assert [(column.name, column.type_code) for column in cursor.description] == [
            ("id", 23),
            ("name", 25),
            ("n", 1700),
        ]
        assert (cursor.description[2].precision, cursor.description[2].scale) == (8, 2)
    with connection.transaction(), connection.cursor("named") as named:
        named.execute("SELECT id FROM tour ORDER BY id")
        named.itersize = 7
        assert sum(row[0] for row in named) == 253
        named.scroll(0, "absolute")
        assert named.fetchmany(2) == [(1,), (2,)]
    for _ in range(7):  # the sixth execution is prepared
        connection.execute("SELECT name FROM tour WHERE id = %s", [5], prepare=None).fetchone()
    assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() is not None
    assert len(list(connection.cursor().stream("SELECT id FROM tour ORDER BY id"))) == 22


def copying(connection: psycopg.Connection[Any]) -> None:
    """COPY in text, CSV and binary form."""
    with connection.cursor() as cursor:
        with cursor.copy("COPY tour (name, n) FROM STDIN") as copy:
            for number in range(100):
                copy.write_row((f"copied\t{number}\\", Decimal(number)))
        assert cursor.rowcount == 100
        with cursor.copy("COPY tour (id, name) FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int4", "text"])
            copy.write_row((1000, "binary"))
        with cursor.copy("COPY (SELECT id, name, n FROM tour ORDER BY id LIMIT 3) TO STDOUT") as copy:
            first, *_ = copy.rows()
        assert first == ("1", "n0", "0.00")
        with cursor.copy("COPY tour TO STDOUT (FORMAT csv, HEADER)") as copy:
            assert b"".join(bytes(part) for part in copy).startswith(b"id,name,n\n1,n0,0.00\n")
        with cursor.copy("COPY tour TO STDOUT (FORMAT binary)") as copy:
            assert b"".join(bytes(part) for part in copy).startswith(b"PGCOPY\n\xff\r\n\0")
    try:
        with connection.transaction(), connection.cursor().copy("COPY tour (name) FROM STDIN") as copy:
            copy.write(b"x\ty\n")
    except errors.BadCopyFileFormat as error:
        assert "extra data after last expected column" in str(error)
    else:
        raise AssertionError("two fields for one column")


def failures(connection: psycopg.Connection[Any]) -> None:
    """Errors have their classes and fields."""
    cases: tuple[tuple[str, type[Exception]], ...] = (
        ("SELECT 1/0", errors.DivisionByZero),
        ("SELECT nosuch", errors.UndefinedColumn),
        ("SELECT * FROM nosuch", errors.UndefinedTable),
        ("SELEC", errors.SyntaxError),
        ("SELECT 'x'::int", errors.InvalidTextRepresentation),
        ("INSERT INTO tour (id, name) VALUES (1, 'again')", errors.UniqueViolation),
        ("INSERT INTO tour (name) VALUES (NULL)", errors.NotNullViolation),
        ("SELECT nosuch(1)", errors.UndefinedFunction),
        ("SELECT 2147483647 + 1", errors.NumericValueOutOfRange),
    )
    for query, kind in cases:
        try:
            with connection.transaction():
                connection.execute(query)
        except psycopg.Error as error:
            assert type(error) is kind, (query, error)
            if kind is errors.UniqueViolation:
                assert error.diag.constraint_name == "tour_pkey"
                assert error.diag.message_detail == "Key (id)=(1) already exists."
        else:
            raise AssertionError(query)


def pipelines(connection: psycopg.Connection[Any]) -> None:
    """Many statements under way."""
    with connection.pipeline() as pipeline:
        found = [connection.execute("SELECT %s::int", [number]) for number in range(30)]
        pipeline.sync()
        assert [cursor.fetchone() for cursor in found] == [(number,) for number in range(30)]
    try:
        with connection.transaction(), connection.pipeline():
            connection.execute("SELECT 1/0")
            connection.execute("SELECT 1")
    except psycopg.Error as error:
        assert isinstance(error, errors.DivisionByZero | errors.PipelineAborted)


def enums(connection: psycopg.Connection[Any]) -> None:
    """A type that is looked up in the catalogue."""
    connection.execute("CREATE TYPE tour_mood AS ENUM ('sad', 'happy')")
    info = EnumInfo.fetch(connection, "tour_mood")
    assert info is not None
    register_enum(info, connection)
    row = connection.execute("SELECT 'sad'::tour_mood, ARRAY['happy', 'sad']::tour_mood[]").fetchone()
    assert row is not None
    assert [each.name for each in (row[0], *row[1])] == ["sad", "happy", "sad"]


def notifications(connection: psycopg.Connection[Any], other: psycopg.Connection[Any]) -> None:
    """LISTEN and NOTIFY between two connections."""
    connection.commit()
    connection.autocommit = True
    connection.execute("LISTEN tour")
    other.execute("NOTIFY tour, 'hello'")
    other.commit()
    (found,) = list(connection.notifies(timeout=10, stop_after=1))
    assert (found.channel, found.payload) == ("tour", "hello")
    connection.autocommit = False


def main() -> None:
    """All of it."""
    with psycopg.connect() as connection, psycopg.connect() as other:
        for part in (values, cursors, copying, failures, pipelines, enums):
            part(connection)
        notifications(connection, other)
        connection.execute("DROP TABLE tour")
        connection.execute("DROP TYPE tour_mood")
    for level in psycopg.IsolationLevel:
        with psycopg.connect() as connection:
            connection.isolation_level = level
            connection.read_only = True
            assert connection.execute("SHOW transaction_isolation").fetchone() == (
                level.name.lower().replace("_", " "),
            )
    assert "PGHOST" in os.environ


if __name__ == "__main__":
    main()
