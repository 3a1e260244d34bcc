"""What a session is told about its server: limits, deadlines, who may log in how. Values and one interface; no I/O."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Protocol

from ..codec import Report

__all__ = ["TRUST_ALL", "Method", "Policy", "SessionConfig", "SessionView", "Timeouts", "TrustAll"]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that a state may last; 0 = for ever. Shorter ones are for tests."""

    login: float = 60.0
    """From the connection to ReadyForQuery, all of it (``authentication_timeout``)."""
    idle: float = 0.0
    """Between a ReadyForQuery and the next message, outside of a transaction (``idle_session_timeout``)."""
    idle_in_transaction: float = 0.0
    """The same within a transaction block (``idle_in_transaction_session_timeout``)."""
    statement: float = 0.0
    """For one query, or one message of the extended query protocol (``statement_timeout``)."""
    message: float = 120.0
    """For each `BLOCK` bytes of a message that has begun (C5)."""
    pipeline: float = 600.0
    """Between two messages of a pipeline that no Sync has ended."""
    copy: float = 600.0
    """Between two messages of a COPY from the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConfig:
    """One listener's settings; shared by all of its sessions."""

    tls: bool = False
    """Answer SSLRequest with ``S``: there is a certificate."""
    max_message: int = 1 << 26
    """Most that the length of a message with data may say; before the login it is 16 KiB."""
    max_held: int = 1 << 20
    """Bytes of pipelined input that are held while the session waits for its worker."""
    max_statements: int = 10_000
    """Prepared statements of one session (P3)."""
    max_statement_bytes: int = 1 << 26
    """What they may hold together: text, and what the engine says that it keeps."""
    max_portals: int = 1_000
    """Portals of one session (P3)."""
    max_portal_bytes: int = 1 << 26
    """What their parameters may hold together."""
    max_savepoints: int = 10_000
    """Savepoints that are open at the same time."""
    max_notification_bytes: int = 1 << 20
    """Notifications that wait for the end of a transaction."""
    timeouts: Timeouts = field(default_factory=Timeouts)


class Method(enum.Enum):
    """How a client proves who it is."""

    TRUST = "trust"
    """It is believed."""
    PASSWORD = "password"
    """AuthenticationCleartextPassword; over an encrypted connection only."""
    SCRAM = "scram-sha-256"
    """SCRAM-SHA-256, and SCRAM-SHA-256-PLUS where the connection has channel binding."""
    CERTIFICATE = "cert"
    """The client's certificate names the user."""


class SessionView(Protocol):
    """What a policy may know of a session; `Session` is one."""

    @property
    def user(self) -> str:
        """Who wants to log in."""

    @property
    def database(self) -> str:
        """Where to."""

    @property
    def peer(self) -> str:
        """Address of the client, without port; "" for a Unix socket."""

    @property
    def secure(self) -> bool:
        """Whether the connection is encrypted."""


class Policy(Protocol):
    """Who may log in how, as ``pg_hba.conf`` says it. An answer must be at hand: no waiting."""

    def method(self, view: SessionView) -> Method | Report:
        """The method, or a report of severity FATAL that refuses the client."""


class TrustAll:
    """Believes everyone."""

    __slots__ = ()

    def method(self, view: SessionView) -> Method | Report:
        """`Method.TRUST`."""
        return Method.TRUST


TRUST_ALL = TrustAll()
