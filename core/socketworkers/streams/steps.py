"""A coroutine that its task runs, and that whoever brings bytes may resume as well.

A task that is woken by a future asks it for its result, runs the coroutine to its next wait, looks at what it waits on and
leaves a callback there. A connection's handler waits on the same object for nearly all of its life, so that all but the
running can be left out: ``resume`` does it, and tells the task only when the coroutine ended or waits on something else.
For the task nothing has happened until then: it waits, as before, on the object that was woken.
"""

from __future__ import annotations

import asyncio
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Coroutine, Generator
from contextvars import Context
from types import TracebackType
from typing import Any

__all__ = ["Steps"]

_NOTHING = object()


class Steps(Coroutine[Any, Any, Any]):
    """What to give to ``create_task`` in place of ``coroutine``."""

    __slots__ = ("_coroutine", "_error", "_next", "_yielded")

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine
        self._next = coroutine.send
        #: what ``resume`` came to and the task has not been told yet
        self._yielded: Any = _NOTHING
        self._error: BaseException | None = None

    def resume(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any], context: Context, waits_on: Any) -> bool:
        """Run to the next wait, as ``task`` would.

        Args:
            loop: the loop of the task; no task of it may be running.
            task: the task that this coroutine was given to.
            context: the task's context.
            waits_on: what the task waits on and what has just been woken.

        Returns:
            True if it waits on the same object again. Otherwise the task has to be woken, and will find here what the
            coroutine came to.
        """
        _enter_task(loop, task)
        try:
            yielded = context.run(self._next, None)
        except BaseException as error:
            self._error = error
            return False
        finally:
            _leave_task(loop, task)
        if yielded is waits_on:
            return True
        self._yielded = yielded
        return False

    # -- what the task calls -----------------------------------------------------------------------------------

    def send(self, value: Any) -> Any:
        """Run to the next wait, or tell what ``resume`` came to."""
        if self._yielded is not _NOTHING:
            yielded, self._yielded = self._yielded, _NOTHING
            return yielded
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        return self._next(value)

    def throw(self, kind: Any, value: Any = None, trace: TracebackType | None = None) -> Any:
        """Fail the present wait. What ``resume`` came to is cancelled as the task would have cancelled it."""
        if self._error is not None:
            error, self._error = self._error, None
            raise (error if not isinstance(error, StopIteration) else kind)
        if self._yielded is not _NOTHING:
            yielded, self._yielded = self._yielded, _NOTHING
            if yielded is not None and yielded.cancel():
                return yielded
        return self._coroutine.throw(kind) if value is None else self._coroutine.throw(kind, value, trace)

    def close(self) -> None:
        """End the coroutine."""
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()

    def __getattr__(self, name: str) -> Any:
        # frame, code and name: for those who print tasks
        return getattr(self._coroutine, name)
