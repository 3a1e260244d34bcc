"""MQTT over WebSocket: MQTT 5.0 §6, MQTT 3.1.1 §6; attack class C8 as far as it is MQTT's."""

from __future__ import annotations

import pytest
from tests.support.mqttbroker.world import publish_bytes
from tests.support.pairs import eventually
from tests.support.websocket import ask, client_frame, open_websocket, read_frame, request

from socketworkers.testing import AppClient
from socketworkers_mqtt import app
from socketworkers_mqtt.codec import Connect, Subscription, encode_connect, encode_subscribe

TEXT, BINARY, CLOSE = 1, 2, 8
CONNECT = encode_connect(Connect("MQTT", 5, True, 60, "c"))
TALK = CONNECT + encode_subscribe(5, 1, [Subscription("a", 0)]) + publish_bytes(5, "a", b"x" * 300)


async def _received(client: AppClient, wanted: int) -> bytes:
    data = b""
    while len(data) < wanted:
        frame = await read_frame(client)
        assert frame.first == 0x80 | BINARY, "[MQTT-6.0.0-1]: binary frames only"
        data += frame.payload
    return data


@pytest.mark.parametrize("size", [1, 2, 7, 125, 126, 1000])
async def test_frames_and_packets_are_not_aligned(size: int) -> None:
    """[MQTT-6.0.0-1], [MQTT-6.0.0-2]: a packet in many frames, many packets in a frame."""
    async with AppClient(app, listener="ws", ws_port=0, sys_interval=0.0) as client:
        await open_websocket(client, "/mqtt", sec_websocket_protocol="mqtt")
        for start in range(0, len(TALK), size):
            await client.send(client_frame(BINARY, TALK[start : start + size]))
        data = await _received(client, 300)
        assert data.startswith(b"\x20")
        assert data.endswith(publish_bytes(5, "a", b"x" * 300))


async def test_text_frames_end_the_connection() -> None:
    """[MQTT-6.0.0-1]: any other type of data frame; the client counts as lost."""
    async with AppClient(app, listener="ws", ws_port=0, sys_interval=0.0) as client:
        await open_websocket(client, sec_websocket_protocol="mqtt")
        await client.send(client_frame(BINARY, CONNECT))
        await _received(client, 5)
        await client.send(client_frame(TEXT, publish_bytes(5, "a", b"x")))
        frame = await read_frame(client)
        while frame.first != 0x80 | CLOSE:
            frame = await read_frame(client)
        assert int.from_bytes(frame.payload[:2], "big") == 1003
        broker = client.env.mqtt.object.broker
        await eventually(lambda: not broker.sessions)
        assert broker.stats.publish_received == 0


@pytest.mark.parametrize(("offer", "answer"), [("mqtt", "mqtt"), ("chat, mqtt", "mqtt"), ("mqttv3.1", "mqttv3.1")])
async def test_the_subprotocol(offer: str, answer: str) -> None:
    """[MQTT-6.0.0-3], [MQTT-6.0.0-4]."""
    async with AppClient(app, listener="ws", ws_port=0) as client:
        status, fields, _ = await ask(client, request(sec_websocket_protocol=offer))
        assert (status, fields["sec-websocket-protocol"]) == (101, answer)


@pytest.mark.parametrize("offer", [None, "chat", "MQTT"])
async def test_without_the_subprotocol(offer: str | None) -> None:
    """[MQTT-6.0.0-3]: whoever does not ask for MQTT gets none."""
    async with AppClient(app, listener="ws", ws_port=0) as client:
        status, _, _ = await ask(client, request(sec_websocket_protocol=offer))
        assert status == 400


@pytest.mark.attack("C8")
@pytest.mark.parametrize(
    "data",
    [
        client_frame(BINARY, CONNECT[:5], claim=1 << 40),
        b"\x82\x05" + CONNECT[:5],
        client_frame(BINARY, CONNECT, rsv=4),
        client_frame(9, b"x" * 126),
        client_frame(BINARY, b"\x30\xff\xff\xff\x7f" + b"x" * 100),
        client_frame(0, CONNECT),
    ],
    ids=["claim", "unmasked", "reserved", "long ping", "claim of MQTT", "continuation of nothing"],
)
async def test_frames_that_no_client_may_send(data: bytes) -> None:
    """The connection ends, nothing of it is kept, and others go on."""
    async with AppClient(app, listener="ws", ws_port=0, sys_interval=0.0, connect_timeout=1.0) as client:
        other = await open_websocket(client.connect("ws"), sec_websocket_protocol="mqtt")
        await other.send(client_frame(BINARY, CONNECT))
        assert (await read_frame(other)).payload.startswith(b"\x20")
        await open_websocket(client, sec_websocket_protocol="mqtt")
        await client.send(data)
        try:
            await client.read_to_end()
        except OSError:
            pass
        broker = client.env.mqtt.object.broker
        await eventually(lambda: len(client.env.mqtt.object.links) == 1)
        assert list(broker.sessions) == ["c"]
        await other.send(client_frame(BINARY, b"\xc0\0"))
        assert (await read_frame(other)).payload == b"\xd0\0"
        await other.abort()
