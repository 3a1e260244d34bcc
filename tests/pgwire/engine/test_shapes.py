"""Texts that differ in their literals share plans, and their answers are those that each has by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.support.pgserver.wire import Wire

from socketworkers.testing import ThreadedServer
from socketworkers_pgwire import app
from socketworkers_pgwire.codec import Message
from socketworkers_pgwire.engine.shapes import Lifting, shape_of
from socketworkers_pgwire.errors import SqlError
from socketworkers_pgwire.sql.grammar import literals, scan
from socketworkers_pgwire.types import Settings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT a FROM t WHERE b = 15", ("15",)),
        ("SELECT -7,8", ("7", "8")),
        ("SELECT 'it''s', '', 'x' || 'y'", ("it's", "", "x", "y")),
        ('SELECT "a 1 \'" FROM t1 WHERE "5" = 5', ("5",)),
        ("SELECT 1 /* 2 '3 */, 'a\nb' -- 4", ("1", "a\nb")),
        ("SELECT $1, U&'a', 2", ("2",)),
        ("SELECT 1 LIMIT 2; SELECT 3", ("1", "2", "3")),
        ("SELECT 1.5, 1e5, 3000000000, 7", ("7",)),
        ("SELECT a[1]", ("1",)),
    ],
)
def test_what_is_taken_out(text: str, said: tuple[str, ...]) -> None:
    shape = shape_of(text)
    assert shape is not None
    assert shape.literals == said
    for place, literal in zip(shape.places, said, strict=True):
        assert text[place:].startswith((literal, "'" + literal.replace("'", "''") + "'"))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a",
        "SELECT b'01', x'1f', 1.5, \"1\" -- 2",
        "SELECT $$1$$, 2",
        "SELECT $a$1$a$, 2",
        "SELECT e'a', 1",
        "SELECT 'a'\n'b', 1",
        "SELECT 'a, 1",
        "SELECT /* 1",
        "SELECT 'é', 1",
        "SELECT 1\0",
        "SELECT 1" + " " * 4000,
    ],
)
def test_what_is_left_alone(text: str) -> None:
    assert shape_of(text) is None


@given(st.text("ab1'\" \n-;.$e\\/*", max_size=16))
def test_literals_are_the_scanners(text: str) -> None:
    """`literals` reads what the library has written in a way of its own."""
    try:
        tokens = scan(text)
    except SqlError:
        with pytest.raises(SqlError):
            literals(text)
        return
    numbers, texts = scan("1")[0].code, scan("''")[0].code
    expected = [(each.start, each.end, each.code == numbers) for each in tokens if each.code in (numbers, texts)]
    assert literals(text) == expected


@given(st.text("ab1'\" \n-;.$e\\", max_size=12), st.integers(0, 10**9 - 1), st.integers(0, 10**9 - 1))
def test_texts_of_one_shape_differ_in_literals_only(rest: str, one: int, two: int) -> None:
    assume("--" not in rest)  # what stands in a comment is no literal
    first, second = shape_of(f"{rest} {one}"), shape_of(f"{rest} {two}")
    assert (first is None) == (second is None)
    if first is not None and second is not None:
        assert first.key == second.key
        assert first.literals[:-1] == second.literals[:-1]


#: behind a text: what keeps it from having a shape
ALONE = " -- " + 4000 * "."

SETUP = """
CREATE TABLE t (id int PRIMARY KEY, n numeric, v varchar(3), d date, b bool, j jsonb, big bigint, a int[]);
INSERT INTO t SELECT g, g / 2.0, 'v' || g % 5, date '2024-01-01' + g, g % 2 = 0, jsonb_build_object('k', g), g,
  array[g, 2] FROM generate_series(1, 50) g;
"""
#: a statement with places, and what is put into them, one after another
FAMILIES: list[tuple[str, list[tuple[object, ...]]]] = [
    ("SELECT v, n FROM t WHERE id = {}", [(1,), (2,), (-3,), (3000000000,), ("'4'",), ("'x'",), ("5.0",)]),
    ("SELECT {}", [(1,), (2,), (2147483648,), (-2147483648,), ("'a'",), ("'b'",), ("NULL",)]),
    ("SELECT pg_typeof({}), {} + 1", [(1, 2), (3, 4), (99999999999, 2147483647), (1, 2147483647)]),
    (
        "SELECT id, v FROM t WHERE d = {} ORDER BY {}",
        [("'2024-01-05'", 1), ("'2024-01-06'", 2), ("'soon'", 1), ("'2024-01-07'", 3)],
    ),
    ("SELECT v, count(*) FROM t GROUP BY {} ORDER BY {}, {}", [(1, 1, 2), (1, 2, 1), (2, 1, 1), (1, 1, 2)]),
    ("SELECT id % {} AS g, sum(n) FROM t GROUP BY id % {} ORDER BY g", [(3, 3), (4, 4), (4, 3), (5, 5)]),
    ("SELECT id FROM t ORDER BY id LIMIT {} OFFSET {}", [(1, 2), (3, 4), (-1, 0), (0, 1)]),
    (
        "SELECT id FROM t WHERE v IN ({}, {}) AND n > {} ORDER BY id",
        [("'v1'", "'v2'", 3), ("'v3'", "'zz'", 4), ("'v1'", "''", 5)],
    ),
    ("SELECT id FROM t WHERE id BETWEEN {} AND {}", [(1, 3), (4, 6), (6, 4)]),
    ("SELECT id / {} FROM t WHERE id = {}", [(2, 5), (0, 5), (3, 7)]),
    ("SELECT j -> {} , a[{}] FROM t WHERE id = {}", [("'k'", 1, 1), ("'z'", 2, 2), ("'k'", 3, 3)]),
    (
        "SELECT v LIKE {}, upper({}), {}::text || {} FROM t WHERE id = 1",
        [("'v%'", "'a'", 1, "'x'"), ("'w%'", "'b'", 2, "'y'"), ("'_1'", "''", 3, 4)],
    ),
    (
        "SELECT interval {}, {}::numeric(4,1), {}::varchar(2)",
        [("'1 day'", 1, "'abc'"), ("'2 days'", 2, "'x'"), ("'3'", 99999, "'yz'")],
    ),
    (
        "SELECT CASE WHEN id = {} THEN {} ELSE {} END FROM t WHERE id < 4",
        [(1, "'a'", "'b'"), (2, "'c'", "'d'"), (3, 1, 2)],
    ),
    ("SELECT {} UNION SELECT {} ORDER BY 1", [(1, 2), (2, 2), ("'a'", "'b'"), (1, "'b'")]),
    (
        "SELECT * FROM (VALUES ({}, {}), ({}, {})) x(a, b) ORDER BY a",
        [(1, "'a'", 2, "'b'"), (4, "'c'", 3, "'d'"), (1, 2, 3, 4)],
    ),
    (
        "SELECT big + {}, n * {}, - {} FROM t WHERE b = {} AND id < 4",
        [(1, 2, 3, "'t'"), (5, 6, 7, "'false'"), (5, 6, 7, "'maybe'"), (1, 2, 3, 4)],
    ),
    ("SELECT d + {}, d - {} FROM t WHERE id = 1", [(1, "'2024-01-01'"), (2, "'2023-01-01'"), (3, 4)]),
    (
        "BEGIN; INSERT INTO t (id, v, n) VALUES ({}, {}, {}) RETURNING id, v, n; ROLLBACK",
        [(60, "'a'", 1), (61, "'b'", 2), (1, "'c'", 3), (62, "'long'", 4), ("'x'", "'y'", 5)],
    ),
    (
        "BEGIN; UPDATE t SET n = n + {}, v = {} WHERE id = {}; SELECT n, v FROM t WHERE id = {}; ROLLBACK",
        [(1, "'a'", 1, 1), (2, "'b'", 2, 2), (3, "'abcd'", 3, 3), (4, 5, 6, 6)],
    ),
    ("SELECT id FROM missing WHERE id = {}", [(1,), (2,)]),
    ("SELECT id FROM t WHERE nothing = {} AND id = {}", [(1, 2), (3, 4)]),
    ("SELECT generate_series({}, {})", [(1, 2), (3, 5), (5, 3)]),
    ("SELECT {} = {}", [(1, "'1'"), (2, "'3'"), ("'a'", "'a'"), ("'a'", 1)]),
]


@pytest.fixture(scope="module")
def running() -> Iterator[ThreadedServer]:
    """A server with a table."""
    with ThreadedServer(app) as server:
        with Wire((server.host, server.port)) as wire:
            wire.log_in()
            wire.query(SETUP)
        yield server


def test_answers_are_what_they_are_without(running: ThreadedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """All messages, with types, SQLSTATEs and positions. A long text shares nothing."""
    shared: list[str] = []
    values = Lifting.values

    def noted(self: Lifting, shape: Any, settings: Settings) -> list[Any]:
        shared.append(shape.key)
        return values(self, shape, settings)

    monkeypatch.setattr(Lifting, "values", noted)
    with Wire((running.host, running.port)) as wire:
        wire.log_in()
        for template, fillings in FAMILIES:
            for filling in [*fillings, *fillings[::-1]]:
                text = template.format(*filling)
                alone: list[Message] = wire.query(text + ALONE)
                wire.query("ROLLBACK")
                assert wire.query(text) == alone, text
                wire.query("ROLLBACK")
        assert len(set(shared)) > 15
        assert len(shared) > 40
        wire.query("SET datestyle = 'German'; SET search_path = pg_catalog, public")
        for text in ("SELECT d FROM t WHERE d = '05.01.2024'", "SELECT d FROM t WHERE d = '06.01.2024'"):
            assert wire.query(text) == wire.query(text + ALONE)


def test_a_plan_does_not_outlive_its_table(running: ThreadedServer) -> None:
    with Wire((running.host, running.port)) as wire, Wire((running.host, running.port)) as other:
        wire.log_in()
        other.log_in()
        wire.query("CREATE TABLE u (a int); INSERT INTO u VALUES (1), (2)")
        for number in (1, 2, 1):
            assert wire.query(f"SELECT a FROM u WHERE a = {number}") == wire.query(
                f"SELECT a FROM u WHERE a = {number} --"
            )
        other.query("DROP TABLE u; CREATE TABLE u (b int, a text); INSERT INTO u VALUES (1, '1'), (2, '2')")
        for literal in ("1", "'1'", "2", "'2'"):
            text = f"SELECT a, * FROM u WHERE a = {literal}"
            assert wire.query(text) == wire.query(text + ALONE)
        wire.query("BEGIN; DROP TABLE u")
        assert wire.error(wire.query("SELECT a FROM u WHERE a = 2")).sqlstate == "42P01"
        wire.query("ROLLBACK")
        assert wire.query("SELECT a FROM u WHERE a = '2'") == wire.query("SELECT a FROM u WHERE a = '2'" + ALONE)
