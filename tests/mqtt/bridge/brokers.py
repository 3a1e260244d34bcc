"""Brokers and what lies between them, for the tests of this folder."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Any

from socketworkers.testing import serve_ephemeral
from socketworkers_mqtt import app
from socketworkers_mqtt.bridge import BridgeSpec, parse_bridge
from socketworkers_mqtt.client import Client, Message

__all__ = ["Cutter", "bridge_to", "broker", "carried", "take"]

#: seconds that something may take on a busy machine
PATIENCE = 20.0


def bridge_to(url: str, *topics: str, name: str = "uplink", **settings: Any) -> BridgeSpec:
    """Settings of a bridge that connects again at once."""
    return parse_bridge(
        {"name": name, "address": url, "topics": list(topics), "retry_min": 0.05, "retry_max": 0.05, **settings}
    )


@contextlib.asynccontextmanager
async def broker(*bridges: BridgeSpec, **settings: Any) -> AsyncIterator[str]:
    """A broker with bridges that are connected; its URL."""
    async with serve_ephemeral(app, bridge=bridges, sys_interval=0.0, **settings) as server:
        url = server.listeners[0].url
        left = {f"$SYS/broker/connection/{spec.name}/state" for spec in bridges}
        if left:
            async with asyncio.timeout(PATIENCE), Client(url) as client:
                await client.subscribe("$SYS/broker/connection/+/state")
                async for message in client:
                    if message.payload == b"1":
                        left.discard(message.topic)
                    if not left:
                        break
        yield url


async def take(client: Client, count: int) -> list[Message]:
    """The next messages, without late probes of ``carried``."""
    found: list[Message] = []
    try:
        async with asyncio.timeout(PATIENCE):
            while len(found) < count:
                message = await anext(client)
                if not message.payload.startswith(b"probe"):
                    found.append(message)
    except TimeoutError:
        came = [(message.topic, message.payload) for message in found]
        raise AssertionError(f"{len(found)} of {count} messages came: {came}") from None
    return found


async def carried(sender: Client, receiver: Client, topic: str) -> None:
    """Return once a bridge carries a topic over: its subscriptions are in place then."""
    await receiver.subscribe(topic, qos=1)
    async with asyncio.timeout(PATIENCE):
        for number in range(1000):
            await sender.publish(topic, f"probe {number}", qos=1)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.3):
                    while (await anext(receiver)).payload != b"probe %d" % number:
                        pass
                    break
    await receiver.unsubscribe(topic)


class Cutter:
    """Passes bytes on to a port, and cuts each connection somewhere: the next ones after a random number of bytes.

    Args:
        port: where to; it can be set later.
        seed: of the randomness.
        most: bytes that a connection may live; 0 = for ever.
    """

    def __init__(self, port: int, seed: int, most: int) -> None:
        self.target = port
        self._random = random.Random(seed)
        self.most = most
        self.cuts = 0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Cutter:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def cut(self) -> None:
        """Cut all connections now."""
        for writer in self._writers:
            writer.transport.abort()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"mqtt://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        left = self._random.randrange(1, self.most) if self.most else 1 << 60
        try:
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            nonlocal left
            while data := await source.read(4096):
                target.write(data[:left])
                left -= len(data)
                if left <= 0:
                    with contextlib.suppress(OSError):
                        await target.drain()
                    self.cuts += 1
                    return
                await target.drain()

        self._writers |= {writer, other_writer}
        both = [asyncio.ensure_future(copy(reader, other_writer)), asyncio.ensure_future(copy(other_reader, writer))]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in both:
                each.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            self._writers -= {writer, other_writer}
            other_writer.transport.abort()
            writer.transport.abort()
