"""mosquitto_pub and mosquitto_sub: 3.1, 3.1.1 and 5.0."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from tests.interop.live import need, run
from tests.interop.mqtt.live import BrokerServer, Listening, publish, serve_broker

VERSIONS = pytest.mark.parametrize("version", ["mqttv31", "mqttv311", "mqttv5"])


@VERSIONS
@pytest.mark.parametrize("qos", ["0", "1", "2"])
def test_messages(broker: BrokerServer, topic: str, version: str, qos: str) -> None:
    with Listening(broker.port, "-V", version, "-t", f"{topic}/#", "-q", "2") as reader:
        publish(broker.port, "-V", version, "-t", f"{topic}/a", "-q", qos, "-m", "héllo")
        publish(broker.port, "-V", version, "-t", f"{topic}/b", "-q", qos, "-n")
        assert reader.messages(2) == [f"{topic}/a|{qos}|0|héllo", f"{topic}/b|{qos}|0|"]


@VERSIONS
@pytest.mark.parametrize("qos", ["0", "1", "2"])
def test_many_lines(broker: BrokerServer, topic: str, version: str, qos: str) -> None:
    lines = [f"line {number}" for number in range(500)]
    with Listening(broker.port, "-V", version, "-t", topic, "-q", "2", format="%p") as reader:
        publish(broker.port, "-V", version, "-t", topic, "-q", qos, "-l", input="\n".join(lines).encode() + b"\n")
        assert reader.messages(500) == lines


@VERSIONS
def test_a_file(broker: BrokerServer, topic: str, version: str, tmp_path: Path) -> None:
    """300 kB of any bytes come back as they were."""
    content = bytes(range(256)) * 1200
    (tmp_path / "content").write_bytes(content)
    command = (need("mosquitto_sub", "Debian: mosquitto-clients"), "-h", "127.0.0.1", "-p", str(broker.port))
    publish(broker.port, "-V", version, "-t", topic, "-q", "2", "-r", "-f", str(tmp_path / "content"))
    assert run(*command, "-V", version, "-t", topic, "-q", "2", "-C", "1", "-N", "-W", "20") == content
    publish(broker.port, "-t", topic, "-q", "1", "-r", "-n")


@VERSIONS
def test_retained(broker: BrokerServer, topic: str, version: str) -> None:
    for payload in ("old", "new"):
        publish(broker.port, "-V", version, "-t", f"{topic}/a", "-q", "1", "-r", "-m", payload)
    publish(broker.port, "-V", version, "-t", f"{topic}/b", "-q", "1", "-m", "not kept")
    with Listening(broker.port, "-V", version, "-t", f"{topic}/#", "-q", "1") as reader:
        assert reader.messages(1) == [f"{topic}/a|1|1|new"]
        publish(broker.port, "-V", version, "-t", f"{topic}/a", "-q", "1", "-r", "-n")
        assert reader.messages(1) == [f"{topic}/a|1|0|"]
    with Listening(broker.port, "-V", version, "-t", f"{topic}/#", "-t", f"{topic}/end", "-q", "1") as reader:
        publish(broker.port, "-V", version, "-t", f"{topic}/end", "-m", "end")
        assert reader.messages(1) == [f"{topic}/end|0|0|end"]


@VERSIONS
@pytest.mark.parametrize("retain", [False, True])
def test_wills(broker: BrokerServer, topic: str, version: str, retain: bool) -> None:
    more = ("--will-retain",) if retain else ()
    with Listening(broker.port, "-t", topic, "-q", "2") as reader:
        will = ("--will-topic", topic, "--will-payload", "gone", "--will-qos", "2", *more)
        with Listening(broker.port, "-V", version, "-t", f"{topic}/other", *will):
            pass  # it is killed at the end of the block
        assert reader.messages(1) == [f"{topic}|2|0|gone"]
    with Listening(broker.port, "-t", topic, "-q", "1") as reader:
        publish(broker.port, "-t", topic, "-m", "end")
        assert reader.messages(1 + retain)[0] == (f"{topic}|1|1|gone" if retain else f"{topic}|0|0|end")
    publish(broker.port, "-t", topic, "-r", "-n")


@VERSIONS
def test_sessions(broker: BrokerServer, topic: str, version: str) -> None:
    """QoS 1 and 2 wait for a client that is away; ``-c`` in 3.1 and 3.1.1, a session expiry in 5.0."""
    lasts = ("-c", "-x", "3600") if version == "mqttv5" else ("-c",)
    options = ("-V", version, "-i", topic, "-t", topic, "-q", "2", *lasts)
    with Listening(broker.port, *options):
        pass
    for qos in ("1", "2", "0"):
        publish(broker.port, "-t", topic, "-q", qos, "-m", f"qos {qos}")
    with Listening(broker.port, *options) as reader:
        assert sorted(reader.messages(2)) == [f"{topic}|1|0|qos 1", f"{topic}|2|0|qos 2"]
        publish(broker.port, "-t", topic, "-q", "1", "-m", "live")
        assert reader.messages(1) == [f"{topic}|1|0|live"]


def test_sessions_over_a_kill(tmp_path: Path, topic: str) -> None:
    """Sessions, messages that wait, retained messages and wills are there after SIGKILL."""
    options = ("-V", "mqttv5", "-i", "reader", "-t", "a/#", "-q", "2", "-c", "-x", "3600")
    with serve_broker(tmp_path, stop=False) as broker:
        with Listening(broker.port, *options):
            pass
        publish(broker.port, "-t", "a/b", "-q", "2", "-l", input=b"\n".join(b"%d" % n for n in range(200)) + b"\n")
        publish(broker.port, "-t", "a/kept", "-q", "1", "-r", "-m", "retained")
    with serve_broker(tmp_path, stop=False) as broker, Listening(broker.port, *options, format="%p") as reader:
        got = reader.messages(202)  # the retained one has waited, and is sent for the new subscription
        assert [payload for payload in got if payload.isdigit()] == [str(number) for number in range(200)]
        assert got.count("retained") == 2


def test_properties(broker: BrokerServer, topic: str) -> None:
    """5.0: what is passed on, and what is left of the expiry."""
    form = "%C|%R|%D|%P|%E|%F|%A|%p"
    with Listening(broker.port, "-V", "mqttv5", "-t", topic, "-q", "1", format=form) as reader:
        properties = [
            ("content-type", "text/plain"), ("response-topic", "answers"), ("correlation-data", "abc"),
            ("payload-format-indicator", "1"), ("message-expiry-interval", "77"),
        ]  # fmt: skip
        words = [word for name, value in properties for word in ("-D", "publish", name, value)]
        words += [word for key in ("b", "a", "b") for word in ("-D", "publish", "user-property", key, f"{key} value")]
        publish(broker.port, "-V", "mqttv5", "-t", topic, "-q", "1", "-m", "x", *words)
        (line,) = reader.messages(1)
    assert line.startswith("text/plain|answers|abc|"), line
    assert re.search(r"b:b value a:a value b:b value\|77\|1\|", line), line


def test_shared_subscriptions(broker: BrokerServer, topic: str) -> None:
    options = ("-V", "mqttv5", "-t", f"$share/group/{topic}", "-q", "1")
    with Listening(broker.port, *options) as one, Listening(broker.port, *options) as two:
        publish(broker.port, "-V", "mqttv5", "-t", topic, "-q", "1", "-l", input=b"x\n" * 20)
        assert len(one.messages(10) + two.messages(10)) == 20


def test_a_small_window(broker: BrokerServer, topic: str) -> None:
    more = ("-D", "connect", "receive-maximum", "1")
    with Listening(broker.port, "-V", "mqttv5", "-t", f"{topic}/#", "-q", "2", *more) as reader:
        for number in range(3):
            publish(broker.port, "-V", "mqttv5", "-t", f"{topic}/{number}", "-q", "2", "-l", input=b"a\nb\n")
        assert reader.messages(6) == [f"{topic}/{n}|2|0|{text}" for n in range(3) for text in ("a", "b")]


def test_takeover(broker: BrokerServer, topic: str) -> None:
    options = ("-V", "mqttv5", "-i", topic)
    with (
        Listening(broker.port, *options, "-t", topic) as first,
        Listening(broker.port, *options, "-t", f"{topic}/other"),
    ):
        assert "142" in first.wait_for("DISCONNECT"), "0x8E"


@VERSIONS
def test_tls(broker: BrokerServer, topic: str, version: str) -> None:
    options = ("-V", version, "--cafile", broker.ca, "-t", topic)
    with Listening(broker.tls_port, *options) as reader:
        publish(broker.tls_port, *options, "-m", "encrypted")
        assert reader.messages(1) == [f"{topic}|0|0|encrypted"]


@VERSIONS
def test_logins(guarded: BrokerServer, topic: str, version: str) -> None:
    alice, bob = ("-u", "alice", "-P", "wonder land"), ("-u", "bob", "-P", "wonder land")
    with Listening(guarded.port, *bob, "-t", "#", "-q", "1") as reader:
        publish(guarded.port, "-V", version, *alice, "-t", f"home/{topic}", "-q", "1", "-m", "in")
        publish(guarded.port, "-V", version, *alice, "-t", topic, "-q", "1", "-m", "not allowed", status=None)
        publish(guarded.port, "-V", version, *bob, "-t", topic, "-q", "1", "-m", "allowed")
        assert reader.messages(2) == [f"home/{topic}|1|0|in", f"{topic}|1|0|allowed"]
    for wrong in (("-u", "alice", "-P", "x"), ()):
        output = publish(guarded.port, "-V", version, *wrong, "-t", topic, "-m", "x", status=None)
        assert b"Connection error" in output


def test_sys(broker: BrokerServer) -> None:
    """What dashboards for Mosquitto look for."""
    with Listening(broker.port, "-t", "$SYS/broker/#") as reader:
        deadline = time.monotonic() + 20
        found: dict[str, str] = {}
        wanted = {"uptime", "clients/connected", "messages/received", "load/messages/received/1min", "version"}
        while not wanted <= found.keys() or found["clients/connected"] == "0":
            assert time.monotonic() < deadline
            name, _, _, value = reader.messages(1)[0].split("|")
            found[name.removeprefix("$SYS/broker/")] = value
        assert re.fullmatch(r"\d+ seconds", found["uptime"])


def test_request_and_response(broker: BrokerServer, topic: str) -> None:
    """mosquitto_rr: a request with a response topic, answered by a subscriber."""
    program = need("mosquitto_rr", "Debian: mosquitto-clients")
    publish(broker.port, "-t", f"{topic}/answer", "-r", "-q", "1", "-m", "pong")
    command = (program, "-h", "127.0.0.1", "-p", str(broker.port), "-V", "mqttv5", "-W", "20")
    assert run(*command, "-t", f"{topic}/ask", "-e", f"{topic}/answer", "-m", "ping").strip() == b"pong"
    publish(broker.port, "-t", f"{topic}/answer", "-r", "-n")
