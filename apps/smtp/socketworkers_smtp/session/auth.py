"""The authentication exchange of SMTP: RFC 4954 §4 around the mechanisms of `socketworkers.sasl`. Sans-IO."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping

from socketworkers.sasl import (
    Challenge,
    CheckPassword,
    CredentialSource,
    Failure,
    LoginServer,
    PlainServer,
    SaslServer,
    ScramServer,
    Step,
    Success,
)

__all__ = ["AuthExchange", "decode_response", "encode_challenge", "make_server"]


def decode_response(text: str | bytes) -> bytes:
    """A response of the client, RFC 4954 §4: strict base64.

    Raises:
        ValueError: not base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None


def encode_challenge(data: bytes) -> bytes:
    """A challenge as SMTP sends it (the code is 334, RFC 4954 §4)."""
    return b"334 " + base64.b64encode(data) + b"\r\n"


def make_server(
    mechanism: str, credentials: CredentialSource | None, nonce: Callable[[], str], bindings: Mapping[str, bytes]
) -> SaslServer | None:
    """The server's side of `mechanism`, or None when it is not known or has not what it needs."""
    if mechanism == "PLAIN":
        return PlainServer()
    if mechanism == "LOGIN":
        return LoginServer()
    if credentials is not None and mechanism == "SCRAM-SHA-256":
        return ScramServer(credentials.lookup, nonce(), bindings=bindings)
    if credentials is not None and mechanism == "SCRAM-SHA-256-PLUS" and bindings:
        return ScramServer(credentials.lookup, nonce(), bindings=bindings, plus=True)
    return None


class AuthExchange:
    """One exchange. SMTP cannot carry data with its success: SCRAM's last message becomes a challenge with an empty
    response (RFC 4422 §3.3, RFC 4954 §4)."""

    __slots__ = ("_server", "_success")

    def __init__(self, server: SaslServer) -> None:
        self._server = server
        self._success: Success | None = None

    @property
    def mechanism(self) -> str:
        """Name of the mechanism."""
        return self._server.name

    def begin(self, initial: bytes | None) -> Step:
        """The first step; `initial` is the decoded initial response, None when there was none."""
        if initial is None:
            return Challenge(b"") if self._server.client_first else self._server.step(b"")
        return self._finish(self._server.step(initial))

    def respond(self, response: bytes) -> Step:
        """The next step."""
        if self._success is not None:
            if response:
                return Failure("the last response is not empty", self._success.username, malformed=True)
            return Success(self._success.username)
        return self._finish(self._server.step(response))

    def _finish(self, step: Challenge | CheckPassword | Success | Failure) -> Step:
        if isinstance(step, Success) and step.data:
            self._success = step
            return Challenge(step.data)
        return step
