"""CONNECT and CONNACK: 5.0 §3.1 and §3.2, 3.1.1 §3.1 and §3.2. Sans-IO."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import MalformedPacket
from .fields import encode_binary, encode_string, encode_variable_integer, read_binary, read_string, read_uint16
from .packet_types import PacketType
from .properties import EMPTY, Properties, decode_properties, encode_properties
from .publish_properties import EMPTY_WILL, WillProperties, decode_will_properties
from .reasons import CONNACK_REASONS, Reason, connack_code_v3, connack_reason_v3
from .topic import valid_topic

__all__ = [
    "Connack",
    "Connect",
    "Will",
    "answer_version",
    "decode_connack",
    "decode_connect",
    "decode_protocol",
    "encode_connack",
    "encode_connect",
]

_BRIDGE = 0x80  # bit of the protocol level by which Mosquitto's bridges make themselves known to 3.1 and 3.1.1 brokers
_LEVELS = {"MQIsdp": (3,), "MQTT": (4, 5)}  # MQTT 3.1 §3.1; 3.1.1 §3.1.2.1 and §3.1.2.2; 5.0 §3.1.2.1 and §3.1.2.2


@dataclass(frozen=True, slots=True)
class Will:
    """The will of a CONNECT, 5.0 §3.1.2.5 and §3.1.3.2 to §3.1.3.4."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    properties: WillProperties = EMPTY_WILL
    """`EMPTY_WILL` before 5.0."""


@dataclass(frozen=True, slots=True)
class Connect:
    """CONNECT, 5.0 §3.1."""

    protocol_name: str
    """``MQTT``, ``MQIsdp`` in 3.1."""
    version: int
    """3, 4 (3.1.1) or 5."""
    clean_start: bool
    """Clean Start; Clean Session before 5.0."""
    keep_alive: int
    """Seconds; 0 for none."""
    client_id: str
    will: Will | None = None
    username: str | None = None
    password: bytes | None = None
    properties: Properties = EMPTY
    bridge: bool = False
    """Whether the client says that it is a bridge (level 0x83 or 0x84)."""


@dataclass(frozen=True, slots=True)
class Connack:
    """CONNACK, 5.0 §3.2."""

    session_present: bool
    reason: Reason
    """Before 5.0 the reason that the return code stands for."""
    properties: Properties = EMPTY


def decode_protocol(data: bytes, position: int, end: int) -> tuple[str, int, bool, int]:
    """Read the protocol name and level at the front of CONNECT.

    Returns:
        Name, version, whether the level has a bridge's bit, and the position behind.

    Raises:
        MalformedPacket: 0x84, a protocol that is not spoken here [MQTT-3.1.2-1] [MQTT-3.1.2-2].
    """
    name, position = read_string(data, position, end)
    if position >= end:
        raise MalformedPacket("CONNECT ends within its variable header")
    level = data[position]
    bridge = level in (3 | _BRIDGE, 4 | _BRIDGE)
    version = level & ~_BRIDGE if bridge else level
    if version not in _LEVELS.get(name, ()):
        raise MalformedPacket("the protocol is not MQTT 3.1, 3.1.1 or 5.0", Reason.UNSUPPORTED_PROTOCOL_VERSION)
    return name, version, bridge, position + 1


def answer_version(data: bytes, position: int, end: int) -> int | None:
    """The version in which an unknown level is refused (3.1.1 §3.1.2.2, 5.0 §3.1.2.2); None when it is no MQTT."""
    if data.startswith(b"\0\x06MQIsdp", position, end):
        return 3
    if data.startswith(b"\0\x04MQTT", position, end) and position + 6 < end:
        return 5 if data[position + 6] > 5 else 4
    return None


def decode_connect(data: bytes, position: int, end: int, protocol: tuple[str, int, bool, int] | None = None) -> Connect:
    """Read one CONNECT.

    Args:
        data: bytes with the packet in it.
        position: where its variable header begins.
        end: end of the packet.
        protocol: what `decode_protocol` gave, when it was called already.

    Raises:
        MalformedPacket: what is wrong with it [MQTT-3.1.4-1].
    """
    name, version, bridge, position = decode_protocol(data, position, end) if protocol is None else protocol
    if position + 3 > end:
        raise MalformedPacket("CONNECT ends within its variable header")
    flags = data[position]
    keep_alive, position = read_uint16(data, position + 1, end)
    _check_flags(flags, version)
    properties = EMPTY
    if version == 5:
        properties, position = decode_properties(data, position, end, PacketType.CONNECT)
    client_id, position = read_string(data, position, end)  # [MQTT-3.1.3-3] [MQTT-3.1.3-4]
    will = None
    if flags & 0x04:
        will_properties = EMPTY_WILL
        if version == 5:
            will_properties, position = decode_will_properties(data, position, end)
        topic, position = read_string(data, position, end)  # 5.0 [MQTT-3.1.3-11], 3.1.1 [MQTT-3.1.3-10]
        payload, position = read_binary(data, position, end)
        if not valid_topic(topic.encode()):  # CVE-2023-3592; it is a topic name: [MQTT-4.7.3-1] [MQTT-3.3.2-2]
            raise MalformedPacket("the will topic is not the name of a topic", Reason.TOPIC_NAME_INVALID)
        will = Will(topic, payload, flags >> 3 & 3, bool(flags & 0x20), will_properties)
    username: str | None = None
    password: bytes | None = None
    # MQTT 3.1 §3.1: the length of the packet wins over the flags, a name or password may be missing
    if flags & 0x80 and not (version == 3 and position == end):
        username, position = read_string(data, position, end)  # 5.0 [MQTT-3.1.3-12], 3.1.1 [MQTT-3.1.3-11]
    if flags & 0x40 and not (version == 3 and position == end):
        password, position = read_binary(data, position, end)
    if position != end:
        raise MalformedPacket("CONNECT with bytes behind its payload")
    return Connect(
        name, version, bool(flags & 0x02), keep_alive, client_id, will, username, password, properties, bridge
    )


def _check_flags(flags: int, version: int) -> None:
    if flags & 0x18 == 0x18:
        raise MalformedPacket("will QoS 3")  # 5.0 [MQTT-3.1.2-12], 3.1.1 [MQTT-3.1.2-14]
    if version == 3:
        return  # MQTT 3.1 §3.1: bit 0 is not used, and neither are the will's bits without a will
    if flags & 0x01:
        raise MalformedPacket("CONNECT with the reserved flag")  # [MQTT-3.1.2-3]
    if not flags & 0x04 and flags & 0x38:
        # 5.0 [MQTT-3.1.2-11] [MQTT-3.1.2-13], 3.1.1 [MQTT-3.1.2-13] [MQTT-3.1.2-15]
        raise MalformedPacket("will QoS or will retain without a will")
    if version == 4 and flags & 0xC0 == 0x40:
        raise MalformedPacket("password without a user name")  # 3.1.1 [MQTT-3.1.2-22]


def decode_connack(data: bytes, position: int, end: int, version: int) -> Connack:
    """Read one CONNACK.

    Raises:
        MalformedPacket: reserved flags [MQTT-3.2.2-1], a reason code not of this packet [MQTT-3.2.2-8], a wrong length
            or property, a session with a refusal (5.0 [MQTT-3.2.2-6], 3.1.1 [MQTT-3.2.2-4]).
    """
    if end - position < 2 or (version < 5 and end - position != 2):
        raise MalformedPacket("CONNACK of a wrong length")
    flags, code = data[position], data[position + 1]
    if flags > 1 and version > 3:  # MQTT 3.1 §3.2: the byte is reserved and not used
        raise MalformedPacket("CONNACK with reserved flags")
    reason = CONNACK_REASONS.get(code) if version == 5 else connack_reason_v3(code)
    if reason is None:
        raise MalformedPacket(f"CONNACK with code 0x{code:02X}", Reason.PROTOCOL_ERROR)
    if reason and flags & 1:
        raise MalformedPacket("a refused CONNACK with a session", Reason.PROTOCOL_ERROR)
    properties, position = EMPTY, position + 2
    if version == 5:
        properties, position = decode_properties(data, position, end, PacketType.CONNACK)
    if position != end:
        raise MalformedPacket("CONNACK with bytes behind its properties")
    return Connack(bool(flags & 1) and version > 3, reason, properties)


def encode_connack(version: int, session_present: bool, reason: int, properties: Properties | None = None) -> bytes:
    """One CONNACK; before 5.0 `reason` becomes a return code, and 3.1 has no session present flag."""
    if version < 5:
        return bytes((0x20, 2, 1 if session_present and version > 3 else 0, connack_code_v3(reason)))
    body = bytes((1 if session_present else 0, reason)) + encode_properties(properties)
    return b"\x20" + encode_variable_integer(len(body)) + body


def encode_connect(connect: Connect) -> bytes:
    """One CONNECT.

    Raises:
        ValueError: a value that its field cannot hold.
    """
    version, will = connect.version, connect.will
    flags = 0x02 if connect.clean_start else 0
    payload = [encode_string(connect.client_id)]
    if will is not None:
        flags |= 0x04 | will.qos << 3 | (0x20 if will.retain else 0)
        if version == 5:
            payload.append(will.properties.encode())
        payload += [encode_string(will.topic), encode_binary(will.payload)]
    if connect.username is not None:
        flags |= 0x80
        payload.append(encode_string(connect.username))
    if connect.password is not None:
        flags |= 0x40
        payload.append(encode_binary(connect.password))
    level = version | (_BRIDGE if connect.bridge else 0)
    body = encode_string(connect.protocol_name) + bytes((level, flags)) + connect.keep_alive.to_bytes(2)
    if version == 5:
        body += encode_properties(connect.properties)
    body += b"".join(payload)
    return b"\x10" + encode_variable_integer(len(body)) + body
