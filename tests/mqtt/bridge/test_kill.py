"""A bridge whose server is killed again and again, in the middle of what it carries over."""

from __future__ import annotations

import asyncio
import contextlib
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.mqtt.bridge.brokers import broker, carried, take

from socketworkers_mqtt.client import Client, MqttError

KILLS = 5
COUNT = 300
SETTINGS = """
[mqtt]
max_inflight = 20

[[mqtt.bridge]]
name = "uplink"
address = "{url}"
topics = ["out/# out 2", "in/# in 2"]
version = "{version}"
client_id = "uplink"
retry_min = 0.05
retry_max = 0.05
"""


class Server:
    """``run-app mqtt`` as a child, on one port and one data folder for all of its lives."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self.url = f"mqtt://127.0.0.1:{port}"
        self._port = port
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin to start it."""
        program = [str(Path(sys.executable).with_name("run-app")), "mqtt", "--exit-with-parent", "--sys-interval", "0"]
        options = ["--port", str(self._port), "--data", str(self._folder / "data")]
        with (self._folder / "log").open("ab") as log:
            self._child = subprocess.Popen(
                [*program, *options, "--config", str(self._folder / "socketworkers.toml")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """End it without a word. Idempotent."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()

    @property
    def log(self) -> str:
        """What it said."""
        return (self._folder / "log").read_text()


async def connected(client: Client) -> None:
    """Connect, as soon as somebody listens."""
    async with asyncio.timeout(30):
        while not client.connected:
            with contextlib.suppress(OSError, MqttError):
                await client.connect()
                return
            await asyncio.sleep(0.02)


async def publish_all(client: Client, topic: str) -> None:
    """Numbers, with QoS 2. What was not acknowledged when the server died is sent again by the client's session."""
    for number in range(COUNT):
        await connected(client)
        with contextlib.suppress(MqttError):
            await client.publish(topic, str(number), 2)
    while client.session.unacknowledged:
        await connected(client)
        with contextlib.suppress(MqttError):
            await client.publish("nothing", "", 1)
    await client.disconnect()


@pytest.mark.catalogue("D2")
@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_killed_it_loses_nothing_and_delivers_nothing_twice(
    tmp_path: Path, version: str, unused_tcp_port: int
) -> None:
    chance = random.Random(version)
    lasting: dict[str, Any] = {"clean_start": False, "session_expiry": 3600}
    server = Server(tmp_path, unused_tcp_port)
    async with broker(max_inflight=20) as there_url, Client(there_url) as there, Client(there_url) as sender_there:
        (tmp_path / "socketworkers.toml").write_text(SETTINGS.format(url=there_url, version=version))
        server.start()
        try:
            keeper = Client(server.url, client_id="keeper", **lasting)
            await connected(keeper)
            await carried(keeper, there, "out/probe")
            await carried(there, keeper, "in/probe")
            await keeper.subscribe("in/n", qos=2)
            await keeper.disconnect()
            await there.subscribe("out/n", qos=2)
            sender_here = Client(server.url, client_id="sender", **lasting)
            sending = asyncio.gather(publish_all(sender_here, "out/n"), publish_all(sender_there, "in/n"))
            for _ in range(KILLS):
                await asyncio.sleep(chance.uniform(0.1, 0.3))
                server.kill()
                server.start()
                await connected(keeper)
                await keeper.disconnect()
            await sending
            assert [int(each.payload) for each in await take(there, COUNT)] == list(range(COUNT))
            await connected(keeper)
            assert [int(each.payload) for each in await take(keeper, COUNT)] == list(range(COUNT))
            # and nothing behind
            await keeper.publish("out/n", "end", 2)
            assert [each.payload for each in await take(there, 1)] == [b"end"]
            await keeper.disconnect()
        finally:
            server.kill()
        assert "Traceback" not in server.log, server.log
