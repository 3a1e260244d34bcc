"""Users of a broker: our own credentials, and files that ``mosquitto_passwd`` made (mosquitto_passwd(1)).

Mosquitto writes ``name:$7$iterations$salt$hash`` (PBKDF2 with SHA-512) and, before 2.0, ``name:$6$salt$hash`` (one
SHA-512 of password and salt). Such users can log in with a password; SCRAM needs a verifier of our own.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from socketworkers.sasl import Credentials, ScramVerifier

__all__ = ["MosquittoHash", "Users", "load_users"]

#: above what mosquitto_passwd writes (101); each check of a guess costs this
MAX_ITERATIONS = 5_000_000


@dataclass(frozen=True, slots=True)
class MosquittoHash:
    """One password as Mosquitto keeps it."""

    iterations: int
    """Of PBKDF2; 0 for the old form, a single hash."""
    salt: bytes
    digest: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> MosquittoHash:
        """Read ``$7$...`` or ``$6$...``.

        Raises:
            ValueError: anything else.
        """
        parts = text.split("$")
        try:
            if len(parts) == 5 and parts[:2] == ["", "7"] and parts[2].isascii() and parts[2].isdigit():
                made = cls(int(parts[2]), _decode64(parts[3]), _decode64(parts[4]))
                if not 1 <= made.iterations <= MAX_ITERATIONS:
                    raise ValueError("a bad number of iterations")
            elif len(parts) == 4 and parts[:2] == ["", "6"]:
                made = cls(0, _decode64(parts[2]), _decode64(parts[3]))
            else:
                raise ValueError("neither $6$ nor $7$")
        except binascii.Error:
            raise ValueError("not base64") from None
        if len(made.digest) != 64:
            raise ValueError("the hash is not of SHA-512")
        return made

    def check(self, password: bytes) -> bool:
        """Whether this is the password; takes time on purpose."""
        if self.iterations:
            made = hashlib.pbkdf2_hmac("sha512", password, self.salt, self.iterations)
        else:
            made = hashlib.sha512(password + self.salt).digest()
        return hmac.compare_digest(made, self.digest)


def _decode64(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii", "replace"), validate=True)


class Users:
    """Who may log in.

    Args:
        credentials: users with verifiers of our own.
        hashes: users of Mosquitto's file; one that is in both is ours.
    """

    __slots__ = ("_hashes", "credentials")

    def __init__(self, credentials: Credentials, hashes: Mapping[str, MosquittoHash] | None = None) -> None:
        self.credentials = credentials
        self._hashes = dict(hashes or {})

    def __len__(self) -> int:
        return len(self.credentials) + len(self._hashes)

    def names(self) -> list[str]:
        """All of them, sorted."""
        return sorted({*self.credentials, *self._hashes})

    def lookup(self, username: str) -> tuple[ScramVerifier, bool]:
        """For SCRAM: a verifier, and whether it is real."""
        return self.credentials.lookup(username)

    def check_password(self, username: str, password: bytes) -> bool:
        """Whether the password is right. Call it off the loop: it takes time on purpose, for unknown users too (T2)."""
        found = self._hashes.get(username)
        if found is not None and username not in self.credentials:
            return found.check(password)
        try:
            text = password.decode()
        except UnicodeDecodeError:
            text = "\0"  # no password has this; the same time is spent
        return self.credentials.check_password(username, text)


def load_users(own: Path | None, mosquitto: str = "") -> Users:
    """Read both files.

    Args:
        own: our credentials; one that is not there has no users.
        mosquitto: a file of ``mosquitto_passwd``, "" for none.

    Raises:
        ValueError: a line that cannot be understood, by its number; never its content.
        OSError: a file cannot be read.
    """
    credentials = Credentials.load(own) if own is not None else Credentials()
    hashes: dict[str, MosquittoHash] = {}
    if mosquitto:
        for number, line in enumerate(Path(mosquitto).read_text(encoding="utf-8").splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            name, colon, written = line.partition(":")
            try:
                if not colon or not name:
                    raise ValueError("no user name")
                hashes[name] = MosquittoHash.parse(written.strip())
            except ValueError as error:
                raise ValueError(f"line {number} of {mosquitto}: {error}") from None
    return Users(credentials, hashes)
