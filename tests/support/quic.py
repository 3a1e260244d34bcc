"""QUIC servers of ours, and peers made directly on aioquic: well-behaved ones and others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

from aioquic.asyncio.client import connect as aioquic_connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.quic import events
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection

from socketworkers import App, Context, Env, ListenerSpec, QuicOptions, Socket, TlsOptions, connect
from socketworkers.quic.listener import QuicListener
from socketworkers.server import Server
from socketworkers.testing.client import trusting

__all__ = ["Hostile", "Peer", "aioquic_peer", "dial", "echo", "hostile_peer", "listener_of", "quic_server"]

Handler = Callable[[Socket, Env, Context], Awaitable[object]]


async def echo(socket: Socket, env: Env, ctx: Context) -> None:
    """Send back what comes."""
    writer = socket.writable.get_writer()
    async for chunk in socket.readable:
        await writer.write(chunk)


@contextlib.asynccontextmanager
async def quic_server(
    handler: Handler = echo, *, quic: QuicOptions | None = None, alpn: tuple[str, ...] = ("echo",), **settings: Any
) -> AsyncIterator[Server]:
    """A server with one QUIC listener, with a throwaway certificate."""
    app = App("echo", tls_listener=False)
    app.connect(handler)
    spec = ListenerSpec("quic", "quic", "quic_port", tls="implicit", alpn=alpn, quic=quic)
    config = app.config(**{"quic_port": 0, "tls": "auto", "data": ":memory:", **settings})
    server = Server(app, config, listeners=[spec])
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def listener_of(server: Server) -> QuicListener:
    """The listener with its bounds and counters."""
    return next(each for each in server._acceptors if isinstance(each, QuicListener))


def dial(server: Server, *, alpn: tuple[str, ...] = ("echo",), **options: Any) -> Socket:
    """A client of ours."""
    tls = TlsOptions(context=trusting(server), sni="localhost", alpn=alpn)
    options.setdefault("allow_half_open", True)
    return connect(server.listeners[0].url, tls=tls, **options)


class Peer(QuicConnectionProtocol):
    """aioquic's client, with its events kept."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.seen: list[events.QuicEvent] = []
        self._changed = asyncio.Event()

    @property
    def quic(self) -> Any:
        """The connection, for those who look inside."""
        return self._quic

    def quic_event_received(self, event: events.QuicEvent) -> None:
        self.seen.append(event)
        self._changed.set()
        if not isinstance(event, events.StreamDataReceived) or event.stream_id in self._stream_readers:
            super().quic_event_received(event)

    async def until(self, kind: type[Any], count: int = 1) -> Any:
        """The ``count``-th event of a kind."""
        while True:
            found = [event for event in self.seen if isinstance(event, kind)]
            if len(found) >= count:
                return found[count - 1]
            self._changed.clear()
            await self._changed.wait()

    def data(self, stream_id: int) -> bytes:
        """What came on a stream."""
        return b"".join(
            event.data
            for event in self.seen
            if isinstance(event, events.StreamDataReceived) and event.stream_id == stream_id
        )


def _configuration(server: Server, alpn: tuple[str, ...], **others: Any) -> QuicConfiguration:
    assert server.tls is not None
    configuration = QuicConfiguration(
        is_client=True, alpn_protocols=list(alpn), server_name="localhost", **{"idle_timeout": 30.0, **others}
    )
    configuration.load_verify_locations(cafile=str(server.tls.authority))
    return configuration


@contextlib.asynccontextmanager
async def aioquic_peer(server: Server, *, alpn: tuple[str, ...] = ("echo",), **others: Any) -> AsyncIterator[Peer]:
    """A client made directly on aioquic."""
    where = server.listeners[0]
    wait = others.pop("wait_connected", True)
    tickets = others.pop("tickets", None)
    configuration = _configuration(server, alpn, **others)
    async with aioquic_connect(
        where.host,
        where.port,
        configuration=configuration,
        create_protocol=Peer,
        session_ticket_handler=tickets,
        wait_connected=wait,
    ) as peer:
        assert isinstance(peer, Peer)
        yield peer


class Hostile(QuicConnection):
    """A connection that sends whatever frames it is told to."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.frames: list[tuple[int, bytes]] = []
        #: acknowledges so many packets more than came
        self.optimism = 0

    def _write_connection_limits(self, builder: Any, space: Any) -> None:
        super()._write_connection_limits(builder, space)
        while self.frames:
            kind, body = self.frames[0]
            buffer = builder.start_frame(kind, capacity=1 + len(body))
            buffer.push_bytes(body)
            self.frames.pop(0)

    def _write_ack_frame(self, builder: Any, space: Any, now: float) -> None:
        if self.optimism and self._handshake_complete:
            top = space.ack_queue.bounds().stop
            space.ack_queue.add(top, top + self.optimism)
        super()._write_ack_frame(builder, space, now)


@contextlib.asynccontextmanager
async def hostile_peer(server: Server, *, alpn: tuple[str, ...] = ("echo",), **others: Any) -> AsyncIterator[Peer]:
    """A client over ``Hostile``."""
    where = server.listeners[0]
    loop = asyncio.get_running_loop()
    quic = Hostile(configuration=_configuration(server, alpn, **others))
    transport, peer = await loop.create_datagram_endpoint(
        partial(Peer, quic), remote_addr=None, local_addr=("127.0.0.1", 0)
    )
    try:
        peer.connect((where.host, where.port))
        await peer.wait_connected()
        yield peer
    finally:
        peer.close()
        await peer.wait_closed()
        transport.close()
