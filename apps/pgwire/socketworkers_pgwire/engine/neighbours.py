"""Other sessions: notifications, what system views show, cancelling, advisory locks. A layer of `Surroundings`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..codec import Report
from ..errors import SqlError
from . import notifications
from .surroundings_core import SurroundingsCore

if TYPE_CHECKING:
    pass

__all__ = ["Neighbours"]

#: bytes of notifications of one transaction
_MAX_PENDING = 1 << 24


class Neighbours(SurroundingsCore):
    """See the module."""

    # Notifications

    def notify(self, channel: str, payload: str) -> None:
        """As `SessionContext`."""
        notifications.check(channel, payload)
        if (channel, payload) in self._pending[-64:]:  # those that are equal are sent once
            return
        self._pending_size += len(channel) + len(payload) + 64
        if self._pending_size > _MAX_PENDING:
            raise SqlError("53400", "too many notifications in the NOTIFY queue")
        self._pending.append((channel, payload))

    def listen(self, channel: str) -> None:
        """LISTEN, from the commit on."""
        if len(self.listening()) + len(self._listens) >= notifications.MAX_CHANNELS:
            raise SqlError("53400", "too many channels are listened to")
        self._listens.append(("listen", channel))

    def unlisten(self, channel: str) -> None:
        """UNLISTEN, from the commit on; "" is all."""
        self._listens.append(("unlisten", channel))

    def listening(self) -> Sequence[str]:
        """As `SessionContext`."""
        return self._database.notifications.channels(self.sql)

    def _notified(self, process_id: int, channel: str, payload: str) -> None:
        self.sql.notified(process_id, channel, payload)

    # What system views show of the session

    @property
    def transaction_id(self) -> int:
        """As `SessionContext`: a number of the transaction, given when it is first asked for."""
        number = self.assigned_transaction_id
        if number is None:
            number = self.assigned_transaction_id = self._database.new_transaction_id()
        return number

    @property
    def secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.protocol.secure

    def blockers(self, pid: int) -> Sequence[int]:
        """As `SessionContext`."""
        queue = self._database.queue
        owner = queue.owner
        waiting = [each for each in self._database.sessions if each.surroundings.pid == pid and queue.waits(each)]
        found = [owner.surroundings.pid] if waiting and isinstance(owner, type(self.sql)) else []
        for each in self._database.sessions:
            if each.surroundings.pid == pid:
                holders: set[Any] = self._database.marks.waits_for(each)
                found += [holder.surroundings.pid for holder in holders]
        return found

    def advisory_locks(self) -> Iterable[tuple[tuple[int, ...], bool, int]]:
        """As `SessionContext`."""
        held: list[tuple[tuple[int, ...], bool, Any]] = list(self._database.locks.all())
        return [(key, shared, holder.surroundings.pid) for key, shared, holder in held]

    def prepared_statements(self) -> Iterable[tuple[Any, ...]]:
        """As `SessionContext`."""
        for prepared in list(self.names.statements.values()):
            if prepared.name and prepared.statement is not None:
                compiled: Any = prepared.statement.handle
                types = json.dumps(list(prepared.parameter_types))
                yield prepared.name, compiled.source, compiled.made, types, int(compiled.by_sql), 0, 0

    def cursors(self) -> Iterable[tuple[Any, ...]]:
        """As `SessionContext`."""
        for named in list(self.names.portals.values()):
            handle: Any = named.handle
            if named.name and handle is not None:
                binary = int(bool(handle.formats) and set(handle.formats) == {1})
                scroll = int(handle.scroll is True)
                yield named.name, handle.text, int(named.holdable), binary, scroll, handle.made

    # Other sessions

    def backends(self) -> Sequence[Any]:
        """As `SessionContext`."""
        return self._backends()

    def cancel(self, pid: int) -> bool:
        """As `SessionContext`."""
        return self._control(pid, "cancel")

    def terminate(self, pid: int) -> bool:
        """As `SessionContext`."""
        return self._control(pid, "terminate")

    def sleep(self, seconds: float) -> None:
        """As `SessionContext`."""
        until = time.monotonic() + max(0.0, seconds)
        while (left := until - time.monotonic()) > 0:
            self._asleep.clear()
            self.check_cancelled()
            self._asleep.wait(min(left, 3600.0))
        self.check_cancelled()

    def wake(self) -> None:
        """Whatever waits in a thread looks at once whether it is cancelled."""
        self._asleep.set()

    def check_cancelled(self) -> None:
        """As `SessionContext`."""
        error = self.sql.cancelled
        if error is not None:
            raise error

    # Advisory locks

    def advisory_lock(self, key: tuple[int, ...], *, shared: bool, transaction: bool, wait: bool) -> bool:
        """As `SessionContext`."""
        seconds = self.lock_timeout
        until = time.monotonic() + seconds

        def late() -> bool:
            return bool(seconds) and time.monotonic() >= until

        taken = self._database.locks.take(
            self.sql, key, shared=shared, wait=wait, check=self.check_cancelled, deadline=late
        )
        if taken and transaction:
            self._transaction_locks.append((key, shared))
        return taken

    def advisory_unlock(self, key: tuple[int, ...] | None, *, shared: bool) -> bool:
        """As `SessionContext`."""
        locks = self._database.locks
        if key is None:
            for each, sharing in locks.held(self.sql):
                kept = self._transaction_locks.count((each, sharing))
                while len([1 for held in locks.held(self.sql) if held == (each, sharing)]) and not kept:
                    if not locks.release(self.sql, each, shared=sharing):
                        break
            return True
        if locks.release(self.sql, key, shared=shared):
            return True
        kind = "ShareLock" if shared else "ExclusiveLock"
        self.notice(Report(severity="WARNING", sqlstate="01000", message=f"you don't own a lock of type {kind}"))
        return False
