"""A result that many may await and nobody has to.

Unlike a future it is not cancelled when one of its awaiters is, and a rejection that nobody looked at makes no noise.
Used for ``Socket.ready``, ``Socket.closed`` and the streams' ``closed``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

__all__ = ["DONE", "Done", "Promise"]

T = TypeVar("T")


class Promise(Generic[T]):
    """Pending, then resolved or rejected once."""

    __slots__ = ("_callbacks", "_error", "_settled", "_value", "_waiters")

    def __init__(self) -> None:
        self._settled = False
        self._value: T | None = None
        self._error: BaseException | None = None
        self._waiters: list[asyncio.Future[None]] | None = None
        self._callbacks: list[Callable[[], object]] | None = None

    @property
    def settled(self) -> bool:
        """Whether it is resolved or rejected."""
        return self._settled

    @property
    def error(self) -> BaseException | None:
        """The rejection, None while pending and when resolved."""
        return self._error

    def resolve(self, value: T) -> None:
        """Settle with ``value``; nothing happens if settled already."""
        if not self._settled:
            self._settled = True
            self._value = value
            self._wake()

    def reject(self, error: BaseException) -> None:
        """Settle with ``error``; nothing happens if settled already."""
        if not self._settled:
            self._settled = True
            self._error = error
            self._wake()

    def then(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` once settled; at once if it is."""
        if self._settled:
            callback()
        elif self._callbacks is None:
            self._callbacks = [callback]
        else:
            self._callbacks.append(callback)

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, None
        callbacks, self._callbacks = self._callbacks, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)
        for callback in callbacks or ():
            callback()

    def __await__(self) -> Generator[Any, None, T]:
        if not self._settled:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            if self._waiters is None:
                self._waiters = [waiter]
            else:
                self._waiters.append(waiter)
            try:
                yield from waiter.__await__()
            except asyncio.CancelledError:
                if self._waiters is not None and waiter in self._waiters:
                    self._waiters.remove(waiter)
                raise
        if self._error is not None:
            raise self._error.with_traceback(None)
        return self._value  # type: ignore[return-value]


class Done:
    """An awaitable that has nothing to wait for: the usual answer of ``writer.write``."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, None]:
        return iter(())  # type: ignore[return-value]


DONE = Done()
