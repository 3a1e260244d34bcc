"""``App``: a name, a handler for connections, and what it needs (settings, objects, listeners).

Knows nothing of servers: a server takes an app and runs it, and so does a test.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Literal, TypeAlias

from ..events import Event, EventTarget
from ..info import QuicOptions, SocketInfo, UdpOptions
from ..settings import Settings
from ..socket import Socket
from .context import Context, Env
from .entrypoint import WorkerEntrypoint

__all__ = ["App", "ConnectEvent", "Handler", "Hook", "ListenerSpec"]

Handler: TypeAlias = Callable[[Socket, Env, Context], Awaitable[object]]
Hook = Callable[[Env], Awaitable[object]]
Admit = Callable[[SocketInfo, Socket, Env, Context], Awaitable[None]]
#: the same as in ``transports.websocket``, which is loaded only when there is such a listener
HALF_CLOSE = "tcp-halfclose.v1"
Control = Callable[..., Awaitable[object]]


@dataclass(frozen=True, slots=True)
class ListenerSpec:
    """One way into an app."""

    name: str
    """Its name in settings, logs and metrics; handlers see it as ``ctx.listener.name``."""
    scheme: str
    """Scheme of the URL that is shown for it (``smtp``, ``pop3s``); ``ws`` and ``wss`` make it a WebSocket listener,
    ``udp`` one for datagrams, ``quic`` one for QUIC (with ``tls="implicit"`` and ``alpn``)."""
    port_setting: str
    """The setting that holds its port; None there = off."""
    title: str = ""
    """What a person calls it."""
    tls: Literal["off", "starttls", "implicit"] = "off"
    """``implicit``: TLS from the first byte. ``starttls``: the handler upgrades by itself."""
    alpn: tuple[str, ...] = ()
    """A client that offers application protocols must offer one of these (RFC 7301). Where the handler upgrades by
    itself, it tells ``start_tls`` the same. Several ``quic`` listeners with the same ``port_setting`` share a port, and
    the protocol chooses among them."""
    path: str | None = None
    """``ws`` and ``wss``: path of the URL; None takes any. The setting ``ws_path`` wins."""
    subprotocols: tuple[str, ...] = ()
    """``ws`` and ``wss``: the subprotocols that the app speaks (RFC 6455 §1.9)."""
    subprotocol_required: bool = False
    """``ws`` and ``wss``: whether the client has to offer one of them."""
    text: bool = False
    """``ws`` and ``wss``: whether text messages are taken, as their bytes; else they end the connection with 1003."""
    datagrams: bool = False
    """``udp``: one socket for all peers, whose chunks are ``Datagram`` objects, in place of one for each peer."""
    amplification: float = 0.0
    """``udp``: most bytes that a peer is sent for each of its own before it has come back; 0 = any."""
    udp: UdpOptions | None = None
    """``udp`` and ``quic``: groups, broadcast and buffers of the kernel's socket."""
    quic: QuicOptions | None = None
    """``quic``: bounds and behaviour of its connections."""
    handler: Handler | None = None
    """The connect handler of this listener; the app's by default."""

    @property
    def websocket(self) -> bool:
        """Whether bytes come in WebSocket messages."""
        return self.scheme in ("ws", "wss")


class ConnectEvent(Event):
    """A connection came in; ``event.socket`` is the same class as everywhere."""

    __slots__ = ("ctx", "env", "socket")

    def __init__(self, socket: Socket, env: Env, ctx: Context) -> None:
        super().__init__("connect")
        self.socket = socket
        self.env = env
        self.ctx = ctx


class App(EventTarget):
    """A protocol server to be run.

    Args:
        name: one word; names the data folder, the settings table and the environment variables.
        port: default port.
        objects: Durable Object classes by the name they have in ``env``.
        config: class of the app's settings.
        title: what a person calls it.
        scheme: scheme of its URL; the name by default.
        listeners: further listeners; the main one is there always (``"main"``, with STARTTLS left to the handler).
            One for ``ws_port`` brings one for ``wss_port``.
        refusal: bytes to send to a connection that is over the limits, before it is closed.
        tls_listener: whether ``--tls-port`` opens a listener with TLS from the first byte.
        ws_listener: whether ``--ws-port`` (and ``--wss-port``) open one for WebSockets, unless ``listeners`` has it.
        alpn: application protocols (RFC 7301) of the main listener once it has upgraded to TLS, and of ``--tls-port``.
    """

    __slots__ = (
        "_admit",
        "_control",
        "_handler",
        "_start",
        "_stop",
        "about",
        "check",
        "config",
        "exposure_check",
        "listeners",
        "name",
        "objects",
        "port",
        "refusal",
        "scheme",
        "title",
        "try_command",
    )

    def __init__(
        self,
        name: str,
        *,
        port: int = 0,
        objects: Mapping[str, type[Any]] | None = None,
        config: type[Settings] = Settings,
        title: str = "",
        scheme: str = "",
        listeners: Sequence[ListenerSpec] = (),
        refusal: bytes = b"",
        tls_listener: bool = True,
        ws_listener: bool = True,
        alpn: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        if not name or not name.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"an app's name is one word of letters, digits, - and _: {name!r} is not")
        self.name = name
        self.port = port
        self.objects = dict(objects or {})
        self.config = config
        self.title = title or name
        self.scheme = scheme or name
        main = ListenerSpec("main", self.scheme, "port", self.title, "starttls", alpn)
        own_tls = any(spec.port_setting == "tls_port" for spec in listeners)
        tls = (
            (ListenerSpec("tls", self.scheme + "s", "tls_port", f"{self.title}, TLS", "implicit", alpn),)
            if tls_listener and not own_tls
            else ()
        )
        if ws_listener and not any(spec.websocket for spec in listeners):
            title = f"{self.title}, WebSocket"
            listeners = (*listeners, ListenerSpec("ws", "ws", "ws_port", title, subprotocols=(HALF_CLOSE,)))
        self.listeners = (main, *tls, *listeners, *_with_tls(listeners))
        self.refusal = refusal
        self._handler: Handler | None = None
        self._admit: Admit | None = None
        self._start: list[Hook] = []
        self._stop: list[Hook] = []
        self._control: dict[str, Control] = {}
        #: ``(settings, listeners) -> str``: a command that shows the app at work, for the start-up lines
        self.try_command: Callable[[Any, Any], str] | None = None
        #: ``(settings) -> str | None``: why it is safe to let other machines connect, None if it is not
        self.exposure_check: Callable[[Any], str | None] | None = None
        #: ``(settings) -> [(title, text)]``: more of the start-up lines
        self.about: Callable[[Any], Sequence[tuple[str, str]]] | None = None
        #: ``(settings) -> None``: raises StartupError for settings that contradict each other
        self.check: Callable[[Any], None] | None = None

    def connect(self, handler: Handler) -> Handler:
        """Decorator: ``async def handler(socket, env, ctx)`` serves each connection; it ends when that returns."""
        if self._handler is not None:
            raise ValueError(f"{self.name} has a connect handler already")
        self._handler = handler
        return handler

    def admit(self, hook: Admit) -> Admit:
        """Decorator: ``async def hook(info, socket, env, ctx)`` runs before a WebSocket's handshake is answered.

        It sees the request as ``info.websocket`` (and ``info.remote``, ``info.tls``), may wait, and raises
        ``socketworkers.websocket.refusal(status, message)`` to refuse it with a status of HTTP. What it finds out for
        the handler it leaves in ``ctx.admitted``. Its own limit of time is its business.
        """
        self._admit = hook
        return hook

    @property
    def admission(self) -> Admit | None:
        """What ``admit`` registered."""
        return self._admit

    def on_start(self, hook: Hook) -> Hook:
        """Decorator: ``async def hook(env)`` runs before the first connection."""
        self._start.append(hook)
        return hook

    def on_stop(self, hook: Hook) -> Hook:
        """Decorator: ``async def hook(env)`` runs after the last connection, in the reverse order."""
        self._stop.append(hook)
        return hook

    def control(self, name: str) -> Callable[[Control], Control]:
        """Decorator: ``async def method(env, **arguments)`` can be called through the control socket.

        The socket lies in the data folder and is for the same user only; commands such as ``mail rm`` use it to ask
        a running server. Arguments and result are JSON values.
        """

        def register(method: Control) -> Control:
            self._control[name] = method
            return method

        return register

    @property
    def control_methods(self) -> Mapping[str, Control]:
        """What ``control`` registered."""
        return self._control

    async def start(self, env: Env) -> None:
        """Run the start hooks."""
        for hook in self._start:
            await hook(env)

    async def stop(self, env: Env) -> None:
        """Run the stop hooks, last first."""
        for hook in reversed(self._stop):
            await hook(env)

    @property
    def handler(self) -> Handler:
        """What serves a connection: the connect handler itself, or ``serve`` for event listeners."""
        return self._handler or self.serve

    async def serve(self, socket: Socket, env: Env, ctx: Context) -> None:
        """Serve one connection by whatever form of handler the app has."""
        if self._handler is not None:
            await self._handler(socket, env, ctx)
            return
        event = ConnectEvent(socket, env, ctx)
        waiting: list[Awaitable[object]] = []
        event.detail = waiting
        entries = (self._listeners or {}).get("connect", ())
        if not entries:
            raise TypeError(f"{self.name} has no connect handler")
        for entry in tuple(entries):
            callback: Any = entry.callback
            result = callback(event) if callable(callback) else callback.handle_event(event)
            if inspect.isawaitable(result):
                await result
        if not any(inspect.iscoroutinefunction(entry.callback) for entry in entries):
            # plain listeners leave the connection to what they set up: it lasts until somebody closes it
            await socket.closed

    @classmethod
    def from_module(cls, module: ModuleType) -> App:
        """The app in a module: an ``App``, an ``async def connect``, or a ``WorkerEntrypoint`` subclass.

        A module-level ``port`` (int) sets the default port of an app made from a function or class.

        Raises:
            LookupError: there is none, or more than one.
        """
        found = {id(value): value for value in vars(module).values() if isinstance(value, App)}
        if len(found) == 1:
            return next(iter(found.values()))
        if len(found) > 1:
            named = getattr(module, "app", None)
            if isinstance(named, App):
                return named
            raise LookupError("it holds several apps and none of them is called app")
        name = module.__name__.rpartition(".")[2].removeprefix("_app_").strip("_") or "app"
        port = getattr(module, "port", 0)
        port = port if isinstance(port, int) else 0
        handler = getattr(module, "connect", None)
        if inspect.iscoroutinefunction(handler):
            app = cls(name, port=port)
            app.connect(handler)
            return app
        classes = [
            value
            for value in vars(module).values()
            if isinstance(value, type)
            and issubclass(value, WorkerEntrypoint)
            and value is not WorkerEntrypoint
            and value.__module__ == module.__name__
        ]
        if not classes:
            classes = [
                value
                for value in vars(module).values()
                if isinstance(value, type) and issubclass(value, WorkerEntrypoint) and value is not WorkerEntrypoint
            ]
        if len(classes) == 1:
            entrypoint = classes[0]

            async def connect(socket: Socket, env: Env, ctx: Context) -> None:
                await entrypoint(ctx, env).connect(socket)

            app = cls(name, port=port)
            app.connect(connect)
            return app
        if len(classes) > 1:
            raise LookupError("it holds several WorkerEntrypoint classes")
        raise LookupError("it holds neither an App nor a coroutine function connect(socket, env, ctx)")


def _with_tls(listeners: Sequence[ListenerSpec]) -> list[ListenerSpec]:
    """The ``--wss-port`` beside a ``--ws-port``, unless the app has its own."""
    if any(spec.port_setting == "wss_port" for spec in listeners):
        return []
    return [
        replace(
            spec,
            name=f"{spec.name}s",
            scheme="wss",
            port_setting="wss_port",
            title=f"{spec.title}, TLS" if spec.title else "",
            tls="implicit",
            alpn=spec.alpn or ("http/1.1",),
        )
        for spec in listeners
        if spec.port_setting == "ws_port"
    ]
