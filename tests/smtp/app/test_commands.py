"""``socketworkers mail``: against a server that runs, and on the files of one that does not."""

from __future__ import annotations

import json
import mailbox
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from socketworkers.errors import StartupError
from socketworkers.testing import ThreadedServer
from socketworkers_smtp import app
from socketworkers_smtp.commands import mail

TRICKY = (
    b"From: a@example.org\r\nSubject: =?utf-8?q?caf=C3=A9?=\r\n folded\r\nX-Odd:no space\r\n\r\n"
    b"From the start of a line\r\n.\r\n..dots\r\n\xff\xfe\x00bytes\r\n>From quoted\r\nno end of text\r\n"
)
LARGE = b"Subject: large\r\n\r\n" + bytes(range(33, 127)) * 2 + b"\r\n" + (b"L" * 70 + b"\r\n") * 2000


def run(*words: str, text: str = "") -> Result:
    result = CliRunner().invoke(mail, list(words), input=text)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def send(server: ThreadedServer, *bodies: bytes) -> None:
    with smtplib.SMTP(server.host, server.port, timeout=20) as smtp:
        smtp.ehlo("client.example")
        for number, body in enumerate(bodies):
            smtp.docmd("MAIL", "FROM:<a@example.org>")
            smtp.docmd("RCPT", f"TO:<user{number}+tag@example.org>")
            smtp.docmd("RCPT", "TO:<all@example.org>")
            # chunks: no dots to stuff, no line ends that a library corrects
            assert smtp.sock is not None
            smtp.sock.sendall(b"BDAT %d LAST\r\n" % len(body) + body)
            assert smtp.getreply()[0] == 250


@pytest.fixture(params=["live", "offline"])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A data folder with two messages; its server runs, or not."""

    @contextmanager
    def server() -> Iterator[ThreadedServer]:
        with ThreadedServer(app, data=str(tmp_path / "data")) as running:
            yield running

    with server() as running:
        send(running, TRICKY, LARGE)
        if request.param == "live":
            yield str(tmp_path / "data")
            return
    yield str(tmp_path / "data")


def listed(data: str, *words: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in run("list", "--data", data, "--json", *words).output.splitlines()]


def test_list(data: str) -> None:
    lines = run("list", "--data", data).output.splitlines()
    assert len(lines) == 4
    assert lines[0].split()[-1] in ("user0+tag@example.org", "all@example.org")
    assert [item["recipient"] for item in listed(data, "user1@example.org")] == ["user1+tag@example.org"]
    assert [item["recipient"] for item in listed(data, "USER1")] == ["user1+tag@example.org"]
    assert len(listed(data, "all")) == 2
    assert listed(data, "nobody@example.org") == []


def test_show_is_exact(data: str) -> None:
    for item, body in zip(listed(data, "all@example.org"), (TRICKY, LARGE), strict=True):
        shown = run("show", "--data", data, item["id"]).stdout_bytes
        head, _, rest = shown.partition(body[:20])
        assert head.startswith(b"Return-Path: <a@example.org>\r\nReceived: from client.example")
        assert body[:20] + rest == body
        assert len(shown) == int(item["size"])
    with pytest.raises(StartupError, match="there is no message 00000000000"):
        run("show", "--data", data, "00000000000")


def test_export(data: str, tmp_path: Path) -> None:
    ids = [item["id"] for item in listed(data, "all")]
    whole = {id: run("show", "--data", data, id).stdout_bytes for id in ids}
    assert run("export", "--data", data, str(tmp_path / "eml")).output.startswith("2 messages written")
    assert {path.stem: path.read_bytes() for path in (tmp_path / "eml").iterdir()} == whole
    run("export", "--data", data, "--format", "maildir", str(tmp_path / "dir"))
    assert sorted(path.read_bytes() for path in (tmp_path / "dir" / "new").iterdir()) == sorted(whole.values())
    run("export", "--data", data, "--format", "mbox", str(tmp_path / "mbox"))
    box = mailbox.mbox(tmp_path / "mbox", create=False)
    try:
        assert len(box) == 2
        for key, content in zip(box.keys(), (whole[id] for id in ids), strict=True):
            expected = content.replace(b"\r\n", b"\n").replace(b"\nFrom the", b"\n>From the")
            assert box.get_bytes(key).rstrip(b"\n") == expected.rstrip(b"\n")
            assert box[key].get_from().startswith("a@example.org ")
    finally:
        box.close()
    run("export", "--data", data, "--address", "user0@example.org", str(tmp_path / "one"))
    assert len(list((tmp_path / "one").iterdir())) == 1


def test_rm(data: str) -> None:
    first, second = (item["id"] for item in listed(data, "all"))
    assert run("rm", "--data", data, first, "00000000000").output == "1 removed\n"
    assert {item["id"] for item in listed(data)} == {second}
    assert run("rm", "--data", data).exit_code == 2
    assert run("rm", "--data", data, "--all").output == "1 removed\n"
    assert listed(data) == []
    assert [path for path in (Path(data) / "files" / "mail").iterdir() if path.is_file()] == []


def test_users(data: str) -> None:
    assert run("user", "add", "--data", data, "alice", text="secret\nmore\n").output == "user alice added\n"
    assert run("user", "add", "--data", data, "alice", text="other\n").output == "user alice has a new password\n"
    run("user", "add", "--data", data, "bob", text="secret\n")
    assert run("user", "list", "--data", data).output == "alice\nbob\n"
    assert run("user", "rm", "--data", data, "alice").output == "user alice removed\n"
    assert run("user", "list", "--data", data).output == "bob\n"
    with pytest.raises(StartupError, match="there is no user alice"):
        run("user", "rm", "--data", data, "alice")
    with pytest.raises(StartupError, match="the password is empty"):
        run("user", "add", "--data", data, "carol", text="\n")
    with pytest.raises(StartupError, match="a user name has"):
        run("user", "add", "--data", data, "a:b", text="x\n")
    text = (Path(data) / "users").read_text()
    assert (Path(data) / "users").stat().st_mode & 0o777 == 0o600
    assert "secret" not in text.replace(":secret:", "")


def test_a_user_that_is_added_may_log_in_at_once(tmp_path: Path) -> None:
    with ThreadedServer(app, data=str(tmp_path / "data"), domain=("example.org",)) as server:
        send(server, TRICKY)
        run("user", "add", "--data", str(tmp_path / "data"), "all", text="pass word\n")
        with smtplib.SMTP(server.host, server.port, timeout=20) as smtp:
            assert smtp.login("all", "pass word")[0] == 235
            assert smtp.docmd("MAIL", "FROM:<a@example.org>")[0] == 250
            assert smtp.docmd("RCPT", "TO:<all@example.org>")[0] == 250
            assert smtp.docmd("RCPT", "TO:<user0@example.org>")[1].startswith(b"5.1.1")


def test_what_waits_is_delivered_by_a_command_without_a_server(tmp_path: Path) -> None:
    """Also into the mailboxes of a domain that the command knows nothing of, and to a Maildir."""
    data, target = tmp_path / "data", tmp_path / "maildir"
    target.write_text("in the way")
    with ThreadedServer(
        app, data=str(data), domain=("example.org",), mailbox=("all", "user0"), deliver=f"maildir:{target}"
    ) as server:
        send(server, TRICKY)
    target.unlink()
    assert len(listed(str(data), "all@example.org")) == 1
    assert len(listed(str(data), "user0")) == 1
    assert len(list((target / "new").iterdir())) == 1


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="there is no data folder"):
        run("list", "--data", str(tmp_path / "none"))


def test_the_control_socket_is_ours_alone(tmp_path: Path) -> None:
    with ThreadedServer(app, data=str(tmp_path / "data")):
        assert (tmp_path / "data" / "control.sock").stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "data" / "control.sock").exists()
