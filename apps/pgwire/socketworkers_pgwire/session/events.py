"""What a session tells its worker. Values only; what it asks of the database is in `engine`.

The events marked *pauses* are always the last of their list: the session takes nothing more in until it is answered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from .engine import Request

__all__ = [
    "AuthFailed",
    "Authenticate",
    "Authenticated",
    "Cancel",
    "Close",
    "Event",
    "Interrupt",
    "Release",
    "StartTls",
    "Startup",
]


@dataclass(frozen=True, slots=True)
class StartTls:
    """Send the output, start TLS as the server, then call `tls_started`; *pauses*. Close when TLS fails."""


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Compare a password off the loop, then call `auth_result`; *pauses*."""

    username: str
    """From the peer: escape it before it goes to a log."""
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AuthFailed:
    """A SCRAM proof was wrong. Wait as long as guesses deserve, then call ``auth_result(False)``; *pauses*."""

    username: str


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The client is `username` now. For logs; nothing to answer."""

    username: str
    method: str


@dataclass(frozen=True, slots=True)
class Startup:
    """Open the database, then call `started`, or `refused`; *pauses*."""

    username: str
    database: str
    settings: dict[str, str]
    """Of the startup packet and its ``options``: the last of a name holds. Names as they were sent."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """A CancelRequest: interrupt the session it names, if `CancelKeys.find` finds it. `Close` follows."""

    process_id: int
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Make the engine stop what it does for this session, soon. It answers the open request as usual; an answer that is
    a success stands."""

    reason: str
    """``user request`` or ``statement timeout``."""


@dataclass(frozen=True, slots=True)
class Release:
    """The engine may let go of what is behind these handles; they are not used any more."""

    handles: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Close:
    """Send the output, then close the connection. The session takes nothing more in. For the engine it is over, too:
    what it has open for this session it rolls back and lets go of."""

    reason: str
    """A short word for logs and metrics: ``terminate``, ``eof``, ``login``, ``protocol``, ``timeout``..."""


Event: TypeAlias = (
    StartTls | Authenticate | AuthFailed | Authenticated | Startup | Cancel | Interrupt | Release | Close | Request
)
