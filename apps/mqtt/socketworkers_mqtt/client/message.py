"""``Message``: an application message as a person sends or gets it. Sans-IO."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..codec import Publish, Will, WillProperties, encode_passed

__all__ = ["Message"]


@dataclass(frozen=True, slots=True)
class Message:
    """One application message (MQTT 5.0 §1.2). Everything behind ``retain`` is of 5.0 only."""

    topic: str
    """Topic name."""
    payload: bytes = b""
    """Content."""
    qos: int = 0
    """0, 1 or 2."""
    retain: bool = False
    """RETAIN flag (§3.3.1.3)."""
    expiry: int | None = None
    """Message Expiry Interval in seconds; of one that came, what is left of it (§3.3.2.3.3)."""
    content_type: str | None = None
    """Content Type (§3.3.2.3.9)."""
    response_topic: str | None = None
    """Where an answer is wanted (§3.3.2.3.5)."""
    correlation_data: bytes | None = None
    """What an answer has to repeat (§3.3.2.3.6)."""
    payload_format: int | None = None
    """1 = the payload is UTF-8 (§3.3.2.3.2)."""
    user_properties: tuple[tuple[str, str], ...] = ()
    """User Properties in their order (§3.3.2.3.7)."""
    subscription_ids: tuple[int, ...] = ()
    """Identifiers of the subscriptions that brought it (§3.3.2.3.8)."""
    dup: bool = False
    """Whether it may have come before (§3.3.1.1)."""
    client_id: str = field(default="", compare=False)
    """Who published it, where that is known (a broker for tests knows); no packet says so."""

    @property
    def text(self) -> str:
        """The payload as UTF-8; what is none shows as U+FFFD."""
        return self.payload.decode("utf-8", "replace")

    def json(self) -> Any:
        """The payload, read as JSON.

        Raises:
            ValueError: it is none.
        """
        import json

        return json.loads(self.payload)

    @property
    def passed(self) -> bytes:
        """The properties that brokers pass on, encoded.

        Raises:
            ValueError: one that cannot be encoded.
        """
        return encode_passed(
            payload_format=self.payload_format,
            content_type=self.content_type,
            response_topic=self.response_topic,
            correlation_data=self.correlation_data,
            user_properties=self.user_properties,
        )

    def will(self, delay: int = 0) -> Will:
        """This message as a will (§3.1.2.5).

        Args:
            delay: Will Delay Interval in seconds (§3.1.3.2.2).

        Raises:
            ValueError: a property that cannot be encoded.
        """
        properties = WillProperties(delay, self.expiry, self.passed, self.payload_format)
        return Will(self.topic, self.payload, self.qos, self.retain, properties)

    @classmethod
    def of(cls, packet: Publish, topic: bytes) -> Message:
        """The message of a PUBLISH.

        Args:
            packet: it was checked when it was decoded.
            topic: its topic, also if the packet has only an alias.
        """
        properties = packet.properties
        if properties is None:
            return cls(topic.decode(), packet.payload, packet.qos, packet.retain, dup=packet.dup)
        return cls(
            topic.decode(),
            packet.payload,
            packet.qos,
            packet.retain,
            properties.expiry,
            properties.content_type,
            properties.response_topic,
            properties.correlation_data,
            properties.payload_format,
            properties.user_properties,
            properties.subscription_ids,
            packet.dup,
        )
