"""``Connector``: an address, and for each driver the arguments by which it comes there."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from types import TracebackType
from typing import Any

from ..connect import connect
from ..dial import plan
from ..errors import Aborted, StateError
from ..info import Timeouts
from ..socket import Socket
from ..websocket import HALF_CLOSE
from .door import PORT, Door
from .loop import ConnectingLoop

__all__ = ["Connector"]


class Connector:
    """Makes connections for drivers; an async context manager.

    Args:
        address: as for ``connect``: ``tcp://db:5432``, ``tls://...``, ``wss://host/v1?address=db:5432``.
        prepare: called with each new socket before the driver gets it (``postgres_tls()``).
        any_process: whether other processes of this user may use the Unix socket, too.
        options: as for ``connect``: ``tls``, ``headers`` (service tokens), ``timeouts``, ``keep_alive``, ...

    Raises:
        AddressError: the address cannot be understood.
    """

    def __init__(
        self,
        address: object,
        *,
        prepare: Callable[[Socket], Awaitable[None]] | None = None,
        any_process: bool = False,
        **options: Any,
    ) -> None:
        target = plan(address, None, None, None)
        self._address = target.address
        # how long a server may think before it takes more is the driver's business
        self._options = {"allow_half_open": True, "keep_alive": 60, "timeouts": Timeouts(write=None), **options}
        if target.address.resource:
            self._options.setdefault("subprotocols", (HALF_CLOSE,))
        self._prepare = prepare
        self._door = Door(self.dial, any_process=any_process)
        self._open = False
        #: those that are not closed yet
        self._sockets: set[Socket] = set()

    async def dial(self) -> Socket:
        """An open connection.

        Raises:
            SocketError: there is none.
        """
        socket = connect(self._address, **self._options)
        self._sockets.add(socket)
        socket.closed.then(partial(self._sockets.discard, socket))
        try:
            await socket.ready
            if self._prepare is not None:
                await self._prepare(socket)
        except BaseException:
            socket.abort(Aborted("the driver's connection was not made"))
            raise
        return socket

    async def open(self) -> None:
        """Open the private Unix socket.

        Raises:
            StartupError: it cannot be made.
        """
        await self._door.open()
        self._open = True

    async def close(self) -> None:
        """Take the Unix socket away, and end the connections that drivers have not closed. Idempotent."""
        self._open = False
        await self._door.close()
        for socket in list(self._sockets):
            if not socket._outbox.closing:
                socket.abort(Aborted("the connector is closed"))
            with contextlib.suppress(OSError):
                await socket.closed  # one that its driver has closed waits for the peer's end, a second at most

    async def __aenter__(self) -> Connector:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _opened(self) -> Door:
        if not self._open:
            raise StateError("the connector is not open: async with Connector(...)")
        return self._door

    @property
    def path(self) -> str:
        """The private Unix socket, for any driver that takes one."""
        return self._opened().path

    def asyncpg(self) -> dict[str, Any]:
        """For ``asyncpg.connect`` and ``create_pool``: in this process, with no descriptor of its own."""
        return {"host": "connector", "port": PORT, "ssl": False, "loop": ConnectingLoop(self.dial)}

    def psycopg(self) -> dict[str, Any]:
        """For ``psycopg.AsyncConnection.connect``, ``psycopg.connect`` in a thread, and whatever uses libpq."""
        return {"host": self._opened().folder, "port": PORT}

    def aiomysql(self) -> dict[str, Any]:
        """For ``aiomysql.connect`` and ``create_pool``."""
        return {"unix_socket": self.path}

    def redis(self) -> dict[str, Any]:
        """For ``redis.asyncio.Redis``."""
        return {"unix_socket_path": self.path}
