"""A loop for one driver: all of the running loop, except that connections are made by us."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import StateError
from .transport import SocketTransport

if TYPE_CHECKING:
    from ..socket import Socket

__all__ = ["ConnectingLoop"]

P = TypeVar("P", bound=asyncio.BaseProtocol)


class ConnectingLoop:
    """The running loop, as a driver sees it that is given ``loop=``.

    Args:
        dial: gives an open socket.
    """

    def __init__(self, dial: Callable[[], Awaitable[Socket]]) -> None:
        self._dial = dial
        self._loop = asyncio.get_running_loop()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    async def create_connection(
        self, protocol_factory: Callable[[], P], host: str | None = None, port: int | None = None, **options: Any
    ) -> tuple[SocketTransport, P]:
        """Connect to the connector's address, whatever ``host`` and ``port`` say.

        Raises:
            StateError: the driver asks for TLS of its own; it belongs into the connector's address.
            SocketError: there is no connection.
        """
        if options.get("ssl"):
            raise StateError("TLS belongs into the connector's address: switch it off in the driver")
        socket = await self._dial()
        protocol = protocol_factory()
        transport = SocketTransport(socket, protocol)
        transport.start()
        return transport, protocol

    async def create_unix_connection(
        self, protocol_factory: Callable[[], P], path: str | None = None, **options: Any
    ) -> tuple[SocketTransport, P]:
        """The same: a path is as good as a name."""
        return await self.create_connection(protocol_factory, **options)
