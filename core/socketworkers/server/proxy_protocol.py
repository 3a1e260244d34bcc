"""The PROXY protocol, versions 1 and 2 (haproxy.org, 2020/03/05): who the client behind a proxy is.

Sans-IO. Believed only from trusted networks; the server reads the header before anything else, within a deadline.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

from ..errors import ProtocolError
from ..info import SocketAddress

__all__ = ["SIGNATURE_V2", "ProxyHeader", "parse_proxy_header"]

SIGNATURE_V2 = b"\r\n\r\n\0\r\nQUIT\n"  # §2.2
MAX_V1 = 107  # §2.1: the longest line, CRLF included
MAX_V2 = 16 + 4096  # §2.2 allows 65,535; nobody needs more than this for addresses and TLVs


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """What the proxy says. ``source`` is None for LOCAL and UNKNOWN: then the proxy speaks for itself."""

    source: SocketAddress | None
    destination: SocketAddress | None
    length: int
    """Bytes that the header took."""


def parse_proxy_header(data: bytes) -> ProxyHeader | None:
    """Read a header from the first bytes of a connection.

    Returns:
        None while more bytes are needed.

    Raises:
        ProtocolError: this is no PROXY header, or a malformed one.
    """
    if data[:12] == SIGNATURE_V2[: len(data[:12])]:
        return _version2(data)
    if b"PROXY "[: len(data[:6])] == data[:6]:
        return _version1(data)
    raise ProtocolError("a trusted proxy sent no PROXY header")


def _version1(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\r\n", 0, MAX_V1)
    if end < 0:
        if len(data) >= MAX_V1:
            raise ProtocolError("the PROXY line is too long")
        return None
    fields = data[:end].split(b" ")
    if fields[1:2] == [b"UNKNOWN"]:
        return ProxyHeader(None, None, end + 2)
    if len(fields) != 6 or fields[1] not in (b"TCP4", b"TCP6"):
        raise ProtocolError("the PROXY line is malformed")
    version = 4 if fields[1] == b"TCP4" else 6
    return ProxyHeader(_address(fields[2], fields[4], version), _address(fields[3], fields[5], version), end + 2)


def _address(host: bytes, port: bytes, version: int) -> SocketAddress:
    try:
        address = ipaddress.ip_address(host.decode("ascii"))
    except ValueError:
        raise ProtocolError("the PROXY line holds no address") from None
    digits = port.isdigit() and len(port) <= 5 and not (len(port) > 1 and port[:1] == b"0")
    if address.version != version or not digits or int(port) > 65535:
        raise ProtocolError("the PROXY line is malformed")
    return SocketAddress(str(address), int(port))


def _version2(data: bytes) -> ProxyHeader | None:
    if len(data) < 16:
        return None
    length = 16 + int.from_bytes(data[14:16], "big")
    if length > MAX_V2:
        raise ProtocolError("the PROXY header is too long")
    if len(data) < length:
        return None
    if data[12] >> 4 != 2 or data[12] & 15 > 1:
        raise ProtocolError("unknown version or command of the PROXY header")
    if data[12] & 15 == 0:  # LOCAL: a health check of the proxy itself
        return ProxyHeader(None, None, length)
    body = data[16:length]
    family, transport = data[13] >> 4, data[13] & 15
    size = {1: 4, 2: 16}.get(family)
    if size is None or transport not in (0, 1):
        return ProxyHeader(None, None, length)  # AF_UNIX, UNSPEC, datagrams: no address for us
    if len(body) < 2 * size + 4:
        raise ProtocolError("the PROXY header is shorter than its addresses")
    kind = socket.AF_INET if size == 4 else socket.AF_INET6
    source, destination = socket.inet_ntop(kind, body[:size]), socket.inet_ntop(kind, body[size : 2 * size])
    ports = body[2 * size : 2 * size + 4]
    return ProxyHeader(
        SocketAddress(source, int.from_bytes(ports[:2], "big")),
        SocketAddress(destination, int.from_bytes(ports[2:4], "big")),
        length,
    )
