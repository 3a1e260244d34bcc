"""F3: the same bytes to ours and to PostgreSQL 15, whose answers were captured. Every message is the same one.

What is not compared: where a column comes from (tables are the engine's matter), positions and hints of errors, and
source files.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from tests.pgwire.capture import read
from tests.pgwire.session.scenarios import SCENARIOS, STARTUPS
from tests.pgwire.session.world import World, ready
from tests.support.feed import feed_all_ways

from socketworkers_pgwire.codec import (
    BackendKeyData,
    Decoder,
    ErrorResponse,
    Message,
    NegotiateProtocolVersion,
    NoticeResponse,
    ParameterStatus,
    Report,
    RowDescription,
)
from socketworkers_pgwire.session import Startup, perform

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
    sent = {name: data for name, (data, _) in SAMPLES.items()}
    assert sent == SCENARIOS | STARTUPS, "run python -m tests.pgwire.capture"


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


#: settings, process ids and keys are each server's own
_OWN = (ParameterStatus, BackendKeyData)


def connection(data: bytes) -> bytes:
    """What our session answers to a whole connection."""
    world = World()
    for piece in (data, b""):
        told = world.send(piece)
        if told and isinstance(told[-1], Startup):
            world.take(world.session.started(7, b"key!", {}))
    assert world.session.closed
    return world.output


def without_own(data: bytes) -> tuple[bytes, list[object]]:
    """Bytes that answer requests for encryption, and the messages behind."""
    rest = data.lstrip(b"N") if data[1:2] != b"\0" else data
    messages = [each for each in decoded(rest) if not isinstance(each, _OWN)]
    return data[: len(data) - len(rest)], messages


def spoken(messages: list[object]) -> list[object]:
    """Messages without the versions that a server speaks."""
    found: list[object] = []
    for each in messages:
        if isinstance(each, ErrorResponse):
            report = replace(each.report, message=each.report.message.partition(": server supports")[0], detail="")
            found.append(ErrorResponse(report))
        elif isinstance(each, NegotiateProtocolVersion):
            found.append(each.options)
        else:
            found.append(each)
    return found


@pytest.mark.catalogue("F3")
@pytest.mark.parametrize("name", STARTUPS)
def test_connections_begin_as_with_postgresql(name: str) -> None:
    sent, answered = SAMPLES[name]
    if name == "startup: protocol 2.0":  # answered there in the form that protocol 2.0 had
        assert all(b"unsupported frontend protocol 2.0" in each for each in (connection(sent), answered))
        return
    ours = without_own(connection(sent))
    theirs = without_own(answered)
    assert ours[0] == theirs[0]
    if name in OTHERWISE:
        assert spoken(ours[1]) != spoken(theirs[1]), "no difference any more"
    else:
        assert spoken(ours[1]) == spoken(theirs[1])
