"""What a session is told about its server: limits, extensions, policy. Values and one interface; no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from .. import replies
from ..codec.address import Address
from ..codec.params import MailParameters, RcptParameters
from ..replies import Reply

__all__ = ["OPEN_POLICY", "OpenPolicy", "Policy", "SessionConfig", "SessionView", "Timeouts"]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that a state may last, RFC 5321 §4.5.3.2. Shorter ones are for tests."""

    command: float = 300.0
    """§4.5.3.2.7: for one whole command, and for the first one."""
    data_start: float = 120.0
    """§4.5.3.2.4: from ``354`` to the first byte."""
    data_block: float = 180.0
    """§4.5.3.2.5: for each `DATA_BLOCK` bytes of the message."""
    auth: float = 120.0
    """For one response of an authentication exchange."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SessionConfig:
    """One listener's settings; shared by all of its sessions. Compared by identity: answers are kept for each."""

    hostname: str = "localhost"
    """Our name, in the greeting and in the answer to EHLO."""
    software: str = "socketworkers"
    """Named in the greeting; "" to say nothing."""
    lmtp: bool = False
    """Speak LMTP (RFC 2033): LHLO, and one reply for each recipient after the message."""
    max_size: int = 26_214_400
    """Largest message in bytes (SIZE, RFC 1870); 0 = no limit."""
    max_recipients: int = 1000
    """Recipients of one message (LIMITS RCPTMAX); RFC 5321 §4.5.3.1.8 asks for 100 at least."""
    max_messages: int = 0
    """Messages of one session (LIMITS MAILMAX); 0 = no limit."""
    max_errors: int = 10
    """Errors in one session before it ends; a message that was taken sets the count back."""
    max_errors_before_hello: int = 3
    """Errors before the first EHLO (C3)."""
    max_refused_recipients: int = 25
    """Refused recipients and VRFY in one session before it ends (S4: probing)."""
    max_auth_failures: int = 3
    """Failed authentications in one session before it ends (S4)."""
    max_idle_commands: int = 1000
    """Commands since the last message that do nothing (NOOP, RSET, HELP...) before each more is an error."""
    max_line: int = 2048
    """Longest command line, with CRLF."""
    max_hops: int = 50
    """``Received:`` fields that a message may have (RFC 5321 §6.3)."""
    max_header_lines: int = 10_000
    """Lines that the header of a message may have."""
    max_held: int = 1_048_576
    """Bytes of pipelined input that are held while the session waits for its worker."""
    inline_body: int = 65_536
    """Messages up to this size come as one `Message` event."""
    discard: int = 67_108_864
    """Bytes of a message that is refused already which are still read, before the connection is closed."""
    starttls: bool = False
    """Offer STARTTLS (RFC 3207): there is a certificate."""
    require_tls: bool = False
    """Take no mail without TLS (530)."""
    mechanisms: tuple[str, ...] = ()
    """SASL mechanisms to offer, of ``SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN``; empty = no AUTH."""
    require_auth: bool = False
    """Take no mail without authentication (530)."""
    cleartext_auth: bool = False
    """Allow AUTH without TLS from other machines."""
    smtputf8: bool = True
    """Offer SMTPUTF8 (RFC 6531)."""
    dsn: bool = True
    """Offer DSN (RFC 3461)."""
    chunking: bool = True
    """Offer CHUNKING and BINARYMIME (RFC 3030)."""
    vrfy: bool = True
    """Name VRFY in the answer to EHLO."""
    refuse_early_body: bool = True
    """Close when a refused DATA has input right behind it: it would be a message taken for commands (S3)."""
    timeouts: Timeouts = field(default_factory=Timeouts)


class SessionView(Protocol):
    """What a policy may know of a session; `Session` is one."""

    @property
    def peer(self) -> str:
        """Address of the client, without port; "" for a Unix socket."""

    @property
    def listener(self) -> str:
        """Name of the listener."""

    @property
    def helo(self) -> str:
        """Argument of EHLO, HELO or LHLO."""

    @property
    def secure(self) -> bool:
        """Whether TLS is in use."""

    @property
    def user(self) -> str | None:
        """Who is authenticated."""

    @property
    def sender(self) -> Address | None:
        """Sender of the open transaction."""

    @property
    def recipient_count(self) -> int:
        """Recipients accepted so far in the open transaction."""


class Policy(Protocol):
    """Who may send what to whom. Called within the session, so an answer must be at hand: no waiting."""

    def check_sender(self, sender: Address, parameters: MailParameters, view: SessionView) -> Reply | None:
        """A reply that refuses the sender, or None."""

    def check_recipient(self, recipient: Address, parameters: RcptParameters, view: SessionView) -> Reply | None:
        """A reply that refuses the recipient; a positive one (251) is sent as it is; None = accepted."""

    def verify(self, text: str, view: SessionView) -> Reply:
        """The answer to VRFY, RFC 5321 §3.5."""


class OpenPolicy:
    """Takes everything and verifies nothing."""

    __slots__ = ()

    def check_sender(self, sender: Address, parameters: MailParameters, view: SessionView) -> Reply | None:
        """Any sender."""
        return None

    def check_recipient(self, recipient: Address, parameters: RcptParameters, view: SessionView) -> Reply | None:
        """Any recipient."""
        return None

    def verify(self, text: str, view: SessionView) -> Reply:
        """No answer, politely (RFC 5321 §7.3)."""
        return replies.CANNOT_VERIFY


OPEN_POLICY = OpenPolicy()
