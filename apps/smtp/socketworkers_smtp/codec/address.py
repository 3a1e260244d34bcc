"""Mail addresses and paths: RFC 5321 §4.1.2 and §4.1.3 with the extensions of RFC 6531 §3.3.

Sans-IO. `parse_path` reads one path at a position of a command's text; `Address` is its value. Strict: angle brackets,
the limits of RFC 5321 §4.5.3.1, no obsolete forms but the source route, which is read and forgotten (§4.1.1.3).
The grammar is read with patterns that are linear in the length of their input.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from .. import replies
from ..replies import Reply
from .errors import CommandError

__all__ = ["MAX_DOMAIN", "MAX_LABEL", "MAX_LOCAL_PART", "MAX_PATH", "NULL", "Address", "parse_address", "parse_path"]

MAX_LOCAL_PART = 64  # RFC 5321 §4.5.3.1.1, octets
MAX_DOMAIN = 255  # RFC 5321 §4.5.3.1.2, octets
MAX_PATH = 256  # RFC 5321 §4.5.3.1.3, octets with brackets
MAX_LABEL = 63  # RFC 1035 §2.3.4

_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?"
_COMMON = re.compile(rf"<([{_ATEXT}]+(?:\.[{_ATEXT}]+)*)@({_LABEL}(?:\.{_LABEL})*)>")
_DOT_STRING = re.compile(rf"[{_ATEXT}\x80-\U0010ffff]+(?:\.[{_ATEXT}\x80-\U0010ffff]+)*")
_ONLY_DOT_STRING = re.compile(rf"{_DOT_STRING.pattern}\Z")
_QUOTED_STRING = re.compile(r'"((?:[ !#-\[\]-~\x80-\U0010ffff]|\\[ -~])*)"')
_QUOTED_PAIR = re.compile(r"\\(.)")
_DOMAIN = re.compile(r"[A-Za-z0-9\-\x80-\U0010ffff]+(?:\.[A-Za-z0-9\-\x80-\U0010ffff]+)*")
_LITERAL = re.compile(r"\[([!-Z^-~]+)\]")
_SOURCE_ROUTE = re.compile(r"@[^\s,:<>]+(?:,@[^\s,:<>]+)*:")
_IPV4 = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}\Z")


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox, or the null sender. Two spellings of one mailbox (quoted or not) are equal."""

    local: str
    """Local part without quoting, case kept. "" for the null sender only."""
    domain: str
    """Domain or address literal (with its brackets), case kept. "" for the null sender and a bare postmaster."""

    @property
    def null(self) -> bool:
        """Whether this is ``<>``, RFC 5321 §4.5.5."""
        return not self.local

    @property
    def is_ascii(self) -> bool:
        """Whether the address may be used without SMTPUTF8."""
        return self.local.isascii() and self.domain.isascii()

    @property
    def is_postmaster(self) -> bool:
        """Whether the local part is ``postmaster`` in any case, RFC 5321 §4.5.1."""
        return self.local.lower() == "postmaster"

    def __str__(self) -> str:
        """The address as it is written in a path, without brackets."""
        local = self.local
        if local and _ONLY_DOT_STRING.match(local) is None:
            local = '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return f"{local}@{self.domain}" if self.domain else local


NULL = Address("", "")


def parse_path(text: str, position: int, refusal: Reply, *, source_route: bool = True) -> tuple[Address, int]:
    """Read the path that begins at `position`.

    Args:
        text: the command's argument, decoded, without control characters.
        position: where the path begins.
        refusal: the reply of a wrong path (5.1.7 for a sender, 5.1.3 for a recipient).
        source_route: whether ``<@a,@b:user@c>`` is read (and its route forgotten, RFC 5321 §4.1.1.3).

    Returns:
        The address, and the position behind the closing bracket.

    Raises:
        CommandError: not a path of RFC 5321 §4.1.2, or longer than §4.5.3.1 allows.
    """
    common = _COMMON.match(text, position)
    if common is not None:
        local, domain = common.groups()
        if len(local) > MAX_LOCAL_PART or len(domain) > MAX_DOMAIN or common.end() - position > MAX_PATH:
            raise CommandError(refusal)
        return Address(local, domain), common.end()
    if not text.startswith("<", position):
        raise CommandError(replies.SPACE_AFTER_COLON if text.startswith(" ", position) else replies.BRACKETS_MISSING)
    end = position + 1
    if text.startswith(">", end):
        return NULL, end + 1
    if source_route and text.startswith("@", end):
        route = _SOURCE_ROUTE.match(text, end)
        if route is None:
            raise CommandError(refusal)
        end = route.end()
    address, end = _parse_mailbox(text, end, refusal)
    if not text.startswith(">", end):
        raise CommandError(refusal)
    end += 1
    if len(text[position:end].encode()) > MAX_PATH:
        raise CommandError(refusal)
    return address, end


def parse_address(text: str) -> Address:
    """Read a whole mailbox without brackets (``user@example.org``), as VRFY, AUTH= and configuration write it.

    Raises:
        CommandError: not a mailbox.
    """
    address, end = _parse_mailbox(text, 0, replies.BAD_RECIPIENT)
    if end != len(text) or len(text.encode()) + 2 > MAX_PATH:
        raise CommandError(replies.BAD_RECIPIENT)
    return address


def _parse_mailbox(text: str, position: int, refusal: Reply) -> tuple[Address, int]:
    """``Mailbox`` of RFC 5321 §4.1.2, or a local part alone when it is postmaster (§4.1.1.3)."""
    quoted = _QUOTED_STRING.match(text, position)
    if quoted is not None:
        written, end = quoted.group(0), quoted.end()
        local = _QUOTED_PAIR.sub(r"\1", quoted.group(1))
    else:
        plain = _DOT_STRING.match(text, position)
        if plain is None:
            raise CommandError(refusal)
        written = local = plain.group(0)
        end = plain.end()
    if not local or len(written.encode()) > MAX_LOCAL_PART or (not local.isascii() and not _harmless(local)):
        raise CommandError(refusal)
    if not text.startswith("@", end):
        if local.lower() != "postmaster":
            raise CommandError(refusal)
        return Address(local, ""), end
    end += 1
    if text.startswith("[", end):
        literal = _LITERAL.match(text, end)
        if literal is None or not _is_literal(literal.group(1)):
            raise CommandError(refusal)
        return Address(local, literal.group(0)), literal.end()
    named = _DOMAIN.match(text, end)
    if named is None or not _is_domain(named.group(0)):
        raise CommandError(refusal)
    return Address(local, named.group(0)), named.end()


def _is_domain(domain: str) -> bool:
    """Labels of letters, digits and inner hyphens, or U-labels whose A-label fits (RFC 6531 §3.3, RFC 5890)."""
    if len(domain.encode()) > MAX_DOMAIN:
        return False
    for label in domain.split("."):
        if not label or label[0] == "-" or label[-1] == "-":
            return False
        if label.isascii():
            if len(label) > MAX_LABEL:
                return False
        elif not _harmless(label) or len(label) > MAX_LABEL or len(label.encode("punycode")) + 4 > MAX_LABEL:
            return False
    return True


def _is_literal(literal: str) -> bool:
    """IPv4 or ``IPv6:`` address of an address literal, RFC 5321 §4.1.3 (no other tag is registered)."""
    if _IPV4.match(literal) is not None:
        return all(int(octet) < 256 for octet in literal.split("."))
    tag, separator, value = literal.partition(":")
    if not separator or tag.lower() != "ipv6" or "%" in value:
        return False
    from ipaddress import IPv6Address  # rarely needed, and not free to import

    try:
        IPv6Address(value)
    except ValueError:
        return False
    return True


def _harmless(text: str) -> bool:
    """Whether non-ASCII text has no control, separator or surrogate characters (C10: logs, terminals)."""
    return not any(
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp", "Zs") for character in text if character > "\x7f"
    )
