"""Inputs that are made to be slow or deep are answered at once."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from socketworkers_pgwire.types import BY_NAME, SqlError
from socketworkers_pgwire.types import numeric_math as nm
from socketworkers_pgwire.types.json_operators import contains, element, field, strip_nulls
from socketworkers_pgwire.types.text import VARCHAR

MILLION = 1_000_000


@pytest.mark.parametrize(
    ("name", "text", "sqlstate"),
    [
        ("float8", "1" * MILLION, "22003"),
        ("float4", "1" * MILLION, "22003"),
        ("float8", "1e" + "9" * MILLION, "22003"),
        ("numeric", "1" * MILLION, "22003"),
        ("numeric", "0." + "1" * MILLION, "22003"),
        ("numeric", "1e" + "9" * MILLION, "22003"),
        ("int4", "1" * MILLION, "22003"),
        ("int8", "-" + "9" * MILLION, "22003"),
        ("oid", "9" * MILLION, "22003"),
        ("timestamp", "," * MILLION, "22007"),
        ("timestamptz", "2000-01-01 " + "a" * MILLION, "22007"),
        ("date", "1" * MILLION, "22007"),
        ("interval", "1 " * MILLION, "22007"),
        ("json", "[" * MILLION, "54001"),
        ("jsonb", '{"a":' * MILLION, "54001"),
        ("json", '"' + "a" * MILLION, "22P02"),
        ("_int4", "{" * MILLION, "54000"),
        ("_text", "{" + '"a",' * 10_000 + "}", "22P02"),
        ("uuid", "a" * MILLION, "22P02"),
        ("tid", "(" * MILLION, "22P02"),
        ("bool", "t" * MILLION, "22P02"),
    ],
)
def test_refused_at_once(name: str, text: str, sqlstate: str) -> None:
    start = time.thread_time()
    with pytest.raises(SqlError) as caught:
        BY_NAME[name].input(text)
    assert caught.value.sqlstate == sqlstate
    assert time.thread_time() - start < 0.5


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("int8", "0" * MILLION, 0),
        ("int4", "-" + "0" * MILLION + "7", -7),
        ("numeric", "0" * MILLION, "0"),
        ("timestamp", " " * MILLION + "2000-01-01" + " " * MILLION, 0),
        ("float8", "0." + "0" * 100_000 + "1e100001", 1.0),
    ],
)
def test_taken_at_once(name: str, text: str, value: object) -> None:
    start = time.thread_time()
    assert BY_NAME[name].input(text) == value
    assert time.thread_time() - start < 0.5


def test_what_was_read_at_some_depth_is_an_error_when_it_is_too_deep_to_handle() -> None:
    kind = BY_NAME["jsonb"]
    deep = "[1.5," * 5_000 + "1" + "]" * 5_000
    for name in ("order", "equality", "load"):
        with pytest.raises(SqlError) as caught:
            getattr(kind, name)(deep)
        assert (caught.value.sqlstate, caught.value.message) == ("54001", "stack depth limit exceeded")
    with pytest.raises(SqlError, match="stack depth limit exceeded"):
        contains(deep, deep)
    with pytest.raises(SqlError, match="stack depth limit exceeded"):
        strip_nulls(deep)
    with pytest.raises(SqlError, match="stack depth limit exceeded"):
        element(deep, 1)
    with pytest.raises(SqlError, match="stack depth limit exceeded"):
        field('{"a": ' + deep + "}", "a")


@pytest.mark.parametrize("text", ["[" * 500 + "]" * 500, "[" + "[1]," * 5_000 + "{}]", '["' + "[" * 5_000 + '"]'])
def test_what_is_not_deep_is_taken(text: str) -> None:
    assert BY_NAME["json"].input(text) == text
    assert BY_NAME["jsonb"].input(BY_NAME["jsonb"].input(text)) == BY_NAME["jsonb"].input(text)


def test_powers_and_exponentials_are_bounded() -> None:
    start = time.thread_time()
    for base, exponent in (("9.999999999", "200000"), ("10", "2147483647"), ("1.5", "99999.5")):
        with pytest.raises(SqlError, match="value overflows numeric format"):
            nm.power(Decimal(base), Decimal(exponent))
    for exponent in ("6000", "1e50000"):
        with pytest.raises(SqlError, match="value overflows numeric format"):
            nm.exp(Decimal(exponent))
    assert nm.power(Decimal("0.1"), Decimal(2_147_483_647)) == 0
    assert nm.exp(Decimal(-10_000)) == 0
    assert time.thread_time() - start < 1


def test_modifiers_of_statements_do_not_pile_up() -> None:
    kept = VARCHAR.modified(5)
    for typmod in range(5, 2_000):
        VARCHAR.modified(typmod)
    assert len(VARCHAR.variants) < 1_000
    assert VARCHAR.variants[-1] is VARCHAR
    assert kept.modified(-1) is VARCHAR


@pytest.mark.parametrize(
    "data", [b"\x00\x00\x00\x01" + b"\0" * 8 + b"\x7f\xff\xff\xff\0\0\0\1", b"\0\0\0\6" + b"\xff" * 60]
)
def test_an_array_that_announces_more_than_it_has(data: bytes) -> None:
    with pytest.raises(SqlError) as caught:
        BY_NAME["_int4"].receive(data)
    assert caught.value.sqlstate in ("54000", "22P03", "42804")
