"""Drivers and programs that know nothing of us, through the local port of a tunnel."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import asyncpg
import psycopg
import pytest
from tests.interop.live import need, run
from tests.support.databases import PASSWORD, Database

from socketworkers.tunnel import connect_tunnel, serve_tunnel


@pytest.fixture
async def port(postgres: Database) -> AsyncIterator[int]:
    """A port of this machine that leads through two ends of a tunnel to a server."""
    gateway = await serve_tunnel(allow=(postgres.target,))
    entrance = await connect_tunnel(f"{gateway.listeners[0].url}?address={postgres.target}")
    yield entrance.listeners[0].port
    for server in (entrance, gateway):
        await server.drain(5)
        await server.stop()


async def test_asyncpg(port: int) -> None:
    connection = await asyncpg.connect(
        host="127.0.0.1", port=port, user="scram", password=PASSWORD, database="scram", ssl=False
    )
    assert await connection.fetchval("SELECT length(repeat('x', 5000000))") == 5_000_000
    assert len(await connection.fetchval("SELECT repeat('x', 5000000)")) == 5_000_000
    await connection.close()


async def test_psycopg(port: int) -> None:
    connection = await psycopg.AsyncConnection.connect(
        host="127.0.0.1", port=port, user="app", password=PASSWORD, dbname="app"
    )
    async with connection, connection.cursor() as cursor:
        await cursor.execute("CREATE TEMP TABLE t (a int, b text)")
        async with cursor.copy("COPY t FROM STDIN") as copy:
            for number in range(20_000):
                await copy.write_row((number, "x" * 100))
        async with cursor.copy("COPY t TO STDOUT") as copy:
            assert [row async for row in copy.rows()][-1] == ("19999", "x" * 100)


async def test_psql(port: int) -> None:
    psql = need("psql", "Debian: postgresql-client-15")
    words = ("-h", "127.0.0.1", "-p", str(port), "-U", "scram", "-At", "-c", "SELECT 6 * 7", "-c", r"\l scram")
    environment = {**os.environ, "PGPASSWORD": PASSWORD}
    out = await asyncio.to_thread(run, psql, *words, env=environment)
    assert out.decode().splitlines()[0] == "42"
    assert b"scram|scram|UTF8" in out
