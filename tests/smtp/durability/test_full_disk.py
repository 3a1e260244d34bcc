"""D5: a full disk gives ``452 4.3.1``, reading goes on, and mail is taken again when there is room, with no restart."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.mailserver.client import Client, read_pop3, send_one
from tests.support.mailserver.process import MailProcess, stored

pytestmark = [pytest.mark.catalogue("D5"), pytest.mark.timeout(120)]


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MiB."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a tmpfs")
    folder = tmp_path / "tiny"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, timeout=30).returncode != 0:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, timeout=30, check=True)


def fill(path: Path, leave: int = 0) -> None:
    """Take all the room there is but ``leave`` bytes."""
    with path.open("ab") as file:
        try:
            while True:
                file.write(bytes(1 << 16))
                file.flush()
        except OSError:
            pass
        file.truncate(max(0, path.stat().st_size - leave))


@pytest.mark.parametrize("size", [2000, 300_000], ids=["small", "large"])
@pytest.mark.parametrize("leave", [0, 1_200_000], ids=["nothing", "a little"])
def test_a_full_disk(tiny: Path, size: int, leave: int) -> None:
    body = b"Subject: x\r\n\r\n" + (b"y" * 70 + b"\r\n") * (size // 72)
    with MailProcess(tiny, "--pop3-port", "0", "--metrics", "127.0.0.1:0") as server:
        pop3 = server.listener("pop3")
        assert send_one(server.port, body, "bob@example.org").startswith("250")
        assert len(read_pop3(pop3, "bob")) == 1
        fill(tiny / "filler", leave)
        taken = 1
        with Client(server.port) as client:
            refused = 0
            for _ in range(60):
                answer = client.mail(body, "bob@example.org")
                if answer.startswith("250"):
                    taken += 1
                else:
                    assert answer.startswith("452 4.3.1"), answer
                    refused += 1
            assert refused > 30
            began = time.monotonic()
            assert len(server.call("mail.list")) >= 1
            assert len(read_pop3(pop3, "bob")) >= 1
            assert time.monotonic() - began < 10, "reading waits for nothing"
            assert server.get("/healthz") == 200
            bodies = [path for path in (server.data / "files" / "mail").iterdir() if path.is_file()]
            assert len(bodies) == (taken if size > 65536 else 0), "bodies of refused messages take no room"

            (tiny / "filler").unlink()
            began = time.monotonic()
            while not (answer := client.mail(body, "bob@example.org")).startswith("250"):
                assert answer.startswith("452 4.3.1")
                assert time.monotonic() - began < 5, "it does not take mail again"
                time.sleep(0.05)
        deadline = time.monotonic() + 10
        while len(server.call("mail.list")) < taken + 1:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert len(read_pop3(pop3, "bob", delete=True)) == taken + 1
        assert server.call("mail.list") == []
        while server.call("mail.status")["pending"]:  # what could not be marked is tried again within seconds
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert server.stop() == 0
    stored(tiny / "data").check()


def test_deleting_works_on_a_full_disk(tiny: Path) -> None:
    body = b"Subject: x\r\n\r\n" + (b"y" * 70 + b"\r\n") * 4000
    with MailProcess(tiny, "--pop3-port", "0") as server:
        for _ in range(5):
            assert send_one(server.port, body, "bob@example.org").startswith("250")
        assert len(server.call("mail.list")) == 5
        fill(tiny / "filler", 200_000)
        assert send_one(server.port, body, "bob@example.org").startswith("452 4.3.1")
        assert server.call("mail.rm", all=True) == 5
        deadline = time.monotonic() + 5
        while not (answer := send_one(server.port, body, "bob@example.org")).startswith("250"):
            assert answer.startswith("452 4.3.1")
            assert time.monotonic() < deadline, "the room of removed mail is used again"
