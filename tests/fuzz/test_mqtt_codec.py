"""F1 for the MQTT codec: mutated inputs, cut at random. See ``test_smtp_codec``; the same variables count here.

Nothing but packets and one fault may come of any input: no exception, the same outcome however the bytes are cut,
bounded memory, and what was read is what its packets say when they are written again.
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz.make_mqtt_corpus import KNOWN, mqtt
from tests.fuzz.mutation import cut, inputs_wanted, load_corpus, mutations, seed_wanted
from tests.mqtt.codec.wire import CONNECT, flatten

from socketworkers_mqtt.codec import (
    EMPTY_PUBLISH,
    PINGREQ,
    PINGRESP,
    Ack,
    Auth,
    Connack,
    Connect,
    Decoder,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Publish,
    Reason,
    Role,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    connack_code_v3,
    encode_ack,
    encode_auth,
    encode_connack,
    encode_connect,
    encode_disconnect,
    encode_suback,
    encode_subscribe,
    encode_unsuback,
    encode_unsubscribe,
    parse_filter,
    publish_parts,
)

CORPUS = load_corpus(Path(__file__).parent / "corpus" / "mqtt" / "corpus.txt")
TOKENS = [
    b"\0", b"\x01", b"\x7f", b"\x80", b"\xff", b"\0\x01", b"\0\0", b"\xff\xff", b"\x80\x01", b"\xff\xff\xff\x7f",
    b"\x80\x80\x80\x80\x01", b"\xc0\0", b"\xd0\0", b"\xe0\0", b"\x40\x02\0\x01", b"\x50\x02\0\x02", b"\x62\x02\0\x03",
    b"\x70\x02\0\x04", b"\x30\x05\0\x01txx", b"\x30\x06\0\x01t\0xx", b"\x32\x07\0\x01t\0\x01\0x", b"\0\x01t",
    b"\0\x04MQTT", b"\0\x06MQIsdp", b"\x82\x06\0\x01\0\x01a\0", b"\x82\x07\0\x01\0\0\x01a\0", b"\x01\x01",
    b"\x02\0\0\0\x01", b"\x0b\x01", b"\x11\0\0\0\x0a", b"\x23\0\x01", b"\x26\0\x01k\0\x01v", b"\x1f\0\x01w",
    b"\x15\0\x01m", b"#", b"+", b"/", b"$share/g/", b"\xc3\xa9", b"\xed\xa0\x80", CONNECT[3], CONNECT[4], CONNECT[5],
]  # fmt: skip
LIMIT = 600
MAX_PACKET = 300
MAX_CONNECT = 200

Outcome = tuple[list[object], Reason | None, str, int | None]
CONFIGURATIONS: list[tuple[int | None, Role]] = [
    (5, "server"), (4, "server"), (None, "server"), (5, "client"), (3, "server"), (4, "client"), (3, "client"),
]  # fmt: skip


def run(pieces: list[bytes], version: int | None, role: Role, max_packet: int, max_connect: int) -> Outcome:
    """A whole stream: what came of it."""
    decoder = Decoder(max_packet=max_packet, version=version, role=role, max_connect=max_connect)
    packets: list[Packet] = []
    for piece in (*pieces, b""):
        packets += decoder.receive(piece)
        assert decoder.buffered < max_packet
        assert decoder.fault is None or not decoder.buffered
    if decoder.fault is None:
        return flatten(packets), None, "", decoder.version
    assert decoder.fault.message
    assert decoder.receive(b"\xc0\0") == []
    return flatten(packets), decoder.fault.reason, decoder.fault.message, decoder.version


def written(packet: Any, version: int) -> bytes:
    """The bytes of a packet that was read."""
    if type(packet) is tuple:
        if packet[0] == "ack":
            return encode_ack(version, packet[1], packet[2])
        return b"".join(publish_parts(version, packet[1], packet[2], qos=0, retain=False))
    if isinstance(packet, Publish):
        extra = packet.properties or EMPTY_PUBLISH
        head, tail = publish_parts(
            version, packet.topic, packet.payload, qos=packet.qos, retain=packet.retain, dup=packet.dup,
            alias=extra.alias, expiry=extra.expiry, passed=extra.passed, subscription_ids=extra.subscription_ids,
        )  # fmt: skip
        return head + (packet.packet_id.to_bytes(2) if packet.qos else b"") + tail
    if isinstance(packet, Connect):
        return encode_connect(packet)
    if isinstance(packet, Connack):
        return encode_connack(version, packet.session_present, packet.reason, packet.properties)
    if isinstance(packet, Ack):
        return encode_ack(version, packet.kind, packet.packet_id, packet.reason, packet.properties)
    if isinstance(packet, Subscribe):
        return encode_subscribe(version, packet.packet_id, packet.subscriptions, packet.properties)
    if isinstance(packet, Unsubscribe):
        return encode_unsubscribe(version, packet.packet_id, packet.filters, packet.properties)
    if isinstance(packet, Suback):
        return encode_suback(version, packet.packet_id, packet.reasons, packet.properties)
    if isinstance(packet, Unsuback):
        return encode_unsuback(version, packet.packet_id, packet.reasons, packet.properties)
    if isinstance(packet, Disconnect):
        return encode_disconnect(version, packet.reason, packet.properties)
    if isinstance(packet, Auth):
        return encode_auth(version, packet.reason, packet.properties)
    if isinstance(packet, Pingreq):
        return PINGREQ
    assert isinstance(packet, Pingresp)
    return PINGRESP


def good(packet: Any) -> None:
    """What every packet that is let through must be, said in another way than the decoder says it."""
    topic: bytes | None = None
    if type(packet) is tuple:
        if packet[0] == "ack":
            assert 0 < packet[2] < 65_536
            return
        topic = packet[1]
    elif isinstance(packet, Publish):
        topic = packet.topic
        assert packet.qos in (0, 1, 2)
        assert (packet.packet_id > 0) == (packet.qos > 0)
        assert packet.qos or not packet.dup
        if not topic:
            assert packet.properties is not None
            assert packet.properties.alias
            return
        if packet.properties is not None:
            response = packet.properties.response_topic
            assert response is None or not set(response) & set("+#\0")
            assert packet.properties.user_properties is not None
    elif isinstance(packet, Subscribe):
        assert packet.subscriptions
        for each in packet.subscriptions:
            parse_filter(each.filter)
            assert each.qos < 3
            assert each.retain_handling < 3
        return
    if topic is not None:
        assert topic
        assert not set(topic.decode()) & set("+#\0")


def check(data: bytes, chooser: random.Random, number: int) -> Outcome:
    """One input: whole and cut must agree, and so must what is written of it."""
    version, role = CONFIGURATIONS[number % len(CONFIGURATIONS)]
    if data[:1] == b"\x10" and number % 8:
        version, role = None, "server"
    whole = run([data] if data else [], version, role, MAX_PACKET, MAX_CONNECT)
    pieces = cut(data, chooser)
    assert run(pieces, version, role, MAX_PACKET, MAX_CONNECT) == whole, pieces
    packets, _, _, spoken = whole
    if packets:
        assert spoken is not None
        for packet in packets:
            good(packet)
        again = b"".join([written(packet, spoken) for packet in packets])
        read, reason, message, _ = run([again], version, role, 2 * MAX_PACKET, 2 * MAX_CONNECT)
        assert reason is None, message
        assert read == packets
    if version is not None and role == "server" and number % 3 == 0:
        behind = run([CONNECT[version] + data], None, role, MAX_PACKET, MAX_CONNECT)
        assert (behind[0][1:], *behind[1:]) == whole
    return whole


@pytest.mark.catalogue("F1")
@pytest.mark.timeout(7200)
def test_mutated_inputs() -> None:
    wanted = inputs_wanted(200_000)
    seed = seed_wanted()
    chooser = random.Random(seed)
    slowest = 0.0
    count = good_packets = faults = 0
    for number, data in enumerate(mutations(CORPUS, TOKENS, wanted, seed, LIMIT)):
        before = time.thread_time()
        try:
            packets, reason, _, _ = check(data, chooser, number)
        except Exception as error:
            raise AssertionError(f"seed {seed}, input {number}: {data!r}") from error
        slowest = max(slowest, time.thread_time() - before)
        count += 1
        good_packets += len(packets)
        faults += reason is not None
    assert count == wanted
    assert good_packets > wanted / 4, "most inputs say something"
    assert wanted / 4 < faults <= wanted
    assert slowest < 0.1, "no input keeps the loop busy for longer than 100 ms"


def test_the_corpus_is_large_and_every_input_of_it_passes_in_every_configuration() -> None:
    assert len(CORPUS) >= 500
    assert mqtt() == CORPUS, "run python -m tests.fuzz.make_mqtt_corpus"
    chooser = random.Random(1)
    for data in CORPUS:
        for number in range(14):
            check(data, chooser, number)


#: of the catalogue's entries in `KNOWN`: the fault that a codec answers with, None where a session must
ANSWERS: dict[str, int | None] = {
    "M1 packets before CONNECT": 0x82,
    "M1 second CONNECT": 0x82,
    "M1 CVE-2021-28166 a CONNACK from a client": 0x82,
    "M1 CVE-2021-34432 an empty topic": 0x82,
    "M1 CVE-2026-21888 a length of five bytes": 0x81,
    "M1 wrong flags": 0x81,
    "M1 packet identifier 0": 0x82,
    "M1 PUBACK never asked": None,
    "M2 CVE-2023-28366 one identifier of QoS 2 again and again": None,
    "M2 CVE-2023-3592 a will with bad properties": 0x81,
    "M2 CVE-2023-3592 a will with a bad topic": 0x90,
    "M2 CVE-2021-34431 a crafted CONNECT of 5.0": 0x81,
    "M2 CVE-2017-7654 a CONNECT that ends early": 0x81,
    "M2 CVE-2021-41039 many user properties": None,
    "M2 CVE-2025-62723 sessions with queued messages": None,
    "M2 65,535 topic levels": 0x90,
    "M2 a filter of many levels": 0x8F,
    "M3 CVE-2017-7650 # as client identifier": None,
    "M4 CVE-2020-13849 keep alive": None,
    "M4 the same client again": 0x82,
    "C4 CVE-2017-7651 a CONNECT of 268 MB": 0x95,
    "C4 CVE-2023-0809 268 MB that are no CONNECT": 0x82,
    "C4 CVE-2021-22116 CVE-2021-33175 CVE-2021-33176 properties of 268 MB": 0x81,
    "C4 a topic longer than its packet": 0x81,
    "P2 a header within a payload": None,
}


@pytest.mark.parametrize("entry", KNOWN)
def test_known_attacks(entry: str) -> None:
    data = KNOWN[entry]
    assert data in CORPUS
    whole = run([data], None, "server", 1 << 20, 16_389)
    assert whole[1] == ANSWERS[entry]
    for place in range(len(data)):
        assert run([data[:place], data[place:]] if place else [data], None, "server", 1 << 20, 16_389) == whole


def test_codes_of_connack_are_kept_before_5_0() -> None:
    for code in range(6):
        read = run([bytes((0x20, 2, 0, code))], 4, "client", 300, 200)[0]
        assert isinstance(read[0], Connack)
        assert connack_code_v3(read[0].reason) == code


PIECE = st.sampled_from(TOKENS) | st.binary(max_size=20) | st.sampled_from([each for each in CORPUS if len(each) < 60])


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(PIECE, max_size=20), st.integers(0, 100), st.randoms(use_true_random=False))
def test_sequences_of_tokens(parts: list[bytes], number: int, chooser: random.Random) -> None:
    check(b"".join(parts), chooser, number)
