"""Parameters of MAIL and RCPT: SIZE (RFC 1870), BODY (RFC 6152, RFC 3030), SMTPUTF8 (RFC 6531), DSN (RFC 3461), AUTH
(RFC 4954 §5). Sans-IO: text to values, with every value checked; what was not offered is an unknown parameter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .. import replies
from .address import NULL, Address, parse_address
from .errors import CommandError
from .xtext import decode_xtext

__all__ = [
    "NO_MAIL_PARAMETERS",
    "NO_RCPT_PARAMETERS",
    "MailParameters",
    "OriginalRecipient",
    "RcptParameters",
    "parse_mail_parameters",
    "parse_rcpt_parameters",
]

MAX_ENVID = 100  # RFC 3461 §4.4, characters as encoded
MAX_ORCPT = 500  # RFC 3461 §4.2, characters as encoded
MAX_SIZE_DIGITS = 20  # RFC 1870 §4

_KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-]*\Z")
_VALUE = re.compile(r"[!-<>-~\x80-\U0010ffff]+\Z")
_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-]*\Z")
_UTF8_ADDRESS = re.compile(r"(?:[!-*,-<>-\[\]-~\x80-\U0010ffff]|\\x\{[0-9A-F]{2,6}\})+\Z")
_UTF8_ESCAPE = re.compile(r"\\x\{([0-9A-F]{2,6})\}")
_BODIES = ("7BIT", "8BITMIME", "BINARYMIME")
_NOTIFY = ("SUCCESS", "FAILURE", "DELAY")


@dataclass(frozen=True, slots=True)
class MailParameters:
    """Parameters of MAIL; the defaults stand for parameters that were not given."""

    size: int | None = None
    """SIZE: bytes that the client means to send."""
    body: str = "7BIT"
    """BODY as declared: ``7BIT``, ``8BITMIME`` or ``BINARYMIME``."""
    smtputf8: bool = False
    """SMTPUTF8: addresses and header fields may hold UTF-8."""
    ret: str | None = None
    """RET: ``FULL`` or ``HDRS``, what a failure notice returns."""
    envid: str | None = None
    """ENVID, decoded: the sender's name for this message in notices. Printable ASCII."""
    auth: Address | None = None
    """AUTH, decoded: who submitted the message; `NULL` for ``<>``."""


@dataclass(frozen=True, slots=True)
class OriginalRecipient:
    """ORCPT of RFC 3461 §4.2, decoded. Printable."""

    type: str
    """Address type as given: ``rfc822``, ``utf-8`` (RFC 6533)."""
    address: str
    """The address; it need not be one of RFC 5321."""


@dataclass(frozen=True, slots=True)
class RcptParameters:
    """Parameters of RCPT; the defaults stand for parameters that were not given."""

    notify: tuple[str, ...] = ()
    """NOTIFY: ``("NEVER",)``, or any of ``SUCCESS``, ``FAILURE``, ``DELAY``; empty when not given."""
    orcpt: OriginalRecipient | None = None
    """ORCPT: the recipient as the sender first named it."""


NO_MAIL_PARAMETERS = MailParameters()
NO_RCPT_PARAMETERS = RcptParameters()


def _split(text: str) -> dict[str, str | None]:
    """``Mail-parameters`` of RFC 5321 §4.1.2, keywords in upper case."""
    found: dict[str, str | None] = {}
    for word in text.split(" "):
        if not word:
            continue
        keyword, equals, value = word.partition("=")
        if _KEYWORD.match(keyword) is None or (equals and _VALUE.match(value) is None):
            raise CommandError(replies.BAD_PARAMETER)
        keyword = keyword.upper()
        if keyword in found:
            raise CommandError(replies.REPEATED_PARAMETER)
        found[keyword] = value if equals else None
    return found


def parse_mail_parameters(text: str, offered: frozenset[str]) -> MailParameters:
    """Read what follows the path of MAIL.

    Args:
        text: the rest of the line behind the path.
        offered: what this session offers, of ``SIZE 8BITMIME BINARYMIME SMTPUTF8 DSN AUTH``.

    Raises:
        CommandError: 555 for what is unknown or not offered, 501 for a wrong or repeated one.
    """
    size: int | None = None
    body = "7BIT"
    smtputf8 = False
    ret: str | None = None
    envid: str | None = None
    auth: Address | None = None
    for keyword, value in _split(text).items():
        if keyword == "SIZE" and "SIZE" in offered:
            if value is None or len(value) > MAX_SIZE_DIGITS or not (value.isascii() and value.isdigit()):
                raise CommandError(replies.bad_parameter("SIZE"))
            size = int(value)
        elif keyword == "BODY" and "8BITMIME" in offered:
            body = value.upper() if value is not None and value.isascii() else ""
            if body not in _BODIES or (body == "BINARYMIME" and "BINARYMIME" not in offered):
                raise CommandError(replies.bad_parameter("BODY"))
        elif keyword == "SMTPUTF8" and "SMTPUTF8" in offered:
            if value is not None:
                raise CommandError(replies.bad_parameter("SMTPUTF8"))
            smtputf8 = True
        elif keyword == "RET" and "DSN" in offered:
            ret = value.upper() if value is not None and value.isascii() else ""
            if ret not in ("FULL", "HDRS"):
                raise CommandError(replies.bad_parameter("RET"))
        elif keyword == "ENVID" and "DSN" in offered:
            envid = _printable_xtext(value, MAX_ENVID, "ENVID")
        elif keyword == "AUTH" and "AUTH" in offered:
            auth = _parse_auth(value)
        else:
            raise CommandError(replies.UNKNOWN_PARAMETER)
    return MailParameters(size, body, smtputf8, ret, envid, auth)


def parse_rcpt_parameters(text: str, offered: frozenset[str], *, smtputf8: bool = False) -> RcptParameters:
    """Read what follows the path of RCPT.

    Args:
        text: the rest of the line behind the path.
        offered: what this session offers (``DSN``).
        smtputf8: whether MAIL of this transaction had SMTPUTF8.

    Raises:
        CommandError: 555 for what is unknown or not offered, 501 for a wrong or repeated one.
    """
    notify: tuple[str, ...] = ()
    orcpt: OriginalRecipient | None = None
    for keyword, value in _split(text).items():
        if keyword == "NOTIFY" and "DSN" in offered:
            words = (value or "").upper().split(",")
            if words != ["NEVER"] and (len(set(words)) != len(words) or any(word not in _NOTIFY for word in words)):
                raise CommandError(replies.bad_parameter("NOTIFY"))
            notify = tuple(words)
        elif keyword == "ORCPT" and "DSN" in offered:
            orcpt = _parse_orcpt(value, smtputf8)
        else:
            raise CommandError(replies.UNKNOWN_PARAMETER)
    return RcptParameters(notify, orcpt)


def _printable_xtext(value: str | None, limit: int, keyword: str, *, utf8: bool = False) -> str:
    """xtext whose octets are printable ASCII: anything else would reach headers of notices (S2).

    With `utf8` printable UTF-8 too: Postfix relays internationalized recipients as ``rfc822;zo+C3+AB@example.org``.
    """
    if not value or len(value) > limit:
        raise CommandError(replies.bad_parameter(keyword))
    try:
        text = decode_xtext(value)
        if utf8:
            text = text.encode("latin-1").decode()
    except ValueError:
        raise CommandError(replies.bad_parameter(keyword)) from None
    if not ((utf8 or text.isascii()) and text.isprintable()):
        raise CommandError(replies.bad_parameter(keyword))
    return text


def _parse_orcpt(value: str | None, smtputf8: bool) -> OriginalRecipient:
    kind, separator, written = (value or "").partition(";")
    if not separator or len(value or "") > MAX_ORCPT or _ADDRESS_TYPE.match(kind) is None:
        raise CommandError(replies.bad_parameter("ORCPT"))
    if kind.lower() != "utf-8":
        return OriginalRecipient(kind, _printable_xtext(written, MAX_ORCPT, "ORCPT", utf8=smtputf8))
    if _UTF8_ADDRESS.match(written) is None or not (smtputf8 or written.isascii()):
        raise CommandError(replies.bad_parameter("ORCPT"))
    try:
        address = _UTF8_ESCAPE.sub(lambda found: chr(int(found.group(1), 16)), written)
        address.encode()
    except (ValueError, OverflowError):
        raise CommandError(replies.bad_parameter("ORCPT")) from None
    if not address.isprintable():
        raise CommandError(replies.bad_parameter("ORCPT"))
    return OriginalRecipient(kind, address)


def _parse_auth(value: str | None) -> Address:
    """``AUTH=<>`` or the xtext of a mailbox, RFC 4954 §5."""
    if value == "<>":
        return NULL
    text = _printable_xtext(value, 500, "AUTH")
    try:
        return parse_address(text)
    except CommandError:
        raise CommandError(replies.bad_parameter("AUTH")) from None
