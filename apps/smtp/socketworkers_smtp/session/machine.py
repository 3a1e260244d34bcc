"""One mail session, SMTP or LMTP, without I/O: bytes in, events and bytes out.

The worker gives what it reads to `receive`, writes what `take_output` returns, and answers the events that pause.
Nothing here waits, reads a clock, logs or touches a socket; names, addresses and nonces are arguments. The order of
commands is in `table`, the limits are in `SessionConfig`.

RFC 5321, 2033, 1870, 2034, 2920, 3030, 3207, 3461, 4954, 6152, 6531, 9422.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

from socketworkers.errors import StateError
from socketworkers.sasl import Challenge, CheckPassword, CredentialSource, Failure, Step

from .. import replies
from ..codec.address import NULL, Address
from ..codec.command import (
    HTTP_VERBS,
    MAX_AUTH_LINE,
    parse_auth,
    parse_bdat,
    parse_hello,
    parse_line,
    parse_mail,
    parse_rcpt,
)
from ..codec.data import DataReader
from ..codec.errors import CommandError
from ..codec.params import NO_MAIL_PARAMETERS
from ..replies import Reply
from .auth import AuthExchange, decode_response, encode_challenge, make_server
from .body import Body
from .config import OPEN_POLICY, Policy, SessionConfig
from .events import Authenticate, Authenticated, AuthFailed, Close, Envelope, Event, Recipient, StartTls
from .table import ALLOWED, VERBS, State, refusal

__all__ = ["DATA_BLOCK", "Session", "Timeout"]

DATA_BLOCK = 16_384
"""Bytes of a message that must come within `Timeouts.data_block`."""
_OBSOLETE = frozenset(("SEND", "SOML", "SAML", "TURN", "ETRN", "ATRN", "BURL", "VERB", "XCLIENT", "XFORWARD"))
_WITHOUT_TLS = frozenset(("NOOP", "EHLO", "LHLO", "STARTTLS", "QUIT"))  # RFC 3207 §4
_BETWEEN = (State.GREETED, State.READY, State.MAIL, State.RCPT)
_NOTHING_OFFERED: frozenset[str] = frozenset()


class Timeout(NamedTuple):
    """How long the present state may last."""

    kind: str
    """``greeting``, ``command``, ``auth``, ``data start`` or ``data block``."""
    seconds: float
    """From the moment when `token` changed; bytes that change nothing do not prolong it (C5)."""
    token: int
    """Another number means another state: arm the timer anew."""


class Session:
    """One session. Not thread-safe; one worker drives it.

    Args:
        config: the listener's settings.
        policy: who may send what to whom.
        peer: address of the client without port.
        listener: name of the listener.
        secure: whether TLS is in use already (implicit TLS).
        loopback: whether the client is on this machine: passwords in the clear are allowed then.
        credentials: verifiers for SCRAM.
        binding: ``tls-server-end-point`` of the TLS in use, for SCRAM-SHA-256-PLUS.
        nonce: makes the server's nonce of a SCRAM exchange.
    """

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
        "binding",
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
        binding: bytes | None = None,
        nonce: Callable[[], str] = secrets.token_urlsafe,
    ) -> None:
        self.config = config
        self.policy = policy
        self.peer = peer
        self.listener = listener
        self.secure = secure
        self.loopback = loopback
        self.credentials = credentials
        self.binding = binding
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
        self._offered = _NOTHING_OFFERED
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

    # What a worker does

    def greet(self, refused: Reply | None = None) -> list[Event]:
        """Say the greeting (RFC 5321 §3.1), or refuse the connection. Bytes that came before it end the session.

        Raises:
            StateError: the greeting was said already.
        """
        if self.state is State.CLOSED:
            return []
        if self.state is not State.CONNECTED:
            raise StateError("the session was greeted already")
        events: list[Event] = []
        if refused is not None:
            self._say(refused.closing(), events, "refused")
            return events
        self._progress += 1
        self.state = State.GREETED
        config = self.config
        self._output.append(replies.greeting(config.hostname, config.software, config.lmtp).wire)
        return events

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes of the peer; ``b""`` is the end of its stream. Never raises for what a peer sends."""
        events: list[Event] = []
        if self.state is State.CLOSED:
            return events
        if not data:
            self._eof = True
            if not self._paused or self.state is State.TLS:
                self._close("eof", events)
            return events
        if self.state is State.CONNECTED:
            self._say(replies.EARLY_TALKER, events, "early talker")
            return events
        if self.state is State.TLS:
            self._close("injection", events)  # C1: only the handshake may come here, and that is not given to us
            return events
        rest = len(self._buffer) - self._position
        if rest:
            self._buffer = self._buffer[self._position :] + data
            self._position = 0
            if self._paused:
                if rest + len(data) > self.config.max_held:
                    self._say(replies.TOO_MUCH_PIPELINED, events, "held input")
                return events
        else:
            self._buffer = data
            self._position = 0
            if self._paused:
                return events
        self._run(events)
        return events

    def accepted(self, queue_id: str, answers: Sequence[Reply] | None = None) -> list[Event]:
        """The message is safe: answer it, and go on with what was pipelined behind it.

        Args:
            queue_id: our name for it, told to the client.
            answers: for LMTP, one reply for each recipient in their order; by default all were accepted.

        Raises:
            StateError: no message waits for an answer.
            ValueError: not as many answers as recipients.
        """
        self._answering("message")
        if self.config.lmtp:
            if answers is None:
                answers = [replies.recipient_accepted(str(each.address)) for each in self._recipients]
            if len(answers) != len(self._recipients):
                raise ValueError("LMTP needs one reply for each recipient")
            self._output.extend(answer.wire for answer in answers)
        else:
            self._output.append(replies.queued(queue_id).wire)
        self.messages += 1
        self._errors = 0
        self._idle = 0
        return self._resume()

    def refused(self, reply: Reply) -> list[Event]:
        """The message was not taken: say why (to every recipient in LMTP), and go on.

        Raises:
            StateError: no message waits for an answer.
        """
        self._answering("message")
        events: list[Event] = []
        self._answer_message(reply, events)
        return events + self._resume()

    def auth_result(self, username: str | None, *, temporary: bool = False) -> list[Event]:
        """The answer to `Authenticate` and `AuthFailed`.

        Args:
            username: who the client is now; None: the password was wrong.
            temporary: it could not be found out (454).

        Raises:
            StateError: no authentication waits for an answer.
        """
        self._answering("auth")
        events: list[Event] = []
        if username is not None:
            self._authenticated(username, events)
        elif temporary:
            self._leave_auth(replies.AUTH_UNAVAILABLE, events)
        else:
            self._auth_failed(replies.BAD_CREDENTIALS, events)
        return events + self._resume()

    def tls_started(self, info: object = None, *, binding: bytes | None = None) -> None:
        """The handshake is done: all that was learned before is forgotten (RFC 3207 §4.2).

        Args:
            info: kept as `tls` for the worker's trace fields.
            binding: ``tls-server-end-point`` of this connection.

        Raises:
            StateError: STARTTLS was not accepted.
        """
        if self.state is not State.TLS:
            raise StateError("no StartTls waits for an answer")
        self._paused = ""
        self._buffer = b""
        self._position = 0
        self.secure = True
        self.tls = info
        self.binding = binding
        self.helo = ""
        self.user = None
        self._esmtp = False
        self._offered = _NOTHING_OFFERED
        self._progress += 1
        self.state = State.GREETED

    def timed_out(self) -> list[Event]:
        """The deadline of `next_timeout` passed: 421, and the end (RFC 5321 §4.5.3.2)."""
        return self.close(replies.TIMEOUT, "timeout")

    def shutdown(self) -> list[Event]:
        """The server drains: end now with 421 (RFC 5321 §3.8), or behind the message that is coming in."""
        if self.state in (State.DATA, State.CHUNKS, State.TLS) or self._in_chunk or self._paused:
            self._draining = True
            return []
        return self.close(replies.SHUTTING_DOWN, "shutdown")

    def close(self, reply: Reply, reason: str) -> list[Event]:
        """End the session with `reply`, whatever it is doing. `reason` is for the log."""
        events: list[Event] = []
        if self.state is not State.CLOSED:
            self._say(reply.closing(), events, reason)
        return events

    # The loop

    def _run(self, events: list[Event]) -> None:
        while not self._paused and self.state is not State.CLOSED:
            if self._draining and self.state in _BETWEEN and not self._in_chunk:
                self._say(replies.SHUTTING_DOWN, events, "shutdown")
                return
            if self._position >= len(self._buffer):
                self._buffer = b""
                self._position = 0
                break
            if self.state is State.DATA:
                self._run_data(events)
            elif self._in_chunk:
                self._run_chunk(events)
            elif not self._run_line(events):
                break
        if self._eof and not self._paused and self.state is not State.CLOSED:
            self._close("eof", events)

    def _resume(self) -> list[Event]:
        events: list[Event] = []
        if self.state is State.CLOSED:
            return events
        self._paused = ""
        if self._body is not None and self.state in (State.DATA, State.RCPT, State.CHUNKS):
            self._forget_transaction(events)
        self._progress += 1
        self._run(events)
        return events

    def _answering(self, what: str) -> None:
        if self._paused != what:
            raise StateError(f"no {what} waits for an answer")

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

    def _say(self, reply: Reply, events: list[Event], reason: str = "") -> None:
        self._output.append(reply.wire)
        if reply.close:
            self._close(reason or "refused", events)

    def _error(self, reply: Reply, events: list[Event]) -> None:
        """Say a refusal that is the client's fault, and count it."""
        self._say(reply, events, "error")
        if self.state is State.CLOSED:
            return
        self._errors += 1
        config = self.config
        if self._errors >= (config.max_errors if self.helo else config.max_errors_before_hello):
            self._say(replies.TOO_MANY_ERRORS, events, "errors")

    def _run_line(self, events: list[Event]) -> bool:
        """Take one line; False when it has not come whole."""
        buffer, start = self._buffer, self._position
        if self._discarding:
            return self._discard_line()
        if buffer[start] == 0x16 and self.state is State.GREETED and not self.helo:
            self._say(replies.TLS_ON_PLAIN_PORT, events, "tls on plain port")
            return False
        end = buffer.find(b"\n", start)
        limit = self.config.max_line
        size = end - start + 1 if end >= 0 else len(buffer) - start
        if size > limit and (self.state is State.AUTH or buffer[start : start + 5].upper() == b"AUTH "):
            limit = MAX_AUTH_LINE
        if size > limit:
            self._discarding = True
            self._position = start + limit - 1
            self._forget_transaction(events)
            if self.state is State.AUTH:
                self._leave_auth(replies.AUTH_LINE_TOO_LONG, events)
            else:
                self._error(replies.LINE_TOO_LONG, events)
            return True
        if end < 0:
            return False
        self._position = end + 1
        self._progress += 1
        if end == start or buffer[end - 1] != 0x0D:
            self._bare_newline(events)
        elif self.state is State.AUTH:
            self._auth_response(buffer[start : end - 1], events)
        else:
            self._command(buffer[start : end - 1], events)
        return True

    def _discard_line(self) -> bool:
        """Skip the rest of a line that was too long; nothing of it is kept but a CR at its end."""
        end = self._buffer.find(b"\r\n", self._position)
        if end >= 0:
            self._discarding = False
            self._position = end + 2
            return True
        self._buffer = b"\r" if self._buffer.endswith(b"\r") else b""
        self._position = 0
        return False

    def _bare_newline(self, events: list[Event]) -> None:
        """A line that ends without CR, or has a CR inside. What follows is read as the next command (a client that
        sends LF only is told so each time), but the transaction is forgotten: a command that was smuggled in through
        an address of MAIL or RCPT can never become part of a message (S2)."""
        if self.state is State.AUTH:
            self._leave_auth(replies.BARE_NEWLINE, events)
        else:
            self._error(replies.BARE_NEWLINE, events)
        if self.state is not State.CLOSED:
            self._forget_transaction(events)

    def _command(self, line: bytes, events: list[Event]) -> None:
        try:
            verb, argument = parse_line(line)
        except CommandError as error:
            if error.answer is replies.BARE_NEWLINE:
                self._bare_newline(events)
            else:
                self._error(error.answer, events)
            return
        if verb not in VERBS:
            if verb in HTTP_VERBS:
                self._say(replies.WRONG_PROTOCOL, events, "http")
            else:
                self._error(replies.NOT_IMPLEMENTED if verb in _OBSOLETE else replies.NOT_RECOGNIZED, events)
            return
        problem = self._problem(verb)
        try:
            if verb == "BDAT":
                self._bdat(argument, problem, events)
            elif problem is not None:
                self._refuse_command(verb, problem, events)
            else:
                self._HANDLERS[verb](self, argument, events)
        except CommandError as error:
            self._refuse_command(verb, error.answer, events)

    def _problem(self, verb: str) -> Reply | None:
        """Why `verb` may not come now, or None: the only place where that is decided."""
        config = self.config
        if config.require_tls and not self.secure and verb not in _WITHOUT_TLS:
            return replies.TLS_REQUIRED
        if config.lmtp:
            if verb in ("EHLO", "HELO"):
                return replies.NOT_SMTP
        elif verb == "LHLO":
            return replies.NOT_LMTP
        if (self.state, verb) not in ALLOWED:
            if self._tried and self.state is State.MAIL and verb in ("DATA", "BDAT"):
                return replies.NO_VALID_RECIPIENTS
            return refusal(self.state, verb)
        return None

    def _refuse_command(self, verb: str, reply: Reply, events: list[Event]) -> None:
        if verb == "DATA" and self._position < len(self._buffer) and self.config.refuse_early_body:
            self._output.append(reply.wire)
            self._say(replies.BODY_BEFORE_REPLY.closing(), events, "early body")
        elif reply is replies.NO_VALID_RECIPIENTS:
            self._say(reply, events)  # the recipients were counted one by one
        else:
            self._error(reply, events)

    def _idled(self, events: list[Event]) -> bool:
        """Count a command that moves nothing; True when the session ended for it."""
        self._idle += 1
        if self._idle > self.config.max_idle_commands:
            self._errors += 1
            if self._errors >= self.config.max_errors:
                self._say(replies.TOO_MANY_ERRORS, events, "idle commands")
                return True
        return False

    # Commands

    def _hello(self, argument: str, events: list[Event], esmtp: bool) -> None:
        helo = parse_hello(argument)
        if self._idled(events):
            return
        self._forget_transaction(events)
        self.helo = helo
        self._esmtp = esmtp
        self.state = State.READY
        config = self.config
        if not esmtp:
            self._offered = _NOTHING_OFFERED
            self._output.append(replies.hello(config.hostname).wire)
            return
        lines = ["PIPELINING", f"SIZE {config.max_size}", "8BITMIME"]
        offered = {"SIZE", "8BITMIME"}
        if config.smtputf8:
            lines.append("SMTPUTF8")
            offered.add("SMTPUTF8")
        lines.append("ENHANCEDSTATUSCODES")
        if config.dsn:
            lines.append("DSN")
            offered.add("DSN")
        if config.chunking:
            lines.extend(("CHUNKING", "BINARYMIME"))
            offered.add("BINARYMIME")
        if config.starttls and not self.secure:
            lines.append("STARTTLS")
        if config.mechanisms:
            offered.add("AUTH")
            if self._auth_allowed():
                names = [name for name in config.mechanisms if self.binding is not None or not name.endswith("-PLUS")]
                lines.append(f"AUTH {' '.join(names)}")
        limits = f"LIMITS RCPTMAX={config.max_recipients}"
        lines.append(f"{limits} MAILMAX={config.max_messages}" if config.max_messages else limits)
        if config.vrfy:
            lines.append("VRFY")
        lines.append("HELP")
        self._offered = frozenset(offered)
        self._output.append(replies.hello(config.hostname, tuple(lines)).wire)

    def _ehlo(self, argument: str, events: list[Event]) -> None:
        self._hello(argument, events, True)

    def _helo(self, argument: str, events: list[Event]) -> None:
        self._hello(argument, events, False)

    def _mail(self, argument: str, events: list[Event]) -> None:
        config = self.config
        if config.require_auth and self.user is None:
            self._error(replies.AUTH_REQUIRED, events)
            return
        if 0 < config.max_messages <= self.messages:
            self._say(replies.TOO_MANY_MESSAGES, events, "messages")
            return
        try:
            sender, parameters = parse_mail(argument, self._offered)
        except CommandError as error:
            if error.answer is replies.UNKNOWN_PARAMETER and not self._esmtp:
                raise CommandError(replies.PARAMETERS_NEED_EHLO) from None
            raise
        if parameters.size is not None and 0 < config.max_size < parameters.size:
            self._error(replies.too_large(config.max_size), events)  # RFC 1870 §6.1
            return
        if parameters.auth is not None and self.user is None:
            parameters = dataclasses.replace(parameters, auth=NULL)  # RFC 4954 §5: not trusted
        answer = self.policy.check_sender(sender, parameters, self)
        if answer is not None and not answer.positive:
            self._refused_by_policy(answer, events)
            return
        self.sender = sender
        self._parameters = parameters
        self.state = State.MAIL
        self._output.append((answer or replies.SENDER_OK).wire)

    def _rcpt(self, argument: str, events: list[Event]) -> None:
        config = self.config
        self._tried = True
        recipient, parameters = parse_rcpt(argument, self._offered, smtputf8=self._parameters.smtputf8)
        if len(self._recipients) >= config.max_recipients:
            self._output.append(replies.TOO_MANY_RECIPIENTS.wire)  # RFC 5321 §4.5.3.1.10
            self._overflow += 1
            if self._overflow > max(1000, config.max_recipients):
                self._say(replies.TOO_MANY_ERRORS, events, "recipients")
            return
        answer = self.policy.check_recipient(recipient, parameters, self)
        if answer is not None and not answer.positive:
            self._probed(answer, events)
            return
        self._recipients.append(Recipient(recipient, parameters))
        self.state = State.RCPT
        self._output.append((answer or replies.RECIPIENT_OK).wire)

    def _refused_by_policy(self, answer: Reply, events: list[Event]) -> None:
        if answer.code >= 500:
            self._error(answer, events)
        else:
            self._say(answer, events)

    def _probed(self, answer: Reply, events: list[Event]) -> None:
        """Say that a recipient is refused; many of them are somebody who tries names (S4)."""
        self._say(answer, events)
        if answer.code >= 500 and self.state is not State.CLOSED:
            self._refused_recipients += 1
            if self._refused_recipients >= self.config.max_refused_recipients:
                self._say(replies.TOO_MANY_ERRORS, events, "probing")

    def _data(self, argument: str, events: list[Event]) -> None:
        if argument:
            raise CommandError(replies.NO_ARGUMENT)
        if self._parameters.body == "BINARYMIME":
            raise CommandError(replies.BINARY_NEEDS_BDAT)  # RFC 3030 §3
        self.state = State.DATA
        self._chunked = False
        self._body = Body(self.config)
        self._reader = DataReader()
        self._held_in_block = 0
        self._output.append(replies.GO_AHEAD.wire)

    def _rset(self, argument: str, events: list[Event]) -> None:
        if argument:
            raise CommandError(replies.NO_ARGUMENT)
        self._forget_transaction(events)
        if not self._idled(events):
            self._output.append(replies.RESET.wire)

    def _noop(self, argument: str, events: list[Event]) -> None:
        if not self._idled(events):
            self._output.append(replies.OK.wire)

    def _help(self, argument: str, events: list[Event]) -> None:
        if not self._idled(events):
            self._output.append(_HELP.wire)

    def _vrfy(self, argument: str, events: list[Event]) -> None:
        if not argument:
            raise CommandError(replies.BAD_VRFY)
        if not self._idled(events):
            self._probed(self.policy.verify(argument, self), events)

    def _expn(self, argument: str, events: list[Event]) -> None:
        self._error(replies.NOT_IMPLEMENTED, events)

    def _quit(self, argument: str, events: list[Event]) -> None:
        if argument:
            raise CommandError(replies.NO_ARGUMENT)
        self._say(replies.BYE, events, "quit")

    def _starttls(self, argument: str, events: list[Event]) -> None:
        if argument:
            raise CommandError(replies.NO_ARGUMENT)
        if self.secure:
            raise CommandError(replies.ALREADY_TLS)
        if not self.config.starttls:
            raise CommandError(replies.NO_STARTTLS)
        if self._position < len(self._buffer):
            self._say(replies.INJECTION, events, "injection")  # C1
            return
        self._output.append(replies.START_TLS.wire)
        self.state = State.TLS
        self._paused = "tls"
        events.append(StartTls())

    # The message

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
        return Envelope(
            self.sender, tuple(self._recipients), self._parameters, self.helo, protocol, self.user, self._chunked
        )

    def _progressed(self, octets: int) -> None:
        """Move the deadline on for every `DATA_BLOCK` bytes, and for the first ones."""
        if self._held_in_block == 0 or self._held_in_block + octets >= DATA_BLOCK:
            self._progress += 1
            self._held_in_block = 1
        else:
            self._held_in_block += octets

    def _run_data(self, events: list[Event]) -> None:
        reader, body = self._reader, self._body
        assert reader is not None
        assert body is not None
        segment, end = reader.feed(self._buffer, self._position)
        self._progressed(len(self._buffer) - self._position)
        body.bare = reader.bare
        if segment:
            body.take(segment, events, self._envelope)
        if body.dead and body.size > self.config.max_size + self.config.discard:
            self._say(replies.TOO_LARGE.closing(), events, "discard")  # a refused message is not read for ever
        elif end < 0:
            self._buffer = b""
            self._position = 0
        else:
            self._position = end
            self._finish_message(body, events)

    def _finish_message(self, body: Body, events: list[Event]) -> None:
        reply = body.refusal()
        self._reader = None
        if reply is not None:
            self._answer_message(reply, events)
            if self.state is not State.CLOSED:
                self._forget_transaction(events)
                self._progress += 1
            return
        self._paused = "message"
        events.append(body.end(self._envelope()))

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

    # BDAT, RFC 3030

    def _bdat(self, argument: str, problem: Reply | None, events: list[Event]) -> None:
        size, last = parse_bdat(argument)
        config = self.config
        if not config.chunking:
            problem = replies.NOT_IMPLEMENTED
        elif problem is None and self._chunk_failed:
            problem = replies.IN_CHUNKS_FAILED
        if problem is None:
            if self.state is State.RCPT:
                self.state = State.CHUNKS
                self._chunked = True
                self._body = Body(config)
            if self._body is not None and 0 < config.max_size < self._body.size + size:
                problem = replies.too_large(config.max_size)
                self._body.abandon("refused", events)
                self._chunk_failed = True
        if problem is not None and size > config.discard:
            self._say(problem.closing(), events, "discard")
            return
        self._chunk_refusal = problem
        self._chunk_size = self._chunk_left = size
        self._chunk_last = last
        self._in_chunk = True
        self._held_in_block = 0
        if not size:
            self._finish_chunk(events)

    def _run_chunk(self, events: list[Event]) -> None:
        start = self._position
        octets = min(self._chunk_left, len(self._buffer) - start)
        self._position = start + octets
        self._chunk_left -= octets
        self._progressed(octets)
        if self._chunk_refusal is None and self._body is not None:
            whole = octets == len(self._buffer)
            self._body.take(self._buffer if whole else self._buffer[start : start + octets], events, self._envelope)
        if not self._chunk_left:
            self._finish_chunk(events)

    def _finish_chunk(self, events: list[Event]) -> None:
        self._in_chunk = False
        self._progress += 1
        reply, body = self._chunk_refusal, self._body
        self._chunk_refusal = None
        if reply is None and body is not None:
            if self._chunk_last:
                self._finish_message(body, events)
                return
            reply = body.refusal()
            if reply is None:
                self._output.append(replies.chunk_ok(self._chunk_size).wire)
                return
            self._chunk_failed = True
        assert reply is not None
        if self._chunk_last and self._chunk_failed:
            if reply is not replies.IN_CHUNKS_FAILED:
                self._answer_message(reply, events)
            else:
                self._error(reply, events)
            if self.state is not State.CLOSED:
                self._forget_transaction(events)
        else:
            self._refuse_command("BDAT", reply, events)

    # AUTH, RFC 4954

    def _auth_allowed(self) -> bool:
        return self.secure or self.loopback or self.config.cleartext_auth

    def _auth(self, argument: str, events: list[Event]) -> None:
        config = self.config
        if not config.mechanisms:
            raise CommandError(replies.NO_AUTH)
        if not self._esmtp:
            raise CommandError(replies.AUTH_NEEDS_EHLO)
        if self.user is not None:
            raise CommandError(replies.ALREADY_AUTHENTICATED)
        if not self._auth_allowed():
            raise CommandError(replies.AUTH_NEEDS_TLS)
        mechanism, written = parse_auth(argument)
        server = None
        if mechanism in config.mechanisms:
            server = make_server(mechanism, self.credentials, self._nonce, self.binding)
        if server is None:
            raise CommandError(replies.UNKNOWN_MECHANISM)
        initial: bytes | None = None
        if written is not None:
            try:
                initial = b"" if written == "=" else decode_response(written)
            except ValueError:
                raise CommandError(replies.BAD_BASE64) from None
        self.state = State.AUTH
        self._exchange = AuthExchange(server)
        self._auth_step(self._exchange.begin(initial), events)

    def _auth_response(self, line: bytes, events: list[Event]) -> None:
        assert self._exchange is not None
        if line == b"*":
            self._leave_auth(replies.AUTH_CANCELLED, events)
            return
        try:
            response = decode_response(line)
        except ValueError:
            self._leave_auth(replies.BAD_BASE64, events)
            return
        self._auth_step(self._exchange.respond(response), events)

    def _auth_step(self, step: Step, events: list[Event]) -> None:
        assert self._exchange is not None
        mechanism = self._exchange.mechanism
        if isinstance(step, Challenge):
            self._output.append(encode_challenge(step.data))
        elif isinstance(step, CheckPassword):
            self._paused = "auth"
            events.append(Authenticate(step.username, step.password, mechanism))
        elif isinstance(step, Failure):
            if step.malformed:
                self._auth_failed(replies.BAD_RESPONSE, events)
            else:
                self._paused = "auth"
                events.append(AuthFailed(step.username, mechanism))
        else:
            self._authenticated(step.username, events)

    def _authenticated(self, username: str, events: list[Event]) -> None:
        mechanism = self._exchange.mechanism if self._exchange is not None else ""
        self._exchange = None
        self.state = State.READY
        self.user = username
        self._output.append(replies.AUTHENTICATED.wire)
        events.append(Authenticated(username, mechanism))

    def _auth_failed(self, reply: Reply, events: list[Event]) -> None:
        self._exchange = None
        self.state = State.READY
        self._auth_failures += 1
        self._say(reply, events)
        if self._auth_failures >= self.config.max_auth_failures:
            self._say(replies.TOO_MANY_GUESSES, events, "guesses")

    def _leave_auth(self, reply: Reply, events: list[Event]) -> None:
        self._exchange = None
        self.state = State.READY
        self._error(reply, events)

    _HANDLERS: ClassVar[dict[str, Callable[[Session, str, list[Event]], None]]] = {
        "EHLO": _ehlo,
        "HELO": _helo,
        "LHLO": _ehlo,
        "MAIL": _mail,
        "RCPT": _rcpt,
        "DATA": _data,
        "RSET": _rset,
        "NOOP": _noop,
        "HELP": _help,
        "VRFY": _vrfy,
        "EXPN": _expn,
        "QUIT": _quit,
        "STARTTLS": _starttls,
        "AUTH": _auth,
    }


_HELP = Reply(
    214,
    "2.0.0",
    "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT HELP VRFY STARTTLS AUTH\nRFC 5321 tells what they do",
)
