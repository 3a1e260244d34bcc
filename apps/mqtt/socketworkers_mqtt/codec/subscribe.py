"""SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK: 5.0 §3.8 to §3.11, 3.1.1 §3.8 to §3.11. Sans-IO."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .errors import MalformedPacket
from .fields import encode_string, encode_variable_integer, read_string
from .packet_types import PacketType
from .properties import EMPTY, Properties, decode_properties, encode_properties
from .reasons import SUBACK_REASONS, UNSUBACK_REASONS, Reason
from .topic import parse_filter

__all__ = [
    "MAX_FILTERS",
    "Suback",
    "Subscribe",
    "Subscription",
    "Unsuback",
    "Unsubscribe",
    "decode_suback",
    "decode_subscribe",
    "decode_unsuback",
    "decode_unsubscribe",
    "encode_suback",
    "encode_subscribe",
    "encode_unsuback",
    "encode_unsubscribe",
]

MAX_FILTERS = 4096
"""Filters of one SUBSCRIBE or UNSUBSCRIBE: each is a step of work that a few bytes of the peer ask for."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One topic filter with its subscription options, 5.0 §3.8.3.1."""

    filter: str
    """A filter that `parse_filter` takes."""
    qos: int
    """Maximum QoS."""
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0


@dataclass(frozen=True, slots=True)
class Subscribe:
    """SUBSCRIBE, 5.0 §3.8."""

    packet_id: int
    subscriptions: tuple[Subscription, ...]
    """One or more."""
    properties: Properties = EMPTY


@dataclass(frozen=True, slots=True)
class Suback:
    """SUBACK, 5.0 §3.9."""

    packet_id: int
    reasons: tuple[Reason, ...]
    """One for each filter, in their order."""
    properties: Properties = EMPTY


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """UNSUBSCRIBE, 5.0 §3.10."""

    packet_id: int
    filters: tuple[str, ...]
    """One or more."""
    properties: Properties = EMPTY


@dataclass(frozen=True, slots=True)
class Unsuback:
    """UNSUBACK, 5.0 §3.11."""

    packet_id: int
    reasons: tuple[Reason, ...] = ()
    """One for each filter, in their order; none before 5.0."""
    properties: Properties = EMPTY


def _head(data: bytes, position: int, end: int, packet: PacketType, version: int) -> tuple[int, Properties, int]:
    """Packet identifier and properties, which all four begin with."""
    if position + 2 > end:
        raise MalformedPacket(f"{packet.name} ends within its packet identifier")
    packet_id = data[position] << 8 | data[position + 1]
    if not packet_id:  # [MQTT-2.2.1-3], 3.1.1 [MQTT-2.3.1-1]
        raise MalformedPacket(f"{packet.name} with packet identifier 0", Reason.PROTOCOL_ERROR)
    if version < 5:
        return packet_id, EMPTY, position + 2
    properties, position = decode_properties(data, position + 2, end, packet)
    return packet_id, properties, position


def decode_subscribe(data: bytes, position: int, end: int, version: int) -> Subscribe:
    """Read one SUBSCRIBE.

    Raises:
        MalformedPacket: no filter (5.0 [MQTT-3.8.3-2], 3.1.1 [MQTT-3.8.3-3]), a wrong filter [MQTT-3.8.3-1], reserved
            bits (5.0 [MQTT-3.8.3-5], 3.1.1 [MQTT-3-8.3-4]), QoS 3 (5.0 §3.8.3.1, 3.1.1 [MQTT-3-8.3-4]), retain handling
            3 (§3.8.3.1), no local on a shared subscription [MQTT-3.8.3-4], more than `MAX_FILTERS` (0x97).
    """
    packet_id, properties, position = _head(data, position, end, PacketType.SUBSCRIBE, version)
    subscriptions: list[Subscription] = []
    while position < end:
        if len(subscriptions) == MAX_FILTERS:
            raise _too_many("SUBSCRIBE")
        text, position = read_string(data, position, end)
        if position >= end:
            raise MalformedPacket("SUBSCRIBE with a filter that has no options")
        options = data[position]
        position += 1
        if options & (0xC0 if version == 5 else 0xFC):
            raise MalformedPacket("subscription options with reserved bits")
        if options & 0x03 == 3:  # 5.0 §3.8.3.1
            raise MalformedPacket("subscription with QoS 3", Reason.PROTOCOL_ERROR)
        if options & 0x30 == 0x30:  # 5.0 §3.8.3.1
            raise MalformedPacket("subscription with retain handling 3", Reason.PROTOCOL_ERROR)
        if parse_filter(text).group is not None and options & 0x04:
            raise MalformedPacket("a shared subscription with no local", Reason.PROTOCOL_ERROR)
        subscriptions.append(
            Subscription(text, options & 0x03, bool(options & 0x04), bool(options & 0x08), options >> 4)
        )
    if not subscriptions:
        raise MalformedPacket("SUBSCRIBE without a filter", Reason.PROTOCOL_ERROR)
    return Subscribe(packet_id, tuple(subscriptions), properties)


def decode_unsubscribe(data: bytes, position: int, end: int, version: int) -> Unsubscribe:
    """Read one UNSUBSCRIBE.

    Raises:
        MalformedPacket: no filter [MQTT-3.10.3-2], a wrong filter [MQTT-3.10.3-1], more than `MAX_FILTERS` (0x97).
    """
    packet_id, properties, position = _head(data, position, end, PacketType.UNSUBSCRIBE, version)
    filters: list[str] = []
    while position < end:
        if len(filters) == MAX_FILTERS:
            raise _too_many("UNSUBSCRIBE")
        text, position = read_string(data, position, end)
        parse_filter(text)
        filters.append(text)
    if not filters:
        raise MalformedPacket("UNSUBSCRIBE without a filter", Reason.PROTOCOL_ERROR)
    return Unsubscribe(packet_id, tuple(filters), properties)


def _too_many(name: str) -> MalformedPacket:
    return MalformedPacket(f"{name} with more than {MAX_FILTERS} filters", Reason.QUOTA_EXCEEDED)


def _reasons(data: bytes, position: int, end: int, table: dict[int, Reason]) -> tuple[Reason, ...]:
    codes = data[position:end]
    unknown = set(codes) - table.keys()
    if unknown:
        raise MalformedPacket(f"reason code 0x{min(unknown):02X} is not of this packet", Reason.PROTOCOL_ERROR)
    return tuple([table[code] for code in codes])


_GRANTED = {code: SUBACK_REASONS[code] for code in (0, 1, 2, 0x80)}  # 3.1.1 §3.9.3


def decode_suback(data: bytes, position: int, end: int, version: int) -> Suback:
    """Read one SUBACK.

    Raises:
        MalformedPacket: no code, or one that is not of this packet [MQTT-3.9.3-2].
    """
    packet_id, properties, position = _head(data, position, end, PacketType.SUBACK, version)
    reasons = _reasons(data, position, end, SUBACK_REASONS if version == 5 else _GRANTED)
    if not reasons:
        raise MalformedPacket("SUBACK without a reason code", Reason.PROTOCOL_ERROR)
    return Suback(packet_id, reasons, properties)


def decode_unsuback(data: bytes, position: int, end: int, version: int) -> Unsuback:
    """Read one UNSUBACK.

    Raises:
        MalformedPacket: a wrong length, no code, or one that is not of this packet [MQTT-3.11.3-2].
    """
    packet_id, properties, position = _head(data, position, end, PacketType.UNSUBACK, version)
    if version < 5:
        if position != end:
            raise MalformedPacket("UNSUBACK of a wrong length")
        return Unsuback(packet_id)
    reasons = _reasons(data, position, end, UNSUBACK_REASONS)
    if not reasons:
        raise MalformedPacket("UNSUBACK without a reason code", Reason.PROTOCOL_ERROR)
    return Unsuback(packet_id, reasons, properties)


def encode_suback(version: int, packet_id: int, reasons: Iterable[int], properties: Properties | None = None) -> bytes:
    """One SUBACK; before 5.0 every refusal is 0x80 (3.1.1 §3.9.3)."""
    if version < 5:
        body = packet_id.to_bytes(2) + bytes([min(reason, 0x80) for reason in reasons])
    else:
        body = packet_id.to_bytes(2) + encode_properties(properties) + bytes(reasons)
    return b"\x90" + encode_variable_integer(len(body)) + body


def encode_unsuback(
    version: int, packet_id: int, reasons: Iterable[int] = (), properties: Properties | None = None
) -> bytes:
    """One UNSUBACK; before 5.0 it has no reasons."""
    if version < 5:
        return b"\xb0\x02" + packet_id.to_bytes(2)
    body = packet_id.to_bytes(2) + encode_properties(properties) + bytes(reasons)
    return b"\xb0" + encode_variable_integer(len(body)) + body


def encode_subscribe(
    version: int, packet_id: int, subscriptions: Iterable[Subscription], properties: Properties | None = None
) -> bytes:
    """One SUBSCRIBE; before 5.0 only the QoS of the options is sent.

    Raises:
        ValueError: a filter that is no string of MQTT.
    """
    parts = [packet_id.to_bytes(2)]
    if version == 5:
        parts.append(encode_properties(properties))
    for each in subscriptions:
        options = each.qos
        if version == 5:
            options |= each.no_local << 2 | each.retain_as_published << 3 | each.retain_handling << 4
        parts += [encode_string(each.filter), bytes((options,))]
    body = b"".join(parts)
    return b"\x82" + encode_variable_integer(len(body)) + body


def encode_unsubscribe(
    version: int, packet_id: int, filters: Iterable[str], properties: Properties | None = None
) -> bytes:
    """One UNSUBSCRIBE.

    Raises:
        ValueError: a filter that is no string of MQTT.
    """
    parts = [packet_id.to_bytes(2)]
    if version == 5:
        parts.append(encode_properties(properties))
    parts += [encode_string(text) for text in filters]
    body = b"".join(parts)
    return b"\xa2" + encode_variable_integer(len(body)) + body
