"""The decoder: streams, cuts, bounds, the end, and the first byte of every packet."""

from __future__ import annotations

import gc
import time
import tracemalloc

import pytest
from tests.mqtt.codec.wire import CONNECT, MAX_PACKET, decode, fault, flatten, packet, string

from socketworkers.errors import ProtocolError
from socketworkers_mqtt.codec import (
    MAX_CONNECT,
    Acks,
    Connect,
    Decoder,
    MalformedPacket,
    PacketType,
    Pingreq,
    Publish,
    PublishRun,
    Reason,
    Role,
    Subscribe,
    encode_acks,
    publish_parts,
)

CLIENT_FIRST = {
    3: {0x10, 0x40, 0x50, 0x62, 0x6A, 0x70, 0x82, 0x8A, 0xA2, 0xAA, 0xC0, 0xE0},
    4: {0x10, 0x40, 0x50, 0x62, 0x70, 0x82, 0xA2, 0xC0, 0xE0},
    5: {0x10, 0x40, 0x50, 0x62, 0x70, 0x82, 0xA2, 0xC0, 0xE0, 0xF0},
}
SERVER_FIRST = {
    3: {0x20, 0x40, 0x50, 0x62, 0x6A, 0x70, 0x90, 0xB0, 0xD0},
    4: {0x20, 0x40, 0x50, 0x62, 0x70, 0x90, 0xB0, 0xD0},
    5: {0x20, 0x40, 0x50, 0x62, 0x70, 0x90, 0xB0, 0xD0, 0xE0, 0xF0},
}
PUBLISH_FIRST = {0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x3A, 0x3B, 0x3C, 0x3D}


def test_a_session_in_one_chunk_learns_its_version_from_connect() -> None:
    stream = CONNECT[5] + packet(0x82, b"\0\x01\0", string("a"), b"\0") + packet(0x30, string("a"), b"\0", b"x")
    packets, reason, _ = decode(stream + b"\xc0\0\xe0\0")
    assert reason is None
    assert [type(each) for each in packets[:2]] == [Connect, Subscribe]
    assert packets[2] == ("run", b"a", b"x")
    assert packets[3] == Pingreq()


@pytest.mark.parametrize("version", [3, 4, 5])
def test_connect_sets_the_version(version: int) -> None:
    decoder = Decoder(max_packet=MAX_PACKET)
    assert decoder.version is None
    (connect,) = decoder.receive(CONNECT[version])
    assert isinstance(connect, Connect)
    assert connect.version == decoder.version == version


@pytest.mark.parametrize("role", ["server", "client"])
@pytest.mark.parametrize("version", [3, 4, 5])
def test_first_bytes_MQTT_2_1_3_1_and_3_1_1_MQTT_2_2_2_2(version: int, role: Role) -> None:
    """All 256 first bytes: types, directions and flags of 5.0 Table 2-1 and 2-2 and of 3.1.1 Table 2.1 and 2.2."""
    allowed = (CLIENT_FIRST if role == "server" else SERVER_FIRST)[version] | PUBLISH_FIRST
    for first in range(256):
        decoder = Decoder(max_packet=MAX_PACKET, version=version, role=role)
        assert decoder.receive(bytes((first,))) == []
        assert (decoder.fault is None) == (first in allowed), hex(first)
        if decoder.fault is not None:
            assert decoder.buffered == 0
            other = (SERVER_FIRST if role == "server" else CLIENT_FIRST)[version]
            wrong_side = first >> 4 in {each >> 4 for each in other} - {each >> 4 for each in allowed}
            assert decoder.fault.reason == (0x82 if wrong_side else 0x81), hex(first)


@pytest.mark.parametrize("first", [first for first in range(256) if first != 0x10])
def test_the_first_packet_is_connect_MQTT_3_1_0_1(first: int) -> None:
    """M1 and CVE-2023-0809: known from the first byte, nothing is kept, whatever is announced."""
    decoder = Decoder(max_packet=MAX_PACKET)
    assert decoder.receive(bytes((first,))) == []
    assert decoder.fault is not None
    assert decoder.fault.reason == (0x81 if first >> 4 == 1 else 0x82)
    assert decoder.buffered == 0
    assert decoder.version is None


def test_a_second_connect_MQTT_3_1_0_2() -> None:
    packets, reason, message = decode(CONNECT[4] + CONNECT[4])
    assert [type(each) for each in packets] == [Connect]
    assert (reason, message) == (Reason.PROTOCOL_ERROR, "a second CONNECT")


@pytest.mark.parametrize("version", [3, 4, 5])
def test_five_byte_lengths_MQTT_1_5_5_CVE_2026_21888(version: int) -> None:
    for data in (b"\x30\xff\xff\xff\xff\x7f", b"\x30\x80\x80\x80\x80\x00", b"\xc0\x80\x80\x80\x80\x01"):
        reason, message = fault(data, version)
        assert (reason, message) == (0x81, "the remaining length has more than four bytes")
    assert fault(b"\x10\x80\x80\x80\x80\x01", None)[0] == 0x81
    assert decode(b"\x30\xff\xff\xff\xff", version=version, end=False)[1] == 0x81, "at the fourth byte"


@pytest.mark.parametrize("length", [b"\x80\0", b"\x80\x80\0", b"\x80\x80\x80\0", b"\x81\0", b"\xff\x80\x80\0"])
@pytest.mark.parametrize("version", [3, 4, 5])
def test_lengths_longer_than_needed_MQTT_1_5_5_1(length: bytes, version: int) -> None:
    assert fault(b"\xc0" + length, version) == (0x81, "the remaining length is longer than needed")
    assert fault(b"\x10" + length, None) == (0x81, "the remaining length is longer than needed")


def test_a_packet_may_be_as_large_as_allowed_and_not_larger_MQTT_3_2_2_15() -> None:
    for size in (10, 129, 130, 131, 1000, 16_386, 16_387):
        head, tail = publish_parts(4, b"t", b"", qos=0, retain=False)
        data = b""
        for payload in range(size):
            head, tail = publish_parts(4, b"t", b"x" * (size - payload), qos=0, retain=False)
            data = head + tail
            if len(data) <= size:
                break
        exact = len(data)
        assert decode(data * 2, version=4, max_packet=exact)[1] is None
        packets, reason, _ = decode(data, version=4, max_packet=exact - 1)
        assert (packets, reason) == ([], Reason.PACKET_TOO_LARGE)


def test_too_large_is_known_from_the_fixed_header() -> None:
    decoder = Decoder(max_packet=1000, version=5)
    assert decoder.receive(b"\xc0\0\x30\xff\xff\xff") == [Pingreq()]
    assert decoder.fault is None
    assert decoder.receive(b"\x7f") == []
    assert decoder.fault is not None
    assert decoder.fault.reason == Reason.PACKET_TOO_LARGE
    assert decoder.buffered == 0


def test_connect_is_bounded_before_a_login_C4() -> None:
    body = b"\0\x04MQTT\x04\x02\0\0" + string("c" * 20_000)
    decoder = Decoder(max_packet=MAX_PACKET)
    assert decoder.receive(packet(0x10, body)[:6]) == []
    assert decoder.fault is not None
    assert decoder.fault.reason == Reason.PACKET_TOO_LARGE
    exact = packet(0x10, b"\0\x04MQTT\x04\x02\0\0", string("c" * (MAX_CONNECT - 16)))
    assert len(exact) == MAX_CONNECT
    assert decode(exact)[1] is None
    assert decode(exact, max_connect=MAX_CONNECT - 1)[1] == Reason.PACKET_TOO_LARGE
    assert decode(exact, max_packet=MAX_CONNECT - 1)[1] == Reason.PACKET_TOO_LARGE


def test_nothing_is_kept_of_what_is_only_announced_CVE_2017_7651() -> None:
    gc.collect()
    tracemalloc.start()
    try:
        decoders = [Decoder(max_packet=1 << 29, version=5) for _ in range(100)]
        before = tracemalloc.get_traced_memory()[0]
        for decoder in decoders:
            decoder.receive(b"\x30\xff\xff\xff\x7f\0\x01t")
            assert decoder.buffered == 8
            assert decoder.fault is None
        grown, peak = tracemalloc.get_traced_memory()
        assert grown - before < 100 * 300
        assert peak - before < 100 * 300 + 100_000
    finally:
        tracemalloc.stop()


def test_many_small_pieces_of_a_large_packet_are_kept_tightly_and_joined_once() -> None:
    size = 4_000_000
    head, tail = publish_parts(5, b"t", b"x" * size, qos=1, retain=False)
    data = head + b"\0\x01" + tail
    decoder = Decoder(max_packet=1 << 23, version=5)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        started = time.thread_time()
        for start in range(0, len(data) - 40, 40):
            assert decoder.receive(data[start : start + 40]) == []
        spent = time.thread_time() - started
        kept = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert kept < 1.3 * size
    rest = data[decoder.buffered :]
    (publish,) = decoder.receive(rest + b"\xc0")
    assert isinstance(publish, Publish)
    assert publish.payload == b"x" * size
    assert decoder.buffered == 1
    assert spent < 5, "100,000 pieces took far longer than their number"


@pytest.mark.parametrize("version", [None, 3, 4, 5])
def test_the_end_within_a_packet(version: int | None) -> None:
    whole = CONNECT[4] if version is None else packet(0x32, string("a/b"), b"\0\x01", b"\0" * 200)
    for place in range(1, len(whole)):
        packets, reason, message = decode(whole[:place], version=version)
        assert packets == []
        assert (reason, message) == (Reason.MALFORMED_PACKET, "the connection ended within a packet")
    assert decode(b"", version=version) == ([], None, "")
    assert decode(whole, version=version)[1] is None


def test_what_came_before_a_fault_is_returned_with_it() -> None:
    decoder = Decoder(max_packet=MAX_PACKET, version=4)
    assert decoder.receive(b"\xc0\0\x40\x02\0\x07\x40\x02\0\0\xc0\0") == [Pingreq(), Acks(PacketType.PUBACK, [7])]
    assert isinstance(decoder.fault, MalformedPacket)
    assert isinstance(decoder.fault, ProtocolError)
    assert str(decoder.fault) == decoder.fault.message == "PUBACK with packet identifier 0"
    assert decoder.fault.close
    assert decoder.receive(b"\xc0\0") == []
    assert decoder.receive(b"") == []


def test_a_fault_keeps_neither_frames_nor_bytes() -> None:
    decoder = Decoder(max_packet=MAX_PACKET, version=4)
    decoder.receive(packet(0x82, b"\0\x01", string(b"\xff" * 5000), b"\0"))
    assert decoder.fault is not None
    assert decoder.fault.__traceback__ is None
    assert decoder.fault.__context__ is None
    assert decoder.fault.__cause__ is None


def test_an_idle_decoder_is_small() -> None:
    decoder = Decoder(max_packet=MAX_PACKET, version=5)
    decoder.receive(b"\xc0\0")
    assert not hasattr(decoder, "__dict__")
    assert decoder.__sizeof__() <= 120


def test_a_client_knows_its_version() -> None:
    with pytest.raises(ValueError, match="version"):
        Decoder(max_packet=MAX_PACKET, role="client")


def test_rows_of_packets_are_told_as_rows() -> None:
    message = packet(0x30, string("t"), b"0123456789")
    decoder = Decoder(max_packet=MAX_PACKET, version=4)
    packets = decoder.receive(message * 5 + encode_acks(4, [1, 2, 3]) + encode_acks(5, [4, 5]) + message)
    assert packets == [
        PublishRun(b"t", message * 5, 5, len(message), 5),
        Acks(PacketType.PUBACK, [1, 2, 3]),
        Acks(PacketType.PUBREC, [4, 5]),
        PublishRun(b"t", message, 1, len(message), 5),
    ]
    assert flatten(packets)[0] == ("run", b"t", b"0123456789")


@pytest.mark.parametrize(
    ("data", "version"),
    [
        (b"\0\0", 4),
        (b"\0\0", 5),
        (b"\xf0\0", 3),
        (b"\xf0\0", 4),
        (b"\xff\0", 4),
    ],
)
def test_reserved_types_5_0_2_1_2_and_3_1_1_2_2_1(data: bytes, version: int) -> None:
    assert fault(data, version)[0] == 0x81


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("first", [0x20, 0x90, 0xB0, 0xD0])
def test_packets_of_a_server_from_a_client_CVE_2021_28166(first: int, version: int) -> None:
    assert fault(bytes((first, 2, 0, 1)), version)[0] == 0x82


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("first", [0x10, 0x82, 0xA2, 0xC0])
def test_packets_of_a_client_from_a_server(first: int, version: int) -> None:
    assert fault(bytes((first, 2, 0, 1)), version, role="client")[0] == 0x82
