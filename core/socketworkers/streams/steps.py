"""A coroutine that its task runs, and that whoever brings bytes may resume as well.

A task that is woken by a future asks it for its result, runs the coroutine to its next wait, looks at what that is and
leaves a callback there. A connection's handler waits on the same object for nearly all of its life, so that all but the
running can be left out: ``Waiter.wake_now`` does it, and wakes the task only when the coroutine ended or waits on
something else, which it leaves here. For the task nothing has happened until then: it waits, as before, on the object
that was woken.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from types import TracebackType
from typing import Any

__all__ = ["Steps"]

_NOTHING = object()


class Steps(Coroutine[Any, Any, Any]):
    """What to give to ``create_task`` in place of ``coroutine``."""

    __slots__ = ("_coroutine", "_error", "_yielded", "advance")

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine
        #: runs to the next wait; only in the task's context, with the task entered
        self.advance = coroutine.send
        self._yielded: Any = _NOTHING
        self._error: BaseException | None = None

    def keep(self, yielded: Any) -> None:
        """What the coroutine waits on now, for the task to hear of."""
        self._yielded = yielded

    def fail(self, error: BaseException) -> None:
        """How the coroutine ended (``StopIteration`` if well), for the task to hear of."""
        self._error = error

    # -- what the task calls -----------------------------------------------------------------------------------

    def send(self, value: Any) -> Any:
        """Tell what was kept, or run to the next wait."""
        if self._yielded is not _NOTHING:
            yielded, self._yielded = self._yielded, _NOTHING
            return yielded
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        return self.advance(value)

    def throw(self, kind: Any, value: Any = None, trace: TracebackType | None = None) -> Any:
        """Fail the present wait; tasks do it to cancel. What was kept is cancelled as a task would cancel it."""
        if self._error is not None:
            error, self._error = self._error, None
            # a coroutine that ended well is cancelled nevertheless, one that failed has failed: as tasks have it
            raise (kind if isinstance(error, StopIteration) else error)
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
