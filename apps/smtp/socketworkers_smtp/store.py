"""Where mail is kept: one interface over the queue and the mailboxes, for sessions, commands and tests."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from socketworkers import Env
from socketworkers.errors import StorageError
from socketworkers.storage import BodyFiles, BodyWriter

from .addresses import CATCH_ALL
from .records import Delivery, Record, Summary

__all__ = ["MailStore", "ObjectStore"]


class MailStore(Protocol):
    """What the mail server needs of a store."""

    async def add(self, record: Record, deliveries: Sequence[Delivery]) -> None:
        """Take a message over; returns once it is on disk. Raises StorageFull or StorageError."""

    def spool(self, id: str) -> BodyWriter:
        """Begin a large body; its name is the id."""

    async def settled(self) -> bool:
        """Wait until all that was taken over is in its mailboxes."""

    async def list(self, mailbox: str | None = None, address: str | None = None) -> list[Summary]:
        """Messages, oldest first."""

    def read(self, mailbox: str, id: str) -> AsyncIterator[bytes]:
        """A message in parts. Raises KeyError if it is not there."""

    async def remove(self, mailbox: str, ids: Sequence[str], address: str | None = None) -> int:
        """Remove messages for good (only one address's copies if one is given); returns how many there were."""


class ObjectStore:
    """The store on Durable Objects: ``env.QUEUE`` and ``env.MAILBOX``."""

    def __init__(self, env: Env, files: BodyFiles) -> None:
        self._env = env
        self._queue = env.QUEUE.get("queue")
        self._files = files

    async def add(self, record: Record, deliveries: Sequence[Delivery]) -> None:
        """See ``MailStore``."""
        await self._queue.enqueue(record, deliveries)

    def spool(self, id: str) -> BodyWriter:
        """See ``MailStore``."""
        return self._files.create(id)

    async def settled(self, timeout: float | None = 30.0) -> bool:
        """See ``MailStore``."""
        try:
            result: bool = await self._queue.settled(timeout)
        except StorageError:
            return False  # the queue's file has failed; what is in mailboxes can be read
        return result

    async def pending(self) -> int:
        """Messages that are still on their way to a mailbox."""
        count: int = await self._queue.pending()
        return count

    def mailboxes(self) -> list[str]:
        """Ids of the mailboxes that exist."""
        ids: list[str] = self._env.MAILBOX.list_ids()
        return ids

    async def list(self, mailbox: str | None = None, address: str | None = None) -> list[Summary]:
        """See ``MailStore``."""
        await self.settled()
        found: list[Summary] = []
        for name in self.mailboxes() if mailbox is None else [mailbox]:
            if mailbox is not None and name not in self.mailboxes():
                continue
            after = 0
            stub = self._env.MAILBOX.get(name)
            wanted = address if name == CATCH_ALL or address is None or address.endswith("@*") else None
            if address is not None and wanted is None and name != address:
                continue
            while page := await stub.entries(wanted, after):
                found += [summary for _, summary in page]
                after = page[-1][0]
        found.sort(key=lambda summary: summary.id)
        return found

    async def read(self, mailbox: str, id: str) -> AsyncIterator[bytes]:
        """See ``MailStore``."""
        content = await self._env.MAILBOX.get(mailbox).content(id)
        if content is None:
            raise KeyError(id)
        head, body, file = content
        yield head
        if body:
            yield body
        if file is not None:
            async for chunk in self._files.chunks(file):
                yield chunk

    async def whole(self, mailbox: str, id: str) -> bytes:
        """A message as one piece. Raises KeyError if it is not there."""
        return b"".join([chunk async for chunk in self.read(mailbox, id)])

    async def find(self, id: str, mailbox: str | None = None) -> Summary | None:
        """A message by its id, in whatever mailbox."""
        await self.settled()
        for name in self.mailboxes() if mailbox is None else [mailbox]:
            summary: Summary | None = await self._env.MAILBOX.get(name).find(id)
            if summary is not None:
                return summary
        return None

    async def remove(self, mailbox: str, ids: Sequence[str], address: str | None = None) -> int:
        """See ``MailStore``."""
        count: int = await self._env.MAILBOX.get(mailbox).remove(ids, time.time(), address)
        return count

    async def remove_all(self) -> int:
        """Remove every message of every mailbox."""
        await self.settled()
        total = 0
        for name in self.mailboxes():
            while count := await self._env.MAILBOX.get(name).remove_some(time.time()):
                total += count
        return total

    async def forget(self, file: str) -> None:
        """Remove a body whose message was not taken over."""
        await self._files.remove(file)

    async def newest_id(self) -> str:
        """The newest id that was ever taken over, "" if there was none."""
        newest: str = await self._queue.newest()
        return newest
