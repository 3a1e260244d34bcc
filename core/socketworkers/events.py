"""Event targets and abort signals with the behaviour of the WHATWG DOM standard, in snake_case.

Does no I/O. ``Socket`` and ``App`` are event targets; every wait of the runtime takes an ``AbortSignal``.
Source: DOM Living Standard §2 (Events) and §3 (Aborting ongoing activities).
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
import weakref
from collections.abc import Callable, Iterable
from typing import Any

from .errors import Aborted, StateError
from .promise import Promise

__all__ = ["AbortController", "AbortSignal", "Event", "EventTarget", "Listener"]

Listener = Callable[[Any], object]
_log = logging.getLogger("socketworkers")


class Event:
    """Something that happened (DOM §2.2).

    Args:
        type: the event's name.
        cancelable: whether ``prevent_default`` has an effect.
        detail: anything the sender wants to add.
    """

    __slots__ = ("_canceled", "_dispatching", "_stop", "cancelable", "detail", "target", "time_stamp", "type")

    def __init__(self, type: str, *, cancelable: bool = False, detail: Any = None) -> None:
        self.type = type
        self.cancelable = cancelable
        self.detail = detail
        self.target: EventTarget | None = None
        self.time_stamp = time.monotonic()
        self._canceled = False
        self._dispatching = False
        self._stop = False

    @property
    def current_target(self) -> EventTarget | None:
        """The target while listeners run, None otherwise."""
        return self.target if self._dispatching else None

    @property
    def default_prevented(self) -> bool:
        """Whether a listener called ``prevent_default`` on a cancelable event."""
        return self._canceled

    def prevent_default(self) -> None:
        """Ask the sender not to do what it does by default."""
        if self.cancelable:
            self._canceled = True

    def stop_immediate_propagation(self) -> None:
        """Call no further listener."""
        self._stop = True

    #: With no tree of targets there is nothing to propagate to; kept for code that is used to it.
    def stop_propagation(self) -> None:
        """Has no effect here: our targets form no tree."""

    def __repr__(self) -> str:
        return f"<{self.__class__.__name__} {self.type!r}>"


class _Entry:
    __slots__ = ("callback", "once", "removed", "unfollow")

    def __init__(self, callback: Listener, once: bool) -> None:
        self.callback = callback
        self.once = once
        self.removed = False
        self.unfollow: Callable[[], None] | None = None


class EventTarget:
    """Something that events can be dispatched to (DOM §2.7)."""

    __slots__ = ("__weakref__", "_listeners")

    def __init__(self) -> None:
        self._listeners: dict[str, list[_Entry]] | None = None

    def add_event_listener(
        self, type: str, callback: Listener | None, *, once: bool = False, signal: AbortSignal | None = None
    ) -> None:
        """Call ``callback(event)`` for each event of ``type``.

        The same callback is added once per type. Objects with a ``handle_event`` method are called through it.

        Args:
            type: the event's name.
            callback: function, coroutine function or object with ``handle_event``; None does nothing.
            once: remove the listener before its first call.
            signal: remove the listener when this aborts; an aborted one adds nothing.
        """
        if callback is None or (signal is not None and signal.aborted):
            return
        if self._listeners is None:
            self._listeners = {}
        entries = self._listeners.setdefault(type, [])
        if any(entry.callback == callback for entry in entries):
            return
        entry = _Entry(callback, once)
        entries.append(entry)
        if signal is not None:
            entry.unfollow = signal.follow(lambda: self._remove(type, entry))

    def remove_event_listener(self, type: str, callback: Listener | None) -> None:
        """Take a listener away; nothing happens if it is not there."""
        for entry in (self._listeners or {}).get(type, ()):
            if entry.callback == callback:
                self._remove(type, entry)
                return

    def has_event_listener(self, type: str) -> bool:
        """Whether anybody listens, so that making the event can be saved."""
        return bool(self._listeners and self._listeners.get(type))

    def _remove(self, type: str, entry: _Entry) -> None:
        entry.removed = True
        if entry.unfollow is not None:
            entry.unfollow()
            entry.unfollow = None
        entries = (self._listeners or {}).get(type)
        if entries is not None and entry in entries:
            entries.remove(entry)

    def dispatch_event(self, event: Event) -> bool:
        """Call the listeners of ``event.type`` in the order they were added.

        A listener's exception is reported to the loop's exception handler and stops nobody else.

        Returns:
            False if the event was cancelable and a listener prevented the default, else True.

        Raises:
            StateError: the event is being dispatched already.
        """
        if event._dispatching:
            raise StateError(f"the event {event.type!r} is being dispatched already")
        event.target = self
        event._dispatching = True
        try:
            for entry in tuple((self._listeners or {}).get(event.type, ())):
                if entry.removed:
                    continue
                if entry.once:
                    self._remove(event.type, entry)
                _call(entry.callback, event)
                if event._stop:
                    break
        finally:
            event._dispatching = False
            event._stop = False
        return not event._canceled


def _call(callback: Any, event: Event) -> None:
    try:
        result = callback(event) if callable(callback) else callback.handle_event(event)
        if inspect.iscoroutine(result):
            task = asyncio.get_running_loop().create_task(result)
            _running.add(task)
            task.add_done_callback(_finish)
    except Exception as error:
        _report(error)


_running: set[asyncio.Task[object]] = set()


def _finish(task: asyncio.Task[object]) -> None:
    _running.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        _report(error)


def _report(error: BaseException) -> None:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        _log.error("an event listener failed", exc_info=error)
    else:
        loop.call_exception_handler({"message": "an event listener failed", "exception": error})


class AbortSignal(EventTarget):
    """Tells many that something was given up (DOM §3.2). Dispatches ``abort`` once."""

    __slots__ = ("_algorithms", "_dependents", "_needed", "_promise", "_reason", "_sources", "on_abort")

    def __init__(self) -> None:
        super().__init__()
        self._reason: BaseException | None = None
        self._algorithms: dict[object, Callable[[], None]] | None = None
        self._dependents: weakref.WeakSet[AbortSignal] | None = None
        #: those dependents that somebody listens to: they live as long as their source (DOM §3.2.2)
        self._needed: set[AbortSignal] | None = None
        self._sources: list[AbortSignal] | None = None
        self._promise: Promise[None] | None = None
        #: called with the event, like a listener
        self.on_abort: Listener | None = None

    @property
    def aborted(self) -> bool:
        """Whether it has been aborted."""
        return self._reason is not None

    @property
    def reason(self) -> BaseException | None:
        """Why, None while not aborted."""
        return self._reason

    def throw_if_aborted(self) -> None:
        """Raise the reason if aborted.

        Raises:
            BaseException: the reason.
        """
        if self._reason is not None:
            raise self._reason

    async def wait(self) -> None:
        """Return once aborted."""
        if self._reason is None:
            if self._promise is None:
                self._promise = Promise()
            await self._promise

    def follow(self, algorithm: Callable[[], None]) -> Callable[[], None]:
        """Run ``algorithm`` at abort, before the event's listeners (DOM "add an algorithm"); at once if aborted.

        Returns:
            A function that takes it back.
        """
        if self._reason is not None:
            algorithm()
            return lambda: None
        if self._algorithms is None:
            self._algorithms = {}
        key = object()
        self._algorithms[key] = algorithm
        self._review()

        def unfollow() -> None:
            if self._algorithms is not None:
                self._algorithms.pop(key, None)
                self._review()

        return unfollow

    def add_event_listener(
        self, type: str, callback: Listener | None, *, once: bool = False, signal: AbortSignal | None = None
    ) -> None:
        super().add_event_listener(type, callback, once=once, signal=signal)
        self._review()

    def _remove(self, type: str, entry: _Entry) -> None:
        super()._remove(type, entry)
        self._review()

    def _review(self) -> None:
        """Tell the sources whether anybody needs this dependent signal."""
        if self._sources is None:
            return
        needed = bool(self._algorithms) or self.has_event_listener("abort")
        for source in self._sources:
            if needed:
                if source._needed is None:
                    source._needed = set()
                source._needed.add(self)
            elif source._needed is not None:
                source._needed.discard(self)

    def _abort(self, reason: object = None) -> None:
        if self._reason is not None:
            return
        self._reason = reason if isinstance(reason, BaseException) else Aborted(reason)
        followers = [signal for signal in self._dependents or () if not signal.aborted]
        for signal in followers:  # DOM §3.2 "signal abort": all get the reason before any event is fired
            signal._reason = self._reason
        self._run_steps()
        for signal in followers:
            signal._run_steps()

    def _run_steps(self) -> None:
        algorithms, self._algorithms = self._algorithms, None
        for algorithm in list((algorithms or {}).values()):
            try:
                algorithm()
            except Exception as error:
                _report(error)
        if self._promise is not None:
            self._promise.resolve(None)
        event = Event("abort")
        event.target = self
        if self.on_abort is not None:
            _call(self.on_abort, event)
        self.dispatch_event(event)
        self._dependents = None
        self._needed = None
        self._sources = None

    @classmethod
    def abort(cls, reason: object = None) -> AbortSignal:
        """A signal that is aborted already."""
        signal = cls()
        signal._reason = reason if isinstance(reason, BaseException) else Aborted(reason)
        return signal

    @classmethod
    def timeout(cls, seconds: float) -> AbortSignal:
        """A signal that aborts with ``TimeoutError`` after ``seconds``. Needs a running loop."""
        signal = cls()
        reference = weakref.ref(signal)

        def expire() -> None:
            if (target := reference()) is not None:
                target._abort(TimeoutError(f"timed out after {seconds:g} s"))

        handle = asyncio.get_running_loop().call_later(seconds, expire)
        weakref.finalize(signal, handle.cancel).atexit = False
        return signal

    @classmethod
    def any(cls, signals: Iterable[AbortSignal]) -> AbortSignal:
        """A signal that aborts when the first of ``signals`` does, with its reason (DOM §3.2.1)."""
        result = cls()
        sources: list[AbortSignal] = []
        for signal in signals:
            if signal.aborted:
                result._reason = signal._reason
                return result
            # a dependent signal never depends on another dependent one: flatten to the roots
            sources.extend(signal._sources or [signal])
        for source in sources:
            if source._dependents is None:
                source._dependents = weakref.WeakSet()
            source._dependents.add(result)
        result._sources = sources
        return result


class AbortController:
    """Makes a signal and aborts it (DOM §3.1)."""

    __slots__ = ("signal",)

    def __init__(self) -> None:
        self.signal = AbortSignal()

    def abort(self, reason: object = None) -> None:
        """Abort the signal; only the first call counts.

        Args:
            reason: an exception, or anything that ``Aborted`` will carry.
        """
        self.signal._abort(reason)
