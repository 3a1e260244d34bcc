"""``openssl s_client``: STARTTLS and STLS as OpenSSL's own client does them, with its check of the certificate."""

from __future__ import annotations

import pytest
from tests.interop.live import MailServer, body_of, need, run


def _s_client(server: MailServer, *arguments: str, input: bytes, status: int | None = 0) -> bytes:
    trust = ("-CAfile", server.ca, "-verify_return_error", "-verify_hostname", "localhost", "-servername", "localhost")
    base = (need("openssl", "Debian: openssl"), "s_client", "-ign_eof", *trust)
    return run(*base, *arguments, input=input, status=status)


def _dialogue(address: str, content: bytes) -> bytes:
    # BDAT: a body may follow at once, where behind DATA the reply has to be waited for
    return (b"EHLO client.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<%s>\r\nBDAT %d LAST\r\n%sQUIT\r\n") % (
        address.encode(),
        len(content),
        content,
    )


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_starttls_smtp(server: MailServer, address: str, version: str) -> None:
    content = b"Subject: s_client\r\n\r\n.\r\nin TLS\r\n"
    option = "-tls1_2" if version == "TLSv1.2" else "-tls1_3"
    where = ("-starttls", "smtp", "-connect", f"127.0.0.1:{server.smtp}")
    output = _s_client(server, *where, option, input=_dialogue(address, content))
    assert version.encode() in output
    assert b"Verify return code: 0 (ok)" in output
    assert b"queued as" in output
    stored = server.shown(address)
    assert b"with ESMTPS" in stored
    assert version.encode() in stored
    assert body_of(stored) == content


def test_implicit_tls(server: MailServer, address: str) -> None:
    content = b"Subject: s_client\r\n\r\nfrom the first byte\r\n"
    output = _s_client(server, "-connect", f"127.0.0.1:{server.smtps}", input=_dialogue(address, content))
    assert b"queued as" in output
    assert server.only(address) == content


@pytest.mark.parametrize("way", ["stls", "tls"])
def test_pop3(server: MailServer, address: str, way: str) -> None:
    content = b"Subject: s_client\r\n\r\n..\r\n"
    _s_client(server, "-connect", f"127.0.0.1:{server.smtps}", input=_dialogue(address, content))
    where: tuple[str, ...] = (
        ("-connect", f"127.0.0.1:{server.pop3s}")
        if way == "tls"
        else ("-starttls", "pop3", "-connect", f"127.0.0.1:{server.pop3}")
    )
    # s_client itself acts on lines that begin with R or Q, so RETR is written in small letters
    output = _s_client(server, *where, input=f"user {address}\r\npass any\r\nstat\r\nretr 1\r\nquit\r\n".encode())
    assert b"Verify return code: 0 (ok)" in output
    assert b"+OK 1 " in output
    assert b"\r\nSubject: s_client\r\n\r\n...\r\n.\r\n" in output  # stuffed, as it is on the wire


def test_old_versions_of_tls_are_refused(server: MailServer) -> None:
    where = ("-starttls", "smtp", "-connect", f"127.0.0.1:{server.smtp}")
    output = _s_client(server, *where, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", input=b"QUIT\r\n", status=1)
    assert b"queued as" not in output
