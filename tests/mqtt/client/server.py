"""The server's half of a connection, in the hand of a test."""

from __future__ import annotations

from typing import Any

from socketworkers_mqtt.client import ClientSession, ConnectOptions
from socketworkers_mqtt.client.events import Event
from socketworkers_mqtt.codec import (
    Connect,
    Decoder,
    Properties,
    encode_connack,
    publish_parts,
)

__all__ = ["Server", "publish_bytes"]


def publish_bytes(
    version: int, topic: bytes, payload: bytes = b"x", qos: int = 0, packet_id: int = 0, **more: Any
) -> bytes:
    """One PUBLISH of a server."""
    head, tail = publish_parts(version, topic, payload, qos=qos, **{"retain": False, **more})
    return head + packet_id.to_bytes(2) + tail if qos else head + tail


class Server:
    """A client session with a clock, and what a server reads of it.

    Args:
        version: of the protocol.
        options: of the client.
    """

    def __init__(self, version: int = 5, **options: Any) -> None:
        self.version = version
        self.session = ClientSession(ConnectOptions(version=version, **{"client_id": "c", **options}))
        self.now = 1000.0
        self.events: list[Event] = []
        self._decoder: Decoder | None = None

    def accept(self, *, present: bool = False, **properties: Any) -> Connect:
        """Connect, and send CONNACK; what the client says behind it is to be read."""
        connect = self.connect()
        self.send(encode_connack(self.version, present, 0, Properties(**properties)))
        return connect

    def connect(self) -> Connect:
        """The client's CONNECT."""
        self._decoder = Decoder(max_packet=1 << 24)
        self.session.connect(self.now, "clientnonce")
        (packet,) = self.read()
        assert isinstance(packet, Connect)
        return packet

    def read(self) -> list[Any]:
        """Packets that the client has sent since the last look."""
        assert self._decoder is not None
        packets: list[Any] = self._decoder.receive(self.session.take_output(self.now))
        assert self._decoder.fault is None, self._decoder.fault
        return packets

    def send(self, *parts: bytes) -> list[Event]:
        """Bytes for the client; what happens there."""
        self.events += self.session.receive(b"".join(parts))
        return self.take()

    def take(self) -> list[Event]:
        """What has happened."""
        events, self.events = self.events + self.session.take_events(), []
        return events

    def publish(
        self, topic: bytes, payload: bytes = b"x", qos: int = 0, packet_id: int = 0, **more: Any
    ) -> list[Event]:
        """A message for the client."""
        return self.send(publish_bytes(self.version, topic, payload, qos, packet_id, **more))

    def wait(self, seconds: float) -> list[Any]:
        """Let time pass; what the client sends."""
        self.now += seconds
        self.session.handle_timer(self.now)
        return self.read()
