"""SCRAM-SHA-256-PLUS (RFC 5802 §6, RFC 7677): logins that are worth nothing to somebody between client and server."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Any

from tests.support.mailserver.talk import reply, say

from socketworkers.sasl import ScramClient
from socketworkers.testing import AppClient, Peer
from socketworkers_smtp import app

NONCE = "nonce-of-the-client"
Open = Callable[[AppClient], Awaitable[Peer]]


async def no_wait(seconds: float) -> None:
    """Guesses are answered at once."""


def catcher(**settings: Any) -> AppClient:
    return AppClient(app, tls="auto", **{"channel_binding": True, **settings})


async def secure(client: AppClient) -> Peer:
    """A connection that is within TLS after STARTTLS, said hello to again."""
    client.env.mail.set_password("alice", "secret")
    client.env.mail.sleep = no_wait
    peer = client.connect()
    assert (await reply(peer)).startswith("220")
    assert (await say(peer, "EHLO client.example", "STARTTLS")).startswith("220")
    await peer.start_tls()
    return peer


def end_point(peer: Peer) -> bytes:
    info = peer.socket.info
    assert info is not None
    assert info.tls is not None
    return info.tls.channel_bindings["tls-server-end-point"]


async def log_in(peer: Peer, client: ScramClient, mechanism: str) -> str:
    """The whole exchange; returns the last reply."""
    answer = await say(peer, f"AUTH {mechanism} {base64.b64encode(client.first()).decode()}")
    if not answer.startswith("334 "):
        return answer
    answer = await say(peer, base64.b64encode(client.final(base64.b64decode(answer[4:]))).decode())
    if not answer.startswith("334 "):
        return answer
    assert client.verify(base64.b64decode(answer[4:]))
    return await say(peer, "")


async def test_smtp() -> None:
    async with catcher() as client:
        peer = await secure(client)
        async with peer:
            assert "AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN" in await say(peer, "EHLO client.example")
            scram = ScramClient("alice", "secret", NONCE, binding=end_point(peer))
            assert (await log_in(peer, scram, "SCRAM-SHA-256-PLUS")).startswith("235 2.7.0")


async def test_smtp_within_tls_from_the_first_byte() -> None:
    async with AppClient(app, transport="tls", channel_binding=True) as client:
        client.env.mail.set_password("alice", "secret")
        assert (await reply(client)).startswith("220")
        assert "AUTH SCRAM-SHA-256-PLUS" in await say(client, "EHLO client.example")
        scram = ScramClient("alice", "secret", NONCE, binding=end_point(client))
        assert (await log_in(client, scram, "SCRAM-SHA-256-PLUS")).startswith("235 2.7.0")


async def test_pop3() -> None:
    async with catcher(pop3_port=0) as client:
        client.env.mail.set_password("alice", "secret")
        async with client.connect("pop3") as peer:
            assert (await peer.read_line()).startswith(b"+OK")
            await peer.send(b"STLS\r\n")
            assert (await peer.read_line()).startswith(b"+OK")
            await peer.start_tls()
            await peer.send(b"CAPA\r\n")
            await peer.expect(rb"(?s).*SASL SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN\r\n.*\r\n\.\r\n")
            scram = ScramClient("alice", "secret", NONCE, binding=end_point(peer))
            await peer.send(b"AUTH SCRAM-SHA-256-PLUS " + base64.b64encode(scram.first()) + b"\r\n")
            first = await peer.read_line()
            await peer.send(base64.b64encode(scram.final(base64.b64decode(first[2:]))) + b"\r\n")
            last = await peer.read_line()
            assert scram.verify(base64.b64decode(last[2:]))
            await peer.send(b"\r\n")
            assert (await peer.read_line()).startswith(b"+OK")


async def test_somebody_with_another_certificate_in_between() -> None:
    """The client has seen his certificate, we have shown ours: the proof that he passes on fails."""
    async with catcher() as client:
        peer = await secure(client)
        async with peer:
            await say(peer, "EHLO client.example")
            scram = ScramClient("alice", "secret", NONCE, binding=b"the hash of his certificate")
            assert (await log_in(peer, scram, "SCRAM-SHA-256-PLUS")).startswith("535 5.7.8")


async def test_an_offer_that_was_taken_out_of_the_list() -> None:
    """RFC 5802 §6: a client that could bind and saw no offer says ``y``; who has offered knows that it was stripped."""
    async with catcher() as client:
        peer = await secure(client)
        async with peer:
            await say(peer, "EHLO client.example")
            first = base64.b64encode(f"y,,n=alice,r={NONCE}".encode()).decode()
            assert (await say(peer, f"AUTH SCRAM-SHA-256 {first}")).startswith("535 5.7.8")
            assert (await log_in(peer, ScramClient("alice", "secret", NONCE), "SCRAM-SHA-256")).startswith("235")


async def test_a_client_that_can_bind_where_nothing_was_offered() -> None:
    """Without the setting and without TLS there is no offer, so that ``y`` is the truth."""
    for settings, tls in (({"channel_binding": False}, True), ({}, False)):
        async with catcher(**settings) as client:
            client.env.mail.set_password("alice", "secret")
            peer = await secure(client) if tls else client.connect()
            async with peer:
                if not tls:
                    await reply(peer)
                offered = await say(peer, "EHLO client.example")
                assert "SCRAM-SHA-256" in offered
                assert "PLUS" not in offered
                assert (await say(peer, "AUTH SCRAM-SHA-256-PLUS")).startswith("504 5.5.4")
                first = base64.b64encode(f"y,,n=alice,r={NONCE}".encode()).decode()
                assert (await say(peer, f"AUTH SCRAM-SHA-256 {first}")).startswith("334 ")
                assert (await say(peer, "*")).startswith("501")


async def test_a_type_that_is_not_served() -> None:
    """``tls-exporter`` (RFC 9266) as long as Python has none: the login fails, the session goes on."""
    async with catcher() as client:
        peer = await secure(client)
        async with peer:
            await say(peer, "EHLO client.example")
            scram = ScramClient("alice", "secret", NONCE, binding=b"exported", binding_type="tls-exporter")
            assert (await log_in(peer, scram, "SCRAM-SHA-256-PLUS")).startswith("535 5.7.8")
            assert (await log_in(peer, ScramClient("alice", "secret", NONCE), "SCRAM-SHA-256")).startswith("235")
