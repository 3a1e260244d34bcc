"""What real clients said, packet by packet, and changes of it that know MQTT and changes that know nothing."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path
from typing import Any

from tests.fuzz.mutation import load_corpus
from tests.mqtt.codec.wire import CONNECT, packet, properties, string, variable

from socketworkers_mqtt.codec import Connect, Decoder, Will, WillProperties, encode_connect

__all__ = ["dialogues", "mutated", "split"]

RECORDINGS = Path(__file__).parent / "recordings.txt"
TOPICS = [
    b"m/1", b"m/#", b"+/topic", b"#", b"+", b"js/topic", b"$SYS/broker/version", b"$SYS/#", b"$share/g/#", b"a/+/#",
    b"$share/g/m/+", b"$share//x", b"$share/g", b"/", b"", b"\0", b"\xff", b"a/#/b", b"a+", b"/" * 100, b"x" * 5000,
]  # fmt: skip
IDS = [b"\0\x01", b"\0\x02", b"\0\x03", b"\0\0", b"\xff\xff", b"\0\x07"]
PROPERTIES = [
    b"\x01\x01", b"\x01\x02", b"\x02\0\0\0\x01", b"\x02\0\0\0\0", b"\x03" + string("t"), b"\x08" + string("m/1"),
    b"\x08" + string("#"), b"\x09" + string("c"), b"\x0b\x05", b"\x0b\0", b"\x11\0\0\0\x05", b"\x11\xff\xff\xff\xff",
    b"\x15" + string("SCRAM-SHA-256"), b"\x16" + string("n,,n=a,r=b"), b"\x18\0\0\0\x01", b"\x19\x01", b"\x21\0\x01",
    b"\x21\0\0", b"\x22\0\x05", b"\x23\0\x01", b"\x23\0\0", b"\x23\xff\xff", b"\x26" + string("a") + string("b"),
    b"\x27\0\0\0\x20", b"\x27\0\0\0\0", b"\x7f", b"\x26\0",
]  # fmt: skip
PACKETS = [
    b"\xc0\0", b"\xd0\0", b"\xe0\0", b"\xe0\x01\x04", b"\xf0\0", b"\xf0\x02\x18\0", b"\0\0", b"\x20\x02\0\0",
    b"\x40\x02\0\x01", b"\x40\x02\0\x02", b"\x50\x02\0\x01", b"\x62\x02\0\x01", b"\x62\x02\0\x02", b"\x70\x02\0\x01",
    b"\x60\x02\0\x01", b"\x90\x03\0\x01\0", b"\x42\x02\0\x01", b"\x50\x04\0\x01\x80\0", b"\x40\x03\0\x01\x10",
    b"\x30\xff\xff\xff\x7f", b"\x30\xff\xff\xff\xff\x01", b"\x80\0", b"\x82\x02\0\x01", b"\xa2\x05\0\x09\0\x01a",
    b"\x31\x05\0\x03m/1", b"\x31\x06\0\x03m/1x", b"\x34\x07\0\x03m/1\0\x07", b"\x3c\x07\0\x03m/1\0\x07",
    b"\x32\x07\0\x03m/1\0\x07", b"\x3d\x07\0\x03m/1\0\x07", b"\x36\x07\0\x03m/1\0\x07",
    packet(0x82, b"\0\x05", b"\0", string("#"), b"\x02"), packet(0x82, b"\0\x05", string("m/+"), b"\x01"),
    packet(0x82, b"\0\x06", b"\0", string("$share/g/m/#"), b"\x01"), packet(0xA2, b"\0\x06", b"\0", string("m/#")),
    packet(0x35, string("m/9"), b"\0\x09", b"\0", b"y" * 3000), packet(0x32, string("m/9"), b"\0\x0a", b"z" * 70_000),
    *CONNECT.values(),
]  # fmt: skip


def split(stream: bytes) -> list[bytes]:
    """Packets of a stream that is good; what is behind the last one is one more."""
    found = []
    while stream:
        length = shift = 0
        place = 1
        while place < len(stream):
            length |= (stream[place] & 127) << shift
            shift += 7
            place += 1
            if not stream[place - 1] & 128:
                break
        found.append(stream[: place + length])
        stream = stream[place + length :]
    return found


def dialogues() -> list[list[bytes]]:
    """Recordings of real clients."""
    return [split(each) for each in load_corpus(RECORDINGS)]


def _body(whole: bytes) -> bytes:
    place = 1
    while place < len(whole) and whole[place] & 128:
        place += 1
    return whole[place + 1 :]


def _connect(chooser: random.Random, whole: bytes) -> bytes:
    """Another CONNECT that is in order: names that meet, sessions that last, wills, limits."""
    read = Decoder(max_packet=1 << 20).receive(whole)
    if not read or not isinstance(read[0], Connect):
        return whole
    connect: Connect = read[0]
    change = chooser.randrange(6)
    if change == 0:
        connect = dataclasses.replace(connect, client_id=chooser.choice(("a", "b", "", "a" * 1100, "$bridge/x")))
    elif change == 1:
        connect = dataclasses.replace(connect, clean_start=not connect.clean_start)
    elif change == 2:
        extra = WillProperties(will_delay=chooser.choice((0, 60))) if connect.version == 5 else WillProperties()
        topic = chooser.choice(("m/will", "$SYS/x", "a/b"))
        will = Will(topic, b"gone", chooser.randrange(3), chooser.random() < 0.5, extra)
        connect = dataclasses.replace(connect, will=will)
    elif change == 3:
        connect = dataclasses.replace(connect, keep_alive=chooser.choice((0, 1, 65535)))
    elif change == 4:
        connect = dataclasses.replace(connect, username=chooser.choice((None, "alice")), password=b"secret")
        if connect.username is None and connect.version < 5:
            connect = dataclasses.replace(connect, password=None)
    elif connect.version == 5:
        values: dict[str, Any] = {
            "session_expiry_interval": chooser.choice((0, 1, 60, 0xFFFFFFFF)),
            "receive_maximum": chooser.choice((1, 2, 65535)),
            "maximum_packet_size": chooser.choice((None, 20, 60, 1000)),
            "topic_alias_maximum": chooser.choice((None, 0, 1, 100)),
            "request_problem_information": chooser.choice((None, 0)),
        }
        connect = dataclasses.replace(connect, properties=dataclasses.replace(connect.properties, **values))
    try:
        return encode_connect(connect)
    except ValueError:
        return whole


def _within(chooser: random.Random, whole: bytes) -> bytes:
    """Something else in a packet whose length is right again."""
    body = bytearray(_body(whole))
    place = chooser.randrange(len(body) + 1)
    kind = chooser.randrange(8)
    if kind == 0 and body:
        body[min(place, len(body) - 1)] ^= 1 << chooser.randrange(8)
    elif kind == 1:
        del body[place : place + chooser.randint(1, 9)]
    elif kind == 2:
        body[place:place] = string(chooser.choice(TOPICS))
    elif kind == 3 and whole[0] >> 4 == 3 and len(body) > 2:
        body[: 2 + int.from_bytes(body[:2])] = string(chooser.choice(TOPICS))
    elif kind == 4:
        body[place : place + 2] = chooser.choice(IDS)
    elif kind == 5 and whole[0] >> 4 in (4, 5, 6, 7, 8, 10):
        body[:2] = chooser.choice(IDS)
    elif kind == 6:
        extra = properties(*(chooser.choice(PROPERTIES) for _ in range(chooser.randint(0, 3))))
        zero = body.find(b"\0", min(place, len(body)))
        body[zero : zero + 1] = extra
    else:
        body[place:place] = chooser.choice(PROPERTIES)
    return whole[:1] + variable(len(body)) + bytes(body)


def mutated(chooser: random.Random, known: list[list[bytes]]) -> bytes:
    """One dialogue with up to five changes."""
    packets = list(chooser.choice(known))
    if packets[-1][0] == 0xE0 and chooser.random() < 0.6:
        packets.pop()  # who says good-bye gets no more answers
    for _ in range(chooser.randint(0, 5)):
        place = chooser.randrange(len(packets) + 1)
        at = min(place, len(packets) - 1)
        kind = chooser.randrange(12)
        if kind == 0 and len(packets) > 1:
            del packets[at]
        elif kind == 1:
            packets.insert(place, packets[at])
        elif kind == 2:
            other = chooser.randrange(len(packets))
            packets[at], packets[other] = packets[other], packets[at]
        elif kind == 3:
            packets[max(place, 1) :] = chooser.choice(known)[1:]
        elif kind in (4, 5):
            packets.insert(max(place, 1), chooser.choice(PACKETS))
        elif kind in (6, 7):
            packets[0] = _connect(chooser, packets[0])
        elif kind in (8, 9):
            packets[at] = _within(chooser, packets[at])
        elif kind == 10:
            first = packets[at][0] ^ 1 << chooser.randrange(8)
            packets[at] = bytes((first,)) + packets[at][1:]
        else:
            piece = bytearray(packets[at])
            where = chooser.randrange(len(piece))
            if chooser.random() < 0.5:
                piece[where] ^= 1 << chooser.randrange(8)
            else:
                del piece[where : where + chooser.randint(1, 9)]
            packets[at] = bytes(piece) or b"\0"
    return b"".join(packets)
