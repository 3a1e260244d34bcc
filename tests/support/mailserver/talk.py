"""Talking to a mail server in memory."""

from __future__ import annotations

import base64

from socketworkers.testing import AppClient, Peer

__all__ = ["auth_plain", "contents", "deliver", "hello", "reply", "say"]


async def reply(peer: Peer) -> str:
    """One whole reply without the last line end; "" at the end of the connection."""
    lines = []
    while line := await peer.read_line():
        lines.append(line.decode())
        if line[3:4] != b"-":
            break
    return "".join(lines).rstrip("\r\n")


async def say(peer: Peer, *lines: str) -> str:
    """Send lines one after the other; returns the last reply."""
    answer = ""
    for line in lines:
        await peer.send(line.encode() + b"\r\n")
        answer = await reply(peer)
    return answer


async def hello(peer: Peer, verb: str = "EHLO") -> str:
    """Greeting and EHLO; returns what EHLO was answered with."""
    assert (await reply(peer)).startswith("220 ")
    return await say(peer, f"{verb} client.example")


async def deliver(peer: Peer, body: bytes, *recipients: str) -> str:
    """One message; returns the reply to it."""
    await say(peer, "MAIL FROM:<a@example.org>")
    for recipient in recipients or ("b@example.org",):
        assert (await say(peer, f"RCPT TO:<{recipient}>")).startswith("250")
    assert (await say(peer, "DATA")).startswith("354")
    await peer.send((b"\r\n" + body).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n")
    return await reply(peer)


async def contents(client: AppClient, mailbox: str | None = None) -> list[bytes]:
    """All messages of a mailbox, or of all, oldest first."""
    store = client.env.mail.store
    return [await store.whole(each.mailbox, each.id) for each in await store.list(mailbox)]


def auth_plain(user: str, password: str) -> str:
    """The command."""
    return "AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode()
