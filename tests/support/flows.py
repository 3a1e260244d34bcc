"""Pairs of datagram sockets: a client's own, and the flow that a server makes of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from socketworkers import Context, Env, Socket, connect, serve
from socketworkers.server import Server

__all__ = ["Flows", "flows"]


class Flows:
    """Makes pairs over one server."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[Socket] = asyncio.Queue()
        self.server: Server
        self._options: dict[str, Any] = {}
        self._made: list[Socket] = []

    async def handle(self, socket: Socket, env: Env, ctx: Context) -> None:
        with socket.readable.get_reader() as reader:
            assert await reader.read() == b"hello"
        await socket.update(**self._options)
        self.arrived.put_nowait(socket)
        with contextlib.suppress(OSError, ZeroDivisionError):
            await socket.closed

    async def __call__(self, *, allow_half_open: bool = False, **options: Any) -> tuple[Socket, Socket]:
        """The connecting and the accepting end."""
        self._options = options
        port = self.server.listeners[0].port
        client = await connect(f"udp://127.0.0.1:{port}", allow_half_open=allow_half_open, **options)
        writer = client.writable.get_writer()
        await writer.write(b"hello")
        writer.release_lock()  # the rules take a writer of their own
        client._outbox.bytes_out = client._outbox.chunks_out = 0
        pair = client, await self.arrived.get()
        self._made.extend(pair)
        return pair

    async def close(self) -> None:
        """Abort whatever is left."""
        for socket in self._made:
            await socket.abort()
        await self.server.stop()


@contextlib.asynccontextmanager
async def flows(**settings: Any) -> AsyncIterator[Flows]:
    """A maker of pairs that cleans up."""
    made = Flows()
    made.server = await serve(made.handle, "udp://127.0.0.1:0", **settings)
    try:
        yield made
    finally:
        await made.close()
