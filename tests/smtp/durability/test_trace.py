"""A trace of the system calls shows it: before each ``250 ... queued`` leaves, the bytes of that message were written
and a sync that began afterwards has ended well.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.disk.trace import Call, calls_of, can_trace
from tests.support.mailserver.client import Client
from tests.support.mailserver.process import MailProcess

SPOILED = Path(__file__).parents[2] / "support" / "mailserver" / "spoiled.py"
CALLS = "write,writev,pwrite64,sendto,sendmsg,fdatasync,fsync,rename,renameat,renameat2"

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not can_trace(), reason="needs strace and the right to trace"),
]


def unsynced(calls: list[Call]) -> list[str]:
    """Acknowledgements that left too early, with the reason."""
    wrong: list[str] = []
    seen = 0
    for reply in calls:
        if reply.name not in ("write", "writev", "sendto", "sendmsg"):
            continue
        for id in re.findall(r"queued as (\w+)", reply.text):
            seen += 1
            commits = [
                call for call in calls
                if call.name == "pwrite64" and "queue.sqlite-wal" in call.text and id in call.text
            ]  # fmt: skip
            if not commits:
                wrong.append(f"{id} was never written")
                continue
            written = min(call.ended for call in commits)
            wal_synced = any(
                call.name in ("fdatasync", "fsync") and "queue.sqlite-wal" in call.text and call.ok
                and call.began > written and call.ended < reply.began
                for call in calls
            )  # fmt: skip
            if not wal_synced:
                wrong.append(f"{id} was acknowledged before it was synced")
            placed = [call for call in calls if call.name.startswith("rename") and id in call.text]
            if placed:
                wrong += _body(calls, placed[0], id, min(call.began for call in commits))
    return wrong if seen else ["there is no acknowledgement in the trace"]


def _body(calls: list[Call], placed: Call, id: str, commit: int) -> list[str]:
    """A body in a file: synced, renamed, its folder synced, and only then named by the commit."""

    def synced(mark: str, after: int, before: int) -> bool:
        return any(
            call.name in ("fdatasync", "fsync") and mark in call.text and call.ok and call.began > after
            and call.ended < before
            for call in calls
        )  # fmt: skip

    last = max(call.ended for call in calls if call.name in ("write", "writev") and f"-{id}>" in call.text)
    wrong = []
    if not synced(f"-{id}>", last, placed.began):
        wrong.append(f"the body of {id} was not synced")
    if not synced("files/mail>", placed.ended, commit):
        wrong.append(f"the folder was not synced before the commit of {id}")
    return wrong


def trace(folder: Path, script: Path | None = None, data: str | None = None) -> tuple[list[Call], int]:
    """Run a server under strace while a client sends; its calls, and how many messages were taken."""
    out = folder / "trace"
    strace = ("strace", "-f", "-y", "-s", "70000", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(out))
    variables = {"SPOILED": "early"} if script is not None else {}
    server = MailProcess(folder, wrapper=strace, script=script, variables=variables, data=data)
    assert server.start(), server.text()
    try:
        taken = 0
        with Client(server.port) as client:
            for number in range(12):
                body = b"Subject: %d\r\n\r\n" % number + (b"v" * 70 + b"\r\n") * (2500 if number % 4 == 3 else 10)
                taken += client.mail(body).startswith("250")
            client.command("QUIT")
        assert server.stop() == 0
    finally:
        server.kill()
    return calls_of(out.read_text(errors="replace")), taken


def test_each_acknowledgement_follows_a_sync(tmp_path: Path) -> None:
    calls, taken = trace(tmp_path)
    assert taken == 12
    assert unsynced(calls) == []
    assert sum(call.name.startswith("rename") and "files/mail" in call.text for call in calls) == 3


def test_control_a_server_that_answers_early_is_found_out(tmp_path: Path) -> None:
    calls, taken = trace(tmp_path, SPOILED)
    assert taken == 12
    # on a slow machine the sync of one message may come before the answer to the next
    assert unsynced(calls)


def test_control_a_server_that_keeps_nothing_is_found_out(tmp_path: Path) -> None:
    calls, taken = trace(tmp_path, data=":memory:")
    assert taken == 12
    assert len(unsynced(calls)) >= 12
