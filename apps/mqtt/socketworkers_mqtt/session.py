"""Session State of a client (MQTT 5.0 §4.1, MQTT 3.1.1 §4.1): what may outlive its network connection.

Subscriptions, messages under way (QoS 1 and 2, both directions), and messages that wait. A session that lasts has a row
for each of its messages in the store; of a long queue only the first messages are in memory.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from .message import Delivery

if TYPE_CHECKING:
    from .outgoing import Outgoing
    from .topics import Subscription

__all__ = ["NEVER", "Session"]

#: Session Expiry Interval of a session that does not expire (MQTT 5.0 §3.1.2.11.2)
NEVER = 0xFFFFFFFF
#: bytes of a payload from which on it counts what is under way to a client, besides how many messages
LARGE = 64 * 1024
#: messages of a queue that are kept in memory; of a session that lasts the rest is read when its turn comes
IN_MEMORY = 256


class Session:
    """See the module. Hashed by identity: it is a key in the tree of filters."""

    __slots__ = (
        "__weakref__",
        "_next_id",
        "client_id",
        "connection",
        "dropped",
        "expiry",
        "incoming",
        "inflight",
        "key",
        "lost_at",
        "persistent",
        "queue",
        "queue_bytes",
        "queue_count",
        "released",
        "spilled",
        "subscription_bytes",
        "subscriptions",
        "underway_bytes",
        "username",
        "version",
    )

    def __init__(self, client_id: str, version: int, key: int = 0) -> None:
        self.client_id = client_id
        self.version = version
        #: its number in the store; 0 = it has none
        self.key = key
        #: the connection that it is attached to now
        self.connection: Outgoing | None = None
        #: Session Expiry Interval in seconds
        self.expiry = 0
        #: whether it outlives its connection, and so is stored
        self.persistent = False
        self.username = ""
        #: when its connection was lost, in seconds since the epoch; 0 while connected
        self.lost_at = 0.0
        self.subscriptions: dict[str, Subscription] | None = None
        #: what they take, about
        self.subscription_bytes = 0
        #: sent to the client and not acknowledged, by packet identifier, in the order of sending
        self.inflight: dict[int, Delivery] | None = None
        #: bytes of the large ones of these
        self.underway_bytes = 0
        #: of these, packet identifiers of QoS 2 messages for which PUBREC came (PUBREL was sent)
        self.released: set[int] | None = None
        #: packet identifiers of QoS 2 messages that came and are not released
        self.incoming: set[int] | None = None
        #: waiting for their turn
        self.queue: deque[Delivery] | None = None
        self.queue_count = 0
        self.queue_bytes = 0
        #: the first message that waits in the store and not in ``queue`` (its ``seq``); 0 = none
        self.spilled = 0
        self.dropped = 0
        self._next_id = 0

    def __repr__(self) -> str:
        return f"<Session {self.client_id!r} {'connected' if self.connection else 'away'}>"

    @property
    def expires_at(self) -> float | None:
        """When it ends if the client stays away; None while it is connected, and for those that do not end."""
        if self.connection is not None or self.expiry == NEVER:
            return None
        return self.lost_at + self.expiry

    def new_packet_id(self) -> int:
        """A packet identifier that is not in use ([MQTT-2.2.1-3]; MQTT 3.1.1 [MQTT-2.3.1-2]).

        There always is one: what is in flight is bounded far below 65,535.
        """
        number = self._next_id
        inflight = self.inflight
        while True:
            number = number + 1 if number < 65535 else 1
            if not inflight or number not in inflight:
                self._next_id = number
                return number

    def sent(self, packet_id: int, delivery: Delivery) -> None:
        """A message is under way with this identifier."""
        if self.inflight is None:
            self.inflight = {}
        self.inflight[packet_id] = delivery

    def enqueue(self, delivery: Delivery) -> None:
        """Let a message wait for its turn."""
        self.queue_count += 1
        self.queue_bytes += delivery.message.size
        if self.spilled:
            return
        queue = self.queue
        if queue is None:
            queue = self.queue = deque()
        if self.persistent and delivery.stored and len(queue) >= IN_MEMORY:
            self.spilled = delivery.message.seq
            return
        queue.append(delivery)

    def dequeue(self) -> Delivery | None:
        """The message whose turn it is, if one is in memory."""
        queue = self.queue
        if not queue:
            return None
        delivery = queue.popleft()
        if not queue:
            self.queue = None
        self.queue_count -= 1
        self.queue_bytes -= delivery.message.size
        return delivery

    def unqueue(self, seq: int, size: int) -> None:
        """A message that was put at the end of the queue is not to wait after all."""
        self.queue_count -= 1
        self.queue_bytes -= size
        queue = self.queue
        if queue is not None:
            self.queue = deque(each for each in queue if each.message.seq != seq) or None

    def forget_queue(self) -> None:
        """Nothing waits any more."""
        self.queue = None
        self.queue_count = self.queue_bytes = self.spilled = 0

    def load(self, deliveries: list[Delivery], *, more: bool) -> None:
        """More of a long queue, in its order, was read from the store.

        Args:
            deliveries: they were counted when they came.
            more: whether there may be others behind them.
        """
        if deliveries:
            self.queue = deque(deliveries)
        self.spilled = deliveries[-1].message.seq + 1 if more else 0
        if not deliveries:
            self.queue_count = self.queue_bytes = 0
