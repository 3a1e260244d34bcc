"""PUBLISH: 5.0 §3.3, 3.1.1 §3.3. Sans-IO.

What a broker sees most is a row of QoS 0 messages of one topic and one size: a `PublishRun` keeps it as the bytes that
came. Every other PUBLISH is a `Publish`. `publish_parts` makes the bytes of an outgoing one once for many receivers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .errors import MalformedPacket
from .fields import encode_variable_integer
from .publish_properties import PublishProperties, decode_publish_properties
from .reasons import Reason
from .topic import MAX_LEVELS, valid_topic

__all__ = ["Publish", "PublishRun", "check_topic", "decode_publish", "known_topics", "publish_parts", "set_dup"]

_KNOWN_TOPICS = 4096
_KNOWN_LENGTH = 256
known_topics: set[bytes] = set()
"""Topics that were found valid lately, of all connections; emptied when it is full."""


class PublishRun(NamedTuple):
    """One or more consecutive PUBLISH packets with QoS 0, not retained, of one topic and one size.

    In 5.0 they have no properties. Forwarding them to a receiver of the same version needs nothing but `data`.
    """

    topic: bytes
    """UTF-8, checked."""
    data: bytes
    """All packets, as they came."""
    count: int  # type: ignore[assignment]  # a tuple's own `count` has no use here
    """How many packets."""
    size: int
    """Bytes of each packet."""
    offset: int
    """Where the payload begins in each packet."""

    def payloads(self) -> Iterator[bytes]:
        """The payload of each packet."""
        data, size, offset = self.data, self.size, self.offset
        for start in range(0, len(data), size):
            yield data[start + offset : start + size]

    def encode(self, version: int) -> bytes:
        """The packets for a receiver of `version`; `data` itself when they came in the same form."""
        header, tail = publish_parts(version, self.topic, b"", qos=0, retain=False, length=self.size - self.offset)
        header += tail
        if self.data.startswith(header) and len(header) == self.offset:
            return self.data
        return header.join((b"", *self.payloads()))


class Publish:
    """A PUBLISH that is not part of a run."""

    __slots__ = ("dup", "packet_id", "payload", "properties", "qos", "retain", "topic")

    def __init__(
        self,
        topic: bytes,
        payload: bytes,
        qos: int = 0,
        retain: bool = False,
        dup: bool = False,
        packet_id: int = 0,
        properties: PublishProperties | None = None,
    ) -> None:
        self.topic = topic
        """UTF-8, checked; b"" only when there is a topic alias."""
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.dup = dup
        self.packet_id = packet_id
        """0 with QoS 0."""
        self.properties = properties
        """None before 5.0, and when there are none."""

    def _key(self) -> tuple[object, ...]:
        return (self.topic, self.payload, self.qos, self.retain, self.dup, self.packet_id, self.properties)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Publish) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"Publish{self._key()}"


def check_topic(topic: bytes) -> None:
    """Raise unless `topic` can be the topic of a PUBLISH. Lately seen ones cost one look.

    Raises:
        MalformedPacket: 0x81 for ill-formed text, 0x82 for an empty topic, 0x90 otherwise; see `valid_topic`.
    """
    if topic in known_topics:
        return
    if not valid_topic(topic):
        raise _topic_fault(topic)
    if len(topic) <= _KNOWN_LENGTH:
        if len(known_topics) >= _KNOWN_TOPICS:
            known_topics.clear()
        known_topics.add(topic)


def _topic_fault(topic: bytes) -> MalformedPacket:
    if not topic:  # CVE-2021-34432; 5.0 §3.3.2.1, [MQTT-4.7.3-1]
        return MalformedPacket("PUBLISH without a topic", Reason.PROTOCOL_ERROR)
    if b"+" in topic or b"#" in topic:  # [MQTT-3.3.2-2]
        return MalformedPacket("the topic has a wildcard", Reason.TOPIC_NAME_INVALID)
    if b"\0" in topic:
        return MalformedPacket("the topic has the null character")
    if topic.count(b"/") >= MAX_LEVELS:
        return MalformedPacket(f"the topic has more than {MAX_LEVELS} levels", Reason.TOPIC_NAME_INVALID)
    return MalformedPacket("the topic is not well-formed UTF-8")


def decode_publish(data: bytes, first: int, position: int, end: int, version: int, from_server: bool) -> Publish:
    """Read one PUBLISH.

    Args:
        data: bytes with the packet in it.
        first: its first byte, with allowed flags.
        position: where its variable header begins.
        end: end of the packet.
        version: protocol version that is spoken.
        from_server: whether a server sent it.

    Raises:
        MalformedPacket: what is wrong with it.
    """
    start = position + 2
    if start > end:
        raise MalformedPacket("PUBLISH ends within its topic")
    stop = start + (data[position] << 8 | data[position + 1])
    qos = first >> 1 & 3
    behind = stop + 2 if qos else stop
    if behind > end:
        raise MalformedPacket("PUBLISH ends within its topic or packet identifier")
    topic = data[start:stop]
    packet_id = 0
    if qos:
        packet_id = data[stop] << 8 | data[stop + 1]
        if not packet_id:  # [MQTT-2.2.1-3], 3.1.1 [MQTT-2.3.1-1]
            raise MalformedPacket("PUBLISH with packet identifier 0", Reason.PROTOCOL_ERROR)
    properties = None
    if version == 5:
        if behind < end and not data[behind]:
            behind += 1
        else:
            properties, behind = decode_publish_properties(data, behind, end, from_server=from_server)
    if topic not in known_topics and (topic or properties is None or properties.alias is None):  # [MQTT-3.3.2-1]
        check_topic(topic)
    return Publish(topic, data[behind:end], qos, bool(first & 1), bool(first & 8), packet_id, properties)


def publish_parts(
    version: int,
    topic: bytes,
    payload: bytes,
    *,
    qos: int,
    retain: bool,
    dup: bool = False,
    alias: int | None = None,
    send_topic: bool = True,
    expiry: int | None = None,
    passed: bytes = b"",
    subscription_ids: Sequence[int] = (),
    length: int | None = None,
) -> tuple[bytes, bytes]:
    """The bytes of a PUBLISH around its packet identifier.

    Args:
        version: protocol version of the receiver; before 5.0 there are no properties.
        topic: UTF-8.
        payload: the message.
        qos: 0, 1 or 2.
        retain: the RETAIN flag.
        dup: the DUP flag.
        alias: Topic Alias.
        send_topic: False for a receiver that knows the alias.
        expiry: Message Expiry Interval.
        passed: properties that are passed on as they came.
        subscription_ids: Subscription Identifiers of the receiver.
        length: bytes of payload that the caller puts behind, when they are not in `payload`.

    Returns:
        Two parts: the packet is both with the packet identifier between them (two bytes, big endian) when there is a
        QoS, and both otherwise.
    """
    first = 0x30 | qos << 1 | (1 if retain else 0) | (8 if dup else 0)
    name = topic if send_topic else b""
    properties = b""
    if version == 5:
        if passed or alias is not None or expiry is not None or subscription_ids:
            properties = passed
            if expiry is not None:
                properties += b"\x02" + expiry.to_bytes(4)
            if alias is not None:
                properties += b"\x23" + alias.to_bytes(2)
            for identifier in subscription_ids:
                properties += b"\x0b" + encode_variable_integer(identifier)
            properties = encode_variable_integer(len(properties)) + properties
        else:
            properties = b"\0"
    size = 2 + len(name) + (2 if qos else 0) + len(properties) + (len(payload) if length is None else length)
    head = b"%c%b%b%b" % (first, encode_variable_integer(size), len(name).to_bytes(2), name)
    return head, properties + payload


def set_dup(head: bytes) -> bytes:
    """The first part of a PUBLISH with its DUP flag set [MQTT-3.3.1-1]."""
    return bytes((head[0] | 8,)) + head[1:]
