"""Every transcript, over the session alone. Adding a case needs no Python: see ``transcripts/README.md``."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from tests.support.mail import Driver, LocalPolicy

from socketworkers.sasl import Credentials, ScramVerifier
from socketworkers.testing.transcript import Directive, Expect, ExpectReply, Send, parse_transcript
from socketworkers_smtp.session import SessionConfig

FOLDER = Path(__file__).parent / "transcripts"
FILES = sorted(FOLDER.glob("*.txt"))
FIELDS = {field.name: field for field in dataclasses.fields(SessionConfig)}


def _value(name: str, text: str) -> object:
    default = getattr(SessionConfig(), name)
    if isinstance(default, bool):
        return {"true": True, "false": False}[text]
    if isinstance(default, int):
        return int(text)
    return tuple(text.split(",")) if isinstance(default, tuple) else text


def _driver(directives: list[Directive]) -> Driver:
    values: dict[str, object] = {}
    users: dict[str, ScramVerifier] = {}
    policy = LocalPolicy()
    flags = {directive.name for directive in directives}
    for directive in directives:
        if directive.name == "set":
            name, _, text = directive.argument.partition(" ")
            assert name in FIELDS, name
            values[name] = _value(name, text)
        elif directive.name == "user":
            name, _, password = directive.argument.partition(" ")
            users[name] = ScramVerifier.from_password(password, b"sixteen bytes ok", 64)
        elif directive.name == "domain":
            policy.domain = directive.argument
        elif directive.name == "mailbox":
            policy.mailboxes.add(directive.argument)
    return Driver(
        dataclasses.replace(SessionConfig(), **values),  # type: ignore[arg-type]
        policy=policy,
        loopback="remote" not in flags,
        secure="tls" in flags,
        greet="early" not in flags,
        users=Credentials(users, secret=b"of the test"),
    )


def _run(text: str, name: str, *, byte_by_byte: bool) -> None:
    steps = parse_transcript(text, name)
    driver = _driver([step for step in steps if isinstance(step, Directive)])
    pending: list[bytes] = driver.lines()
    messages = 0

    def send(data: bytes) -> None:
        pieces = [data[place : place + 1] for place in range(len(data))] if byte_by_byte else [data]
        pending.extend(driver.send(*pieces))

    outgoing = b""
    for step in steps:
        where = f"{name}, line {step.line}"
        if isinstance(step, Send):
            outgoing += step.data
            continue
        if outgoing:
            send(outgoing)
            outgoing = b""
        if isinstance(step, Expect):
            assert pending, f"{where}: the server said nothing"
            line = pending.pop(0)
            assert step.matches(line), f"{where}: the server said {line!r}"
        elif isinstance(step, ExpectReply):
            while True:
                assert pending, f"{where}: the server said nothing"
                line = pending.pop(0)
                assert step.matches(line), f"{where}: the server said {line!r}"
                if step.is_last(line):
                    break
        elif step.name == "starttls":
            assert not pending, f"{where}: the server said {pending!r}"
            driver.session.tls_started()
        elif step.name == "eof":
            driver.send(b"")
        elif step.name == "closed":
            assert driver.session.closed, f"{where}: the session is still open"
            assert not pending, f"{where}: the server said {pending!r}"
        elif step.name == "none":
            assert not driver.taken[messages:], f"{where}: a message was taken"
        elif step.name == "message":
            assert len(driver.taken) > messages, f"{where}: no message was taken"
            (unescaped,) = parse_transcript(f"C< {step.argument}") or [Send(b"", 0)]
            assert isinstance(unescaped, Send)
            if step.argument or driver.taken[messages].body == b"":
                assert driver.taken[messages].body == unescaped.data, where
            messages += 1
    if outgoing:
        send(outgoing)
    assert not pending, f"{name}: the server also said {pending!r}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_transcript(path: Path) -> None:
    _run(path.read_text(encoding="utf-8"), path.name, byte_by_byte=False)


# What these are about is that bytes come in one piece.
TOGETHER = {"starttls-injection"}


@pytest.mark.parametrize("path", [path for path in FILES if path.stem not in TOGETHER], ids=lambda path: path.stem)
def test_transcript_byte_by_byte(path: Path) -> None:
    _run(path.read_text(encoding="utf-8"), path.name, byte_by_byte=True)


def test_there_is_a_transcript_for_every_extension() -> None:
    assert len(FILES) >= 25
