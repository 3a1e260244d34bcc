"""What a socket and a Durable Object agree on: bytes may wait for a commit to reach the disk.

Used by ``socket`` (which holds bytes back) and implemented by ``storage`` (which knows when they may go).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["OutputGate", "Ticket"]


class Ticket(Protocol):
    """One sync to come, shared by all who wait for it."""

    @property
    def done(self) -> bool:
        """Whether the sync has ended, well or not."""

    def add_done_callback(self, callback: Callable[[BaseException | None], None]) -> None:
        """Call ``callback`` on the loop once the sync has ended: with None, or with the error that is final."""


class OutputGate(Protocol):
    """Says what output has to wait for at this moment."""

    def hold(self) -> Ticket | None:
        """The ticket of the newest commit that is not on disk yet; None when nothing waits."""
