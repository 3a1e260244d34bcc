"""What a client of the tunnel asks for: ``host:port`` in one canonical form. Sans-IO.

The form is what rules are compared with, so each host has exactly one: names in lower case without the dot of the root,
addresses as Python writes them, IPv4 within IPv6 as IPv4. Spellings that only resolvers understand (``0x7f.1``,
``017700000001``, ``2130706433``) are refused: what is not a dotted quad must not become an address later.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import unquote_to_bytes

__all__ = ["IPAddress", "Target", "parse_target", "requested_target"]

IPAddress = IPv4Address | IPv6Address

#: RFC 1035 §2.3.4
MAX_NAME = 253
#: a target with room for a URL around it
MAX_TEXT = 512
#: RFC 1123 §2.1, and underscores, which service names in containers have
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
#: WHATWG URL §3.5, "ends in a number": such a host is an IPv4 address or nothing
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a tunnel is to lead."""

    host: str
    """A name in lower case, or an address in its shortest form without brackets."""
    port: int
    address: IPAddress | None = None
    """The host, where it is an address."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_host(text: str) -> tuple[str, IPAddress | None]:
    """A host in its one form, and the address where it is one.

    Raises:
        ValueError: it is none; the message does not repeat it.
    """
    if text.startswith("["):
        if not text.endswith("]") or "%" in text:  # a zone (RFC 6874) means something on this machine only
            raise ValueError("an IPv6 address is [address], without a zone")
        try:
            address: IPAddress = IPv6Address(text[1:-1])
        except ValueError:
            raise ValueError("what is in brackets is no IPv6 address") from None
        assert isinstance(address, IPv6Address)
        address = address.ipv4_mapped or address
        return str(address), address
    name = text.lower()
    name = name.removesuffix(".")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            address = IPv4Address(name)  # four decimal numbers without leading zeros, nothing else
        except ValueError:
            raise ValueError("a number is no host unless it is an IPv4 address of four parts") from None
        if text != str(address):
            raise ValueError("an IPv4 address has no dot at its end")
        return name, address
    if len(name) > MAX_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("not a host name (RFC 1123)")
    return name, None


def parse_port(text: str) -> int:
    """A port of TCP, 1 to 65535, in decimal and without leading zeros.

    Raises:
        ValueError: it is none.
    """
    if not _PORT.fullmatch(text) or int(text) > 65535:
        raise ValueError("a port is a number from 1 to 65535")
    return int(text)


def parse_target(text: str) -> Target:
    """Understand ``host:port`` or ``[address]:port``.

    Raises:
        ValueError: anything else, with a reason that does not repeat it.
    """
    if len(text) > MAX_TEXT:
        raise ValueError("too long")
    host, colon, port = text.rpartition(":")
    if not colon or not host or (":" in host and not host.startswith("[")):
        raise ValueError("an address is host:port, or [IPv6 address]:port")
    name, address = parse_host(host)
    return Target(name, parse_port(port), address)


def _jump_destination(text: str) -> Target:
    """Cloudflare's header: ``host:port``, or a URL of which the scheme and the path mean nothing."""
    if len(text) > MAX_TEXT:
        raise ValueError("too long")
    scheme = _SCHEME.match(text)
    rest = text[scheme.end() :] if scheme else text
    return parse_target(rest.partition("/")[0])


def requested_target(resource: str, headers: Sequence[tuple[str, str]]) -> Target | None:
    """The target in a request, by either dialect; None if it names none.

    Args:
        resource: path and query of the request.
        headers: its fields, names in lower case.

    Raises:
        ValueError: it cannot be understood, or names two different ones; the reason repeats nothing of it.
    """
    found: set[Target] = set()
    given = 0
    for part in resource.partition("?")[2].split("&"):
        name, _, value = part.partition("=")
        if _decoded(name) == "address":
            found.add(parse_target(_decoded(value)))
            given += 1
    if given > 1:
        raise ValueError("address is given more than once")
    jumps = [value for name, value in headers if name == "cf-access-jump-destination"]
    if len(jumps) > 1:
        raise ValueError("Cf-Access-Jump-Destination is given more than once")
    found.update(map(_jump_destination, jumps))
    if len(found) > 1:
        raise ValueError("two different addresses")
    return next(iter(found), None)


def _decoded(text: str) -> str:
    try:
        return unquote_to_bytes(text).decode("ascii")
    except UnicodeDecodeError:
        raise ValueError("not ASCII: a name is written in its A-label form (RFC 5890)") from None


def parse_address(text: str) -> IPAddress:
    """An address as the resolver gives it, without its zone; IPv4 within IPv6 as IPv4."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
