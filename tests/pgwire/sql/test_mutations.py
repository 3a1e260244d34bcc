"""Statements of the battery, spoiled: the analysis gives a tree or PostgreSQL's error, and the deparser what is read as
the same."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from socketworkers_pgwire.errors import SqlError
from socketworkers_pgwire.sql.analyze import Notes, analyze
from socketworkers_pgwire.sql.deparse import deparse_query
from socketworkers_pgwire.sql.grammar import parse, scan
from socketworkers_pgwire.sql.nodes import Query

from .tables import World, statements

INPUTS = int(os.environ.get("SOCKETWORKERS_FUZZ_INPUTS", "20000"))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The tables of schema.sql."""
    found = World()
    yield found
    found.close()


def words(sql: str) -> list[str]:
    """The tokens of a statement."""
    data = sql.encode()
    return [data[token.start : token.end].decode() for token in scan(sql)]


def spoil(rng: random.Random, lists: list[list[str]], pool: list[str]) -> str:
    """A statement of the battery with some tokens left out, put in, changed or exchanged."""
    found = list(rng.choice(lists))
    for _ in range(rng.choice((1, 1, 2, 3))):
        place = rng.randrange(len(found)) if found else 0
        kind = rng.randrange(5)
        if kind == 0 and found:
            del found[place]
        elif kind == 1 and found:
            found[place] = rng.choice(pool)
        elif kind == 2:
            found.insert(place, rng.choice(pool))
        elif kind == 3:
            other = rng.choice(lists)
            start = rng.randrange(len(other))
            found[place : place + rng.randrange(3)] = other[start : start + rng.randrange(1, 6)]
        elif len(found) > 1:
            second = rng.randrange(len(found))
            found[place], found[second] = found[second], found[place]
    return " ".join(found)


def types_of(query: Query) -> list[int]:
    """Types of the columns."""
    return [output.expr.type for output in query.outputs if not output.junk]


def test_spoiled_statements(world: World) -> None:
    rng = random.Random(5)
    lists = [words(sql) for lines in statements().values() for sql in lines if sql.strip()]
    pool = [word for each in lists for word in each]
    analysed = 0
    for _ in range(INPUTS):
        sql = spoil(rng, lists, pool)
        try:
            raws = parse(sql)
        except SqlError:
            continue
        for raw in raws:
            notes = Notes()
            try:
                query = analyze(raw, world.catalog, [], settings=world.settings, notes=notes)
            except SqlError as wrong:
                if wrong.position is not None and not 0 < wrong.position <= len(sql) + 1:
                    pytest.fail(f"{wrong.message} at {wrong.position}: {sql}")
                continue
            analysed += 1
            if isinstance(query, Query) and query.command == "select" and "$" not in sql:
                check_text(world, query, notes)
    assert analysed > INPUTS // 100


def check_text(world: World, query: Query, notes: Notes) -> None:
    """The text of a query is read as a query with the same columns."""
    try:
        text = deparse_query(query, world.catalog, notes.views, settings=world.settings)
    except SqlError as wrong:
        if wrong.sqlstate != "0A000":
            raise
        return
    (raw,) = parse(text)
    again = analyze(raw, world.catalog, settings=world.settings, stored=True)
    assert isinstance(again, Query)
    assert types_of(again) == types_of(query), text
