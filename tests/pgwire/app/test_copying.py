"""COPY FROM takes many rows together where it can: it answers as if it took them one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.support.pgserver.wire import Wire

from socketworkers.testing import ThreadedServer
from socketworkers_pgwire import app
from socketworkers_pgwire.codec import (
    COPY_DONE,
    CommandComplete,
    CopyInResponse,
    DataRow,
    ErrorResponse,
    encode_copy_data,
    encode_query,
)
from socketworkers_pgwire.copy import CsvReader, TextReader
from socketworkers_pgwire.engine.utility import copying
from socketworkers_pgwire.sql.execute.modify import ModifyPlan

TABLES = {
    "plain": "(a int, b text)",
    "keyed": "(a int PRIMARY KEY, b text NOT NULL)",
    "single": "(a int UNIQUE, b text)",
    "checked": "(a int CHECK (a < 5500), b varchar(6))",
    "divided": "(a int, b text, CHECK (10 / a >= 0))",
    "numbered": "(a int, b text, id serial, made int DEFAULT 7, w timestamptz DEFAULT now())",
    "identity": "(a int, b text, id int GENERATED ALWAYS AS IDENTITY)",
    "generated": "(a numeric(6, 2), b text, c int GENERATED ALWAYS AS (a * 2) STORED)",
    "random": "(a int, b text, r float8 DEFAULT random())",
    "child": "(a int, b text, p int DEFAULT 1 REFERENCES parent)",
    "indexed": "(a int, b text)",
}
GOOD = [f"{number}\tr{number % 1000}\n" for number in range(1, 501)]
FAULTS = {
    "none": "",
    "type": "x\tr\n",
    "range": "99999999999\tr\n",
    "repeated": "7\tr\n",
    "null": "\\N\tr\n",
    "null text": "5000\t\\N\n",
    "long": "6000\ttoo long by far\n",
    "zero": "0\tzero\n",
    "missing": "6000\n",
    "extra": "6000\tr\tr\n",
    "escape": "6000\ta\\tb\n",
    "cut": "6000\ta\\\nb\n",
    "return": "6000\ta\rb\n",
    "end": "\\.\nnot read\n",
}


def outcome(wire: Wire, table: str, lines: list[str], options: str, cut: int) -> tuple[object, ...]:
    """The answer to COPY, and what the table has then."""
    wire.query(f"DROP TABLE IF EXISTS {table}")
    wire.query(f"CREATE TABLE {table} {TABLES[table]}")
    if table == "indexed":
        wire.query("CREATE INDEX ON indexed (upper(b))")
    data = "".join(lines).encode()
    wire.send(encode_query(f"COPY {table} (a, b) FROM STDIN {options}".encode()))
    wire.until(CopyInResponse)
    wire.send(*[encode_copy_data(data[start : start + cut]) for start in range(0, len(data), cut)], COPY_DONE)
    answer = [
        (each.report.sqlstate, each.report.message, each.report.detail, each.report.where, each.report.constraint)
        if isinstance(each, ErrorResponse)
        else each.tag
        for each in wire.ready()
        if isinstance(each, ErrorResponse | CommandComplete)
    ]
    shown = "a, b" if table == "random" else "a, b, id, made" if table == "numbered" else "*"
    rows = [each.values for each in wire.query(f"SELECT {shown} FROM {table} ORDER BY a, b") if type(each) is DataRow]
    return answer, rows


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    """A session of a server in this process."""
    with ThreadedServer(app) as server, Wire((server.host, server.port)) as wire:
        wire.log_in()
        wire.query("CREATE TABLE parent (a int PRIMARY KEY)")
        wire.query("INSERT INTO parent VALUES (1)")
        yield wire


def outcomes(wire: Wire, table: str) -> dict[tuple[str, int, str], tuple[object, ...]]:
    """Those of all faults, at the beginning, in a later block, and as CSV."""
    found = {}
    for fault, text in FAULTS.items():
        for place, options, cut in ((0, "", 1000), (450, "", 77), (150, "(FORMAT csv)", 100_000)):
            lines = [*GOOD[:place], text, *GOOD[place:]]
            if "csv" in options:
                lines = [line.replace("\t", ",") for line in lines]
            found[fault, place, options] = outcome(wire, table, lines, options, cut)
    return found


@pytest.mark.parametrize("table", TABLES)
def test_rows_are_taken_together_as_one_by_one(table: str, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "CHUNK", 2000)
    asked: list[bool] = []
    many: Callable[[ModifyPlan], bool] = vars(ModifyPlan)["many"].fget

    def counted(plan: ModifyPlan) -> bool:
        asked.append(many(plan))
        return asked[-1]

    monkeypatch.setattr(ModifyPlan, "many", property(counted))
    together = outcomes(wire, table)
    assert set(asked) == {table not in ("random", "child")}
    monkeypatch.setattr(ModifyPlan, "many", property(lambda plan: False))
    monkeypatch.setattr(TextReader, "columns", lambda reader, data: None)
    monkeypatch.setattr(CsvReader, "columns", lambda reader, data: None)
    one_by_one = outcomes(wire, table)
    for key, expected in one_by_one.items():
        assert together[key] == expected, key
