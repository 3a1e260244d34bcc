"""One timer for all sockets of a loop.

A socket sits in the bucket of the tick at which it has to be looked at; activity only writes a number into the socket,
so that bytes cost no timer work. When its tick comes the socket says when it is due next, or acts.
"""

from __future__ import annotations

import asyncio
import math
import weakref
from typing import Protocol

__all__ = ["TimerWheel", "wheel_of"]

#: seconds per tick: how late a deadline may be
INTERVAL = 0.1


class Timed(Protocol):
    """What sits on a wheel."""

    _due: int

    def _on_tick(self, tick: int) -> int:
        """Act on what is due; returns the next tick to be called at, 0 for never."""


class TimerWheel:
    """Calls ``_on_tick`` of what was scheduled."""

    __slots__ = ("__weakref__", "_buckets", "_handle", "_loop", "_next", "interval", "tick")

    def __init__(self, loop: asyncio.AbstractEventLoop, interval: float = INTERVAL) -> None:
        self._loop = loop
        self.interval = interval
        self.tick = int(loop.time() / interval)
        self._next = self.tick
        self._buckets: dict[int, dict[Timed, None]] = {}
        self._handle: asyncio.TimerHandle | None = None

    def ticks(self, seconds: float | None) -> int:
        """A duration in ticks, at least one; 0 for None."""
        return 0 if seconds is None else max(1, math.ceil(seconds / self.interval))

    def now(self) -> int:
        """The current tick, brought up to date."""
        if self._handle is None:
            self.tick = int(self._loop.time() / self.interval)
        return self.tick

    def schedule(self, item: Timed, due: int) -> None:
        """Look at ``item`` at tick ``due`` (and not at the one it was scheduled for before)."""
        if item._due == due:
            return
        if item._due:
            self.cancel(item)
        item._due = due
        bucket = self._buckets.get(due)
        if bucket is None:
            self._buckets[due] = {item: None}
        else:
            bucket[item] = None
        if self._handle is None:
            self.tick = int(self._loop.time() / self.interval)
            self._next = min(self.tick + 1, due)
            self._handle = self._loop.call_later(self.interval, self._run)

    def cancel(self, item: Timed) -> None:
        """Forget ``item``."""
        due, item._due = item._due, 0
        if (bucket := self._buckets.get(due)) is not None:
            bucket.pop(item, None)
            if not bucket:
                del self._buckets[due]

    def _run(self) -> None:
        self._handle = None
        self.tick = tick = int(self._loop.time() / self.interval)
        due_now = range(self._next, tick + 1)
        if len(due_now) > len(self._buckets):
            buckets = sorted(due for due in self._buckets if due <= tick)
        else:
            buckets = [due for due in due_now if due in self._buckets]
        self._next = tick + 1
        for due in buckets:
            for item in self._buckets.pop(due, ()):
                if item._due != due:
                    continue
                item._due = 0
                following = item._on_tick(tick)
                if following and not item._due:
                    self.schedule(item, max(following, tick + 1))
        if self._buckets and self._handle is None:
            self._handle = self._loop.call_later(self.interval, self._run)


_wheels: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, TimerWheel] = weakref.WeakKeyDictionary()


def wheel_of(loop: asyncio.AbstractEventLoop) -> TimerWheel:
    """The loop's wheel."""
    wheel = _wheels.get(loop)
    if wheel is None:
        wheel = _wheels[loop] = TimerWheel(loop)
    return wheel
