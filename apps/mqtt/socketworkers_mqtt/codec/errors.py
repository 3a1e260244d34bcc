"""The one error of the MQTT codec. Sans-IO; raised by the parsers, kept by the decoder as its fault."""

from __future__ import annotations

from socketworkers.errors import ProtocolError

from .reasons import Reason

__all__ = ["MalformedPacket"]


class MalformedPacket(ProtocolError):
    """The peer's packet is malformed, or breaks a rule that needs no session to see: 5.0 §4.13.

    Args:
        message: what is wrong, for the log and the reason string.
        reason: the reason code of the DISCONNECT or CONNACK that says so.
    """

    def __init__(self, message: str, reason: Reason = Reason.MALFORMED_PACKET) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
