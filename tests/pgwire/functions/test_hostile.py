"""Arguments that would take all memory or all time: refused, computed in time that grows with the text, or stopped."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
from tests.pgwire.functions.evaluate import SETTINGS
from tests.pgwire.functions.session import Session

from socketworkers_pgwire.functions import CallSite, find
from socketworkers_pgwire.functions.kinds import BY_SQL_NAME
from socketworkers_pgwire.types import SqlError


def _call(signature: str, *arguments: Any) -> Any:
    entry = find(signature)
    assert entry is not None, signature
    given = [Session.execution(SETTINGS), *arguments] if entry.context else list(arguments)
    return entry.function(*given)


@pytest.mark.parametrize(
    ("signature", "arguments"),
    [
        ("repeat(text,integer)", ("abc", 2_000_000_000)),
        ("lpad(text,integer,text)", ("", 2_000_000_000, "x")),
        ("rpad(text,integer,text)", ("", 2_000_000_000, "x")),
        ("replace(text,text,text)", ("a" * 100_000, "a", "b" * 100_000)),
        ("regexp_replace(text,text,text,text)", ("a" * 10_000, "a", "b" * 100_000, "g")),
    ],
)
def test_what_would_be_too_long_is_refused(signature: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(SqlError) as caught:
        _call(signature, *arguments)
    assert caught.value.sqlstate == "54000"


def test_a_filled_array_is_bounded() -> None:
    entry = find("array_fill(anyelement,integer[])")
    assert entry is not None
    fill = entry.function(CallSite((BY_SQL_NAME["integer"], BY_SQL_NAME["integer[]"]), BY_SQL_NAME["integer[]"]))
    with pytest.raises(SqlError) as caught:
        fill(1, "[100000,100000]")
    assert caught.value.sqlstate == "54000"


@pytest.mark.parametrize(
    ("signature", "arguments"),
    [
        ("generate_series(bigint,bigint)", (1, (1 << 63) - 1)),
        ("generate_series(numeric,numeric)", ("1", "1e1000")),
        ("generate_series(integer,integer,integer)", (2_147_483_645, 2_147_483_647, 1)),
    ],
)
def test_series_are_made_as_they_are_asked_for(signature: str, arguments: tuple[Any, ...]) -> None:
    rows = list(itertools.islice(_call(signature, *arguments), 3))
    assert [int(row[0]) for row in rows] == [int(arguments[0]) + place for place in range(3)]


BOMBS = (
    ("(a+)+$", "a" * 5_000 + "b"),
    ("(a|aa)+$", "a" * 5_000 + "b"),
    ("^(a|a?)+$", "a" * 2_000 + "b"),
    ("(x+x+)+y", "x" * 5_000),
    ("^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 5_000),
    ("(.*)(.*)(.*)(.*)(.*)z", "x" * 3_000),
)


@pytest.mark.parametrize(("pattern", "text"), BOMBS, ids=[pattern for pattern, _ in BOMBS])
def test_expressions_that_explode_elsewhere_are_linear(pattern: str, text: str) -> None:
    began = time.process_time()
    assert _call("textregexeq(text,text)", text, pattern) == 0
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "pattern", ["((a{1,250}){1,250}){1,250}", "(((((((a{9}){9}){9}){9}){9}){9}){9})", "(" * 200 + ")" * 200]
)
def test_expressions_that_are_too_large_are_refused(pattern: str) -> None:
    with pytest.raises(SqlError) as caught:
        _call("textregexeq(text,text)", "a", pattern)
    assert caught.value.sqlstate == "2201B"


def test_a_long_search_is_stopped() -> None:
    entry = find("textregexeq(text,text)")
    assert entry is not None
    execution = Session.execution(SETTINGS)
    execution.session.cancel_after = 3
    with pytest.raises(SqlError) as caught:
        entry.function(execution, "x" * 100_000, "y")
    assert caught.value.sqlstate == "57014"


def test_a_search_with_references_is_stopped() -> None:
    entry = find("textregexeq(text,text)")
    assert entry is not None
    execution = Session.execution(SETTINGS)
    execution.session.cancel_after = 200
    with pytest.raises(SqlError) as caught:
        entry.function(execution, "a" * 300 + "cb", r"(a+)(a+)(a+)(a+)\1\2\3\4b")
    assert caught.value.sqlstate == "57014"


def test_a_path_through_many_values_is_stopped() -> None:
    entry = find("jsonb_path_query_array(jsonb,jsonpath,jsonb,boolean)")
    assert entry is not None
    execution = Session.execution(SETTINGS)
    execution.session.cancel_after = 1
    target = str(list(range(3_000)))
    with pytest.raises(SqlError) as caught:
        entry.function(execution, target, "$[*]?(@ == $[*])", "{}", 0)
    assert caught.value.sqlstate == "57014"


def test_a_pattern_of_like_with_many_signs_is_quick() -> None:
    began = time.process_time()
    assert _call("textlike(text,text)", "a" * 20_000, "%a" * 200 + "%b") == 0
    assert time.process_time() - began < 5
