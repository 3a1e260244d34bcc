"""What a listener hands to its server in place of a kernel socket: a flow of datagrams, or a stream of a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..info import SocketInfo

__all__ = ["Arrival"]


class Arrival(Protocol):
    """A channel that waits for the server to make a socket for it."""

    def adopt(self, socket: object) -> SocketInfo:
        """Attach itself to an inbound socket, and say what is known of the two ends.

        Raises:
            OSError: it is gone already.
        """

    def refuse(self) -> None:
        """It is one too many."""

    def served(self) -> None:
        """Its handler has ended, which may be later than the channel."""
