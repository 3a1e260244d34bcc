"""The broker against a small model: devices that publish, subscribe, acknowledge when they like, and are lost; a disk
that is late; a broker that is killed and starts again from its store.

What the model knows is in ``Device``: nothing that was acknowledged is lost, nothing of QoS 2 comes twice, and order
holds per topic and QoS.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.support.mqttbroker.world import Client, World, publish_bytes

from socketworkers_mqtt.codec import Ack, Acks, PacketType, Publish
from socketworkers_mqtt.codec import Subscription as Wanted

PUBACK, PUBREC, PUBREL, PUBCOMP = PacketType.PUBACK, PacketType.PUBREC, PacketType.PUBREL, PacketType.PUBCOMP
NAMES = st.sampled_from(["d0", "d1", "d2"])
TOPICS = st.sampled_from(["a", "b/c"])
FILTERS = ("a", "b/c", "#", "b/+", "$share/g/#")


@dataclass
class Sent:
    """A message that its publisher has not seen acknowledged."""

    topic: str
    token: bytes
    qos: int
    retain: bool
    released: bool = False


@dataclass
class Device:
    """What a client knows, over all of its connections."""

    name: str
    link: Client | None = None
    #: filter: QoS; what the broker has confirmed
    filters: dict[str, int] = field(default_factory=dict)
    #: packet identifiers of QoS 2 messages that came and were not released
    incoming: set[int] = field(default_factory=set)
    #: answers that it has not given yet
    todo: list[tuple[PacketType, int]] = field(default_factory=list)
    outgoing: dict[int, Sent] = field(default_factory=dict)
    #: tokens by topic and QoS of delivery, as they came; repetitions of the transport left out
    got: dict[tuple[str, int], list[bytes]] = field(default_factory=dict)
    #: what it has to get: topic, QoS and token
    owed: list[tuple[str, int, bytes]] = field(default_factory=list)
    next_id: int = 0

    def packet_id(self) -> int:
        while True:
            self.next_id = self.next_id % 50 + 1
            if self.next_id not in self.outgoing:
                return self.next_id


class Machine(RuleBasedStateMachine):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(max_inflight=2)
        self.devices = {name: Device(name) for name in ("d0", "d1", "d2")}
        self.number = 0
        self.acknowledged: set[bytes] = set()
        #: tokens of messages of which a member of the group got one more
        self.shared: set[bytes] = set()
        self.retained: dict[str, bytes] = {}

    def teardown(self) -> None:
        try:
            self.finish()
        finally:
            self.world.close()

    @initialize(
        versions=st.lists(st.sampled_from([4, 5]), min_size=3, max_size=3),
        wanted=st.lists(st.tuples(st.sampled_from(FILTERS), st.integers(0, 2)), min_size=3, max_size=3),
    )
    def begin(self, versions: list[int], wanted: list[tuple[str, int]]) -> None:
        for name, version, (filter, qos) in zip(self.devices, versions, wanted, strict=True):
            self.connect(name, version, None, 1)
            self.subscribe(name, filter, qos)

    # -- what happens ----------------------------------------------------------------------------------------------

    @rule(name=NAMES, version=st.sampled_from([4, 5]), most=st.sampled_from([None, 1, 3]), clean=st.integers(0, 9))
    def connect(self, name: str, version: int, most: int | None, clean: int) -> None:
        device = self.devices[name]
        if clean == 0:
            version = 5  # before 5.0 such a session would end with its connection
        options = {"receive_maximum": most} if version == 5 and most else {}
        device.todo.clear()
        held, self.world.disk_held = self.world.disk_held, False
        self.world.sync()
        device.link = self.world.lasting(name, version, clean=clean == 0, auto=False, **options)
        self.world.disk_held = held
        connack = device.link.connack
        assert connack is not None
        if not connack.session_present:
            assert clean == 0 or not (device.filters or device.owed), "a session is gone"
            device.filters.clear()
            device.incoming.clear()
            device.owed.clear()
            device.outgoing.clear()
            device.got.clear()
        for packet_id, sent in list(device.outgoing.items()):
            if sent.released:
                device.link.ack(PUBREL, packet_id)
            else:
                device.link.send(
                    publish_bytes(version, sent.topic, sent.token, sent.qos, sent.retain, packet_id, dup=True)
                )
                if sent.retain and sent.qos == 1:  # one of QoS 2 is known already
                    self.retained[sent.topic] = sent.token
        self.poll()

    @rule(name=NAMES, order=st.booleans())
    def leave(self, name: str, order: bool) -> None:
        device = self.devices[name]
        if device.link is not None:
            self.poll()
            device.link.disconnect() if order else device.link.drop()
            device.link = None

    @rule(name=NAMES, filter=st.sampled_from(FILTERS), qos=st.integers(0, 2))
    def subscribe(self, name: str, filter: str, qos: int) -> None:
        device = self.devices[name]
        if device.link is None:
            return
        self.world.disk_held = False
        self.world.sync()
        device.link.subscribe(Wanted(filter, qos, retain_handling=2 if device.link.version == 5 else 0))
        device.filters[filter] = qos

    @rule(name=NAMES, filter=st.sampled_from(FILTERS))
    def unsubscribe(self, name: str, filter: str) -> None:
        device = self.devices[name]
        if device.link is None:
            return
        self.world.disk_held = False
        self.world.sync()
        device.link.unsubscribe(filter)
        device.filters.pop(filter, None)

    @rule(
        name=NAMES,
        messages=st.lists(
            st.tuples(TOPICS, st.sampled_from([0, 1, 1, 2, 2]), st.integers(0, 6)), min_size=1, max_size=6
        ),
    )
    def publish(self, name: str, messages: list[tuple[str, int, int]]) -> None:
        device = self.devices[name]
        for topic, qos, retain in messages:
            if device.link is not None:
                self._publish(device, device.link, topic, qos, retain == 0)

    def _publish(self, device: Device, link: Client, topic: str, qos: int, kept: bool) -> None:
        self.number += 1
        token = b"%d" % self.number
        packet_id = device.packet_id() if qos else 0
        if qos:
            device.outgoing[packet_id] = Sent(topic, token, qos, kept)
        if kept:
            self.retained[topic] = token
        for other in self.devices.values():
            granted = max((granted for filter, granted in other.filters.items() if matches(filter, topic)), default=0)
            if min(qos, granted):
                other.owed.append((topic, min(qos, granted), token))
        if any("$share/g/#" in other.filters for other in self.devices.values()):
            self.shared.add(token)
        link.send(publish_bytes(link.version, topic, token, qos, kept, packet_id))
        self.poll()

    @rule(name=NAMES, which=st.lists(st.integers(0, 3), min_size=1, max_size=6))
    def answer(self, name: str, which: list[int]) -> None:
        for each in which:
            self._answer(self.devices[name], each)

    def _answer(self, device: Device, which: int) -> None:
        """Answers of one kind stay in order (§4.6); the kinds are free."""
        if device.link is None or not device.todo:
            return
        kinds = list(dict.fromkeys(kind for kind, _ in device.todo))
        kind = kinds[which % len(kinds)]
        index = next(number for number, (each, _) in enumerate(device.todo) if each is kind)
        _, packet_id = device.todo.pop(index)
        device.link.ack(kind, packet_id)
        self.poll()

    @rule(name=NAMES)
    def answer_all(self, name: str) -> None:
        device = self.devices[name]
        while device.link is not None and device.todo:
            kind, packet_id = device.todo.pop(0)
            device.link.ack(kind, packet_id)
            self.poll()

    @rule()
    def disk_is_late(self) -> None:
        self.world.disk_held = True

    @precondition(lambda self: self.world.disk_held)
    @rule()
    def disk_works(self) -> None:
        self.world.sync()
        self.poll()

    @rule()
    def kill(self) -> None:
        self.poll()
        self.world.disk_held = False
        self.world.restart(seconds=5)
        for device in self.devices.values():
            device.link = None

    @rule(seconds=st.sampled_from([1.0, 3600.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.advance(seconds)

    # -- what devices see ------------------------------------------------------------------------------------------

    def poll(self) -> None:
        for device in self.devices.values():
            if device.link is None:
                continue
            for packet in device.link.take():
                if isinstance(packet, Publish):
                    self._message(device, packet)
                elif isinstance(packet, Acks):
                    for packet_id in packet.packet_ids:
                        self._answered(device, packet.kind, packet_id)
                elif isinstance(packet, Ack):
                    # what was released before a crash is not known any more, which is all that it says
                    assert packet.reason < 0x80 or packet.kind is PUBCOMP
                    self._answered(device, packet.kind, packet.packet_id)
            if device.link.closed:
                device.link = None

    def _message(self, device: Device, packet: Publish) -> None:
        if packet.qos == 1:
            device.todo.append((PUBACK, packet.packet_id))
        elif packet.qos == 2:
            device.todo.append((PUBREC, packet.packet_id))
            if packet.packet_id in device.incoming:
                assert packet.dup
                return
            device.incoming.add(packet.packet_id)
        got = device.got.setdefault((packet.topic.decode(), packet.qos), [])
        if packet.retain:
            return  # of a subscription before 5.0, beside the order of live messages
        got.append(packet.payload)

    def _answered(self, device: Device, kind: PacketType, packet_id: int) -> None:
        if kind is PUBREL:
            device.incoming.discard(packet_id)
            device.todo.append((PUBCOMP, packet_id))
        elif kind is PUBREC:
            device.outgoing[packet_id].released = True
            self.acknowledged.add(device.outgoing[packet_id].token)
            device.todo.append((PUBREL, packet_id))
        else:
            sent = device.outgoing.pop(packet_id)
            assert (kind is PUBACK) == (sent.qos == 1)
            self.acknowledged.add(sent.token)

    # -- what holds ------------------------------------------------------------------------------------------------

    @invariant()
    def order_and_number(self) -> None:
        for device in self.devices.values():
            for (_, qos), tokens in device.got.items():
                if qos == 2:
                    for token in set(tokens):
                        # a member of the group may have an ordinary subscription, too
                        assert tokens.count(token) <= (2 if token in self.shared else 1), f"{device.name} got {tokens}"
                alone = list(dict.fromkeys(token for token in tokens if token not in self.shared))
                assert qos == 0 or alone == sorted(alone, key=int), f"{device.name} {qos} {tokens}"

    @invariant()
    def windows(self) -> None:
        for session in self.world.broker.sessions.values():
            connection = session.connection
            assert len(session.inflight or ()) <= 2 + (len(connection.again or ()) if connection is not None else 0)
            assert session.queue_count >= 0
            assert session.queue_bytes >= 0

    @invariant()
    def retained_messages(self) -> None:
        found = {
            row[0].decode(): row[1] for row in self.world.broker.store.retained_page(b"", None, 10, self.world.now)
        }
        assert found == self.retained
        assert self.world.broker.retained.count == len(found)

    def finish(self) -> None:
        """Everybody comes back and answers everything: what was promised has come."""
        self.poll()
        self.world.disk_held = False
        self.world.sync()
        for name in self.devices:
            self.connect(name, 5, None, 1)
        while any(device.todo for device in self.devices.values()):
            for name in self.devices:
                self.answer_all(name)
        for device in self.devices.values():
            assert not device.outgoing
            for topic, qos, token in device.owed:
                if token in self.acknowledged:
                    got = device.got.get((topic, qos), [])
                    assert token in got, f"{device.name} has lost {token!r} of {topic}, QoS {qos}"
        self.order_and_number()
        for session in self.world.broker.sessions.values():
            assert not session.inflight
            assert (session.queue_count, session.queue_bytes) == (0, 0)
        assert self.world.broker.queued_bytes == 0
        assert not self.world.storage.sql.value("select count(*) from queue")
        assert not self.world.storage.sql.value("select count(*) from incoming")


def matches(filter: str, topic: str) -> bool:
    """Of ordinary subscriptions."""
    return filter == topic or filter == "#" or (filter == "b/+" and topic.startswith("b/"))


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
