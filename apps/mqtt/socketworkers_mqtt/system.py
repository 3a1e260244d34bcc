"""``$SYS``: what the broker tells of itself, by the names that Mosquitto's users know (mosquitto(8), Broker Status)."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata

from .broker import Broker
from .message import Message

__all__ = ["SystemTopics"]

#: minutes over which ``$SYS/broker/load`` averages
WINDOWS = (1, 5, 15)
#: load topic: counter
_LOADS = {
    "messages/received": "messages_received",
    "messages/sent": "messages_sent",
    "publish/received": "publish_received",
    "publish/sent": "publish_sent",
    "publish/dropped": "publish_dropped",
    "bytes/received": "bytes_received",
    "bytes/sent": "bytes_sent",
    "connections": "connections_total",
}


class SystemTopics:
    """Publishes the counters of one broker; what has not changed is not published again."""

    def __init__(self, broker: Broker, now: float) -> None:
        self._broker = broker
        self._started = now
        self._last: dict[str, str] = {}
        self._seen = dict.fromkeys(_LOADS.values(), 0)
        self._seen_at = now
        self._load: dict[tuple[str, int], float] = {}

    def publish(self, now: float) -> None:
        """Bring all topics up to date.

        Args:
            now: seconds since the epoch.
        """
        for name, value in self._values(now):
            if self._last.get(name) != value:
                self._last[name] = value
                self._broker.publish(Message(f"$SYS/broker/{name}".encode(), value.encode(), 0, True))

    def _values(self, now: float) -> Iterator[tuple[str, str]]:
        broker = self._broker
        stats = broker.stats
        yield "version", f"socketworkers version {metadata.version('socketworkers')}"
        yield "uptime", f"{int(now - self._started)} seconds"
        total = len(broker.sessions)
        away = total - broker.connected
        yield "clients/total", str(total)
        yield "clients/connected", str(broker.connected)
        yield "clients/active", str(broker.connected)
        yield "clients/disconnected", str(away)
        yield "clients/inactive", str(away)
        yield "clients/maximum", str(stats.connections_maximum)
        yield "clients/expired", str(stats.expired)
        yield "messages/received", str(stats.messages_received)
        yield "messages/sent", str(stats.messages_sent)
        waiting = sum(session.queue_count for session in broker.sessions.values())
        retained = broker.retained.count
        yield "messages/stored", str(waiting + retained)
        yield "store/messages/count", str(waiting + retained)
        yield "store/messages/bytes", str(broker.queued_bytes)
        yield "retained messages/count", str(retained + len(broker.retained.system))
        yield "subscriptions/count", str(broker.router.tree.count)
        yield "shared_subscriptions/count", str(broker.router.tree.shared_count)
        yield "publish/messages/received", str(stats.publish_received)
        yield "publish/messages/sent", str(stats.publish_sent)
        yield "publish/messages/dropped", str(stats.publish_dropped)
        yield "publish/bytes/received", str(stats.publish_bytes_received)
        yield "publish/bytes/sent", str(stats.publish_bytes_sent)
        yield "bytes/received", str(stats.bytes_received)
        yield "bytes/sent", str(stats.bytes_sent)
        yield from self._loads(now)

    def _loads(self, now: float) -> Iterator[tuple[str, str]]:
        """Events per minute, averaged exponentially."""
        passed = now - self._seen_at
        if passed <= 0:
            return
        self._seen_at = now
        for name, counter in _LOADS.items():
            value = getattr(self._broker.stats, counter)
            rate = (value - self._seen[counter]) * 60.0 / passed
            self._seen[counter] = value
            for window in WINDOWS:
                before = self._load.get((name, window), 0.0)
                part = min(1.0, passed / (60.0 * window))
                average = self._load[name, window] = before + (rate - before) * part
                yield f"load/{name}/{window}min", f"{average:.2f}"
