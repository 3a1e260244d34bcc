"""A blocking client for tests that look at one server process from outside, one step at a time."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Any, TypeVar

from socketworkers_mqtt.codec import (
    PINGREQ,
    Ack,
    Acks,
    Connack,
    Connect,
    Decoder,
    Packet,
    PacketType,
    Pingresp,
    Properties,
    Publish,
    PublishRun,
    Suback,
    Subscription,
    encode_ack,
    encode_connect,
    encode_subscribe,
)

from .world import publish_bytes

__all__ = ["Client", "Gone"]

T = TypeVar("T")


class Gone(Exception):
    """The server ended the connection; ``packets`` came last."""

    def __init__(self, packets: list[Packet]) -> None:
        super().__init__(packets)
        self.packets = packets


class Client:
    """Connected when it is made.

    Args:
        port: of the server.
        client_id: its name.
        version: of the protocol.
        lasting: whether its session outlives the connection.
        accepted: whether CONNACK has to be a success.
    """

    def __init__(
        self, port: int, client_id: str, version: int = 5, *, lasting: bool = False, accepted: bool = True
    ) -> None:
        self.version = version
        self.socket = socket.create_connection(("127.0.0.1", port), 20)
        self._decoder = Decoder(max_packet=1 << 28, version=version, role="client")
        self._packets: list[Packet] = []
        self._last_id = 0
        properties: dict[str, Any] = {"session_expiry_interval": 0xFFFFFFFF} if version == 5 and lasting else {}
        connect = Connect("MQTT", version, not lasting, 0, client_id, None, None, None, Properties(**properties))
        self.socket.sendall(encode_connect(connect))
        try:
            self.connack = self.next(Connack)
        except Gone:
            self.socket.close()
            raise
        assert not accepted or self.connack.reason == 0, self.connack

    def packet(self) -> Packet:
        """The next packet; QoS 1 and 2 messages are acknowledged."""
        while not self._packets:
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionError:
                data = b""
            if not data:
                raise Gone([])
            for packet in self._decoder.receive(data):
                if isinstance(packet, PublishRun):
                    self._packets += [Publish(packet.topic, payload) for payload in packet.payloads()]
                else:
                    self._packets.append(packet)
        packet = self._packets.pop(0)
        if isinstance(packet, Publish) and packet.qos:
            self.ack(PacketType.PUBACK if packet.qos == 1 else PacketType.PUBREC, packet.packet_id)
        elif isinstance(packet, Acks) and packet.kind == PacketType.PUBREL:
            for packet_id in packet.packet_ids:
                self.ack(PacketType.PUBCOMP, packet_id)
        return packet

    def next(self, kind: type[T]) -> T:
        """The next packet of a kind.

        Raises:
            Gone: the connection ended; with what came before.
        """
        passed: list[Packet] = []
        while True:
            try:
                packet = self.packet()
            except Gone as gone:
                raise Gone(passed) from gone
            if isinstance(packet, kind):
                return packet
            passed.append(packet)

    def ack(self, kind: PacketType, packet_id: int) -> None:
        """An acknowledgement."""
        self.socket.sendall(encode_ack(self.version, kind, packet_id, 0))

    def subscribe(self, filter: str, qos: int = 0) -> Suback:
        """SUBSCRIBE and its answer."""
        self._last_id += 1
        self.socket.sendall(encode_subscribe(self.version, self._last_id, [Subscription(filter, qos)]))
        return self.next(Suback)

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> int:
        """PUBLISH, and for QoS 2 PUBREL; returns the reason code of its first acknowledgement.

        Raises:
            Gone: there was none.
        """
        self._last_id += bool(qos)
        packet_id = self._last_id
        try:
            self.socket.sendall(publish_bytes(self.version, topic, payload, qos, retain, packet_id if qos else 0))
        except ConnectionError:
            raise Gone([]) from None
        if not qos:
            return 0
        reason = self._acknowledged(PacketType.PUBACK if qos == 1 else PacketType.PUBREC, packet_id)
        if qos == 2 and reason < 0x80:
            self.ack(PacketType.PUBREL, packet_id)
            assert self._acknowledged(PacketType.PUBCOMP, packet_id) == 0
        return reason

    def _acknowledged(self, kind: PacketType, packet_id: int) -> int:
        passed: list[Packet] = []
        while True:
            try:
                packet = self.packet()
            except Gone as gone:
                raise Gone(passed) from gone
            if isinstance(packet, Acks) and packet.kind == kind and packet_id in packet.packet_ids:
                return 0
            if isinstance(packet, Ack) and packet.kind == kind and packet.packet_id == packet_id:
                return int(packet.reason)
            passed.append(packet)

    def message(self) -> Publish:
        """The next message."""
        return self.next(Publish)

    def ping(self) -> list[Publish]:
        """PINGREQ and PINGRESP: messages that came before the answer."""
        self.socket.sendall(PINGREQ)
        found = []
        while not isinstance(packet := self.packet(), Pingresp):
            if isinstance(packet, Publish):
                found.append(packet)
        return found

    def close(self) -> None:
        """DISCONNECT, and close."""
        try:
            self.socket.sendall(b"\xe0\0")
        except OSError:
            pass
        self.socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
