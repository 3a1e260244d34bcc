"""mqtt.js, the client of Node and of browsers. It is installed into a folder outside the checkout."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from tests.interop.live import absent, need, run
from tests.interop.mqtt.live import BrokerServer, publish

SCRIPT = Path(__file__).with_name("mqttjs_client.js")
VERSION = "5"
LEVELS = pytest.mark.parametrize("level", [3, 4, 5])


@pytest.fixture(scope="module")
def modules() -> str:
    """The folder that mqtt.js lies in; it stays between runs."""
    need("node", "Debian: nodejs")
    npm = need("npm", "Debian: npm")
    folder = Path(tempfile.gettempdir()) / f"socketworkers-mqttjs-{VERSION}-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    assert folder.stat().st_uid == os.getuid()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "node_modules" / "mqtt" / "package.json").exists():
            options = ("--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts")
            try:
                run(npm, "install", *options, "--prefix", str(folder), f"mqtt@{VERSION}", status=None, timeout=90)
            except subprocess.TimeoutExpired:
                pass
    if not (folder / "node_modules" / "mqtt" / "package.json").exists():
        absent("mqtt.js cannot be installed (npm: mqtt)")
    return str(folder / "node_modules")


def _run(modules: str, url: str, level: int, **task: Any) -> dict[str, Any]:
    options = {"protocolVersion": level, "protocolId": "MQIsdp" if level == 3 else "MQTT", **task.pop("options", {})}
    content = {"modules": modules, "url": url, "options": options, "publish": [], "count": 0, **task}
    found: dict[str, Any] = json.loads(
        run(need("node", "Debian: nodejs"), str(SCRIPT), input=json.dumps(content).encode())
    )
    return found


def _message(topic: str, payload: bytes, **options: Any) -> dict[str, Any]:
    return {"topic": topic, "payload": base64.b64encode(payload).decode(), "options": options}


def _got(answer: dict[str, Any]) -> list[tuple[str, bytes, int]]:
    return [(each["topic"], base64.b64decode(each["payload"]), each["qos"]) for each in answer["messages"]]


def _url(broker: BrokerServer, way: str) -> tuple[str, dict[str, Any]]:
    if way == "tcp":
        return f"mqtt://127.0.0.1:{broker.port}", {}
    if way == "ws":
        return f"ws://127.0.0.1:{broker.ws_port}/mqtt", {}
    return f"mqtts://localhost:{broker.tls_port}", {"ca": Path(broker.ca).read_text(), "family": 4}


@LEVELS
@pytest.mark.parametrize("way", ["tcp", "tls", "ws"])
def test_messages(broker: BrokerServer, modules: str, topic: str, level: int, way: str) -> None:
    url, options = _url(broker, way)
    messages = [_message(f"{topic}/{qos}", b"qos %d" % qos, qos=qos) for qos in range(3)]
    messages.append(_message(f"{topic}/large", bytes(range(256)) * 4096, qos=1))
    answer = _run(
        modules, url, level, options={**options, "clientId": topic[-23:]}, subscribe=f"{topic}/#",
        subscribeOptions={"qos": 2}, publish=messages, count=4,
    )  # fmt: skip
    assert "error" not in answer
    assert sorted(_got(answer)) == [
        *((f"{topic}/{qos}", b"qos %d" % qos, qos) for qos in range(3)), (f"{topic}/large", bytes(range(256)) * 4096, 1)
    ]  # fmt: skip


@pytest.mark.parametrize("level", [4, 5])
def test_everything_at_once(broker: BrokerServer, modules: str, topic: str, level: int) -> None:
    """mqtt.js has no window of its own in 3.1.1: 6,000 messages of QoS 2 are underway together."""
    url, _ = _url(broker, "tcp")
    messages = [_message(topic, b"%d" % number, qos=2) for number in range(6000 if level == 4 else 900)]
    answer = _run(
        modules, url, level, subscribe=topic, subscribeOptions={"qos": 1}, publish=messages, count=len(messages)
    )
    assert "error" not in answer
    assert [payload for _, payload, _ in _got(answer)] == [b"%d" % number for number in range(len(messages))]


def test_5_0(broker: BrokerServer, modules: str, topic: str) -> None:
    """Properties pass, aliases in both directions."""
    properties = {
        "contentType": "text/plain", "responseTopic": "answers", "messageExpiryInterval": 60,
        "payloadFormatIndicator": True, "userProperties": {"a": ["1", "2"], "b": "3"},
    }  # fmt: skip
    answer = _run(
        modules, _url(broker, "tcp")[0], 5,
        options={"properties": {"topicAliasMaximum": 5}, "autoUseTopicAlias": True, "autoAssignTopicAlias": True},
        subscribe=topic, subscribeOptions={"qos": 1, "properties": {"subscriptionIdentifier": 7}},
        publish=[_message(topic, b"%d" % number, qos=1, properties=properties) for number in range(5)], count=5,
    )  # fmt: skip
    assert "error" not in answer
    assert [payload for _, payload, _ in _got(answer)] == [b"%d" % number for number in range(5)]
    for each in answer["messages"]:
        found = each["properties"]
        assert found["contentType"] == "text/plain"
        assert found["responseTopic"] == "answers"
        assert found["userProperties"] == {"a": ["1", "2"], "b": "3"}
        assert found["subscriptionIdentifier"] == 7
        assert 55 <= found["messageExpiryInterval"] <= 60


@LEVELS
def test_sessions_and_retained(broker: BrokerServer, modules: str, topic: str, level: int) -> None:
    options: dict[str, Any] = {"clientId": topic[-23:], "clean": False}
    if level == 5:
        options["properties"] = {"sessionExpiryInterval": 1000}
    url, _ = _url(broker, "tcp")
    first = _run(modules, url, level, options=options, subscribe=f"{topic}/#", subscribeOptions={"qos": 1})
    assert not first["sessionPresent"]
    publish(broker.port, "-t", f"{topic}/a", "-q", "1", "-l", input=b"1\n2\n3\n")
    publish(broker.port, "-t", f"{topic}/b", "-q", "1", "-r", "-m", "kept")
    second = _run(modules, url, level, options=options, count=4)
    assert second["sessionPresent"] == (level > 3)
    assert _got(second) == [(f"{topic}/a", b"%d" % n, 1) for n in (1, 2, 3)] + [(f"{topic}/b", b"kept", 1)]
    third = _run(modules, url, level, subscribe=f"{topic}/b", count=1)
    assert third["messages"][0]["retain"]
    publish(broker.port, "-t", f"{topic}/b", "-r", "-n")


@LEVELS
def test_logins(guarded: BrokerServer, modules: str, topic: str, level: int) -> None:
    url = f"mqtt://127.0.0.1:{guarded.port}"
    login = {"username": "alice", "password": "wonder land", "clientId": topic[-23:]}
    answer = _run(
        modules, url, level, options=login, subscribe="home/js", publish=[_message("home/js", b"x", qos=1)], count=1
    )
    assert _got(answer) == [("home/js", b"x", 0)]
    answer = _run(modules, url, level, options={**login, "password": "x"})
    assert answer["code"] == (0x86 if level == 5 else 4)
