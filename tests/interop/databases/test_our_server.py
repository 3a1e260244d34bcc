"""Our own server for PostgreSQL's protocol behind the tunnel: the drivers that the other tests run with PostgreSQL.

Smaller than those, as that server has not all of PostgreSQL's functions.
"""

from __future__ import annotations

from collections.abc import Iterator

import asyncpg
import psycopg
import pytest
from tests.interop.databases.test_neon import VERSION, WORKED, neon
from tests.interop.live import node_modules
from tests.support.databases import PASSWORD, Database, Pgwire, pgwire

from socketworkers import TLSError, TlsOptions
from socketworkers.connectors import Connector, postgres_tls
from socketworkers.testing import ThreadedServer
from socketworkers.tunnel import gateway

LARGE = "ä" * 300_000


@pytest.fixture(scope="module")
def running() -> Iterator[Pgwire]:
    """``run-app pgwire``."""
    with pgwire() as found:
        yield found


@pytest.fixture
def server(running: Pgwire) -> Database:
    """Its plain port."""
    return running.database


@pytest.fixture(scope="module")
def modules() -> dict[str, str]:
    """Where Neon's driver and a WebSocket for Node lie."""
    return {"neon": node_modules("@neondatabase/serverless", VERSION), "ws": node_modules("ws", "8")}


async def test_asyncpg(server: Database, way: str) -> None:
    async with Connector(way.format(server.target)) as via:
        connection = await asyncpg.connect(user="scram", password=PASSWORD, database="scram", **via.asyncpg())
        assert await connection.fetchval("SELECT 6 * $1::int", 7) == 42
        assert await connection.fetchval("SELECT $1::text", LARGE) == LARGE
        with pytest.raises(asyncpg.DivisionByZeroError):
            await connection.execute("SELECT 1/0")
        await connection.close()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(user="scram", password="wrong", database="scram", **via.asyncpg())


async def test_psycopg(server: Database, way: str) -> None:
    async with Connector(way.format(server.target)) as via:
        connection = await psycopg.AsyncConnection.connect(
            user="scram", password=PASSWORD, dbname="scram", **via.psycopg()
        )
        async with connection, connection.cursor() as cursor:
            await cursor.execute("SELECT %s::text, 6 * 7", (LARGE,))
            assert await cursor.fetchone() == (LARGE, 42)


async def test_neon(server: Database, modules: dict[str, str]) -> None:
    with ThreadedServer(gateway(), listen_on="ws://127.0.0.1:0/v1", allow=(server.target,)) as tunnel:
        url = tunnel.listener("ws").url
        assert await neon(modules, url, server, "scram", config={"pipelineConnect": False}) == WORKED


@pytest.mark.parametrize("user", ["app", "scram"])
async def test_neon_without_a_tunnel(running: Pgwire, modules: dict[str, str], user: str) -> None:
    """``--wss-port``: the server is its own proxy; there a password in clear text is one inside TLS."""
    config = {"useSecureWebSocket": True, "pipelineConnect": "password" if user == "app" else False}
    url = f"wss://localhost:{running.wss_port}/v1"
    found = await neon(modules, url, running.database, user, config=config, ca=str(running.authority))
    assert found == WORKED


async def test_tls_that_the_connector_starts(running: Pgwire, way: str) -> None:
    """``postgres_tls``: a password in clear text is taken, for there is TLS all the way to the server."""
    options = TlsOptions(ca=str(running.authority), sni="localhost")
    where = way.format(running.database.target)
    async with Connector(where, prepare=postgres_tls(options)) as via:
        connection = await asyncpg.connect(user="app", password=PASSWORD, database="app", **via.asyncpg())
        assert await connection.fetchval("SELECT $1::text", LARGE) == LARGE
        await connection.close()
    with pytest.raises(TLSError):
        await Connector(where, prepare=postgres_tls()).dial()
