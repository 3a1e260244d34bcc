"""A trace of the system calls shows it: between a packet and its acknowledgement, what it promises is written to the
WAL and a sync that began afterwards has ended well; and what promises nothing touches no disk.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path

import pytest
from tests.support.disk.trace import Call, calls_of, can_trace
from tests.support.mqttbroker.client import Client
from tests.support.mqttbroker.process import BrokerProcess

SPOILED = Path(__file__).parents[2] / "support" / "mqttbroker" / "spoiled.py"
READS = ("read", "recvfrom", "recvmsg", "readv")
SENDS = ("write", "writev", "sendto", "sendmsg")
WRITES = ("pwrite64", "pwritev", "write", "writev", "ftruncate")
SYNCS = ("fsync", "fdatasync", "sync_file_range", "syncfs", "msync")
CALLS = ",".join(dict.fromkeys((*READS, *SENDS, *WRITES, *SYNCS)))
DATABASE = "broker.sqlite"
#: acknowledgement by the first byte of what asks for it (MQTT 5.0 §2.1.2)
ANSWERS = {0x10: 0x20, 0x32: 0x40, 0x33: 0x40, 0x34: 0x50, 0x62: 0x70, 0x82: 0x90}
NAMES = {0x20: "CONNACK", 0x40: "PUBACK", 0x50: "PUBREC", 0x70: "PUBCOMP", 0x90: "SUBACK"}

pytestmark = [pytest.mark.timeout(120)]
traced = pytest.mark.skipif(not can_trace(), reason="needs strace and the right to trace")


def on_socket(call: Call) -> bool:
    return re.match(r"\d+<(TCP|TCPv6|socket)\b", call.text) is not None


def data_of(call: Call) -> bytes:
    """The bytes that a call moved, b"" if there are none."""
    match = re.search(r'"((?:[^"\\]|\\.)*)"', call.text)
    return codecs.escape_decode(match[1].encode())[0] if match else b""


def acknowledgements(calls: list[Call]) -> list[tuple[Call, Call, int]]:
    """What asked, what answered, and the answer's first byte, of a client that does one thing at a time."""
    found = []
    asked: Call | None = None
    for call in sorted((call for call in calls if on_socket(call)), key=lambda call: call.ended):
        data = data_of(call)
        if not data:
            continue
        if call.name in READS:
            asked = call
        elif call.name in SENDS and asked is not None and ANSWERS.get(data_of(asked)[0]) == data[0]:
            found.append((asked, call, data[0]))
            asked = None
    return found


def unsynced(calls: list[Call]) -> list[str]:
    """Acknowledgements that left too early, with the reason."""
    wrong: list[str] = []
    answers = acknowledgements(calls)
    for asked, answer, kind in answers:
        name = NAMES[kind]
        commits = [
            call for call in calls
            if call.name.startswith("pwrite") and f"{DATABASE}-wal" in call.text and call.began > asked.ended
            and call.ended < answer.began
        ]  # fmt: skip
        if not commits:
            wrong.append(f"{name} promises what was not written")
            continue
        token = re.search(rb"token-\d+", data_of(asked))
        if token and not any(token[0] in data_of(call) for call in commits):
            wrong.append(f"{name}: {token[0].decode()} was not written")
        written = max(call.ended for call in commits)
        if not any(
            call.name in ("fsync", "fdatasync") and f"{DATABASE}-wal" in call.text and call.ok
            and call.began > written and call.ended < answer.began
            for call in calls
        ):  # fmt: skip
            wrong.append(f"{name} left before the sync")
    return wrong if answers else ["there is no acknowledgement in the trace"]


def run_traced(
    folder: Path, *, lasting: bool, mistake: str = "", data: str | None = None
) -> tuple[list[Call], list[int]]:
    """Run a broker under strace while a client subscribes and publishes; its calls, and the acknowledgements."""
    out = folder / "trace"
    strace = ("strace", "-f", "-y", "-s", "70000", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(out))
    server = BrokerProcess(
        folder, wrapper=strace, script=SPOILED if mistake else None, variables={"SPOILED": mistake}, data=data
    )
    assert server.start(), server.text()
    try:
        for version in (4, 5):
            with Client(server.port, f"token-{version}", version, lasting=lasting) as client:
                client.subscribe(f"token-{version}0/+", 2)
            # who publishes gets nothing of it, so that every write to the disk is for what is acknowledged
            with Client(server.port, f"token-{version}1", version, lasting=lasting) as client:
                for number in range(6):
                    token = f"token-{version}2{number}"
                    client.publish(f"token-{version}0/a", token.encode() * 3, 1 + number % 2)
                    client.publish(f"token-{version}0/a", b"nothing", 0)
                if lasting:
                    client.publish("retained", b"token-7%d" % version, 1, True)
        assert server.stop() == 0
    finally:
        server.kill()
    calls = calls_of(out.read_text(errors="replace"))
    return calls, [kind for _, _, kind in acknowledgements(calls)]


EXPECTED = {0x20: 4, 0x90: 2, 0x40: 8, 0x50: 6, 0x70: 6}


@traced
def test_each_acknowledgement_follows_a_sync(tmp_path: Path) -> None:
    calls, kinds = run_traced(tmp_path, lasting=True)
    assert {kind: kinds.count(kind) for kind in EXPECTED} == EXPECTED
    assert unsynced(calls) == []


@traced
def test_control_a_broker_that_acknowledges_before_the_sync_is_found_out(tmp_path: Path) -> None:
    calls, kinds = run_traced(tmp_path, lasting=True, mistake="unsynced")
    assert {kind: kinds.count(kind) for kind in EXPECTED} == EXPECTED
    assert len(unsynced(calls)) >= len(kinds) * 3 // 4


@traced
def test_control_a_broker_that_keeps_nothing_is_found_out(tmp_path: Path) -> None:
    calls, kinds = run_traced(tmp_path, lasting=True, data=":memory:")
    assert len(unsynced(calls)) >= len(kinds)


@traced
def test_what_nobody_needs_later_touches_no_disk(tmp_path: Path) -> None:
    """QoS 0, 1 and 2 between sessions that end with their connections: ADR 8."""
    calls, kinds = run_traced(tmp_path, lasting=False)
    assert kinds.count(0x40) == kinds.count(0x50) == kinds.count(0x70) == 6
    talk = [call for call in calls if on_socket(call) and data_of(call)]
    first, last = min(call.began for call in talk), max(call.ended for call in talk)
    during = [call for call in calls if first < call.ended and call.began < last]
    assert [call for call in during if call.name in SYNCS] == []
    assert [call for call in during if call.name in WRITES and DATABASE in call.text] == []
    before = [call for call in calls if call.ended < first]
    assert any(call.name in WRITES and DATABASE in call.text for call in before), "the trace shows the database"


ORDER = [
    r'7 recvfrom(9<TCP:[127.0.0.1:1883->127.0.0.1:5000]>, "2\f\0\3a/b\0\1token-1", 65536, 0, NULL, NULL) = 14',
    '7 pwrite64(5</d/broker.sqlite-wal>, "...token-1...", 4096, 32) = 4096',
    "8 fdatasync(6</d/broker.sqlite-wal>) = 0",
    r'7 sendto(9<TCP:[127.0.0.1:1883->127.0.0.1:5000]>, "@\2\0\1", 4, MSG_NOSIGNAL, NULL, 0) = 4',
]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ((0, 1, 2, 3), ""),
        ((0, 1, 3, 2), "before the sync"),
        ((0, 2, 1, 3), "before the sync"),
        ((1, 2, 0, 3), "was not written"),
        ((0, 1, 3), "before the sync"),
        ((0, 3, 1, 2), "was not written"),
        ((1, 2), "no acknowledgement"),
    ],
)
def test_control_the_checker_knows_the_order(lines: tuple[int, ...], reason: str) -> None:
    wrong = unsynced(calls_of("\n".join(ORDER[number] for number in lines)))
    assert len(wrong) == bool(reason)
    assert all(reason in line for line in wrong)


def test_control_a_sync_that_has_not_ended_or_has_failed_counts_for_nothing() -> None:
    begun, ended = "8 fdatasync(6</d/broker.sqlite-wal> <unfinished ...>", "8 <... fdatasync resumed>) = 0"
    late = [ORDER[0], ORDER[1], begun, ORDER[3], ended]
    assert unsynced(calls_of("\n".join(late))) == ["PUBACK left before the sync"]
    early = [ORDER[0], begun, ORDER[1], ended, ORDER[3]]
    assert unsynced(calls_of("\n".join(early))) == ["PUBACK left before the sync"]
    failed = [ORDER[0], ORDER[1], "8 fdatasync(6</d/broker.sqlite-wal>) = -1 EIO (Input/output error)", ORDER[3]]
    assert unsynced(calls_of("\n".join(failed))) == ["PUBACK left before the sync"]
