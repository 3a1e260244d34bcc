"""The commands of SMTP and LMTP one by one, RFC 5321 §4.1.1. A layer of `Session`, sans-IO."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import lru_cache
from typing import ClassVar

from .. import replies
from ..codec.address import NULL
from ..codec.command import parse_hello, parse_mail, parse_rcpt
from ..codec.errors import CommandError
from ..replies import Reply
from .config import SessionConfig
from .core import NOTHING_OFFERED
from .events import Event, Recipient, StartTls
from .login import Login
from .table import State

__all__ = ["Commands"]


class Commands(Login):
    """What each command does when it is allowed."""

    __slots__ = ()

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
            self._offered = NOTHING_OFFERED
            self._output.append(replies.hello(config.hostname).wire)
            return
        wire, self._offered = _announcement(config, self.secure, self._auth_allowed(), bool(self.bindings))
        self._output.append(wire)

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

    def _probed(self, answer: Reply, events: list[Event]) -> None:
        """Say that a recipient is refused; many of them are somebody who tries names (S4)."""
        self._say(answer, events)
        if answer.code >= 500 and self.state is not State.CLOSED:
            self._refused_recipients += 1
            if self._refused_recipients >= self.config.max_refused_recipients:
                self._say(replies.TOO_MANY_ERRORS, events, "probing")

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

    _HANDLERS: ClassVar[dict[str, Callable[[Commands, str, list[Event]], None]]] = {
        "EHLO": _ehlo,
        "HELO": _helo,
        "LHLO": _ehlo,
        "MAIL": _mail,
        "RCPT": _rcpt,
        "DATA": Login._data,
        "RSET": _rset,
        "NOOP": _noop,
        "HELP": _help,
        "VRFY": _vrfy,
        "EXPN": _expn,
        "QUIT": _quit,
        "STARTTLS": _starttls,
        "AUTH": Login._auth,
    }


_HELP = Reply(
    214,
    "2.0.0",
    "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT HELP VRFY STARTTLS AUTH\nRFC 5321 tells what they do",
)


@lru_cache(maxsize=64)
def _announcement(config: SessionConfig, secure: bool, auth: bool, plus: bool) -> tuple[bytes, frozenset[str]]:
    """The answer to EHLO, and the parameters that go with it; one for all sessions that are alike."""
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
    if config.starttls and not secure:
        lines.append("STARTTLS")
    if config.mechanisms:
        offered.add("AUTH")
        if auth:
            lines.append(
                " ".join(["AUTH", *(name for name in config.mechanisms if plus or not name.endswith("-PLUS"))])
            )
    limits = f"LIMITS RCPTMAX={config.max_recipients}"
    lines.append(f"{limits} MAILMAX={config.max_messages}" if config.max_messages else limits)
    if config.vrfy:
        lines.append("VRFY")
    lines.append("HELP")
    return replies.hello(config.hostname, tuple(lines)).wire, frozenset(offered)
