"""F1 for the mail session and its codec: mutated inputs, cut at random.

Nothing but replies may come of any input: no exception, the same outcome however the bytes are cut, bounded memory, one
answer for each message, and an output that is lines of printable ASCII with codes. ``SOCKETWORKERS_FUZZ_INPUTS`` sets
the number of inputs; a million of them is ``make fuzz``. Every input is run twice at least: whole, and cut.
"""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz.mutation import cut, inputs_wanted, load_corpus, mutations, seed_wanted

from socketworkers.sasl import Credentials, ScramVerifier
from socketworkers_smtp.session import (
    Abandoned,
    Authenticate,
    Authenticated,
    AuthFailed,
    BodyChunk,
    Close,
    Message,
    MessageEnd,
    MessageStart,
    Session,
    SessionConfig,
    StartTls,
)

CORPUS = load_corpus(Path(__file__).parent / "corpus" / "smtp" / "corpus.txt")
USERS = Credentials({"alice": ScramVerifier.from_password("secret", b"salt" * 4, 8)}, secret=b"fuzz" * 8)
TOKENS = [
    b"\r\n", b"\r", b"\n", b".", b"\r\n.\r\n", b"\n.\n", b"\0", b" ", b"<", b">", b"@", b":", b'"', b"\\", b"=",
    b"+0A", b"EHLO c\r\n", b"MAIL FROM:<a@b>\r\n", b"RCPT TO:<c@d>\r\n", b"DATA\r\n", b"BDAT 5\r\n",
    b"BDAT 3 LAST\r\n", b"RSET\r\n", b"QUIT\r\n", b"NOOP\r\n", b"AUTH PLAIN ", b" SIZE=9", b" BODY=BINARYMIME",
    b" SMTPUTF8", b" NOTIFY=NEVER", b"\xc3\xa9", b"\xff", b"Received: x\r\n", b"x" * 70,
    b"AGFsaWNlAHNlY3JldA==\r\n", b"*\r\n", b"STARTTLS\r\n", b"[IPv6:::1]", b"LAST",
]  # fmt: skip
LIMIT = 600
SMALL = {"max_size": 300, "max_line": 120, "inline_body": 64, "max_hops": 2, "max_header_lines": 9, "discard": 200}
MECHANISMS = ("PLAIN", "LOGIN", "SCRAM-SHA-256")
COMPARED = [
    SessionConfig(**SMALL, mechanisms=MECHANISMS, refuse_early_body=False, max_recipients=2, max_messages=3),  # type: ignore[arg-type]
    SessionConfig(mechanisms=MECHANISMS, refuse_early_body=False, max_errors=50, max_errors_before_hello=50),
    SessionConfig(**SMALL, lmtp=True, refuse_early_body=False),  # type: ignore[arg-type]
]
ALONE = [
    SessionConfig(starttls=True, require_tls=True, mechanisms=MECHANISMS),
    SessionConfig(starttls=True, chunking=False, dsn=False, smtputf8=False),
]
LINES = re.compile(rb"(?:[2345][0-9]{2}[ -][ -~]*\r\n)*\Z")
HELD = 12_288 + LIMIT

Outcome = tuple[bytes, tuple[object, ...]]


def run(pieces: list[bytes], config: SessionConfig) -> Outcome:
    """A whole session: its output, and what happened (spooled messages as a whole, abandoned ones not at all)."""
    session = Session(config, loopback=True, credentials=USERS, nonce=_nonce)
    session.greet()
    outcome: list[object] = []
    spool: list[bytes] | None = None
    output: list[bytes] = []
    for piece in (*pieces, b""):
        events = session.receive(piece)
        while events:
            following = []
            for event in events:
                kind = type(event)
                if kind is BodyChunk:
                    assert spool is not None
                    spool.append(event.data)  # type: ignore[union-attr]
                elif kind is MessageStart:
                    assert spool is None
                    spool = []
                elif kind is Abandoned:
                    assert spool is not None
                    spool = None
                elif kind is Message:
                    outcome.append((event.envelope, event.body))  # type: ignore[union-attr]
                    following = session.accepted("Q")
                elif kind is MessageEnd:
                    assert spool is not None
                    outcome.append((event.envelope, b"".join(spool)))  # type: ignore[union-attr]
                    spool = None
                    following = session.accepted("Q")
                elif kind is Authenticate:
                    outcome.append(event)
                    following = session.auth_result("alice" if event.password == "secret" else None)  # type: ignore[union-attr]
                elif kind is AuthFailed:
                    following = session.auth_result(None)
                elif kind is StartTls:
                    session.tls_started()
                elif kind is Close or kind is Authenticated:
                    outcome.append(event)
                else:
                    raise AssertionError(event)
            events = following
        output.append(session.take_output())
        assert session.held <= HELD
        assert not session.paused
    assert session.closed
    assert spool is None
    assert isinstance(outcome[-1], Close)
    written = b"".join(output)
    assert LINES.match(written), written
    return written, tuple(outcome)


def _nonce() -> str:
    return "nonce-of-the-server"


def check(data: bytes, chooser: random.Random, number: int) -> None:
    """One input: whole and cut must agree; another configuration must only survive it."""
    config = COMPARED[number % len(COMPARED)]
    if config.lmtp:
        data = data.replace(b"EHLO", b"LHLO")
    whole = run([data] if data else [], config)
    pieces = cut(data, chooser)
    assert run(pieces, config) == whole, pieces
    if number % 4 == 0:
        run(pieces, ALONE[number // 4 % len(ALONE)])


@pytest.mark.catalogue("F1")
@pytest.mark.timeout(7200)
def test_mutated_inputs() -> None:
    wanted = inputs_wanted(200_000)
    seed = seed_wanted()
    chooser = random.Random(seed)
    slowest = 0.0
    count = 0
    for number, data in enumerate(mutations(CORPUS, TOKENS, wanted, seed, LIMIT)):
        before = time.thread_time()
        try:
            check(data, chooser, number)
        except Exception as error:
            raise AssertionError(f"seed {seed}, input {number}: {data!r}") from error
        slowest = max(slowest, time.thread_time() - before)
        count += 1
    assert count == wanted
    assert slowest < 0.1, "no input keeps the loop busy for longer than 100 ms"


def test_the_corpus_is_large_and_every_input_of_it_passes_in_every_configuration() -> None:
    assert len(CORPUS) >= 500
    chooser = random.Random(1)
    for data in CORPUS:
        for number in range(12):
            check(data, chooser, number)


LINE = st.sampled_from([entry for entry in CORPUS if len(entry) < 80]) | st.binary(max_size=30)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(TOKENS) | LINE, max_size=20), st.integers(0, 11), st.randoms(use_true_random=False))
def test_sequences_of_tokens(parts: list[bytes], number: int, chooser: random.Random) -> None:
    check(b"".join(parts), chooser, number)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.randoms(use_true_random=False))
def test_messages_come_back_exactly(body: bytes, chooser: random.Random) -> None:
    """Any bytes by BDAT, and what DATA can carry by DATA."""
    config = SessionConfig(inline_body=50)
    chunked = b"EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT %d LAST\r\n%s" % (len(body), body)
    _, outcome = run(cut(chunked, chooser), config)
    assert isinstance(outcome[0], tuple)
    assert outcome[0][1] == body
    lines = body.replace(b"\r", b"").replace(b"\n", b"\r\n") + b"\r\n"
    stuffed = (b"\r\n" + lines).replace(b"\r\n.", b"\r\n..")[2:]
    _, outcome = run(
        cut(b"EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n" + stuffed + b".\r\n", chooser), config
    )
    assert isinstance(outcome[0], tuple)
    assert outcome[0][1] == lines
