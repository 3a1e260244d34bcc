"""States of a connection, and what it asks of its owner."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

__all__ = ["CheckPassword", "State"]


class State(enum.Enum):
    """Where a connection is."""

    CONNECTING = "waits for CONNECT"
    AUTHENTICATING = "waits for a password check or for AUTH"
    CONNECTED = "is connected"
    CLOSED = "is closed"


@dataclass(frozen=True, slots=True)
class CheckPassword:
    """A request: compare this password, off the loop, and call ``authenticated``."""

    username: str
    password: bytes = field(repr=False)
