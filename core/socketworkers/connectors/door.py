"""A private Unix socket behind which a connector's connections begin, for drivers that open their own descriptor.

The folder is this user's alone (0700) and gone at the end; whoever comes in must be this process (SO_PEERCRED,
unix(7)): another program of the same user must not get at a database through a worker's service token.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import socket as _socket
import struct
import tempfile
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ..errors import SocketError
from ..server import Server
from ..settings import Settings
from ..tunnel.relay import Relay
from ..websocket import HALF_CLOSE
from ..worker.app import App, ListenerSpec

if TYPE_CHECKING:
    from ..socket import Socket
    from ..worker.context import Context, Env

__all__ = ["Door"]

_log = logging.getLogger("socketworkers.connectors")
#: the name by which libpq finds a socket in a folder, with its port
PORT = 5432
#: seconds that a driver may leave an answer unread
PATIENCE = 86400.0
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid


class Door:
    """Listens on a private Unix socket.

    Args:
        dial: gives an open socket for each connection.
        any_process: whether other processes of this user may come in, too (a child that runs ``pg_dump``).
    """

    def __init__(self, dial: Callable[[], Awaitable[Socket]], *, any_process: bool = False) -> None:
        self._dial = dial
        self._any_process = any_process
        self._server: Server | None = None
        #: the folder, "" while closed
        self.folder = ""

    @property
    def path(self) -> str:
        """The socket in the folder."""
        return os.path.join(self.folder, f".s.PGSQL.{PORT}")

    async def open(self) -> None:
        """Make the folder and listen.

        Raises:
            StartupError: the socket cannot be made.
            OSError: the folder cannot be made.
        """
        app = App("connector", tls_listener=False, ws_listener=False)
        app.connect(self._carry)
        self.folder = tempfile.mkdtemp(prefix="socketworkers-")
        try:
            spec = ListenerSpec("door", "unix", "tls_port")
            settings = Settings(data=":memory:", unix=self.path, max_connections=1000, write_timeout=PATIENCE)
            server = Server(app, settings, listeners=[spec])
            await server.start()
        except BaseException:
            self._remove()
            raise
        self._server = server

    async def close(self) -> None:
        """End all connections and take the folder away. Idempotent."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop()
        self._remove()

    def _remove(self) -> None:
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = ""

    def _stranger(self, socket: Socket) -> str:
        """Who came in, if it is not for them."""
        if not hasattr(_socket, "SO_PEERCRED"):  # macOS: the folder's mode has to do
            return ""
        channel = socket._channel
        raw = channel.get_extra_info("socket") if channel is not None else None
        if raw is None:
            return "somebody who has left"
        pid, uid, _ = _CREDENTIALS.unpack(raw.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, _CREDENTIALS.size))
        if uid != os.geteuid() or (pid != os.getpid() and not self._any_process):
            return f"process {pid} of user {uid}"
        return ""

    async def _carry(self, socket: Socket, env: Env, ctx: Context) -> None:
        if stranger := self._stranger(socket):
            _log.warning("refused at the connector's socket: %s", stranger)
            socket.abort("not for strangers")
            return
        dialing = asyncio.ensure_future(self._dial())
        socket.closed.then(dialing.cancel)
        try:
            outer = await dialing
        except asyncio.CancelledError:
            if socket.closed.settled and dialing.cancelled():
                return  # the driver did not wait
            raise
        except Exception as error:
            _log.warning("no connection: %s", error)
            socket.abort("no connection")
            return
        found = outer.info.websocket if outer.info is not None else None
        try:
            await Relay(socket, outer, half_close=found is None or found.subprotocol == HALF_CLOSE).run()
        finally:
            with contextlib.suppress(SocketError):
                outer.abort()
