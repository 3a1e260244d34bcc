"""From topics of one broker to topics of the other. Sans-IO."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..topics import filter_matches
from .settings import BridgeTopic

__all__ = ["TopicMap"]

#: answers that are remembered, each way
REMEMBERED = 10_000


class _Way:
    """One direction: filters of the side that messages come from, and what becomes of their topics."""

    __slots__ = ("_known", "_rules", "filters")

    def __init__(
        self,
        topics: Sequence[BridgeTopic],
        source: Callable[[BridgeTopic], tuple[str, str]],
        target: Callable[[BridgeTopic], str],
    ) -> None:
        #: what to subscribe to: filter, QoS
        self.filters: dict[str, int] = {}
        self._rules: list[tuple[bytes, int, bytes, bool]] = []
        self._known: dict[bytes, bytes | None] = {}
        for topic in topics:
            filter, prefix = source(topic)
            self.filters[filter] = max(topic.qos, self.filters.get(filter, 0))
            whole = not topic.pattern
            self._rules.append((filter.encode(), len(prefix.encode()), target(topic).encode(), whole))

    def find(self, topic: bytes) -> bytes | None:
        """The topic on the other side, by the first rule that fits; None without one."""
        if topic in self._known:
            return self._known[topic]
        found = None
        for filter, cut, prefix, whole in self._rules:
            if filter_matches(filter, topic):
                found = prefix if whole else prefix + topic[cut:]
                break
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[topic] = found
        return found


class TopicMap:
    """The topics of one bridge.

    Args:
        topics: its rules, in their order.
    """

    __slots__ = ("_in", "_out", "local_filters", "remote_filters")

    def __init__(self, topics: Sequence[BridgeTopic]) -> None:
        outward = [topic for topic in topics if topic.direction != "in"]
        inward = [topic for topic in topics if topic.direction != "out"]
        self._out = _Way(outward, lambda topic: (topic.local, topic.local_prefix), lambda topic: topic.remote_prefix)
        self._in = _Way(inward, lambda topic: (topic.remote, topic.remote_prefix), lambda topic: topic.local_prefix)
        #: what to subscribe to here: filter, QoS
        self.local_filters = self._out.filters
        #: what to subscribe to there: filter, QoS
        self.remote_filters = self._in.filters

    def outward(self, topic: bytes) -> bytes | None:
        """The topic there of a message from here; None = it is not carried over."""
        return self._out.find(topic)

    def inward(self, topic: bytes) -> bytes | None:
        """The topic here of a message from there; None = it is not carried over."""
        return self._in.find(topic)
