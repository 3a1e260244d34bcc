"""``Mailbox``: the object that holds the mail of one address, or of all unlisted ones. Filled idempotently by id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from socketworkers import DurableObject

from .config import Keep
from .records import Delivery, Record, Summary

__all__ = ["Mailbox"]

_COLUMNS = "e.id, e.address, e.recipient, c.sender, c.received, c.size, c.helo, c.peer, c.user, c.details"
_FROM = "from entry e join content c on c.id = e.id"


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
    )

    async def deliver(
        self, batch: Sequence[tuple[Record, Sequence[Delivery]]], bounds: Sequence[Keep], now: float
    ) -> tuple[int, int, list[str]]:
        """Put messages in; those that are there already (or were removed since) are passed over.

        Returns:
            Bytes and messages held now, and the body files that no entry names any more.
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
        dropped += self._prune(bounds, now)
        held, messages = self.ctx.storage.sql.execute("select bytes, messages from total")[0]
        return held, messages, dropped

    def _prune(self, bounds: Sequence[Keep], now: float) -> list[str]:
        sql = self.ctx.storage.sql
        files: list[str] = []
        for kind, amount in bounds:
            held, messages = sql.execute("select bytes, messages from total")[0]
            if kind == "age":
                ids = [row[0] for row in sql.execute("select id from content where received < ?", (now - amount,))]
                files += self._remove(ids, now)
            elif kind == "count" and messages > amount:
                rows = sql.execute("select id from content order by id limit ?", (messages - int(amount),))
                files += self._remove([row[0] for row in rows], now)
            elif kind == "size":
                while held > amount and messages > 1:  # the newest stays, however large
                    ids = []
                    for id, size in sql.execute("select id, size from content order by id limit 100"):
                        if held <= amount or len(ids) + 1 >= messages:
                            break
                        ids.append(id)
                        held -= size
                    if not ids:
                        break
                    files += self._remove(ids, now)
                    messages -= len(ids)
        ages = [amount for kind, amount in bounds if kind == "age"]
        if ages and (oldest := sql.value("select min(received) from content")) is not None:
            due = oldest + min(ages)
            alarm = self.ctx.storage.get_alarm()
            if alarm is None or alarm > due + 1:
                self.ctx.storage.set_alarm(max(due, now + 1))
        return files

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
        # a delivery is repeated within seconds of a restart: a day is long
        sql.execute("delete from gone where at < ?", (now - 86400,))
        return files

    async def prune(self, bounds: Sequence[Keep], now: float) -> list[str]:
        """Remove what is beyond the bounds; returns body files that are not needed any more."""
        return self._prune(bounds, now)

    async def alarm(self, info: object) -> None:
        """Messages have become too old."""
        config = self.env.config
        files = self._prune(config.bounds, info.scheduled if hasattr(info, "scheduled") else 0.0)
        if files:
            await self.env.QUEUE.get("queue").release(self.ctx.id, files)

    async def totals(self) -> tuple[int, int]:
        """Bytes and messages held."""
        held, messages = self.ctx.storage.sql.execute("select bytes, messages from total")[0]
        return held, messages

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

    async def newest(self) -> str:
        """The newest id that is or was here, "" if there is none."""
        sql = self.ctx.storage.sql
        return max(sql.value("select max(id) from content") or "", sql.value("select max(id) from gone") or "")

    async def find(self, id: str) -> Summary | None:
        """One message."""
        rows = self.ctx.storage.sql.execute(f"select {_COLUMNS} {_FROM} where e.id = ? limit 1", (id,))
        return Summary(rows[0][0], self.ctx.id, *rows[0][1:]) if rows else None

    async def content(self, id: str) -> tuple[bytes, bytes | None, str | None] | None:
        """Trace fields, body, and body file (one of the two is None)."""
        row = self.ctx.storage.sql.one("select head, body, file from content where id = ?", (id,))
        return None if row is None else (row[0], row[1], row[2])

    async def remove(self, ids: Sequence[str], now: float) -> tuple[int, list[str]]:
        """Remove messages; those that are not there are passed over.

        Returns:
            How many there were, and the body files that are not needed any more.
        """
        sql = self.ctx.storage.sql
        known = [id for id in ids if sql.one("select 1 from content where id = ?", (id,))]
        return len(known), self._remove(known, now)

    async def remove_all(self, now: float) -> tuple[int, list[str]]:
        """Remove everything."""
        ids = [row[0] for row in self.ctx.storage.sql.execute("select id from content")]
        return len(ids), self._remove(ids, now)

    async def files(self) -> list[str]:
        """The body files that are needed."""
        return [row[0] for row in self.ctx.storage.sql.execute("select file from content where file is not null")]
