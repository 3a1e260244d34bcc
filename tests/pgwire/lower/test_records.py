"""Records whose fields differ from row to row: PostgreSQL has them, and we say that we do not."""

from __future__ import annotations

import pytest
from tests.pgwire.ddl.world import World

from socketworkers_pgwire.errors import SqlError


@pytest.mark.parametrize(
    "statement",
    [
        "values (row('a'::text)), (row('b'::text, 'c'::text))",
        "select v.a from (values (row(1)), (row('x'::text))) v(a)",
    ],
)
def test_they_are_refused(statement: str) -> None:
    world = World()
    with pytest.raises(SqlError) as caught:
        world.run(statement)
    world.close()
    assert (caught.value.sqlstate, caught.value.message) == (
        "0A000",
        "a column of records with different fields is not supported",
    )
