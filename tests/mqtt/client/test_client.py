"""``Client`` against a broker: transports, sessions over connections, back-pressure, errors."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from socketworkers import TlsOptions
from socketworkers.errors import ConnectError, LimitExceeded, StateError
from socketworkers.testing import serve_ephemeral
from socketworkers_mqtt import app
from socketworkers_mqtt.address import parse_address
from socketworkers_mqtt.client import Client, Disconnected, Message, MqttError, Refused, Rejected
from socketworkers_mqtt.codec import Decoder, Reason, Subscription, encode_connack, encode_disconnect, publish_parts

VERSIONS = pytest.mark.parametrize("version", [3, 4, 5])


@contextlib.asynccontextmanager
async def server(**settings: Any) -> AsyncIterator[str]:
    """A broker; its URL."""
    async with serve_ephemeral(app, sys_interval=0.0, **settings) as running:
        yield running.listeners[0].url


async def take(client: Client, count: int) -> list[Message]:
    async with asyncio.timeout(10):
        return [await anext(client) for _ in range(count)]


# -- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "socket"),
    [
        ("mqtt://host", "tcp://host:1883"),
        ("mqtt://host:99/", "tcp://host:99"),
        ("host", "tcp://host:1883"),
        ("host:99", "tcp://host:99"),
        ("tcp://[::1]:99", "tcp://[::1]:99"),
        ("mqtts://host", "tls://host:8883"),
        ("ws://host", "ws://host:80/mqtt"),
        ("wss://host/some/path?a=b", "wss://host:443/some/path?a=b"),
        ("unix:/run/mqtt", "unix:/run/mqtt"),
    ],
)
def test_addresses(text: str, socket: str) -> None:
    assert parse_address(text).socket == socket


def test_names_and_passwords_in_addresses() -> None:
    found = parse_address("mqtts://a%40b:c%2Fd@host")
    assert (found.socket, found.username, found.password) == ("tls://host:8883", "a@b", "c/d")
    assert "c/d" not in repr(found)


@pytest.mark.parametrize(
    "text", ["ftp://host", "mqtt://", "mqtt://host/path", "mqtt://host:x", "mqtt://host:99999", ""]
)
def test_addresses_that_cannot_be(text: str) -> None:
    with pytest.raises(ValueError):
        Client(text)


# -- messages ------------------------------------------------------------------------------------------------------


@VERSIONS
async def test_publish_and_subscribe(any_loop: None, version: int) -> None:
    async with server() as url, Client(url, version=version, client_id="c") as client:
        assert await client.subscribe("a/+", Subscription("b", 1), qos=2) == (2, 1)
        for qos in range(3):
            assert await client.publish("a/x", f"{qos}", qos, retain=qos == 1) is Reason.SUCCESS
        got = await take(client, 3)
        assert [(each.topic, each.payload, each.qos) for each in got] == [("a/x", b"%d" % qos, qos) for qos in range(3)]
        await client.unsubscribe("a/+")
        if version == 5:
            assert await client.publish("a/x", "x", 1) is Reason.NO_MATCHING_SUBSCRIBERS
            assert await client.unsubscribe("a/+") == (Reason.NO_SUBSCRIPTION_EXISTED,)


async def test_properties_and_options_of_5() -> None:
    async with server() as url, Client(url) as client:
        await client.subscribe("t", qos=1, no_local=True, identifier=7)
        await client.subscribe("u", qos=1, retain_as_published=True, retain_handling=2, identifier=8)
        await client.publish("t", "own", 1)
        properties: dict[str, Any] = {
            "expiry": 100,
            "content_type": "text/plain",
            "response_topic": "r",
            "correlation_data": b"\0\1",
            "payload_format": 1,
            "user_properties": (("a", "1"), ("a", "2")),
        }
        await client.publish("u", "x", 1, True, **properties)
        assert await take(client, 1) == [Message("u", b"x", 1, True, subscription_ids=(8,), **properties)]


@VERSIONS
@pytest.mark.parametrize("transport", ["tls", "unix", "ws", "wss"])
async def test_transports(tmp_path: Path, transport: str, version: int) -> None:
    settings: dict[str, Any] = {"data": str(tmp_path / "data")}
    if transport == "unix":
        settings["unix"] = str(tmp_path / "s")
    else:
        settings[f"{transport}_port"] = 0
    if transport in ("tls", "wss"):
        settings["tls"] = "auto"
    async with serve_ephemeral(app, **settings) as running:
        url, tls = f"unix:{tmp_path / 's'}", None
        if transport != "unix":
            found = next(each.url for each in running.listeners if each.name == transport)
            url = found.replace("127.0.0.1", "localhost")
        if "tls" in settings:
            tls = TlsOptions(ca=str(tmp_path / "data" / "tls" / "ca.pem"))
        async with Client(url, tls=tls, version=version, client_id="c") as client:
            await client.subscribe("t")
            await client.publish("t", b"x" * 100_000)
            assert (await take(client, 1))[0].payload == b"x" * 100_000


async def test_many_messages_at_once_keep_their_order() -> None:
    async with server() as url, Client(url, receive_maximum=5) as client:
        await client.subscribe("t", qos=2)
        await asyncio.gather(*(client.publish("t", str(number), 1 + number % 2) for number in range(500)))
        got = await take(client, 500)
        for qos in (1, 2):
            assert [int(each.payload) for each in got if each.qos == qos] == list(range(qos - 1, 500, 2))


async def test_publish_waits_for_room(any_loop: None) -> None:
    """No more than ``max_queued`` messages are kept, and no more than the socket takes are written."""
    async with server() as url, Client(url, max_queued=3) as client, Client(url) as other:
        await other.subscribe("t", qos=1)
        payload = b"x" * 300_000
        sent = asyncio.gather(*(client.publish("t", payload, number % 2) for number in range(20)))
        async with asyncio.timeout(20):
            for _ in range(20):
                assert len((await anext(other)).payload) == len(payload)
                assert client.session.unacknowledged <= 3
        await sent


async def test_a_client_that_does_not_take_is_not_sent_more() -> None:
    """QoS 0 messages wait in the network, QoS 1 and 2 in the server."""
    async with server() as url, Client(url, max_messages=50, version=4) as slow, Client(url) as sender:
        await slow.subscribe("t", qos=1)
        for number in range(3000):
            await sender.publish("t", str(number))
        await sender.publish("t", "last", 1)
        assert len(slow._messages) <= 3001
        got = await take(slow, 3001)
        assert [each.payload for each in got] == [*(b"%d" % number for number in range(3000)), b"last"]


# -- sessions ------------------------------------------------------------------------------------------------------


@VERSIONS
async def test_a_session_goes_on_when_the_client_is_entered_again(version: int) -> None:
    async with server() as url, Client(url) as sender:
        client = Client(url, version=version, client_id="c", clean_start=False, session_expiry=100)
        async with client:
            await client.subscribe("t", qos=2)
        with pytest.raises(StateError):
            await client.publish("t", "x", 1)
        for qos in range(3):
            await sender.publish("t", f"{qos}", qos)
        async with client:
            assert [each.payload for each in await take(client, 2)] == [b"1", b"2"]
        with pytest.raises(StopAsyncIteration):
            await anext(client)


async def test_a_message_that_was_not_taken_comes_again() -> None:
    async with server() as url, Client(url) as sender:
        client = Client(url, client_id="c", clean_start=False, session_expiry=100)
        async with client:
            await client.subscribe("t", qos=2)
            for number in range(4):
                await sender.publish("t", str(number), 1 + number % 2)
            assert len(await take(client, 1)) == 1
            await client.publish("other", "", 1)  # all of them are here now
        async with client:
            got = await take(client, 3)
            assert sorted(each.payload for each in got) == [b"1", b"2", b"3"]
            await client.publish("t", "end", 1)
            assert [each.payload for each in await take(client, 1)] == [b"end"]


async def test_takeover() -> None:
    """0x8E; whoever waits is told."""
    async with server() as url, Client(url, client_id="c") as first:
        waiting = asyncio.create_task(take(first, 1))
        async with Client(url, client_id="c"):
            with pytest.raises(Disconnected, match="SESSION_TAKEN_OVER") as ended:
                await waiting
            assert ended.value.reason is Reason.SESSION_TAKEN_OVER
            for attempt in (first.publish("t", "x"), first.subscribe("t"), first.unsubscribe("t")):
                with pytest.raises(Disconnected, match="SESSION_TAKEN_OVER"):
                    await attempt


async def test_the_will() -> None:
    async with server() as url, Client(url) as watcher:
        await watcher.subscribe("gone/#", qos=1)
        for reason in (Reason.NORMAL_DISCONNECTION, Reason.DISCONNECT_WITH_WILL_MESSAGE):
            client = Client(url, will=Message("gone/c", reason.name.encode(), 1))
            await client.connect()
            await client.disconnect(reason)
        assert [each.payload for each in await take(watcher, 1)] == [b"DISCONNECT_WITH_WILL_MESSAGE"]


async def test_disconnect_can_be_called_at_any_time() -> None:
    async with server() as url:
        client = Client(url)
        await client.disconnect()
        await client.connect()
        assert client.connected
        with pytest.raises(StateError, match="the client is connected"):
            await client.connect()
        await client.disconnect()
        await client.disconnect()
        assert not client.connected


# -- errors --------------------------------------------------------------------------------------------------------


async def test_nobody_there() -> None:
    with pytest.raises(ConnectError):
        await Client("mqtt://127.0.0.1:1").connect()


async def test_refusals_have_the_name_of_their_reason() -> None:
    async with server(anonymous="off") as url:
        for version, text in ((5, r"NOT_AUTHORIZED \(a user name"), (4, "NOT_AUTHORIZED")):
            client = Client(url, version=version)
            with pytest.raises(Refused, match=text) as refused:
                await client.connect()
            assert refused.value.reason is Reason.NOT_AUTHORIZED
            assert not client.connected


async def test_what_the_server_rejects(tmp_path: Path) -> None:
    rules = tmp_path / "acl"
    rules.write_text("topic readwrite a/#\n")
    async with server(acl_file=str(rules)) as url, Client(url) as client:
        with pytest.raises(Rejected, match="the server rejected the message to b: NOT_AUTHORIZED"):
            await client.publish("b", "x", 1)
        with pytest.raises(Rejected, match="the server rejected the subscription to a/1, b: NOT_AUTHORIZED") as wrong:
            await client.subscribe("a/1", "b", qos=1)
        assert wrong.value.reasons == (Reason.GRANTED_QOS_1, Reason.NOT_AUTHORIZED)
        with pytest.raises(ValueError, match="a topic filter is needed"):
            await client.subscribe()
        with pytest.raises(ValueError, match="a topic filter is needed"):
            await client.unsubscribe()
        with pytest.raises(ValueError, match="is not the name of a topic"):
            await client.publish("a/#", "x")
        await client.publish("a/1", "x", 1)


async def test_what_the_server_does_not_take() -> None:
    async with server(max_packet=2000) as url, Client(url) as client:
        for qos in range(3):
            with pytest.raises(LimitExceeded, match="PACKET_TOO_LARGE"):
                await client.publish("t", b"x" * 2000, qos)
        await client.publish("t", b"x" * 1900, 1)


@contextlib.asynccontextmanager
async def scripted(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """A server that has read a CONNECT; its URL."""

    handlers: list[asyncio.Task[Any]] = []

    async def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.append(task)
        decoder = Decoder(max_packet=1 << 20)
        with contextlib.suppress(OSError):
            while not decoder.receive(await reader.read(4096)):
                pass
            await serve(reader, writer)
        writer.close()

    running = await asyncio.start_server(begin, "127.0.0.1", 0)
    try:
        yield f"mqtt://127.0.0.1:{running.sockets[0].getsockname()[1]}"
    finally:
        running.close()
        await running.wait_closed()
        await asyncio.gather(*handlers)


async def test_servers_that_do_not_answer_as_they_should() -> None:
    async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def goes_away(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        return

    async def talks_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    for serve, text in (
        (nothing, "did not answer CONNECT in time"),
        (goes_away, "the server closed the connection"),
        (talks_nonsense, "the server broke the protocol"),
    ):
        async with scripted(serve) as url:
            with pytest.raises(Disconnected, match=text):
                await Client(url, connect_timeout=0.1).connect()


async def test_a_server_that_falls_silent() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode_connack(4, False, 0))
        await reader.read()

    async with scripted(silent) as url:
        client = Client(url, version=4, keep_alive=1, ping_timeout=0.1)
        async with client:
            with pytest.raises(Disconnected, match="did not answer PINGREQ in time"):
                await anext(client)


async def test_messages_that_came_before_the_end_are_there() -> None:
    async def burst(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, tail = publish_parts(5, b"t", b"x", qos=0, retain=False)
        farewell = encode_disconnect(5, Reason.SERVER_BUSY)
        writer.write(encode_connack(5, False, 0) + (head + tail) * 3 + farewell)

    async with scripted(burst) as url:
        client = Client(url)
        async with client:
            assert len(await take(client, 3)) == 3
            with pytest.raises(MqttError, match="SERVER_BUSY"):
                await anext(client)


async def test_a_cancelled_connect_leaves_nothing() -> None:
    async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with scripted(nothing) as url:
        client = Client(url)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.connect()
        assert client._socket is None
        assert client._timer is None
