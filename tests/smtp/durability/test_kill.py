"""D2: the server is killed, at named points and at random times under load, and started again on the same folder.

Whatever was acknowledged is there once, byte for byte; nothing is there twice. ``SOCKETWORKERS_KILLS`` sets how many
kills there are in all, ``SOCKETWORKERS_SEED`` which ones; the seed is part of every failure.
"""

from __future__ import annotations

import base64
import itertools
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest
from tests.support.mailserver.load import Sender, acknowledged, judge, run_load, token_of
from tests.support.mailserver.process import MailProcess, stored

KILLS = int(os.environ.get("SOCKETWORKERS_KILLS", "30"))
SEED = int(os.environ.get("SOCKETWORKERS_SEED", "20260101"))
SPOILED = Path(__file__).parents[2] / "support" / "mailserver" / "spoiled.py"

#: where the server dies, and at which pass (at most); each comes by in any second of load
POINTS = {
    "smtp.after_read": 100,
    "smtp.before_commit": 60,
    "storage.before_commit": 60,
    "storage.after_commit": 60,
    "storage.sync": 60,
    "storage.sync_body": 8,
    "storage.sync_folder": 8,
    "smtp.before_reply": 60,
    "smtp.after_reply": 100,
    "storage.checkpoint": 1,
    "smtp.in_delivery": 8,
    "smtp.before_mark": 8,
    "smtp.start_recovery": 1,
}

pytestmark = [pytest.mark.catalogue("D2"), pytest.mark.timeout(120 + 6 * KILLS)]


class Book:
    """What is known of one data folder over many lives of its server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.contents: dict[str, bytes] = {}
        self.entries: list[tuple[str, str]] = []

    def look(self, server: MailProcess) -> None:
        """Read what the mailbox holds; contents of messages that are known are not read again."""
        listed: list[dict[str, Any]] = server.call("mail.list")
        self.entries = [(item["id"], item["recipient"]) for item in listed]
        for item in listed:
            if item["id"] not in self.contents:
                answer = server.call("mail.show", id=item["id"], mailbox=item["mailbox"])
                self.contents[item["id"]] = base64.b64decode(answer["content"])

    def wrong(self) -> list[str]:
        """What is not as it was promised."""
        ids = {id for id, _ in self.entries}
        found = judge(acknowledged(self.folder), [self.contents[id] for id in ids])
        found += [f"{id} is gone" for id in self.contents.keys() - ids]
        if len(self.entries) != len(set(self.entries)):
            found.append("a recipient has a message twice")
        for id in ids:
            number = int(token_of(self.contents[id]).rpartition("-")[2])
            copies = {recipient for other, recipient in self.entries if other == id} if number % 7 == 0 else set()
            if number % 7 == 0 and copies != {f"r{number % 5}@example.org", "second@example.org"}:
                found.append(f"{id} has the copies {copies}")
        return found


async def one_life(server: MailProcess, senders: list[Sender], chooser: random.Random, fault: str) -> bool:
    """Start, load and kill; whether the server died of its fault."""
    try:
        if not server.start():
            assert server.status == -9, server.text()
            return True
        point = fault.partition(":")[0]
        await run_load(
            senders, server.port, 15.0 if fault and point != "storage.checkpoint" else chooser.uniform(0.1, 0.6)
        )
        if point == "storage.checkpoint" and server.running:
            server.stop()  # there is one at the end at the latest
        # the clients learn of it a moment before we do
        return bool(fault) and server.wait(2.0) and server.status == -9
    finally:
        server.kill()


@pytest.mark.parametrize("part", ["points", "random", "maildir"])
async def test_each_acknowledged_message_is_there_once(tmp_path: Path, part: str) -> None:
    chooser = random.Random(f"{SEED} {part}")
    options = ("--deliver", "maildir:maildir") if part == "maildir" else ()
    places = list(POINTS) if part == "points" else ["smtp.in_delivery", "smtp.before_mark", "storage.after_commit"]
    random_kills = {"points": 0, "random": KILLS * 11 // 30, "maildir": KILLS // 10}[part]
    rounds = 0 if part == "random" else max(1, KILLS // 30)
    faults = [f"{point}:kill:{chooser.randint(1, POINTS[point])}" for _ in range(rounds) for point in places]
    faults += [""] * random_kills
    book = Book(tmp_path)
    missed: list[str] = []
    starts: list[float] = []
    for life, fault in enumerate(faults):
        senders = [Sender(tmp_path / f"journal-{life}-{n}", f"{part}-{life}-{n}") for n in range(6)]
        try:
            server = MailProcess(tmp_path, *options, faults=fault)
            if not await one_life(server, senders, chooser, fault) and fault:
                missed.append(fault)
            starts.append(server.start_seconds)
        finally:
            for sender in senders:
                sender.close()
        if life % 4 == 3 or life == len(faults) - 1:
            with MailProcess(tmp_path, *options) as server:
                starts.append(server.start_seconds)
                book.look(server)
                assert not book.wrong(), f"seed {SEED}, {fault}: {book.wrong()}"
                if life == len(faults) - 1:
                    assert server.stop() == 0
    assert not missed, f"seed {SEED}: {missed} did not come by"
    assert len(acknowledged(tmp_path)) > 5 * len(faults), "there was next to no load"
    assert max(starts) < 15.0, f"a restart took {max(starts):.1f} s"
    stored(tmp_path / "data").check()
    if part == "maildir":
        names = [path for path in (tmp_path / "maildir" / "new").iterdir()]
        wrong = judge(acknowledged(tmp_path), [path.read_bytes() for path in names])
        assert not wrong, f"seed {SEED}: {wrong}"
        assert not judge(acknowledged(tmp_path), book.contents.values())


@pytest.mark.parametrize("mistake", ["early", "twice"])
async def test_control_a_server_with_a_mistake_is_found_out(tmp_path: Path, mistake: str) -> None:
    book = Book(tmp_path)
    fault = "smtp.before_mark:kill:3" if mistake == "twice" else ""
    for life in itertools.count():
        senders = [Sender(tmp_path / f"journal-{life}-{n}", f"control-{life}-{n}") for n in range(6)]
        spoiled = MailProcess(tmp_path, faults=fault, script=SPOILED, variables={"SPOILED": mistake})
        try:
            await one_life(spoiled, senders, random.Random(life), fault)
        finally:
            for sender in senders:
                sender.close()
        with MailProcess(tmp_path, script=SPOILED, variables={"SPOILED": mistake}) as server:
            book.look(server)
        wrong = book.wrong()
        if any(("lost" if mistake == "early" else "times") in line for line in wrong):
            return
        assert life < 5, "the harness did not notice"


async def test_body_files_of_a_removal_that_was_killed(tmp_path: Path) -> None:
    """Between a mailbox that has forgotten its messages and the queue that keeps the list of body files."""
    sender = Sender(tmp_path / "journal-0", "removal")
    with MailProcess(tmp_path, faults="smtp.before_release:kill") as server:
        try:
            await run_load([sender], server.port, 0.5)
        finally:
            sender.close()
        assert len(list((tmp_path / "data" / "files" / "mail").iterdir())) > 1
        with pytest.raises(OSError):
            server.call("mail.rm", all=True)
        assert server.wait(10)
    before = stored(tmp_path / "data")
    assert before.named
    assert not before.held
    with MailProcess(tmp_path) as server:
        deadline = time.monotonic() + 10
        while len(list((tmp_path / "data" / "files" / "mail").iterdir())) > 1 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert server.call("mail.list") == []
        assert server.stop() == 0
    stored(tmp_path / "data").check()
    assert not stored(tmp_path / "data").bodies
