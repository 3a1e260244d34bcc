"""The fixture ``postgres_db``, as the developer of a service uses it."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import psycopg
import pytest
import sqlalchemy

from socketworkers_pgwire.testing import TestDatabase

LOADED: list[str] = []


def load(dsn: str) -> None:
    """What the tests of a shop begin with."""
    LOADED.append(dsn)
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE items (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE)")
        connection.execute("INSERT INTO items (name) VALUES ('lamp'), ('chair')")


def names(dsn: str) -> list[str]:
    """Of all items."""
    with psycopg.connect(dsn) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM items ORDER BY id")]


def add(dsn: str, name: str) -> None:
    """One more item."""
    with psycopg.connect(dsn) as connection:
        connection.execute("INSERT INTO items (name) VALUES (%s)", (name,))


@pytest.mark.parametrize("time", [1, 2])
def test_each_test_has_an_empty_database(postgres_db: TestDatabase, time: int) -> None:
    with psycopg.connect(postgres_db.dsn) as connection:
        connection.execute("CREATE TABLE mine (n int)")  # there is none of the test before
        assert connection.execute("SELECT count(*) FROM mine").fetchone() == (0,)


async def test_asyncpg(postgres_db: TestDatabase) -> None:
    connection = await asyncpg.connect(postgres_db.url("asyncpg"))
    await connection.execute("CREATE TABLE mine (n int, what text)")
    await connection.executemany("INSERT INTO mine VALUES ($1, $2)", [(1, "a"), (2, "b")])
    assert [tuple(row) for row in await connection.fetch("SELECT * FROM mine ORDER BY n")] == [(1, "a"), (2, "b")]
    await connection.close()
    assert "CREATE TABLE mine (n int, what text)" in postgres_db.queries


def test_urls(postgres_db: TestDatabase) -> None:
    where = f"postgres@127.0.0.1:{postgres_db.port}/{postgres_db.name}"
    assert postgres_db.dsn == postgres_db.url("psycopg") == f"postgresql://{where}"
    assert postgres_db.url("sqlalchemy") == f"postgresql+psycopg://{where}"
    assert sqlalchemy.make_url(postgres_db.url("sqlalchemy+asyncpg")).drivername == "postgresql+asyncpg"
    with pytest.raises(ValueError, match="driver is one of psycopg"):
        postgres_db.url("oracle")


@pytest.mark.parametrize("time", [1, 2])
def test_a_template_is_loaded_once(postgres_db: TestDatabase, time: int) -> None:
    postgres_db.template(load)
    assert names(postgres_db.dsn) == ["lamp", "chair"]
    add(postgres_db.dsn, "table")
    assert names(postgres_db.dsn) == ["lamp", "chair", "table"]
    assert len(LOADED) == 1


def test_snapshots(postgres_db: TestDatabase) -> None:
    with pytest.raises(LookupError, match="no snapshot"):
        postgres_db.restore()
    load(postgres_db.dsn)
    LOADED.pop()
    postgres_db.snapshot()
    for _ in range(2):
        with psycopg.connect(postgres_db.dsn) as waiting:
            waiting.execute("DELETE FROM items")
            add_later = "table"
            waiting.execute("INSERT INTO items (name) VALUES (%s)", (add_later,))
            waiting.commit()
            assert names(postgres_db.dsn) == ["table"]
            postgres_db.restore()
            with pytest.raises(psycopg.OperationalError):
                waiting.execute("SELECT 1")
        assert names(postgres_db.dsn) == ["lamp", "chair"]
    add(postgres_db.dsn, "sofa")  # identities go on from there
    assert names(postgres_db.dsn) == ["lamp", "chair", "sofa"]


def test_what_was_sent(postgres_db: TestDatabase) -> None:
    with psycopg.connect(postgres_db.dsn, autocommit=True) as connection:
        connection.execute("SELECT 1 AS one")
        with pytest.raises(psycopg.errors.SyntaxError):
            connection.execute("SELEC 1")
    assert postgres_db.queries == ["SELECT 1 AS one", "SELEC 1"]


def test_a_fresh_database_takes_a_moment(postgres_db: TestDatabase) -> None:
    """5 ms is the aim; here others use the machine, so that the best of many has to do."""
    postgres_db.template(load)
    image = postgres_db._templates[load]
    took = []
    for _ in range(20):
        with psycopg.connect(postgres_db.dsn) as connection:
            connection.execute("SELECT 1")
        before = time.perf_counter()
        postgres_db.reset(image)
        took.append(time.perf_counter() - before)
    assert min(took) < 0.02, statistics.median(took)


def test_without_pytest(tmp_path: Path) -> None:
    code = (
        "import psycopg\n"
        "from socketworkers_pgwire.testing import TestDatabase\n"
        "with TestDatabase() as database:\n"
        "    print(psycopg.connect(database.dsn, autocommit=True).execute('SELECT 6 * 7').fetchone()[0])\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("42\n", "", 0)
    assert list(tmp_path.iterdir()) == []


def test_under_xdist(tmp_path: Path) -> None:
    (tmp_path / "test_them.py").write_text(
        "import psycopg, pytest\n"
        "@pytest.mark.parametrize('n', range(2))\n"
        "def test_it(postgres_db, n):\n"
        "    with psycopg.connect(postgres_db.dsn) as connection:\n"
        "        connection.execute('CREATE TABLE t (n int)')\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-n2", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "2 passed" in done.stdout, done.stdout
