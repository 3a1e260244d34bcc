"""The mail server as a process, and what its data folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
from tests.support.process import ServerProcess

__all__ = ["MailProcess", "Stored", "stored"]


class MailProcess(ServerProcess):
    """One run of ``run-app smtp``."""

    app = "smtp"
    fixed = ("--delivery-delay", "0")


class Stored:
    """What a data folder holds, read from its files while no server works on it."""

    def __init__(self, data: Path) -> None:
        queue = _rows(data / "objects" / "QUEUE" / "queue.sqlite")
        self.queued: set[str] = {row[0] for row in queue("select id from message")}
        self.undelivered: list[Any] = queue("select * from delivery")
        self.named: set[tuple[str, str]] = {(row[0], row[1]) for row in queue("select name, mailbox from file")}
        self.bodies: set[str] = {entry.name for entry in (data / "files" / "mail").iterdir() if entry.is_file()}
        self.unfinished: list[Path] = list((data / "files" / "mail" / "tmp").iterdir())
        self.held: set[tuple[str, str]] = set()
        self.ids: list[str] = []
        for path in (data / "objects" / "MAILBOX").glob("*.sqlite"):
            mailbox = path.stem.replace("%2a", "*").replace("%40", "@")
            rows = _rows(path)
            self.held |= {(row[0], mailbox) for row in rows("select file from content where file is not null")}
            self.ids += [row[0] for row in rows("select id from content")]
            assert rows("select count(*), coalesce(sum(size), 0) from content") == rows(
                "select messages, bytes from total"
            )
            assert rows("pragma integrity_check") == [("ok",)]

    def check(self) -> None:
        """Nothing waits, and body files are exactly those that mailboxes name."""
        assert not self.queued
        assert not self.undelivered
        assert self.named == self.held
        assert self.bodies == {name for name, _ in self.held}
        assert not self.unfinished


def _rows(path: Path) -> Any:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    return lambda sql: list(connection.execute(sql))


def stored(data: Path) -> Stored:
    """Look at a data folder that no server uses."""
    return Stored(data)
