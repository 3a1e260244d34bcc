"""Where blocking work goes: a few threads that start when they are first needed.

Syncs, checkpoints and the opening of files block for as long as the disk likes; they run here, never on the loop.
Used by every module of ``storage`` and by ``objects``. A test that must be deterministic puts another
:class:`Executor` in its place and decides itself when each piece of work runs.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

__all__ = ["Executor", "ThreadExecutor"]

T = TypeVar("T")

#: What is called on the loop when work has ended: with its result and None, or with None and its error.
Done = Callable[[Any, BaseException | None], None]


class Executor(Protocol):
    """Runs work beside the loop, and small things later on the loop."""

    def run(self, work: Callable[[], Any], done: Done) -> None:
        """Run ``work`` elsewhere; then call ``done`` on the loop."""

    def soon(self, callback: Callable[..., Any], *args: Any) -> object:
        """Call ``callback`` at the end of this turn of the loop."""


class ThreadExecutor:
    """The executor of a running loop. It must be made, used and closed on that loop.

    Args:
        threads: how many threads at most (ext4 groups the syncs of many files in its journal: measured 5,530
            commits/s with 16 threads over 64 files, 3,570 with 4, 940 with one).
    """

    __slots__ = ("_began", "_closed", "_idle", "_limit", "_loop", "_pending", "_queue", "_threads", "soon")

    def __init__(self, threads: int = 16) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = threads
        self._queue: SimpleQueue[tuple[Callable[[], Any], Done] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._began: dict[int, float] = {}
        self._pending = 0
        self._closed = False
        self._idle: asyncio.Future[None] | None = None
        self.soon: Callable[..., object] = self._loop.call_soon
        """``loop.call_soon`` itself: it is on the path of every write."""

    def run(self, work: Callable[[], Any], done: Done) -> None:
        """Run ``work`` in a thread and call ``done`` on the loop.

        Raises:
            RuntimeError: the executor is closed.
        """
        if self._closed:
            raise RuntimeError("the executor is closed")
        self._pending += 1
        self._queue.put((work, done))
        if self._pending > len(self._threads) < self._limit:
            number = len(self._threads)
            thread = threading.Thread(target=self._work, args=(number,), name=f"storage-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    async def call(self, work: Callable[[], T]) -> T:
        """Run ``work`` in a thread and return its result. Cancelling the caller does not stop the work."""
        waiter: asyncio.Future[T] = self._loop.create_future()

        def done(result: Any, error: BaseException | None) -> None:
            if waiter.done():
                return
            if error is None:
                waiter.set_result(result)
            else:
                waiter.set_exception(error)

        self.run(work, done)
        return await waiter

    @property
    def longest(self) -> float:
        """Seconds that the oldest piece of work under way has taken by now; 0 with none."""
        began = min(self._began.copy().values(), default=None)
        return 0.0 if began is None else time.monotonic() - began

    def _work(self, number: int) -> None:
        while (item := self._queue.get()) is not None:
            work, done = item
            result: Any = None
            failure: BaseException | None = None
            self._began[number] = time.monotonic()
            try:
                result = work()
            except BaseException as error:
                failure = error
            del self._began[number]
            try:
                self._loop.call_soon_threadsafe(self._finish, done, result, failure)
            except RuntimeError:  # the loop is closed: nobody is left who could be told
                return
            del item, work, done, result, failure

    def _finish(self, done: Done, result: Any, error: BaseException | None) -> None:
        self._pending -= 1
        done(result, error)
        if self._idle is not None and not self._pending and not self._idle.done():
            self._idle.set_result(None)

    async def close(self, timeout: float = 30.0) -> None:
        """Let all work end, then end the threads. Nothing may be given to :meth:`run` afterwards.

        Args:
            timeout: seconds to wait; threads that a dead disk still holds are left behind (they are daemons).
        """
        if self._pending:
            self._idle = self._loop.create_future()
            await asyncio.wait([self._idle], timeout=timeout)
        self._closed = True
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(timeout if not self._pending else 0.1)
        self._threads.clear()
