"""D3 for the database: a sync fails, once and for good. Nothing unsynced is acknowledged, clients are told 58030 and
new ones refused, the server says that it is not ready, and what was acknowledged is there after a restart.
"""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from tests.pgwire.differential.connection import Connection
from tests.support.disk import shim
from tests.support.pgserver.process import PgwireProcess
from tests.support.pgserver.wire import Wire

from socketworkers_pgwire.codec import encode_startup

pytestmark = [
    pytest.mark.catalogue("D3"),
    pytest.mark.timeout(120),
    pytest.mark.skipif(bool(shim.missing()), reason=shim.missing() or "available"),
]

METRICS = ("--metrics", "127.0.0.1:0")


def failing_syncs(tmp_path: Path, at: int) -> dict[str, str]:
    """Every sync of the databases' files fails with EIO from the ``at``-th on, below SQLite."""
    root = tmp_path / "data" / "objects" / "DATABASE"
    return shim.environment(
        shim.compile_shim(), root=root, at=at, number=errno.EIO, calls=shim.SYNCS, repeat=0,
        journal=tmp_path / "failures",
    )  # fmt: skip


def write(server: PgwireProcess, most: int) -> tuple[list[int], str]:
    """Insert until it goes wrong: what was acknowledged, and the SQLSTATE of the end."""
    promised: list[int] = []
    with Connection(server.address, "postgres", "postgres") as connection:
        for number in range(most):
            answer = connection.query(f"INSERT INTO kept VALUES ({number})")
            if answer.error is not None:
                return promised, answer.error.sqlstate
            if answer.lost:
                return promised, answer.lost
            promised.append(number)
    return promised, ""


def made(tmp_path: Path) -> None:
    """A database with a table."""
    with PgwireProcess(tmp_path, *METRICS) as server:
        with Connection(server.address, "postgres", "postgres") as connection:
            assert connection.query("CREATE TABLE kept (n int)").error is None
        assert server.get("/readyz") == 200
        assert server.stop() == 0


@pytest.mark.parametrize("at", [5, 12])
def test_nothing_unsynced_is_acknowledged(tmp_path: Path, at: int) -> None:
    made(tmp_path)
    with PgwireProcess(tmp_path, *METRICS, variables=failing_syncs(tmp_path, at)) as server:
        assert server.get("/readyz") == 200
        promised, end = write(server, 100)
        assert end == "58030", server.text()
        for _ in range(3):
            with Wire(server.address) as wire:
                wire.send(encode_startup({b"user": b"postgres", b"database": b"postgres"}))
                report = wire.error()
            assert (report.severity, report.sqlstate) == ("FATAL", "58030")
        assert server.get("/readyz") == 503
        assert server.get("/healthz") == 200
        assert server.logged("storage failed: ") == 1
        failures = (tmp_path / "failures").read_text()
        assert failures.count("postgres.sqlite-wal") == 1, "a failed sync is not tried again"
    with PgwireProcess(tmp_path, *METRICS) as server:
        assert server.get("/readyz") == 200
        with Connection(server.address, "postgres", "postgres") as connection:
            rows = connection.query("SELECT n FROM kept ORDER BY n").results[0].rows
            found = [int(row[0] or b"") for row in rows]
            assert found[: len(promised)] == promised
            assert len(found) <= len(promised) + 1
            assert connection.query("INSERT INTO kept VALUES (-1)").error is None


def test_control_without_failures_nothing_of_this_is_seen(tmp_path: Path) -> None:
    made(tmp_path)
    with PgwireProcess(tmp_path, *METRICS, variables=failing_syncs(tmp_path, 100_000)) as server:
        promised, end = write(server, 30)
        assert (len(promised), end) == (30, "")
        assert server.get("/readyz") == 200
        assert server.stop() == 0
    assert not (tmp_path / "failures").read_text()
