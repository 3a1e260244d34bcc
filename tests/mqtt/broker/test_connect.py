"""CONNECT and CONNACK: MQTT 5.0 §3.1, §3.2; MQTT 3.1.1 §3.1, §3.2; MQTT 3.1 §3.1, §3.2."""

from __future__ import annotations

import pytest
from tests.mqtt.broker.conftest import MakeWorld
from tests.support.mqttbroker.world import NEVER, World, access_of, publish_bytes, will

from socketworkers_mqtt.codec import (
    PINGREQ,
    Connack,
    Connect,
    Disconnect,
    Pingresp,
    Publish,
    Reason,
    Suback,
    encode_connect,
    encode_subscribe,
)
from socketworkers_mqtt.codec import Subscription as Wanted

VERSIONS = pytest.mark.parametrize("version", [3, 4, 5])


def refused(client: object) -> Reason | None:
    """The reason of a CONNACK that refuses; the connection is over."""
    connack = client.connack  # type: ignore[attr-defined]
    assert client.closed  # type: ignore[attr-defined]
    return connack.reason if connack is not None else None


@VERSIONS
def test_a_connect_is_acknowledged_once(world: World, version: int) -> None:
    """[MQTT-3.1.4-5], [MQTT-3.2.0-1], [MQTT-3.2.0-2], [MQTT-3.1.3-1] to [MQTT-3.1.3-3]; 3.1.1 [MQTT-3.1.4-4]."""
    client = world.open(version)
    client.send(encode_connect(Connect("MQTT" if version > 3 else "MQIsdp", version, True, 60, "c")), PINGREQ)
    assert [type(packet) for packet in client.received] == [Connack, Pingresp]
    assert client.connack is not None
    assert client.connack.reason is Reason.SUCCESS
    assert not client.connack.session_present


@pytest.mark.parametrize("first", [PINGREQ, publish_bytes(4, "a", b"x"), b"\xe0\x00", b"\x82\x06\0\1\0\1a\0"])
def test_the_first_packet_has_to_be_connect(world: World, first: bytes) -> None:
    """[MQTT-3.1.0-1]: closed without a word; nothing of it has happened."""
    seen = world.subscriber("#")
    client = world.open().send(first)
    assert client.closed
    assert client.received == []
    assert seen.take() == []


@VERSIONS
def test_a_second_connect_is_a_protocol_error(world: World, version: int) -> None:
    """[MQTT-3.1.0-2]: the connection ends, and is lost without a DISCONNECT of the client: its will is published."""
    seen = world.subscriber("will")
    client = world.connect(version=version, will=will())
    client.send(encode_connect(Connect("MQTT" if version > 3 else "MQIsdp", version, True, 60, "c")))
    assert client.ended(Reason.PROTOCOL_ERROR) if version == 5 else client.closed and client.received == []
    assert seen.payloads() == [b"gone"]


@pytest.mark.parametrize(
    ("level", "code", "answer"),
    [
        (6, Reason.UNSUPPORTED_PROTOCOL_VERSION, 5),
        (255, Reason.UNSUPPORTED_PROTOCOL_VERSION, 5),
        (2, Reason.UNSUPPORTED_PROTOCOL_VERSION, 4),
        (0, Reason.UNSUPPORTED_PROTOCOL_VERSION, 4),
    ],
)
def test_an_unknown_protocol_version_is_told(world: World, level: int, code: Reason, answer: int) -> None:
    """[MQTT-3.1.2-2]: 0x84, or return code 1 to those who cannot know 5.0; then the end."""
    client = world.open(answer).send(b"\x10\x0d\x00\x04MQTT" + bytes((level, 2)) + b"\0\x3c\0\1c")
    assert refused(client) is code


def test_another_protocol_is_closed(world: World) -> None:
    """[MQTT-3.1.2-1]."""
    client = world.open().send(b"\x10\x0d\x00\x04HTTP\x05\x02\0\x3c\0\1c")
    assert client.closed
    assert client.received == []


def test_reserved_flag_of_connect(world: World) -> None:
    """[MQTT-3.1.2-3], [MQTT-3.1.4-1]."""
    assert world.open().send(b"\x10\x0e\x00\x04MQTT\x05\x03\0\x3c\0\0\1c").closed


@pytest.mark.parametrize("version", [4, 5])
def test_an_empty_client_identifier_gets_one(world: World, version: int) -> None:
    """[MQTT-3.1.3-6], [MQTT-3.1.3-7], [MQTT-3.2.2-16]; 3.1.1 [MQTT-3.1.3-6], [MQTT-3.1.3-7]."""
    first, second = world.connect("", version), world.connect("", version)
    assert not first.closed
    assert first.connection.client_id
    assert first.connection.client_id != second.connection.client_id
    if version == 5:
        assert first.connack is not None
        assert first.connack.properties.assigned_client_identifier == first.connection.client_id
    assert first.connection.client_id in world.broker.sessions


def test_an_assigned_identifier_can_be_used_again(world: World) -> None:
    """§3.2.2.3.7: a session with an assigned identifier lasts as any other."""
    client = world.lasting("", clean=True)
    assert client.connack is not None
    name = client.connack.properties.assigned_client_identifier
    assert name
    client.drop()
    again = world.lasting(name)
    assert again.connack is not None
    assert again.connack.session_present
    assert again.connack.properties.assigned_client_identifier is None


def test_an_empty_identifier_without_clean_session(world: World) -> None:
    """3.1.1 [MQTT-3.1.3-8]: return code 2. In 5.0 it gets one ([MQTT-3.1.3-6])."""
    assert refused(world.connect("", 4, clean=False)) is Reason.CLIENT_IDENTIFIER_NOT_VALID
    assert not world.connect("", 5, clean=False).closed


def test_an_empty_identifier_in_3_1(world: World) -> None:
    """MQTT 3.1 §3.1: a client identifier has one character at least; return code 2."""
    assert refused(world.connect("", 3)) is Reason.CLIENT_IDENTIFIER_NOT_VALID


@VERSIONS
@pytest.mark.parametrize("name", ["0", "azAZ09" * 3 + "abcde", "a" * 200, "häuser/+#", "\N{GRINNING FACE}"])
def test_client_identifiers_that_are_taken(world: World, version: int, name: str) -> None:
    """[MQTT-3.1.3-5]: 1 to 23 letters and digits must be taken; we take more."""
    assert not world.connect(name, version).closed
    assert name in world.broker.sessions


def test_a_client_identifier_that_is_too_long(make_world: MakeWorld) -> None:
    """[MQTT-3.1.3-8] of 5.0: 0x85."""
    world = make_world(max_client_id=10)
    assert refused(world.connect("a" * 11)) is Reason.CLIENT_IDENTIFIER_NOT_VALID
    assert not world.connect("a" * 10).closed


def test_nothing_behind_a_refused_connect_is_processed(make_world: MakeWorld) -> None:
    """[MQTT-3.1.4-6], [MQTT-3.2.2-7]."""
    world = make_world(access_of(users={"u": "right"}))
    seen = world.connect("s", username="u", password=b"right")
    seen.subscribe("#")
    client = world.open()
    wrong = encode_connect(Connect("MQTT", 5, True, 60, "c", username="u", password=b"wrong"))
    client.send(wrong + publish_bytes(5, "a", b"x") + encode_subscribe(5, 1, [Wanted("#", 0)]))
    assert refused(client) is Reason.BAD_USER_NAME_OR_PASSWORD
    assert seen.take() == []


@pytest.mark.parametrize("cut", [0, 3])
def test_what_is_pipelined_behind_connect_waits_for_the_login(make_world: MakeWorld, cut: int) -> None:
    """§3.1.4: clients may send at once, without waiting for CONNACK."""
    world = make_world(access_of(users={"u": "right"}))
    client = world.open()
    connect = encode_connect(Connect("MQTT", 5, True, 60, "c", username="u", password=b"right"))
    rest = encode_subscribe(5, 1, [Wanted("a", 0)]) + publish_bytes(5, "a", b"1") + publish_bytes(5, "a", b"2")
    # as if the bytes had come while the password was being checked
    world.broker.now = world.now
    client.connection.receive(connect + rest[:cut])
    if cut:
        client.connection.receive(rest[cut:])
    else:
        client.connection.receive(rest)
    assert client.connection.request is not None
    world.settle()
    assert [type(packet).__name__ for packet in client.received] == ["Connack", "Suback", "Publish", "Publish"]


def test_problem_information(world: World) -> None:
    """[MQTT-3.1.2-29], §3.2.2.3.9: reasons in words, unless they are not wanted or would not fit.

    [MQTT-3.2.2-19], [MQTT-3.14.2-3].
    """

    def words(**properties: int) -> str | None:
        client = world.connect("x", **properties)  # type: ignore[arg-type]
        client.send(b"\xa2\x02\x00\x01")
        return client.only(Disconnect).properties.reason_string

    assert words()
    assert words(request_problem_information=1)
    assert words(request_problem_information=0) is None
    assert words(maximum_packet_size=20) is None


def test_response_information(make_world: MakeWorld) -> None:
    """[MQTT-3.1.2-28]: only for those who ask."""
    world = make_world(response_topic="answers/%c")

    def told(name: str, **properties: int) -> str | None:
        connack = world.connect(name, **properties).connack  # type: ignore[arg-type]
        assert connack is not None
        return connack.properties.response_information

    assert told("a", request_response_information=1) == "answers/a"
    assert told("b", request_response_information=0) is None
    assert told("c") is None


def test_what_the_server_tells_of_itself(make_world: MakeWorld) -> None:
    """§3.2.2.3: receive maximum, maximum packet size, topic alias maximum; everything else is available."""
    properties = make_world(receive_maximum=7, max_packet=5000, max_topic_alias=3).connect("c").connack.properties  # type: ignore[union-attr]
    assert properties.receive_maximum == 7
    assert properties.maximum_packet_size == 5000
    assert properties.topic_alias_maximum == 3
    for absent in ("maximum_qos", "retain_available", "wildcard_subscription_available", "server_keep_alive",
                   "subscription_identifier_available", "shared_subscription_available", "session_expiry_interval",
                   "assigned_client_identifier", "authentication_method"):  # fmt: skip
        assert getattr(properties, absent) is None, absent


@pytest.mark.parametrize(("asked", "told", "held"), [(0, 60, 60), (61, 60, 60), (60, None, 60), (5, None, 5)])
def test_server_keep_alive(make_world: MakeWorld, asked: int, told: int | None, held: int) -> None:
    """[MQTT-3.2.2-21], [MQTT-3.2.2-22], [MQTT-3.1.2-21]."""
    client = make_world(max_keep_alive=60).connect("c", keep_alive=asked)
    assert client.connack is not None
    assert client.connack.properties.server_keep_alive == told
    assert client.connection.keep_alive == held


@pytest.mark.parametrize(
    ("asked", "told", "held"), [(100, None, 100), (1000, 500, 500), (NEVER, 500, 500), (None, None, 0)]
)
def test_longest_session_expiry(make_world: MakeWorld, asked: int | None, told: int | None, held: int) -> None:
    """§3.2.2.3.2: the server tells when it is shorter than what was asked for."""
    client = make_world(max_session_expiry=500).connect("c", session_expiry_interval=asked)
    assert client.connack is not None
    assert client.connack.properties.session_expiry_interval == told
    assert world_expiry(client) == held


def world_expiry(client: object) -> int:
    session = client.connection.session  # type: ignore[attr-defined]
    return int(session.expiry)


@pytest.mark.parametrize("reason", [Reason.USE_ANOTHER_SERVER, Reason.SERVER_MOVED, Reason.SERVER_BUSY])
@pytest.mark.parametrize("version", [4, 5])
def test_server_reference(make_world: MakeWorld, reason: Reason, version: int) -> None:
    """§4.11: with 0x9C and 0x9D only; 3.1.1 gets return code 3."""
    world = make_world(server_reference="other.example:1883")
    connected = world.connect("there", version)
    world.broker.refusal = (reason, "go")
    client = world.connect("c", version)
    assert refused(client) is (reason if version == 5 else Reason.SERVER_UNAVAILABLE)
    assert client.connack is not None
    moved = version == 5 and reason is not Reason.SERVER_BUSY
    assert client.connack.properties.server_reference == ("other.example:1883" if moved else None)
    connected.connection.disconnect(reason, "go")
    world.settle()
    if version == 5:
        found = connected.only(Disconnect)
        assert found.reason is reason
        assert found.properties.server_reference == ("other.example:1883" if moved else None)
    else:
        assert connected.take() == []
    assert connected.closed


@pytest.mark.parametrize(
    ("version", "name", "password", "reason"),
    [
        (4, "u", b"right", Reason.SUCCESS),
        (4, "u", b"wrong", Reason.BAD_USER_NAME_OR_PASSWORD),
        (4, None, None, Reason.NOT_AUTHORIZED),
        (3, "u", b"wrong", Reason.BAD_USER_NAME_OR_PASSWORD),
        (5, "u", b"right", Reason.SUCCESS),
        (5, "u", b"wrong", Reason.BAD_USER_NAME_OR_PASSWORD),
        (5, "u", None, Reason.BAD_USER_NAME_OR_PASSWORD),
        (5, "unknown", b"right", Reason.BAD_USER_NAME_OR_PASSWORD),
        (5, "", b"right", Reason.BAD_USER_NAME_OR_PASSWORD),
        (5, "u", b"\xff\0", Reason.BAD_USER_NAME_OR_PASSWORD),
        (5, None, None, Reason.NOT_AUTHORIZED),
        (5, None, b"right", Reason.NOT_AUTHORIZED),
    ],
)
def test_logins(make_world: MakeWorld, version: int, name: str | None, password: bytes | None, reason: Reason) -> None:
    """[MQTT-3.1.4-2]; 3.1.1 Table 3.1, return codes 4 and 5."""
    world = make_world(access_of(users={"u": "right"}))
    client = world.connect("c", version, username=name, password=password)
    assert client.connack is not None
    assert client.connack.reason is reason
    assert client.closed == (reason is not Reason.SUCCESS)
    assert ("c" in world.broker.sessions) == (reason is Reason.SUCCESS)
    assert client.connection._connect is None or client.connection._connect.password is None or client.closed


def test_too_many_guesses(make_world: MakeWorld) -> None:
    """0x9F (3.1.1: 3): this is no answer about the password."""
    world = make_world(access_of(users={"u": "right"}))
    client = world.open()
    client.connection.receive(encode_connect(Connect("MQTT", 5, True, 60, "c", username="u", password=b"right")))
    client.connection.authenticated(None, later=True)
    world.settle()
    assert refused(client) is Reason.CONNECTION_RATE_EXCEEDED


@pytest.mark.parametrize(
    ("anonymous", "loopback", "users", "taken"),
    [
        (None, True, False, True),
        (None, False, False, False),
        (None, True, True, False),
        (True, False, True, True),
        (False, True, False, False),
    ],
)
def test_clients_without_a_name(
    make_world: MakeWorld, anonymous: bool | None, loopback: bool, users: bool, taken: bool
) -> None:
    """Open on this machine while there are no users; else when told."""
    world = make_world(access_of(users={"u": "p"} if users else {}, anonymous=anonymous))
    client = world.connect("c", options={"loopback": loopback})
    assert client.closed != taken
    if not taken:
        assert refused(client) is Reason.NOT_AUTHORIZED


def test_a_certificate_names_the_user(make_world: MakeWorld) -> None:
    """The name in the certificate counts, not that in CONNECT."""
    world = make_world(access_of(users={"u": "p"}, anonymous=False))
    client = world.connect("c", username="root", password=b"x", options={"identity": "device-7"})
    assert not client.closed
    assert world.broker.sessions["c"].username == "device-7"


def test_no_room_for_another_session(make_world: MakeWorld) -> None:
    """0x97 for those whose session would last, if it is not there already (M2)."""
    world = make_world(max_sessions=1)
    world.lasting("a").drop()
    assert refused(world.lasting("b")) is Reason.QUOTA_EXCEEDED
    assert refused(world.connect("b", 4, clean=False)) is Reason.SERVER_UNAVAILABLE
    assert not world.lasting("a").closed
    assert not world.connect("b").closed


def test_connack_comes_before_what_waits(world: World) -> None:
    """[MQTT-3.2.0-1]: messages of the session follow behind it."""
    lasting = world.lasting("s")
    lasting.subscribe("a", qos=1)
    lasting.drop()
    world.connect("p").publish("a", b"1", qos=1)
    client = world.open()
    client.send(encode_connect(Connect("MQTT", 5, False, 60, "s")))
    assert [type(packet) for packet in client.received] == [Connack, Publish]


@pytest.mark.parametrize("qos", [0, 1])
def test_every_packet_counts(world: World, qos: int) -> None:
    """Rows of packets that are read as one are as many as they are, for rates and for ``$SYS``."""
    client = world.connect(version=4)
    counted, told = client.connection.packets, world.broker.stats.messages_received
    client.send(b"".join(publish_bytes(4, "a", b"x", qos, packet_id=number) for number in range(1, 51)) + PINGREQ)
    assert client.connection.packets == counted + 51
    assert world.broker.stats.messages_received == told + 51


def test_every_acknowledgement_counts(world: World) -> None:
    """As above."""
    client = world.connect("s", auto=False)
    client.subscribe("#", qos=1)
    publisher = world.connect("p")
    for _ in range(20):
        publisher.publish("a", b"x", 1)
    counted = client.connection.packets
    client.send(b"".join(b"\x40\x02" + each.packet_id.to_bytes(2, "big") for each in client.publishes()))
    assert client.connection.packets == counted + 20


@pytest.mark.parametrize("version", [4, 5])
def test_nothing_leaves_before_connack(world: World, version: int) -> None:
    """[MQTT-3.2.0-1], while it waits for the disk: neither what a client asked behind CONNECT nor messages."""
    world.connect("p").publish("t", b"kept", retain=True)
    world.disk_held = True
    client = world.open(version)
    connect = encode_connect(Connect("MQTT", version, False, 0, "c", will()))
    client.send(connect + encode_subscribe(version, 1, [Wanted("t", 0)]) + PINGREQ)
    world.connect("q").publish("t", b"live")
    assert client.received == []
    world.sync()
    assert isinstance(client.received[0], Connack)
    kinds = {type(each) for each in client.received}
    assert kinds == {Connack, Suback, Pingresp, Publish}


def test_a_fault_behind_a_connect_that_waits(world: World) -> None:
    """[MQTT-3.14.0-1]: no DISCONNECT before CONNACK; the connection just ends."""
    world.disk_held = True
    client = world.open(5)
    client.send(encode_connect(Connect("MQTT", 5, False, 0, "c", will())) + b"\x40\x00")
    assert client.closed
    world.sync()
    assert client.received == []
