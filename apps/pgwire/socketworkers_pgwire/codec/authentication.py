"""Authentication messages: ``R`` of the server and ``p`` of the client. Sans-IO.

What a ``p`` message holds depends on what the server asked for, so it is kept as it came; `decode_password` and
`decode_sasl_initial_response` read it ("Message Formats" and "SASL Authentication" of the PostgreSQL documentation).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from .errors import MalformedMessage
from .fields import check_end, encode_string, message, read_bytes, read_string, read_uint32, read_value

__all__ = [
    "AUTHENTICATION_CLEARTEXT_PASSWORD",
    "AUTHENTICATION_OK",
    "Authentication",
    "AuthenticationCleartextPassword",
    "AuthenticationGSS",
    "AuthenticationGSSContinue",
    "AuthenticationMD5Password",
    "AuthenticationOk",
    "AuthenticationSASL",
    "AuthenticationSASLContinue",
    "AuthenticationSASLFinal",
    "AuthenticationSSPI",
    "PasswordMessage",
    "SASLInitialResponse",
    "decode_authentication",
    "decode_password",
    "decode_sasl_initial_response",
    "encode_authentication",
    "encode_authentication_sasl",
    "encode_authentication_sasl_continue",
    "encode_authentication_sasl_final",
    "encode_password",
    "encode_response",
    "encode_sasl_initial_response",
]


@dataclass(frozen=True, slots=True)
class AuthenticationOk:
    """The client is who it says."""


@dataclass(frozen=True, slots=True)
class AuthenticationCleartextPassword:
    """Send the password as it is."""


@dataclass(frozen=True, slots=True)
class AuthenticationMD5Password:
    """Send an MD5 of password, name and salt. Ours never asks for it."""

    salt: bytes
    """Four bytes."""


@dataclass(frozen=True, slots=True)
class AuthenticationGSS:
    """Begin GSSAPI."""


@dataclass(frozen=True, slots=True)
class AuthenticationSSPI:
    """Begin SSPI."""


@dataclass(frozen=True, slots=True)
class AuthenticationGSSContinue:
    """More of GSSAPI or SSPI."""

    data: bytes


@dataclass(frozen=True, slots=True)
class AuthenticationSASL:
    """Begin SASL with one of these mechanisms."""

    mechanisms: tuple[bytes, ...]
    """In the order in which the server prefers them."""


@dataclass(frozen=True, slots=True)
class AuthenticationSASLContinue:
    """A challenge."""

    data: bytes


@dataclass(frozen=True, slots=True)
class AuthenticationSASLFinal:
    """Data with the success of the mechanism; AuthenticationOk follows."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PasswordMessage:
    """PasswordMessage, SASLInitialResponse, SASLResponse or GSSResponse: only the session knows which."""

    data: bytes = field(repr=False)
    """All behind the length."""


@dataclass(frozen=True, slots=True)
class SASLInitialResponse:
    """The mechanism that the client chose, with its first response."""

    mechanism: bytes
    response: bytes | None
    """None when it has none: it waits for an empty challenge then."""


Authentication: TypeAlias = (
    AuthenticationOk
    | AuthenticationCleartextPassword
    | AuthenticationMD5Password
    | AuthenticationGSS
    | AuthenticationSSPI
    | AuthenticationGSSContinue
    | AuthenticationSASL
    | AuthenticationSASLContinue
    | AuthenticationSASLFinal
)


def _request(code: int, *parts: bytes) -> bytes:
    return message(b"R", code.to_bytes(4), *parts)


AUTHENTICATION_OK = _request(0)
AUTHENTICATION_CLEARTEXT_PASSWORD = _request(3)


def decode_authentication(data: bytes, position: int, end: int) -> Authentication:
    """Read one Authentication message of the server.

    Raises:
        MalformedMessage: an unknown kind, or fields that are not there.
    """
    code, position = read_uint32(data, position, end)
    if code == 8:
        return AuthenticationGSSContinue(data[position:end])
    if code == 11:
        return AuthenticationSASLContinue(data[position:end])
    if code == 12:
        return AuthenticationSASLFinal(data[position:end])
    if code == 10:
        mechanisms: list[bytes] = []
        while True:
            name, position = read_string(data, position, end)
            if not name:
                break
            mechanisms.append(name)
        check_end(position, end)
        return AuthenticationSASL(tuple(mechanisms))
    if code == 5:
        salt, position = read_bytes(data, position, end, 4)
        check_end(position, end)
        return AuthenticationMD5Password(salt)
    plain = _PLAIN.get(code)
    if plain is None:
        raise MalformedMessage(f"authentication method {code} is not known")
    check_end(position, end)
    return plain


_PLAIN: dict[int, Authentication] = {
    0: AuthenticationOk(),
    3: AuthenticationCleartextPassword(),
    7: AuthenticationGSS(),
    9: AuthenticationSSPI(),
}


def encode_authentication(each: Authentication) -> bytes:
    """Any Authentication message."""
    if isinstance(each, AuthenticationSASL):
        return encode_authentication_sasl(each.mechanisms)
    if isinstance(each, AuthenticationSASLContinue):
        return encode_authentication_sasl_continue(each.data)
    if isinstance(each, AuthenticationSASLFinal):
        return encode_authentication_sasl_final(each.data)
    if isinstance(each, AuthenticationGSSContinue):
        return _request(8, each.data)
    if isinstance(each, AuthenticationMD5Password):
        return _request(5, each.salt)
    return _request(next(code for code, plain in _PLAIN.items() if plain == each))


def encode_authentication_sasl(mechanisms: Iterable[bytes]) -> bytes:
    """One AuthenticationSASL."""
    return _request(10, *[encode_string(name) for name in mechanisms], b"\0")


def encode_authentication_sasl_continue(data: bytes) -> bytes:
    """One AuthenticationSASLContinue."""
    return _request(11, data)


def encode_authentication_sasl_final(data: bytes) -> bytes:
    """One AuthenticationSASLFinal."""
    return _request(12, data)


def decode_password(data: bytes) -> bytes:
    """The password of a PasswordMessage.

    Raises:
        MalformedMessage: not one String.
    """
    password, position = read_string(data, 0, len(data))
    if position != len(data):
        raise MalformedMessage("invalid password packet size")
    return password


def decode_sasl_initial_response(data: bytes) -> SASLInitialResponse:
    """Read a SASLInitialResponse.

    Raises:
        MalformedMessage: what is wrong with it.
    """
    end = len(data)
    mechanism, position = read_string(data, 0, end)
    response, position = read_value(data, position, end)
    check_end(position, end)
    return SASLInitialResponse(mechanism, response)


def encode_password(password: bytes) -> bytes:
    """One PasswordMessage."""
    return message(b"p", encode_string(password))


def encode_response(data: bytes) -> bytes:
    """One SASLResponse or GSSResponse."""
    return message(b"p", data)


def encode_sasl_initial_response(mechanism: bytes, response: bytes | None = None) -> bytes:
    """One SASLInitialResponse."""
    if response is None:
        return message(b"p", encode_string(mechanism), b"\xff\xff\xff\xff")
    return message(b"p", encode_string(mechanism), len(response).to_bytes(4), response)
