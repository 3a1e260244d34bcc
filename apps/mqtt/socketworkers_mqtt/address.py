"""Addresses of MQTT servers: ``mqtt://user:password@host:port`` and its kin."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

__all__ = ["MqttAddress", "parse_address"]

#: scheme: how the socket is reached, the port that is meant without one
_SCHEMES = {
    "mqtt": ("tcp", 1883),
    "tcp": ("tcp", 1883),
    "mqtts": ("tls", 8883),
    "ssl": ("tls", 8883),
    "tls": ("tls", 8883),
    "ws": ("ws", 80),
    "wss": ("wss", 443),
}


@dataclass(frozen=True, slots=True)
class MqttAddress:
    """Where a server is, and as whom to log in."""

    socket: str
    """What ``socketworkers.connect`` takes."""
    username: str | None = None
    """Of the URL."""
    password: str | None = field(default=None, repr=False)
    """Of the URL."""

    @property
    def websocket(self) -> bool:
        """Whether it is reached by WebSocket (MQTT 5.0 §6)."""
        return self.socket.startswith(("ws://", "wss://"))


def parse_address(text: str) -> MqttAddress:
    """Understand an address.

    Args:
        text: ``mqtt://host``, ``mqtts://host:8883``, ``ws://host/mqtt``, ``wss://...``, ``unix:/path``, ``host:port``
            or a host alone.

    Raises:
        ValueError: it cannot be understood; says which forms can.
    """
    if text.startswith("unix:"):
        return MqttAddress(text)
    url = text if "://" in text else f"mqtt://{text}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{text!r} is no address of an MQTT server: {error}") from None
    found = _SCHEMES.get(parts.scheme)
    if found is None:
        raise ValueError(f"{parts.scheme}:// is none of {', '.join(f'{scheme}://' for scheme in _SCHEMES)}, unix:")
    if not parts.hostname or parts.fragment:
        raise ValueError(f"{text!r} is no address of an MQTT server such as mqtt://host:1883")
    scheme, default = found
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = ""
    if scheme in ("ws", "wss"):
        place = (parts.path or "/mqtt") + (f"?{parts.query}" if parts.query else "")
    elif parts.path not in ("", "/") or parts.query:
        raise ValueError(f"{text!r} has a path, which only ws:// and wss:// have")
    return MqttAddress(
        f"{scheme}://{host}:{port if port is not None else default}{place}",
        unquote(parts.username) if parts.username is not None else None,
        unquote(parts.password) if parts.password is not None else None,
    )
