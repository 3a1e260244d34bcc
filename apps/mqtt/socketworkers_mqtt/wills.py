"""Wills: what is published for a client that was lost (MQTT 5.0 §3.1.2.5, §3.1.3.2.2; MQTT 3.1.1 §3.1.2.5).

A will is stored with its connection, so that a client that is lost together with the server still has one: after a
restart it is published unless the client comes back within the time in which its silence would have been noticed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .codec import Will
from .message import Message
from .store import WillRow

if TYPE_CHECKING:
    from .broker import Broker
    from .outgoing import Outgoing

__all__ = ["Wills"]

#: seconds that a client without keep alive has to come back after a restart of the server
PATIENCE = 60.0


class Wills:
    """The wills of one broker."""

    __slots__ = ("_broker", "_waiting")

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        #: delayed ones by client identifier: due, row
        self._waiting: dict[str, tuple[float, WillRow]] = {}

    def load(self, rows: list[WillRow]) -> None:
        """Wills of clients that were connected, or lost, when the server ended."""
        for row in rows:
            client_id, due, delay, patience = row[0], row[8], row[6], row[7]
            at = due if due is not None else self._broker.now + patience + delay
            self._waiting[client_id] = (at, row)
            self._broker.timers.add(at, client_id)

    def keep(self, connection: Outgoing) -> None:
        """Store the will of a new connection."""
        will = connection.will
        assert will is not None
        self._put(_row(connection, will, None))
        connection.will_kept = True

    def forget(self, client_id: str) -> None:
        """The client disconnected in order ([MQTT-3.14.4-3])."""
        self._broker.batch.wills[client_id] = None
        self._broker.batch.dirty = True

    def lost(self, connection: Outgoing, will: Will, delay: int) -> None:
        """A connection was lost; its will is published now or after its delay ([MQTT-3.1.3-9])."""
        broker = self._broker
        row = _row(connection, will, broker.now + delay if delay else None)
        connection.will = None
        connection.will_kept = False
        if delay:
            at = broker.now + delay
            self._waiting[connection.client_id] = (at, row)
            self._put(row)
            broker.timers.add(at, connection.client_id)
        else:
            self.forget(connection.client_id)
            self._publish(row)

    def cancel(self, client_id: str) -> None:
        """The client is back: a will that waits is not published ([MQTT-3.1.3-9])."""
        if self._waiting.pop(client_id, None) is not None:
            self.forget(client_id)

    def session_ended(self, client_id: str) -> None:
        """A will does not wait longer than its session lasts ([MQTT-3.1.2-8])."""
        found = self._waiting.pop(client_id, None)
        if found is not None:
            self.forget(client_id)
            self._publish(found[1])

    def due(self, client_id: str) -> None:
        """The time may have come."""
        found = self._waiting.get(client_id)
        if found is None:
            return
        if found[0] <= self._broker.now:
            self.session_ended(client_id)
        else:
            self._broker.timers.add(found[0], client_id)

    def _put(self, row: WillRow) -> None:
        broker = self._broker
        broker.batch.wills[row[0]] = row
        broker.batch.dirty = True
        broker.writes += 1

    def _publish(self, row: WillRow) -> None:
        client_id, topic, payload, flags, passed, expiry, _, _, _, username = row
        broker = self._broker
        if not broker.access.may_write(client_id, username, topic):
            broker.stats.publish_refused += 1  # what was allowed at CONNECT may not be allowed any more (M3)
            return
        expires_at = broker.now + expiry if expiry is not None else None
        broker.publish(Message(topic, payload, flags & 3, bool(flags & 4), passed=passed, expires_at=expires_at))


def _row(connection: Outgoing, will: Will, due: float | None) -> WillRow:
    properties = will.properties
    return (
        connection.client_id,
        will.topic.encode(),
        will.payload,
        will.qos | will.retain << 2,
        properties.passed,
        properties.expiry,
        properties.will_delay,
        connection.keep_alive * 1.5 or PATIENCE,
        due,
        connection.username,
    )
