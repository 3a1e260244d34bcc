"""What every part of a mail session stands on: its fields, its output, its counts and its transaction. Sans-IO.

The session is one object in layers, each a file: `SessionCore`, `Messages` (DATA, BDAT), `Login` (AUTH), `Commands`,
and `Session`, which has the loop and what a worker calls.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import NamedTuple

from socketworkers.sasl import CredentialSource

from .. import replies
from ..codec.address import Address
from ..codec.data import DataReader
from ..codec.params import NO_MAIL_PARAMETERS
from ..replies import Reply
from .auth import AuthExchange
from .body import Body
from .config import OPEN_POLICY, Policy, SessionConfig
from .events import Close, Envelope, Event, Recipient
from .table import State

__all__ = ["DATA_BLOCK", "NOTHING_OFFERED", "SessionCore", "Timeout"]

DATA_BLOCK = 16_384
"""Bytes of a message that must come within `Timeouts.data_block`."""
NOTHING_OFFERED: frozenset[str] = frozenset()


class Timeout(NamedTuple):
    """How long the present state may last."""

    kind: str
    """``greeting``, ``command``, ``auth``, ``data start`` or ``data block``."""
    seconds: float
    """From the moment when `token` changed; bytes that change nothing do not prolong it (C5)."""
    token: int
    """Another number means another state: arm the timer anew."""


class SessionCore:
    """Fields and what all layers use; see `Session` for the arguments."""

    __slots__ = (
        "_auth_failures",
        "_body",
        "_buffer",
        "_chunk_failed",
        "_chunk_last",
        "_chunk_left",
        "_chunk_refusal",
        "_chunk_size",
        "_chunked",
        "_discarding",
        "_draining",
        "_eof",
        "_errors",
        "_esmtp",
        "_exchange",
        "_held_in_block",
        "_idle",
        "_in_chunk",
        "_nonce",
        "_offered",
        "_output",
        "_overflow",
        "_parameters",
        "_paused",
        "_position",
        "_progress",
        "_reader",
        "_recipients",
        "_refused_recipients",
        "_tried",
        "bindings",
        "config",
        "credentials",
        "helo",
        "listener",
        "loopback",
        "messages",
        "peer",
        "policy",
        "secure",
        "sender",
        "state",
        "tls",
        "user",
    )

    def __init__(
        self,
        config: SessionConfig,
        *,
        policy: Policy = OPEN_POLICY,
        peer: str = "",
        listener: str = "main",
        secure: bool = False,
        loopback: bool = False,
        credentials: CredentialSource | None = None,
        bindings: Mapping[str, bytes] | None = None,
        nonce: Callable[[], str] = secrets.token_urlsafe,
    ) -> None:
        self.config = config
        self.policy = policy
        self.peer = peer
        self.listener = listener
        self.secure = secure
        self.loopback = loopback
        self.credentials = credentials
        self.bindings = bindings or {}
        self._nonce = nonce
        self.state = State.CONNECTED
        self.helo = ""
        self.user: str | None = None
        self.tls: object = None
        self.messages = 0
        self.sender: Address | None = None
        self._parameters = NO_MAIL_PARAMETERS
        self._recipients: list[Recipient] = []
        self._body: Body | None = None
        self._reader: DataReader | None = None
        self._exchange: AuthExchange | None = None
        self._buffer = b""
        self._position = 0
        self._output: list[bytes] = []
        self._paused = ""
        self._eof = False
        self._draining = False
        self._discarding = False
        self._esmtp = False
        self._offered = NOTHING_OFFERED
        self._tried = False
        self._chunked = False
        self._in_chunk = False
        self._chunk_left = 0
        self._chunk_size = 0
        self._chunk_last = False
        self._chunk_failed = False
        self._chunk_refusal: Reply | None = None
        self._errors = 0
        self._auth_failures = 0
        self._refused_recipients = 0
        self._overflow = 0
        self._idle = 0
        self._progress = 0
        self._held_in_block = 0

    # What a worker and a policy may ask

    @property
    def recipient_count(self) -> int:
        """Recipients accepted so far in the open transaction."""
        return len(self._recipients)

    @property
    def paused(self) -> bool:
        """Whether an event waits for its answer. Read no more from the peer meanwhile."""
        return bool(self._paused)

    @property
    def closed(self) -> bool:
        """Whether the session is over."""
        return self.state is State.CLOSED

    @property
    def held(self) -> int:
        """Bytes of input that are kept at this moment."""
        return len(self._buffer) - self._position

    def next_timeout(self) -> Timeout | None:
        """How long the present state may last (RFC 5321 §4.5.3.2); None while the worker itself is awaited."""
        if self._paused or self.state is State.CLOSED:
            return None
        timeouts = self.config.timeouts
        if self.state is State.DATA:
            if self._body is not None and self._body.size == 0 and self._held_in_block == 0:
                return Timeout("data start", timeouts.data_start, self._progress)
            return Timeout("data block", timeouts.data_block, self._progress)
        if self._in_chunk:
            return Timeout("data block", timeouts.data_block, self._progress)
        if self.state is State.AUTH:
            return Timeout("auth", timeouts.auth, self._progress)
        kind = "greeting" if self.state is State.CONNECTED else "command"
        return Timeout(kind, timeouts.command, self._progress)

    def take_output(self) -> bytes:
        """What must be written now; every call empties it. Call it after every other call."""
        output = self._output
        if not output:
            return b""
        data = output[0] if len(output) == 1 else b"".join(output)
        output.clear()
        return data

    # Output and counts

    def _say(self, reply: Reply, events: list[Event], reason: str = "") -> None:
        self._output.append(reply.wire)
        if reply.close:
            self._close(reason or "refused", events)

    def _close(self, reason: str, events: list[Event]) -> None:
        if self._body is not None:
            self._body.abandon(reason, events)
        self.state = State.CLOSED
        self._paused = ""
        self._buffer = b""
        self._position = 0
        self._body = None
        self._reader = None
        self._exchange = None
        self._recipients = []
        events.append(Close(reason))

    def _error(self, reply: Reply, events: list[Event]) -> None:
        """Say a refusal that is the client's fault, and count it."""
        self._say(reply, events, "error")
        if self.state is State.CLOSED:
            return
        self._errors += 1
        config = self.config
        if self._errors >= (config.max_errors if self.helo else config.max_errors_before_hello):
            self._say(replies.TOO_MANY_ERRORS, events, "errors")

    def _refuse_command(self, verb: str, reply: Reply, events: list[Event]) -> None:
        if verb == "DATA" and self._position < len(self._buffer) and self.config.refuse_early_body:
            self._output.append(reply.wire)
            self._say(replies.BODY_BEFORE_REPLY.closing(), events, "early body")
        elif reply is replies.NO_VALID_RECIPIENTS:
            self._say(reply, events)  # the recipients were counted one by one
        else:
            self._error(reply, events)

    def _refused_by_policy(self, answer: Reply, events: list[Event]) -> None:
        if answer.code >= 500:
            self._error(answer, events)
        else:
            self._say(answer, events)

    def _idled(self, events: list[Event]) -> bool:
        """Count a command that moves nothing; True when the session ended for it."""
        self._idle += 1
        if self._idle > self.config.max_idle_commands:
            self._errors += 1
            if self._errors >= self.config.max_errors:
                self._say(replies.TOO_MANY_ERRORS, events, "idle commands")
                return True
        return False

    def _progressed(self, octets: int) -> None:
        """Move the deadline on for every `DATA_BLOCK` bytes, and for the first ones."""
        if self._held_in_block == 0 or self._held_in_block + octets >= DATA_BLOCK:
            self._progress += 1
            self._held_in_block = 1
        else:
            self._held_in_block += octets

    # The transaction

    def _envelope(self) -> Envelope:
        assert self.sender is not None
        if self.config.lmtp:
            protocol = "LMTP"
        elif self._parameters.smtputf8:
            protocol = "SMTP"
        else:
            protocol = "ESMTP" if self._esmtp else "SMTP"
        if self._parameters.smtputf8:
            protocol = "UTF8" + protocol  # RFC 6531 §3.7.3
        if self._esmtp:  # RFC 3848
            protocol += ("S" if self.secure else "") + ("A" if self.user is not None else "")
        content = self._parameters.body
        if content == "7BIT" and self._body is not None and self._body.eight_bit:
            # Mislabelled, or of a client without the extension. RFC 5321 §2.4 lets us refuse it, or clear bits; who
            # offers 8BITMIME keeps every bit that was accepted (RFC 6152 §3). As Postfix does we take it, and note what
            # it is, so that it is never passed on as seven bits.
            content = "8BITMIME"
        return Envelope(
            self.sender,
            tuple(self._recipients),
            self._parameters,
            self.helo,
            protocol,
            self.user,
            self._chunked,
            content,
        )

    def _answer_message(self, reply: Reply, events: list[Event]) -> None:
        """Refuse the message; LMTP wants it said for every recipient (RFC 2033 §4.2)."""
        if self.config.lmtp:
            self._output.extend([reply.wire] * (len(self._recipients) - 1))
        self._refused_by_policy(reply, events)

    def _forget_transaction(self, events: list[Event]) -> None:
        if self._body is not None:
            self._body.abandon("reset", events)
            self._body = None
            self._reader = None
        self.sender = None
        self._parameters = NO_MAIL_PARAMETERS
        if self._recipients:
            self._recipients = []
        self._tried = False
        self._overflow = 0
        self._chunk_failed = False
        if self.state in (State.MAIL, State.RCPT, State.DATA, State.CHUNKS):
            self.state = State.READY
