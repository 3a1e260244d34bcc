"""The types in SQLite: STRICT columns, keys in queries and indexes, errors."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from tests.pgwire.types.compare import SETTINGS, SortKey, values_of
from tests.pgwire.types.inputs import GENERATORS

from socketworkers_pgwire.types import BY_NAME, BY_OID, ArrayType, EnumType, SqlError
from socketworkers_pgwire.types.base import AnyType
from socketworkers_pgwire.types.sqlite import FUNCTIONS, declare_column, quote_identifier, register

MOOD = EnumType(100_000, "mood", 100_001, ("sad", "ok", "happy"))
TYPES = {**BY_OID, MOOD.oid: MOOD, MOOD.array_oid: ArrayType(MOOD)}
NAMES = [name for name in GENERATORS if name != "json"]
MODIFIED = ["numeric(10,2)", "numeric(5,-2)", "bpchar(5)", "timestamp(3)"]


@pytest.fixture
def connection() -> Iterator[apsw.Connection]:
    """A database in memory with the functions."""
    opened = apsw.Connection(":memory:")
    register(opened, TYPES)
    yield opened
    opened.close()


def _kind(name: str) -> AnyType:
    if name == "mood":
        return MOOD
    base, _, arguments = name.partition("(")
    kind = BY_NAME[base]
    return kind.modified(kind.typmodin(arguments.rstrip(")").split(","))) if arguments else kind


def _values(name: str) -> list[object]:
    base = name.partition("(")[0]
    rng = random.Random(name)
    found = []
    for _, stored in values_of(base, _kind(base), 150, SETTINGS["default"][1], rng):
        try:
            found.append(_kind(name).coerce(stored, explicit=True) if base != name else stored)
        except SqlError:
            continue
    return found


@pytest.mark.parametrize("name", [*NAMES, "json", *MODIFIED])
def test_a_strict_column_holds_every_value_as_it_is(connection: apsw.Connection, name: str) -> None:
    kind = _kind(name)
    connection.execute(f"CREATE TABLE t ({declare_column('v', kind)}) STRICT")
    values = _values(name)
    assert len(values) > 2
    connection.executemany("INSERT INTO t VALUES (?)", [(value,) for value in [*values, None]])
    stored = [row[0] for row in connection.execute("SELECT v FROM t ORDER BY rowid")]
    assert [repr(value) for value in stored] == [repr(value) for value in [*values, None]]


@pytest.mark.parametrize("name", [*NAMES, *MODIFIED])
def test_keys_order_and_find_as_python_does(connection: apsw.Connection, name: str) -> None:
    kind = _kind(name)
    connection.execute(f"CREATE TABLE t (i INTEGER PRIMARY KEY, {declare_column('v', kind)}) STRICT")
    values = _values(name)
    connection.executemany("INSERT INTO t VALUES (?, ?)", list(enumerate(values)))
    connection.execute("INSERT INTO t VALUES (-1, NULL)")
    if kind.has_order:
        connection.execute(f"CREATE INDEX k ON t ({kind.ordkey('v')})")
        rows = connection.execute(f"SELECT i FROM t WHERE v IS NOT NULL ORDER BY {kind.ordkey('v')}, i").fetchall()
        expected = sorted(range(len(values)), key=lambda i: (_sort(kind.order(values[i])), i))
        assert [row[0] for row in rows] == expected
    groups = connection.execute(
        f"SELECT group_concat(i, ' ') FROM t WHERE v IS NOT NULL GROUP BY {kind.eqkey('v')}"
    ).fetchall()
    keys: dict[object, list[int]] = {}
    for index, value in enumerate(values):
        keys.setdefault(kind.equality(value), []).append(index)
    assert sorted(sorted(map(int, str(row[0]).split())) for row in groups) == sorted(keys.values())


def _sort(value: object) -> SortKey:
    return SortKey(value)


def test_equal_numerics_are_one_value_of_a_unique_index(connection: apsw.Connection) -> None:
    kind = BY_NAME["numeric"]
    connection.execute(f"CREATE TABLE t ({declare_column('v', kind)}) STRICT")
    connection.execute(f"CREATE UNIQUE INDEX k ON t ({kind.eqkey('v')})")
    connection.execute("INSERT INTO t VALUES ('1.0'), (NULL), (NULL)")
    with pytest.raises(apsw.ConstraintError):
        connection.execute("INSERT INTO t VALUES ('1.00')")
    assert connection.execute("SELECT v FROM t WHERE v IS NOT NULL").fetchall() == [("1.0",)]
    plan = connection.execute(f"EXPLAIN QUERY PLAN SELECT v FROM t WHERE {kind.eqkey('v')} = pg_numkey('1')").fetchall()
    assert "USING INDEX k" in str(plan)


def test_another_tool_reads_the_table(tmp_path: Path, connection: apsw.Connection) -> None:
    path = str(tmp_path / "shop.sqlite")
    ours = apsw.Connection(path)
    register(ours, TYPES)
    ours.execute(f"CREATE TABLE t ({declare_column('v', BY_NAME['jsonb'])}, {declare_column('n', BY_NAME['numeric'])})")
    ours.execute("CREATE INDEX k ON t (pg_jsonbkey(v)); CREATE INDEX m ON t (pg_numkey(n))")
    ours.execute("INSERT INTO t VALUES ('{\"a\": 1}', '1.50')")
    ours.close()
    other = apsw.Connection(path)
    assert other.execute("SELECT * FROM t").fetchall() == [('{"a": 1}', "1.50")]
    assert other.execute("SELECT json_extract(v, '$.a') FROM t").fetchall() == [(1,)]
    other.close()


def test_pg_err_fails_the_statement_with_the_error_itself(connection: apsw.Connection) -> None:
    with pytest.raises(SqlError) as caught:
        connection.execute("SELECT pg_err('22003', 'integer out of range')").fetchall()
    assert (caught.value.sqlstate, caught.value.message, caught.value.detail) == ("22003", "integer out of range", None)
    with pytest.raises(SqlError) as caught:
        connection.execute("SELECT pg_err('23505', 'duplicate', 'Key (a)=(1) already exists.')").fetchall()
    assert caught.value.detail == "Key (a)=(1) already exists."


def test_pg_err_is_only_called_where_its_value_is_wanted(connection: apsw.Connection) -> None:
    sql = "SELECT iif(a + 1 <= 2147483647, a + 1, pg_err('22003', 'integer out of range')) FROM (SELECT ? AS a)"
    assert connection.execute(sql, (1,)).fetchall() == [(2,)]
    with pytest.raises(SqlError, match="integer out of range"):
        connection.execute(sql, (2_147_483_647,)).fetchall()


def test_functions_give_null_of_null(connection: apsw.Connection) -> None:
    sql = (
        "SELECT pg_numkey(NULL), pg_jsonbeq(NULL), pg_jsonbkey(NULL), pg_arraykey(NULL, 1231, -1), pg_enumord(NULL, ?)"
    )
    assert connection.execute(sql, (MOOD.oid,)).fetchall() == [(None,) * 5]


def test_only_the_functions_that_are_asked_for() -> None:
    connection = apsw.Connection(":memory:")
    register(connection, names=("pg_numkey",))
    assert connection.execute("SELECT pg_numkey('0')").fetchall() == [(b"\2",)]
    for name in set(FUNCTIONS) - {"pg_numkey"}:
        with pytest.raises(apsw.SQLError, match="no such function"):
            connection.execute(f"SELECT {name}('1')")
    connection.close()


def test_a_type_that_is_made_later(connection: apsw.Connection) -> None:
    colour = EnumType(100_002, "colour", 100_003, ("red", "green"))
    types = dict(TYPES)
    late = apsw.Connection(":memory:")
    register(late, types)
    types[colour.oid] = colour
    assert late.execute(f"SELECT {colour.ordkey(chr(39) + 'green' + chr(39))}").fetchall() == [(2,)]
    with pytest.raises(SqlError, match="invalid input value for enum colour"):
        late.execute(f"SELECT {colour.ordkey(chr(39) + 'blue' + chr(39))}").fetchall()
    late.close()


def test_names_that_need_quotes() -> None:
    odd = EnumType(100_004, 'x*/y"', 100_005, ("a",))
    assert quote_identifier('a"b') == '"a""b"'
    assert declare_column('a"b', odd, not_null=True) == '"a""b" TEXT NOT NULL /* x* /y" */'
