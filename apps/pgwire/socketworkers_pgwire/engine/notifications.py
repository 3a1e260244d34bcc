"""LISTEN and NOTIFY of one database (PostgreSQL 15 documentation, NOTIFY; async.c)."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import SqlError

__all__ = ["Notifications"]

MAX_PAYLOAD = 7999  # NOTIFY_PAYLOAD_MAX_LENGTH, without the zero byte
MAX_CHANNEL = 63
#: channels of one session
MAX_CHANNELS = 10_000

Receive = Callable[[int, str, str], None]


class Notifications:
    """Who listens to what."""

    __slots__ = ("_listeners",)

    def __init__(self) -> None:
        self._listeners: dict[str, dict[object, Receive]] = {}

    def listen(self, who: object, channel: str, receive: Receive) -> None:
        """From now on `receive(process id, channel, payload)` is called."""
        self._listeners.setdefault(channel, {})[who] = receive

    def unlisten(self, who: object, channel: str) -> None:
        """No more."""
        listeners = self._listeners.get(channel)
        if listeners is not None and listeners.pop(who, None) is not None and not listeners:
            del self._listeners[channel]

    def unlisten_all(self, who: object) -> None:
        """No more of any."""
        for channel in [name for name, listeners in self._listeners.items() if who in listeners]:
            self.unlisten(who, channel)

    def channels(self, who: object) -> list[str]:
        """What somebody listens to."""
        return [channel for channel, listeners in self._listeners.items() if who in listeners]

    def notify(self, process_id: int, channel: str, payload: str) -> None:
        """Tell everybody who listens."""
        for receive in list(self._listeners.get(channel, {}).values()):
            receive(process_id, channel, payload)


def check(channel: str, payload: str) -> None:
    """Raises:
    SqlError: 22023, it cannot be sent.
    """
    if not channel:
        raise SqlError("22023", "channel name cannot be empty")
    if len(channel.encode()) > MAX_CHANNEL:
        raise SqlError("22023", "channel name too long")
    if len(payload.encode()) > MAX_PAYLOAD:
        raise SqlError("22023", "payload string too long")
