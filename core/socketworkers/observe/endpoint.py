"""Serves ``/metrics``, ``/healthz`` and ``/readyz`` on a listener of the server's own (``--metrics``).

It is a connect handler like any other: it reads requests and writes answers. Its listener stands outside the limits of
the server, has a descriptor in reserve, and keeps answering while the server drains.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import ProtocolError, SocketError
from ..process.provision import parse_address
from .health import Health, LagMeter
from .http import HttpReader

if TYPE_CHECKING:
    from ..server import Server
    from ..socket import Socket
    from ..worker import Context, Env

__all__ = ["MetricsEndpoint"]


class MetricsEndpoint:
    """The companion that ``process.run`` starts when ``--metrics`` is given.

    Args:
        address: ``HOST:PORT``.
    """

    def __init__(self, address: str) -> None:
        self._host, self._port = parse_address(address)
        self._lag: LagMeter | None = None
        self.url = ""

    async def start(self, server: Server, not_ready: Callable[[], str]) -> None:
        """Listen.

        Raises:
            StartupError: the port is taken.
        """
        health = Health(server.telemetry, not_ready)

        async def connect(socket: Socket, env: Env, ctx: Context) -> None:
            await _answer(socket, health)

        listener = server.listen_internal("metrics", self._host, self._port, connect)[0]
        self.url = f"{listener.url}/metrics"
        self._lag = LagMeter(server.telemetry, asyncio.get_running_loop())

    async def stop(self) -> None:
        """End the measuring; the server closes the listener."""
        if self._lag is not None:
            self._lag.stop()


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
