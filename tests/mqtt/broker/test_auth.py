"""Enhanced authentication: MQTT 5.0 §4.12, §3.15 with SCRAM-SHA-256 (RFC 5802, RFC 7677)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scramp import ScramClient, ScramException
from tests.mqtt.broker.conftest import MakeWorld
from tests.support.mqttbroker.world import Client, World, access_of, publish_bytes

from socketworkers_mqtt.codec import Auth, Connack, Disconnect, PacketType, Reason

METHOD = "SCRAM-SHA-256"


@pytest.fixture
def guarded(make_world: MakeWorld) -> World:
    return make_world(access_of(users={"alice": "wonder land", "bob": "builder"}, iterations=4096))


def scram(user: str = "alice", password: str = "wonder land") -> ScramClient:
    return ScramClient([METHOD], user, password)


def begin(world: World, mechanism: ScramClient, name: str = "c") -> Client:
    first = mechanism.get_client_first().encode()
    return world.connect(name, authentication_method=METHOD, authentication_data=first)


def login(world: World, user: str = "alice", password: str = "wonder land", name: str = "c") -> Client:
    mechanism = scram(user, password)
    client = begin(world, mechanism, name)
    finish(client, mechanism)
    return client


def finish(client: Client, mechanism: ScramClient) -> None:
    challenge = client.server_auth()
    assert challenge.reason is Reason.CONTINUE_AUTHENTICATION
    assert challenge.properties.authentication_method == METHOD
    mechanism.set_server_first((challenge.properties.authentication_data or b"").decode())
    client.auth(Reason.CONTINUE_AUTHENTICATION, mechanism.get_client_final().encode())


def test_a_login(guarded: World) -> None:
    """[MQTT-4.12.0-2], [MQTT-4.12.0-3], [MQTT-4.12.0-5]: AUTH, AUTH, CONNACK; the server shows that it knows, too."""
    mechanism = scram()
    client = begin(guarded, mechanism)
    assert client.connack is None, "[MQTT-3.2.0-1]"
    finish(client, mechanism)
    assert client.connack is not None
    assert client.connack.reason is Reason.SUCCESS
    assert client.connack.properties.authentication_method == METHOD
    mechanism.set_server_final((client.connack.properties.authentication_data or b"").decode())
    assert guarded.broker.sessions["c"].username == "alice"
    client.publish("a", b"x", 1)
    assert client.acks() == [(PacketType.PUBACK, 1, Reason.NO_MATCHING_SUBSCRIBERS)]


@pytest.mark.parametrize(("user", "password"), [("alice", "wrong"), ("nobody", "wonder land"), ("bob", "wonder land")])
def test_a_wrong_password(guarded: World, user: str, password: str) -> None:
    """[MQTT-4.12.0-4], [MQTT-3.1.4-2]: unknown users take the same way."""
    client = login(guarded, user, password)
    assert client.closed
    assert client.connack is not None
    assert client.connack.reason is Reason.NOT_AUTHORIZED
    assert not guarded.broker.sessions


@pytest.mark.parametrize("method", ["PLAIN", "SCRAM-SHA-1", "scram-sha-256", "", "x" * 1000])
def test_an_unknown_method(guarded: World, method: str) -> None:
    """[MQTT-4.12.0-1]: 0x8C."""
    client = guarded.connect("c", authentication_method=method, authentication_data=b"x")
    assert client.closed
    assert client.connack is not None
    assert client.connack.reason is Reason.BAD_AUTHENTICATION_METHOD


def test_without_users_there_is_no_method(world: World) -> None:
    """[MQTT-4.12.0-1]."""
    client = begin(world, scram())
    assert client.connack is not None
    assert client.connack.reason is Reason.BAD_AUTHENTICATION_METHOD


@pytest.mark.parametrize("data", [b"", b"x", b"n,,n=alice", b"n,,n=alice,r=", b"y,,\xff", b"p=tls-unique,,n=alice,r=x"])
def test_nonsense_in_the_first_message(guarded: World, data: bytes) -> None:
    """[MQTT-4.12.0-4]."""
    client = guarded.connect("c", authentication_method=METHOD, authentication_data=data)
    if data == b"" and not client.closed:
        client.auth(Reason.CONTINUE_AUTHENTICATION, b"x")
    assert client.closed
    assert not guarded.broker.sessions
    assert client.connack is not None
    assert client.connack.reason is Reason.NOT_AUTHORIZED


def test_the_first_message_may_come_later(guarded: World) -> None:
    """§4.12: a client may leave the data out of CONNECT (RFC 4422 §5, an empty challenge)."""
    mechanism = scram()
    client = guarded.connect("c", authentication_method=METHOD)
    assert client.server_auth().reason is Reason.CONTINUE_AUTHENTICATION
    client.auth(Reason.CONTINUE_AUTHENTICATION, mechanism.get_client_first().encode())
    finish(client, mechanism)
    assert client.connack is not None
    assert client.connack.reason is Reason.SUCCESS


@pytest.mark.parametrize("what", ["publish", "ping", "subscribe"])
def test_nothing_else_before_connack(guarded: World, what: str) -> None:
    """[MQTT-3.1.2-30], [MQTT-3.14.0-1]: the server ends it, without DISCONNECT."""
    data = {"publish": publish_bytes(5, "a", b"x"), "ping": b"\xc0\0", "subscribe": b"\x82\x07\0\1\0\0\1a\0"}[what]
    client = begin(guarded, scram())
    client.send(data)
    assert client.closed
    assert not any(isinstance(packet, Disconnect) for packet in client.received)
    assert not guarded.broker.router.tree.count


def test_a_client_that_gives_up(guarded: World) -> None:
    """§4.12: DISCONNECT is allowed."""
    client = begin(guarded, scram())
    client.take()
    client.disconnect()
    assert client.closed
    assert client.received == []


@pytest.mark.parametrize(
    ("reason", "method"),
    [(Reason.CONTINUE_AUTHENTICATION, "OTHER"), (Reason.RE_AUTHENTICATE, METHOD), (Reason.RE_AUTHENTICATE, "OTHER")],
)
def test_auth_out_of_turn(guarded: World, reason: Reason, method: str) -> None:
    """[MQTT-4.12.0-5], [MQTT-3.15.2-1], §4.12.1: another method, or re-authentication before there was any."""
    client = begin(guarded, scram())
    client.auth(reason, b"x", method)
    assert client.closed
    assert client.connack is None or client.connack.reason is Reason.PROTOCOL_ERROR
    assert not guarded.broker.sessions


def test_auth_where_connect_had_no_method(world: World) -> None:
    """[MQTT-4.12.0-6], [MQTT-4.12.0-7]."""
    client = world.connect("c")
    assert client.connack is not None
    assert client.connack.properties.authentication_method is None
    client.auth(Reason.RE_AUTHENTICATE, b"x")
    assert client.ended(Reason.PROTOCOL_ERROR)


def test_auth_is_not_known_before_5_0(world: World) -> None:
    """MQTT 3.1.1 §2.2.1: type 15 is reserved."""
    assert world.connect("c", 4).send(b"\xf0\0").closed


def test_re_authentication(guarded: World) -> None:
    """§4.12.1, [MQTT-4.12.1-1]: while everything goes on."""
    client = login(guarded)
    client.take()
    seen = guarded.broker.sessions["c"].connection
    for _ in range(2):
        mechanism = scram()
        client.auth(Reason.RE_AUTHENTICATE, mechanism.get_client_first().encode())
        challenge = client.server_auth()
        client.publish("a", b"x", 1)
        assert len(client.acks()) == 1
        mechanism.set_server_first((challenge.properties.authentication_data or b"").decode())
        client.auth(Reason.CONTINUE_AUTHENTICATION, mechanism.get_client_final().encode())
        done = client.only(Auth)
        assert done.reason is Reason.SUCCESS
        assert done.properties.authentication_method == METHOD
        mechanism.set_server_final((done.properties.authentication_data or b"").decode())
    assert guarded.broker.sessions["c"].connection is seen


@pytest.mark.parametrize(("user", "password"), [("alice", "wrong"), ("bob", "builder")])
def test_re_authentication_fails(guarded: World, user: str, password: str) -> None:
    """[MQTT-4.12.1-2]: DISCONNECT and the end; another user is no re-authentication."""
    client = login(guarded)
    client.take()
    mechanism = scram(user, password)
    client.auth(Reason.RE_AUTHENTICATE, mechanism.get_client_first().encode())
    finish(client, mechanism)
    assert client.ended(Reason.NOT_AUTHORIZED)


def test_a_continuation_of_nothing(guarded: World) -> None:
    """§4.12.1."""
    client = login(guarded)
    client.take()
    client.auth(Reason.CONTINUE_AUTHENTICATION, b"c=biws,r=x,p=x")
    assert client.ended(Reason.PROTOCOL_ERROR)


def test_a_replayed_proof_is_worth_nothing(guarded: World) -> None:
    """RFC 5802 §5.1: the server's part of the nonce is new each time."""
    sent: list[bytes] = []

    def attempt(final: Callable[[ScramClient], bytes]) -> Client:
        mechanism = scram()
        client = begin(guarded, mechanism)
        challenge = client.server_auth()
        mechanism.set_server_first((challenge.properties.authentication_data or b"").decode())
        client.auth(Reason.CONTINUE_AUTHENTICATION, final(mechanism))
        return client

    def right(mechanism: ScramClient) -> bytes:
        sent.append(mechanism.get_client_final().encode())
        return sent[-1]

    first = attempt(right)
    assert isinstance(first.connack, Connack)
    assert first.connack.reason is Reason.SUCCESS
    second = attempt(lambda mechanism: sent[0])
    assert second.connack is not None
    assert second.connack.reason is Reason.NOT_AUTHORIZED


def test_a_server_that_does_not_know_is_found_out(guarded: World) -> None:
    """RFC 5802 §3: the client checks the server's signature."""
    mechanism = scram()
    client = begin(guarded, mechanism)
    finish(client, mechanism)
    with pytest.raises(ScramException):
        mechanism.set_server_final("v=" + "A" * 43 + "=")
    assert not client.closed


def test_not_much_is_kept_before_the_login(guarded: World) -> None:
    """C4: a packet that is announced behind CONNECT is not gathered for somebody who has proved nothing."""
    client = begin(guarded, scram())
    client.send(b"\x30\x80\x80\x04\x00\x01a" + bytes(30_000))
    assert client.connack is not None
    assert client.connack.reason is Reason.PACKET_TOO_LARGE
    assert client.closed
