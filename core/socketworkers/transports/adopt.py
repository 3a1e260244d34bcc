"""From a connected kernel socket to a channel: ours where the system has epoll, else a transport of the loop."""

from __future__ import annotations

import asyncio
import socket as _socket
from typing import Any

from . import kernel
from .endpoint import Channel, Endpoint, Upper

__all__ = ["adopt"]


async def adopt(loop: asyncio.AbstractEventLoop, sock: _socket.socket, upper: Upper) -> tuple[Channel, Any]:
    """Take a connected, non-blocking socket over.

    Args:
        loop: the running loop.
        sock: closed with the channel; still the caller's if this fails.
        upper: gets what comes.

    Returns:
        The channel, and what ``attach`` is called on to put another upper layer in place.

    Raises:
        OSError: it was reset meanwhile, or the kernel cannot watch it.
    """
    if kernel.AVAILABLE:
        channel = kernel.KernelChannel(kernel.poller_of(loop), sock, upper)
        return channel, channel
    endpoint = Endpoint(upper, loop)
    await loop.connect_accepted_socket(lambda: endpoint, sock)
    return endpoint, endpoint
