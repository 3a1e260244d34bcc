"""Both ends of a tunnel inside a program, without the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .entrance import entrance
from .gateway import gateway

if TYPE_CHECKING:
    from ..server import Server
    from ..worker.app import App

__all__ = ["connect_tunnel", "serve_tunnel"]


async def serve_tunnel(listen: str = "ws://127.0.0.1:0/v1", **settings: Any) -> Server:
    """Start a gateway; returns once it accepts.

    Args:
        listen: ``ws://`` or ``wss://`` URL; port 0 = any free one, see ``server.listeners[0].url``.
        settings: of ``GatewayConfig``; ``allow=("db:5432",)`` at least.

    Returns:
        The server; end it with ``await server.drain()`` and ``await server.stop()``.

    Raises:
        StartupError: nothing is allowed, the port is taken, and other everyday mistakes.
    """
    return await _started(gateway(), listen_on=listen, **settings)


async def connect_tunnel(to: str, listen: str = "127.0.0.1:0", **settings: Any) -> Server:
    """Open a local port that leads through a gateway; returns once it accepts.

    Args:
        to: the gateway's URL, with ``?address=host:port``.
        listen: the local port; 0 = any free one, see ``server.listeners[0].port``.
        settings: of ``EntranceConfig``.

    Returns:
        The server, as of ``serve_tunnel``.

    Raises:
        StartupError: the port is taken, and other everyday mistakes.
    """
    return await _started(entrance(), to=to, listen_on=listen, **settings)


async def _started(app: App, **settings: Any) -> Server:
    from ..server import Server

    server = Server(app, app.config(**settings))
    await server.start()
    return server
