"""What the signals ask of a running server.

SIGTERM and SIGINT: stop, giving connections time; a second one: now; one while the app closes its data: the process
ends at once, which loses nothing that was acknowledged. SIGHUP: read the certificates again, unless it
came because the terminal is gone, which is a stop.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

__all__ = ["Signals"]

_STOP = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """The signals of one run. Made on the loop, in the main thread.

    Args:
        loop: the running loop.
        reload: called at SIGHUP.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, reload: Callable[[], None]) -> None:
        self._loop = loop
        self._reload = reload
        self._terminal = _has_terminal()
        self.stop = asyncio.Event()
        """Set by the first reason to stop."""
        self.now = asyncio.Event()
        """Set by the second signal."""
        self.first: signal.Signals | None = None
        """The signal that asked for the stop; None when it was something else."""
        for number in _STOP:
            loop.add_signal_handler(number, self._on_stop, number)
        if hasattr(signal, "SIGHUP"):
            loop.add_signal_handler(signal.SIGHUP, self._on_hangup)

    def request_stop(self) -> None:
        """Ask for a stop for another reason than a signal."""
        self.stop.set()

    def _on_stop(self, number: signal.Signals) -> None:
        if self.stop.is_set():
            self.now.set()
        else:
            self.first = number
            self.stop.set()

    def _on_hangup(self) -> None:
        if self._terminal and not _has_terminal():
            self._on_stop(signal.SIGTERM)
        else:
            self._reload()

    def surrender(self) -> None:
        """Let the next signal end the process at once: what is left to do must not hang for ever."""
        for number in _STOP:
            self._loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    def close(self) -> None:
        """Give the signals back."""
        for number in (*_STOP, *((signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ())):
            self._loop.remove_signal_handler(number)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
