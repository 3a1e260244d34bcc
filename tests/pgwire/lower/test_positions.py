"""WHERE CURRENT OF: the rows that a cursor stands on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from tests.pgwire.ddl.world import World

from socketworkers_pgwire.sql.analyze import analyze
from socketworkers_pgwire.sql.grammar import parse
from socketworkers_pgwire.sql.lower import lower
from socketworkers_pgwire.sql.nodes import Query
from socketworkers_pgwire.sql.plan import Plan


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    made.run("CREATE TABLE t (id int PRIMARY KEY, a text)")
    made.run("INSERT INTO t VALUES (10, 'x'), (20, 'y')")
    yield made
    made.close()


def plan(world: World, text: str) -> Plan:
    """The plan of a cursor."""
    (raw,) = parse(text)
    query = analyze(raw, world.catalog, settings=world.settings)
    assert isinstance(query, Query)
    return lower(query, world.catalog, positions=True)


def test_numbers_of_rows_stand_behind_the_columns(world: World) -> None:
    found = plan(world, "SELECT a FROM t ORDER BY id")
    table = world.catalog.relation(None, "t")
    assert table is not None
    assert found.positions == (table.oid,)
    assert found.columns is not None
    assert [column.name for column in found.columns] == ["a"]
    cursor = found.open(cast("Any", world), ())
    assert cursor.fetch(5) == [("x", 10), ("y", 20)]
    cursor.close()


@pytest.mark.parametrize(
    "text",
    [
        "SELECT count(*) FROM t",
        "SELECT DISTINCT a FROM t",
        "SELECT a FROM t UNION ALL SELECT a FROM t",
        "SELECT t.a FROM t, t u",
        "SELECT row_number() OVER () FROM t",
        "SELECT 1",
    ],
)
def test_what_is_no_simple_scan_has_none(world: World, text: str) -> None:
    assert plan(world, text).positions == ()


def test_the_row_that_a_cursor_stands_on_is_changed(world: World) -> None:
    asked: list[tuple[str, int]] = []

    def current_row(cursor: str, oid: int) -> int:
        asked.append((cursor, oid))
        return 20

    cast("Any", world).current_row = current_row
    assert world.run("UPDATE t SET a = 'changed' WHERE CURRENT OF c RETURNING id") == [("20",)]
    assert world.run("DELETE FROM t WHERE CURRENT OF c RETURNING a") == [("changed",)]
    table = world.catalog.relation(None, "t")
    assert table is not None
    assert asked[0] == ("c", table.oid)
