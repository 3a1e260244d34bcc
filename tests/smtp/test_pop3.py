"""POP3, session and codec: RFC 1939 and its extensions."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.feed import cuts, feed_all_ways

from socketworkers.errors import StateError
from socketworkers.sasl import Credentials, ScramClient, ScramVerifier
from socketworkers_smtp.pop3 import Commit, Entry, Fetch, OpenMaildrop, Pop3Config, Pop3Event, Pop3Session, Stuffer
from socketworkers_smtp.session import Authenticate, AuthFailed, Close, StartTls

USERS = Credentials({"alice": ScramVerifier.from_password("secret", b"salt" * 4, 16)}, secret=b"test" * 8)
MESSAGES = {"uid-1": b"Subject: one\r\n\r\nbody\r\n", "uid-2": b"S: two\r\nT: x\r\n\r\n.\r\n..a\r\nb\r\nlast"}


@dataclass
class Pop:
    """A session and a worker of a few lines."""

    config: Pop3Config = field(default_factory=lambda: Pop3Config(mechanisms=("PLAIN", "SCRAM-SHA-256")))
    loopback: bool = True
    piece: int = 3
    messages: dict[str, bytes] = field(default_factory=lambda: dict(MESSAGES))
    events: list[Pop3Event] = field(default_factory=list)
    deleted: tuple[str, ...] = ()
    commits: bool = True
    session: Pop3Session = field(init=False)

    def __post_init__(self) -> None:
        self.session = Pop3Session(
            self.config, loopback=self.loopback, credentials=USERS, nonce=lambda: "nonce-of-the-server"
        )

    def greeted(self) -> Pop:
        self.session.greet()
        self.session.take_output()
        return self

    def login(self) -> Pop:
        self.greeted()
        assert self.send(b"USER alice\r\nPASS secret\r\n") == b"+OK send PASS\r\n+OK 2 messages\r\n"
        return self

    def send(self, *pieces: bytes) -> bytes:
        output = b""
        for piece in pieces:
            events = self.session.receive(piece)
            output += self.session.take_output()
            while events:
                self.events.extend(events)
                events = self.answer(events[-1])
                output += self.session.take_output()
        return output

    def answer(self, event: Pop3Event) -> list[Pop3Event]:
        session = self.session
        if isinstance(event, Authenticate):
            right = USERS.check_password(event.username, event.password)
            return session.auth_result(event.username if right else None)
        if isinstance(event, AuthFailed):
            return session.auth_result(None)
        if isinstance(event, OpenMaildrop):
            return session.maildrop([Entry(uid, len(content)) for uid, content in self.messages.items()])
        if isinstance(event, Fetch):
            content = self.messages[event.uid]
            for start in range(0, len(content), self.piece):
                if not session.body(content[start : start + self.piece]):
                    break
            return session.body_end()
        if isinstance(event, Commit):
            self.deleted = event.uids
            return session.committed(self.commits)
        return []


def test_session_of_rfc_1939_10() -> None:
    pop = Pop().login()
    assert pop.send(b"STAT\r\n") == b"+OK 2 %d\r\n" % sum(map(len, MESSAGES.values()))
    assert pop.send(b"LIST\r\n") == b"+OK 2 messages\r\n1 22\r\n2 31\r\n.\r\n"
    assert pop.send(b"LIST 2\r\n") == b"+OK 2 31\r\n"
    assert pop.send(b"UIDL\r\n") == b"+OK unique ids\r\n1 uid-1\r\n2 uid-2\r\n.\r\n"
    assert pop.send(b"UIDL 1\r\n") == b"+OK 1 uid-1\r\n"
    assert pop.send(b"RETR 1\r\n") == b"+OK 22 octets\r\nSubject: one\r\n\r\nbody\r\n.\r\n"
    assert pop.send(b"DELE 1\r\n") == b"+OK message 1 deleted\r\n"
    assert pop.send(b"RETR 1\r\n") == b"-ERR no such message\r\n"
    assert pop.send(b"STAT\r\n") == b"+OK 1 31\r\n"
    assert pop.send(b"RSET\r\n") == b"+OK 2 messages\r\n"
    assert pop.send(b"DELE 2\r\nQUIT\r\n") == b"+OK message 2 deleted\r\n+OK bye\r\n"
    assert pop.deleted == ("uid-2",)
    assert pop.events[-1] == Close("quit")


def test_byte_stuffing_rfc_1939_3() -> None:
    wanted = b"+OK 31 octets\r\nS: two\r\nT: x\r\n\r\n..\r\n...a\r\nb\r\nlast\r\n.\r\n"
    for piece in range(1, 40):
        pop = Pop(piece=piece).login()
        assert pop.send(b"RETR 2\r\n") == wanted


@pytest.mark.parametrize(
    ("lines", "rest"), [(0, b""), (1, b"..\r\n"), (2, b"..\r\n...a\r\n"), (9, b"..\r\n...a\r\nb\r\nlast\r\n")]
)
def test_top_rfc_1939_7(lines: int, rest: bytes) -> None:
    for piece in range(1, 40):
        pop = Pop(piece=piece).login()
        expected = b"+OK top of message follows\r\nS: two\r\nT: x\r\n\r\n" + rest + b".\r\n"
        assert pop.send(b"TOP 2 %d\r\n" % lines) == expected


def test_top_of_a_message_without_header() -> None:
    stuffer = Stuffer(1)
    assert stuffer.feed(b"\r\na\r\nb\r\n") + stuffer.end() == b"\r\na\r\n.\r\n"


def stuff(pieces: list[bytes]) -> bytes:
    stuffer = Stuffer()
    return b"".join([stuffer.feed(piece) for piece in pieces]) + stuffer.end()


def unstuff(answer: bytes) -> bytes:
    assert answer.endswith(b".\r\n")
    assert b"\r\n.\r\n" not in answer[:-5]
    lines = answer[:-3].split(b"\r\n")[:-1]
    return b"".join(line.removeprefix(b".") + b"\r\n" for line in lines)


@given(st.lists(st.sampled_from([b".", b"x", b"\r\n", b"\r\n.", b"\n", b"\r", b"\n.\r\n", b"\xff"]), max_size=20))
def test_every_answer_reads_back_and_has_one_end(parts: list[bytes]) -> None:
    message = b"".join(parts)
    answer = feed_all_ways(message, stuff)
    lines = message.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    assert unstuff(answer) == lines + (b"" if not lines or lines.endswith(b"\r\n") else b"\r\n")
    assert answer.count(b"\n") == answer.count(b"\r\n") == answer.count(b"\r")


@pytest.mark.attack("S1")
def test_a_message_with_bare_newlines_cannot_fake_the_end_of_an_answer() -> None:
    assert stuff([b"x\n.\r\n+OK fake\r\n"]) == b"x\r\n..\r\n+OK fake\r\n.\r\n"
    assert stuff([b"x\r.\r\n+OK fake\r\n"]) == b"x\r\n..\r\n+OK fake\r\n.\r\n"


def test_capabilities_rfc_2449() -> None:
    lines = Pop(Pop3Config(starttls=True)).greeted().send(b"CAPA\r\n").split(b"\r\n")
    assert lines[0].startswith(b"+OK")
    for word in (b"TOP", b"UIDL", b"RESP-CODES", b"AUTH-RESP-CODE", b"PIPELINING", b"USER", b"SASL PLAIN", b"STLS"):
        assert word in lines
    assert b"EXPIRE NEVER" in lines
    assert any(line.startswith(b"IMPLEMENTATION ") for line in lines)


def test_passwords_in_the_clear_are_refused_off_loopback_rfc_2595_2() -> None:
    pop = Pop(Pop3Config(starttls=True), loopback=False).greeted()
    capabilities = pop.send(b"CAPA\r\n")
    assert b"USER" not in capabilities
    assert b"SASL" not in capabilities
    assert pop.send(b"USER alice\r\n").startswith(b"-ERR")
    assert pop.send(b"AUTH PLAIN\r\n").startswith(b"-ERR")
    assert not pop.session.closed
    assert pop.send(b"STLS\r\n") == b"+OK ready to start TLS\r\n"


def test_stls_forgets_the_name_rfc_2595_4() -> None:
    pop = Pop(Pop3Config(starttls=True)).greeted()
    assert pop.send(b"USER alice\r\nSTLS\r\n") == b"+OK send PASS\r\n+OK ready to start TLS\r\n"
    assert pop.events == [StartTls()]
    pop.session.tls_started()
    assert pop.send(b"PASS secret\r\n").startswith(b"-ERR")
    assert pop.send(b"STLS\r\n").startswith(b"-ERR")
    assert b"STLS" not in pop.send(b"CAPA\r\n")


@pytest.mark.attack("C1")
def test_plaintext_behind_stls_ends_the_session() -> None:
    pop = Pop(Pop3Config(starttls=True)).greeted()
    assert b"injection" in pop.send(b"STLS\r\nUSER alice\r\n")
    assert pop.events == [Close("injection")]
    late = Pop(Pop3Config(starttls=True)).greeted()
    late.send(b"STLS\r\n")
    assert late.send(b"USER alice\r\n") == b""
    assert late.events[-1] == Close("injection")


def test_sasl_plain_rfc_5034() -> None:
    response = base64.b64encode(b"\0alice\0secret")
    assert Pop().greeted().send(b"AUTH PLAIN " + response + b"\r\n") == b"+OK 2 messages\r\n"
    assert Pop().greeted().send(b"AUTH PLAIN\r\n", response + b"\r\n") == b"+ \r\n+OK 2 messages\r\n"
    pop = Pop().greeted()
    assert pop.send(b"AUTH PLAIN\r\n*\r\n") == b"+ \r\n-ERR authentication cancelled\r\n"
    assert pop.send(b"AUTH CRAM-MD5\r\n") == b"-ERR unknown mechanism\r\n"
    assert pop.send(b"AUTH\r\n") == b"+OK mechanisms\r\nPLAIN\r\nSCRAM-SHA-256\r\n.\r\n"


def test_scram_over_pop3() -> None:
    pop = Pop().greeted()
    client = ScramClient("alice", "secret", "clientnonce")
    answer = pop.send(b"AUTH SCRAM-SHA-256 " + base64.b64encode(client.first()) + b"\r\n")
    final = client.final(base64.b64decode(answer[2:]))
    answer = pop.send(base64.b64encode(final) + b"\r\n")
    assert client.verify(base64.b64decode(answer[2:]))
    assert pop.send(b"\r\n") == b"+OK 2 messages\r\n"
    assert pop.session.user == "alice"


@pytest.mark.attack("S4")
def test_guesses_are_few_and_names_are_not_told() -> None:
    pop = Pop().greeted()
    unknown = pop.send(b"USER nobody\r\nPASS x\r\n")
    assert unknown == pop.send(b"USER alice\r\nPASS x\r\n")
    assert b"[AUTH]" in unknown
    assert pop.send(b"USER alice\r\nPASS y\r\n").count(b"-ERR") == 2
    assert pop.events[-1] == Close("guesses")


def test_the_order_of_commands() -> None:
    pop = Pop().greeted()
    assert pop.send(b"PASS secret\r\n") == b"-ERR USER first\r\n"
    assert pop.send(b"STAT\r\n") == b"-ERR log in first\r\n"
    logged_in = Pop().login()
    for line in (b"USER x\r\n", b"LIST 3\r\n", b"LIST 0\r\n", b"RETR\r\n", b"DELE x\r\n", b"TOP 1\r\n", b"FOO\r\n"):
        assert logged_in.send(line).startswith(b"-ERR")
    assert logged_in.send(b"RETR 1\xff\r\n").startswith(b"-ERR")
    again = Pop().login()
    assert again.send(b"NOOP\n").startswith(b"-ERR")
    assert again.send(b"NOOP\r\n").startswith(b"+OK")


def test_pass_keeps_its_spaces_and_must_follow_user_rfc_1939_7() -> None:
    pop = Pop().greeted()
    pop.send(b"USER alice\r\nPASS  two spaces \r\n")
    assert pop.events[0] == Authenticate("alice", " two spaces ", "USER")
    assert pop.send(b"USER alice\r\nCAPA\r\nPASS secret\r\n").endswith(b"-ERR USER first\r\n")


def test_lines_are_bounded_rfc_2449_4() -> None:
    pop = Pop().login()
    for pieces in cuts(b"RETR " + b"1" * 5000 + b"\r\nNOOP\r\n"):
        assert pop.send(*pieces) == b"-ERR line too long\r\n+OK nothing done\r\n"
        assert pop.session.held < 512


def test_nothing_is_deleted_without_quit_rfc_1939_6() -> None:
    pop = Pop().login()
    pop.send(b"DELE 1\r\n")
    pop.send(b"")
    assert pop.deleted == ()
    assert pop.events[-1] == Close("eof")
    timed = Pop().login()
    timed.send(b"DELE 1\r\n")
    assert timed.session.timed_out() == [Close("timeout")]
    assert timed.deleted == ()


def test_a_failed_update_is_told_rfc_1939_6() -> None:
    pop = Pop(commits=False).login()
    assert pop.send(b"DELE 1\r\nQUIT\r\n").splitlines()[-1].startswith(b"-ERR [SYS/TEMP]")


def test_a_locked_maildrop_and_a_lost_message() -> None:
    pop = Pop().greeted()
    session = pop.session
    session.receive(b"USER alice\r\nPASS secret\r\nNOOP\r\n")
    session.auth_result("alice")
    session.maildrop_refused("another session has the maildrop")
    assert b"-ERR [IN-USE]" in session.take_output()
    with pytest.raises(StateError):
        session.maildrop([])
    lost = Pop().login().session
    lost.receive(b"RETR 1\r\n")
    lost.body_failed()
    assert lost.take_output().startswith(b"-ERR [SYS/TEMP]")
    lost.receive(b"RETR 1\r\n")
    lost.body(b"Sub")
    assert lost.body_failed() == [Close("message lost")]


@pytest.mark.attack("C3")
def test_a_browser_and_an_early_talker_are_sent_away() -> None:
    pop = Pop().greeted()
    assert pop.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").count(b"\r\n") == 1
    assert pop.events == [Close("http")]
    early = Pop()
    assert early.send(b"CAPA\r\n").startswith(b"-ERR")
    assert early.events == [Close("early talker")]


def test_pipelining_and_all_cuts_rfc_2449_6_6() -> None:
    stream = b"CAPA\r\nUSER alice\r\nPASS secret\r\nLIST\r\nRETR 1\r\nTOP 2 1\r\nUIDL 2\r\n"
    stream += b"DELE 1\r\nNOOP\r\nQUIT\r\nNOOP\r\n"

    def run(pieces: list[bytes]) -> tuple[bytes, list[Pop3Event], tuple[str, ...]]:
        pop = Pop().greeted()
        return pop.send(*pieces), pop.events, pop.deleted

    output, _, deleted = feed_all_ways(stream, run)
    assert deleted == ("uid-1",)
    assert output.endswith(b"+OK bye\r\n")


def test_input_is_held_and_bounded_while_the_worker_is_awaited() -> None:
    session = Pop(Pop3Config(max_held=1000)).login().session
    session.receive(b"RETR 1\r\n")
    assert session.next_timeout() is None
    assert session.receive(b"NOOP\r\n" * 100) == []
    assert session.receive(b"NOOP\r\n" * 100) == [Close("held input")]
