"""Types, names, origins and errors of many statements, beside the answers of PostgreSQL 15 (golden.json)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from .tables import FOLDER, World, statements

GOLDEN = json.loads((FOLDER / "golden.json").read_text())
#: what is not supported, and says so
REFUSED = json.loads((FOLDER / "refused.json").read_text())
#: where the answer is another one, and why
DIFFERENT = json.loads((FOLDER / "different.json").read_text())


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The tables of schema.sql."""
    found = World()
    yield found
    found.close()


@pytest.mark.parametrize("file", statements())
def test_answers_are_postgresqls(world: World, file: str) -> None:
    wrong = {}
    for sql in statements()[file]:
        if not sql.strip():
            continue
        answer = world.answer(sql)
        answer = json.loads(json.dumps(answer))
        if sql in REFUSED:
            assert answer["sqlstate"] == "0A000", sql
            assert answer["message"] == REFUSED[sql]
        elif sql in DIFFERENT:
            assert answer != GOLDEN[sql], f"no longer different: {sql}"
        elif answer != GOLDEN[sql]:
            wrong[sql] = (answer, GOLDEN[sql])
    assert not wrong
