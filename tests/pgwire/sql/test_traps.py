"""What a port to SQLite gets wrong, by the numbers of the design's list; each on PostgreSQL 15 and on ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.pgwire.differential.answers import Answer
from tests.pgwire.differential.connection import Connection
from tests.pgwire.differential.runner import Server

from socketworkers_pgwire.codec import SYNC, encode_bind, encode_execute, encode_parse

#: number, statement, and its rows as PostgreSQL's texts ("|" between columns, a line per row), or an SQLSTATE
ROWS: tuple[tuple[str, str, str], ...] = (
    ("1", "SELECT 'NaN'::float8 > 'Infinity', 'NaN'::float8 = 'NaN'", "t|t"),
    ("4", "SELECT -7/2, -7 % 2", "-3|-1"),
    ("7", "SELECT ' 12 '::int", "12"),
    ("8", "SELECT 2.5::int, 2.5::float8::int", "3|2"),
    ("9", "SELECT round(2.5), round(2.5::float8)", "3|2"),
    ("10", "SELECT substr('hello', -1, 3)", "h"),
    ("11", "SELECT 'abc' LIKE 'ABC', 'a_b' LIKE 'a\\_b'", "f|t"),
    ("12", "SELECT upper('straße é')", "STRAßE É"),
    ("13", "SELECT 'a '::char(5) = 'a', length('a '::char(5)), 'x'::text = 'x '", "t|1|f"),
    ("16", "SELECT x FROM (VALUES (1), (NULL), (2)) v (x) ORDER BY x", "1\n2\nNULL"),
    ("16", "SELECT x FROM (VALUES (1), (NULL), (2)) v (x) ORDER BY x DESC", "NULL\n2\n1"),
    ("22", "SELECT x FROM (VALUES (1), (2)) v (x) ORDER BY x LIMIT NULL", "1\n2"),
    ("24", "SELECT interval '1 month' = '30 days'", "t"),
    ("25", "SELECT 1e15::float8, 0.1+0.2, 2/3.0::float8", "1e+15|0.3|0.6666666666666666"),
    ("26", "SELECT 1.0/3, avg(x) FROM (VALUES (1), (2)) v (x)", "0.33333333333333333333|1.5000000000000000"),
    ("27", "SELECT 10*1.50", "15.00"),
    ("28", "SELECT '{\"a\":1,\"a\":2}'::json->'a'", "2"),
    ("29", "SELECT '1.0'::jsonb = '1', '{\"bb\":1,\"a\":2}'::jsonb", 't|{"a": 2, "bb": 1}'),
    ("31", "SELECT array[1,null] = array[1,null], (1,null) = (1,null)", "t|NULL"),
    ("32", "SELECT row(1,null) IS NULL, row(1,null) IS NOT NULL", "f|f"),
    ("33", "SELECT greatest(1,null,3)", "3"),
    ("34", "SELECT sum(1), sum(1::int8), avg(1), count(*)", "1|1|1.00000000000000000000|1"),
    ("35", "SELECT date '2024-01-31' + interval '1 month'", "2024-02-29 00:00:00"),
    ("36", "SELECT (array[1,2])[5], array[1,2]||3", "NULL|{1,2,3}"),
    ("41", "SELECT 'abc'::varchar(2)", "ab"),
    ("42", "SELECT count(*) FROM (SELECT DISTINCT x FROM (VALUES (1.0), (1.00)) v (x)) s", "1"),
    ("43", "SELECT 1::bool, 'yes'::bool", "t|t"),
    ("46", "SELECT now() = now(), now() = statement_timestamp() OR now() < clock_timestamp()", "t|t"),
    ("51", "WITH x AS (INSERT INTO kept VALUES (1) RETURNING 1) SELECT count(id) FROM x LEFT JOIN kept ON true", "0"),
    ("52", "SELECT x+1, count(*) FROM (VALUES (1), (1)) v (x) GROUP BY x+1", "2|2"),
)  # fmt: skip

ERRORS: tuple[tuple[str, str, str], ...] = (
    ("3", "SELECT 7/0", "22012"),
    ("3", "SELECT 7 % 0", "22012"),
    ("4", "SELECT 7%-2", "42883"),
    ("5", "SELECT 2147483647+1", "22003"),
    ("5", "SELECT -32768::int2", "22003"),
    ("6", "SELECT 9223372036854775807+1", "22003"),
    ("6", "SELECT 1e308::float8*10", "22003"),
    ("7", "SELECT 'abc'::int", "22P02"),
    ("7", "SELECT ''::int", "22P02"),
    ("7", "SELECT '1.0'::int", "22P02"),
    ("10", "SELECT substr('hello',2,-1)", "22011"),
    ("14", 'SELECT "nosuch" FROM kept', "42703"),
    ("15", "SELECT 1 WHERE 1", "42804"),
    ("17", "SELECT 1 IN ('a')", "22P02"),
    ("17", "SELECT 'x' = 1", "22P02"),
    ("18", "SELECT '1'+'1'", "42725"),
    ("18", "SELECT sum('a')", "42725"),
    ("19", "SELECT max(true)", "42883"),
    ("20", "SELECT 1 UNION SELECT 'a'", "22P02"),
    ("20", "SELECT CASE WHEN true THEN 1 ELSE 'a' END", "22P02"),
    ("21", "SELECT relname, count(*) FROM pg_class", "42803"),
    ("21", "SELECT count(*) FROM pg_class GROUP BY 1", "42803"),
    ("22", "SELECT 1 LIMIT -1", "2201W"),
    ("23", "SELECT (SELECT x FROM (VALUES (1), (2)) v (x))", "21000"),
    ("30", "SELECT json '{}' = json '{}'", "42883"),
    ("37", "SELECT chr(0)", "54000"),
    ("38", "SELECT 'a' ~ '['", "2201B"),
    ("39", "SELECT DISTINCT ON (1) 1, 2 ORDER BY 2", "42P10"),
    ("40", "SELECT current_setting('nosuch')", "42704"),
    ("43", "SELECT 2 WHERE 1", "42804"),
    ("56", "SELECT 0x", "42601"),
)

#: number, statements one after the other, and what each gives: rows, a command tag, or an SQLSTATE
SCRIPTS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("2", (("CREATE TABLE f (x float8)", ""), ("INSERT INTO f VALUES ('-0')", ""), ("SELECT x FROM f", "-0"))),
    (
        "41",
        (
            ("CREATE TABLE v (x varchar(2))", ""),
            ("INSERT INTO v VALUES ('abc')", "22001"),
            ("INSERT INTO v VALUES ('ab   ') RETURNING x", "ab"),
        ),
    ),
    (
        "44",
        (
            ("CREATE TABLE plain (id int UNIQUE)", ""),
            ("CREATE TABLE late (id int UNIQUE DEFERRABLE)", ""),
            ("INSERT INTO plain VALUES (1), (2)", ""),
            ("INSERT INTO late VALUES (1), (2)", ""),
            ("UPDATE plain SET id = id + 1", "23505"),
            ("UPDATE late SET id = id + 1", "UPDATE 2"),
        ),
    ),
    (
        "45",
        (
            ("CREATE TABLE h (id int PRIMARY KEY, n int)", ""),
            ("CREATE INDEX ON h (n)", ""),
            ("INSERT INTO h SELECT g, g FROM generate_series(1, 50) g", ""),
            ("UPDATE h SET n = n + 100, id = id + 1000 WHERE n < 1000", "UPDATE 50"),
            ("INSERT INTO h SELECT id + 5000, n FROM h", "INSERT 0 50"),
            ("SELECT max(n), count(*) FROM h", "150|100"),
        ),
    ),
    (
        "47",
        (
            ("CREATE SEQUENCE s", ""),
            ("BEGIN", ""),
            ("SELECT nextval('s')", "1"),
            ("ROLLBACK", ""),
            ("SELECT nextval('s')", "2"),
        ),
    ),
    (
        "48",
        (("BEGIN", ""), ("SELECT 1/0", "22012"), ("SELECT 1", "25P02"), ("ROLLBACK", "ROLLBACK"), ("SELECT 1", "1")),
    ),
    (
        "49",
        (
            ("CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree)", ""),
            ("INSERT INTO tree VALUES (2, 1), (1, NULL)", "INSERT 0 2"),
            ("INSERT INTO tree VALUES (3, 4)", "23503"),
        ),
    ),
    (
        "50",
        (
            ("CREATE TABLE p (id int PRIMARY KEY)", ""),
            ("CREATE TABLE c (p int REFERENCES p ON DELETE CASCADE)", ""),
            ("INSERT INTO p VALUES (1)", ""),
            ("INSERT INTO c VALUES (1)", ""),
            ("DROP TABLE p", "2BP01"),
            ("SELECT count(*) FROM c", "1"),
            ("DROP TABLE p CASCADE", "DROP TABLE"),
            ("SELECT count(*) FROM c", "1"),
        ),
    ),
    (
        "55",
        (
            ("CREATE TYPE mood AS ENUM ('sad', 'happy')", ""),
            ("CREATE TABLE m (x mood)", ""),
            ("CREATE INDEX ON m (x)", ""),
            ("INSERT INTO m VALUES ('happy'), ('sad')", ""),
            ("ALTER TYPE mood ADD VALUE 'ok' BEFORE 'happy'", ""),
            ("INSERT INTO m VALUES ('ok')", ""),
            ("SELECT x FROM m ORDER BY x", "sad\nok\nhappy"),
            ("SELECT min(x), max(x) FROM m WHERE x > 'sad'", "ok|happy"),
        ),
    ),
)


def shown(answer: Answer) -> str:
    """Rows, tag or SQLSTATE of an answer."""
    assert not answer.lost, answer.lost
    if answer.error is not None:
        return answer.error.sqlstate
    result = answer.results[-1]
    if result.columns is None:
        return result.tag.decode()
    return "\n".join("|".join("NULL" if v is None else v.decode() for v in row) for row in result.rows)


@pytest.fixture(scope="module")
def shared(server: Server) -> Iterator[Connection]:
    """A connection for what changes nothing that others see."""
    server.make("traps")
    connection = server.connect("traps")
    assert connection.query("CREATE TABLE IF NOT EXISTS kept (id int)").error is None
    yield connection
    connection.close()


@pytest.mark.parametrize(("number", "sql", "expected"), ROWS, ids=[f"{n}-{s[:40]}" for n, s, _ in ROWS])
def test_what_it_gives(shared: Connection, number: str, sql: str, expected: str) -> None:
    assert shown(shared.query(sql)) == expected


@pytest.mark.parametrize(("number", "sql", "state"), ERRORS, ids=[f"{n}-{s[:40]}" for n, s, _ in ERRORS])
def test_what_it_refuses(shared: Connection, number: str, sql: str, state: str) -> None:
    answer = shared.query(sql)
    assert answer.error is not None
    assert answer.error.sqlstate == state


@pytest.mark.parametrize(("number", "script"), SCRIPTS, ids=[number for number, _ in SCRIPTS])
def test_what_comes_of_several(connection: Connection, number: str, script: tuple[tuple[str, str], ...]) -> None:
    for sql, expected in script:
        answer = connection.query(sql)
        found = shown(answer)
        assert found == expected if expected else answer.error is None, (sql, found)


def test_34_types_of_results(shared: Connection) -> None:
    sql = "SELECT date '2024-01-02' - date '2024-01-01', sum(1), sum(1::int8), avg(1), count(*)"
    columns = shared.query(sql).results[0].columns
    assert columns is not None
    assert [column.type_oid for column in columns] == [23, 20, 1700, 1700, 20]


def test_37_a_zero_byte_in_a_parameter(shared: Connection) -> None:
    data = encode_parse(b"", b"SELECT $1::text") + encode_bind(b"", b"", [b"a\0b"]) + encode_execute() + SYNC
    answer = shared.send(data)
    assert answer.error is not None
    assert answer.error.sqlstate == "22021"


def test_46_the_time_of_a_transaction(shared: Connection) -> None:
    shared.query("BEGIN")
    first, second = (shared.query("SELECT now()").results[0].rows for _ in range(2))
    shared.query("COMMIT")
    assert first == second
    assert shared.query("SELECT now()").results[0].rows > first


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT " + "+".join(["1"] * 2000), "2000"),
        ("SELECT count(*) FROM kept WHERE " + " OR ".join(f"id = {n + 10}" for n in range(1001)), "0"),
        ("SELECT count(*) FROM (" + " UNION ALL ".join(["SELECT 1"] * 501) + ") s", "501"),
    ],
    ids=["terms", "ors", "unions"],
)
def test_53_more_than_the_library_takes(shared: Connection, sql: str, expected: str) -> None:
    assert shown(shared.query(sql)) == expected


def test_53_many_parameters(shared: Connection) -> None:
    count = 33_000
    names = ",".join(f"${number + 1}" for number in range(count))
    parse = encode_parse(b"", f"SELECT count(*) FROM generate_series(1, 10) g WHERE g IN ({names})".encode())
    data = parse + encode_bind(b"", b"", [b"%d" % number for number in range(count)]) + encode_execute() + SYNC
    assert shared.send(data).results[0].rows == ((b"10",),)


def test_54_positions_count_characters(shared: Connection) -> None:
    answer = shared.query("SELECT 'é', nosuch")
    assert answer.error is not None
    assert answer.error.position == 13


def test_57_long_names_and_case(connection: Connection) -> None:
    long = "a" * 70
    answer = connection.query(f"CREATE TABLE {long} (Ä int, B int)")
    assert answer.error is None
    assert [notice.sqlstate for notice in answer.notices] == ["42622"]
    found = connection.query("SELECT relname FROM pg_class WHERE relname LIKE 'aaa%'")
    assert shown(found) == "a" * 63
    columns = connection.query(f"SELECT * FROM {'a' * 63}").results[0].columns
    assert columns is not None
    assert [column.name.decode() for column in columns] == ["Ä", "b"]
