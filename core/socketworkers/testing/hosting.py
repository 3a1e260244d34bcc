"""Apps on real sockets in tests: on the test's own loop, or in a thread beside it, which apps' fixtures derive from."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    from ..server import BoundListener, Server
    from ..worker import App, Env

__all__ = ["AppFixture", "ThreadedServer", "serve_ephemeral"]

T = TypeVar("T")
#: seconds that a call into the server's thread may take
TIMEOUT = 30.0


def _server(app: App, settings: dict[str, Any]) -> Server:
    from ..server import Server

    return Server(app, app.config(**{"host": "127.0.0.1", "port": 0, "data": ":memory:", **settings}))


@contextlib.asynccontextmanager
async def serve_ephemeral(app: App, **settings: Any) -> AsyncIterator[Server]:
    """Run an app on a free port of this machine while the block lasts.

    Args:
        app: the app.
        settings: of the app; by default on 127.0.0.1, port 0, with nothing kept.

    Returns:
        The server; ``server.listeners[0].port`` is the port. At the end all connections are aborted.

    Raises:
        StartupError: it cannot start.
    """
    server = _server(app, settings)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class ThreadedServer:
    """An app in a thread with its own loop: for tests that block, and for clients of other libraries.

    ::

        with ThreadedServer(app) as server:
            smtplib.SMTP(server.host, server.port)

    Args:
        app: the app.
        loop_factory: makes the thread's loop; asyncio's own by default.
        settings: as for ``serve_ephemeral``.
    """

    def __init__(
        self, app: App, *, loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None, **settings: Any
    ) -> None:
        self._app = app
        self._settings = settings
        self._loop_factory = loop_factory or asyncio.new_event_loop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopping: asyncio.Event | None = None
        self._server: Server | None = None
        self._problem: BaseException | None = None

    def start(self) -> ThreadedServer:
        """Return once it accepts.

        Raises:
            StartupError: it cannot start.
        """
        if self._thread is not None:
            raise RuntimeError("the server is running")
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name=f"test-{self._app.name}", daemon=True)
        self._thread.start()
        if not started.wait(TIMEOUT):
            raise TimeoutError(f"{self._app.name} did not start within {TIMEOUT:g} s")
        if self._problem is not None:
            problem, self._problem = self._problem, None
            self._thread.join(TIMEOUT)
            self._thread = None
            raise problem
        return self

    def _run(self, started: threading.Event) -> None:
        with asyncio.Runner(loop_factory=self._loop_factory) as runner:
            try:
                runner.run(self._serve(started))
            except BaseException as error:
                self._problem = error
            finally:
                started.set()

    async def _serve(self, started: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        server = _server(self._app, self._settings)
        await server.start()
        self._server = server
        started.set()
        try:
            await self._stopping.wait()
        finally:
            await server.stop()

    def stop(self) -> None:
        """Abort all connections and end the thread. Idempotent."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        assert self._loop is not None
        assert self._stopping is not None
        self._loop.call_soon_threadsafe(self._stopping.set)
        thread.join(TIMEOUT)
        if thread.is_alive():
            raise TimeoutError(f"{self._app.name} did not stop within {TIMEOUT:g} s")
        self._server = self._loop = self._stopping = None
        if self._problem is not None:
            problem, self._problem = self._problem, None
            raise problem

    def __enter__(self) -> ThreadedServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def server(self) -> Server:
        """The server. It belongs to its thread: go through ``call`` and ``run``."""
        if self._server is None:
            raise RuntimeError("the server is not running")
        return self._server

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a plain function in the server's loop and wait for its result (not from that loop)."""

        async def run() -> T:
            return function(*arguments)

        return self.run(run())

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the server's loop and wait for its result (not from that loop).

        Raises:
            TimeoutError: it took more than half a minute.
        """
        loop = self._loop
        if loop is None:
            coroutine.close()
            raise RuntimeError("the server is not running")
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        try:
            return future.result(TIMEOUT)
        except TimeoutError:
            future.cancel()
            raise

    def listener(self, name: str = "main") -> BoundListener:
        """Where one of the app's listeners can be reached.

        Raises:
            LookupError: it is not on.
        """
        for listener in self.server.listeners:
            if listener.name == name:
                return listener
        raise LookupError(f"{self._app.name} has no listener {name!r} that is on")

    @property
    def host(self) -> str:
        """Address of the main listener."""
        return self.listener().host

    @property
    def port(self) -> int:
        """Port of the main listener."""
        return self.listener().port

    @property
    def url(self) -> str:
        """URL of the main listener."""
        return self.listener().url

    def tls_context(self) -> ssl.SSLContext:
        """A client's context that trusts this server (with ``tls="auto"``), and verifies it."""
        from .client import trusting

        return trusting(self.server)


class AppFixture:
    """The base of what an app's pytest fixture gives: the app in a thread, for plain and for async tests.

    A subclass hooks into the app in ``_started``, calls ``_changed.set`` when something happens that a test may wait
    for, and waits with ``_wait_until``.

    Args:
        app: the app.
        settings: of the app.
    """

    __test__ = False  # not a test class, whatever the names of subclasses say

    def __init__(self, app: App, **settings: Any) -> None:
        self.server = ThreadedServer(app, **settings)
        self._changed: asyncio.Event

    def start(self) -> Self:
        """Return once it accepts."""
        self.server.start()
        self.server.call(self._start)
        return self

    def _start(self) -> None:
        self._changed = asyncio.Event()
        self._started(self.server.server.env)

    def _started(self, env: Env) -> None:
        """It accepts; called in the app's loop."""

    def stop(self) -> None:
        """End it."""
        self.server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def host(self) -> str:
        """Where it listens."""
        return self.server.host

    @property
    def port(self) -> int:
        """Its port."""
        return self.server.port

    @property
    def url(self) -> str:
        """``scheme://host:port``."""
        return self.server.url

    def tls_context(self) -> ssl.SSLContext:
        """A client's context that trusts it.

        Raises:
            ValueError: it was not started with ``tls="auto"``.
        """
        return self.server.tls_context()

    def _wait_until(self, look: Callable[[], Awaitable[T | None]], missing: Callable[[], str], timeout: float) -> T:
        """Look again after each change until there is something.

        Args:
            look: called in the app's loop; None = not yet.
            missing: says what there is instead.
            timeout: seconds.

        Raises:
            AssertionError: it did not come.
        """

        async def wait() -> T:
            until = time.monotonic() + timeout
            while True:
                self._changed.clear()
                found = await look()
                if found is not None:
                    return found
                try:
                    await asyncio.wait_for(self._changed.wait(), until - time.monotonic())
                except TimeoutError:
                    raise AssertionError(missing()) from None

        return self.server.run(wait())
