"""Records what real clients send: ``python -m tests.mqtt.hostile.record_clients``; with mqtt.js, set ``NODE_PATH``.

Each connection of each client is one line of ``recordings.txt``, which is what mutated sessions and the comparison
with Mosquitto start from. The recordings are in the repository, so that these tests need none of the clients.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable
from pathlib import Path

from tests.fuzz.mutation import write_corpus
from tests.support.mqttbroker.process import BrokerProcess

HERE = Path(__file__).parent
RECORDINGS = HERE / "recordings.txt"

NODE = """
const mqtt = require("mqtt");
const [port, version, qos] = process.argv.slice(1).map(Number);
const client = mqtt.connect({port, host: "127.0.0.1", protocolVersion: version, clientId: "js-" + version + qos,
  keepalive: 30, will: {topic: "js/will", payload: "gone", qos: 1, retain: true},
  properties: version == 5 ? {sessionExpiryInterval: 60, receiveMaximum: 10, topicAliasMaximum: 5} : undefined});
const extra = {userProperties: {a: "b"}, contentType: "text/plain", messageExpiryInterval: 60};
let left = 3;
client.on("connect", () => client.subscribe("js/#", {qos}, () => {
  for (let n = 0; n < 3; n++) client.publish("js/topic", "message " + n, {qos, retain: n == 2,
    properties: version == 5 ? extra : undefined});
}));
const over = () => client.unsubscribe("js/#", () => client.end());
client.on("message", () => { if (--left == 0) setTimeout(over, 50); });
"""

PAHO = """
import sys
import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
port, version, qos = map(int, sys.argv[1:])
client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=f"paho-{version}{qos}", protocol=version,
                     **({"clean_session": False} if version < 5 else {}))
client.will_set("paho/will", "gone", 2)
left = 3
properties = None
if version == 5:
    properties = Properties(PacketTypes.PUBLISH)
    properties.UserProperty = ("k", "v")
    properties.CorrelationData = b"1234"
    properties.ResponseTopic = "paho/answer"
def on_connect(*arguments):
    client.subscribe([("paho/+", qos), ("$SYS/broker/version", 0)])
def on_subscribe(*arguments):
    for number in range(3):
        client.publish("paho/topic", b"message %d" % number, qos, number == 2, properties=properties)
def on_message(client, userdata, message):
    global left
    if message.topic == "paho/topic":
        left -= 1
        if not left:
            client.unsubscribe("paho/+")
client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
client.on_unsubscribe = lambda *arguments: client.disconnect()
client.connect("127.0.0.1", port, 30)
client.loop_forever()
"""

GMQTT = """
import asyncio, sys, gmqtt
async def main(port, version, qos):
    done = asyncio.Event()
    will = gmqtt.Message("g/will", "gone", qos=1, will_delay_interval=5)
    client = gmqtt.Client(f"gmqtt-{version}{qos}", will_message=will)
    left = 3
    def on_message(*arguments):
        nonlocal left
        left -= 1
        if not left:
            done.set()
        return 0
    client.on_message = on_message
    def on_subscribe(*arguments):
        for number in range(3):
            client.publish("g/topic", f"message {number}", qos=qos, message_expiry_interval=50,
                           user_property=("a", "b"))
    client.on_subscribe = on_subscribe
    await client.connect("127.0.0.1", port, version=version)
    client.subscribe("g/#", qos=qos)
    await asyncio.wait_for(done.wait(), 5)
    await client.disconnect()
asyncio.run(main(*map(int, sys.argv[1:])))
"""

AMQTT = """
import asyncio, sys
from amqtt.client import MQTTClient
async def main(port, qos):
    client = MQTTClient(client_id=f"amqtt-{qos}", config={"auto_reconnect": False})
    await client.connect(f"mqtt://127.0.0.1:{port}/")
    await client.subscribe([("am/#", qos)])
    for number in range(2):
        await client.publish("am/topic", b"message %d" % number, qos=qos)
    for number in range(2):
        await client.deliver_message(timeout_duration=5)
    await client.unsubscribe(["am/#"])
    await client.disconnect()
asyncio.run(main(*map(int, sys.argv[1:])))
"""


class Recorder:
    """A port in front of a broker that keeps what clients send."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.streams: list[bytearray] = []

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent = bytearray()
        self.streams.append(sent)
        there, back = await asyncio.open_connection("127.0.0.1", self._port)

        async def answers() -> None:
            while data := await there.read(65536):
                writer.write(data)
            writer.close()

        answering = asyncio.create_task(answers())
        while data := await reader.read(65536):
            sent += data
            back.write(data)
        back.close()
        await answering


async def run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(20):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def mosquitto(port: str, version: str, qos: str) -> None:
    """A subscriber with a will and a session, and publishers."""
    common = ("-h", "127.0.0.1", "-p", port, "-V", version, "-q", qos)
    five = version == "5"
    session = ("-x", "60", "-D", "connect", "receive-maximum", "5") if five else ("-c",)
    will = ("--will-topic", "m/will", "--will-payload", "gone", "--will-qos", "1", "--will-retain")
    limits = ("-C", "5", "-W", "5")
    name = ("-i", f"sub-{version}{qos}")
    subscriber = asyncio.create_task(
        run("mosquitto_sub", *common, *session, *will, *limits, *name, "-t", "m/+/x", "-t", "m/#")
    )
    await asyncio.sleep(0.5)
    more: tuple[str, ...] = ()
    if five:
        for words in (("content-type", "text/plain"), ("message-expiry-interval", "60"), ("topic-alias", "3")):
            more += ("-D", "publish", *words)
    await run("mosquitto_pub", *common, "-t", "m/1", "-m", "hello", *more)
    await run("mosquitto_pub", *common, "-t", "m/2/x", "-m", "x" * 300, "-r")
    await run("mosquitto_pub", *common, "-t", "m/1", "--repeat", "3", "-m", "again")
    await run("mosquitto_pub", *common, "-t", "m/2/x", "-n", "-r")
    await subscriber


async def others(program: tuple[str, ...], port: str, *words: str) -> None:
    """A client that is a program of ours."""
    await run(*program, port, *words)


async def main() -> None:
    """Write the file."""
    found: list[bytes] = []
    with tempfile.TemporaryDirectory() as folder, BrokerProcess(Path(folder)) as broker:
        recorder = Recorder(broker.port)
        server = await asyncio.start_server(recorder.pass_on, "127.0.0.1", 0)
        port = str(server.sockets[0].getsockname()[1])
        python = (sys.executable, "-c")
        node = ("node", "-e", NODE, "--")
        versions: list[tuple[str, tuple[str, ...]]] = [("345", (*python, PAHO)), ("45", (*python, GMQTT))]
        if os.environ.get("NODE_PATH"):
            versions.append(("45", node))
        clients: list[tuple[str, Awaitable[None]]] = []
        for qos in "012":
            clients += [(each, mosquitto(port, each, qos)) for each in ("mqttv31", "mqttv311", "5")]
            for levels, program in versions:
                clients += [(" ".join(program)[-20:], others(program, port, level, qos)) for level in levels]
            clients.append(("amqtt", others((*python, AMQTT), port, qos)))
        for name, client in clients:
            await client
            streams, recorder.streams = recorder.streams, []
            sys.stderr.write(f"{name!r}: {[len(each) for each in streams]}\n")
            found += [bytes(each) for each in streams if each]
        server.close()
    found = list(dict.fromkeys(found))
    write_corpus(RECORDINGS, found, "what mosquitto_pub, mosquitto_sub, paho, gmqtt, amqtt and mqtt.js send")


if __name__ == "__main__":
    asyncio.run(main())
