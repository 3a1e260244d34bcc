"""Real clients do what they are for, and look at each answer: Django, SQLAlchemy, Alembic, psycopg, asyncpg,
node-postgres, pgcli, pgbench."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.interop.live import need, node_modules
from tests.pgwire.differential.record.clients import Place

CLIENTS = Path(__file__).parents[1] / "clients"


@pytest.mark.parametrize(
    ("tour", "arguments"),
    [
        ("psycopg_tour", ()),
        ("asyncpg_tour", ()),
        ("sqlalchemy_tour", ("psycopg",)),
        ("sqlalchemy_tour", ("asyncpg",)),
        ("alembic_tour", ()),
        ("django_tour", ()),
    ],
    ids=["psycopg", "asyncpg", "sqlalchemy-psycopg", "sqlalchemy-asyncpg", "alembic", "django"],
)
@pytest.mark.timeout(180)
def test_a_tour(our_server: Place, database: str, tour: str, arguments: tuple[str, ...]) -> None:
    our_server.run(sys.executable, "-m", f"tests.pgwire.clients.{tour}", *arguments, database=database)


def test_node_postgres(our_server: Place, database: str) -> None:
    environment = our_server.environment(database) | {"NODE_PATH": node_modules("pg", "8")}
    command = [need("node", "Debian: nodejs"), str(CLIENTS / "node_tour.js")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_pgcli_connects(our_server: Place, database: str) -> None:
    need("psql", "Debian: postgresql-client")
    our_server.psql(database, (CLIENTS / "objects.sql").read_text(encoding="utf-8"))
    our_server.run(sys.executable, "-m", "tests.pgwire.clients.pgcli_tour", database=database)


@pytest.mark.timeout(120)
def test_pgbench(our_server: Place, database: str) -> None:
    program = need("pgbench", "Debian: postgresql-15")
    our_server.run(program, "-i", "-q", "-s", "1", database=database)
    for script in ("tpcb-like", "simple-update", "select-only"):
        for mode in ("simple", "extended", "prepared"):
            out = our_server.run(
                program, "-n", "-b", script, "-M", mode, "-c", "4", "-j", "1", "-t", "10", database=database
            )
            assert re.search(r"number of transactions actually processed: 40/40", out), out
            assert re.search(r"number of failed transactions: 0 ", out), out
    query = "SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history)"
    assert our_server.run("psql", "-XAtc", query, database=database) == "t\n"
