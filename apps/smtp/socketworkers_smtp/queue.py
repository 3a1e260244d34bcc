"""``MailQueue``: the object whose one commit is what ``250`` promises.

A message is in the queue (envelope, and the small body or the name of a durable body file) before it is acknowledged;
mailboxes are then filled by id, so that a delivery that is repeated after a crash changes nothing. A body file belongs
to the mailboxes that name it; the queue keeps the list, and removes a file that none needs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from socketworkers import DurableObject, faults
from socketworkers.errors import StorageError
from socketworkers.storage import BodyFiles

from .addresses import CATCH_ALL
from .config import Keep
from .maildir import Maildir
from .records import Delivery, Record

__all__ = ["MAILDIR", "MailQueue"]

#: pseudo mailbox for the copy in a Maildir
MAILDIR = "maildir:"
BATCH = 200
RETRY = 5.0


class MailQueue(DurableObject):
    """Messages between their acknowledgement and their mailboxes. There is one, ``queue``."""

    migrations = (
        """
        create table message (
            id text primary key, received real not null, sender text not null, helo text not null, peer text not null,
            user text not null, details text not null, head blob not null, body blob, file text, size integer not null
        ) strict, without rowid;
        create table delivery (
            id text not null, mailbox text not null, address text not null, recipient text not null,
            primary key (id, mailbox, recipient)
        ) strict, without rowid;
        create table file (name text not null, mailbox text not null, primary key (name, mailbox))
            strict, without rowid;
        """,
    )

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        self._task: asyncio.Task[None] | None = None
        self._more = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._waiting = 0
        self._files: BodyFiles = ctx.body_files("mail")

    async def start(self) -> None:
        """Sweep what a crash left, and go on delivering."""
        faults.point("smtp.start_recovery")
        sql = self.ctx.storage.sql
        rows = sql.execute("select file from message where file is not null union select name from file")
        self._files.sweep([row[0] for row in rows])
        self._waiting = sql.value("select count(*) from message")
        if self._waiting:
            self._wake()

    async def enqueue(self, record: Record, deliveries: Sequence[Delivery]) -> None:
        """Take a message over. Returns once it is on disk."""
        faults.point("smtp.before_commit")
        sql = self.ctx.storage.sql
        sql.execute(
            "insert into message values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record.id, record.received, record.sender, record.helo, record.peer, record.user, record.details,
                record.head, record.body, record.file, record.size,
            ),
        )  # fmt: skip
        for delivery in deliveries:
            sql.execute("insert or ignore into delivery values (?, ?, ?, ?)", (record.id, *delivery))
        if record.file is not None:
            for mailbox in {delivery.mailbox for delivery in deliveries} - {MAILDIR}:
                sql.execute("insert or ignore into file values (?, ?)", (record.file, mailbox))
        self._waiting += 1
        self._wake()

    def _wake(self) -> None:
        self._idle.clear()
        self._more.set()
        if self._task is None or self._task.done():
            self._task = self.ctx.wait_until(self._run())

    async def settled(self, timeout: float | None = 30.0) -> bool:
        """Wait until every message that was taken over is in its mailboxes.

        Returns:
            False if that did not happen in time.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def pending(self) -> int:
        """Messages that are not in all of their mailboxes yet."""
        return self._waiting

    async def bodies(self) -> BodyFiles:
        """The folder of large bodies."""
        return self._files

    async def newest(self) -> str:
        """The newest id in the queue, "" if it is empty."""
        return self.ctx.storage.sql.value("select max(id) from message") or ""

    async def release(self, mailbox: str, files: Sequence[str]) -> None:
        """A mailbox does not need these body files any more."""
        sql = self.ctx.storage.sql
        unused = []
        for name in files:
            sql.execute("delete from file where name = ? and mailbox = ?", (name, mailbox))
            if not sql.one(
                "select 1 from file where name = ? union all select 1 from message where file = ?", (name, name)
            ):
                unused.append(name)
        if unused:
            # the files may go only after the commit that forgets them
            await self.ctx.storage.synced(self.ctx.storage.commit_ticket())
            await self._files.remove(*unused)

    # -- delivery ----------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while self._waiting:
            self._more.clear()
            try:
                await self._deliver_some()
            except StorageError as error:
                self.ctx.log.warning("delivery waits: %s", error)
                if getattr(self.ctx.storage, "failed", None):
                    return
                await asyncio.sleep(RETRY)
            except Exception:
                self.ctx.log.exception("delivery failed; it is tried again")
                await asyncio.sleep(RETRY)
        self._idle.set()

    async def _deliver_some(self) -> None:
        sql = self.ctx.storage.sql
        # nothing is handed on before it is on disk here: else a crash could deliver what was never acknowledged
        await self.ctx.storage.synced(self.ctx.storage.commit_ticket())
        rows = sql.execute("select * from message order by id limit ?", (BATCH,))
        records = {row[0]: Record(*row) for row in rows}
        if not records:
            self._waiting = 0
            return
        last = rows[-1][0]
        plan: dict[str, dict[str, list[Delivery]]] = {}
        for id, mailbox, address, recipient in sql.execute(
            "select id, mailbox, address, recipient from delivery where id <= ? order by id", (last,)
        ):
            plan.setdefault(mailbox, {}).setdefault(id, []).append(Delivery(mailbox, address, recipient))
        faults.point("smtp.in_delivery")
        now = time.time()
        for mailbox, ids in plan.items():
            batch = [(records[id], deliveries) for id, deliveries in ids.items() if id in records]
            if mailbox == MAILDIR:
                await self._to_maildir([record for record, _ in batch])
            else:
                await self._to_mailbox(mailbox, batch, now)
            sql.execute_many("delete from delivery where id = ? and mailbox = ?", [(id, mailbox) for id in ids])
        faults.point("smtp.before_mark")
        done = [id for id in records if not sql.one("select 1 from delivery where id = ? limit 1", (id,))]
        files = [record.file for id, record in records.items() if record.file and id in set(done)]
        sql.execute_many("delete from message where id = ?", [(id,) for id in done])
        self._waiting -= len(done)
        unused = [name for name in files if not sql.one("select 1 from file where name = ?", (name,))]
        if unused:
            await self.ctx.storage.synced(self.ctx.storage.commit_ticket())
            await self._files.remove(*unused)
        if (mail := getattr(self.env, "mail", None)) is not None:
            mail.delivered(len(done))

    async def _to_mailbox(self, mailbox: str, batch: list[tuple[Record, list[Delivery]]], now: float) -> None:
        config = self.env.config
        bounds: list[Keep] = list(config.bounds)
        if mailbox == CATCH_ALL and not config.domain:
            bounds.append(Keep("size", config.catch_all_limit))
        held, messages, dropped = await self.env.MAILBOX.get(mailbox).deliver(batch, bounds, now)
        if (mail := getattr(self.env, "mail", None)) is not None and mailbox == CATCH_ALL:
            mail.catch_all_bytes = held
            mail.catch_all_messages = messages
        if dropped:
            sql = self.ctx.storage.sql
            waiting = {record.file for record, _ in batch}
            sql.execute_many("delete from file where name = ? and mailbox = ?", [(name, mailbox) for name in dropped])
            gone = [
                name
                for name in dropped
                if name not in waiting and not sql.one("select 1 from file where name = ?", (name,))
            ]
            if gone:
                await self.ctx.storage.synced(self.ctx.storage.commit_ticket())
                await self._files.remove(*gone)

    async def _to_maildir(self, records: list[Record]) -> None:
        folder = self.env.config.maildir
        if folder is None:
            return  # the option is gone since these were taken: their copies are in the mailboxes
        maildir = Maildir(folder)
        items = [
            (
                record.id,
                record.received,
                record.head,
                record.body if record.file is None else self._files.path(record.file),
            )
            for record in records
        ]
        await asyncio.get_running_loop().run_in_executor(None, maildir.deliver, items)
