"""What a read waits on: a future-like object that resumes its task at once when bytes arrive.

An ``asyncio.Future`` would schedule the task for the next turn of the loop: a handle, a context switch and a second
pass over the ready queue per read. Bytes arrive in a callback of the loop, where no task runs, so the waiting task can
be stepped right there (``wake_now``), and past the task itself if that runs a ``Steps``. Everything else (end, error,
cancellation, bytes given back by another task) goes through the loop as usual.

It speaks the protocol that tasks expect of awaitables that are not futures (``_asyncio_future_blocking``).
"""

from __future__ import annotations

import asyncio
import contextvars
from asyncio import current_task
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable, Generator
from typing import Any

from .steps import Steps

__all__ = ["Waiter"]

_PENDING, _DONE, _CANCELLED = range(3)


class Waiter:
    """One wait of one task; usable again once that is over, with ``_state`` set back."""

    __slots__ = (
        "_advance",
        "_asyncio_future_blocking",
        "_callback",
        "_context",
        "_error",
        "_loop",
        "_refused",
        "_run",
        "_state",
        "_steps",
        "_task",
        "given",
        "takes",
    )

    def __init__(self, *, takes: bool = False) -> None:
        #: what a task wants to see of an object that it is given to wait on; it takes it away, ``add_done_callback``
        #: puts it back for the next wait
        self._asyncio_future_blocking = True
        # of the task that waits; known once one does
        self._loop: asyncio.AbstractEventLoop = None  # type: ignore[assignment]
        self._state = _PENDING
        self._callback: Callable[[Any], object] | None = None
        self._context: contextvars.Context | None = None
        self._error: BaseException | None = None
        self._steps: Steps | None = None
        #: runs the coroutine to its next wait; None unless a task that runs a ``Steps`` waits
        self._advance: Callable[[None], Any] | None = None
        self._task: asyncio.Task[Any] | None = None
        #: a cancellation came while the task ran: it has kept it for its next wait
        self._refused = False
        #: whether who waits looks at ``given`` first; on a stream that holds no bytes
        self.takes = takes
        #: what it was resumed with; who waits takes it away
        self.given: bytes | None = None

    # -- who wakes ---------------------------------------------------------------------------------------------

    def resume(self, data: bytes | None = None) -> bool:
        """Done; the waiting task goes on within this call, past the task itself, with ``data`` in ``given``.

        Returns:
            False if that cannot be (it runs no ``Steps``, or another task is running): then nothing has changed.
        """
        advance = self._advance
        if advance is None:
            return False
        loop, task, run = self._loop, self._task, self._run
        try:
            _enter_task(loop, task)  # type: ignore[arg-type]
        except RuntimeError:  # another one is running
            return False
        self._state = _DONE
        self.given = data
        try:
            yielded = run(advance, None)
        except BaseException as error:
            self._steps.fail(error)  # type: ignore[union-attr]
        else:
            if yielded is self and not self._refused:
                return True
            self._refused = False
            self._steps.keep(yielded)  # type: ignore[union-attr]
        finally:
            _leave_task(loop, task)  # type: ignore[arg-type]
        self._tell()
        return True

    def wake_now(self) -> None:
        """Done; the task goes on within this call unless another task is running."""
        if not self.resume():
            self.wake()

    def wake(self) -> None:
        """As ``wake_now``, where ``resume`` was tried: by way of the task."""
        if self._state == _PENDING:
            self._state = _DONE
            self._tell()

    def _tell(self) -> None:
        callback, context, loop = self._callback, self._context, self._loop
        if callback is not None:
            self._callback = self._advance = None
            if context is not None and current_task(loop) is None:
                context.run(callback, self)
            else:
                loop.call_soon(callback, self, context=context)

    def set_result(self, value: None) -> None:
        """Done; the task goes on in the next turn of the loop."""
        if self._state == _PENDING:
            self._state = _DONE
            self._schedule()

    def set_exception(self, error: BaseException) -> None:
        """Failed; the task goes on in the next turn of the loop."""
        if self._state == _PENDING:
            self._state = _DONE
            self._error = error
            self._schedule()

    def _schedule(self) -> None:
        callback, self._callback = self._callback, None
        self._advance = None
        if callback is not None:
            self._loop.call_soon(callback, self, context=self._context)

    # -- who waits ---------------------------------------------------------------------------------------------

    def __await__(self) -> Generator[Any, None, None]:
        return self  # type: ignore[return-value]

    __iter__ = __await__

    def __next__(self) -> Waiter:
        # its own iterator: a generator here would be kept by every idle connection
        if self._state == _PENDING:
            return self
        self.result()
        raise StopIteration

    #: The loop of the task. (Tasks ask at every wait: a builtin answers faster than a method.)
    get_loop = staticmethod(asyncio.get_running_loop)

    def done(self) -> bool:
        """Whether it was woken or cancelled."""
        return self._state != _PENDING

    def cancelled(self) -> bool:
        """Whether the task was cancelled while it waited."""
        return self._state == _CANCELLED

    def result(self) -> None:
        """Raises what the wait failed with."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        if self._state == _CANCELLED:
            raise asyncio.CancelledError

    def cancel(self, msg: object = None) -> bool:
        """What the task calls when it is cancelled."""
        if self._state != _PENDING:
            self._refused = True
            return False
        self._state = _CANCELLED
        self._schedule()
        return True

    def add_done_callback(
        self, callback: Callable[[Any], object], *, context: contextvars.Context | None = None
    ) -> None:
        """What the task calls to be woken."""
        self._asyncio_future_blocking = True
        self._loop = asyncio.get_running_loop()
        self._context = context
        self._task = task = getattr(callback, "__self__", None)
        coroutine = task.get_coro() if task is not None else None
        if type(coroutine) is Steps and context is not None:
            self._steps = coroutine
            self._run = context.run
        else:
            self._steps = None
        if self._state != _PENDING:
            self._loop.call_soon(callback, self, context=context)
        else:
            self._callback = callback
            self._advance = self._steps.advance if self._steps is not None else None

    def remove_done_callback(self, callback: Callable[[Any], object]) -> int:
        """Take a callback away; returns how many there were."""
        if self._callback == callback:
            self._callback = self._advance = None
            return 1
        return 0
