"""curl, over SMTP and POP3, in clear text and in TLS."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.interop.live import MailServer, body_of, need, run
from tests.interop.messages import LARGE, PLAIN


def _curl(*arguments: str, status: int | None = 0) -> bytes:
    return run(need("curl", "Debian: curl"), "--silent", "--show-error", "--max-time", "30", *arguments, status=status)


def _upload(address: str, path: Path) -> tuple[str, ...]:
    return ("--mail-from", "a@example.org", "--mail-rcpt", address, "--upload-file", str(path))


@pytest.fixture
def message(tmp_path: Path) -> Path:
    """A file with a message, lines in CR LF."""
    path = tmp_path / "message"
    path.write_bytes(PLAIN)
    return path


@pytest.mark.parametrize("way", ["plain", "starttls", "tls"])
def test_send(server: MailServer, address: str, message: Path, way: str) -> None:
    url = f"smtps://localhost:{server.smtps}" if way == "tls" else f"smtp://localhost:{server.smtp}"
    required = ("--ssl-reqd",) if way == "starttls" else ()
    _curl("--cacert", server.ca, *required, url, *_upload(address, message))
    assert server.only(address) == PLAIN


def test_large_message(server: MailServer, address: str, tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(LARGE)
    _curl(f"smtp://127.0.0.1:{server.smtp}", *_upload(address, path))
    assert server.only(address) == LARGE


def test_login(guarded: MailServer, message: Path) -> None:
    url = f"smtps://localhost:{guarded.smtps}"
    _curl("--cacert", guarded.ca, url, "--user", "alice:wonder land", *_upload("alice@example.org", message))
    assert PLAIN in [body_of(stored) for stored in guarded.fetched("alice")]


def test_bare_newlines_are_refused_with_the_remedy(server: MailServer, address: str, tmp_path: Path) -> None:
    path = tmp_path / "unix"
    path.write_bytes(b"Subject: lines in LF\n\nHello\n")
    url = f"smtp://127.0.0.1:{server.smtp}"
    output = _curl("--verbose", url, *_upload(address, path), status=None)
    assert b"< 554 " in output or b"< 550 " in output
    assert b"--crlf" in output
    assert server.listed(address) == []
    # what the reply says helps
    _curl("--crlf", url, *_upload(address, path))
    assert server.only(address) == b"Subject: lines in LF\r\n\r\nHello\r\n"


@pytest.mark.parametrize("way", ["plain", "stls", "tls"])
def test_pop3(server: MailServer, address: str, message: Path, way: str) -> None:
    _curl(f"smtp://127.0.0.1:{server.smtp}", *_upload(address, message))
    host = f"pop3s://localhost:{server.pop3s}" if way == "tls" else f"pop3://localhost:{server.pop3}"
    options = ("--cacert", server.ca, "--user", f"{address}:any", *(("--ssl-reqd",) if way == "stls" else ()))
    (row,) = _curl(*options, f"{host}/").splitlines()
    number, size = row.split()
    stored = _curl(*options, f"{host}/1")
    assert number == b"1"
    assert len(stored) == int(size)
    assert body_of(stored) == PLAIN
    assert _curl(*options, "--request", "UIDL", f"{host}/").split()[0] == b"1"
    _curl(*options, "--request", "DELE", "--head", f"{host}/1")
    assert server.listed(address) == []
