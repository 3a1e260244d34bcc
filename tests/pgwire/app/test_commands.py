"""``socketworkers pg``: beside a server that runs, and on the files of one that does not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from tests.support.pgserver.process import PgwireProcess


def pg(data: Path, *words: str, given: str = "") -> tuple[int, str, str]:
    """Exit status, output and errors of one command."""
    program = str(Path(sys.executable).with_name("socketworkers"))
    command = [program, "pg", *words[:2], "--data", str(data), *words[2:]]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def names(data: Path) -> list[str]:
    """Of the databases."""
    status, out, _ = pg(data, "database", "list", "--json")
    assert status == 0
    return [json.loads(line)["name"] for line in out.splitlines()]


@pytest.mark.timeout(180)
def test_users_and_databases(tmp_path: Path) -> None:
    data = tmp_path / "data"
    # nobody runs: the files are made
    assert pg(data, "database", "create", "shop") == (0, "database shop created\n", "")
    assert pg(data, "user", "add", "ann", given="secret\n") == (0, "user ann added\n", "")
    with PgwireProcess(tmp_path, "--auth", "host all ann all scram-sha-256", "--auth", "host all all all trust") as it:
        where = f"host=127.0.0.1 port={it.port} dbname=shop"
        with psycopg.connect(f"{where} user=postgres", autocommit=True) as owner:
            owner.execute("CREATE SCHEMA mine AUTHORIZATION ann")
        with psycopg.connect(f"{where} user=ann password=secret", autocommit=True) as ann:
            ann.execute("CREATE TABLE mine.things (a int)")
            assert pg(data, "user", "add", "ann", given="other\n") == (0, "user ann has a new password\n", "")
            status, out, error = pg(data, "database", "drop", "shop")
            assert (status, out) == (1, "")
            assert "being accessed by other users" in error
            assert pg(data, "user", "rm", "ann")[0] == 1
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(f"{where} user=ann password=secret")
        psycopg.connect(f"{where} user=ann password=other").close()
        assert "shop" in names(data)
        assert it.stop() == 0
    assert "ann" in pg(data, "user", "list")[1].splitlines()
    status, _, error = pg(data, "user", "rm", "ann")
    assert (status, error) == (1, "error: ann owns something in the database shop\n")
    assert pg(data, "database", "drop", "shop") == (0, "database shop dropped\n", "")
    assert "shop" not in names(data)
    assert pg(data, "user", "rm", "ann") == (0, "user ann removed\n", "")
    assert "ann" not in pg(data, "user", "list")[1].splitlines()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("database", "drop", "nowhere"), "error: there is no database nowhere\n"),
        (("database", "drop", "template1"), "error: template1 is a template of other databases\n"),
        (("database", "create", "postgres"), "error: there is a database postgres already\n"),
        (("database", "create", "x" * 64), "error: the name of a database has at most 63 bytes\n"),
        (("user", "rm", "nobody"), "error: there is no user nobody\n"),
        (("user", "rm", "postgres"), "error: postgres is the superuser that every server has\n"),
        (("user", "add", "pg_mine"), 'error: names that begin with "pg_" are reserved\n'),
    ],
)
def test_mistakes(tmp_path: Path, words: tuple[str, ...], error: str) -> None:
    (tmp_path / "data").mkdir()
    assert pg(tmp_path / "data", *words, given="secret\n") == (1, "", error)
