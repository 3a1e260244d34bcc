"""C10, end to end: whatever a peer sends, the log has one whole line for each event and no control characters."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pytest
from tests.support.mailserver.client import Client, read_pop3
from tests.support.mailserver.process import MailProcess

EVIL = [
    b"EHLO a\rb\r\n",
    b"EHLO \x1b]0;owned\x07\x1b[31mred\r\n",
    b"EHLO a\x00b\r\n",
    b"EHLO " + b"n" * 65536 + b"\r\n",
    b'EHLO x"\n{"level": "error", "message": "forged"}\r\n',
    b"MAIL FROM:<a\x1b[2J@example.org>\r\n",
    b'MAIL FROM:<"a\x7f"@example.org>\r\n',
    b"RCPT TO:<" + "\u202egro.elpmaxe@b\u2028".encode() + b">\r\n",
    b"AUTH PLAIN AHVzZXIbWzMxbQpmb3JnZWQAcGFzcw==\r\n",  # user ESC [31m LF forged
    b"\x9b31mX\r\n",
    b"X" * 3000 + b"\r\n",
    b"\xff\xfe\r\n",
]

pytestmark = [pytest.mark.attack("C10"), pytest.mark.timeout(60)]


def test_the_log_holds_no_line_of_the_peer(tmp_path: Path) -> None:
    with MailProcess(tmp_path, "--log-level", "debug", "--pop3-port", "0", "--metrics", "127.0.0.1:0") as server:
        for line in EVIL:
            with socket.create_connection(("127.0.0.1", server.port), 10) as sock:
                sock.settimeout(10)
                sock.recv(1000)
                sock.sendall(b"EHLO c.example\r\n" + line + b"QUIT\r\n")
                try:
                    while data := sock.recv(65536):
                        assert not re.search(rb"[^\x20-\x7e\r\n]", data), "and no reply does"
                except OSError:
                    pass
        with Client(server.port) as client:
            body = b"Subject: \x1b[31m\r\nX: \x00\r\n\r\n"
            assert client.mail(body, '"odd \x1b name"@example.org'.replace("\x1b ", "")).startswith("250")
        with socket.create_connection(("127.0.0.1", server.listener("pop3")), 10) as sock:
            sock.settimeout(10)
            sock.recv(1000)
            sock.sendall(b"USER a\x1b[31m\r\nUSER b\rc\r\nAPOP \x00 x\r\nQUIT\r\n")
            while data := sock.recv(65536):
                assert not re.search(rb"[^\x20-\x7e\r\n]", data)
        assert read_pop3(server.listener("pop3"), "nobody") == []
        assert server.stop() == 0
    lines = (tmp_path / "log").read_bytes().split(b"\n")
    logged = [line for line in lines if line.startswith(b"{")]
    assert len(logged) >= len(EVIL), "there is a log to look at"
    for line in lines:
        assert not re.search(rb"[\x00-\x1f\x7f]", line), line
        assert len(line) < 8192, line[:200]
        # escaped or not: what a terminal or a reader of lines would act upon is not in it
        assert not re.search("[\x80-\x9f\u2028\u2029\u202a-\u202e]", line.decode()), line
    for line in logged:
        entry = json.loads(line)
        assert entry.get("message") != "forged"
