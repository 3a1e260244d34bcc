"""Rows made of JSON, and JSON made of rows: what needs the types of columns. Answers as PostgreSQL 15 gave them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.pgwire.functions.evaluate import SETTINGS
from tests.pgwire.functions.session import Session

from socketworkers_pgwire.functions import CallSite, find
from socketworkers_pgwire.functions.kinds import BY_SQL_NAME
from socketworkers_pgwire.types import RecordType, SqlError

INTEGER, TEXT, NUMBERS, JSONB = (BY_SQL_NAME[name] for name in ("integer", "text", "integer[]", "jsonb"))
ROW = RecordType((INTEGER, TEXT, NUMBERS), ("a", "b", "c"))


def _rows(signature: str, call: CallSite, *arguments: Any) -> list[tuple[Any, ...]]:
    entry = find(signature)
    assert entry is not None
    assert entry.kind == "rows"
    return list(entry.function(call)(Session.execution(SETTINGS), *arguments))


def test_a_record_has_the_members_that_its_columns_name() -> None:
    call = CallSite((JSONB,), None, ROW.fields, names=ROW.names)
    assert _rows("jsonb_to_record(jsonb)", call, '{"a": 1, "c": [1, 2], "z": 0}') == [(1, None, "[1,2]")]
    assert _rows("jsonb_to_record(jsonb)", call, '{"a": "7", "b": {"x": 1}}') == [(7, '{"x": 1}', None)]


def test_a_set_of_records() -> None:
    call = CallSite((JSONB,), None, ROW.fields, names=ROW.names)
    found = _rows("jsonb_to_recordset(jsonb)", call, '[{"a": 1, "b": "x"}, {"c": [[1, 2], [3, 4]]}]')
    assert found == [(1, "x", None), (None, None, "[[1,2],[3,4]]")]


def test_what_a_row_had_stays() -> None:
    call = CallSite((ROW, JSONB), ROW, ROW.fields, names=ROW.names)
    base = ROW.store((5, "old", None))
    assert _rows("jsonb_populate_record(anyelement,jsonb)", call, base, '{"b": null, "c": []}') == [(5, None, "[]")]


@pytest.mark.parametrize(
    ("text", "sqlstate", "message"),
    [
        ("[1]", "22023", "cannot call jsonb_to_record on an array"),
        ("1", "22023", "cannot call jsonb_to_record on a scalar"),
        ('{"a": "x"}', "22P02", 'invalid input syntax for type integer: "x"'),
        ('{"c": [[1], [2, 3]]}', "22P02", "malformed JSON array"),
    ],
)
def test_what_is_no_row(text: str, sqlstate: str, message: str) -> None:
    call = CallSite((JSONB,), None, ROW.fields, names=ROW.names)
    with pytest.raises(SqlError) as caught:
        _rows("jsonb_to_record(jsonb)", call, text)
    assert (caught.value.sqlstate, caught.value.message) == (sqlstate, message)


@pytest.mark.parametrize(
    ("signature", "written"),
    [
        ("row_to_json(record)", '{"a":1,"b":"x\\"","c":[1,2]}'),
        ("to_jsonb(anyelement)", '{"a": 1, "b": "x\\"", "c": [1, 2]}'),
    ],
)
def test_rows_become_objects(signature: str, written: str) -> None:
    entry = find(signature)
    assert entry is not None
    function = entry.function(CallSite((ROW,), JSONB))
    assert function(Session.execution(SETTINGS), ROW.store((1, 'x"', "[1,2]"))) == written


def test_rows_are_compared_field_by_field() -> None:
    entry = find("record_lt(record,record)")
    assert entry is not None
    less = entry.function(CallSite((ROW, ROW), None))
    first, second = ROW.store((1, "a", None)), ROW.store((1, "b", "[1]"))
    assert (less(first, second), less(second, first)) == (1, 0)
    # NULL is above all else
    assert less(ROW.store((1, None, None)), first) == 0
