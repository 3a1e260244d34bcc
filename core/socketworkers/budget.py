"""The global memory cap: one count of the bytes that all sockets hold for readers that have not come yet."""

from __future__ import annotations

from typing import Any

__all__ = ["MemoryBudget"]


class MemoryBudget:
    """Counts buffered bytes and tells sockets to stop reading while too many are held.

    Args:
        limit: bytes; 0 = count only.
    """

    __slots__ = ("_paused", "limit", "used")

    def __init__(self, limit: int = 0) -> None:
        self.limit = limit
        self.used = 0
        self._paused: dict[Any, None] = {}

    @property
    def exceeded(self) -> bool:
        """Whether more is held than allowed."""
        return 0 < self.limit < self.used

    def hold(self, stream: Any) -> None:
        """Remember a stream that stopped reading because of the cap."""
        self._paused[stream] = None

    def forget(self, stream: Any) -> None:
        """A stream ended."""
        self._paused.pop(stream, None)

    def release(self, size: int) -> None:
        """``size`` bytes were read; lets the paused go on once three quarters of the cap are reached."""
        self.used -= size
        if self._paused and self.used <= self.limit * 3 // 4:
            paused, self._paused = self._paused, {}
            for stream in paused:
                stream._resume()


#: what sockets use that belong to no server
UNLIMITED = MemoryBudget()
