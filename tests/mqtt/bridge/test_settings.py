"""``[[mqtt.bridge]]``: what can be written, and what is said about what cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from socketworkers.config import load
from socketworkers.errors import StartupError
from socketworkers.testing import serve_ephemeral
from socketworkers_mqtt import MqttConfig, app
from socketworkers_mqtt.bridge import BridgeSpec, BridgeTopic, parse_bridge, parse_topic

LEAST: dict[str, Any] = {"name": "office", "address": "mqtt://mqtt.example.org", "topics": ["a/#"]}


@pytest.mark.parametrize(
    ("line", "topic"),
    [
        ("a/#", BridgeTopic("a/#", "out", 0, "", "")),
        ("a/+/b in", BridgeTopic("a/+/b", "in", 0, "", "")),
        ("# both 2", BridgeTopic("#", "both", 2, "", "")),
        ("t out 1 here/ there/", BridgeTopic("t", "out", 1, "here/", "there/")),
        ("t out 1 '' there/", BridgeTopic("t", "out", 1, "", "there/")),
        ('t  in\t1  here/ ""', BridgeTopic("t", "in", 1, "here/", "")),
        ('"" both 0 my/topic its/topic', BridgeTopic("", "both", 0, "my/topic", "its/topic")),
        ('"a topic/#" in', BridgeTopic("a topic/#", "in", 0, "", "")),
    ],
)
def test_topic_lines_are_mosquittos(line: str, topic: BridgeTopic) -> None:
    assert parse_topic(line) == topic


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("", "is not PATTERN"),
        ("a in 1 b c d", "is not PATTERN"),
        ("a up", "'up' is none of out, in, both"),
        ("a in 3", "the QoS is 0, 1 or 2, not '3'"),
        ("a/#/b", "# is not the whole last level"),
        ("a in 1 b#", "a prefix has no wildcards"),
        ("a in 1 '' +/", "a prefix has no wildcards"),
        ("''", "an empty pattern needs both prefixes"),
        ("'' in 1 here", "an empty pattern needs both prefixes"),
        ("$share/g/t in", "a bridge has no shared subscriptions"),
    ],
)
def test_lines_that_cannot_be(line: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        parse_topic(line)


def test_all_keys(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("pass word\nmore\n")
    spec = parse_bridge(
        {
            **LEAST,
            "address": ["mqtts://one.example.org", "wss://two.example.org/mqtt"],
            "version": "3.1.1",
            "client_id": "me",
            "username": "bridge",
            "password_file": str(secret),
            "keep_alive": 30,
            "ca": "ca.pem",
            "certificate": "cert.pem",
            "key": "key.pem",
            "verify": False,
            "private": False,
            "retry_min": 0.5,
            "retry-max": 10,
            "max_hops": 3,
        }
    )
    assert spec == BridgeSpec(
        "office",
        ("mqtts://one.example.org", "wss://two.example.org/mqtt"),
        (BridgeTopic("a/#"),),
        4,
        "me",
        "bridge",
        "pass word",
        30,
        "ca.pem",
        "cert.pem",
        "key.pem",
        False,
        False,
        0.5,
        10.0,
        3,
    )
    assert "pass word" not in repr(spec)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"adress": "x"}, "bridge 'office': unknown key 'adress'; did you mean 'address'?"),
        ({"zzz": 1}, "bridge 'office': unknown key 'zzz'"),
        ({"name": "a/b"}, "bridge 'a/b': name: a word of letters, digits, dots, - and _"),
        ({"name": 1}, "a bridge: name: a word"),
        ({"address": "ftp://x"}, "bridge 'office': address: ftp:// is none of mqtt://"),
        ({"address": []}, "bridge 'office': address: text, or a list of texts"),
        ({"topics": ["a up"]}, "bridge 'office': topics: 'a up': 'up' is none of out, in, both"),
        ({"topics": 1}, "bridge 'office': topics: text, or a list of texts"),
        ({"version": 6}, 'bridge \'office\': version: "5", "3.1.1" or "auto"'),
        ({"keep_alive": 1}, "bridge 'office': keep_alive: seconds, 5 to 65535"),
        ({"verify": "no"}, "bridge 'office': verify: true or false"),
        ({"retry_min": 0}, "bridge 'office': retry_min: seconds, 0.05 to 86400"),
        ({"retry_min": 100}, "bridge 'office': retry_max is less than retry_min"),
        ({"max_hops": 0}, "bridge 'office': max_hops: a number, 1 to 100"),
        ({"username": ""}, "bridge 'office': username: text in quotes"),
        ({"password": "x"}, "bridge 'office': a password needs a username"),
        ({"password": "x", "password_file": "y"}, "bridge 'office': password and password_file do not go together"),
        ({"username": "x", "password_file": "/none/there"}, "password_file: /none/there cannot be read: no such file"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_values_that_cannot_be(change: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what.replace("?", r"\?")) as wrong:
        parse_bridge({**LEAST, **change})
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize("key", ["name", "address", "topics"])
def test_keys_that_have_to_be_there(key: str) -> None:
    with pytest.raises(ValueError, match=f": {key} is missing"):
        parse_bridge({name: value for name, value in LEAST.items() if name != key})


FILE = """
[smtp]
port = 2525

[mqtt]
port = 1884

[[mqtt.bridge]]
name = "one"
address = "mqtt://one.example.org"
topics = ["a/# out 1"]

[[mqtt.bridge]]
name = "two"
address = "mqtt://two.example.org"
topics = ["b/# in 2 '' two/", "c"]
username = "x"
password = "hush"
"""


def test_they_are_read_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "socketworkers.toml"
    path.write_text(FILE)
    config = load(MqttConfig, "mqtt", environ={}, file=path, other_apps=["smtp"])
    assert config.port == 1884
    assert [spec.name for spec in config.bridge] == ["one", "two"]
    assert config.bridge[1].topics == (BridgeTopic("b/#", "in", 2, "", "two/"), BridgeTopic("c"))
    assert config.source_of("bridge").where == f"{path}:8"


def test_mistakes_are_told_with_their_place_and_without_secrets(tmp_path: Path) -> None:
    path = tmp_path / "socketworkers.toml"
    path.write_text(FILE.replace('topics = ["b/#', 'topic = ["b/#'))
    with pytest.raises(StartupError) as wrong:
        load(MqttConfig, "mqtt", environ={}, file=path, other_apps=["smtp"])
    assert wrong.value.lines() == [f"{path}:8: bridge 'two': unknown key 'topic'; did you mean 'topics'?"]
    path.write_text('[mqtt]\nbridge = "x"\n')
    with pytest.raises(StartupError, match=r"socketworkers.toml:2: 'x' is no value for bridge"):
        load(MqttConfig, "mqtt", environ={}, file=path)
    path.write_text("[mqtt]\nbridge = [1]\n")
    with pytest.raises(StartupError, match=r"socketworkers.toml:2: 1 is no value for bridge"):
        load(MqttConfig, "mqtt", environ={}, file=path)
    with pytest.raises(StartupError, match="is no value for bridge") as wrong:
        load(MqttConfig, "mqtt", environ={"SOCKETWORKERS_MQTT_BRIDGE": "x"})
    assert wrong.value.why == "it must be a table in the file, [[mqtt.bridge]]"


async def test_names_are_given_once() -> None:
    spec = parse_bridge(LEAST)
    with pytest.raises(StartupError, match="two bridges have the name office"):
        async with serve_ephemeral(app, bridge=(spec, spec)):
            pass
