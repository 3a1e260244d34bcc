"""``check_socket``: what every transport's sockets have to do, as one suite that anybody can run over a pair of theirs.

The rules are those of docs/reference/socket.md. Each takes a fresh pair and fails with an AssertionError. A transport
says what it can do (``CAPABILITIES``); what it cannot do has rules of its own, so that nothing is left out silently.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from . import breaks, ends, reading
from .registry import CAPABILITIES, SOCKET_RULES, TIMEOUT, MakePair, rules_for

__all__ = ["CAPABILITIES", "SOCKET_RULES", "MakePair", "check_socket", "rules_for"]

#: each has registered its rules when it was imported
_FAMILIES = (ends, breaks, reading)


async def check_socket(make_pair: MakePair, rules: Iterable[str] | None = None) -> None:
    """Hold a transport to the rules.

    Args:
        make_pair: makes a connected pair; its ``capabilities`` choose the rules.
        rules: names from ``SOCKET_RULES``; by default all that the transport's capabilities ask for.

    Raises:
        AssertionError: a rule is broken; the message names it.
    """
    if rules is None:
        rules = rules_for(getattr(make_pair, "capabilities", CAPABILITIES))
    seconds = getattr(make_pair, "seconds", TIMEOUT)
    for name in rules:
        try:
            async with asyncio.timeout(seconds):
                await SOCKET_RULES[name](make_pair)
        except TimeoutError as error:
            raise AssertionError(f"{name}: nothing happened for {seconds:g} s") from error
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error
