"""One live object: the app's instance, its storage, and how many calls are in it. Made by ``namespace`` only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from ..storage import Storage
from .base import DurableObject, ObjectContext

if TYPE_CHECKING:
    from .namespace import Namespace

__all__ = ["Instance"]

T = TypeVar("T")


class Instance:
    """See the module.

    Attributes:
        calls: calls, sockets, alarms and background work that are in the object now; it is not evicted before 0.
        blocked: new calls wait for this while it is not None.
        gone: reset or evicted; calls have to look for a new instance.
    """

    __slots__ = (
        "_depth",
        "_tasks",
        "alarm_runs",
        "blocked",
        "calls",
        "ctx",
        "gone",
        "id",
        "last_used",
        "namespace",
        "object",
        "storage",
        "token",
    )

    def __init__(self, namespace: Namespace, id: str, storage: Storage, token: int, now: float) -> None:
        self.namespace = namespace
        self.id = id
        self.storage = storage
        self.token = token
        self.calls = 0
        self.last_used = now
        self.blocked: asyncio.Future[None] | None = None
        self.gone = False
        self.alarm_runs = False
        self._depth = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self.ctx = ObjectContext(self, storage)
        self.object: DurableObject = namespace.cls(self.ctx, namespace.runtime.env)

    async def block(self, work: Callable[[], Awaitable[T]]) -> T:
        """``ctx.block_concurrency_while``."""
        self._depth += 1
        if self.blocked is None:
            self.blocked = asyncio.get_running_loop().create_future()
        try:
            return await work()
        except BaseException:
            self.namespace.reset(self)
            raise
        finally:
            self._depth -= 1
            if self._depth == 0:
                blocked, self.blocked = self.blocked, None
                if blocked is not None and not blocked.done():
                    blocked.set_result(None)

    def beside(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """``ctx.wait_until``."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self.calls += 1
        self._tasks.add(task)
        task.add_done_callback(self._beside_ended)
        return task

    def _beside_ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self.calls -= 1
        self.last_used = asyncio.get_running_loop().time()
        if not task.cancelled() and (error := task.exception()) is not None:
            self.ctx.log.error("work beside the calls of %s failed", self.id, exc_info=error)

    async def stop(self) -> None:
        """Cancel the work beside the calls and wait for its end."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
