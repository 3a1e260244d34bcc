"""The end of a run: wait for connections with a deadline, and say how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from .signals import Signals

if TYPE_CHECKING:
    from ..server import Server

__all__ = ["drain", "progress_line"]


def progress_line(left: int, total: int, seconds: float) -> str:
    """``3 of 120 connections left, 7 s``."""
    return f"{left} of {total} connection{'s' if total != 1 else ''} left, {max(0, round(seconds))} s"


async def drain(
    server: Server, signals: Signals, seconds: float, say: Callable[[str], None], *, every: float = 5.0
) -> int:
    """Drain a server.

    Args:
        server: the server.
        signals: a second signal ends the waiting.
        seconds: how long connections may take.
        say: prints one line of progress.
        every: seconds between such lines.

    Returns:
        How many connections had to be aborted.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    total = server.connections
    left = total
    work = asyncio.ensure_future(server.drain(seconds))
    now = asyncio.ensure_future(signals.now.wait())
    try:
        while not work.done():
            if total:
                left = server.connections
                say(progress_line(left, total, deadline - loop.time()))
            await asyncio.wait({work, now}, timeout=every, return_when=asyncio.FIRST_COMPLETED)
            if signals.now.is_set() and not work.done():
                left = server.connections
                say(f"second signal: {left} connection{'s' if left != 1 else ''} aborted")
                server.abort_all()
                await asyncio.wait({work}, timeout=every)
                return left
        return 0 if work.result() else max(left, 1)
    finally:
        now.cancel()
        if not work.done():
            work.cancel()
        await asyncio.gather(now, work, return_exceptions=True)
