"""Counting wrong passwords, so that guessing is slow for who guesses and for nobody else. Reads no clock of its own."""

from __future__ import annotations

import collections
from collections.abc import Callable

__all__ = ["GuessLimiter"]


class GuessLimiter:
    """Counts wrong passwords by address and by account.

    Args:
        clock: seconds, monotonic.
        most: failures within ``window`` after which further tries are answered without a look at the password.
        window: seconds.
    """

    def __init__(self, clock: Callable[[], float], *, most: int = 10, window: float = 300.0) -> None:
        self._most = most
        self._window = window
        self._clock = clock
        self._failures: collections.OrderedDict[str, list[float]] = collections.OrderedDict()

    def blocked(self, *keys: str) -> bool:
        """Whether one of the keys has failed too often."""
        now = self._clock()
        return any(
            sum(1 for at in self._failures.get(key, ()) if at > now - self._window) >= self._most for key in keys
        )

    def failed(self, *keys: str) -> None:
        """Count a failure. The table is bounded: the oldest keys are forgotten."""
        now = self._clock()
        for key in keys:
            times = self._failures.setdefault(key, [])
            times[:] = [*[at for at in times if at > now - self._window][-self._most :], now]
            self._failures.move_to_end(key)
        while len(self._failures) > 10_000:
            self._failures.popitem(last=False)
