"""What can go wrong between a client and its server, beside the errors of sockets."""

from __future__ import annotations

from collections.abc import Sequence

from ..codec import Reason

__all__ = ["Disconnected", "MqttError", "Refused", "Rejected"]


class MqttError(Exception):
    """Something that a server said or did. ``reason`` is its reason code, None if it gave none."""

    reason: Reason | None

    def __init__(self, message: str, reason: Reason | None = None) -> None:
        super().__init__(message)
        self.reason = reason


class Refused(MqttError):
    """The server did not accept the connection (CONNACK with an error).

    Args:
        reason: why.
        text: its reason string.
        server_reference: where it wants the client to go.
    """

    def __init__(self, reason: Reason, text: str = "", server_reference: str | None = None) -> None:
        message = f"the server refused the connection: {reason.name}"
        if text:
            message += f" ({text})"
        if server_reference:
            message += f"; it names {server_reference}"
        super().__init__(message, reason)
        self.server_reference = server_reference


class Disconnected(MqttError):
    """The connection ended and it was not this client that ended it."""


class Rejected(MqttError):
    """The server did not take a message or a subscription.

    Args:
        what: what was asked for.
        reasons: an answer for each part of it; the first one that is an error is ``reason``.
        text: its reason string.
    """

    def __init__(self, what: str, reasons: Sequence[Reason], text: str = "") -> None:
        reason = next(reason for reason in reasons if reason >= 0x80)
        super().__init__(f"the server rejected {what}: {reason.name}{f' ({text})' if text else ''}", reason)
        self.reasons = tuple(reasons)
