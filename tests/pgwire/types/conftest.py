"""A real PostgreSQL for the comparisons of this folder, where there is one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.interop.live import absent
from tests.pgwire.types.compare import set_up
from tests.pgwire.types.server import Client, find_binaries, running_server

from socketworkers_pgwire.types.base import AnyType


@pytest.fixture(scope="session")
def postgres() -> Iterator[Client]:
    """A connection to a new cluster."""
    binaries = find_binaries()
    if binaries is None:
        absent("no initdb of PostgreSQL (package postgresql-15)")
    # not in the folder of all tests: the server runs as another user, who must get there
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        Path(folder).chmod(0o755)
        with running_server(Path(folder), binaries) as port:
            client = Client(port)
            (version,) = client.run("SHOW server_version_num")
            if int(version.fields[0] or 0) // 10_000 != 15:
                client.close()
                absent("the answers are those of PostgreSQL 15 (package postgresql-15)")
            yield client
            client.close()


@pytest.fixture
def mood(postgres: Client) -> AnyType:
    """The enumerated type of the tests."""
    return set_up(postgres)
