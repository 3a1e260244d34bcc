"""Sends mail to a server and reads it back, with the standard library only. Run by the client of compose.yaml.

Usage: mail_client.py HOST [SMTP_PORT TLS_PORT POP3_PORT [CA_FILE]]. Exit status 0: every message came back unchanged.
The mailbox is that of ``you@example.org``, its password is in the environment variable ``MAIL_PASSWORD``.
"""

from __future__ import annotations

import os
import poplib
import smtplib
import ssl
import sys
from collections.abc import Callable

USER = "you"


def trusting(authority: str) -> ssl.SSLContext:
    """A context that trusts the server's authority. The certificate is for localhost, the network calls it by name."""
    context = ssl.create_default_context(cafile=authority)
    context.check_hostname = False
    return context


def plain(host: str, ports: list[int], authority: str) -> smtplib.SMTP:
    """Without TLS."""
    return smtplib.SMTP(host, ports[0], timeout=30)


def starttls(host: str, ports: list[int], authority: str) -> smtplib.SMTP:
    """TLS from STARTTLS on, and a login."""
    client = smtplib.SMTP(host, ports[0], timeout=30)
    client.starttls(context=trusting(authority))
    client.login(USER, os.environ["MAIL_PASSWORD"])
    return client


def implicit_tls(host: str, ports: list[int], authority: str) -> smtplib.SMTP:
    """TLS from the first byte."""
    return smtplib.SMTP_SSL(host, ports[1], timeout=30, context=trusting(authority))


WAYS: tuple[Callable[[str, list[int], str], smtplib.SMTP], ...] = (plain, starttls, implicit_tls)


def came_back(host: str, port: int, authority: str, content: bytes) -> bool:
    """Whether exactly one message of the mailbox is this one, behind what the server put in front. It is removed."""
    box = poplib.POP3(host, port, timeout=30)
    box.stls(context=trusting(authority))
    box.user(USER)
    box.pass_(os.environ["MAIL_PASSWORD"])
    found = 0
    for number in range(1, box.stat()[0] + 1):
        stored = b"".join(line + b"\r\n" for line in box.retr(number)[1])
        if stored.endswith(b"\r\n" + content) and stored.startswith(b"Return-Path: "):
            found += 1
            box.dele(number)
    box.quit()
    return found == 1


def main(arguments: list[str]) -> int:
    """Send one message each way and compare what comes back."""
    host = arguments[0]
    ports = [int(port) for port in arguments[1:4]] or [2525, 2465, 2110]
    authority = arguments[4] if len(arguments) > 4 else "/data/smtp/tls/ca.pem"
    for way in WAYS:
        subject = f"Subject: {way.__name__} {os.urandom(8).hex()}\r\n\r\n".encode()
        content = subject + b"".join(b"line %d \xc3\xa9\r\n.\r\n" % number for number in range(1000))
        with way(host, ports, authority) as client:
            client.sendmail("client@example.org", f"{USER}@example.org", content, ["BODY=8BITMIME"])
        if not came_back(host, ports[2], authority, content):
            print(f"{way.__name__}: what came back is not what was sent", file=sys.stderr)
            return 1
        print(f"{way.__name__}: {len(content)} bytes sent and read back unchanged", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
