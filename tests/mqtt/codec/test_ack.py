"""PUBACK, PUBREC, PUBREL, PUBCOMP: 5.0 and 3.1.1 §3.4 to §3.7."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.mqtt.codec.strategies import PACKET_IDS, properties_of
from tests.mqtt.codec.wire import MAX_PACKET, decode, decode_one, fault, packet, properties, string

from socketworkers_mqtt.codec import (
    EMPTY,
    Ack,
    Acks,
    Decoder,
    PacketType,
    Properties,
    Reason,
    Role,
    encode_ack,
    encode_acks,
)

KINDS = [PacketType.PUBACK, PacketType.PUBREC, PacketType.PUBREL, PacketType.PUBCOMP]
FIRST = {PacketType.PUBACK: 0x40, PacketType.PUBREC: 0x50, PacketType.PUBREL: 0x62, PacketType.PUBCOMP: 0x70}
REASONS = {
    PacketType.PUBACK: [0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
    PacketType.PUBREC: [0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
    PacketType.PUBREL: [0, 0x92],
    PacketType.PUBCOMP: [0, 0x92],
}
STATEMENT = {
    PacketType.PUBACK: "MQTT-3.4.2-1",
    PacketType.PUBREC: "MQTT-3.5.2-1",
    PacketType.PUBREL: "MQTT-3.6.2-1",
    PacketType.PUBCOMP: "MQTT-3.7.2-1",
}
WHY = b"\x1f" + string("why")


def name(kind: object) -> str:
    return kind.name if isinstance(kind, PacketType) else repr(kind)


@pytest.mark.parametrize("kind", KINDS, ids=name)
@pytest.mark.parametrize("role", ["server", "client"])
@pytest.mark.parametrize("version", [3, 4, 5])
def test_plain_successes(version: int, role: Role, kind: PacketType) -> None:
    data = packet(FIRST[kind], b"\x12\x34")
    assert decode_one(data, version, role=role) == ("ack", kind, 0x1234)
    assert encode_ack(version, kind, 0x1234) == data
    assert encode_acks(kind, [0x1234]) == data


@pytest.mark.parametrize("kind", KINDS, ids=name)
def test_every_form_of_success_in_5_0(kind: PacketType) -> None:
    """§3.4.2.1 and its like: reason and properties may be left out."""
    for written in (b"", b"\0", b"\0\0"):
        assert decode_one(packet(FIRST[kind], b"\0\x01", written)) == ("ack", kind, 1)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{STATEMENT[kind]} {kind.name}")
def test_reason_codes(kind: PacketType) -> None:
    for code in range(256):
        for tail in (b"", b"\0", properties(WHY)):
            data = packet(FIRST[kind], b"\0\x01", bytes((code,)), tail)
            if code not in REASONS[kind]:
                assert fault(data)[0] == 0x82
            elif code or len(tail) > 1:
                extra = Properties(reason_string="why") if len(tail) > 1 else EMPTY
                assert decode_one(data) == Ack(kind, 1, Reason(code), extra)
            else:
                assert decode_one(data) == ("ack", kind, 1)


@pytest.mark.parametrize("kind", KINDS, ids=name)
@pytest.mark.parametrize(
    ("body", "version", "reason"),
    [
        pytest.param(b"\0\0", 3, 0x82, id="3.1.1 MQTT-2.3.1-1 packet identifier 0 in 3.1"),
        pytest.param(b"\0\0", 4, 0x82, id="3.1.1 MQTT-2.3.1-1 packet identifier 0"),
        pytest.param(b"\0\0", 5, 0x82, id="5.0 MQTT-2.2.1-3 packet identifier 0"),
        pytest.param(b"\0\0\0", 5, 0x82, id="5.0 MQTT-2.2.1-3 packet identifier 0 with a reason"),
        pytest.param(b"", 4, 0x81, id="3.4.2 empty"),
        pytest.param(b"", 5, 0x81, id="3.4.2 empty, 5.0"),
        pytest.param(b"\0", 4, 0x81, id="3.4.2 half a packet identifier"),
        pytest.param(b"\0", 5, 0x81, id="3.4.2 half a packet identifier, 5.0"),
        pytest.param(b"\0\x01\0", 4, 0x81, id="3.1.1 3.4.1 remaining length 3"),
        pytest.param(b"\0\x01\0", 3, 0x81, id="3.1 remaining length 3"),
        pytest.param(b"\0\x01\0\x01", 5, 0x81, id="2.2.2.1 properties longer than the packet"),
        pytest.param(b"\0\x01\0\0\0", 5, 0x81, id="3.4.3 a byte behind the properties"),
        pytest.param(b"\0\x01\0\x80\0", 5, 0x81, id="MQTT-1.5.5-1 property length longer than needed"),
        pytest.param(b"\0\x01\0" + properties(WHY, WHY), 5, 0x82, id="3.4.2.2.2 reason string twice"),
        pytest.param(b"\0\x01\0" + properties(b"\x11\0\0\0\0"), 5, 0x81, id="2.2.2.2 session expiry"),
    ],
)
def test_malformed(body: bytes, version: int, reason: int, kind: PacketType) -> None:
    assert fault(packet(FIRST[kind], body), version)[0] == reason


@pytest.mark.parametrize("flags", [flags for flags in range(16) if flags != 2])
def test_pubrel_flags_MQTT_3_6_1_1(flags: int) -> None:
    data = bytes((0x60 | flags, 2, 0, 1))
    assert fault(data, 4)[0] == 0x81
    assert fault(data, 5)[0] == 0x81
    if flags == 0x0A:  # MQTT 3.1 §3.6: PUBREL has QoS 1 and is sent again with DUP
        assert decode_one(data, 3) == ("ack", PacketType.PUBREL, 1)
    else:
        assert fault(data, 3)[0] == 0x81


@given(st.sampled_from(KINDS), PACKET_IDS, st.data())
def test_acks_come_back(kind: PacketType, packet_id: int, data: st.DataObject) -> None:
    reason = data.draw(st.sampled_from(REASONS[kind]))
    extra = data.draw(properties_of(kind))
    expected = Ack(kind, packet_id, Reason(reason), extra)
    plain = not reason and extra is EMPTY
    assert decode_one(encode_ack(5, kind, packet_id, reason, extra)) == (
        ("ack", kind, packet_id) if plain else expected
    )
    assert encode_ack(4, kind, packet_id, reason, extra) == packet(FIRST[kind], packet_id.to_bytes(2))


ROWS = st.lists(st.tuples(st.sampled_from(KINDS), st.lists(PACKET_IDS, min_size=1, max_size=150)), max_size=6)


@given(ROWS, st.sampled_from([3, 4, 5]))
def test_rows_come_back_as_rows(rows: list[tuple[PacketType, list[int]]], version: int) -> None:
    data = b"".join(encode_acks(kind, packet_ids) for kind, packet_ids in rows)
    assert data == b"".join(encode_ack(version, kind, each) for kind, packet_ids in rows for each in packet_ids)
    joined: list[Acks] = []
    for kind, packet_ids in rows:
        if joined and joined[-1].kind is kind:
            joined[-1].packet_ids.extend(packet_ids)
        else:
            joined.append(Acks(kind, list(packet_ids)))
    decoder = Decoder(version=version, max_packet=MAX_PACKET)
    assert decoder.receive(data) == joined
    assert decoder.fault is None


@pytest.mark.parametrize("length", [1, 2, 63, 64, 65, 66, 128, 129, 130, 1000])
@pytest.mark.parametrize("behind", [b"", b"\x40", b"\x40\x02", b"\x40\x02\0", b"\x50\x02\0\x01", b"\x40\x03\0\x01\0"])
def test_where_rows_end(length: int, behind: bytes) -> None:
    row = list(range(1, length + 1))
    decoder = Decoder(version=5, max_packet=MAX_PACKET)
    packets = decoder.receive(encode_acks(PacketType.PUBACK, row) + behind)
    assert packets[0] == Acks(PacketType.PUBACK, row)
    if len(behind) >= 4:
        assert len(packets) == 2
    assert decoder.buffered == (len(behind) if len(behind) < 4 else 0)


@pytest.mark.parametrize("place", [0, 1, 2, 63, 64, 65, 129])
def test_a_zero_within_a_row_ends_it_there(place: int) -> None:
    row = [7] * 130
    row[place] = 0
    packets, reason, message = decode(encode_acks(PacketType.PUBREL, row), version=4)
    assert packets == [("ack", PacketType.PUBREL, 7)] * place
    assert (reason, message) == (Reason.PROTOCOL_ERROR, "PUBREL with packet identifier 0")


def test_no_acks_are_no_bytes() -> None:
    assert encode_acks(PacketType.PUBACK, []) == b""
    with pytest.raises(OverflowError):
        encode_acks(PacketType.PUBACK, [65_536])
    with pytest.raises(ValueError, match="range"):
        encode_ack(4, PacketType.PUBACK, 65_536)


def test_kinds_are_named() -> None:
    (acks,) = Decoder(version=4, max_packet=MAX_PACKET).receive(b"\x62\x02\0\x01")
    assert isinstance(acks, Acks)
    assert acks.kind is PacketType.PUBREL
