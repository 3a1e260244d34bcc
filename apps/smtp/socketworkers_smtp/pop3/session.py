"""One POP3 session without I/O: bytes in, events and bytes out. RFC 1939, 2449, 2595, 3206, 5034.

The worker gives what it reads to `receive`, writes what `take_output` returns, and answers the events that pause. The
maildrop is a list that the worker gives once; deletions reach it only as one `Commit`, at QUIT (RFC 1939 §6).
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from socketworkers.errors import StateError
from socketworkers.sasl import Challenge, CheckPassword, CredentialSource, Failure, Step

from ..codec.command import HTTP_VERBS
from ..session.auth import AuthExchange, decode_response, make_server
from ..session.events import Authenticate, Authenticated, AuthFailed, Close, StartTls
from ..session.machine import Timeout
from .codec import MAX_AUTH_LINE, MAX_LINE, CommandError, Stuffer, err, ok, parse_line, parse_number
from .events import Commit, Entry, Fetch, OpenMaildrop, Pop3Config, Pop3Event
from .table import ALLOWED, VERBS, State

__all__ = ["Pop3Session"]


class Pop3Session:
    """One session. Not thread-safe; one worker drives it.

    Args:
        config: the listener's settings.
        secure: whether TLS is in use already (implicit TLS).
        loopback: whether the client is on this machine: passwords in the clear are allowed then.
        credentials: verifiers for SCRAM.
        bindings: of the TLS in use, by type (``TlsInfo.channel_bindings``), for SCRAM-SHA-256-PLUS; empty: not offered.
        nonce: makes the server's nonce of a SCRAM exchange.
    """

    __slots__ = (
        "_auth_failures",
        "_buffer",
        "_credentials",
        "_deleted",
        "_discarding",
        "_entries",
        "_eof",
        "_errors",
        "_exchange",
        "_name",
        "_nonce",
        "_output",
        "_paused",
        "_position",
        "_progress",
        "_status",
        "_stuffer",
        "bindings",
        "config",
        "loopback",
        "secure",
        "state",
        "user",
    )

    def __init__(
        self,
        config: Pop3Config,
        *,
        secure: bool = False,
        loopback: bool = False,
        credentials: CredentialSource | None = None,
        bindings: Mapping[str, bytes] | None = None,
        nonce: Callable[[], str] = secrets.token_urlsafe,
    ) -> None:
        self.config = config
        self.secure = secure
        self.loopback = loopback
        self.bindings = bindings or {}
        self.state = State.CONNECTED
        self.user: str | None = None
        self._credentials = credentials
        self._nonce = nonce
        self._buffer = b""
        self._position = 0
        self._output: list[bytes] = []
        self._paused = ""
        self._eof = False
        self._discarding = False
        self._name = ""
        self._exchange: AuthExchange | None = None
        self._entries: Sequence[Entry] = ()
        self._deleted: set[int] = set()
        self._stuffer: Stuffer | None = None
        self._status = b""
        self._errors = 0
        self._auth_failures = 0
        self._progress = 0

    # What a worker may ask

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
        """How long the present state may last; None while the worker itself is awaited."""
        if self._paused or self.state is State.CLOSED:
            return None
        return Timeout("command", self.config.idle_timeout, self._progress)

    def take_output(self) -> bytes:
        """What must be written now; every call empties it."""
        data = b"".join(self._output)
        self._output.clear()
        return data

    # What a worker does

    def greet(self) -> list[Pop3Event]:
        """Say the greeting, RFC 1939 §4.

        Raises:
            StateError: it was said already.
        """
        if self.state is State.CLOSED:
            return []
        if self.state is not State.CONNECTED:
            raise StateError("the session was greeted already")
        self.state = State.AUTHORIZATION
        self._progress += 1
        self._output.append(ok(f"POP3 {self.config.software} ready"))
        return []

    def receive(self, data: bytes) -> list[Pop3Event]:
        """Take bytes of the peer; ``b""`` is the end of its stream. Never raises for what a peer sends."""
        events: list[Pop3Event] = []
        if self.state is State.CLOSED:
            return events
        if not data:
            self._eof = True
            if not self._paused or self.state is State.TLS:
                self._close("eof", events)
        elif self.state is State.CONNECTED:
            self._end(err("wait for the greeting before you talk"), "early talker", events)
        elif self.state is State.TLS:
            self._close("injection", events)  # C1
        else:
            self._buffer = self._buffer[self._position :] + data
            self._position = 0
            if not self._paused:
                self._run(events)
            elif len(self._buffer) > self.config.max_held:
                self._end(err("too much input before the reply was sent"), "held input", events)
        return events

    def auth_result(self, username: str | None, *, temporary: bool = False) -> list[Pop3Event]:
        """The answer to `Authenticate` and `AuthFailed`: who the client is, None for a wrong password.

        Raises:
            StateError: no authentication waits for an answer.
        """
        self._answering("auth")
        events: list[Pop3Event] = []
        if username is not None:
            self._authenticated(username, events)
            return events
        if temporary:
            self._leave_auth(err("temporary failure, try again later", "SYS/TEMP"))
        else:
            self._auth_failed("wrong name or password", events)
        return self._resume(events)

    def maildrop(self, entries: Sequence[Entry]) -> list[Pop3Event]:
        """The maildrop is open, and locked for this session.

        Raises:
            StateError: no `OpenMaildrop` waits for an answer.
        """
        self._answering("maildrop")
        self._entries = entries
        self.state = State.TRANSACTION
        self._output.append(ok(f"{len(entries)} messages"))
        return self._resume([])

    def maildrop_refused(self, text: str, code: str = "IN-USE") -> list[Pop3Event]:
        """The maildrop cannot be opened; `code` as in RFC 2449 §8.1.1 and RFC 3206.

        Raises:
            StateError: no `OpenMaildrop` waits for an answer.
        """
        self._answering("maildrop")
        self.user = None
        self._output.append(err(text, code))
        return self._resume([])

    def body(self, data: bytes) -> bool:
        """A part of the message that `Fetch` asked for. False: nothing more is wanted, call `body_end`.

        Raises:
            StateError: no `Fetch` waits for an answer.
        """
        self._answering("body")
        assert self._stuffer is not None
        self._begin_body()
        stuffed = self._stuffer.feed(data)
        if stuffed:
            self._output.append(stuffed)
        return not self._stuffer.full

    def body_end(self) -> list[Pop3Event]:
        """All parts were given.

        Raises:
            StateError: no `Fetch` waits for an answer.
        """
        self._answering("body")
        assert self._stuffer is not None
        self._begin_body()
        self._output.append(self._stuffer.end())
        self._stuffer = None
        return self._resume([])

    def body_failed(self) -> list[Pop3Event]:
        """The message cannot be read. If a part of it was given the connection ends, as nothing else can tell it.

        Raises:
            StateError: no `Fetch` waits for an answer.
        """
        self._answering("body")
        self._stuffer = None
        events: list[Pop3Event] = []
        if not self._status:
            self._close("message lost", events)
            return events
        self._output.append(err("the message cannot be read", "SYS/TEMP"))
        return self._resume(events)

    def committed(self, done: bool = True) -> list[Pop3Event]:
        """The deletions are done, or (RFC 1939 §6) were not.

        Raises:
            StateError: no `Commit` waits for an answer.
        """
        self._answering("commit")
        events: list[Pop3Event] = []
        self._end(ok("bye") if done else err("some deleted messages were not removed", "SYS/TEMP"), "quit", events)
        return events

    def tls_started(self, *, bindings: Mapping[str, bytes] | None = None) -> None:
        """The handshake is done: all that was learned before is forgotten (RFC 2595 §4).

        Raises:
            StateError: STLS was not accepted.
        """
        if self.state is not State.TLS:
            raise StateError("no StartTls waits for an answer")
        self._paused = ""
        self._buffer = b""
        self._position = 0
        self._name = ""
        self.secure = True
        self.bindings = bindings or {}
        self._progress += 1
        self.state = State.AUTHORIZATION

    def timed_out(self) -> list[Pop3Event]:
        """The deadline of `next_timeout` passed: the end, nothing is deleted and nothing said (RFC 1939 §3)."""
        events: list[Pop3Event] = []
        if self.state is not State.CLOSED:
            self._close("timeout", events)
        return events

    def close(self, text: str, reason: str, code: str = "SYS/TEMP") -> list[Pop3Event]:
        """End the session, in whatever state; `text` is said unless an answer is under way."""
        events: list[Pop3Event] = []
        if self.state is State.CLOSED:
            return events
        if self._paused == "body" and not self._status:
            self._close(reason, events)
        else:
            self._end(err(text, code), reason, events)
        return events

    # The loop

    def _run(self, events: list[Pop3Event]) -> None:
        while not self._paused and self.state is not State.CLOSED:
            if self._position >= len(self._buffer):
                self._buffer = b""
                self._position = 0
                break
            if not self._run_line(events):
                break
        if self._eof and not self._paused and self.state is not State.CLOSED:
            self._close("eof", events)

    def _run_line(self, events: list[Pop3Event]) -> bool:
        buffer, start = self._buffer, self._position
        if self._discarding:
            end = buffer.find(b"\r\n", start)
            if end < 0:
                self._buffer = b"\r" if buffer.endswith(b"\r") else b""
                self._position = 0
                return False
            self._discarding = False
            self._position = end + 2
            return True
        end = buffer.find(b"\n", start)
        limit = MAX_LINE
        size = end - start + 1 if end >= 0 else len(buffer) - start
        if size > limit and (self.state is State.SASL or buffer[start : start + 5].upper() == b"AUTH "):
            limit = MAX_AUTH_LINE
        if size > limit:
            self._discarding = True
            self._position = start + limit - 1
            self._error(err("line too long"), events)
            return True
        if end < 0:
            return False
        self._position = end + 1
        self._progress += 1
        if end == start or buffer[end - 1] != 0x0D:
            self._error(err("a command ends with CR LF"), events)
        elif self.state is State.SASL:
            self._auth_response(buffer[start : end - 1], events)
        else:
            self._command(buffer[start : end - 1], events)
        return True

    def _command(self, line: bytes, events: list[Pop3Event]) -> None:
        try:
            verb, argument = parse_line(line)
            if verb in HTTP_VERBS:
                self._end(err("this is a mail server, not a web server"), "http", events)
            elif verb not in VERBS:
                raise CommandError("unknown command")
            elif (self.state, verb) not in ALLOWED:
                raise CommandError("not in this state" if self.user else "log in first")
            else:
                name, self._name = self._name, ""
                if verb == "PASS":
                    self._pass(name, argument, events)
                else:
                    self._HANDLERS[verb](self, argument.strip(" "), events)
        except CommandError as error:
            self._error(error.reply, events)

    def _resume(self, events: list[Pop3Event]) -> list[Pop3Event]:
        self._paused = ""
        self._progress += 1
        if self.state is not State.CLOSED:
            self._run(events)
        return events

    def _answering(self, what: str) -> None:
        if self._paused != what:
            raise StateError(f"no {what} waits for an answer")

    def _error(self, reply: bytes, events: list[Pop3Event]) -> None:
        if self.state is State.SASL:
            self._leave_auth(reply)
        else:
            self._output.append(reply)
        self._errors += 1
        if self._errors >= (self.config.max_errors if self.user else 3):
            self._end(err("too many errors", "SYS/PERM"), "errors", events)

    def _end(self, reply: bytes, reason: str, events: list[Pop3Event]) -> None:
        self._output.append(reply)
        self._close(reason, events)

    def _close(self, reason: str, events: list[Pop3Event]) -> None:
        self.state = State.CLOSED
        self._paused = ""
        self._buffer = b""
        self._position = 0
        self._exchange = None
        self._stuffer = None
        self._entries = ()
        events.append(Close(reason))

    # AUTHORIZATION

    def _cleartext(self) -> bool:
        return self.secure or self.loopback or self.config.cleartext_auth

    def _capa(self, argument: str, events: list[Pop3Event]) -> None:
        config = self.config
        lines = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER"]
        if self._cleartext():
            lines.append("USER")
            if config.mechanisms:
                lines.append(f"SASL {' '.join(self._mechanisms())}")
        if config.starttls and not self.secure:
            lines.append("STLS")
        lines.append(f"IMPLEMENTATION {config.software}")
        self._multiline("capabilities", lines)

    def _mechanisms(self) -> list[str]:
        return [name for name in self.config.mechanisms if self.bindings or not name.endswith("-PLUS")]

    def _multiline(self, status: str, lines: Sequence[str]) -> None:
        """A multi-line answer of words of our own: no line begins with a dot."""
        self._output.append(ok(status) + "".join(f"{line}\r\n" for line in lines).encode() + b".\r\n")

    def _user(self, argument: str, events: list[Pop3Event]) -> None:
        if not self._cleartext():
            raise CommandError("passwords need TLS here: use STLS, or the TLS port", "SYS/PERM")
        if not argument:
            raise CommandError("USER needs a name")
        self._name = argument
        self._output.append(ok("send PASS"))  # said for every name

    def _pass(self, name: str, argument: str, events: list[Pop3Event]) -> None:
        if not name:
            raise CommandError("USER first")
        if not argument:
            raise CommandError("PASS needs a password")
        self._paused = "auth"
        events.append(Authenticate(name, argument, "USER"))

    def _auth(self, argument: str, events: list[Pop3Event]) -> None:
        if not argument:
            self._multiline("mechanisms", self._mechanisms() if self._cleartext() else [])
            return
        if not self._cleartext():
            raise CommandError("passwords need TLS here: use STLS, or the TLS port", "SYS/PERM")
        mechanism, _, initial = argument.partition(" ")
        server = None
        if mechanism.upper() in self.config.mechanisms:
            server = make_server(mechanism.upper(), self._credentials, self._nonce, self.bindings)
        if server is None:
            raise CommandError("unknown mechanism")
        try:
            response = None if not initial else b"" if initial == "=" else decode_response(initial)
        except ValueError:
            raise CommandError("cannot decode the BASE64 text") from None
        self.state = State.SASL
        self._exchange = AuthExchange(server)
        self._auth_step(self._exchange.begin(response), events)

    def _auth_response(self, line: bytes, events: list[Pop3Event]) -> None:
        assert self._exchange is not None
        if line == b"*":
            self._error(err("authentication cancelled"), events)
            return
        try:
            response = decode_response(line)
        except ValueError:
            self._error(err("cannot decode the BASE64 text"), events)
            return
        self._auth_step(self._exchange.respond(response), events)

    def _auth_step(self, step: Step, events: list[Pop3Event]) -> None:
        assert self._exchange is not None
        mechanism = self._exchange.mechanism
        if isinstance(step, Challenge):
            self._output.append(encode_continuation(step.data))
        elif isinstance(step, CheckPassword):
            self._paused = "auth"
            events.append(Authenticate(step.username, step.password, mechanism))
        elif isinstance(step, Failure):
            if step.malformed:
                self._auth_failed("cannot understand the response", events)
            else:
                self._paused = "auth"
                events.append(AuthFailed(step.username, mechanism))
        else:
            self._authenticated(step.username, events)

    def _authenticated(self, username: str, events: list[Pop3Event]) -> None:
        mechanism = self._exchange.mechanism if self._exchange is not None else "USER"
        self._exchange = None
        self.state = State.AUTHORIZATION
        self.user = username
        self._paused = "maildrop"
        events.append(Authenticated(username, mechanism))
        events.append(OpenMaildrop(username))

    def _auth_failed(self, text: str, events: list[Pop3Event]) -> None:
        self._leave_auth(err(text, "AUTH"))
        self._auth_failures += 1
        if self._auth_failures >= self.config.max_auth_failures:
            self._end(err("too many failed logins", "AUTH"), "guesses", events)

    def _leave_auth(self, reply: bytes) -> None:
        self._exchange = None
        self.state = State.AUTHORIZATION
        self._output.append(reply)

    def _stls(self, argument: str, events: list[Pop3Event]) -> None:
        if self.secure:
            raise CommandError("TLS is in use already")
        if not self.config.starttls:
            raise CommandError("STLS is not offered here; the server needs a certificate (or --tls auto)")
        if self._position < len(self._buffer):
            self._end(err("bytes behind STLS: plaintext injection refused"), "injection", events)  # C1
            return
        self._output.append(ok("ready to start TLS"))
        self.state = State.TLS
        self._paused = "tls"
        events.append(StartTls())

    # TRANSACTION

    def _present(self, text: str) -> int:
        """Index of a message that is there and not deleted.

        Raises:
            CommandError: no such message.
        """
        index = parse_number(text) - 1
        if not 0 <= index < len(self._entries) or index in self._deleted:
            raise CommandError("no such message")
        return index

    def _left(self) -> list[tuple[int, Entry]]:
        return [(place + 1, entry) for place, entry in enumerate(self._entries) if place not in self._deleted]

    def _stat(self, argument: str, events: list[Pop3Event]) -> None:
        left = self._left()
        self._output.append(b"+OK %d %d\r\n" % (len(left), sum(entry.size for _, entry in left)))

    def _list(self, argument: str, events: list[Pop3Event]) -> None:
        if argument:
            index = self._present(argument)
            self._output.append(ok(f"{index + 1} {self._entries[index].size}"))
        else:
            left = self._left()
            self._multiline(f"{len(left)} messages", [f"{number} {entry.size}" for number, entry in left])

    def _uidl(self, argument: str, events: list[Pop3Event]) -> None:
        if argument:
            index = self._present(argument)
            self._output.append(ok(f"{index + 1} {self._entries[index].uid}"))
        else:
            self._multiline("unique ids", [f"{number} {entry.uid}" for number, entry in self._left()])

    def _retr(self, argument: str, events: list[Pop3Event]) -> None:
        index = self._present(argument)
        self._fetch(index, None, ok(f"{self._entries[index].size} octets"), events)

    def _top(self, argument: str, events: list[Pop3Event]) -> None:
        number, _, count = argument.partition(" ")
        index, lines = self._present(number), parse_number(count)
        self._fetch(index, lines, ok("top of message follows"), events)

    def _fetch(self, index: int, lines: int | None, status: bytes, events: list[Pop3Event]) -> None:
        self._stuffer = Stuffer(lines)
        self._status = status
        self._paused = "body"
        events.append(Fetch(index, self._entries[index].uid, lines))

    def _begin_body(self) -> None:
        if self._status:
            self._output.append(self._status)
            self._status = b""

    def _dele(self, argument: str, events: list[Pop3Event]) -> None:
        index = self._present(argument)
        self._deleted.add(index)
        self._output.append(ok(f"message {index + 1} deleted"))

    def _noop(self, argument: str, events: list[Pop3Event]) -> None:
        self._output.append(ok("nothing done"))

    def _rset(self, argument: str, events: list[Pop3Event]) -> None:
        self._deleted.clear()
        self._output.append(ok(f"{len(self._entries)} messages"))

    def _quit(self, argument: str, events: list[Pop3Event]) -> None:
        if self._deleted:
            self._paused = "commit"
            events.append(Commit(tuple(self._entries[index].uid for index in sorted(self._deleted))))
        else:
            self._end(ok("bye"), "quit", events)

    _HANDLERS: ClassVar[dict[str, Callable[[Pop3Session, str, list[Pop3Event]], None]]] = {
        "CAPA": _capa,
        "USER": _user,
        "AUTH": _auth,
        "STLS": _stls,
        "STAT": _stat,
        "LIST": _list,
        "RETR": _retr,
        "DELE": _dele,
        "NOOP": _noop,
        "RSET": _rset,
        "TOP": _top,
        "UIDL": _uidl,
        "QUIT": _quit,
    }


def encode_continuation(data: bytes) -> bytes:
    """A challenge as POP3 sends it, RFC 5034 §4."""
    return b"+ " + b64encode(data) + b"\r\n"
