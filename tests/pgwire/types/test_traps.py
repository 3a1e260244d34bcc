"""Traps for whoever puts PostgreSQL's types on SQLite, numbered as the list of the design has them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import apsw
import pytest

from socketworkers_pgwire.types import BY_NAME, Array, EnumType, SqlError
from socketworkers_pgwire.types import datetime_math as dm
from socketworkers_pgwire.types import interval_math as im
from socketworkers_pgwire.types import numeric_math as nm
from socketworkers_pgwire.types.floats import FLOAT8
from socketworkers_pgwire.types.integers import INT2, INT4, INT8
from socketworkers_pgwire.types.json_operators import field
from socketworkers_pgwire.types.sqlite import declare_column

NUMERIC, INTERVAL = BY_NAME["numeric"], BY_NAME["interval"]


def _state(function: Any, *arguments: Any) -> str:
    with pytest.raises(SqlError) as caught:
        function(*arguments)
    return caught.value.sqlstate


def _float(value: Any) -> float | str:
    assert isinstance(value, float | str)
    return value


def _shown(name: str, text: str) -> str:
    return BY_NAME[name].output(BY_NAME[name].input(text))


@pytest.fixture
def strict() -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    connection.execute(f"CREATE TABLE t ({declare_column('v', FLOAT8)}) STRICT")
    return connection


def test_1_nan_is_above_infinity_and_equal_to_itself(strict: apsw.Connection) -> None:
    for text in ("NaN", "Infinity", "-Infinity", "1.5", "NaN"):
        strict.execute("INSERT INTO t VALUES (?)", (FLOAT8.input(text),))
    rows = [FLOAT8.output(_float(row[0])) for row in strict.execute("SELECT v FROM t ORDER BY v")]
    assert rows == ["-Infinity", "1.5", "Infinity", "NaN", "NaN"]
    assert strict.execute("SELECT count(*) FROM t GROUP BY v ORDER BY v DESC LIMIT 1").fetchall() == [(2,)]
    strict.close()


def test_2_minus_zero_keeps_its_sign(strict: apsw.Connection) -> None:
    strict.execute("INSERT INTO t VALUES (?)", (FLOAT8.input("-0"),))
    (row,) = strict.execute("SELECT v FROM t").fetchall()
    assert FLOAT8.output(_float(row[0])) == "-0"
    assert FLOAT8.encode_column([_float(row[0])]) == [b"-0"]
    strict.close()


def test_3_division_by_zero_is_an_error() -> None:
    for function in (INT4.divide, INT4.modulo, INT8.divide):
        assert _state(function, 7, 0) == "22012"
    assert _state(nm.divide, Decimal(7), Decimal(0)) == _state(FLOAT8.divide, 7.0, 0.0) == "22012"


def test_4_integers_are_divided_toward_zero() -> None:
    assert (INT4.divide(-7, 2), INT4.modulo(-7, 2), INT4.modulo(7, -2)) == (-3, -1, 1)


def test_5_and_6_overflow_is_an_error() -> None:
    assert _state(INT4.add, 2_147_483_647, 1) == "22003"
    assert _state(INT8.add, (1 << 63) - 1, 1) == "22003"
    assert _state(INT8.divide, -(1 << 63), -1) == "22003"
    assert _state(INT2.negate, -32_768) == "22003"
    assert _state(FLOAT8.multiply, 1e308, 10.0) == "22003"
    assert _state(FLOAT8.multiply, 1e-308, 1e-308) == "22003"


@pytest.mark.parametrize("text", ["abc", "", "1.0"])
def test_7_what_is_no_integer_is_an_error(text: str) -> None:
    assert _state(INT4.input, text) == "22P02"
    assert INT4.input(" 12 ") == 12


def test_8_and_9_halves_go_away_from_zero_or_to_the_even_one() -> None:
    assert nm.to_integer(Decimal("2.5"), 32, "integer") == 3
    assert FLOAT8.to_integer(2.5, INT4.maximum, "integer") == 2
    assert nm.round_to(Decimal("2.5"), 0) == 3
    assert nm.round_to(Decimal("-2.5"), 0) == -3


def test_13_blanks_at_the_end_count_in_text_only() -> None:
    kind = BY_NAME["bpchar"].modified(BY_NAME["bpchar"].typmodin(["5"]))
    assert kind.input("a ") == kind.input("a") == "a"
    assert kind.output("a") == "a    "
    assert BY_NAME["bpchar"].equality("a ") == BY_NAME["bpchar"].equality("a")
    assert BY_NAME["text"].equality("a ") != BY_NAME["text"].equality("a")


def test_24_a_month_is_thirty_days() -> None:
    month, days, hours = (INTERVAL.input(text) for text in ("1 month", "30 days", "720:00"))
    assert INTERVAL.equality(month) == INTERVAL.equality(days) == INTERVAL.equality(hours)
    assert month != days


def test_25_numbers_are_spelled_as_postgresql_spells_them() -> None:
    assert _shown("float8", "1e15") == "1e+15"
    assert _shown("float8", "1e-5") == "1e-05"
    assert NUMERIC.store(nm.add(Decimal("0.1"), Decimal("0.2"))) == "0.3"
    assert FLOAT8.output(FLOAT8.divide(2.0, 3.0)) == "0.6666666666666666"


def test_26_and_27_the_scale_of_results() -> None:
    assert NUMERIC.store(nm.divide(Decimal("1.0"), Decimal(3))) == "0.33333333333333333333"
    assert NUMERIC.store(nm.divide(Decimal(3), Decimal(2))) == "1.5000000000000000"
    assert NUMERIC.store(nm.multiply(Decimal(10), Decimal("1.50"))) == "15.00"


def test_28_and_29_json_objects() -> None:
    assert field('{"a":1,"a":2}', "a") == "2"
    kind = BY_NAME["jsonb"]
    assert kind.equality(kind.input("1.0")) == kind.equality(kind.input("1"))
    assert kind.input('{"bb":1,"a":2}') == '{"a": 2, "bb": 1}'


def test_30_json_has_no_equality() -> None:
    assert not BY_NAME["json"].has_equality
    assert not BY_NAME["_json"].has_order
    assert BY_NAME["jsonb"].has_order


def test_31_nulls_in_arrays_are_equal() -> None:
    kind = BY_NAME["_numeric"]
    assert kind.equality(kind.input("{1.0,NULL}")) == kind.equality(kind.input("{1,NULL}"))


def test_35_the_last_day_of_a_shorter_month() -> None:
    stamp = BY_NAME["timestamp"]
    day = dm.date_to_timestamp(BY_NAME["date"].input("2024-01-31"))
    assert stamp.output(dm.add_interval(day, INTERVAL.load(INTERVAL.input("1 month")))) == "2024-02-29 00:00:00"
    back = dm.subtract_interval(day, INTERVAL.load(INTERVAL.input("11 months")))
    assert stamp.output(back) == "2023-02-28 00:00:00"


def test_36_arrays_are_written_without_blanks() -> None:
    kind = BY_NAME["_int4"]
    array = kind.load(kind.input("{ 1, 2 }"))
    assert kind.output(kind.store(Array([*array.items, 3], (3,), (1,)))) == "{1,2,3}"


def test_41_a_cast_cuts_and_an_assignment_does_not() -> None:
    kind = BY_NAME["varchar"].modified(BY_NAME["varchar"].typmodin(["2"]))
    assert kind.coerce("abc", explicit=True) == "ab"
    assert _state(kind.coerce, "abc") == "22001"
    assert kind.coerce("ab   ") == "ab"


def test_42_equal_numerics_of_different_scale() -> None:
    assert NUMERIC.equality("1.0") == NUMERIC.equality("1.00")
    assert NUMERIC.input("1.00") == "1.00"


def test_55_the_order_of_labels_may_change() -> None:
    before = EnumType(20_000, "mood", 20_001, ("sad", "happy"))
    after = EnumType(20_000, "mood", 20_001, ("sad", "ok", "happy"))
    assert before.order("happy") == 2
    assert after.order("happy") == 3
    assert before.ordkey("v") == after.ordkey("v")
    assert _state(before.input, "ok") == "22P02"


def test_parts_of_intervals_cascade_downward() -> None:
    assert im.multiply(INTERVAL.load(INTERVAL.input("1 month")), 1.5) == (1, 15, 0)
    assert im.divide(INTERVAL.load(INTERVAL.input("1 day")), 24) == (0, 0, 3_600_000_000)
    assert _state(im.divide, INTERVAL.load(INTERVAL.input("1 day")), 0.0) == "22012"
    assert _state(im.multiply, INTERVAL.load(INTERVAL.input("1 day")), float("nan")) == "22008"
