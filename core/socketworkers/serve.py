"""``serve`` and ``listen``: a server from a handler, without the command line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from .address import Address, parse_address
from .errors import AddressError
from .settings import Settings
from .socket import Socket
from .worker.app import App, ListenerSpec
from .worker.context import Context, Env

if TYPE_CHECKING:
    from .server import Server

__all__ = ["SocketServer", "listen", "serve"]


def _settings(app: App, target: Address, options: dict[str, Any]) -> Settings:
    values: dict[str, Any] = {"data": ":memory:", **options}
    if target.scheme == "unix":
        raise AddressError("give a TCP address; a Unix socket is added with unix='/path'")
    values["host"] = target.host
    values["port"] = target.port
    if target.scheme == "tls":
        raise AddressError("give a TCP address; TLS from the first byte is added with tls_port=0")
    return app.config(**values)


def _datagrams(app: App, target: Address) -> ListenerSpec:
    """The one listener of an app that is served over UDP or QUIC: its own for that, or a plain one."""
    own = next((spec for spec in app.listeners if spec.scheme == target.scheme), None)
    own = own or ListenerSpec("main", target.scheme, "port", app.title)
    if target.scheme == "quic":
        return replace(own, port_setting="port", tls="implicit", alpn=own.alpn or (app.name,))
    return replace(own, port_setting="port")


def _websocket(app: App, target: Address) -> ListenerSpec:
    """The one listener of an app that is served at a WebSocket's URL: its own with that path, or a plain one."""
    own = next((spec for spec in app.listeners if spec.websocket), ListenerSpec("main", "ws", "port", app.title))
    secure = target.scheme == "wss"
    alpn = (own.alpn or ("http/1.1",)) if secure else ()
    tls: Literal["implicit", "off"] = "implicit" if secure else "off"
    path = target.resource.partition("?")[0]
    return replace(own, scheme=target.scheme, port_setting="port", path=path, tls=tls, alpn=alpn)


async def serve(
    handler: App | Callable[[Socket, Env, Context], Awaitable[object]], address: object = "127.0.0.1:0", **options: Any
) -> Server:
    """Start serving; returns once connections are accepted.

    Args:
        handler: an ``App`` or ``async def connect(socket, env, ctx)``.
        address: where to listen; port 0 = any free one, see ``server.listeners``. With ``ws://host:port/path`` (or
            ``wss``, which needs ``tls``) the handler is reached by WebSocket, with ``udp://host:port`` by UDP, with
            ``quic://host:port`` (which needs ``tls``, and asks for the app's ``alpn``, by default its name) by QUIC.
        options: settings of the app (``tls``, ``data``, ``max_connections``, ``listen``, ...). Nothing is kept unless
            ``data`` names a folder.

    Returns:
        The server; end it with ``await server.drain()`` and ``await server.stop()``.

    Raises:
        StartupError: the port is taken and other everyday mistakes.
    """
    from .server import Server

    if isinstance(handler, App):
        app = handler
    else:
        app = App("app")
        app.connect(handler)
    target = parse_address(address, port_required=False)
    listeners = None
    if target.resource:
        listeners = [_websocket(app, target)]
    elif target.scheme in ("udp", "quic"):
        listeners = [_datagrams(app, target)]
    server = Server(app, _settings(app, target, options), listeners=listeners)
    await server.start()
    return server


class SocketServer:
    """Accepted sockets as an async iterator: ``async for socket in server``."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Socket | None] = asyncio.Queue()
        self.server: Server | None = None

    async def _connect(self, socket: Socket, env: Env, ctx: Context) -> None:
        self._queue.put_nowait(socket)
        try:
            await socket.closed
        except OSError:
            pass  # whoever took the socket sees this

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self.server is not None
        return self.server.listeners[0].port

    def __aiter__(self) -> AsyncIterator[Socket]:
        return self

    async def __anext__(self) -> Socket:
        socket = await self._queue.get()
        if socket is None:
            raise StopAsyncIteration
        return socket

    async def close(self) -> None:
        """Stop listening and abort the sockets that are left."""
        if self.server is not None:
            await self.server.stop()
        self._queue.put_nowait(None)

    async def __aenter__(self) -> SocketServer:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def listen(address: object = "127.0.0.1:0", **options: Any) -> SocketServer:
    """Listen and take the sockets oneself.

    Args:
        address: where; port 0 = any free one.
        options: as for ``serve``.

    Raises:
        StartupError: the address cannot be bound.
    """
    result = SocketServer()
    result.server = await serve(result._connect, address, **options)
    return result
