"""Types of control packets (5.0 §2.1.2, 3.1.1 §2.2.1) and the first bytes that each side may send. Sans-IO."""

from __future__ import annotations

from enum import IntEnum
from typing import Literal

from .errors import MalformedPacket
from .reasons import Reason

__all__ = ["PacketType", "Role", "first_byte_fault", "first_bytes"]

Role = Literal["server", "client"]


class PacketType(IntEnum):
    """MQTT 5.0 Table 2-1."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    PUBREC = 5
    PUBREL = 6
    PUBCOMP = 7
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14
    AUTH = 15


_FROM_CLIENT = frozenset((1, 3, 4, 5, 6, 7, 8, 10, 12, 14, 15))
_FROM_SERVER = frozenset((2, 3, 4, 5, 6, 7, 9, 11, 13, 14, 15))
_FLAGS = {6: 2, 8: 2, 10: 2}  # 5.0 Table 2-2; the flags of all other types but PUBLISH are 0


def first_byte_fault(first: int, version: int, role: Role) -> MalformedPacket | None:
    """What is wrong with the first byte of a packet.

    Args:
        first: the byte.
        version: protocol version that is spoken, 3, 4 or 5.
        role: which side reads.

    Returns:
        The fault; None when the byte is right.
    """
    kind = first >> 4
    flags = first & 0x0F
    if kind == 0 or (kind == 15 and version < 5):
        return MalformedPacket(f"packet type {kind} is reserved")  # 5.0 §2.1.2, 3.1.1 §2.2.1
    if kind not in (_FROM_CLIENT if role == "server" else _FROM_SERVER) or (
        kind == 14 and role == "client" and version < 5
    ):
        # 5.0 Table 2-1 and 3.1.1 Table 2.1, direction of flow (CVE-2021-28166)
        return MalformedPacket(f"{PacketType(kind).name} came from the wrong side", Reason.PROTOCOL_ERROR)
    if kind == 3:
        if flags & 0x06 == 0x06:
            return MalformedPacket("PUBLISH with QoS 3")  # [MQTT-3.3.1-4]
        if flags & 0x0E == 0x08:
            return MalformedPacket("PUBLISH with DUP and QoS 0")  # [MQTT-3.3.1-2]
        return None
    if version == 3 and kind in _FLAGS:
        flags &= 0x07  # MQTT 3.1 §2.1: DUP may be set in these, they have QoS 1
    if flags != _FLAGS.get(kind, 0):
        # [MQTT-2.1.3-1], 3.1.1 [MQTT-2.2.2-2]; each type: [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.14.1-1]
        return MalformedPacket(f"{PacketType(kind).name} with reserved flags")
    return None


def first_bytes(version: int, role: Role) -> frozenset[int]:
    """All first bytes that `role` may receive in `version`."""
    return frozenset(first for first in range(256) if first_byte_fault(first, version, role) is None)
