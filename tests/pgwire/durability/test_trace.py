"""A trace of the system calls shows it: between COMMIT and its CommandComplete, what it promises is written to the log
and a sync that began afterwards has ended well.
"""

from __future__ import annotations

import codecs
import re
import tempfile
from pathlib import Path

import pytest
from tests.interop.live import absent
from tests.pgwire.differential.connection import Connection
from tests.support.disk.trace import Call, calls_of, can_trace
from tests.support.pgserver.postgresql import PostgresProcess
from tests.support.pgserver.process import PgwireProcess
from tests.support.pgserver.wire import Wire

from socketworkers_pgwire.codec import SYNC, encode_bind, encode_execute, encode_parse

READS = ("read", "recvfrom", "recvmsg", "readv")
SENDS = ("write", "writev", "sendto", "sendmsg")
WRITES = ("pwrite64", "pwritev", "pwritev2")
SYNCS = ("fsync", "fdatasync")
CALLS = ",".join(dict.fromkeys((*READS, *SENDS, *WRITES, *SYNCS)))
#: where each server's log is: the WAL of SQLite, that of PostgreSQL
OURS, THEIRS = r"\.sqlite-wal>", r"/pg_wal/"
COMMITS = 8

pytestmark = [pytest.mark.timeout(120)]
traced = pytest.mark.skipif(not can_trace(), reason="needs strace and the right to trace")


def on_socket(call: Call) -> bool:
    """Whether it is one of a client's connection."""
    return re.match(r"\d+<(TCP|TCPv6|socket)\b", call.text) is not None


def data_of(call: Call) -> bytes:
    """The bytes that a call moved, b"" if there are none."""
    match = re.search(r'"((?:[^"\\]|\\.)*)"', call.text)
    return codecs.escape_decode(match[1].encode())[0] if match else b""


COMMITTED, UPDATED = b"C\0\0\0\x0bCOMMIT\0", b"C\0\0\0\rUPDATE 1\0"


def commits(calls: list[Call], told: bytes = COMMITTED) -> list[tuple[Call, Call]]:
    """What asked, and what told of a commit, of a client that does one thing at a time."""
    found = []
    asked: Call | None = None
    for call in sorted((call for call in calls if on_socket(call)), key=lambda call: call.ended):
        data = data_of(call)
        if call.name in READS and data:
            asked = call
        elif call.name in SENDS and asked is not None and told in data:
            found.append((asked, call))
            asked = None
    return found


def unsynced(calls: list[Call], log: str, which: slice = slice(None), told: bytes = COMMITTED) -> list[str]:
    """Those of the commits that were acknowledged too early, with the reason."""
    wrong = []
    answers = commits(calls, told)[which]
    for asked, answer in answers:
        during = [call for call in calls if call.began > asked.began and call.ended < answer.began]
        written = [call for call in during if call.name in WRITES and re.search(log, call.text)]
        if not written:
            wrong.append("a commit promises what was not written")
            continue
        last = max(call.ended for call in written)
        syncs = [call for call in during if call.name in SYNCS and re.search(log, call.text) and call.ok]
        if not any(call.began > last for call in syncs):
            wrong.append("a commit was acknowledged before the sync")
    return wrong if answers else ["there is no commit in the trace"]


def work(address: tuple[str, int]) -> None:
    """Transactions of one client: `COMMITS` that are durable, and as many that need not be."""
    with Connection(address, "postgres", "postgres") as connection:
        assert connection.query("CREATE TABLE traced (id int PRIMARY KEY, what text)").error is None
        for number in range(2 * COMMITS):
            if number == COMMITS:
                connection.query("SET synchronous_commit = off")
            for sql in (
                "BEGIN",
                f"INSERT INTO traced VALUES ({number}, 'x')",
                "UPDATE traced SET what = 'y'",
                "COMMIT",
            ):
                answer = connection.query(sql)
                assert answer.error is None, answer.error


def repeat(address: tuple[str, int]) -> None:
    """The same with one prepared statement, which is a transaction by itself, and with a prepared block."""
    with Wire(address) as wire:
        wire.log_in()
        wire.query("CREATE TABLE traced (id int PRIMARY KEY, n int NOT NULL); INSERT INTO traced VALUES (1, 0), (2, 0)")
        for name, sql in ((b"u", "UPDATE traced SET n = n + $2 WHERE id = $1"), (b"b", "BEGIN"), (b"c", "COMMIT")):
            wire.send(encode_parse(name, sql.encode()), SYNC).ready()
        for setting in ("on", "off"):
            wire.query(f"SET synchronous_commit = {setting}")
            for number in range(COMMITS):
                wire.send(encode_bind(b"", b"u", (b"1", b"%d" % (number + 1))), encode_execute(), SYNC).ready()
        wire.query("SET synchronous_commit = on")
        for number in range(COMMITS):
            wire.send(encode_bind(b"", b"b", ()), encode_execute(), SYNC).ready()
            values = (b"2", b"%d" % (number + 1))
            block = encode_bind(b"", b"u", values) + encode_execute() + encode_bind(b"", b"c", ()) + encode_execute()
            wire.send(block, SYNC).ready()


def strace(out: Path) -> tuple[str, ...]:
    """The words in front of a server's command."""
    return ("strace", "-f", "-y", "-s", "4096", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(out))


DURABLE, OTHERS = slice(COMMITS), slice(COMMITS, None)


@traced
def test_the_checker_believes_postgresql_and_finds_commits_that_wait_for_nothing() -> None:
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        Path(name).chmod(0o755)
        out = Path(name) / "trace"
        try:
            server = PostgresProcess(Path(name) / "cluster", wrapper=(*strace(out), "-u", "postgres"))
        except FileNotFoundError as error:
            absent(str(error))
        try:
            assert server.start()
            work(server.address)
        finally:
            server.kill()
        calls = calls_of(out.read_text(errors="replace"))
    assert len(commits(calls)) == 2 * COMMITS
    assert unsynced(calls, THEIRS, DURABLE) == []
    assert len(unsynced(calls, THEIRS, OTHERS)) >= COMMITS // 2


@traced
def test_each_commit_follows_a_sync_but_where_the_client_does_without(tmp_path: Path) -> None:
    server = PgwireProcess(tmp_path, wrapper=strace(tmp_path / "trace"))
    try:
        assert server.start(), server.text()
        work(server.address)
        assert server.stop() == 0
    finally:
        server.kill()
    calls = calls_of((tmp_path / "trace").read_text(errors="replace"))
    assert len(commits(calls)) == 2 * COMMITS
    assert unsynced(calls, OURS, DURABLE) == []
    assert len(unsynced(calls, OURS, OTHERS)) >= COMMITS // 2


@traced
def test_what_is_repeated_follows_a_sync_as_well(tmp_path: Path) -> None:
    server = PgwireProcess(tmp_path, wrapper=strace(tmp_path / "trace"))
    try:
        assert server.start(), server.text()
        repeat(server.address)
        assert server.stop() == 0
    finally:
        server.kill()
    calls = calls_of((tmp_path / "trace").read_text(errors="replace"))
    assert len(commits(calls, UPDATED)) == 3 * COMMITS
    assert unsynced(calls, OURS, DURABLE, UPDATED) == []
    assert len(unsynced(calls, OURS, slice(COMMITS, 2 * COMMITS), UPDATED)) >= COMMITS // 2
    assert len(commits(calls)) == COMMITS
    assert unsynced(calls, OURS) == []


ORDER = [
    r'7 recvfrom(9<TCP:[127.0.0.1:5432->127.0.0.1:5000]>, "Q\0\0\0\vCOMMIT\0", 8192, 0, NULL, NULL) = 12',
    '7 pwrite64(5</d/shop.sqlite-wal>, "...", 4096, 32) = 4096',
    "8 fdatasync(6</d/shop.sqlite-wal>) = 0",
    r'7 sendto(9<TCP:[127.0.0.1:5432->127.0.0.1:5000]>, "C\0\0\0\vCOMMIT\0Z\0\0\0\5I", 18, 0, NULL, 0) = 18',
]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ((0, 1, 2, 3), ""),
        ((0, 1, 3, 2), "before the sync"),
        ((0, 2, 1, 3), "before the sync"),
        ((1, 2, 0, 3), "was not written"),
        ((0, 1, 3), "before the sync"),
        ((1, 2), "no commit"),
    ],
)
def test_control_the_checker_knows_the_order(lines: tuple[int, ...], reason: str) -> None:
    wrong = unsynced(calls_of("\n".join(ORDER[number] for number in lines)), OURS)
    assert len(wrong) == bool(reason)
    assert all(reason in line for line in wrong)


def test_control_a_sync_that_has_failed_counts_for_nothing() -> None:
    failed = [ORDER[0], ORDER[1], "8 fdatasync(6</d/shop.sqlite-wal>) = -1 EIO (Input/output error)", ORDER[3]]
    assert unsynced(calls_of("\n".join(failed)), OURS) == ["a commit was acknowledged before the sync"]
