"""The sending half of a connection: order, acknowledgements that wait for the disk, aliases, the client's limits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from socketworkers.sasl import ScramServer

from .codec import (
    EMPTY,
    Connect,
    Decoder,
    PacketType,
    Properties,
    Reason,
    Will,
    encode_acks,
    encode_connack,
    encode_disconnect,
    publish_parts,
    set_dup,
)
from .message import Delivery
from .session import Session
from .state import CheckPassword, State
from .topics import Subscription

if TYPE_CHECKING:
    from .broker import Broker

__all__ = ["Outgoing"]


#: bytes of a topic beyond which it gets no alias of ours
MAX_ALIASED = 1024


class Outgoing:
    """What a connection is made of, and how it sends. ``Connection`` is the class that is used.

    Args:
        broker: what it belongs to.
        peer: address of the peer, for people and logs.
        loopback: whether the peer is on this machine.
        identity: the user that a client certificate names, "" without one.
        tls: whether the connection is encrypted.
    """

    #: by state: what handles which packet; see ``connection.TRANSITIONS``
    table: ClassVar[dict[State, dict[type, Callable[[Any, Any], None]]]] = {}
    #: whether it is a bridge's of our own
    internal: ClassVar[bool] = False

    __slots__ = (
        "_alias_in",
        "_alias_out",
        "_alias_out_most",
        "_backlog",
        "_closes",
        "_connect",
        "_handlers",
        "_mechanism",
        "acks",
        "again",
        "backlog",
        "blocked",
        "broker",
        "client_id",
        "close_reason",
        "closing",
        "decoder",
        "gated",
        "gated_closes",
        "held",
        "held_bytes",
        "identity",
        "keep_alive",
        "late",
        "link",
        "loopback",
        "max_packet",
        "open_receipts",
        "opening",
        "out",
        "packets",
        "peer",
        "queued",
        "quota",
        "quota_most",
        "request",
        "session",
        "special",
        "state",
        "tls",
        "username",
        "version",
        "will",
        "will_kept",
    )

    def __init__(
        self, broker: Broker, *, peer: str = "", loopback: bool = False, identity: str = "", tls: bool = False
    ) -> None:
        self.broker = broker
        self.peer = peer
        self.loopback = loopback
        self.identity = identity
        self.tls = tls
        self.decoder = Decoder(max_packet=broker.limits.max_packet, max_connect=broker.limits.max_connect)
        self.state = State.CONNECTING
        self._handlers = self.table[State.CONNECTING]
        self.version = 0
        self.session: Session | None = None
        self.client_id = ""
        self.username = ""
        self.keep_alive = 0
        self.will: Will | None = None
        #: whether the will has a row in the store
        self.will_kept = False
        #: to be sent in this turn
        self.out: list[bytes] = []
        #: to be sent once this turn's writes are on disk
        self.gated: list[bytes] | None = None
        #: how many of the client's messages ``gated`` acknowledges for good
        self.gated_closes = 0
        #: what waits for earlier turns' writes: ticket, bytes, ``gated_closes``; kept by who sends
        self.held: deque[tuple[Any, bytes, int]] | None = None
        #: of these; while there are many, no more is read
        self.held_bytes = 0
        #: subscriptions whose retained messages follow when their SUBACK is not held any more
        self.late: list[Subscription] | None = None
        #: QoS 1 and 2 messages of the client whose last acknowledgement was not sent (MQTT 5.0 §4.9)
        self.open_receipts = 0
        #: CONNACK waits for the disk: nothing may leave before it ([MQTT-3.2.0-1])
        self.opening = False
        self._closes = 0
        #: PUBACKs of this turn that wait for nothing
        self.acks: list[int] | None = None
        #: whether it is in ``broker.dirty``
        self.queued = False
        #: the peer does not read: QoS 1 and 2 wait in the session
        self.blocked = False
        #: bytes that wait for it to read, kept up by who sends; beyond a bound QoS 0 is dropped
        self.backlog = 0
        #: packets to it need a closer look: aliases, a maximum packet size, or it is blocked
        self.special = False
        #: the client's Maximum Packet Size, 0 = none
        self.max_packet = 0
        #: how many more QoS 1 and 2 messages may be under way to the client (MQTT 5.0 §4.9)
        self.quota = 0
        self.quota_most = 0
        #: packet identifiers of messages of an earlier connection that are to be sent again when ``quota`` allows
        self.again: deque[int] | None = None
        #: packets that came, for deadlines
        self.packets = 0
        self.closing = False
        self.close_reason = ""
        self.request: CheckPassword | None = None
        #: whoever does the I/O
        self.link: Any = None
        self._alias_in: dict[int, bytes] | None = None
        self._alias_out: dict[bytes, int] | None = None
        self._alias_out_most = 0
        self._backlog: list[Any] | None = None
        self._connect: Connect | None = None
        self._mechanism: ScramServer | None = None

    # -- bytes out ---------------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Send in this turn."""
        if not self.queued:
            self.queued = True
            self.broker.dirty.append(self)
        self.out.append(data)
        self.broker.stats.messages_sent += 1

    def send_gated(self, data: bytes) -> None:
        """Send once this turn's writes, and those before, are on disk."""
        if not self.queued:
            self.queued = True
            self.broker.dirty.append(self)
        self._gate(data)
        self.broker.stats.messages_sent += 1

    def _gate(self, data: bytes) -> None:
        # most connections never have any: the list is made when it is needed, here and below
        if self.gated is None:
            self.gated = [data]
        else:
            self.gated.append(data)

    def answer(self, data: bytes, gate: bool, closes: int = 0) -> None:
        """Acknowledge: behind everything that was acknowledged before ([MQTT-4.6.0-2]).

        Args:
            data: the packet.
            gate: whether it promises what this turn writes.
            closes: 1 if it is the last acknowledgement of a message of the client.
        """
        if gate or self.gated or self.held:
            self.gated_closes += closes
            self.send_gated(data)
        else:
            self._closes += closes
            self._flush_acks()
            self.send(data)

    def puback(self, packet_id: int, gate: bool) -> None:
        """As ``answer`` with a PUBACK of success; many of them are encoded at once."""
        if gate or self.gated or self.held:
            self.gated_closes += 1
            self.send_gated(b"\x40\x02" + packet_id.to_bytes(2, "big"))
            return
        self._closes += 1
        if not self.queued:
            self.queued = True
            self.broker.dirty.append(self)
        if self.acks is None:
            self.acks = [packet_id]
        else:
            self.acks.append(packet_id)
        self.broker.stats.messages_sent += 1

    def _flush_acks(self) -> None:
        if self.acks:
            self.out.append(encode_acks(PacketType.PUBACK, self.acks))
            self.acks = None

    def take_output(self) -> bytes:
        """What may be sent now."""
        self.queued = False
        if self._closes:
            self.receipts_closed(self._closes)
            self._closes = 0
        self._flush_acks()
        out = self.out
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return data

    def refuse(self, reason: Reason, text: str) -> None:
        """CONNACK waited for the disk, which does not take it: refuse the CONNECT all the same."""
        self.opening = False
        self.out.clear()
        self.will = None
        self.send(encode_connack(self.version, False, reason))
        self.lost(text)

    def release(self, data: bytes) -> None:
        """What would have waited for the disk need not: it leaves with this turn, behind CONNACK, before DISCONNECT."""
        out = self.out
        self._flush_acks()
        if self.opening:
            self.opening = False
            out.insert(0, data)
        elif self.closing and out and out[-1][0] == PacketType.DISCONNECT << 4:
            out.insert(len(out) - 1, data)
        else:
            out.append(data)

    def hold_behind(self, data: bytes) -> None:
        """Let bytes wait behind what waits for the disk."""
        assert self.held
        ticket, before, closes = self.held[-1]
        self.held[-1] = (ticket, before + data, closes)
        self.held_bytes += len(data)

    def block(self, blocked: bool) -> None:
        """The peer does not read any more, or reads again."""
        self.blocked = blocked
        self.special = blocked or bool(self._alias_out_most or self.max_packet)
        session = self.session
        if not blocked and session is not None and not self.closing:
            self.broker.pump(session)
            self.broker.retained.room(session)

    def receipts_closed(self, count: int) -> None:
        """So many last acknowledgements have been sent; some may be of messages of an earlier connection."""
        self.open_receipts = max(0, self.open_receipts - count)

    def caught_up(self) -> None:
        """Something that waited for the disk has been sent."""
        if self.held or self.gated:
            return
        late, self.late = self.late, None
        if late and self.session is not None and not self.closing:
            for subscription in late:
                if (self.session.subscriptions or {}).get(subscription.full_filter) is subscription:
                    self.broker.send_retained(subscription)

    def send_message(self, delivery: Delivery, packet_id: int) -> None:
        """Send a PUBLISH; ``packet_id`` is 0 for QoS 0."""
        broker = self.broker
        # exactly once: what the client gets must not be forgotten by a crash, nor be routed a second time
        gate = delivery.qos == 2 and (delivery.stored or broker.batch.incoming or self.gated or self.held)
        if self.special:
            parts = self._special_parts(delivery, packet_id, not gate)
            if parts is None:
                return
            head, tail = parts
        else:
            head, tail = delivery.parts(self.version, broker.now)
        data = head + packet_id.to_bytes(2, "big") + tail if packet_id else head + tail
        if not self.queued:
            self.queued = True
            broker.dirty.append(self)
        if gate:
            self._gate(data)
        else:
            self.out.append(data)
        stats = broker.stats
        stats.publish_sent += 1
        stats.messages_sent += 1
        stats.publish_bytes_sent += len(delivery.message.payload)

    def send_again(self, delivery: Delivery, packet_id: int) -> None:
        """Send a PUBLISH that an earlier connection of the session did not see acknowledged ([MQTT-3.3.1-1])."""
        parts = self._special_parts(delivery, packet_id, False) if self.special else None
        if self.special and parts is None:
            return
        head, tail = parts or delivery.parts(self.version, self.broker.now)
        data = set_dup(head) + packet_id.to_bytes(2, "big") + tail
        if delivery.qos == 2 and delivery.stored:
            self.send_gated(data)  # the earlier connection may have ended before it was safe to send it
        else:
            self.send(data)
        self.broker.stats.publish_sent += 1

    def _special_parts(self, delivery: Delivery, packet_id: int, may_alias: bool) -> tuple[bytes, bytes] | None:
        """Parts for a client with aliases or a maximum packet size, or that does not read; None = not to be sent.

        What waits for the disk has no alias: what is sent before it could refer to one that was not told yet.
        """
        message = delivery.message
        if (
            self.blocked
            and not packet_id
            and (
                self.backlog > self.broker.limits.max_backlog
                or self.broker.backlog_bytes > self.broker.limits.max_backlog_total
            )
        ):
            self.broker.stats.publish_dropped += 1
            return None
        if self._alias_out_most and may_alias:
            aliases = self._alias_out
            if aliases is None:
                aliases = self._alias_out = {}
            alias = aliases.get(message.topic)
            known = alias is not None
            if alias is None and len(aliases) < self._alias_out_most and len(message.topic) <= MAX_ALIASED:
                alias = len(aliases) + 1
            expiry = None
            if message.expires_at is not None:
                expiry = max(0, int(message.expires_at - self.broker.now + 0.999))
            head, tail = publish_parts(
                5,
                message.topic,
                message.payload,
                qos=delivery.qos,
                retain=delivery.retain,
                alias=alias,
                send_topic=not known,
                expiry=expiry,
                passed=message.passed,
                subscription_ids=delivery.identifiers,
            )
            too_large = self.max_packet and len(head) + len(tail) + (2 if packet_id else 0) > self.max_packet
            if alias is not None and not known and not too_large:
                aliases[message.topic] = alias
        else:
            head, tail = delivery.parts(self.version, self.broker.now)
            too_large = self.max_packet and len(head) + len(tail) + (2 if packet_id else 0) > self.max_packet
        if too_large:
            # as if it were sent and acknowledged ([MQTT-3.1.2-24], [MQTT-3.1.2-25])
            self.broker.stats.publish_dropped += 1
            if packet_id and self.session is not None:
                self._done(self.session, packet_id)  # whoever sends goes on with the next one
            return None
        return head, tail

    def done(self, session: Session, packet_id: int) -> None:
        """The client has a message for good: the next one may go."""
        self._done(session, packet_id)
        if session.queue_count or self.again:
            self.broker.pump(session)

    def _done(self, session: Session, packet_id: int) -> None:
        delivery = session.inflight.pop(packet_id, None) if session.inflight else None
        if delivery is None:
            return
        if session.released is not None:
            session.released.discard(packet_id)
        if session.underway_bytes:
            self.broker.count_underway(session)
        if session.persistent:
            self.broker.forget_delivery(session, delivery)
        if self.again and packet_id in self.again:
            self.again.remove(packet_id)  # acknowledged without having been sent again
        elif self.quota < self.quota_most:
            self.quota += 1

    # -- the end ---------------------------------------------------------------------------------------------

    def disconnect(self, reason: Reason, text: str = "") -> None:
        """End the connection by our decision: DISCONNECT in 5.0 (§3.14), nothing to say in 3.1.1."""
        if self.closing:
            return
        if self.version == 5 and self.state is State.CONNECTED and not self.opening:  # [MQTT-3.14.0-1]
            reference = self.broker.limits.server_reference
            moved = reason in (Reason.USE_ANOTHER_SERVER, Reason.SERVER_MOVED)
            self._flush_acks()  # [MQTT-3.14.4-1]: nothing behind DISCONNECT
            properties = Properties(
                reason_string=self.words(text), server_reference=reference if moved and reference else None
            )
            self.send(encode_disconnect(5, reason, properties))
        self.lost(text or reason.name)

    def lost(self, reason: str) -> None:
        """The connection is over; what is in ``out`` is still sent."""
        if self.closing:
            return
        self.closing = True
        self.close_reason = reason
        self.go(State.CLOSED)
        self.request = None
        self._backlog = None
        if self.session is not None:
            self.broker.detach(self)
        if not self.queued:
            self.queued = True
            self.broker.dirty.append(self)

    def go(self, state: State) -> None:
        """Change the state."""
        self.state = state
        self._handlers = self.table[state]

    def words(self, text: str) -> str | None:
        """A reason string, unless the client wants no problem information, or only small packets ([MQTT-3.1.2-29])."""
        wanted = self._connect.properties if self._connect is not None else EMPTY
        if wanted.request_problem_information == 0 or (wanted.maximum_packet_size or 512) < 512:
            return None
        return text or None
