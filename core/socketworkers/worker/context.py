"""What a handler is given beside its socket: the environment of its app and the context of its connection."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Protocol

from ..events import AbortSignal

if TYPE_CHECKING:
    import ssl

    from .app import ListenerSpec

__all__ = ["ConnectionLog", "Context", "Env"]

_log = logging.getLogger("socketworkers")


class Env:
    """The app's environment: ``env.config``, ``env.data_dir``, and a namespace of objects per declared name.

    Apps may put things of their own into it in a start hook.
    """

    config: Any
    """The app's settings."""
    data_dir: Any
    """Folder of the app's data (``pathlib.Path``), None when nothing is kept."""
    telemetry: Any
    """The server's counters and events."""

    def __init__(self, **values: Any) -> None:
        self.config = None
        self.data_dir = None
        self.telemetry = None
        self.__dict__.update(values)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

        def __setattr__(self, name: str, value: Any) -> None: ...


class ConnectionLog(logging.LoggerAdapter[logging.Logger]):
    """Puts the connection id into every line."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(kwargs.get("extra") or {}), **(self.extra or {})}
        return msg, kwargs


class Host(Protocol):
    """What a context needs of its server."""

    @property
    def draining(self) -> AbortSignal:
        """Aborts when the drain begins."""

    def keep(self, awaitable: Awaitable[object], connection: str) -> None:
        """Let ``awaitable`` finish, beyond the connection's end."""

    def tls_context(self, listener: ListenerSpec) -> ssl.SSLContext | None:
        """The context for STARTTLS; None without a certificate."""


class Context:
    """The context of one connection."""

    __slots__ = ("_host", "admitted", "id", "listener", "on_drain")

    def __init__(self, host: Host, id: str, listener: ListenerSpec) -> None:
        self._host = host
        #: the connection's name in the log
        self.id = id
        #: the listener that it came through
        self.listener = listener
        #: called once when the server starts to drain; a handler that waits for its peer says goodbye then
        self.on_drain: Callable[[], object] | None = None
        #: what the app's ``admit`` hook left for the handler
        self.admitted: Any = None

    @property
    def draining(self) -> AbortSignal:
        """Aborts when the server stops accepting and wants connections to end."""
        return self._host.draining

    @property
    def tls_context(self) -> ssl.SSLContext | None:
        """For ``socket.start_tls(context=...)``; None when TLS must not be offered: no certificate, or a WebSocket."""
        return None if self.listener.websocket else self._host.tls_context(self.listener)

    @property
    def log(self) -> ConnectionLog:
        """A logger that names the connection in each line."""
        return ConnectionLog(_log, {"connection": self.id})

    def wait_until(self, awaitable: Awaitable[object]) -> None:
        """Let ``awaitable`` finish after the handler has returned; a drain waits for it.

        Its exception is logged with the connection's id.
        """
        self._host.keep(awaitable, self.id)
