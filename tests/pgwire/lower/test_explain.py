"""EXPLAIN: the shape of its answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
from tests.pgwire.ddl.world import World

from socketworkers_pgwire.errors import SqlError
from socketworkers_pgwire.sql.analyze import analyze
from socketworkers_pgwire.sql.explain import explain
from socketworkers_pgwire.sql.grammar import parse
from socketworkers_pgwire.sql.nodes import Utility


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    made.run("CREATE TABLE t (id int PRIMARY KEY, a text)")
    made.run("INSERT INTO t VALUES (1, 'x'), (2, 'y')")
    yield made
    made.close()


def lines(world: World, text: str) -> list[str]:
    """What EXPLAIN gives."""
    (raw,) = parse(text)
    statement = analyze(raw, world.catalog, settings=world.settings)
    assert isinstance(statement, Utility)
    plan = explain(statement, world.catalog)
    assert plan.columns is not None
    assert [column.name for column in plan.columns] == ["QUERY PLAN"]
    cursor = plan.open(cast("Any", world), ())
    found = [row[0] for row in cursor.rows()]
    cursor.close()
    assert (cursor.tag, cursor.affected) == ("EXPLAIN", -1)
    return found


def test_the_tree(world: World) -> None:
    text = "EXPLAIN (COSTS OFF) SELECT a, count(*) FROM t WHERE a > 'b' GROUP BY a ORDER BY a DESC LIMIT 3"
    assert lines(world, text) == [
        "Limit",
        "  ->  Sort",
        "        Sort Key: a DESC",
        "        ->  HashAggregate",
        "              Group Key: a",
        "              ->  Seq Scan on t",
        "                    Filter: (a > 'b'::text)",
    ]


def test_an_index_that_can_be_used(world: World) -> None:
    assert lines(world, "EXPLAIN (COSTS OFF) SELECT * FROM t WHERE id = 1") == [
        "Index Scan using t_pkey on t",
        "  Index Cond: (id = 1)",
    ]


def test_estimates(world: World) -> None:
    (line,) = lines(world, "EXPLAIN SELECT * FROM t")
    assert line.startswith("Seq Scan on t  (cost=0.00..")
    assert line.endswith(")")


def test_statements_that_change_data_are_only_run_by_analyze(world: World) -> None:
    assert lines(world, "EXPLAIN (COSTS OFF) DELETE FROM t WHERE id = 1")[0] == "Delete on t"
    assert world.run("SELECT count(*) FROM t") == [("2",)]
    found = lines(world, "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) DELETE FROM t WHERE id = 1")
    assert found[0] == "Delete on t (actual rows=0 loops=1)"
    assert found[-1].startswith("Execution Time: ")
    assert world.run("SELECT count(*) FROM t") == [("1",)]


def test_json(world: World) -> None:
    (text,) = lines(world, "EXPLAIN (FORMAT JSON, ANALYZE) SELECT * FROM t JOIN t u ON t.id = u.id")
    ((plan),) = json.loads(text)
    assert plan["Plan"]["Node Type"] == "Nested Loop"
    assert plan["Plan"]["Actual Rows"] == 2
    assert [child["Relation Name"] for child in plan["Plan"]["Plans"]] == ["t", "t"]


@pytest.mark.parametrize(
    ("options", "sqlstate"),
    [("nosuch", "42601"), ("FORMAT nosuch", "22023"), ("FORMAT xml", "0A000"), ("TIMING", "22023")],
)
def test_options_that_are_none(world: World, options: str, sqlstate: str) -> None:
    with pytest.raises(SqlError) as caught:
        lines(world, f"EXPLAIN ({options}) SELECT 1")
    assert caught.value.sqlstate == sqlstate


def test_yaml(world: World) -> None:
    (text,) = lines(world, "EXPLAIN (FORMAT yaml, COSTS off) SELECT a FROM t ORDER BY a")
    found = text.split("\n")
    assert found[:3] == ["- Plan: ", '    Node Type: "Sort"', "    Parallel Aware: false"]
    assert found[found.index("    Plans: ") + 1] == '      - Node Type: "Seq Scan"'
    assert '        Relation Name: "t"' in found
