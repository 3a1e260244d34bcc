"""Packets that cross a bridge, without sockets: identifiers, acknowledgements, limits of the other broker."""

from __future__ import annotations

from typing import Any

import pytest

from socketworkers_mqtt.bridge import parse_topic
from socketworkers_mqtt.bridge.guard import MARK, LoopGuard
from socketworkers_mqtt.bridge.relay import Relay, RelayEnded
from socketworkers_mqtt.bridge.topics import TopicMap
from socketworkers_mqtt.codec import (
    Ack,
    Acks,
    Connack,
    Decoder,
    Disconnect,
    MalformedPacket,
    PacketType,
    Pingresp,
    Properties,
    Publish,
    PublishProperties,
    PublishRun,
    Reason,
    encode_passed,
)

PUBACK, PUBREC, PUBREL, PUBCOMP = PacketType.PUBACK, PacketType.PUBREC, PacketType.PUBREL, PacketType.PUBCOMP
VERSIONS = pytest.mark.parametrize("version", [4, 5])


class Bridge:
    """A relay with decoders behind it."""

    def __init__(self, version: int = 5, *lines: str, receive_maximum: int = 10, **told: Any) -> None:
        rules = TopicMap([parse_topic(line) for line in lines or ("t/# both 2",)])
        guard = LoopGuard("us", 10, marks=version == 5, remember=False)
        self.relay = Relay(rules, guard, version, Properties(**told), receive_maximum)
        self._there = Decoder(max_packet=1 << 20, version=version)
        self._here = Decoder(max_packet=1 << 20, version=5)

    def out(self, *packets: Any) -> tuple[list[Any], list[Any]]:
        """Packets of our broker: what the other broker gets, what ours gets back."""
        for packet in packets:
            self.relay.outward(packet, 0)
        return self._taken()

    def come(self, *packets: Any) -> tuple[list[Any], list[Any]]:
        """Packets of the other broker: what it gets back, what ours gets."""
        for packet in packets:
            self.relay.inward(packet, 0)
        return self._taken()

    def _taken(self) -> tuple[list[Any], list[Any]]:
        found = []
        for decoder, parts in ((self._there, self.relay.to_remote), (self._here, self.relay.to_local)):
            # a server's decoder reads what a client sends: CONNECT first
            found.append(decoder.receive(b"".join(parts)))
            assert decoder.fault is None
            parts.clear()
        return found[0], found[1]


def marked(version: int) -> PublishProperties | None:
    return PublishProperties(passed=encode_passed(user_properties=((MARK, "us"),))) if version == 5 else None


@VERSIONS
@pytest.mark.parametrize("qos", [1, 2])
def test_a_message_keeps_its_identifier(version: int, qos: int) -> None:
    bridge = Bridge(version)
    packet = Publish(b"t/a", b"x", qos, packet_id=77, dup=True, retain=True)
    assert bridge.out(packet) == ([Publish(b"t/a", b"x", qos, True, True, 77, marked(version))], [])
    assert bridge.come(packet) == ([], [Publish(b"t/a", b"x", qos, True, True, 77, marked(version))])


@VERSIONS
def test_acknowledgements_are_passed_on(version: int) -> None:
    bridge = Bridge(version)
    for kind in (PUBACK, PUBREC, PUBREL, PUBCOMP):
        acks = Acks(kind, [1, 2, 65535])
        assert bridge.out(acks) == ([acks], [])
        assert bridge.come(acks) == ([], [acks])


def test_reasons_are_passed_on() -> None:
    bridge = Bridge()
    for kind in (PUBACK, PUBREC):
        refusal = Ack(kind, 5, Reason.NOT_AUTHORIZED)
        assert bridge.come(refusal) == ([], [refusal])
        assert bridge.out(refusal) == ([refusal], [])
    assert bridge.relay.refused == 2
    missing = Ack(PUBCOMP, 5, Reason.PACKET_IDENTIFIER_NOT_FOUND)
    assert bridge.out(missing) == ([missing], [])
    # nobody there is subscribed: that is an acknowledgement like any other
    assert bridge.come(Ack(PUBACK, 6, Reason.NO_MATCHING_SUBSCRIBERS)) == ([], [Acks(PUBACK, [6])])


def test_before_5_there_are_no_reasons() -> None:
    bridge = Bridge(4)
    assert bridge.out(Ack(PUBACK, 5, Reason.NOT_AUTHORIZED)) == ([Acks(PUBACK, [5])], [])
    assert bridge.out(Ack(PUBCOMP, 5, Reason.PACKET_IDENTIFIER_NOT_FOUND)) == ([Acks(PUBCOMP, [5])], [])


@VERSIONS
def test_runs(version: int) -> None:
    bridge = Bridge(version, "t/# both 0 here/ there/")
    data = b"\x30\x0c\0\x08here/t/a\0\0"
    run = PublishRun(b"here/t/a", data * 3, 3, len(data), len(data) - 1)
    remote, local = bridge.out(run)
    assert local == []
    if version == 5:
        assert remote == [Publish(b"there/t/a", b"\0", properties=marked(5))] * 3
    else:
        (found,) = remote
        assert isinstance(found, PublishRun)
        assert (found.topic, list(found.payloads())) == (b"there/t/a", [b"\0"] * 3)


def test_expiry_and_properties_go_along() -> None:
    bridge = Bridge()
    passed = encode_passed(content_type="text/plain", user_properties=(("a", "1"),))
    packet = Publish(b"t/a", b"x", 1, packet_id=1, properties=PublishProperties(expiry=60, passed=passed))
    for remote, local in (bridge.out(packet), bridge.come(packet)):
        ((found,),) = [packets for packets in (remote, local) if packets]
        assert found.properties.expiry == 60
        assert found.properties.content_type == "text/plain"
        assert found.properties.user_properties == (("a", "1"), (MARK, "us"))


@VERSIONS
def test_what_is_not_carried_over_is_done_with(version: int) -> None:
    bridge = Bridge(version, "t/# out 2", "u/# in 2")
    remote, local = bridge.out(
        Publish(b"u/a", b"x", 1, packet_id=1), Publish(b"u/a", b"x", 2, packet_id=2), Publish(b"u/a", b"x")
    )
    assert remote == []
    assert local == [Acks(PUBACK, [1]), Ack(PUBREC, 2, Reason.UNSPECIFIED_ERROR)]
    remote, local = bridge.come(Publish(b"t/a", b"x", 1, packet_id=1), Publish(b"t/a", b"x", 2, packet_id=2))
    assert (remote, local) == ([Acks(PUBACK, [1]), Acks(PUBREC, [2])], [])
    assert bridge.come(Acks(PUBREL, [2, 3])) == ([Acks(PUBCOMP, [2])], [Acks(PUBREL, [3])])
    assert bridge.relay.dropped == 5


def test_a_message_that_was_here_is_not_taken() -> None:
    bridge = Bridge()
    passed = encode_passed(user_properties=((MARK, "us"),))
    back = Publish(b"t/a", b"x", 1, packet_id=9, properties=PublishProperties(passed=passed))
    assert bridge.come(back) == ([Acks(PUBACK, [9])], [])


@VERSIONS
def test_messages_beyond_the_receive_maximum(version: int) -> None:
    """A 5.0 broker was told ([MQTT-3.3.4-9]); of a 3.1.1 broker more of them wait until ours has taken some."""
    bridge = Bridge(version, receive_maximum=2)
    packets = [Publish(b"t/a", b"%d" % number, 1 + number % 2, packet_id=number) for number in range(1, 5)]
    _, local = bridge.come(*packets[:2])
    assert [each.packet_id for each in local] == [1, 2]
    assert bridge.come(packets[0])[1] != [], "one that comes again counts once"
    if version == 5:
        with pytest.raises(MalformedPacket) as fault:
            bridge.come(packets[2])
        assert fault.value.reason is Reason.RECEIVE_MAXIMUM_EXCEEDED
        return
    assert bridge.come(*packets[2:], Acks(PUBACK, [50])) == ([], [])
    assert bridge.relay.full
    remote, local = bridge.out(Acks(PUBACK, [2]))
    assert (remote, [each.packet_id for each in local]) == ([Acks(PUBACK, [2])], [3])
    assert bridge.out(Acks(PUBREC, [1]))[1] == [], "with QoS 2 only PUBCOMP is the end"
    _, local = bridge.out(Acks(PUBCOMP, [1]))
    assert [getattr(each, "packet_id", each) for each in local] == [4, Acks(PUBACK, [50])]
    assert not bridge.relay.full


def test_a_broker_without_qos_2() -> None:
    """[MQTT-3.2.2-11]; our broker's exchange is ended here."""
    bridge = Bridge(maximum_qos=1)
    remote, local = bridge.out(Publish(b"t/a", b"x", 2, packet_id=3))
    assert (remote, local) == ([Publish(b"t/a", b"x", 1, packet_id=3, properties=marked(5))], [])
    assert bridge.come(Acks(PUBACK, [3])) == ([], [Acks(PUBREC, [3])])
    assert bridge.out(Acks(PUBREL, [3])) == ([], [Acks(PUBCOMP, [3])])
    bridge.out(Publish(b"t/a", b"x", 2, packet_id=4))
    assert bridge.come(Ack(PUBACK, 4, Reason.NOT_AUTHORIZED)) == ([], [Ack(PUBREC, 4, Reason.NOT_AUTHORIZED)])


def test_a_broker_with_qos_0_only() -> None:
    bridge = Bridge(maximum_qos=0)
    remote, local = bridge.out(Publish(b"t/a", b"x", 1, packet_id=3), Publish(b"t/a", b"x", 2, packet_id=4))
    assert [each.qos for each in remote] == [0, 0]
    assert local == [Acks(PUBACK, [3]), Ack(PUBREC, 4, Reason.UNSPECIFIED_ERROR)]
    assert bridge.relay.dropped == 0


def test_a_broker_without_retained_messages_and_with_small_packets() -> None:
    """[MQTT-3.2.2-14], [MQTT-3.2.2-15]"""
    bridge = Bridge(retain_available=0, maximum_packet_size=100)
    remote, local = bridge.out(Publish(b"t/a", b"x", 1, True, packet_id=1), Publish(b"t/a", b"x" * 90, 1, packet_id=2))
    assert [(each.packet_id, each.retain) for each in remote] == [(1, False)]
    assert local == [Acks(PUBACK, [2])]
    assert bridge.relay.dropped == 1


def test_a_topic_that_is_too_long_with_its_prefix() -> None:
    bridge = Bridge(5, f"t/# out 1 '' {'p' * 60_000}/")
    remote, local = bridge.out(Publish(b"t/" + b"x" * 10_000, b"x", 1, packet_id=1))
    assert (remote, local) == ([], [Acks(PUBACK, [1])])


def test_what_cannot_be_stored_now_stays_with_its_sender() -> None:
    bridge = Bridge()
    with pytest.raises(RelayEnded, match="our broker cannot store what came"):
        bridge.out(Ack(PUBACK, 1, Reason.QUOTA_EXCEEDED))
    with pytest.raises(RelayEnded, match="the other broker cannot store what was sent"):
        bridge.come(Ack(PUBREC, 1, Reason.QUOTA_EXCEEDED))


def test_ends() -> None:
    bridge = Bridge()
    with pytest.raises(RelayEnded, match="our broker ended it: SERVER_SHUTTING_DOWN") as ended:
        bridge.out(Disconnect(Reason.SERVER_SHUTTING_DOWN))
    assert ended.value.stop
    with pytest.raises(RelayEnded, match="our broker ended it: ADMINISTRATIVE_ACTION") as ended:
        bridge.out(Disconnect(Reason.ADMINISTRATIVE_ACTION))
    assert not ended.value.stop
    with pytest.raises(RelayEnded, match="the other broker ended it: SERVER_SHUTTING_DOWN") as ended:
        bridge.come(Disconnect(Reason.SERVER_SHUTTING_DOWN))
    assert not ended.value.stop
    assert bridge.come(Pingresp()) == ([], [])
    with pytest.raises(MalformedPacket, match="CONNACK that was not asked for"):
        bridge.come(Connack(False, Reason.SUCCESS))
    with pytest.raises(MalformedPacket, match="a topic alias beyond the maximum"):
        bridge.come(Publish(b"t/a", b"x", properties=PublishProperties(alias=1)))
