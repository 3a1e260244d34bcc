"""The class form of a handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..socket import Socket
    from .context import Context, Env

__all__ = ["WorkerEntrypoint"]


class WorkerEntrypoint:
    """Derive from it and define ``async def connect(self, socket)``; one instance is made per connection.

    ``self.env`` and ``self.ctx`` are the environment and the connection's context.
    """

    def __init__(self, ctx: Context, env: Env) -> None:
        self.ctx = ctx
        self.env = env

    async def connect(self, socket: Socket) -> None:
        """Serve one connection; it ends when this returns."""
        raise TypeError(f"{type(self).__name__} has no method connect(self, socket)")
