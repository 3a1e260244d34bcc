"""Logging in: what is offered, what wrong guesses cost, and who may not send in clear text."""

from __future__ import annotations

import asyncio
import base64

import pytest
from tests.support.mailserver.talk import auth_plain, deliver, hello, reply, say

from socketworkers.sasl import GuessLimiter
from socketworkers.testing import AppClient
from socketworkers_smtp import app


class Clock:
    """Time that passes when somebody is made to wait."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waited: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.waited.append(seconds)
        await asyncio.sleep(0)


def prepare(client: AppClient) -> Clock:
    clock = Clock()
    mail = client.env.mail
    mail.set_password("alice", "secret")
    mail.sleep = clock.sleep
    mail.limiter = GuessLimiter(clock=clock)
    return clock


async def test_a_catcher_takes_any_login_and_says_so() -> None:
    async with AppClient(app) as client:
        assert "AUTH PLAIN LOGIN" in await hello(client)
        assert (await say(client, auth_plain("anybody", "anything"))).startswith("235")
        assert (await deliver(client, b"\r\nx\r\n")).startswith("250")
        (message,) = await client.env.mail.store.list()
        assert message.user == "anybody"


async def test_a_user_that_is_added_changes_what_is_offered() -> None:
    async with AppClient(app) as client:
        assert "SCRAM" not in await hello(client)
        prepare(client)
        other = client.connect()
        async with other:
            assert "AUTH SCRAM-SHA-256 PLAIN LOGIN" in await hello(other)
            assert (await say(other, auth_plain("alice", "secret"))).startswith("235 2.7.0")


async def test_wrong_guesses_wait_and_end_the_session() -> None:
    async with AppClient(app) as client:
        clock = prepare(client)
        await hello(client)
        for _ in range(2):
            assert (await say(client, auth_plain("alice", "wrong"))).startswith("535 5.7.8")
        answer = await say(client, auth_plain("alice", "wrong"))
        assert answer[:3] in ("535", "421")
        assert await reply(client) == "" or answer.startswith("535")
        assert clock.waited == [1.0] * 3


@pytest.mark.attack("S4")
@pytest.mark.parametrize("by", ["address", "account"])
async def test_brute_force_is_limited_by_address_and_by_account(by: str) -> None:
    async with AppClient(app, cleartext_auth=True) as client:
        clock = prepare(client)
        answers = []
        for number in range(14):
            remote = ("192.0.2.9", 999) if by == "address" else (f"198.51.100.{number}", 999)
            peer = client.connect(remote=remote)
            async with peer:
                await hello(peer)
                user = f"user{number}" if by == "address" else "alice"
                answers.append((await say(peer, auth_plain(user, "wrong")))[:3])
        assert answers == ["535"] * 10 + ["454"] * 4
        assert len(clock.waited) == 14, "each answer takes its time"
        peer = client.connect(remote=("192.0.2.9", 999) if by == "address" else ("203.0.113.5", 999))
        async with peer:
            await hello(peer)
            assert (await say(peer, auth_plain("alice", "secret"))).startswith("454"), "even the right one waits"
            clock.now += 301
            assert (await say(peer, auth_plain("alice", "secret"))).startswith("235")


async def test_the_table_of_guesses_is_bounded() -> None:
    limiter = GuessLimiter(clock=Clock())
    for number in range(30_000):
        limiter.failed(f"account {number}")
    assert len(limiter._failures) == 10_000


@pytest.mark.attack("S4")
async def test_an_auth_line_without_end_and_a_base64_bomb() -> None:
    async with AppClient(app) as client:
        prepare(client)
        await hello(client)
        assert (await say(client, "AUTH LOGIN")).startswith("334")
        await client.send(b"A" * 200_000 + b"\r\n")
        assert (await reply(client)).startswith("500 5.5.6")
        bomb = base64.b64encode(b"\0" + b"x" * 6000 + b"\0y").decode()
        assert (await say(client, "AUTH PLAIN", bomb))[:3] in ("535", "501", "500")
        assert (await say(client, "NOOP")).startswith("250")


async def test_no_password_in_clear_text_off_loopback() -> None:
    async with AppClient(app, tls="auto") as client:
        prepare(client)
        peer = client.connect(remote=("192.0.2.7", 1234))
        async with peer:
            offered = await hello(peer)
            assert "STARTTLS" in offered
            assert "AUTH" not in offered.replace("ENHANCEDSTATUSCODES", "")
            answer = await say(peer, auth_plain("alice", "secret"))
            assert answer.startswith("538 5.7.11")
            assert "STARTTLS" in answer
            assert (await say(peer, "STARTTLS")).startswith("220")
            await peer.start_tls()
            assert "AUTH" in await say(peer, "EHLO client.example")
            assert (await say(peer, auth_plain("alice", "secret"))).startswith("235")


async def test_require_auth() -> None:
    async with AppClient(app, require_auth=True) as client:
        prepare(client)
        await hello(client)
        assert (await say(client, "MAIL FROM:<a@example.org>")).startswith("530 5.7.0")
        assert (await say(client, auth_plain("alice", "secret"))).startswith("235")
        assert (await deliver(client, b"\r\nx\r\n")).startswith("250")
