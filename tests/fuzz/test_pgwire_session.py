"""F2 for the PostgreSQL session: mutated streams of clients through a session with a database in memory.

Whatever comes, the session answers by the protocol or closes: no exception, nothing is held, what it writes can be
read, every ReadyForQuery has its cause, and a session that lives still answers a query.
"""

from __future__ import annotations

import random

import pytest
from tests.fuzz.mutation import cut, inputs_wanted, mutations, seed_wanted
from tests.fuzz.test_pgwire_codec import TOKENS
from tests.pgwire.session.scenarios import SCENARIOS
from tests.pgwire.session.world import ready

from socketworkers_pgwire import codec as c
from socketworkers_pgwire.session import State

CORPUS = [data[:-5] for data in SCENARIOS.values()]


def causes(data: bytes) -> int:
    """How many messages of a client ask for a ReadyForQuery."""
    decoder = c.Decoder()
    decoder.open()
    asking = (c.FrontendType.QUERY, c.FrontendType.SYNC, c.FrontendType.FUNCTION_CALL)
    return sum(
        isinstance(each, c.Query | c.Sync | c.FunctionCall) or (isinstance(each, c.Malformed) and each.type in asking)
        for each in decoder.receive(data)
    )


def check(data: bytes, chooser: random.Random) -> bool:
    """One input; whether the session lives."""
    world = ready()
    for piece in cut(data, chooser):
        world.send(piece)
        assert not world.session.paused
    brief = world.brief()
    assert sum(each.startswith("ready ") for each in brief) <= causes(data) + brief.count("CopyInResponse")
    assert world.session.held < 1 << 20
    if world.session.closed:
        assert world.session.held == 0
        assert world.send(c.SYNC) == []
        return False
    if world.session.held or world.session.state is State.COPY_IN:
        return True
    world.send(c.SYNC + c.encode_query(b"ROLLBACK") + c.encode_query(b"SELECT 1"))
    assert world.brief()[-4:] == ["RowDescription", "DataRow", "SELECT 1", "ready I"]
    assert not [each for each in world.session.names.portals.values() if not each.held]
    return True


@pytest.mark.catalogue("F2")
@pytest.mark.timeout(7200)
def test_mutated_streams() -> None:
    wanted = max(5_000, inputs_wanted(5_000) // 40)
    seed = seed_wanted()
    chooser = random.Random(seed)
    living = 0
    for number, data in enumerate(mutations(CORPUS, TOKENS, wanted, seed, 2_000)):
        try:
            living += check(data, chooser)
        except Exception as error:
            raise AssertionError(f"seed {seed}, input {number}: {data!r}") from error
    assert wanted / 5 < living < wanted
