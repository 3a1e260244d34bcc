"""Counters of a broker: plain integers that the hot path adds to; ``$SYS`` and the metrics read them."""

from __future__ import annotations

__all__ = ["Stats"]


class Stats:
    """Totals since the start."""

    __slots__ = (
        "bytes_received",
        "bytes_sent",
        "connections_maximum",
        "connections_total",
        "expired",
        "messages_received",
        "messages_sent",
        "publish_bytes_received",
        "publish_bytes_sent",
        "publish_dropped",
        "publish_received",
        "publish_refused",
        "publish_sent",
        "takeovers",
    )

    def __init__(self) -> None:
        #: control packets of any type
        self.messages_received = 0
        self.messages_sent = 0
        self.bytes_received = 0
        self.bytes_sent = 0
        self.publish_received = 0
        self.publish_sent = 0
        self.publish_bytes_received = 0
        self.publish_bytes_sent = 0
        #: not delivered: a queue was full, a subscriber did not read
        self.publish_dropped = 0
        #: not taken: no permission, no room on the disk
        self.publish_refused = 0
        #: sessions that ended because their client stayed away
        self.expired = 0
        self.connections_total = 0
        self.connections_maximum = 0
        self.takeovers = 0
