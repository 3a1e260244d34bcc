"""Queue and mailboxes in one process: idempotency, retention, places that refuse, body files, drain."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import apsw
import pytest
from tests.support.mailserver.process import stored
from tests.support.mailserver.talk import contents, deliver, hello, reply, say

from socketworkers import faults
from socketworkers.testing import AppClient
from socketworkers_smtp import app
from socketworkers_smtp import mailbox as mailbox_module
from socketworkers_smtp import queue as queue_module
from socketworkers_smtp.mailbox import Mailbox
from socketworkers_smtp.maildir import Maildir
from socketworkers_smtp.records import Delivery, MessageIds, Record, decode, encode

LARGE = b"Subject: large\r\n\r\n" + (b"w" * 70 + b"\r\n") * 2000


def record(id: str, received: float | None = None, body: bytes = b"body\r\n") -> Record:
    received = time.time() if received is None else received
    return Record(id, received, "a@b", "helo", "", "", "{}", b"Received: x\r\n", body, None, 13 + len(body))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_delivery_that_is_repeated_changes_nothing() -> None:
    async with AppClient(app) as client:
        mailbox = client.env.MAILBOX.get("*")
        batch = [(record("0000000000A"), [Delivery("*", "b@c", "b@c"), Delivery("*", "d@e", "D+x@e")])]
        for _ in range(3):
            assert await mailbox.deliver(batch, time.time()) == []
        assert len(await client.env.mail.store.list()) == 2
        assert await mailbox.totals() == (19, 1)
        await mailbox.remove(["0000000000A"], time.time())
        filed = [(replace(batch[0][0], body=None, file="0000000000A"), batch[0][1])]
        assert await mailbox.deliver(filed, time.time()) == ["0000000000A"], "what was removed stays removed"
        assert await mailbox.totals() == (0, 0)


@pytest.mark.parametrize(
    ("keep", "left"),
    [("3", [3, 4, 5]), ("60B", [3, 4, 5]), ("1h", [2, 3, 4, 5]), ("1h,2", [4, 5])],
)
async def test_retention(keep: str, left: list[int]) -> None:
    async with AppClient(app, keep=tuple(keep.split(","))) as client:
        now = time.time()
        batch = [
            (record(encode(n), now - (7200 if n < 2 else 10)), [Delivery("*", f"n{n}@x", f"n{n}@x")]) for n in range(6)
        ]
        await client.env.MAILBOX.get("*").deliver(batch, now)
        assert [decode(each.id) for each in await client.env.mail.store.list()] == left
        assert client.env.mail.catch_all_messages == len(left)


def test_forgetting_old_names_does_not_look_at_all_of_them() -> None:
    """A busy mailbox that keeps little removes thousands of messages a minute, and remembers their names for a day."""
    connection = apsw.Connection(":memory:")
    for step in Mailbox.migrations:
        connection.execute(step)
    (row,) = connection.execute("explain query plan delete from gone where at < 1")
    assert row[3].endswith("INDEX gone_at (at<?)")
    plan = connection.execute(
        "explain query plan delete from gone where id in (select id from gone order by at limit 1)"
    )
    steps = [row[3] for row in plan]
    assert any("gone_at" in step for step in steps)
    assert not any("TEMP B-TREE" in step for step in steps)
    connection.close()


async def test_names_of_removed_messages_are_bounded_in_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood through a mailbox that keeps little; the last ones are remembered over a restart as well."""
    monkeypatch.setattr(mailbox_module, "_REMEMBERED", 50)
    data = str(tmp_path / "data")

    def batch(first: int, count: int) -> list[tuple[Record, list[Delivery]]]:
        return [(record(encode(number)), [Delivery("*", "b@c", "b@c")]) for number in range(first, first + count)]

    async with AppClient(app, data=data, keep=("1",)) as client:
        mailbox = client.env.MAILBOX.get("*")
        now = time.time()
        for first in range(0, 400, 100):
            await mailbox.deliver(batch(first, 100), now + first)
            assert await names(client) == [encode(number) for number in range(first + 49, first + 99)]
    async with AppClient(app, data=data, keep=("1",)) as client:
        mailbox = client.env.MAILBOX.get("*")
        await mailbox.deliver(batch(380, 19), now + 500)
        assert await mailbox.totals() == (19, 1), "none of them has come back"
        await mailbox.remove([encode(399)], now + 86400 + 301)
        assert await names(client) == [encode(399)], "after a day they are forgotten"
        await mailbox.deliver(batch(500, 60), now + 86400 + 302)
        assert len(await names(client)) == 50


async def names(client: AppClient) -> list[str]:
    """What the catch-all remembers of removed messages."""
    objects = client.server.objects
    assert objects is not None
    mailbox = objects.namespace("MAILBOX")._live["*"].object
    return [row[0] for row in mailbox.ctx.storage.sql.execute("select id from gone order by id")]


async def test_old_mail_goes_by_an_alarm(tmp_path: Path) -> None:
    async with AppClient(app, keep=("1s",), data=str(tmp_path / "data")) as client:
        await hello(client)
        assert (await deliver(client, LARGE)).startswith("250")
        assert len(await client.env.mail.store.list()) == 1
        await until(lambda: client.env.mail.catch_all_messages == 0)
        folder = tmp_path / "data" / "files" / "mail"
        await until(lambda: [path for path in folder.iterdir() if path.is_file()] == [])
        assert await client.env.mail.store.list() == []


async def test_a_bound_that_is_new_applies_to_what_is_there(tmp_path: Path) -> None:
    async with AppClient(app, data=str(tmp_path / "data")) as client:
        await hello(client)
        for _ in range(5):
            assert (await deliver(client, LARGE)).startswith("250")
    async with AppClient(app, data=str(tmp_path / "data"), keep=("2",)) as client:
        assert len(await client.env.mail.store.list()) == 2
    stored(tmp_path / "data").check()


async def test_ids_never_repeat_when_the_clock_goes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with AppClient(app, data=str(tmp_path / "data")) as client:
        await hello(client)
        first = (await deliver(client, b"\r\nx\r\n")).split()[-1]
        assert await client.env.mail.store.remove_all() == 1
    monkeypatch.setattr("socketworkers_smtp.records.time.time_ns", lambda: 10**15)
    async with AppClient(app, data=str(tmp_path / "data")) as client:
        await hello(client)
        second = (await deliver(client, b"\r\nx\r\n")).split()[-1]
        assert decode(second) == decode(first) + 1
    ids = MessageIds("")
    assert [decode(ids.next()) for _ in range(3)] == [10**12, 10**12 + 1, 10**12 + 2]


async def test_an_idle_queue_that_is_opened_again_removes_nothing(tmp_path: Path) -> None:
    """The body of a message is on its way while the queue object was closed for want of work."""
    async with AppClient(app, data=str(tmp_path / "data")) as client:
        await hello(client)
        await say(client, "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>", "DATA")
        await client.send(LARGE * 3)
        folder = tmp_path / "data" / "files" / "mail" / "tmp"
        await until(lambda: list(folder.iterdir()))
        objects = client.server.objects
        assert objects is not None
        await client.env.mail.store.settled()
        queue = objects.namespace("QUEUE")
        queue.evict(1e18, 0)
        await until(lambda: queue.live == 0)
        assert await client.env.mail.store.settled()
        assert queue.live == 1
        await client.send(b".\r\n")
        assert (await reply(client)).startswith("250")
        assert [content.endswith(LARGE * 3) for content in await contents(client)] == [True]


async def test_a_maildir_that_refuses_delays_its_copies_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(queue_module, "BATCH", 3)
    target = tmp_path / "maildir"
    target.write_text("in the way")
    async with AppClient(app, data=str(tmp_path / "data"), deliver=f"maildir:{target}") as client:
        await hello(client)
        for number in range(10):
            assert (await deliver(client, b"Subject: %d\r\n\r\n" % number)).startswith("250")
        store = client.env.mail.store
        assert not await store.settled()
        assert len(await store.list()) == 10, "the mailbox has them all the same"
        assert await store.pending() == 10
        assert sum("waits" in entry.getMessage() for entry in caplog.records) == 1, "said once"
        target.unlink()
        async with asyncio.timeout(15):
            while await store.pending():
                await asyncio.sleep(0.02)
        assert len(list((target / "new").iterdir())) == 10
        assert await store.settled()


async def test_a_maildir_gets_what_was_promised_to_it_also_when_the_option_is_gone(tmp_path: Path) -> None:
    target = tmp_path / "maildir"
    target.write_text("in the way")
    data = str(tmp_path / "data")
    async with AppClient(app, data=data, deliver=f"maildir:{target}") as client:
        await hello(client)
        assert (await deliver(client, LARGE)).startswith("250")
        await client.env.mail.store.settled()
    target.unlink()
    async with AppClient(app, data=data) as client:
        assert await client.env.mail.store.settled()
        (path,) = (target / "new").iterdir()
        assert path.read_bytes() == (await contents(client))[0]
    stored(tmp_path / "data").check()


def test_maildir_names_are_taken_once(tmp_path: Path) -> None:
    maildir = Maildir(tmp_path / "box")
    items = [("A1", 5.0, b"head\r\n", b"body"), ("A2", 5.0, b"head\r\n", None)]
    assert maildir.deliver(items) == 2
    assert maildir.deliver(items) == 0
    (first, second) = sorted((tmp_path / "box" / "new").iterdir())
    first.rename(tmp_path / "box" / "cur" / f"{first.name}:2,S")
    assert maildir.deliver(items) == 0, "read mail is there as well"
    assert second.read_bytes() == b"head\r\n"
    assert list((tmp_path / "box" / "tmp").iterdir()) == []


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
@pytest.mark.parametrize(
    ("number", "answer"), [(errno.ENOSPC, "452 4.3.1"), (errno.EIO, "451 4.3.0")], ids=["ENOSPC", "EIO"]
)
async def test_storage_that_refuses(tmp_path: Path, large: bool, number: int, answer: str) -> None:
    body = LARGE if large else b"\r\nx\r\n"
    async with AppClient(app, data=str(tmp_path / "data")) as client:
        await hello(client)
        assert (await deliver(client, body)).startswith("250")
        assert len(await client.env.mail.store.list()) == 1
        faults.arm("storage.before_commit", errno.errorcode[number].lower())
        try:
            assert (await deliver(client, body)).startswith(answer)
        finally:
            faults.disarm()
        assert (await say(client, "NOOP")).startswith("250"), "the session goes on"
        after = await deliver(client, body)
        assert after.startswith("250" if number == errno.ENOSPC else "451 4.3.0")
        if number == errno.ENOSPC:
            assert len(await client.env.mail.store.list()) == 2
            folder = tmp_path / "data" / "files" / "mail"
            assert len([path for path in folder.iterdir() if path.is_file()]) == (2 if large else 0)


async def test_drain_ends_behind_the_message_that_is_coming() -> None:
    async with AppClient(app) as client:
        await hello(client)
        idle = client.connect()
        await hello(idle)
        waiting = client.connect(remote=("127.0.0.1", 7))
        await say(client, "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>", "DATA")
        await client.send(b"Subject: x\r\n\r\nfirst half, ")
        await reply(waiting)
        draining = asyncio.create_task(client.server.drain(10))
        assert (await reply(idle)).startswith("421 4.3.2")
        assert (await reply(waiting)).startswith("421 4.3.2")
        await client.send(b"second half\r\n.\r\n")
        assert (await reply(client)).startswith("250 2.0.0 Ok: queued")
        assert (await reply(client)).startswith("421 4.3.2")
        for peer in (idle, waiting, client):
            assert await reply(peer) == ""
            await peer.close()
        await draining


async def test_drain_before_the_greeting(caplog: pytest.LogCaptureFixture) -> None:
    async with AppClient(app, greet_delay=30.0) as client:
        peer = client.connect()
        await until(lambda: client.server.connections == 1)
        await asyncio.sleep(0)
        draining = asyncio.create_task(client.server.drain(10))
        assert (await reply(peer))[:3] in ("421", "")
        await peer.close()
        await draining
    assert not [entry for entry in caplog.records if entry.levelname == "ERROR"]


async def test_in_memory_everything_works_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with AppClient(app) as client:
        await hello(client)
        assert (await deliver(client, LARGE)).startswith("250")
        assert (await contents(client))[0].endswith(LARGE)
        assert await client.env.mail.store.remove_all() == 1
    assert list(tmp_path.iterdir()) == []
