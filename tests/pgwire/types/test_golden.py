"""What PostgreSQL 15 answered once (`make_golden.py`), without one at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.pgwire.types.compare import (
    SETTINGS,
    answer_of_both,
    answer_of_operation,
    means_to_differ,
    same,
    wraps_around,
)
from tests.pgwire.types.operations import OPERATIONS, argument_type
from tests.pgwire.types.server import Answer

from socketworkers_pgwire.types import BY_NAME

CASES = json.loads(Path(__file__).with_name("golden.json").read_text())
SETTINGS_OF_ALL = SETTINGS["default"][1]


def _answer(record: list[str | None]) -> Answer:
    if len(record) == 2 and isinstance(record[0], str) and len(record[0]) == 5 and record[1] and " " in record[1]:
        return Answer((), record[0], record[1])
    first, *rest = record
    binary = tuple(bytes.fromhex(field) for field in rest if field is not None)
    return Answer((None if first is None else first.encode(), *binary))


@pytest.mark.parametrize("name", sorted({case[0] for case in CASES if case[0] in BY_NAME}))
def test_values(name: str) -> None:
    kind = BY_NAME[name]
    cases = [case for case in CASES if case[0] == name]
    assert cases
    for _, text, *record in cases:
        theirs = _answer(record)
        ours = answer_of_both(kind, text, SETTINGS_OF_ALL, kind)
        assert same(theirs, ours) or means_to_differ(theirs, ours, text), (text, theirs, ours)


@pytest.mark.parametrize("sql", OPERATIONS)
def test_operations(sql: str) -> None:
    names = OPERATIONS[sql][0]
    cases = [case for case in CASES if case[0] == sql]
    assert cases
    for _, texts, *record in cases:
        row = [
            (text, argument_type(name).input(text, SETTINGS_OF_ALL)) for text, name in zip(texts, names, strict=True)
        ]
        theirs, ours = _answer(record), answer_of_operation(sql, row, SETTINGS_OF_ALL)
        assert same(theirs, ours) or wraps_around(sql, theirs, ours), (texts, theirs, ours)
