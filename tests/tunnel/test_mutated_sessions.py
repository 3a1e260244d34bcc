"""F2: whole sessions of mutated requests and frames against a gateway. It answers by the protocol or closes, nothing is
left behind it, and a tunnel beside goes on as if nothing had happened.

``SOCKETWORKERS_FUZZ_SESSIONS`` sets how many sessions there are, ``SOCKETWORKERS_FUZZ_SEED`` which ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re

import pytest
from tests.fuzz.mutation import cut, seed_wanted
from tests.support.pairs import eventually
from tests.support.websocket import BINARY, CONTINUATION, PING, TEXT, client_frame, close, request
from tests.tunnel.world import World, running

from socketworkers import connect
from socketworkers.transports.websocket_frames import FrameReader

SESSIONS = int(os.environ.get("SOCKETWORKERS_FUZZ_SESSIONS", "1000"))
BATCH = 40
STATUS = re.compile(rb"HTTP/1\.1 (101|400|403|404|405|426|431|502|504|505) ")


def session(world: World, chooser: random.Random) -> bytes:
    """A right session, and then mostly a wrong one."""
    halves = "tcp-halfclose.v1" if chooser.random() < 0.5 else None
    target = f"127.0.0.1:{world.port}"
    if chooser.random() < 0.5:
        head = request(f"/v1?address={target}", sec_websocket_protocol=halves)
    else:
        head = request("/v1", cf_access_jump_destination=f"tcp://{target}/", sec_websocket_protocol=halves)
    frames = []
    for _ in range(chooser.randint(0, 6)):
        data = b"x" * chooser.choice((0, 1, 125, 126, 70_000))
        kind = chooser.choice((BINARY, BINARY, BINARY, TEXT, PING))
        if kind == PING:
            frames.append(client_frame(PING, data[:125]))
        elif chooser.random() < 0.2:
            frames += [client_frame(kind, data, fin=False), client_frame(CONTINUATION, data)]
        else:
            frames.append(client_frame(kind, data))
    frames.append(chooser.choice((b"", close(), client_frame(BINARY), close(4000, b"bye"))))
    if chooser.random() < 0.7:
        place = chooser.randrange(len(frames))
        frames[place] = mutated(frames[place], chooser)
    if chooser.random() < 0.3:
        head = mutated(head, chooser)
    return head + b"\0HEAD\0" + b"".join(frames)


def mutated(data: bytes, chooser: random.Random) -> bytes:
    """One place of it changed."""
    changed = bytearray(data or b"?")
    place = chooser.randrange(min(len(changed), 400))
    match chooser.randrange(4):
        case 0:
            changed[place] ^= 1 << chooser.randrange(8)
        case 1:
            del changed[place : place + chooser.randint(1, 8)]
        case 2:
            changed[place:place] = chooser.randbytes(chooser.randint(1, 8))
        case _:
            changed[place:place] = changed[: chooser.randint(1, 30)]
    return bytes(changed)


async def play(world: World, data: bytes, chooser: random.Random) -> int:
    """Send a session in pieces; the status of the answer, 0 for none."""
    head, _, frames = data.partition(b"\0HEAD\0")
    socket = world.gateway.dial("ws")
    received = bytearray()

    async def listen() -> None:
        with contextlib.suppress(OSError):
            async for chunk in socket.readable:
                received.extend(chunk)

    listening = asyncio.ensure_future(listen())
    writer = socket.writable.get_writer()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(5):
            for piece in cut(head, chooser):
                await writer.write(piece)
            while b"\r\n\r\n" not in received and not listening.done() and b"\r\n\r\n" in head:
                await asyncio.sleep(0.001)
            for piece in cut(frames, chooser) if frames else ():
                await writer.write(piece)
            await asyncio.sleep(0)
    await asyncio.wait({listening}, timeout=chooser.choice((0, 0.02)))
    with contextlib.suppress(OSError):
        await (socket.abort() if chooser.random() < 0.5 else socket.close())
    await listening
    if not received:
        return 0
    found = STATUS.match(received)
    assert found is not None, bytes(received[:100])
    if found[1] == b"101":
        reader = FrameReader(client=True)
        reader.receive(bytes(received.partition(b"\r\n\r\n")[2]))
        assert reader.fault is None, reader.fault
    return int(found[1])


@pytest.mark.catalogue("F2")
@pytest.mark.attack("C8")
@pytest.mark.timeout(1800)
async def test_mutated_sessions() -> None:
    seed = seed_wanted()
    chooser = random.Random(seed)
    statuses: dict[int, int] = {}
    async with running(handshake_timeout=0.2) as world:
        beside = await connect(world.to)
        writer, reader = beside.writable.get_writer(), beside.readable.get_reader()
        for number in range(0, SESSIONS, BATCH):
            sessions = [session(world, chooser) for _ in range(min(BATCH, SESSIONS - number))]
            try:
                for status in await asyncio.gather(*(play(world, data, chooser) for data in sessions)):
                    statuses[status] = statuses.get(status, 0) + 1
            except AssertionError as error:
                raise AssertionError(f"seed {seed}, sessions from {number}") from error
            await writer.write(b"still here")
            assert await reader.read_exactly(10) == b"STILL HERE"
            await eventually(lambda: world.gateway.connections == 1)
            await eventually(lambda: world.behind.connections == 1)
            assert world.gateway.telemetry.handler_errors == 0
            world.arrived.clear()
        await beside.close()
    assert statuses[101] > SESSIONS / 3
    assert statuses[400] > SESSIONS / 50
