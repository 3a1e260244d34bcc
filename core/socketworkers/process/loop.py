"""Which event loop a process runs on: uvloop where it is installed, asyncio's own otherwise.

``SOCKETWORKERS_LOOP=asyncio`` or ``=uvloop`` overrides the choice.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from ..errors import StartupError

__all__ = ["loop_factory"]


def loop_factory(choice: str | None = None) -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes the loop.

    Args:
        choice: ``asyncio``, ``uvloop`` or "" (the environment's choice by default).

    Raises:
        StartupError: uvloop was asked for and is not installed, or the choice is neither.
    """
    if choice is None:
        choice = os.environ.get("SOCKETWORKERS_LOOP", "")
    if choice not in ("", "asyncio", "uvloop"):
        raise StartupError(
            f"SOCKETWORKERS_LOOP={choice} names no event loop", "", "it must be asyncio or uvloop", exit_status=2
        )
    if choice != "asyncio":
        try:
            import uvloop
        except ImportError:
            if choice == "uvloop":
                raise StartupError(
                    "uvloop is not installed", "SOCKETWORKERS_LOOP asks for it", "pip install uvloop"
                ) from None
        else:
            factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
            return factory
    return asyncio.new_event_loop
