"""Service tokens: who may use a tunnel, by Cloudflare's pair of headers.

The file is that of users everywhere here (``socketworkers hash-password``): a client id instead of a name, the secret
instead of a password. Checking one takes milliseconds on purpose; what was right once is remembered as a keyed hash, so
that a pool of connections pays once. Unknown ids take the same time.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from ..errors import StartupError
from ..sasl import Credentials, GuessLimiter

__all__ = ["TokenDoor", "load_tokens"]

#: secrets that are remembered to be right
REMEMBERED = 1000


def load_tokens(path: str) -> Credentials:
    """The tokens in a file.

    Raises:
        StartupError: it cannot be read, or holds none.
    """
    try:
        if not Path(path).exists():
            raise FileNotFoundError(2, "no such file")
        found = Credentials.load(Path(path))
    except OSError as error:
        raise StartupError(
            f"cannot read the service tokens in {path}",
            (error.strerror or str(error)).lower(),
            f"make one: socketworkers hash-password ID >> {path}",
        ) from None
    except ValueError as error:
        raise StartupError(f"cannot read the service tokens in {path}", str(error), exit_status=2) from None
    if not len(found):
        raise StartupError(
            f"there is no service token in {path}",
            "nobody could use the tunnel",
            f"make one: socketworkers hash-password ID >> {path}",
        )
    return found


class TokenDoor:
    """Asks clients for a service token.

    Args:
        tokens: the ones that open.
    """

    def __init__(self, tokens: Credentials) -> None:
        self._tokens = tokens
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[str, bytes] = OrderedDict()
        self._guesses = GuessLimiter(asyncio.get_running_loop().time)

    async def check(self, headers: Sequence[tuple[str, str]], remote: str) -> str | None:
        """Whose token it is; None if there is none, or a wrong one.

        Args:
            headers: of the request, names in lower case.
            remote: the client's address: who guesses at an id too often is not looked at for a while.
        """
        id = _only(headers, "cf-access-client-id")
        secret = _only(headers, "cf-access-client-secret")
        if id is None or secret is None:
            return None
        digest = hmac.digest(self._key, f"{id}\0{secret}".encode("utf-8", "surrogatepass"), "sha256")
        known = self._right.get(id, b"\0" * len(digest))
        if hmac.compare_digest(known, digest):
            return id
        # behind a proxy all clients have one address: who guesses must not lock the others out, so the id counts, too
        guesser = f"{remote} {id[:255]}"
        if self._guesses.blocked(guesser):
            return None
        if not await asyncio.to_thread(self._tokens.check_password, id, secret):
            self._guesses.failed(guesser)
            return None
        self._right[id] = digest
        while len(self._right) > REMEMBERED:
            self._right.popitem(last=False)
        return id


def _only(headers: Sequence[tuple[str, str]], name: str) -> str | None:
    """The one value of a field; of two nobody could say which one counts."""
    values = [value for each, value in headers if each == name]
    return values[0] if len(values) == 1 and values[0] else None
