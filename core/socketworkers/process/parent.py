"""``--exit-with-parent``: ends the server when the process that started it is gone, even by SIGKILL.

Two signs, whichever comes first: the end of an inherited standard input that is a pipe, and the end of the parent
process itself. The second is watched through a pidfd (Linux 5.3), or by asking for the parent's id once a second:
PR_SET_PDEATHSIG would fire when the *thread* that started us ends, which is a false alarm in test suites and in Go.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable

__all__ = ["ParentWatch"]


class ParentWatch:
    """Calls ``gone`` once, on the loop, when the parent has ended."""

    POLL_SECONDS = 1.0

    def __init__(self, loop: asyncio.AbstractEventLoop, gone: Callable[[], None], *, stdin: int = 0) -> None:
        self._loop = loop
        self._gone = gone
        self._stdin: int | None = None
        self._pidfd: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._parent = os.getppid()
        if _is_pipe(stdin):
            self._stdin = stdin
            os.set_blocking(stdin, False)
            loop.add_reader(stdin, self._on_stdin)
        try:
            self._pidfd = os.pidfd_open(self._parent)
            loop.add_reader(self._pidfd, self._fire)
        except (AttributeError, OSError):
            self._pidfd = None
            self._poll()

    def _poll(self) -> None:
        if os.getppid() != self._parent:
            self._fire()
        else:
            self._timer = self._loop.call_later(self.POLL_SECONDS, self._poll)

    def _on_stdin(self) -> None:
        assert self._stdin is not None
        try:
            if os.read(self._stdin, 65536):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._fire()

    def _fire(self) -> None:
        self.stop()
        self._gone()

    def stop(self) -> None:
        """End the watch."""
        if self._stdin is not None:
            self._loop.remove_reader(self._stdin)
            self._stdin = None
        if self._pidfd is not None:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _is_pipe(fd: int) -> bool:
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
