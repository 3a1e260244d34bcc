"""Properties of MQTT 5.0 (§2.2.2) for all packets but PUBLISH, whose properties are read in ``publish``. Sans-IO."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from .errors import MalformedPacket
from .fields import (
    encode_binary,
    encode_string,
    encode_variable_integer,
    read_binary,
    read_string,
    read_uint16,
    read_uint32,
    read_variable_integer,
)
from .packet_types import PacketType
from .reasons import Reason

__all__ = [
    "EMPTY",
    "MAX_USER_PROPERTIES",
    "Properties",
    "decode_properties",
    "encode_properties",
    "read_properties_end",
    "too_many_user_properties",
]


@dataclass(frozen=True, slots=True)
class Properties:
    """Properties by the names of the specification; None is one that is absent."""

    session_expiry_interval: int | None = None
    """Seconds, 0xFFFFFFFF for ever: CONNECT, CONNACK, DISCONNECT."""
    receive_maximum: int | None = None
    """CONNECT, CONNACK. 65,535 when absent."""
    maximum_packet_size: int | None = None
    """CONNECT, CONNACK."""
    topic_alias_maximum: int | None = None
    """CONNECT, CONNACK. 0 when absent."""
    request_response_information: int | None = None
    """CONNECT. 0 when absent."""
    request_problem_information: int | None = None
    """CONNECT. 1 when absent."""
    authentication_method: str | None = None
    """CONNECT, CONNACK, AUTH."""
    authentication_data: bytes | None = None
    """CONNECT, CONNACK, AUTH."""
    maximum_qos: int | None = None
    """CONNACK. 2 when absent."""
    retain_available: int | None = None
    """CONNACK. 1 when absent."""
    assigned_client_identifier: str | None = None
    """CONNACK."""
    wildcard_subscription_available: int | None = None
    """CONNACK. 1 when absent."""
    subscription_identifier_available: int | None = None
    """CONNACK. 1 when absent."""
    shared_subscription_available: int | None = None
    """CONNACK. 1 when absent."""
    server_keep_alive: int | None = None
    """CONNACK."""
    response_information: str | None = None
    """CONNACK."""
    server_reference: str | None = None
    """CONNACK, DISCONNECT."""
    reason_string: str | None = None
    """CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, DISCONNECT, AUTH."""
    subscription_identifier: int | None = None
    """SUBSCRIBE."""
    user_properties: tuple[tuple[str, str], ...] = ()
    """All packets, in their order."""

    def encode(self) -> bytes:
        """These properties behind their length.

        Raises:
            ValueError: a value that its type cannot hold.
        """
        return encode_properties(self)


EMPTY = Properties()
"""No properties; the one that decoding gives for an empty list."""

MAX_USER_PROPERTIES = 1024
"""User properties of one packet: each is a step of work that five bytes of the peer ask for (CVE-2021-41039)."""

_USER_PROPERTY = 0x26


def _read_byte(data: bytes, position: int, end: int) -> tuple[int, int]:
    if position >= end:
        raise MalformedPacket("the packet ends within a property")
    return data[position], position + 1


def _byte(value: int) -> bytes:
    return value.to_bytes(1)


def _uint16(value: int) -> bytes:
    return value.to_bytes(2)


def _uint32(value: int) -> bytes:
    return value.to_bytes(4)


_Reader = Callable[[bytes, int, int], tuple[Any, int]]
_Writer = Callable[[Any], bytes]
_Limits = tuple[int, int] | None
_BYTE: tuple[_Reader, _Writer, _Limits] = (_read_byte, _byte, (0, 1))  # every single byte is a 0 or a 1
_UINT16: tuple[_Reader, _Writer, _Limits] = (read_uint16, _uint16, None)
_UINT16_NOT_0: tuple[_Reader, _Writer, _Limits] = (read_uint16, _uint16, (1, 0xFFFF))
_UINT32: tuple[_Reader, _Writer, _Limits] = (read_uint32, _uint32, None)
_UINT32_NOT_0: tuple[_Reader, _Writer, _Limits] = (read_uint32, _uint32, (1, 0xFFFF_FFFF))
_VARIABLE_NOT_0: tuple[_Reader, _Writer, _Limits] = (read_variable_integer, encode_variable_integer, (1, 268_435_455))
_STRING: tuple[_Reader, _Writer, _Limits] = (read_string, encode_string, None)
_BINARY: tuple[_Reader, _Writer, _Limits] = (read_binary, encode_binary, None)

_CONNECT = frozenset((PacketType.CONNECT,))
_CONNACK = frozenset((PacketType.CONNACK,))
_BOTH = _CONNECT | _CONNACK
_WITH_REASON = frozenset(
    (
        PacketType.CONNACK,
        PacketType.PUBACK,
        PacketType.PUBREC,
        PacketType.PUBREL,
        PacketType.PUBCOMP,
        PacketType.SUBACK,
        PacketType.UNSUBACK,
        PacketType.DISCONNECT,
        PacketType.AUTH,
    )
)

#: Table 2-4 of 5.0 §2.2.2.2: identifier → name, type, packets; limits by the property's own section
_TABLE: dict[int, tuple[str, tuple[_Reader, _Writer, _Limits], frozenset[PacketType]]] = {
    0x0B: ("subscription_identifier", _VARIABLE_NOT_0, frozenset((PacketType.SUBSCRIBE,))),  # §3.8.2.1.2
    0x11: ("session_expiry_interval", _UINT32, _BOTH | {PacketType.DISCONNECT}),  # §3.1.2.11.2
    0x12: ("assigned_client_identifier", _STRING, _CONNACK),  # §3.2.2.3.7
    0x13: ("server_keep_alive", _UINT16, _CONNACK),  # §3.2.2.3.14
    0x15: ("authentication_method", _STRING, _BOTH | {PacketType.AUTH}),  # §3.1.2.11.9
    0x16: ("authentication_data", _BINARY, _BOTH | {PacketType.AUTH}),  # §3.1.2.11.10
    0x17: ("request_problem_information", _BYTE, _CONNECT),  # §3.1.2.11.7
    0x19: ("request_response_information", _BYTE, _CONNECT),  # §3.1.2.11.6
    0x1A: ("response_information", _STRING, _CONNACK),  # §3.2.2.3.15
    0x1C: ("server_reference", _STRING, _CONNACK | {PacketType.DISCONNECT}),  # §3.2.2.3.16
    0x1F: ("reason_string", _STRING, _WITH_REASON),  # §3.2.2.3.9
    0x21: ("receive_maximum", _UINT16_NOT_0, _BOTH),  # §3.1.2.11.3
    0x22: ("topic_alias_maximum", _UINT16, _BOTH),  # §3.1.2.11.5
    0x24: ("maximum_qos", _BYTE, _CONNACK),  # §3.2.2.3.4
    0x25: ("retain_available", _BYTE, _CONNACK),  # §3.2.2.3.5
    0x27: ("maximum_packet_size", _UINT32_NOT_0, _BOTH),  # §3.1.2.11.4
    0x28: ("wildcard_subscription_available", _BYTE, _CONNACK),  # §3.2.2.3.11
    0x29: ("subscription_identifier_available", _BYTE, _CONNACK),  # §3.2.2.3.12
    0x2A: ("shared_subscription_available", _BYTE, _CONNACK),  # §3.2.2.3.13
}
_WRITERS = tuple((name, identifier.to_bytes(1), kind[1]) for identifier, (name, kind, _) in sorted(_TABLE.items()))

assert {name for name, _, _ in _TABLE.values()} | {"user_properties"} == {field.name for field in fields(Properties)}


def read_properties_end(data: bytes, position: int, end: int) -> tuple[int, int]:
    """Where a list of properties begins and ends, by its length (§2.2.2.1).

    Raises:
        MalformedPacket: the list is longer than the packet.
    """
    length, position = read_variable_integer(data, position, end)
    if position + length > end:
        raise MalformedPacket("the properties are longer than the packet")
    return position, position + length


def decode_properties(data: bytes, position: int, end: int, packet: PacketType) -> tuple[Properties, int]:
    """Read the properties of a packet.

    Args:
        data: bytes with the packet in it.
        position: where the length of the properties is.
        end: end of the packet.
        packet: which packet it is; it says which properties there may be.

    Returns:
        The properties, and the position behind them.

    Raises:
        MalformedPacket: 0x81 for a property that the packet cannot have and a value not of its type (§2.2.2.2), 0x82
            for one given twice, a value that the protocol does not allow, and authentication data without a method,
            0x97 for too many user properties.
    """
    if position < end and not data[position]:
        return EMPTY, position + 1
    position, stop = read_properties_end(data, position, end)
    found: dict[str, Any] = {}
    user: list[tuple[str, str]] = []
    while position < stop:
        identifier = data[position]
        position += 1
        if identifier == _USER_PROPERTY:
            key, position = read_string(data, position, stop)
            value, position = read_string(data, position, stop)
            user.append((key, value))
            if len(user) > MAX_USER_PROPERTIES:
                raise too_many_user_properties()
            continue
        entry = _TABLE.get(identifier)
        if entry is None or packet not in entry[2]:
            raise MalformedPacket(f"{packet.name} with property 0x{identifier:02X}")
        name, (reader, _, limits), _ = entry
        if name in found:
            raise MalformedPacket(f"property {name} is given twice", Reason.PROTOCOL_ERROR)
        found[name], position = reader(data, position, stop)
        if limits is not None and not limits[0] <= found[name] <= limits[1]:
            raise MalformedPacket(f"property {name} cannot be {found[name]}", Reason.PROTOCOL_ERROR)
    if "authentication_data" in found and "authentication_method" not in found:  # §3.1.2.11.10
        raise MalformedPacket("authentication data without a method", Reason.PROTOCOL_ERROR)
    return Properties(**found, user_properties=tuple(user)), stop


def too_many_user_properties() -> MalformedPacket:
    """The fault of a packet with more user properties than `MAX_USER_PROPERTIES`."""
    return MalformedPacket(f"more than {MAX_USER_PROPERTIES} user properties", Reason.QUOTA_EXCEEDED)


def encode_properties(properties: Properties | None) -> bytes:
    """Properties behind their length; one zero byte for none.

    Raises:
        ValueError: a value that its type cannot hold.
    """
    if properties is None or properties is EMPTY:
        return b"\0"
    parts = []
    for name, identifier, writer in _WRITERS:
        value = getattr(properties, name)
        if value is not None:
            parts.append(identifier)
            try:
                parts.append(writer(value))
            except OverflowError:
                raise ValueError(f"property {name} cannot be {value}") from None
    parts += [b"\x26" + encode_string(key) + encode_string(value) for key, value in properties.user_properties]
    written = b"".join(parts)
    return encode_variable_integer(len(written)) + written
