"""The answers of ``/metrics``, ``/healthz`` and ``/readyz``, and the measure of the loop's lag. No I/O of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..telemetry import Telemetry
from .http import Request, respond
from .metrics import Exporter

__all__ = ["Health", "LagMeter"]


class Health:
    """Answers requests about one server.

    Args:
        telemetry: the server's counters.
        not_ready: asked at each ``/readyz``: why the server is not ready, or "" when it is.
    """

    def __init__(self, telemetry: Telemetry, not_ready: Callable[[], str]) -> None:
        self._exporter = Exporter(telemetry)
        self._not_ready = not_ready

    def answer(self, request: Request) -> bytes:
        """The bytes to send back."""
        head_only = request.method == "HEAD"
        keep = request.keep_alive
        if request.method not in ("GET", "HEAD"):
            return respond(405, "only GET and HEAD\n", keep_alive=keep)
        match request.path:
            case "/metrics":
                page, kind = self._exporter.render(request.headers.get("accept", ""))
                return respond(200, page, kind=kind, keep_alive=keep, head_only=head_only)
            case "/healthz":
                # Whoever can answer this has a loop that runs.
                return respond(200, "ok\n", keep_alive=keep, head_only=head_only)
            case "/readyz":
                reason = self._not_ready()
                if reason:
                    return respond(503, f"{reason}\n", keep_alive=keep, head_only=head_only)
                return respond(200, "ready\n", keep_alive=keep, head_only=head_only)
            case _:
                return respond(404, "/metrics /healthz /readyz\n", keep_alive=keep, head_only=head_only)


class LagMeter:
    """Measures how late timers fire, twice a second, into ``telemetry.loop_lag_seconds``."""

    INTERVAL = 0.5

    def __init__(self, telemetry: Telemetry, loop: asyncio.AbstractEventLoop) -> None:
        self._histogram = telemetry.loop_lag_seconds
        self._loop = loop
        self._due = loop.time() + self.INTERVAL
        self._handle = loop.call_at(self._due, self._fire)

    def _fire(self) -> None:
        now = self._loop.time()
        self._histogram.observe(max(0.0, now - self._due))
        self._due = now + self.INTERVAL
        self._handle = self._loop.call_at(self._due, self._fire)

    def stop(self) -> None:
        """End the measuring."""
        self._handle.cancel()
