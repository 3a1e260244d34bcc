"""A UDP relay that loses, repeats and reorders datagrams, and may change its own address: by seed."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Any

__all__ = ["Relay", "lossy_relay"]


class Relay:
    """Between clients and one server; each client has a socket of its own towards the server."""

    def __init__(self, server: tuple[str, int], seed: int, loss: float, repeat: float, late: float) -> None:
        self._server = server
        self._chooser = random.Random(seed)
        self._loss, self._repeat, self._late = loss, repeat, late
        self._near: Any = None
        self._far: dict[Any, Any] = {}
        self._loop = asyncio.get_running_loop()
        self._timers: set[asyncio.TimerHandle] = set()
        #: datagrams that were lost
        self.lost = 0
        self.port = 0

    async def start(self) -> None:
        """Take datagrams."""
        relay = self

        class Near(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: Any) -> None:
                relay._loop.create_task(relay._from_client(data, addr))

        self._near, _ = await self._loop.create_datagram_endpoint(Near, local_addr=("127.0.0.1", 0))
        self.port = self._near.get_extra_info("sockname")[1]

    async def _from_client(self, data: bytes, client: Any) -> None:
        far = self._far.get(client)
        if far is None:
            far = await self._open(client)
        self._pass_on(lambda: far.is_closing() or far.sendto(data))

    async def _open(self, client: Any) -> Any:
        relay = self

        class Far(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: Any) -> None:
                relay._pass_on(lambda: relay._near.is_closing() or relay._near.sendto(data, client))

        far, _ = await self._loop.create_datagram_endpoint(Far, remote_addr=self._server)
        known = self._far.setdefault(client, far)
        if known is not far:
            far.close()
        return known

    async def rebind(self) -> None:
        """As a NAT does that has forgotten: the server sees all clients at other addresses."""
        for client in list(self._far):
            self._far.pop(client).close()
            await self._open(client)

    def _pass_on(self, send: Any) -> None:
        if self._chooser.random() < self._loss:
            self.lost += 1
            return
        for _ in range(2 if self._chooser.random() < self._repeat else 1):
            if self._chooser.random() < self._late:
                timer = self._loop.call_later(self._chooser.random() / 50, send)
                self._timers.add(timer)
            else:
                send()

    def close(self) -> None:
        """Stop."""
        for timer in self._timers:
            timer.cancel()
        for transport in (self._near, *self._far.values()):
            transport.close()


@contextlib.asynccontextmanager
async def lossy_relay(
    server: tuple[str, int], *, seed: int = 1, loss: float = 0.0, repeat: float = 0.0, late: float = 0.0
) -> AsyncIterator[Relay]:
    """A relay in front of ``server``.

    Args:
        server: where to.
        seed: of all that happens.
        loss: part of the datagrams that is lost.
        repeat: part that arrives twice.
        late: part that comes up to 20 ms later, behind others.
    """
    relay = Relay(server, seed, loss, repeat, late)
    await relay.start()
    try:
        yield relay
    finally:
        relay.close()
        await asyncio.sleep(0)
