"""Many clients in a process of their own, good and bad: ``attackers.py KIND COUNT PORT SECONDS``.

Prints ``in`` when all are connected, and at the end one JSON object: how many the server ended, how long the last of
those had been connected, how many answers to pings came. It ends early when its standard input does. Kinds:
``connect`` and ``publish`` (a packet byte by byte), ``reader`` (subscribes to ``flood/#`` and reads nothing),
``silent`` (nothing at all), ``half`` (half a packet, then nothing), ``idle`` (keep alive of SECONDS, and pings),
``session`` (a session that lasts, subscribed with QoS 1 to ``to/NUMBER``).
"""

from __future__ import annotations

import asyncio
import json
import resource
import select
import socket
import sys
import time

LARGE = b"\x30\xff\xff\x7f\0\x04slow"


def connect_packet(client_id: str, keep_alive: int, *, clean: bool = True) -> bytes:
    """CONNECT of 3.1.1."""
    name = client_id.encode()
    body = b"\0\x04MQTT\x04" + bytes((2 if clean else 0,)) + keep_alive.to_bytes(2) + len(name).to_bytes(2) + name
    return bytes((0x10, len(body))) + body


def subscribe_packet(filter: str, qos: int) -> bytes:
    """SUBSCRIBE of 3.1.1."""
    name = filter.encode()
    body = b"\0\x01" + len(name).to_bytes(2) + name + bytes((qos,))
    return bytes((0x82, len(body))) + body


class Crowd:
    """All clients of this process."""

    def __init__(self, kind: str, count: int, port: int, seconds: float) -> None:
        self.kind = kind
        self.count = count
        self.port = port
        self.seconds = seconds
        self.clients: list[Client] = []
        self.times: list[float] = []
        self.pongs = 0
        self.pinged = 0
        self.subscribed = 0
        self.present = 0
        self.received = 0
        self.over = asyncio.Event()
        self.all_in = asyncio.Event()

    def ended(self, seconds: float) -> None:
        self.times.append(seconds)
        if len(self.times) == self.count:
            self.over.set()

    async def open(self) -> None:
        """Connect everybody, some at a time."""
        places = asyncio.Semaphore(64)
        loop = asyncio.get_running_loop()

        async def one(number: int) -> None:
            async with places:
                sock = socket.socket()
                sock.setblocking(False)
                if self.kind == "reader":
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                await loop.sock_connect(sock, ("127.0.0.1", self.port))
                client = Client(self, number)
                self.clients.append(client)
                await loop.create_connection(lambda: client, sock=sock)
                if self.kind in ("idle", "session", "reader"):
                    await client.ready

        await asyncio.gather(*(one(number) for number in range(self.count)))

    async def act(self) -> None:
        """What the clients do once they are there."""
        until = time.monotonic() + self.seconds * (100 if self.kind == "idle" else 1)
        while not self.over.is_set() and time.monotonic() < until:
            try:
                async with asyncio.timeout(0.25 if self.kind != "idle" else self.seconds * 0.8):
                    await self.over.wait()
            except TimeoutError:
                pass
            if self.kind in ("connect", "publish"):
                for client in self.clients:
                    client.drip()
            elif self.kind == "reader":
                self.look()
            elif self.kind == "idle":
                for place, client in enumerate(self.clients if not self.over.is_set() else ()):
                    self.pinged += 1
                    client.transport.write(b"\xc0\0")
                    if place % 100 == 99:
                        await asyncio.sleep(0)

    def look(self) -> None:
        """Who does not read does not hear of the end: ask the kernel."""
        poll = select.poll()
        there = {}
        for client in self.clients:
            number = client.transport.get_extra_info("socket").fileno()
            if number >= 0:
                there[number] = client
                poll.register(number, 0)
        for number, _ in poll.poll(0):
            there[number].transport.abort()


class Client(asyncio.Protocol):
    """One of them."""

    transport: asyncio.Transport

    def __init__(self, crowd: Crowd, number: int) -> None:
        self._crowd = crowd
        self._number = number
        self._began = time.monotonic()
        self._drips = 0
        self._first = b""
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        crowd, number = self._crowd, self._number
        if crowd.kind == "publish":
            transport.write(connect_packet(f"loris-{number}", 0))
        elif crowd.kind == "half":
            transport.write(connect_packet(f"half-{number}", 0) + LARGE + bytes(1000))
        elif crowd.kind == "reader":
            transport.write(connect_packet(f"reader-{number}", 0) + subscribe_packet("flood/#", 0))
        elif crowd.kind == "idle":
            transport.write(connect_packet(f"idle-{number}", int(crowd.seconds)))
        elif crowd.kind == "session":
            subscribe = subscribe_packet(f"to/{number}", 1)
            transport.write(connect_packet(f"session-{number}", 60, clean=False) + subscribe)

    def drip(self) -> None:
        """One byte more."""
        if not self.transport.is_closing():
            packet = LARGE if self._crowd.kind == "publish" else b"\x10\xff\x7f\0\x04MQTT\x04"
            self.transport.write(packet[self._drips : self._drips + 1] or b"x")
            self._drips += 1

    def data_received(self, data: bytes) -> None:
        crowd = self._crowd
        if self.ready.done():
            if crowd.kind == "idle":
                crowd.pongs += data.count(b"\xd0\0")
            else:
                crowd.received += len(data)
            return
        self._first += data
        wanted = 4 if crowd.kind == "idle" else 9
        if len(self._first) >= wanted:
            crowd.present += self._first[2] & 1
            crowd.received += len(self._first) - wanted
            crowd.subscribed += 1
            self.ready.set_result(None)
            if crowd.kind == "reader":
                self.transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_result(None)
        self._crowd.ended(time.monotonic() - self._began)


async def main(kind: str, count: int, port: int, seconds: float) -> None:
    """One crowd."""
    crowd = Crowd(kind, count, port, seconds)
    loop = asyncio.get_running_loop()
    loop.add_reader(0, crowd.over.set)
    began = time.monotonic()
    await crowd.open()
    took = time.monotonic() - began
    sys.stdout.write("in\n")
    sys.stdout.flush()
    await crowd.act()
    while kind == "idle" and crowd.pongs < crowd.pinged and time.monotonic() < began + took + 300:
        await asyncio.sleep(0.01)
    ended = len(crowd.times)
    result = {
        "ended": ended, "longest": max(crowd.times, default=0.0), "connected": took, "pings": crowd.pinged,
        "pongs": crowd.pongs, "subscribed": crowd.subscribed, "present": crowd.present, "received": crowd.received,
    }  # fmt: skip
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()
    for client in crowd.clients:
        client.transport.abort()


if __name__ == "__main__":
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
