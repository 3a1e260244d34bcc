"""Reads server name and ALPN offers from a TLS ClientHello before OpenSSL sees it (RFC 8446 §4.1.2, RFC 6066 §3).

Needed because OpenSSL, as Python offers it, goes on without ALPN where nothing matches; RFC 7301 §3.2 wants a fatal
alert.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["NO_APPLICATION_PROTOCOL", "ClientHello", "looks_like_tls", "parse_client_hello"]

#: record with a fatal alert 120 ``no_application_protocol``
NO_APPLICATION_PROTOCOL = b"\x15\x03\x03\x00\x02\x02\x78"


@dataclass(frozen=True, slots=True)
class ClientHello:
    """What a client asks for."""

    server_name: str | None
    alpn: tuple[str, ...] | None


def looks_like_tls(data: bytes) -> bool:
    """Whether bytes start as a TLS handshake record does (type 22, version 3.x)."""
    return data[:1] == b"\x16" and (len(data) < 2 or data[1] == 3)


def parse_client_hello(data: bytes) -> ClientHello | None:
    """Read the first flight.

    Args:
        data: TLS records from the first byte on.

    Returns:
        None while it is not complete; a ClientHello with nothing known if it is malformed (OpenSSL will say so).
    """
    message = bytearray()
    position = 0
    while position + 5 <= len(data):
        if data[position] != 22:
            return ClientHello(None, None)
        length = int.from_bytes(data[position + 3 : position + 5], "big")
        message += data[position + 5 : position + 5 + length]
        if len(message) >= 4:
            if message[0] != 1:
                return ClientHello(None, None)
            wanted = 4 + int.from_bytes(message[1:4], "big")
            if len(message) >= wanted:
                return _extensions(bytes(message[4:wanted]))
        position += 5 + length
    return None


def _extensions(body: bytes) -> ClientHello:
    name: str | None = None
    alpn: tuple[str, ...] | None = None
    try:
        position = 34  # legacy_version, random
        position += 1 + body[position]  # session id
        position += 2 + int.from_bytes(body[position : position + 2], "big")  # cipher suites
        position += 1 + body[position]  # compression methods
        position += 2
        while position + 4 <= len(body):
            kind = int.from_bytes(body[position : position + 2], "big")
            size = int.from_bytes(body[position + 2 : position + 4], "big")
            value = body[position + 4 : position + 4 + size]
            position += 4 + size
            if kind == 0 and len(value) > 5:
                name = value[5 : 5 + int.from_bytes(value[3:5], "big")].decode("ascii", "replace")
            elif kind == 16:
                protocols = []
                at = 2
                while at < len(value):
                    protocols.append(value[at + 1 : at + 1 + value[at]].decode("ascii", "replace"))
                    at += 1 + value[at]
                alpn = tuple(protocols)
    except IndexError:
        pass
    return ClientHello(name, alpn)
