"""Addresses as people write them: ``tcp://host:port``, ``tls://host:port``, ``unix:/path``, ``ws://host:port/path``,
``wss://host/path``, ``udp://host:port``, ``quic://host:port``, ``host:port``.

Parsing only; names are resolved by ``connect``.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from .errors import AddressError

__all__ = ["Address", "parse_address"]

SCHEMES = ("tcp", "tls", "unix", "ws", "wss", "udp", "quic")
#: RFC 6455 §3
DEFAULT_PORTS = {"ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed address."""

    scheme: str
    """``tcp``, ``tls``, ``unix``, ``ws``, ``wss``, ``udp`` or ``quic``."""
    host: str
    """Name or IP address; the path for ``unix`` (a leading NUL byte means the abstract namespace)."""
    port: int = 0
    resource: str = ""
    """Path and query of a WebSocket, ``/`` at least (RFC 6455 §3)."""

    @property
    def authority(self) -> str:
        """Host and port as a URL has them; the port is left out where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS.get(self.scheme) else f"{host}:{self.port}"

    def __str__(self) -> str:
        if self.scheme == "unix":
            return "unix:" + self.host.replace("\0", "@")
        return f"{self.scheme}://{self.authority}{self.resource}"


def parse_address(address: object, *, default_scheme: str = "tcp", port_required: bool = True) -> Address:
    """Understand an address.

    Args:
        address: ``scheme://host:port``, ``ws://host:port/path?query``, ``unix:/path``, ``unix:@abstract``,
            ``host:port``, a pair ``(host, port)`` or an ``Address``.
        default_scheme: for forms without one.
        port_required: whether port 0 or none at all is an error.

    Raises:
        AddressError: with the reason and the forms that work.
    """
    if isinstance(address, Address):
        return address
    if isinstance(address, (tuple, list)) and len(address) >= 2:
        return _checked(default_scheme, str(address[0]), address[1], address, port_required)
    if not isinstance(address, str):
        raise AddressError(f"not an address: {address!r}; use 'tcp://host:port', 'unix:/path' or (host, port)")
    if address.startswith("unix:"):
        path = address.removeprefix("unix:")
        if path.startswith("//"):
            path = path[2:]
        if not path or path == "@":
            raise AddressError(f"{address!r} is missing a path; use unix:/path or unix:@name")
        return Address("unix", "\0" + path[1:] if path.startswith("@") else path)
    scheme, separator, _ = address.partition("://")
    if not separator:
        scheme, address = default_scheme, f"{default_scheme}://{address}"
    if scheme not in SCHEMES:
        raise AddressError(f"unknown scheme {scheme!r}; {', '.join(SCHEMES)} are supported")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise AddressError(f"{address!r} cannot be parsed: {error}") from None
    if scheme in DEFAULT_PORTS:
        return _web(scheme, parts, host or "", port, address, port_required)
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
        raise AddressError(f"{address!r} has more than a host and a port")
    return _checked(scheme, host or "", port, address, port_required)


def _web(scheme: str, parts: SplitResult, host: str, port: int | None, original: str, port_required: bool) -> Address:
    """A WebSocket's URL: a port of its own by default, a path and a query, no fragment (RFC 6455 §3)."""
    if parts.fragment or original.endswith("#"):
        raise AddressError(f"{original!r} has a fragment")
    if parts.username is not None:
        raise AddressError(f"{original!r} has a user name: send it in the header Authorization")
    resource = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not (resource.isascii() and resource.isprintable()) or " " in resource:
        raise AddressError(f"{original!r}: the path is not percent-encoded")
    if port is None and port_required:
        port = DEFAULT_PORTS[scheme]
    checked = _checked(scheme, host, port, original, port_required)
    return Address(scheme, checked.host, checked.port, resource)


def _checked(scheme: str, host: str, port: object, original: object, port_required: bool) -> Address:
    if not host:
        raise AddressError(f"{original!r} is missing a host")
    if port is None and port_required:
        raise AddressError(f"{original!r} is missing a port")
    if port is None:
        port = 0
    if not isinstance(port, int) or isinstance(port, bool) or not (1 if port_required else 0) <= port <= 65535:
        raise AddressError(f"{original!r}: {port!r} is not a port number (1 to 65535)")
    return Address(scheme, host, port, "/" if scheme in DEFAULT_PORTS else "")
