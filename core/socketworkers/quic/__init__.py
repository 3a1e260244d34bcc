"""QUIC (RFC 9000): each stream of a connection is a ``Socket``.

The protocol is aioquic's, without I/O; sockets, timers, routing, bounds and back-pressure are here. aioquic is the
extra ``quic`` and is imported when QUIC is used: ``connect("quic://...")``, or a listener with the scheme ``quic``.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ..errors import StartupError

if TYPE_CHECKING:
    from .session import QuicSession

__all__ = ["QuicSession", "check_available"]


def check_available() -> None:
    """Whether there is an implementation of QUIC.

    Raises:
        StartupError: there is none, and how to get it.
    """
    if find_spec("aioquic") is None:
        raise StartupError(
            "QUIC needs a package that is not installed",
            "aioquic is an extra of socketworkers",
            "pip install 'socketworkers[quic]'",
        )


def __getattr__(name: str) -> Any:
    if name != "QuicSession":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .session import QuicSession

    return QuicSession
