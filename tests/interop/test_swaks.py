"""swaks, which speaks every dialect that it is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.interop.live import MailServer, absent, body_of, need, run

# swaks replaces words such as %DATE% in a message, puts CR LF for each LF, and a line end before the final dot.
CONTENT = b"Subject: swaks\nFrom: <a@example.org>\n\n.dot\n..\n.\ntext\n\nend\n"
SENT = CONTENT.replace(b"\n", b"\r\n")


@pytest.fixture(scope="module", autouse=True)
def _tools() -> None:
    """swaks finds out about TLS at run time, by a library of Perl's."""
    swaks = need("swaks", "Debian: swaks")
    if b"TLS not available" in run(swaks, "--support", status=None):
        absent("swaks cannot do TLS (Debian: libnet-ssleay-perl)")


def _swaks(port: int, *arguments: str, data: Path | None = None, status: int = 0) -> str:
    content = () if data is None else ("--data", f"@{data}")
    base = (need("swaks", "Debian: swaks"), "--server", "127.0.0.1", "--port", str(port), "--timeout", "20")
    return run(*base, "--from", "a@example.org", *arguments, *content, status=status).decode()


@pytest.fixture
def message(tmp_path: Path) -> Path:
    """A file with a message."""
    path = tmp_path / "message"
    path.write_bytes(CONTENT)
    return path


def _verified(server: MailServer) -> tuple[str, ...]:
    return ("--tls-verify", "--tls-ca-path", server.ca)


def test_the_command_that_the_start_lines_tell_to_try(server: MailServer) -> None:
    command = (need("swaks", "Debian: swaks"), "--server", f"127.0.0.1:{server.smtp}", "--to", "you@example.org")
    output = run(*command).decode()
    assert "<-  250 2.0.0 Ok: queued as" in output
    found = server.fetched("you@example.org")  # the tests of the documentation send there, too
    assert any(b"This is a test mailing" in stored for stored in found)


def test_plain(server: MailServer, address: str, message: Path) -> None:
    _swaks(server.smtp, "--to", address, data=message)
    assert server.only(address).rstrip(b"\r\n") == SENT.rstrip(b"\r\n")


def test_starttls(server: MailServer, address: str, message: Path) -> None:
    output = _swaks(server.smtp, "--to", address, "--tls", *_verified(server), data=message)
    assert "=== TLS started with cipher TLSv1.3" in output
    stored = server.shown(address)
    assert b"with ESMTPS" in stored
    assert body_of(stored).rstrip(b"\r\n") == SENT.rstrip(b"\r\n")


def test_implicit_tls(server: MailServer, address: str, message: Path) -> None:
    output = _swaks(server.smtps, "--to", address, "--tlsc", *_verified(server), data=message)
    assert "=== TLS started with cipher TLSv1.3" in output
    assert server.only(address).rstrip(b"\r\n") == SENT.rstrip(b"\r\n")


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_auth(guarded: MailServer, mechanism: str) -> None:
    login = ("--auth", mechanism, "--auth-user", "alice", "--auth-password", "wonder land")
    subject = f"swaks with {mechanism}"
    output = _swaks(guarded.smtp, "--tls", "--to", "alice@example.org", "--h-Subject", subject, *login)
    assert "<~  235 2.7.0" in output
    assert any(f"Subject: {subject}".encode() in stored for stored in guarded.fetched("alice"))


def test_auth_with_a_wrong_password(guarded: MailServer) -> None:
    login = ("--auth", "PLAIN", "--auth-user", "alice", "--auth-password", "queen")
    output = _swaks(guarded.smtp, "--tls", "--to", "alice@example.org", *login, status=28)
    assert "<~* 535 5.7.8" in output


def test_lmtp(server: MailServer, address: str, message: Path) -> None:
    output = _swaks(server.lmtp, "--protocol", "LMTP", "--to", address, data=message)
    assert "LHLO" in output
    assert server.only(address).rstrip(b"\r\n") == SENT.rstrip(b"\r\n")


def test_pipelining(server: MailServer, address: str, message: Path) -> None:
    _swaks(server.smtp, "--pipeline", "--to", f"{address},second-{address}", data=message)
    assert server.only(address).rstrip(b"\r\n") == SENT.rstrip(b"\r\n")
    assert len(server.fetched(f"second-{address}")) == 1
