"""Topics of one broker become topics of the other, by the first rule that fits."""

from __future__ import annotations

import pytest

from socketworkers_mqtt.bridge import parse_topic
from socketworkers_mqtt.bridge.topics import REMEMBERED, TopicMap

RULES = TopicMap(
    [
        parse_topic(line)
        for line in (
            "a/# out 1 here/ there/",
            "b/+ in 2 '' remote/",
            "'' both 0 my/lamp its/lamp",
            "c/# both 1",
            "a/# out 2 here/ second/",
            "'$SYS/#' in 0 other/",
        )
    ]
)


def test_filters_to_subscribe_to() -> None:
    assert RULES.local_filters == {"here/a/#": 2, "my/lamp": 0, "c/#": 1}
    assert RULES.remote_filters == {"remote/b/+": 2, "its/lamp": 0, "c/#": 1, "$SYS/#": 0}


@pytest.mark.parametrize(
    ("here", "there"),
    [
        (b"here/a", b"there/a"),
        (b"here/a/b/c", b"there/a/b/c"),
        (b"my/lamp", b"its/lamp"),
        (b"c/x", b"c/x"),
        (b"here/b", None),
        (b"remote/b/x", None),
        (b"$SYS/x", None),
    ],
)
def test_outward(here: bytes, there: bytes | None) -> None:
    assert RULES.outward(here) == there
    assert RULES.outward(here) == there, "remembered"


@pytest.mark.parametrize(
    ("there", "here"),
    [
        (b"remote/b/x", b"b/x"),
        (b"its/lamp", b"my/lamp"),
        (b"c", b"c"),
        ("remote/b/über".encode(), "b/über".encode()),
        (b"$SYS/broker/uptime", b"other/$SYS/broker/uptime"),
        (b"there/a", None),
        (b"remote/b/x/y", None),
    ],
)
def test_inward(there: bytes, here: bytes | None) -> None:
    assert RULES.inward(there) == here


def test_what_is_remembered_is_bounded() -> None:
    rules = TopicMap([parse_topic("#")])
    for number in range(REMEMBERED + 10):
        assert rules.outward(b"t%d" % number) == b"t%d" % number
    assert len(rules._out._known) <= REMEMBERED
