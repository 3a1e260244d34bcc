"""What every SASL mechanism has in common, and the two that send a password: PLAIN and LOGIN. Sans-IO.

A mechanism gets the client's responses one by one and answers each with a step. RFC 4422 §3.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from .prep import saslprep

__all__ = [
    "Challenge",
    "CheckPassword",
    "Failure",
    "LoginServer",
    "PlainServer",
    "SaslServer",
    "Step",
    "Success",
    "plain_response",
]


@dataclass(frozen=True, slots=True)
class Challenge:
    """Send `data` and give the client's response to the next step."""

    data: bytes


@dataclass(frozen=True, slots=True)
class CheckPassword:
    """The exchange is over as soon as the caller has compared the password (off the loop: it takes time on purpose)."""

    username: str
    """As prepared by SASLprep; it comes from the peer."""
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Success:
    """The client has proved who it is."""

    username: str
    data: bytes = b""
    """Additional data with the success (SCRAM's proof of the server). A protocol that cannot carry it sends it as a
    challenge that is answered with an empty response, RFC 4422 §3.3."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The exchange failed. What the client is told must not depend on `reason`."""

    reason: str
    """For the log."""
    username: str = ""
    """Who it was said to be, "" when that is not known. From the peer: escape it."""
    malformed: bool = False
    """Whether the message could not even be read (a protocol may answer that with a syntax error)."""


Step: TypeAlias = Challenge | CheckPassword | Success | Failure


class SaslServer(Protocol):
    """The server's side of one exchange."""

    @property
    def name(self) -> str:
        """Name of the mechanism, RFC 4422 §3.1."""

    @property
    def client_first(self) -> bool:
        """Whether the client speaks first: without an initial response an empty challenge is sent."""

    def step(self, response: bytes) -> Step:
        """Take one response of the client. For a mechanism where the server begins, the first one is ``b""``."""


class PlainServer:
    """PLAIN, RFC 4616. The authorization identity must be empty or the same name."""

    name = "PLAIN"
    client_first = True
    __slots__ = ()

    def step(self, response: bytes) -> Step:
        """Read ``[authzid] NUL authcid NUL passwd``."""
        parts = response.split(b"\0")
        if len(parts) != 3:
            return Failure("PLAIN: not three parts", malformed=True)
        return _password(parts[0], parts[1], parts[2])


class LoginServer:
    """LOGIN: name and password, each asked for. Old, but many clients know nothing else."""

    name = "LOGIN"
    client_first = False
    __slots__ = ("_asked", "_username")

    def __init__(self) -> None:
        self._asked = 0
        self._username = b""

    def step(self, response: bytes) -> Step:
        """Ask for the name, then for the password. An initial response is taken as the name."""
        self._asked += 1
        if self._asked == 1 and not response:
            return Challenge(b"Username:")
        if self._asked <= 2 and not self._username:
            if not response:
                return Failure("LOGIN: empty name", malformed=True)
            self._username = response
            return Challenge(b"Password:")
        return _password(b"", self._username, response)


def _password(authzid: bytes, authcid: bytes, password: bytes) -> Step:
    try:
        username = saslprep(authcid.decode())
        secret = saslprep(password.decode())
        other = saslprep(authzid.decode())
    except ValueError:  # UnicodeDecodeError is one
        return Failure("name or password has characters that are not allowed", malformed=True)
    if not username or not secret:  # RFC 4616 §2: an empty result of the preparation fails
        return Failure("empty name or password", username)
    if other and other != username:
        return Failure("acting for another user is not allowed", username)
    return CheckPassword(username, secret)


def plain_response(username: str, password: str, authzid: str = "") -> bytes:
    """The client's only message of PLAIN, RFC 4616 §2."""
    return b"\0".join((authzid.encode(), username.encode(), password.encode()))
