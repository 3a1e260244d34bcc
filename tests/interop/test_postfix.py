"""Postfix relays into us, over SMTP (plain, STARTTLS verified) and over LMTP: a server of others as our client.

An instance of its own: configuration, queue and log in a temporary folder, a free port of 127.0.0.1, and the machine's
Postfix, if there is one, left alone. It needs root, as Postfix does.
"""

from __future__ import annotations

import os
import pwd
import shutil
import smtplib
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.interop.live import MailServer, absent, body_of, need, run
from tests.interop.messages import EIGHT_BIT, LARGE, PLAIN, UTF8_HEADER

MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/state
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
myhostname = relay.example.net
mydestination =
local_recipient_maps =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relay_domains = smtp.example, tls.example, lmtp.example
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_forbid_bare_newline = no
smtputf8_enable = yes
smtputf8_autodetect_classes = all
transport_maps = inline:{{
    {{ smtp.example = smtp:[127.0.0.1]:{server.smtp} }},
    {{ tls.example = smtp:[localhost]:{server.smtp} }},
    {{ lmtp.example = lmtp:inet:[127.0.0.1]:{server.lmtp} }} }}
smtp_tls_security_level = may
smtp_tls_loglevel = 1
smtp_tls_CAfile = {server.ca}
smtp_tls_policy_maps = inline:{{ {{ [127.0.0.1]:{server.smtp} = none }},
    {{ [localhost]:{server.smtp} = secure match=localhost }} }}
lmtp_tls_security_level = none
smtp_host_lookup = native
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Relay:
    """A Postfix that runs."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port

    @property
    def log(self) -> str:
        """What it has logged."""
        path = self.folder / "maillog"
        return path.read_text(errors="replace") if path.exists() else ""

    def send(self, recipients: list[str], content: bytes, *options: str, sender: str = "a@example.org") -> None:
        """Give it a message, and wait until it has passed it on."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=30, local_hostname="client.example") as client:
            client.sendmail(sender, recipients, content, list(options))
        deadline = time.monotonic() + 30
        while any((self.folder / "queue" / name).rglob("*") and self._waiting(name) for name in ("incoming", "active")):
            if time.monotonic() > deadline:
                pytest.fail(f"Postfix did not pass the message on:\n{self.log}")
            time.sleep(0.02)
        assert not self._waiting("deferred"), self.log

    def _waiting(self, queue: str) -> list[Path]:
        return [path for path in (self.folder / "queue" / queue).rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def relay(server: MailServer) -> Iterator[Relay]:
    """Postfix with three ways to the server."""
    postfix = need("postfix", "Debian: postfix")
    if os.geteuid() != 0:
        absent("Postfix needs root (Debian: postfix)")
    # not below pytest's folder: Postfix' own user has to reach it
    folder = Path(tempfile.mkdtemp(prefix="socketworkers-postfix-"))
    config = folder / "config"
    try:
        folder.chmod(0o755)
        for name in ("config", "queue", "state"):
            (folder / name).mkdir(mode=0o755)
        owner = pwd.getpwnam("postfix")
        os.chown(folder / "state", owner.pw_uid, owner.pw_gid)
        # the authority's file lies in a folder that only its owner may enter
        trust = shutil.copy(server.ca, folder / "ca.pem")
        port = _free_port()
        text = MAIN.format(folder=folder, server=server).replace(f"= {server.ca}\n", f"= {trust}\n")
        (config / "main.cf").write_text(text)
        (config / "master.cf").write_text(MASTER.format(port=port))
        running = Relay(folder, port)
        output = run(postfix, "-c", str(config), "start", status=None)
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 5).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    pytest.fail(f"Postfix did not start:\n{output.decode()}\n{running.log}")
                time.sleep(0.05)
        try:
            yield running
        finally:
            run(postfix, "-c", str(config), "stop", status=None)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _passed_on(stored: bytes) -> bytes:
    """Without our two fields and the ``Received:`` of Postfix."""
    rest = body_of(stored)
    assert rest.startswith(b"Received: from client.example "), rest[:200]
    lines = rest.split(b"\r\n")
    place = next(number for number, line in enumerate(lines[1:], 1) if not line.startswith((b" ", b"\t")))
    return b"\r\n".join(lines[place:])


@pytest.mark.parametrize("way", ["smtp", "tls", "lmtp"])
def test_messages_arrive_byte_for_byte(relay: Relay, server: MailServer, way: str) -> None:
    address = f"bytes@{way}.example"
    for content in (PLAIN, LARGE):
        relay.send([address], content)
    relay.send([address], EIGHT_BIT, "BODY=8BITMIME")
    stored = server.fetched(address)
    assert [b"with ESMTPS" in each for each in stored] == [way == "tls"] * 3
    assert [b"with LMTP" in each for each in stored] == [way == "lmtp"] * 3
    # Postfix adds a Date that is missing to mail of its own network, behind what is there
    assert [_without_date(_passed_on(each)) for each in stored] == [PLAIN, LARGE, EIGHT_BIT]
    assert all(b"Return-Path: <a@example.org>\r\n" in each for each in stored)


def _without_date(content: bytes) -> bytes:
    head, empty, body = content.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Date: ")]
    return b"\r\n".join(lines) + empty + body


def test_many_recipients_in_one_transaction(relay: Relay, server: MailServer) -> None:
    addresses = [f"many-{number}@lmtp.example" for number in range(40)]
    relay.send(addresses, PLAIN)
    for address in (addresses[0], addresses[-1]):
        assert len(server.fetched(address)) == 1
    assert len({message["id"] for address in addresses[:3] for message in server.listed(address)}) == 1


def test_smtputf8(relay: Relay, server: MailServer) -> None:
    sender, recipient = "jürgen@example.org", "zoë@smtp.example"
    relay.send([recipient], UTF8_HEADER, "SMTPUTF8", "BODY=8BITMIME", sender=sender)
    stored = server.shown(recipient)
    assert stored.startswith(f"Return-Path: <{sender}>\r\n".encode())
    assert "Subject: Grüße 🙂\r\n".encode() in stored


def test_it_bounces_nothing(relay: Relay) -> None:
    relay.send(["last@tls.example"], PLAIN)
    assert "status=bounced" not in relay.log
    assert "status=deferred" not in relay.log
    assert "Verified TLS connection established to localhost" in relay.log
