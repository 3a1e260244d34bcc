"""The decoder: bytes of one side of a connection in, control packets out. Sans-IO.

`Decoder.receive` reads all packets of a chunk in one loop. It never raises: a wrong packet ends the stream, what came
before it is returned, and `Decoder.fault` says what is wrong. However the bytes are cut, the packets and the fault are
the same (a row of messages or acknowledgements may come in several parts).

Only what arrived is kept, never what was announced (C4), and a packet that may not come or is too large is a fault as
soon as its fixed header says so.
"""

from __future__ import annotations

from typing import TypeAlias

from .ack import Ack, Acks, decode_ack, decode_acks
from .connect import Connack, Connect, answer_version, decode_connack, decode_connect, decode_protocol
from .disconnect import Auth, Disconnect, Pingreq, Pingresp, decode_auth, decode_disconnect
from .errors import MalformedPacket
from .packet_types import PacketType, Role, first_byte_fault, first_bytes
from .publish import Publish, PublishRun, check_topic, decode_publish, known_topics
from .reasons import Reason
from .subscribe import (
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    decode_suback,
    decode_subscribe,
    decode_unsuback,
    decode_unsubscribe,
)

__all__ = ["MAX_CONNECT", "Decoder", "Packet"]

Packet: TypeAlias = (
    PublishRun
    | Publish
    | Acks
    | Ack
    | Subscribe
    | Unsubscribe
    | Pingreq
    | Disconnect
    | Connect
    | Auth
    | Connack
    | Suback
    | Unsuback
    | Pingresp
)

MAX_CONNECT = 16_384 + 5
"""Bytes of a CONNECT with its fixed header: before a login nobody may make us keep more (C4, CVE-2023-0809)."""

_CONNECT = 0x10
_ALLOWED: dict[tuple[int, Role], frozenset[int]] = {
    (version, role): first_bytes(version, role) for version in (3, 4, 5) for role in ("server", "client")
}
_KINDS = tuple(PacketType(first >> 4) if first >> 4 else PacketType.CONNECT for first in range(256))
_ACKS = frozenset((0x40, 0x50, 0x62, 0x70))
_PINGREQ = Pingreq()
_PINGRESP = Pingresp()


class Decoder:
    """Reads what one peer sends.

    Args:
        max_packet: most bytes of a packet with its fixed header (5.0 §3.1.2.11.4); a larger one is fault 0x95.
        version: the protocol version; None for a server, which learns it from CONNECT.
        role: the side that reads: ``server`` for what clients send.
        max_connect: most bytes of the CONNECT.

    Raises:
        ValueError: a client without a version.
    """

    __slots__ = ("_held", "_need", "_role", "fault", "max_connect", "max_packet", "version")

    def __init__(
        self, *, max_packet: int, version: int | None = None, role: Role = "server", max_connect: int = MAX_CONNECT
    ) -> None:
        if role == "client" and version is None:
            raise ValueError("a client knows its version")
        self._role: Role = role
        self._held: bytearray | None = None
        self._need = 0
        self.max_packet = max_packet
        """May be changed; it holds from the next chunk on. Small until a login, large afterwards, is a good use."""
        self.max_connect = max_connect
        self.version = version
        """The protocol version, 3, 4 or 5; None until CONNECT tells it. With a fault in CONNECT the version of the
        answer, None when no answer can be understood."""
        self.fault: MalformedPacket | None = None
        """What ended the stream; None while it is good. Nothing is read after a fault."""

    @property
    def buffered(self) -> int:
        """Bytes of a packet that is not complete."""
        return 0 if self._held is None else len(self._held)

    def receive(self, data: bytes) -> list[Packet]:
        """Read a chunk of the stream.

        Args:
            data: what came; b"" is the end of the stream, which is a fault within a packet.

        Returns:
            The packets that are complete and good. Look at `fault` afterwards.
        """
        if self.fault is not None:
            return []
        held = self._held
        if held is not None:
            if data and len(held) + len(data) < self._need:
                held += data
                return []
            self._held = None
            if data:
                data = b"".join((held, data))
            else:
                self.fault = MalformedPacket("the connection ended within a packet")
        packets: list[Packet] = []
        try:
            position = self._read(data, packets)
        except MalformedPacket as fault:
            fault.__context__ = None  # neither frames nor what came may live as long as the connection
            self.fault = fault.with_traceback(None)
            return packets
        if position < len(data):
            self._held = bytearray(data[position:] if position else data)
        return packets

    def _read(self, data: bytes, packets: list[Packet]) -> int:
        """Append the packets of `data` to `packets`; the position behind the last complete one is returned.

        Raises:
            MalformedPacket: what is wrong with the packet behind.
        """
        position, end = 0, len(data)
        version, role = self.version, self._role
        if version is None:
            if not data:
                return 0
            position = self._read_connect(data, packets)
            version = self.version
            if version is None:
                return 0
        five = version == 5
        from_server = role == "client"
        allowed = _ALLOWED[version, role]
        limit = self.max_packet
        known = known_topics
        startswith = data.startswith
        append = packets.append
        new = tuple.__new__
        while position < end:
            first = data[position]
            if first not in allowed:
                raise first_byte_fault(first, version, role) or MalformedPacket("a packet of no known type")
            start = position + 2
            if start > end:
                self._need = 2
                return position
            length = data[position + 1]
            if length > 127:
                length, start = _remaining_length(data, position, end)
                if length < 0:
                    self._need = end - position + 1
                    return position
            stop = start + length
            if stop - position > limit:
                raise _too_large(stop - position, limit)
            if stop > end:
                self._need = stop - position
                return position
            if first == 0x30 and length > 2:
                offset = start + 2 + (data[start] << 8 | data[start + 1])
                if not five or (offset < stop and not data[offset]):
                    topic = data[start + 2 : offset]
                    if offset <= stop:
                        if topic not in known:
                            check_topic(topic)
                        if five:
                            offset += 1
                        header = data[position:offset]
                        size = stop - position
                        while startswith(header, stop):
                            stop += size
                        if stop > end:  # the last one is not there as a whole
                            stop -= size
                        run = data[position:stop]
                        append(new(PublishRun, (topic, run, len(run) // size, size, offset - position)))
                        position = stop
                        continue
            if first & 0xF0 == 0x30:
                append(decode_publish(data, first, start, stop, version, from_server))
            elif length == 2 and first in _ACKS:
                acks, stop = decode_acks(data, position, end, _KINDS[first])
                append(acks)
            else:
                append(_decode(data, first, start, stop, version, from_server))
            position = stop
        return position

    def _read_connect(self, data: bytes, packets: list[Packet]) -> int:
        """Read the first packet a server gets; see `_read`. `version` stays None while it is not complete."""
        if data[0] != _CONNECT:
            if data[0] >> 4 == PacketType.CONNECT:  # [MQTT-2.1.3-1], 3.1.1 [MQTT-2.2.2-2]
                raise MalformedPacket("CONNECT with reserved flags")
            raise MalformedPacket("the first packet is not CONNECT", Reason.PROTOCOL_ERROR)  # [MQTT-3.1.0-1]
        end = len(data)
        length, start = _remaining_length(data, 0, end)
        if length < 0:
            self._need = end + 1
            return 0
        stop = start + length
        limit = min(self.max_packet, self.max_connect)
        if stop > limit:
            raise _too_large(stop, limit)
        if stop > end:
            self._need = stop
            return 0
        try:
            protocol = decode_protocol(data, start, stop)
        except MalformedPacket:
            self.version = answer_version(data, start, stop)
            raise
        self.version = protocol[1]
        packets.append(decode_connect(data, start, stop, protocol))
        return stop


def _remaining_length(data: bytes, position: int, end: int) -> tuple[int, int]:
    """Remaining Length of the packet at `position` (5.0 §2.1.4, 3.1.1 §2.2.3), and where what it counts begins.

    The length is -1 when not all of it is there. One written longer than needed is refused in every version
    [MQTT-1.5.5-1]: 3.1.1 gives a range for each number of bytes (Table 2.4), and a run is forwarded as it came.

    Raises:
        MalformedPacket: more than four bytes (CVE-2026-21888), or more than needed.
    """
    length = shift = 0
    for index in range(position + 1, min(end, position + 5)):
        byte = data[index]
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            if not byte and shift:
                raise MalformedPacket("the remaining length is longer than needed")
            return length, index + 1
        shift += 7
    if shift == 28:
        raise MalformedPacket("the remaining length has more than four bytes")
    return -1, end


def _too_large(size: int, limit: int) -> MalformedPacket:
    # [MQTT-3.2.2-15] from a client, [MQTT-3.1.2-24] from a server; known before the packet came
    return MalformedPacket(f"a packet of {size} bytes, of which {limit} are allowed", Reason.PACKET_TOO_LARGE)


def _decode(data: bytes, first: int, start: int, stop: int, version: int, from_server: bool) -> Packet:
    """Read one packet of the rare types."""
    kind = _KINDS[first]
    if kind == PacketType.PINGREQ or kind == PacketType.PINGRESP:
        if start != stop:  # §3.12, §3.13: neither variable header nor payload
            raise MalformedPacket(f"{kind.name} of a wrong length")
        return _PINGREQ if kind == PacketType.PINGREQ else _PINGRESP
    if PacketType.PUBACK <= kind <= PacketType.PUBCOMP:
        return decode_ack(data, start, stop, kind, version)
    if kind == PacketType.SUBSCRIBE:
        return decode_subscribe(data, start, stop, version)
    if kind == PacketType.UNSUBSCRIBE:
        return decode_unsubscribe(data, start, stop, version)
    if kind == PacketType.DISCONNECT:
        return decode_disconnect(data, start, stop, version, from_server)
    if kind == PacketType.AUTH:
        return decode_auth(data, start, stop, from_server)
    if kind == PacketType.CONNACK:
        return decode_connack(data, start, stop, version)
    if kind == PacketType.SUBACK:
        return decode_suback(data, start, stop, version)
    if kind == PacketType.UNSUBACK:
        return decode_unsuback(data, start, stop, version)
    raise MalformedPacket("a second CONNECT", Reason.PROTOCOL_ERROR)  # [MQTT-3.1.0-2]
