"""What comes before the first message: "Start-up", "SSL Session Encryption", "GSSAPI Session Encryption" and
"Canceling Requests in Progress" of "Message Flow" in the PostgreSQL documentation. Sans-IO.

These packets have no type byte, only a length and a code that is a protocol version or one of three magic numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from .errors import MalformedMessage
from .fields import check_end, encode_string, message, read_int32, read_string, read_uint32

__all__ = [
    "GSSENC_REQUEST",
    "MAX_CANCEL_KEY",
    "MAX_STARTUP",
    "MIN_CANCEL_KEY",
    "PROTOCOL_3_0",
    "PROTOCOL_3_2",
    "SSL_REQUEST",
    "CancelRequest",
    "GSSENCRequest",
    "NegotiateProtocolVersion",
    "NegotiationAnswer",
    "SSLRequest",
    "StartupMessage",
    "StartupPacket",
    "decode_negotiate_protocol_version",
    "decode_startup",
    "encode_cancel_request",
    "encode_negotiate_protocol_version",
    "encode_startup",
    "version_text",
]

MAX_STARTUP = 10_000
"""Bytes of a startup packet behind its length: PostgreSQL's own bound (P1)."""
PROTOCOL_3_0 = 3 << 16
PROTOCOL_3_2 = 3 << 16 | 2
MIN_CANCEL_KEY = 4
MAX_CANCEL_KEY = 256
"""Bytes of a cancel key: 4 in protocol 3.0, 4 to 256 from 3.2 on (BackendKeyData, "Message Formats")."""

_CANCEL = 1234 << 16 | 5678
_SSL = 1234 << 16 | 5679
_GSSENC = 1234 << 16 | 5680

SSL_REQUEST = b"\0\0\0\x08" + _SSL.to_bytes(4)
GSSENC_REQUEST = b"\0\0\0\x08" + _GSSENC.to_bytes(4)


@dataclass(frozen=True, slots=True)
class StartupMessage:
    """StartupMessage: the protocol version and who wants what."""

    version: int
    """Major version in the upper 16 bits; any but those of the three other packets."""
    parameters: dict[bytes, bytes]
    """``user``, ``database``, ``options``, settings, and ``_pq_.`` protocol options. Of equal names the last holds.
    Empty when the major version is not 3: what it has then is not known."""


@dataclass(frozen=True, slots=True)
class SSLRequest:
    """SSLRequest: the client wants TLS, and waits for one byte."""


@dataclass(frozen=True, slots=True)
class GSSENCRequest:
    """GSSENCRequest: the client wants encryption by GSSAPI, and waits for one byte."""


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """CancelRequest: interrupt what another connection does. There is no answer."""

    process_id: int
    key: bytes
    """4 to 256 bytes."""


@dataclass(frozen=True, slots=True)
class NegotiationAnswer:
    """The one byte that answers SSLRequest or GSSENCRequest."""

    answer: bytes
    """``S``, ``G`` or ``N``."""


@dataclass(frozen=True, slots=True)
class NegotiateProtocolVersion:
    """NegotiateProtocolVersion: the server speaks an older minor version, or knows not all protocol options."""

    version: int
    """The newest version that the server speaks. Major and minor: that is what is on the wire, whatever the
    documentation of PostgreSQL 9.3 to 18 says about a minor version only."""
    options: tuple[bytes, ...] = ()
    """``_pq_.`` options that are not known."""


StartupPacket: TypeAlias = StartupMessage | SSLRequest | GSSENCRequest | CancelRequest

_SSL_REQUEST = SSLRequest()
_GSSENC_REQUEST = GSSENCRequest()


def version_text(version: int) -> str:
    """``3.2``."""
    return f"{version >> 16}.{version & 0xFFFF}"


def decode_startup(data: bytes, start: int, end: int) -> StartupPacket:
    """Read one startup packet.

    Args:
        data: bytes with the packet in it.
        start: position behind the length.
        end: end of the packet.

    Raises:
        MalformedMessage: 08P01, what is wrong with it.
    """
    code, position = read_uint32(data, start, end)
    if code in (_SSL, _GSSENC):
        check_end(position, end)
        return _SSL_REQUEST if code == _SSL else _GSSENC_REQUEST
    if code == _CANCEL:
        process_id, position = read_int32(data, position, end)
        if not MIN_CANCEL_KEY <= end - position <= MAX_CANCEL_KEY:
            raise MalformedMessage("invalid length of cancel key", silent=True)
        return CancelRequest(process_id, data[position:end])
    if code >> 16 != 3:
        return StartupMessage(code, {})
    parameters: dict[bytes, bytes] = {}
    while True:
        # the zero byte that ends the packet is a name of no length: it must be its last byte
        if position >= end:
            raise MalformedMessage("invalid startup packet layout: expected terminator as last byte")
        if not data[position]:
            break
        name, position = read_string(data, position, end)
        value, position = read_string(data, position, end)
        parameters[name] = value
    if position + 1 != end:
        raise MalformedMessage("invalid startup packet layout: expected terminator as last byte")
    return StartupMessage(code, parameters)


def _packet(code: int, *parts: bytes) -> bytes:
    return message(b"", code.to_bytes(4), *parts)


def encode_startup(parameters: Mapping[bytes, bytes], version: int = PROTOCOL_3_0) -> bytes:
    """One StartupMessage.

    Args:
        parameters: names, none empty, to values.
        version: major version in the upper 16 bits.

    Raises:
        ValueError: an empty name or a zero byte.
    """
    if b"" in parameters:
        raise ValueError("a parameter needs a name")
    parts = [encode_string(part) for item in parameters.items() for part in item]
    return _packet(version, *parts, b"\0")


def encode_cancel_request(process_id: int, key: bytes) -> bytes:
    """One CancelRequest.

    Raises:
        ValueError: a key that is not of 4 to 256 bytes.
    """
    if not MIN_CANCEL_KEY <= len(key) <= MAX_CANCEL_KEY:
        raise ValueError("a cancel key has 4 to 256 bytes")
    return _packet(_CANCEL, process_id.to_bytes(4, signed=True), key)


def encode_negotiate_protocol_version(version: int, options: Iterable[bytes] = ()) -> bytes:
    """One NegotiateProtocolVersion; see the class for `version`."""
    names = [encode_string(option) for option in options]
    return message(b"v", version.to_bytes(4), len(names).to_bytes(4), *names)


def decode_negotiate_protocol_version(data: bytes, position: int, end: int) -> NegotiateProtocolVersion:
    """Read one NegotiateProtocolVersion."""
    version, position = read_uint32(data, position, end)
    count, position = read_uint32(data, position, end)
    options: list[bytes] = []
    for _ in range(count):  # ends at the first name that is not there, whatever the count announces
        name, position = read_string(data, position, end)
        options.append(name)
    check_end(position, end)
    return NegotiateProtocolVersion(version, tuple(options))
