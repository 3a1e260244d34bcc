"""The state machine of a POP3 session: which command may come in which state, and the section that says so."""

from __future__ import annotations

import enum
from typing import Final

__all__ = ["ALLOWED", "ROWS", "VERBS", "State"]


class State(enum.Enum):
    """Where a session is, RFC 1939 §3."""

    CONNECTED = "connected"
    AUTHORIZATION = "authorization"
    SASL = "sasl"
    TLS = "tls"
    TRANSACTION = "transaction"
    CLOSED = "closed"


ROWS: Final[tuple[tuple[str, tuple[State, ...], str], ...]] = (
    # verb, states it is allowed in, where that is said
    ("CAPA", (State.AUTHORIZATION, State.TRANSACTION), "RFC 2449 §5"),
    ("USER", (State.AUTHORIZATION,), "RFC 1939 §7"),
    ("PASS", (State.AUTHORIZATION,), "RFC 1939 §7: right behind USER"),
    ("AUTH", (State.AUTHORIZATION,), "RFC 5034 §4"),
    ("STLS", (State.AUTHORIZATION,), "RFC 2595 §4"),
    ("STAT", (State.TRANSACTION,), "RFC 1939 §5"),
    ("LIST", (State.TRANSACTION,), "RFC 1939 §5"),
    ("RETR", (State.TRANSACTION,), "RFC 1939 §5"),
    ("DELE", (State.TRANSACTION,), "RFC 1939 §5"),
    ("NOOP", (State.TRANSACTION,), "RFC 1939 §5"),
    ("RSET", (State.TRANSACTION,), "RFC 1939 §5"),
    ("TOP", (State.TRANSACTION,), "RFC 1939 §7"),
    ("UIDL", (State.TRANSACTION,), "RFC 1939 §7"),
    ("QUIT", (State.AUTHORIZATION, State.TRANSACTION), "RFC 1939 §4, §6"),
)
VERBS: Final = frozenset(verb for verb, _, _ in ROWS)
ALLOWED: Final = frozenset((state, verb) for verb, states, _ in ROWS for state in states)
