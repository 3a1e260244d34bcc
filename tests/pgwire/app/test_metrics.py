"""What a server counts, as its metrics page tells it."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable, Iterator

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.pgserver.process import PgwireProcess

pytestmark = pytest.mark.timeout(60)

Counts = dict[str, float]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PgwireProcess]:
    """One that serves its metrics."""
    with PgwireProcess(tmp_path_factory.mktemp("metrics"), "--metrics", "127.0.0.1:0") as running:
        yield running


def read(server: PgwireProcess) -> Counts:
    """The samples that begin with ``pg_``; their labels' values behind their names."""
    with urllib.request.urlopen(server.content["metrics"], timeout=10) as page:
        text = page.read().decode()
    return {
        " ".join((sample.name, *sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("pg_")
    }


@pytest.fixture
def counted(server: PgwireProcess) -> Callable[[], Counts]:
    """What has been counted since the test began; zeros are left out."""
    before = read(server)

    def since() -> Counts:
        return {
            name: value - before.get(name, 0)
            for name, value in read(server).items()
            if not name.startswith("pg_sessions") and value != before.get(name, 0)
        }

    return since


def connect(server: PgwireProcess, *, autocommit: bool = True) -> psycopg.Connection[tuple[object, ...]]:
    """A session of ``postgres``."""
    host, port = server.address
    return psycopg.connect(f"host={host} port={port} user=postgres dbname=postgres", autocommit=autocommit)


def test_statements_rows_and_transactions(server: PgwireProcess, counted: Callable[[], Counts]) -> None:
    with connect(server) as client:
        client.execute("CREATE TABLE counted (n int)")
        client.execute("INSERT INTO counted SELECT generate_series(1, 20)")
        client.execute("INSERT INTO counted VALUES (%s) RETURNING n", (21,))
        client.execute("WITH few AS (SELECT n FROM counted LIMIT 5) SELECT * FROM few")
        client.execute("UPDATE counted SET n = n + 1")
        client.execute("DELETE FROM counted WHERE n > 10")
        with client.cursor().copy("COPY counted TO STDOUT") as copy:
            assert len(list(copy.rows())) == 9
        with client.cursor().copy("COPY counted FROM STDIN") as copy:
            copy.write(b"1\n2\n")
    assert counted() == {
        "pg_statements_total ddl": 1,
        "pg_statements_total insert": 2,
        "pg_statements_total select": 1,
        "pg_statements_total update": 1,
        "pg_statements_total delete": 1,
        "pg_statements_total copy": 2,
        "pg_rows_sent_total": 1 + 5 + 9,
        "pg_transactions_total committed": 8,
    }


def test_blocks(server: PgwireProcess, counted: Callable[[], Counts]) -> None:
    with connect(server) as client:
        client.execute("BEGIN")
        client.execute("CREATE TEMPORARY TABLE brief (n int)")
        client.execute("SAVEPOINT one")
        client.execute("SET LOCAL work_mem = '8MB'")
        client.execute("ROLLBACK TO one")
        client.execute("COMMIT")
        client.execute("START TRANSACTION")
        client.execute("INSERT INTO brief VALUES (1)")
        client.execute("ROLLBACK")
        client.execute("SELECT 1; SELECT 2")  # one query is one transaction
        client.execute("BEGIN")
        client.execute("INSERT INTO brief VALUES (2)")
        # and is left open: the end of the session undoes it
        client.close()
    until = time.monotonic() + 10
    while counted().get("pg_transactions_total rolled_back") != 2 and time.monotonic() < until:
        pass
    assert counted() == {
        "pg_statements_total transaction": 7,
        "pg_statements_total ddl": 1,
        "pg_statements_total setting": 1,
        "pg_statements_total insert": 2,
        "pg_statements_total select": 2,
        "pg_rows_sent_total": 2,
        "pg_transactions_total committed": 2,
        "pg_transactions_total rolled_back": 2,
    }


def test_errors_by_class(server: PgwireProcess, counted: Callable[[], Counts]) -> None:
    with connect(server) as client:
        client.execute("BEGIN")
        for query in ("SELECT 1/0", "SELECT 1"):
            with pytest.raises(psycopg.Error):
                client.execute(query)
        client.execute("COMMIT")  # it has failed: this is a rollback
        for query in ("SELECT nothing", "SELEC", "COMMENT ON TABLE nothing IS NULL"):
            with pytest.raises(psycopg.Error):
                client.execute(query)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect("host={} port={} user=postgres dbname=nowhere".format(*server.address))
    assert counted() == {
        "pg_statements_total transaction": 2,
        "pg_errors_total 22": 1,
        "pg_errors_total 25": 1,
        "pg_errors_total 42": 3,
        "pg_errors_total 3D": 1,
        "pg_transactions_total rolled_back": 1 + 3,
    }


def test_sessions(server: PgwireProcess) -> None:
    def sessions() -> tuple[float, float, float]:
        page = read(server)
        return page["pg_sessions"], page["pg_sessions_active"], page["pg_sessions_in_transaction"]

    with connect(server) as one, connect(server) as two, connect(server) as three:
        two.execute("BEGIN")
        assert sessions() == (3, 0, 1)
        three.pgconn.send_query(b"SELECT pg_sleep(30)")
        until = time.monotonic() + 10
        while sessions() != (3, 1, 1) and time.monotonic() < until:
            pass
        assert sessions() == (3, 1, 1)
        one.execute("SELECT pg_cancel_backend(%s)", (three.info.backend_pid,))
        while three.pgconn.get_result() is not None:
            pass
    while sessions() != (0, 0, 0) and time.monotonic() < until:
        pass
    assert sessions() == (0, 0, 0)


def test_a_peer_makes_no_time_series(server: PgwireProcess) -> None:
    before = read(server).keys()
    with connect(server) as client:
        client.execute("EXPLAIN SELECT 1")
        client.execute("VACUUM")
    assert read(server).keys() - before <= {"pg_statements_total other"}
