"""asyncpg: introspection of types, records, cursors, COPY, transactions, notifications; everything in binary form."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import asyncpg

VALUES: tuple[tuple[str, Any], ...] = (
    ("bool", False),
    ("int2", -7),
    ("int4", 2**31 - 1),
    ("int8", -(2**63)),
    ("float8", 1e-300),
    ("numeric", Decimal("-12345678901234567890.12345")),
    ("text", "héllo \U0001f600"),
    ("bytea", bytes(range(256))),
    ("date", dt.date(2024, 2, 29)),
    ("time", dt.time(23, 59, 59, 999999)),
    ("timestamp", dt.datetime(1999, 1, 1)),
    ("timestamptz", dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC)),
    ("interval", dt.timedelta(days=-3, seconds=5, microseconds=7)),
    ("uuid", uuid.UUID(int=2**127 + 1)),
    ("int4[]", [1, None, 3]),
    ("text[]", ["a", 'b"c', "d,e", ""]),
    ("jsonb", '{"a": [1, null]}'),
    ("json", "[1,2]"),
)


async def values(connection: asyncpg.Connection[Any]) -> None:
    """Each type."""
    for kind, value in VALUES:
        assert await connection.fetchval(f"SELECT $1::{kind}", value) == value, kind
    assert await connection.fetchval("SELECT NULL::int") is None
    await connection.execute("CREATE TYPE feeling AS ENUM ('sad', 'happy')")
    assert await connection.fetchval("SELECT $1::feeling", "happy") == "happy"
    assert await connection.fetchval("SELECT $1::feeling[]", ["happy", "sad"]) == ["happy", "sad"]
    await connection.execute("CREATE TABLE pair (a int, b text)")
    await connection.set_type_codec("json", encoder=str, decoder=len, schema="pg_catalog")
    assert await connection.fetchval("SELECT '[1]'::json") == 3
    await connection.reset_type_codec("json", schema="pg_catalog")


async def statements(connection: asyncpg.Connection[Any]) -> None:
    """Prepared statements and what is known of them."""
    await connection.execute("CREATE TABLE tour (id serial PRIMARY KEY, name text, at timestamptz DEFAULT now())")
    await connection.executemany("INSERT INTO tour (name) VALUES ($1)", [(f"n{number}",) for number in range(50)])
    prepared = await connection.prepare("SELECT id, name FROM tour WHERE id BETWEEN $1 AND $2 ORDER BY id")
    assert [kind.name for kind in prepared.get_parameters()] == ["int4", "int4"]
    assert [(each.name, each.type.name) for each in prepared.get_attributes()] == [("id", "int4"), ("name", "text")]
    rows = await prepared.fetch(3, 5)
    assert [dict(row) for row in rows] == [{"id": n, "name": f"n{n - 1}"} for n in (3, 4, 5)]
    assert await connection.execute("UPDATE tour SET name = 'x' WHERE id < 4") == "UPDATE 3"
    row = await connection.fetchrow("INSERT INTO tour (name) VALUES ($1) RETURNING *", "last")
    assert row is not None
    assert row["id"] == 51
    async with connection.transaction():
        found = [each["id"] async for each in connection.cursor("SELECT id FROM tour ORDER BY id", prefetch=7)]
        assert found == list(range(1, 52))
        cursor = await connection.cursor("SELECT id FROM tour ORDER BY id")
        assert len(await cursor.fetch(5)) == 5
        await cursor.forward(10)
        row = await cursor.fetchrow()
        assert row is not None
        assert row["id"] == 16


async def failures(connection: asyncpg.Connection[Any]) -> None:
    """Errors, alone and in transactions."""
    for query, kind in (
        ("SELECT 1/0", asyncpg.DivisionByZeroError),
        ("SELECT nosuch", asyncpg.UndefinedColumnError),
        ("INSERT INTO tour (id) VALUES (1)", asyncpg.UniqueViolationError),
        ("SELECT $1::int", asyncpg.DataError),
    ):
        try:
            await connection.fetch(query, *(["x"] if "$1" in query else []))
        except kind:
            continue
        raise AssertionError(query)
    try:
        async with connection.transaction():
            await connection.execute("DELETE FROM tour")
            async with connection.transaction():
                await connection.execute("INSERT INTO tour (name) VALUES ('inner')")
            raise ValueError
    except ValueError:
        pass
    assert await connection.fetchval("SELECT count(*) FROM tour") == 51
    async with connection.transaction(isolation="serializable", readonly=True, deferrable=True):
        assert await connection.fetchval("SHOW transaction_read_only") == "on"


async def copying(connection: asyncpg.Connection[Any]) -> None:
    """COPY in binary and text form."""
    records = [(100 + number, f"r{number}") for number in range(20)]
    assert await connection.copy_records_to_table("tour", records=records, columns=["id", "name"]) == "COPY 20"
    out: list[bytes] = []

    async def take(data: bytes) -> None:
        out.append(data)

    await connection.copy_from_query("SELECT id, name FROM tour WHERE id > $1 ORDER BY id", 118, output=take)
    assert b"".join(out) == b"119\tr19\n"


async def main() -> None:
    """All of it."""
    connection = await asyncpg.connect()
    other = await asyncpg.connect(server_settings={"application_name": "other"})
    for part in (values, statements, failures, copying):
        await part(connection)
    heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    await connection.add_listener("tour", lambda _, __, channel, payload: heard.set_result(f"{channel} {payload}"))
    await other.execute("SELECT pg_notify('tour', 'hello')")
    assert await asyncio.wait_for(heard, 10) == "tour hello"
    await connection.execute("DROP TABLE tour, pair")
    await connection.execute("DROP TYPE feeling")
    await connection.reset()
    await connection.close()
    await other.close()
    pool = await asyncpg.create_pool(min_size=2, max_size=2)
    assert await asyncio.gather(*[pool.fetchval("SELECT $1::int", number) for number in range(6)]) == list(range(6))
    await pool.close()


if __name__ == "__main__":
    asyncio.run(main())
