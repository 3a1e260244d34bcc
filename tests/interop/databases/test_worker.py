"""The worker of the proposal: its own protocol in front, rows of a remote PostgreSQL behind."""

from __future__ import annotations

import asyncpg
from tests.support.databases import PASSWORD, Database
from tests.support.examples import example

from socketworkers.connectors import Connector
from socketworkers.testing import AppClient


async def test_the_worker_answers_with_rows(postgres: Database, way: str) -> None:
    async with Connector(postgres.address) as via:
        connection = await asyncpg.connect(user="scram", password=PASSWORD, database="scram", **via.asyncpg())
        await connection.execute(
            "DROP TABLE IF EXISTS city; CREATE TABLE city (name text PRIMARY KEY, people int);"
            "INSERT INTO city VALUES ('Lisboa', 545796), ('Zürich', 436332)"
        )
        await connection.close()
    where = way.format(postgres.target)
    async with AppClient(example("pg_worker").app, database=where, user="scram", password=PASSWORD) as client:
        await client.send("Lisboa\nZürich\nUtopia\n'; DROP TABLE city; --\n".encode())
        await client.expect("Lisboa: 545,796 people\nZürich: 436,332 people\n\\? unknown\n\\? unknown\n")


async def test_a_database_that_is_away() -> None:
    async with AppClient(example("pg_worker").app, database="tcp://127.0.0.1:1") as client:
        await client.send(b"Lisboa\n")
        await client.expect(rb"! the database cannot be asked now\n")
