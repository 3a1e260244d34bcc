"""Retained messages (MQTT 5.0 §3.3.1.3): the last word of each topic, kept on disk and read when somebody asks.

They are not in memory: half a million of them cost nothing while nobody subscribes. A subscription that matches many is
served page by page, as fast as its client reads.
"""

from __future__ import annotations

from collections import deque
from itertools import takewhile
from typing import TYPE_CHECKING

from .message import Delivery, Message
from .store import RetainedRow
from .topics import Subscription, filter_matches, is_bridge_state, is_wildcard

if TYPE_CHECKING:
    from .broker import Broker
    from .session import Session

__all__ = ["Retained"]

#: rows that are looked at for one subscription in one turn of the loop
PAGE = 128
#: bytes of payload after which a page ends early
PAGE_BYTES = 1024 * 1024
#: payloads of more bytes are read one by one
LARGE = 16 * 1024
#: pages in one turn for all subscriptions: nobody keeps the loop busy with a thousand filters (R3)
PAGES = 12
#: expired ones that are removed at a time
SWEEP = 500
#: other brokers' bridges whose state is kept, and bytes of it: it is in memory
MOST_STATES, STATE_SIZE = 1000, 64
#: messages of a session's queue beyond which no more retained ones are added
CROWDED = 256


def _literal(filter: bytes) -> bytes:
    """What all topics begin with that a filter matches (``a/#`` matches ``a`` as well)."""
    levels = filter.split(b"/")
    return b"/".join(takewhile(lambda level: level not in (b"+", b"#"), levels))


class _Scan:
    """A subscription that is being served."""

    __slots__ = ("after", "prefix", "subscription")

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.prefix = _literal(subscription.filter)
        self.after: bytes | None = None


class Retained:
    """The retained messages of one broker."""

    __slots__ = ("_broker", "_left", "_next_sweep", "_scans", "_waiting", "count", "system")

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._scans: deque[_Scan] = deque()
        #: scans whose client does not keep up
        self._waiting: dict[Session, list[_Scan]] = {}
        #: pages that may be served before the turn ends
        self._left = PAGES
        self._next_sweep = 0.0
        self.count = 0
        #: the server's own topics ($SYS), in memory
        self.system: dict[bytes, Message] = {}

    def has_room(self, topic: bytes, payload: bytes) -> bool:
        """Whether a message can be kept: there are not too many, or it takes the place of another."""
        if topic.startswith(b"$SYS/"):
            known = topic in self.system or sum(map(is_bridge_state, self.system)) < MOST_STATES
            return known and len(payload) <= STATE_SIZE
        return not payload or self.count < self._broker.limits.max_retained or self._find(topic) is not None

    def put(self, message: Message) -> None:
        """Keep a message as its topic's last word; one without payload takes it away ([MQTT-3.3.1-6])."""
        broker = self._broker
        topic = message.topic
        if topic.startswith(b"$SYS/"):
            if not message.payload:
                self.system.pop(topic, None)
            elif not is_bridge_state(topic) or self.has_room(topic, message.payload):
                self.system[topic] = message
            return
        if not message.payload:
            broker.batch.retained[topic] = None
        elif not self.has_room(topic, message.payload):
            return  # of a will: nobody can be told
        else:
            broker.batch.retained[topic] = (
                topic, message.payload, message.qos, message.passed, message.expires_at,
            )  # fmt: skip
        broker.batch.dirty = True
        broker.writes += 1

    def _find(self, topic: bytes) -> RetainedRow | None:
        batch = self._broker.batch.retained
        if topic in batch:
            return batch[topic]
        return self._broker.store.retained(topic, self._broker.now)

    def send(self, subscription: Subscription) -> None:
        """Send what a new subscription matches ([MQTT-3.3.1-9])."""
        filter = subscription.filter
        if filter.startswith(b"$SYS"):
            for topic, message in list(self.system.items()):
                if filter_matches(filter, topic):
                    self._deliver(subscription, message)
            return
        if not is_wildcard(filter):
            row = self._find(filter)
            if row is not None:
                self._deliver(subscription, _message(row))
        elif self.count or self._broker.batch.retained:
            scan = _Scan(subscription)
            if self._left <= 0 or self._scans:
                self._scans.append(scan)
                return
            self._broker.write()
            self._left -= 1
            if self._page(scan):
                self._scans.append(scan)

    def _deliver(self, subscription: Subscription, message: Message) -> None:
        session = subscription.session
        broker = self._broker
        if not broker.access.may_read(session.client_id, session.username, message.topic):
            return
        if message.expires_at is not None and message.expires_at <= broker.now:
            return
        identifiers = (subscription.identifier,) if subscription.identifier else ()
        delivery = Delivery(message, min(message.qos, subscription.qos), True, identifiers)
        broker.router.deliver_any(session, delivery)

    # -- many at a time ----------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether ``step`` has more to do in the next turn."""
        return bool(self._scans)

    def step(self) -> None:
        """Serve subscriptions that wait with one page each, as many as one turn allows."""
        self._left = PAGES
        if not self._scans:
            return
        self._broker.write()
        for _ in range(min(PAGES, len(self._scans))):
            scan = self._scans.popleft()
            if self._page(scan):
                self._scans.append(scan)

    def _page(self, scan: _Scan) -> bool:
        """Send one page; whether the scan goes on in the next turn."""
        broker = self._broker
        subscription = scan.subscription
        session = subscription.session
        connection = session.connection
        current = (session.subscriptions or {}).get(subscription.full_filter)
        if connection is None or connection.closing or current is not subscription:
            return False
        if connection.blocked or session.queue_count > CROWDED:
            self._waiting.setdefault(session, []).append(scan)
            return False
        rows = broker.store.retained_heads(scan.prefix, scan.after, PAGE, broker.now, LARGE)
        size = 0
        for topic, payload, qos, passed, expires_at in rows:
            scan.after = topic
            if not filter_matches(subscription.filter, topic):
                continue
            row = (
                (topic, payload, qos, passed, expires_at)
                if payload is not None
                else broker.store.retained(topic, broker.now)
            )
            if row is None:
                continue
            self._deliver(subscription, _message(row))
            size += len(row[1])
            if size > PAGE_BYTES:
                return True
        return len(rows) == PAGE

    def room(self, session: Session) -> None:
        """A client reads again, or has acknowledged what waited."""
        if self._waiting and (scans := self._waiting.pop(session, None)) is not None:
            self._scans.extend(scans)

    def forget(self, session: Session) -> None:
        """A session is without its connection: nothing more is sent."""
        self._waiting.pop(session, None)

    def expire(self) -> None:
        """Remove what is worth nothing any more (§3.3.2.3.3), a bounded number at a time."""
        broker = self._broker
        if broker.now < self._next_sweep:
            return
        self._next_sweep = broker.now + 10.0
        for topic in broker.store.expired_retained(broker.now, SWEEP):
            broker.batch.retained.setdefault(topic, None)
            broker.batch.dirty = True

    # -- for people --------------------------------------------------------------------------------------------

    def page(self, filter: bytes, after: bytes | None, limit: int) -> tuple[list[RetainedRow], bytes | None]:
        """Retained messages that match a filter.

        Returns:
            Some of them in the order of their topics, and where to go on; None at the end.
        """
        self._broker.write()
        rows = self._broker.store.retained_page(_literal(filter), after, limit, self._broker.now)
        return (
            [row for row in rows if filter_matches(filter, row[0])],
            rows[-1][0] if len(rows) == limit else None,
        )


def _message(row: RetainedRow) -> Message:
    topic, payload, qos, passed, expires_at = row
    return Message(topic, payload, qos, True, passed=passed, expires_at=expires_at)
