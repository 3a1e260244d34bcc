"""Unmodified drivers over our ``Socket``: direct, and through the tunnel."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import aiomysql
import asyncpg
import psycopg
import pytest
import redis.asyncio
from tests.support.databases import PASSWORD, Database

from socketworkers import ConnectError, StateError
from socketworkers.connectors import Connector

LARGE = "ä" * 3_000_000


async def test_asyncpg(postgres: Database, way: str) -> None:
    async with Connector(way.format(postgres.target)) as via:
        connection = await asyncpg.connect(user="scram", password=PASSWORD, database="scram", **via.asyncpg())
        assert await connection.fetchval("SELECT 6 * $1::int", 7) == 42
        assert await connection.fetchval("SELECT $1::text", LARGE) == LARGE
        with pytest.raises(asyncpg.DivisionByZeroError):
            await connection.execute("SELECT 1/0")
        with pytest.raises(asyncpg.QueryCanceledError):
            # the cancel request is a connection of its own
            query = asyncio.ensure_future(connection.execute("SELECT pg_sleep(60)", timeout=0.3))
            try:
                await query
            except TimeoutError:
                raise asyncpg.QueryCanceledError("by its timeout") from None
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()


async def test_a_pool_of_asyncpg(postgres: Database, way: str) -> None:
    async with Connector(way.format(postgres.target)) as via:
        pool = await asyncpg.create_pool(
            user="scram", password=PASSWORD, database="scram", min_size=2, max_size=4, **via.asyncpg()
        )
        async with pool:
            found = await asyncio.gather(*(pool.fetchval("SELECT $1::int", number) for number in range(20)))
            assert found == list(range(20))
            async with pool.acquire() as one, one.transaction():
                await one.execute("CREATE TEMP TABLE t (a int)")
                await one.copy_records_to_table("t", records=[(number,) for number in range(50_000)])
                assert await one.fetchval("SELECT sum(a) FROM t") == sum(range(50_000))


async def test_asyncpg_with_a_wrong_password(postgres: Database, way: str) -> None:
    async with Connector(way.format(postgres.target)) as via:
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(user="scram", password="wrong", database="scram", **via.asyncpg())


async def test_psycopg(postgres: Database, way: str) -> None:
    async with Connector(way.format(postgres.target)) as via:
        connection = await psycopg.AsyncConnection.connect(user="app", password=PASSWORD, dbname="app", **via.psycopg())
        async with connection, connection.cursor() as cursor:
            await cursor.execute("SELECT %s::text, 6 * 7", (LARGE,))
            assert await cursor.fetchone() == (LARGE, 42)
            await cursor.execute("CREATE TEMP TABLE t (a int)")
            async with cursor.copy("COPY t FROM STDIN") as copy:
                for number in range(50_000):
                    await copy.write_row((number,))
            await cursor.execute("SELECT sum(a) FROM t")
            assert await cursor.fetchone() == (sum(range(50_000)),)
            query = asyncio.ensure_future(cursor.execute("SELECT pg_sleep(60)"))
            while not query.done():  # the request may overtake the query: then it cancels nothing
                await connection.cancel_safe()
                await asyncio.wait({query}, timeout=0.2)
            with pytest.raises(psycopg.errors.QueryCanceled):
                await query


async def test_psycopg_in_a_thread(postgres: Database, way: str) -> None:
    def work(host: str, port: int) -> object:
        with psycopg.connect(host=host, port=port, user="scram", password=PASSWORD, dbname="scram") as connection:
            return connection.execute("SELECT 42").fetchone()

    async with Connector(way.format(postgres.target)) as via:
        assert await asyncio.to_thread(work, **via.psycopg()) == (42,)


async def test_aiomysql(mariadb_server: Database, way: str) -> None:
    async with Connector(way.format(mariadb_server.target)) as via:
        pool = await aiomysql.create_pool(user="app", password=PASSWORD, db="app", **via.aiomysql())
        async with pool.acquire() as connection, connection.cursor() as cursor:
            await cursor.execute("SELECT 6 * %s, REPEAT('x', 3000000)", (7,))
            (number, text) = await cursor.fetchone()
            assert (number, len(text)) == (42, 3_000_000)
        pool.close()
        await pool.wait_closed()


async def test_redis(redis_server: Database, way: str) -> None:
    async with Connector(way.format(redis_server.target)) as via:
        secret = PASSWORD.replace(" ", "-")
        async with redis.asyncio.Redis(username="app", password=secret, **via.redis()) as client:
            assert await client.set("key", b"x" * 3_000_000)
            assert await client.get("key") == b"x" * 3_000_000
            async with client.pipeline() as pipeline:
                pipeline.delete("count")
                for number in range(1000):
                    pipeline.incrby("count", number)
                assert (await pipeline.execute())[-1] == sum(range(1000))


# -- lifetimes -----------------------------------------------------------------------------------------------------


async def test_the_folder_is_private_and_goes_away(postgres: Database) -> None:
    async with Connector(postgres.address) as via:
        folder = Path(via.psycopg()["host"])
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert folder.stat().st_uid == os.geteuid()
        assert [path.name for path in folder.iterdir()] == [".s.PGSQL.5432"]
    assert not folder.exists()
    with pytest.raises(StateError, match="not open"):
        via.psycopg()


async def test_connections_end_with_the_connector(postgres: Database) -> None:
    async with Connector(postgres.address) as via:
        connection = await psycopg.AsyncConnection.connect(user="postgres", dbname="postgres", **via.psycopg())
        await connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        await connection.execute("SELECT 1")
    await connection.close()


PROBE = """
import socket, sys
with socket.socket(socket.AF_UNIX) as client:
    client.connect(sys.argv[1])
    client.settimeout(20)
    try:
        client.sendall(b"\\0\\0\\0\\x08\\x04\\xd2\\x16\\x2f")  # SSLRequest
        print(client.recv(1))
    except (ConnectionResetError, BrokenPipeError):
        print(b"")
"""


@pytest.mark.attack("C11")
@pytest.mark.parametrize(("any_process", "answer"), [(False, b"b''\n"), (True, b"b'N'\n")])
async def test_other_processes_of_the_same_user(postgres: Database, any_process: bool, answer: bytes) -> None:
    async with Connector(postgres.address, any_process=any_process) as via:
        done = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", PROBE, via.path], capture_output=True, check=True, timeout=30
        )
        assert done.stdout == answer


async def test_nobody_answers() -> None:
    async with Connector("tcp://127.0.0.1:1") as via:
        with pytest.raises(ConnectError, match="Connection refused"):
            await asyncpg.connect(user="x", database="x", **via.asyncpg())
        with pytest.raises(psycopg.OperationalError):
            await psycopg.AsyncConnection.connect(user="x", dbname="x", **via.psycopg())
