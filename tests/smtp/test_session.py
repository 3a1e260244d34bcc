"""The session beyond what transcripts show: events, large messages, pauses, deadlines, shutdown, policy."""

from __future__ import annotations

import base64

import pytest
from tests.support.feed import feed_all_ways
from tests.support.mail import USERS, Driver, LocalPolicy, Taken, converse

from socketworkers.errors import StateError
from socketworkers.sasl import ScramClient
from socketworkers_smtp import replies
from socketworkers_smtp.codec import NULL, Address
from socketworkers_smtp.headers import received, return_path
from socketworkers_smtp.replies import Reply
from socketworkers_smtp.session import (
    ALLOWED,
    ROWS,
    Abandoned,
    Authenticate,
    Authenticated,
    AuthFailed,
    BodyChunk,
    Close,
    Event,
    Message,
    MessageEnd,
    MessageStart,
    Session,
    SessionConfig,
    StartTls,
    State,
    Timeouts,
)

MAIL = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\n"


def test_every_row_of_the_table_names_its_section() -> None:
    for verb, states, section in ROWS:
        assert section.startswith("RFC ")
        assert verb in Session._HANDLERS or verb == "BDAT"
        assert states
    assert not [state for state, _ in ALLOWED if state in (State.CONNECTED, State.DATA, State.TLS, State.CLOSED)]


def test_a_small_message_is_one_event_however_it_comes() -> None:
    stream = b"EHLO c.example\r\n" + MAIL + b"DATA\r\n..x\r\n.\r\nQUIT\r\n"

    def run(pieces: list[bytes]) -> tuple[bytes, list[Event], list[Taken]]:
        return converse(pieces)

    _, events, taken = feed_all_ways(stream, run, rounds=10)
    assert events == [Close("quit")]
    assert [message.body for message in taken] == [b".x\r\n"]


def test_a_large_message_comes_in_chunks_of_bounded_size() -> None:
    body = b"Subject: x\r\n\r\n" + b"0123456789abcde\r\n" * 20000
    driver = Driver().in_data()
    driver.send(body + b".\r\n")
    assert driver.taken[0].body == body
    session = Driver().in_data().session
    events = session.receive(body[:70000])
    assert isinstance(events[0], MessageStart)
    assert [type(event) for event in events[1:]] == [BodyChunk, BodyChunk]
    assert session.held == 0
    events = session.receive(body[70000:] + b".\r\n")
    assert isinstance(events[-1], MessageEnd)
    assert events[-1].size == len(body)


def test_the_envelope_holds_what_was_said() -> None:
    driver = Driver(SessionConfig(mechanisms=("PLAIN",)))
    driver.ehlo().send(b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n")
    driver.send(b"MAIL FROM:<> SIZE=10 RET=FULL ENVID=x AUTH=a+2Bb@c SMTPUTF8\r\n")
    driver.send(b"RCPT TO:<b@example.net> NOTIFY=NEVER\r\nRCPT TO:<b@example.net>\r\nDATA\r\n", b"x\r\n.\r\n")
    envelope = driver.taken[0].envelope
    assert envelope.sender == NULL
    assert [each.address for each in envelope.recipients] == [Address("b", "example.net")] * 2
    assert envelope.parameters.auth == Address("a+b", "c")
    assert (envelope.helo, envelope.protocol, envelope.user) == ("client.example", "UTF8SMTPA", "alice")
    assert not envelope.chunked


def test_auth_parameter_is_not_trusted_without_authentication_rfc_4954_5() -> None:
    driver = Driver(SessionConfig(mechanisms=("PLAIN",))).in_rcpt(b" AUTH=root@example.org")
    driver.send(b"BDAT 1 LAST\r\nx")
    assert driver.taken[0].envelope.parameters.auth == NULL
    assert driver.taken[0].envelope.chunked


@pytest.mark.parametrize(
    ("lmtp", "secure", "hello", "protocol"),
    [
        (False, False, b"HELO a\r\n", "SMTP"),
        (False, True, b"HELO a\r\n", "SMTP"),
        (False, False, b"EHLO a\r\n", "ESMTP"),
        (False, True, b"EHLO a\r\n", "ESMTPS"),
        (True, False, b"LHLO a\r\n", "LMTP"),
        (True, True, b"LHLO a\r\n", "LMTPS"),
    ],
)
def test_protocol_words_rfc_3848(lmtp: bool, secure: bool, hello: bytes, protocol: str) -> None:
    driver = Driver(SessionConfig(lmtp=lmtp), secure=secure)
    driver.send(hello + MAIL + b"DATA\r\n", b".\r\n")
    assert driver.taken[0].envelope.protocol == protocol


def test_trace_fields_rfc_5321_4_4() -> None:
    driver = Driver().in_data()
    driver.send(b".\r\n")
    envelope = driver.taken[0].envelope
    field = received(
        envelope, peer="2001:db8::1", hostname="mx.example", queue_id="Q1", seconds=0.0, tls="TLSv1.3 (evil)\r\n"
    )
    assert field == (
        b"Received: from client.example ([IPv6:2001:db8::1])\r\n\t(using TLSv1.3 evilrn)\r\n"
        b"\tby mx.example with ESMTP id Q1\r\n\tfor <b@example.net>;\r\n\tThu, 01 Jan 1970 00:00:00 +0000\r\n"
    )
    assert return_path(NULL) == b"Return-Path: <>\r\n"
    assert return_path(Address("a b", "c")) == b'Return-Path: <"a b"@c>\r\n'
    assert all(len(line) < 998 for line in field.splitlines())


def test_pipelined_commands_wait_for_the_answer() -> None:
    session = Driver().in_data().session
    events = session.receive(b"x\r\n.\r\nNOOP\r\nQUIT\r\n")
    assert isinstance(events[-1], Message)
    assert session.take_output() == b""
    assert session.paused
    assert session.next_timeout() is None
    assert session.receive(b"QUIT\r\n") == []
    assert session.accepted("ABC") == [Close("quit")]
    assert session.take_output().splitlines()[0] == b"250 2.0.0 Ok: queued as ABC"


def test_an_end_of_stream_behind_a_message_does_not_lose_the_answer() -> None:
    session = Driver().in_data().session
    session.receive(b"x\r\n.\r\nNOOP\r\n")
    assert session.receive(b"") == []
    assert session.accepted("ABC") == [Close("eof")]
    assert session.take_output().count(b"250 ") == 2


def test_what_is_held_while_paused_is_bounded() -> None:
    driver = Driver(SessionConfig(max_held=1000)).in_data()
    session = driver.session
    session.receive(b"x\r\n.\r\nNOOP\r\n")
    assert session.receive(b"NOOP\r\n" * 50) == []
    assert session.receive(b"NOOP\r\n" * 200) == [Close("held input")]
    assert session.take_output().startswith(b"421 4.7.0 ")
    assert session.held == 0


def test_a_message_that_the_worker_refuses() -> None:
    driver = Driver(answer=lambda session, taken: session.refused(replies.NO_SPACE)).in_data()
    assert driver.send(b"x\r\n.\r\nNOOP\r\n") == [
        b"452 4.3.1 Insufficient system storage, try again later",
        b"250 2.0.0 Ok",
    ]
    closing = Driver(answer=lambda session, taken: session.refused(replies.INTERNAL_ERROR)).in_data()
    assert closing.codes(b"x\r\n.\r\nNOOP\r\n") == [421]
    assert closing.session.closed


def test_lmtp_answers_each_recipient_rfc_2033_4_2() -> None:
    answers = [Reply(250, "2.1.5", "one"), Reply(452, "4.2.2", "two is full")]
    driver = Driver(SessionConfig(lmtp=True), answer=lambda session, taken: session.accepted("Q", answers))
    driver.in_rcpt().send(b"RCPT TO:<c@example.net>\r\nDATA\r\n")
    assert driver.send(b"x\r\n.\r\nNOOP\r\n") == [b"250 2.1.5 one", b"452 4.2.2 two is full", b"250 2.0.0 Ok"]
    wrong = Driver(SessionConfig(lmtp=True)).in_data().session
    wrong.receive(b".\r\n")
    with pytest.raises(ValueError):
        wrong.accepted("Q", answers)


def test_lmtp_with_bdat_answers_each_recipient_behind_the_last_chunk() -> None:
    driver = Driver(SessionConfig(lmtp=True)).in_rcpt()
    driver.send(b"RCPT TO:<c@example.net>\r\n")
    assert driver.codes(b"BDAT 1\r\nx") == [250]
    assert driver.codes(b"BDAT 1 LAST\r\ny") == [250, 250]


def test_answers_without_a_question_are_misuse() -> None:
    session = Session(SessionConfig())
    session.greet()
    with pytest.raises(StateError):
        session.accepted("x")
    with pytest.raises(StateError):
        session.refused(replies.OK)
    with pytest.raises(StateError):
        session.auth_result("x")
    with pytest.raises(StateError):
        session.tls_started()
    with pytest.raises(StateError):
        session.greet()


def test_the_policy_decides_and_positive_answers_are_sent_as_they_are() -> None:
    class Forwarding(LocalPolicy):
        def check_recipient(self, *arguments: object) -> Reply | None:
            return Reply(251, "2.1.5", "will forward")

    driver = Driver(policy=Forwarding()).in_mail()
    assert driver.send(b"RCPT TO:<b@example.net>\r\n") == [b"251 2.1.5 will forward"]
    assert driver.session.recipient_count == 1
    assert Driver().ehlo().codes(b"MAIL FROM:<spammer@example.org>\r\n") == [550]


def test_refused_connection() -> None:
    session = Session(SessionConfig())
    assert session.greet(replies.TOO_MANY_CONNECTIONS) == [Close("refused")]
    assert session.take_output().startswith(b"421 ")
    assert session.receive(b"EHLO a\r\n") == []


def test_deadlines_are_on_states_rfc_5321_4_5_3_2() -> None:
    session = Session(SessionConfig(timeouts=Timeouts(command=5, data_start=2, data_block=3, auth=1)))
    session.greet()
    seen = []

    def token(data: bytes) -> tuple[str, float]:
        session.receive(data)
        timeout = session.next_timeout()
        assert timeout is not None
        seen.append(timeout.token)
        return timeout.kind, timeout.seconds

    assert token(b"EHLO a") == ("command", 5)
    assert token(b"b") == ("command", 5)
    assert seen[0] == seen[1], "bytes of an unfinished command do not prolong it (C5)"
    token(b"\r\n")
    assert seen[2] != seen[1]
    token(MAIL)
    assert token(b"DATA\r\n") == ("data start", 2)
    assert token(b"x") == ("data block", 3)
    start = seen[-1]
    for _ in range(100):
        token(b"y")
    assert seen[-1] == start, "a byte now and then does not prolong the block (C5)"
    token(b"z" * 16384)
    assert seen[-1] != start
    session.receive(b"\r\n.\r\n")
    assert session.next_timeout() is None
    session.accepted("Q")
    assert session.timed_out() == [Close("timeout")]
    assert session.take_output().splitlines()[-1].startswith(b"421 4.4.2")


def test_a_timeout_within_a_large_message_abandons_it() -> None:
    driver = Driver().in_data()
    driver.send(b"x" * 70000)
    assert driver.session.timed_out() == [Abandoned("timeout"), Close("timeout")]


def test_shutdown_lets_the_message_end_rfc_5321_3_8() -> None:
    idle = Driver().ehlo()
    assert idle.session.shutdown() == [Close("shutdown")]
    assert idle.session.take_output().startswith(b"421 4.3.2")
    busy = Driver().in_data()
    assert busy.session.shutdown() == []
    assert busy.codes(b"x\r\n.\r\nNOOP\r\n") == [250, 421]
    assert busy.session.closed
    chunks = Driver().in_rcpt()
    chunks.send(b"BDAT 1\r\nx")
    assert chunks.session.shutdown() == []
    assert chunks.codes(b"BDAT 1 LAST\r\ny") == [250, 421]
    assert chunks.session.closed


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [((b"x" * 70000, b""), "eof"), ((b"x" * 70000 + b"\n",), "refused"), ((b"x" * 30_000_000,), "refused")],
)
def test_what_was_spooled_is_abandoned(pieces: tuple[bytes, ...], reason: str) -> None:
    session = Driver().in_data().session
    events: list[Event] = []
    for piece in pieces:
        events += session.receive(piece)
    abandoned = [event for event in events if isinstance(event, Abandoned)]
    started = [event for event in events if isinstance(event, MessageStart)]
    assert len(abandoned) == len(started)
    assert not abandoned or abandoned == [Abandoned(reason)]


def test_a_message_that_never_ends_is_cut_off() -> None:
    driver = Driver(SessionConfig(max_size=1000, discard=10_000)).in_data()
    assert driver.codes(*[b"x" * 1000] * 20) == [552]
    assert driver.session.closed
    chunked = Driver(SessionConfig(max_size=1000, discard=10_000)).in_rcpt()
    assert chunked.codes(b"BDAT 999999999999\r\n") == [552]
    assert chunked.session.closed


def test_too_many_header_lines() -> None:
    driver = Driver(SessionConfig(max_header_lines=100)).in_data()
    assert driver.codes(b"X: y\r\n" * 101 + b"\r\n.\r\n") == [554]
    accepted = Driver(SessionConfig(max_header_lines=100)).in_data()
    assert accepted.codes(b"X: y\r\n" * 100 + b"\r\n" + b"z\r\n" * 500 + b".\r\n") == [250]


def test_hops_are_counted_in_the_header_only_rfc_5321_6_3() -> None:
    assert Driver().in_data().codes(b"Received: x\r\n" * 50 + b"\r\n.\r\n") == [250]
    assert Driver().in_data().codes(b"RECEIVED: x\r\n" * 51 + b"\r\n.\r\n") == [554]
    assert Driver().in_data().codes(b"\r\n" + b"Received: x\r\n" * 100 + b".\r\n") == [250]


def scram(driver: Driver, client: ScramClient, *, initial: bool) -> list[bytes]:
    first = base64.b64encode(client.first())
    if initial:
        (answer,) = driver.send(b"AUTH SCRAM-SHA-256 " + first + b"\r\n")
    else:
        assert driver.send(b"AUTH SCRAM-SHA-256\r\n") == [b"334 "]
        (answer,) = driver.send(first + b"\r\n")
    assert answer.startswith(b"334 ")
    return driver.send(base64.b64encode(client.final(base64.b64decode(answer[4:]))) + b"\r\n")


@pytest.mark.parametrize("initial", [True, False])
def test_scram_rfc_5802_in_rfc_4954(initial: bool) -> None:
    driver = Driver(SessionConfig(mechanisms=("SCRAM-SHA-256",))).ehlo()
    client = ScramClient("alice", "secret", "nonce-of-the-client")
    (answer,) = scram(driver, client, initial=initial)
    assert client.verify(base64.b64decode(answer[4:]))
    assert driver.send(b"\r\n") == [b"235 2.7.0 Authentication successful"]
    assert driver.events == [Authenticated("alice", "SCRAM-SHA-256")]


@pytest.mark.parametrize(("name", "password"), [("alice", "wrong"), ("nobody", "secret")])
def test_a_wrong_scram_proof_waits_for_the_worker(name: str, password: str) -> None:
    driver = Driver(SessionConfig(mechanisms=("SCRAM-SHA-256",))).ehlo()
    assert scram(driver, ScramClient(name, password, "n"), initial=True) == [
        b"535 5.7.8 Authentication credentials invalid"
    ]
    assert driver.events == [AuthFailed(name, "SCRAM-SHA-256")]


def test_a_temporary_failure_of_authentication() -> None:
    session = Driver(SessionConfig(mechanisms=("PLAIN",))).ehlo().session
    events = session.receive(b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n")
    assert events == [Authenticate("alice", "secret", "PLAIN")]
    assert "secret" not in repr(events)
    session.auth_result(None, temporary=True)
    assert session.take_output().startswith(b"454 4.7.0")


def test_plus_is_offered_with_binding_data_only() -> None:
    mechanisms = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256")
    plain = Driver(SessionConfig(mechanisms=mechanisms))
    assert b"250-AUTH SCRAM-SHA-256" in plain.send(b"EHLO a\r\n")
    session = Session(
        SessionConfig(mechanisms=mechanisms), secure=True, bindings={"tls-server-end-point": b"hash"}, credentials=USERS
    )
    session.greet()
    session.receive(b"EHLO a\r\n")
    assert b"AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256\r\n" in session.take_output()


@pytest.mark.parametrize("size", [10, 200_000])
@pytest.mark.parametrize("parameter", [b"", b" BODY=7BIT", b" BODY=8BITMIME"])
@pytest.mark.parametrize("last", [b"x", b"\x80", b"\xff"])
def test_the_kind_of_the_content_is_what_came_rfc_5321_2_4(size: int, parameter: bytes, last: bytes) -> None:
    driver = Driver().ehlo()
    driver.send(b"MAIL FROM:<a@b>" + parameter + b"\r\nRCPT TO:<c@d>\r\n", b"DATA\r\n")
    body = (b"x" * 98 + b"\r\n") * (size // 100) + last + b"\r\n"
    assert driver.codes(body, b".\r\n") == [250]
    (taken,) = driver.taken
    assert taken.body == body
    declared = "8BITMIME" if b"8" in parameter else "7BIT"
    assert taken.envelope.parameters.body == declared
    assert taken.envelope.body == (declared if last == b"x" else "8BITMIME")


def test_binary_content_stays_binary_rfc_3030() -> None:
    driver = Driver().ehlo()
    driver.send(b"MAIL FROM:<a@b> BODY=BINARYMIME\r\nRCPT TO:<c@d>\r\n")
    assert driver.codes(b"BDAT 2 LAST\r\n\xff\n") == [250]
    assert driver.taken[0].envelope.body == "BINARYMIME"


def test_what_one_message_was_says_nothing_of_the_next() -> None:
    driver = Driver().ehlo()
    for body in (b"\xff\r\n", b"x\r\n"):
        driver.send(b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n", b"DATA\r\n", body + b".\r\n")
    assert [each.envelope.body for each in driver.taken] == ["8BITMIME", "7BIT"]


def test_starttls_forgets_everything_rfc_3207_4_2() -> None:
    driver = Driver(SessionConfig(starttls=True, mechanisms=("PLAIN",))).ehlo()
    driver.send(b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n")
    assert driver.session.user == "alice"
    driver.send(b"STARTTLS\r\n")
    assert driver.events[-1] == StartTls()
    driver.session.tls_started("info", bindings={"tls-server-end-point": b"x"})
    assert driver.session.user is None
    assert driver.session.helo == ""
    assert driver.session.tls == "info"
    assert b"250-STARTTLS" not in driver.send(b"EHLO a\r\n")


def test_extensions_can_be_taken_back() -> None:
    driver = Driver(SessionConfig(smtputf8=False, dsn=False, chunking=False, vrfy=False, max_size=0))
    lines = driver.send(b"EHLO a\r\n")
    for word in (b"SMTPUTF8", b"DSN", b"CHUNKING", b"BINARYMIME", b"VRFY"):
        assert not [line for line in lines if word in line]
    assert driver.codes(b"MAIL FROM:<a@b> SMTPUTF8\r\n") == [555]
    assert driver.codes(b"MAIL FROM:<a@b> SIZE=99999999999\r\nRCPT TO:<c@d>\r\n") == [250, 250]
    assert driver.codes(b"BDAT 6 LAST\r\nQUIT\r\n") == [502]


def test_mailmax_is_announced_rfc_9422() -> None:
    lines = Driver(SessionConfig(max_messages=7, max_recipients=9)).send(b"EHLO a\r\n")
    assert b"250-LIMITS RCPTMAX=9 MAILMAX=7" in lines


def test_a_session_without_tls_on_a_plain_port_is_told_at_once() -> None:
    driver = Driver().greeted()
    assert driver.codes(b"\x16\x03\x01\x02\x00\x01") == [554]
    assert driver.events == [Close("tls on plain port")]
