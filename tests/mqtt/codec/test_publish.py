"""PUBLISH, its properties and its runs: 5.0 §3.3, 3.1.1 §3.3."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.mqtt.codec.strategies import PASSED, TOPICS, USER_PROPERTIES, publishes
from tests.mqtt.codec.wire import MAX_PACKET, decode, decode_one, fault, packet, properties, string

from socketworkers_mqtt.codec import (
    EMPTY_PUBLISH,
    MAX_USER_PROPERTIES,
    Decoder,
    Publish,
    PublishProperties,
    PublishRun,
    Reason,
    Role,
    encode_passed,
    publish_parts,
    set_dup,
)
from socketworkers_mqtt.codec.publish import known_topics

ID = b"\0\x0a"
USER = b"\x26" + string("k") + string("v")


def publish5(*parts: bytes, topic: str = "t", payload: bytes = b"") -> bytes:
    return packet(0x30, string(topic), properties(*parts), payload)


@pytest.mark.parametrize(
    ("data", "version", "expected"),
    [
        (packet(0x30, string("a/b"), b"x"), 3, Publish(b"a/b", b"x")),
        (packet(0x30, string("a/b"), b"x"), 4, Publish(b"a/b", b"x")),
        (packet(0x30, string("a/b")), 4, Publish(b"a/b", b"")),
        (packet(0x30, string("a/b"), b"\0x"), 5, Publish(b"a/b", b"x")),
        (packet(0x30, string("a/b"), b"\0"), 5, Publish(b"a/b", b"")),
        (packet(0x31, string("a"), b"x"), 4, Publish(b"a", b"x", retain=True)),
        (packet(0x32, string("a"), ID, b"x"), 4, Publish(b"a", b"x", 1, packet_id=10)),
        (packet(0x3D, string("a"), ID, b"\0x"), 5, Publish(b"a", b"x", 2, True, True, 10)),
        (packet(0x3A, string("a"), ID), 3, Publish(b"a", b"", 1, dup=True, packet_id=10)),
        (packet(0x30, string("é"), b"\xff"), 4, Publish("é".encode(), b"\xff")),
        (publish5(b"\x23\0\x07", topic=""), 5, Publish(b"", b"", properties=PublishProperties(7))),
        (publish5(b"\x02\0\0\0\x09"), 5, Publish(b"t", b"", properties=PublishProperties(expiry=9))),
    ],
)
def test_publish(data: bytes, version: int, expected: Publish) -> None:
    assert decode_one(data, version) == expected


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(packet(0x36, string("a"), ID, b"\0"), 0x81, id="MQTT-3.3.1-4 QoS 3"),
        pytest.param(packet(0x3E, string("a"), ID, b"\0"), 0x81, id="MQTT-3.3.1-4 QoS 3 and DUP"),
        pytest.param(packet(0x37, string("a"), ID, b"\0"), 0x81, id="MQTT-3.3.1-4 QoS 3 and RETAIN"),
        pytest.param(packet(0x38, string("a"), b"\0"), 0x81, id="MQTT-3.3.1-2 DUP with QoS 0"),
        pytest.param(packet(0x39, string("a"), b"\0"), 0x81, id="MQTT-3.3.1-2 DUP and RETAIN with QoS 0"),
        pytest.param(packet(0x32, string("a"), b"\0\0\0"), 0x82, id="MQTT-2.2.1-3 packet identifier 0 with QoS 1"),
        pytest.param(packet(0x34, string("a"), b"\0\0\0"), 0x82, id="MQTT-2.2.1-3 packet identifier 0 with QoS 2"),
        pytest.param(packet(0x32, string("a")), 0x81, id="MQTT-2.2.1-2 no packet identifier"),
        pytest.param(packet(0x32, string("a"), b"\0"), 0x81, id="MQTT-2.2.1-2 half a packet identifier"),
        pytest.param(packet(0x30, string("a/+"), b"\0"), 0x90, id="MQTT-3.3.2-2 plus"),
        pytest.param(packet(0x30, string("#"), b"\0"), 0x90, id="MQTT-3.3.2-2 hash"),
        pytest.param(packet(0x33, string("a/#"), ID, b"\0"), 0x90, id="MQTT-3.3.2-2 hash, QoS 1"),
        pytest.param(packet(0x30, string("/" * 200), b"\0"), 0x90, id="M2 201 levels"),
        pytest.param(packet(0x30, string("a\0"), b"\0"), 0x81, id="MQTT-1.5.4-2 null"),
        pytest.param(packet(0x30, string(b"\xff"), b"\0"), 0x81, id="MQTT-3.3.2-1 not UTF-8"),
        pytest.param(packet(0x31, string(b"\xed\xa0\x80"), b"\0"), 0x81, id="MQTT-1.5.4-1 surrogate"),
        pytest.param(packet(0x30, string(""), b"\0"), 0x82, id="MQTT-4.7.3-1 empty topic (CVE-2021-34432)"),
        pytest.param(packet(0x32, string(""), ID, b"\0"), 0x82, id="MQTT-4.7.3-1 empty topic, QoS 1"),
        pytest.param(packet(0x30), 0x81, id="MQTT-3.3.2-1 no topic"),
        pytest.param(packet(0x30, b"\0"), 0x81, id="MQTT-3.3.2-1 half a length"),
        pytest.param(packet(0x30, b"\0\x05abcd"), 0x81, id="MQTT-3.3.2-1 topic longer than the packet"),
        pytest.param(packet(0x30, b"\xff\xffabcd"), 0x81, id="MQTT-3.3.2-1 topic far longer than the packet"),
    ],
)
def test_malformed_publish(data: bytes, reason: int, version: int) -> None:
    """The numbers are those of 5.0; 3.1.1 has MQTT-2.3.1-1 for packet identifiers and MQTT-1.5.3 for strings."""
    assert fault(data, version)[0] == reason


def test_empty_topic_without_payload_3_1_1() -> None:
    assert fault(packet(0x30, b"\0\0"), 4)[0] == 0x82


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(packet(0x30, string("t")), 0x81, id="3.3.2.3.1 no property length"),
        pytest.param(packet(0x32, string("t"), ID), 0x81, id="3.3.2.3.1 no property length, QoS 1"),
        pytest.param(packet(0x30, string("t"), b"\x05\x01\0"), 0x81, id="2.2.2.1 longer than the packet"),
        pytest.param(packet(0x30, string("t"), b"\x80\0"), 0x81, id="MQTT-1.5.5-1 length longer than needed"),
        pytest.param(publish5(b"\x01"), 0x81, id="3.3.2.3.2 payload format without a value"),
        pytest.param(publish5(b"\x01\x02"), 0x82, id="3.3.2.3.2 payload format 2"),
        pytest.param(publish5(b"\x01\0\x01\0"), 0x82, id="3.3.2.3.2 payload format twice"),
        pytest.param(publish5(b"\x02\0\0\0"), 0x81, id="3.3.2.3.3 expiry cut"),
        pytest.param(publish5(b"\x02\0\0\0\x01" * 2), 0x82, id="3.3.2.3.3 expiry twice"),
        pytest.param(publish5(b"\x23\0\0"), 0x94, id="MQTT-3.3.2-8 topic alias 0"),
        pytest.param(publish5(b"\x23\0\x01" * 2), 0x82, id="3.3.2.3.4 topic alias twice"),
        pytest.param(publish5(b"\x23\0"), 0x81, id="3.3.2.3.4 topic alias cut"),
        pytest.param(publish5(b"\x08" + string(b"\xff")), 0x81, id="MQTT-3.3.2-13 response topic not UTF-8"),
        pytest.param(publish5(b"\x08" + string("a/+")), 0x82, id="MQTT-3.3.2-14 response topic with plus"),
        pytest.param(publish5(b"\x08" + string("#")), 0x82, id="MQTT-3.3.2-14 response topic with hash"),
        pytest.param(publish5(b"\x08" + string("")), 0x82, id="MQTT-4.7.3-1 response topic empty"),
        pytest.param(publish5((b"\x08" + string("r")) * 2), 0x82, id="3.3.2.3.5 response topic twice"),
        pytest.param(publish5((b"\x09" + string("c")) * 2), 0x82, id="3.3.2.3.6 correlation data twice"),
        pytest.param(publish5(b"\x09\0\x05c"), 0x81, id="3.3.2.3.6 correlation data cut"),
        pytest.param(publish5(b"\x26" + string("k")), 0x81, id="3.3.2.3.7 user property without a value"),
        pytest.param(publish5(b"\x26" + string("k") + string("\0")), 0x81, id="MQTT-1.5.7-1 user property with null"),
        pytest.param(publish5(b"\x0b\x01"), 0x82, id="MQTT-3.3.4-6 subscription identifier from a client"),
        pytest.param(publish5(b"\x03" + string(b"\xc0\x80")), 0x81, id="MQTT-3.3.2-19 content type not UTF-8"),
        pytest.param(publish5((b"\x03" + string("c")) * 2), 0x82, id="3.3.2.3.9 content type twice"),
        pytest.param(publish5(b"\x18\0\0\0\x01"), 0x81, id="2.2.2.2 will delay"),
        pytest.param(publish5(b"\x21\0\x01"), 0x81, id="2.2.2.2 receive maximum"),
        pytest.param(publish5(b"\x7f"), 0x81, id="2.2.2.2 unknown property"),
        pytest.param(publish5(b"\0"), 0x81, id="2.2.2.2 property 0"),
        pytest.param(publish5(USER, b"\x1f" + string("x")), 0x81, id="2.2.2.2 reason string behind another"),
        pytest.param(publish5(b"\x02\0\0\0\x01", topic=""), 0x82, id="3.3.2.1 no topic and no alias"),
    ],
)
def test_malformed_properties(data: bytes, reason: int) -> None:
    assert fault(data)[0] == reason


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        pytest.param(b"\x0b\0", 0x82, id="3.3.2.3.8 subscription identifier 0"),
        pytest.param(b"\x0b\x80\0", 0x81, id="MQTT-1.5.5-1 longer than needed"),
        pytest.param(b"\x0b\x80", 0x81, id="1.5.5 cut"),
    ],
)
def test_malformed_properties_from_a_server(written: bytes, reason: int) -> None:
    assert fault(publish5(written), role="client")[0] == reason


def test_subscription_identifiers_repeat_in_what_a_server_sends() -> None:
    found = decode_one(publish5(b"\x0b\x01", USER, b"\x0b\xff\x01\x0b\x01"), role="client")
    assert isinstance(found, Publish)
    assert found.properties is not None
    assert found.properties.subscription_ids == (1, 255, 1)
    assert found.properties.passed == USER


def test_what_is_passed_on_keeps_bytes_and_order_MQTT_3_3_2_18() -> None:
    first, second = USER, b"\x26" + string("") + string("é")
    kept = [
        first,
        b"\x09" + string(b"\0\xff"),
        b"\x01\x01",
        second,
        b"\x08" + string("r/t"),
        first,
        b"\x03" + string("text"),
    ]
    taken = b"\x02\0\0\x01\0"
    alias = b"\x23\0\x05"
    for place in range(len(kept) + 1):
        for other in range(len(kept) + 1):
            parts = list(kept)
            parts.insert(place, taken)
            parts.insert(other, alias)
            found = decode_one(publish5(*parts))
            assert isinstance(found, Publish)
            assert found.properties == PublishProperties(5, 256, b"".join(kept), 1)
    properties = PublishProperties(passed=b"".join(kept), payload_format=1)
    assert properties.user_properties == (("k", "v"), ("", "é"), ("k", "v"))
    assert properties.correlation_data == b"\0\xff"
    assert properties.response_topic == "r/t"
    assert properties.content_type == "text"


def test_user_properties_are_counted_CVE_2021_41039() -> None:
    most = decode_one(publish5(USER * MAX_USER_PROPERTIES, b"\x23\0\x01"))
    assert isinstance(most, Publish)
    assert most.properties is not None
    assert len(most.properties.user_properties) == MAX_USER_PROPERTIES
    assert fault(publish5(USER * (MAX_USER_PROPERTIES + 1)))[0] == Reason.QUOTA_EXCEEDED
    assert fault(publish5(b"\x23\0\x01", USER * 20_000))[0] == Reason.QUOTA_EXCEEDED


TABLE_2_4 = {
    0x01: b"\x01",
    0x02: b"\0\0\0\x01",
    0x03: string("text"),
    0x08: string("r/t"),
    0x09: string(b"\xff"),
    0x0B: b"\x01",
    0x18: b"\0\0\0\x01",
    0x23: b"\0\x01",
    0x26: string("k") + string("v"),
}
"""What PUBLISH, or a will, may have, each with a value."""


@pytest.mark.parametrize(
    ("kind", "allowed"),
    [
        ("PUBLISH of a client", {0x01, 0x02, 0x03, 0x08, 0x09, 0x23, 0x26}),
        ("PUBLISH of a server", {0x01, 0x02, 0x03, 0x08, 0x09, 0x0B, 0x23, 0x26}),
        ("will", {0x01, 0x02, 0x03, 0x08, 0x09, 0x18, 0x26}),
    ],
)
def test_table_2_4(kind: str, allowed: set[int]) -> None:
    """Every identifier: read where the table has it, a malformed packet elsewhere (§2.2.2.2)."""
    for identifier in range(256):
        for written in {TABLE_2_4.get(identifier, b"\0\0\0\0"), b"\0\0\0\x01", b"\x01", string("x")}:
            extra = bytes((identifier,)) + written
            if kind == "will":
                head = string("MQTT") + b"\x05\x06\0\0\0" + string("c")
                data = packet(0x10, head, properties(extra), string("w"), string(""))
                _, reason, _ = decode(data)
            else:
                role: Role = "server" if kind.endswith("client") else "client"
                _, reason, _ = decode(publish5(extra), version=5, role=role)
            if identifier not in allowed:
                assert reason == (0x82 if identifier == 0x0B else 0x81), hex(identifier)
            elif written == TABLE_2_4[identifier]:
                assert reason is None, hex(identifier)


def test_only_an_alias() -> None:
    """The shortest list of properties, and what looks like it."""
    assert decode_one(publish5(b"\x23\x01\x02")) == Publish(b"t", b"", properties=PublishProperties(258))
    assert fault(publish5(b"\x23\0\0"))[0] == 0x94
    assert fault(packet(0x30, string("t"), b"\x03\x23\0"))[0] == 0x81
    assert fault(packet(0x30, string(""), b"\x03\x23\0"))[0] == 0x81
    assert decode_one(publish5(b"\x23\x01\x02", topic="", payload=b"\x03\x23")) == Publish(
        b"", b"\x03\x23", properties=PublishProperties(258)
    )


@given(st.none() | st.integers(1, 65_535), st.none() | st.integers(0, 2**32 - 1), PASSED, st.lists(st.integers(1, 300)))
def test_publish_properties_write_themselves(
    alias: int | None, expiry: int | None, passed: bytes, identifiers: list[int]
) -> None:
    value = PublishProperties(alias, expiry, passed, passed[1] if passed[:1] == b"\x01" else None, tuple(identifiers))
    found = decode_one(packet(0x30, string("t"), value.encode(), b"x"), role="client")
    assert isinstance(found, Publish)
    assert (found.properties or EMPTY_PUBLISH) == value
    assert repr(value).startswith("PublishProperties(")


def test_absent_properties() -> None:
    assert EMPTY_PUBLISH.content_type is None
    assert EMPTY_PUBLISH.response_topic is None
    assert EMPTY_PUBLISH.correlation_data is None
    assert EMPTY_PUBLISH.user_properties == ()
    only_user = PublishProperties(passed=USER)
    assert only_user.content_type is None
    assert only_user.user_properties == (("k", "v"),)
    only_format = PublishProperties(passed=b"\x01\x01")
    assert only_format.response_topic is None
    assert only_format.user_properties == ()


@given(st.none() | st.integers(0, 1), st.none() | TOPICS, st.none() | TOPICS, st.none() | st.binary(), USER_PROPERTIES)
def test_passed_properties_come_back(
    payload_format: int | None,
    content_type: str | None,
    response_topic: str | None,
    correlation_data: bytes | None,
    user_properties: tuple[tuple[str, str], ...],
) -> None:
    passed = encode_passed(
        payload_format=payload_format,
        content_type=content_type,
        response_topic=response_topic,
        correlation_data=correlation_data,
        user_properties=user_properties,
    )
    found = decode_one(publish5(passed, b"\x02\0\0\0\0"))
    assert isinstance(found, Publish)
    assert found.properties is not None
    assert found.properties.passed == passed
    assert found.properties.expiry == 0
    assert found.properties.payload_format == payload_format
    assert found.properties.content_type == content_type
    assert found.properties.response_topic == response_topic
    assert found.properties.correlation_data == correlation_data
    assert found.properties.user_properties == user_properties


def test_passed_properties_that_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="payload format"):
        encode_passed(payload_format=2)
    with pytest.raises(ValueError, match="response topic"):
        encode_passed(response_topic="a/#")
    with pytest.raises(ValueError, match="null"):
        encode_passed(content_type="\0")
    with pytest.raises(ValueError, match="65,535"):
        encode_passed(correlation_data=b"x" * 65_536)


def wire(publish: Publish, version: int) -> bytes:
    """`publish` by `publish_parts`."""
    extra = publish.properties or EMPTY_PUBLISH
    head, tail = publish_parts(
        version,
        publish.topic,
        publish.payload,
        qos=publish.qos,
        retain=publish.retain,
        dup=publish.dup,
        alias=extra.alias,
        expiry=extra.expiry,
        passed=extra.passed,
        subscription_ids=extra.subscription_ids,
    )
    return head + (publish.packet_id.to_bytes(2) if publish.qos else b"") + tail


@pytest.mark.parametrize("role", ["server", "client"])
@pytest.mark.parametrize("version", [3, 4, 5])
def test_publish_comes_back(version: int, role: Role) -> None:
    @given(publishes(version, from_server=role == "client"))
    def check(publish: Publish) -> None:
        assert decode_one(wire(publish, version), version, role=role) == publish

    check()


def test_parts() -> None:
    head, tail = publish_parts(4, b"a/b", b"xyz", qos=1, retain=True)
    assert (head, tail) == (b"\x33\x0a\0\x03a/b", b"xyz")
    assert set_dup(head) == b"\x3b\x0a\0\x03a/b"
    assert publish_parts(5, b"a/b", b"xyz", qos=0, retain=False) == (b"\x30\x09\0\x03a/b", b"\0xyz")
    assert publish_parts(5, b"a", b"", qos=2, retain=False, dup=True) == (b"\x3c\x06\0\x01a", b"\0")
    aliased = publish_parts(5, b"a/b", b"", qos=0, retain=False, alias=258, send_topic=False)
    assert aliased == (b"\x30\x06\0\0", b"\x03\x23\x01\x02")
    full = publish_parts(5, b"a", b"p", qos=0, retain=False, expiry=1, passed=USER, subscription_ids=(1, 200))
    assert full == (b"\x30\x16\0\x01a", b"\x11" + USER + b"\x02\0\0\0\x01\x0b\x01\x0b\xc8\x01p")


def test_before_5_0_there_are_no_properties() -> None:
    plain = publish_parts(4, b"a", b"p", qos=1, retain=False)
    assert plain == publish_parts(4, b"a", b"p", qos=1, retain=False, expiry=1, passed=USER, subscription_ids=(1,))
    assert plain == publish_parts(3, b"a", b"p", qos=1, retain=False, alias=3)


@given(PASSED, st.lists(st.integers(0, 100), min_size=1, max_size=8), st.sampled_from([3, 4, 5]), TOPICS)
def test_rows_come_back_and_change_their_version(passed: bytes, sizes: list[int], version: int, topic: str) -> None:
    """A mixture of rows, each of one topic and size; `encode` gives what the other version would have sent."""
    name = topic.encode()
    messages = [Publish(name, bytes([index]) * size) for index, size in enumerate(sizes) for _ in range(1 + size % 3)]
    data = b"".join(wire(each, version) for each in messages)
    decoder = Decoder(version=version, max_packet=MAX_PACKET)
    runs = decoder.receive(data)
    assert decoder.fault is None
    for other in (3, 4, 5):
        again = b""
        for run in runs:
            assert isinstance(run, PublishRun)
            again += run.encode(other)
            if other == version:
                assert run.encode(other) is run.data
        assert again == b"".join(wire(each, other) for each in messages)
    assert sum(run.count for run in runs if isinstance(run, PublishRun)) == len(messages)


def test_a_row_ends_where_topic_size_or_flags_change() -> None:
    one, two = packet(0x30, string("a"), b"xx"), packet(0x30, string("b"), b"xx")
    longer, retained = packet(0x30, string("a"), b"xxx"), packet(0x31, string("a"), b"xx")
    decoder = Decoder(version=4, max_packet=MAX_PACKET)
    packets = decoder.receive(one + one + two + one + longer + retained + one + one[:-1])
    counts = [each.count if isinstance(each, PublishRun) else each for each in packets]
    assert counts == [2, 1, 1, 1, Publish(b"a", b"xx", retain=True), 1]
    assert decoder.buffered == len(one) - 1


def test_payloads_that_look_like_the_next_header_are_payloads() -> None:
    """A run is found by the bytes of a header; only where a packet begins it is one (P2's class)."""
    message = packet(0x30, string("a"), b"\x30\x05\0\x01a\x30\x05")
    packets, reason, _ = decode(message * 3, version=4)
    assert reason is None
    assert packets == [("run", b"a", b"\x30\x05\0\x01a\x30\x05")] * 3


def test_known_topics_are_bounded_and_forget_nothing_wrong() -> None:
    decoder = Decoder(version=4, max_packet=MAX_PACKET)
    for number in range(5000):
        decoder.receive(packet(0x30, string(f"flood/{number}"), b"x"))
        assert len(known_topics) <= 4096
    decoder.receive(packet(0x30, string("l" * 300), b"x"))
    assert b"l" * 300 not in known_topics
    for size in (256, 257):
        decoder.receive(packet(0x30, string("l" * size), b"x"))
        assert (b"l" * size in known_topics) == (size == 256)
    assert all(len(topic) <= 256 for topic in known_topics)
    assert decoder.fault is None
    decoder.receive(packet(0x30, string("flood/#"), b"x"))
    assert decoder.fault is not None


def test_a_payload_format_that_lies_is_left_to_the_session_0x99() -> None:
    """§3.3.2.3.2: a receiver may check; with QoS 1 it answers in PUBACK, so the packet is whole and good here."""
    found = decode_one(publish5(b"\x01\x01", payload=b"\xff"))
    assert isinstance(found, Publish)
    assert found.properties is not None
    assert found.properties.payload_format == 1


def test_publishes_compare_and_hash_by_value() -> None:
    one = Publish(b"a", b"x", properties=PublishProperties(1))
    assert one == Publish(b"a", b"x", properties=PublishProperties(1))
    assert hash(one) == hash(Publish(b"a", b"x", properties=PublishProperties(1)))
    assert one != Publish(b"a", b"x", properties=PublishProperties(2))
    assert one != (b"a", b"x")
    assert "x" in repr(one)
    assert not hasattr(one, "__dict__")


def test_a_row_of_many_is_read_in_about_no_time() -> None:
    """300,000 messages a second is the floor of a whole broker; reading a row must be far above it."""
    data = packet(0x30, string("bench/topic"), b"x" * 64) * 1000
    decoder = Decoder(version=4, max_packet=MAX_PACKET)
    started = time.thread_time()
    for _ in range(100):
        (run,) = decoder.receive(data)
        assert isinstance(run, PublishRun)
        assert run.count == 1000
    assert time.thread_time() - started < 0.1
