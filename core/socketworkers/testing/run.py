"""Playing transcripts (see ``socketworkers.testing.transcript``) against an app or a connection."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..worker.app import App
from .client import AppClient, Peer, Transport
from .transcript import Directive, Expect, ExpectReply, Send, TranscriptStep, parse_transcript

if TYPE_CHECKING:
    from ..server import Server

__all__ = ["TranscriptRun", "run_transcript"]


class TranscriptRun:
    """A transcript that is being played; what the functions for directives get.

    Attributes:
        peer: the client's end.
        server: the server, None when the transcript is played against a connection.
        name: of the transcript, for messages.
    """

    __slots__ = ("name", "peer", "server")

    def __init__(self, peer: Peer, server: Server | None, name: str) -> None:
        self.peer = peer
        self.server = server
        self.name = name


#: called with the directive's argument and the run; may be a coroutine function
DirectiveFunction = Callable[[str, TranscriptRun], object]


async def run_transcript(
    transcript: str | Path | Iterable[TranscriptStep],
    target: App | Peer,
    transport: Transport = "memory",
    *,
    directives: Mapping[str, DirectiveFunction] | None = None,
    **settings: Any,
) -> None:
    """Play a transcript.

    Args:
        transcript: a file, its text (if it has a line end), or parsed steps.
        target: an app, which is then run for this, or a connection.
        transport: how to reach the app: in memory, over TCP, over TLS on its TLS listener, or over WebSocket.
        directives: functions for the app's own directives. Known without: ``starttls``, ``eof``, ``closed`` and, for an
            app, ``set NAME VALUE`` (a setting; it is read as it would be from the environment).
        settings: of the app.

    Raises:
        AssertionError: the server said something else; the line of the transcript is named.
        ValueError: the transcript cannot be read, or a directive is not known.
    """
    name = "transcript"
    if isinstance(transcript, Path) or (isinstance(transcript, str) and "\n" not in transcript):
        path = Path(transcript)
        name = path.name
        steps = parse_transcript(path.read_text(encoding="utf-8"), name)
    elif isinstance(transcript, str):
        steps = parse_transcript(transcript)
    else:
        steps = list(transcript)
    known = {"starttls": _start_tls, "eof": _send_end, "closed": _closed, **(directives or {})}
    if isinstance(target, App):
        steps, values = _settings(steps, target, known)
        async with _reached(target, transport, {**values, **settings}) as (peer, server):
            await _play(steps, TranscriptRun(peer, server, name), known)
    else:
        await _play(steps, TranscriptRun(target, None, name), known)


def _settings(
    steps: list[TranscriptStep], app: App, known: Mapping[str, DirectiveFunction]
) -> tuple[list[TranscriptStep], dict[str, Any]]:
    from ..settings import parse_value, settings_of

    if "set" in known:
        return steps, {}
    rest: list[TranscriptStep] = []
    values: dict[str, Any] = {}
    items = {item.name: item for item in settings_of(app.config)}
    for step in steps:
        if not isinstance(step, Directive) or step.name != "set":
            rest.append(step)
            continue
        name, _, text = step.argument.partition(" ")
        item = items.get(name)
        if item is None:
            raise ValueError(f"line {step.line}: {app.name} has no setting {name!r}")
        parts = [parse_value(item, part.strip()) for part in text.split(",")] if item.multiple else None
        values[name] = tuple(parts) if parts is not None else parse_value(item, text)
    return rest, values


@contextlib.asynccontextmanager
async def _reached(app: App, transport: Transport, settings: dict[str, Any]) -> AsyncIterator[tuple[Peer, Server]]:
    async with AppClient(app, transport=transport, **settings) as client:
        yield client, client.server


async def _play(steps: list[TranscriptStep], run: TranscriptRun, known: Mapping[str, DirectiveFunction]) -> None:
    outgoing = b""
    peer = run.peer
    for step in steps:
        if isinstance(step, Send):
            outgoing += step.data
            continue
        where = f"{run.name}, line {step.line}"
        if outgoing:
            # not awaited: a server that refuses may have stopped reading
            peer.writer.write(outgoing)
            outgoing = b""
        if isinstance(step, Expect):
            line = await _line(peer, where, step.text)
            assert step.matches(line), f"{where}: expected {step.text!r}, the server said {line!r}"
        elif isinstance(step, ExpectReply):
            while True:
                line = await _line(peer, where, step.code)
                assert step.matches(line), f"{where}: expected {step.code}, the server said {line!r}"
                if step.is_last(line):
                    break
        else:
            function = known.get(step.name)
            if function is None:
                raise ValueError(f"{where}: unknown directive {step.name!r}")
            try:
                result = function(step.argument, run)
                if inspect.isawaitable(result):
                    await result
            except AssertionError as error:
                raise AssertionError(f"{where}: {error}") from error
    if outgoing:
        peer.writer.write(outgoing)


async def _line(peer: Peer, where: str, wanted: str) -> bytes:
    try:
        line = await peer.read_line()
    except TimeoutError:
        raise AssertionError(f"{where}: expected {wanted!r}, the server said nothing") from None
    except (EOFError, OSError) as error:
        raise AssertionError(f"{where}: expected {wanted!r}, but {error}") from error
    assert line, f"{where}: expected {wanted!r}, the server ended the connection"
    return line[:-2] if line.endswith(b"\r\n") else line[:-1]


async def _start_tls(argument: str, run: TranscriptRun) -> None:
    await run.peer.start_tls()


async def _send_end(argument: str, run: TranscriptRun) -> None:
    await run.peer.send_end()


async def _closed(argument: str, run: TranscriptRun) -> None:
    try:
        async with asyncio.timeout(run.peer.timeout):
            data = await run.peer.reader.read()
    except OSError:
        return
    except TimeoutError:
        raise AssertionError("the server did not close the connection") from None
    assert not data, f"expected the end of the connection, the server said {data!r}"
