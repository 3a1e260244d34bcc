"""Rows that SQLite writes as DataRow messages hold them are those that we write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from tests.support.pgserver.wire import Wire

from socketworkers.testing import ThreadedServer
from socketworkers_pgwire import app
from socketworkers_pgwire.codec import CommandComplete, DataRow
from socketworkers_pgwire.engine import portal
from socketworkers_pgwire.functions import Execution
from socketworkers_pgwire.sql.execute.chunks import ChunkCursor
from socketworkers_pgwire.sql.execute.cursor import SelectCursor, SelectPlan

VALUES = {
    "int2": ["0", "-1", "32767", "-32768"],
    "int4": ["0", "7", "-2147483648", "2147483647"],
    "int8": ["0", "-9223372036854775808", "9223372036854775807"],
    "bool": ["true", "false"],
    "text": ["''", "'ä€😀'", "'x'", *[f"repeat('é', {n})" for n in (63, 64, 127, 128, 5000)], "repeat('y', 127)"],
    "varchar(200)": ["''", "'v'", "repeat('v', 128)", "repeat('w', 200)"],
    "varchar": ["'v'", "''"],
    "numeric": ["0", "-0.50", "123456789012345678901234567890.0001", "'NaN'", "'Infinity'", "10 ^ 200"],
    "numeric(12,2)": ["0", "0.01", "-0.01", "-0.99", "1", "-1", "9999999999.99", "-9999999999.99", "'NaN'", "0.1"],
    "numeric(18,18)": ["0", "0.000000000000000001", "-0.999999999999999999"],
    "numeric(18,1)": ["99999999999999999.9", "-99999999999999999.9"],
    "numeric(30,3)": ["123456789012345678901234567.891", "-0.001"],
}


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    """A session of a server in this process."""
    with ThreadedServer(app) as server, Wire((server.host, server.port)) as wire:
        wire.log_in()
        wire.query("CREATE TABLE every (" + ",".join(f"c{n} {kind}" for n, kind in enumerate(VALUES)) + ")")
        for number, values in enumerate(VALUES.values()):
            for value in values:
                wire.query(f"INSERT INTO every (c{number}) VALUES ({value})")
        for place in range(10):
            row = ",".join(values[place % len(values)] for values in VALUES.values())
            wire.query(f"INSERT INTO every VALUES ({row})")
        wire.query("CREATE TABLE other (c1 int, d date)")
        wire.query("INSERT INTO other VALUES (7, '2024-02-29'), (0, NULL)")
        wire.query("CREATE TABLE lengths (a text, b varchar)")
        # around the lengths where the form changes, and one that is left to the other way
        wire.query("INSERT INTO lengths SELECT repeat('é', g), repeat('z', g) FROM generate_series(0, 140) g")
        wire.query("INSERT INTO lengths SELECT repeat('a', g), NULL FROM generate_series(100, 8100, 100) g")
        wire.query("INSERT INTO lengths SELECT 'short', 'too' FROM generate_series(1, 600)")
        wire.query("CREATE TABLE required (a int NOT NULL, b bool NOT NULL, c text NOT NULL, d numeric(9,2) NOT NULL)")
        wire.query("INSERT INTO required SELECT g, g % 2 = 0, 'row ' || g, -g / 7.0 FROM generate_series(1, 513) g")
        wire.query("CREATE TABLE numbered (a bigint PRIMARY KEY)")
        wire.query("INSERT INTO numbered SELECT g * 1000003 - 5000000 FROM generate_series(1, 768) g")
        wire.query("INSERT INTO numbered VALUES (9223372036854775807), (-9223372036854775808), (0)")
        wire.query("CREATE TABLE none (n int)")
        yield wire


@pytest.mark.parametrize(
    ("sql", "packed"),
    [
        ("SELECT * FROM every", True),
        *[(f"SELECT c{number} FROM every", "chunks") for number in range(len(VALUES))],
        ("SELECT c1, c1, c4 FROM every", "chunks"),
        ("SELECT c3, c0, c7, c2 FROM every", "chunks"),
        ("TABLE lengths", "chunks"),
        ("SELECT b, a FROM lengths", "chunks"),
        ("SELECT c, a, b, d FROM required", "chunks"),
        ("SELECT a FROM numbered", "chunks"),
        ("SELECT n FROM none", "chunks"),
        ("SELECT c1, c1, c4 FROM every WHERE c1 = 7", True),
        ("SELECT c1 FROM every LIMIT 3 OFFSET 2", True),
        ("SELECT e.c4, o.c1 FROM every e LEFT JOIN other o ON o.c1 = e.c1", True),
        ("WITH w AS (SELECT 1) SELECT c1 FROM every, w", True),
        ("SELECT c4 FROM every GROUP BY c4", True),
        ("SELECT c1 FROM every WHERE false", True),
        ("SELECT c0 + 1::int8 FROM every", False),
        ("SELECT DISTINCT c1 FROM every", False),
        ("SELECT c1 FROM every ORDER BY c1", False),
        ("SELECT c1 FROM every UNION ALL SELECT c1 FROM other", False),
        ("SELECT d FROM other", False),
        ("SELECT c1, random() < 0 FROM every", False),
        ("SELECT c1 FROM every FOR UPDATE", False),
        ("SELECT relname FROM pg_class", False),
        ("SELECT FROM every", False),
    ],
)
def test_rows_are_the_same(sql: str, packed: bool | str, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    open_packed = SelectPlan.open_packed

    def noted(plan: SelectPlan, execution: Execution, values: Sequence[Any]) -> SelectCursor:
        opened.append(sql)
        return open_packed(plan, execution, values)

    monkeypatch.setattr(SelectPlan, "open_packed", noted)
    taken: list[bool] = []
    take = ChunkCursor.take

    def counted(cursor: ChunkCursor) -> tuple[bytes, int, bool]:
        taken.append(cursor.swift)
        return take(cursor)

    monkeypatch.setattr(ChunkCursor, "take", counted)
    fast = [each for each in wire.query(sql) if isinstance(each, DataRow | CommandComplete)]
    assert ("chunks" if taken else bool(opened)) == packed
    monkeypatch.setattr(portal, "SelectPlan", type(None))
    slow = [each for each in wire.query(sql) if isinstance(each, DataRow | CommandComplete)]
    assert fast == slow
    assert isinstance(slow[-1], CommandComplete)


@pytest.mark.parametrize("rows", [1, 255, 256, 257, 512, 70_000])
def test_tables_come_whole(rows: int, wire: Wire) -> None:
    wire.query("DROP TABLE IF EXISTS several")
    wire.query("CREATE TABLE several (n int NOT NULL, t text)")
    wire.query(f"INSERT INTO several SELECT g, 'number ' || g FROM generate_series(1, {rows}) g")
    wire.query("DELETE FROM several WHERE n % 7 = 0")
    came = wire.query("SELECT n, t FROM several")
    numbers = [n for n in range(1, rows + 1) if n % 7]
    assert [each.values for each in came if isinstance(each, DataRow)] == [
        [b"%d" % n, b"number %d" % n] for n in numbers
    ]
    assert [each.tag for each in came if isinstance(each, CommandComplete)] == [b"SELECT %d" % len(numbers)]


def test_a_table_of_long_rows_goes_on_row_by_row(wire: Wire) -> None:
    wire.query("CREATE TABLE long_rows (n int, t text)")
    wire.query(
        "INSERT INTO long_rows SELECT g, CASE WHEN g = 400 THEN repeat('l', 9000) ELSE 's' END "
        "FROM generate_series(1, 1000) g"
    )
    rows = [each.values for each in wire.query("SELECT t, n FROM long_rows") if isinstance(each, DataRow)]
    assert rows == [[b"l" * 9000 if n == 400 else b"s", b"%d" % n] for n in range(1, 1001)]


def test_what_a_transaction_has_written_is_in_its_tables(wire: Wire) -> None:
    wire.query("CREATE TABLE written (n int)")
    wire.query("INSERT INTO written SELECT generate_series(1, 300)")
    wire.query("BEGIN; UPDATE written SET n = n + 1000 WHERE n > 298; INSERT INTO written VALUES (7)")
    rows = [each.values for each in wire.query("SELECT n FROM written") if isinstance(each, DataRow)]
    wire.query("ROLLBACK")
    assert rows == [[b"%d" % n] for n in [*range(1, 299), 1299, 1300, 7]]
    rows = [each.values for each in wire.query("SELECT n FROM written") if isinstance(each, DataRow)]
    assert rows == [[b"%d" % n] for n in range(1, 301)]


def test_another_encoding(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    wire.query("CREATE TABLE foreign_words (id int, word text, n numeric(5, 1))")
    wire.query("INSERT INTO foreign_words VALUES (1, 'äé', 2.5), (2, NULL, NULL), (3, '', -0.1)")
    wire.query("SET client_encoding TO latin1")
    try:
        fast = [each for each in wire.query("SELECT * FROM foreign_words") if isinstance(each, DataRow)]
        monkeypatch.setattr(portal, "SelectPlan", type(None))
        slow = [each for each in wire.query("SELECT * FROM foreign_words") if isinstance(each, DataRow)]
    finally:
        wire.query("RESET client_encoding")
    assert fast == slow
    assert fast[0].values == [b"1", b"\xe4\xe9", b"2.5"]
