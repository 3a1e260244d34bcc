"""An application message, and the forms in which it goes to subscribers.

A message is encoded once per (protocol form, QoS, flags) and sent to many: only the packet identifier differs.
"""

from __future__ import annotations

from .codec import publish_parts

__all__ = ["Delivery", "Message"]


class Message:
    """One application message (MQTT 5.0 §1.2). Immutable once it is routed; shared by all who get it."""

    __slots__ = ("expires_at", "passed", "payload", "qos", "retain", "seq", "topic")

    def __init__(
        self,
        topic: bytes,
        payload: bytes,
        qos: int = 0,
        retain: bool = False,
        *,
        passed: bytes = b"",
        expires_at: float | None = None,
        seq: int = 0,
    ) -> None:
        self.topic = topic
        self.payload = payload
        self.qos = qos
        #: the RETAIN flag as it was published
        self.retain = retain
        #: the properties that subscribers get unchanged, encoded ([MQTT-3.3.2-4] and its kin)
        self.passed = passed
        #: seconds since the epoch at which it is worth nothing any more (§3.3.2.3.3)
        self.expires_at = expires_at
        #: its place in the order of all messages; 0 until it is queued
        self.seq = seq

    def copy(self) -> Message:
        """The same for somebody else to queue."""
        return Message(self.topic, self.payload, self.qos, self.retain, passed=self.passed, expires_at=self.expires_at)

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        return len(self.topic) + len(self.payload) + len(self.passed)


class Delivery:
    """A message on its way to sessions that all get it in the same form."""

    __slots__ = ("_parts", "group", "identifiers", "message", "qos", "retain", "stored")

    def __init__(
        self,
        message: Message,
        qos: int,
        retain: bool = False,
        identifiers: tuple[int, ...] = (),
        group: tuple[str, bytes] | None = None,
    ) -> None:
        self.message = message
        self.qos = qos
        #: the RETAIN flag as it is sent
        self.retain = retain
        #: Subscription Identifiers of the subscriptions that matched ([MQTT-3.3.4-3])
        self.identifiers = identifiers
        #: ShareName and filter of the shared subscription that chose the session; None for ordinary ones
        self.group = group
        #: whether sessions that last have a row of it
        self.stored = False
        self._parts: list[tuple[bytes, bytes] | None] = [None, None]

    def parts(self, version: int, now: float) -> tuple[bytes, bytes]:
        """The packet before and after its packet identifier.

        Args:
            version: the protocol level of the receiver.
            now: seconds since the epoch: what is left of the expiry interval is sent ([MQTT-3.3.2-6]).
        """
        message = self.message
        form = version == 5
        found = self._parts[form]
        if found is None:
            expiry = None
            if form and message.expires_at is not None:
                expiry = max(0, int(message.expires_at - now + 0.999))
            found = publish_parts(
                version,
                message.topic,
                message.payload,
                qos=self.qos,
                retain=self.retain,
                expiry=expiry,
                passed=message.passed if form else b"",
                subscription_ids=self.identifiers if form else (),
            )
            if expiry is None:
                self._parts[form] = found
        return found
