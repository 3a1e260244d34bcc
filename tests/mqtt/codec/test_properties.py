"""Properties: 5.0 §2.2.2 and the sections of each property."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.mqtt.codec.strategies import PRESENT, properties_of
from tests.mqtt.codec.wire import properties, string, variable

from socketworkers_mqtt.codec import (
    EMPTY,
    MAX_USER_PROPERTIES,
    MalformedPacket,
    PacketType,
    Properties,
    encode_properties,
)
from socketworkers_mqtt.codec.properties import decode_properties

#: identifier → name, a value, how it is written: 5.0 Table 2-4
WRITTEN: dict[int, tuple[str, Any, bytes]] = {
    0x0B: ("subscription_identifier", 300, variable(300)),
    0x11: ("session_expiry_interval", 0xFFFF_FFFF, b"\xff\xff\xff\xff"),
    0x12: ("assigned_client_identifier", "id", string("id")),
    0x13: ("server_keep_alive", 0, b"\0\0"),
    0x15: ("authentication_method", "SCRAM-SHA-256", string("SCRAM-SHA-256")),
    0x16: ("authentication_data", b"\0\xff", string(b"\0\xff")),
    0x17: ("request_problem_information", 0, b"\0"),
    0x19: ("request_response_information", 1, b"\x01"),
    0x1A: ("response_information", "x", string("x")),
    0x1C: ("server_reference", "b:1", string("b:1")),
    0x1F: ("reason_string", "why", string("why")),
    0x21: ("receive_maximum", 65_535, b"\xff\xff"),
    0x22: ("topic_alias_maximum", 0, b"\0\0"),
    0x24: ("maximum_qos", 1, b"\x01"),
    0x25: ("retain_available", 0, b"\0"),
    0x27: ("maximum_packet_size", 1, b"\0\0\0\x01"),
    0x28: ("wildcard_subscription_available", 0, b"\0"),
    0x29: ("subscription_identifier_available", 1, b"\x01"),
    0x2A: ("shared_subscription_available", 0, b"\0"),
}
METHOD = b"\x15" + string("m")


def read(data: bytes, packet: PacketType = PacketType.CONNECT) -> Properties:
    found, position = decode_properties(data + b"behind", 0, len(data), packet)
    assert position == len(data)
    return found


def refused(data: bytes, packet: PacketType = PacketType.CONNECT) -> int:
    with pytest.raises(MalformedPacket) as caught:
        decode_properties(data, 0, len(data), packet)
    return int(caught.value.reason)


@pytest.mark.parametrize("packet", list(PRESENT), ids=lambda packet: packet.name)
def test_table_2_4(packet: PacketType) -> None:
    """Every identifier with every packet: read where the table has it, a malformed packet elsewhere (§2.2.2.2)."""
    for identifier in range(256):
        check_identifier(packet, identifier)


def check_identifier(packet: PacketType, identifier: int) -> None:
    if identifier == 0x26:
        assert read(properties(b"\x26", string("k"), string("v")), packet).user_properties == (("k", "v"),)
        return
    name, value, written = WRITTEN.get(identifier, ("", None, b"\0\x01\0"))
    extra = (
        METHOD if identifier == 0x16 and packet in (PacketType.CONNECT, PacketType.CONNACK, PacketType.AUTH) else b""
    )
    data = properties(extra, bytes((identifier,)), written)
    if name and name in PRESENT[packet]:
        found = read(data, packet)
        assert getattr(found, name) == value
        assert read(encode_properties(found), packet) == found
    else:
        assert refused(data, packet) == 0x81


@pytest.mark.parametrize("identifier", WRITTEN, ids=lambda identifier: WRITTEN[identifier][0])
def test_each_property_at_most_once(identifier: int) -> None:
    name, _, written = WRITTEN[identifier]
    packet = next(packet for packet, names in PRESENT.items() if name in names)
    once = bytes((identifier,)) + written
    extra = METHOD if identifier == 0x16 else b""
    assert refused(properties(extra, once, once), packet) == 0x82
    other = b"\x26" + string("a") + string("b")
    assert refused(properties(extra, once, other, once), packet) == 0x82


@pytest.mark.parametrize("identifier", WRITTEN, ids=lambda identifier: WRITTEN[identifier][0])
def test_cut_values(identifier: int) -> None:
    name, _, written = WRITTEN[identifier]
    packet = next(packet for packet, names in PRESENT.items() if name in names)
    whole = bytes((identifier,)) + written
    for end in range(1, len(whole)):
        assert refused(properties(whole[:end]), packet) == 0x81
        assert refused(properties(whole[:end]) + whole[end:], packet) == 0x81, "never beyond the properties' end"


@pytest.mark.parametrize(
    ("written", "packet"),
    [
        pytest.param(b"\x21\0\0", PacketType.CONNECT, id="3.1.2.11.3 receive maximum 0"),
        pytest.param(b"\x27\0\0\0\0", PacketType.CONNECT, id="3.1.2.11.4 maximum packet size 0"),
        pytest.param(b"\x19\x02", PacketType.CONNECT, id="3.1.2.11.6 request response information 2"),
        pytest.param(b"\x17\x02", PacketType.CONNECT, id="3.1.2.11.7 request problem information 2"),
        pytest.param(b"\x16\0\x01x", PacketType.CONNECT, id="3.1.2.11.10 authentication data without a method"),
        pytest.param(b"\x16\0\x01x", PacketType.CONNACK, id="3.2.2.3.18 authentication data without a method"),
        pytest.param(b"\x16\0\x01x", PacketType.AUTH, id="3.15.2.2.3 authentication data without a method"),
        pytest.param(b"\x21\0\0", PacketType.CONNACK, id="3.2.2.3.3 receive maximum 0"),
        pytest.param(b"\x24\x02", PacketType.CONNACK, id="3.2.2.3.4 maximum QoS 2"),
        pytest.param(b"\x25\x02", PacketType.CONNACK, id="3.2.2.3.5 retain available 2"),
        pytest.param(b"\x27\0\0\0\0", PacketType.CONNACK, id="3.2.2.3.6 maximum packet size 0"),
        pytest.param(b"\x28\xff", PacketType.CONNACK, id="3.2.2.3.11 wildcard subscription available 255"),
        pytest.param(b"\x29\x02", PacketType.CONNACK, id="3.2.2.3.12 subscription identifier available 2"),
        pytest.param(b"\x2a\x02", PacketType.CONNACK, id="3.2.2.3.13 shared subscription available 2"),
        pytest.param(b"\x0b\0", PacketType.SUBSCRIBE, id="3.8.2.1.2 subscription identifier 0"),
    ],
)
def test_values_that_are_protocol_errors(written: bytes, packet: PacketType) -> None:
    assert refused(properties(written), packet) == 0x82


@pytest.mark.parametrize(
    ("data", "packet"),
    [
        pytest.param(b"", PacketType.CONNECT, id="2.2.2.1 no length"),
        pytest.param(b"\x80", PacketType.CONNECT, id="2.2.2.1 half a length"),
        pytest.param(b"\x80\0", PacketType.CONNECT, id="MQTT-1.5.5-1 a length longer than needed"),
        pytest.param(b"\xff\xff\xff\xff\x01", PacketType.CONNECT, id="1.5.5 a length of five bytes"),
        pytest.param(b"\x05\x21\0\x01", PacketType.CONNECT, id="2.2.2.1 longer than the packet"),
        pytest.param(b"\xff\xff\xff\x7f\x21\0\x01", PacketType.CONNECT, id="C4 268 MB are announced"),
        pytest.param(b"\x03\x0b\x80\0", PacketType.SUBSCRIBE, id="MQTT-1.5.5-1 a value longer than needed"),
        pytest.param(b"\x06\x0b\x80\x80\x80\x80\x01", PacketType.SUBSCRIBE, id="1.5.5 a value of five bytes"),
        pytest.param(properties(b"\x15", string(b"\xff")), PacketType.CONNECT, id="MQTT-1.5.4-1 method not UTF-8"),
        pytest.param(properties(b"\x1f", string("\0")), PacketType.PUBACK, id="MQTT-1.5.4-2 null in a reason string"),
        pytest.param(properties(b"\x26", string(b"\xff"), string("")), PacketType.CONNECT, id="MQTT-1.5.7-1 key"),
        pytest.param(properties(b"\x26", string(""), string("\0")), PacketType.CONNECT, id="MQTT-1.5.7-1 value"),
        pytest.param(properties(b"\x26", string("a")), PacketType.CONNECT, id="1.5.7 a key without a value"),
        pytest.param(properties(b"\x26"), PacketType.CONNECT, id="1.5.7 neither key nor value"),
    ],
)
def test_malformed_properties(data: bytes, packet: PacketType) -> None:
    assert refused(data, packet) == 0x81


def test_no_properties_are_the_shared_constant() -> None:
    assert read(b"\0") is EMPTY
    assert encode_properties(EMPTY) == encode_properties(None) == encode_properties(Properties()) == b"\0"
    assert Properties() == EMPTY
    assert Properties(receive_maximum=5).encode() == b"\x03\x21\0\x05"


def test_user_properties_repeat_and_keep_their_order() -> None:
    pairs = (("b", "1"), ("a", ""), ("b", "1"), ("", "é"))
    data = properties(*(b"\x26" + string(key) + string(value) for key, value in pairs))
    assert read(data).user_properties == pairs
    assert encode_properties(Properties(user_properties=pairs)) == data


def test_user_properties_are_counted_CVE_2021_41039() -> None:
    pair = b"\x26" + string("k") + string("v")
    for packet in (PacketType.CONNECT, PacketType.SUBSCRIBE, PacketType.PUBACK):
        assert len(read(properties(pair * MAX_USER_PROPERTIES), packet).user_properties) == MAX_USER_PROPERTIES
        assert refused(properties(pair * (MAX_USER_PROPERTIES + 1)), packet) == 0x97
        assert refused(properties(pair * 20_000), packet) == 0x97


def test_property_values_that_cannot_be_written() -> None:
    makers: list[Callable[[], Properties]] = [
        lambda: Properties(receive_maximum=65_536),
        lambda: Properties(session_expiry_interval=-1),
        lambda: Properties(maximum_qos=256),
        lambda: Properties(subscription_identifier=268_435_456),
        lambda: Properties(reason_string="\0"),
        lambda: Properties(authentication_data=b"x" * 65_536),
    ]
    for make in makers:
        with pytest.raises(ValueError, match=r"cannot|no variable|65,535"):
            make().encode()


@given(st.sampled_from(list(PRESENT)).flatmap(lambda packet: st.tuples(st.just(packet), properties_of(packet))))
def test_properties_come_back(drawn: tuple[PacketType, Properties]) -> None:
    packet, value = drawn
    written = encode_properties(value)
    assert read(written, packet) == value
    for end in range(len(written)):
        assert refused(written[:end], packet) == 0x81
