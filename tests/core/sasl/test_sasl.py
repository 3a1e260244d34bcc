"""SASL mechanisms and SASLprep: RFC 4013, 4616, 5802, 7677; scramp is the other side of SCRAM."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scramp import ScramClient as PeerClient
from scramp import ScramException, ScramMechanism

from socketworkers.sasl import (
    Challenge,
    CheckPassword,
    Credentials,
    Failure,
    LoginServer,
    PlainServer,
    ScramClient,
    ScramServer,
    ScramVerifier,
    Success,
    plain_response,
    saslprep,
)

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
PENCIL = ScramVerifier.from_password("pencil", SALT, 4096)
USERS = Credentials({"user": PENCIL}, secret=b"s" * 32)


@pytest.mark.parametrize(
    ("text", "prepared"),
    [("I\u00adX", "IX"), ("user", "user"), ("USER", "USER"), ("\u00aa", "a"), ("\u2168", "IX"), ("a\u00a0b", "a b")],
)
def test_examples_of_rfc_4013_3(text: str, prepared: str) -> None:
    assert saslprep(text) == prepared


@pytest.mark.parametrize("text", ["\x07", "\u0627\u0031", "a\u0627b", "\ue000", "\ud800", "\u200e", "\U0001fffe"])
def test_prohibited_text_rfc_4013_2_3_and_2_4(text: str) -> None:
    with pytest.raises(ValueError):
        saslprep(text)


def test_unassigned_code_points_pass_in_queries_only_rfc_3454_7() -> None:
    assert saslprep("\u0221") == "\u0221"
    with pytest.raises(ValueError):
        saslprep("\u0221", stored=True)


@given(st.text(max_size=40))
def test_saslprep_is_idempotent_and_raises_nothing_else(text: str) -> None:
    try:
        prepared = saslprep(text)
    except ValueError:
        return
    assert saslprep(prepared) == prepared


def test_plain_rfc_4616() -> None:
    assert PlainServer().step(b"\0tim\0tanstaaftanstaaf") == CheckPassword("tim", "tanstaaftanstaaf")
    assert PlainServer().step(b"tim\0tim\0x") == CheckPassword("tim", "x")
    assert PlainServer().step(plain_response("tim", "x")) == CheckPassword("tim", "x")
    for wrong in (b"", b"tim\0x", b"\0\0x", b"\0tim\0", b"Ursel\0Kurt\0x", b"\0a\0b\0c", b"\0\xff\0x", b"\0a\x07\0x"):
        assert isinstance(PlainServer().step(wrong), Failure)
    assert "tanstaaf" not in repr(PlainServer().step(b"\0tim\0tanstaaf"))


def test_login() -> None:
    server = LoginServer()
    assert server.step(b"") == Challenge(b"Username:")
    assert server.step(b"tim") == Challenge(b"Password:")
    assert server.step(b"secret") == CheckPassword("tim", "secret")
    named = LoginServer()
    assert named.step(b"tim") == Challenge(b"Password:")
    assert isinstance(named.step(b""), Failure)
    empty = LoginServer()
    empty.step(b"")
    assert isinstance(empty.step(b""), Failure)


def test_the_exchange_of_rfc_7677_3_byte_for_byte() -> None:
    server = ScramServer(USERS.lookup, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
    step = server.step(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO")
    assert step == Challenge(b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
    client = ScramClient("user", "pencil", "rOprNGfwEbeRWgbNEkqO")
    assert client.first() == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    final = client.final(step.data)
    assert final == (
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    assert server.step(final) == Success("user", b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    assert client.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    assert not client.verify(b"v=AAAA")
    assert isinstance(server.step(final), Failure)


@pytest.mark.parametrize(("name", "password"), [("user", "pencil"), ("a,b=c", "päss wörd"), ("jürgen", "\u2168")])
def test_scramp_as_the_client(name: str, password: str) -> None:
    users = Credentials({name: ScramVerifier.from_password(password, b"salt" * 4, 4096)}, secret=b"x" * 32)
    server = ScramServer(users.lookup, "nonce-of-the-server-side")
    peer = PeerClient(["SCRAM-SHA-256"], name, password)
    first = server.step(peer.get_client_first().encode())
    assert isinstance(first, Challenge)
    peer.set_server_first(first.data.decode())
    final = server.step(peer.get_client_final().encode())
    assert isinstance(final, Success)
    assert final.username == name
    peer.set_server_final(final.data.decode())


def test_scramp_as_the_client_with_a_wrong_password() -> None:
    server = ScramServer(USERS.lookup, "nonce-of-the-server-side")
    peer = PeerClient(["SCRAM-SHA-256"], "user", "wrong")
    first = server.step(peer.get_client_first().encode())
    assert isinstance(first, Challenge)
    peer.set_server_first(first.data.decode())
    assert server.step(peer.get_client_final().encode()) == Failure("SCRAM: wrong proof", "user")


@pytest.mark.parametrize("right", [True, False])
def test_scramp_as_the_server(right: bool) -> None:
    mechanism = ScramMechanism("SCRAM-SHA-256")
    info = mechanism.make_auth_info("pencil", iteration_count=4096)
    peer = mechanism.make_server(lambda username: info)
    client = ScramClient("user", "pencil" if right else "wrong", "nonce-of-the-client")
    peer.set_client_first(client.first().decode())
    final = client.final(peer.get_server_first().encode())
    if right:
        peer.set_client_final(final.decode())
        assert client.verify(peer.get_server_final().encode())
    else:
        with pytest.raises(ScramException):
            peer.set_client_final(final.decode())


def test_channel_binding_rfc_5802_6() -> None:
    def run(client: ScramClient, server: ScramServer) -> object:
        first = server.step(client.first())
        return server.step(client.final(first.data)) if isinstance(first, Challenge) else first

    bound = ScramClient("user", "pencil", "abc", binding=b"hash of the certificate")
    server = ScramServer(USERS.lookup, "def", binding=b"hash of the certificate", plus=True)
    assert server.name == "SCRAM-SHA-256-PLUS"
    assert isinstance(run(bound, server), Success)
    for other in (
        ScramServer(USERS.lookup, "def", binding=b"of another", plus=True),
        ScramServer(USERS.lookup, "def"),
        ScramServer(USERS.lookup, "def", binding=b"x"),
    ):
        again = ScramClient("user", "pencil", "abc", binding=b"hash of the certificate")
        assert isinstance(run(again, other), Failure)
    plain = ScramClient("user", "pencil", "abc")
    assert isinstance(run(plain, ScramServer(USERS.lookup, "def", binding=b"x", plus=True)), Failure)
    stripped = ScramServer(USERS.lookup, "def", binding=b"x").step(b"y,,n=user,r=abc")
    assert isinstance(stripped, Failure)
    assert "stripped" in stripped.reason
    assert isinstance(ScramServer(USERS.lookup, "def").step(b"y,,n=user,r=abc"), Challenge)
    unknown = ScramServer(USERS.lookup, "def", binding=b"x", plus=True).step(b"p=tls-unique,,n=user,r=abc")
    assert isinstance(unknown, Failure)


def test_several_types_of_channel_binding() -> None:
    """RFC 5802 §6.1: the client chooses the type; each has its own data."""
    bindings = {"tls-exporter": b"exported", "tls-server-end-point": b"hash"}
    for kind, data, right in (
        ("tls-exporter", b"exported", True),
        ("tls-server-end-point", b"hash", True),
        ("tls-exporter", b"hash", False),
        ("tls-unique", b"exported", False),
    ):
        client = ScramClient("user", "pencil", "abc", binding=data, binding_type=kind)
        server = ScramServer(USERS.lookup, "def", bindings=bindings, plus=True)
        first = server.step(client.first())
        last = server.step(client.final(first.data)) if isinstance(first, Challenge) else first
        assert isinstance(last, Success if right else Failure)
    stripped = ScramServer(USERS.lookup, "def", bindings=bindings).step(b"y,,n=user,r=abc")
    assert isinstance(stripped, Failure)


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"n",
        b"n,",
        b"n,,",
        b"x,,n=user,r=a",
        b"n,,m=x,n=user,r=a",
        b"n,,r=a,n=user",
        b"n,,n=,r=a",
        b"n,,n=user",
        b"n,,n=user,r=",
        b"n,,n=us=er,r=a",
        b"n,,n=user,r=\x07",
        b"n,,n=\x07,r=a",
        b"n,,n=\xff,r=a",
        b"n,a=other,n=user,r=a",
        b"n,other,n=user,r=a",
        b"n,,n=user,r=" + b"a" * 600,
        b"n,,n=" + b"a" * 9000 + b",r=a",
        b"p=tls-server-end-point,,n=user,r=a",
    ],
)
def test_first_messages_that_are_wrong(first: bytes) -> None:
    assert isinstance(ScramServer(USERS.lookup, "nonce").step(first), Failure)


def test_an_equal_authorization_identity_passes() -> None:
    assert isinstance(ScramServer(USERS.lookup, "nonce").step(b"n,a=user,n=user,r=a"), Challenge)


@pytest.mark.parametrize(
    "final",
    [
        b"",
        b"c=biws",
        b"c=biws,r=anonce",
        b"c=biws,r=anonce,p=",
        b"c=biws,r=anonce,p=AAAA",
        b"c=biws,r=anonce,p=!!!!",
        b"c=!!,r=anonce,p=" + base64.b64encode(b"x" * 32),
        b"c=biws,r=another,p=" + base64.b64encode(b"x" * 32),
        b"c=eSws,r=anonce,p=" + base64.b64encode(b"x" * 32),
        b"c=biws,r=anonce,p=" + base64.b64encode(b"x" * 32),
        b"\xff",
    ],
)
def test_final_messages_that_are_wrong(final: bytes) -> None:
    server = ScramServer(USERS.lookup, "nonce")
    server.step(b"n,,n=user,r=a")
    assert isinstance(server.step(final), Failure)


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_no_message_raises(first: bytes, second: bytes) -> None:
    for server in (ScramServer(USERS.lookup, "nonce"), PlainServer(), LoginServer()):
        server.step(first)
        server.step(second)


def test_the_name_can_be_given_by_the_protocol() -> None:
    server = ScramServer(USERS.lookup, "nonce", username="user")
    step = server.step(b"n,,n=,r=a")
    assert isinstance(step, Challenge)


def test_a_client_does_not_trust_a_server() -> None:
    for answer in (b"r=other,s=AAAA,i=1", b"r=abc,s=AAAA,i=1", b"r=abcd,s=AAAA,i=99999999", b"r=abcd,s=!,i=1", b"x"):
        client = ScramClient("user", "pencil", "abc")
        client.first()
        with pytest.raises(ValueError):
            client.final(answer)
