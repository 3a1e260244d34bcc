"""What a namespace must know without opening its objects: whose alarm may be due, and ids too long for a file name.

One small database beside the objects. No commit spans files, so for alarms it holds a promise in the safe direction:
an object whose class has alarms is marked as *live* (due 0), durably, before it is started, and gets its real entry
when it is closed. After a crash the marked ones are opened and looked at; nothing that is in an object's own file
can be missed, whatever was lost here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..storage import Migration, Storage

if TYPE_CHECKING:
    from .runtime import ObjectRuntime

__all__ = ["NamespaceIndex"]

LIVE: Final = 0.0

_MIGRATIONS: Final[tuple[Migration, ...]] = (
    """
    create table alarms (id text primary key, due real not null) strict, without rowid;
    create table names (file text primary key, id text not null) strict, without rowid;
    """,
)


class NamespaceIndex:
    """The index of one namespace. Opened by :meth:`open`.

    Args:
        storage: its database.
    """

    __slots__ = ("storage",)

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    @classmethod
    async def open(cls, path: Path | None, runtime: ObjectRuntime) -> NamespaceIndex:
        """Open or make it.

        Raises:
            StartupError, StorageError: as ``Storage.open``.
        """
        # Without it objects cannot be started, not even to be read: so it may use the reserve.
        storage = await runtime.open_storage(path, _MIGRATIONS, reserve=False)

        def failed(_error: object) -> None:
            runtime.failed = True

        storage.on_failed = failed
        return cls(storage)

    def alarms(self) -> list[tuple[str, float]]:
        """All entries: id and time (:data:`LIVE`: has to be looked at)."""
        return [(id, due) for id, due in self.storage.sql.execute("select id, due from alarms")]

    async def mark_live(self, id: str) -> None:
        """Mark an object before it is started; returns when that is durable.

        Raises:
            StorageError: it could not be made durable; the object must not be started.
        """
        due = self.storage.sql.value("select due from alarms where id = ?", (id,))
        if due != LIVE:
            self.storage.sql.execute("insert or replace into alarms (id, due) values (?, ?)", (id, LIVE))
        await self.storage.synced()

    def mark_closed(self, id: str, due: float | None) -> None:
        """Replace the mark by the truth. Need not be durable: a mark that stays costs one look."""
        if due is None:
            self.storage.sql.execute("delete from alarms where id = ?", (id,))
        else:
            self.storage.sql.execute("insert or replace into alarms (id, due) values (?, ?)", (id, due))

    async def keep_name(self, file: str, id: str) -> None:
        """Remember the id of a cut file name; returns when that is durable."""
        if self.storage.sql.value("select id from names where file = ?", (file,)) is None:
            self.storage.sql.execute("insert into names (file, id) values (?, ?)", (file, id))
        await self.storage.synced()

    def id_of(self, file: str) -> str | None:
        """The id of a cut file name."""
        id: str | None = self.storage.sql.value("select id from names where file = ?", (file,))
        return id

    def forget(self, file: str, id: str) -> None:
        """Drop all entries of a deleted object."""
        self.storage.sql.execute("delete from alarms where id = ?", (id,))
        self.storage.sql.execute("delete from names where file = ?", (file,))
