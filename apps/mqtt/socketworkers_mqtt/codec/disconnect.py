"""PINGREQ, PINGRESP, DISCONNECT, AUTH: 5.0 §3.12 to §3.15, 3.1.1 §3.12 to §3.14. Sans-IO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .errors import MalformedPacket
from .fields import encode_variable_integer
from .packet_types import PacketType
from .properties import EMPTY, Properties, decode_properties, encode_properties
from .reasons import (
    AUTH_FROM_CLIENT,
    AUTH_FROM_SERVER,
    DISCONNECT_FROM_CLIENT,
    DISCONNECT_FROM_SERVER,
    Reason,
)

__all__ = [
    "PINGREQ",
    "PINGRESP",
    "Auth",
    "Disconnect",
    "Pingreq",
    "Pingresp",
    "decode_auth",
    "decode_disconnect",
    "encode_auth",
    "encode_disconnect",
]

PINGREQ: Final = b"\xc0\x00"
PINGRESP: Final = b"\xd0\x00"


@dataclass(frozen=True, slots=True)
class Pingreq:
    """PINGREQ, 5.0 §3.12. All are equal; the decoder gives one and the same."""


@dataclass(frozen=True, slots=True)
class Pingresp:
    """PINGRESP, 5.0 §3.13. All are equal; the decoder gives one and the same."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """DISCONNECT, 5.0 §3.14."""

    reason: Reason = Reason.NORMAL_DISCONNECTION
    properties: Properties = EMPTY


@dataclass(frozen=True, slots=True)
class Auth:
    """AUTH, 5.0 §3.15."""

    reason: Reason
    properties: Properties = EMPTY


def decode_disconnect(data: bytes, position: int, end: int, version: int, from_server: bool) -> Disconnect:
    """Read one DISCONNECT.

    Raises:
        MalformedPacket: a wrong length, a reason code that this side does not send [MQTT-3.14.2-1], a session expiry
            from a server [MQTT-3.14.2-2].
    """
    if position == end:  # §3.14.2.1: a reason code that is left out is 0x00
        return Disconnect()
    if version < 5:
        raise MalformedPacket("DISCONNECT of a wrong length")
    table = DISCONNECT_FROM_SERVER if from_server else DISCONNECT_FROM_CLIENT
    reason = table.get(data[position])
    if reason is None:
        raise MalformedPacket(f"DISCONNECT with reason code 0x{data[position]:02X}", Reason.PROTOCOL_ERROR)
    position += 1
    properties = EMPTY
    if position < end:  # §3.14.2.2.1: no properties when the packet ends here
        properties, position = decode_properties(data, position, end, PacketType.DISCONNECT)
        if position != end:
            raise MalformedPacket("DISCONNECT with bytes behind its properties")
        if from_server and properties.session_expiry_interval is not None:
            raise MalformedPacket("a server sent a session expiry with DISCONNECT", Reason.PROTOCOL_ERROR)
    return Disconnect(reason, properties)


def decode_auth(data: bytes, position: int, end: int, from_server: bool) -> Auth:
    """Read one AUTH.

    Raises:
        MalformedPacket: a wrong length, a reason code that this side does not send [MQTT-3.15.2-1], no authentication
            method (§3.15.2.2.2).
    """
    table = AUTH_FROM_SERVER if from_server else AUTH_FROM_CLIENT
    code = data[position] if position < end else 0  # §3.15.2.1: a reason code that is left out is 0x00
    reason = table.get(code)
    if reason is None:
        raise MalformedPacket(f"AUTH with reason code 0x{code:02X}", Reason.PROTOCOL_ERROR)
    if position == end:
        return Auth(reason)
    properties, position = decode_properties(data, position + 1, end, PacketType.AUTH)
    if position != end:
        raise MalformedPacket("AUTH with bytes behind its properties")
    if properties.authentication_method is None:
        raise MalformedPacket("AUTH without an authentication method", Reason.PROTOCOL_ERROR)
    return Auth(reason, properties)


def encode_disconnect(version: int, reason: int = 0, properties: Properties | None = None) -> bytes:
    """One DISCONNECT; before 5.0 only clients send it, and it says nothing."""
    empty = properties is None or properties is EMPTY
    if version < 5 or (not reason and empty):
        return b"\xe0\x00"
    body = bytes((reason,)) if empty else bytes((reason,)) + encode_properties(properties)
    return b"\xe0" + encode_variable_integer(len(body)) + body


def encode_auth(version: int, reason: int, properties: Properties | None = None) -> bytes:
    """One AUTH.

    Raises:
        ValueError: a version before 5.0, which has no AUTH.
    """
    if version < 5:
        raise ValueError("there is no AUTH before MQTT 5.0")
    if not reason and (properties is None or properties is EMPTY):
        return b"\xf0\x00"
    body = bytes((reason,)) + encode_properties(properties)
    return b"\xf0" + encode_variable_integer(len(body)) + body
