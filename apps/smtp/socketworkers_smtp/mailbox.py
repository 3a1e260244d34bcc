"""``Mailbox``: the object that holds the mail of one address, or of all unlisted ones. Filled idempotently by id."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from socketworkers import DurableObject, faults
from socketworkers.errors import StorageError
from socketworkers.objects import AlarmInfo

from .addresses import CATCH_ALL
from .config import Keep
from .records import Delivery, Record, Summary

__all__ = ["Mailbox"]

_COLUMNS = "e.id, e.address, e.recipient, c.sender, c.received, c.size, c.helo, c.peer, c.user, c.details"
_FROM = "from entry e join content c on c.id = e.id"
#: messages that one pass over the bounds removes; the rest goes a moment later, so that nobody waits
_AT_ONCE = 1000
#: names of removed messages that are remembered. Only what the queue's last round handed over can come again after a
#: crash (``queue.BATCH``), and what was removed last is forgotten last
_REMEMBERED = 10_000


class Mailbox(DurableObject):
    """Messages of one mailbox, oldest first."""

    migrations = (
        """
        create table content (
            id text primary key, received real not null, sender text not null, helo text not null, peer text not null,
            user text not null, details text not null, head blob not null, body blob, file text, size integer not null
        ) strict, without rowid;
        create table entry (
            seq integer primary key autoincrement, id text not null, address text not null, recipient text not null,
            unique (id, recipient)
        ) strict;
        create index entry_address on entry (address);
        -- names of messages that were removed: a delivery that is repeated after a crash must not bring them back
        create table gone (id text primary key, at real not null) strict, without rowid;
        create table total (one integer primary key check (one = 1), bytes integer not null, messages integer not null)
            strict;
        insert into total values (1, 0, 0);
        """,
        # thousands of names a second come in, and the oldest are looked for with each delivery
        "create index gone_at on gone (at)",
    )

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        #: rows of ``gone``: counting them takes as long as they are many
        self._gone = 0

    async def start(self) -> None:
        """The bounds may be others than when this was last open."""
        self._gone = int(self.ctx.storage.sql.value("select count(*) from gone"))
        if self._bounds():
            await self._release(self._prune(time.time()))

    async def deliver(self, batch: Sequence[tuple[Record, Sequence[Delivery]]], now: float) -> list[str]:
        """Put messages in; those that are there already (or were removed since) are passed over.

        Returns:
            The body files that are not named here any more.
        """
        sql = self.ctx.storage.sql
        added = bytes_added = 0
        dropped: list[str] = []
        for record, deliveries in batch:
            if sql.one("select 1 from gone where id = ?", (record.id,)):
                if record.file:
                    dropped.append(record.file)
                continue
            sql.execute(
                "insert or ignore into content values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    record.id, record.received, record.sender, record.helo, record.peer, record.user, record.details,
                    record.head, record.body, record.file, record.size,
                ),
            )  # fmt: skip
            if sql.changes:
                bytes_added += record.size
                added += 1
            for delivery in deliveries:
                sql.execute(
                    "insert or ignore into entry (id, address, recipient) values (?, ?, ?)",
                    (record.id, delivery.address, delivery.recipient),
                )
        if added:
            sql.execute("update total set bytes = bytes + ?, messages = messages + ?", (bytes_added, added))
        dropped += self._prune(now)
        self._tell()
        return dropped

    def _bounds(self) -> list[Keep]:
        config = self.env.config
        bounds: list[Keep] = list(config.bounds)
        if self.ctx.id == CATCH_ALL and not config.domain:
            bounds.append(Keep("size", config.catch_all_limit))
        return bounds

    def _prune(self, now: float) -> list[str]:
        """Remove the oldest messages beyond the bounds; returns body files that are not needed any more."""
        sql = self.ctx.storage.sql
        bounds = self._bounds()
        files: list[str] = []
        due: list[float] = []
        for kind, amount in bounds:
            held, messages = sql.execute("select bytes, messages from total")[0]
            ids: list[str] = []
            if kind == "age":
                oldest = self._oldest()
                if oldest is not None and oldest <= now - amount:
                    for id, at in sql.execute("select id, received from content order by id limit ?", (_AT_ONCE,)):
                        if at > now - amount:
                            break
                        ids.append(id)
            elif kind == "count" and messages > amount:
                most = min(messages - int(amount), _AT_ONCE)
                ids = [row[0] for row in sql.execute("select id from content order by id limit ?", (most,))]
            elif kind == "size" and held > amount:
                most = min(messages - 1, _AT_ONCE)  # the newest stays, however large
                for id, size in sql.execute("select id, size from content order by id limit ?", (most,)):
                    if held <= amount:
                        break
                    ids.append(id)
                    held -= size
            files += self._remove(ids, now)
            if len(ids) == _AT_ONCE:
                due.append(now + 0.1)
            if kind == "age" and (oldest := self._oldest()) is not None:
                due.append(max(oldest + amount, now + 0.1))
        if due:
            alarm = self.ctx.storage.get_alarm()
            if alarm is None or alarm > min(due) + 1:
                self.ctx.storage.set_alarm(min(due))
        return files

    def _oldest(self) -> float | None:
        """When the oldest came. By name, which follows the time: looking at a whole mailbox would hold everybody up."""
        oldest: float | None = self.ctx.storage.sql.value("select received from content order by id limit 1")
        return oldest

    def _remove(self, ids: Sequence[str], now: float) -> list[str]:
        sql = self.ctx.storage.sql
        files = []
        for id in ids:
            row = sql.one("select size, file from content where id = ?", (id,))
            if row is None:
                continue
            sql.execute("delete from entry where id = ?", (id,))
            sql.execute("delete from content where id = ?", (id,))
            sql.execute("update total set bytes = bytes - ?, messages = messages - 1", (row[0],))
            sql.execute("insert or replace into gone values (?, ?)", (id, now))
            if row[1]:
                files.append(row[1])
            self._gone += 1
        if ids:
            # a delivery is repeated within seconds of a restart: a day is long
            sql.execute("delete from gone where at < ?", (now - 86400,))
            self._gone -= sql.changes
        if self._gone > _REMEMBERED:
            most = min(self._gone - _REMEMBERED, 2 * _AT_ONCE)
            sql.execute("delete from gone where id in (select id from gone order by at limit ?)", (most,))
            self._gone -= sql.changes
        return files

    def _tell(self) -> None:
        """The catch-all's size bounds what is taken for it."""
        if self.ctx.id == CATCH_ALL and (mail := getattr(self.env, "mail", None)) is not None:
            mail.catch_all_bytes, mail.catch_all_messages = self._totals()

    async def _release(self, files: Sequence[str]) -> None:
        if files:
            try:
                # what names them must be gone for good before they are
                await self.ctx.storage.synced()
                faults.point("smtp.before_release")
                await self.env.QUEUE.get("queue").release(self.ctx.id, files)
            except StorageError as error:
                self.ctx.log.warning("body files are removed after the next start: %s", error)

    async def alarm(self, info: AlarmInfo) -> None:
        """Messages have become too old."""
        files = self._prune(max(time.time(), info.scheduled))
        self._tell()
        await self._release(files)

    def _totals(self) -> tuple[int, int]:
        held, messages = self.ctx.storage.sql.execute("select bytes, messages from total")[0]
        return held, messages

    async def totals(self) -> tuple[int, int]:
        """Bytes and messages held."""
        return self._totals()

    async def entries(self, address: str | None = None, after: int = 0, limit: int = 1000) -> list[tuple[int, Summary]]:
        """Entries, oldest first, with their sequence numbers.

        Args:
            address: only those of this address; ``name@*`` = of that name in any domain.
            after: sequence number to go on behind.
            limit: most that are returned.
        """
        where: list[str] = ["e.seq > ?"]
        params: list[Any] = [after]
        if address is not None and address.endswith("@*"):
            where.append("substr(e.address, 1, ?) = ?")
            params += [len(address) - 1, address[:-1]]
        elif address is not None:
            where.append("e.address = ?")
            params.append(address)
        rows = self.ctx.storage.sql.execute(
            f"select e.seq, {_COLUMNS} {_FROM} where {' and '.join(where)} order by e.seq limit ?", (*params, limit)
        )
        return [
            (
                row[0],
                Summary(row[1], self.ctx.id, row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9], row[10]),
            )
            for row in rows
        ]

    async def find(self, id: str) -> Summary | None:
        """One message."""
        rows = self.ctx.storage.sql.execute(f"select {_COLUMNS} {_FROM} where e.id = ? limit 1", (id,))
        return Summary(rows[0][0], self.ctx.id, *rows[0][1:]) if rows else None

    async def content(self, id: str) -> tuple[bytes, bytes | None, str | None] | None:
        """Trace fields, body, and body file (one of the two is None)."""
        row = self.ctx.storage.sql.one("select head, body, file from content where id = ?", (id,))
        return None if row is None else (row[0], row[1], row[2])

    async def remove(self, ids: Sequence[str], now: float, address: str | None = None) -> int:
        """Remove messages; those that are not there are passed over. Their body files are given back.

        Args:
            ids: the messages.
            now: seconds since the epoch.
            address: remove only the copies of this address (as for ``entries``); a message goes with its last copy.

        Returns:
            How many there were.
        """
        sql = self.ctx.storage.sql
        known = [id for id in ids if sql.one("select 1 from content where id = ?", (id,))]
        last = known
        if address is not None:
            last = []
            for id in known:
                if address.endswith("@*"):
                    name = address[:-1]
                    sql.execute("delete from entry where id = ? and substr(address, 1, ?) = ?", (id, len(name), name))
                else:
                    sql.execute("delete from entry where id = ? and address = ?", (id, address))
                if not sql.one("select 1 from entry where id = ?", (id,)):
                    last.append(id)
        files = self._remove(last, now)
        self._tell()
        await self._release(files)
        return len(known)

    async def remove_some(self, now: float, limit: int = _AT_ONCE) -> int:
        """Remove the oldest messages, at most ``limit``; returns how many there were."""
        return await self.remove(
            [row[0] for row in self.ctx.storage.sql.execute("select id from content order by id limit ?", (limit,))],
            now,
        )

    async def files(self) -> list[str]:
        """The body files that are needed."""
        return [row[0] for row in self.ctx.storage.sql.execute("select file from content where file is not null")]
