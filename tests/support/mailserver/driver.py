"""A mail server on a disk whose n-th call fails, again and again: the other side of the D4 test.

See ``tests/support/disk/runs.py``. The child starts a server on a fresh data folder, arms the shim and lets a client
work: small and large messages, a Maildir, POP3, removals. Its journal has "sent TOKEN" and "ack TOKEN".
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.support.disk.runs import run_all
from tests.support.mailserver.load import token_of

from socketworkers.server import Server
from socketworkers_smtp import SmtpConfig, app

#: seconds within which each answer has to come
HANG = 5.0


def message(token: str, large: bool) -> bytes:
    head = f"Subject: {token}\r\nX-Token: {token}\r\n\r\n".encode()
    return head + (b"z" * 70 + b"\r\n") * (1500 if large else 5)


class Session:
    """A client in the server's own loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> Session:
        async with asyncio.timeout(HANG):
            return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def line(self) -> bytes:
        async with asyncio.timeout(HANG):
            line = await self.reader.readline()
        if not line:
            raise EOFError
        return line

    async def say(self, data: bytes) -> bytes:
        self.writer.write(data)
        return await self.line()

    def close(self) -> None:
        self.writer.transport.abort()


def server_on(folder: Path) -> Server:
    config = SmtpConfig(
        host="127.0.0.1", port=0, data=str(folder / "data"), pop3_port=0, deliver=f"maildir:{folder / 'data' / 'md'}"
    )
    return Server(app, config)


async def work(folder: Path, journal: int, arm: Callable[[], None]) -> int:
    """Everything that touches the disk, whatever the disk does."""

    def note(text: str) -> None:
        os.write(journal, text.encode() + b"\n")

    server = server_on(folder)
    await server.start()
    ports = {listener.name: listener.port for listener in server.listeners}
    arm()
    for number in range(6):
        try:
            smtp = await Session.open(ports["main"])
        except (ConnectionError, EOFError):
            note("refused connection")
            continue
        try:
            await smtp.line()
            await smtp.say(b"HELO c.example\r\n")
            for copy in range(2):
                token = f"m{number}-{copy}"
                await smtp.say(b"MAIL FROM:<a@example.org>\r\n")
                await smtp.say(b"RCPT TO:<bob@example.org>\r\n")
                note(f"sent {token}")
                if (await smtp.say(b"DATA\r\n")).startswith(b"354"):
                    answer = await smtp.say(message(token, number % 3 == 1) + b".\r\n")
                    if answer.startswith(b"250"):
                        note(f"ack {token}")
                    elif answer[:9] not in (b"451 4.3.0", b"452 4.3.1"):
                        note(f"wrong answer {answer!r}")
        except EOFError:
            note("closed")
        finally:
            smtp.close()
        with contextlib.suppress(EOFError):
            pop3 = await Session.open(ports["pop3"])
            try:
                await pop3.line()
                await pop3.say(b"USER bob\r\n")
                if (await pop3.say(b"PASS x\r\n")).startswith(b"+OK"):
                    await pop3.say(b"STAT\r\n")
            finally:
                pop3.close()
    return 0


async def compare(folder: Path) -> str:
    """On a healthy disk: what was promised is there, and nothing twice."""
    lines = (folder / "journal").read_text().splitlines()
    promised = {line.split()[1] for line in lines if line.startswith("ack ")}
    wrong = [line for line in lines if line.startswith("wrong")]
    # Once a sync of the queue has failed, nothing that is sent afterwards may be acknowledged.
    failed = next((n for n, line in enumerate(lines) if line.startswith("fault f") and "/QUEUE/queue" in line), None)
    if failed is not None:
        later = {line.split()[1] for line in lines[failed:] if line.startswith("sent ")}
        wrong += [f"acknowledged-after-failed-sync-{token}" for token in sorted(promised & later)]
    server = server_on(folder)
    async with asyncio.timeout(30):
        await server.start()
        store = server.env.mail.store
        if not await store.settled():
            wrong.append("not-settled")
        seen: list[str] = []
        for summary in await store.list():
            content = await store.whole(summary.mailbox, summary.id)
            token = token_of(content)
            seen.append(token)
            if not content.endswith(message(token, int(token[1]) % 3 == 1)):
                wrong.append(f"content-of-{token}")
        wrong += [f"lost-{token}" for token in sorted(promised - set(seen))]
        wrong += [f"twice-{token}" for token in sorted({token for token in seen if seen.count(token) > 1})]
        copies = [token_of(path.read_bytes()) for path in (folder / "data" / "md" / "new").glob("*")]
        wrong += [f"no-copy-{token}" for token in sorted(promised - set(copies))]
        wrong += [f"copies-of-{token}" for token in sorted({token for token in copies if copies.count(token) > 1})]
        await server.stop()
    return ",".join(word.replace(" ", "_") for word in wrong) or "ok"


if __name__ == "__main__":
    run_all(work, compare)
