"""Who owns an object: the one place that decides whether a call stays in this process.

The runtime asks a :class:`Router` and nothing else. :class:`LocalRouter` is the single-process one, which needs
nothing installed. A router for several processes or nodes claims ids with a fencing token and returns
:class:`Owner` objects that carry calls and sockets to where the object lives; callers do not see the difference.
"""

from __future__ import annotations

from typing import Any, Protocol

__all__ = ["LocalRouter", "Owner", "Router"]


class Owner(Protocol):
    """An object's owner outside of this process."""

    async def call(self, namespace: str, id: str, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a method there; returns when what it wrote is durable."""

    async def connect(self, namespace: str, id: str, socket: Any) -> Any:
        """Hand a socket over."""


class Router(Protocol):
    """Decides who owns which id."""

    def owner(self, namespace: str, id: str) -> Owner | None:
        """The owner elsewhere, or None when the object belongs to this process. On the path of every call."""

    async def claim(self, namespace: str, id: str) -> int:
        """Make this process the owner, before the object is started.

        Returns:
            A fencing token: it grows with every owner, and storage refuses writes with an older one.
        """

    async def release(self, namespace: str, id: str, token: int) -> None:
        """Give the id back, after the object was closed."""


class LocalRouter:
    """Everything belongs to this process; the lock of the data folder is what makes that true."""

    __slots__ = ("_token",)

    def __init__(self) -> None:
        self._token = 0

    def owner(self, namespace: str, id: str) -> Owner | None:
        """Always None."""
        return None

    async def claim(self, namespace: str, id: str) -> int:
        """A number that grows."""
        self._token += 1
        return self._token

    async def release(self, namespace: str, id: str, token: int) -> None:
        """Nothing to do."""
