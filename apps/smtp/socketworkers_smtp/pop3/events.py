"""What a POP3 session tells its worker, and what it is told: values only.

The events marked *pauses* are always the last of their list: the session takes nothing more in until it is answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from ..session.events import Authenticate, Authenticated, AuthFailed, Close, StartTls

__all__ = ["Commit", "Entry", "Fetch", "OpenMaildrop", "Pop3Config", "Pop3Event"]


class Entry(NamedTuple):
    """One message of a maildrop."""

    uid: str
    """Unique and lasting, 1 to 70 characters from ``!`` to ``~`` (RFC 1939 §7, UIDL)."""
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class OpenMaildrop:
    """The client is `username`: answer with `Pop3Session.maildrop` or `maildrop_refused`; *pauses*."""

    username: str


@dataclass(frozen=True, slots=True)
class Fetch:
    """Give the message to `Pop3Session.body` in parts, then call `body_end`; *pauses*."""

    index: int
    """Place in the maildrop as it was given, from 0."""
    uid: str
    lines: int | None
    """Lines of the body that are wanted (TOP), None for all. The session cuts; this only saves reading."""


@dataclass(frozen=True, slots=True)
class Commit:
    """Delete these for good, then call `Pop3Session.committed`; *pauses*."""

    uids: tuple[str, ...]


Pop3Event: TypeAlias = Authenticate | AuthFailed | Authenticated | OpenMaildrop | Fetch | Commit | StartTls | Close


@dataclass(frozen=True, slots=True, kw_only=True)
class Pop3Config:
    """One listener's settings; shared by all of its sessions."""

    software: str = "socketworkers"
    """Named in the greeting and as IMPLEMENTATION."""
    starttls: bool = False
    """Offer STLS: there is a certificate."""
    mechanisms: tuple[str, ...] = ("PLAIN",)
    """SASL mechanisms to offer."""
    cleartext_auth: bool = False
    """Allow passwords without TLS from other machines."""
    max_errors: int = 10
    """Errors before the session ends; 3 before the login."""
    max_auth_failures: int = 3
    """Failed logins before the session ends."""
    idle_timeout: float = 600.0
    """Seconds for one command, RFC 1939 §3: at least ten minutes."""
    max_held: int = 262_144
    """Bytes of pipelined input that are held while the session waits for its worker."""
