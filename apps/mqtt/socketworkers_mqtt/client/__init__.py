"""A client of MQTT servers: the sans-IO session, and an asyncio client on it.

``session`` is the protocol; ``client`` puts it on a socket. The bridge, the commands and the tests use them.
"""

from __future__ import annotations

from .client import Client
from .errors import Disconnected, MqttError, Refused, Rejected
from .message import Message
from .options import ConnectOptions
from .session import ClientSession

__all__ = [
    "Client",
    "ClientSession",
    "ConnectOptions",
    "Disconnected",
    "Message",
    "MqttError",
    "Refused",
    "Rejected",
]
