"""AUTH, RFC 4954: who may try, and what becomes of each step. A layer of `Session`, sans-IO."""

from __future__ import annotations

from socketworkers.sasl import Challenge, CheckPassword, Failure, Step

from .. import replies
from ..codec.command import parse_auth
from ..codec.errors import CommandError
from ..replies import Reply
from .auth import AuthExchange, decode_response, encode_challenge, make_server
from .events import Authenticate, Authenticated, AuthFailed, Event
from .messages import Messages
from .table import State

__all__ = ["Login"]


class Login(Messages):
    """Lets clients prove who they are."""

    __slots__ = ()

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
            server = make_server(mechanism, self.credentials, self._nonce, self.bindings)
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
