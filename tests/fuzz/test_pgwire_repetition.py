"""F2 for chunks that come again: whatever is changed in one, a session that knows its like says what one says that has
to read it, byte by byte, and goes on in the same state (session/repetition.py)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from tests.fuzz.mutation import inputs_wanted, mutations, seed_wanted
from tests.fuzz.test_pgwire_codec import TOKENS
from tests.pgwire.session.tiny import Plan, TinyEngine
from tests.pgwire.session.world import World, ready

from socketworkers_pgwire import codec as c
from socketworkers_pgwire.session import Hole, Open, ParseQuery, Ran, Repeated

PREPARED = {
    b"s": b"select $1::int4",
    b"t": b"select $1::text, $2::int4",
    b"b": b"begin",
    b"c": b"commit",
    b"n": b"select 7",
}


def piece(name: bytes, *values: bytes | None, describe: bool = True, formats: tuple[int, ...] = ()) -> bytes:
    described = c.encode_describe(b"P") if describe else b""
    return c.encode_bind(b"", name, values, formats) + described + c.encode_execute()


PRELUDE = [
    b"".join([c.encode_parse(name, text) for name, text in PREPARED.items()]) + c.SYNC,
    piece(b"s", b"1") + c.SYNC,
    piece(b"n", describe=False) + c.SYNC,
    piece(b"b") + piece(b"t", b"x", None) + piece(b"c") + c.SYNC,
    c.encode_query(b"select 12"),
]
CORPUS = [
    piece(b"s", b"1") + c.SYNC,
    piece(b"s", None) + c.SYNC,
    piece(b"s", b"12", describe=False) + c.SYNC,
    piece(b"s", b"12", formats=(0,)) + c.SYNC,
    piece(b"t", b"text", b"5") + c.SYNC,
    piece(b"t", b"", None) + c.SYNC,
    piece(b"n", describe=False) + c.SYNC,
    piece(b"b") + c.SYNC,
    piece(b"c") + c.SYNC,
    piece(b"b") + piece(b"s", b"3") + piece(b"t", b"x", b"4") + piece(b"c") + c.SYNC,
    piece(b"s", b"3") + piece(b"s", b"4") + c.SYNC,
    piece(b"s", b"3") + c.SYNC + piece(b"s", b"4") + c.SYNC,
    c.encode_query(b"select 12"),
    c.encode_query(b"select 345678"),
    c.encode_query(b"select 12; select 13"),
    c.encode_query(b"select 1/0"),
    c.encode_query(b"begin"),
]
BEHIND = [
    piece(b"s", b"9") + c.SYNC,
    c.encode_query(b"select 99"),
    piece(b"b") + piece(b"t", b"y", b"1") + piece(b"c") + c.SYNC,
    c.encode_execute() + c.SYNC,
]


class Again:
    """Runs what the tiny database can run at once."""

    def __init__(self, engine: TinyEngine, handle: object, taken: list[object]) -> None:
        self.engine = engine
        self.handle = handle
        self.taken = taken

    def __call__(self, parameters: Sequence[bytes | None], text: bytes = b"") -> Repeated | None:
        answer = at_once(self.engine, text.decode() if text else self.handle, parameters)
        if answer is not None:
            self.taken.append(self.handle)
        return None if answer is None else (answer.data, answer.count, answer.tag)

    def within(self, parameters: Sequence[bytes | None]) -> Repeated | None:
        return self(parameters)


def at_once(engine: TinyEngine, handle: object, parameters: Sequence[bytes | None]) -> Ran | None:
    if not isinstance(handle, Plan | str):
        return None
    plan = handle if isinstance(handle, Plan) else engine._plan(handle, ())
    if plan.rows is None or plan.tag != "SELECT" or "generate" in plan.text or "/" in plan.text:
        return None
    rows = list(plan.rows(list(parameters)))
    return Ran(plan.columns, c.encode_rows(rows), len(rows), f"SELECT {len(rows)}")


def made(repeats: bool, taken: list[object]) -> World:
    """A session that does what it can at once; one that repeats, or one that does not."""
    world = ready()
    engine, session = world.engine, world.session

    def shortcut(request: Open, commits: bool) -> Ran | None:
        return (
            None
            if any(request.formats) or any(request.result_formats)
            else at_once(engine, request.handle, request.parameters)
        )

    def text(request: Open) -> tuple[tuple[Hole, ...], Again] | None:
        asked = engine.requests[-1]
        if not isinstance(asked, ParseQuery) or asked.text != request.handle:
            return None
        found = re.finditer(r"[0-9]+", asked.text)
        return tuple([Hole(each.start(), each.end(), False) for each in found]), Again(engine, asked.text, taken)

    session.shortcut = shortcut
    if repeats:
        session.repeatable = lambda request: Again(engine, request.handle, taken)
        session.repeatable_text = text
    return world


def send(world: World, data: bytes) -> bytes:
    """What a chunk is answered, as a worker gives it to a session."""
    events = world.session.repeat(data)
    world.take(world.session.receive(data) if events is None else events)
    output, world.output = world.output, b""
    return output


def check(data: bytes, taken: list[object], told: str) -> None:
    """One input, between chunks that are known and chunks that would be."""
    knowing, reading = made(True, taken), made(False, [])
    for chunk in (*PRELUDE, data, *BEHIND):
        if not chunk or knowing.session.closed:
            break
        where = f"{told}: {data!r}, at {chunk!r}"
        assert send(knowing, chunk) == send(reading, chunk), where
        one, other = knowing.session, reading.session
        assert (one.state, one.status, one.held) == (other.state, other.status, other.held), where
        assert list(one.names.portals) == list(other.names.portals), where
        assert list(one.names.statements) == list(other.names.statements), where


@pytest.mark.catalogue("F2")
@pytest.mark.timeout(7200)
def test_mutated_repetitions() -> None:
    wanted = max(2_000, inputs_wanted(2_000) // 20)
    seed = seed_wanted()
    taken: list[object] = []
    for number, data in enumerate(mutations(CORPUS, TOKENS, wanted, seed, 2_000)):
        check(data, taken, f"seed {seed}, input {number}")
    assert len(taken) > len(CORPUS)


@pytest.mark.catalogue("F2")
@pytest.mark.parametrize("byte", [0, 0x27, 0x31, 0xFF])
def test_each_byte_of_a_known_chunk_is_changed(byte: int) -> None:
    taken: list[object] = []
    for number, data in enumerate(CORPUS):
        for place in range(len(data)):
            changed = bytearray(data)
            changed[place] = byte
            check(bytes(changed), taken, f"chunk {number}, place {place}")
            check(data[:place], taken, f"chunk {number} up to {place}")
    assert len(taken) > 2 * len(CORPUS)
