"""Portals that are read in parts, while other statements run in between."""

from __future__ import annotations

import asyncio

import asyncpg
import psycopg
import pytest
from tests.support.pgserver.wire import Wire

from socketworkers.testing import ThreadedServer
from socketworkers_pgwire.codec import SYNC, CommandComplete, DataRow, encode_bind, encode_execute, encode_parse

#: its functions look into the catalogue for each row
ROWS = "SELECT table_name, is_insertable_into FROM information_schema.tables WHERE table_schema = "


@pytest.mark.parametrize("step", [1, 7])
def test_functions_of_a_suspended_portal_look_into_the_catalogue(address: tuple[str, int], step: int) -> None:
    async def read() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(
            host=address[0], port=address[1], user="postgres", database="postgres", ssl=False
        )
        rows = []
        async with connection.transaction():
            cursor = await connection.cursor(ROWS + "$1", "information_schema")
            while found := await cursor.fetch(step):
                rows += found
                await connection.fetch("SELECT count(*) FROM information_schema.tables")
        await connection.close()
        return rows

    rows = asyncio.run(read())
    assert len(rows) == 69
    assert {row["is_insertable_into"] for row in rows if row["table_name"] in ("tables", "sql_features")} == {
        "NO",
        "YES",
    }


@pytest.mark.parametrize("step", [1, 7])
def test_a_declared_cursor_has_parameters(address: tuple[str, int], step: int) -> None:
    with (
        psycopg.connect(host=address[0], port=address[1], user="postgres", dbname="postgres") as connection,
        connection.cursor("c") as cursor,
    ):
        cursor.itersize = step
        cursor.execute(ROWS + "%s", ("information_schema",))
        assert len([connection.execute("SELECT 1").fetchone() for _ in cursor]) == 69


def test_create_table_as_has_parameters(address: tuple[str, int]) -> None:
    with psycopg.connect(host=address[0], port=address[1], user="postgres", dbname="postgres") as connection:
        connection.execute("CREATE TABLE made AS SELECT %s::int AS a", (5,))
        assert connection.execute("SELECT a FROM made").fetchall() == [(5,)]
        with pytest.raises(psycopg.errors.UndefinedParameter, match="there is no parameter"):
            connection.execute("COPY (SELECT %s::int) TO STDOUT", (5,))
        connection.rollback()


def test_a_portal_that_was_bound_is_a_cursor(server: ThreadedServer) -> None:
    with Wire((server.host, server.port)) as wire:
        wire.log_in()
        wire.query("BEGIN")
        wire.send(encode_parse(b"", b"SELECT generate_series(0, 100)"), encode_bind(b"p", b""), SYNC).ready()
        moved = wire.query("MOVE FORWARD 42 IN p")
        assert [each.tag for each in moved if isinstance(each, CommandComplete)] == [b"MOVE 42"]
        came = wire.send(encode_execute(b"p", 1), SYNC).ready()
        assert [each.values for each in came if isinstance(each, DataRow)] == [[b"42"]]
        came = wire.query("FETCH 2 FROM p")
        assert [each.values for each in came if isinstance(each, DataRow)] == [[b"43"], [b"44"]]
        came = wire.send(encode_execute(b"p", 0), SYNC).ready()
        assert [each.values for each in came if isinstance(each, DataRow)] == [[b"%d" % n] for n in range(45, 101)]
        assert [each.tag for each in came if isinstance(each, CommandComplete)] == [b"SELECT 56"]
        moved = wire.query("MOVE FORWARD 42 IN p")
        assert [each.tag for each in moved if isinstance(each, CommandComplete)] == [b"MOVE 0"]
        wire.query("COMMIT")
