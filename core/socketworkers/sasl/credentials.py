"""Users and their verifiers, in the one format that all apps share.

A text file of UTF-8, one user a line, mode 0600::

    # socketworkers credentials
    :secret:<base64 of 32 random bytes>
    alice:SCRAM-SHA-256$15000:<salt>$<StoredKey>:<ServerKey>

``:secret:`` makes the salts of users that do not exist: without it a restart would change them and so tell who is real.
Lines that begin with ``#`` and empty lines are skipped.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from .prep import saslprep
from .scram import DEFAULT_ITERATIONS, ScramVerifier

__all__ = ["CredentialSource", "Credentials"]


class CredentialSource(Protocol):
    """Who may log in: what a session and a worker need to know. `Credentials` is one."""

    def lookup(self, username: str) -> tuple[ScramVerifier, bool]:
        """The verifier of a prepared name and True; for an unknown name a made-up one and False. Never waits."""

    def check_password(self, username: str, password: str) -> bool:
        """Whether the password is right; takes the same time for unknown users. Call it off the loop."""


class Credentials:
    """Users and verifiers in memory.

    Args:
        users: name (as prepared by SASLprep) to verifier.
        secret: 16 bytes or more, kept with the users; random when not given.
    """

    __slots__ = ("_counts", "_secret", "_users")

    def __init__(self, users: Mapping[str, ScramVerifier] | None = None, *, secret: bytes = b"") -> None:
        self._users = dict(users or {})
        self._secret = secret or secrets.token_bytes(32)
        self._counts: tuple[tuple[int, int], ...] = ()
        self._recount()

    def __len__(self) -> int:
        return len(self._users)

    def __iter__(self) -> Iterator[str]:
        return iter(self._users)

    def __contains__(self, username: object) -> bool:
        return username in self._users

    def _recount(self) -> None:
        counts = [(each.iterations, len(each.salt)) for each in self._users.values()]
        self._counts = tuple(sorted(counts)) or ((DEFAULT_ITERATIONS, 16),)

    def set_password(self, username: str, password: str, *, iterations: int = DEFAULT_ITERATIONS) -> None:
        """Add a user or change a password; takes time on purpose.

        Raises:
            ValueError: a name or password that cannot be used.
        """
        name = check_name(username)
        self.set_verifier(name, ScramVerifier.from_password(password, secrets.token_bytes(16), iterations))

    def set_verifier(self, username: str, verifier: ScramVerifier) -> None:
        """Add a user, or change a verifier, that was derived elsewhere.

        Raises:
            ValueError: a name that cannot be used.
        """
        self._users[check_name(username)] = verifier
        self._recount()

    def remove(self, username: str) -> None:
        """Take a user away.

        Raises:
            KeyError: no such user.
        """
        del self._users[username]
        self._recount()

    def lookup(self, username: str) -> tuple[ScramVerifier, bool]:
        """The verifier of a user and True; a made-up verifier, always the same for one name, and False otherwise.

        The work is the same in both cases (T2), and the made-up one has a number of iterations and a length of salt
        that a real user has.
        """
        seed = hmac.digest(self._secret, username.encode("utf-8", "surrogatepass"), "sha256")
        iterations, length = self._counts[int.from_bytes(seed[:4], "big") % len(self._counts)]
        salt = hmac.digest(self._secret, seed, "sha256") * (length // 32 + 1)
        unknown = ScramVerifier(iterations, salt[:length], hmac.digest(self._secret, salt, "sha256"), seed)
        verifier = self._users.get(username)
        return (unknown, False) if verifier is None else (verifier, True)

    def check_password(self, username: str, password: str) -> bool:
        """Whether the password is right. Takes time on purpose, the same for unknown users: call it off the loop."""
        try:
            name = saslprep(username)
        except ValueError:
            name = ""
        verifier, real = self.lookup(name)
        return verifier.check_password(password) & real

    @classmethod
    def parse(cls, text: str) -> Credentials:
        """Read the format of this module.

        Raises:
            ValueError: a line that cannot be read; the message has its number and never its content.
        """
        users: dict[str, ScramVerifier] = {}
        secret = b""
        for number, raw in enumerate(text.split("\n"), 1):
            line = raw.strip("\r")
            if not line.strip() or line.startswith("#"):
                continue
            try:
                if line.startswith(":secret:"):
                    secret = base64.b64decode(line[8:], validate=True)
                    continue
                name, colon, written = line.partition(":")
                if not colon:
                    raise ValueError("no colon")
                verifier = ScramVerifier.parse(written.strip())
                if check_name(name) in users:
                    raise ValueError("the user is there already")
                users[check_name(name)] = verifier
            except (ValueError, binascii.Error) as error:
                raise ValueError(f"line {number} of the credentials: {error}") from None
        return cls(users, secret=secret)

    def dump(self) -> str:
        """The users as `parse` reads them."""
        lines = ["# socketworkers credentials", f":secret:{base64.b64encode(self._secret).decode()}"]
        lines.extend(f"{name}:{verifier}" for name, verifier in sorted(self._users.items()))
        return "\n".join(lines) + "\n"

    @classmethod
    def load(cls, path: Path) -> Credentials:
        """Read a file; a file that is not there is an empty list of users.

        Raises:
            ValueError: the file cannot be understood.
            OSError: the file cannot be read.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return cls()
        return cls.parse(text)

    def save(self, path: Path) -> None:
        """Write the file anew, mode 0600: the old one or the new one is there after a crash, never a part.

        Raises:
            OSError: the file cannot be written; the old one is untouched.
        """
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(self.dump().encode())
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def check_name(username: str) -> str:
    """The name as it is stored.

    Raises:
        ValueError: empty, longer than 255 characters, with a colon, or not allowed by SASLprep.
    """
    name = saslprep(username, stored=True)
    if not name or len(name) > 255 or ":" in name or name.startswith("#") or name != name.strip():
        raise ValueError("a user name has 1 to 255 characters, no colon, no # or space at its beginning")
    return name
