"""Topic names and filters: 5.0 §4.7 and §4.8.2, 3.1.1 §4.7."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketworkers_mqtt.codec import MAX_LEVELS, Filter, MalformedPacket, Reason, parse_filter, valid_topic

LEVEL = st.text(st.characters(exclude_characters="\0/+#$", exclude_categories=["Cs"]), max_size=8)


@pytest.mark.parametrize(
    "topic",
    [
        "a",
        "/",
        "//",
        "a/b",
        "/a",
        "a/",
        " ",
        "a b",
        "$SYS/x",
        "$",
        "Accounts payable",
        "é/\U0001f600",
        "\ufeff",
        "x" * 65_535,
    ],
)
def test_names_of_topics(topic: str) -> None:
    assert valid_topic(topic.encode())


@pytest.mark.parametrize(
    "topic",
    [
        pytest.param(b"", id="MQTT-4.7.3-1 empty"),
        pytest.param(b"a\0", id="MQTT-4.7.3-2 null"),
        pytest.param(b"x" * 65_536, id="MQTT-4.7.3-3 65,536 bytes"),
        pytest.param(b"+", id="MQTT-4.7.0-1 plus"),
        pytest.param(b"a/+/b", id="MQTT-4.7.0-1 plus within"),
        pytest.param(b"#", id="MQTT-4.7.0-1 hash"),
        pytest.param(b"a#", id="MQTT-4.7.0-1 hash within a level"),
        pytest.param(b"\xff", id="MQTT-3.3.2-1 not UTF-8"),
        pytest.param(b"\xed\xa0\x80", id="MQTT-3.3.2-1 surrogate"),
        pytest.param(b"a\n+", id="a wildcard behind a line feed"),
        pytest.param(b"/" * MAX_LEVELS, id="M2 more levels than allowed"),
        pytest.param(b"/" * 65_535, id="M2 65,536 levels"),
    ],
)
def test_what_is_no_name_of_a_topic(topic: bytes) -> None:
    assert not valid_topic(topic)


def test_levels_are_bounded_M2() -> None:
    assert valid_topic(b"/" * (MAX_LEVELS - 1))
    assert valid_topic(b"a/b/c", 3)
    assert not valid_topic(b"a/b/c", 2)
    assert len(parse_filter("/" * (MAX_LEVELS - 1)).levels) == MAX_LEVELS
    assert parse_filter("$share/g/a/b", 2).levels == ("a", "b")
    for text in ("/" * MAX_LEVELS, "$share/g/" + "/" * MAX_LEVELS, "a/" * 30_000 + "#"):
        with pytest.raises(MalformedPacket, match="levels"):
            parse_filter(text)


@pytest.mark.parametrize(
    ("text", "group", "levels"),
    [
        ("a", None, ("a",)),
        ("/", None, ("", "")),
        ("#", None, ("#",)),
        ("+", None, ("+",)),
        ("a/#", None, ("a", "#")),
        ("/#", None, ("", "#")),
        ("+/+", None, ("+", "+")),
        ("/+", None, ("", "+")),
        ("+/a/#", None, ("+", "a", "#")),
        ("$SYS/#", None, ("$SYS", "#")),
        ("$share", None, ("$share",)),
        ("$shared/a", None, ("$shared", "a")),
        ("$share/g/a", "g", ("a",)),
        ("$share/g/#", "g", ("#",)),
        ("$share/g//", "g", ("", "")),
        ("$share/g h/+/a", "g h", ("+", "a")),
        ("$share/g/$share/h/a", "g", ("$share", "h", "a")),
        ("x" * 65_535, None, ("x" * 65_535,)),
    ],
)
def test_filters(text: str, group: str | None, levels: tuple[str, ...]) -> None:
    assert parse_filter(text) == Filter(group, levels)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="MQTT-4.7.3-1 empty"),
        pytest.param("a\0", id="MQTT-4.7.3-2 null"),
        pytest.param("é" * 32_768, id="MQTT-4.7.3-3 65,536 bytes"),
        pytest.param("a#", id="MQTT-4.7.1-1 hash within a level"),
        pytest.param("#a", id="MQTT-4.7.1-1 hash before a level's end"),
        pytest.param("#/a", id="MQTT-4.7.1-1 hash is not last"),
        pytest.param("a/#/b", id="MQTT-4.7.1-1 hash within"),
        pytest.param("##", id="MQTT-4.7.1-1 two in a level"),
        pytest.param("#/#", id="MQTT-4.7.1-1 two levels"),
        pytest.param("a+", id="MQTT-4.7.1-2 plus behind"),
        pytest.param("+a", id="MQTT-4.7.1-2 plus before"),
        pytest.param("a/b+/c", id="MQTT-4.7.1-2 plus within"),
        pytest.param("++", id="MQTT-4.7.1-2 two in a level"),
        pytest.param("+#", id="MQTT-4.7.1-2 both"),
        pytest.param("$share/", id="MQTT-4.8.2-1 no name"),
        pytest.param("$share//a", id="MQTT-4.8.2-1 empty name"),
        pytest.param("$share/g", id="MQTT-4.8.2-2 no filter"),
        pytest.param("$share/g/", id="MQTT-4.8.2-2 empty filter"),
        pytest.param("$share/+/a", id="MQTT-4.8.2-2 plus as name"),
        pytest.param("$share/#", id="MQTT-4.8.2-2 hash as name"),
        pytest.param("$share/g+/a", id="MQTT-4.8.2-2 plus in name"),
        pytest.param("$share/g#/a", id="MQTT-4.8.2-2 hash in name"),
        pytest.param("$share/g/a#", id="MQTT-4.8.2-2 wrong filter"),
        pytest.param("$share/g\n+/a", id="MQTT-4.8.2-2 plus behind a line feed"),
    ],
)
def test_what_is_no_filter(text: str) -> None:
    with pytest.raises(MalformedPacket) as caught:
        parse_filter(text)
    assert caught.value.reason == Reason.TOPIC_FILTER_INVALID


@given(st.lists(LEVEL, min_size=1, max_size=6))
def test_every_name_is_a_filter_of_itself(levels: list[str]) -> None:
    topic = "/".join(levels)
    if not topic:
        return
    assert valid_topic(topic.encode())
    assert parse_filter(topic) == Filter(None, tuple(levels))
    assert parse_filter(f"$share/group/{topic}") == Filter("group", tuple(levels))


@given(st.text(st.sampled_from("a/+#$\n"), max_size=12))
def test_a_filter_without_wildcards_is_a_name_and_no_name_has_any(text: str) -> None:
    try:
        parsed = parse_filter(text)
    except MalformedPacket:
        parsed = None
    wild = "+" in text or "#" in text
    assert valid_topic(text.encode()) == (bool(text) and not wild)
    if parsed is not None:
        assert "/".join(parsed.levels) == text
        assert all(level in ("+", "#") or not set("+#") & set(level) for level in parsed.levels)
        assert "#" not in parsed.levels[:-1]
    else:
        assert wild or not text
