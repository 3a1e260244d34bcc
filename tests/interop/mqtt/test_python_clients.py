"""Clients in Python: paho-mqtt, aiomqtt, gmqtt, amqtt's client."""

from __future__ import annotations

import asyncio
import queue
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiomqtt
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties as _Properties
from paho.mqtt.subscribeoptions import SubscribeOptions
from tests.interop.mqtt.live import BrokerServer

HOST = "127.0.0.1"
Properties: Any = _Properties  # it has no types
WAIT = 20.0
PROTOCOLS = pytest.mark.parametrize(
    "protocol", [MQTTProtocolVersion.MQTTv31, MQTTProtocolVersion.MQTTv311, MQTTProtocolVersion.MQTTv5]
)


class Paho:
    """paho's client with its thread, and queues of what it is told."""

    def __init__(
        self, client_id: str = "", protocol: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5, **options: Any
    ) -> None:
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=protocol, **options)
        self.connected: queue.Queue[tuple[bool, str]] = queue.Queue()
        self.messages: queue.Queue[paho.MQTTMessage] = queue.Queue()
        self.granted: queue.Queue[list[str]] = queue.Queue()
        self.ended: queue.Queue[str] = queue.Queue()
        self.client.on_connect = self._on_connect
        self.client.on_message = lambda client, data, message: self.messages.put(message)
        self.client.on_subscribe = lambda client, data, mid, reasons, properties: self.granted.put(
            [str(reason) for reason in reasons]
        )
        self.client.on_disconnect = lambda client, data, flags, reason, properties: self.ended.put(str(reason))

    def _on_connect(self, client: object, data: object, flags: Any, reason: Any, properties: object) -> None:
        self.connected.put((flags.session_present, str(reason)))

    def start(self, port: int, **options: Any) -> tuple[bool, str]:
        self.client.connect(HOST, port, **options)
        self.client.loop_start()
        return self.connected.get(timeout=WAIT)

    def subscribe(self, *arguments: Any, **options: Any) -> list[str]:
        self.client.subscribe(*arguments, **options)
        return self.granted.get(timeout=WAIT)

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False, **options: Any) -> None:
        self.client.publish(topic, payload, qos, retain, **options).wait_for_publish(WAIT)

    def next(self) -> paho.MQTTMessage:
        return self.messages.get(timeout=WAIT)

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@contextmanager
def running(client: Paho, port: int, **options: Any) -> Iterator[Paho]:
    _, reason = client.start(port, **options)
    assert reason == "Success"
    try:
        yield client
    finally:
        client.stop()


@PROTOCOLS
def test_paho(broker: BrokerServer, topic: str, protocol: MQTTProtocolVersion) -> None:
    name = topic[-23:]
    with running(Paho(name, protocol), broker.port) as client:
        client.subscribe(f"{topic}/#", 2)
        for qos in range(3):
            for number in range(50):
                client.publish(f"{topic}/{qos}", b"%d" % number, qos)
        got = [client.next() for _ in range(150)]
        for qos in range(3):
            payloads = [each.payload for each in got if each.topic == f"{topic}/{qos}"]
            assert payloads == [b"%d" % number for number in range(50)]
        assert {each.qos for each in got} == {0, 1, 2}
        large = bytes(range(256)) * 8000
        client.publish(f"{topic}/large", large, 2)
        assert client.next().payload == large


def test_paho_sends_as_fast_as_it_can(broker: BrokerServer, topic: str) -> None:
    """Without a bound on what it has underway: 5,000 of QoS 2 in 3.1.1."""
    client = Paho(topic[-23:], MQTTProtocolVersion.MQTTv311)
    client.client.max_inflight_messages_set(0)
    client.client.max_queued_messages_set(0)
    with running(client, broker.port):
        client.subscribe(topic, 1)
        sent = [client.client.publish(topic, b"%d" % number, 2) for number in range(5000)]
        for each in sent:
            each.wait_for_publish(WAIT)
        assert [client.next().payload for _ in range(5000)] == [b"%d" % number for number in range(5000)]


def test_paho_5_0(broker: BrokerServer, topic: str) -> None:
    """Properties, options, session expiry, assigned identifiers, 0x10, takeover."""
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 100
    properties.TopicAliasMaximum = 10
    client = Paho(topic)
    with running(client, broker.port, properties=properties, clean_start=True):
        options = SubscribeOptions(qos=1, noLocal=True, retainAsPublished=True, retainHandling=1)
        identifier = Properties(PacketTypes.SUBSCRIBE)
        identifier.SubscriptionIdentifier = 300
        assert client.subscribe(topic, options=options, properties=identifier) == ["Granted QoS 1"]
        with running(Paho(), broker.port) as other:
            passed = Properties(PacketTypes.PUBLISH)
            passed.UserProperty = [("b", "1"), ("a", "2"), ("b", "1")]
            passed.ContentType = "text/plain"
            passed.CorrelationData = b"\0\1"
            passed.ResponseTopic = "answers"
            passed.MessageExpiryInterval = 60
            passed.PayloadFormatIndicator = 1
            other.publish(topic, b"x", 2, True, properties=passed)
            message = client.next()
            assert (message.qos, message.retain) == (1, True)
            found: Any = message.properties
            assert found.UserProperty == [("b", "1"), ("a", "2"), ("b", "1")]
            assert (found.ContentType, found.CorrelationData, found.ResponseTopic) == ("text/plain", b"\0\1", "answers")
            assert found.SubscriptionIdentifier == [300]
            assert 55 <= found.MessageExpiryInterval <= 60
            client.publish(topic, b"own", 1)
            other.publish(topic, b"", 1, True)
            assert client.next().payload == b""
        again = Paho(topic)
        present, reason = again.start(broker.port, properties=properties, clean_start=False)
        assert (present, reason) == (True, "Success")
        assert client.ended.get(timeout=WAIT) == "Session taken over"
        again.stop()


@PROTOCOLS
def test_paho_session(broker: BrokerServer, topic: str, protocol: MQTTProtocolVersion) -> None:
    """What waits for a client that is away."""
    name = topic[-23:]
    options: dict[str, Any] = {"clean_session": False}
    connect: dict[str, Any] = {}
    if protocol is MQTTProtocolVersion.MQTTv5:
        expiry = Properties(PacketTypes.CONNECT)
        expiry.SessionExpiryInterval = 1000
        options, connect = {}, {"properties": expiry, "clean_start": False}
    with running(Paho(name, protocol, **options), broker.port, **connect) as client:
        client.subscribe(topic, 2)
    with running(Paho(), broker.port) as other:
        for number in range(300):
            other.publish(topic, b"%d" % number, 1 + number % 2)
    client = Paho(name, protocol, **options)
    present, _ = client.start(broker.port, **connect)
    assert present == (protocol is not MQTTProtocolVersion.MQTTv31)
    got = [client.next() for _ in range(300)]
    for qos in (1, 2):
        assert [int(each.payload) for each in got if each.qos == qos] == list(range(qos - 1, 300, 2))
    client.stop()


@pytest.mark.parametrize("way", ["tls", "websocket"])
def test_paho_over(broker: BrokerServer, topic: str, way: str) -> None:
    client = Paho(topic, transport="websockets" if way == "websocket" else "tcp")
    if way == "tls":
        client.client.tls_set_context(broker.tls)
    with running(client, broker.tls_port if way == "tls" else broker.ws_port):
        client.subscribe(topic, 1)
        for size in (0, 1, 125, 126, 65_535, 65_536, 300_000):
            client.publish(topic, b"x" * size, 1)
            assert len(client.next().payload) == size


@PROTOCOLS
def test_paho_login(guarded: BrokerServer, topic: str, protocol: MQTTProtocolVersion) -> None:
    client = Paho(topic[-23:], protocol)
    client.client.username_pw_set("alice", "wonder land")
    with running(client, guarded.port):
        (granted,) = client.subscribe("home/x", 1)
        assert granted == "Granted QoS 1"
        (refused,) = client.subscribe("other/x", 1)
        assert refused in ("Not authorized", "Unspecified error", "Failure")
    wrong = Paho(topic[-23:], protocol)
    wrong.client.username_pw_set("alice", "x")
    _, reason = wrong.start(guarded.port)
    assert reason == "Bad user name or password"
    wrong.stop()


# -- aiomqtt -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [aiomqtt.ProtocolVersion.V311, aiomqtt.ProtocolVersion.V5])
async def test_aiomqtt(broker: BrokerServer, topic: str, protocol: aiomqtt.ProtocolVersion) -> None:
    async with aiomqtt.Client(HOST, broker.port, protocol=protocol) as client:
        await client.subscribe(f"{topic}/#", qos=2)
        for qos in range(3):
            await client.publish(f"{topic}/{qos}", f"qos {qos}", qos=qos)
        got = []
        async for message in client.messages:
            got.append((str(message.topic), message.payload, message.qos))
            if len(got) == 3:
                break
        assert sorted(got) == [(f"{topic}/{qos}", b"qos %d" % qos, qos) for qos in range(3)]


async def test_aiomqtt_will_and_many_clients(broker: BrokerServer, topic: str) -> None:
    async with aiomqtt.Client(HOST, broker.port) as reader:
        await reader.subscribe(f"{topic}/#", qos=1)

        async def one(number: int) -> None:
            async with aiomqtt.Client(HOST, broker.port, identifier=f"{topic}-{number}") as client:
                for index in range(20):
                    await client.publish(f"{topic}/{number}", str(index), qos=1)

        await asyncio.gather(*(one(number) for number in range(10)))
        got: dict[str, list[int]] = {}
        async for message in reader.messages:
            got.setdefault(str(message.topic), []).append(int(message.payload))
            if sum(map(len, got.values())) == 200:
                break
        assert got == {f"{topic}/{number}": list(range(20)) for number in range(10)}


async def test_aiomqtt_over_tls_with_a_wrong_password(guarded: BrokerServer) -> None:
    options: dict[str, Any] = {"tls_context": guarded.tls, "username": "bob"}
    async with aiomqtt.Client(HOST, guarded.tls_port, password="wonder land", **options) as client:
        await client.publish("x", b"y", qos=1)
    with pytest.raises(aiomqtt.MqttError):
        async with aiomqtt.Client(HOST, guarded.tls_port, password="x", **options):
            pass


# -- gmqtt -------------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [4, 5])
async def test_gmqtt(broker: BrokerServer, topic: str, version: int) -> None:
    import gmqtt

    loop = asyncio.get_running_loop()
    subscribed: asyncio.Future[None] = loop.create_future()
    messages: asyncio.Queue[tuple[str, bytes, int, dict[str, Any]]] = asyncio.Queue()

    def on_message(client: object, name: str, payload: bytes, qos: int, properties: dict[str, Any]) -> int:
        messages.put_nowait((name, bytes(payload), qos, properties))
        return 0

    client = gmqtt.Client(topic)
    client.on_message = on_message
    client.on_subscribe = lambda client, mid, qos, properties: subscribed.set_result(None)
    await client.connect(HOST, broker.port, version=version)
    client.subscribe(topic, qos=2)
    async with asyncio.timeout(WAIT):
        await subscribed
        for qos in range(3):
            properties = (
                {"user_property": ("key", f"value {qos}"), "content_type": "text/plain"} if version == 5 else {}
            )
            client.publish(topic, f"qos {qos}", qos=qos, **properties)
        got = sorted([await messages.get() for _ in range(3)], key=lambda each: each[1])
    assert [(name, payload, qos) for name, payload, qos, _ in got] == [(topic, b"qos %d" % n, n) for n in range(3)]
    if version == 5:
        assert [each["user_property"] for *_, each in got] == [[("key", f"value {number}")] for number in range(3)]
    await client.disconnect()


# -- amqtt -------------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("way", ["mqtt", "mqtts", "ws"])
async def test_amqtt(broker: BrokerServer, topic: str, way: str) -> None:
    from amqtt.client import MQTTClient

    port = {"mqtt": broker.port, "mqtts": broker.tls_port, "ws": broker.ws_port}[way]
    config = {"auto_reconnect": False, "connection": {"cafile": broker.ca}, "check_hostname": False}
    client = MQTTClient(client_id=topic[-23:], config=config)
    async with asyncio.timeout(WAIT):
        await client.connect(f"{way}://localhost:{port}/", cleansession=True)
        await client.subscribe([(f"{topic}/#", 2)])
        for qos in range(3):
            await client.publish(f"{topic}/{qos}", b"qos %d" % qos, qos=qos)
        got = []
        for _ in range(3):
            message = await client.deliver_message()
            assert message is not None
            got.append((message.topic, bytes(message.data or b""), message.qos))
        assert sorted(got) == [(f"{topic}/{qos}", b"qos %d" % qos, qos) for qos in range(3)]
        await client.unsubscribe([f"{topic}/#"])
        await client.ping()
        await client.disconnect()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:  # over TLS it forgets one of its own
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def test_the_certificate_is_the_servers(broker: BrokerServer) -> None:
    """TLS 1.2 at least; ALPN mqtt."""
    context = broker.tls
    context.set_alpn_protocols(["mqtt"])
    with (
        socket.create_connection((HOST, broker.tls_port), WAIT) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as wrapped,
    ):
        assert wrapped.selected_alpn_protocol() == "mqtt"
        assert wrapped.version() in ("TLSv1.2", "TLSv1.3")
