"""When to look at which client: the ends of sessions, wills that are due. No clock: time is an argument."""

from __future__ import annotations

import heapq

__all__ = ["Timers"]


class Timers:
    """One pending time for each client, the earliest that was asked for.

    Whoever looks asks again for what comes later; so a client that comes and goes does not pile anything up (M4).
    """

    __slots__ = ("_heap", "_pending")

    def __init__(self) -> None:
        self._heap: list[tuple[float, str]] = []
        self._pending: dict[str, float] = {}

    def __len__(self) -> int:
        """Entries that are kept, those that do not count any more among them."""
        return len(self._heap)

    def add(self, at: float, client_id: str) -> None:
        """Look at a client at a time, or before."""
        pending = self._pending.get(client_id)
        if pending is not None and pending <= at:
            return
        self._pending[client_id] = at
        heapq.heappush(self._heap, (at, client_id))
        if len(self._heap) > 2 * len(self._pending) + 16:
            self._heap = [(at, client_id) for client_id, at in self._pending.items()]
            heapq.heapify(self._heap)

    @property
    def next(self) -> float | None:
        """The next time; None when there is none."""
        heap = self._heap
        while heap and self._pending.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def due(self, now: float) -> list[str]:
        """Take the clients whose time has come."""
        found = []
        while (at := self.next) is not None and at <= now:
            client_id = heapq.heappop(self._heap)[1]
            del self._pending[client_id]
            found.append(client_id)
        return found
