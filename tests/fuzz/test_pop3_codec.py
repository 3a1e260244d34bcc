"""F1 for POP3: mutated inputs, cut at random. See ``test_smtp_codec``; the same variables count here."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz.mutation import cut, inputs_wanted, load_corpus, mutations, seed_wanted

from socketworkers.sasl import Credentials, ScramVerifier
from socketworkers_smtp.pop3 import Commit, Entry, Fetch, OpenMaildrop, Pop3Config, Pop3Session
from socketworkers_smtp.session import Authenticate, Authenticated, AuthFailed, Close, StartTls

CORPUS = load_corpus(Path(__file__).parent / "corpus" / "pop3" / "corpus.txt")
USERS = Credentials({"alice": ScramVerifier.from_password("secret", b"salt" * 4, 8)}, secret=b"fuzz" * 8)
TOKENS = [
    b"\r\n", b"\r", b"\n", b" ", b"\0", b"1", b"2", b"0", b"9", b"-", b"USER alice\r\n", b"PASS secret\r\n",
    b"RETR 1\r\n", b"RETR 2\r\n", b"TOP 2 ", b"DELE 1\r\n", b"LIST\r\n", b"UIDL\r\n", b"RSET\r\n", b"QUIT\r\n",
    b"CAPA\r\n", b"AUTH PLAIN ", b"AGFsaWNlAHNlY3JldA==\r\n", b"*\r\n", b"STLS\r\n", b"\xff", b"\xc3\xa9",
    b"x" * 100, b"STAT\r\n", b"NOOP\r\n",
]  # fmt: skip
LIMIT = 500
MESSAGES = (b"S: one\r\n\r\nbody\r\n", b".S: two\r\n\r\n.\r\n\n.\r\nx\r.\r\nlast", b"")
COMPARED = Pop3Config(mechanisms=("PLAIN", "LOGIN", "SCRAM-SHA-256"))
ALONE = Pop3Config(starttls=True)


def run(pieces: list[bytes], config: Pop3Config) -> tuple[bytes, tuple[object, ...]]:
    """A whole session: its output, and what happened."""
    session = Pop3Session(config, loopback=True, credentials=USERS, nonce=lambda: "nonce-of-the-server")
    session.greet()
    outcome: list[object] = []
    output: list[bytes] = []
    for piece in (*pieces, b""):
        events = session.receive(piece)
        while events:
            following = []
            for event in events:
                outcome.append(event)
                if isinstance(event, Authenticate):
                    following = session.auth_result("alice" if event.password == "secret" else None)
                elif isinstance(event, AuthFailed):
                    following = session.auth_result(None)
                elif isinstance(event, OpenMaildrop):
                    following = session.maildrop([Entry(f"u{n}", len(m)) for n, m in enumerate(MESSAGES)])
                elif isinstance(event, Fetch):
                    session.body(MESSAGES[event.index])
                    following = session.body_end()
                elif isinstance(event, Commit):
                    following = session.committed()
                elif isinstance(event, StartTls):
                    session.tls_started()
                else:
                    assert isinstance(event, Close | Authenticated)
            events = following
        output.append(session.take_output())
        assert session.held <= 12_288 + LIMIT
        assert not session.paused
    assert session.closed
    written = b"".join(output)
    assert written.endswith(b"\r\n")
    assert written.count(b"\n") == written.count(b"\r\n") == written.count(b"\r")
    return written, tuple(outcome)


def check(data: bytes, chooser: random.Random, number: int) -> None:
    """One input: whole and cut must agree; another configuration must only survive it."""
    pieces = cut(data, chooser)
    assert run(pieces, COMPARED) == run([data] if data else [], COMPARED), pieces
    if number % 4 == 0:
        run(pieces, ALONE)


@pytest.mark.catalogue("F1")
@pytest.mark.timeout(7200)
def test_mutated_inputs() -> None:
    seed = seed_wanted()
    chooser = random.Random(seed)
    count = 0
    for number, data in enumerate(mutations(CORPUS, TOKENS, inputs_wanted(200_000), seed, LIMIT)):
        try:
            check(data, chooser, number)
        except Exception as error:
            raise AssertionError(f"seed {seed}, input {number}: {data!r}") from error
        count += 1
    assert count == inputs_wanted(200_000)


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) >= 500


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(TOKENS) | st.binary(max_size=20), max_size=20), st.randoms(use_true_random=False))
def test_sequences_of_tokens(parts: list[bytes], chooser: random.Random) -> None:
    check(b"".join(parts), chooser, 0)
