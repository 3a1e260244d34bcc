"""The fixture ``smtp_server``, as a web developer uses it."""

from __future__ import annotations

import smtplib
import subprocess
import sys
import time
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from socketworkers_smtp.testing import TestServer


def send(server: TestServer, *to: str, subject: str = "Hello", text: str = "text", html: str = "") -> None:
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = "app@example.com"
    message["To"] = ", ".join(to)
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    with smtplib.SMTP(server.host, server.port) as client:
        client.send_message(message)


def test_messages(smtp_server: TestServer) -> None:
    assert smtp_server.messages == []
    send(smtp_server, "bob@example.org", "Ann+news@example.org", subject="Grüße")
    (message,) = smtp_server.messages
    assert message.sender == "app@example.com"
    assert message.recipients == ("Ann+news@example.org", "bob@example.org")
    assert message.subject == "Grüße"
    assert message.email["From"] == "app@example.com"
    assert message.text == "text\n"
    assert smtp_server.inbox("ann@example.org") == [message]
    assert smtp_server.inbox("nobody@example.org") == []


def test_each_test_begins_empty(smtp_server: TestServer) -> None:
    assert smtp_server.messages == []
    assert smtp_server.transcript() == ""
    send(smtp_server, "bob@example.org")
    smtp_server.clear()
    assert smtp_server.messages == []


async def test_it_works_from_async_tests(smtp_server: TestServer) -> None:
    send(smtp_server, "bob@example.org")
    assert smtp_server.wait_for(to="bob@example.org").text == "text\n"


def test_wait_for(smtp_server: TestServer) -> None:
    sender = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import smtplib, sys\n"
            "c = smtplib.SMTP(sys.argv[1], int(sys.argv[2]))\n"
            "for n in range(2): c.sendmail('a@b', ['c@d'], f'Subject: number {n}\\n\\nx')\n"
            "c.quit()",
            smtp_server.host,
            str(smtp_server.port),
        ]
    )
    try:
        assert [message.subject for message in smtp_server.wait_for(to="c@d", count=2)] == ["number 0", "number 1"]
        assert smtp_server.wait_for(subject="1").subject == "number 1"
        began = time.monotonic()
        with pytest.raises(AssertionError, match=r"0 of 1 messages to x@y came within 0\.05 s; there are: 'number 0'"):
            smtp_server.wait_for(to="x@y", timeout=0.05)
        assert time.monotonic() - began < 2
    finally:
        sender.wait()


def test_links_and_codes(smtp_server: TestServer) -> None:
    send(
        smtp_server,
        "bob@example.org",
        text="Your code is 123456. Or click https://example.com/confirm?a=1&b=2. Call 555-1234-1.",
        html='<p>Code <b>123456</b> <a href="https://example.com/other?a=1&amp;b=2">x</a></p>',
    )
    message = smtp_server.wait_for()
    assert message.link() == "https://example.com/confirm?a=1&b=2"
    assert message.link("other") == "https://example.com/other?a=1&b=2"
    assert message.code() == "123456"
    assert message.code(r"code is (\d\d)") == "12"
    assert "<b>" in message.html
    with pytest.raises(AssertionError, match="no link with 'nothing'"):
        message.link("nothing")
    send(smtp_server, "eve@example.org", text="none")
    with pytest.raises(AssertionError, match="no code in"):
        smtp_server.wait_for(to="eve@example.org").code()


def test_fail_next(smtp_server: TestServer) -> None:
    smtp_server.fail_next(451, verb="RCPT")
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(smtp_server, "bob@example.org")
    assert refused.value.recipients["bob@example.org"][0] == 451
    send(smtp_server, "bob@example.org")
    smtp_server.fail_next(552, verb="DATA", text="Too large for me", times=2)
    for _ in range(2):
        with pytest.raises(smtplib.SMTPDataError) as broken:
            send(smtp_server, "bob@example.org")
        assert broken.value.smtp_code == 552
        assert b"Too large for me" in broken.value.smtp_error
    assert len(smtp_server.messages) == 1
    with pytest.raises(ValueError, match="verb"):
        smtp_server.fail_next(451, verb="NOOP")
    with pytest.raises(ValueError, match="4xx or 5xx"):
        smtp_server.fail_next(250)


def test_transcript(smtp_server: TestServer) -> None:
    send(smtp_server, "bob@example.org")
    lines = smtp_server.transcript().splitlines()
    assert lines[0].startswith("S: 220 ")
    assert any(line.lower().startswith("c: mail from:<app@example.com>") for line in lines)
    assert lines[-2].upper() == "C: QUIT"
    assert lines[-1].startswith("S: 221")


def test_credentials(smtp_server: TestServer) -> None:
    user, password = smtp_server.credentials("bob", "right")
    with smtplib.SMTP(smtp_server.host, smtp_server.port) as client:
        client.login(user, password)
        client.sendmail("a@b", ["c@d"], "x")
    assert smtp_server.wait_for(to="c@d").summary.user == "bob"


def test_users_are_gone_in_the_next_test(smtp_server: TestServer) -> None:
    with smtplib.SMTP(smtp_server.host, smtp_server.port) as client:
        client.login("anybody", "anything")


def test_tls() -> None:
    from socketworkers_smtp.testing import TestServer

    with TestServer(tls="auto", tls_port=0) as server:
        with smtplib.SMTP("localhost", server.port) as client:
            client.starttls(context=server.tls_context())
            client.sendmail("a@b", ["c@d"], "x")
        assert len(server.messages) == 1


def test_it_starts_within_milliseconds() -> None:
    from socketworkers_smtp.testing import TestServer

    times = []
    for _ in range(4):
        began = time.perf_counter()
        with TestServer():
            times.append(time.perf_counter() - began)
    assert min(times) < 0.1, times


def test_the_plugin_needs_no_configuration_and_imports_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\n"
        "def test_nothing():\n"
        "    heavy = [name for name in ('socketworkers.server', 'socketworkers_smtp', 'apsw') if name in sys.modules]\n"
        "    assert heavy == []\n"
        "def test_mail(smtp_server):\n"
        "    import smtplib\n"
        "    with smtplib.SMTP(smtp_server.host, smtp_server.port) as client:\n"
        "        client.sendmail('a@b', ['c@d'], 'x')\n"
        "    assert len(smtp_server.messages) == 1\n"
        "def test_again(smtp_server):\n"
        "    assert smtp_server.messages == []\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert "3 passed" in done.stdout, done.stdout + done.stderr
    assert "socketworkers" not in done.stdout.replace(str(tmp_path), "").replace("plugins: ", "").split("\n")[0]
