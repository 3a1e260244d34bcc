"""The mail session as a state machine, sans-IO: see `Session` for what it does and `table` for what may come when."""

from __future__ import annotations

from .config import OPEN_POLICY, OpenPolicy, Policy, SessionConfig, SessionView, Timeouts
from .events import (
    Abandoned,
    Authenticate,
    Authenticated,
    AuthFailed,
    BodyChunk,
    Close,
    Envelope,
    Event,
    Message,
    MessageEnd,
    MessageStart,
    Recipient,
    StartTls,
)
from .machine import DATA_BLOCK, Session, Timeout
from .table import ALLOWED, ROWS, State

__all__ = [
    "ALLOWED",
    "DATA_BLOCK",
    "OPEN_POLICY",
    "ROWS",
    "Abandoned",
    "AuthFailed",
    "Authenticate",
    "Authenticated",
    "BodyChunk",
    "Close",
    "Envelope",
    "Event",
    "Message",
    "MessageEnd",
    "MessageStart",
    "OpenPolicy",
    "Policy",
    "Recipient",
    "Session",
    "SessionConfig",
    "SessionView",
    "StartTls",
    "State",
    "Timeout",
    "Timeouts",
]
