"""P4 and R3 at the whole server: statements that would take all memory, all time, or what is not theirs.

Each ends in an error or is cancelled, and another session is answered all the while.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from tests.support.pgserver.wire import Wire

from socketworkers.testing import ThreadedServer
from socketworkers_pgwire import app
from socketworkers_pgwire.codec import CommandComplete, DataRow, ErrorResponse, Message, encode_query

pytestmark = [pytest.mark.attack("P4"), pytest.mark.catalogue("R3")]

#: what a statement may take until it is stopped
LIMIT = "1s"
ALL_WITH_ALL = "SELECT count(*) FROM generate_series(1, 99999) a, generate_series(1, 99999) b WHERE a < b"


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadedServer]:
    with ThreadedServer(app, set=(f"statement_timeout={LIMIT}",)) as running:
        yield running


@pytest.fixture
def address(server: ThreadedServer) -> tuple[str, int]:
    """Where it listens."""
    return server.host, server.port


def states(messages: list[Message]) -> list[str]:
    """SQLSTATEs of errors."""
    return [each.report.sqlstate for each in messages if isinstance(each, ErrorResponse)]


@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH DATABASE '/etc/passwd' AS x",
        "PRAGMA writable_schema = on",
        "DETACH main",
        "VACUUM INTO '/tmp/x'",
        "SELECT load_extension('x')",
        "SELECT randomblob(2000000000)",
        "SELECT zeroblob(2000000000)",
        "SELECT * FROM sqlite_master",
        "SELECT * FROM sqlite_schema",
        "SELECT * FROM pragma_database_list",
        "SELECT * FROM main.sqlite_master",
        "SELECT writefile('/tmp/x', 'y')",
        "SELECT readfile('/etc/passwd')",
        "SELECT fts3_tokenizer('simple')",
        "SELECT rowid FROM pg_class",
        "INSERT INTO sqlite_sequence VALUES ('x', 1)",
    ],
)
def test_nothing_of_sqlite_can_be_reached(address: tuple[str, int], sql: str) -> None:
    with Wire(address) as wire:
        found = states(wire.log_in().query(sql))
        assert found, sql
        assert found[0] in ("42601", "42883", "42P01", "42703", "0A000", "3F000", "42704"), found


@pytest.mark.parametrize(
    ("name", "sql", "expected"),
    [
        ("endless recursion", "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n % 9 + 1 FROM r) TABLE r", "57014"),
        ("a join of all with all", ALL_WITH_ALL, "57014"),
        ("huge text", "SELECT repeat('x', 2000000000)", "54000"),
        ("huge text in parts", "SELECT length(repeat(repeat('x', 100000000), 100))", "54000 53200 22023 57014"),
        ("deep parentheses", "SELECT " + "(" * 20_000 + "1" + ")" * 20_000, "54001 42601"),
        ("deep operators", "SELECT " + "1+" * 100_000 + "1", "54001 54000"),
        ("deep NOTs", "SELECT " + "NOT " * 50_000 + "true", "54001 42601"),
        ("deep selects", "SELECT * FROM " + "(SELECT * FROM " * 3000 + "pg_class" + ") x" * 3000, "54001 42601"),
        ("a regular expression", "SELECT repeat('a', 5000) ~ '(a*)*(a*)*(a*)*b'", ""),
        ("nested bounds", "SELECT 'x' ~ '((((a{1,200}){1,200}){1,200}){1,200})'", "2201B 54000 54001"),
        ("a pattern", "SELECT repeat('a', 20000) LIKE repeat('%a', 2000) || 'b'", " 57014 22025 54000"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 30 else "",
)  # fmt: skip
def test_bombs(address: tuple[str, int], name: str, sql: str, expected: str) -> None:
    """An empty state among the expected ones means that an answer is good as well."""
    with Wire(address, timeout=50) as wire, Wire(address) as other:
        wire.log_in()
        other.log_in()
        other.query("SELECT 1")
        wire.send(encode_query(sql.encode()))
        waits = []
        for _ in range(10):
            before = time.perf_counter()
            assert [each.values for each in other.query("SELECT 1") if isinstance(each, DataRow)] == [[b"1"]]
            waits.append(time.perf_counter() - before)
        found = states(wire.until(lambda each: isinstance(each, ErrorResponse | CommandComplete)))
        assert (found or [""])[0] in expected.split(" "), (name, found)
        wire.ready()
        assert sorted(waits)[5] < 0.05, waits
        assert max(waits) < 3, waits


def test_many_values_in_a_list(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.log_in()
        came = wire.query("SELECT 5 IN (" + ",".join(map(str, range(20_000))) + ")")
        assert [each.values for each in came if isinstance(each, DataRow)] == [[b"t"]] or states(came)[0][:2] == "54"


def test_many_columns_and_joins(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.log_in()
        columns = ",".join(f"c{number} int" for number in range(2000))
        assert states(wire.query(f"CREATE TABLE wide ({columns})")) == ["54011"]
        joins = " ".join(f"JOIN (SELECT 1 AS n) t{number} USING (n)" for number in range(200))
        found = states(wire.query(f"SELECT * FROM (SELECT 1 AS n) t {joins}"))
        assert not found or found[0] in ("54000", "54001", "57014", "0A000")
        assert states(wire.query("SELECT 1")) == []
