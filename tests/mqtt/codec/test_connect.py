"""CONNECT and CONNACK: 5.0 §3.1 and §3.2, 3.1.1 §3.1 and §3.2, MQTT 3.1 §3.1 and §3.2."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.mqtt.codec.strategies import BINARY, TEXT, properties_of, wills
from tests.mqtt.codec.wire import CONNECT, MAX_PACKET, decode, decode_one, fault, packet, properties, string

from socketworkers_mqtt.codec import (
    EMPTY,
    EMPTY_WILL,
    Connack,
    Connect,
    Decoder,
    PacketType,
    Properties,
    Reason,
    Will,
    WillProperties,
    connack_code_v3,
    encode_connack,
    encode_connect,
)
from socketworkers_mqtt.codec.reasons import CONNACK_REASONS

NAME = {3: "MQIsdp", 4: "MQTT", 5: "MQTT"}


def connect(version: int, flags: int, *payload: bytes, level: int | None = None, extra: bytes = b"") -> bytes:
    """A CONNECT; in 5.0 with `extra` as its properties."""
    head = string(NAME[version]) + bytes((version if level is None else level, flags)) + b"\0\x3c"
    return packet(0x10, head, properties(extra) if version == 5 else b"", *payload)


def read(data: bytes) -> Connect:
    packets, reason, message = decode(data)
    assert reason is None, message
    (found,) = packets
    assert isinstance(found, Connect)
    return found


def will_properties(version: int, *parts: bytes) -> bytes:
    return properties(*parts) if version == 5 else b""


@pytest.mark.parametrize("version", [3, 4, 5])
def test_the_smallest(version: int) -> None:
    assert read(CONNECT[version]) == Connect(NAME[version], version, True, 60, "c")
    assert read(CONNECT[version]).properties is EMPTY


@pytest.mark.parametrize("version", [3, 4, 5])
def test_every_field(version: int) -> None:
    will = will_properties(version) + string("w/t") + string(b"\0\xff")
    data = connect(version, 0xEC, string("é"), will, string("user"), string(b"\xff"))
    expected = Connect(NAME[version], version, False, 60, "é", Will("w/t", b"\0\xff", 1, True), "user", b"\xff")
    assert read(data) == expected
    assert encode_connect(expected) == data


def test_properties_of_5_0() -> None:
    delay, expiry, kept = b"\x18\0\0\0\x05", b"\x02\0\0\0\x07", b"\x26" + string("k") + string("v")
    data = connect(
        5, 0x06, string(""), properties(kept, delay, b"\x01\x01", expiry), string("w"), string(""), extra=b"\x21\0\x0a"
    )
    found = read(data)
    assert found.properties == Properties(receive_maximum=10)
    assert found.will is not None
    assert found.will.properties == WillProperties(5, 7, kept + b"\x01\x01", 1)
    assert found.will.properties.user_properties == (("k", "v"),)
    assert hash(found.will.properties) == hash(WillProperties(5, 7, kept + b"\x01\x01", 1))
    assert found.will.properties != WillProperties(6, 7, kept + b"\x01\x01", 1)
    assert found.will.properties.encode() == properties(delay, expiry, kept, b"\x01\x01")


@pytest.mark.parametrize(("level", "version"), [(0x83, 3), (0x84, 4)])
def test_bridges_say_so_in_the_level(level: int, version: int) -> None:
    data = connect(version, 2, string("c"), level=level)
    assert read(data) == Connect(NAME[version], version, True, 60, "c", bridge=True)
    assert encode_connect(read(data)) == data


@pytest.mark.parametrize(
    ("name", "level", "answer"),
    [
        pytest.param("MQTT", 3, 4, id="MQTT-3.1.2-2 MQTT 3"),
        pytest.param("MQTT", 0, 4, id="MQTT-3.1.2-2 MQTT 0"),
        pytest.param("MQTT", 6, 5, id="MQTT-3.1.2-2 MQTT 6"),
        pytest.param("MQTT", 255, 5, id="MQTT-3.1.2-2 MQTT 255"),
        pytest.param("MQTT", 0x83, 5, id="MQTT-3.1.2-2 a bridge of the wrong name"),
        pytest.param("MQTT", 0x85, 5, id="MQTT-3.1.2-2 no bridge speaks 5.0"),
        pytest.param("MQIsdp", 4, 3, id="MQTT-3.1.2-2 MQIsdp 4"),
        pytest.param("MQIsdp", 5, 3, id="MQTT-3.1.2-2 MQIsdp 5"),
        pytest.param("MQIsdp", 0x84, 3, id="MQTT-3.1.2-2 MQIsdp, a bridge of 4"),
        pytest.param("mqtt", 4, None, id="MQTT-3.1.2-1 lower case"),
        pytest.param("MQTT\u0020", 4, None, id="MQTT-3.1.2-1 a space behind"),
        pytest.param("", 4, None, id="MQTT-3.1.2-1 no name"),
        pytest.param("HTTP", 4, None, id="MQTT-3.1.2-1 another protocol"),
    ],
)
def test_protocols_that_are_not_spoken(name: str, level: int, answer: int | None) -> None:
    data = packet(0x10, string(name), bytes((level, 2)), b"\0\0", string("c"))
    assert fault(data, None)[0] == Reason.UNSUPPORTED_PROTOCOL_VERSION
    decoder = Decoder(max_packet=MAX_PACKET)
    decoder.receive(data)
    assert decoder.version == answer, "the version in which to refuse"


@pytest.mark.parametrize(("body", "answer"), [(b"\0\x04MQTT\x06", 5), (b"\0\x04MQTT\x02", 4), (b"\0\x04MQTT", None)])
def test_the_version_of_a_refusal_is_read_within_the_packet(body: bytes, answer: int | None) -> None:
    decoder = Decoder(max_packet=MAX_PACKET)
    decoder.receive(packet(0x10, body) + b"\x06\x06")
    assert decoder.fault is not None
    assert decoder.version == answer


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("body", [b"", b"\0", b"\0\x04MQT", b"\0\x04MQTT", b"\0\x06MQIsdp", b"\xff\xffMQTT"])
def test_a_connect_that_ends_early_MQTT_3_1_4_1(body: bytes, version: int) -> None:
    assert fault(packet(0x10, body), None)[0] == 0x81
    whole = connect(
        version, 0xEE, string("c"), will_properties(version), string("w"), string(""), string("u"), string("p")
    )
    inner = whole[2:]
    for end in range(len(inner)):
        packets, reason, _ = decode(packet(0x10, inner[:end]))
        if version == 3 and reason is None:
            (found,) = packets  # MQTT 3.1 §3.1: name and password may be missing as a whole
            assert isinstance(found, Connect)
            assert found.password is None
            assert end in (len(inner) - 3, len(inner) - 6)
        else:
            assert reason in (0x81, 0x84)
            assert packets == []


def test_fields_that_flags_announce_and_3_1_lets_be_missing() -> None:
    both = connect(3, 0xC2, string("c"), string("u"), string("p"))
    assert read(both) == Connect("MQIsdp", 3, True, 60, "c", None, "u", b"p")
    assert read(connect(3, 0xC2, string("c"), string("u"))) == Connect("MQIsdp", 3, True, 60, "c", None, "u")
    assert read(connect(3, 0xC2, string("c"))) == Connect("MQIsdp", 3, True, 60, "c")
    for version in (4, 5):
        assert fault(connect(version, 0xC2, string("c"), string("u")), None)[0] == 0x81
        assert fault(connect(version, 0x82, string("c")), None)[0] == 0x81


def test_flags_that_3_1_does_not_use() -> None:
    assert read(connect(3, 0x03, string("c"))).clean_start
    assert read(connect(3, 0x28, string("c"))).will is None
    assert read(connect(3, 0x42, string("c"), string("p"))).password == b"p"


@pytest.mark.parametrize(
    ("version", "flags", "payload"),
    [
        pytest.param(4, 0x03, (), id="MQTT-3.1.2-3 reserved flag, 3.1.1"),
        pytest.param(5, 0x03, (), id="MQTT-3.1.2-3 reserved flag, 5.0"),
        pytest.param(4, 0x0A, (), id="3.1.1 MQTT-3.1.2-13 will QoS 1 without a will"),
        pytest.param(5, 0x0A, (), id="5.0 MQTT-3.1.2-11 will QoS 1 without a will"),
        pytest.param(4, 0x12, (), id="3.1.1 MQTT-3.1.2-13 will QoS 2 without a will"),
        pytest.param(5, 0x12, (), id="5.0 MQTT-3.1.2-11 will QoS 2 without a will"),
        pytest.param(4, 0x22, (), id="3.1.1 MQTT-3.1.2-15 will retain without a will"),
        pytest.param(5, 0x22, (), id="5.0 MQTT-3.1.2-13 will retain without a will"),
        pytest.param(3, 0x1E, (string("w"), string("")), id="3.1 §3.1 will QoS 3"),
        pytest.param(4, 0x1E, (string("w"), string("")), id="3.1.1 MQTT-3.1.2-14 will QoS 3"),
        pytest.param(5, 0x1E, (b"\0", string("w"), string("")), id="5.0 MQTT-3.1.2-12 will QoS 3"),
        pytest.param(4, 0x1A, (), id="3.1.1 MQTT-3.1.2-14 will QoS 3 without a will"),
        pytest.param(4, 0x42, (string("p"),), id="3.1.1 MQTT-3.1.2-22 password without a user name"),
        pytest.param(4, 0x06, (), id="3.1.1 MQTT-3.1.2-9 a will that is missing"),
        pytest.param(5, 0x06, (b"\0",), id="5.0 MQTT-3.1.2-9 a will that is missing"),
        pytest.param(4, 0x06, (string("w"),), id="3.1.1 MQTT-3.1.2-9 a will without its message"),
        pytest.param(5, 0x06, (string("w"), string("")), id="5.0 3.1.3.2 a will without property length"),
        pytest.param(4, 0x82, (), id="3.1.1 MQTT-3.1.2-19 a user name that is missing"),
        pytest.param(5, 0x82, (), id="5.0 MQTT-3.1.2-17 a user name that is missing"),
        pytest.param(4, 0xC2, (string("u"),), id="3.1.1 MQTT-3.1.2-21 a password that is missing"),
        pytest.param(5, 0x42, (), id="5.0 MQTT-3.1.2-19 a password that is missing"),
        pytest.param(4, 0x02, (string("u"),), id="3.1.1 MQTT-3.1.2-18 a user name without its flag"),
        pytest.param(5, 0x02, (string("u"),), id="5.0 MQTT-3.1.2-16 a user name without its flag"),
        pytest.param(4, 0x82, (string("u"), string("p")), id="3.1.1 MQTT-3.1.2-20 a password without its flag"),
        pytest.param(5, 0x82, (string("u"), string("p")), id="5.0 MQTT-3.1.2-18 a password without its flag"),
        pytest.param(4, 0x02, (b"\0",), id="MQTT-3.1.4-1 a byte behind"),
        pytest.param(3, 0x02, (b"\0",), id="3.1 a byte behind"),
        pytest.param(4, 0x82, (string(b"\xff"),), id="3.1.1 MQTT-3.1.3-11 user name not UTF-8"),
        pytest.param(5, 0x82, (string(b"\xff"),), id="5.0 MQTT-3.1.3-12 user name not UTF-8"),
        pytest.param(5, 0x82, (string("\0"),), id="MQTT-1.5.4-2 user name with null"),
        pytest.param(4, 0x06, (string(b"\xff"), string("")), id="3.1.1 MQTT-3.1.3-10 will topic not UTF-8"),
        pytest.param(5, 0x06, (b"\0", string(b"\xff"), string("")), id="5.0 MQTT-3.1.3-11 will topic not UTF-8"),
    ],
)
def test_malformed_connect(version: int, flags: int, payload: tuple[bytes, ...]) -> None:
    assert fault(connect(version, flags, string("c"), *payload), None)[0] == 0x81


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize(
    "client_id",
    [
        pytest.param(b"\xff", id="MQTT-3.1.3-4 not UTF-8"),
        pytest.param(b"\xed\xa0\x80", id="MQTT-1.5.4-1 surrogate"),
        pytest.param(b"a\0", id="MQTT-1.5.4-2 null"),
    ],
)
def test_malformed_client_identifiers(client_id: bytes, version: int) -> None:
    assert fault(connect(version, 2, string(client_id)), None)[0] == 0x81


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("topic", ["", "a/+", "#", "a#b", "/" * 200])
def test_a_will_topic_is_a_topic_name_CVE_2023_3592(topic: str, version: int) -> None:
    data = connect(version, 0x06, string("c"), will_properties(version), string(topic), string(""))
    assert fault(data, None)[0] == Reason.TOPIC_NAME_INVALID


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        pytest.param(b"\x18\0\0\0\x01" * 2, 0x82, id="3.1.3.2.2 will delay twice"),
        pytest.param(b"\x18\0\0\0", 0x81, id="3.1.3.2.2 will delay cut"),
        pytest.param(b"\x01\x02", 0x82, id="3.1.3.2.3 payload format 2"),
        pytest.param(b"\x01\x01\x01\x01", 0x82, id="3.1.3.2.3 payload format twice"),
        pytest.param(b"\x02\0\0\0\x01" * 2, 0x82, id="3.1.3.2.4 expiry twice"),
        pytest.param((b"\x03" + string("a")) * 2, 0x82, id="3.1.3.2.5 content type twice"),
        pytest.param(b"\x08" + string("+"), 0x82, id="3.1.3.2.6 response topic with a wildcard"),
        pytest.param((b"\x09" + string("a")) * 2, 0x82, id="3.1.3.2.7 correlation data twice"),
        pytest.param(b"\x23\0\x01", 0x81, id="2.2.2.2 topic alias in a will"),
        pytest.param(b"\x0b\x01", 0x82, id="2.2.2.2 subscription identifier in a will"),
        pytest.param(b"\x21\0\x01", 0x81, id="2.2.2.2 receive maximum in a will"),
    ],
)
def test_malformed_will_properties(parts: bytes, reason: int) -> None:
    assert fault(connect(5, 0x06, string("c"), properties(parts), string("w"), string("")), None)[0] == reason


def test_a_crafted_connect_of_5_0_CVE_2021_34431_CVE_2017_7654() -> None:
    """Refused after much was read: nothing of it stays."""
    user = (b"\x26" + string("k" * 50) + string("v" * 50)) * 100
    data = connect(5, 0x06, string("c"), properties(user, b"\x7f"), string("w"), string(""), extra=user)
    assert len(data) > 16_389
    for _ in range(3):
        decoder = Decoder(max_packet=MAX_PACKET, max_connect=MAX_PACKET)
        assert decoder.receive(data) == []
        assert decoder.fault is not None
        assert decoder.buffered == 0
        assert decoder.version == 5


@pytest.mark.parametrize("version", [3, 4, 5])
def test_connect_comes_back(version: int) -> None:
    @given(st.data())
    def check(data: st.DataObject) -> None:
        username = data.draw(st.none() | TEXT)
        password = data.draw(st.none() | BINARY) if username is not None or version != 4 else None
        value = Connect(
            NAME[version],
            version,
            data.draw(st.booleans()),
            data.draw(st.integers(0, 0xFFFF)),
            data.draw(TEXT),
            data.draw(st.none() | wills(version)),
            username,
            password,
            data.draw(properties_of(PacketType.CONNECT)) if version == 5 else EMPTY,
            data.draw(st.booleans()) if version < 5 else False,
        )
        assert read(encode_connect(value)) == value

    check()


def test_connects_that_cannot_be_written() -> None:
    for wrong in (Connect("MQTT", 4, True, 0, "\0"), Connect("MQTT", 4, True, 0, "x" * 65_536)):
        with pytest.raises(ValueError, match=r"null|65,535"):
            encode_connect(wrong)
    with pytest.raises(OverflowError):
        encode_connect(Connect("MQTT", 4, True, 65_536, ""))


def test_an_empty_will_is_shared() -> None:
    assert EMPTY_WILL.will_delay == 0
    assert EMPTY_WILL.encode() == b"\0"
    assert read(connect(4, 0x06, string("c"), string("w"), string(""))).will == Will("w", b"", 0, False, EMPTY_WILL)


@pytest.mark.parametrize(
    ("data", "version", "expected"),
    [
        (b"\x20\x02\0\0", 3, Connack(False, Reason.SUCCESS)),
        (b"\x20\x02\x01\0", 3, Connack(False, Reason.SUCCESS)),
        (b"\x20\x02\x01\0", 4, Connack(True, Reason.SUCCESS)),
        (b"\x20\x02\0\x05", 4, Connack(False, Reason.NOT_AUTHORIZED)),
        (b"\x20\x03\x01\0\0", 5, Connack(True, Reason.SUCCESS)),
        (b"\x20\x03\0\x87\0", 5, Connack(False, Reason.NOT_AUTHORIZED)),
        (b"\x20\x06\0\0\x03\x13\0\x0a", 5, Connack(False, Reason.SUCCESS, Properties(server_keep_alive=10))),
    ],
)
def test_connack(data: bytes, version: int, expected: Connack) -> None:
    assert decode_one(data, version, role="client") == expected


@pytest.mark.parametrize(
    ("data", "version", "reason"),
    [
        pytest.param(b"\x20\x02\x02\0", 4, 0x81, id="MQTT-3.2.2-1 reserved flags, 3.1.1"),
        pytest.param(b"\x20\x03\xff\0\0", 5, 0x81, id="MQTT-3.2.2-1 reserved flags, 5.0"),
        pytest.param(b"\x20\x02\x01\x05", 4, 0x82, id="3.1.1 MQTT-3.2.2-4 a session with a refusal"),
        pytest.param(b"\x20\x03\x01\x87\0", 5, 0x82, id="5.0 MQTT-3.2.2-6 a session with a refusal"),
        pytest.param(b"\x20\x02\0\x06", 4, 0x82, id="3.1.1 3.2.2.3 reserved code"),
        pytest.param(b"\x20\x02\0\x80", 4, 0x82, id="3.1.1 3.2.2.3 a code of 5.0"),
        pytest.param(b"\x20\x03\0\x01\0", 5, 0x82, id="MQTT-3.2.2-8 a code of 3.1.1"),
        pytest.param(b"\x20\x03\0\x8b\0", 5, 0x82, id="MQTT-3.2.2-8 a code of another packet"),
        pytest.param(b"\x20\0", 4, 0x81, id="3.2.1 empty"),
        pytest.param(b"\x20\x01\0", 4, 0x81, id="3.2.1 one byte"),
        pytest.param(b"\x20\x03\0\0\0", 4, 0x81, id="3.2.1 three bytes in 3.1.1"),
        pytest.param(b"\x20\x02\0\0", 5, 0x81, id="3.2.2.3 no property length"),
        pytest.param(b"\x20\x04\0\0\0\0", 5, 0x81, id="3.2.3 a byte behind"),
    ],
)
def test_malformed_connack(data: bytes, version: int, reason: int) -> None:
    assert fault(data, version, role="client")[0] == reason


@given(st.booleans(), st.sampled_from(sorted(CONNACK_REASONS.values())), properties_of(PacketType.CONNACK))
def test_connack_comes_back(session_present: bool, reason: Reason, extra: Properties) -> None:
    session_present = session_present and not reason
    written = encode_connack(5, session_present, reason, extra)
    assert decode_one(written, 5, role="client") == Connack(session_present, reason, extra)
    old = encode_connack(4, session_present, reason, extra)
    assert old == bytes((0x20, 2, session_present, connack_code_v3(reason)))
    assert encode_connack(3, session_present, reason) == bytes((0x20, 2, 0, connack_code_v3(reason)))
