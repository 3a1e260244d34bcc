"""Writes the corpus of the MQTT codec's fuzz test: ``python -m tests.fuzz.make_mqtt_corpus``.

Packets of every kind in every version, the corners of each field, streams of them, and every known attack on a broker's
parser. The result is in the repository, so that an input that once found something stays: add it to `FOUND` below.
"""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.mutation import write_corpus
from tests.mqtt.codec.wire import CONNECT, packet, properties, string, variable

HERE = Path(__file__).parent / "corpus" / "mqtt"

FOUND: list[bytes] = [
    b"\x10\x01\0\x06MQIsdp\x7f\0\x04MQTT\x04MQTT",  # once refused in the version of what lay behind the packet
]

ID = b"\0\x01"
USER = b"\x26" + string("k") + string("v")
WHY = b"\x1f" + string("why")
C3, C4, C5 = CONNECT[3], CONNECT[4], CONNECT[5]


def connect5(flags: int, extra: bytes, *payload: bytes) -> bytes:
    """A CONNECT of 5.0."""
    return packet(0x10, string("MQTT"), bytes((5, flags)), b"\0\x3c", properties(extra), string("c"), *payload)


#: one input for each entry of the reliability catalogue that a codec meets: its id, then what is sent
KNOWN: dict[str, bytes] = {
    "M1 packets before CONNECT": packet(0x30, string("t"), b"x") + C4,
    "M1 second CONNECT": C5 + C5,
    "M1 CVE-2021-28166 a CONNACK from a client": C5 + b"\x20\x03\0\0\0",
    "M1 CVE-2021-34432 an empty topic": C4 + packet(0x30, string(""), b"x"),
    "M1 CVE-2026-21888 a length of five bytes": C4 + b"\x30\xff\xff\xff\xff\x01\0\x01t",
    "M1 wrong flags": C4 + b"\x80\x06\0\x01\0\x01a\0",
    "M1 packet identifier 0": C4 + packet(0x32, string("t"), b"\0\0", b"x"),
    "M1 PUBACK never asked": C4 + b"\x40\x02\0\x63",
    "M2 CVE-2023-28366 one identifier of QoS 2 again and again": C4 + packet(0x34, string("t"), ID, b"x") * 20,
    "M2 CVE-2023-3592 a will with bad properties": connect5(6, b"", properties(b"\x23\0\x01"), string("w"), ID),
    "M2 CVE-2023-3592 a will with a bad topic": connect5(6, b"", properties(USER), string("#"), string("x")),
    "M2 CVE-2021-34431 a crafted CONNECT of 5.0": connect5(6, USER * 3, properties(USER, b"\x02\0\0"), string("w")),
    "M2 CVE-2017-7654 a CONNECT that ends early": packet(0x10, string("MQTT"), b"\x04\xee\0\x3c", string("c")),
    "M2 CVE-2021-41039 many user properties": connect5(2, USER * 60),
    "M2 CVE-2025-62723 sessions with queued messages": connect5(0, b"\x11\xff\xff\xff\xff")
    + packet(0x82, ID, b"\0", string("#"), b"\x01") + packet(0x32, string("q"), ID, b"\0x") * 5,
    "M2 65,535 topic levels": C5 + packet(0x30, string("/" * 400), b"\0x"),
    "M2 a filter of many levels": C5 + packet(0x82, ID, b"\0", string("+/" * 210), b"\0"),
    "M3 CVE-2017-7650 # as client identifier": packet(0x10, string("MQTT"), b"\x04\x82\0\0", string("#"), string("+")),
    "M4 CVE-2020-13849 keep alive": packet(0x10, string("MQTT"), b"\x04\x02\0\x01", string("k")) + b"\xc0\0",
    "M4 the same client again": C4 + b"\xe0\0" + C4,
    "C4 CVE-2017-7651 a CONNECT of 268 MB": b"\x10\xff\xff\xff\x7f\0\x04MQTT",
    "C4 CVE-2023-0809 268 MB that are no CONNECT": b"\x30\xff\xff\xff\x7f\0\x01t",
    "C4 CVE-2021-22116 CVE-2021-33175 CVE-2021-33176 properties of 268 MB": C5
    + b"\x82\x09\0\x01\xff\xff\xff\x7f\0\x01a",
    "C4 a topic longer than its packet": C4 + packet(0x30, b"\xff\xfft"),
    "P2 a header within a payload": C4 + packet(0x30, string("t"), packet(0x30, string("t"), b"x")) * 3,
}  # fmt: skip

STRINGS = [
    b"", b"a", b"a/b", b"/", b"//", b"+", b"#", b"a/+", b"a/#", b"#/a", b"a#", b"a+", b"++", b"$SYS/#", b"$share/g/a",
    b"$share/g", b"$share//a", b"$share/+/a", b"$share/g/#", b"\0", b"a\0b", b"\xff", b"\xc0\x80", b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80", b"\xc3\xa9", b"\xf0\x9f\x98\x80", b"\xef\xbb\xbf", b"\x01", b"\x7f", b"x" * 127, b"x" * 128,
    b"/" * 199, b"/" * 200,
]  # fmt: skip
PUBLISH_PROPERTIES = [
    b"", b"\x01\0", b"\x01\x01", b"\x01\x02", b"\x01",
    b"\x02\0\0\0\0", b"\x02\xff\xff\xff\xff", b"\x02\0\0", b"\x03" + string("t"),
    b"\x03" + string(b"\xff"), b"\x08" + string("r"), b"\x08" + string("#"),
    b"\x08" + string(""), b"\x09" + string(b"\0\xff"),
    b"\x09\0\x09x", b"\x0b\x01", b"\x0b\0", b"\x0b\xff\xff\xff\x7f",
    b"\x0b\x80\x80\x80\x80\x01", b"\x23\0\x01", b"\x23\0\0",
    b"\x23\xff\xff", USER, USER * 3, b"\x26" + string("k"), b"\x26\0", b"\x18\0\0\0\x01", b"\x21\0\x01", b"\x7f", b"\0",
    USER + b"\x02\0\0\0\x05" + USER + b"\x23\0\x02" + b"\x01\x01", b"\x23\0\x01" * 2, b"\x01\x01" * 2, b"\x0b\x01" * 3,
]  # fmt: skip
CONNECT_PROPERTIES = [
    b"\x11\0\0\0\0", b"\x11\xff\xff\xff\xff", b"\x21\0\0", b"\x21\0\x01",
    b"\x27\0\0\0\0", b"\x27\0\0\0\x01", b"\x22\xff\xff",
    b"\x19\x01", b"\x19\x02", b"\x17\0", b"\x17\xff", b"\x15" + string("SCRAM-SHA-256"), b"\x16" + string("d"),
    b"\x15" + string("m") + b"\x16" + string("d"), USER, USER * 5, b"\x24\x01",
    b"\x1f" + string("w"), b"\x21\0\x01" * 2,
    b"\x11\0\0", b"\x12" + string("x"), b"\x00", b"\x26" + string("k"),
]  # fmt: skip
CONNACK_PROPERTIES = [
    b"\x24\0", b"\x24\x02", b"\x25\0", b"\x12" + string("id"), b"\x22\0\x0a", WHY, b"\x28\0", b"\x29\x01", b"\x2a\x02",
    b"\x13\0\x3c", b"\x1a" + string("r"), b"\x1c" + string("s"), b"\x15" + string("m"), b"\x21\0\x05", b"\x19\0",
]  # fmt: skip
LENGTHS = [
    b"\0", b"\x01", b"\x7f", b"\x80", b"\x80\0", b"\x80\x01",
    b"\xff\x7f", b"\x80\x80\x01", b"\x80\x80\0", b"\xff\xff\x7f",
    b"\x80\x80\x80\x01", b"\xff\xff\xff\x7f", b"\x80\x80\x80\x80", b"\x80\x80\x80\x80\x01", b"\xff\xff\xff\xff\x7f",
]  # fmt: skip


ACK_BODIES = [
    b"", b"\0", b"\0\0", b"\0\x01", b"\xff\xff", b"\0\x01\0", b"\0\x01\x10", b"\0\x01\x80", b"\0\x01\x92",
    b"\0\x01\xff", b"\0\x01\0\0", b"\0\x01\x92" + properties(WHY), b"\0\x01\0" + properties(USER),
    b"\0\x01\0" + properties(WHY, WHY), b"\0\x01\0\0\0", b"\0\x01\0\x05",
]  # fmt: skip


def _connects() -> list[bytes]:
    inputs = [C3, C4, C5, C4 + C4, C5[:-1], C4 + b"\xc0\0", C3 + b"\xe0\0"]
    for flags in (
        0,
        1,
        2,
        4,
        6,
        0x0A,
        0x0E,
        0x12,
        0x16,
        0x1A,
        0x1E,
        0x22,
        0x26,
        0x2E,
        0x42,
        0x82,
        0xC2,
        0xC6,
        0xEE,
        0xFF,
    ):
        for version, name in ((3, "MQIsdp"), (4, "MQTT"), (5, "MQTT")):
            extra = b"\0" if version == 5 else b""
            payload = string("c") + (extra + string("w") + string("x") if flags & 4 else b"")
            payload += (string("u") if flags & 0x80 else b"") + (string("p") if flags & 0x40 else b"")
            inputs.append(packet(0x10, string(name), bytes((version, flags)), b"\0\x0a", extra, payload))
    for name, level in (
        ("MQTT", 0), ("MQTT", 3), ("MQTT", 6), ("MQTT", 0x84), ("MQTT", 0x85), ("MQIsdp", 4), ("MQIsdp", 0x83), ("", 4),
        ("mqtt", 4), ("MQTT\0", 4),
    ):  # fmt: skip
        inputs.append(packet(0x10, string(name), bytes((level, 2)), b"\0\0", string("c")))
    inputs += [connect5(2, extra) + b"\xc0\0" for extra in CONNECT_PROPERTIES]
    inputs += [connect5(6, b"", properties(extra), string("w"), string("x")) for extra in PUBLISH_PROPERTIES]
    inputs += [packet(0x10, string("MQTT"), b"\x04\x02\0\0", string(text)) for text in STRINGS]
    inputs += [packet(0x10, string("MQTT"), b"\x04\x06\0\0", string("c"), string(text), string("")) for text in STRINGS]
    inputs += [b"\x10" + length + b"\0\x04MQTT" for length in LENGTHS]
    return inputs


def _publishes() -> list[bytes]:
    inputs = []
    for text in STRINGS:
        inputs += [
            packet(0x30, string(text), b"\0x") * 2,
            packet(0x33, string(text), ID, b"\0x"),
        ]
    for extra in PUBLISH_PROPERTIES:
        inputs += [
            packet(0x30, string("t"), properties(extra), b"x") * 2,
            packet(0x32, string(""), ID, properties(extra), b"x"),
        ]
    inputs += [packet(0x30 | flags, string("t"), ID, b"\0x") for flags in range(16)]
    one, two = packet(0x30, string("t"), b"\0abc"), packet(0x30, string("u"), b"\0abc")
    inputs += [one * 9, (one + two) * 4, one * 2 + packet(0x31, string("t"), b"\0abc") + one, one * 3 + one[:-2]]
    inputs += [packet(0x30, string("t"), b"\0" + b"x" * size) * 2 for size in (0, 1, 120, 122, 123, 124, 125, 200)]
    inputs += [b"\x30" + length + b"\0\x01t\0x" for length in LENGTHS]
    inputs += [packet(0x32, string("t"), number.to_bytes(2), b"\0") for number in (0, 1, 255, 256, 65_535)]
    return inputs


def _acks() -> list[bytes]:
    inputs = []
    for first in (0x40, 0x50, 0x62, 0x70):
        inputs += [packet(first, body) + b"\xc0\0" for body in ACK_BODIES]
        inputs += [packet(first, ID) * count for count in (2, 63, 64, 65, 130)]
        inputs += [
            packet(first, ID) * 3 + packet(first, b"\0\0"),
            bytes((first ^ 2, 2, 0, 1)),
            bytes((first | 8, 2, 0, 1)),
        ]
    inputs.append((packet(0x40, ID) + packet(0x50, ID) + packet(0x62, ID) + packet(0x70, ID)) * 8)
    return inputs


def _subscribes() -> list[bytes]:
    inputs = []
    for text in STRINGS:
        inputs += [
            packet(0x82, ID, string(text), b"\x01"),
            packet(0x82, ID, b"\0", string(text), b"\x01", string("b"), b"\0"),
            packet(0xA2, ID, b"\0", string(text)),
        ]
    options = (0, 1, 2, 3, 4, 8, 0x0C, 0x10, 0x20, 0x2E, 0x30, 0x40, 0x80, 0xFF)
    inputs += [packet(0x82, ID, b"\0", string("a"), bytes((value,))) for value in options]
    inputs += [packet(0x82, ID, b"\0", string("$share/g/a"), bytes((value,))) for value in options]
    for extra in (
        b"\x0b\x01",
        b"\x0b\0",
        b"\x0b\xff\xff\xff\x7f",
        b"\x0b\x80\0",
        b"\x0b\x01\x0b\x02",
        USER,
        WHY,
        b"\x0b",
    ):
        inputs += [
            packet(0x82, ID, properties(extra), string("a"), b"\0"),
            packet(0xA2, ID, properties(extra), string("a")),
        ]
    inputs += [packet(first, body) for first in (0x82, 0xA2, 0x8A, 0xAA, 0x80) for body in (b"", b"\0", ID, b"\0\0\0")]
    return inputs


def _rest() -> list[bytes]:
    inputs = []
    method = b"\x15" + string("m")
    for first in range(0, 256, 16):
        inputs += [bytes((first,)), bytes((first, 0)), bytes((first, 2, 0, 1)), bytes((first | 1, 0))]
    for code in (0, 4, 0x10, 0x18, 0x19, 0x80, 0x81, 0x8E, 0x98, 0xA2, 0xFF):
        inputs += [
            packet(0xE0, bytes((code,))),
            packet(0xE0, bytes((code,)), properties(WHY, USER)),
            packet(0xF0, bytes((code,)), properties(method, b"\x16" + string("d"))),
            packet(0x20, b"\0", bytes((code,)), b"\0"),
            packet(0x90, ID, b"\0", bytes((code, 0, 1))),
            packet(0xB0, ID, b"\0", bytes((code, 0x11))),
        ]
    inputs += [
        packet(0xE0, b"\0", properties(extra)) for extra in (b"\x11\0\0\0\x01", b"\x1c" + string("s"), b"\x21\0\x01")
    ]
    inputs += [packet(0xF0, b"\x18", properties(extra)) for extra in (b"", WHY, method * 2, b"\x16" + string("d"))]
    inputs += [packet(0x20, b"\0\0", properties(extra)) for extra in CONNACK_PROPERTIES]
    inputs += [packet(0x20, flags, code) for flags in (b"\0", b"\x01", b"\x02") for code in (b"\0", b"\x05", b"\x06")]
    inputs += [packet(0x90, ID, codes) for codes in (b"", b"\0", b"\0\x01\x02\x80", b"\x03")]
    inputs += [b"\xc0" + length for length in LENGTHS]
    inputs += [b"\xe0" + variable(300) + b"\0" * 20, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\0\x01", b"\0" * 20]
    return inputs


def mqtt() -> list[bytes]:
    """Inputs for the decoder: streams that begin with CONNECT, and packets of a connection that is made."""
    inputs = [*FOUND, *KNOWN.values(), *_connects(), *_publishes(), *_acks(), *_subscribes(), *_rest()]
    return list(dict.fromkeys(inputs))


def main() -> None:
    """Write the file."""
    inputs = mqtt()
    HERE.mkdir(parents=True, exist_ok=True)
    write_corpus(HERE / "corpus.txt", inputs, f"{len(inputs)} inputs, written by tests/fuzz/make_mqtt_corpus.py")


if __name__ == "__main__":
    main()
