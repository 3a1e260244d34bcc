"""The grammar: statements and their borders, errors with SQLSTATE and place, and what nests deep."""

from __future__ import annotations

import subprocess
import sys

import pytest

from socketworkers_pgwire.errors import SqlError
from socketworkers_pgwire.sql.grammar import cut_names, fingerprint, normalize, parse, scan


def test_statements_of_a_query_string() -> None:
    found = parse(" select 1 ; ;\n select 'é' , nosuch;  ")
    assert [(each.kind, each.text) for each in found] == [
        ("SelectStmt", "select 1"),
        ("SelectStmt", "select 'é' , nosuch"),
    ]
    assert found[1].start == 15
    reference = found[1].tree["targetList"][1]["ResTarget"]["val"]["ColumnRef"]
    assert reference["location"] == len(" select 1 ; ;\n select 'é' , ")


def test_places_are_characters() -> None:
    # trap 54
    ((statement),) = parse("SELECT 'é€𝄞', nosuch, 'ü' AS \"ß\", x")
    places = [each["ResTarget"]["location"] for each in statement.tree["targetList"]]
    assert places == [7, 14, 22, 34]


@pytest.mark.parametrize("text", ["", " ", ";", " ; -- nothing\n"])
def test_nothing(text: str) -> None:
    assert parse(text) == []


@pytest.mark.parametrize(
    ("text", "sqlstate", "message", "position"),
    [
        ("select 1 +", "42601", "syntax error at end of input", 11),
        ("select 'é' from from", "42601", 'syntax error at or near "from"', 17),
        ("select 'a", "42601", 'unterminated quoted string at or near "\'a"', 8),
        ("/* a", "42601", 'unterminated /* comment at or near "/* a"', 1),
        ('select "', "42601", 'unterminated quoted identifier at or near """', 8),
        ("select U&'\\00zz'", "42601", "invalid Unicode escape", 11),
        ("select E'\\u00zz'", "22025", "invalid Unicode escape", 10),
        ("select E'\\xff'", "22021", 'invalid byte sequence for encoding "UTF8": 0xff', None),
        ("select '\0'", "22021", 'invalid byte sequence for encoding "UTF8": 0x00', None),
        ("select sum(1) over (rows unbounded following)", "42P20", "frame start cannot be UNBOUNDED FOLLOWING", 26),
        ("select 1::float(0)", "22023", "precision for type float must be at least 1 bit", 17),
        ("create schema if not exists s create table t (a int)", "0A000", None, 31),
        ("create table t (a int references b match partial)", "0A000", "MATCH PARTIAL not yet implemented", 36),
        ("select 1 fetch first 1 row with ties", "42601", None, None),
    ],
)
def test_errors(text: str, sqlstate: str, message: str | None, position: int | None) -> None:
    with pytest.raises(SqlError) as caught:
        parse(text)
    assert (caught.value.sqlstate, caught.value.position) == (sqlstate, position)
    assert message is None or caught.value.message == message


def test_deep_expressions() -> None:
    # trap 53
    assert len(parse("select 1" + "+1" * 2000)) == 1
    assert len(parse("select 1" + " union all select 1" * 2000)) == 1
    assert len(parse("select " + "(" * 2000 + "1" + ")" * 2000)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "select 1" + "+1" * 60_000,
        "select 1" + "+1" * 1_000_000,
        "select 1 from a" + " cross join a" * 100_000,
        "select a" + " collate c" * 100_000,
        "select 1" + "::a" * 200_000,
    ],
)
def test_too_deep_is_an_error(text: str) -> None:
    with pytest.raises(SqlError) as caught:
        parse(text)
    assert caught.value.sqlstate == "54001"


def test_deep_parentheses_are_an_error() -> None:
    with pytest.raises(SqlError) as caught:
        parse("select " + "(" * 100_000 + "1" + ")" * 100_000)
    assert caught.value.sqlstate == "42601"
    assert caught.value.message.startswith("memory exhausted")


def test_long_and_flat() -> None:
    text = "insert into t values " + ", ".join(["('2020-01-01 00:00:00+00', -1, 'a-b:c')"] * 20_000)
    (statement,) = parse(text)
    assert len(statement.tree["selectStmt"]["SelectStmt"]["valuesLists"]) == 20_000


def test_later_grammars_are_taken() -> None:
    # trap 56: what PostgreSQL 16 to 18 know besides
    (statement,) = parse("select 1_000, 0x10")
    values = [each["ResTarget"]["val"]["A_Const"]["ival"]["ival"] for each in statement.tree["targetList"]]
    assert values == [1000, 16]


def test_tokens() -> None:
    text = "select 'é', 1.5 -- x"
    data = text.encode()
    found = [(data[each.start : each.end].decode(), each.keyword) for each in scan(text)]
    assert found == [("select", 4), ("'é'", 0), (",", 0), ("1.5", 0), ("-- x", 0)]


def test_names_that_are_cut() -> None:
    # trap 57
    text = f"select 1 as {'a' * 70}, 2 as \"{'é' * 40} x\", '{'b' * 100}'"
    found = cut_names(text)
    assert found == [("a" * 70, "a" * 63), ("é" * 40 + " x", "é" * 31)]
    (statement,) = parse(text)
    names = [each["ResTarget"].get("name") for each in statement.tree["targetList"]]
    assert names == ["a" * 63, "é" * 31, None]
    assert cut_names("select 1 as a") == []


def test_shapes() -> None:
    assert normalize("select 1, 'a' from t where b = 2") == "select $1, $2 from t where b = $3"
    assert fingerprint("select 1") == fingerprint("SELECT  2")
    assert fingerprint("select a") != fingerprint("select b")
    with pytest.raises(SqlError):
        normalize("select from from")


def test_protobuf_is_not_imported() -> None:
    code = (
        "import sys; from socketworkers_pgwire.sql.grammar import parse; parse('select 1');"
        "assert not any(name.startswith(('google', 'postgast')) for name in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
