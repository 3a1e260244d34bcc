"""Lines of standard input as they come, without a thread and without blocking the loop."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator

__all__ = ["MAX_LINE", "read_lines"]

#: beyond this a line is cut: it could never be one packet (MQTT 5.0 §2.1.4)
MAX_LINE = 268_435_455


async def read_lines() -> AsyncIterator[bytes]:
    """The lines of standard input without their ends."""
    try:
        descriptor = sys.stdin.fileno()
        ready_at_once = stat.S_ISREG(os.fstat(descriptor).st_mode)
    except (OSError, ValueError):  # no file at all: a test's
        ready_at_once = True
    if ready_at_once:
        for line in sys.stdin.buffer:
            yield line.rstrip(b"\r\n")
        return
    held = bytearray()
    while chunk := await _read(descriptor):
        held += chunk
        while (end := held.find(b"\n")) >= 0 or len(held) > MAX_LINE:
            line = bytes(held[: end if end >= 0 else MAX_LINE])
            del held[: end + 1 if end >= 0 else MAX_LINE]
            yield line.rstrip(b"\r")
    if held:
        yield bytes(held)


async def _read(descriptor: int) -> bytes:
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()

    def ready() -> None:
        if not readable.done():
            readable.set_result(None)

    loop.add_reader(descriptor, ready)
    try:
        await readable
    finally:
        loop.remove_reader(descriptor)
    return os.read(descriptor, 65536)
