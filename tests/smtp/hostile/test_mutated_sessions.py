"""F2: whole mail servers in memory, against mutations of real dialogues. The server answers by the protocol or closes.

``SOCKETWORKERS_FUZZ_SESSIONS`` sets how many sessions there are, ``SOCKETWORKERS_FUZZ_SEED`` which ones.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fuzz.mutation import cut, seed_wanted

from socketworkers.sasl import GuessLimiter
from socketworkers.testing import AppClient, Peer
from socketworkers.testing.transcript import Send, parse_transcript
from socketworkers_smtp import app

SESSIONS = int(os.environ.get("SOCKETWORKERS_FUZZ_SESSIONS", "5000"))
TRANSCRIPTS = Path(__file__).parents[1] / "transcripts"
_REPLY = re.compile(rb"(?:([2-5]\d\d)-[\x20-\x7e]*\r\n)*([2-5]\d\d)(?: [\x20-\x7e]*)?\r\n")
TOKENS = [
    b"EHLO a\r\n", b"HELO a\r\n", b"LHLO a\r\n", b"RSET\r\n", b"NOOP x\r\n", b"QUIT\r\n", b"DATA\r\n", b"\r\n.\r\n",
    b".\r\n", b"STARTTLS\r\n", b"BDAT 5\r\n", b"BDAT 0 LAST\r\n", b"BDAT 99999999999 LAST\r\n", b"BDAT -1\r\n",
    b"MAIL FROM:<>\r\n", b"MAIL FROM:<a@b> SIZE=9 BODY=BINARYMIME\r\n", b"RCPT TO:<b@c>\r\n", b"RCPT TO:<p+q@c>\r\n",
    b"AUTH PLAIN\r\n", b"AUTH LOGIN\r\n", b"AUTH SCRAM-SHA-256 " + base64.b64encode(b"n,,n=alice,r=abc") + b"\r\n",
    b"AUTH PLAIN " + base64.b64encode(b"\0alice\0secret") + b"\r\n", b"*\r\n", b"=\r\n", b"VRFY x\r\n", b"HELP\r\n",
    b"EXPN x\r\n", b"GET / HTTP/1.1\r\n", b"\n", b"\r", b"\0", b"\x1b[31m", b"\xc3\xa4", b"\xff", b" " * 600, b"<" * 80,
    b"A" * 3000, b" SMTPUTF8", b" NOTIFY=NEVER", b" ORCPT=rfc822;x", b" AUTH=<>", b"X" * 70_000 + b"\r\n",
]  # fmt: skip

pytestmark = [pytest.mark.catalogue("F2"), pytest.mark.timeout(60 + SESSIONS // 20)]


def dialogues() -> list[list[bytes]]:
    """What the clients of the transcripts send, line by line."""
    found = []
    for path in sorted(TRANSCRIPTS.glob("*.txt")):
        steps = parse_transcript(path.read_text(encoding="utf-8"), path.name)
        found.append([step.data for step in steps if isinstance(step, Send) and len(step.data) < 100_000])
    return [lines for lines in found if lines]


def mutated(chooser: random.Random, known: list[list[bytes]]) -> bytes:
    """One dialogue with a few changes that know of lines, and a few that know of nothing."""
    lines = list(chooser.choice(known))
    for _ in range(chooser.randint(1, 5)):
        place = chooser.randrange(len(lines) + 1)
        kind = chooser.randrange(8)
        if kind == 0 and lines:
            del lines[min(place, len(lines) - 1)]
        elif kind == 1 and lines:
            lines.insert(place, lines[min(place, len(lines) - 1)])
        elif kind == 2 and len(lines) > 1:
            other = chooser.randrange(len(lines))
            place = min(place, len(lines) - 1)
            lines[place], lines[other] = lines[other], lines[place]
        elif kind == 3:
            lines[place:] = chooser.choice(known)[chooser.randrange(3) :]
        elif kind == 4:
            lines.insert(place, chooser.choice(TOKENS))
        elif lines:
            place = min(place, len(lines) - 1)
            line = bytearray(lines[place])
            at = chooser.randrange(len(line) + 1)
            if kind == 5:
                line[at:at] = chooser.choice(TOKENS).rstrip(b"\r\n")
            elif kind == 6 and at < len(line):
                line[at] ^= 1 << chooser.randrange(8)
            else:
                del line[at : at + chooser.randint(1, 9)]
            lines[place] = bytes(line)
    return b"".join(lines)


class Errors(logging.Handler):
    """Collects what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def errors() -> Iterator[Errors]:
    handler = Errors()
    root = logging.getLogger()
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)


async def one(peer: Peer, pieces: list[bytes]) -> bytes:
    """Send everything and the end, and read until the server has closed."""
    peer.timeout = 20.0

    async def send() -> None:
        try:
            for piece in pieces:
                await peer.send(piece)
            await peer.send_end()
        except OSError:
            pass  # it closed first

    sending = asyncio.create_task(send())
    output = b""
    try:
        async with asyncio.timeout(20):
            while data := await peer.reader.read():
                output += data
    except TimeoutError:
        pytest.fail("the session does not end")
    except OSError:
        pass  # reset
    await sending
    await peer.close()
    return output


async def many(count: int, seed: int, tls: str) -> int:
    """Run sessions; returns how many messages were taken."""
    known = dialogues()
    chooser = random.Random(seed)
    async with AppClient(app, catch_all_limit=1 << 20, lmtp_port=0, tls=tls) as client:
        mail = client.env.mail
        mail.set_password("alice", "secret")

        async def at_once(seconds: float) -> None: ...

        mail.sleep = at_once
        taken = promised = 0

        def delivered() -> None:
            nonlocal taken
            taken += 1

        mail.on_delivered.append(delivered)
        for number in range(count):
            mail.limiter = GuessLimiter(time.monotonic, most=10**9)
            pieces = cut(mutated(chooser, known), chooser) or [b""]
            listener = "lmtp" if number % 16 == 0 else "main"
            output = await one(client.connect(listener), pieces)
            where = f"seed {seed}, session {number}: {pieces!r:.2000} gave {output!r:.2000}"
            whole = _REPLY.sub(b"", output)
            assert whole == b"", where
            for reply in _REPLY.finditer(output):
                codes = {line[:3] for line in reply.group().splitlines()}
                assert len(codes) == 1, where
            promised += output.count(b"Ok: queued as ") if listener == "main" else 0
        async with asyncio.timeout(20):
            assert await mail.store.settled()
            while client.server.connections:
                await asyncio.sleep(0.01)
        assert await mail.store.pending() == 0
        held = await mail.store.list()
        assert mail.catch_all_bytes <= (1 << 20) + 100_000
        assert mail.catch_all_messages == len({each.id for each in held})
        assert mail._outcomes["accepted"].value >= promised
        return promised


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "starttls"])
def test_the_server_answers_by_the_protocol_or_closes(errors: Errors, encrypted: bool) -> None:
    count = SESSIONS // 10 if encrypted else SESSIONS - SESSIONS // 10
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        promised = runner.run(many(count, seed_wanted() + encrypted, "auto" if encrypted else ""))
    assert promised > count // 20, "hardly any session got as far as a message"
    assert errors.lines == []
