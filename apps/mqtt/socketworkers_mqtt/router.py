"""From a message to the sessions that get it.

The hot path: a run of QoS 0 packets goes as it came to every subscriber that speaks the same form of the protocol. A
message of QoS 1 or 2 is encoded once per form. What a topic's subscribers are is worked out once and kept per topic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .codec import PublishRun
from .message import Delivery, Message
from .session import LARGE, Session
from .store import INLINE, SENT, WAITING
from .topics import SharedGroup, Subscription, TopicTree, is_wildcard

if TYPE_CHECKING:
    from .broker import Broker
    from .outgoing import Outgoing

__all__ = ["Router"]

#: topics whose subscribers are remembered
MAX_ROUTES = 50_000
#: bytes of a topic beyond which they are not: nobody fills memory with names (M2)
MAX_ROUTE = 512


class _Entry:
    """All matching subscriptions of one session: it gets one copy ([MQTT-3.3.4-2] lets the server choose)."""

    __slots__ = ("subscriptions",)

    def __init__(self, subscription: Subscription) -> None:
        self.subscriptions = [subscription]

    @property
    def session(self) -> Session:
        return self.subscriptions[0].session

    def form(self, sender: Session | None) -> tuple[int, bool, tuple[int, ...]] | None:
        """QoS, whether RETAIN is kept, identifiers; None when all are no-local and it is the sender's own."""
        found = self.subscriptions
        if sender is not None and any(each.no_local for each in found):
            found = [each for each in found if not (each.no_local and each.session is sender)]
            if not found:
                return None
        return (
            max(each.qos for each in found),  # [MQTT-3.3.5-1] of 3.1.1, [MQTT-3.3.4-2] of 5.0
            any(each.retain_as_published for each in found),
            tuple(each.identifier for each in found if each.identifier),
        )


class Route:
    """Who gets messages of one topic."""

    __slots__ = ("forms", "groups", "plain", "special")

    def __init__(self, entries: list[_Entry], groups: list[SharedGroup]) -> None:
        #: sessions without identifiers and no-local
        self.plain: list[Session] = []
        #: the same by QoS and retain-as-published
        self.forms: dict[tuple[int, bool], list[Session]] = {}
        self.special: list[_Entry] = []
        self.groups = groups
        for entry in entries:
            if any(each.no_local or each.identifier for each in entry.subscriptions):
                self.special.append(entry)
            else:
                form = entry.form(None)
                assert form is not None
                self.plain.append(entry.session)
                self.forms.setdefault(form[:2], []).append(entry.session)

    @property
    def empty(self) -> bool:
        """Nobody gets anything."""
        return not (self.plain or self.special or self.groups)


class Router:
    """See the module. One per broker."""

    __slots__ = ("_broker", "_routes", "tree")

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._routes: dict[bytes, Route] = {}
        self.tree = TopicTree()

    # -- subscriptions -----------------------------------------------------------------------------------------

    def add(self, subscription: Subscription) -> Subscription | None:
        """Add a subscription; returns the one that it replaces."""
        before = self.tree.add(subscription)
        self._changed(subscription)
        return before

    def remove(self, subscription: Subscription) -> None:
        """Take a subscription away."""
        if self.tree.remove(subscription):
            self._changed(subscription)

    def _changed(self, subscription: Subscription) -> None:
        if is_wildcard(subscription.filter):
            self._routes.clear()
        else:
            self._routes.pop(subscription.filter, None)

    def forget(self) -> None:
        """Permissions have changed: work everything out again."""
        self._routes.clear()

    def route(self, topic: bytes) -> Route:
        """Who gets messages of a topic."""
        route = self._routes.get(topic)
        if route is None:
            found, groups = self.tree.match(topic)
            may_read = self._broker.access.may_read
            entries: dict[Session, _Entry] = {}
            for subscription in found:
                session = subscription.session
                entry = entries.get(session)
                if entry is not None:
                    entry.subscriptions.append(subscription)
                elif may_read(session.client_id, session.username, topic):
                    entries[session] = _Entry(subscription)
            route = Route(list(entries.values()), groups)
            if len(topic) <= MAX_ROUTE:
                if len(self._routes) >= MAX_ROUTES:
                    self._routes.clear()
                self._routes[topic] = route
        return route

    # -- QoS 0 in runs -----------------------------------------------------------------------------------------

    def publish_run(self, sender: Outgoing, run: PublishRun) -> None:
        """Send a run of QoS 0 packets on."""
        route = self._routes.get(run.topic)
        if route is None:
            route = self.route(run.topic)
        count = run.count
        form = sender.version == 5
        same = run.data
        other: bytes | None = None
        sent = 0
        for session in route.plain:
            connection = session.connection
            if connection is None:
                continue
            if connection.special:
                self._run_to(connection, run, ())
                continue
            if (connection.version == 5) is form:
                data = same
            else:
                if other is None:
                    other = run.encode(connection.version)
                data = other
            if connection.queued:
                connection.out.append(data)
            else:
                connection.queued = True
                self._broker.dirty.append(connection)
                connection.out.append(data)
            sent += count
        if sent:
            stats = self._broker.stats
            stats.publish_sent += sent
            stats.messages_sent += sent
            stats.publish_bytes_sent += sent * (run.size - run.offset)
        if route.special or route.groups:
            self._run_to_few(sender, run, route)

    def _run_to(self, connection: Outgoing, run: PublishRun, identifiers: tuple[int, ...]) -> None:
        for payload in run.payloads():
            connection.send_message(Delivery(Message(run.topic, payload), 0, False, identifiers), 0)

    def _run_to_few(self, sender: Outgoing, run: PublishRun, route: Route) -> None:
        for entry in route.special:
            form = entry.form(sender.session)
            connection = entry.session.connection
            if form is not None and connection is not None:
                self._run_to(connection, run, form[2])
        for group in route.groups:
            for payload in run.payloads():
                message = Message(run.topic, payload)
                chosen = self._choose(group, message)
                if chosen is not None:
                    self._to_member(chosen, group, message)

    # -- single messages ---------------------------------------------------------------------------------------

    def publish(self, message: Message, sender: Session | None) -> bool:
        """Send a message to all who get it.

        Args:
            message: with its QoS and RETAIN flag as published.
            sender: whose no-local subscriptions do not get it.

        Returns:
            Whether anybody is subscribed (for reason code 0x10, [MQTT 5.0 §3.4.2.1]).
        """
        route = self._routes.get(message.topic)
        if route is None:
            route = self.route(message.topic)
        qos = message.qos
        for (most, keep), sessions in route.forms.items():
            delivery = Delivery(message, qos if qos < most else most, message.retain and keep)
            if delivery.qos:
                for session in sessions:
                    self.deliver(session, delivery, len(sessions) > 1)
            else:
                for session in sessions:
                    if session.connection is not None:
                        session.connection.send_message(delivery, 0)
        for entry in route.special:
            form = entry.form(sender)
            if form is not None:
                most, keep, identifiers = form
                delivery = Delivery(message, min(qos, most), message.retain and keep, identifiers)
                self.deliver_any(entry.session, delivery)
        for group in route.groups:
            chosen = self._choose(group, message)
            if chosen is not None:
                self._to_member(chosen, group, message)
        return not route.empty

    def lasts(self, topic: bytes) -> bool:
        """Whether a QoS 1 or 2 message of a topic would have to be stored for somebody."""
        route = self.route(topic)
        return (
            any(session.persistent for session in route.plain)
            or any(entry.session.persistent for entry in route.special)
            or any(member.session.persistent for group in route.groups for member in group.members)
        )

    def _choose(self, group: SharedGroup, message: Message) -> Subscription | None:
        """Whose turn it is in a shared subscription: connected members first, then those that can keep it."""
        members = group.members
        count = len(members)
        start = group.turn
        may_read = self._broker.access.may_read
        kept: Subscription | None = None
        for step in range(count):
            index = (start + step) % count
            member = members[index]
            session = member.session
            connection = session.connection
            if connection is not None and not connection.blocked:
                if may_read(session.client_id, session.username, message.topic):
                    group.turn = index + 1
                    return member
            elif (
                kept is None
                and session.persistent
                and message.qos
                and member.qos
                and may_read(session.client_id, session.username, message.topic)
            ):
                kept = member
        return kept

    def _to_member(self, member: Subscription, group: SharedGroup, message: Message) -> None:
        if message.seq:
            # it may be stored for the same session already, by another subscription: this is one more
            message = message.copy()
        delivery = Delivery(
            message,
            min(message.qos, member.qos),
            message.retain and member.retain_as_published,
            (member.identifier,) if member.identifier else (),
            (group.name, group.filter),
        )
        self.deliver_any(member.session, delivery)

    def again(self, delivery: Delivery) -> None:
        """Give a message of a shared subscription to another member: the one that had it is gone ([MQTT-4.8.2-5])."""
        if delivery.group is None:
            return
        name, filter = delivery.group
        message = delivery.message
        for group in self.route(message.topic).groups:
            if group.name == name and group.filter == filter:
                chosen = self._choose(group, message)
                if chosen is not None:
                    self._to_member(chosen, group, message.copy())

    def deliver_any(self, session: Session, delivery: Delivery) -> None:
        """Send a message of any QoS to one session."""
        if delivery.qos:
            self.deliver(session, delivery, False)
        elif session.connection is not None:
            session.connection.send_message(delivery, 0)

    def deliver(self, session: Session, delivery: Delivery, shared: bool) -> None:
        """Send a QoS 1 or 2 message to one session, now or when its turn comes; store it if the session lasts.

        Args:
            session: who gets it.
            delivery: what.
            shared: whether other sessions get the same: a large payload is then stored once.
        """
        connection = session.connection
        broker = self._broker
        message = delivery.message
        large = len(message.payload) > LARGE
        if (
            connection is not None
            and connection.quota > 0
            and not session.queue_count
            and not connection.blocked
            and not (large and broker.is_crowded(session, message))
        ):
            packet_id = session.new_packet_id()
            if session.persistent:
                self._store(session, delivery, shared, packet_id, SENT)
            session.sent(packet_id, delivery)
            if large:
                broker.count_underway(session)
            connection.quota -= 1
            connection.send_message(delivery, packet_id)
            return
        limits = broker.limits
        if (
            session.queue_count >= limits.max_queued
            or session.queue_bytes + message.size > limits.max_queued_bytes
            or broker.queued_bytes + broker.underway_bytes + message.size > limits.max_queued_total
        ):
            session.dropped += 1
            broker.stats.publish_dropped += 1
            return
        if session.persistent:
            self._store(session, delivery, shared, None, WAITING)
        before = session.queue_bytes
        session.enqueue(delivery)
        broker.queued_bytes += session.queue_bytes - before

    def _store(self, session: Session, delivery: Delivery, shared: bool, packet_id: int | None, state: int) -> None:
        broker = self._broker
        message = delivery.message
        if not message.seq:
            broker.seq += 1
            message.seq = broker.seq
        payload: bytes | None = message.payload
        batch = broker.batch
        if shared and len(message.payload) > INLINE:
            batch.bodies[message.seq] = message.payload
            broker.bodies[message.seq] = broker.bodies.get(message.seq, 0) + 1
            payload = None
        seq = message.seq
        batch.queue[session.key, seq] = (
            session.key,
            seq,
            packet_id,
            state,
            delivery.qos | delivery.retain << 2,
            message.topic,
            message.passed,
            message.expires_at,
            ",".join(map(str, delivery.identifiers)) if delivery.identifiers else "",
            f"{delivery.group[0]}/{delivery.group[1].decode()}" if delivery.group else "",
            payload,
        )
        batch.dirty = True
        delivery.stored = True
        broker.writes += 1
