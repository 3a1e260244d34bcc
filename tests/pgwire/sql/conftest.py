"""Both servers, one connection each; a test runs on PostgreSQL 15, where there is one, and on ours."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from tests.interop.live import absent
from tests.pgwire.differential.connection import Connection
from tests.pgwire.differential.runner import Server
from tests.pgwire.differential.servers import Unavailable, ours, postgresql

_numbers = itertools.count()


@pytest.fixture(scope="module", params=["postgresql", "ours"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """One of the two."""
    try:
        with (ours if request.param == "ours" else postgresql)() as address:
            yield Server(address, timeout=60)
    except Unavailable as reason:
        if request.param == "ours":
            raise
        absent(str(reason))


@pytest.fixture
def database(server: Server) -> str:
    """A new database."""
    name = f"trap{next(_numbers)}"
    server.make(name)
    return name


@pytest.fixture
def connection(server: Server, database: str) -> Iterator[Connection]:
    """To the new database."""
    with server.connect(database) as found:
        yield found
