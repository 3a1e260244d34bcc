"""The fixture ``mqtt_broker``, as the developer of a device or of a service uses it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from socketworkers_mqtt.client import Client, Disconnected, Message, Refused, Rejected
from socketworkers_mqtt.codec import Reason
from socketworkers_mqtt.testing import TestBroker


@contextmanager
def device(broker: TestBroker, *filters: str, client_id: str = "device", **options: Any) -> Iterator[paho.Client]:
    """A device that echoes what comes to ``.../set`` to ``.../state``, by a client of others, in its own thread."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, **options)

    def echo(client: paho.Client, _: object, message: paho.MQTTMessage) -> None:
        client.publish(message.topic.replace("/set", "/state"), message.payload, qos=1)

    def connected(client: paho.Client, *_: object) -> None:
        for each in filters:
            client.subscribe(each, qos=1)

    client.on_message = echo
    client.on_connect = connected
    client.connect(broker.host, broker.port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def test_a_device(mqtt_broker: TestBroker) -> None:
    assert mqtt_broker.messages() == []
    with device(mqtt_broker, "lamp/set"):
        mqtt_broker.wait_for_client("device")
        mqtt_broker.wait_for_subscriber("lamp/set")
        assert mqtt_broker.clients == ["device"]
        mqtt_broker.publish("lamp/set", "on", qos=1)
        message = mqtt_broker.wait_for("lamp/state")
    assert message == Message("lamp/state", b"on", qos=1)
    assert message.client_id == "device"
    assert message.text == "on"
    assert [each.topic for each in mqtt_broker.messages("lamp/+")] == ["lamp/set", "lamp/state"]
    assert mqtt_broker.messages("other/#") == []


def test_each_test_begins_empty(mqtt_broker: TestBroker) -> None:
    assert mqtt_broker.messages() == []
    assert mqtt_broker.retained() == []
    assert mqtt_broker.clients == []
    mqtt_broker.publish("a", "x", retain=True)
    mqtt_broker.publish("$b", "x", retain=True)
    mqtt_broker.clear()
    assert mqtt_broker.messages() == []
    assert mqtt_broker.retained() == []
    assert mqtt_broker.retained("$b") == []


async def test_it_works_from_async_tests(mqtt_broker: TestBroker) -> None:
    async with Client(mqtt_broker.url, client_id="me") as client:
        await client.subscribe("answer")
        for qos in range(3):
            await client.publish("sensor/1", b"%d" % qos, qos=qos)
        assert [message.qos for message in mqtt_broker.wait_for("sensor/#", 3)] == [0, 1, 2]
        mqtt_broker.publish("answer", "42")
        assert (await anext(client)).payload == b"42"


async def test_wait_beside_a_client_of_the_same_loop(mqtt_broker: TestBroker) -> None:
    async def talk() -> None:
        async with Client(mqtt_broker.url) as client:
            await client.subscribe("ask")
            async for message in client:
                await client.publish("answer", message.payload.upper(), qos=1)
                return

    talking = asyncio.create_task(talk())
    await asyncio.to_thread(mqtt_broker.wait_for_subscriber, "ask")
    mqtt_broker.publish("ask", "why")
    assert (await asyncio.to_thread(mqtt_broker.wait_for, "answer")).text == "WHY"
    await talking


async def test_properties(mqtt_broker: TestBroker) -> None:
    properties: dict[str, Any] = {
        "expiry": 60,
        "content_type": "application/json",
        "response_topic": "r",
        "correlation_data": b"\x01\x02",
        "payload_format": 1,
        "user_properties": (("b", "1"), ("a", "2"), ("b", "3")),
    }
    async with Client(mqtt_broker.url, client_id="me") as client:
        await client.publish("t", '{"on": true}', qos=1, retain=True, **properties)
        (message,) = mqtt_broker.messages("t")
        assert message == Message("t", b'{"on": true}', 1, True, **properties)
        assert message.json() == {"on": True}
        assert message.client_id == "me"
        assert mqtt_broker.retained("t") == [message]
        mqtt_broker.publish("u", "x", **properties)
        await client.subscribe("u")
        mqtt_broker.publish("u", "y", **properties)
        assert await anext(client) == Message("u", b"y", **properties)


def test_wait_for(mqtt_broker: TestBroker) -> None:
    def publish() -> None:
        for number in range(3):
            mqtt_broker.publish("n", str(number))

    publisher = threading.Thread(target=publish)
    publisher.start()
    assert [message.text for message in mqtt_broker.wait_for("n", 3)] == ["0", "1", "2"]
    publisher.join()
    assert mqtt_broker.wait_for("+").text == "0"
    began = time.monotonic()
    with pytest.raises(AssertionError, match=r"0 of 1 messages for x/# came within 0\.05 s; there are: n b'0', n b'1'"):
        mqtt_broker.wait_for("x/#", timeout=0.05)
    with pytest.raises(AssertionError, match=r"3 of 4 messages for n came"):
        mqtt_broker.wait_for("n", 4, timeout=0.05)
    with pytest.raises(AssertionError, match=r"nobody subscribed to y within 0\.05 s; there are: no clients"):
        mqtt_broker.wait_for_subscriber("y", timeout=0.05)
    with pytest.raises(AssertionError, match=r"lamp did not connect within 0\.05 s; there are: no clients"):
        mqtt_broker.wait_for_client("lamp", timeout=0.05)
    assert time.monotonic() - began < 4


async def test_kick_publishes_the_will(mqtt_broker: TestBroker) -> None:
    will = Message("gone", b"me", qos=1, retain=True)
    client = Client(mqtt_broker.url, client_id="me", will=will)
    async with client:
        mqtt_broker.kick("me")
        with pytest.raises(Disconnected, match="ADMINISTRATIVE_ACTION"):
            await anext(client)
    assert mqtt_broker.wait_for("gone") == will
    assert mqtt_broker.retained() == [will]
    with pytest.raises(LookupError, match="there is no client me; there are: none"):
        mqtt_broker.kick("me")


async def test_fail_next(mqtt_broker: TestBroker) -> None:
    mqtt_broker.fail_next("CONNECT", "SERVER_BUSY")
    with pytest.raises(Refused, match=r"SERVER_BUSY \(refused by the test\)") as refused:
        await Client(mqtt_broker.url).connect()
    assert refused.value.reason is Reason.SERVER_BUSY
    async with Client(mqtt_broker.url) as client:
        mqtt_broker.fail_next("PUBLISH", Reason.QUOTA_EXCEEDED, times=3)
        for qos in (1, 2):
            with pytest.raises(Rejected, match="the message to t: QUOTA_EXCEEDED"):
                await client.publish("t", "x", qos=qos)
        await client.publish("t", "dropped")
        await client.publish("t", "kept", qos=1)
        mqtt_broker.fail_next("SUBSCRIBE", 0x87)
        with pytest.raises(Rejected, match="the subscription to a: NOT_AUTHORIZED"):
            await client.subscribe("a")
        await client.subscribe("a")
    assert [message.text for message in mqtt_broker.messages()] == ["kept"]


async def test_fail_next_of_clients_without_reasons(mqtt_broker: TestBroker) -> None:
    mqtt_broker.fail_next("CONNECT", Reason.BAD_USER_NAME_OR_PASSWORD)
    with pytest.raises(Refused, match="BAD_USER_NAME_OR_PASSWORD"):
        await Client(mqtt_broker.url, version=4).connect()
    async with Client(mqtt_broker.url, version=4) as client:
        mqtt_broker.fail_next("SUBSCRIBE", Reason.NOT_AUTHORIZED)
        with pytest.raises(Rejected, match="UNSPECIFIED_ERROR"):
            await client.subscribe("a")
        mqtt_broker.fail_next("PUBLISH", "NOT_AUTHORIZED")
        with pytest.raises(Disconnected):
            await client.publish("t", "x", qos=1)
    assert mqtt_broker.messages() == []


def test_fail_next_says_what_it_takes(mqtt_broker: TestBroker) -> None:
    with pytest.raises(ValueError, match="packet must be one of CONNECT, PUBLISH, SUBSCRIBE"):
        mqtt_broker.fail_next("PINGREQ")
    with pytest.raises(ValueError, match="'NOPE' is no reason code"):
        mqtt_broker.fail_next("CONNECT", "NOPE")
    with pytest.raises(ValueError, match="PUBLISH is not refused with SERVER_BUSY; it can be with UNSPECIFIED_ERROR, "):
        mqtt_broker.fail_next("PUBLISH", "SERVER_BUSY")


async def test_credentials(mqtt_broker: TestBroker) -> None:
    user, password = mqtt_broker.credentials("alice", "secret")
    wrong: list[dict[str, Any]] = [{}, {"username": user, "password": "wrong"}]
    for options in wrong:
        with pytest.raises(Refused):
            await Client(mqtt_broker.url, **options).connect()
    right: list[dict[str, Any]] = [{"scram": True}, {"version": 4}, {}]
    for options in right:
        async with Client(mqtt_broker.url, username=user, password=password, **options) as client:
            assert client.connected


async def test_users_and_sessions_are_gone_in_the_next_test(mqtt_broker: TestBroker) -> None:
    async with Client(mqtt_broker.url, client_id="me", clean_start=False, session_expiry=100) as client:
        await client.subscribe("t")
    mqtt_broker.reset()
    async with Client(mqtt_broker.url, client_id="me", clean_start=False) as client:
        assert client.session.connack is not None
        assert not client.session.connack.session_present


async def test_tls() -> None:
    from socketworkers import TlsOptions

    with TestBroker(tls="auto", tls_port=0) as broker:
        url = broker.server.listener("tls").url.replace("127.0.0.1", "localhost")
        async with Client(url, tls=TlsOptions(context=broker.tls_context())) as client:
            await client.publish("t", "x", qos=1)
        assert len(broker.messages()) == 1


def test_it_starts_within_milliseconds() -> None:
    times = []
    for _ in range(4):
        began = time.perf_counter()
        with TestBroker():
            times.append(time.perf_counter() - began)
    assert min(times) < 0.1, times


def test_the_plugin_needs_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\n"
        "def test_nothing():\n"
        "    assert [name for name in ('socketworkers.server', 'socketworkers_mqtt', 'apsw') if name in sys.modules]"
        " == []\n"
        "def test_messages(mqtt_broker):\n"
        "    mqtt_broker.publish('t', 'x')\n"
        "    assert len(mqtt_broker.messages()) == 1\n"
        "def test_again(mqtt_broker):\n"
        "    assert mqtt_broker.messages() == []\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert "3 passed" in done.stdout, done.stdout + done.stderr
