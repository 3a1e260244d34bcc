"""Serves ``/metrics``, ``/healthz`` and ``/readyz`` with a server of our own, beside the app's (``--metrics``).

It is an app like any other: a connect handler that reads requests and writes answers. It keeps answering while the
main server drains.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import ProtocolError, SocketError
from ..process.provision import parse_address
from ..settings import Settings
from .health import Health, LagMeter
from .http import HttpReader

if TYPE_CHECKING:
    from ..server import Server
    from ..socket import Socket

__all__ = ["MetricsEndpoint"]

#: A scraper keeps its connection between two scrapes; a minute is the usual interval.
IDLE_SECONDS = 90.0
MAX_CONNECTIONS = 64


class MetricsEndpoint:
    """The companion that ``process.run`` starts when ``--metrics`` is given.

    Args:
        address: ``HOST:PORT``.
    """

    def __init__(self, address: str) -> None:
        self._host, self._port = parse_address(address)
        self._server: Server | None = None
        self._lag: LagMeter | None = None
        self.url = ""

    async def start(self, server: Server, not_ready: Callable[[], str]) -> None:
        """Listen.

        Raises:
            StartupError: the port is taken.
        """
        from ..server import Server as OwnServer
        from ..worker import App

        health = Health(server.telemetry, not_ready)

        async def connect(socket: Socket, env: Any, ctx: Any) -> None:
            await _answer(socket, health)

        app = App("metrics", port=self._port, scheme="http", title="Metrics")
        app.connect(connect)
        settings = Settings(
            host=self._host,
            port=self._port,
            data=":memory:",
            idle_timeout=IDLE_SECONDS,
            max_connections=MAX_CONNECTIONS,
            memory_limit=0,
        )
        self._server = OwnServer(app, settings)
        await self._server.start()
        listener = self._server.listeners[0]
        host = f"[{listener.host}]" if ":" in listener.host else listener.host
        self.url = f"http://{host}:{listener.port}/metrics"
        self._lag = LagMeter(server.telemetry, asyncio.get_running_loop())

    async def stop(self) -> None:
        """Stop listening and drop the connections."""
        if self._lag is not None:
            self._lag.stop()
        if self._server is not None:
            self._server.abort_all()
            await self._server.stop()


async def _answer(socket: Socket, health: Health) -> None:
    reader, writer = socket.readable.get_reader(), socket.writable.get_writer()
    requests = HttpReader()
    try:
        while data := await reader.read():
            for request in requests.receive(data):
                await writer.write(health.answer(request))
                if not request.keep_alive:
                    await writer.close()
                    return
    except ProtocolError as error:
        await writer.write(error.reply)
    except SocketError:
        # The scraper went away.
        return
    await writer.close()
