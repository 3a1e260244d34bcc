"""A gateway with something behind it, and a resolver that says what a test wants."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from typing import Any

from tests.support.websocket import ask, request

from socketworkers import Context, Env, Socket, StateError, connect, serve
from socketworkers.server import Server
from socketworkers.testing import Peer
from socketworkers.tunnel import serve_tunnel

__all__ = ["Resolver", "World", "running"]


class Resolver:
    """Stands in for the system's: names have the addresses that a test gave them."""

    def __init__(self) -> None:
        self.names: dict[str, list[Sequence[str]]] = {}
        self.asked: list[str] = []
        self._real = socket.getaddrinfo

    def add(self, name: str, *answers: Sequence[str]) -> None:
        """The addresses of a name: the first answer, then the next one, the last one for ever."""
        self.names[name] = list(answers)

    def __call__(self, host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        if host not in self.names:
            return self._real(host, port, *arguments, **options)
        self.asked.append(host)
        answers = self.names[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        found = []
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            where = (address, port, 0, 0) if family == socket.AF_INET6 else (address, port)
            found.append((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where))
        return found


class World:
    """What a test of the gateway has at hand."""

    def __init__(self, gateway: Server, behind: Server) -> None:
        self.gateway = gateway
        self.behind = behind
        #: what came in behind the gateway
        self.arrived: list[Socket] = []

    @property
    def port(self) -> int:
        """Of what is behind."""
        return self.behind.listeners[0].port

    @property
    def url(self) -> str:
        """The gateway's, with no query."""
        return self.gateway.listeners[0].url

    @property
    def to(self) -> str:
        """The URL that leads to what is behind."""
        return f"{self.url}?address=127.0.0.1:{self.port}"

    async def peer(self) -> Peer:
        """A raw connection to the gateway."""
        listener = self.gateway.listeners[0]
        return Peer(await connect((listener.host, listener.port), allow_half_open=True))

    async def status(self, resource: str) -> tuple[int, str]:
        """Status and text of the gateway's answer to a handshake."""
        peer = await self.peer()
        try:
            code, _, body = await ask(peer, request(resource))
            return code, body.decode().strip()
        finally:
            await peer.abort()

    def counted(self, name: str) -> dict[str, float]:
        """The values of a metric by the one label it has."""
        for family in self.gateway.telemetry.collect():
            if family.name == name:
                return {next(iter(labels.values()), ""): value for labels, value in family.samples}
        raise LookupError(name)


@contextlib.asynccontextmanager
async def running(*, allow: Sequence[str] = (), **settings: Any) -> AsyncIterator[World]:
    """A gateway that leads to an upper-casing server, and to nothing else by default."""
    world: World | None = None

    async def upper(socket: Socket, env: Env, ctx: Context) -> None:
        assert world is not None
        world.arrived.append(socket)
        writer = socket.writable.get_writer()
        size = 0
        async for chunk in socket.readable:
            size += len(chunk)
            await writer.write(chunk.upper())
        with contextlib.suppress(StateError):  # a test has closed it
            await writer.write(b".%d" % size)

    behind = await serve(upper, "127.0.0.1:0")
    try:
        port = behind.listeners[0].port
        rules = [rule.format(port=port) for rule in allow] or [f"127.0.0.1:{port}"]
        gateway = await serve_tunnel(**{"listen": "ws://127.0.0.1:0/v1", "allow": rules, **settings})
        try:
            world = World(gateway, behind)
            yield world
        finally:
            await gateway.stop()
    finally:
        await behind.stop()
