"""Authentication shared by all apps: SASL mechanisms (RFC 4422) and one format of credentials.

The mechanisms are sans-IO objects with one method, ``step(response) -> Step``; a protocol's session wraps their
messages in its own frames. Nothing here waits, reads a clock or logs. What takes time on purpose (deriving a key from a
password) is never done inside a step: a `CheckPassword` asks the caller to do it off the loop, with
`Credentials.check_password`. Passwords are stored as SCRAM verifiers only, never in a form that can be read back.

PLAIN: RFC 4616. LOGIN: draft-murchison-sasl-login. SCRAM-SHA-256 and -PLUS: RFC 5802, RFC 7677. SASLprep: RFC 4013.
"""

from __future__ import annotations

from .credentials import Credentials, CredentialSource
from .guesses import GuessLimiter
from .mechanisms import (
    Challenge,
    CheckPassword,
    Failure,
    LoginServer,
    PlainServer,
    SaslServer,
    Step,
    Success,
    plain_response,
)
from .prep import saslprep
from .scram import DEFAULT_ITERATIONS, ScramClient, ScramServer, ScramVerifier

__all__ = [
    "DEFAULT_ITERATIONS",
    "Challenge",
    "CheckPassword",
    "CredentialSource",
    "Credentials",
    "Failure",
    "GuessLimiter",
    "LoginServer",
    "PlainServer",
    "SaslServer",
    "ScramClient",
    "ScramServer",
    "ScramVerifier",
    "Step",
    "Success",
    "plain_response",
    "saslprep",
]
