"""What an object sees as ``ctx.storage``: SQL, keys and values, one alarm, over one durable database.

Everything is synchronous and takes microseconds; durability is waited for by the output gate, not here.
Used by ``objects``, and directly by apps that need a database without an object.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import apsw

from ..errors import StorageError
from .database import Database
from .documents import Value, decode, encode
from .executor import Executor
from .options import DEFAULTS, Notify, Options
from .reserve import Reserve
from .sql import Sql
from .wal import WalFile

__all__ = ["Key", "Storage"]

#: Keys of the key-value side. ``"a"`` and ``b"a"`` are two keys; all str sort before all bytes.
Key = str | bytes

_GET: Final = "select kind, value from _kv where key = ?"
_PUT: Final = (
    "insert into _kv (key, kind, value) values (?, ?, ?)"
    " on conflict (key) do update set kind = excluded.kind, value = excluded.value"
)
_DELETE: Final = "delete from _kv where key = ?"
_ALARM: Final = "select due, tries from _alarm where id = 1"
_SET_ALARM: Final = "insert or replace into _alarm (id, due, tries) values (1, ?, ?)"
_DELETE_ALARM: Final = "delete from _alarm"


class Storage(Database):
    """See the module. Made by :meth:`Storage.open`, which blocks; ``objects`` calls it in a thread.

    Attributes:
        sql: the SQL side.
    """

    __slots__ = ("_alarm_kept", "alarm_changed", "alarm_running", "sql")

    def __init__(
        self,
        connection: apsw.Connection,
        path: Path | None,
        wal: WalFile | None,
        executor: Executor,
        *,
        reserve: Reserve | None = None,
        notify: Notify | None = None,
        options: Options = DEFAULTS,
    ) -> None:
        super().__init__(connection, path, wal, executor, reserve=reserve, notify=notify, options=options)
        self.sql = Sql(self)
        self.alarm_changed: Callable[[float | None], None] | None = None
        """Told when the alarm was set (its time), deleted or may have been changed by a rollback (None = look)."""
        self.alarm_running = False
        """Set by the runtime while the alarm's handler runs: its row is kept until the handler succeeded."""
        self._alarm_kept = False

    # Keys and values

    def get(self, key: Key, default: Value = None) -> Value:
        """The value of a key.

        Raises:
            StorageFailed: the file has failed.
        """
        rows = self.sql.execute(_GET, (key,))
        return decode(*rows[0]) if rows else default

    def put(self, key: Key, value: Value) -> None:
        """Set a key: bytes, str, int, float, bool, None, or lists and dicts of JSON's values.

        Raises:
            TypeError: the value cannot be stored.
            StorageFull: no space.
            StorageFailed: the file has failed.
        """
        self.sql.execute(_PUT, (_checked(key), *encode(value)))

    def delete(self, key: Key) -> bool:
        """Remove a key; whether it was there. Works also when new values are refused for lack of space."""
        self.sql.execute(_DELETE, (key,))
        return self.sql.changes > 0

    def delete_all(self) -> None:
        """Remove all keys (not the tables of the app, and not the alarm)."""
        self.sql.execute("delete from _kv")

    def list(
        self,
        *,
        prefix: Key | None = None,
        start: Key | None = None,
        start_after: Key | None = None,
        end: Key | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> dict[Key, Value]:
        """Keys and values in the order of the keys' bytes.

        Args:
            prefix: only keys that begin so.
            start: the first key, inclusive.
            start_after: the first key, exclusive.
            end: the last key, exclusive.
            reverse: from the last to the first.
            limit: how many at most.
        """
        where: list[str] = []
        params: list[Any] = []
        for condition, value in (
            ("key >= ?", start),
            ("key > ?", start_after),
            ("key < ?", end),
            ("key >= ?", prefix),
            ("key < ?", None if prefix is None else _after(prefix)),
        ):
            if value is not None:
                where.append(condition)
                params.append(value)
        if prefix is not None:
            where.append("typeof(key) = ?")
            params.append("text" if isinstance(prefix, str) else "blob")
        text = "select key, kind, value from _kv"
        if where:
            text += " where " + " and ".join(where)
        text += f" order by key {'desc' if reverse else 'asc'} limit ?"
        params.append(-1 if limit is None else limit)
        return {key: decode(kind, value) for key, kind, value in self.sql.execute(text, params)}

    # The alarm

    def set_alarm(self, at: float | datetime) -> None:
        """Have the object's ``alarm`` called at a time; replaces the one that was set.

        Args:
            at: seconds since the epoch, or a datetime with a time zone.

        Raises:
            ValueError: a datetime without a time zone.
        """
        if isinstance(at, datetime):
            if at.tzinfo is None:
                raise ValueError("an alarm needs a datetime with a time zone")
            at = at.timestamp()
        self.sql.execute(_SET_ALARM, (float(at), 0))
        self._alarm_kept = True
        if self.alarm_changed is not None:
            self.alarm_changed(float(at))

    def get_alarm(self) -> float | None:
        """When the alarm is due, in seconds since the epoch; None when none is set.

        While its handler runs the alarm counts as not set, unless the handler has set it again.
        """
        row = self.sql.one(_ALARM)
        return None if row is None or (self.alarm_running and not self._alarm_kept) else row[0]

    def delete_alarm(self) -> None:
        """Unset the alarm."""
        self.sql.execute(_DELETE_ALARM)
        self._alarm_kept = True
        if self.alarm_changed is not None:
            self.alarm_changed(None)

    def alarm_begins(self) -> tuple[float, int] | None:
        """For the runtime: the handler begins. Time and number of failed tries, or None when no alarm is set."""
        row = self.sql.one(_ALARM)
        self.alarm_running = row is not None
        self._alarm_kept = False
        return None if row is None else (row[0], row[1])

    def alarm_ends(self, again_at: float | None = None) -> None:
        """For the runtime: the handler has ended; ``again_at``: it failed and is to be tried again then."""
        self.alarm_running = False
        if not self._alarm_kept:
            if again_at is None:
                self.sql.execute(_DELETE_ALARM)
            else:
                self.sql.execute("update _alarm set due = ?, tries = tries + 1", (again_at,))

    def rolled_back(self) -> None:
        """An alarm that was set or unset in the undone writes is as it was before."""
        if self.alarm_changed is not None:
            self._executor.soon(self._look_at_alarm)

    def _look_at_alarm(self) -> None:
        if self._failed is None and self.alarm_changed is not None:
            try:
                self.alarm_changed(self.get_alarm())
            except StorageError:
                pass


def _checked(key: Key) -> Key:
    if not isinstance(key, (str, bytes)):
        raise TypeError(f"a key must be str or bytes, not {type(key).__name__}")
    if len(key) > 2048:
        raise StorageError(errno.ENAMETOOLONG, "a key may have 2048 characters at most")
    return key


def _after(prefix: Key) -> Key | None:
    """The first key behind all that begin with ``prefix``; None when there is no such bound."""
    if isinstance(prefix, bytes):
        cut = prefix.rstrip(b"\xff")
        return cut[:-1] + bytes([cut[-1] + 1]) if cut else None
    cut_text = prefix.rstrip("\U0010ffff")
    if not cut_text:
        return None
    following = ord(cut_text[-1]) + 1
    # The surrogates are no characters of UTF-8, whose byte order is the order of code points.
    return cut_text[:-1] + chr(0xE000 if following == 0xD800 else following)
