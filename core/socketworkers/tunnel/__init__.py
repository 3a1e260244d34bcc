"""TCP over WebSocket: the gateway beside a database, and the entrance that opens a local port.

Two dialects that clients speak already: Neon's wsproxy (``/v1?address=db:5432``) and Cloudflare's ``access tcp``
(``Cf-Access-Jump-Destination``, service tokens). Both are binary frames whose borders mean nothing; half-close comes by
the subprotocol ``tcp-halfclose.v1``. ``policy`` and ``target`` do no I/O.

The commands are ``socketworkers tunnel serve`` and ``tunnel connect``. In a program::

    server = await serve_tunnel("ws://127.0.0.1:8080/v1", allow=("db:5432",))
    server = await connect_tunnel("wss://host/v1?address=db:5432", "127.0.0.1:5432")
"""

from __future__ import annotations

from .config import EntranceConfig, GatewayConfig
from .entrance import entrance
from .gateway import gateway
from .policy import Policy, Rule, public_address
from .relay import Relay
from .running import connect_tunnel, serve_tunnel
from .target import Target, parse_target, requested_target

__all__ = [
    "EntranceConfig",
    "GatewayConfig",
    "Policy",
    "Relay",
    "Rule",
    "Target",
    "connect_tunnel",
    "entrance",
    "gateway",
    "parse_target",
    "public_address",
    "requested_target",
    "serve_tunnel",
]
