"""What a readable stream asks of the side that its bytes come from, and the states it can be in."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

__all__ = ["CLOSED", "ERRORED", "READABLE", "Source"]

READABLE, CLOSED, ERRORED = 0, 1, 2


class Source(Protocol):
    """Where a stream's bytes come from."""

    def pause(self) -> None:
        """Enough is buffered."""

    def resume(self) -> None:
        """There is room again, or somebody waits."""

    def cancel(self, reason: object) -> Awaitable[object] | None:
        """Nobody is interested any more."""
