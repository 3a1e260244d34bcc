"""Clients for tests: ``Peer`` speaks to any socket and says what came when it is not what was expected;
``AppClient`` runs an app in memory and speaks to it.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from ..connect import connect
from ..errors import UnexpectedEOF
from ..info import TlsOptions
from ..socket import Socket
from ..worker.app import ListenerSpec

if TYPE_CHECKING:
    from ..server import Server
    from ..streams import ByteReader, Writer
    from ..worker import App, Env

__all__ = ["AppClient", "Peer", "trusting"]

Transport = Literal["memory", "tcp", "tls", "websocket"]
#: seconds that a test waits for an answer before it fails
TIMEOUT = 5.0
_MOST = 16 * 1024 * 1024


def trusting(server: Server) -> ssl.SSLContext:
    """A client's TLS context that trusts a server with ``tls="auto"``, and verifies it."""
    tls = server.tls
    authority = tls.authority if tls is not None else None
    if authority is None:
        raise ValueError("the server has no throwaway certificate: start it with tls='auto'")
    return ssl.create_default_context(cafile=str(authority))


class Peer:
    """One end of a connection, in the hand of a test.

    Args:
        socket: the connection.
        timeout: seconds that each wait may take.
        context: TLS context for ``start_tls``.
    """

    def __init__(self, socket: Socket, *, timeout: float = TIMEOUT, context: ssl.SSLContext | None = None) -> None:
        self._socket: Socket | None = socket
        self._context = context
        self.timeout = timeout
        self._reader: ByteReader | None = None
        self._writer: Writer | None = None

    @property
    def socket(self) -> Socket:
        """The socket itself."""
        assert self._socket is not None
        return self._socket

    @property
    def reader(self) -> ByteReader:
        """Its reader; the stream is locked from the first use on."""
        if self._reader is None:
            self._reader = self.socket.readable.get_reader()
        return self._reader

    @property
    def writer(self) -> Writer:
        """Its writer; the stream is locked from the first use on."""
        if self._writer is None:
            self._writer = self.socket.writable.get_writer()
        return self._writer

    async def send(self, data: bytes) -> None:
        """Send, and wait while the other side does not read."""
        async with asyncio.timeout(self.timeout):
            await self.writer.write(data)

    async def read(self, n: int = -1) -> bytes:
        """What has come, at most ``n`` bytes; waits for something; ``b""`` at the end."""
        async with asyncio.timeout(self.timeout):
            return await self.reader.read(n)

    async def read_exactly(self, n: int) -> bytes:
        """``n`` bytes.

        Raises:
            UnexpectedEOF: the connection ended first.
        """
        async with asyncio.timeout(self.timeout):
            return await self.reader.read_exactly(n)

    async def read_line(self) -> bytes:
        r"""A line with its ``\n``; ``b""`` at the end."""
        async with asyncio.timeout(self.timeout):
            return await self.reader.read_line(limit=_MOST)

    async def read_to_end(self) -> bytes:
        """Everything until the other side ends."""
        parts = []
        async with asyncio.timeout(self.timeout):
            while data := await self.reader.read():
                parts.append(data)
        return b"".join(parts)

    async def expect(self, pattern: bytes | str) -> re.Match[bytes]:
        """Wait until what comes begins with ``pattern``, and take that.

        Args:
            pattern: a regular expression; a str is encoded as UTF-8.

        Returns:
            The match.

        Raises:
            AssertionError: the connection ended, or nothing that fits came in time; it says what came instead.
        """
        expression = re.compile(pattern.encode() if isinstance(pattern, str) else pattern)
        reader = self.reader
        data = b""
        try:
            async with asyncio.timeout(self.timeout):
                wanted = 1
                while True:
                    before, data = len(data), await reader.peek(wanted, limit=_MOST)
                    if (found := expression.match(data)) is not None and found.end():
                        await reader.read_exactly(found.end())
                        return found
                    if len(data) == before or len(data) < wanted:
                        raise AssertionError(f"the connection ended; expected {expression.pattern!r}, got {data!r}")
                    wanted = len(data) + 1
        except TimeoutError as error:
            data = await reader.peek(0, limit=_MOST) if reader.buffered() else b""
            raise AssertionError(
                f"expected {expression.pattern!r} within {self.timeout:g} s, got {data!r} ({error})"
            ) from None
        except UnexpectedEOF as error:
            raise AssertionError(f"the connection ended; expected {expression.pattern!r}, got {data!r}") from error

    async def expect_end(self) -> None:
        """Wait until the other side ends.

        Raises:
            AssertionError: it sent something instead.
        """
        data = await self.read()
        if data:
            raise AssertionError(f"expected the end, got {data!r}")

    async def start_tls(self, context: ssl.SSLContext | None = None, *, server_hostname: str = "localhost") -> None:
        """Start TLS as the client.

        Args:
            context: what to trust; the app's throwaway authority by default.
            server_hostname: the name to ask for and to verify.
        """
        async with asyncio.timeout(self.timeout):
            await self.socket.start_tls(
                context=context or self._tls_context(), server_side=False, server_hostname=server_hostname
            )

    def _tls_context(self) -> ssl.SSLContext | None:
        return self._context

    async def send_end(self) -> None:
        """End this direction; reading goes on."""
        async with asyncio.timeout(self.timeout):
            await self.writer.close()

    async def close(self) -> None:
        """Close in order; what breaks on the way is not of interest any more."""
        try:
            async with asyncio.timeout(self.timeout):
                await self.socket.close()
        except OSError:
            pass

    async def abort(self) -> None:
        """Reset the connection."""
        await self.socket.abort()

    async def __aenter__(self) -> Peer:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.close()
        else:
            await self.abort()


def _way_in(app: App, transport: Transport) -> tuple[dict[str, Any], str, Sequence[ListenerSpec] | None]:
    """What a transport needs: settings, the name of its listener, and listeners if the app's own do not do."""
    if transport == "tls":
        found = next((spec for spec in app.listeners if spec.tls == "implicit" and not spec.websocket), None)
        if found is None:
            raise ValueError(f"{app.name} has no TLS listener")
        return {"tls": "auto", found.port_setting: 0}, found.name, None
    if transport in ("memory", "tcp"):
        return {}, "main", None
    if transport != "websocket":
        raise ValueError(f"transport {transport!r} is none of memory, tcp, tls and websocket")
    own = next((spec for spec in app.listeners if spec.scheme == "ws"), None)
    if own is not None:
        return {own.port_setting: 0}, own.name, None
    return {"ws_port": 0}, "ws", (*app.listeners, ListenerSpec("ws", "ws", "ws_port"))


class AppClient(Peer):
    """Runs an app (settings, objects, hooks, limits, TLS) and is its client: in memory, or over a real transport.

    ::

        async with AppClient(app) as client:
            await client.send(b"PING\\r\\n")
            await client.expect(rb"PONG\\r\\n")

    The first use opens the client's own connection; ``connect`` opens more.

    Args:
        app: the app.
        listener: name of the listener that the own connection comes through; by default the one that fits the
            transport.
        transport: ``memory`` uses no kernel socket; ``tcp``, ``tls`` (with a throwaway certificate) and ``websocket``
            go through free ports of this machine, so that one test can be run over all of them. An app without a
            WebSocket listener gets one.
        timeout: seconds that each wait may take.
        settings: of the app; ``data`` is ``:memory:`` unless given.
    """

    def __init__(
        self,
        app: App,
        *,
        listener: str = "",
        transport: Transport = "memory",
        timeout: float = TIMEOUT,
        **settings: Any,
    ) -> None:
        from ..server import Server

        needed, self._listener, specs = _way_in(app, transport)
        self._listener = listener or self._listener
        config = app.config(**{"data": ":memory:", "port": 0, **needed, **settings})
        self.server: Server = Server(app, config, listen=transport != "memory", listeners=specs)
        self.transport = transport
        self._socket = None
        self._context = None
        self.timeout = timeout
        self._reader = None
        self._writer = None

    @property
    def socket(self) -> Socket:
        if self._socket is None:
            self._socket = self._dial(self._listener)
        return self._socket

    @property
    def env(self) -> Env:
        """The app's environment."""
        return self.server.env

    def connect(self, listener: str = "", *, remote: tuple[str, int] = ("127.0.0.1", 49152)) -> Peer:
        """One more connection.

        Args:
            listener: name of the listener that it comes through; the own connection's by default.
            remote: the address that the app sees, in memory.
        """
        socket = self._dial(listener or self._listener, remote)
        return Peer(socket, timeout=self.timeout, context=self._tls_context())

    def _dial(self, name: str, remote: tuple[str, int] = ("127.0.0.1", 49152)) -> Socket:
        if self.transport == "memory":
            return self.server.dial(name, remote=remote)
        listener = next((each for each in self.server.listeners if each.name == name), None)
        if listener is None:
            raise LookupError(f"{self.server.app.name} has no listener {name!r} that is on")
        tls = TlsOptions(context=self._tls_context(), sni="localhost") if listener.tls == "implicit" else None
        if listener.scheme not in ("ws", "wss"):
            return connect((listener.host, listener.port), tls=tls, allow_half_open=True)
        spec = next(spec for spec in self.server.specs if spec.name == name)
        return connect(listener.url, tls=tls, allow_half_open=True, subprotocols=spec.subprotocols)

    def _tls_context(self) -> ssl.SSLContext | None:
        if self._context is None and self.server.tls is not None and self.server.tls.authority is not None:
            self._context = trusting(self.server)
        return self._context

    async def __aenter__(self) -> AppClient:
        await self.server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._socket is not None:
                if error is None:
                    await self.close()
                else:
                    await self.abort()
        finally:
            await self.server.stop()
