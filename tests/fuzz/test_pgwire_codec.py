"""F1 for the PostgreSQL codec: mutated inputs, cut at random. See ``test_smtp_codec``; the same variables count here.

Nothing but messages and one fault may come of any input: no exception, the same outcome however the bytes are cut,
bounded memory, and what was read is what its messages say when they are written again.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz.make_pgwire_corpus import KNOWN, pgwire
from tests.fuzz.mutation import cut, inputs_wanted, load_corpus, mutations, seed_wanted
from tests.pgwire.codec.strategies import encode
from tests.pgwire.codec.wire import STARTUP, Outcome, run

from socketworkers_pgwire import codec as c

CORPUS = load_corpus(Path(__file__).parent / "corpus" / "pgwire" / "corpus.txt")
TOKENS = [
    b"\0", b"\x01", b"\x7f", b"\x80", b"\xff", b"\0\0", b"\0\1", b"\xff\xff", b"\0\0\0\0", b"\0\0\0\4", b"\0\0\0\5",
    b"\0\0\0\x08", b"\xff\xff\xff\xff", b"\xff\xff\xff\xfe", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\x27\x10",
    b"\0\3\0\0", b"\0\3\0\2", c.SSL_REQUEST, c.GSSENC_REQUEST, STARTUP, c.SYNC, c.FLUSH, c.TERMINATE, c.COPY_DONE,
    c.encode_query(b"SELECT 1"), c.encode_parse(b"s", b"SELECT $1", [23]), c.encode_bind(b"", b"s", [b"1", None]),
    c.encode_execute(), c.encode_describe(b"P"), c.encode_close(b"S", b"s"), c.encode_copy_data(b"1\n"),
    c.encode_copy_fail(b"x"), c.encode_password(b"x"), c.READY["I"], c.PARSE_COMPLETE, c.BIND_COMPLETE, c.NO_DATA,
    c.encode_rows([(b"1", None)]), c.encode_command_complete(b"SELECT 1"), b"SERROR\0", b"C42601\0", b"Mx\0", b"user\0",
    b"_pq_.", b"S", b"P", b"B", b"d", b"p", b"E", b"Q",
]  # fmt: skip
LIMIT = 600
MAX_MESSAGE = 300

#: role, and whether a client is logged in
CONFIGURATIONS: list[tuple[c.Role, bool]] = [
    ("backend", True), ("backend", True), ("frontend", True), ("backend", False), ("backend", True),
]  # fmt: skip


def again(message: object) -> bytes | None:
    """The bytes of a message; None for what cannot be written as it was read."""
    if isinstance(message, c.Malformed):
        return None
    if isinstance(message, c.ErrorResponse | c.NoticeResponse):
        report = message.report
        texts = [value for value in (getattr(report, name) for name in report.__slots__) if isinstance(value, str)]
        if not (report.sqlstate and report.message) or any(not text.isascii() for text in texts):
            return None
    return encode(message)


def check(data: bytes, chooser: random.Random, number: int) -> Outcome:
    """One input: whole and cut must agree, and so must what is written of it."""
    role, opened = CONFIGURATIONS[number % len(CONFIGURATIONS)]
    whole = run([data] if data else [], role=role, opened=opened, max_message=MAX_MESSAGE)
    pieces = cut(data, chooser)
    assert run(pieces, role=role, opened=opened, max_message=MAX_MESSAGE) == whole, pieces
    written = [again(message) for _, message in whole[0]]
    if written and None not in written:
        stream = b"".join([each for each in written if each is not None])
        read = run([stream], role=role, opened=opened, max_message=2 * MAX_MESSAGE)
        assert read == (whole[0], "", "")
    for name, message in whole[0]:
        if isinstance(message, c.Bind):
            assert 0 not in message.portal + message.statement
        elif isinstance(message, c.Query | c.Parse):
            assert 0 not in message.text
        elif isinstance(message, c.Malformed):
            assert role == "backend"
            assert message.message
        assert name
    return whole


@pytest.mark.catalogue("F1")
@pytest.mark.timeout(7200)
def test_mutated_inputs() -> None:
    wanted = inputs_wanted(200_000)
    seed = seed_wanted()
    chooser = random.Random(seed)
    slowest = 0.0
    count = messages = faults = 0
    for number, data in enumerate(mutations(CORPUS, TOKENS, wanted, seed, LIMIT)):
        before = time.thread_time()
        try:
            found, sqlstate, _ = check(data, chooser, number)
        except Exception as error:
            raise AssertionError(f"seed {seed}, input {number}: {data!r}") from error
        slowest = max(slowest, time.thread_time() - before)
        count += 1
        messages += len(found)
        faults += bool(sqlstate)
    assert count == wanted
    assert messages > wanted / 4, "most inputs say something"
    assert wanted / 4 < faults <= wanted
    assert slowest < 0.1, "no input keeps the loop busy for longer than 100 ms"


def test_the_corpus_is_large_and_every_input_of_it_passes_in_every_configuration() -> None:
    assert len(CORPUS) >= 500
    assert pgwire() == CORPUS, "run python -m tests.fuzz.make_pgwire_corpus"
    chooser = random.Random(1)
    for data in CORPUS:
        for number in range(5):
            check(data, chooser, number)


@pytest.mark.parametrize("entry", KNOWN)
def test_known_attacks(entry: str) -> None:
    data = KNOWN[entry]
    assert data in CORPUS
    for role, opened in set(CONFIGURATIONS):
        whole = run([data], role=role, opened=opened)
        for place in range(1, len(data)):
            assert run([data[:place], data[place:]], role=role, opened=opened) == whole


PIECE = st.sampled_from(TOKENS) | st.binary(max_size=20) | st.sampled_from([each for each in CORPUS if len(each) < 60])


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(PIECE, max_size=20), st.integers(0, 100), st.randoms(use_true_random=False))
def test_sequences_of_tokens(parts: list[bytes], number: int, chooser: random.Random) -> None:
    check(b"".join(parts), chooser, number)
