"""PINGREQ, PINGRESP, DISCONNECT, AUTH: 5.0 §3.12 to §3.15, 3.1.1 §3.12 to §3.14."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.mqtt.codec.strategies import properties_of
from tests.mqtt.codec.wire import decode_one, fault, packet, properties, string

from socketworkers_mqtt.codec import (
    PINGREQ,
    PINGRESP,
    Auth,
    Disconnect,
    PacketType,
    Pingreq,
    Pingresp,
    Properties,
    Reason,
    Role,
    encode_auth,
    encode_disconnect,
)
from socketworkers_mqtt.codec.reasons import (
    AUTH_FROM_CLIENT,
    AUTH_FROM_SERVER,
    DISCONNECT_FROM_CLIENT,
    DISCONNECT_FROM_SERVER,
)

METHOD = b"\x15" + string("m")
WHY = b"\x1f" + string("why")
#: 5.0 Table 3-10, by who sends it
FROM_CLIENT = {0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99}
FROM_SERVER = {
    0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98,
    0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2,
}  # fmt: skip


@pytest.mark.parametrize("version", [3, 4, 5])
def test_pings(version: int) -> None:
    assert decode_one(PINGREQ, version) == Pingreq()
    assert decode_one(PINGRESP, version, role="client") == Pingresp()


@pytest.mark.parametrize("version", [3, 4, 5])
def test_pings_have_nothing_behind_3_12_2_and_3_13_2(version: int) -> None:
    assert fault(b"\xc0\x01\0", version)[0] == 0x81
    assert fault(b"\xc0\x02\0\x01", version)[0] == 0x81
    assert fault(b"\xd0\x01\0", version, role="client")[0] == 0x81


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("flags", range(1, 16))
def test_flags_MQTT_3_12_1_and_MQTT_3_14_1_1_and_MQTT_3_15_1_1(flags: int, version: int) -> None:
    for first in (0xC0, 0xE0, 0xF0):
        assert fault(bytes((first | flags, 0)), version)[0] == 0x81
    assert fault(bytes((0xD0 | flags, 0)), version, role="client")[0] == 0x81


@pytest.mark.parametrize("version", [3, 4, 5])
def test_disconnect_without_anything(version: int) -> None:
    assert decode_one(b"\xe0\0", version) == Disconnect(Reason.NORMAL_DISCONNECTION)
    assert encode_disconnect(version) == b"\xe0\0"
    assert encode_disconnect(version, 0, Properties() if version < 5 else None) == b"\xe0\0"


@pytest.mark.parametrize("version", [3, 4])
def test_disconnect_has_nothing_behind_before_5_0(version: int) -> None:
    for body in (b"\0", b"\0\0", b"\x04\0"):
        assert fault(packet(0xE0, body), version)[0] == 0x81
    assert fault(b"\xe0\0", version, role="client")[0] == 0x82
    assert encode_disconnect(version, 0x8E) == b"\xe0\0"


@pytest.mark.parametrize(("role", "codes"), [("server", FROM_CLIENT), ("client", FROM_SERVER)])
def test_reason_codes_of_disconnect_MQTT_3_14_2_1(role: Role, codes: set[int]) -> None:
    for code in range(256):
        for tail, value in (
            (b"", Properties()),
            (b"\0", Properties()),
            (properties(WHY), Properties(reason_string="why")),
        ):
            data = packet(0xE0, bytes((code,)), tail)
            if code in codes:
                assert decode_one(data, role=role) == Disconnect(Reason(code), value)
            else:
                assert fault(data, role=role)[0] == 0x82


def test_tables_of_disconnect_and_auth() -> None:
    assert set(DISCONNECT_FROM_CLIENT) == FROM_CLIENT
    assert set(DISCONNECT_FROM_SERVER) == FROM_SERVER
    assert set(AUTH_FROM_CLIENT) == {0x18, 0x19}
    assert set(AUTH_FROM_SERVER) == {0, 0x18}


@pytest.mark.parametrize(
    ("body", "role", "reason"),
    [
        pytest.param(b"\0" + properties(b"\x11\0\0\0\x01"), "client", 0x82, id="MQTT-3.14.2-2 expiry from a server"),
        pytest.param(b"\0" + properties(b"\x11\0\0\0\x01" * 2), "server", 0x82, id="3.14.2.2.2 expiry twice"),
        pytest.param(b"\0" + properties(WHY, WHY), "server", 0x82, id="3.14.2.2.3 reason string twice"),
        pytest.param(b"\0" + properties((b"\x1c" + string("x")) * 2), "client", 0x82, id="3.14.2.2.5 reference twice"),
        pytest.param(b"\0" + properties(b"\x21\0\x01"), "server", 0x81, id="2.2.2.2 receive maximum"),
        pytest.param(b"\0\0\0", "server", 0x81, id="3.14.3 a byte behind"),
        pytest.param(b"\0\x05", "server", 0x81, id="2.2.2.1 properties longer than the packet"),
    ],
)
def test_malformed_disconnect(body: bytes, role: Role, reason: int) -> None:
    assert fault(packet(0xE0, body), role=role)[0] == reason


def test_auth() -> None:
    expected = Auth(Reason.CONTINUE_AUTHENTICATION, Properties(authentication_method="m", authentication_data=b"\0"))
    data = packet(0xF0, b"\x18", properties(METHOD, b"\x16" + string(b"\0")))
    assert decode_one(data) == decode_one(data, role="client") == expected
    assert encode_auth(5, 0x18, expected.properties) == data
    assert decode_one(b"\xf0\0", role="client") == Auth(Reason.SUCCESS)
    assert encode_auth(5, 0) == b"\xf0\0"
    with pytest.raises(ValueError, match=r"5\.0"):
        encode_auth(4, 0x18)


@pytest.mark.parametrize(("role", "codes"), [("server", {0x18, 0x19}), ("client", {0, 0x18})])
def test_reason_codes_of_auth_MQTT_3_15_2_1(role: Role, codes: set[int]) -> None:
    for code in range(256):
        data = packet(0xF0, bytes((code,)), properties(METHOD))
        if code in codes:
            assert decode_one(data, role=role) == Auth(Reason(code), Properties(authentication_method="m"))
        else:
            assert fault(data, role=role)[0] == 0x82


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"", 0x82, id="3.15.2.1 a success from a client"),
        pytest.param(b"\x18", 0x81, id="3.15.2.1 no property length"),
        pytest.param(b"\x18\0", 0x82, id="3.15.2.2.2 no method"),
        pytest.param(b"\x18" + properties(b"\x16" + string("d")), 0x82, id="3.15.2.2.3 data without a method"),
        pytest.param(b"\x18" + properties(METHOD, METHOD), 0x82, id="3.15.2.2.2 method twice"),
        pytest.param(b"\x18" + properties(METHOD, b"\x21\0\x01"), 0x81, id="2.2.2.2 receive maximum"),
        pytest.param(b"\x18" + properties(METHOD) + b"\0", 0x81, id="3.15.3 a byte behind"),
        pytest.param(b"\x18\x05", 0x81, id="2.2.2.1 properties longer than the packet"),
    ],
)
def test_malformed_auth(body: bytes, reason: int) -> None:
    assert fault(packet(0xF0, body))[0] == reason


@given(st.sampled_from(sorted(DISCONNECT_FROM_CLIENT.values())), properties_of(PacketType.DISCONNECT))
def test_disconnect_of_a_client_comes_back(reason: Reason, value: Properties) -> None:
    assert decode_one(encode_disconnect(5, reason, value)) == Disconnect(reason, value)


@given(
    st.sampled_from(sorted(DISCONNECT_FROM_SERVER.values())),
    properties_of(PacketType.DISCONNECT, without=("session_expiry_interval",)),
)
def test_disconnect_of_a_server_comes_back(reason: Reason, value: Properties) -> None:
    assert decode_one(encode_disconnect(5, reason, value), role="client") == Disconnect(reason, value)


@given(st.sampled_from([0x18, 0x19]), properties_of(PacketType.AUTH))
def test_auth_comes_back(reason: int, value: Properties) -> None:
    data = encode_auth(5, reason, value)
    if value.authentication_method is None:
        assert fault(data)[0] == 0x82
    else:
        assert decode_one(data) == Auth(Reason(reason), value)
