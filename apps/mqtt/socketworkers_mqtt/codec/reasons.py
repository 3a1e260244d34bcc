"""Reason codes of MQTT 5.0 (§2.4), who may send which, and what is left of them in 3.1.1. Sans-IO.

Every table is a dict from the byte on the wire to its `Reason`: one lookup both checks and names it.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

__all__ = [
    "AUTH_FROM_CLIENT",
    "AUTH_FROM_SERVER",
    "CONNACK_REASONS",
    "DISCONNECT_FROM_CLIENT",
    "DISCONNECT_FROM_SERVER",
    "PUBACK_REASONS",
    "PUBREL_REASONS",
    "SUBACK_REASONS",
    "UNSUBACK_REASONS",
    "Reason",
    "connack_code_v3",
    "connack_reason_v3",
]


class Reason(IntEnum):
    """MQTT 5.0 Table 2-6, by the names given there."""

    SUCCESS = 0x00
    NORMAL_DISCONNECTION = 0x00
    GRANTED_QOS_0 = 0x00
    GRANTED_QOS_1 = 0x01
    GRANTED_QOS_2 = 0x02
    DISCONNECT_WITH_WILL_MESSAGE = 0x04
    NO_MATCHING_SUBSCRIBERS = 0x10
    NO_SUBSCRIPTION_EXISTED = 0x11
    CONTINUE_AUTHENTICATION = 0x18
    RE_AUTHENTICATE = 0x19
    UNSPECIFIED_ERROR = 0x80
    MALFORMED_PACKET = 0x81
    PROTOCOL_ERROR = 0x82
    IMPLEMENTATION_SPECIFIC_ERROR = 0x83
    UNSUPPORTED_PROTOCOL_VERSION = 0x84
    CLIENT_IDENTIFIER_NOT_VALID = 0x85
    BAD_USER_NAME_OR_PASSWORD = 0x86
    NOT_AUTHORIZED = 0x87
    SERVER_UNAVAILABLE = 0x88
    SERVER_BUSY = 0x89
    BANNED = 0x8A
    SERVER_SHUTTING_DOWN = 0x8B
    BAD_AUTHENTICATION_METHOD = 0x8C
    KEEP_ALIVE_TIMEOUT = 0x8D
    SESSION_TAKEN_OVER = 0x8E
    TOPIC_FILTER_INVALID = 0x8F
    TOPIC_NAME_INVALID = 0x90
    PACKET_IDENTIFIER_IN_USE = 0x91
    PACKET_IDENTIFIER_NOT_FOUND = 0x92
    RECEIVE_MAXIMUM_EXCEEDED = 0x93
    TOPIC_ALIAS_INVALID = 0x94
    PACKET_TOO_LARGE = 0x95
    MESSAGE_RATE_TOO_HIGH = 0x96
    QUOTA_EXCEEDED = 0x97
    ADMINISTRATIVE_ACTION = 0x98
    PAYLOAD_FORMAT_INVALID = 0x99
    RETAIN_NOT_SUPPORTED = 0x9A
    QOS_NOT_SUPPORTED = 0x9B
    USE_ANOTHER_SERVER = 0x9C
    SERVER_MOVED = 0x9D
    SHARED_SUBSCRIPTIONS_NOT_SUPPORTED = 0x9E
    CONNECTION_RATE_EXCEEDED = 0x9F
    MAXIMUM_CONNECT_TIME = 0xA0
    SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED = 0xA1
    WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED = 0xA2


def _table(values: Iterable[int]) -> dict[int, Reason]:
    return {value: Reason(value) for value in values}


CONNACK_REASONS = _table([0, *range(0x80, 0x8B), 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F])
"""5.0 §3.2.2.2, Table 3-1."""
PUBACK_REASONS = _table([0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99])
"""PUBACK and PUBREC: 5.0 §3.4.2.1, Table 3-4, and §3.5.2.1, Table 3-5."""
PUBREL_REASONS = _table([0, 0x92])
"""PUBREL and PUBCOMP: 5.0 §3.6.2.1, Table 3-6, and §3.7.2.1, Table 3-7."""
SUBACK_REASONS = _table([0, 1, 2, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2])
"""5.0 §3.9.3, Table 3-8."""
UNSUBACK_REASONS = _table([0, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91])
"""5.0 §3.11.3, Table 3-9."""
DISCONNECT_FROM_CLIENT = _table([0, 4, *range(0x80, 0x84), 0x90, *range(0x93, 0x9A)])
"""5.0 §3.14.2.1, Table 3-10, the rows sent by clients."""
DISCONNECT_FROM_SERVER = _table([0, *range(0x80, 0x84), 0x87, 0x89, *range(0x8B, 0x91), *range(0x93, 0xA3)])
"""5.0 §3.14.2.1, Table 3-10, the rows sent by servers; 0x8C is of Table 2-6."""
AUTH_FROM_CLIENT = _table([0x18, 0x19])
"""5.0 §3.15.2.1, Table 3-11."""
AUTH_FROM_SERVER = _table([0, 0x18])
"""5.0 §3.15.2.1, Table 3-11."""

_CONNACK_V3 = {
    Reason.SUCCESS: 0,
    Reason.UNSUPPORTED_PROTOCOL_VERSION: 1,
    Reason.CLIENT_IDENTIFIER_NOT_VALID: 2,
    Reason.SERVER_UNAVAILABLE: 3,
    Reason.SERVER_BUSY: 3,
    Reason.SERVER_SHUTTING_DOWN: 3,
    Reason.USE_ANOTHER_SERVER: 3,
    Reason.SERVER_MOVED: 3,
    Reason.CONNECTION_RATE_EXCEEDED: 3,
    Reason.QUOTA_EXCEEDED: 3,
    Reason.BAD_USER_NAME_OR_PASSWORD: 4,
    Reason.BAD_AUTHENTICATION_METHOD: 4,
}
_REASON_V3 = (
    Reason.SUCCESS,
    Reason.UNSUPPORTED_PROTOCOL_VERSION,
    Reason.CLIENT_IDENTIFIER_NOT_VALID,
    Reason.SERVER_UNAVAILABLE,
    Reason.BAD_USER_NAME_OR_PASSWORD,
    Reason.NOT_AUTHORIZED,
)


def connack_code_v3(reason: int) -> int:
    """The return code of a 3.1.1 CONNACK (§3.2.2.3, Table 3.1) that says what `reason` says.

    Args:
        reason: a reason code of CONNACK.

    Returns:
        0 to 5; 5, not authorized, for what 3.1.1 has no code for.
    """
    return _CONNACK_V3.get(Reason(reason), 5)


def connack_reason_v3(code: int) -> Reason | None:
    """The reason that a 3.1.1 return code stands for, None for codes that are reserved (§3.2.2.3)."""
    return _REASON_V3[code] if code < len(_REASON_V3) else None
