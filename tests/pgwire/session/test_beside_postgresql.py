"""F3: the same bytes to ours and to PostgreSQL 15, whose answers were captured. Every message is the same one.

What is not compared: where a column comes from (tables are the engine's matter), positions and hints of errors, and
source files.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from tests.pgwire.capture import read
from tests.pgwire.session.scenarios import SCENARIOS
from tests.pgwire.session.world import ready
from tests.support.feed import feed_all_ways

from socketworkers_pgwire.codec import (
    Decoder,
    ErrorResponse,
    Message,
    NoticeResponse,
    Report,
    RowDescription,
)
from socketworkers_pgwire.session import perform

SAMPLES = read()

#: scenarios where ours answers otherwise, and why
OTHERWISE = {
    "malformed: length 3": "ours says why before it closes",
    "malformed: length -1": "ours says why before it closes",
    "malformed: small message too large": "ours says why before it closes",
}


def comparable(message: Message) -> object:
    """A message without what is not compared."""
    if isinstance(message, RowDescription):
        return RowDescription(tuple([replace(each, table_oid=0, column=0) for each in message.fields]))
    if isinstance(message, ErrorResponse | NoticeResponse):
        report = message.report
        return type(message)(
            Report(severity=report.severity, sqlstate=report.sqlstate, message=report.message, detail=report.detail)
        )
    return message


def decoded(data: bytes) -> list[object]:
    """The messages of a server."""
    decoder = Decoder(role="frontend")
    messages = decoder.receive(data)
    assert decoder.fault is None, decoder.fault
    assert not decoder.buffered
    return [comparable(message) for message in messages]


def ours(pieces: list[bytes]) -> tuple[bytes, str]:
    """What our session answers, and how it ends."""
    world = ready()
    for piece in (*pieces, b""):
        world.send(piece)
    return world.output, world.closed()


def inline(pieces: list[bytes]) -> tuple[bytes, str]:
    """The same, with an engine that answers inline."""
    world = ready()
    world.session.inline = partial(perform, world.engine)
    for piece in (*pieces, b""):
        world.send(piece)
    assert world.engine.requests == [], "no request became an event"
    return world.output, world.closed()


def test_all_scenarios_are_sampled() -> None:
    assert {name: data for name, (data, _) in SAMPLES.items()} == SCENARIOS, "run python -m tests.pgwire.capture"


@pytest.mark.catalogue("F3")
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_answers_are_those_of_postgresql(name: str) -> None:
    sent, answered = SAMPLES[name]
    output, reason = feed_all_ways(sent, ours, rounds=2)
    assert inline([sent]) == (output, reason)
    if name in OTHERWISE:
        assert decoded(output) != decoded(answered), "no difference any more"
    else:
        assert decoded(output) == decoded(answered)
    assert reason in ("terminate", "protocol", "eof")
