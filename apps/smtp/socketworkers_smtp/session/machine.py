"""One mail session, SMTP or LMTP, without I/O: bytes in, events and bytes out.

The worker gives what it reads to `receive`, writes what `take_output` returns, and answers the events that pause.
Nothing here waits, reads a clock, logs or touches a socket; names, addresses and nonces are arguments. The order of
commands is in `table`, the limits are in `SessionConfig`.

RFC 5321, 2033, 1870, 2034, 2920, 3030, 3207, 3461, 4954, 6152, 6531, 9422.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from socketworkers.errors import StateError

from .. import replies
from ..codec.command import HTTP_VERBS, MAX_AUTH_LINE, parse_line
from ..codec.errors import CommandError
from ..replies import Reply
from .commands import Commands
from .core import DATA_BLOCK, NOTHING_OFFERED, Timeout
from .events import Event
from .table import ALLOWED, VERBS, State, refusal

__all__ = ["DATA_BLOCK", "Session", "Timeout"]

_OBSOLETE = frozenset(("SEND", "SOML", "SAML", "TURN", "ETRN", "ATRN", "BURL", "VERB", "XCLIENT", "XFORWARD"))
_WITHOUT_TLS = frozenset(("NOOP", "EHLO", "LHLO", "STARTTLS", "QUIT"))  # RFC 3207 §4
_BETWEEN = (State.GREETED, State.READY, State.MAIL, State.RCPT)


class Session(Commands):
    """One session. Not thread-safe; one worker drives it.

    Args:
        config: the listener's settings.
        policy: who may send what to whom.
        peer: address of the client without port.
        listener: name of the listener.
        secure: whether TLS is in use already (implicit TLS).
        loopback: whether the client is on this machine: passwords in the clear are allowed then.
        credentials: verifiers for SCRAM.
        bindings: of the TLS in use, by type (``TlsInfo.channel_bindings``), for SCRAM-SHA-256-PLUS; empty: not offered.
        nonce: makes the server's nonce of a SCRAM exchange.
    """

    __slots__ = ()

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

    def tls_started(self, info: object = None, *, bindings: Mapping[str, bytes] | None = None) -> None:
        """The handshake is done: all that was learned before is forgotten (RFC 3207 §4.2).

        Args:
            info: kept as `tls` for the worker's trace fields.
            bindings: of this connection, by type.

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
        self.bindings = bindings or {}
        self.helo = ""
        self.user = None
        self._esmtp = False
        self._offered = NOTHING_OFFERED
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
