"""systemd: readiness, stopping and the watchdog (sd_notify(3)); silent elsewhere."""

from __future__ import annotations

import asyncio
import os
import socket

__all__ = ["Watchdog", "notify", "watchdog_seconds"]


def notify(state: str) -> bool:
    """Tell the service manager something: ``READY=1``, ``STOPPING=1``, ``STATUS=...``.

    Returns:
        Whether there is a manager that was told.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
        try:
            connection.sendto(state.encode(), address)
        except OSError:
            # The manager is not there any more; that must not end the service.
            return False
    return True


def watchdog_seconds() -> float | None:
    """How often the manager wants ``WATCHDOG=1`` (half of its limit); None when it does not."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    limit = os.environ.get("WATCHDOG_USEC", "")
    return int(limit) / 2_000_000 if limit.isdigit() and int(limit) else None


class Watchdog:
    """Tells the manager regularly that the loop runs, if the manager asked for it (``WatchdogSec=``)."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._seconds = watchdog_seconds()
        self._timer: asyncio.TimerHandle | None = None
        if self._seconds is not None:
            self._tell()

    def _tell(self) -> None:
        assert self._seconds is not None
        notify("WATCHDOG=1")
        self._timer = self._loop.call_later(self._seconds, self._tell)

    def stop(self) -> None:
        """End it."""
        if self._timer is not None:
            self._timer.cancel()
