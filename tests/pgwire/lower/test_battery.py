"""Statements from their text to their rows, beside what PostgreSQL 15 answered."""

from __future__ import annotations

import json

import pytest
from tests.pgwire.ddl.world import World
from tests.pgwire.lower.battery import GOLDEN, Answer, parts

from socketworkers_pgwire.errors import SqlError
from socketworkers_pgwire.sql.grammar import parse

EXPECTED: dict[str, list[Answer]] = json.loads(GOLDEN.read_text())


def _ask(world: World, statement: str) -> Answer:
    try:
        result = world.run(statement)
    except SqlError as error:
        return [error.sqlstate, error.message, error.detail or ""]
    return [list(row) for row in result] if isinstance(result, list) else []


def _comparable(statement: str, answer: Answer) -> Answer:
    """Rows of a query that tells no order are compared as a set."""
    if answer and isinstance(answer[0], list):
        (raw,) = parse(statement)
        if "sortClause" not in raw.tree:
            return sorted(answer, key=repr)
    return answer


@pytest.mark.parametrize("name", list(parts()))
def test_answers_are_those_of_postgresql(name: str) -> None:
    world = World()
    different = []
    for statement, expected in zip(parts()[name], EXPECTED[name], strict=True):
        found = _ask(world, statement)
        if _comparable(statement, found) != _comparable(statement, expected):
            different.append((statement, found, expected))
    world.close()
    assert not different, "\n".join(f"{text}\n  {found}\n  {expected}" for text, found, expected in different)
