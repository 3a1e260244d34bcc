"""``socketworkers mqtt``: against a broker that runs, and on the files of one that does not."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from socketworkers.errors import StartupError
from socketworkers.testing import ThreadedServer
from socketworkers_mqtt import app
from socketworkers_mqtt.bridge import parse_bridge
from socketworkers_mqtt.client import Client, Disconnected, Message
from socketworkers_mqtt.client.commands import TIMED_OUT
from socketworkers_mqtt.commands import mqtt
from socketworkers_mqtt.testing import TestBroker


def run(*words: str, text: str | bytes = "", status: int = 0) -> Result:
    result = CliRunner().invoke(mqtt, list(words), input=text, prog_name="socketworkers mqtt")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == status, result.output
    return result


# -- looking after a broker ----------------------------------------------------------------------------------------


async def fill(url: str) -> None:
    """A session that waits with two messages, and retained messages."""
    options = {"client_id": "meter-1", "clean_start": False, "session_expiry": 3600}
    async with Client(url, **options) as client:  # type: ignore[arg-type]
        await client.subscribe("meters/#", "config", qos=1)
    async with Client(url, version=4, client_id="old one", clean_start=False) as client:
        await client.subscribe("x")
    async with Client(url) as client:
        await client.publish("meters/1", "12", 1, retain=True)
        await client.publish("meters/2", b"\xff\x00\x01", 1, retain=True)
        await client.publish("other/thing", "long " * 20, 1, retain=True)
        await client.publish("other/\x1b[31mred", "esc\x1b[0m", 0, retain=True)


@pytest.fixture(params=["live", "offline"])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A data folder with sessions and retained messages; its broker runs, or not."""
    folder = str(tmp_path / "data")
    with ThreadedServer(app, data=folder) as running:
        asyncio.run(fill(running.url))
        if request.param == "live":
            yield folder
            return
    yield folder


def test_sessions(data: str) -> None:
    assert run("sessions", "--data", data).output == (
        "CLIENT   PEER  MQTT   USER  FILTERS  UNDERWAY  QUEUED  DROPPED\n"
        "meter-1  away  5.0    -     2        0         2       0\n"
        "old one  away  3.1.1  -     1        0         0       0\n"
    )
    (item,) = [json.loads(line) for line in run("sessions", "--data", data, "--json", "meter").output.splitlines()]
    assert item["client_id"] == "meter-1"
    assert item["subscriptions"] == ["config", "meters/#"]
    assert (item["connected"], item["queued"], item["expiry"]) == (False, 2, 3600)
    assert run("sessions", "--data", data, "nobody").output == ""


def test_retained(data: str) -> None:
    assert run("retained", "list", "--data", data).output == (
        "meters/1  12\n"
        "meters/2  (3 bytes: ff 00 01)\n"
        "other/?[31mred  esc?[0m\n"
        f"other/thing  {'long ' * 12}... (100 bytes)\n"
    )
    lines = run("retained", "list", "--data", data, "--json", "meters/+").output.splitlines()
    assert [json.loads(line)["topic"] for line in lines] == ["meters/1", "meters/2"]
    assert json.loads(lines[0])["payload"] == "MTI="
    assert run("retained", "clear", "--data", data, "meters/+").output == "2 removed\n"
    assert run("retained", "clear", "--data", data, "meters/+").output == "0 removed\n"
    assert len(run("retained", "list", "--data", data).output.splitlines()) == 2
    assert run("retained", "clear", "--data", data, "#").output == "2 removed\n"
    assert run("retained", "list", "--data", data).output == ""
    for wrong in ("a/#/b", ""):
        with pytest.raises(StartupError, match="topic filter"):
            run("retained", "clear", "--data", data, wrong)
    run("retained", "clear", "--data", data, status=2)


def test_kick(data: str) -> None:
    assert run("kick", "--data", data, "meter-1").output == "meter-1 disconnected\n"
    assert "meter-1" in run("sessions", "--data", data).output
    assert run("kick", "--data", data, "--forget", "meter-1").output == "meter-1 disconnected and forgotten\n"
    assert "meter-1" not in run("sessions", "--data", data).output
    with pytest.raises(StartupError, match="there is no client meter-1"):
        run("kick", "--data", data, "meter-1")


def test_status(data: str) -> None:
    found = json.loads(run("status", "--data", data, "--json").output)
    assert (found["sessions"], found["retained"], found["subscriptions"]) == (2, 4, 3)
    lines = run("status", "--data", data).output.splitlines()
    assert lines[0].split() == ["clients", "0"]
    assert len({line.rindex("  ") for line in lines}) == 1, "a column"


def test_status_of_bridges(tmp_path: Path) -> None:
    away = parse_bridge({"name": "away", "address": "mqtt://127.0.0.1:1", "topics": "a/#"})
    with ThreadedServer(app) as other:
        here = parse_bridge({"name": "here", "address": other.url, "topics": "a/#"})
        with ThreadedServer(app, data=str(tmp_path / "data"), bridge=(here, away)) as server:
            until = time.monotonic() + 20
            while True:
                lines = run("status", "--data", str(tmp_path / "data")).output.splitlines()
                found = dict(re.split(r"  +", line, maxsplit=1) for line in lines[-2:])
                if found["bridge here"] == "connected" and found["bridge away"] != "connecting":
                    break
                assert time.monotonic() < until, found
            assert found["bridge away"].endswith("cannot connect to tcp://127.0.0.1:1: Connection refused")
            assert server.url


def test_users(data: str) -> None:
    assert run("user", "add", "--data", data, "alice", text="secret\nmore\n").output == "user alice added\n"
    assert run("user", "add", "--data", data, "alice", text="other\n").output == "user alice has a new password\n"
    run("user", "add", "--data", data, "bob", text="secret\n")
    assert run("user", "list", "--data", data).output == "alice\nbob\n"
    assert run("user", "rm", "--data", data, "alice").output == "user alice removed\n"
    assert run("user", "list", "--data", data).output == "bob\n"
    with pytest.raises(StartupError, match="there is no user alice"):
        run("user", "rm", "--data", data, "alice")
    with pytest.raises(StartupError, match="the password is empty"):
        run("user", "add", "--data", data, "carol", text="\n")
    with pytest.raises(StartupError, match="a user name has"):
        run("user", "add", "--data", data, "a:b", text="x\n")
    assert (Path(data) / "users").stat().st_mode & 0o777 == 0o600


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="there is no data folder"):
        run("sessions", "--data", str(tmp_path / "none"))


def test_a_live_client_is_listed_and_kicked(tmp_path: Path) -> None:
    folder = str(tmp_path / "data")
    with ThreadedServer(app, data=folder) as server:
        ended = threading.Event()

        async def stay() -> None:
            async with Client(server.url, client_id="here") as client:
                await client.subscribe("t")
                there.set()
                with pytest.raises(Disconnected, match="ADMINISTRATIVE_ACTION"):
                    await anext(client)
                ended.set()

        there = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(stay()))
        thread.start()
        there.wait(20)
        (item,) = [json.loads(line) for line in run("sessions", "--data", folder, "--json").output.splitlines()]
        assert (item["connected"], item["peer"], item["keep_alive"]) == (True, "127.0.0.1", 60)
        run("kick", "--data", folder, "here")
        assert ended.wait(20)
        thread.join()


# -- pub and sub ---------------------------------------------------------------------------------------------------


def address(broker: TestBroker) -> tuple[str, ...]:
    return ("-h", broker.host, "-p", str(broker.port))


def test_pub(mqtt_broker: TestBroker, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\x00\xffdata")
    where = address(mqtt_broker)
    run("pub", *where, "-t", "a", "-m", "text", "-i", "me")
    run("pub", *where, "-t", "a", "-m", "", "-q", "2", "-V", "mqttv311")
    run("pub", *where, "-t", "b", "-f", str(tmp_path / "file"), "-q", "1", "-r", "-V", "31", "-i", "x")
    run("pub", *where, "-t", "a", "-s", text="two\nlines\n")
    run("pub", *where, "-t", "b", "-n", "-r")
    run("pub", "-L", f"{mqtt_broker.url}/of/url", "-m", "x")
    assert [(each.topic, each.payload, each.qos, each.retain) for each in mqtt_broker.messages()] == [
        ("a", b"text", 0, False),
        ("a", b"", 2, False),
        ("b", b"\x00\xffdata", 1, True),
        ("a", b"two\nlines\n", 0, False),
        ("b", b"", 0, True),
        ("of/url", b"x", 0, False),
    ]
    assert mqtt_broker.messages("a")[0].client_id == "me"


@pytest.mark.parametrize("qos", ["0", "1", "2"])
def test_pub_lines_in_their_order(mqtt_broker: TestBroker, qos: str) -> None:
    lines = [str(number) for number in range(200)]
    run("pub", *address(mqtt_broker), "-t", "n", "-l", "-q", qos, text="\r\n".join(lines))
    assert [each.text for each in mqtt_broker.wait_for("n", 200)] == lines


def test_pub_lines_of_a_pipe_as_they_come(mqtt_broker: TestBroker) -> None:
    """The connection is there, and kept alive, while nothing comes."""
    program = [str(Path(sys.executable).with_name("socketworkers")), "mqtt", "pub", *address(mqtt_broker)]
    child = subprocess.Popen([*program, "-t", "n", "-l", "-q", "1", "-i", "pipe"], stdin=subprocess.PIPE)
    assert child.stdin is not None
    with child.stdin:
        mqtt_broker.wait_for_client("pipe", timeout=20)
        for word in ("one", "two"):
            child.stdin.write(word.encode() + b"\n")
            child.stdin.flush()
            mqtt_broker.wait_for("n", 1 if word == "one" else 2)
        child.stdin.write(b"no end of line")
    assert child.wait(20) == 0
    assert [each.text for each in mqtt_broker.messages("n")] == ["one", "two", "no end of line"]


def test_pub_properties_and_the_will(mqtt_broker: TestBroker) -> None:
    run(
        *("pub", *address(mqtt_broker), "-t", "a", "-m", "x", "-q", "1", "--expiry", "60"),
        *(
            "--content-type",
            "text/plain",
            "--response-topic",
            "r",
            "--user-property",
            "k",
            "v",
            "--user-property",
            "k",
            "w",
        ),
    )
    assert mqtt_broker.messages() == [
        Message("a", b"x", 1, False, 60, "text/plain", "r", user_properties=(("k", "v"), ("k", "w")))
    ]


def test_pub_mistakes(mqtt_broker: TestBroker) -> None:
    where = address(mqtt_broker)
    for words, text in (
        (("-m", "x"), "where to? name a topic"),
        (("-t", "a"), "give exactly one of -m, -f, -l, -s, -n"),
        (("-t", "a", "-m", "x", "-n"), "give exactly one of"),
        (("-t", "a", "-m", "x", "-q", "3"), "3 is not in the range"),
        (("-t", "a", "-m", "x", "-V", "6"), "5, 3.1.1 or 3.1"),
        (("-t", "a", "-m", "x", "-V", "311", "--expiry", "1"), "properties need MQTT 5.0"),
        (("-t", "a", "-m", "x", "-L", "mqtt://x"), "-h and -p do not go with it"),
    ):
        assert text in run("pub", *where, *words, status=2).output
    with pytest.raises(StartupError, match="'a/#' is not the name of a topic") as wrong:
        run("pub", *where, "-t", "a/#", "-m", "x")
    assert wrong.value.exit_status == 2
    with pytest.raises(StartupError, match=r"cannot connect to tcp://127\.0\.0\.1:1: Connection refused"):
        run("pub", "-h", "127.0.0.1", "-p", "1", "-t", "a", "-m", "x")
    with pytest.raises(StartupError, match="ftp:// is none of"):
        run("pub", "-L", "ftp://x", "-t", "a", "-m", "x")
    mqtt_broker.fail_next("PUBLISH", "QUOTA_EXCEEDED")
    with pytest.raises(StartupError, match="the server rejected the message to a: QUOTA_EXCEEDED"):
        run("pub", *where, "-t", "a", "-m", "x", "-q", "1")
    assert mqtt_broker.messages() == []


def test_a_server_that_knows_no_5(mqtt_broker: TestBroker) -> None:
    """Unless a version is asked for, the next older one is tried."""
    mqtt_broker.fail_next("CONNECT", "UNSUPPORTED_PROTOCOL_VERSION")
    run("pub", *address(mqtt_broker), "-t", "a", "-m", "x", "-q", "1")
    mqtt_broker.fail_next("CONNECT", "UNSUPPORTED_PROTOCOL_VERSION")
    with pytest.raises(StartupError, match="UNSUPPORTED_PROTOCOL_VERSION"):
        run("pub", *address(mqtt_broker), "-t", "a", "-m", "x", "-V", "5")
    assert len(mqtt_broker.messages()) == 1


def test_passwords(mqtt_broker: TestBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    mqtt_broker.credentials("alice", "pass word")
    words = ("pub", *address(mqtt_broker), "-t", "a", "-m", "x", "-q", "1", "-u", "alice")
    with pytest.raises(StartupError, match="the server refused the connection: BAD_USER_NAME_OR_PASSWORD"):
        run(*words, "-P", "wrong")
    run(*words, "-P", "pass word")
    run(*words, "--ask-password", text="pass word\n")
    run("pub", "-L", f"mqtt://alice:pass%20word@{mqtt_broker.host}:{mqtt_broker.port}/a", "-m", "x", "-q", "1")
    monkeypatch.setenv("MQTT_PASSWORD", "pass word")
    run(*words)
    assert len(mqtt_broker.messages()) == 4


def test_sub(mqtt_broker: TestBroker) -> None:
    for number in range(3):
        mqtt_broker.publish(f"a/{number}", f"m{number}", retain=True)
    mqtt_broker.publish("b", b"\xff\xfe", retain=True)
    where = address(mqtt_broker)
    assert run("sub", *where, "-t", "a/+", "-C", "3").output == "m0\nm1\nm2\n"
    assert run("sub", *where, "-t", "a/+", "-t", "b", "-C", "4", "-v").stdout_bytes == (
        b"a/0 m0\na/1 m1\na/2 m2\nb \xff\xfe\n"
    )
    assert run("sub", *where, "-t", "#", "-T", "a/1", "-T", "b", "-C", "2", "-N").output == "m0m2"
    assert run("sub", "-L", f"{mqtt_broker.url}/a/2", "-C", "1").output == "m2\n"
    lines = run("sub", *where, "-t", "#", "--json", "-C", "4", "-V", "3.1.1").output.splitlines()
    assert [json.loads(line) for line in lines] == [
        *({"topic": f"a/{number}", "payload": f"m{number}", "qos": 0, "retain": True} for number in range(3)),
        {"topic": "b", "payload_base64": "//4=", "qos": 0, "retain": True},
    ]


def test_sub_without_retained_messages_until_its_time_is_over(mqtt_broker: TestBroker) -> None:
    mqtt_broker.publish("a", "old", retain=True)
    assert run("sub", *address(mqtt_broker), "-t", "a", "-R", "-W", "0.2", status=TIMED_OUT).output == ""


def test_sub_keeps_its_session(mqtt_broker: TestBroker) -> None:
    where = (*address(mqtt_broker), "-t", "a", "-q", "1", "-c", "-i", "keeper")
    run("sub", *where, "-W", "0.2", status=TIMED_OUT)
    mqtt_broker.publish("a", "while away", 1)
    assert run("sub", *where, "-C", "1").output == "while away\n"
    assert "a session that stays needs a name" in run("sub", *where[:-2], status=2).output
    assert "name a topic filter" in run("sub", *address(mqtt_broker), status=2).output


def test_sub_connects_again(mqtt_broker: TestBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socketworkers_mqtt.client.commands.RETRY", (0.01, 0.05))

    def disturb() -> None:
        for number in range(3):
            mqtt_broker.wait_for_client("again")
            mqtt_broker.wait_for_subscriber("a")
            mqtt_broker.publish("a", str(number), 1)
            if number < 2:
                mqtt_broker.kick("again")

    thread = threading.Thread(target=disturb)
    thread.start()
    result = run("sub", *address(mqtt_broker), "-t", "a", "-q", "1", "-i", "again", "-C", "3", "-W", "20")
    thread.join()
    assert result.stdout == "0\n1\n2\n"
    assert result.stderr.count("ADMINISTRATIVE_ACTION; trying again in 0.0") == 2


def test_the_will_of_a_command(mqtt_broker: TestBroker) -> None:
    program = [str(Path(sys.executable).with_name("socketworkers")), "mqtt", "sub", *address(mqtt_broker)]
    will = ["--will-topic", "gone", "--will-payload", "me", "--will-qos", "1", "--will-retain"]
    child = subprocess.Popen([*program, "-t", "a", "-i", "sub", *will], stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout:
        mqtt_broker.wait_for_client("sub", timeout=20)
        child.kill()
        child.wait()
    assert mqtt_broker.wait_for("gone") == Message("gone", b"me", 1, True)


def test_tls(tmp_path: Path) -> None:
    with TestBroker(tls="auto", tls_port=0, data=str(tmp_path / "data")) as broker:
        port = str(broker.server.listener("tls").port)
        ca = str(tmp_path / "data" / "tls" / "ca.pem")
        run("pub", "-h", "localhost", "-p", port, "--ca", ca, "-t", "a", "-m", "x", "-q", "1")
        run("pub", "-h", "127.0.0.1", "-p", port, "--no-verify", "-t", "a", "-m", "x", "-q", "1")
        with pytest.raises(StartupError, match="certificate"):
            run("pub", "-h", "localhost", "-p", port, "--tls", "-t", "a", "-m", "x", "-q", "1")
        assert len(broker.messages()) == 2


# -- help ----------------------------------------------------------------------------------------------------------


def commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)


COMMANDS = dict(commands(mqtt))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_fits_a_screen_and_has_every_option(path: tuple[str, ...]) -> None:
    text = run(*path, "--help").output
    lines = text.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    shown = set(re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", text))
    for parameter in COMMANDS[path].params:
        if isinstance(parameter, click.Option):
            assert shown & set(parameter.opts), parameter.opts


def test_the_names_are_those_of_mosquitto() -> None:
    """mosquitto_pub(1), mosquitto_sub(1)"""
    pub = (
        "-f -h -i -k -l -m -n -p -P -q -r -s -t -u -V -L --will-payload --will-qos --will-retain --will-topic --cafile"
    )
    sub = "-c -C -h -i -k -N -p -P -q -R -t -T -u -v -V -W -L -x --cafile --cert --key --insecure --quiet"
    for name, known in (("pub", pub), ("sub", sub)):
        there = {option for parameter in COMMANDS[(name,)].params for option in parameter.opts}
        assert set(known.split()) <= there


def test_nothing_is_said_in_colours_or_twice(tmp_path: Path) -> None:
    """As a program: errors are a line on standard error, and the status says what kind."""
    program = [str(Path(sys.executable).with_name("socketworkers")), "mqtt"]
    environment = {**os.environ, "NO_COLOR": "1"}
    for words, status, text in (
        (("pub", "-p", "1", "-h", "127.0.0.1", "-t", "a", "-m", "x"), 1, "error: cannot connect to tcp://127.0.0.1:1"),
        (("pub", "-t", "a"), 2, "error: what? give exactly one of -m, -f, -l, -s, -n"),
        (("sessions", "--data", str(tmp_path / "none")), 1, "error: there is no data folder"),
    ):
        done = subprocess.run([*program, *words], capture_output=True, text=True, env=environment, check=False)
        assert (done.returncode, done.stdout) == (status, "")
        assert done.stderr.startswith(text)
        assert "Traceback" not in done.stderr
