"""Cancel keys: which session a CancelRequest means. "Canceling Requests in Progress". Sans-IO."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["CancelKeys", "key_size"]

T = TypeVar("T")

_NO_KEY = bytes(32)


def key_size(version: int) -> int:
    """Bytes of the key that a session of this protocol version gets: 3.0 has room for four."""
    return 32 if version & 0xFFFF >= 2 else 4


class CancelKeys(Generic[T]):
    """The sessions that can be cancelled.

    Args:
        token: makes random bytes.
    """

    __slots__ = ("_keys", "_last", "_token")

    def __init__(self, token: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._keys: dict[int, tuple[bytes, T]] = {}
        self._last = 0
        self._token = token

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, session: T, version: int) -> tuple[int, bytes]:
        """Give a session its process id and key.

        Args:
            session: what `find` will return.
            version: protocol version that it speaks.
        """
        number = self._last
        while True:  # ends: there are more numbers than sessions
            number = number % 0x7FFFFFFF + 1
            if number not in self._keys:
                break
        self._last = number
        key = self._token(key_size(version))
        self._keys[number] = (key, session)
        return number, key

    def remove(self, process_id: int) -> None:
        """The session has ended."""
        self._keys.pop(process_id, None)

    def find(self, process_id: int, key: bytes) -> T | None:
        """The session of this number, if the key is its key. Takes the same time for unknown numbers (P1)."""
        expected, session = self._keys.get(process_id, (_NO_KEY, None))
        same = hmac.compare_digest(key.ljust(256, b"\0"), expected.ljust(256, b"\0"))
        return session if same & (len(key) == len(expected)) & (session is not None) else None
