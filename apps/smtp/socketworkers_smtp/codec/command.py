"""Command lines of SMTP and LMTP: RFC 5321 §4.1, and the arguments of each command. Sans-IO.

`parse_line` turns one line (without its CRLF) into a `Command`; the `parse_*` functions read its argument. The session
decides what is allowed when; nothing here knows a state.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from .. import replies
from .address import Address, parse_path
from .errors import CommandError
from .params import (
    NO_MAIL_PARAMETERS,
    NO_RCPT_PARAMETERS,
    MailParameters,
    RcptParameters,
    parse_mail_parameters,
    parse_rcpt_parameters,
)

__all__ = [
    "HTTP_VERBS",
    "MAX_AUTH_LINE",
    "MAX_LINE",
    "Bdat",
    "Command",
    "Mail",
    "Rcpt",
    "parse_auth",
    "parse_bdat",
    "parse_hello",
    "parse_line",
    "parse_mail",
    "parse_rcpt",
]

MAX_LINE = 2048
"""RFC 5321 §4.5.3.1.4 asks for 512; SIZE, BODY, SMTPUTF8, AUTH= and DSN add about 1,200 (each one's own section)."""
MAX_AUTH_LINE = 12288  # RFC 4954 §4, includes CRLF
MAX_BDAT_DIGITS = 20  # RFC 3030 §2

HTTP_VERBS = frozenset(("GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "CONNECT", "TRACE", "PRI"))
"""First words of an HTTP request: a browser was made to talk to us (C3)."""

_UTF8_COMMANDS = frozenset(("MAIL", "RCPT", "VRFY", "EXPN"))  # RFC 6531 §3.1
_HELLO = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_\-.]*[A-Za-z0-9_])?\.?|\[[A-Za-z0-9:.%_\-]+\])\Z")
_MECHANISM = re.compile(r"[A-Z0-9_\-]{1,20}\Z")  # RFC 4422 §3.1


class Command(NamedTuple):
    """One command line."""

    verb: str
    """First word in upper case."""
    argument: str
    """The rest, without white space at its ends."""


class Mail(NamedTuple):
    """MAIL FROM, RFC 5321 §4.1.1.2."""

    sender: Address
    parameters: MailParameters


class Rcpt(NamedTuple):
    """RCPT TO, RFC 5321 §4.1.1.3."""

    recipient: Address
    parameters: RcptParameters


class Bdat(NamedTuple):
    """BDAT, RFC 3030 §2."""

    size: int
    last: bool


def parse_line(line: bytes) -> Command:
    """Read one command line.

    Args:
        line: the line without CRLF.

    Raises:
        CommandError: 500, for control characters (bare CR among them), bytes that are not UTF-8, and non-ASCII text
            in a command that may have none.
    """
    try:
        text = line.decode("ascii")
    except UnicodeDecodeError:
        return _parse_utf8_line(line)
    if not text.isprintable():
        text = text.rstrip(" \t")  # RFC 5321 §4.1.1: trailing white space is tolerated
        if not text.isprintable():
            raise CommandError(replies.BARE_NEWLINE if "\r" in text or "\n" in text else replies.CONTROL_CHARACTER)
    verb, _, argument = text.partition(" ")
    return Command(verb.upper(), argument.rstrip(" "))


def _parse_utf8_line(line: bytes) -> Command:
    try:
        text = line.decode().rstrip(" \t")
    except UnicodeDecodeError:
        raise CommandError(replies.NOT_UTF8) from None
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text):
        raise CommandError(replies.BARE_NEWLINE if "\r" in text or "\n" in text else replies.CONTROL_CHARACTER)
    verb, _, argument = text.partition(" ")
    if not verb.isascii() or verb.upper() not in _UTF8_COMMANDS:
        raise CommandError(replies.NOT_ASCII)
    return Command(verb.upper(), argument)


def parse_hello(argument: str) -> str:
    """Argument of EHLO, HELO or LHLO: a domain or an address literal, RFC 5321 §4.1.1.1.

    Underscores, a final dot and any content of an address literal are let through: §4.1.4 forbids to refuse mail for
    a name that is merely wrong, and what comes back is safe in a header field and a log.

    Raises:
        CommandError: 501, nothing like a name.
    """
    if len(argument) > 255 or _HELLO.match(argument) is None:
        raise CommandError(replies.BAD_HELLO)
    return argument


def parse_mail(argument: str, offered: frozenset[str]) -> Mail:
    """Argument of MAIL.

    Raises:
        CommandError: 501 syntax, 553 non-ASCII address without SMTPUTF8, 555 unknown parameter.
    """
    if argument[:5].upper() != "FROM:":
        raise CommandError(replies.BAD_MAIL)
    sender, end = parse_path(argument, 5, replies.BAD_SENDER)
    if end == len(argument):
        parameters = NO_MAIL_PARAMETERS
    elif argument[end] != " ":
        raise CommandError(replies.BAD_SENDER)
    else:
        parameters = parse_mail_parameters(argument[end:], offered)
    if not parameters.smtputf8 and not sender.is_ascii:
        raise CommandError(replies.SENDER_NEEDS_SMTPUTF8)
    return Mail(sender, parameters)


def parse_rcpt(argument: str, offered: frozenset[str], *, smtputf8: bool = False) -> Rcpt:
    """Argument of RCPT; `smtputf8` tells whether MAIL had SMTPUTF8.

    Raises:
        CommandError: 501 syntax, 553 non-ASCII address without SMTPUTF8, 555 unknown parameter.
    """
    if argument[:3].upper() != "TO:":
        raise CommandError(replies.BAD_RCPT)
    recipient, end = parse_path(argument, 3, replies.BAD_RECIPIENT)
    if end == len(argument):
        parameters = NO_RCPT_PARAMETERS
    elif argument[end] != " ":
        raise CommandError(replies.BAD_RECIPIENT)
    else:
        parameters = parse_rcpt_parameters(argument[end:], offered, smtputf8=smtputf8)
    if recipient.null:
        raise CommandError(replies.NULL_RECIPIENT)
    if not smtputf8 and not recipient.is_ascii:
        raise CommandError(replies.SENDER_NEEDS_SMTPUTF8)
    return Rcpt(recipient, parameters)


def parse_bdat(argument: str) -> Bdat:
    """Argument of BDAT.

    Raises:
        CommandError: 501 and close: without a size nobody knows where the chunk ends (S3).
    """
    size, _, last = argument.partition(" ")
    if not (size.isascii() and size.isdigit()) or len(size) > MAX_BDAT_DIGITS or last.upper() not in ("", "LAST"):
        raise CommandError(replies.BAD_BDAT)
    return Bdat(int(size), bool(last))


def parse_auth(argument: str) -> tuple[str, str | None]:
    """Argument of AUTH: the mechanism, and the initial response as sent (base64, ``=`` for an empty one) or None.

    Raises:
        CommandError: 501 syntax.
    """
    mechanism, space, initial = argument.partition(" ")
    mechanism = mechanism.upper()
    if _MECHANISM.match(mechanism) is None or (space and (not initial or " " in initial)):
        raise CommandError(replies.BAD_AUTH)
    return mechanism, initial if space else None
