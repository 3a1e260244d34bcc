"""The state machine of a session: which message may come in which state, and the section that says so.

`ROWS` is the whole machine; `ALLOWED` is made from it. A pair that is not in the table is answered from one place,
`refusal`. Sections are those of "Message Flow" in the chapter "Frontend/Backend Protocol" of the PostgreSQL
documentation (protocol-flow).
"""

from __future__ import annotations

import enum
from typing import Final

from ..codec import (
    Bind,
    CancelRequest,
    Close,
    CopyData,
    CopyDone,
    CopyFail,
    Describe,
    Execute,
    Flush,
    FrontendType,
    FunctionCall,
    GSSENCRequest,
    Malformed,
    Parse,
    PasswordMessage,
    Query,
    Report,
    SSLRequest,
    StartupMessage,
    Sync,
    Terminate,
)
from .errors import SYNC_LOST, error, fatal

__all__ = ["ALLOWED", "ROWS", "State", "refusal"]


class State(enum.Enum):
    """Where a session is."""

    __hash__ = object.__hash__  # each is there once; Enum's own is written in Python

    STARTUP = "startup"
    """A startup packet is expected."""
    TLS = "tls"
    """``S`` was sent; nothing may come but the handshake."""
    LOGIN = "login"
    """The client has to prove who it is."""
    STARTING = "starting"
    """AuthenticationOk was sent; the database is being opened."""
    READY = "ready"
    """ReadyForQuery was sent."""
    PIPELINE = "pipeline"
    """Messages of the extended query protocol came, and no Sync yet."""
    SKIPPING = "skipping"
    """One of them failed: everything up to Sync is thrown away."""
    COPY_IN = "copy in"
    """CopyInResponse was sent."""
    CLOSED = "closed"
    """It is over."""


_QUERY: Final = (State.READY, State.PIPELINE)
_EXTENDED: Final = "Extended Query"

ROWS: Final[tuple[tuple[type[object], tuple[State, ...], str, str], ...]] = (
    # message, states it is allowed in, what is done, where that is said
    (SSLRequest, (State.STARTUP,), "ssl", "SSL Session Encryption"),
    (GSSENCRequest, (State.STARTUP,), "gssenc", "GSSAPI Session Encryption"),
    (CancelRequest, (State.STARTUP,), "cancel", "Canceling Requests in Progress"),
    (StartupMessage, (State.STARTUP,), "startup", "Start-up"),
    (PasswordMessage, (State.LOGIN,), "password", "Start-up; SASL Authentication"),
    (Query, _QUERY, "query", "Simple Query"),
    (FunctionCall, _QUERY, "function_call", "Function Call"),
    (Parse, _QUERY, "parse", _EXTENDED),
    (Bind, _QUERY, "bind", _EXTENDED),
    (Describe, _QUERY, "describe", _EXTENDED),
    (Execute, _QUERY, "execute", _EXTENDED),
    (Close, _QUERY, "close", _EXTENDED),
    (Flush, _QUERY, "flush", _EXTENDED),
    (Sync, (*_QUERY, State.SKIPPING), "sync", _EXTENDED),
    (Malformed, (*_QUERY, State.SKIPPING), "malformed", f"Simple Query; {_EXTENDED}: an error, and how it goes on"),
    (CopyData, (State.COPY_IN,), "copy_data", "COPY Operations"),
    (CopyDone, (State.COPY_IN,), "copy_done", "COPY Operations"),
    (CopyFail, (State.COPY_IN,), "copy_fail", "COPY Operations"),
    (Malformed, (State.COPY_IN,), "copy_malformed", "COPY Operations"),
    (Flush, (State.COPY_IN,), "ignore", "COPY Operations: Flush and Sync during copy-in are ignored"),
    (Sync, (State.COPY_IN,), "ignore", "COPY Operations: Flush and Sync during copy-in are ignored"),
    (CopyData, (*_QUERY, State.SKIPPING), "ignore", "COPY Operations: what comes behind an error is dropped"),
    (CopyDone, (*_QUERY, State.SKIPPING), "ignore", "COPY Operations: what comes behind an error is dropped"),
    (CopyFail, (*_QUERY, State.SKIPPING), "ignore", "COPY Operations: what comes behind an error is dropped"),
    *(
        (kind, (State.SKIPPING,), "ignore", f"{_EXTENDED}: after an error messages are discarded until a Sync")
        for kind in (Query, FunctionCall, Parse, Bind, Describe, Execute, Close, Flush)
    ),
    (Terminate, (*_QUERY, State.SKIPPING), "terminate", "Termination"),
)

ALLOWED: Final[dict[State, dict[type[object], str]]] = {
    state: {message: action for message, states, action, _ in ROWS if state in states} for state in State
}

_TYPES: Final[dict[type[object], int]] = {
    Query: FrontendType.QUERY,
    FunctionCall: FrontendType.FUNCTION_CALL,
    Parse: FrontendType.PARSE,
    Bind: FrontendType.BIND,
    Describe: FrontendType.DESCRIBE,
    Execute: FrontendType.EXECUTE,
    Close: FrontendType.CLOSE,
    Terminate: FrontendType.TERMINATE,
}


def refusal(state: State, message: object) -> tuple[Report, ...]:
    """The errors that answer a message that `ALLOWED` does not have in this state. The last one ends the connection."""
    if state is State.COPY_IN:
        # PostgreSQL gives up the connection here: it has not read what the message holds
        kind = message.type if isinstance(message, Malformed) else _TYPES[type(message)]
        return error("08P01", f"unexpected message type 0x{kind:02X} during COPY from stdin").report, SYNC_LOST
    return (fatal("08P01", f"{type(message).__name__} is not expected now"),)
