"""The public testing kit: apps and sockets in tests, in memory or over the kernel, within milliseconds.

Names are loaded when they are first used, because pytest imports this package for its plugin in every run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..pair import socket_pair
    from .client import AppClient, Peer
    from .clock import FakeClock
    from .conformance import SOCKET_RULES, check_socket
    from .conformance.datagrams import DATAGRAM_RULES, check_datagram_socket
    from .fragments import fragment
    from .hosting import AppFixture, ThreadedServer, serve_ephemeral
    from .run import run_transcript
    from .transcript import parse_transcript

_WHERE = {
    ".client": "AppClient Peer",
    ".clock": "FakeClock",
    ".conformance": "SOCKET_RULES check_socket",
    ".conformance.datagrams": "DATAGRAM_RULES check_datagram_socket",
    ".fragments": "fragment",
    ".hosting": "AppFixture ThreadedServer serve_ephemeral",
    ".run": "run_transcript",
    ".transcript": "parse_transcript",
    "..pair": "socket_pair",
}
_MODULE_OF = {name: module for module, names in _WHERE.items() for name in names.split()}

__all__ = [
    "DATAGRAM_RULES",
    "SOCKET_RULES",
    "AppClient",
    "AppFixture",
    "FakeClock",
    "Peer",
    "ThreadedServer",
    "check_datagram_socket",
    "check_socket",
    "fragment",
    "parse_transcript",
    "run_transcript",
    "serve_ephemeral",
    "socket_pair",
]


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module 'socketworkers.testing' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(module, __name__), name)
    globals()[name] = value
    return value
