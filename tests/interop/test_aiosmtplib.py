"""aiosmtplib, asyncio's client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email.message import EmailMessage

import aiosmtplib
import pytest
from tests.interop.live import MailServer, body_of
from tests.interop.messages import EIGHT_BIT, PLAIN
from tests.support.pairs import eventually

HOST = "127.0.0.1"


@pytest.fixture(autouse=True)
async def closed_in_the_end() -> AsyncIterator[None]:
    """The client closes its TLS connections, but does not wait until the loop has given them back."""
    yield
    transports = getattr(asyncio.get_running_loop(), "_transports", {})
    await eventually(lambda: all(getattr(each, "_sock", None) is None for each in list(transports.values())))


@pytest.mark.parametrize("way", ["plain", "starttls", "tls"])
async def test_messages_come_back_byte_for_byte(server: MailServer, address: str, way: str) -> None:
    port = server.smtps if way == "tls" else server.smtp
    client = aiosmtplib.SMTP(
        hostname=HOST,
        port=port,
        use_tls=way == "tls",
        start_tls=way == "starttls",
        tls_context=server.tls if way != "plain" else None,
    )
    async with client:
        errors, text = await client.sendmail("a@example.org", [address], PLAIN)
    assert errors == {}
    assert "queued as" in text
    assert server.only(address) == PLAIN


async def test_eight_bit_mime(server: MailServer, address: str) -> None:
    async with aiosmtplib.SMTP(hostname=HOST, port=server.smtp, start_tls=False) as client:
        await client.sendmail("a@example.org", [address], EIGHT_BIT, mail_options=["BODY=8BITMIME"])
    assert server.only(address) == EIGHT_BIT


async def test_smtputf8_message(server: MailServer) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "rené@example.org", "zoë@example.org", "Übung"
    message.set_content("é\n")
    await aiosmtplib.send(message, hostname=HOST, port=server.smtp, start_tls=False)
    assert "Subject: Übung".encode() in body_of(server.shown("zoë@example.org"))


async def test_login_in_several_sessions_at_once(guarded: MailServer) -> None:
    async def one(number: int) -> bytes:
        content = b"Subject: aiosmtplib %d\r\n\r\nlogin\r\n" % number
        await aiosmtplib.send(
            content, sender="a@example.org", recipients=["alice@example.org"], hostname=HOST, port=guarded.smtp,
            start_tls=True, tls_context=guarded.tls, username="alice", password="wonder land",
        )  # fmt: skip
        return content

    sent = await asyncio.gather(*(one(number) for number in range(10)))
    assert set(sent) <= {body_of(stored) for stored in guarded.fetched("alice")}


async def test_refused_login(guarded: MailServer) -> None:
    async with aiosmtplib.SMTP(hostname=HOST, port=guarded.smtp, start_tls=True, tls_context=guarded.tls) as client:
        with pytest.raises(aiosmtplib.SMTPAuthenticationError):
            await client.login("alice", "wrong")
