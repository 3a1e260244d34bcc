"""One network connection of a client: the protocol's state machine. No socket, no clock, no log.

Bytes go in with ``receive``; what is to be sent gathers in ``out`` and, where it promises something that is not on disk
yet, in ``gated``; the object that owns the broker sends both at the end of the loop's turn. What needs time, as a
password does, is a ``request`` that is answered with ``authenticated``. Time is ``broker.now``.
"""

from __future__ import annotations

from typing import Final

from .codec import (
    PINGRESP,
    Ack,
    Acks,
    Auth,
    Connect,
    Disconnect,
    MalformedPacket,
    PacketType,
    Pingreq,
    Publish,
    PublishRun,
    Reason,
    Subscribe,
    Unsubscribe,
    encode_ack,
    encode_acks,
    encode_suback,
    encode_unsuback,
    parse_filter,
)
from .handshake import Handshake
from .message import Message
from .outgoing import MAX_ALIASED
from .session import Session
from .state import CheckPassword, State
from .store import RELEASED
from .topics import Subscription, is_bridge_state

__all__ = ["CheckPassword", "Connection", "State"]

_PUBACK, _PUBREC, _PUBREL, _PUBCOMP = PacketType.PUBACK, PacketType.PUBREC, PacketType.PUBREL, PacketType.PUBCOMP
_PUBREC_HEAD, _PUBREL_HEAD, _PUBCOMP_HEAD = b"\x50\x02", b"\x62\x02", b"\x70\x02"

#: bytes of all topics that a client has given an alias (M2)
MAX_ALIASES = 512 * 1024

#: What may come when, what handles it, and where that stands in MQTT 5.0. Anything else is a Protocol Error (§4.13.1).
TRANSITIONS: Final[dict[tuple[State, type], tuple[str, str]]] = {
    (State.CONNECTING, Connect): ("_on_connect", "§3.1: the first packet, [MQTT-3.1.0-1]"),
    (State.AUTHENTICATING, Auth): ("_on_auth", "§4.12"),
    (State.AUTHENTICATING, Disconnect): ("_on_disconnect", "§3.14"),
    (State.CONNECTED, PublishRun): ("_on_publish_run", "§3.3"),
    (State.CONNECTED, Publish): ("_on_publish", "§3.3"),
    (State.CONNECTED, Acks): ("_on_acks", "§3.4 to §3.7"),
    (State.CONNECTED, Ack): ("_on_ack", "§3.4 to §3.7"),
    (State.CONNECTED, Subscribe): ("_on_subscribe", "§3.8"),
    (State.CONNECTED, Unsubscribe): ("_on_unsubscribe", "§3.10"),
    (State.CONNECTED, Pingreq): ("_on_pingreq", "§3.12"),
    (State.CONNECTED, Disconnect): ("_on_disconnect", "§3.14"),
    (State.CONNECTED, Auth): ("_on_auth", "§4.12, §4.12.1: re-authentication"),
}


class Connection(Handshake):
    """See the module; the arguments are those of ``Outgoing``."""

    __slots__ = ()

    # -- PUBLISH from the client -------------------------------------------------------------------------------

    def _on_publish_run(self, run: PublishRun) -> None:
        broker = self.broker
        stats = broker.stats
        self.packets += run.count - 1
        stats.publish_received += run.count
        stats.publish_bytes_received += len(run.data) - run.count * run.offset
        if (broker.access.restricted or run.topic[:1] == b"$") and not self._may_write(run.topic):
            stats.publish_refused += run.count
            return
        broker.router.publish_run(self, run)

    def _may_write(self, topic: bytes) -> bool:
        if topic.startswith(b"$SYS") and not is_bridge_state(topic):
            return False  # the server's own (MQTT 5.0 §4.7.2)
        return self.broker.access.may_write(self.client_id, self.username, topic)

    def _on_publish(self, packet: Publish) -> None:
        broker = self.broker
        session = self.session
        assert session is not None
        qos, packet_id = packet.qos, packet.packet_id
        stats = broker.stats
        stats.publish_received += 1
        payload = packet.payload
        stats.publish_bytes_received += len(payload)
        properties = packet.properties
        topic = packet.topic
        passed = b""
        expires_at = None
        if properties is not None:
            if properties.alias:
                topic = self._alias(properties.alias, topic)
            passed = properties.passed
            if properties.expiry is not None:
                expires_at = broker.now + properties.expiry
        if qos == 2 and session.incoming is not None and packet_id in session.incoming:
            self.answer(_PUBREC_HEAD + packet_id.to_bytes(2, "big"), session.persistent)  # [MQTT-4.3.3-10]
            return
        if qos:
            self.open_receipts += 1
            if self.version == 5 and self.open_receipts > broker.limits.receive_maximum:
                raise MalformedPacket("more messages than the receive maximum", reason=Reason.RECEIVE_MAXIMUM_EXCEEDED)
        if (broker.access.restricted or topic[:1] == b"$") and not self._may_write(topic):
            stats.publish_refused += 1
            self._refuse_publish(qos, packet_id, Reason.NOT_AUTHORIZED)
            return
        if (broker.full and (packet.retain or (qos and self._needs_disk(session, qos, topic)))) or (
            packet.retain and not broker.retained.has_room(topic, payload)
        ):
            stats.publish_refused += 1
            if qos and self.version < 5:
                self.disconnect(Reason.QUOTA_EXCEEDED, "the server cannot store it now")
            else:
                self._refuse_publish(qos, packet_id, Reason.QUOTA_EXCEEDED)
            return
        before = broker.writes
        message = Message(topic, payload, qos, packet.retain, passed=passed, expires_at=expires_at)
        if qos == 2:
            if session.incoming is None:
                session.incoming = set()
            session.incoming.add(packet_id)
            if session.persistent:
                broker.remember_incoming(session, packet_id)
        if packet.retain:
            broker.retain(message)
        matched = broker.router.publish(message, session)
        if not qos:
            return
        gate = broker.writes != before
        if self.version == 5 and not matched:
            kind = _PUBACK if qos == 1 else _PUBREC
            self.answer(encode_ack(5, kind, packet_id, Reason.NO_MATCHING_SUBSCRIBERS), gate, qos == 1)
        elif qos == 1:
            self.puback(packet_id, gate)
        else:
            self.answer(_PUBREC_HEAD + packet_id.to_bytes(2, "big"), gate)

    def _needs_disk(self, session: Session, qos: int, topic: bytes) -> bool:
        return (qos == 2 and session.persistent) or self.broker.router.lasts(topic)

    def _alias(self, alias: int, topic: bytes) -> bytes:
        """Topic Alias of the client (MQTT 5.0 §3.3.2.3.4)."""
        if alias > self.broker.limits.max_topic_alias:
            raise MalformedPacket("a topic alias beyond the maximum", reason=Reason.TOPIC_ALIAS_INVALID)
        if self._alias_in is None:
            self._alias_in = {}
        if topic:
            self._alias_in[alias] = topic
            if len(topic) > MAX_ALIASED and sum(map(len, self._alias_in.values())) > MAX_ALIASES:
                raise MalformedPacket("topics with an alias are too long in all", reason=Reason.QUOTA_EXCEEDED)
            return topic
        known = self._alias_in.get(alias)
        if known is None:
            raise MalformedPacket("a topic alias that was never set", reason=Reason.PROTOCOL_ERROR)
        return known

    def _refuse_publish(self, qos: int, packet_id: int, reason: Reason) -> None:
        """3.1.1 has no negative acknowledgement: the message is acknowledged and dropped ([MQTT-3.3.5-2])."""
        if not qos:
            return
        kind = _PUBACK if qos == 1 else _PUBREC
        if self.version == 5:
            self.answer(encode_ack(5, kind, packet_id, reason), False, 1)
            return
        if qos == 2 and self.session is not None:
            if self.session.incoming is None:
                self.session.incoming = set()
            self.session.incoming.add(packet_id)
        self.answer(encode_acks(kind, [packet_id]), False, qos == 1)

    # -- acknowledgements --------------------------------------------------------------------------------------

    def _on_acks(self, packet: Acks) -> None:
        session = self.session
        assert session is not None
        kind = packet.kind
        self.packets += len(packet.packet_ids) - 1
        if kind == _PUBACK and not self.again:
            inflight = session.inflight
            if inflight:
                persistent = session.persistent
                done = 0
                for packet_id in packet.packet_ids:
                    delivery = inflight.get(packet_id)
                    if delivery is None:
                        continue
                    if delivery.qos != 1:
                        raise MalformedPacket("PUBACK for a QoS 2 message", reason=Reason.PROTOCOL_ERROR)
                    del inflight[packet_id]
                    done += 1
                    if persistent:
                        self.broker.forget_delivery(session, delivery)
                self.quota = min(self.quota + done, self.quota_most)
                if session.underway_bytes:
                    self.broker.count_underway(session)
                if session.queue_count:
                    self.broker.pump(session)
        else:
            for packet_id in packet.packet_ids:
                self._acknowledge(session, kind, packet_id, Reason.SUCCESS)

    def _on_ack(self, packet: Ack) -> None:
        assert self.session is not None
        self._acknowledge(self.session, packet.kind, packet.packet_id, packet.reason)

    def _acknowledge(self, session: Session, kind: int, packet_id: int, reason: Reason) -> None:
        if kind == _PUBREL:
            self._release(session, packet_id)
            return
        delivery = session.inflight.get(packet_id) if session.inflight else None
        failed = reason >= 0x80
        if kind == _PUBREC:
            if delivery is None or delivery.qos != 2:
                if not failed:
                    # nothing to release: told with the reason, and the client forgets it (§3.6.2.1)
                    self.answer(encode_ack(self.version, _PUBREL, packet_id, Reason.PACKET_IDENTIFIER_NOT_FOUND), False)
                return
            if failed:
                self.done(session, packet_id)
                return
            if session.released is None:
                session.released = set()
            gate = False
            if packet_id not in session.released:
                session.released.add(packet_id)
                if session.persistent and delivery.stored:
                    self.broker.batch.set_queue_state(session.key, delivery.message.seq, packet_id, RELEASED)
                    gate = True
            self.answer(_PUBREL_HEAD + packet_id.to_bytes(2, "big"), gate or session.persistent)
            return
        if delivery is None:
            return  # an answer to something that is over, of an earlier connection for one
        if (kind == _PUBACK) is not (delivery.qos == 1):
            raise MalformedPacket("an acknowledgement that does not fit the QoS", reason=Reason.PROTOCOL_ERROR)
        if kind == _PUBCOMP and (session.released is None or packet_id not in session.released):
            raise MalformedPacket("PUBCOMP before PUBREC", reason=Reason.PROTOCOL_ERROR)
        self.done(session, packet_id)

    def _release(self, session: Session, packet_id: int) -> None:
        """PUBREL: the client will not send this message again ([MQTT-4.3.3-11])."""
        if session.incoming is None or packet_id not in session.incoming:
            reason = Reason.PACKET_IDENTIFIER_NOT_FOUND if self.version == 5 else Reason.SUCCESS
            self.answer(encode_ack(self.version, _PUBCOMP, packet_id, reason), False)
            return
        session.incoming.discard(packet_id)
        if session.persistent:
            self.broker.forget_incoming(session, packet_id)
        self.answer(_PUBCOMP_HEAD + packet_id.to_bytes(2, "big"), session.persistent, 1)

    # -- SUBSCRIBE and UNSUBSCRIBE -----------------------------------------------------------------------------

    def _on_subscribe(self, packet: Subscribe) -> None:
        broker = self.broker
        session = self.session
        assert session is not None
        before = broker.writes
        identifier = packet.properties.subscription_identifier or 0
        # a bridge of 3.1 or 3.1.1 gets nothing back that it sent, and knows what is retained, as Mosquitto does it
        bridge = self._connect is not None and self._connect.bridge
        reasons: list[int] = []
        fresh: list[tuple[Subscription, bool]] = []
        for wanted in packet.subscriptions:
            parsed = parse_filter(wanted.filter)
            filter = "/".join(parsed.levels)
            if not broker.access.may_subscribe(self.client_id, self.username, filter.encode()):
                reasons.append(Reason.NOT_AUTHORIZED if self.version == 5 else 0x80)
                continue
            if broker.full and session.persistent:
                reasons.append(Reason.QUOTA_EXCEEDED if self.version == 5 else 0x80)
                continue
            subscription = Subscription(
                session,
                filter.encode(),
                wanted.qos,
                no_local=wanted.no_local or bridge,
                retain_as_published=wanted.retain_as_published or bridge,
                retain_handling=wanted.retain_handling,
                identifier=identifier,
                group=parsed.group,
            )
            if not broker.may_subscribe(session, wanted.filter, subscription):
                reasons.append(Reason.QUOTA_EXCEEDED if self.version == 5 else 0x80)
                continue
            existed = broker.subscribe(session, wanted.filter, subscription)
            reasons.append(wanted.qos)
            fresh.append((subscription, existed))
        data = encode_suback(self.version, packet.packet_id, reasons)
        self.answer(data, broker.writes != before)
        for subscription, existed in fresh:
            handling = subscription.retain_handling
            if subscription.group is None and (handling == 0 or (handling == 1 and not existed)):
                # §3.3.1.3; never for shared ones (§4.8.2)
                if self.gated or self.held:
                    if self.late is None:
                        self.late = []
                    self.late.append(subscription)  # clients like to see the SUBACK first
                else:
                    broker.send_retained(subscription)

    def _on_unsubscribe(self, packet: Unsubscribe) -> None:
        broker = self.broker
        session = self.session
        assert session is not None
        before = broker.writes
        reasons = tuple(
            Reason.SUCCESS if broker.unsubscribe(session, filter) else Reason.NO_SUBSCRIPTION_EXISTED
            for filter in packet.filters
        )
        data = encode_unsuback(self.version, packet.packet_id, reasons)
        self.answer(data, broker.writes != before)

    # -- PINGREQ, DISCONNECT, the end --------------------------------------------------------------------------

    def _on_pingreq(self, packet: Pingreq) -> None:
        self.send(PINGRESP)

    def _on_disconnect(self, packet: Disconnect) -> None:
        expiry = packet.properties.session_expiry_interval if self.version == 5 else None
        session = self.session
        if session is not None and expiry is not None:
            if expiry and not session.expiry:
                # §3.14.2.2.2: it cannot become longer than nothing
                self._faulty(MalformedPacket("a session expiry that was 0 stays 0", reason=Reason.PROTOCOL_ERROR))
                return
            self.broker.set_expiry(session, min(expiry, self.broker.limits.max_session_expiry))
        if packet.reason is Reason.NORMAL_DISCONNECTION:
            self._drop_will()  # [MQTT-3.14.4-3]
        self.lost("the client disconnected")

    def _drop_will(self) -> None:
        self.will = None
        if self.will_kept:
            self.will_kept = False
            self.broker.forget_will(self.client_id)


Connection.table = {
    state: {packet: getattr(Connection, name) for (at, packet), (name, _) in TRANSITIONS.items() if at is state}
    for state in State
}
