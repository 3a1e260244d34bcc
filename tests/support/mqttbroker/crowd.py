"""Crowds of clients against a server process, and one client that everything has to go on for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import socket
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import pytest

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
    Will,
    encode_ack,
    encode_connect,
    encode_subscribe,
)

from .world import publish_bytes

__all__ = ["LATE", "Crowd", "Plain", "crowd", "needs_files", "wait_for"]

ATTACKERS = Path(__file__).parent / "attackers.py"
#: a busy machine: what a timer may be late beside the second that the catalogue allows
LATE = 4.0

T = TypeVar("T")


def needs_files(count: int) -> None:
    """Skip where no process may have as many descriptors."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < count:
        pytest.skip(f"needs a hard limit of {count} descriptors (ulimit -Hn)")


async def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until a condition that asks another process holds."""
    deadline = time.monotonic() + seconds
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)


class Crowd:
    """A process of many clients; see ``attackers.py``."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._in = False

    async def all_in(self, seconds: float = 60.0) -> None:
        """Wait until all are connected."""
        assert self._process.stdout is not None
        self._in = True
        async with asyncio.timeout(seconds):
            assert await self._process.stdout.readline() == b"in\n"

    async def result(self, seconds: float = 120.0, *, now: bool = False) -> dict[str, Any]:
        """What it says at its end.

        Args:
            seconds: to wait.
            now: end it.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if not self._in:
            await self.all_in(seconds)
        if now:
            self._process.stdin.close()
        async with asyncio.timeout(seconds):
            line = await self._process.stdout.readline()
        return dict(json.loads(line))


@contextlib.asynccontextmanager
async def crowd(kind: str, count: int, port: int, seconds: float) -> AsyncIterator[Crowd]:
    """A crowd, gone at the end of the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ATTACKERS), kind, str(count), str(port), str(seconds),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Crowd(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


class Plain:
    """A blocking client of a port; what comes is acknowledged as it is read.

    Args:
        port: of the server.
        client_id: its name.
        version: protocol level.
        clean: Clean Start.
        timeout: seconds for each answer.
        will: of it.
        properties: of CONNECT.
    """

    def __init__(
        self,
        port: int,
        client_id: str,
        version: int = 4,
        *,
        clean: bool = True,
        timeout: float = 20.0,
        will: Will | None = None,
        **properties: Any,
    ) -> None:
        self.version = version
        self._decoder = Decoder(max_packet=1 << 28, version=version, role="client")
        self._packets: deque[Packet] = deque()
        self._last_id = 0
        self.messages: list[Publish] = []
        self._socket = socket.create_connection(("127.0.0.1", port), timeout)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.send(encode_connect(Connect("MQTT", version, clean, 0, client_id, will, None, None,
                                             Properties(**properties))))  # fmt: skip
            self.connack = self.next(Connack)
        except BaseException:
            self._socket.close()
            raise

    def send(self, data: bytes) -> None:
        """Bytes."""
        self._socket.sendall(data)

    def take_little(self) -> None:
        """Let the kernel keep little of what is not read."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def packet(self) -> Packet:
        """The next packet."""
        while not self._packets:
            data = self._socket.recv(1 << 18)
            if not data:
                raise ConnectionResetError("the server closed the connection")
            for packet in self._decoder.receive(data):
                if isinstance(packet, PublishRun):
                    self._packets += [Publish(packet.topic, payload) for payload in packet.payloads()]
                else:
                    self._packets.append(packet)
        packet = self._packets.popleft()
        if isinstance(packet, Publish):
            self.messages.append(packet)
            if packet.qos:
                kind = PacketType.PUBACK if packet.qos == 1 else PacketType.PUBREC
                self.send(encode_ack(self.version, kind, packet.packet_id))
        elif isinstance(packet, Acks) and packet.kind == PacketType.PUBREL:
            for packet_id in packet.packet_ids:
                self.send(encode_ack(self.version, PacketType.PUBCOMP, packet_id))
        return packet

    def next(self, kind: type[T]) -> T:
        """The next packet of a kind."""
        while not isinstance(packet := self.packet(), kind):
            pass
        return packet

    def subscribe(self, filter: str, qos: int = 0) -> Suback:
        """SUBSCRIBE and its answer."""
        self._last_id += 1
        self.send(encode_subscribe(self.version, self._last_id, [Subscription(filter, qos)]))
        return self.next(Suback)

    def publish(self, topic: str, payload: bytes = b"", qos: int = 0, *, retain: bool = False) -> None:
        """PUBLISH, and wait until it is acknowledged (QoS 0 or 1)."""
        if qos:
            self._last_id = self._last_id % 65535 + 1
        self.send(publish_bytes(self.version, topic, payload, qos, retain, self._last_id if qos else 0))
        while qos:
            packet = self.packet()
            if isinstance(packet, Acks) and packet.kind == PacketType.PUBACK and self._last_id in packet.packet_ids:
                return
            if isinstance(packet, Ack) and packet.packet_id == self._last_id:
                assert packet.reason < 0x80, packet
                return

    def publish_many(self, messages: list[tuple[str, bytes]], *, retain: bool = False, window: int = 500) -> None:
        """QoS 1, many at a time; returns when all are acknowledged."""
        for start in range(0, len(messages), window):
            some = messages[start : start + window]
            self.send(
                b"".join(
                    publish_bytes(self.version, topic, payload, 1, retain, place + 1)
                    for place, (topic, payload) in enumerate(some)
                )
            )
            left = set(range(1, len(some) + 1))
            while left:
                packet = self.packet()
                if isinstance(packet, Acks) and packet.kind == PacketType.PUBACK:
                    left.difference_update(packet.packet_ids)
                elif isinstance(packet, Ack) and packet.kind == PacketType.PUBACK:
                    assert packet.reason < 0x80, packet
                    left.discard(packet.packet_id)

    def ping(self) -> None:
        """PINGREQ and PINGRESP: what was sent before has been read."""
        self.send(PINGREQ)
        self.next(Pingresp)

    def message(self) -> Publish:
        """The next message."""
        return self.next(Publish)

    def close(self) -> None:
        """Close without a word."""
        self._socket.close()

    def __enter__(self) -> Plain:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
