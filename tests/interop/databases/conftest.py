"""The database servers, and the gateway that leads to them, which all tests of this folder share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.support.databases import Database, mariadb, postgresql, redis

from socketworkers.tunnel import serve_tunnel


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Database]:
    """PostgreSQL 15."""
    with postgresql() as running:
        yield running


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Database]:
    """Redis."""
    with redis() as running:
        yield running


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Database]:
    """MariaDB."""
    with mariadb() as running:
        yield running


#: the servers that speak PostgreSQL's protocol: each test of a driver runs with all of them
POSTGRES_SERVERS = ["postgres_server"]


@pytest.fixture(params=POSTGRES_SERVERS)
def postgres(request: pytest.FixtureRequest) -> Database:
    """A server that speaks PostgreSQL's protocol."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Database)
    return found


@pytest.fixture(params=["direct", "tunnel"])
async def way(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """How to get to a server: a template for ``connect``, with ``{}`` for ``host:port``."""
    if request.param == "direct":
        yield "tcp://{}"
        return
    gateway = await serve_tunnel("ws://127.0.0.1:0/v1", allow=("127.0.0.1:*",))
    yield gateway.listeners[0].url + "?address={}"
    await gateway.drain(5)
    await gateway.stop()
