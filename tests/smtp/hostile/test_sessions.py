"""Attacks on one session, against the whole server in memory: C1, C5, C6, S3, S4."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.support.mailserver.talk import contents, hello, reply, say

from socketworkers.testing import AppClient, Peer
from socketworkers_smtp import app

BODY = b"Subject: x\r\n\r\ntext\r\n"


async def open_transaction(peer: Peer) -> None:
    await hello(peer)
    assert (await say(peer, "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>")).startswith("250")


async def rest(peer: Peer) -> str:
    """Everything until the end of the connection."""
    data = b""
    try:
        async with asyncio.timeout(10):
            while chunk := await peer.reader.read():
                data += chunk
    except TimeoutError:
        raise
    except OSError:
        pass
    return data.decode()


@pytest.mark.attack("S3")
async def test_a_chunk_that_is_longer_than_what_comes() -> None:
    async with AppClient(app) as client:
        await open_transaction(client)
        await client.send(b"BDAT 5000 LAST\r\n" + BODY)
        await client.send_end()
        assert "queued" not in await rest(client)
        assert await contents(client) == []


@pytest.mark.attack("S3")
async def test_an_announced_length_allocates_nothing() -> None:
    async with AppClient(app, max_size=1 << 40) as client:
        await open_transaction(client)
        await client.send(b"BDAT 1099511627000 LAST\r\n" + BODY)
        await client.send_end()
        assert "queued" not in await rest(client)
        assert await contents(client) == []


@pytest.mark.attack("S3")
@pytest.mark.parametrize(
    ("wire", "codes", "stored"),
    [
        (b"BDAT 0 LAST\r\n", "250", [b""]),
        (b"BDAT 20\r\n" + BODY[:20] + b"BDAT 0 LAST\r\n", "250 250", [BODY[:20]]),
        (b"BDAT 4\r\nabcdDATA\r\n", "250 503 554", []),  # nothing may be sent behind DATA
        (b"BDAT 4\r\nabcdRSET\r\nBDAT 3 LAST\r\nxyz", "250 250 503", []),
        (b"BDAT 4\r\nabcdMAIL FROM:<c@d>\r\n", "250 503", []),
        (b"BDAT 4\r\nabcdBDAT 2 LAST\r\n\r\n", "250 250", [b"abcd\r\n"]),
    ],
)
async def test_chunks_mixed_with_other_commands(wire: bytes, codes: str, stored: list[bytes]) -> None:
    async with AppClient(app) as client:
        await open_transaction(client)
        await client.send(wire + b"QUIT\r\n")
        answers = [line[:3] for line in (await rest(client)).splitlines()]
        assert answers == codes.split() + ([] if codes.endswith("554") else ["221"])
        found = await contents(client)
        assert len(found) == len(stored)
        assert all(content.endswith(body) for content, body in zip(found, stored, strict=True))


@pytest.mark.attack("S3")
async def test_a_message_that_is_sent_before_354() -> None:
    async with AppClient(app, domain=("example.org",)) as client:
        await hello(client)
        await client.send(b"MAIL FROM:<a@b>\r\nRCPT TO:<b@elsewhere.example>\r\nDATA\r\n" + BODY + b".\r\nNOOP\r\n")
        answers = await rest(client)
        assert "queued" not in answers
        assert await contents(client) == []


@pytest.mark.attack("S4")
async def test_a_flood_of_recipients() -> None:
    async with AppClient(app) as client:
        await hello(client)
        await say(client, "MAIL FROM:<a@example.org>")
        lines = b"".join(b"RCPT TO:<r%d@example.org>\r\n" % n for n in range(1003))
        sending = asyncio.create_task(client.send(lines))
        answers = [await reply(client) for _ in range(1003)]
        await sending
        assert all(answer.startswith("250") for answer in answers[:1000])
        assert all(answer.startswith("452 4.5.3") for answer in answers[1000:])
        await say(client, "DATA")
        await client.send(BODY + b".\r\n")
        assert (await reply(client)).startswith("250")
        assert len(await contents(client)) == 1000
        assert client.server.objects is not None
        assert client.env.mail.store.mailboxes() == ["*"], "a flood of recipients makes no files"


@pytest.mark.attack("S4")
async def test_probing_for_names_ends_the_session() -> None:
    async with AppClient(app, domain=("example.org",), mailbox=("bob",)) as client:
        await hello(client)
        await say(client, "MAIL FROM:<a@example.net>")
        answers: list[str] = []
        while len(answers) < 200 and (not answers or not answers[-1].startswith("421")):
            answers.append(await say(client, f"RCPT TO:<user{len(answers)}@example.org>"))
        assert len(answers) < 40
        assert await rest(client) == ""


@pytest.mark.attack("S4")
async def test_vrfy_tells_nothing() -> None:
    async with AppClient(app, domain=("example.org",), mailbox=("bob",)) as client:
        await hello(client)
        answers = {await say(client, f"VRFY {name}") for name in ("bob", "bob@example.org", "nobody", "root", "<x@y>")}
        assert len(answers) == 1
        assert answers.pop().startswith("252 ")
        assert (await say(client, "EXPN staff")).startswith("502")


@pytest.mark.attack("C5")
@pytest.mark.parametrize("start", ["greeted", "data", "bdat", "auth"])
async def test_one_byte_at_a_time_does_not_move_the_deadline(start: str) -> None:
    async with AppClient(app, idle_timeout=0.6) as client:
        await open_transaction(client)
        if start == "data":
            assert (await say(client, "DATA")).startswith("354")
        elif start == "bdat":
            await client.send(b"BDAT 100000\r\n")
        elif start == "auth":
            await say(client, "RSET")
            assert (await say(client, "AUTH LOGIN")).startswith("334")
        began = time.monotonic()

        async def trickle() -> None:
            try:
                while True:
                    await client.send(b"x")
                    await asyncio.sleep(0.02)
            except OSError:
                pass

        trickling = asyncio.create_task(trickle())
        try:
            answer = await rest(client)
        finally:
            trickling.cancel()
            await asyncio.gather(trickling, return_exceptions=True)
        assert time.monotonic() - began < 8.0
        assert answer == "" or answer.startswith("421 4.4.2")
        assert await contents(client) == []


@pytest.mark.attack("C6")
async def test_a_client_that_ends_its_direction_gets_its_answers() -> None:
    async with AppClient(app) as client:
        await open_transaction(client)
        await client.send(b"BDAT %d LAST\r\n" % len(BODY) + BODY)
        await client.send_end()
        assert (await reply(client)).startswith("250")
        assert await rest(client) == "", "and the server ends too"
        assert len(await contents(client)) == 1


@pytest.mark.attack("C6")
async def test_a_refused_client_that_never_ends_is_closed_by_us() -> None:
    async with AppClient(app, idle_timeout=0.5) as client:
        peer = client.connect()
        await peer.send(b"GET / HTTP/1.1\r\n")
        answer = await rest(peer)
        assert "554 5.5.1" in answer
        async with asyncio.timeout(10):
            while client.server.connections:
                await asyncio.sleep(0.01)
        await peer.close()


@pytest.mark.attack("C1")
async def test_what_is_behind_starttls_ends_the_session() -> None:
    async with AppClient(app, tls="auto") as client:
        await hello(client)
        await client.send(b"STARTTLS\r\nMAIL FROM:<evil@example.org>\r\n")
        assert (await rest(client)).startswith("554 5.7.0")


@pytest.mark.attack("C5")
async def test_the_end_right_behind_starttls_is_not_waited_for() -> None:
    async with AppClient(app, tls="auto", handshake_timeout=30.0) as client:
        await hello(client)
        client.writer.write(b"STARTTLS\r\n")
        client.writer.close()
        async with asyncio.timeout(8):
            assert (await rest(client)).startswith("220")
            while client.server.connections:
                await asyncio.sleep(0.01)
