"""Whose connections are counted together, and how many of one address there may be."""

from __future__ import annotations

import ipaddress

from ..info import SocketAddress
from ..settings import Settings

__all__ = ["Admission"]


class Admission:
    """Connections by address, and the proxies whose word about an address is taken."""

    __slots__ = ("_most", "_trusted", "open")

    def __init__(self, settings: Settings) -> None:
        self._most = settings.max_connections_per_address
        self._trusted = [ipaddress.ip_network(network, strict=False) for network in settings.proxy_from]
        #: connections by address; nothing where there is no limit
        self.open: dict[str, int] = {}

    def claim(self, address: str) -> str:
        """Count a connection for its address; the reason if it is one too many."""
        most = self._most
        if not most or not address:
            return ""
        if self.open.get(address, 0) >= most:
            return f"{most} connections from {address} are open"
        self.open[address] = self.open.get(address, 0) + 1
        return ""

    def release(self, address: str) -> None:
        """The connection is gone."""
        left = self.open.get(address, 0) - 1
        if left > 0:
            self.open[address] = left
        else:
            self.open.pop(address, None)

    def is_proxy(self, peer: SocketAddress) -> bool:
        """Whether the PROXY header of that peer is believed."""
        if not self._trusted or not peer.host:
            return False
        try:
            address = ipaddress.ip_address(peer.host.partition("%")[0])
        except ValueError:
            return False
        return any(address in network for network in self._trusted)
