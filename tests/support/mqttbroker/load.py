"""Clients with sessions that last, over many lives of a server: they publish and subscribe as fast as they can, write
down what was acknowledged, and send again after each reconnect, as the specification has it.

A message's payload begins with its token, "NAME TOPIC QOS NUMBER". A publisher writes the token to its own journal
before it does anything else with an acknowledgement: PUBACK for QoS 1, PUBREC for QoS 2 ([MQTT-4.3.3-8]: from there on
it is the server's). A subscriber does the receiver's half of QoS 2 by the packet identifier alone (§4.3.3, method B).
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from socketworkers_mqtt.codec import (
    Ack,
    Acks,
    Connack,
    Connect,
    Decoder,
    Disconnect,
    Packet,
    PacketType,
    Properties,
    Publish,
    Reason,
    Suback,
    Subscription,
    encode_ack,
    encode_connect,
    encode_subscribe,
)

from .world import publish_bytes

__all__ = ["Publisher", "Subscriber", "judge", "run_load", "tokens"]

#: messages of one publisher under way
WINDOW = 16
#: seconds within which anything has to be answered
PATIENCE = 20.0


def payload_of(token: str, number: int) -> bytes:
    """Small, and above the size from which several sessions share one copy on disk."""
    size = 3000 if number % 9 == 4 else 40
    return token.encode() + b"\n" + token.encode()[-1:] * size


def token_of(payload: bytes) -> str:
    """The token of a payload, which has to be whole."""
    token = payload.partition(b"\n")[0].decode()
    assert payload == payload_of(token, int(token.rsplit(" ", 1)[1])), payload[:80]
    return token


class _Persistent:
    """A client whose session the server has to keep."""

    def __init__(self, name: str, version: int, most: int = 0) -> None:
        self.name = name
        self.version = version
        #: Receive Maximum, 0 = not told
        self.most = most
        #: whether a CONNACK has promised the session
        self.known = False
        self.wrong: list[str] = []
        self._connect = Connect(
            "MQTT", version, False, 0, name, None, None, None,
            Properties(session_expiry_interval=0xFFFFFFFF, receive_maximum=most or None)
            if version == 5
            else Properties(),
        )  # fmt: skip

    async def run(self, port: int, stop: asyncio.Event) -> None:
        """Connect and work until told to stop, or until the server is gone."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return
        decoder = Decoder(max_packet=1 << 28, version=self.version, role="client")
        stopped = asyncio.create_task(stop.wait())
        try:
            writer.write(encode_connect(self._connect))
            connected = False
            while True:
                # a task that is cancelled between packets only: what was read is never lost
                read = asyncio.create_task(reader.read(1 << 16))
                try:
                    await asyncio.wait((read, stopped), return_when=asyncio.FIRST_COMPLETED)
                    if not read.done() and self.finished():
                        return
                    async with asyncio.timeout(PATIENCE):
                        data = await read
                finally:
                    read.cancel()
                if not data:
                    return
                out = []
                for packet in decoder.receive(data):
                    if not connected:
                        connected = True
                        assert isinstance(packet, Connack)
                        if packet.reason is not Reason.SUCCESS:
                            self.wrong.append(f"{self.name} was refused: {packet.reason!r}")
                            return
                        if self.known and not packet.session_present:
                            self.wrong.append(f"the session of {self.name} is lost")
                        self.known = True
                        out.append(self.resumed(packet.session_present))
                    elif isinstance(packet, Disconnect):
                        self.wrong.append(f"{self.name} was disconnected: {packet.reason!r}")
                    else:
                        out.append(self.answer(packet))
                if connected:
                    out.append(self.more(stop.is_set()))
                    writer.write(b"".join(out))
                    if stop.is_set() and self.finished():
                        return
        except TimeoutError:
            if not self.finished():
                self.wrong.append(f"{self.name} waits in vain")
        except OSError:
            pass  # killed
        finally:
            stopped.cancel()
            writer.transport.abort()

    def finished(self) -> bool:
        """Whether nothing is under way."""
        return True

    def resumed(self, present: bool) -> bytes:
        """What follows CONNACK."""
        return b""

    def answer(self, packet: Packet) -> bytes:
        """What a packet calls for."""
        return b""

    def more(self, stopping: bool) -> bytes:
        """What is sent of one's own will."""
        return b""


@dataclass(slots=True)
class _Underway:
    token: str
    data: bytes
    again: bytes
    qos: int
    released: bool = False


class Publisher(_Persistent):
    """Publishes to ``t/NAME`` with QoS 1 and 2, and now and then a retained message to ``r/NAME/QOS``.

    A retained topic has one QoS: a QoS 1 message that is sent again comes behind a QoS 2 message that was received
    already, and order is promised within a QoS only (§4.6).

    Args:
        journal: file that gets one token a line.
        name: client identifier.
        version: of the protocol.
        honest: whether only what was acknowledged is written down; the control's claims are made when it sends.
    """

    def __init__(self, journal: Path, name: str, version: int, *, honest: bool = True) -> None:
        super().__init__(name, version)
        self._journal = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._honest = honest
        self._number = 0
        self._last_id = 0
        self._underway: dict[int, _Underway] = {}
        self.acknowledged = 0
        #: by topic: number of the last retained message that was acknowledged, and that was sent
        self.retained: dict[str, int] = {}
        self.retained_sent: dict[str, int] = {}

    def close(self) -> None:
        """Give the journal back."""
        os.close(self._journal)

    def finished(self) -> bool:
        return not self._underway

    def forget(self) -> None:
        """Give up what is under way."""
        self._underway.clear()

    def _note(self, token: str) -> None:
        os.write(self._journal, token.encode() + b"\n")

    def resumed(self, present: bool) -> bytes:
        # in the order in which they were sent first ([MQTT-4.6.0-1], [MQTT-4.4.0-1])
        return b"".join(
            encode_ack(self.version, PacketType.PUBREL, packet_id, 0) if item.released else item.again
            for packet_id, item in self._underway.items()
        )

    def more(self, stopping: bool) -> bytes:
        out = []
        while len(self._underway) < WINDOW and not stopping:
            self._number += 1
            number = self._number
            retain = number % 8 == 0
            qos = 1 + number % 3 % 2
            topic = f"r/{self.name}/{qos}" if retain else f"t/{self.name}"
            token = f"{self.name} {topic} {qos} {number}"
            self._last_id = packet_id = self._last_id % 30_000 + 1
            payload = payload_of(token, number)
            data, again = (
                publish_bytes(self.version, topic, payload, qos, retain, packet_id, dup=dup) for dup in (False, True)
            )
            self._underway[packet_id] = _Underway(token, data, again, qos)
            if retain:
                self.retained_sent[topic] = number
            if not self._honest:
                self._note(token)
            out.append(data)
        return b"".join(out)

    def _acknowledged(self, item: _Underway) -> None:
        if self._honest:
            self._note(item.token)
        self.acknowledged += 1
        _, topic, _, number = item.token.split(" ")
        if topic[0] == "r":
            self.retained[topic] = int(number)

    def answer(self, packet: Packet) -> bytes:
        if isinstance(packet, Acks):
            return b"".join(self._ack(packet.kind, packet_id, 0) for packet_id in packet.packet_ids)
        if isinstance(packet, Ack):
            return self._ack(packet.kind, packet.packet_id, packet.reason)
        return b""

    def _ack(self, kind: int, packet_id: int, reason: int) -> bytes:
        item = self._underway.get(packet_id)
        if item is None:
            self.wrong.append(f"{self.name}: an acknowledgement of nothing")
        elif reason >= 0x80 and kind != PacketType.PUBCOMP:
            self.wrong.append(f"{item.token} was refused: {reason:#x}")
        elif kind == PacketType.PUBREC and item.qos == 2:
            if not item.released:
                item.released = True
                self._acknowledged(item)
            return encode_ack(self.version, PacketType.PUBREL, packet_id, 0)
        elif kind == PacketType.PUBACK and item.qos == 1:
            self._acknowledged(item)
            del self._underway[packet_id]
        elif kind == PacketType.PUBCOMP and item.released:
            del self._underway[packet_id]
        else:
            self.wrong.append(f"{item.token}: packet {kind} does not fit")
        return b""


class Subscriber(_Persistent):
    """Gets everything, with the QoS of its publisher.

    Args:
        name: client identifier.
        version: of the protocol.
        most: Receive Maximum.
        filters: of its subscriptions.
    """

    def __init__(self, name: str, version: int, most: int = 0, filters: Sequence[str] = ("t/#", "r/#")) -> None:
        super().__init__(name, version, most)
        self._filters = filters
        self._subscribed = False
        #: identifiers of QoS 2 messages that were not released
        self._open: set[int] = set()
        #: tokens in the order in which they came
        self.received: list[str] = []

    @property
    def subscribed(self) -> bool:
        """Whether a SUBACK has promised the subscriptions."""
        return self._subscribed

    def resumed(self, present: bool) -> bytes:
        if not present:
            self._open.clear()
        if self._subscribed:
            return b""
        return encode_subscribe(self.version, 1, [Subscription(each, 2) for each in self._filters])

    def answer(self, packet: Packet) -> bytes:
        if isinstance(packet, Suback):
            self._subscribed = True
        elif isinstance(packet, Publish):
            token = token_of(packet.payload)
            if packet.qos != int(token.split(" ")[2]):
                self.wrong.append(f"{token} came with QoS {packet.qos}")
            if packet.qos == 1:
                self.received.append(token)
                return encode_ack(self.version, PacketType.PUBACK, packet.packet_id, 0)
            if packet.packet_id not in self._open:
                self._open.add(packet.packet_id)
                self.received.append(token)
            return encode_ack(self.version, PacketType.PUBREC, packet.packet_id, 0)
        elif isinstance(packet, Acks) and packet.kind == PacketType.PUBREL:
            self._open.difference_update(packet.packet_ids)
            return b"".join(encode_ack(self.version, PacketType.PUBCOMP, each, 0) for each in packet.packet_ids)
        elif isinstance(packet, Ack) and packet.kind == PacketType.PUBREL:
            self._open.discard(packet.packet_id)
            return encode_ack(self.version, PacketType.PUBCOMP, packet.packet_id, 0)
        return b""


async def run_load(
    clients: Iterable[_Persistent], port: int, seconds: float, kill: Callable[[], None] | None = None
) -> None:
    """Let clients work until the time is over or the server is gone.

    Args:
        clients: all of them.
        port: of the server.
        seconds: how long; less when the server dies of itself.
        kill: ends the server under load; without it the clients end what they have begun.
    """
    stop = asyncio.Event()
    tasks = [asyncio.create_task(client.run(port, stop)) for client in clients]
    try:
        await asyncio.wait(tasks, timeout=seconds)
        if kill is not None:
            kill()
    finally:
        stop.set()
        await asyncio.wait(tasks, timeout=2 * PATIENCE)
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


def tokens(folder: Path) -> set[str]:
    """Every token in the journals of a folder."""
    found: set[str] = set()
    for path in folder.glob("journal-*"):
        found.update(path.read_text().splitlines())
    return found


def judge(promised: set[str], received: Sequence[str], who: str = "") -> list[str]:
    """What is wrong with what a subscriber got: promises that are missing, QoS 2 twice, the order of a topic."""
    seen = Counter(received)
    wrong = [f"{token} is lost for {who}" for token in sorted(promised - seen.keys())]
    wrong += [f"{token} came {n} times to {who}" for token, n in seen.items() if n > 1 and token.split(" ")[2] == "2"]
    last: dict[tuple[str, str, str], int] = {}
    for token in dict.fromkeys(received):
        name, topic, qos, number = token.split(" ")
        key = (name, topic, qos)
        if int(number) < last.get(key, 0):
            wrong.append(f"{token} came to {who} behind {last[key]}")
        last[key] = int(number)
    return wrong
