"""Who gets mail here: no relay, mailboxes, users, postmaster, plus-addressing, the catch-all and its bound."""

from __future__ import annotations

import pytest
from tests.support.mailserver.talk import auth_plain, contents, deliver, hello, reply, say

from socketworkers.testing import AppClient
from socketworkers_smtp import app

BODY = b"Subject: x\r\n\r\ntext\r\n"


async def rcpt(client: AppClient, recipient: str) -> str:
    peer = client.connect()
    async with peer:
        await hello(peer)
        return await say(peer, "MAIL FROM:<a@example.net>", f"RCPT TO:<{recipient}>")


async def test_without_a_domain_everything_is_caught() -> None:
    async with AppClient(app) as client:
        for recipient in ("a@b.example", "Any.One+tag@else.where", "x@[192.0.2.1]", "postmaster"):
            assert (await rcpt(client, recipient)).startswith("250 2.1.5")


async def test_with_a_domain_nothing_is_relayed() -> None:
    async with AppClient(app, domain=("example.org", "Example.COM")) as client:
        for recipient in ("a@example.org", "A@EXAMPLE.org", "b@example.com", "postmaster", "PostMaster@example.org"):
            assert (await rcpt(client, recipient)).startswith("250 2.1.5"), recipient
        for recipient in (
            "a@example.net",
            "a@sub.example.org",
            "a@example.org.evil.example",
            "a@evilexample.org",
            "a%example.net@example.com.evil",
            "@example.org:a@example.net",
            '"a@example.org"@example.net',
            "a@[127.0.0.1]",
            "postmaster@example.net",
        ):
            assert (await rcpt(client, recipient)).startswith("550 5.7.1"), recipient


async def test_a_login_does_not_open_a_relay() -> None:
    async with AppClient(app, domain=("example.org",)) as client:
        client.env.mail.set_password("alice", "secret")
        peer = client.connect()
        async with peer:
            await hello(peer)
            assert (await say(peer, auth_plain("alice", "secret"))).startswith("235")
            assert (await say(peer, "MAIL FROM:<alice@example.org>", "RCPT TO:<a@example.net>")).startswith("550 5.7.1")


async def test_listed_mailboxes_and_users_exist_and_nobody_else() -> None:
    async with AppClient(app, domain=("example.org", "example.com"), mailbox=("bob", "carol@example.com")) as client:
        client.env.mail.set_password("dave", "secret")
        yes = ("bob@example.org", "BOB+tag@example.com", "carol@example.com", "dave@example.org", "postmaster")
        for recipient in yes:
            assert (await rcpt(client, recipient)).startswith("250 2.1.5"), recipient
        for recipient in ("carol@example.org", "erin@example.org", "bob.b@example.org", "bobx@example.org"):
            assert (await rcpt(client, recipient)).startswith("550 5.1.1"), recipient
        assert (await rcpt(client, "bob@example.net")).startswith("550 5.7.1")
        client.env.mail.remove_user("dave")
        assert (await rcpt(client, "dave@example.org")).startswith("550 5.1.1")


async def test_a_tag_is_no_part_of_the_mailbox_but_of_the_message() -> None:
    async with AppClient(app, domain=("example.org",), mailbox=("bob",)) as client:
        await hello(client)
        assert (await deliver(client, BODY, "Bob+News@Example.ORG", "bob@example.org")).startswith("250")
        store = client.env.mail.store
        listed = await store.list()
        assert [(each.mailbox, each.address) for each in listed] == [("bob@example.org", "bob@example.org")] * 2
        assert sorted(each.recipient for each in listed) == ["Bob+News@Example.ORG", "bob@example.org"]
        assert await store.newest_id() == listed[0].id
        assert (await contents(client))[0].endswith(BODY)


async def test_the_catch_all_drops_its_oldest_mail() -> None:
    async with AppClient(app, catch_all_limit=3000) as client:
        await hello(client)
        for number in range(6):
            assert (await deliver(client, b"Subject: %d\r\n\r\n" % number + b"x" * 900 + b"\r\n")).startswith("250")
        kept = await contents(client)
        assert 1 <= len(kept) < 4
        assert b"Subject: 5" in kept[-1]
        assert client.env.mail.catch_all_bytes == sum(map(len, kept))
        assert (await deliver(client, b"\r\n" + b"y" * 9000 + b"\r\n")).startswith("250")
        assert len(await contents(client)) == 1, "the newest stays, however large"


async def test_the_catch_all_of_a_domain_refuses_and_takes_again() -> None:
    async with AppClient(app, domain=("example.org",), catch_all_limit=3000) as client:
        await hello(client)
        answer = ""
        for _ in range(9):
            await say(client, "RSET", "MAIL FROM:<a@example.org>")
            answer = await say(client, "RCPT TO:<b@example.org>")
            if not answer.startswith("250"):
                break
            await say(client, "DATA")
            await client.send(b"\r\n" + b"x" * 900 + b"\r\n.\r\n")
            assert (await reply(client)).startswith("250")
            await client.env.mail.store.settled()
        assert answer.startswith("452 4.2.2")
        before = await client.env.mail.store.list()
        assert len(before) == 3 or len(before) == 4, "nothing was dropped"
        await client.env.mail.store.remove("*", [each.id for each in before[:2]])
        assert (await say(client, "RCPT TO:<b@example.org>")).startswith("250"), "room is room"
        assert await client.env.mail.store.remove_all() == len(before) - 2
        assert client.env.mail.catch_all_bytes == 0


async def test_removing_ones_copy_leaves_that_of_others() -> None:
    async with AppClient(app, pop3_port=0) as client:
        await hello(client)
        assert (await deliver(client, BODY, "bob@example.org", "alice@example.org")).startswith("250")
        for user, others in (("bob", 1), ("alice", 0)):
            pop3 = client.connect("pop3")
            async with pop3:
                await pop3.read_line()
                for line in (f"USER {user}", "PASS x", "DELE 1", "QUIT"):
                    await pop3.send(line.encode() + b"\r\n")
                    assert (await pop3.read_line()).startswith(b"+OK")
            assert len(await client.env.mail.store.list()) == others


async def test_one_message_for_two_names_of_a_user_is_one() -> None:
    async with AppClient(app, pop3_port=0) as client:
        await hello(client)
        assert (await deliver(client, BODY, "bob@example.org", "bob@example.net", "bob+x@example.org")).startswith(
            "250"
        )
        pop3 = client.connect("pop3")
        async with pop3:
            await pop3.read_line()
            await pop3.send(b"USER bob\r\nPASS x\r\nSTAT\r\n")
            answers = [await pop3.read_line() for _ in range(3)]
            assert answers[2].startswith(b"+OK 1 ")
            second = client.connect("pop3")
            async with second:
                await second.read_line()
                await second.send(b"USER BOB\r\nPASS x\r\n")
                assert (await second.read_line()).startswith(b"+OK")
                assert (await second.read_line()).startswith(b"-ERR [IN-USE]"), "a lock, RFC 1939 §8"
            await pop3.send(b"DELE 1\r\nQUIT\r\n")
            assert [(await pop3.read_line())[:3] for _ in range(2)] == [b"+OK", b"+OK"]
        assert await client.env.mail.store.list() == []
        third = client.connect("pop3")
        async with third:
            await third.read_line()
            await third.send(b"USER bob\r\nPASS x\r\n")
            assert [(await third.read_line())[:3] for _ in range(2)] == [b"+OK", b"+OK"], "the lock is free again"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("STARTTLS", "502 5.5.1 STARTTLS is not offered here; the server needs a certificate (or --tls auto)"),
        ("MAIL FROM: <a@example.org>", "No space is allowed after the colon"),
        ("MAIL FROM:a@example.org", "must be in angle brackets"),
        ("DATA", "503 5.5.1 MAIL first"),
    ],
)
async def test_a_refusal_tells_the_remedy(line: str, words: str) -> None:
    async with AppClient(app) as client:
        await hello(client)
        assert words in await say(client, line)


async def test_bare_newlines_name_the_option_of_curl() -> None:
    async with AppClient(app) as client:
        await hello(client)
        await say(client, "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>", "DATA")
        await client.send(b"Subject: x\n\ntext\n\r\n.\r\n")
        answer = await reply(client)
        assert answer.startswith("550 5.6.11")
        assert "curl: add --crlf" in answer
        assert await contents(client) == []


async def test_who_talks_before_the_greeting_is_refused() -> None:
    async with AppClient(app, greet_delay=0.2) as client:
        await client.send(b"EHLO early.example\r\n")
        assert (await reply(client)).startswith("554 5.5.1 Wait for the greeting")
        assert await reply(client) == ""
        patient = client.connect()
        async with patient:
            assert "PIPELINING" in await hello(patient)


async def test_lmtp_answers_for_each_recipient() -> None:
    async with AppClient(app, lmtp_port=0, domain=("example.org",), mailbox=("bob", "al")) as client:
        peer = client.connect("lmtp")
        async with peer:
            await hello(peer, "LHLO")
            for name, code in (("bob", "250"), ("no", "550"), ("al", "250")):
                if name == "bob":
                    await say(peer, "MAIL FROM:<a@example.org>")
                assert (await say(peer, f"RCPT TO:<{name}@example.org>")).startswith(code)
            await say(peer, "DATA")
            await peer.send(BODY + b".\r\n")
            answers = [await reply(peer), await reply(peer)]
            assert all(answer.startswith("250 2.1.5") for answer in answers), answers
            assert "bob@example.org" in answers[0]
            assert "al@example.org" in answers[1]
            assert (await say(peer, "EHLO x")).startswith("500 5.5.1 This is LMTP")
        assert len(await contents(client, "bob@example.org")) == len(await contents(client, "al@example.org")) == 1
