"""Statements that are larger than SQLite takes them as they are (trap 53), and more than SQLite evaluates at once."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any, cast

import pytest
from tests.pgwire.ddl.world import World

from socketworkers_pgwire.sql.analyze import analyze
from socketworkers_pgwire.sql.execute.connection import prepared
from socketworkers_pgwire.sql.grammar import parse
from socketworkers_pgwire.sql.lower import lower
from socketworkers_pgwire.sql.nodes import Query


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def test_trap_53_two_thousand_terms(world: World) -> None:
    assert world.run("SELECT " + "+".join(["1"] * 2000)) == [("2000",)]
    world.run("CREATE TABLE t (x int)")
    world.run("INSERT INTO t VALUES (1), (2)")
    terms = "+".join(["x"] * 2000)
    assert world.run(f"SELECT {terms} FROM t ORDER BY x") == [("2000",), ("4000",)]


def test_trap_53_many_conditions_and_unions(world: World) -> None:
    conditions = " OR ".join(f"x = {number}" for number in range(1001))
    assert world.run(f"SELECT x FROM (VALUES (1000), (1001)) v(x) WHERE {conditions}") == [("1000",)]
    rows = world.run(" UNION ALL ".join(f"SELECT {number}" for number in range(501)))
    assert [int(row[0]) for row in rows] == list(range(501))
    assert len(world.run(" UNION ".join(f"SELECT {number % 7}" for number in range(501)))) == 7


def test_trap_53_more_parameters_than_sqlite_binds(world: World) -> None:
    count = 33_000
    text = "SELECT sum(x) FROM (VALUES " + ",".join(f"(${number})" for number in range(1, count + 1)) + ") v(x)"
    (raw,) = parse(text)
    types = [23] * count
    query = analyze(raw, world.catalog, types, settings=world.settings)
    assert isinstance(query, Query)
    cursor = lower(query, world.catalog, types).open(cast("Any", world), range(count))
    assert cursor.fetch(2) == [(sum(range(count)),)]
    cursor.close()


def test_a_plan_is_run_many_times_and_its_cursors_beside_each_other(world: World) -> None:
    world.run("CREATE TABLE t (id int PRIMARY KEY)")
    world.run("INSERT INTO t SELECT generate_series(1, 600)")
    (raw,) = parse("SELECT id, now() FROM t WHERE id > $1 ORDER BY id")
    query = analyze(raw, world.catalog, [23], settings=world.settings)
    assert isinstance(query, Query)
    plan = lower(query, world.catalog, [23])
    one, other = plan.open(cast("Any", world), (100,)), plan.open(cast("Any", world), (400,))
    assert [row[0] for row in one.fetch(2)] == [101, 102]
    assert [row[0] for row in other.fetch(2)] == [401, 402]
    assert [row[0] for row in one.rows()] == list(range(103, 601))
    assert one.fetch(1) == []
    other.close()


def test_point_work_is_known(world: World) -> None:
    world.run("CREATE TABLE t (id int PRIMARY KEY, a text UNIQUE, n int)")
    short = {
        "SELECT 1": True,
        "SELECT * FROM t WHERE id = 1": True,
        "SELECT * FROM t WHERE a = 'x' AND n > 1": True,
        "SELECT * FROM t WHERE n = 1": False,
        "SELECT generate_series(1, 10)": False,
        "SELECT * FROM t WHERE id = n": False,
        "UPDATE t SET n = n + 1 WHERE id = 1": True,
        "UPDATE t SET n = n + 1": False,
        "DELETE FROM t WHERE a = 'x'": True,
        "INSERT INTO t VALUES (1, 'x', 2)": True,
        "INSERT INTO t SELECT * FROM t": False,
    }
    for text, expected in short.items():
        (raw,) = parse(text)
        query = analyze(raw, world.catalog, settings=world.settings)
        assert isinstance(query, Query)
        assert lower(query, world.catalog).short is expected, text


def test_what_a_plan_says_of_itself(world: World) -> None:
    world.run("CREATE SEQUENCE s")
    world.run("CREATE TABLE t (id int)")
    world.run("CREATE TABLE u (id int)")

    def plan(text: str) -> Any:
        (raw,) = parse(text)
        query = analyze(raw, world.catalog, settings=world.settings)
        assert isinstance(query, Query)
        return lower(query, world.catalog)

    assert plan("SELECT nextval('s')").writes
    assert not plan("SELECT nextval('s')").repeatable
    assert not plan("SELECT id FROM t").writes
    found = plan("INSERT INTO t SELECT id FROM u")
    t, u = world.catalog.relation(None, "t"), world.catalog.relation(None, "u")
    assert t is not None
    assert u is not None
    assert found.written == {t.oid}
    assert found.relations == {t.oid, u.oid}
    assert plan("SELECT pg_sleep(1)").blocking


def test_a_connection_that_is_let_go_is_gone() -> None:
    made = World()
    assert made.run("SELECT upper('a') FROM generate_series(1, 2) g") == [("A",), ("A",)]
    connection = weakref.ref(made.connection)
    prepared(made.connection).cell.execution = None
    made.close()
    del made
    gc.collect()
    assert connection() is None
