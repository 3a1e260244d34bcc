"""Runs one app until it is told to stop.

Exit status: 0 after SIGTERM (or the end of the parent) when every connection ended by itself; 1 when some had to be
aborted, at the deadline or by a second signal; 130 after SIGINT (the command then ends by SIGINT itself, so that a
shell stops its script too). A start that fails raises :class:`StartupError` and leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from .. import faults
from ..settings import Settings
from . import systemd
from .banner import start_lines, uptime
from .drain import drain
from .loop import loop_factory
from .parent import ParentWatch
from .provision import provision
from .ready import discard_ready_file, ready_content, remove_ready_file, write_ready_file
from .signals import Signals

if TYPE_CHECKING:
    from ..server import Server
    from ..server.inherited import InheritedSocket
    from ..telemetry import Telemetry
    from ..worker import App

__all__ = ["Companion", "run"]

_LOG = logging.getLogger("socketworkers.process")


class Companion(Protocol):
    """Something that lives beside the server: metrics, for one."""

    url: str
    """Where it can be reached; "" when it cannot."""

    async def start(self, server: Server, not_ready: Callable[[], str]) -> None:
        """Begin. ``not_ready`` says why the server is not ready, or ""."""

    async def stop(self) -> None:
        """End."""


def run(
    app: App, settings: Settings, *, telemetry: Telemetry | None = None, companions: Sequence[Companion] = ()
) -> int:
    """Run the app until a signal.

    Args:
        app: what to run.
        settings: its settings.
        telemetry: counters and events that others read; a new one by default.
        companions: what runs beside the server, from its start to its end.

    Returns:
        The exit status.

    Raises:
        StartupError: it could not start.
    """
    faults.arm_from_environment()
    inherited = _inherited(settings)
    provision(app, settings)
    make_loop = loop_factory()
    if settings.ready_file:
        discard_ready_file(settings.ready_file)
    with asyncio.Runner(loop_factory=make_loop) as runner:
        ended_by, aborted = runner.run(_serve(app, settings, telemetry, companions, inherited))
    if ended_by is signal.SIGINT:
        return 130
    return 1 if aborted else 0


def _inherited(settings: Settings) -> Sequence[InheritedSocket]:
    if "LISTEN_FDS" not in os.environ:
        return ()
    from .activation import activated_sockets, listen_as_activated

    sockets = activated_sockets()
    listen_as_activated(settings, sockets)
    return sockets


async def _serve(
    app: App,
    settings: Settings,
    telemetry: Telemetry | None,
    companions: Sequence[Companion],
    inherited: Sequence[InheritedSocket],
) -> tuple[signal.Signals | None, int]:
    from ..server import Server

    loop = asyncio.get_running_loop()
    server = Server(app, settings, telemetry=telemetry)
    server.inherit(inherited)
    signals = Signals(loop, lambda: _reload(server))
    watchdog = systemd.Watchdog(loop)
    watch: ParentWatch | None = None
    started: list[Companion] = []
    try:
        if settings.exit_with_parent:
            watch = ParentWatch(loop, signals.request_stop)

        def not_ready() -> str:
            if signals.stop.is_set():
                return "draining"
            return server.not_ready()

        await server.start()
        for companion in companions:
            await companion.start(server, not_ready)
            started.append(companion)
        metrics = next((companion.url for companion in started if companion.url), "")
        _announce(app, settings, server, metrics)
        await signals.stop.wait()
        systemd.notify("STOPPING=1")
        aborted = await drain(server, signals, settings.drain_timeout, _say, every=1.0 if sys.stdout.isatty() else 5.0)
        signals.surrender()
    finally:
        if settings.ready_file:
            remove_ready_file(settings.ready_file)
        try:
            await server.stop()
        finally:
            for companion in reversed(started):
                await companion.stop()
            if watch is not None:
                watch.stop()
            watchdog.stop()
            signals.close()
    if aborted:
        _say(f"stopped; {aborted} connection{'s were' if aborted != 1 else ' was'} aborted")
    else:
        _say("stopped")
    return signals.first, aborted


def _announce(app: App, settings: Settings, server: Server, metrics: str) -> None:
    ca = str(server.tls.authority or "") if server.tls is not None else ""
    for line in start_lines(app, settings, server.listeners, metrics=metrics, ca=ca):
        _say(line, indent="")
    if settings.ready_file:
        write_ready_file(settings.ready_file, ready_content(app.name, server.listeners, metrics=metrics, ca=ca))
    systemd.notify(f"READY=1\nMAINPID={os.getpid()}")
    _say(f"ready in {uptime():.2f} s · Ctrl+C stops")


def _reload(server: Server) -> None:
    # sd_notify(3): with Type=notify-reload the manager waits for READY=1 behind this, by the time of the signal
    systemd.notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
    try:
        server.reload_tls()
    except Exception as error:
        # The old certificates stay in use: a wrong file must not end a running server.
        _LOG.error("certificates were not reloaded: %s", error)
    systemd.notify("READY=1")


def _say(line: str, indent: str = "  ") -> None:
    try:
        print(indent + line, flush=True)  # noqa: T201
    except (OSError, ValueError):
        # Nobody reads our standard output any more.
        return
