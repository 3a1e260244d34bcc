"""PUBACK, PUBREC, PUBREL, PUBCOMP: 5.0 §3.4 to §3.7, 3.1.1 §3.4 to §3.7. Sans-IO.

Nearly all acknowledgements are four bytes that say success. A row of them is one `Acks`, read and written without a
step of Python for each.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .errors import MalformedPacket
from .fields import encode_variable_integer
from .packet_types import PacketType
from .properties import EMPTY, Properties, decode_properties, encode_properties
from .reasons import PUBACK_REASONS, PUBREL_REASONS, Reason

__all__ = ["Ack", "Acks", "decode_ack", "decode_acks", "encode_ack", "encode_acks"]

_SWAP = sys.byteorder == "little"
_WINDOW = 64
_HEAD = {kind: kind << 4 | (2 if kind == PacketType.PUBREL else 0) for kind in range(4, 8)}
_REASONS = {4: PUBACK_REASONS, 5: PUBACK_REASONS, 6: PUBREL_REASONS, 7: PUBREL_REASONS}


@dataclass(frozen=True, slots=True)
class Ack:
    """One acknowledgement that says more than success."""

    kind: PacketType
    """PUBACK, PUBREC, PUBREL or PUBCOMP."""
    packet_id: int
    reason: Reason
    properties: Properties = EMPTY


class Acks(NamedTuple):
    """Consecutive acknowledgements of one kind that say success and nothing else."""

    kind: PacketType
    """PUBACK, PUBREC, PUBREL or PUBCOMP."""
    packet_ids: list[int]
    """In the order in which they came, one or more."""


def decode_acks(data: bytes, position: int, end: int, kind: PacketType) -> tuple[Acks, int]:
    """Read the acknowledgements of four bytes that begin at `position`, as many as there are in a row.

    Args:
        data: what came.
        position: where the first one begins; it is there as a whole.
        end: end of what came.
        kind: of the first one.

    Returns:
        The acknowledgements, and the position behind them. A packet identifier of 0 ends the row before it.

    Raises:
        MalformedPacket: the first packet identifier is 0 [MQTT-2.2.1-3] [MQTT-2.3.1-1].
    """
    head = data[position : position + 2]
    if not data.startswith(head, position + 4):
        packet_id = data[position + 2] << 8 | data[position + 3]
        if not packet_id:
            raise _no_packet_id(kind)
        return Acks(kind, [packet_id]), position + 4
    stop = position + 4
    first, second = head[:1], head[1:]
    while True:
        # a few dozen at a time: a row that ends soon must not cost a look at all that came
        window = min(_WINDOW, (end - stop) >> 2)
        limit = stop + (window << 2)
        firsts, seconds = data[stop:limit:4], data[stop + 1 : limit : 4]
        count = window - max(len(firsts.lstrip(first)), len(seconds.lstrip(second)))
        stop += count << 2
        if count < _WINDOW:
            break
    words = array("H", data[position:stop])
    if _SWAP:
        words.byteswap()
    packet_ids = words[1::2].tolist()
    if 0 in packet_ids:
        good = packet_ids.index(0)
        if not good:
            raise _no_packet_id(kind)
        del packet_ids[good:]
        stop = position + (good << 2)
    return Acks(kind, packet_ids), stop


def decode_ack(data: bytes, position: int, end: int, kind: PacketType, version: int) -> Ack | Acks:
    """Read one acknowledgement of any length.

    Args:
        data: bytes with the packet in it.
        position: where its variable header begins.
        end: end of the packet.
        kind: which packet it is.
        version: protocol version that is spoken.

    Returns:
        `Acks` with one identifier for a plain success.

    Raises:
        MalformedPacket: a wrong length, packet identifier 0, a reason code not of this packet [MQTT-3.4.2-1]
            [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1], wrong properties.
    """
    length = end - position
    if length < 2 or (version < 5 and length != 2):
        raise MalformedPacket(f"{kind.name} of a wrong length")
    packet_id = data[position] << 8 | data[position + 1]
    if not packet_id:
        raise _no_packet_id(kind)
    if length == 2:  # §3.4.2.1: a reason code that is left out is a success
        return Acks(kind, [packet_id])
    reason = _REASONS[kind].get(data[position + 2])
    if reason is None:
        raise MalformedPacket(f"{kind.name} with reason code 0x{data[position + 2]:02X}", Reason.PROTOCOL_ERROR)
    properties = EMPTY
    if length > 3:  # §3.4.2.2.1: no properties when the packet ends here
        properties, position = decode_properties(data, position + 3, end, kind)
        if position != end:
            raise MalformedPacket(f"{kind.name} with bytes behind its properties")
    if reason or properties is not EMPTY:
        return Ack(kind, packet_id, reason, properties)
    return Acks(kind, [packet_id])


def _no_packet_id(kind: PacketType) -> MalformedPacket:
    return MalformedPacket(f"{kind.name} with packet identifier 0", Reason.PROTOCOL_ERROR)


def encode_ack(version: int, kind: int, packet_id: int, reason: int = 0, properties: Properties | None = None) -> bytes:
    """One acknowledgement. Before 5.0 it says success, whatever the reason is."""
    head = _HEAD[kind]
    if version < 5 or (not reason and (properties is None or properties is EMPTY)):
        return bytes((head, 2, packet_id >> 8, packet_id & 0xFF))
    body = packet_id.to_bytes(2) + bytes((reason,))
    if properties is not None and properties is not EMPTY:
        body += encode_properties(properties)
    return bytes((head,)) + encode_variable_integer(len(body)) + body


def encode_acks(kind: int, packet_ids: Sequence[int]) -> bytes:
    """Plain successes of one kind, one behind the other, the same in every version."""
    words = array("H", (_HEAD[kind] << 8 | 2,)) * (len(packet_ids) * 2)
    words[1::2] = array("H", packet_ids)
    if _SWAP:
        words.byteswap()
    return words.tobytes()
