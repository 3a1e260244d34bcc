"""The client's half of the protocol, by section of MQTT 5.0 (and 3.1.1 where it differs)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.mqtt.client.server import Server, publish_bytes

from socketworkers.errors import LimitExceeded, StateError
from socketworkers.sasl import Credentials, ScramServer
from socketworkers_mqtt.client import ConnectOptions, Message
from socketworkers_mqtt.client.events import Acknowledged, Lost, Received
from socketworkers_mqtt.codec import (
    PINGRESP,
    Ack,
    Acks,
    Auth,
    Connack,
    Disconnect,
    PacketType,
    Pingreq,
    Properties,
    Publish,
    Reason,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    encode_ack,
    encode_acks,
    encode_auth,
    encode_connack,
    encode_disconnect,
    encode_passed,
    encode_suback,
    encode_unsuback,
)

PUBACK, PUBREC, PUBREL, PUBCOMP = PacketType.PUBACK, PacketType.PUBREC, PacketType.PUBREL, PacketType.PUBCOMP
VERSIONS = pytest.mark.parametrize("version", [3, 4, 5])
LASTING: dict[str, Any] = {"clean_start": False, "session_expiry": 100}


def message(packet: Any, **more: Any) -> Message:
    """A received event's message."""
    assert isinstance(packet, Received)
    return packet.message


# -- CONNECT, CONNACK (§3.1, §3.2) ---------------------------------------------------------------------------------


@VERSIONS
def test_connect_says_what_the_options_say(version: int) -> None:
    will = Message("w", b"gone", 1, True, content_type="t" if version == 5 else None)
    server = Server(version, username="u", password=b"p", keep_alive=30, will=will, will_delay=7, session_expiry=9)
    connect = server.connect()
    assert (connect.version, connect.client_id, connect.clean_start, connect.keep_alive) == (version, "c", True, 30)
    assert (connect.username, connect.password) == ("u", b"p")
    assert connect.will is not None
    assert (connect.will.topic, connect.will.payload, connect.will.qos, connect.will.retain) == ("w", b"gone", 1, True)
    if version == 5:
        assert connect.will.properties.will_delay == 7
        assert connect.will.properties.content_type == "t"
        assert connect.properties.session_expiry_interval == 9
        assert connect.properties.receive_maximum == 100
        assert connect.properties.topic_alias_maximum == 100


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"version": 6}, "the version of MQTT is"),
        ({"keep_alive": 70_000}, "a keep alive is"),
        ({"receive_maximum": 0}, "a receive maximum is"),
        ({"max_queued": 0}, "max_queued is"),
        ({"session_expiry": -1}, "a session expiry is"),
        ({"version": 4, "password": b"x"}, "no password without a user name"),
        ({"scram": True, "username": "x"}, "SCRAM needs"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_options_that_cannot_be(options: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        ConnectOptions(**options)
    assert "secret" not in repr(ConnectOptions(username="x", password=b"secret"))


@VERSIONS
def test_accepted(version: int) -> None:
    server = Server(version)
    server.connect()
    (event,) = server.send(encode_connack(version, False, 0, Properties()))
    assert event == Connack(False, Reason.SUCCESS)
    assert server.session.next_timeout() == server.now + 60


@VERSIONS
def test_refused(version: int) -> None:
    server = Server(version)
    server.connect()
    (event,) = server.send(encode_connack(version, False, Reason.NOT_AUTHORIZED, Properties()))
    assert event == Connack(False, Reason.NOT_AUTHORIZED)
    assert server.session.next_timeout() is None
    server.accept()  # the session may have another connection


def test_what_the_server_chooses() -> None:
    """Assigned Client Identifier, Server Keep Alive [MQTT-3.1.2-21]."""
    server = Server(client_id="")
    server.accept(assigned_client_identifier="given", server_keep_alive=5)
    assert server.session.client_id == "given"
    assert server.session.next_timeout() == server.now + 5


@VERSIONS
def test_no_answer_in_time(version: int) -> None:
    server = Server(version, connect_timeout=10.0)
    server.connect()
    assert server.session.next_timeout() == server.now + 10
    server.wait(9)
    assert server.take() == []
    server.wait(1)
    assert server.take() == [Lost("the server did not answer CONNECT in time")]


@VERSIONS
def test_what_may_not_come_before_connack(version: int) -> None:
    """[MQTT-3.2.0-1]"""
    server = Server(version)
    server.connect()
    (event,) = server.publish(b"t")
    assert isinstance(event, Lost)
    assert "PUBLISHRUN while the client waits for CONNACK" in event.text
    assert server.read() == []


def test_a_second_connack() -> None:
    """[MQTT-3.2.0-2]; the answer is a DISCONNECT with the reason (§4.13)."""
    server = Server()
    server.accept()
    (event,) = server.send(encode_connack(5, False, 0, Properties()))
    assert isinstance(event, Lost)
    assert event.reason is Reason.PROTOCOL_ERROR
    assert server.read() == [Disconnect(Reason.PROTOCOL_ERROR)]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x36\x05\0\x01t\0\x01", Reason.MALFORMED_PACKET),  # QoS 3
        (b"\x32\x06\0\x01t\0\0\0", Reason.PROTOCOL_ERROR),  # packet identifier 0
        (b"\x82\x00", Reason.PROTOCOL_ERROR),  # a server does not subscribe
        (b"\xff\xff\xff\xff\x01", Reason.MALFORMED_PACKET),
        (b"\x30\xff\xff\xff\x7f", Reason.PACKET_TOO_LARGE),
    ],
    ids=["qos3", "id0", "subscribe", "flags", "size"],
)
def test_a_server_that_breaks_the_protocol(data: bytes, reason: Reason) -> None:
    server = Server()
    server.accept()
    (event,) = server.send(data)
    assert isinstance(event, Lost)
    assert event.reason is reason
    assert server.read() == [Disconnect(reason)]
    assert server.send(data) == []


# -- the state of the session over connections (§4.1, §4.4) --------------------------------------------------------


@VERSIONS
def test_what_was_not_acknowledged_is_sent_again(version: int) -> None:
    """[MQTT-4.4.0-1], [MQTT-3.3.1-1], in the order of sending [MQTT-4.6.0-1]; PUBREL where PUBREC came."""
    server = Server(version, **LASTING)
    server.accept()
    ids = [server.session.publish(Message("t", b"%d" % number, 1 + number % 2)) for number in range(4)]
    assert [packet.packet_id for packet in server.read()] == ids
    server.send(encode_acks(PUBREC, [ids[1]]))
    assert server.read() == [Acks(PUBREL, [ids[1]])]
    server.send(b"")
    # what is published meanwhile follows
    late = server.session.publish(Message("t", b"late", 1))
    server.take()
    server.accept(present=True)
    again = server.read()
    assert again[0] == Acks(PUBREL, [ids[1]])
    assert [(each.packet_id, each.dup) for each in again[1:]] == [
        (ids[0], True),
        (ids[2], True),
        (ids[3], True),
        (late, False),
    ]
    server.send(encode_acks(PUBCOMP, [ids[1]]), encode_acks(PUBACK, [ids[0], ids[2], late]))
    server.send(encode_acks(PUBREC, [ids[3]]), encode_acks(PUBCOMP, [ids[3]]))
    assert server.session.unacknowledged == 0


@pytest.mark.parametrize("version", [4, 5])
def test_a_server_without_the_session_gets_them_as_new(version: int) -> None:
    """[MQTT-3.2.2-5]: the state is dropped; what the server never took responsibility for is published anew."""
    server = Server(version, **LASTING)
    server.accept()
    ids = [server.session.publish(Message("t", b"%d" % number, 2)) for number in range(2)]
    server.read()
    server.send(encode_acks(PUBREC, [ids[0]]))
    server.publish(b"in", b"x", 2, 50)
    server.send(b"")
    server.accept(present=False)
    (again,) = server.read()
    assert (again.packet_id, again.dup) == (ids[1], False)
    assert [each for each in server.take() if isinstance(each, Acknowledged)] == []
    # and a message with the identifier of an old one is a new one
    assert message(server.publish(b"in", b"y", 2, 50)[0]).payload == b"y"


def test_a_released_message_is_done_when_the_session_is_gone() -> None:
    server = Server(**LASTING)
    server.accept()
    (packet_id,) = [server.session.publish(Message("t", b"x", 2))]
    server.read()
    server.send(encode_acks(PUBREC, [packet_id]))
    server.send(b"")
    server.connect()
    events = server.send(encode_connack(5, False, 0, Properties()))
    assert Acknowledged(packet_id) in events
    assert server.session.unacknowledged == 0


def test_only_so_many_are_sent_again_as_the_server_takes_now() -> None:
    """§4.9: the quota begins anew with each connection."""
    server = Server(**LASTING)
    server.accept()
    ids = [server.session.publish(Message("t", b"x", 1)) for _ in range(5)]
    server.read()
    server.send(b"")
    server.accept(present=True, receive_maximum=2)
    assert [packet.packet_id for packet in server.read()] == ids[:2]
    server.send(encode_acks(PUBACK, ids[:1]))
    (third,) = server.read()
    assert (third.packet_id, third.dup) == (ids[2], True)


# -- PUBLISH from the client (§3.3, §4.3) --------------------------------------------------------------------------


@VERSIONS
def test_qos_0_1_2(version: int) -> None:
    server = Server(version)
    server.accept()
    assert server.session.publish(Message("t", b"0")) == 0
    one = server.session.publish(Message("t", b"1", 1, True))
    two = server.session.publish(Message("t", b"2", 2))
    run, first, second = server.read()
    assert list(run.payloads()) == [b"0"]
    assert (first, second) == (Publish(b"t", b"1", 1, True, False, one), Publish(b"t", b"2", 2, False, False, two))
    assert server.send(encode_acks(PUBACK, [one])) == [Acknowledged(one)]
    assert server.send(encode_acks(PUBREC, [two])) == []
    assert server.read() == [Acks(PUBREL, [two])]
    assert server.send(encode_acks(PUBCOMP, [two])) == [Acknowledged(two)]


def test_properties_are_sent() -> None:
    server = Server()
    server.accept()
    user = (("a", "1"), ("b", "2"), ("a", "3"))
    server.session.publish(
        Message("t", b"x", 1, False, 60, "type", "answer", b"data", 1, user),
    )
    (packet,) = server.read()
    properties = packet.properties
    assert properties.expiry == 60
    assert properties.content_type == "type"
    assert properties.response_topic == "answer"
    assert properties.correlation_data == b"data"
    assert properties.payload_format == 1
    assert properties.user_properties == user


@pytest.mark.parametrize("kind", [PUBACK, PUBREC])
def test_a_message_that_the_server_refuses(kind: PacketType) -> None:
    server = Server()
    server.accept(receive_maximum=1)
    first = server.session.publish(Message("t", b"x", 1 if kind == PUBACK else 2))
    second = server.session.publish(Message("t", b"y", 1))
    assert len(server.read()) == 1
    refusal = encode_ack(5, kind, first, Reason.QUOTA_EXCEEDED, Properties(reason_string="full"))
    assert server.send(refusal) == [Acknowledged(first, Reason.QUOTA_EXCEEDED, "full")]
    assert [packet.packet_id for packet in server.read()] == [second], "it counts no more (§4.9)"


def test_receive_maximum_of_the_server() -> None:
    """[MQTT-3.3.4-9]; QoS 0 is not counted."""
    server = Server()
    server.accept(receive_maximum=2)
    ids = [server.session.publish(Message("t", b"x", 1)) for _ in range(5)]
    server.session.publish(Message("t", b"0"))
    assert [getattr(packet, "packet_id", 0) for packet in server.read()] == [*ids[:2], 0]
    server.send(encode_acks(PUBACK, ids[:2]))
    assert [packet.packet_id for packet in server.read()] == ids[2:4]


@pytest.mark.parametrize(
    ("told", "sent", "reason"),
    [
        ({"maximum_qos": 1}, Message("t", b"x", 2), "QOS_NOT_SUPPORTED"),  # [MQTT-3.2.2-11]
        ({"retain_available": 0}, Message("t", b"x", 1, True), "RETAIN_NOT_SUPPORTED"),  # [MQTT-3.2.2-14]
        ({"maximum_packet_size": 50}, Message("t", b"x" * 50, 1), "PACKET_TOO_LARGE"),  # [MQTT-3.2.2-15]
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_server_does_not_take_is_not_sent(told: dict[str, Any], sent: Message, reason: str) -> None:
    server = Server(**LASTING)
    # one that was published before the server told its limits
    early = server.session.publish(sent)
    server.connect()
    events = server.send(encode_connack(5, False, 0, Properties(**told)))
    assert Acknowledged(early, Reason[reason]) in events
    with pytest.raises(LimitExceeded, match=reason):
        server.session.publish(sent)
    assert server.read() == []


def test_messages_that_cannot_be() -> None:
    server = Server(max_queued=2)
    with pytest.raises(StateError):
        server.session.publish(Message("t", b"x"))
    with pytest.raises(ValueError, match="the QoS is"):
        server.session.publish(Message("t", b"x", 3))
    for topic in ("", "a/#", "+", "a\0b", "x" * 70_000):
        with pytest.raises(ValueError, match="is not the name of a topic"):
            server.session.publish(Message(topic, b"x", 1))
    for _ in range(2):
        server.session.publish(Message("t", b"x", 1))
    with pytest.raises(LimitExceeded, match="2 messages wait"):
        server.session.publish(Message("t", b"x", 1))


def test_packet_identifiers_are_not_in_use() -> None:
    """[MQTT-2.2.1-3]"""
    server = Server(max_queued=5)
    server.accept()
    server.session.next_id = 65_533
    ids = [server.session.publish(Message("t", b"x", 1)) for _ in range(4)]
    assert ids == [65_534, 65_535, 1, 2]
    server.send(encode_acks(PUBACK, ids[1:]))
    server.session.next_id = 65_533
    assert server.session.publish(Message("t", b"x", 1)) == 65_535
    assert server.session.subscribe([Subscription("t", 0)]) == 1


def test_acknowledgements_that_do_not_fit() -> None:
    server = Server()
    server.accept()
    one = server.session.publish(Message("t", b"x", 1))
    assert server.send(encode_acks(PUBACK, [one + 1])) == [], "of something that is over"
    (event,) = server.send(encode_acks(PUBCOMP, [one]))
    assert isinstance(event, Lost)
    assert event.reason is Reason.PROTOCOL_ERROR


def test_pubrec_for_an_unknown_message() -> None:
    """§3.6.2.1: 0x92"""
    server = Server()
    server.accept()
    server.send(encode_acks(PUBREC, [7]))
    assert server.read() == [Ack(PUBREL, 7, Reason.PACKET_IDENTIFIER_NOT_FOUND)]


# -- PUBLISH to the client -----------------------------------------------------------------------------------------


@VERSIONS
def test_messages_are_the_servers_until_they_are_taken(version: int) -> None:
    """[MQTT-4.3.2-4], [MQTT-4.3.3-8]"""
    server = Server(version)
    server.accept()
    (zero,) = server.publish(b"t", b"0")
    (one,) = server.publish(b"t", b"1", 1, 5)
    (two,) = server.publish(b"t", b"2", 2, 6)
    assert [message(each).payload for each in (zero, one, two)] == [b"0", b"1", b"2"]
    assert server.read() == []
    for each in (zero, one, two):
        assert isinstance(each, Received)
        server.session.acknowledge(each)
    assert server.read() == [Acks(PUBACK, [5]), Acks(PUBREC, [6])]
    server.send(encode_acks(PUBREL, [6]))
    assert server.read() == [Acks(PUBCOMP, [6])]


@VERSIONS
def test_a_qos_2_message_comes_once(version: int) -> None:
    """[MQTT-4.3.3-10], [MQTT-4.3.3-11]"""
    server = Server(version)
    server.accept()
    (event,) = server.publish(b"t", b"x", 2, 6)
    assert isinstance(event, Received)
    assert server.publish(b"t", b"x", 2, 6, dup=True) == []
    server.session.acknowledge(event)
    assert server.publish(b"t", b"x", 2, 6, dup=True) == []
    assert server.read() == [Acks(PUBREC, [6, 6])]
    server.send(encode_acks(PUBREL, [6]))
    server.read()
    assert len(server.publish(b"t", b"y", 2, 6)) == 1, "the identifier is free again"
    server.send(encode_acks(PUBREL, [99]))
    expected = Ack(PUBCOMP, 99, Reason.PACKET_IDENTIFIER_NOT_FOUND) if version == 5 else Acks(PUBCOMP, [99])
    assert server.read() == [expected]


def test_messages_of_a_connection_that_is_over() -> None:
    """QoS 1 comes again; of QoS 2 what was taken meanwhile does not."""
    server = Server(**LASTING)
    server.accept()
    (one,) = server.publish(b"t", b"1", 1, 5)
    (two,) = server.publish(b"t", b"2", 2, 6)
    assert isinstance(one, Received)
    assert isinstance(two, Received)
    server.send(b"")
    for each in (one, two):
        server.session.acknowledge(each)
    server.accept(present=True)
    server.take()
    assert server.read() == []
    (again,) = server.publish(b"t", b"1", 1, 5, dup=True)
    assert message(again).dup
    assert server.publish(b"t", b"2", 2, 6, dup=True) == []
    assert server.read() == [Acks(PUBREC, [6])]


def test_more_messages_than_the_receive_maximum() -> None:
    """§3.3.4: 0x93"""
    server = Server(receive_maximum=2)
    server.accept()
    server.publish(b"t", b"x", 1, 1)
    server.publish(b"t", b"x", 2, 2)
    (event,) = server.publish(b"t", b"x", 1, 3)
    assert isinstance(event, Lost)
    assert event.reason is Reason.RECEIVE_MAXIMUM_EXCEEDED
    assert server.read() == [Disconnect(Reason.RECEIVE_MAXIMUM_EXCEEDED)]


def test_room_for_another_message_comes_with_the_last_acknowledgement() -> None:
    server = Server(receive_maximum=1)
    server.accept()
    (event,) = server.publish(b"t", b"x", 2, 1)
    assert isinstance(event, Received)
    server.session.acknowledge(event)
    server.send(encode_acks(PUBREL, [1]))
    assert len(server.publish(b"t", b"x", 1, 2)) == 1


def test_properties_of_a_message() -> None:
    server = Server()
    server.accept()
    user = (("b", "1"), ("a", "2"))
    passed = encode_passed(
        payload_format=1, content_type="c", response_topic="r", correlation_data=b"d", user_properties=user
    )
    (event,) = server.publish(b"t", b"x", 1, 9, retain=True, expiry=7, passed=passed, subscription_ids=(3, 4))
    assert message(event) == Message("t", b"x", 1, True, 7, "c", "r", b"d", 1, user, (3, 4))


def test_topic_aliases() -> None:
    """§3.3.2.3.4; they last as long as the connection [MQTT-3.3.2-7]."""
    server = Server(topic_alias_maximum=2, **LASTING)
    server.accept()
    assert message(server.publish(b"one", alias=1)[0]).topic == "one"
    assert message(server.publish(b"", alias=1)[0]).topic == "one"
    assert message(server.publish(b"two", alias=1)[0]).topic == "two"
    assert message(server.publish(b"", alias=1)[0]).topic == "two"
    (event,) = server.publish(b"three", alias=3)
    assert isinstance(event, Lost)
    assert event.reason is Reason.TOPIC_ALIAS_INVALID
    server.accept(present=True)
    server.take()
    (event,) = server.publish(b"", alias=1)
    assert isinstance(event, Lost)
    assert event.reason is Reason.PROTOCOL_ERROR


# -- SUBSCRIBE, UNSUBSCRIBE (§3.8 to §3.11) ------------------------------------------------------------------------


@VERSIONS
def test_subscribe_and_unsubscribe(version: int) -> None:
    server = Server(version)
    server.accept()
    wanted = (Subscription("a/#", 1), Subscription("b", 2))
    packet_id = server.session.subscribe(wanted)
    assert server.read() == [Subscribe(packet_id, wanted)]
    assert server.send(encode_suback(version, packet_id, [1, 0x80])) == [
        Suback(packet_id, (Reason.GRANTED_QOS_1, Reason.UNSPECIFIED_ERROR))
    ]
    packet_id = server.session.unsubscribe(["a/#"])
    assert server.read() == [Unsubscribe(packet_id, ("a/#",))]
    reasons = (Reason.SUCCESS,) if version == 5 else ()
    assert server.send(encode_unsuback(version, packet_id, reasons)) == [Unsuback(packet_id, reasons)]
    assert server.send(encode_unsuback(version, packet_id, reasons)) == [], "nobody asked again"


def test_subscription_options_and_identifier() -> None:
    server = Server()
    server.accept()
    wanted = (Subscription("a", 1, True, True, 2),)
    packet_id = server.session.subscribe(wanted, 42)
    assert server.read() == [Subscribe(packet_id, wanted, Properties(subscription_identifier=42))]


def test_without_a_connection_there_is_nobody_to_ask() -> None:
    server = Server()
    with pytest.raises(StateError):
        server.session.subscribe([Subscription("a", 0)])
    with pytest.raises(StateError):
        server.session.unsubscribe(["a"])
    server.accept()
    with pytest.raises(StateError):
        server.session.connect(0)


# -- PINGREQ, DISCONNECT (§3.12, §3.14) ----------------------------------------------------------------------------


@VERSIONS
def test_keep_alive(version: int) -> None:
    """[MQTT-3.1.2-20]: counted from the last packet that was sent."""
    server = Server(version, keep_alive=30, ping_timeout=10.0)
    server.accept()
    assert server.wait(20) == []
    server.session.publish(Message("t", b"x"))
    server.read()
    assert server.wait(20) == []
    assert server.wait(10) == [Pingreq()]
    server.send(PINGRESP)
    assert server.wait(20) == []
    assert server.wait(10) == [Pingreq()]
    server.wait(10)
    assert server.take() == [Lost("the server did not answer PINGREQ in time")]
    assert server.session.next_timeout() is None


def test_no_keep_alive() -> None:
    server = Server(keep_alive=0)
    server.accept()
    assert server.session.next_timeout() is None
    assert server.wait(1e6) == []


def test_an_answer_that_was_not_read_yet_is_not_missing() -> None:
    server = Server(keep_alive=30, ping_timeout=10.0)
    server.accept()
    assert server.wait(30) == [Pingreq()]
    server.now += 100
    server.session.waited(server.now)
    assert server.wait(9) == []
    server.send(PINGRESP)
    assert server.wait(10) == [Pingreq()], "nothing else was sent for long"
    assert server.take() == []


@VERSIONS
def test_disconnect(version: int) -> None:
    server = Server(version)
    server.accept()
    server.session.disconnect(Reason.DISCONNECT_WITH_WILL_MESSAGE, 5)
    (packet,) = server.read()
    if version == 5:
        expected = Disconnect(Reason.DISCONNECT_WITH_WILL_MESSAGE, Properties(session_expiry_interval=5))
        assert packet == expected
    else:
        assert packet == Disconnect()
    assert server.publish(b"t") == []
    assert server.take() == []


def test_the_server_ends_it() -> None:
    server = Server()
    server.accept()
    packet = Disconnect(Reason.SERVER_MOVED, Properties(server_reference="other:1883"))
    events = server.send(encode_disconnect(5, packet.reason, packet.properties), publish_bytes(5, b"t"))
    assert events == [packet, Lost("the server ended the connection: SERVER_MOVED", Reason.SERVER_MOVED)]
    assert server.read() == []


@VERSIONS
def test_the_end_of_the_connection(version: int) -> None:
    server = Server(version)
    server.accept()
    assert server.send(b"") == [Lost("the server closed the connection")]
    assert server.send(b"") == []


# -- enhanced authentication (§4.12) -------------------------------------------------------------------------------


class _Scram:
    """A server's half of SCRAM."""

    def __init__(self, password: str) -> None:
        credentials = Credentials()
        credentials.set_password("alice", password, iterations=4096)
        self._mechanism = ScramServer(credentials.lookup, "servernonce")

    def step(self, data: bytes | None) -> Properties:
        step: Any = self._mechanism.step(data or b"")
        return Properties(authentication_method="SCRAM-SHA-256", authentication_data=step.data)


def scram_server() -> Server:
    return Server(username="alice", password=b"secret", scram=True)


def test_scram() -> None:
    server, scram = scram_server(), _Scram("secret")
    connect = server.connect()
    assert (connect.username, connect.password) == ("alice", None)
    assert connect.properties.authentication_method == "SCRAM-SHA-256"
    challenge = scram.step(connect.properties.authentication_data)
    server.send(encode_auth(5, Reason.CONTINUE_AUTHENTICATION, challenge))
    (auth,) = server.read()
    assert isinstance(auth, Auth)
    final = scram.step(auth.properties.authentication_data)
    (event,) = server.send(encode_connack(5, False, 0, final))
    assert isinstance(event, Connack)
    assert not event.reason


def test_a_server_that_does_not_know_the_password_is_left() -> None:
    server, scram = scram_server(), _Scram("secret")
    challenge = scram.step(server.connect().properties.authentication_data)
    server.send(encode_auth(5, Reason.CONTINUE_AUTHENTICATION, challenge))
    server.read()
    false = Properties(authentication_method="SCRAM-SHA-256", authentication_data=b"v=AAAA")
    events = server.send(encode_connack(5, False, 0, false))
    assert isinstance(events[-1], Lost)
    assert events[-1].reason is Reason.NOT_AUTHORIZED


def test_auth_out_of_turn() -> None:
    server = Server()
    server.accept()
    challenge = Properties(authentication_method="SCRAM-SHA-256", authentication_data=b"x")
    (event,) = server.send(encode_auth(5, Reason.CONTINUE_AUTHENTICATION, challenge))
    assert isinstance(event, Lost)
    assert event.reason is Reason.PROTOCOL_ERROR
    server = scram_server()
    server.connect()
    (event,) = server.send(encode_auth(5, Reason.CONTINUE_AUTHENTICATION, challenge))
    assert isinstance(event, Lost)
    assert "a wrong challenge" in event.text
