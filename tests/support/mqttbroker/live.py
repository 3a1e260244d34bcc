"""The whole app over each transport, and a client that speaks to it through the codec."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, TypeVar

from socketworkers import connect
from socketworkers.info import TlsOptions
from socketworkers.server import Server
from socketworkers.testing import AppClient, Peer, serve_ephemeral
from socketworkers.testing.client import trusting
from socketworkers_mqtt import app
from socketworkers_mqtt.codec import (
    PINGREQ,
    Ack,
    Acks,
    Connack,
    Connect,
    Decoder,
    Disconnect,
    Packet,
    PacketType,
    Pingresp,
    Properties,
    Publish,
    PublishRun,
    Reason,
    Suback,
    Subscription,
    Will,
    encode_ack,
    encode_connect,
    encode_subscribe,
)

from .world import publish_bytes

__all__ = ["TRANSPORTS", "LiveClient", "Running", "running"]

#: what each test of the whole app runs over
TRANSPORTS = ("memory", "tcp", "tls", "ws")

T = TypeVar("T")
_NAMES = {3: "MQIsdp", 4: "MQTT", 5: "MQTT"}


class Running:
    """An app that runs, and how to reach it."""

    def __init__(self, server: Server, transport: str) -> None:
        self.server = server
        self.transport = transport

    @property
    def broker(self) -> Any:
        """The broker's state."""
        return self.server.env.mqtt.object.broker

    def peer(self, *, remote: tuple[str, int] = ("127.0.0.1", 49152)) -> Peer:
        """A connection on which nothing was said."""
        if self.transport == "memory":
            return Peer(self.server.dial("main", remote=remote))
        name = self.transport if self.transport in ("tls", "ws") else "main"
        listener = next(each for each in self.server.listeners if each.name == name)
        if name == "ws":
            return Peer(connect(f"ws://{listener.host}:{listener.port}/mqtt", subprotocols=("mqtt",)))
        tls = TlsOptions(context=trusting(self.server), sni="localhost") if self.transport == "tls" else None
        return Peer(connect((listener.host, listener.port), tls=tls, allow_half_open=True))

    def open(self, version: int = 5, **options: Any) -> LiveClient:
        """A client that has said nothing yet."""
        return LiveClient(self.peer(**options), version)

    async def client(self, client_id: str = "c", version: int = 5, **options: Any) -> LiveClient:
        """A client that is connected."""
        client = self.open(version)
        connack = await client.connect(client_id, **options)
        assert connack.reason is Reason.SUCCESS
        return client


class LiveClient:
    """See the module. What comes is answered when ``next`` sees it, unless ``auto`` is off."""

    def __init__(self, peer: Peer, version: int) -> None:
        self.peer = peer
        self.version = version
        self.auto = True
        self._decoder = Decoder(max_packet=1 << 28, version=version, role="client")
        self._packets: list[Packet] = []
        self._last_id = 0

    async def connect(
        self,
        client_id: str = "c",
        *,
        clean: bool = True,
        keep_alive: int = 60,
        username: str | None = None,
        password: bytes | None = None,
        will: Will | None = None,
        behind: bytes = b"",
        **properties: Any,
    ) -> Connack:
        """CONNECT, with more behind it in the same write; returns the CONNACK."""
        packet = Connect(
            _NAMES[self.version], self.version, clean, keep_alive, client_id, will, username, password,
            Properties(**properties),
        )  # fmt: skip
        await self.peer.send(encode_connect(packet) + behind)
        return await self.next(Connack)

    async def _more(self) -> bool:
        data = await self.peer.read()
        for packet in self._decoder.receive(data):
            if isinstance(packet, PublishRun):
                self._packets += [Publish(packet.topic, payload) for payload in packet.payloads()]
            else:
                self._packets.append(packet)
        assert self._decoder.fault is None or not data, self._decoder.fault
        return bool(data)

    async def packet(self) -> Packet | None:
        """The next packet; None at the end."""
        while not self._packets:
            if not await self._more():
                return None
        packet = self._packets.pop(0)
        if self.auto and isinstance(packet, Publish) and packet.qos:
            await self.ack(PacketType.PUBACK if packet.qos == 1 else PacketType.PUBREC, packet.packet_id)
        elif self.auto and isinstance(packet, Acks) and packet.kind in (PacketType.PUBREC, PacketType.PUBREL):
            for packet_id in packet.packet_ids:
                await self.ack(PacketType(packet.kind + 1), packet_id)
        return packet

    async def next(self, kind: type[T]) -> T:
        """The next packet of a kind; others before it are passed over."""
        while (packet := await self.packet()) is not None:
            if isinstance(packet, kind):
                return packet
        raise AssertionError(f"the connection ended; expected {kind.__name__}")

    async def rest(self) -> list[Packet]:
        """Everything until the end."""
        found = []
        with contextlib.suppress(OSError):
            while (packet := await self.packet()) is not None:
                found.append(packet)
        return found

    async def ended(self) -> Reason | None:
        """Wait for the end; the reason of the DISCONNECT before it."""
        packets = await self.rest()
        return packets[-1].reason if packets and isinstance(packets[-1], Disconnect) else None

    def packet_id(self) -> int:
        """A new one."""
        self._last_id += 1
        return self._last_id

    async def subscribe(self, *filters: str, qos: int = 0) -> Suback:
        """SUBSCRIBE and its answer."""
        wanted = [Subscription(each, qos) for each in filters]
        await self.peer.send(encode_subscribe(self.version, self.packet_id(), wanted))
        return await self.next(Suback)

    async def publish(self, topic: str, payload: bytes = b"", qos: int = 0, retain: bool = False) -> Reason:
        """PUBLISH; returns once it is acknowledged for good."""
        packet_id = self.packet_id() if qos else 0
        await self.peer.send(publish_bytes(self.version, topic, payload, qos, retain, packet_id))
        last = {1: PacketType.PUBACK, 2: PacketType.PUBCOMP}.get(qos)
        while last is not None:
            packet = await self.packet()
            assert packet is not None, "the connection ended"
            if isinstance(packet, Acks) and packet.kind == last and packet_id in packet.packet_ids:
                break
            if isinstance(packet, Ack) and packet.packet_id == packet_id:
                if packet.kind == last or packet.reason >= 0x80:
                    return packet.reason
                if packet.kind == PacketType.PUBREC:
                    await self.ack(PacketType.PUBREL, packet_id)
        return Reason.SUCCESS

    async def message(self) -> tuple[str, bytes, int]:
        """Topic, payload and QoS of the next message."""
        packet = await self.next(Publish)
        return packet.topic.decode(), packet.payload, packet.qos

    async def ack(self, kind: PacketType, packet_id: int, reason: int = 0) -> None:
        """An acknowledgement."""
        await self.peer.send(encode_ack(self.version, kind, packet_id, reason))

    async def ping(self) -> None:
        """PINGREQ and PINGRESP: what was sent before has been read."""
        await self.peer.send(PINGREQ)
        await self.next(Pingresp)

    async def close(self) -> None:
        """DISCONNECT, and close."""
        with contextlib.suppress(OSError):
            await self.peer.send(b"\xe0\0")
        await self.peer.close()

    async def __aenter__(self) -> LiveClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.close()
        else:
            await self.peer.abort()


@contextlib.asynccontextmanager
async def running(transport: str, **settings: Any) -> AsyncIterator[Running]:
    """The app over a transport while the block lasts."""
    settings = {"sys_interval": 0.0, **settings}
    if transport == "memory":
        async with AppClient(app, **settings) as client:
            yield Running(client.server, transport)
        return
    if transport == "tls":
        settings = {"tls": "auto", "tls_port": 0, **settings}
    elif transport == "ws":
        settings = {"ws_port": 0, **settings}
    async with serve_ephemeral(app, **settings) as server:
        yield Running(server, transport)
