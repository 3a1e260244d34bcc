"""The standard library's smtplib and poplib."""

from __future__ import annotations

import poplib
import smtplib
import ssl

import pytest
from tests.interop.live import MailServer, body_of
from tests.interop.messages import EIGHT_BIT, LARGE, PLAIN, UTF8_HEADER

HOST = "127.0.0.1"
SENDER = "a@example.org"


def _connect(server: MailServer, way: str) -> smtplib.SMTP:
    if way == "tls":
        return smtplib.SMTP_SSL(HOST, server.smtps, timeout=30, context=server.tls)
    client = smtplib.SMTP(HOST, server.smtp, timeout=30)
    if way == "starttls":
        client.starttls(context=server.tls)
    return client


@pytest.mark.parametrize("way", ["plain", "starttls", "tls"])
def test_messages_come_back_byte_for_byte(server: MailServer, address: str, way: str) -> None:
    with _connect(server, way) as client:
        assert client.sendmail(SENDER, address, PLAIN) == {}
        assert ("TLSv1.3" in server.shown(address).decode()) == (way != "plain")
    assert server.only(address) == PLAIN


@pytest.mark.parametrize("way", ["plain", "tls"])
def test_large_message(server: MailServer, address: str, way: str) -> None:
    with _connect(server, way) as client:
        client.sendmail(SENDER, address, LARGE)
    assert server.only(address) == LARGE


def test_eight_bit_mime(server: MailServer, address: str) -> None:
    with _connect(server, "plain") as client:
        client.sendmail(SENDER, address, EIGHT_BIT, ["BODY=8BITMIME"])
    assert server.only(address) == EIGHT_BIT


def test_smtputf8(server: MailServer) -> None:
    with _connect(server, "plain") as client:
        client.sendmail("jürgen@example.org", "empfänger@bücher.example", UTF8_HEADER, ["SMTPUTF8", "BODY=8BITMIME"])
    stored = server.shown("empfänger@bücher.example")
    assert stored.startswith("Return-Path: <jürgen@example.org>\r\n".encode())
    assert b" with UTF8SMTP " in stored  # RFC 6531 §3.7.3
    assert body_of(stored) == UTF8_HEADER


def test_several_recipients_and_several_messages_in_one_session(server: MailServer) -> None:
    with _connect(server, "plain") as client:
        assert "pipelining" in client.esmtp_features or client.ehlo()[0] == 250
        for number in range(20):
            client.sendmail(
                SENDER, ["several-1@example.org", "Several-2+tag@Example.ORG"], b"Subject: %d\r\n\r\n" % number
            )
    for name in ("several-1@example.org", "several-2@example.org"):
        found = [body_of(stored) for stored in server.fetched(name)]
        assert found == [b"Subject: %d\r\n\r\n" % number for number in range(20)]


@pytest.mark.parametrize("way", ["starttls", "tls"])
def test_login(guarded: MailServer, way: str) -> None:
    content = b"Subject: login %s\r\n\r\nin\r\n" % way.encode()
    with _connect(guarded, way) as client:
        assert client.login("alice", "wonder land")[0] == 235
        client.sendmail(SENDER, "alice@example.org", content)
    assert content in [body_of(stored) for stored in guarded.fetched("alice")]


def test_without_a_login_nothing_is_taken(guarded: MailServer) -> None:
    with _connect(guarded, "starttls") as client, pytest.raises(smtplib.SMTPSenderRefused) as refused:
        client.sendmail(SENDER, "alice@example.org", PLAIN)
    assert refused.value.smtp_code == 530
    with _connect(guarded, "starttls") as client, pytest.raises(smtplib.SMTPAuthenticationError):
        client.login("alice", "wrong")


def test_no_open_relay(guarded: MailServer) -> None:
    with _connect(guarded, "tls") as client:
        client.login("alice", "wonder land")
        for recipient, reply in (("x@elsewhere.example", b"5.7.1"), ("nobody@example.org", b"5.1.1")):
            with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
                client.sendmail(SENDER, recipient, PLAIN)
            code, text = refused.value.recipients[recipient]
            assert code == 550
            assert text.startswith(reply)


def test_a_client_that_does_not_trust_the_authority_fails(server: MailServer) -> None:
    with smtplib.SMTP(HOST, server.smtp, timeout=30) as client:
        with pytest.raises(ssl.SSLCertVerificationError):
            client.starttls(context=ssl.create_default_context())
        client.close()


def test_lmtp(server: MailServer, address: str) -> None:
    with smtplib.LMTP(HOST, server.lmtp) as client:
        client.ehlo_or_helo_if_needed()
        client.mail(SENDER)
        client.rcpt(address)
        client.rcpt(f"other-{address}")
        # One reply for each recipient (RFC 2033 §4.2); smtplib itself reads the first one only.
        assert client.data(PLAIN) == (250, b"2.1.5 <%s> delivered" % address.encode())
        assert client.getreply() == (250, b"2.1.5 <other-%s> delivered" % address.encode())
    assert server.only(address) == PLAIN
    assert server.only(f"other-{address}") == PLAIN


def _login(box: poplib.POP3, name: str) -> poplib.POP3:
    box.user(name)
    box.pass_("any")
    return box


@pytest.mark.parametrize("way", ["plain", "stls", "tls"])
def test_poplib(server: MailServer, address: str, way: str) -> None:
    with _connect(server, "plain") as client:
        for number in range(3):
            client.sendmail(SENDER, address, b"Subject: %d\r\n\r\n.a\r\n\r\nb\r\nc\r\n" % number)

    def box() -> poplib.POP3:
        if way == "tls":
            return poplib.POP3_SSL(HOST, server.pop3s, timeout=30, context=server.tls)
        opened = poplib.POP3(HOST, server.pop3, timeout=30)
        if way == "stls":
            opened.stls(context=server.tls)
        return opened

    first = box()
    assert {"UIDL", "TOP", "USER"} <= set(first.capa())
    _login(first, address)
    count, size = first.stat()
    assert count == 3
    sizes = [int(row.split()[1]) for row in first.list()[1]]
    assert sum(sizes) == size
    names = [row.split()[1] for row in first.uidl()[1]]
    assert len(set(names)) == 3
    message = b"\r\n".join(first.retr(2)[1]) + b"\r\n"
    assert len(message) == sizes[1]
    assert body_of(message) == b"Subject: 1\r\n\r\n.a\r\n\r\nb\r\nc\r\n"
    top = b"\r\n".join(first.top(2, 2)[1]) + b"\r\n"
    assert body_of(top) == b"Subject: 1\r\n\r\n.a\r\n\r\n"
    first.dele(2)
    with pytest.raises(poplib.error_proto):
        first.retr(2)
    first.rset()
    first.dele(1)
    first.quit()

    second = _login(box(), address)
    assert [row.split()[1] for row in second.uidl()[1]] == names[1:]
    with pytest.raises(poplib.error_proto, match="IN-USE"):
        _login(box_busy := poplib.POP3(HOST, server.pop3, timeout=30), address)
    box_busy.close()
    second.dele(1)
    second.close()  # no QUIT: nothing is removed (RFC 1939 §6)

    third = _login(box(), address)
    assert third.stat()[0] == 2
    third.quit()
