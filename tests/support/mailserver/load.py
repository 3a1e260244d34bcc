"""Clients that send mail as fast as they can and write down what was promised to them.

A message is sent once and never again, so that each may be in a mailbox once at most; what was answered with ``250``
is written to the client's own journal before anything else is done, and must be there.
"""

from __future__ import annotations

import asyncio
import os
import random
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Sender", "Sent", "acknowledged", "body_of", "judge", "run_load", "token_of"]

#: above this a body goes to a file of its own
INLINE = 65536


def body_of(token: str) -> bytes:
    """The content of a message; its size and every byte follow from the token."""
    chooser = random.Random(zlib.crc32(token.encode()))
    size = chooser.choice([0, 300, 300, 1000, 4000, 4000, 20_000, 60_000, 90_000, 200_000])
    head = f"Subject: {token}\r\nX-Token: {token}\r\n\r\n".encode()
    line = f".{token} {chooser.random()}\r\n".encode()
    return head + line * (size // len(line))


def token_of(content: bytes) -> str:
    """The token of a stored message, "" if there is none."""
    _, _, rest = content.partition(b"X-Token: ")
    return rest.partition(b"\r\n")[0].decode()


@dataclass
class Sent:
    """Counts of one run."""

    sent: int = 0
    acknowledged: int = 0
    refused: int = 0


class Sender:
    """One client with one journal.

    Args:
        journal: file that gets one token a line.
        name: prefix of its tokens.
        replies: codes of final replies are counted here.
    """

    def __init__(self, journal: Path, name: str, replies: Counter[str] | None = None) -> None:
        self._journal = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._name = name
        self._number = 0
        self.replies = replies if replies is not None else Counter()

    def close(self) -> None:
        """Give the journal back."""
        os.close(self._journal)

    async def run(self, port: int, stop: asyncio.Event, most: int = 1 << 30) -> None:
        """Send until told to stop, or until the server is gone."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return
        try:
            await reader.readuntil(b"\r\n")
            writer.write(b"EHLO client.example\r\n")
            while (await reader.readuntil(b"\r\n"))[3:4] == b"-":
                pass
            while not stop.is_set() and most > 0:
                most -= 1
                await self.send(reader, writer)
        except (OSError, EOFError):
            pass  # killed
        finally:
            writer.transport.abort()

    async def send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """Send one message; returns the reply to it."""
        self._number += 1
        token = f"{self._name}-{self._number}"
        body = body_of(token)
        recipients = [f"r{self._number % 5}@example.org"]
        if self._number % 7 == 0:
            recipients.append("second@example.org")
        commands = b"MAIL FROM:<a@example.org>\r\n" + b"".join(b"RCPT TO:<%s>\r\n" % r.encode() for r in recipients)
        if self._number % 2:
            writer.write(commands + b"DATA\r\n")
            for _ in range(len(recipients) + 2):
                line = await reader.readuntil(b"\r\n")
            if not line.startswith(b"354"):
                self.replies[line[:10].decode()] += 1
                return line.decode()
            writer.write(body.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        else:
            writer.write(commands + b"BDAT %d LAST\r\n" % len(body) + body)
            for _ in range(len(recipients) + 1):
                await reader.readuntil(b"\r\n")
        await writer.drain()
        line = await reader.readuntil(b"\r\n")
        self.replies[line[:9].decode()] += 1
        if line.startswith(b"250"):
            os.write(self._journal, token.encode() + b"\n")
        return line.decode()


async def run_load(senders: Iterable[Sender], port: int, seconds: float, gone: asyncio.Event | None = None) -> None:
    """Let senders work until the time is over or the server is gone."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(sender.run(port, stop)) for sender in senders]
    try:
        await asyncio.wait(tasks, timeout=seconds)
    finally:
        stop.set()
        await asyncio.wait(tasks, timeout=20)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def acknowledged(folder: Path) -> set[str]:
    """Every token in the journals of a folder."""
    found: list[str] = []
    for path in folder.glob("journal-*"):
        found += path.read_text().split()
    assert len(found) == len(set(found))
    return set(found)


def judge(promised: set[str], contents: Iterable[bytes]) -> list[str]:
    """What is wrong with a store: promises that are missing, copies too many, bytes that differ."""
    seen: Counter[str] = Counter()
    wrong: list[str] = []
    for content in contents:
        token = token_of(content)
        seen[token] += 1
        body = body_of(token)
        if not content.startswith(b"Return-Path: <a@example.org>\r\nReceived: ") or not content.endswith(
            b"\r\n" + body
        ):
            wrong.append(f"{token} is not as it was sent")
    wrong += [f"{token} is lost" for token in sorted(promised - seen.keys())]
    wrong += [f"{token} is there {count} times" for token, count in seen.items() if count > 1]
    return wrong
