"""D3: syncing fails. Nothing unsynced is acknowledged, the server says that it is not ready, and what was acknowledged
is there after a restart. Once with an error injected below SQLite, once with a real disk that loses pages.
"""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from tests.support.disk import shim
from tests.support.disk.mounts import LossyDisk, lossy_disk
from tests.support.mailserver.client import Client, read_pop3, send_one
from tests.support.mailserver.process import MailProcess

pytestmark = [pytest.mark.catalogue("D3"), pytest.mark.timeout(120)]


def message(token: str, size: int = 1000) -> bytes:
    head = f"Subject: {token}\r\nX-Token: {token}\r\n\r\n".encode()
    return head + (b"x" * 70 + b"\r\n") * (size // 72)


def tokens(server: MailProcess) -> list[str]:
    found = []
    for item in server.call("mail.list"):
        content = base64.b64decode(server.call("mail.show", id=item["id"])["content"])
        token = content.partition(b"X-Token: ")[2].partition(b"\r\n")[0].decode()
        assert message(token, 20_000)[:300] in content
        found.append(token)
    return found


def failing_syncs(tmp_path: Path, object_class: str, at: int) -> dict[str, str]:
    """Every sync of the files of one class fails with EIO from the ``at``-th on, below SQLite."""
    if shim.missing():
        pytest.skip(shim.missing())
    root = tmp_path / "data" / "objects" / object_class
    return shim.environment(shim.compile_shim(), root=root, at=at, calls=shim.SYNCS, repeat=0)


@pytest.mark.parametrize("at", [12, 19, 30])
def test_nothing_unsynced_is_acknowledged(tmp_path: Path, at: int) -> None:
    promised = []
    options = ("--metrics", "127.0.0.1:0", "--pop3-port", "0")
    with MailProcess(tmp_path, *options) as server:
        assert send_one(server.port, message("first"), "first@example.org").startswith("250")
        assert tokens(server) == ["first"]
    with MailProcess(tmp_path, *options, variables=failing_syncs(tmp_path, "QUEUE", at)) as server:
        assert server.get("/readyz") == 200
        with Client(server.port) as client:
            answers = []
            for number in range(60):
                answers.append(client.mail(message(f"t{number}"), f"b{number}@example.org"))
                if answers[-1].startswith("250"):
                    promised.append(f"t{number}")
        refused = [answer for answer in answers if not answer.startswith("250")]
        assert refused
        assert all(answer.startswith("451 4.3.0") for answer in refused), refused
        assert answers[-len(refused) :] == refused, "the first failure is final"
        assert server.get("/readyz") == 503
        assert server.get("/healthz") == 200
        assert send_one(server.port, message("later")).startswith("451 4.3.0"), "the server lives"
        assert server.logged("storage failed: ") == 1
        assert len(read_pop3(server.listener("pop3"), "first")) == 1, "what is in mailboxes can be read"
    assert promised
    with MailProcess(tmp_path, *options) as server:
        there = tokens(server)
        assert set(promised) <= set(there)
        assert len(there) == len(set(there))
        assert server.get("/readyz") == 200
        assert send_one(server.port, message("after")).startswith("250")


def test_a_mailbox_that_cannot_be_synced_keeps_its_mail_in_the_queue(tmp_path: Path) -> None:
    options = ("--metrics", "127.0.0.1:0")
    promised = []
    with MailProcess(tmp_path, *options, variables=failing_syncs(tmp_path, "MAILBOX", 20)) as server:
        with Client(server.port) as client:
            for number in range(40):
                assert client.mail(message(f"t{number}")).startswith("250"), "the queue is well"
                promised.append(f"t{number}")
        assert server.get("/readyz") == 503
        assert server.call("mail.status")["pending"] > 0
    with MailProcess(tmp_path, *options) as server:
        assert sorted(tokens(server)) == sorted(promised)
        assert server.call("mail.status")["pending"] == 0


@pytest.mark.parametrize("point", ["storage.sync_body", "storage.sync_folder"])
def test_a_large_body_that_cannot_be_synced(tmp_path: Path, point: str) -> None:
    with MailProcess(tmp_path, "--pop3-port", "0", faults=f"{point}:eio:2") as server:
        answers = [send_one(server.port, message(f"t{number}", 200_000), "bob@example.org") for number in range(3)]
        assert answers[0].startswith("250")
        assert answers[1].startswith("451 4.3.0")
        small = send_one(server.port, message("small"), "bob@example.org")
        assert small.startswith("250"), "the queue itself is well"
        contents = read_pop3(server.listener("pop3"), "bob")
        assert len(contents) == sum(answer.startswith("250") for answer in answers) + 1
    with MailProcess(tmp_path) as server:
        assert {"t0", "small"} <= set(tokens(server))
        assert "t1" not in tokens(server)


def test_a_disk_that_loses_pages(tmp_path: Path) -> None:
    with lossy_disk(tmp_path) as disk:
        check_losing_pages(disk)


def check_losing_pages(disk: LossyDisk) -> None:
    folder = disk.folder
    promised: list[str] = []
    refused = ""
    with MailProcess(folder, "--metrics", "127.0.0.1:0") as server:
        with Client(server.port) as client:
            for number in range(3000):
                answer = client.mail(message(f"t{number}", 20_000))
                if answer.startswith("250"):
                    assert not refused, "acknowledged after a failure"
                    promised.append(f"t{number}")
                else:
                    refused = refused or answer
                    if number > len(promised) + 20:
                        break
        assert refused.startswith("451 4.3.0"), refused
        assert server.get("/readyz") == 503
        server.kill()
    assert len(promised) > 20
    disk.enlarge()
    disk.remount()
    with MailProcess(folder) as server:
        there = tokens(server)
        assert not set(promised) - set(there), "acknowledged and lost"
        assert len(there) == len(set(there))
        assert send_one(server.port, message("after")).startswith("250")
