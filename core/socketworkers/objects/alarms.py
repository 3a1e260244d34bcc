"""When which object's alarm is due: one timer per namespace over a heap. The truth is in the objects' files."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from typing import Final

__all__ = ["FIRST_RETRY", "RETRIES", "AlarmClock", "retry_delay"]

#: Retries of a failing alarm: after 2 s, doubled each time, six times, with a quarter of jitter.
FIRST_RETRY: Final = 2.0
RETRIES: Final = 6
JITTER: Final = 0.25

#: Alarms are in wall-clock time, timers in monotonic time: look again at least this often, in seconds.
_LOOK: Final = 30.0


def retry_delay(tries: int, chance: float) -> float:
    """Seconds until the next try, after ``tries`` failed ones before this; ``chance`` is random in 0..1."""
    return float(FIRST_RETRY * 2**tries * (1 + JITTER * (2 * chance - 1)))


class AlarmClock:
    """Calls ``fire(id)`` when an alarm is due.

    Args:
        clock: seconds since the epoch.
        fire: called on the loop; it must set the alarm again if it wants another call.
    """

    __slots__ = ("_clock", "_due", "_fire", "_heap", "_timer", "_timer_at")

    def __init__(self, clock: Callable[[], float], fire: Callable[[str], None]) -> None:
        self._clock = clock
        self._fire = fire
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def __len__(self) -> int:
        return len(self._due)

    def set(self, id: str, due: float | None) -> None:
        """Set or unset (None) an object's alarm."""
        if due is None:
            self._due.pop(id, None)
            return
        if self._due.get(id) == due:
            return
        self._due[id] = due
        heapq.heappush(self._heap, (due, id))
        if len(self._heap) > 64 + 2 * len(self._due):
            self._heap = [(at, other) for other, at in self._due.items()]
            heapq.heapify(self._heap)
        if self._timer is None or due < self._timer_at:
            self._arm()

    def look(self) -> None:
        """Fire what is due now; called by the timer, and by tests that move the clock."""
        now = self._clock()
        while self._heap and self._heap[0][0] <= now:
            due, id = heapq.heappop(self._heap)
            if self._due.get(id) == due:
                del self._due[id]
                self._fire(id)
        self._arm()

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._due.clear()
        self._heap.clear()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        if self._heap:
            self._timer_at = self._heap[0][0]
            delay = min(max(self._timer_at - self._clock(), 0.0), _LOOK)
            self._timer = asyncio.get_running_loop().call_later(delay, self.look)
