"""The state machine of a mail session: which command may come in which state, and the section that says so.

`ROWS` is the whole machine; `ALLOWED` and `REFUSAL` are made from it. A pair that is not in the table is answered from
one place, `refusal`.
"""

from __future__ import annotations

import enum
from typing import Final

from .. import replies
from ..replies import Reply

__all__ = ["ALLOWED", "ROWS", "VERBS", "State", "refusal"]


class State(enum.Enum):
    """Where a session is."""

    CONNECTED = "connected"
    """Nothing was said yet."""
    GREETED = "greeted"
    """``220`` was sent."""
    READY = "ready"
    """EHLO, HELO or LHLO was accepted; no transaction is open."""
    MAIL = "mail"
    """MAIL was accepted; no recipient yet."""
    RCPT = "rcpt"
    """At least one recipient was accepted."""
    DATA = "data"
    """The message is coming, up to CR LF . CR LF."""
    CHUNKS = "chunks"
    """At least one BDAT was accepted, more are expected."""
    AUTH = "auth"
    """An authentication exchange."""
    TLS = "tls"
    """``220`` was sent to STARTTLS; nothing may come but the handshake."""
    CLOSED = "closed"
    """It is over."""


_ANY: Final = (State.GREETED, State.READY, State.MAIL, State.RCPT, State.CHUNKS)

ROWS: Final[tuple[tuple[str, tuple[State, ...], str], ...]] = (
    # verb, states it is allowed in, where that is said
    ("EHLO", _ANY, "RFC 5321 §4.1.1.1, §4.1.4: at any time, and it resets"),
    ("HELO", _ANY, "RFC 5321 §4.1.1.1, §4.1.4"),
    ("LHLO", _ANY, "RFC 2033 §4.1"),
    ("MAIL", (State.READY,), "RFC 5321 §4.1.1.2, §4.1.4: no nested transaction"),
    ("RCPT", (State.MAIL, State.RCPT), "RFC 5321 §4.1.1.3, §3.3"),
    ("DATA", (State.RCPT,), "RFC 5321 §4.1.1.4; RFC 3030 §2: not behind BDAT"),
    ("BDAT", (State.RCPT, State.CHUNKS), "RFC 3030 §2"),
    ("RSET", _ANY, "RFC 5321 §4.1.1.5, §4.1.4: before EHLO too"),
    ("NOOP", _ANY, "RFC 5321 §4.1.1.9, §4.1.4"),
    ("HELP", _ANY, "RFC 5321 §4.1.1.8, §4.1.4"),
    ("VRFY", _ANY, "RFC 5321 §4.1.1.6, §4.1.4"),
    ("EXPN", _ANY, "RFC 5321 §4.1.1.7, §4.1.4"),
    ("QUIT", _ANY, "RFC 5321 §4.1.1.10: at any time"),
    ("STARTTLS", (State.GREETED, State.READY), "RFC 3207 §4"),
    ("AUTH", (State.READY,), "RFC 4954 §4: not within a transaction"),
)

VERBS: Final = frozenset(verb for verb, _, _ in ROWS)
ALLOWED: Final[frozenset[tuple[State, str]]] = frozenset((state, verb) for verb, states, _ in ROWS for state in states)

_REFUSED: Final[dict[tuple[State, str], Reply]] = {
    (State.GREETED, "AUTH"): replies.AUTH_NEEDS_EHLO,
    (State.READY, "RCPT"): replies.MAIL_FIRST,
    (State.READY, "DATA"): replies.MAIL_FIRST,
    (State.READY, "BDAT"): replies.MAIL_FIRST,
    (State.MAIL, "DATA"): replies.RCPT_FIRST,
    (State.MAIL, "BDAT"): replies.RCPT_FIRST,
    (State.CHUNKS, "RCPT"): replies.IN_CHUNKS,
    (State.CHUNKS, "DATA"): replies.IN_CHUNKS,
    (State.MAIL, "MAIL"): replies.NESTED_MAIL,
    (State.RCPT, "MAIL"): replies.NESTED_MAIL,
    (State.CHUNKS, "MAIL"): replies.NESTED_MAIL,
}


def refusal(state: State, verb: str) -> Reply:
    """The answer to a known command that `ALLOWED` does not have in this state: RFC 5321 §4.2.4, 503."""
    if state is State.GREETED:
        return _REFUSED.get((state, verb), replies.HELLO_FIRST)
    return _REFUSED.get((state, verb), replies.NOT_IN_TRANSACTION)
