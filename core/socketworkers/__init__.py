"""Servers that are not HTTP: sockets, streams, workers and durable objects.

Names are loaded when they are first used: importing this package costs nothing.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .connect import connect
    from .errors import (
        Aborted,
        AddressError,
        ConnectError,
        ConnectionLost,
        ConnectTimeout,
        HandshakeTimeout,
        IdleTimeout,
        LimitExceeded,
        ProtocolError,
        SocketError,
        StateError,
        TLSError,
        UnexpectedEOF,
        WriteTimeout,
    )
    from .events import AbortController, AbortSignal, Event, EventTarget
    from .info import (
        Datagram,
        QuicOptions,
        SocketAddress,
        SocketInfo,
        SocketStats,
        Timeouts,
        TlsInfo,
        TlsOptions,
        UdpOptions,
        WebSocketInfo,
    )
    from .objects import DurableObject
    from .pair import socket_pair
    from .serve import listen, serve
    from .socket import Socket
    from .streams import ByteReader, ReadableStream, TransformStream, WritableStream, Writer, pipe
    from .worker import App, Context, Env, ListenerSpec, WorkerEntrypoint

_WHERE = {
    "connect": "connect",
    "errors": "Aborted AddressError ConnectError ConnectTimeout ConnectionLost HandshakeTimeout IdleTimeout "
    "LimitExceeded ProtocolError SocketError StateError TLSError UnexpectedEOF WriteTimeout",
    "events": "AbortController AbortSignal Event EventTarget",
    "info": "Datagram QuicOptions SocketAddress SocketInfo SocketStats Timeouts TlsInfo TlsOptions UdpOptions "
    "WebSocketInfo",
    "objects": "DurableObject",
    "pair": "socket_pair",
    "serve": "listen serve",
    "socket": "Socket",
    "streams": "ByteReader ReadableStream TransformStream WritableStream Writer pipe",
    "worker": "App Context Env ListenerSpec WorkerEntrypoint",
}
_MODULE_OF = {name: module for module, names in _WHERE.items() for name in names.split()}

__all__ = [
    "AbortController",
    "AbortSignal",
    "Aborted",
    "AddressError",
    "App",
    "ByteReader",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionLost",
    "Context",
    "Datagram",
    "DurableObject",
    "Env",
    "Event",
    "EventTarget",
    "HandshakeTimeout",
    "IdleTimeout",
    "LimitExceeded",
    "ListenerSpec",
    "ProtocolError",
    "QuicOptions",
    "ReadableStream",
    "Socket",
    "SocketAddress",
    "SocketError",
    "SocketInfo",
    "SocketStats",
    "StateError",
    "TLSError",
    "Timeouts",
    "TlsInfo",
    "TlsOptions",
    "TransformStream",
    "UdpOptions",
    "UnexpectedEOF",
    "WebSocketInfo",
    "WorkerEntrypoint",
    "WritableStream",
    "WriteTimeout",
    "Writer",
    "connect",
    "listen",
    "pipe",
    "serve",
    "socket_pair",
]
__version__ = "0.1.0"


class _Package(ModuleType):
    """The package: a public function wins over the submodule of the same name, whoever imports that and when."""

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType) and _MODULE_OF.get(name) == name:
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module 'socketworkers' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"socketworkers.{module}"), name)
    globals()[name] = value
    return value
