"""What happens in a client session; beside these, the codec's Connack, Suback, Unsuback and Disconnect. Sans-IO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..codec import Connack, Disconnect, Reason, Suback, Unsuback
from .message import Message

__all__ = ["Acknowledged", "Event", "Lost", "Received"]


@dataclass(frozen=True, slots=True)
class Received:
    """A message came. With QoS 1 or 2 the server keeps it until ``acknowledge`` is called with this event."""

    message: Message
    packet_id: int = 0
    """0 with QoS 0."""
    connection: int = 0
    """Number of the connection that brought it."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A QoS 1 or 2 message of ours is done with."""

    packet_id: int
    reason: Reason = Reason.SUCCESS
    """0x80 and above: it was refused."""
    text: str = ""
    """The server's reason string."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is over; the session may go on."""

    text: str
    """Why."""
    reason: Reason | None = None
    """The reason code that was told or sent, if there was one."""


Event: TypeAlias = Received | Acknowledged | Lost | Connack | Suback | Unsuback | Disconnect
