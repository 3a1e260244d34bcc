"""Connected sockets over every transport, for tests and the conformance suite."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import trustme

from socketworkers import App, Context, Env, ListenerSpec, Socket, Timeouts, TlsOptions, connect
from socketworkers.server import Server
from socketworkers.testing import socket_pair
from socketworkers.testing.client import trusting
from socketworkers.testing.conformance import CAPABILITIES

#: what each transport can do, by the words of the conformance suite
TRANSPORTS: dict[str, frozenset[str]] = {
    "memory": CAPABILITIES,
    "tcp": CAPABILITIES,
    "unix": CAPABILITIES - {"reset"},
    "tls": CAPABILITIES,
    "websocket": CAPABILITIES - {"half_close"},
    "wss": CAPABILITIES - {"half_close"},
    "websocket, half-close": CAPABILITIES,
    "wss, half-close": CAPABILITIES,
    "tunnel": CAPABILITIES - {"addresses"},
    "tunnel, local port": CAPABILITIES - {"addresses"},
    "quic": CAPABILITIES,
}
HALF_CLOSE = "tcp-halfclose.v1"


@lru_cache(maxsize=1)
def authority() -> trustme.CA:
    """The tests' certificate authority."""
    return trustme.CA()


@lru_cache(maxsize=8)
def server_tls(*names: str) -> ssl.SSLContext:
    """A server's context with a certificate for ``names`` (``localhost`` by default)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(*(names or ("localhost", "127.0.0.1"))).configure_cert(context)
    return context


def client_tls() -> ssl.SSLContext:
    """A client's context that trusts the tests' authority."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


class Pairs:
    """Makes pairs over one transport: a real server's sockets, but for memory."""

    def __init__(self, transport: str) -> None:
        self.transport = transport
        self.capabilities = TRANSPORTS[transport]
        #: all of QUIC is Python: 32 MiB are two seconds of a core that is not shared
        self.seconds = 40.0 if transport == "quic" else 10.0
        self._arrived: asyncio.Queue[Socket] = asyncio.Queue()
        self._servers: list[Server] = []
        self._made: list[Socket] = []
        self._folder = tempfile.TemporaryDirectory(prefix="sw-")

    async def __call__(self, **options: Any) -> tuple[Socket, Socket]:
        """The connecting and the accepting end."""
        if self.transport == "memory":
            pair = socket_pair(**options)
        else:
            pair = await self._connected(**options)
        self._made.extend(pair)
        return pair

    async def _connected(
        self, *, high_water_mark: int = 65536, timeouts: Timeouts | None = None
    ) -> tuple[Socket, Socket]:
        loop = asyncio.get_running_loop()
        arrived: asyncio.Future[Socket] = loop.create_future()

        async def keep(socket: Socket, env: Env, ctx: Context) -> None:
            if self.transport == "tls":
                await socket.start_tls(context=server_tls())
            await socket.update(high_water_mark=high_water_mark, timeouts=timeouts)
            arrived.set_result(socket)
            with contextlib.suppress(Exception):
                await socket.closed

        app = App(
            "pairs",
            listeners=(
                ListenerSpec("ws", "ws", "ws_port", path="/pairs", subprotocols=(HALF_CLOSE,)),
                ListenerSpec("quic", "quic", "quic_port", tls="implicit", alpn=("pairs",)),
            ),
        )
        app.connect(keep)
        path = str(Path(self._folder.name) / f"{len(self._servers)}.sock")
        unix = path if self.transport == "unix" else None
        options: dict[str, Any] = {
            "allow_half_open": True,
            "high_water_mark": high_water_mark,
            "timeouts": timeouts,
        }
        ports: dict[str, Any] = {
            "websocket": {"ws_port": 0},
            "wss": {"wss_port": 0, "tls": "auto"},
            "quic": {"quic_port": 0, "tls": "auto"},
        }
        kind, _, way = self.transport.partition(", ")
        server = Server(app, app.config(data=":memory:", unix=unix, **ports.get(kind, {})))
        self._servers.append(server)
        await server.start()
        if kind == "tunnel":
            return await self._through_tunnel(server.listeners[0].port, bool(way), options), await arrived
        if kind in ports:
            tls = None
            if kind != "websocket":
                alpn = ("pairs",) if kind == "quic" else ()
                tls = TlsOptions(context=trusting(server), sni="localhost", alpn=alpn)
            if kind != "quic":
                options["subprotocols"] = (HALF_CLOSE,) if way else ()
            client = await connect(server.listeners[1].url, **options, tls=tls)
            return client, await arrived
        where: Any = f"unix:{path}" if unix else ("127.0.0.1", server.listeners[0].port)
        tls = TlsOptions(context=client_tls(), sni="localhost") if self.transport == "tls" else None
        client = await connect(where, **options, tls=tls)
        return client, await arrived

    async def _through_tunnel(self, port: int, local_port: bool, options: dict[str, Any]) -> Socket:
        """A WebSocket to a gateway that leads to ``port``, or a connection to a local port that does."""
        from socketworkers.tunnel import connect_tunnel, serve_tunnel

        gateway = await serve_tunnel(allow=("127.0.0.1:*",))
        self._servers.append(gateway)
        url = f"{gateway.listeners[0].url}?address=127.0.0.1:{port}"
        if not local_port:
            return await connect(url, **options, subprotocols=(HALF_CLOSE,))
        entrance = await connect_tunnel(url)
        self._servers.append(entrance)
        return await connect(("127.0.0.1", entrance.listeners[0].port), **options)

    async def close(self) -> None:
        """Abort whatever is left."""
        for socket in self._made:
            await socket.abort()
        for server in self._servers:
            await server.stop()
        self._folder.cleanup()


@contextlib.asynccontextmanager
async def pairs(transport: str) -> AsyncIterator[Pairs]:
    """A maker of pairs that cleans up."""
    made = Pairs(transport)
    try:
        yield made
    finally:
        await made.close()


async def eventually(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait for what no awaitable tells of."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while not condition():
        assert loop.time() < until, "it never came true"
        await asyncio.sleep(0.002)


Make = Callable[..., Awaitable[tuple[Socket, Socket]]]
