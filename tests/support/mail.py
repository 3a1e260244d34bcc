"""Drives a mail session without I/O: answers its events like a worker and keeps what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from socketworkers.sasl import Credentials, ScramVerifier
from socketworkers_smtp import replies
from socketworkers_smtp.codec import Address, MailParameters, RcptParameters
from socketworkers_smtp.replies import Reply
from socketworkers_smtp.session import (
    Abandoned,
    Authenticate,
    AuthFailed,
    BodyChunk,
    Envelope,
    Event,
    Message,
    MessageEnd,
    MessageStart,
    Session,
    SessionConfig,
    SessionView,
    StartTls,
)

__all__ = ["USERS", "Driver", "LocalPolicy", "Taken", "converse"]

USERS = Credentials(secret=b"0123456789abcdef")
USERS.set_verifier("alice", ScramVerifier.from_password("secret", b"salt-of-alice-16", 64))


@dataclass(frozen=True)
class Taken:
    """One message that was complete."""

    envelope: Envelope
    body: bytes


class LocalPolicy:
    """Takes mail for one domain, and in it for some names; ``postmaster`` is always there."""

    def __init__(self, domain: str = "", mailboxes: Iterable[str] = ()) -> None:
        self.domain = domain
        self.mailboxes = set(mailboxes)

    def check_sender(self, sender: Address, parameters: MailParameters, view: SessionView) -> Reply | None:
        return Reply(550, "5.7.1", "You are not welcome") if sender.local == "spammer" else None

    def check_recipient(self, recipient: Address, parameters: RcptParameters, view: SessionView) -> Reply | None:
        if recipient.is_postmaster:
            return None
        if self.domain and recipient.domain.lower() != self.domain:
            return replies.RELAY_DENIED
        if self.mailboxes and recipient.local not in self.mailboxes:
            return replies.NO_SUCH_USER
        return None

    def verify(self, text: str, view: SessionView) -> Reply:
        return replies.CANNOT_VERIFY


@dataclass
class Driver:
    """A session and a worker of a few lines."""

    config: SessionConfig = field(default_factory=SessionConfig)
    session: Session = field(init=False)
    policy: LocalPolicy = field(default_factory=LocalPolicy)
    loopback: bool = True
    secure: bool = False
    greet: bool = True
    users: Credentials = field(default_factory=lambda: USERS)
    answer: Callable[[Session, Taken], list[Event]] = field(
        default_factory=lambda: lambda session, taken: session.accepted("Q1")
    )
    events: list[Event] = field(default_factory=list)
    """Everything but the parts of messages."""
    taken: list[Taken] = field(default_factory=list)
    output: bytes = b""
    _spool: list[bytes] | None = None
    _read: int = 0

    def __post_init__(self) -> None:
        self.session = Session(
            self.config,
            policy=self.policy,
            peer="127.0.0.1" if self.loopback else "192.0.2.1",
            loopback=self.loopback,
            secure=self.secure,
            credentials=self.users,
            nonce=lambda: "server-nonce-server-nonce",
        )
        if self.greet:
            self.handle(self.session.greet())

    def handle(self, events: list[Event]) -> None:
        """Do what a worker does with events."""
        while events:
            following: list[Event] = []
            for number, event in enumerate(events):
                if isinstance(event, MessageStart):
                    assert self._spool is None
                    self._spool = []
                elif isinstance(event, BodyChunk):
                    assert self._spool is not None
                    assert 0 < len(event.data) <= 65536
                    self._spool.append(event.data)
                elif isinstance(event, Abandoned):
                    assert self._spool is not None
                    self._spool = None
                else:
                    if isinstance(event, Message | MessageEnd | Authenticate | AuthFailed | StartTls):
                        assert number == len(events) - 1, "an event that pauses is the last one"
                        assert self.session.paused
                        following = self._answer(event)
                    if not isinstance(event, Message | MessageEnd):
                        self.events.append(event)
            events = following
        self.output += self.session.take_output()

    def _answer(self, event: Event) -> list[Event]:
        session = self.session
        if isinstance(event, Message):
            assert self._spool is None
            self.taken.append(Taken(event.envelope, event.body))
            return self.answer(session, self.taken[-1])
        if isinstance(event, MessageEnd):
            assert self._spool is not None
            body = b"".join(self._spool)
            self._spool = None
            assert len(body) == event.size
            self.taken.append(Taken(event.envelope, body))
            return self.answer(session, self.taken[-1])
        if isinstance(event, Authenticate):
            return session.auth_result(
                event.username if self.users.check_password(event.username, event.password) else None
            )
        if isinstance(event, AuthFailed):
            return session.auth_result(None)
        return []

    def send(self, *pieces: bytes) -> list[bytes]:
        """Give the session bytes; returns the reply lines that are new, without line ends."""
        for piece in pieces:
            self.handle(self.session.receive(piece))
        return self.lines()

    def lines(self) -> list[bytes]:
        """The reply lines since the last call."""
        new = self.output[self._read :]
        self._read = len(self.output)
        assert not new or new.endswith(b"\r\n")
        return new.split(b"\r\n")[:-1]

    def codes(self, *pieces: bytes) -> list[int]:
        """Like `send`, but only the codes of the final lines."""
        return [int(line[:3]) for line in self.send(*pieces) if line[3:4] != b"-"]

    def greeted(self) -> Driver:
        """Forget the greeting."""
        self.lines()
        return self

    def ehlo(self) -> Driver:
        """Say EHLO (or LHLO) and forget the answer."""
        self.send(b"LHLO client.example\r\n" if self.config.lmtp else b"EHLO client.example\r\n")
        return self

    def in_mail(self, parameters: bytes = b"") -> Driver:
        """EHLO and MAIL."""
        self.ehlo()
        assert self.codes(b"MAIL FROM:<a@example.org>" + parameters + b"\r\n") == [250]
        return self

    def in_rcpt(self, parameters: bytes = b"") -> Driver:
        """EHLO, MAIL and RCPT."""
        self.in_mail(parameters)
        assert self.codes(b"RCPT TO:<b@example.net>\r\n") == [250]
        return self

    def in_data(self) -> Driver:
        """EHLO, MAIL, RCPT and DATA."""
        self.in_rcpt()
        assert self.codes(b"DATA\r\n") == [354]
        return self


def converse(
    pieces: Iterable[bytes], config: SessionConfig | None = None, *, eof: bool = True
) -> tuple[bytes, list[Event], list[Taken]]:
    """A whole session: what it said, what it reported, what it took."""
    driver = Driver(config or SessionConfig())
    driver.send(*pieces)
    if eof:
        driver.send(b"")
    return driver.output, driver.events, driver.taken
