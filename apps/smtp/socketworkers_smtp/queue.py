"""``MailQueue``: the object whose one commit is what ``250`` promises.

A message is in the queue (envelope, and the small body or the name of a durable body file) before it is acknowledged;
mailboxes are then filled by id, so that a delivery that is repeated after a crash changes nothing. A body file belongs
to the mailboxes that name it; the queue keeps the list, and removes a file that none needs.

A place that takes nothing (a failed mailbox, a Maildir on a full disk) delays its own copies only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from socketworkers import DurableObject, faults
from socketworkers.errors import StorageError
from socketworkers.storage import BodyFiles

from .maildir import Maildir
from .records import Delivery, Record

__all__ = ["MAILDIR", "MailQueue"]

#: pseudo mailbox for the copy in a Maildir; the folder stands in place of the address
MAILDIR = "maildir:"
#: messages that are handed over at once
BATCH = 200
#: seconds until what could not be delivered is tried again: the first time, and at most
RETRY = (0.5, 4.0)


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
        -- who names a body file; a file has the name of its message
        create table file (name text not null, mailbox text not null, primary key (name, mailbox))
            strict, without rowid;
        create table newest (one integer primary key check (one = 1), id text not null) strict;
        insert into newest values (1, '');
        """,
    )

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        self._task: asyncio.Task[None] | None = None
        self._more = asyncio.Event()
        #: nothing can be done now: all is delivered, or what is left waits for its next try
        self._hurry = asyncio.Event()
        self._impatient = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._after = ""
        self._blocked: dict[str, float] = {}
        self._retry = RETRY[0]
        self._files: BodyFiles = ctx.body_files("mail")

    async def start(self) -> None:
        """Go on delivering. (Also after the object was idle and closed: nothing may be swept here.)"""
        if self._left():
            self._wake()

    async def recover(self) -> None:
        """Once when a server starts, before it takes mail: sweep what a crash left."""
        faults.point("smtp.start_recovery")
        rows = self.ctx.storage.sql.execute(
            "select file from message where file is not null union select name from file"
        )
        self._files.sweep([row[0] for row in rows])
        self.ctx.wait_until(self._reconcile())

    async def _reconcile(self) -> None:
        """Forget body files whose mailbox dropped them right before a crash."""
        rows = self.ctx.storage.sql.execute(
            "select mailbox, name from file f where not exists"
            " (select 1 from delivery d where d.id = f.name and d.mailbox = f.mailbox)"
        )
        held: dict[str, set[str]] = {}
        for mailbox, name in rows:
            held.setdefault(mailbox, set()).add(name)
        for mailbox, names in held.items():
            try:
                dropped = names.difference(await self.env.MAILBOX.get(mailbox).files())
                if dropped:
                    await self.release(mailbox, sorted(dropped))
            except (StorageError, OSError) as error:
                self.ctx.log.warning("the body files of %s are looked at after the next start: %s", mailbox, error)

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
        if record.id <= self._after:
            self._after = ""
        self._wake()

    def _wake(self) -> None:
        self._quiet.clear()
        self._more.set()
        if self._task is None or self._task.done():
            self._task = self.ctx.wait_until(self._run())

    def _left(self) -> bool:
        return self.ctx.storage.sql.one("select 1 from message limit 1") is not None

    async def settled(self, timeout: float | None = 30.0) -> bool:
        """Wait until every message that was taken over is in its mailboxes, as far as they take it now.

        Returns:
            False if some are not: in time, or because a disk refuses.
        """
        self._impatient += 1
        self._hurry.set()
        try:
            async with asyncio.timeout(timeout):
                await self._quiet.wait()
        except TimeoutError:
            return False
        finally:
            self._impatient -= 1
            if not self._impatient:
                self._hurry.clear()
        return not self._left()

    async def pending(self) -> int:
        """Messages that are not in all of their mailboxes yet."""
        return int(self.ctx.storage.sql.value("select count(*) from message"))

    async def bodies(self) -> BodyFiles:
        """The folder of large bodies."""
        return self._files

    async def newest(self) -> str:
        """The newest id that was ever taken over, "" if there was none."""
        sql = self.ctx.storage.sql
        newest: str = max(sql.value("select max(id) from message") or "", sql.value("select id from newest"))
        return newest

    async def release(self, mailbox: str, files: Sequence[str]) -> None:
        """A mailbox does not need these body files any more."""
        sql = self.ctx.storage.sql
        unused = []
        for name in files:
            sql.execute("delete from file where name = ? and mailbox = ?", (name, mailbox))
            if not sql.one(
                "select 1 from file where name = ? union all select 1 from message where id = ?", (name, name)
            ):
                unused.append(name)
        await self._remove_files(unused)

    async def _remove_files(self, names: Sequence[str]) -> None:
        if names:
            # the files may go only after the commit that forgets them
            await self.ctx.storage.synced(self.ctx.storage.commit_ticket())
            await self._files.remove(*names)

    # -- delivery ----------------------------------------------------------------------------------------------

    async def _gather(self) -> None:
        """Let messages come together: the syncs of a delivery would delay those that acknowledgements wait for."""
        delay = self.env.config.delivery_delay
        if self.env.data_dir is None or not delay:
            return
        try:
            async with asyncio.timeout(delay):
                await self._hurry.wait()
        except TimeoutError:
            pass

    async def _run(self) -> None:
        storage = self.ctx.storage
        while True:
            await self._gather()
            self._more.clear()
            try:
                if await self._deliver_some():
                    continue
                # what was marked must be on disk before all this counts as done
                await storage.synced(storage.commit_ticket())
                if not self._left():
                    break
            except StorageError as error:
                if storage.failed is not None:
                    break
                self.ctx.log.warning("delivery waits: %s", error)
            except Exception:
                self.ctx.log.exception("delivery failed; it is tried again")
            if not self._more.is_set():
                self._quiet.set()
            try:
                async with asyncio.timeout(self._retry):
                    await self._more.wait()
            except TimeoutError:
                self._after = ""
                self._retry = min(self._retry * 2, RETRY[1])
        self._after = ""
        self._retry = RETRY[0]
        self._quiet.set()

    async def _deliver_some(self) -> bool:
        """One round; whether there was anything to look at."""
        storage = self.ctx.storage
        sql = storage.sql
        rows = sql.execute("select * from message where id > ? order by id limit ?", (self._after, BATCH))
        if not rows:
            return False
        first, last = rows[0][0], rows[-1][0]
        records = {row[0]: Record(*row) for row in rows}
        plan: dict[tuple[str, str], dict[str, list[Delivery]]] = {}
        for id, mailbox, address, recipient in sql.execute(
            "select id, mailbox, address, recipient from delivery where id between ? and ?", (first, last)
        ):
            place = (mailbox, address if mailbox == MAILDIR else "")
            plan.setdefault(place, {}).setdefault(id, []).append(Delivery(mailbox, address, recipient))
        # nothing is handed on before it is on disk here: else a crash could deliver what was never acknowledged
        await storage.synced(storage.commit_ticket())
        faults.point("smtp.in_delivery")
        for (mailbox, folder), ids in plan.items():
            await self._to_place(mailbox, folder, [(records[id], found) for id, found in ids.items()])
        faults.point("smtp.before_mark")
        left = {row[0] for row in sql.execute("select id from delivery where id between ? and ?", (first, last))}
        done = [id for id in records if id not in left]
        sql.execute_many("delete from message where id = ?", [(id,) for id in done])
        sql.execute("update newest set id = max(id, ?)", (last,))
        self._after = last
        files = [name for id in done if (name := records[id].file) is not None]
        await self._remove_files([name for name in files if not sql.one("select 1 from file where name = ?", (name,))])
        if done and (mail := getattr(self.env, "mail", None)) is not None:
            mail.delivered(len(done))
        return True

    async def _to_place(self, mailbox: str, folder: str, batch: list[tuple[Record, list[Delivery]]]) -> None:
        """Hand copies to one place and mark them; a place that refuses is left alone for a while."""
        place = folder or mailbox
        now = asyncio.get_running_loop().time()
        if self._blocked.get(place, 0.0) > now:
            return
        sql = self.ctx.storage.sql
        try:
            if mailbox == MAILDIR:
                await self._to_maildir(folder, [record for record, _ in batch])
            else:
                dropped = await self.env.MAILBOX.get(mailbox).deliver(batch, time.time())
                # of a message that is still here, the file goes with the message
                sql.execute_many("delete from file where name = ? and mailbox = ?", [(it, mailbox) for it in dropped])
                here = {record.id for record, _ in batch}
                await self._remove_files(
                    [it for it in dropped if it not in here and not sql.one("select 1 from file where name = ?", (it,))]
                )
        except Exception as error:
            if self.ctx.storage.failed is not None:
                raise
            if place not in self._blocked:
                known = isinstance(error, OSError)
                self.ctx.log.warning("delivery to %s waits: %s", place, error, exc_info=None if known else error)
            self._blocked[place] = now + self._retry / 2
            return
        if self._blocked.pop(place, None) is not None:
            self.ctx.log.info("delivery to %s goes on", place)
            self._retry = RETRY[0]
        sql.execute_many(
            "delete from delivery where id = ? and mailbox = ? and address = ?",
            [(record.id, mailbox, each.address) for record, found in batch for each in found],
        )

    async def _to_maildir(self, folder: str, records: list[Record]) -> None:
        items: list[tuple[str, float, bytes, bytes | Path | None]] = [
            (
                record.id,
                record.received,
                record.head,
                record.body if record.file is None else self._files.path(record.file),
            )
            for record in records
        ]
        await asyncio.get_running_loop().run_in_executor(None, Maildir(folder).deliver, items)
