"""The state of a broker: who is connected, what they subscribed to, what waits for whom.

Sans-IO like the connections that it holds together: time is ``now``, set by the owner; bytes leave through connections
in ``dirty``; what has to last gathers in ``batch``. The owner calls ``settle`` at the end of each turn of the loop, and
``handle_timer`` when ``next_timeout`` says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from socketworkers.errors import StorageError
from socketworkers.sasl import ScramVerifier

from .codec import Reason, parse_filter
from .limits import Limits
from .message import Delivery, Message
from .outgoing import Outgoing
from .retained import Retained
from .router import Router
from .session import IN_MEMORY, LARGE, Session
from .stats import Stats
from .store import RELEASED, SENT, Batch, QueueRow, Store
from .timers import Timers
from .topics import Subscription
from .wills import Wills

__all__ = ["Access", "Broker"]


class Access(Protocol):
    """Who may do what."""

    @property
    def restricted(self) -> bool:
        """Whether ``may_write`` can ever say no."""

    @property
    def has_users(self) -> bool:
        """Whether there are passwords to check."""

    def may_be_anonymous(self, loopback: bool) -> bool:
        """Whether a client without a user name may connect."""

    def may_write(self, client_id: str, username: str, topic: bytes) -> bool:
        """Whether a client may publish to a topic."""

    def may_read(self, client_id: str, username: str, topic: bytes) -> bool:
        """Whether a client may get messages of a topic."""

    def may_subscribe(self, client_id: str, username: str, filter: bytes) -> bool:
        """Whether a subscription is refused outright."""

    def lookup(self, username: str) -> tuple[ScramVerifier, bool]:
        """For SCRAM (``sasl.Credentials.lookup``)."""


class Broker:
    """See the module.

    Args:
        store: what lasts.
        access: who may do what.
        limits: bounds.
        now: seconds since the epoch.
        token: gives unguessable text (for client identifiers and nonces).
    """

    def __init__(self, store: Store, access: Access, limits: Limits, *, now: float, token: Callable[[], str]) -> None:
        self.store = store
        self.access = access
        self.limits = limits
        self.now = now
        self._token = token
        self.stats = Stats()
        self.router = Router(self)
        self.retained = Retained(self)
        self.wills = Wills(self)
        self.sessions: dict[str, Session] = {}
        self.connected = 0
        #: connections with something to send
        self.dirty: list[Outgoing] = []
        self.batch = Batch()
        #: counts what was put into batches: whoever acknowledges looks whether it grew
        self.writes = 0
        #: order of messages that were ever queued
        self.seq = 0
        #: sessions that wait for a payload that is stored once
        self.bodies: dict[int, int] = {}
        self.queued_bytes = 0
        #: of large messages that are under way to clients
        self.underway_bytes = 0
        #: bytes that wait for clients that do not read
        self.backlog_bytes = 0
        #: what all subscriptions take, about
        self.subscription_bytes = 0
        #: what the disk said when it refused; the owner takes it
        self.trouble: StorageError | None = None
        #: the disk is full: what would have to be stored is refused, all else goes on
        self.full = False
        #: why everybody is refused, None = nobody is
        self.refusal: tuple[Reason, str] | None = None
        self._keys = 0
        #: when sessions end and wills are due
        self.timers = Timers()
        self._load()

    def nonce(self) -> str:
        """For SCRAM."""
        return self._token()

    def new_client_id(self) -> str:
        """A name for a client that has none ([MQTT-3.1.3-6])."""
        return f"auto-{self._token()}"

    # -- starting ----------------------------------------------------------------------------------------------

    def _load(self) -> None:
        found = self.store.load()
        self.seq = found.newest
        self.bodies = dict(found.bodies)
        by_key: dict[int, Session] = {}
        for key, client_id, version, expiry, lost_at, username in found.sessions:
            session = Session(client_id, version, key)
            session.expiry = expiry
            session.persistent = True
            session.username = username
            # who was connected when the server ended was lost by that
            session.lost_at = lost_at or self.now
            if not lost_at:
                self._keep(session)
            self.sessions[client_id] = by_key[key] = session
            self._keys = max(self._keys, key)
            self._watch_expiry(session)
        for key, filter, options, identifier in found.subscriptions:
            parsed = parse_filter(filter)
            self._place(
                by_key[key],
                filter,
                Subscription(
                    by_key[key],
                    "/".join(parsed.levels).encode(),
                    options & 3,
                    no_local=bool(options & 4),
                    retain_as_published=bool(options & 8),
                    retain_handling=options >> 4 & 3,
                    identifier=identifier,
                    group=parsed.group,
                ),
            )
        for key, (count, size) in found.queued.items():
            session = by_key[key]
            session.queue_count, session.queue_bytes, session.spilled = count, size, 1
            self.queued_bytes += size
        for key, packet_id in found.incoming:
            session = by_key[key]
            if session.incoming is None:
                session.incoming = set()
            session.incoming.add(packet_id)
        self.retained.count = found.retained
        self.wills.load(found.wills)

    # -- connections and sessions ------------------------------------------------------------------------------

    def may_store(self, client_id: str, *, clean_start: bool) -> bool:
        """Whether there is room for a client's session; one that is there goes on also when the disk is full."""
        known = client_id in self.sessions
        if self.full:
            return known and not clean_start
        return known or len(self.sessions) < self.limits.max_sessions

    def attach(self, connection: Outgoing, clean_start: bool, expiry: int) -> tuple[Session, bool, bool]:
        """Give a connection its session (MQTT 5.0 §3.1.2.4, §3.1.4).

        Returns:
            The session, whether it was there before (Session Present), and whether CONNACK has to wait for the disk.
        """
        client_id = connection.client_id
        session = self.sessions.get(client_id)
        writes = self.writes
        if session is not None:
            if (other := session.connection) is not None:
                self.stats.takeovers += 1
                other.disconnect(Reason.SESSION_TAKEN_OVER, "another client connected with this identifier")
                session = self.sessions.get(client_id)  # [MQTT-3.1.4-3]; a session that does not last is gone now
            if session is not None and (clean_start or session.username != connection.username):
                # [MQTT-3.1.2-4]; nobody gets another user's messages either
                self.end(session)
                session = None
        self.wills.cancel(client_id)
        present = session is not None
        if session is None:
            session = Session(client_id, connection.version)
            self.sessions[client_id] = session
        session.version = connection.version
        session.username = connection.username
        session.connection = connection
        session.lost_at = 0.0
        session.expiry = expiry
        gate = not present and self.writes != writes
        if expiry or session.persistent:
            if not session.persistent:
                session.persistent = True
                self._keys += 1
                session.key = self._keys
                self.batch.fresh = True
                gate = True
            self._keep(session)
        if connection.will is not None:
            self.wills.keep(connection)
            gate = True
        self.connected += 1
        self.stats.connections_total += 1
        self.stats.connections_maximum = max(self.stats.connections_maximum, self.connected)
        return session, present, gate

    def resume(self, session: Session, connection: Outgoing) -> None:
        """Send again what was not acknowledged, in its order, then what waits ([MQTT-4.4.0-1])."""
        if session.inflight is None and session.persistent:
            self._load_underway(session)
        released = session.released or ()
        again: deque[int] = deque()
        for packet_id in session.inflight or ():
            if packet_id in released:
                # its PUBCOMP makes room for one more: it takes the room that its PUBLISH had ([MQTT-3.3.4-9])
                connection.quota -= 1
                connection.answer(b"\x62\x02" + packet_id.to_bytes(2, "big"), session.persistent)
            else:
                again.append(packet_id)
        connection.again = again or None
        self.pump(session)

    def _load_underway(self, session: Session) -> None:
        for row in self.store.underway(session.key):
            delivery = _delivery(row)
            packet_id, state = row[2], row[3]
            if packet_id is None:
                continue
            session.sent(packet_id, delivery)
            if len(delivery.message.payload) > LARGE:
                self.count_underway(session)
            if state == RELEASED:
                if session.released is None:
                    session.released = set()
                session.released.add(packet_id)

    def detach(self, connection: Outgoing) -> None:
        """A connection is over; its session lasts or ends (MQTT 5.0 §3.1.2.11.2), its will is published or waits."""
        session = connection.session
        if session is None or session.connection is not connection:
            return
        session.connection = None
        session.lost_at = self.now
        self.retained.forget(session)
        self.connected -= 1
        will = connection.will
        if session.expiry:
            if session.inflight is None:
                session.inflight = {}  # what is in memory is all: the store need not be asked at the next resume
            self._keep(session)
            self._watch_expiry(session)
            if will is not None:
                self.wills.lost(connection, will, min(will.properties.will_delay, session.expiry))
        else:
            # [MQTT-3.1.2-10]: the will is published before its session is forgotten
            if will is not None:
                self.wills.lost(connection, will, 0)
            self.end(session)

    def end(self, session: Session) -> None:
        """A session is over: nothing of it is left."""
        if self.sessions.get(session.client_id) is session:
            del self.sessions[session.client_id]
        for subscription in (session.subscriptions or {}).values():
            self.router.remove(subscription)
        session.subscriptions = None
        self.subscription_bytes -= session.subscription_bytes
        session.subscription_bytes = 0
        self.queued_bytes -= session.queue_bytes
        left = [each for each in (session.inflight or {}).values() if each.qos == 1]
        left += [each for each in session.queue or () if each.qos == 1 or each not in left]
        for delivery in left:
            if delivery.group is not None:
                self.router.again(delivery)
        if session.persistent:
            if self.bodies:
                self.write()
                if self.trouble is None:  # else the next start sweeps them
                    for seq in self.store.bodies(session.key):
                        self._forget_body(seq)
            self.batch.sessions.pop(session.key, None)
            self.batch.end(session.key)
            self.writes += 1
        session.inflight = None
        self.count_underway(session)
        session.forget_queue()
        self.wills.session_ended(session.client_id)

    def set_expiry(self, session: Session, expiry: int) -> None:
        """DISCONNECT with a Session Expiry Interval (MQTT 5.0 §3.14.2.2.2)."""
        session.expiry = expiry
        if session.persistent:
            self._keep(session)

    def _keep(self, session: Session) -> None:
        self.batch.sessions[session.key] = (
            session.key, session.client_id, session.version, session.expiry, session.lost_at, session.username,
        )  # fmt: skip
        self.batch.dirty = True

    def kick(self, client_id: str, *, forget: bool = False) -> bool:
        """Disconnect a client by an operator's wish, and end its session if told; whether there was one."""
        session = self.sessions.get(client_id)
        if session is None:
            return False
        if session.connection is not None:
            session.connection.disconnect(Reason.ADMINISTRATIVE_ACTION, "disconnected by the operator")
        session = self.sessions.get(client_id)
        if forget and session is not None:
            self.end(session)
        return True

    def forget_will(self, client_id: str) -> None:
        """A client disconnected in order."""
        self.wills.forget(client_id)

    # -- subscriptions -----------------------------------------------------------------------------------------

    def _place(self, session: Session, name: str, subscription: Subscription) -> bool:
        if session.subscriptions is None:
            session.subscriptions = {}
        existed = name in session.subscriptions
        session.subscriptions[name] = subscription
        if not existed:
            session.subscription_bytes += subscription.size
            self.subscription_bytes += subscription.size
        self.router.add(subscription)
        return existed

    def subscribe(self, session: Session, name: str, subscription: Subscription) -> bool:
        """Add a subscription; whether one with this filter was there ([MQTT-3.8.4-3])."""
        existed = self._place(session, name, subscription)
        if session.persistent:
            self.batch.subscriptions[session.key, name] = (
                session.key,
                name,
                subscription.options,
                subscription.identifier,
            )
            self.batch.dirty = True
            self.writes += 1
        return existed

    def may_subscribe(self, session: Session, name: str, subscription: Subscription) -> bool:
        """Whether there is room for a subscription: one in place of another always has it (M2)."""
        limits = self.limits
        there = session.subscriptions or ()
        return name in there or (
            len(there) < limits.max_subscriptions
            and session.subscription_bytes + subscription.size <= limits.max_subscription_bytes
            and self.subscription_bytes + subscription.size <= limits.max_subscription_total
        )

    def unsubscribe(self, session: Session, name: str) -> bool:
        """Take a subscription away; whether it was there ([MQTT-3.10.4-1])."""
        subscription = (session.subscriptions or {}).pop(name, None)
        if subscription is None:
            return False
        self.router.remove(subscription)
        session.subscription_bytes -= subscription.size
        self.subscription_bytes -= subscription.size
        if session.persistent:
            self.batch.subscriptions[session.key, name] = None
            self.batch.dirty = True
            self.writes += 1
        return True

    # -- messages ----------------------------------------------------------------------------------------------

    def retain(self, message: Message) -> None:
        """Keep a message for later subscribers, or take it away ([MQTT-3.3.1-5], [MQTT-3.3.1-6])."""
        self.retained.put(message)

    def send_retained(self, subscription: Subscription) -> None:
        """Send what is retained to a new subscription ([MQTT-3.3.1-9])."""
        self.retained.send(subscription)

    def publish(self, message: Message) -> None:
        """A message of the broker's own (wills, ``$SYS``, bridges, commands)."""
        if message.retain:
            self.retain(message)
        self.router.publish(message, None)

    def remember_incoming(self, session: Session, packet_id: int) -> None:
        """A QoS 2 message came: its sender may ask again."""
        self.batch.incoming[session.key, packet_id] = True
        self.batch.dirty = True
        self.writes += 1

    def forget_incoming(self, session: Session, packet_id: int) -> None:
        """Its sender has released it."""
        self.batch.incoming[session.key, packet_id] = False
        self.batch.dirty = True

    def forget_delivery(self, session: Session, delivery: Delivery) -> None:
        """A session is done with a message."""
        seq = delivery.message.seq
        if not seq:
            return
        self.batch.delete_queued(session.key, seq)
        self._forget_body(seq)

    def _forget_body(self, seq: int) -> None:
        users = self.bodies.get(seq)
        if users is not None:
            if users > 1:
                self.bodies[seq] = users - 1
            else:
                del self.bodies[seq]
                if self.batch.bodies.pop(seq, None) is None:
                    self.batch.bodies_deleted.append(seq)

    def is_crowded(self, session: Session, message: Message) -> bool:
        """Whether a large message has to wait although there are few under way to the client: they are large, too."""
        limits = self.limits
        size = len(message.payload)
        return bool(session.inflight) and (
            session.underway_bytes + size > limits.max_queued_bytes
            or self.queued_bytes + self.underway_bytes + size > limits.max_queued_total
        )

    def count_underway(self, session: Session) -> None:
        """Large messages have been sent, or acknowledged."""
        size = 0
        for delivery in (session.inflight or {}).values():
            length = len(delivery.message.payload)
            if length > LARGE:
                size += length
        self.underway_bytes += size - session.underway_bytes
        session.underway_bytes = size

    def pump(self, session: Session) -> None:
        """Send what waits, as far as the client allows."""
        connection = session.connection
        if connection is None:
            return
        if connection.again is not None:
            self._send_again(session, connection)
        before = session.queue_bytes
        while connection.quota > 0 and session.queue_count and not (connection.closing or connection.blocked):
            if (
                session.underway_bytes
                and session.queue
                and session.underway_bytes + len(session.queue[0].message.payload) > self.limits.max_queued_bytes
            ):
                break
            delivery = session.dequeue()
            if delivery is None:
                if not self._load_waiting(session):
                    break
                continue
            message = delivery.message
            large = len(message.payload) > LARGE
            if message.expires_at is not None and message.expires_at <= self.now:
                if session.persistent:
                    self.forget_delivery(session, delivery)  # [MQTT-3.3.2-5]
                continue
            packet_id = session.new_packet_id()
            session.sent(packet_id, delivery)
            if large:
                self.count_underway(session)
            connection.quota -= 1
            if session.persistent and delivery.stored:
                self.batch.set_queue_state(session.key, message.seq, packet_id, SENT)
            connection.send_message(delivery, packet_id)
        self.queued_bytes += session.queue_bytes - before
        if session.queue_count == 0 and not connection.blocked:
            self.retained.room(session)

    def _send_again(self, session: Session, connection: Outgoing) -> None:
        again = connection.again
        while again and connection.quota > 0 and not (connection.closing or connection.blocked):
            packet_id = again.popleft()
            delivery = (session.inflight or {}).get(packet_id)
            if delivery is not None and packet_id not in (session.released or ()):
                connection.quota -= 1
                connection.send_again(delivery, packet_id)
        if not again:
            connection.again = None

    def _load_waiting(self, session: Session) -> bool:
        """Read more of a long queue; whether there was anything."""
        if not session.spilled:
            session.queue_count = 0
            self.queued_bytes -= session.queue_bytes
            session.queue_bytes = 0
            return False
        self.write()
        rows = self.store.waiting(session.key, session.spilled, IN_MEMORY)
        session.load([_delivery(row) for row in rows], more=len(rows) == IN_MEMORY)
        return bool(rows)

    # -- time --------------------------------------------------------------------------------------------------

    def _watch_expiry(self, session: Session) -> None:
        at = session.expires_at
        if at is not None:
            self.timers.add(at, session.client_id)

    def next_timeout(self) -> float | None:
        """When ``handle_timer`` has something to do, in seconds since the epoch."""
        return self.timers.next

    def handle_timer(self) -> None:
        """End sessions and publish wills whose time has come."""
        for client_id in self.timers.due(self.now):
            self.wills.due(client_id)
            session = self.sessions.get(client_id)
            if session is None or (at := session.expires_at) is None:
                continue
            if at <= self.now:
                self.stats.expired += 1
                self.end(session)
            else:
                self.timers.add(at, client_id)
        self.retained.expire()

    # -- the end of a turn -------------------------------------------------------------------------------------

    def write(self) -> None:
        """Hand what has to last to the store. A refusal of the disk is kept in ``trouble`` for the owner."""
        batch = self.batch
        if batch.dirty:
            self.batch = Batch()
            try:
                self.retained.count += self.store.write(batch)
            except StorageError as error:
                self.trouble = error
                self._unwritten(batch)

    def _unwritten(self, batch: Batch) -> None:
        """Nothing of a batch was kept: what it would have added was not acknowledged, what it took away still goes."""
        for seq in batch.bodies:
            self.bodies.pop(seq, None)
        self._unqueue(batch)
        lost: dict[int, set[int]] = {}
        left = self.batch
        for (key, packet_id), there in batch.incoming.items():
            if there:
                lost.setdefault(key, set()).add(packet_id)
            else:
                left.incoming[key, packet_id] = False
        if lost:
            # the sender will send them again, and then they are new
            for session in self.sessions.values():
                if session.key in lost and session.incoming:
                    session.incoming -= lost[session.key]
        left.fresh = batch.fresh
        left.ended = batch.ended
        left.queue_deleted = batch.queue_deleted
        left.bodies_deleted = batch.bodies_deleted
        left.queue_states = batch.queue_states
        left.sessions = {key: row for key, row in batch.sessions.items() if row[1] in self.sessions}
        left.subscriptions = {key: None for key, row in batch.subscriptions.items() if row is None}
        left.wills = {key: None for key, row in batch.wills.items() if row is None}
        left.retained = {key: None for key, row in batch.retained.items() if row is None}
        left.dirty = True

    def _unqueue(self, batch: Batch) -> None:
        """Messages that were not stored are not accepted: their senders send them again, and then they are new.

        Those of QoS 1 that left already stay until they are acknowledged.
        """
        by_key = {session.key: session for session in self.sessions.values()} if batch.queue else {}
        for (key, seq), row in batch.queue.items():
            session = by_key.get(key)
            if session is None:
                continue
            packet_id = row[2]
            if packet_id is None:
                payload = row[10] if row[10] is not None else batch.bodies.get(seq, b"")
                size = len(row[5]) + len(row[6]) + len(payload)
                session.unqueue(seq, size)
                self.queued_bytes -= size
            elif row[4] & 3 == 2 and session.inflight is not None:
                session.inflight.pop(packet_id, None)  # it waited for the sync that did not come


def _delivery(row: QueueRow) -> Delivery:
    """A queued message as it was stored."""
    _, seq, _, _, flags, topic, passed, expires_at, identifiers, shared, payload = row
    message = Message(topic, payload or b"", flags & 3, bool(flags & 4), passed=passed, expires_at=expires_at, seq=seq)
    group = None
    if shared:
        name, _, filter = shared.partition("/")
        group = (name, filter.encode())
    delivery = Delivery(
        message,
        flags & 3,
        bool(flags & 4),
        tuple(int(each) for each in identifiers.split(",")) if identifiers else (),
        group,
    )
    delivery.stored = True
    return delivery
