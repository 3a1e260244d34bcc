"""F2: whole sessions of mutated packets against a broker in memory. It answers by the protocol or closes; nothing
that it keeps grows beyond its bounds, and a client beside goes on as if nothing had happened.

``SOCKETWORKERS_FUZZ_SESSIONS`` sets how many sessions there are, ``SOCKETWORKERS_FUZZ_SEED`` which ones.
"""

from __future__ import annotations

import os
import random

import pytest
from tests.fuzz.mutation import cut, seed_wanted
from tests.support.mqttbroker.world import World, access_of, publish_bytes, will

from socketworkers_mqtt.codec import (
    Ack,
    Acks,
    Connect,
    PacketType,
    Properties,
    Subscription,
    encode_ack,
    encode_auth,
    encode_connect,
    encode_disconnect,
    encode_passed,
    encode_subscribe,
    encode_unsubscribe,
)

SESSIONS = int(os.environ.get("SOCKETWORKERS_FUZZ_SESSIONS", "5000"))
LIMITS = {
    "max_packet": 4096, "receive_maximum": 20, "max_inflight": 5, "max_topic_alias": 4, "max_queued": 20,
    "max_queued_total": 20_000, "max_subscriptions": 20, "max_sessions": 30, "max_retained": 30,
}  # fmt: skip

pytestmark = [pytest.mark.catalogue("F2"), pytest.mark.timeout(180)]


def packets(version: int, chooser: random.Random) -> list[bytes]:
    """A session of right packets."""
    name = {3: "MQIsdp", 4: "MQTT", 5: "MQTT"}[version]
    properties = Properties()
    if version == 5:
        properties = Properties(
            session_expiry_interval=chooser.choice([None, 0, 5, 0xFFFFFFFF]),
            receive_maximum=chooser.choice([None, 1, 3]),
            topic_alias_maximum=chooser.choice([None, 2]),
            maximum_packet_size=chooser.choice([None, 60, 1000]),
            user_properties=(("a", "b"),) * chooser.randint(0, 3),
        )
    last = chooser.choice([None, will(retain=True, qos=chooser.randint(0, 2), will_delay=chooser.choice([0, 3]))])
    client_id = chooser.choice(["", "a", "b", "c", f"n{chooser.randint(0, 50)}"])
    connect = Connect(name, version, chooser.random() < 0.5, 10, client_id, last, None, None, properties)
    found = [encode_connect(connect)]
    for number in range(1, chooser.randint(2, 14)):
        topic = chooser.choice(["t/1", "t/2", "u", "$SYS/x", f"r/{chooser.randint(0, 60)}"])
        qos = chooser.randint(0, 2)
        filter = chooser.choice(["t/+", "#", "u", "$share/g/t/#", f"f/{number}/#"])
        passed = encode_passed(user_properties=[("k", "v")] * 3, content_type="x")
        found.append(
            chooser.choice(
                [
                    publish_bytes(version, topic, b"x" * chooser.randint(0, 200), qos, chooser.random() < 0.3, number),
                    publish_bytes(version, topic, b"p", qos, False, number, passed=passed, expiry=2, alias=1)
                    if version == 5
                    else publish_bytes(version, topic, b"p" * 50, 0) * 5,
                    encode_subscribe(version, number, [Subscription(filter, qos)]),
                    encode_unsubscribe(version, number, [filter]),
                    encode_ack(version, chooser.choice([4, 5, 6, 7]), chooser.randint(1, 8)),
                    b"\xc0\0",
                    encode_disconnect(version),
                    encode_auth(5, 0x19, Properties(authentication_method="SCRAM-SHA-256")),
                ]
            )
        )
    return found


def mutate(data: bytes, chooser: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chooser.choice([0, 0, 1, 1, 2, 5])):
        place = chooser.randrange(len(changed) or 1)
        kind = chooser.randrange(4)
        if kind == 0 and changed:
            changed[place] ^= 1 << chooser.randrange(8)
        elif kind == 1:
            del changed[place : place + chooser.randint(1, 4)]
        elif kind == 2:
            changed[place:place] = chooser.choice(
                [b"\0", b"\xff", b"\xff\xff\xff\x7f", b"#", b"$share/", b"\x30\x03\0\1a"]
            )
        else:
            changed.insert(place, chooser.randrange(256))
    return bytes(changed)


def check(world: World) -> None:
    """What holds whatever was sent."""
    broker = world.broker
    assert len(broker.sessions) <= 30 + broker.connected
    assert 0 <= broker.queued_bytes <= 20_000
    assert broker.queued_bytes == sum(session.queue_bytes for session in broker.sessions.values())
    assert len(broker.timers) <= 2 * 64 + 16
    assert broker.retained.count <= 30 + 20
    for session in broker.sessions.values():
        assert len(session.inflight or ()) <= 5
        assert len(session.incoming or ()) <= 65535
        assert session.queue_count <= 20
        assert len(session.subscriptions or ()) <= 20
        assert (session.connection is None) != (session.lost_at == 0)
    assert broker.router.tree.count == sum(len(session.subscriptions or ()) for session in broker.sessions.values())


def test_mutated_sessions() -> None:
    seed = seed_wanted()
    chooser = random.Random(seed)
    world = World(access_of(users=None), **LIMITS)
    witness = world.connect("witness", 5)
    witness.subscribe("witness", qos=1)
    answered = closed = 0
    try:
        for number in range(SESSIONS):
            version = chooser.choice([3, 4, 5])
            client = world.open(version, auto=chooser.random() < 0.5)
            data = b"".join(packets(version, chooser))
            for piece in cut(mutate(data, chooser), chooser):
                client.send(piece)
            answered += bool(client.received)
            closed += client.closed
            acks = [each for each in client.received if isinstance(each, Acks | Ack) and each.kind is PacketType.PUBACK]
            assert (
                sum(len(each.packet_ids) if isinstance(each, Acks) else 1 for each in acks) <= data.count(b"\x32") + 40
            )
            client.drop()
            if number % 50 == 0:
                world.advance(chooser.choice([0.5, 5.0]))
                check(world)
                publisher = world.connect("publisher", 4)
                publisher.publish("witness", b"%d" % number, 1)
                publisher.disconnect()
                assert witness.payloads() == [b"%d" % number], f"seed {seed}, session {number}"
            if number % 1000 == 999:
                world.restart()
                check(world)
                witness = world.connect("witness", 5)
                witness.subscribe("witness", qos=1)
    finally:
        world.close()
    assert answered > SESSIONS // 3, "most of them got somewhere"
    assert closed > SESSIONS // 10
