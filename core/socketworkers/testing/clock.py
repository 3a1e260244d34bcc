"""Time that only a test moves."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

__all__ = ["FakeClock"]

#: turns of the loop without anything to do after which it counts as settled
_QUIET = 3


class FakeClock:
    """Virtual time for the running loop: timers fire when ``advance`` passes them, and nothing sleeps.

    ::

        with FakeClock() as clock:
            task = asyncio.create_task(asyncio.sleep(3600))
            await clock.advance(3600)
            assert task.done()

    Everything that asks ``loop.time()`` follows: ``call_later``, ``asyncio.sleep`` and ``timeout``, and the timer
    wheel of sockets. While it is in place no timer fires by itself, so awaiting one without ``advance`` (from another
    task) waits for ever. Input and output go on as ever. For asyncio's own loops; uvloop keeps its clock in C.

    Args:
        loop: the loop; the running one by default.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop: Any = loop or asyncio.get_running_loop()
        if not isinstance(self._loop, asyncio.BaseEventLoop):
            raise TypeError(f"FakeClock works with asyncio's own loops, not with {type(self._loop).__module__}")
        self._real = self._loop.time
        self._now: float = self._loop.time()
        self._slow = 0.1
        self._installed = False

    def time(self) -> float:
        """The present moment, on the loop's scale."""
        return self._now if self._installed else float(self._real())

    def install(self) -> None:
        """Stop the loop's time."""
        if not self._installed:
            self._now = self._real()
            self._installed = True
            self._loop.time = self.time
            # in debug mode the loop would take a step of ours for a callback that blocks
            self._slow, self._loop.slow_callback_duration = self._loop.slow_callback_duration, float("inf")

    def uninstall(self) -> None:
        """Give the loop its own time back; pending timers keep their distance from now."""
        if self._installed:
            self._installed = False
            del self._loop.time
            self._loop.slow_callback_duration = self._slow
            behind = self._real() - self._now
            for handle in self._loop._scheduled:
                handle._when += behind

    async def settle(self) -> None:
        """Let everything run that can run at this moment."""
        quiet = 0
        while quiet < _QUIET:
            await asyncio.sleep(0)
            quiet = 0 if self._loop._ready else quiet + 1

    async def advance(self, seconds: float) -> None:
        """Move time by ``seconds``; each timer on the way fires at its own moment, in order.

        Raises:
            ValueError: time does not go back.
            RuntimeError: the clock is not in place.
        """
        if seconds < 0:
            raise ValueError("time does not go back")
        if not self._installed:
            raise RuntimeError("the clock is not in place: use it in a with block")
        target = self._now + seconds
        await self.settle()
        while (due := self._next()) is not None and due <= target:
            self._now = max(self._now, due)
            await self.settle()
        self._now = target
        await self.settle()

    def _next(self) -> float | None:
        times = [handle._when for handle in self._loop._scheduled if not handle._cancelled]
        return min(times, default=None)

    def __enter__(self) -> FakeClock:
        self.install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.uninstall()
