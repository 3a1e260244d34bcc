"""``Server``: binds an app's listeners, serves its connections within limits, and drains.

One task per connection does everything that can take long (PROXY header, TLS handshake, handler), so that accepting
never waits. Logs nothing by itself: it emits the events of ``telemetry``; the boundary below reports a handler's
exception once, with the connection's id.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket as _socket
import time
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..budget import MemoryBudget
from ..dial import address_of
from ..errors import Aborted, IdleTimeout, LimitExceeded, ProtocolError, SocketError, StartupError, StateError
from ..events import AbortController, AbortSignal
from ..info import SocketAddress, SocketInfo, Timeouts
from ..lifetime import quiet
from ..mistakes import data_folder_refused
from ..pair import attach_memory
from ..settings import Settings
from ..socket import Socket
from ..streams.steps import Steps
from ..telemetry import Telemetry
from ..transports import kernel
from ..transports.adopt import adopt
from ..transports.arrival import Arrival
from ..transports.memory import MemoryChannel, memory_pair
from ..transports.tls import TlsLayer
from ..worker.app import App, ListenerSpec
from ..worker.context import Context, Env
from .admission import Admission
from .binding import AnyAcceptor, bind_listeners, datagram_listener
from .control import CONTROL, SOCKET_NAME, ControlWorker, reachable
from .inherited import InheritedSocket, assign
from .listener import Acceptor, BoundListener, SpareDescriptor, bind_tcp, bind_unix, bound_listener, within_descriptors
from .proxy_protocol import parse_proxy_header
from .tls_contexts import TlsStore
from .websocket import WebSocketDoor

if TYPE_CHECKING:
    import ssl

    from ..worker.app import Handler

__all__ = ["Server"]

PROXY_HEADER_TIMEOUT = 5.0
_log = logging.getLogger("socketworkers")


class Server:
    """Runs one app.

    Args:
        app: what to run.
        settings: its settings.
        telemetry: counters and events; a new one by default.
        listen: whether to bind listeners; without them only ``dial`` brings connections (tests).
        listeners: instead of the app's own.
    """

    def __init__(
        self,
        app: App,
        settings: Settings,
        *,
        telemetry: Telemetry | None = None,
        listen: bool = True,
        listeners: Sequence[ListenerSpec] | None = None,
    ) -> None:
        self.app = app
        #: the ways in, bound or not
        self.specs = app.listeners if listeners is None else tuple(listeners)
        self._listen = listen
        self.settings = settings
        self.telemetry = telemetry or Telemetry()
        self.telemetry.live_bytes = self._live_bytes
        self._door = WebSocketDoor(settings, self.telemetry)
        #: where it listens, once started
        self.listeners: tuple[BoundListener, ...] = ()
        self.env = Env(config=settings, telemetry=self.telemetry)
        self.budget = MemoryBudget(settings.memory_limit)
        self.objects: Any = None
        self.tls: TlsStore | None = None
        self._draining = AbortController()
        self._acceptors: list[AnyAcceptor] = []
        self._poller: kernel.Poller | None = None
        self._spare: SpareDescriptor | None = None
        self._connections: dict[Socket, _Connection] = {}
        self._admission = Admission(settings)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._kept: set[asyncio.Future[Any]] = set()
        self._handlers: dict[str, Handler] = {}
        self._exhausted: set[str] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._state = "new"
        self._unlink: list[Path] = []
        self._timeouts = Timeouts(
            handshake=settings.handshake_timeout, idle=settings.idle_timeout, write=settings.write_timeout
        )
        self._limit = settings.max_connections
        self._count = 0
        # one object each for all connections, instead of one per connection
        self._serve: Handler = app.handler
        self._app_started = False
        self._on_close = self._closed
        self._forget_task = self._tasks.discard
        self._local: dict[Any, SocketAddress] = {}
        self._inherited: dict[str, list[_socket.socket]] = {}

    # -- life --------------------------------------------------------------------------------------------------

    def inherit(self, sockets: Sequence[InheritedSocket]) -> None:
        """Listen on these instead of binding the listeners that they are for. Before the start.

        Raises:
            StartupError: one is for no listener.
        """
        self._inherited = assign(sockets, self.specs, self.settings)

    async def start(self) -> None:
        """Bind all listeners (or none), open the data, run the app's start hooks, accept.

        Raises:
            StartupError: an everyday mistake, in three lines.
        """
        if self._state != "new":
            raise RuntimeError("a server starts once")
        self._state = "starting"
        settings, app = self.settings, self.app
        try:
            if app.check is not None:
                app.check(settings)
            self._limit = within_descriptors(settings.max_connections)
            data_dir = settings.data_folder(app.name)
            bound = self._bind() if self._listen else []
            if data_dir is not None:
                try:
                    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
                except OSError as error:
                    raise data_folder_refused(data_dir, error) from None
            self.env.data_dir = data_dir
            await self._open_objects(data_dir)
            self.tls = TlsStore(settings, data_dir)
            if any(spec.tls == "implicit" for _, spec in bound) and not self.tls.present:
                raise StartupError(
                    "a TLS listener needs a certificate",
                    "there is none: neither --tls-cert nor --tls auto was given",
                    "for a try: --tls auto",
                    exit_status=2,
                )
            if data_dir is not None and self.objects is not None:
                bound += self._bind_control(data_dir)
            await app.start(self.env)
            self._app_started = True
        except BaseException:
            await self._undo()
            raise
        if kernel.AVAILABLE and self._acceptors:
            # held from here on: no connection has to find a descriptor for it
            self._poller = kernel.poller_of(asyncio.get_running_loop())
        self._spare = SpareDescriptor()
        for acceptor in self._acceptors:
            acceptor.start()
        self.listeners = tuple(bound_listener(sock, spec) for sock, spec in bound if spec is not CONTROL)
        self._state = "running"
        self.telemetry.emit("server.ready", listeners=self.listeners)

    def _bind(self) -> list[tuple[_socket.socket, ListenerSpec]]:
        bound = bind_listeners(self.app, self.settings, self.specs, self._inherited, self._door.agreed, self._unlink)
        try:
            for sock, spec in bound:
                self._add_acceptor(sock, spec)
        except BaseException:
            for sock, _ in bound:
                sock.close()
            raise
        return bound

    def _bind_control(self, data_dir: Path) -> list[tuple[_socket.socket, ListenerSpec]]:
        path = data_dir / SOCKET_NAME
        try:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()  # the data folder's lock is ours: whoever left it is gone
            with reachable(path) as name:
                sock = bind_unix(name, 0o600)
        except OSError as error:
            raise data_folder_refused(data_dir, error) from None
        self._unlink.append(path)
        self._handlers[CONTROL.name] = ControlWorker(self).connect
        self._add_acceptor(sock, CONTROL)
        return [(sock, CONTROL)]

    def _add_acceptor(
        self, sock: _socket.socket, spec: ListenerSpec, spare: SpareDescriptor | None = None
    ) -> AnyAcceptor:
        acceptor: AnyAcceptor
        if spec.scheme in ("udp", "quic"):
            acceptor = datagram_listener(sock, spec, self, self._arrived)
        else:
            acceptor = Acceptor(sock, spec, self._accepted, self._accept_trouble, spare)
        self._acceptors.append(acceptor)
        return acceptor

    async def _open_objects(self, data_dir: Path | None) -> None:
        if not self.app.objects:
            return
        from ..objects import ObjectRuntime

        self.objects = ObjectRuntime(data_dir, self.app.objects, self.env, notify=self._storage_event)
        for name in self.app.objects:  # before the start: alarms that are due run in it
            setattr(self.env, name, self.objects.namespace(name))
        await self.objects.start()

    def _storage_event(self, name: str, /, **fields: object) -> None:
        if name == "storage.failed":
            self.telemetry.storage_failed += 1
        self.telemetry.emit(name, **fields)

    def listen_internal(self, name: str, host: str, port: int, handler: Handler) -> tuple[BoundListener, ...]:
        """Add a listener for the server's own purposes (metrics, health): outside all limits, accepting until the end.

        Raises:
            StartupError: the address cannot be bound.
        """
        spec = ListenerSpec(name, "http", "", name)
        self._handlers[name] = handler
        added = []
        for sock in self._inherited.pop(name, None) or bind_tcp(host, port, flag=f"--{name}"):
            acceptor = self._add_acceptor(sock, spec, self._spare)
            acceptor.start()
            added.append(bound_listener(sock, spec))
        return tuple(added)

    def dial(self, listener: str = "main", *, remote: tuple[str, int] = ("127.0.0.1", 49152)) -> Socket:
        """Connect to one of the app's listeners in memory: all of the server but the kernel.

        Args:
            listener: the listener's name; it need not be bound.
            remote: the address that the handler sees.

        Returns:
            The client's socket. On a listener with implicit TLS it has to start TLS first.

        Raises:
            StateError: the server is not running, or has no certificate for a TLS listener.
            LookupError: the app has no such listener.
        """
        if self._state != "running":
            raise StateError("the server is not running")
        spec = next((spec for spec in self.specs if spec.name == listener), None)
        if spec is None:
            raise LookupError(f"{self.app.name} has no listener {listener!r}")
        if spec.scheme == "udp":
            raise StateError("there are no datagrams in memory")
        if spec.tls == "implicit" and self.tls_context(spec) is None:
            raise StateError(f"listener {listener!r} needs a certificate: tls='auto' makes one")
        loop = asyncio.get_running_loop()
        port = getattr(self.settings, spec.port_setting, None) or 0
        near, far = memory_pair(loop, (remote, (self.settings.host, port)))
        client = Socket._inbound(loop)
        client._inbound_side = False
        attach_memory(client, near)
        self._admit(far, spec, SocketAddress(*remote), False)
        return client

    async def drain(self, seconds: float | None = None) -> bool:
        """Stop accepting, tell the handlers, wait for connections to end, then abort the rest.

        Args:
            seconds: how long to wait; the setting ``drain_timeout`` by default.

        Returns:
            Whether all ended by themselves.
        """
        if self._state not in ("running", "starting"):
            return not self._connections
        self._state = "draining"
        if seconds is None:
            seconds = self.settings.drain_timeout
        for acceptor in self._acceptors:
            if acceptor.spec.name not in self._handlers:
                acceptor.drain()
        self.telemetry.emit("server.draining", connections=self._count, seconds=seconds)
        self._draining.abort("the server is stopping")
        for connection in list(self._connections.values()):
            if connection.on_drain is not None:
                connection.on_drain()
        clean = True
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
                while self._kept:
                    await asyncio.wait(set(self._kept))
        except TimeoutError:
            clean = False
        self.abort_all()
        return clean

    def abort_all(self) -> None:
        """End every connection now."""
        for socket in list(self._connections):
            socket.abort("the server is stopping")

    async def stop(self) -> None:
        """Abort what is left, run the stop hooks, close the data. Idempotent."""
        if self._state in ("stopped", "new"):
            self._state = "stopped"
            return
        if not self._draining.signal.aborted:
            self._draining.abort("the server is stopping")
        aborted = self._count
        for acceptor in self._acceptors:
            acceptor.close()
        self.abort_all()
        for task in list(self._tasks):
            task.cancel()
        for future in list(self._kept):
            future.cancel()
        pending = [*self._tasks, *self._kept]
        if pending:
            await asyncio.gather(*pending, return_exceptions=True)
        try:
            if self._app_started:
                await self.app.stop(self.env)
        finally:
            await self._undo()
            self._state = "stopped"
            self.telemetry.emit("server.stopped", aborted=aborted)

    async def _undo(self) -> None:
        for acceptor in self._acceptors:
            acceptor.close()
        for path in self._unlink:
            with contextlib.suppress(OSError):
                path.unlink()
        self._unlink.clear()
        if self.objects is not None:
            objects, self.objects = self.objects, None
            await objects.close()
        if self.tls is not None:
            self.tls.close()
        self._poller = None
        if self._spare is not None:
            self._spare.release()

    def reload_tls(self) -> None:
        """Read the certificate again; with an error the old one stays.

        Raises:
            StartupError: the new files cannot be used.
        """
        if self.tls is not None and self.tls.present:
            self.tls.reload()
            self.telemetry.emit("tls.reloaded", certificate=self.tls.certificate)

    # -- what others ask ---------------------------------------------------------------------------------------

    @property
    def connections(self) -> int:
        """Open connections, those of the server's own listeners not counted."""
        return self._count

    @property
    def draining(self) -> AbortSignal:
        """Aborts when the drain begins."""
        return self._draining.signal

    @property
    def ready(self) -> bool:
        """Whether new connections are served as they should be."""
        return not self.not_ready()

    def not_ready(self) -> str:
        """Why not; "" when ready."""
        if self._state != "running":
            return self._state
        if self._exhausted:
            return "out of descriptors: accepting is paused"
        if self.objects is not None and self.objects.failed:
            return "storage failed"
        if self.objects is not None and (seconds := self.objects.stalled):
            return f"the disk has not answered for {seconds:.0f} s"
        if self.budget.exceeded:
            return "the memory limit is reached"
        return ""

    def status(self) -> dict[str, Any]:
        """The server in plain values."""
        return {
            "app": self.app.name,
            "pid": os.getpid(),
            "state": self._state,
            "not_ready": self.not_ready(),
            "connections": self._count,
            "listeners": [listener.url for listener in self.listeners],
        }

    def _live_bytes(self) -> tuple[int, int]:
        return (
            sum(socket.bytes_in for socket, each in self._connections.items() if not each.internal),
            sum(socket._outbox.bytes_out for socket, each in self._connections.items() if not each.internal),
        )

    # -- the host of contexts ----------------------------------------------------------------------------------

    def keep(self, awaitable: Awaitable[object], connection: str) -> None:
        """See ``Context.wait_until``."""
        future = asyncio.ensure_future(awaitable)
        self._kept.add(future)

        def done(finished: asyncio.Future[Any]) -> None:
            self._kept.discard(finished)
            if not finished.cancelled() and (error := finished.exception()) is not None:
                self._report(error, connection)

        future.add_done_callback(done)

    def tls_context(self, listener: ListenerSpec) -> ssl.SSLContext | None:
        """See ``Context.tls_context``."""
        return self.tls.context(listener.alpn) if self.tls is not None else None

    def _report(self, error: BaseException, connection: str) -> None:
        self.telemetry.handler_errors += 1
        self.telemetry.emit("conn.failed", id=connection, error=error)
        _log.error("the handler failed", exc_info=error, extra={"connection": connection})

    # -- connections -------------------------------------------------------------------------------------------

    def _accept_trouble(self, spec: ListenerSpec, error: OSError | None) -> None:
        if error is not None:
            self._exhausted.add(spec.name)
            self.telemetry.accept_errors += 1
            self.telemetry.emit("accept.error", listener=spec.name, error=error)
        elif spec.name in self._exhausted:
            self._exhausted.discard(spec.name)
            self.telemetry.emit("accept.resumed", listener=spec.name)

    def _accepted(self, raw: _socket.socket, spec: ListenerSpec) -> None:
        internal = spec.name in self._handlers
        try:
            peer = address_of(raw.getpeername())
        except OSError:  # reset before we looked
            raw.close()
            return
        if raw.family == _socket.AF_UNIX:
            peer = SocketAddress("", 0)
        else:
            with contextlib.suppress(OSError):
                raw.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self._admit(raw, spec, peer, internal)

    def _arrived(self, arrival: Arrival, spec: ListenerSpec, peer: SocketAddress) -> None:
        self._admit(arrival, spec, peer, False)

    def _admit(
        self, raw: _socket.socket | MemoryChannel | Arrival, spec: ListenerSpec, peer: SocketAddress, internal: bool
    ) -> None:
        """Count a connection, or refuse it, and give it a task."""
        if not internal:
            self.telemetry.accepted += 1
            reason = self._refusal("" if self._admission.is_proxy(peer) else peer.host)
            if reason:
                self._refuse(raw, peer, reason, spec)
                return
            self._count += 1
            self.telemetry.connections = self._count
            self._empty.clear()
        task = asyncio.get_running_loop().create_task(Steps(self._connection(raw, spec, peer, internal)))
        self._tasks.add(task)
        task.add_done_callback(self._forget_task)
        if not isinstance(raw, (_socket.socket, MemoryChannel)):
            arrival = raw
            task.add_done_callback(lambda _: arrival.served())

    def _refusal(self, address: str) -> str:
        if self._count >= self._limit:
            return f"{self._limit} connections are open"
        return self._admission.claim(address)

    def _refuse(
        self, raw: _socket.socket | MemoryChannel | Arrival, peer: SocketAddress, reason: str, spec: ListenerSpec
    ) -> None:
        self.telemetry.refused += 1
        self.telemetry.emit("conn.refused", remote=str(peer), reason=reason)
        if not isinstance(raw, (_socket.socket, MemoryChannel)):
            raw.refuse()
            return
        farewell = self._door.refusal(spec, self.app.refusal)
        if isinstance(raw, MemoryChannel):
            raw.write(farewell)
        elif farewell:
            with contextlib.suppress(OSError):
                raw.send(farewell)
        raw.close()

    async def _connection(
        self, raw: _socket.socket | MemoryChannel | Arrival, spec: ListenerSpec, peer: SocketAddress, internal: bool
    ) -> None:
        loop = asyncio.get_running_loop()
        messages = spec.scheme == "udp"
        socket = Socket._inbound(loop, timeouts=self._timeouts, budget=self.budget, messages=messages)
        ctx = connection = _Connection(self, socket.id, spec, peer.host if not internal else "", internal)
        socket.on_close = self._on_close
        self._connections[socket] = connection
        try:
            info = await self._adopt(socket, raw, peer)
            if info is None:
                return
            handler = self._handlers.get(spec.name) if internal else None
            if handler is not None:
                socket._opened(info)
                await handler(socket, self.env, ctx)
            else:
                info = await self._prepare(socket, spec, info, connection)
                socket._opened(info)
                if self.telemetry._by_name or self.telemetry._any:
                    self.telemetry.emit("conn.open", id=socket.id, listener=spec.name, remote=str(info.remote))
                connection.remote = info.remote
                del info, raw
                await (spec.handler or self._serve)(socket, self.env, ctx)
            socket.close()
        except asyncio.CancelledError:
            socket.abort("the server is stopping")
            raise
        except (TimeoutError, EOFError, LimitExceeded, ProtocolError) as error:
            # the peer's fault, which the handler left to us
            connection.reason = str(error)
            if isinstance(error, ProtocolError) and error.reply:
                with contextlib.suppress(Exception):
                    socket._outbox.write(error.reply)
            if isinstance(error, IdleTimeout) or not isinstance(error, TimeoutError):
                socket.close()
            else:
                socket._abort(error)
        except Exception as error:
            if quiet(error):
                connection.reason = str(error)
            else:
                connection.reason = "internal error"
                self._report(error, socket.id)
            socket._abort(error if isinstance(error, SocketError) else Aborted("the handler failed"))

    async def _adopt(
        self, socket: Socket, raw: _socket.socket | MemoryChannel | Arrival, peer: SocketAddress
    ) -> SocketInfo | None:
        """Give the kernel's socket to the loop; None if it was reset meanwhile."""
        if not isinstance(raw, (_socket.socket, MemoryChannel)):
            try:
                return raw.adopt(socket)
            except OSError as error:
                socket._end(error, drop=True)
                return None
        if isinstance(raw, MemoryChannel):
            socket._attach(raw, raw, "memory")
            raw.attach(socket)
            return SocketInfo("memory", address_of(raw.get_extra_info("sockname")), peer, opened_at=time.time())
        loop = socket._loop
        try:
            channel, lower = await adopt(loop, raw, socket)
        except OSError as error:
            raw.close()
            socket._end(error, drop=True)
            return None
        except BaseException:
            raw.close()
            raise
        kind = "unix" if raw.family == _socket.AF_UNIX else "tcp"
        socket._attach(channel, lower, kind)
        return SocketInfo(kind, self._local_address(channel.get_extra_info("sockname")), peer, opened_at=time.time())

    def _local_address(self, name: Any) -> SocketAddress:
        """Our own address, the same object for all connections that share it."""
        found = self._local.get(name)
        if found is None:
            if len(self._local) > 1000:
                self._local.clear()
            found = self._local[name] = address_of(name)
        return found

    async def _prepare(
        self, socket: Socket, spec: ListenerSpec, info: SocketInfo, connection: _Connection
    ) -> SocketInfo:
        """PROXY header and TLS, each within its deadline."""
        if info.type in ("udp", "quic"):
            return info
        if self._admission.is_proxy(info.remote):
            info = await self._proxied(socket, info, connection)
        if spec.tls == "implicit":
            began = time.monotonic()
            context = self.tls_context(spec)
            assert context is not None
            early = bytes(socket._readable._take_all()) if socket._readable._size else b""
            try:
                await socket._handshake(context, True, None, spec.alpn, early)
            except SocketError as error:
                self.telemetry.tls_failed += 1
                self.telemetry.emit("tls.failed", id=socket.id, error=error)
                raise
            layer = socket._channel
            assert isinstance(layer, TlsLayer)
            info = replace(info, secure=True, tls=layer.info())
            assert info.tls is not None
            seconds = time.monotonic() - began
            self.telemetry.handshake_seconds.observe(seconds)
            self.telemetry.emit(
                "tls.done", id=socket.id, seconds=seconds, version=info.tls.version, cipher=info.tls.cipher
            )
        if spec.websocket:
            info = await self._door.enter(socket, spec, info, self.app.admission, self.env, connection)
        return info

    async def _proxied(self, socket: Socket, info: SocketInfo, connection: _Connection) -> SocketInfo:
        socket.set_deadline(PROXY_HEADER_TIMEOUT)
        with socket.readable.get_reader() as reader:
            wanted = 1
            while True:
                data = await reader.peek(wanted)
                header = parse_proxy_header(data)
                if header is not None:
                    await reader.read_exactly(header.length)
                    break
                if len(data) < wanted:
                    raise ProtocolError("the connection ended within the PROXY header")
                wanted = len(data) + 1
        socket.set_deadline(None)
        if header.source is None:
            return info
        if reason := self._admission.claim(header.source.host):
            self.telemetry.refused += 1
            self.telemetry.emit("conn.refused", remote=str(header.source), reason=reason)
            raise ProtocolError(reason, reply=self._door.refusal(connection.listener, self.app.refusal))
        connection.address = header.source.host
        return replace(info, remote=header.source, local=header.destination or info.local, proxied_from=info.remote)

    def _closed(self, socket: Socket) -> None:
        connection = self._connections.pop(socket, None)
        if connection is None:
            return
        telemetry = self.telemetry
        if connection.internal:
            if self._spare is not None:
                self._spare.restore()
            return
        self._count -= 1
        if connection.address:
            self._admission.release(connection.address)
        telemetry.connections = self._count
        telemetry.bytes_in += socket.bytes_in
        telemetry.bytes_out += socket._outbox.bytes_out
        if telemetry._by_name or telemetry._any:
            error = socket._close_error
            telemetry.emit(
                "conn.close",
                id=socket.id,
                listener=connection.listener.name,
                remote=str(connection.remote or connection.address or "unix"),
                seconds=time.time() - socket._info.opened_at if socket._info is not None else 0.0,
                bytes_in=socket.bytes_in,
                bytes_out=socket._outbox.bytes_out,
                reason=connection.reason or ("" if error is None else str(error)),
            )
        if not self._count:
            self._empty.set()


class _Connection(Context):
    """A context with what the server itself remembers of the connection."""

    __slots__ = ("address", "internal", "reason", "remote")

    def __init__(self, host: Server, id: str, listener: ListenerSpec, address: str, internal: bool) -> None:
        super().__init__(host, id, listener)
        #: counted against the limit per address
        self.address = address
        self.internal = internal
        self.reason = ""
        self.remote: SocketAddress | None = None
