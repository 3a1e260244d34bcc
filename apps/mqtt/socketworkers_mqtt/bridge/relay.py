"""What crosses a bridge: packets of one broker become packets for the other. Sans-IO.

A bridge keeps nothing. Both of its sides are sessions that last, and a message has the same packet identifier on both;
acknowledgements are passed on as they come. So a message is the sender's until the receiver has taken it, and what was
under way when a connection or a process ended is sent again with the identifier that the other side knows: with QoS 2
nothing is delivered twice (MQTT 5.0 §4.3.3).
"""

from __future__ import annotations

from collections import deque
from typing import Any

from ..codec import (
    Ack,
    Acks,
    Disconnect,
    MalformedPacket,
    PacketType,
    Pingresp,
    Properties,
    Publish,
    PublishRun,
    Reason,
    Suback,
    Unsuback,
    encode_ack,
    encode_acks,
    publish_parts,
    set_dup,
)
from .guard import LoopGuard
from .topics import TopicMap

__all__ = ["Relay", "RelayEnded"]

_PUBACK, _PUBREC, _PUBREL, _PUBCOMP = PacketType.PUBACK, PacketType.PUBREC, PacketType.PUBREL, PacketType.PUBCOMP
#: the protocol of our side of a bridge
LOCAL = 5


class RelayEnded(Exception):
    """A side ended the connection, or cannot go on.

    Args:
        message: which and why.
        stop: whether our broker ends, and the bridge with it.
        unanswered: whether the other broker left CONNECT without an answer.
    """

    def __init__(self, message: str, *, stop: bool = False, unanswered: bool = False) -> None:
        super().__init__(message)
        self.stop = stop
        self.unanswered = unanswered


class Relay:
    """One connection of a bridge.

    Args:
        topics: what is carried over, under which names.
        guard: against loops.
        version: the protocol that the other broker speaks, 4 or 5.
        told: the properties of its CONNACK.
        receive_maximum: QoS 1 and 2 messages that it may have under way to us; with 3.1.1, which cannot be told, more
            of them wait here.
    """

    __slots__ = (
        "_ended",
        "_guard",
        "_lowered",
        "_max_packet",
        "_max_qos",
        "_open",
        "_receive_maximum",
        "_retain",
        "_topics",
        "_version",
        "_waiting",
        "dropped",
        "received",
        "refused",
        "sent",
        "to_local",
        "to_remote",
    )

    def __init__(
        self, topics: TopicMap, guard: LoopGuard, version: int, told: Properties, receive_maximum: int
    ) -> None:
        self._topics = topics
        self._guard = guard
        self._version = version
        self._max_qos = 2 if told.maximum_qos is None else told.maximum_qos
        self._retain = told.retain_available != 0
        self._max_packet = told.maximum_packet_size or 0
        self._receive_maximum = receive_maximum
        #: QoS 2 messages that the other broker got with QoS 1, because it has no QoS 2
        self._lowered: set[int] = set()
        #: QoS 2 messages from there that were not carried over and are not released
        self._ended: set[int] = set()
        #: QoS 1 and 2 messages from there that our broker has not acknowledged for good
        self._open: set[int] = set()
        self._waiting: deque[Any] = deque()
        self.to_local: list[bytes] = []
        self.to_remote: list[bytes] = []
        #: messages that were carried over each way, dropped (loops, sizes), refused by the other broker
        self.sent = self.received = self.dropped = self.refused = 0

    @property
    def modern(self) -> bool:
        """Whether the other broker speaks 5.0."""
        return self._version == 5

    @property
    def full(self) -> bool:
        """Whether packets from there wait for our broker: read no more."""
        return bool(self._waiting)

    # -- from here to there ------------------------------------------------------------------------------------

    def outward(self, packet: Any, now: float) -> None:
        """Take a packet of our broker.

        Raises:
            RelayEnded: it ends the connection.
        """
        if isinstance(packet, PublishRun):
            for payload in packet.payloads():
                self._publish_out(Publish(packet.topic, payload), now)
        elif isinstance(packet, Publish):
            self._publish_out(packet, now)
        elif isinstance(packet, Acks):
            self._acks_out(packet)
        elif isinstance(packet, Ack):
            self._ack_out(packet)
        elif isinstance(packet, Disconnect):
            stop = packet.reason is Reason.SERVER_SHUTTING_DOWN
            raise RelayEnded(f"our broker ended it: {packet.reason.name}", stop=stop)
        if self._waiting:
            self._let_in(now)

    def _publish_out(self, packet: Publish, now: float) -> None:
        topic = self._topics.outward(packet.topic)
        properties = packet.properties
        passed = properties.passed if properties is not None else b""
        marked = self._guard.outward(topic, packet.payload, passed, now) if topic is not None else None
        qos, packet_id = packet.qos, packet.packet_id
        if topic is None or marked is None:
            self._drop_out(qos, packet_id)
            return
        if qos > self._max_qos:  # [MQTT-3.2.2-11]
            if qos == 2 and self._max_qos == 1:
                self._lowered.add(packet_id)
            else:
                self._drop_out(qos, packet_id, lost=False)
            qos = self._max_qos
        five = self._version == 5
        try:
            head, tail = publish_parts(
                self._version,
                topic,
                packet.payload,
                qos=qos,
                retain=packet.retain and self._retain,
                expiry=properties.expiry if five and properties is not None else None,
                passed=marked if five else b"",
            )
        except (ValueError, OverflowError):  # with its prefix the topic is too long
            self._drop_out(packet.qos, packet_id)
            return
        size = len(head) + len(tail) + (2 if qos else 0)
        if self._max_packet and size > self._max_packet:  # [MQTT-3.2.2-15]
            self._lowered.discard(packet_id)
            self._drop_out(packet.qos, packet_id)
            return
        if packet.dup and qos:
            head = set_dup(head)
        self.to_remote.append(head + packet_id.to_bytes(2) + tail if qos else head + tail)
        self.sent += 1

    def _drop_out(self, qos: int, packet_id: int, *, lost: bool = True) -> None:
        """A message ends here: our broker need not keep it."""
        if lost:
            self.dropped += 1
        if qos == 1:
            self.to_local.append(encode_acks(_PUBACK, [packet_id]))
        elif qos == 2:
            # §4.3.3: a reason of 0x80 or more ends the exchange at once
            self.to_local.append(encode_ack(LOCAL, _PUBREC, packet_id, Reason.UNSPECIFIED_ERROR))

    def _acks_out(self, packet: Acks) -> None:
        kind, packet_ids = packet.kind, packet.packet_ids
        if kind == _PUBREL and self._max_qos < 2:
            self.to_local.append(encode_acks(_PUBCOMP, packet_ids))
            return
        if kind in (_PUBACK, _PUBCOMP):
            self._open.difference_update(packet_ids)
        self.to_remote.append(encode_acks(kind, packet_ids))

    def _ack_out(self, packet: Ack) -> None:
        reason = packet.reason
        if reason is Reason.QUOTA_EXCEEDED:
            # not now, but perhaps later: the other broker keeps it and sends it again
            raise RelayEnded("our broker cannot store what came")
        if packet.kind != _PUBREL and not (packet.kind == _PUBREC and reason < 0x80):
            self._open.discard(packet.packet_id)
        self.to_remote.append(encode_ack(self._version, packet.kind, packet.packet_id, reason))

    # -- from there to here ------------------------------------------------------------------------------------

    def inward(self, packet: Any, now: float) -> None:
        """Take a packet of the other broker.

        Raises:
            RelayEnded: it ends the connection.
            MalformedPacket: it breaks the protocol.
        """
        if self._waiting:
            self._waiting.append(packet)
            self._let_in(now)
        else:
            self._in(packet, now)

    def _let_in(self, now: float) -> None:
        while self._waiting:
            packet = self._waiting[0]
            if isinstance(packet, Publish) and packet.qos and not self._may_open(packet.packet_id):
                return
            self._waiting.popleft()
            self._in(packet, now)

    def _may_open(self, packet_id: int) -> bool:
        return packet_id in self._open or len(self._open) < self._receive_maximum

    def _in(self, packet: Any, now: float) -> None:
        if isinstance(packet, PublishRun):
            for payload in packet.payloads():
                self._publish_in(Publish(packet.topic, payload), now)
        elif isinstance(packet, Publish):
            self._publish_in(packet, now)
        elif isinstance(packet, Acks):
            self._acks_in(packet.kind, packet.packet_ids)
        elif isinstance(packet, Ack):
            self._ack_in(packet)
        elif isinstance(packet, Disconnect):
            raise RelayEnded(f"the other broker ended it: {packet.reason.name}")
        elif not isinstance(packet, (Suback, Unsuback, Pingresp)):
            name = type(packet).__name__.upper()
            raise MalformedPacket(f"{name} that was not asked for", Reason.PROTOCOL_ERROR)

    def _publish_in(self, packet: Publish, now: float) -> None:
        properties = packet.properties
        if not packet.topic or (properties is not None and properties.alias):
            raise MalformedPacket("a topic alias beyond the maximum", Reason.TOPIC_ALIAS_INVALID)
        qos, packet_id = packet.qos, packet.packet_id
        if qos and not self._may_open(packet_id):
            if self._version == 5:
                raise MalformedPacket("more messages than the receive maximum", Reason.RECEIVE_MAXIMUM_EXCEEDED)
            self._waiting.append(packet)
            return
        topic = self._topics.inward(packet.topic)
        passed = properties.passed if properties is not None else b""
        marked = self._guard.inward(packet.topic, packet.payload, passed, now) if topic is not None else None
        if topic is None or marked is None:
            self.dropped += 1
            if qos:
                self.to_remote.append(encode_acks(_PUBACK if qos == 1 else _PUBREC, [packet_id]))
            if qos == 2:
                self._ended.add(packet_id)
            return
        head, tail = publish_parts(
            LOCAL,
            topic,
            packet.payload,
            qos=qos,
            retain=packet.retain,
            expiry=properties.expiry if properties is not None else None,
            passed=marked,
        )
        if qos:
            self._open.add(packet_id)
            if packet.dup:
                head = set_dup(head)
        self.to_local.append(head + packet_id.to_bytes(2) + tail if qos else head + tail)
        self.received += 1

    def _acks_in(self, kind: int, packet_ids: list[int]) -> None:
        own = self._ended if kind == _PUBREL else self._lowered if kind == _PUBACK else ()
        mine = [each for each in packet_ids if each in own] if own else []
        if mine:
            packet_ids = [each for each in packet_ids if each not in mine]
            if kind == _PUBREL:
                self._ended.difference_update(mine)
                self.to_remote.append(encode_acks(_PUBCOMP, mine))
            else:
                self._lowered.difference_update(mine)
                self.to_local.append(encode_acks(_PUBREC, mine))
        if packet_ids:
            self.to_local.append(encode_acks(kind, packet_ids))

    def _ack_in(self, packet: Ack) -> None:
        reason, kind, packet_id = packet.reason, packet.kind, packet.packet_id
        if reason is Reason.QUOTA_EXCEEDED:
            raise RelayEnded("the other broker cannot store what was sent")
        if reason >= 0x80 and kind in (_PUBACK, _PUBREC):
            self.refused += 1
        if kind == _PUBACK and packet_id in self._lowered:
            self._lowered.discard(packet_id)
            kind = _PUBREC
        elif reason < 0x80 or kind == _PUBREL:
            # what is no refusal is an acknowledgement like any other
            self._acks_in(kind, [packet_id])
            return
        self.to_local.append(encode_ack(LOCAL, kind, packet_id, reason))
