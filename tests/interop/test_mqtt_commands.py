"""``socketworkers mqtt pub`` and ``sub`` with other brokers, and beside the tools whose options they have."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.interop.live import TIMEOUT, bin_path, need, run
from tests.interop.mosquitto import Mosquitto, free_port, serve_mosquitto

from socketworkers.testing import ThreadedServer
from socketworkers_mqtt import app

OURS = (bin_path("socketworkers"), "mqtt")


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with serve_mosquitto(tmp_path_factory.mktemp("mosquitto")) as running:
        yield running


@contextmanager
def amqtt_broker(folder: Path) -> Iterator[int]:
    """amqtt, which speaks 3.1.1 only; its port."""
    port = free_port()
    (folder / "amqtt.yaml").write_text(
        "listeners:\n  default:\n    type: tcp\n"
        f"    bind: 127.0.0.1:{port}\n"
        "plugins:\n  amqtt.plugins.authentication.AnonymousAuthPlugin:\n    allow_anonymous: true\n"
    )
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "amqtt.scripts.broker_script", "-c", str(folder / "amqtt.yaml")],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + TIMEOUT
        words = [*OURS, "pub", "-h", "127.0.0.1", "-p", str(port), "-V", "3.1.1", "-t", "x", "-m", "x"]
        while subprocess.run(words, capture_output=True, check=False).returncode:
            if child.poll() is not None or time.monotonic() > deadline:
                pytest.fail("amqtt did not start:\n" + (folder / "log").read_text())
        yield port
    finally:
        child.terminate()
        child.wait(TIMEOUT)


@pytest.mark.parametrize("version", ["5", "3.1.1", "3.1"])
def test_mosquitto_as_the_broker(mosquitto: Mosquitto, version: str) -> None:
    where = ("-h", "127.0.0.1", "-p", str(mosquitto.port), "-V", version)
    topic = f"kept/{version}"
    for qos in "012":
        name = f"pub-{qos}"
        run(*OURS, "pub", *where, "-t", f"{topic}/{qos}", "-m", f"payload {qos}", "-q", qos, "-r", "-i", name)
    output = run(*OURS, "sub", *where, "-t", f"{topic}/#", "-q", "2", "-v", "-C", "3", "-W", "20", "-i", "sub")
    assert output.decode().splitlines() == [f"{topic}/{qos} payload {qos}" for qos in "012"]
    for qos in "012":
        run(*OURS, "pub", *where, "-t", f"{topic}/{qos}", "-n", "-r", "-q", "1", "-i", "pub")


def test_amqtt_as_the_broker(tmp_path: Path) -> None:
    """It leaves a CONNECT of 5.0 without an answer: the next older version is tried."""
    with amqtt_broker(tmp_path) as port:
        where = ("-h", "127.0.0.1", "-p", str(port))
        run(*OURS, "pub", *where, "-t", "a/1", "-m", "kept", "-q", "1", "-r")
        output = run(*OURS, "sub", *where, "-V", "3.1.1", "-t", "a/#", "-C", "1", "-W", "20", "-v")
        assert output == b"a/1 kept\n"


def test_the_same_words_do_the_same_as_mosquittos_tools() -> None:
    """What mosquitto_pub sends and ours prints, and the other way round, with one set of arguments."""
    pub, sub = need("mosquitto_pub", "Debian: mosquitto-clients"), need("mosquitto_sub", "Debian: mosquitto-clients")
    with ThreadedServer(app) as server:
        where = ("-h", server.host, "-p", str(server.port), "-q", "1")
        for turn, publish in enumerate(((pub,), (*OURS, "pub"))):
            run(*publish, *where, "-t", f"t/{turn}", "-m", "message", "-r", "-i", f"p{turn}", "-k", "30")
            run(*publish, *where, "-t", f"l/{turn}", "-l", input=b"one\ntwo\n")
            run(*publish, *where, "-t", f"f/{turn}", "-f", __file__, "-r", "-V", "mqttv311")
        for subscribe in ((sub,), (*OURS, "sub")):
            words = ("-t", "t/#", "-t", "f/#", "-T", "f/1", "-C", "3", "-v", "-W", "20", "-V", "mqttv5")
            lines = run(*subscribe, *where, *words).split(b"\n")
            assert lines[:2] == [b"t/0 message", b"t/1 message"] or lines[-3:-1] == [b"t/0 message", b"t/1 message"]
            assert b"f/0 " + Path(__file__).read_bytes().split(b"\n")[0] in lines
            run(*subscribe, *where, "-t", "nothing", "-W", "1", status=27)
