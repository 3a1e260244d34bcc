"""The one error of the PostgreSQL codec. Sans-IO; raised by the parsers, kept by the decoder as its fault."""

from __future__ import annotations

from socketworkers.errors import ProtocolError

__all__ = ["MalformedMessage"]

PROTOCOL_VIOLATION = "08P01"  # PostgreSQL documentation, appendix A


class MalformedMessage(ProtocolError):
    """The peer's message is malformed: "Message Formats" of the PostgreSQL documentation.

    Args:
        message: what is wrong, for the log and for the ErrorResponse; in PostgreSQL's words where it has some.
        sqlstate: SQLSTATE of that ErrorResponse.
        silent: whether the connection ends without a word, because the peer does not speak this protocol.
    """

    def __init__(self, message: str, sqlstate: str = PROTOCOL_VIOLATION, *, silent: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.sqlstate = sqlstate
        self.silent = silent
