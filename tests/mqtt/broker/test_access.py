"""Users, permissions and Mosquitto's files: mosquitto.conf(5), mosquitto_passwd(1); M3 of the attack classes."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from tests.mqtt.broker.conftest import MakeWorld
from tests.support.mqttbroker.world import Seen, World, access_of

from socketworkers.sasl import Credentials
from socketworkers_mqtt.access import AccessControl, filter_covers, parse_acl
from socketworkers_mqtt.codec import Reason
from socketworkers_mqtt.passwords import MosquittoHash, Users, load_users

ACL = """
# what clients without a name may do
topic read public/#
topic write inbox

user alice
topic readwrite home/#
topic deny home/secret/#
topic read a topic with spaces
topic plain

user bob
topic write home/+/set

pattern readwrite clients/%c/#
pattern read users/%u/+
"""


@pytest.mark.parametrize(
    ("user", "topic", "read", "write"),
    [
        ("", "public/a", True, False),
        ("", "inbox", False, True),
        ("", "home/a", False, False),
        ("alice", "home/a", True, True),
        ("alice", "home", True, True),
        ("alice", "home/secret", False, False),
        ("alice", "home/secret/x", False, False),
        ("alice", "public/a", False, False),
        ("alice", "a topic with spaces", True, False),
        ("alice", "plain", True, True),
        ("bob", "home/lamp/set", False, True),
        ("bob", "home/lamp/x/set", False, False),
        ("bob", "clients/c7/x", True, True),
        ("bob", "clients/c8/x", False, False),
        ("bob", "users/bob/x", True, False),
        ("bob", "users/alice/x", False, False),
        ("", "users//x", False, False),
        ("alice", "$SYS/broker/uptime", False, False),
    ],
)
def test_rules(user: str, topic: str, read: bool, write: bool) -> None:
    """``user``, ``topic`` and ``pattern`` lines; ``deny`` wins wherever it stands."""
    access = AccessControl(Users(Credentials()), parse_acl(ACL))
    for _ in range(2):  # the second answer is a remembered one
        assert access.may_read("c7", user, topic.encode()) is read
        assert access.may_write("c7", user, topic.encode()) is write


@pytest.mark.parametrize(
    ("user", "filter", "allowed"),
    [
        ("alice", "home/#", True),
        ("alice", "#", True),
        ("alice", "+/x", True),
        ("alice", "home/secret/#", False),
        ("alice", "home/secret/+/x", False),
        ("alice", "home/secret", False),
        ("alice", "public/#", False),
        ("alice", "$SYS/#", False),
        ("bob", "home/#", False),
        ("bob", "users/+/+", True),
        ("bob", "clients/#", True),
        ("bob", "clients/c8", False),
        ("", "public", True),
    ],
)
def test_subscriptions(user: str, filter: str, allowed: bool) -> None:
    """Refused when nothing that it can match may be read."""
    access = AccessControl(Users(Credentials()), parse_acl(ACL))
    assert access.may_subscribe("c7", user, filter.encode()) is allowed


@pytest.mark.parametrize(
    ("wide", "narrow", "covers"),
    [
        ("#", "a/+", True),
        ("#", "$SYS/a", False),
        ("a/#", "a", True),
        ("a/#", "a/b/#", True),
        ("a/+", "a/b", True),
        ("a/+", "a/#", False),
        ("a/+", "a", False),
        ("a/b", "a/+", False),
        ("+/b", "a/b", True),
        ("+/b", "$a/b", False),
        ("a", "a/b", False),
        ("a/+/c", "a/+/c", True),
    ],
)
def test_one_filter_covers_another(wide: str, narrow: str, covers: bool) -> None:
    assert filter_covers(wide.encode(), narrow.encode()) is covers


@pytest.mark.attack("M3")
@pytest.mark.parametrize("name", ["#", "+", "a/#", "+/b", "a/b", "c7/../c8", ""])
def test_names_that_would_widen_a_pattern(name: str) -> None:
    """CVE-2017-7650: a client identifier or user name with a wildcard, or with a level of its own."""
    access = AccessControl(Users(Credentials()), parse_acl("pattern readwrite c/%c/x\npattern readwrite u/%u/x\n"))
    for topic in (b"c/victim/x", b"u/victim/x", b"c/" + name.encode() + b"/x", b"u/" + name.encode() + b"/x"):
        assert not access.may_read(name, name, topic)
        assert not access.may_write(name, name, topic)
    for filter in (b"c/+/x", b"u/#", b"#"):
        assert not access.may_subscribe(name, name, filter)
    assert access.may_read("victim", "victim", b"c/victim/x")


@pytest.mark.attack("M3")
def test_a_wildcard_name_at_the_broker(make_world: MakeWorld) -> None:
    """CVE-2017-7650, from CONNECT to PUBLISH."""
    world = make_world(access_of("pattern readwrite d/%c/#\n"))
    victim = world.connect("victim")
    assert victim.subscribe("d/victim/#").reasons == (0,)
    for name in ("#", "+"):
        client = world.connect(name)
        assert client.subscribe("d/victim/#", "d/#", "#", "d/+/x").reasons == (Reason.NOT_AUTHORIZED,) * 4
        client.publish("d/victim/x", b"x")
        victim.publish("d/victim/x", b"y")
        assert client.seen() == []
    assert victim.seen() == [Seen("d/victim/x", b"y")] * 2


@pytest.mark.attack("M3")
@pytest.mark.parametrize("restart", [False, True])
def test_permissions_that_were_taken_away(make_world: MakeWorld, restart: bool) -> None:
    """A session that lasts keeps its subscription, and gets nothing by it any more."""
    world = make_world(access_of("topic readwrite #\n"))
    client = world.lasting("s")
    client.subscribe("a/#", "b", "$share/g/a/+", qos=1)
    client.drop()
    world.access = world.broker.access = access_of("topic readwrite b\ntopic write a/#\n")
    world.broker.router.forget()
    if restart:
        world.restart()
    publisher = world.connect("p")
    for qos in range(3):
        publisher.publish("a/x", b"secret", qos, True)
        publisher.publish("b", b"%d" % qos, qos)
    client = world.lasting("s")
    assert [each.topic for each in client.seen()] == ["b", "b"]
    publisher.publish("a/x", b"secret", 1)
    publisher.publish("b", b"now", 0)
    assert client.payloads() == [b"now"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("user", "line 1"),
        ("topic", "line 1"),
        ("\nread a/#", "line 2"),
        ("topic read a/#/b", "line 1"),
        ("pattern write a#", "line 1"),
        ("nonsense x", "line 1"),
    ],
)
def test_lines_that_cannot_be_understood(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_acl(text)


def _mosquitto(password: bytes, *, iterations: int = 101) -> str:
    salt = b"twelve bytes"
    digest = (
        hashlib.pbkdf2_hmac("sha512", password, salt, iterations)
        if iterations
        else hashlib.sha512(password + salt).digest()
    )
    kind = f"7${iterations}" if iterations else "6"
    return f"${kind}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


@pytest.mark.parametrize("iterations", [0, 1, 101, 1000])
def test_passwords_of_mosquitto(tmp_path: Path, make_world: MakeWorld, iterations: int) -> None:
    """``$7$`` and ``$6$``; a user who is in both files is ours."""
    file = tmp_path / "passwords"
    file.write_text(f"# comment\n\nold:{_mosquitto(b'secret', iterations=iterations)}\nboth:{_mosquitto(b'theirs')}\n")
    own = Credentials()
    own.set_password("both", "ours")
    own.save(tmp_path / "users")
    users = load_users(tmp_path / "users", str(file))
    assert users.names() == ["both", "old"]
    world = make_world(AccessControl(users))

    def logs_in(name: str, password: bytes) -> bool:
        return not world.connect("c", username=name, password=password).closed

    assert logs_in("old", b"secret")
    assert not logs_in("old", b"Secret")
    assert not logs_in("old", b"")
    assert logs_in("both", b"ours")
    assert not logs_in("both", b"theirs")
    assert not logs_in("nobody", b"secret")


@pytest.mark.parametrize(
    "line",
    ["alice", ":$7$1$YQ==$YQ==", "alice:plain", "alice:$7$0$YQ==$" + "QUFB" * 21 + "QQ==", "alice:$7$x$YQ==$YQ==",
     "alice:$7$1$YQ==$YQ==", "alice:$8$1$YQ==$YQ==", "alice:$7$99999999$YQ==$" + "QUFB" * 21 + "QQ==", "alice:$6$*$*"],
)  # fmt: skip
def test_a_password_file_that_cannot_be_read(tmp_path: Path, line: str) -> None:
    """The line by its number, never its content."""
    file = tmp_path / "passwords"
    file.write_text(f"# first\n{line}\n")
    with pytest.raises(ValueError, match="line 2 of") as found:
        load_users(None, str(file))
    assert "YQ==" not in str(found.value)


def test_hashes_are_not_shown() -> None:
    """Not in logs and tracebacks either."""
    parsed = MosquittoHash.parse(_mosquitto(b"secret"))
    assert repr(parsed.digest)[2:10] not in repr(parsed)


def test_nothing_is_restricted_without_rules(world: World) -> None:
    assert not world.access.restricted
    assert world.access.may_subscribe("c", "", b"#")
