"""What a session tells its worker. Values only.

The events marked *pauses* are always the last of their list: the session takes nothing more in until it is answered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from ..codec.address import Address
from ..codec.params import MailParameters, RcptParameters

__all__ = [
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
    "Recipient",
    "StartTls",
]


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient that was accepted."""

    address: Address
    parameters: RcptParameters


@dataclass(frozen=True, slots=True)
class Envelope:
    """All that was said about a message beside its content."""

    sender: Address
    """`NULL` for a notice."""
    recipients: tuple[Recipient, ...]
    """In the order of RCPT; the same address may be there twice."""
    parameters: MailParameters
    """Parameters of MAIL."""
    helo: str
    """Argument of EHLO, HELO or LHLO. Safe in a header field and in a log."""
    protocol: str
    """For ``with`` of Received, RFC 3848 and RFC 6531 §3.7.3: ``ESMTPSA``, ``UTF8LMTP``..."""
    user: str | None
    """Who is authenticated."""
    chunked: bool
    """Whether it came with BDAT: the content may hold bare CR or LF then, RFC 3030."""
    body: str
    """What the content is: ``parameters.body``, or ``8BITMIME`` where that says ``7BIT`` and octets above 127 came.
    Known at the end of the message only."""


@dataclass(frozen=True, slots=True)
class Message:
    """A whole small message; *pauses* until `accepted` or `refused`."""

    envelope: Envelope
    body: bytes


@dataclass(frozen=True, slots=True)
class MessageStart:
    """A message that is too large for one `Message` begins: open a spool."""

    envelope: Envelope


@dataclass(frozen=True, slots=True)
class BodyChunk:
    """The next part of the message that `MessageStart` began; at most 64 KiB."""

    data: bytes


@dataclass(frozen=True, slots=True)
class MessageEnd:
    """The message that `MessageStart` began is complete; *pauses* until `accepted` or `refused`."""

    envelope: Envelope
    size: int
    """Bytes of all chunks."""


@dataclass(frozen=True, slots=True)
class Abandoned:
    """Drop what was spooled since `MessageStart`: the message will not be complete. Comes only behind a start."""

    reason: str
    """``refused`` (the message itself), ``reset``, or the reason of the `Close` that follows: ``eof``..."""


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Compare a password off the loop, then call `auth_result`; *pauses*."""

    username: str
    """From the peer, prepared by SASLprep: escape it before it goes to a log."""
    password: str = field(repr=False)
    mechanism: str = "PLAIN"


@dataclass(frozen=True, slots=True)
class AuthFailed:
    """A SCRAM proof was wrong. Wait as long as guesses deserve, then call ``auth_result(None)``; *pauses*."""

    username: str
    mechanism: str


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The client is `username` now. For logs; nothing to answer."""

    username: str
    mechanism: str


@dataclass(frozen=True, slots=True)
class StartTls:
    """Send the output, start TLS as the server, then call `tls_started`; *pauses*. Close when TLS fails."""


@dataclass(frozen=True, slots=True)
class Close:
    """Send the output, then close the connection. The session takes nothing more in."""

    reason: str
    """A short word for logs and metrics: ``quit``, ``eof``, ``errors``, ``early talker``, ``injection``..."""


Event: TypeAlias = (
    Message
    | MessageStart
    | BodyChunk
    | MessageEnd
    | Abandoned
    | Authenticate
    | AuthFailed
    | Authenticated
    | StartTls
    | Close
)
