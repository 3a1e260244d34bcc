"""``connect``: a socket from an address, pending at once."""

from __future__ import annotations

from typing import Any

from .socket import Socket

__all__ = ["connect"]


def connect(address: object, **options: Any) -> Socket:
    """Connect to ``address``.

    ``sock = await connect(...)`` waits until it is open; without ``await`` the socket is pending and can be used.

    Args:
        address: ``"tcp://host:port"``, ``"tls://host:port"``, ``"unix:/path"``, ``"ws://host:port/path"``,
            ``"wss://host/path"``, ``"host:port"`` or ``(host, port)``.
        options: as for ``Socket``: ``tls``, ``local``, ``allow_half_open``, ``high_water_mark``, ``no_delay``,
            ``keep_alive``, ``timeouts``, ``signal``, ``allow_address``; for WebSockets ``subprotocols``, ``headers``,
            ``text`` and ``ping_interval``.

    Raises:
        AddressError: the address cannot be understood (at once, before anything is tried).
    """
    return Socket(remote=address, **options)
