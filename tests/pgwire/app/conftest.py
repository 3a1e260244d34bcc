"""A server in a thread, on both loops, and one process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from socketworkers.testing import ThreadedServer
from socketworkers_pgwire import app


def _uvloop() -> asyncio.AbstractEventLoop:
    import uvloop

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop, "uvloop": _uvloop}


@pytest.fixture(scope="module", params=LOOPS)
def server(request: pytest.FixtureRequest) -> Iterator[ThreadedServer]:
    """A server that trusts this machine, with TLS, on each loop."""
    running = ThreadedServer(app, loop_factory=LOOPS[request.param], tls="auto", database=("shop",))
    with running:
        yield running


@pytest.fixture
def address(server: ThreadedServer) -> tuple[str, int]:
    """Where it listens."""
    return server.host, server.port
