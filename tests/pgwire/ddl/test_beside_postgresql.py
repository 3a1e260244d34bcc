"""The same statements on PostgreSQL 15 and on ours: what they answer, and what the catalogue says afterwards."""

from __future__ import annotations

import pytest
from tests.pgwire.ddl.scripts import QUERIES, SCRIPTS
from tests.pgwire.ddl.world import World
from tests.pgwire.types.server import Client

from socketworkers_pgwire.errors import SqlError


def _theirs(postgres: Client, statement: str) -> list[tuple[str | None, ...]]:
    found: list[tuple[str | None, ...]] = []
    for answer in postgres.run(statement):
        if answer.sqlstate:
            return [(answer.sqlstate, answer.message, answer.detail)]
        found.append(tuple(None if each is None else each.decode() for each in answer.fields))
    return found


def _ours(world: World, statement: str) -> list[tuple[str | None, ...]]:
    try:
        result = world.run(statement)
    except SqlError as error:
        return [(error.sqlstate, error.message, error.detail or "")]
    return result if isinstance(result, list) else []


@pytest.mark.parametrize("name", SCRIPTS)
def test_same_answers_and_same_rows(postgres: Client, world: World, name: str) -> None:
    postgres.run("DROP SCHEMA public CASCADE")
    postgres.run("DROP SCHEMA IF EXISTS other, s CASCADE")
    postgres.run("CREATE SCHEMA public")
    different: list[str] = []
    for statement in (*SCRIPTS[name], *QUERIES):
        theirs, ours = _theirs(postgres, statement), _ours(world, statement)
        if theirs != ours:
            only = [row for row in theirs if row not in ours], [row for row in ours if row not in theirs]
            different.append(f"{statement}\n  PostgreSQL {only[0]}\n  ours       {only[1]}")
    assert not different, "\n".join(different)
