"""Finds tasks, descriptors and threads that a test left behind.

Tasks are caught where a runner cancels what its coroutine did not wait for; that is too late to be of use to anybody
but this module. What fixtures of a wider scope open is not counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

#: tasks that are not ours to end, by the name of their coroutine
_FOREIGN_TASKS = ("_wrap_asyncgen",)
#: files that a database server keeps open
_KEPT = ("/socketworkers-pgwire-", "/socketworkers/postgresql15-")
#: seconds that a thread or descriptor may take to go away after its owner was told
_GRACE = 2.0


class Leaks:
    """One per test session; ``begin`` before a test, ``end`` after it."""

    def __init__(self) -> None:
        self._descriptors: set[tuple[int, str]] = set()
        self._threads: set[threading.Thread] = set()
        self._tasks: list[str] = []
        self._watch_runners()

    def _watch_runners(self) -> None:
        from asyncio import runners

        cancel_all: Any = runners._cancel_all_tasks  # type: ignore[attr-defined]

        def watched(loop: asyncio.AbstractEventLoop) -> None:
            for task in asyncio.all_tasks(loop):
                coroutine: Any = task.get_coro()
                name = getattr(coroutine, "__qualname__", repr(coroutine))
                if not name.startswith(_FOREIGN_TASKS):
                    self._tasks.append(f"task {name}")
            cancel_all(loop)

        runners._cancel_all_tasks = watched  # type: ignore[attr-defined]

    def begin(self) -> None:
        """A test begins."""
        self._descriptors = _descriptors()
        self._threads = set(threading.enumerate())
        self._tasks.clear()

    @contextlib.contextmanager
    def lasting(self) -> Iterator[None]:
        """What is opened within lasts longer than the test."""
        descriptors, threads = _descriptors(), set(threading.enumerate())
        yield
        self._descriptors |= _descriptors() - descriptors
        self._threads |= set(threading.enumerate()) - threads

    def end(self) -> list[str]:
        """What the test left behind, in words."""
        left = self._look()
        if left and len(left) > len(self._tasks):
            gc.collect()
            until = time.monotonic() + _GRACE
            while len(left := self._look()) > len(self._tasks) and time.monotonic() < until:
                time.sleep(0.02)
        self._tasks.clear()
        return left

    def _look(self) -> list[str]:
        threads = [thread for thread in threading.enumerate() if thread not in self._threads and thread.is_alive()]
        descriptors = sorted(_descriptors() - self._descriptors)
        if any(thread.name.startswith("test-") for thread in self._threads):
            # a server that lasts longer than the test may have started a worker thread of its loop, or one for long
            # statements, and keeps the connections to its databases for the next session
            threads = [thread for thread in threads if not thread.name.startswith(("asyncio_", "pgwire_"))]
            descriptors = [each for each in descriptors if not any(part in each[1] for part in _KEPT)]
        return [
            *self._tasks,
            *(f"descriptor {number} ({target})" for number, target in descriptors),
            *(f"thread {thread.name}" for thread in threads),
        ]


def _descriptors() -> set[tuple[int, str]]:
    found = set()
    try:
        numbers = os.listdir("/proc/self/fd")
    except OSError:
        return set()
    for number in numbers:
        with contextlib.suppress(OSError):
            found.add((int(number), os.readlink(f"/proc/self/fd/{number}")))
    return found
