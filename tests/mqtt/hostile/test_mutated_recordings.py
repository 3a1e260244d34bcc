"""F2: a whole broker in memory, against mutations of what real clients say. It answers by the protocol or closes.

``SOCKETWORKERS_FUZZ_SESSIONS`` sets how many sessions there are, ``SOCKETWORKERS_FUZZ_SEED`` which ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fuzz.mutation import cut, seed_wanted
from tests.mqtt.hostile.dialogues import dialogues, mutated
from tests.support.mqttbroker.world import publish_bytes

from socketworkers.testing import AppClient, Peer
from socketworkers_mqtt import app
from socketworkers_mqtt.codec import (
    Ack,
    Acks,
    Auth,
    Connack,
    Connect,
    Decoder,
    Disconnect,
    PacketType,
    Pingreq,
    Pingresp,
    Properties,
    Publish,
    PublishRun,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    encode_connect,
    encode_disconnect,
    encode_subscribe,
)

SESSIONS = int(os.environ.get("SOCKETWORKERS_FUZZ_SESSIONS", "5000"))
#: sessions between looks at what is left
ROUND = 250
MAX_PACKET, MAX_CONNECT = 100_000, 3000

pytestmark = [pytest.mark.catalogue("F2"), pytest.mark.timeout(60 + SESSIONS // 20)]


class Errors(logging.Handler):
    """Collects what is logged as a warning or worse."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def errors() -> Iterator[Errors]:
    handler = Errors()
    root = logging.getLogger()
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)


class Exchange:
    """One connection: what was sent, what must be answered, what came.

    Args:
        data: all that the client sends.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        decoder = Decoder(max_packet=MAX_PACKET, max_connect=MAX_CONNECT)
        #: what has to be answered: how often, by kind and identifier
        self.asked: Counter[tuple[str, int]] = Counter()
        #: the same with the number of filters, in their order
        self.subscribed: list[tuple[int, int]] = []
        self.unsubscribed: list[tuple[int, int]] = []
        over = False
        for packet in decoder.receive(data):
            if over:
                break
            over = self._ask(packet)
        self.version = decoder.version
        self.connects = False
        first = Decoder(max_packet=MAX_PACKET, max_connect=MAX_CONNECT).receive(data)[:1]
        if first and isinstance(first[0], Connect):
            self.connects = True
            self.version = first[0].version
        #: the server ends the connection by itself
        self.closes = decoder.fault is not None or over
        self.got: Counter[tuple[str, int]] = Counter()
        self.subacks: list[tuple[int, int]] = []
        self.unsubacks: list[tuple[int, int]] = []
        self.packets = 0
        self.messages = 0
        self.last: Any = None
        self._decoder: Decoder | None = None

    def _ask(self, packet: Any) -> bool:
        if isinstance(packet, Publish) and packet.qos:
            self.asked["PUBACK" if packet.qos == 1 else "PUBREC", packet.packet_id] += 1
        elif isinstance(packet, Acks) and packet.kind == PacketType.PUBREL:
            for packet_id in packet.packet_ids:
                self.asked["PUBCOMP", packet_id] += 1
        elif isinstance(packet, Ack) and packet.kind == PacketType.PUBREL:
            self.asked["PUBCOMP", packet.packet_id] += 1
        elif isinstance(packet, Subscribe):
            self.subscribed.append((packet.packet_id, len(packet.subscriptions)))
        elif isinstance(packet, Unsubscribe):
            self.unsubscribed.append((packet.packet_id, len(packet.filters)))
        elif isinstance(packet, Pingreq):
            self.asked["PINGRESP", 0] += 1
        return isinstance(packet, Disconnect)

    def arrived(self, data: bytes) -> None:
        """What the server sent: packets of the version that the client speaks, in an order that can be."""
        if self._decoder is None:
            assert self.version is not None
            self._decoder = Decoder(max_packet=1 << 20, version=self.version, role="client")
        for packet in self._decoder.receive(data):
            self._got(packet)
        assert self._decoder.fault is None, self._decoder.fault

    def _got(self, packet: Any) -> None:
        assert not isinstance(self.last, Disconnect), "nothing comes behind DISCONNECT"
        assert self.packets or isinstance(packet, (Connack, Auth))
        assert not (isinstance(packet, Connack) and self.got["CONNACK", 0]), "one CONNACK"
        self.packets += 1
        self.last = packet
        if isinstance(packet, Connack):
            self.got["CONNACK", 0] += 1
        elif isinstance(packet, (Publish, PublishRun)):
            self.messages += 1
        elif isinstance(packet, Acks):
            for packet_id in packet.packet_ids:
                self.got[packet.kind.name, packet_id] += 1
        elif isinstance(packet, Ack):
            self.got[packet.kind.name, packet.packet_id] += 1
        elif isinstance(packet, Suback):
            self.subacks.append((packet.packet_id, len(packet.reasons)))
        elif isinstance(packet, Unsuback):
            count = len(packet.reasons) if self.version == 5 else self.unsubscribed[len(self.unsubacks)][1]
            self.unsubacks.append((packet.packet_id, count))
        elif isinstance(packet, Pingresp):
            self.got["PINGRESP", 0] += 1
        elif isinstance(packet, Disconnect):
            assert self.version == 5, "a server of 3.1.1 says nothing"
        else:
            assert isinstance(packet, Auth)

    @property
    def answered(self) -> bool:
        """Whether everything that was asked has its answer."""
        return (
            not self.closes
            and self.got["CONNACK", 0] == self.connects
            and len(self.subacks) == len(self.subscribed)
            and len(self.unsubacks) == len(self.unsubscribed)
            and all(self.got[key] >= count for key, count in self.asked.items())
        )

    def check(self) -> None:
        """Nothing was answered that was not asked, nothing twice, nothing in part."""
        if not self.connects:
            assert self.packets <= (self.version is not None), "a word to somebody who did not introduce himself"
            return
        assert self.subacks == self.subscribed[: len(self.subacks)]
        assert self.unsubacks == self.unsubscribed[: len(self.unsubacks)]
        for (kind, packet_id), count in self.got.items():
            if kind in ("PUBACK", "PUBREC", "PUBCOMP", "PINGRESP"):
                assert count <= self.asked[kind, packet_id], f"{count} {kind} for {packet_id}"


async def one(peer: Peer, exchange: Exchange, pieces: list[bytes]) -> None:
    """Send everything, wait until it is answered or the server closes, end it."""
    peer.timeout = 20.0

    with contextlib.suppress(OSError):
        for piece in pieces:
            await peer.send(piece)
    ended = False
    try:
        async with asyncio.timeout(20):
            with contextlib.suppress(OSError):
                while not exchange.answered:
                    data = await peer.reader.read()
                    if not data:
                        ended = True
                        break
                    exchange.arrived(data)
                if not ended:
                    await peer.send_end()
                    while data := await peer.reader.read():
                        exchange.arrived(data)
    except TimeoutError:
        pytest.fail("it neither answers nor closes")
    await peer.close()


async def somebody_is_served(client: AppClient, number: int) -> None:
    """A client beside them all gets what it subscribed to, as if nothing had happened."""
    connect = Connect("MQTT", 4, True, 10, "witness", None, None, None, Properties())
    asked = encode_connect(connect) + encode_subscribe(4, 1, [Subscription("witness", 1)])
    async with client.connect() as peer:
        await peer.send(asked + publish_bytes(4, "witness", b"%d" % number, 1, False, 2))
        decoder = Decoder(max_packet=1 << 20, version=4, role="client")
        got: list[Any] = []
        while not any(isinstance(each, (Publish, PublishRun)) for each in got):
            data = await peer.read()
            assert data, got
            got += decoder.receive(data)
        await peer.send(encode_disconnect(4))
        await peer.expect_end()


def nothing_left(client: AppClient) -> None:
    """All clients are gone, and so is all that was kept for them."""
    owner = client.env.mqtt.object
    broker = owner.broker
    owner.now()
    assert broker.connected == 0
    for session in list(broker.sessions.values()):
        broker.end(session)
    owner.settle()
    assert not broker.sessions
    assert (broker.router.tree.count, broker.router.tree.shared_count) == (0, 0)
    assert broker.router.tree._root.empty
    assert (broker.queued_bytes, broker.underway_bytes) == (0, 0)
    assert (broker.backlog_bytes, broker.subscription_bytes) == (0, 0)
    assert not broker.bodies
    assert not broker.dirty
    assert not broker.batch.dirty
    assert not broker.wills._waiting
    assert not broker.retained.busy
    assert not broker.retained._waiting
    assert not owner.links
    assert not owner._waiting
    storage = owner.ctx.storage
    for table in ("session", "subscription", "queue", "incoming", "body", "will"):
        assert storage.sql.one(f"select count(*) from {table}") == (0,), table
    assert storage.sql.one("select count(*) from retained") == (broker.retained.count,)


async def many(count: int, seed: int, data_folder: str) -> Counter[str]:
    """Run sessions, up to three at a time; what came of them."""
    known = dialogues()
    chooser = random.Random(seed)
    found: Counter[str] = Counter()
    options: dict[str, Any] = {"max_packet": MAX_PACKET, "max_connect": MAX_CONNECT, "sys_interval": 0.0}
    if data_folder:
        options["data"] = data_folder
    async with AppClient(app, **options) as client:
        number = 0
        while number < count:
            together = []
            for _ in range(chooser.choice((1, 1, 2, 3))):
                data = mutated(chooser, known)
                together.append((Exchange(data), cut(data, chooser) or [b""]))
            try:
                await asyncio.gather(*(one(client.connect(), exchange, pieces) for exchange, pieces in together))
                for exchange, _ in together:
                    exchange.check()
            except BaseException as error:
                sent = [pieces for _, pieces in together]
                raise AssertionError(f"seed {seed}, session {number}: {sent!r:.4000}") from error
            for exchange, _ in together:
                found["answered" if exchange.answered else "closed"] += 1
                found["messages"] += exchange.messages
                found["acknowledged"] += sum(exchange.got.values())
            before, number = number, number + len(together)
            if before // ROUND != number // ROUND or number >= count:
                async with asyncio.timeout(20):
                    while client.server.connections or client.env.mqtt.object._waiting:
                        await asyncio.sleep(0.001)
                await somebody_is_served(client, number)
                async with asyncio.timeout(20):
                    while client.server.connections:
                        await asyncio.sleep(0.001)
                try:
                    nothing_left(client)
                except AssertionError as error:
                    raise AssertionError(f"seed {seed}, up to session {number}: {error}") from error
        assert client.server.telemetry.handler_errors == 0
    return found


@pytest.mark.parametrize("disk", [False, True], ids=["memory", "disk"])
def test_the_broker_answers_by_the_protocol_or_closes(errors: Errors, tmp_path: Path, disk: bool) -> None:
    count = SESSIONS // 10 if disk else SESSIONS - SESSIONS // 10
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        found = runner.run(many(count, seed_wanted() + disk, str(tmp_path / "data") if disk else ""))
    assert found["answered"] > count // 10, found
    assert found["closed"] > count // 10, found
    assert found["messages"] > count // 4, found
    assert found["acknowledged"] > count // 2, found
    assert errors.lines == []
