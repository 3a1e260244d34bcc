"""SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK: 5.0 and 3.1.1 §3.8 to §3.11."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.mqtt.codec.strategies import FILTERS, PACKET_IDS, SUBSCRIPTIONS, properties_of
from tests.mqtt.codec.wire import decode_one, fault, packet, properties, string

from socketworkers_mqtt.codec import (
    EMPTY,
    MAX_FILTERS,
    PacketType,
    Properties,
    Reason,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    encode_suback,
    encode_subscribe,
    encode_unsuback,
    encode_unsubscribe,
)
from socketworkers_mqtt.codec.reasons import SUBACK_REASONS, UNSUBACK_REASONS

ID = b"\0\x0a"
WHY = b"\x1f" + string("why")


def extra(version: int, *parts: bytes) -> bytes:
    return properties(*parts) if version == 5 else b""


def subscribe(version: int, *payload: bytes) -> bytes:
    return packet(0x82, ID, extra(version), *payload)


def unsubscribe(version: int, *payload: bytes) -> bytes:
    return packet(0xA2, ID, extra(version), *payload)


@pytest.mark.parametrize("version", [3, 4, 5])
def test_subscribe(version: int) -> None:
    data = subscribe(version, string("a/b"), b"\x01", string("#"), b"\0", string("$share/g/+/é"), b"\x02")
    expected = Subscribe(10, (Subscription("a/b", 1), Subscription("#", 0), Subscription("$share/g/+/é", 2)))
    assert decode_one(data, version) == expected
    assert encode_subscribe(version, 10, expected.subscriptions) == data


def test_options_of_5_0() -> None:
    data = packet(0x82, ID, properties(b"\x0b\x80\x01"), string("a"), b"\x2e", string("b"), b"\x10")
    assert decode_one(data) == Subscribe(
        10,
        (Subscription("a", 2, True, True, 2), Subscription("b", 0, False, False, 1)),
        Properties(subscription_identifier=128),
    )


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        pytest.param(b"", 0x82, id="5.0 MQTT-3.8.3-2, 3.1.1 MQTT-3.8.3-3 no filter"),
        pytest.param(string("a"), 0x81, id="3.8.3 a filter without options"),
        pytest.param(string("a") + b"\0" + string("b"), 0x81, id="3.8.3 a second filter without options"),
        pytest.param(string("a") + b"\0\0", 0x81, id="3.8.3 a byte behind"),
        pytest.param(b"\0\x05abc\0", 0x81, id="3.8.3 a filter longer than the packet"),
        pytest.param(b"\xff\xffabc\0", 0x81, id="3.8.3 a filter far longer than the packet"),
        pytest.param(string("a") + b"\x40", 0x81, id="5.0 MQTT-3.8.3-5 reserved bit 6"),
        pytest.param(string("a") + b"\x80", 0x81, id="5.0 MQTT-3.8.3-5 reserved bit 7"),
        pytest.param(string("a") + b"\xff", 0x81, id="5.0 MQTT-3.8.3-5 all bits"),
        pytest.param(string("a") + b"\x03", 0x82, id="5.0 3.8.3.1, 3.1.1 MQTT-3-8.3-4 QoS 3"),
        pytest.param(string("a") + b"\0" + string("b") + b"\x03", 0x82, id="3.8.3.1 QoS 3 in the second"),
        pytest.param(string("") + b"\0", 0x8F, id="MQTT-4.7.3-1 empty filter"),
        pytest.param(string(b"\xff") + b"\0", 0x81, id="MQTT-3.8.3-1 not UTF-8"),
        pytest.param(string(b"\xed\xa0\x80") + b"\0", 0x81, id="MQTT-1.5.4-1 surrogate"),
        pytest.param(string("a\0") + b"\0", 0x81, id="MQTT-1.5.4-2 null"),
        pytest.param(string("a#") + b"\0", 0x8F, id="5.0 MQTT-4.7.1-1, 3.1.1 MQTT-4.7.1-2 hash within a level"),
        pytest.param(string("#/a") + b"\0", 0x8F, id="5.0 MQTT-4.7.1-1, 3.1.1 MQTT-4.7.1-2 hash is not last"),
        pytest.param(string("a+") + b"\0", 0x8F, id="5.0 MQTT-4.7.1-2, 3.1.1 MQTT-4.7.1-3 plus within a level"),
        pytest.param(string("$share/g") + b"\0", 0x8F, id="MQTT-4.8.2-2 shared without a filter"),
        pytest.param(string("$share//a") + b"\0", 0x8F, id="MQTT-4.8.2-1 shared without a name"),
        pytest.param(string("$share/+/a") + b"\0", 0x8F, id="MQTT-4.8.2-2 a wildcard as share name"),
        pytest.param(string("/" * 65_535) + b"\0", 0x8F, id="M2 65,536 levels"),
    ],
)
def test_malformed_subscribe(payload: bytes, reason: int, version: int) -> None:
    assert fault(subscribe(version, payload), version)[0] == reason


@pytest.mark.parametrize("bit", [0x04, 0x08, 0x10, 0x20])
def test_options_that_3_1_1_reserves_MQTT_3_8_3_4(bit: int) -> None:
    for version in (3, 4):
        assert fault(subscribe(version, string("a"), bytes((bit,))), version)[0] == 0x81
    decode_one(subscribe(5, string("a"), bytes((bit,))))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(subscribe(5, string("a"), b"\x30"), 0x82, id="3.8.3.1 retain handling 3"),
        pytest.param(subscribe(5, string("$share/g/a"), b"\x04"), 0x82, id="MQTT-3.8.3-4 no local on a shared one"),
        pytest.param(packet(0x82, ID, properties(b"\x0b\0"), string("a"), b"\0"), 0x82, id="3.8.2.1.2 identifier 0"),
        pytest.param(packet(0x82, ID, properties(b"\x0b\x01" * 2), string("a"), b"\0"), 0x82, id="3.8.2.1.2 twice"),
        pytest.param(packet(0x82, ID, properties(WHY), string("a"), b"\0"), 0x81, id="2.2.2.2 reason string"),
        pytest.param(packet(0x82, ID), 0x81, id="3.8.2.1.1 no property length"),
        pytest.param(packet(0x82, ID, b"\x05\x0b\x01"), 0x81, id="2.2.2.1 properties longer than the packet"),
        pytest.param(
            packet(0xA2, ID, properties(b"\x0b\x01"), string("a")), 0x81, id="2.2.2.2 identifier in UNSUBSCRIBE"
        ),
        pytest.param(packet(0xA2, ID), 0x81, id="3.10.2.1.1 no property length"),
    ],
)
def test_malformed_in_5_0(data: bytes, reason: int) -> None:
    assert fault(data)[0] == reason


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("first", [0x82, 0xA2])
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"", 0x81, id="3.8.2 empty"),
        pytest.param(b"\0", 0x81, id="3.8.2 half a packet identifier"),
        pytest.param(b"\0\0\0" + string("a") + b"\0", 0x82, id="5.0 MQTT-2.2.1-3, 3.1.1 MQTT-2.3.1-1 identifier 0"),
    ],
)
def test_packet_identifiers(first: int, body: bytes, reason: int, version: int) -> None:
    assert fault(packet(first, body), version)[0] == reason


@pytest.mark.parametrize("flags", [flags for flags in range(16) if flags != 2])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        pytest.param(0x80, string("a") + b"\0", id="MQTT-3.8.1-1"),
        pytest.param(0xA0, string("a"), id="MQTT-3.10.1-1"),
    ],
)
def test_flags(kind: int, body: bytes, flags: int) -> None:
    for version in (4, 5):
        assert fault(packet(kind | flags, ID, extra(version), body), version)[0] == 0x81
    if flags == 0x0A:  # MQTT 3.1 §3.8 and §3.10: QoS 1, sent again with DUP
        decode_one(packet(kind | flags, ID, body), 3)
    else:
        assert fault(packet(kind | flags, ID, body), 3)[0] == 0x81


@pytest.mark.parametrize("version", [3, 4, 5])
def test_unsubscribe(version: int) -> None:
    data = unsubscribe(version, string("a/b"), string("$share/g/#"))
    assert decode_one(data, version) == Unsubscribe(10, ("a/b", "$share/g/#"))
    assert encode_unsubscribe(version, 10, ["a/b", "$share/g/#"]) == data


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        pytest.param(b"", 0x82, id="MQTT-3.10.3-2 no filter"),
        pytest.param(string("a") + b"\0", 0x81, id="3.10.3 a byte behind"),
        pytest.param(b"\0\x05abc", 0x81, id="3.10.3 a filter longer than the packet"),
        pytest.param(string(b"\xc0\x80"), 0x81, id="MQTT-3.10.3-1 not UTF-8"),
        pytest.param(string("\0"), 0x81, id="MQTT-1.5.4-2 null"),
        pytest.param(string(""), 0x8F, id="MQTT-4.7.3-1 empty filter"),
        pytest.param(string("a/#/b"), 0x8F, id="MQTT-4.7.1-1 hash is not last"),
        pytest.param(string("$share/g"), 0x8F, id="MQTT-4.8.2-2 shared without a filter"),
    ],
)
def test_malformed_unsubscribe(payload: bytes, reason: int, version: int) -> None:
    assert fault(unsubscribe(version, payload), version)[0] == reason


@pytest.mark.parametrize("version", [3, 4, 5])
def test_filters_are_counted(version: int) -> None:
    """A packet of 1 MiB could have 262,144 of them, and hold the loop for a second."""
    most = decode_one(subscribe(version, (string("a") + b"\0") * MAX_FILTERS), version)
    assert isinstance(most, Subscribe)
    assert len(most.subscriptions) == MAX_FILTERS
    assert fault(subscribe(version, (string("a") + b"\0") * (MAX_FILTERS + 1)), version)[0] == Reason.QUOTA_EXCEEDED
    fewer = decode_one(unsubscribe(version, string("a") * MAX_FILTERS), version)
    assert fewer == Unsubscribe(10, ("a",) * MAX_FILTERS)
    assert fault(unsubscribe(version, string("a") * (MAX_FILTERS + 1)), version)[0] == Reason.QUOTA_EXCEEDED


@pytest.mark.parametrize("code", range(256))
def test_reason_codes_MQTT_3_9_3_2_and_MQTT_3_11_3_2(code: int) -> None:
    last = bytes((code,))
    for version in (3, 4):
        data = packet(0x90, ID, b"\0", last)
        if code in (0, 1, 2, 0x80):
            assert decode_one(data, version, role="client") == Suback(10, (Reason.SUCCESS, Reason(code)))
        else:
            assert fault(data, version, role="client")[0] == 0x82
    for first, table, kind in ((0x90, SUBACK_REASONS, Suback), (0xB0, UNSUBACK_REASONS, Unsuback)):
        data = packet(first, ID, b"\0\0", last)
        if code in table:
            assert decode_one(data, role="client") == kind(10, (Reason.SUCCESS, Reason(code)))
        else:
            assert fault(data, role="client")[0] == 0x82


@pytest.mark.parametrize(
    ("data", "version", "reason"),
    [
        pytest.param(packet(0x90, ID), 4, 0x82, id="3.9.3 no code, 3.1.1"),
        pytest.param(packet(0x90, ID, b"\0"), 5, 0x82, id="3.9.3 no code, 5.0"),
        pytest.param(packet(0xB0, ID, b"\0"), 5, 0x82, id="3.11.3 no code, 5.0"),
        pytest.param(packet(0xB0, ID, b"\0"), 4, 0x81, id="3.11.3 a payload in 3.1.1"),
        pytest.param(packet(0xB0, ID), 5, 0x81, id="3.11.2.1.1 no property length"),
        pytest.param(packet(0x90, b"\0\0\0"), 4, 0x82, id="3.1.1 MQTT-2.3.1-1 packet identifier 0"),
        pytest.param(packet(0xB0, b"\0\0"), 4, 0x82, id="3.1.1 MQTT-2.3.1-1 packet identifier 0, UNSUBACK"),
        pytest.param(packet(0xB0, b"\0"), 4, 0x81, id="3.11.2 half a packet identifier"),
        pytest.param(packet(0x90, ID, properties(b"\x0b\x01"), b"\0"), 5, 0x81, id="2.2.2.2 subscription identifier"),
    ],
)
def test_malformed_answers(data: bytes, version: int, reason: int) -> None:
    assert fault(data, version, role="client")[0] == reason


@pytest.mark.parametrize("version", [3, 4, 5])
def test_subscribe_and_unsubscribe_come_back(version: int) -> None:
    plain = st.builds(Subscription, FILTERS, st.integers(0, 2))

    @given(
        PACKET_IDS,
        st.lists(SUBSCRIPTIONS if version == 5 else plain, min_size=1, max_size=5).map(tuple),
        properties_of(PacketType.SUBSCRIBE) if version == 5 else st.just(EMPTY),
        properties_of(PacketType.UNSUBSCRIBE) if version == 5 else st.just(EMPTY),
    )
    def check(packet_id: int, wanted: tuple[Subscription, ...], one: Properties, two: Properties) -> None:
        data = encode_subscribe(version, packet_id, wanted, one)
        assert decode_one(data, version) == Subscribe(packet_id, wanted, one)
        filters = tuple(each.filter for each in wanted)
        data = encode_unsubscribe(version, packet_id, filters, two)
        assert decode_one(data, version) == Unsubscribe(packet_id, filters, two)

    check()


@given(
    PACKET_IDS,
    st.lists(st.sampled_from(sorted(SUBACK_REASONS.values())), min_size=1, max_size=200).map(tuple),
    properties_of(PacketType.SUBACK),
)
def test_suback_comes_back(packet_id: int, reasons: tuple[Reason, ...], value: Properties) -> None:
    data = encode_suback(5, packet_id, reasons, value)
    assert decode_one(data, role="client") == Suback(packet_id, reasons, value)
    old = tuple(reason if reason < 0x80 else Reason.UNSPECIFIED_ERROR for reason in reasons)
    for version in (3, 4):
        data = encode_suback(version, packet_id, reasons, value)
        assert decode_one(data, version, role="client") == Suback(packet_id, old)


@given(
    PACKET_IDS,
    st.lists(st.sampled_from(sorted(UNSUBACK_REASONS.values())), min_size=1, max_size=200).map(tuple),
    properties_of(PacketType.UNSUBACK),
)
def test_unsuback_comes_back(packet_id: int, reasons: tuple[Reason, ...], value: Properties) -> None:
    data = encode_unsuback(5, packet_id, reasons, value)
    assert decode_one(data, role="client") == Unsuback(packet_id, reasons, value)
    for version in (3, 4):
        data = encode_unsuback(version, packet_id, reasons, value)
        assert decode_one(data, version, role="client") == Unsuback(packet_id)
