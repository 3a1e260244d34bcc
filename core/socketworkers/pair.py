"""``socket_pair``: two connected sockets in memory, the same class as everywhere."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from .info import SocketAddress, SocketInfo, Timeouts
from .socket import Socket
from .transports.memory import memory_pair

__all__ = ["socket_pair"]


def socket_pair(
    *,
    latency: float = 0.0,
    fragment: int = 0,
    high_water_mark: int = 65536,
    timeouts: Timeouts | None = None,
    names: tuple[tuple[str, int], tuple[str, int]] = (("client.memory", 1), ("server.memory", 2)),
) -> tuple[Socket, Socket]:
    """A client and an inbound socket that are connected in memory. Needs a running loop.

    They behave as TCP does: half-close, back-pressure, reset. The client's end is half-open, too.

    Args:
        latency: seconds that bytes are under way.
        fragment: deliver at most this many bytes at once; 0 = as they were written.
        high_water_mark: bytes buffered each way.
        timeouts: deadlines of both ends.
        names: their addresses.

    Returns:
        The client's end, the server's end.
    """
    loop = asyncio.get_running_loop()
    channels = memory_pair(loop, names, latency, fragment)
    sockets = []
    for channel, inbound in zip(channels, (False, True), strict=True):
        socket = Socket._inbound(loop, high_water_mark=high_water_mark, timeouts=timeouts)
        socket._inbound_side = inbound
        sockets.append(attach_memory(socket, channel))
    return sockets[0], sockets[1]


def attach_memory(socket: Socket, channel: Any) -> Socket:
    """Open ``socket`` over a memory channel."""
    channel.upper = socket
    socket._attach(channel, channel, "memory")
    socket._opened(
        SocketInfo(
            "memory",
            SocketAddress(*channel.get_extra_info("sockname")),
            SocketAddress(*channel.get_extra_info("peername")),
            opened_at=time.time(),
        )
    )
    return socket
