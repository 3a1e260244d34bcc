"""Rules by their names, what a transport must be able to do for each, and what rules are written with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

from ...errors import (
    ConnectionLost,
)
from ...socket import Socket

__all__ = [
    "CAPABILITIES",
    "SOCKET_RULES",
    "TIMEOUT",
    "MakePair",
    "can",
    "end",
    "everything",
    "fails",
    "lacking",
    "lost",
    "needing",
    "rule",
    "rules_for",
    "send_for_ever",
    "until",
]

#: seconds for one rule; none needs more than one
TIMEOUT = 10.0


class MakePair(Protocol):
    """Makes two connected, open sockets: the connecting end (half-open allowed) and the accepting end.

    It is called with some of ``high_water_mark`` and ``timeouts``, which are meant for both ends. An attribute
    ``capabilities`` says what the transport can do, all of ``CAPABILITIES`` by default: without ``reset`` (Unix
    sockets) the peer of an aborted socket sees an end, without ``half_close`` (WebSocket) the end of one direction is
    the end of both, without ``addresses`` (tunnels) an end's peer is not the other end but something in between.
    An attribute ``seconds`` gives a rule more time than ten seconds; one moves 32 MiB.
    """

    def __call__(self, **options: Any) -> Awaitable[tuple[Socket, Socket]]: ...


Rule = Callable[[MakePair], Awaitable[None]]

#: what a transport may be unable to do
CAPABILITIES = frozenset({"addresses", "half_close", "reset"})
#: the rules by name
SOCKET_RULES: dict[str, Rule] = {}
_needs: dict[str, str] = {}
_without: dict[str, str] = {}


def rule(function: Rule) -> Rule:
    SOCKET_RULES[getattr(function, "__name__", "")] = function
    return function


def needing(capability: str) -> Callable[[Rule], Rule]:
    """A rule for transports that can do something."""

    def register(function: Rule) -> Rule:
        _needs[getattr(function, "__name__", "")] = capability
        return rule(function)

    return register


def lacking(capability: str) -> Callable[[Rule], Rule]:
    """A rule for transports that cannot do something."""

    def register(function: Rule) -> Rule:
        _without[getattr(function, "__name__", "")] = capability
        return rule(function)

    return register


def rules_for(capabilities: Iterable[str] = CAPABILITIES) -> list[str]:
    """Names of the rules that a transport with those capabilities is held to.

    Raises:
        ValueError: a capability that there is not.
    """
    able = frozenset(capabilities)
    if able - CAPABILITIES:
        raise ValueError(f"no such capability: {', '.join(sorted(able - CAPABILITIES))}")
    return [
        name
        for name in SOCKET_RULES
        if (name not in _needs or _needs[name] in able) and (name not in _without or _without[name] not in able)
    ]


def can(make: MakePair, capability: str) -> bool:
    return capability in getattr(make, "capabilities", CAPABILITIES)


# -- helpers -------------------------------------------------------------------------------------------------------


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that no awaitable tells of (bytes that lie unread, for one)."""
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError(f"it never came true: {what}")


async def fails(awaitable: Awaitable[object], kind: type[BaseException]) -> Any:
    try:
        result = await awaitable
    except kind as error:
        return error
    raise AssertionError(f"expected {kind.__name__}, got {result!r}")


async def lost(make: MakePair, socket: Socket) -> None:
    """The other end was aborted."""
    if can(make, "reset"):
        await fails(socket.closed, ConnectionLost)
    else:
        await until(lambda: socket._peer_eof or socket._state == 3, "the end arrives")
        await socket.abort()


async def everything(socket: Socket) -> bytes:
    return b"".join([chunk async for chunk in socket.readable])


async def end(*sockets: Socket) -> None:
    for socket in sockets:
        await socket.abort()


async def send_for_ever(write: Callable[[bytes], Awaitable[None]]) -> None:
    chunk = bytes(16384)
    while True:
        await write(chunk)
