"""Both servers for real clients, and what a client needs to know of one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from tests.interop.live import absent
from tests.pgwire.differential.record.clients import Place
from tests.pgwire.differential.runner import Server
from tests.pgwire.differential.servers import Unavailable, ours, postgresql

_numbers = itertools.count()


@pytest.fixture(scope="session")
def our_server() -> Iterator[Place]:
    """``run-app pgwire``."""
    with ours() as (host, port):
        yield Place(host, port)


@pytest.fixture(scope="session")
def their_server() -> Iterator[Place]:
    """PostgreSQL 15."""
    try:
        with postgresql() as (host, port):
            yield Place(host, port)
    except Unavailable as reason:
        absent(str(reason))


@pytest.fixture
def database(our_server: Place) -> str:
    """A new database of ours."""
    name = f"tour{next(_numbers)}"
    Server((our_server.host, our_server.port)).make(name)
    return name
