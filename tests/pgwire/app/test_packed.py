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
        yield wire


@pytest.mark.parametrize(
    ("sql", "packed"),
    [
        ("SELECT * FROM every", True),
        *[(f"SELECT c{number} FROM every", True) for number in range(len(VALUES))],
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
def test_rows_are_the_same(sql: str, packed: bool, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    open_packed = SelectPlan.open_packed

    def noted(plan: SelectPlan, execution: Execution, values: Sequence[Any]) -> SelectCursor:
        opened.append(sql)
        return open_packed(plan, execution, values)

    monkeypatch.setattr(SelectPlan, "open_packed", noted)
    fast = [each for each in wire.query(sql) if isinstance(each, DataRow | CommandComplete)]
    assert bool(opened) is packed
    monkeypatch.setattr(portal, "SelectPlan", type(None))
    slow = [each for each in wire.query(sql) if isinstance(each, DataRow | CommandComplete)]
    assert fast == slow
    assert isinstance(slow[-1], CommandComplete)


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
