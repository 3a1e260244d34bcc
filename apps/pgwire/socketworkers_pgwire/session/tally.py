"""What sessions count. They call; what becomes of it is the server's. Never called for a row or a message."""

from __future__ import annotations

__all__ = ["Tally"]


class Tally:
    """Counts nothing; a server counts by a subclass."""

    __slots__ = ()

    def completed(self, tag: str) -> None:
        """A statement has ended well, with this tag of CommandComplete."""

    def failed(self, sqlstate: str) -> None:
        """The client was told an error."""

    def committed(self) -> None:
        """A transaction was committed, also one that only read, or that had a single statement."""

    def rolled_back(self) -> None:
        """A transaction was undone, by the client, by an error, or because the session is over."""

    def sent(self, rows: int) -> None:
        """So many rows of a result or a COPY go to the client."""
