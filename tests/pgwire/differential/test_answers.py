"""The answers of ours beside those of PostgreSQL 15, on the sources that are quick: shares that may only grow.

All sources, and what differs, statement by statement: ``make differential``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.interop.live import absent

from .__main__ import compare_sources
from .report import differences_text, kinds_text
from .runner import Server
from .servers import Unavailable, ours, postgresql
from .source import find

#: source, and the share of 100 that is equal at least
FLOORS = {
    "client/pgbench": 100.0,
    "client/node-postgres": 100.0,
    "client/asyncpg": 100.0,
    "client/psycopg": 100.0,
    "introspection/jdbc": 100.0,
    "introspection/npgsql": 100.0,
    "battery/literals": 93.0,
    "battery/numbers": 100.0,
    "battery/datetime": 95.0,
    "battery/strings": 100.0,
    "battery/queries": 98.0,
    "battery/extended": 98.0,
    "battery/orm": 100.0,
    "battery/errors": 96.0,
    "battery/transactions": 97.0,
    "battery/dml": 97.0,
    "battery/privileges": 100.0,
    "regress/boolean": 100.0,
    "regress/int4": 100.0,
}


@pytest.fixture(scope="session")
def servers() -> Iterator[tuple[Server, Server]]:
    """PostgreSQL and ours."""
    try:
        with postgresql() as theirs, ours() as other:
            yield Server(theirs, timeout=5), Server(other, timeout=5)
    except Unavailable as reason:
        absent(str(reason))


@pytest.mark.parametrize("name", FLOORS)
def test_the_share_of_equal_answers(servers: tuple[Server, Server], name: str) -> None:
    (source,) = find([name])
    (outcome,) = compare_sources([source], *servers)
    told = f"{kinds_text([outcome], 20)}\n" + "\n".join(differences_text([outcome], 3))
    assert outcome.share >= FLOORS[name], f"{outcome.share:.1f} % of {outcome.count}\n{told}"
