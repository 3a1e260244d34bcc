"""What others write, read here, and what is written here, read by others: paho, gmqtt, amqtt."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
import pytest
from amqtt.mqtt.publish import PublishPacket
from amqtt.mqtt.subscribe import SubscribePacket
from gmqtt.mqtt import package as gmqtt
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties as PahoProperties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions
from tests.mqtt.codec.strategies import BINARY, FILTERS, PACKET_IDS, TOPICS, properties_of, publishes
from tests.mqtt.codec.test_publish import wire
from tests.mqtt.codec.wire import decode, decode_one

from socketworkers_mqtt.codec import (
    EMPTY_PUBLISH,
    Connect,
    Disconnect,
    PacketType,
    Properties,
    Publish,
    Reason,
    Subscribe,
    Subscription,
    Unsubscribe,
    Will,
    encode_properties,
)


class Paho(paho.Client):
    """A client of paho whose packets are kept instead of being sent."""

    def __init__(self, version: int, client_id: str = "c", **options: Any) -> None:
        protocol = {3: paho.MQTTv31, 4: paho.MQTTv311, 5: paho.MQTTv5}[version]
        super().__init__(CallbackAPIVersion.VERSION2, client_id, protocol=protocol, **options)
        self._sock = io.BytesIO()  # type: ignore[assignment]
        self.written: list[bytes] = []

    def _packet_queue(self, command: int, packet: Any, *rest: Any, **more: Any) -> Any:
        self.written.append(bytes(packet))
        return paho.MQTT_ERR_SUCCESS

    def _reset_sockets(self, sockpair_only: bool = False) -> None:
        """Nothing to close."""


def paho_properties(packet: int) -> Any:
    """Paho's own properties of a packet, which its types say nothing of."""
    return PahoProperties(packet)  # type: ignore[no-untyped-call]


def by_paho(version: int, call: Callable[[Paho], object], **options: Any) -> bytes:
    client = Paho(version, **options)
    call(client)
    return b"".join(client.written)


@pytest.mark.parametrize("version", [3, 4, 5])
def test_connect_of_paho(version: int) -> None:
    def call(client: Paho) -> None:
        client.username_pw_set("user", "pass")
        client.will_set("w/é", b"\0\xff", 2, True)
        client._send_connect(77)

    packets, reason, _ = decode(by_paho(version, call, client_id="über"))
    assert reason is None
    will = Will("w/é", b"\0\xff", 2, True)
    name = "MQIsdp" if version == 3 else "MQTT"
    assert packets == [Connect(name, version, True, 77, "über", will, "user", b"pass")]


def test_a_bridge_of_paho() -> None:
    def call(client: Paho) -> None:
        client.enable_bridge_mode()
        client._send_connect(0)

    (connect,) = decode(by_paho(4, call))[0]
    assert isinstance(connect, Connect)
    assert connect.bridge


@pytest.mark.parametrize("version", [3, 4, 5])
def test_publishes_of_paho(version: int) -> None:
    @settings(max_examples=50)
    @given(publishes(version))
    def check(publish: Publish) -> None:
        kept = publish.properties or EMPTY_PUBLISH
        properties = None
        if publish.properties is not None:
            properties = paho_properties(PacketTypes.PUBLISH)
            given_values = {
                "PayloadFormatIndicator": kept.payload_format,
                "MessageExpiryInterval": kept.expiry,
                "ContentType": kept.content_type,
                "ResponseTopic": kept.response_topic,
                "CorrelationData": kept.correlation_data,
                "TopicAlias": kept.alias,
            }
            for name, value in given_values.items():
                if value is not None:
                    setattr(properties, name, value)
            for pair in kept.user_properties:
                properties.UserProperty = pair

        def call(client: Paho) -> None:
            client._send_publish(
                publish.packet_id,
                publish.topic,
                publish.payload,
                publish.qos,
                publish.retain,
                publish.dup,
                properties=properties,
            )

        written = by_paho(version, call)
        found = decode_one(written, version)
        assert isinstance(found, Publish)
        if publish.properties is None:
            assert written == wire(publish, version)
            assert found == publish
            return
        assert found.properties is not None
        for name in ("alias", "expiry", "payload_format", "content_type", "response_topic", "correlation_data"):
            assert getattr(found.properties, name) == getattr(kept, name)
        assert found.properties.user_properties == kept.user_properties
        assert (found.topic, found.payload, found.packet_id) == (publish.topic, publish.payload, publish.packet_id)

    check()


@settings(max_examples=50)
@given(st.lists(st.tuples(FILTERS, st.integers(0, 2)), min_size=1, max_size=4), st.sampled_from([3, 4]))
def test_subscribe_of_paho_before_5_0(wanted: list[tuple[str, int]], version: int) -> None:
    written = by_paho(version, lambda client: client._send_subscribe(0, [(text.encode(), qos) for text, qos in wanted]))
    assert decode_one(written, version) == Subscribe(1, tuple(Subscription(*each) for each in wanted))


@settings(max_examples=50)
@given(FILTERS, st.integers(0, 2), st.booleans(), st.integers(0, 2), st.integers(1, 268_435_455))
def test_subscribe_of_paho_in_5_0(text: str, qos: int, keep: bool, handling: int, identifier: int) -> None:
    properties = paho_properties(PacketTypes.SUBSCRIBE)
    properties.SubscriptionIdentifier = identifier
    options = SubscribeOptions(qos, not text.startswith("$share/"), keep, handling)
    written = by_paho(5, lambda client: client._send_subscribe(0, [(text.encode(), options)], properties))
    expected = Subscription(text, qos, not text.startswith("$share/"), keep, handling)
    assert decode_one(written) == Subscribe(1, (expected,), Properties(subscription_identifier=identifier))


@settings(max_examples=50)
@given(st.lists(FILTERS, min_size=1, max_size=4), st.sampled_from([3, 4, 5]))
def test_unsubscribe_of_paho(filters: list[str], version: int) -> None:
    written = by_paho(version, lambda client: client._send_unsubscribe(0, [text.encode() for text in filters]))
    assert decode_one(written, version) == Unsubscribe(1, tuple(filters))


@pytest.mark.parametrize("version", [3, 4, 5])
def test_small_packets_of_paho(version: int) -> None:
    def call(client: Paho) -> None:
        client._send_puback(1)
        client._send_pubrec(2)
        client._send_pubrel(3)
        client._send_pubcomp(4)
        client._send_pingreq()

    packets, reason, _ = decode(by_paho(version, call), version=version)
    assert reason is None
    assert packets[:4] == [("ack", kind, kind - 3) for kind in (4, 5, 6, 7)]
    assert len(packets) == 5


def test_disconnect_of_paho() -> None:
    properties = paho_properties(PacketTypes.DISCONNECT)
    properties.SessionExpiryInterval = 9
    code = ReasonCode(PacketTypes.DISCONNECT, identifier=4)
    written = by_paho(5, lambda client: client._send_disconnect(code, properties))
    assert decode_one(written) == Disconnect(Reason(4), Properties(session_expiry_interval=9))
    assert decode_one(by_paho(4, lambda client: client._send_disconnect()), 4) == Disconnect()


PAHO_NAMES = {
    "session_expiry_interval": "SessionExpiryInterval",
    "receive_maximum": "ReceiveMaximum",
    "maximum_packet_size": "MaximumPacketSize",
    "topic_alias_maximum": "TopicAliasMaximum",
    "maximum_qos": "MaximumQoS",
    "retain_available": "RetainAvailable",
    "assigned_client_identifier": "AssignedClientIdentifier",
    "wildcard_subscription_available": "WildcardSubscriptionAvailable",
    "subscription_identifier_available": "SubscriptionIdentifierAvailable",
    "shared_subscription_available": "SharedSubscriptionAvailable",
    "server_keep_alive": "ServerKeepAlive",
    "response_information": "ResponseInformation",
    "server_reference": "ServerReference",
    "reason_string": "ReasonString",
    "authentication_method": "AuthenticationMethod",
    "authentication_data": "AuthenticationData",
}


@settings(max_examples=50)
@given(properties_of(PacketType.CONNACK))
def test_paho_reads_our_properties(properties: Properties) -> None:
    assume((properties.maximum_packet_size or 1) <= 268_435_455)  # paho takes no larger one
    read = paho_properties(PacketTypes.CONNACK)
    written = encode_properties(properties)
    _, length = read.unpack(written)
    assert length == len(written)
    for ours, theirs in PAHO_NAMES.items():
        assert getattr(read, theirs, None) == getattr(properties, ours)
    assert tuple(getattr(read, "UserProperty", ())) == properties.user_properties


class Protocol:
    """What gmqtt's encoders ask a connection for."""

    proto_name = b"MQTT"

    def __init__(self, version: int) -> None:
        self.proto_ver = version


@pytest.mark.parametrize("version", [4, 5])
def test_packets_of_gmqtt(version: int) -> None:
    protocol = Protocol(version)
    connect = gmqtt.LoginPackageFactor.build_package(
        "client", b"user", b"pass", True, 30, protocol, receive_maximum=5, user_property=[("a", "b"), ("a", "c")]
    )
    packets, reason, message = decode(bytes(connect))
    assert reason is None, message
    properties = Properties(receive_maximum=5, user_properties=(("a", "b"), ("a", "c")))
    expected = Connect("MQTT", version, True, 30, "client", None, "user", b"pass")
    if version == 5:
        expected = Connect("MQTT", 5, True, 30, "client", None, "user", b"pass", properties)
    assert packets == [expected]
    assert decode_one(bytes(gmqtt.DisconnectPacket.build_package(protocol)), version) == Disconnect()
    for kind in (0x40, 0x50, 0x62, 0x70):
        written = gmqtt.CommandWithMidPacket.build_package(kind, 7, 0, proto_ver=version)
        assert decode_one(bytes(written), version) == ("ack", PacketType(kind >> 4), 7)


@settings(max_examples=50)
@given(TOPICS, BINARY, st.integers(0, 2), st.booleans(), PACKET_IDS)
def test_publish_of_amqtt(topic: str, payload: bytes, qos: int, retain: bool, packet_id: int) -> None:
    packet = PublishPacket.build(topic, payload, packet_id if qos else None, False, qos, retain)
    expected = Publish(topic.encode(), payload, qos, retain, False, packet_id if qos else 0)
    assert decode_one(bytes(packet.to_bytes()), 4) == expected
    assert bytes(packet.to_bytes()) == wire(expected, 4)


@settings(max_examples=50)
@given(st.lists(st.tuples(FILTERS, st.integers(0, 2)), min_size=1, max_size=4), PACKET_IDS)
def test_subscribe_of_amqtt(wanted: list[tuple[str, int]], packet_id: int) -> None:
    written = bytes(SubscribePacket.build(wanted, packet_id).to_bytes())
    assert decode_one(written, 4) == Subscribe(packet_id, tuple(Subscription(*each) for each in wanted))
