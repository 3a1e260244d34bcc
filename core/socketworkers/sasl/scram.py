"""SCRAM-SHA-256 and SCRAM-SHA-256-PLUS: RFC 5802, RFC 7677. Both sides, sans-IO; nonces are arguments.

The server holds no password: a `ScramVerifier` can check a client's proof and a password, but not produce either.
A verifier is written as PostgreSQL writes it in ``pg_authid``, so one file serves all apps.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .mechanisms import Challenge, Failure, Step, Success
from .prep import saslprep

__all__ = ["DEFAULT_ITERATIONS", "ScramClient", "ScramServer", "ScramVerifier"]

DEFAULT_ITERATIONS = 15000
"""RFC 7677 §4 asks for at least 4,096; this costs about 10 ms of one core for a guess."""
MAX_ITERATIONS = 1_000_000
MAX_MESSAGE = 8192  # far above any real message; what is longer is not parsed
MAX_NONCE = 512

_PREFIX = "SCRAM-SHA-256$"
_END_POINT = "tls-server-end-point"  # RFC 5929 §4


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def _decode64(text: str) -> bytes:
    """Strict base64.

    Raises:
        ValueError: not base64.
    """
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("not base64") from None


@dataclass(frozen=True, slots=True)
class ScramVerifier:
    """What a server keeps of a password, RFC 5802 §3."""

    iterations: int
    salt: bytes
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    @classmethod
    def from_password(cls, password: str, salt: bytes, iterations: int = DEFAULT_ITERATIONS) -> ScramVerifier:
        """Derive the verifier of `password`; takes time on purpose, so call it off the loop.

        Args:
            password: as the user writes it.
            salt: 16 random bytes or more.
            iterations: of PBKDF2.

        Raises:
            ValueError: characters that SASLprep prohibits, an empty password, or bad numbers.
        """
        if not salt or not 1 <= iterations <= MAX_ITERATIONS:
            raise ValueError("a salt and 1 to 1,000,000 iterations are needed")
        prepared = saslprep(password, stored=True)
        if not prepared:
            raise ValueError("the password is empty")
        salted = hashlib.pbkdf2_hmac("sha256", prepared.encode(), salt, iterations)
        stored_key = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
        return cls(iterations, salt, stored_key, _hmac(salted, b"Server Key"))

    @classmethod
    def parse(cls, text: str) -> ScramVerifier:
        """Read ``SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>``.

        Raises:
            ValueError: anything else.
        """
        if not text.startswith(_PREFIX):
            raise ValueError("the verifier does not begin with SCRAM-SHA-256$")
        numbers, dollar, keys = text[len(_PREFIX) :].partition("$")
        iterations, colon, salt = numbers.partition(":")
        stored_key, second_colon, server_key = keys.partition(":")
        if not (dollar and colon and second_colon and iterations.isascii() and iterations.isdigit()):
            raise ValueError("the verifier is not iterations:salt$StoredKey:ServerKey")
        verifier = cls(int(iterations[:8]), _decode64(salt), _decode64(stored_key), _decode64(server_key))
        if not 1 <= verifier.iterations <= MAX_ITERATIONS or not verifier.salt:
            raise ValueError("the verifier has a bad number of iterations or no salt")
        if len(verifier.stored_key) != 32 or len(verifier.server_key) != 32:
            raise ValueError("the keys of the verifier are not of SHA-256")
        return verifier

    def __str__(self) -> str:
        """The verifier as `parse` reads it."""
        salt, stored, server = (
            base64.b64encode(part).decode() for part in (self.salt, self.stored_key, self.server_key)
        )
        return f"{_PREFIX}{self.iterations}:{salt}${stored}:{server}"

    def check_password(self, password: str) -> bool:
        """Whether this is the password; takes time on purpose, so call it off the loop."""
        try:
            prepared = saslprep(password)
        except ValueError:
            prepared = "\0"  # no password has this; the same time is spent
        salted = hashlib.pbkdf2_hmac("sha256", prepared.encode(), self.salt, self.iterations)
        stored_key = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
        return hmac.compare_digest(stored_key, self.stored_key)


class ScramServer:
    """The server's side of one exchange.

    Args:
        lookup: name to verifier; it returns one for unknown names too (`Credentials.lookup` does), so that both take
            the same path and time (T2), and a word whether it is real.
        nonce: the server's part of the nonce, fresh for each exchange: at least 18 printable characters, no comma.
        binding: channel binding data of type ``tls-server-end-point`` when the connection has TLS, for ``-PLUS``.
        bindings: the same by type, for a connection that has several (``TlsInfo.channel_bindings``).
        plus: whether the client chose SCRAM-SHA-256-PLUS.
        username: the name the protocol gave already; the one inside the exchange is ignored then (PostgreSQL).
    """

    __slots__ = (
        "_bindings",
        "_client_first_bare",
        "_expected_binding",
        "_full_nonce",
        "_lookup",
        "_nonce",
        "_override",
        "_plus",
        "_real",
        "_server_first",
        "_state",
        "_username",
        "_verifier",
    )
    client_first = True

    def __init__(
        self,
        lookup: Callable[[str], tuple[ScramVerifier, bool]],
        nonce: str,
        *,
        binding: bytes | None = None,
        bindings: Mapping[str, bytes] | None = None,
        plus: bool = False,
        username: str | None = None,
    ) -> None:
        self._lookup = lookup
        self._nonce = nonce
        self._bindings = {_END_POINT: binding} if binding is not None else bindings or {}
        self._plus = plus
        self._override = username
        self._state = 0
        self._username = ""
        self._client_first_bare = ""
        self._server_first = ""
        self._full_nonce = ""
        self._expected_binding = b""
        self._verifier: ScramVerifier | None = None
        self._real = False

    @property
    def name(self) -> str:
        """Name of the mechanism."""
        return "SCRAM-SHA-256-PLUS" if self._plus else "SCRAM-SHA-256"

    def step(self, response: bytes) -> Step:
        """Take client-first-message, then client-final-message (RFC 5802 §7)."""
        self._state += 1
        if len(response) > MAX_MESSAGE:
            return Failure("SCRAM: message too long", self._username, malformed=True)
        try:
            text = response.decode()
            if self._state == 1:
                return self._first(text)
            if self._state == 2:
                return self._final(text)
        except ValueError as error:
            return Failure(f"SCRAM: {error}", self._username, malformed=True)
        return Failure("SCRAM: the exchange is over", self._username, malformed=True)

    def _first(self, text: str) -> Step:
        flag, comma, rest = text.partition(",")
        authzid, second_comma, bare = rest.partition(",")
        if not (comma and second_comma):
            raise ValueError("no GS2 header")
        failure = self._check_flag(flag)
        if failure:
            return Failure(f"SCRAM: {failure}")
        fields = bare.split(",")
        if fields[0].startswith("m="):
            raise ValueError("mandatory extensions are not supported")
        if len(fields) < 2 or not fields[0].startswith("n=") or not fields[1].startswith("r="):
            raise ValueError("not a client-first-message")
        client_nonce = fields[1][2:]
        if not 0 < len(client_nonce) <= MAX_NONCE or not (client_nonce.isascii() and client_nonce.isprintable()):
            raise ValueError("bad nonce")
        username = _decode_name(fields[0][2:])
        if self._override is not None:
            username = self._override
        elif not username:
            raise ValueError("empty name")
        self._username = username = saslprep(username)
        if authzid and (not authzid.startswith("a=") or saslprep(_decode_name(authzid[2:])) != username):
            return Failure("SCRAM: acting for another user is not allowed", username)
        self._verifier, self._real = self._lookup(username)
        self._client_first_bare = bare
        self._full_nonce = client_nonce + self._nonce
        bound = self._bindings[flag[2:]] if flag.startswith("p=") else b""
        self._expected_binding = f"{flag},{authzid},".encode() + bound
        salt = base64.b64encode(self._verifier.salt).decode()
        self._server_first = f"r={self._full_nonce},s={salt},i={self._verifier.iterations}"
        return Challenge(self._server_first.encode())

    def _check_flag(self, flag: str) -> str:
        """Channel binding flag, RFC 5802 §6; what is wrong with it, or ""."""
        if flag.startswith("p="):
            if not self._plus or not self._bindings:
                return "channel binding was not offered"
            return "" if flag[2:] in self._bindings else "unknown channel binding"
        if self._plus:
            return "-PLUS without channel binding"
        if flag == "y":  # the client thinks that we do not offer -PLUS: somebody removed it from our list
            return "the offer of channel binding was stripped" if self._bindings else ""
        return "" if flag == "n" else "bad GS2 header"

    def _final(self, text: str) -> Step:
        verifier = self._verifier
        without_proof, comma, proof64 = text.rpartition(",p=")
        fields = without_proof.split(",")
        if verifier is None or not comma or len(fields) < 2 or not fields[0].startswith("c="):
            raise ValueError("not a client-final-message")
        proof = _decode64(proof64)
        bound = hmac.compare_digest(_decode64(fields[0][2:]), self._expected_binding)
        same_nonce = hmac.compare_digest(fields[1].encode(), f"r={self._full_nonce}".encode())
        message = f"{self._client_first_bare},{self._server_first},{without_proof}".encode()
        signature = _hmac(verifier.stored_key, message)
        if len(proof) != len(signature):
            raise ValueError("bad length of the proof")
        client_key = bytes(left ^ right for left, right in zip(proof, signature, strict=True))
        proved = hmac.compare_digest(hashlib.sha256(client_key).digest(), verifier.stored_key)
        server_signature = _hmac(verifier.server_key, message)
        if not (proved & bound & same_nonce & self._real):
            return Failure("SCRAM: wrong proof", self._username)
        return Success(self._username, b"v=" + base64.b64encode(server_signature))


class ScramClient:
    """The client's side of one exchange (tests, connectors).

    Args:
        username: who logs in.
        password: in the clear; it never leaves this object.
        nonce: the client's nonce, fresh for each exchange, printable, no comma.
        binding: channel binding data, to use SCRAM-SHA-256-PLUS.
        binding_type: its type.
    """

    __slots__ = ("_bare", "_gs2", "_nonce", "_password", "_server_signature", "_username", "binding")

    def __init__(
        self,
        username: str,
        password: str,
        nonce: str,
        *,
        binding: bytes | None = None,
        binding_type: str = _END_POINT,
    ) -> None:
        self._username = saslprep(username)
        self._password = saslprep(password)
        self._nonce = nonce
        self.binding = binding
        self._gs2 = "n,," if binding is None else f"p={binding_type},,"
        self._bare = ""
        self._server_signature = b""

    def first(self) -> bytes:
        """client-first-message."""
        name = self._username.replace("=", "=3D").replace(",", "=2C")
        self._bare = f"n={name},r={self._nonce}"
        return (self._gs2 + self._bare).encode()

    def final(self, server_first: bytes) -> bytes:
        """client-final-message.

        Raises:
            ValueError: the server's message is wrong, or its nonce does not begin with ours.
        """
        text = server_first.decode()
        fields = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
        nonce, iterations = fields.get("r", ""), fields.get("i", "")
        if not nonce.startswith(self._nonce) or len(nonce) <= len(self._nonce) or not iterations.isdigit():
            raise ValueError("bad server-first-message")
        if not 1 <= int(iterations) <= MAX_ITERATIONS:
            raise ValueError("the server asks for too many iterations")
        salt = _decode64(fields.get("s", ""))
        salted = hashlib.pbkdf2_hmac("sha256", self._password.encode(), salt, int(iterations))
        bound = base64.b64encode(self._gs2.encode() + (self.binding or b"")).decode()
        without_proof = f"c={bound},r={nonce}"
        message = f"{self._bare},{text},{without_proof}".encode()
        client_key = _hmac(salted, b"Client Key")
        signature = _hmac(hashlib.sha256(client_key).digest(), message)
        proof = bytes(left ^ right for left, right in zip(client_key, signature, strict=True))
        self._server_signature = _hmac(_hmac(salted, b"Server Key"), message)
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def verify(self, server_final: bytes) -> bool:
        """Whether the server has proved that it knows the password, too."""
        expected = b"v=" + base64.b64encode(self._server_signature)
        return hmac.compare_digest(server_final, expected)


def _decode_name(text: str) -> str:
    """``saslname`` of RFC 5802 §5.1.

    Raises:
        ValueError: an equals sign that is not ``=2C`` or ``=3D``.
    """
    if "=" not in text:
        return text
    if text.count("=") != text.count("=2C") + text.count("=3D"):
        raise ValueError("bad escape in the name")
    return text.replace("=2C", ",").replace("=3D", "=")
