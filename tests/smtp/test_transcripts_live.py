"""Every transcript against the whole app: over memory, TCP and TLS, on asyncio's loop and on uvloop.

The sans-IO run of the same files is in ``test_transcripts.py``; what a line may look like is told in
``transcripts/README.md``.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from socketworkers import connect
from socketworkers.info import TlsOptions
from socketworkers.sasl import Credentials, ScramVerifier
from socketworkers.server import Server
from socketworkers.testing import AppClient, Peer, parse_transcript, run_transcript, serve_ephemeral
from socketworkers.testing.client import trusting
from socketworkers.testing.run import TranscriptRun
from socketworkers.testing.transcript import Directive, Send
from socketworkers_smtp import app
from socketworkers_smtp.session import SessionConfig

FOLDER = Path(__file__).parent / "transcripts"


def _directives(path: Path) -> list[Directive]:
    steps = parse_transcript(path.read_text(encoding="utf-8"), path.name)
    return [step for step in steps if isinstance(step, Directive)]


def _cases() -> list[Any]:
    cases = []
    for path in sorted(FOLDER.glob("*.txt")):
        said = {(each.name, each.argument) for each in _directives(path)}
        names = {name for name, _ in said}
        for transport in ("memory", "tcp", "tls"):
            if transport != "tls" and "tls" in names:
                continue  # begins in TLS
            begins = ("set", "starttls true") in said and "tls" not in names
            if transport == "tls" and (begins or path.stem == "starttls-absent"):
                continue  # is about TLS that begins later, or could
            if transport != "memory" and "remote" in names:
                continue  # only in memory a client can come from elsewhere
            cases.append(pytest.param(path, transport, id=f"{path.stem}-{transport}"))
    return cases


@contextlib.asynccontextmanager
async def _running(transport: str, settings: dict[str, Any]) -> AsyncIterator[Server]:
    if transport == "memory":
        async with AppClient(app, **settings) as client:
            yield client.server
    else:
        async with serve_ephemeral(app, **settings) as server:
            yield server


async def _reach(server: Server, transport: str, *, remote: bool) -> Peer:
    context = trusting(server) if server.tls is not None and server.tls.authority is not None else None
    if transport == "memory":
        return Peer(server.dial("main", remote=("192.0.2.1" if remote else "127.0.0.1", 40000)), context=context)
    name = "tls" if transport == "tls" else "main"
    listener = next(each for each in server.listeners if each.name == name)
    options = TlsOptions(context=context, sni="localhost") if transport == "tls" else None
    return Peer(connect((listener.host, listener.port), tls=options, allow_half_open=True), context=context)


def _value(name: str, text: str) -> object:
    default = getattr(SessionConfig(), name)
    if isinstance(default, bool):
        return {"true": True, "false": False}[text]
    if isinstance(default, int):
        return int(text)
    return tuple(text.split(",")) if isinstance(default, tuple) else text


def _prepare(server: Server, directives: list[Directive]) -> None:
    """Give the app's sessions the limits and users that a transcript asks for."""
    values: dict[str, Any] = {}
    users: dict[str, ScramVerifier] = {}
    for directive in directives:
        name, _, text = directive.argument.partition(" ")
        if directive.name == "set":
            values[name] = _value(name, text)
        elif directive.name == "user":
            users[name] = ScramVerifier.from_password(text, b"sixteen bytes ok", 64)
    config = dataclasses.replace(SessionConfig(), **values)
    mail = server.env.mail
    mail.credentials = Credentials(users, secret=b"of the test")
    mail.session_config = lambda ctx, lmtp: config

    async def guessed(username: str, peer: str) -> None:
        """Without the second that a guesser has to wait."""

    mail.guessed = guessed


class _Mail:
    """The directives about messages: what the app has stored, one after the other."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._seen = 0

    async def _bodies(self) -> list[bytes]:
        store = self._server.env.mail.store
        bodies = []
        mailboxes = {summary.id: summary.mailbox for summary in await store.list()}  # one copy of each message
        for id, mailbox in mailboxes.items():
            stored = await store.whole(mailbox, id)
            lines = stored.split(b"\r\n")
            assert lines[0].startswith(b"Return-Path: <")
            assert lines[1].startswith(b"Received: from ")
            place = next(number for number, line in enumerate(lines[2:], 2) if not line.startswith((b" ", b"\t")))
            bodies.append(b"\r\n".join(lines[place:]))
        return bodies

    async def message(self, argument: str, run: TranscriptRun) -> None:
        bodies = await self._bodies()
        assert len(bodies) > self._seen, "no message was taken"
        (wanted,) = parse_transcript(f"C< {argument}") or [Send(b"", 0)]
        assert isinstance(wanted, Send)
        if argument or bodies[self._seen] == b"":
            assert bodies[self._seen] == wanted.data
        self._seen += 1

    async def none(self, argument: str, run: TranscriptRun) -> None:
        assert len(await self._bodies()) == self._seen, "a message was taken"


@pytest.mark.parametrize(("path", "transport"), _cases())
async def test_transcript(any_loop: None, path: Path, transport: str) -> None:
    directives = _directives(path)
    names = {each.name for each in directives}
    settings: dict[str, Any] = {
        each: tuple(directive.argument for directive in directives if directive.name == each)
        for each in ("domain", "mailbox")
    }
    if "early" in names:
        settings["greet_delay"] = 5.0
    if transport == "tls" or "starttls" in names or any(each.argument == "starttls true" for each in directives):
        settings["tls"] = "auto"
    if transport == "tls":
        settings["tls_port"] = 0
    nothing = dict.fromkeys(("set", "user", "domain", "mailbox", "remote", "tls", "early"), lambda argument, run: None)
    async with _running(transport, settings) as server:
        _prepare(server, directives)
        mail = _Mail(server)
        async with await _reach(server, transport, remote="remote" in names) as peer:
            await run_transcript(path, peer, directives={**nothing, "message": mail.message, "none": mail.none})


def test_each_transport_has_its_transcripts() -> None:
    counts = [sum(case.id.endswith(f"-{name}") for case in _cases()) for name in ("memory", "tcp", "tls")]
    assert min(counts) >= 38
