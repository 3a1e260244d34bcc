"""From the first byte to ReadyForQuery: "Start-up", "SASL Authentication", encryption, P1, P5, C1, C3."""

from __future__ import annotations

import pytest
from tests.pgwire.session.world import PARAMETERS, World

from socketworkers.errors import StateError
from socketworkers.sasl import Credentials, ScramClient, ScramVerifier
from socketworkers_pgwire import codec as c
from socketworkers_pgwire.session import (
    Authenticate,
    Authenticated,
    AuthFailed,
    Cancel,
    Close,
    Method,
    Session,
    SessionConfig,
    SessionView,
    StartTls,
    Startup,
    State,
    fatal,
)

CREDENTIALS = Credentials({"alice": ScramVerifier.from_password("pencil", b"s" * 16, 4096)}, secret=b"x" * 32)
START = c.encode_startup({b"user": b"alice", b"database": b"shop"})


class Always:
    """A policy of one method."""

    def __init__(self, method: Method | c.Report) -> None:
        self.answer = method
        self.seen: list[tuple[str, str, str, bool]] = []

    def method(self, view: SessionView) -> Method | c.Report:
        self.seen.append((view.user, view.database, view.peer, view.secure))
        return self.answer


def world(method: Method | c.Report = Method.TRUST, *, tls: bool = False, **more: object) -> World:
    """A session that asks for this proof."""
    config = SessionConfig(tls=tls)
    return World(
        Session(config, policy=Always(method), credentials=CREDENTIALS, nonce=lambda: "servernonce", **more)  # type: ignore[arg-type]
    )


def sasl_mechanisms(one: World) -> tuple[bytes, ...]:
    """What is offered."""
    (message,) = one.messages()
    assert isinstance(message, c.AuthenticationSASL)
    return message.mechanisms


def scram(one: World, user: str, password: str, *, binding: bytes | None = None) -> tuple[list[object], bool]:
    """A whole exchange: events behind the last message, and whether the server proved itself."""
    client = ScramClient(user, password, "clientnonce", binding=binding)
    mechanism = b"SCRAM-SHA-256" if binding is None else b"SCRAM-SHA-256-PLUS"
    assert one.send(c.encode_sasl_initial_response(mechanism, client.first())) == []
    (challenge,) = one.messages()
    assert isinstance(challenge, c.AuthenticationSASLContinue)
    events = one.send(c.encode_response(client.final(challenge.data)))
    messages = one.messages()
    proved = bool(messages) and isinstance(messages[0], c.AuthenticationSASLFinal) and client.verify(messages[0].data)
    return list(events), proved


def test_trust() -> None:
    one = world(peer="127.0.0.1")
    start = c.encode_startup({b"user": b"alice", b"options": b"-c a=1 --b-c=x\\ y", b"a": b"2"})
    events = one.send(start)
    assert events == [Authenticated("alice", "trust"), Startup("alice", "alice", {"a": "2", "b_c": "x y"})]
    assert one.session.paused
    assert one.brief() == ["AuthenticationOk"]
    one.take(one.session.started(7, b"key!", PARAMETERS))
    assert one.messages() == [
        *[c.ParameterStatus(name.encode(), value.encode()) for name, value in PARAMETERS.items()],
        c.BackendKeyData(7, b"key!"),
        c.ReadyForQuery(b"I"),
    ]
    assert (one.session.user, one.session.database, one.session.status) == ("alice", "alice", "I")
    assert one.session.policy.seen == [("alice", "alice", "127.0.0.1", False)]  # type: ignore[attr-defined]


def test_messages_behind_the_startup_message_wait_for_the_login() -> None:
    one = world()
    one.send(START + c.encode_query(b"SELECT 1"))
    one.send(c.encode_query(b"SELECT 2"))
    assert one.brief() == ["AuthenticationOk"]
    one.take(one.session.started(7, b"key!", {}))
    assert one.brief().count("SELECT 1") == 2
    assert one.session.held == 0


def test_a_database_that_cannot_be_opened() -> None:
    one = world()
    one.send(START)
    events = one.take(one.session.refused(fatal("3D000", 'database "shop" does not exist')))
    assert one.brief() == ["AuthenticationOk", 'FATAL 3D000 database "shop" does not exist']
    assert events == [Close("refused")]
    assert one.send(c.SYNC) == []


@pytest.mark.parametrize(("version", "size"), [(3 << 16, 4), ((3 << 16) + 1, 4), ((3 << 16) + 2, 32)])
def test_versions_and_their_keys(version: int, size: int) -> None:
    one = world()
    one.send(c.encode_startup({b"user": b"u"}, version))
    assert one.session.version == version
    assert one.brief() == ["AuthenticationOk"]
    with pytest.raises(ValueError, match="key"):
        one.session.started(7, b"k" * (36 - size), {})


def test_a_newer_version_is_negotiated() -> None:
    one = world()
    one.send(c.encode_startup({b"user": b"u", b"_pq_.cool": b"1", b"_pq_.b": b""}, (3 << 16) + 9999))
    messages = one.messages()
    assert messages[0] == c.NegotiateProtocolVersion(c.PROTOCOL_3_2, (b"_pq_.cool", b"_pq_.b"))
    assert one.session.version == c.PROTOCOL_3_2
    startup = one.events[-1]
    assert isinstance(startup, Startup)
    assert startup.settings == {}


@pytest.mark.parametrize(
    ("data", "report"),
    [
        (c.encode_startup({}, 2 << 16), "FATAL 0A000 unsupported frontend protocol 2.0: server supports 3.0 to 3.2"),
        (c.encode_startup({}, 4 << 16), "FATAL 0A000 unsupported frontend protocol 4.0: server supports 3.0 to 3.2"),
        (c.encode_startup({}), "FATAL 28000 no PostgreSQL user name specified in startup packet"),
        (c.encode_startup({b"user": b""}), "FATAL 28000 no PostgreSQL user name specified in startup packet"),
        (
            c.encode_startup({b"user": b"u", b"replication": b"database"}),
            "FATAL 0A000 replication connections are not supported",
        ),
        (
            c.encode_startup({b"user": b"u", b"options": b"-x"}),
            "FATAL 42601 invalid command-line argument for server process: -x",
        ),
        (c.encode_startup({b"user": b"u", b"options": b"-c a"}), "FATAL 42601 -c a requires a value"),
        (
            c.encode_startup({b"user": b"u", b"client_encoding": b"nosuch"}),
            'FATAL 22023 invalid value for parameter "client_encoding": "nosuch"',
        ),
        (c.encode_startup({b"user": b"\xff"}), 'FATAL 22021 invalid byte sequence for encoding "UTF8": 0xff'),
        (
            b"\0\0\0\x10\0\3\0\0user\0u\0x",
            "FATAL 08P01 invalid string in message",
        ),
    ],
)
def test_startup_messages_that_are_refused(data: bytes, report: str) -> None:
    one = world()
    one.send(data)
    assert one.brief() in ([report], ["AuthenticationOk", report])
    assert one.session.closed


def test_names_are_cut_at_63_bytes() -> None:
    one = world()
    one.send(c.encode_startup({b"user": b"u" * 100, b"database": "ä".encode() * 40}))
    assert one.session.user == "u" * 63
    assert one.session.database == "ä" * 31


def test_replication_off_is_nothing() -> None:
    one = world()
    one.send(c.encode_startup({b"user": b"u", b"replication": b"off"}))
    assert not one.session.closed


@pytest.mark.parametrize("binding", [None, b"certificate hash"])
def test_scram(binding: bytes | None) -> None:
    one = world(Method.SCRAM, secure=binding is not None, binding=binding)
    assert one.send(START) == []
    assert sasl_mechanisms(one) == ((b"SCRAM-SHA-256-PLUS", b"SCRAM-SHA-256") if binding else (b"SCRAM-SHA-256",))
    events, proved = scram(one, "whatever", "pencil", binding=binding)
    assert proved, "and the name in the exchange is not looked at"
    assert events[0] == Authenticated("alice", "scram-sha-256")
    assert isinstance(events[1], Startup)


def test_scram_without_an_initial_response() -> None:
    one = world(Method.SCRAM)
    one.send(START)
    one.messages()
    one.send(c.encode_sasl_initial_response(b"SCRAM-SHA-256"))
    assert one.messages() == [c.AuthenticationSASLContinue(b"")]
    client = ScramClient("", "pencil", "clientnonce")
    one.send(c.encode_response(client.first()))
    (challenge,) = one.messages()
    assert isinstance(challenge, c.AuthenticationSASLContinue)
    one.send(c.encode_response(client.final(challenge.data)))
    assert one.brief() == ["AuthenticationSASLFinal", "AuthenticationOk"]


@pytest.mark.attack("P5")
@pytest.mark.parametrize("user", ["alice", "nobody"])
def test_a_wrong_password_and_an_unknown_user_take_the_same_path_P5(user: str) -> None:
    one = world(Method.SCRAM)
    one.send(c.encode_startup({b"user": user.encode()}))
    assert sasl_mechanisms(one) == (b"SCRAM-SHA-256",)
    events, proved = scram(one, "", "pencil" if user == "nobody" else "wrong")
    assert not proved
    assert events == [AuthFailed(user)]
    assert one.session.paused
    assert one.output == b"", "nothing is told before the worker has waited"
    assert one.take(one.session.auth_result(True)) == [Close("password")], "a failure is a failure"
    assert one.brief() == [f'FATAL 28P01 password authentication failed for user "{user}"']


@pytest.mark.attack("P5")
def test_the_challenge_of_an_unknown_user_is_always_the_same_P5() -> None:
    challenges = []
    for _ in range(2):
        one = world(Method.SCRAM)
        one.send(c.encode_startup({b"user": b"nobody"}))
        one.messages()
        one.send(c.encode_sasl_initial_response(b"SCRAM-SHA-256", ScramClient("", "x", "n").first()))
        challenges += one.messages()
    assert challenges[0] == challenges[1]
    assert isinstance(challenges[0], c.AuthenticationSASLContinue)
    assert b"i=4096" in challenges[0].data, "as a real user has it"


@pytest.mark.attack("P5")
@pytest.mark.parametrize(
    ("message", "report"),
    [
        (
            c.encode_sasl_initial_response(b"SCRAM-SHA-256-PLUS", b"p=tls-server-end-point,,n=,r=x"),
            "FATAL 08P01 client selected an invalid SASL authentication mechanism",
        ),
        (
            c.encode_sasl_initial_response(b"PLAIN", b"\0alice\0pencil"),
            "FATAL 08P01 client selected an invalid SASL authentication mechanism",
        ),
        (c.encode_sasl_initial_response(b"SCRAM-SHA-256", b"rubbish"), "FATAL 08P01 malformed SCRAM message"),
        (c.encode_password(b"pencil"), "FATAL 08P01 insufficient data left in message"),
        (c.encode_query(b"SELECT 1"), "FATAL 08P01 expected password response, got message type 81"),
        (c.TERMINATE, "FATAL 08P01 expected password response, got message type 88"),
        (b"p\0\0\x40\x01", "FATAL 08P01 invalid message length"),
    ],
)
def test_no_way_around_scram_P5(message: bytes, report: str) -> None:
    one = world(Method.SCRAM)
    one.send(START)
    one.messages()
    one.send(message)
    assert one.brief() == [report]
    assert one.session.closed


@pytest.mark.attack("P5")
def test_a_stripped_offer_of_channel_binding_is_noticed_P5() -> None:
    one = world(Method.SCRAM, secure=True, binding=b"hash")
    one.send(START)
    one.messages()
    events = one.send(c.encode_sasl_initial_response(b"SCRAM-SHA-256", b"y,,n=,r=x"))
    assert events == [AuthFailed("alice")]


def test_a_password_in_clear_text_within_tls() -> None:
    one = world(Method.PASSWORD, secure=True)
    one.send(START)
    assert one.brief() == ["AuthenticationCleartextPassword"]
    (event,) = one.send(c.encode_password(b"pencil"))
    assert event == Authenticate("alice", "pencil")
    assert "pencil" not in repr(event)
    one.take(one.session.auth_result(True))
    assert one.brief() == ["AuthenticationOk"]


@pytest.mark.parametrize(
    ("password", "report"),
    [
        (c.encode_password(b""), "FATAL 28P01 empty password returned by client"),
        (c.encode_response(b"x"), "FATAL 08P01 invalid string in message"),
        (c.encode_response(b"x\0y"), "FATAL 08P01 invalid password packet size"),
    ],
)
def test_passwords_that_are_none(password: bytes, report: str) -> None:
    one = world(Method.PASSWORD, secure=True)
    one.send(START)
    one.messages()
    one.send(password)
    assert one.brief() == [report]


def test_a_wrong_password_in_clear_text() -> None:
    one = world(Method.PASSWORD, secure=True)
    one.send(START)
    one.send(c.encode_password(b"wrong"))
    one.messages()
    one.take(one.session.auth_result(False))
    assert one.brief() == ['FATAL 28P01 password authentication failed for user "alice"']


@pytest.mark.attack("P5")
def test_no_password_in_clear_text_without_tls_P5() -> None:
    one = world(Method.PASSWORD)
    one.send(START)
    assert one.brief() == ["FATAL 28000 a password in clear text is taken over an encrypted connection only"]
    assert one.session.closed


@pytest.mark.parametrize("named", ["alice", "bob", None])
def test_certificates(named: str | None) -> None:
    one = world(Method.CERTIFICATE, secure=True, certificate_user=named)
    one.send(START)
    expected = (
        ["AuthenticationOk"] if named == "alice" else ['FATAL 28000 certificate authentication failed for user "alice"']
    )
    assert one.brief() == expected


def test_a_policy_that_refuses() -> None:
    one = world(fatal("28000", "no entry"))
    one.send(START)
    assert one.brief() == ["FATAL 28000 no entry"]
    assert one.closed() == "login"


def test_tls() -> None:
    one = world(Method.SCRAM, tls=True)
    assert one.send(c.SSL_REQUEST) == [StartTls()]
    assert one.output == b"S"
    one.output = b""
    assert one.session.state is State.TLS
    one.take(one.session.tls_started(alpn="postgresql", binding=b"hash", certificate_user="alice"))
    assert one.session.secure
    one.send(START)
    assert b"SCRAM-SHA-256-PLUS" in sasl_mechanisms(one)


@pytest.mark.attack("C1")
@pytest.mark.parametrize("behind", [b"\x16", START, c.SSL_REQUEST])
def test_nothing_in_clear_text_behind_the_request_C1_CVE_2021_23214(behind: bytes) -> None:
    one = world(tls=True)
    assert one.send(c.SSL_REQUEST + behind) == [Close("injection")]
    assert one.brief() == ["FATAL 08P01 received unencrypted data after SSL request"]
    two = world(tls=True)
    two.send(c.SSL_REQUEST)
    assert two.send(behind) == [Close("injection")]
    assert two.output == b"S"


def test_tls_that_is_not_there_and_what_comes_behind() -> None:
    one = world()
    for data in (c.GSSENC_REQUEST, c.SSL_REQUEST, START):
        one.send(data)
    assert one.output.startswith(b"NNR\0\0\0\x08")
    for request, word in ((c.SSL_REQUEST, "SSL request"), (c.GSSENC_REQUEST, "GSSAPI encryption request")):
        one = world()
        assert one.send(request + START) == [Close("injection")]
        one.output = one.output.removeprefix(b"N")
        assert one.brief() == [f"FATAL 08P01 received unencrypted data after {word}"]


@pytest.mark.attack("P1")
@pytest.mark.parametrize(
    ("requests", "report"),
    [
        ([c.SSL_REQUEST] * 2, "1234.5679"),
        ([c.GSSENC_REQUEST] * 2, "1234.5680"),
        ([c.SSL_REQUEST, c.GSSENC_REQUEST, c.SSL_REQUEST], "1234.5679"),
    ],
)
def test_requests_for_encryption_are_answered_once_P1(requests: list[bytes], report: str) -> None:
    one = world()
    for request in requests:
        one.send(request)
    one.output = one.output.lstrip(b"N")
    assert one.brief() == [f"FATAL 0A000 unsupported frontend protocol {report}: server supports 3.0 to 3.2"]
    assert one.session.closed


@pytest.mark.attack("P1")
@pytest.mark.parametrize("request_", [c.SSL_REQUEST, c.GSSENC_REQUEST])
def test_no_encryption_within_encryption_P1(request_: bytes) -> None:
    one = world(tls=True, secure=True)
    one.send(request_)
    assert one.brief()[0].startswith("FATAL 0A000")


@pytest.mark.attack("C3")
@pytest.mark.parametrize("alpn", [None, "http/1.1", "postgresql"])
def test_direct_tls_needs_alpn_C3(alpn: str | None) -> None:
    one = world(secure=True, direct=True, alpn=alpn)
    events = one.send(START)
    if alpn == "postgresql":
        assert isinstance(events[-1], Startup)
    else:
        assert events == [Close("alpn")]
        assert one.output == b""


@pytest.mark.attack("C3")
def test_alpn_of_another_protocol_behind_the_request_C3() -> None:
    one = world(tls=True)
    one.send(c.SSL_REQUEST)
    assert one.take(one.session.tls_started(alpn="h2")) == [Close("alpn")]


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\x07\0\3\0\0", b"\x16\x03\x01\x02\0"])
def test_who_speaks_something_else_gets_no_answer_P1_C3(data: bytes) -> None:
    one = world()
    assert one.send(data) == [Close("protocol")]
    assert one.output == b""


@pytest.mark.parametrize("key", [b"abcd", b"k" * 32, b"k" * 256])
def test_cancel_requests(key: bytes) -> None:
    one = world(tls=True)
    assert one.send(c.encode_cancel_request(7, key) + START) == [Cancel(7, key), Close("cancel")]
    assert one.output == b""


def test_the_end_before_the_login() -> None:
    for data in (b"", START[:5], c.SSL_REQUEST):
        one = world()
        if data:
            one.send(data)
        assert one.send(b"") == [Close("eof")]
    one = world(tls=True)
    one.send(c.SSL_REQUEST)
    assert one.send(b"") == [Close("eof")]
    one = world()
    one.send(START)
    assert one.send(b"") == []
    assert one.take(one.session.started(7, b"key!", {})) == [Close("eof")]


def test_answers_that_nobody_asked_for() -> None:
    one = world()
    session = one.session
    with pytest.raises(StateError):
        session.tls_started()
    with pytest.raises(StateError):
        session.auth_result(True)
    with pytest.raises(StateError):
        session.started(1, b"key!", {})
    with pytest.raises(StateError):
        session.refused(fatal("00000", ""))
    one.send(b"")
    assert session.tls_started() == session.auth_result(True) == session.started(1, b"", {}) == []
    assert session.refused(fatal("00000", "")) == []


def test_an_encoding_of_the_startup_message() -> None:
    one = world()
    one.send(c.encode_startup({b"user": b"u", b"client_encoding": b"iso-8859-1"}))
    assert one.session.encoding == "latin-1"


def test_settings_are_looked_at_behind_the_login_only() -> None:
    for more in ({b"client_encoding": b"nosuch"}, {b"options": b"-x"}):
        one = world(Method.PASSWORD, secure=True)
        one.send(c.encode_startup({b"user": b"alice", **more}))
        assert one.brief() == ["AuthenticationCleartextPassword"]
        one.send(c.encode_password(b"pencil"))
        one.take(one.session.auth_result(True))
        brief = one.brief()
        assert brief[0] == "AuthenticationOk"
        assert brief[1].startswith("FATAL ")
        assert one.closed() == "login"
