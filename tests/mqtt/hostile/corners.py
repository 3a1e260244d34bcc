"""Corners of the protocol, as bytes; and where Mosquitto answers them differently, with the reason."""

from __future__ import annotations

from tests.mqtt.codec.wire import packet, properties, string

from socketworkers_mqtt.codec import PINGREQ

__all__ = ["DIFFERENCES", "corners"]

ID = b"\0\x01"
USER = b"\x26" + string("k") + string("v")


def connect(version: int, name: str, flags: int = 2, extra: bytes = b"", *rest: bytes, keep_alive: int = 60) -> bytes:
    """CONNECT with any flags; ``rest`` is the payload behind the client identifier."""
    protocol = string("MQIsdp" if version == 3 else "MQTT") + bytes((version, flags)) + keep_alive.to_bytes(2)
    return packet(0x10, protocol, properties(extra) if version == 5 else b"", string(name), *rest)


def _after(version: int, *packets: bytes, extra: bytes = b"") -> bytes:
    return connect(version, "NAME-12", 2, extra) + b"".join(packets)


def corners() -> dict[str, bytes]:
    """Corners by name, which ends in the protocol version: all that a client sends."""
    both: dict[str, bytes] = {}
    for version in (4, 5):
        none = b"\0" if version == 5 else b""
        publish = packet(0x32, string("TOPIC123"), ID, none, b"x")
        subscribe = packet(0x82, ID, none, string("TOPIC123"), b"\x02")
        for name, wire in {
            "publish to nobody": publish,
            "publish to itself": subscribe + publish,
            "QoS 2 to itself": subscribe + packet(0x34, string("TOPIC123"), ID, none, b"x") + b"\x62\x02" + ID,
            "QoS 2 twice": subscribe + packet(0x34, string("TOPIC123"), ID, none, b"x") * 2,
            "DUP QoS 0": packet(0x38, string("TOPIC123"), none),
            "QoS 3": packet(0x36, string("TOPIC123"), ID, none),
            "packet identifier 0": packet(0x32, string("TOPIC123"), b"\0\0", none),
            "empty topic": packet(0x30, string(""), none),
            "topic with #": packet(0x30, string("a/#"), none),
            "topic with NUL": packet(0x30, string("a\0b"), none),
            "topic that is not UTF-8": packet(0x30, string(b"\xff\xfe"), none),
            "topic longer than its packet": packet(0x30, b"\0\xff", b"abc"),
            "retain and subscribe": packet(0x31, string("TOPIC123"), none, b"x") + subscribe,
            "retain nothing": packet(0x31, string("TOPIC123"), none, b"x")
            + packet(0x31, string("TOPIC123"), none)
            + subscribe,
            "SUBSCRIBE without filters": packet(0x82, ID, none),
            "SUBSCRIBE with QoS 3": packet(0x82, ID, none, string("TOPIC123"), b"\x03"),
            "SUBSCRIBE with flags": packet(0x80, ID, none, string("TOPIC123"), b"\0"),
            "SUBSCRIBE to a/#/b": packet(0x82, ID, none, string("a/#/b"), b"\0"),
            "SUBSCRIBE to a+": packet(0x82, ID, none, string("a+"), b"\0"),
            "SUBSCRIBE to nothing": packet(0x82, ID, none, string(""), b"\0"),
            "SUBSCRIBE with 0": packet(0x82, b"\0\0", none, string("TOPIC123"), b"\0"),
            "two filters, QoS 0 and 1": packet(0x82, ID, none, string("TOPIC123"), b"\0", string("TOPIC123/+"), b"\1")
            + publish,
            "overlapping": packet(0x82, ID, none, string("TOPIC123/#"), b"\1", string("TOPIC123/+"), b"\0")
            + packet(0x32, string("TOPIC123/x"), ID, none, b"x"),
            "UNSUBSCRIBE": subscribe + packet(0xA2, b"\0\x02", none, string("TOPIC123"), string("other")),
            "UNSUBSCRIBE without filters": packet(0xA2, ID, none),
            "PUBACK never asked": b"\x40\x02" + ID,
            "PUBACK with flags": b"\x42\x02" + ID,
            "PUBREC never asked": b"\x50\x02" + ID,
            "PUBREL never asked": b"\x62\x02" + ID,
            "PUBREL without flags": b"\x60\x02" + ID,
            "PUBCOMP never asked": b"\x70\x02" + ID,
            "second CONNECT": connect(version, "NAME-12"),
            "CONNACK from a client": b"\x20\x02\0\0" if version == 4 else b"\x20\x03\0\0\0",
            "SUBACK from a client": packet(0x90, ID, none, b"\0"),
            "UNSUBACK from a client": packet(0xB0, ID, none, b"\0" if version == 5 else b""),
            "PINGRESP from a client": b"\xd0\0",
            "PINGREQ with flags": b"\xc1\0",
            "PINGREQ with content": b"\xc0\x01\0",
            "type 0": b"\0\0",
            "AUTH": b"\xf0\0",
            "length of five bytes": b"\x30\x80\x80\x80\x80\x01",
            "DISCONNECT with flags": b"\xe1\0",
            "publish to $SYS": packet(0x32, string("$SYS/x"), ID, none, b"x"),
            "+ and $": packet(0x82, ID, none, string("+/TOPIC123"), b"\0")
            + packet(0x32, string("$x/TOPIC123"), ID, none),
        }.items():
            both[f"{name}, {version}"] = _after(version, wire)
        for name, wire in {
            "reserved flag": connect(version, "NAME-12", 3),
            "will QoS 3": connect(version, "NAME-12", 0x1E, b"", none + string("w") + string("")),
            "will flags without will": connect(version, "NAME-12", 0x22),
            "will topic with #": connect(version, "NAME-12", 6, b"", none + string("#") + string("")),
            "no client identifier": connect(version, ""),
            "no client identifier, session": connect(version, "", 0),
            "password without user name": connect(version, "NAME-12", 0x42, b"", string("p")),
            "bytes behind": connect(version, "NAME-12", 2, b"", b"\0\0\0"),
            "too short": packet(0x10, string("MQTT"), bytes((version, 2))),
            "level 9": connect(9, "NAME-12"),
            "wrong name": packet(0x10, string("MQTX"), bytes((version, 2)), b"\0\0", none, string("NAME-12")),
            "bad UTF-8": packet(0x10, string("MQTT"), bytes((version, 2)), b"\0\0", none, string(b"\xff")),
            "first PINGREQ": PINGREQ,
        }.items():
            both[f"CONNECT: {name}, {version}"] = wire
    for name, wire in {
        "payload format 2": packet(0x30, string("TOPIC123"), properties(b"\x01\x02"), b"x"),
        "payload format that is not UTF-8": packet(0x32, string("TOPIC123"), ID, properties(b"\x01\x01"), b"\xff"),
        "response topic with #": packet(0x32, string("TOPIC123"), ID, properties(b"\x08" + string("a/#"))),
        "subscription identifier of a client": packet(0x32, string("TOPIC123"), ID, properties(b"\x0b\x01")),
        "subscription identifier 0": packet(0x82, ID, properties(b"\x0b\0"), string("TOPIC123"), b"\0"),
        "a property twice": packet(0x32, string("TOPIC123"), ID, properties(b"\x01\0\x01\0")),
        "an unknown property": packet(0x32, string("TOPIC123"), ID, properties(b"\x7f\0")),
        "a property of another packet": packet(0x32, string("TOPIC123"), ID, properties(b"\x11\0\0\0\1")),
        "user properties": packet(0x82, ID, b"\0", string("TOPIC123"), b"\1")
        + packet(0x32, string("TOPIC123"), ID, properties(USER * 3), b"x"),
        "alias 0": packet(0x32, string("TOPIC123"), ID, properties(b"\x23\0\0")),
        "alias beyond the maximum": packet(0x32, string("TOPIC123"), ID, properties(b"\x23\xff\xff")),
        "alias that was never set": packet(0x32, string(""), ID, properties(b"\x23\0\1")),
        "alias": packet(0x82, ID, b"\0", string("TOPIC123"), b"\0")
        + packet(0x30, string("TOPIC123"), properties(b"\x23\0\1"), b"1")
        + packet(0x30, string(""), properties(b"\x23\0\1"), b"2"),
        "no local": packet(0x82, ID, b"\0", string("TOPIC123"), b"\x05")
        + packet(0x32, string("TOPIC123"), ID, b"\0", b"x"),
        "no local on a shared subscription": packet(0x82, ID, b"\0", string("$share/g/TOPIC123"), b"\x05"),
        "retained on a shared subscription": packet(0x31, string("TOPIC123"), b"\0", b"x")
        + packet(0x82, ID, b"\0", string("$share/g/TOPIC123"), b"\0"),
        "shared": packet(0x82, ID, b"\0", string("$share/g/TOPIC123"), b"\1")
        + packet(0x32, string("TOPIC123"), ID, b"\0", b"x"),
        "$share//t": packet(0x82, ID, b"\0", string("$share//t"), b"\0"),
        "$share/g": packet(0x82, ID, b"\0", string("$share/g"), b"\0"),
        "retain as published": packet(0x82, ID, b"\0", string("TOPIC123"), b"\x08")
        + packet(0x31, string("TOPIC123"), b"\0", b"x"),
        "retain handling 2": packet(0x31, string("TOPIC123"), b"\0", b"x")
        + packet(0x82, ID, b"\0", string("TOPIC123"), b"\x20"),
        "retain handling 3": packet(0x82, ID, b"\0", string("TOPIC123"), b"\x30"),
        "reserved subscription options": packet(0x82, ID, b"\0", string("TOPIC123"), b"\x40"),
        "PUBACK with an undefined reason": packet(0x40, ID, b"\x05\0"),
        "DISCONNECT with an undefined reason": b"\xe0\x01\x05",
        "DISCONNECT with a server's reason": b"\xe0\x01\x8b",
        "session expiry of nothing at DISCONNECT": packet(0xE0, b"\0", properties(b"\x11\0\0\0\x05")),
        "UNSUBSCRIBE with a property": packet(0xA2, ID, properties(b"\x0b\1"), string("TOPIC123")),
        "a length of properties beyond the packet": packet(0x30, string("TOPIC123"), b"\x7f"),
    }.items():
        both[f"{name}, 5"] = _after(5, wire)
    both |= {
        "CONNECT: receive maximum 0, 5": connect(5, "NAME-12", 2, b"\x21\0\0"),
        "CONNECT: maximum packet size 0, 5": connect(5, "NAME-12", 2, b"\x27\0\0\0\0"),
        "CONNECT: request problem information 2, 5": connect(5, "NAME-12", 2, b"\x17\x02"),
        "CONNECT: data without a method, 5": connect(5, "NAME-12", 2, b"\x16" + string("x")),
        "CONNECT: an unknown method, 5": connect(5, "NAME-12", 2, b"\x15" + string("x")),
        "CONNECT: no client identifier, 3": connect(3, ""),
        "CONNECT: MQIsdp, 3": connect(3, "NAME-12"),
    }
    return both


#: Where we differ from Mosquitto 2.0.11, and why; sections are of MQTT 5.0 where nothing else is said. The first groups
#: are faults of Mosquitto's, the last ones are choices that the standards leave to a server.
DIFFERENCES: dict[str, tuple[str, ...]] = {
    "§2.1.3, [MQTT-2.1.3-1]: other flags than the packet's are malformed; Mosquitto does not look at these": (
        "PUBACK with flags, 4", "PUBACK with flags, 5", "PINGREQ with flags, 4", "PINGREQ with flags, 5",
    ),
    "§3.12: PINGREQ has no content": ("PINGREQ with content, 4", "PINGREQ with content, 5"),
    "§3.3.1.1, [MQTT-3.3.1-2]: DUP is 0 with QoS 0": ("DUP QoS 0, 4", "DUP QoS 0, 5"),
    "§2.1.2, §4.13.1: packets that only servers send are a protocol error; Mosquitto reads on": (
        "SUBACK from a client, 4", "UNSUBACK from a client, 4", "PINGRESP from a client, 4",
        "SUBACK from a client, 5", "UNSUBACK from a client, 5", "PINGRESP from a client, 5",
    ),
    "MQTT 3.1.1 §3.3.5, [MQTT-3.3.5-1]: overlapping subscriptions deliver with the highest QoS": ("overlapping, 4",),
    "[MQTT-3.6.2-1] and Table 3-8, 3-10: an identifier that is not in use is 0x92 Packet Identifier not found": (
        "PUBREC never asked, 5", "PUBREL never asked, 5",
    ),
    "§3.3.2.3.2, §3.3.2.3.5, [MQTT-3.3.2-14]: a payload format indicator of 2 and a response topic with wildcards": (
        "payload format 2, 5", "response topic with #, 5",
    ),
    "§3.3.4, [MQTT-3.3.4-6]: no client sends a Subscription Identifier": ("subscription identifier of a client, 5",),
    "[MQTT-3.8.3-4]: No Local on a Shared Subscription": ("no local on a shared subscription, 5",),
    "[MQTT-4.8.2-1], [MQTT-4.8.2-2]: a ShareName has a character, and a filter behind it": (
        "$share//t, 5", "$share/g, 5",
    ),
    "§4.8.2: nothing retained is sent when a Shared Subscription begins": ("retained on a shared subscription, 5",),
    "§3.4.2.1: an undefined reason code is a protocol error": ("PUBACK with an undefined reason, 5",),
    "§3.1.2.11.10: authentication data without a method": ("CONNECT: data without a method, 5",),
    "§4.13.1: we say why before we close, with DISCONNECT; Mosquitto only closes": (
        "PUBREL without flags, 5", "second CONNECT, 5", "CONNACK from a client, 5", "AUTH, 5",
        "length of five bytes, 5",
        "DISCONNECT with flags, 5", "a property twice, 5", "DISCONNECT with an undefined reason, 5",
        "DISCONNECT with a server's reason, 5",
    ),
    "§2.4, §4.13.1: Protocol Error (0x82) where the packet can be read and breaks a rule, as the sections of these"
    " fields say; Mosquitto says Malformed Packet (0x81)": (
        "SUBSCRIBE without filters, 5", "SUBSCRIBE with QoS 3, 5", "SUBSCRIBE with 0, 5",
        "UNSUBSCRIBE without filters, 5",
        "subscription identifier 0, 5", "retain handling 3, 5",
    ),
    "§2.1.2: packet type 0 is reserved, so it is malformed (0x81); Mosquitto says Protocol Error": ("type 0, 5",),
    "Table 2-6: a reason that names the field: 0x8F Topic Filter invalid, 0x90 Topic Name invalid, 0x94 Topic Alias"
    " invalid": (
        "topic with #, 5", "SUBSCRIBE to a/#/b, 5", "SUBSCRIBE to a+, 5", "SUBSCRIBE to nothing, 5", "alias 0, 5",
    ),
    "[MQTT-3.3.4-2]: the server may send one copy for all subscriptions that match, or one for each; we send one": (
        "overlapping, 5",
    ),
    "[MQTT-4.3.3-8], [MQTT-4.3.3-12], Figure 4-3: a QoS 2 message may be passed on when it comes, as we do, or at"
    " PUBREL, as Mosquitto does": ("QoS 2 twice, 4", "QoS 2 twice, 5"),
}  # fmt: skip
