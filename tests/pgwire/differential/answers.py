"""What a server answered to one step of a corpus."""

from __future__ import annotations

from dataclasses import dataclass

from socketworkers_pgwire.codec import FieldDescription, Report

__all__ = ["Answer", "Result"]


@dataclass(frozen=True, slots=True)
class Result:
    """What one statement of the step gave."""

    columns: tuple[FieldDescription, ...] | None = None
    """None if it returns no rows."""
    rows: tuple[tuple[bytes | None, ...], ...] = ()
    tag: bytes = b""
    """Of CommandComplete; ``EMPTY`` and ``SUSPENDED`` for the two messages that stand in its place."""
    copied: tuple[bytes, ...] | None = None
    """The data of COPY TO, message by message."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything up to ReadyForQuery."""

    results: tuple[Result, ...] = ()
    error: Report | None = None
    notices: tuple[Report, ...] = ()
    settings: tuple[tuple[bytes, bytes], ...] = ()
    """ParameterStatus messages."""
    notifications: tuple[tuple[bytes, bytes], ...] = ()
    """Channel and payload."""
    parameter_types: tuple[tuple[int, ...], ...] = ()
    """Answers to Describe of statements."""
    descriptions: tuple[tuple[FieldDescription, ...] | None, ...] = ()
    """Each RowDescription, and None for each NoData."""
    messages: str = ""
    """Type bytes of what came, rows in a row as one, without what may come at any time."""
    status: bytes = b""
    """Of ReadyForQuery; empty if it did not come."""
    lost: str = ""
    """Why the connection was given up."""
