"""How the codec's tests write packets byte by byte and read them in every way."""

from __future__ import annotations

from tests.support.feed import feed_all_ways

from socketworkers_mqtt.codec import Acks, Decoder, Packet, Publish, PublishRun, Reason, Role

__all__ = [
    "CONNECT",
    "MAX_PACKET",
    "decode",
    "decode_one",
    "fault",
    "flatten",
    "packet",
    "properties",
    "string",
    "variable",
]

MAX_PACKET = 1 << 20

#: the smallest CONNECT of each version
CONNECT = {
    3: b"\x10\x0f\0\x06MQIsdp\x03\x02\0\x3c\0\x01c",
    4: b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01c",
    5: b"\x10\x0e\0\x04MQTT\x05\x02\0\x3c\0\0\x01c",
}


def variable(value: int) -> bytes:
    """A Variable Byte Integer, written as 5.0 §1.5.5 does."""
    written = bytearray()
    while True:
        value, digit = divmod(value, 128)
        written.append(digit | (0x80 if value else 0))
        if not value:
            return bytes(written)


def string(text: str | bytes) -> bytes:
    """A UTF-8 Encoded String or Binary Data."""
    data = text.encode() if isinstance(text, str) else text
    return len(data).to_bytes(2) + data


def properties(*parts: bytes) -> bytes:
    """Properties behind their length."""
    data = b"".join(parts)
    return variable(len(data)) + data


def packet(first: int, *parts: bytes) -> bytes:
    """A packet of a first byte and what follows its length."""
    body = b"".join(parts)
    return bytes((first,)) + variable(len(body)) + body


def flatten(packets: list[Packet]) -> list[object]:
    """Packets one by one: how a row is cut into runs depends on how the stream was cut, and says nothing."""
    found: list[object] = []
    for each in packets:
        if type(each) is PublishRun:
            assert len(each.data) == each.count * each.size
            payloads = list(each.payloads())
            assert len(payloads) == each.count >= 1
            found += [("run", each.topic, payload) for payload in payloads]
        elif type(each) is Acks:
            assert each.packet_ids
            found += [("ack", each.kind, packet_id) for packet_id in each.packet_ids]
        else:
            found.append(each)
    return found


Outcome = tuple[list[object], Reason | None, str]


def decode(
    data: bytes,
    *,
    version: int | None = None,
    role: Role = "server",
    max_packet: int = MAX_PACKET,
    max_connect: int = 16_389,
    end: bool = True,
) -> Outcome:
    """All that comes of `data`, the same in whatever way it is cut: packets, reason of the fault and its message."""

    def run(pieces: list[bytes]) -> Outcome:
        decoder = Decoder(version=version, role=role, max_packet=max_packet, max_connect=max_connect)
        packets: list[Packet] = []
        for piece in pieces:
            packets += decoder.receive(piece)
            assert decoder.buffered < max(max_packet, max_connect)
        if end:
            packets += decoder.receive(b"")
            assert not decoder.buffered
        flat = flatten(packets)
        if decoder.fault is None:
            return flat, None, ""
        assert decoder.receive(b"\xc0\0") == []
        return flat, decoder.fault.reason, decoder.fault.message

    return feed_all_ways(data, run)


def decode_one(data: bytes, version: int = 5, *, role: Role = "server") -> object:
    """The packet that `data` is; two of them are two of it."""
    packets, reason, message = decode(data, version=version, role=role)
    assert reason is None, message
    assert len(packets) == 1, packets
    twice, _, _ = decode(data + data, version=version, role=role)
    assert twice == packets * 2
    if isinstance(packets[0], tuple) and packets[0][0] == "run":
        return Publish(packets[0][1], packets[0][2])
    return packets[0]


def fault(data: bytes, version: int | None = 5, *, role: Role = "server") -> tuple[int, str]:
    """Reason and message of what is wrong with `data`; no packet may come of it, and what came before is kept."""
    packets, reason, message = decode(data, version=version, role=role)
    assert packets == []
    assert reason is not None, "nothing is wrong"
    if version is not None:
        before = b"\x40\x02\0\x01"
        after = decode(before + data + b"\xc0\0", version=version, role=role)
        if message != "the connection ended within a packet":
            assert after == ([("ack", 4, 1)], reason, message)
    return int(reason), message
