"""The public surface: it changes only on purpose. And what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import socketworkers
import socketworkers.streams
import socketworkers.testing

NAMES = """
AbortController AbortSignal Aborted AddressError App ByteReader ConnectError ConnectTimeout ConnectionLost Context
Datagram DurableObject Env Event EventTarget HandshakeTimeout IdleTimeout LimitExceeded ListenerSpec ProtocolError
QuicOptions ReadableStream Socket SocketAddress SocketError SocketInfo SocketStats StateError TLSError Timeouts TlsInfo
TlsOptions TransformStream UdpOptions UnexpectedEOF WebSocketInfo WorkerEntrypoint WritableStream WriteTimeout Writer
connect listen pipe serve socket_pair
"""
TESTING = """
AppClient AppFixture DATAGRAM_RULES FakeClock Peer SOCKET_RULES ThreadedServer check_datagram_socket check_socket
fragment parse_transcript run_transcript serve_ephemeral socket_pair
"""


def test_the_names_are_those_on_the_list() -> None:
    assert sorted(socketworkers.__all__) == sorted(NAMES.split())
    assert sorted(socketworkers.testing.__all__) == sorted(TESTING.split())
    assert len(socketworkers.__all__) <= 45


@pytest.mark.parametrize("module", [socketworkers, socketworkers.testing], ids=lambda module: module.__name__)
def test_each_name_is_there_and_is_no_module(module: object) -> None:
    for name in module.__all__:  # type: ignore[attr-defined]
        value = getattr(module, name)
        assert type(value).__name__ != "module", name
    with pytest.raises(AttributeError):
        module.nothing  # type: ignore[attr-defined]


def test_functions_win_over_submodules_of_their_name() -> None:
    code = (
        "import socketworkers.connect, socketworkers.serve\n"
        "from socketworkers import connect, listen, serve\n"
        "assert callable(connect) and callable(serve), (connect, serve)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_package_imports_nothing_else() -> None:
    code = (
        "import sys, socketworkers, socketworkers.testing, socketworkers.testing.pytest_plugin\n"
        "heavy = {'asyncio', 'ssl', 'apsw', 'uvloop', 'socketworkers.socket', 'socketworkers.server'}\n"
        "print(sorted((heavy & set(sys.modules)) - before))\n"
    )
    bare = "import sys, pytest; before = set(sys.modules)\n"
    done = subprocess.run([sys.executable, "-c", bare + code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
