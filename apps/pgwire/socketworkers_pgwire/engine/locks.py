"""Advisory locks of one database (PostgreSQL 15 documentation §13.3.5, lockfuncs.c)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from ..errors import SqlError

__all__ = ["AdvisoryLocks"]

Key = tuple[int, ...]
#: seconds between looks at whether the statement was cancelled
_LOOK: Final = 0.05
#: locks of one session
_MOST: Final = 10_000


class _Lock:
    __slots__ = ("exclusive", "shared")

    def __init__(self) -> None:
        #: how often each holder holds it
        self.exclusive: dict[object, int] = {}
        self.shared: dict[object, int] = {}

    def free_for(self, who: object, shared: bool) -> bool:
        others = any(holder is not who for holder in self.exclusive)
        return not others and (shared or all(holder is who for holder in self.shared))


class AdvisoryLocks:
    """All locks. Called in threads; waiting blocks there."""

    __slots__ = ("_changed", "_locks", "_waits")

    def __init__(self) -> None:
        self._locks: dict[Key, _Lock] = {}
        self._waits: dict[object, Key] = {}
        self._changed = threading.Condition()

    def take(
        self,
        who: object,
        key: Key,
        *,
        shared: bool,
        wait: bool,
        check: Callable[[], None],
        deadline: Callable[[], bool],
    ) -> bool:
        """Take a lock; False when it was not had without waiting.

        Args:
            who: the session.
            key: of the lock.
            shared: whether others may share it.
            wait: whether to wait for it.
            check: raises when the statement is cancelled.
            deadline: whether lock_timeout is over.

        Raises:
            SqlError: 55P03, 40P01, 57014, 53200.
        """
        with self._changed:
            lock = self._locks.setdefault(key, _Lock())
            try:
                while not lock.free_for(who, shared):
                    if not wait:
                        return False
                    self._waits[who] = key
                    if self._in_circle(who):
                        raise SqlError(
                            "40P01", "deadlock detected", detail="Sessions wait for advisory locks of each other."
                        )
                    self._changed.wait(_LOOK)
                    check()
                    if deadline():
                        raise SqlError("55P03", "canceling statement due to lock timeout")
                    lock = self._locks.setdefault(key, _Lock())
            finally:
                self._waits.pop(who, None)
                if not lock.exclusive and not lock.shared:
                    self._locks.pop(key, None)
            self._locks[key] = lock
            holders = lock.shared if shared else lock.exclusive
            if who not in holders and len(self.held(who)) >= _MOST:
                raise SqlError("53200", "out of shared memory", hint="Release advisory locks that are not needed.")
            holders[who] = holders.get(who, 0) + 1
            return True

    def _in_circle(self, who: object) -> bool:
        seen: set[int] = set()
        waiting = [who]
        while waiting:
            current = waiting.pop()
            key = self._waits.get(current)
            if key is None or key not in self._locks:
                continue
            lock = self._locks[key]
            for holder in (*lock.exclusive, *lock.shared):
                if holder is who and current is not who:
                    return True
                if id(holder) not in seen and holder is not current:
                    seen.add(id(holder))
                    waiting.append(holder)
        return False

    def release(self, who: object, key: Key, *, shared: bool) -> bool:
        """Give a lock back once; whether it was held."""
        with self._changed:
            lock = self._locks.get(key)
            holders = None if lock is None else lock.shared if shared else lock.exclusive
            if lock is None or holders is None or who not in holders:
                return False
            holders[who] -= 1
            if not holders[who]:
                del holders[who]
            if not lock.exclusive and not lock.shared:
                del self._locks[key]
            self._changed.notify_all()
            return True

    def release_all(self, who: object) -> None:
        """Give all locks back."""
        with self._changed:
            for key, lock in list(self._locks.items()):
                lock.exclusive.pop(who, None)
                lock.shared.pop(who, None)
                if not lock.exclusive and not lock.shared:
                    del self._locks[key]
            self._changed.notify_all()

    def held(self, who: object) -> list[tuple[Key, bool]]:
        """Keys of the locks of a session, and whether each is shared."""
        return [
            (key, shared)
            for key, lock in self._locks.items()
            for shared, holders in ((False, lock.exclusive), (True, lock.shared))
            if who in holders
        ]

    def all(self) -> list[tuple[Key, bool, object]]:
        """Of pg_locks: key, shared, holder."""
        with self._changed:
            return [
                (key, shared, holder)
                for key, lock in self._locks.items()
                for shared, holders in ((False, lock.exclusive), (True, lock.shared))
                for holder in holders
            ]
