"""Packets of every kind, for hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from socketworkers_mqtt.codec import (
    EMPTY,
    EMPTY_WILL,
    PacketType,
    Properties,
    Publish,
    PublishProperties,
    Subscription,
    Will,
    WillProperties,
    encode_passed,
)

__all__ = [
    "BINARY",
    "FILTERS",
    "PACKET_IDS",
    "PASSED",
    "SUBSCRIPTIONS",
    "TEXT",
    "TOPICS",
    "USER_PROPERTIES",
    "properties_of",
    "publishes",
    "wills",
]

CHARACTERS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
TEXT = st.text(CHARACTERS, max_size=20)
BINARY = st.binary(max_size=40)
PACKET_IDS = st.integers(1, 0xFFFF)
UINT16 = st.integers(0, 0xFFFF)
UINT32 = st.integers(0, 0xFFFF_FFFF)
FLAG = st.integers(0, 1)
TOPICS = st.text(st.characters(exclude_characters="\0+#", exclude_categories=["Cs"]), min_size=1, max_size=20)
FILTERS = st.builds(
    lambda share, topic, end: share + topic + end,
    st.sampled_from(["", "$share/g/"]),
    TOPICS,
    st.sampled_from(["", "/#", "/+"]),
).filter(lambda text: not text.startswith("$share/") or text.startswith("$share/g/"))
SUBSCRIPTIONS = st.builds(
    Subscription, FILTERS, st.integers(0, 2), st.booleans(), st.booleans(), st.integers(0, 2)
).filter(lambda each: not (each.no_local and each.filter.startswith("$share/")))
USER_PROPERTIES = st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple)

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "session_expiry_interval": UINT32,
    "receive_maximum": st.integers(1, 0xFFFF),
    "maximum_packet_size": st.integers(1, 0xFFFF_FFFF),
    "topic_alias_maximum": UINT16,
    "request_response_information": FLAG,
    "request_problem_information": FLAG,
    "authentication_method": TEXT,
    "authentication_data": BINARY,
    "maximum_qos": FLAG,
    "retain_available": FLAG,
    "assigned_client_identifier": TEXT,
    "wildcard_subscription_available": FLAG,
    "subscription_identifier_available": FLAG,
    "shared_subscription_available": FLAG,
    "server_keep_alive": UINT16,
    "response_information": TEXT,
    "server_reference": TEXT,
    "reason_string": TEXT,
    "subscription_identifier": st.integers(1, 268_435_455),
}
PRESENT: dict[PacketType, tuple[str, ...]] = {
    PacketType.CONNECT: (
        "session_expiry_interval", "receive_maximum", "maximum_packet_size", "topic_alias_maximum",
        "request_response_information", "request_problem_information", "authentication_method", "authentication_data",
    ),
    PacketType.CONNACK: (
        "session_expiry_interval", "receive_maximum", "maximum_packet_size", "topic_alias_maximum", "maximum_qos",
        "retain_available", "assigned_client_identifier", "wildcard_subscription_available",
        "subscription_identifier_available", "shared_subscription_available", "server_keep_alive",
        "response_information", "server_reference", "reason_string", "authentication_method", "authentication_data",
    ),
    PacketType.PUBACK: ("reason_string",),
    PacketType.PUBREC: ("reason_string",),
    PacketType.PUBREL: ("reason_string",),
    PacketType.PUBCOMP: ("reason_string",),
    PacketType.SUBSCRIBE: ("subscription_identifier",),
    PacketType.SUBACK: ("reason_string",),
    PacketType.UNSUBSCRIBE: (),
    PacketType.UNSUBACK: ("reason_string",),
    PacketType.DISCONNECT: ("session_expiry_interval", "server_reference", "reason_string"),
    PacketType.AUTH: ("authentication_method", "authentication_data", "reason_string"),
}  # fmt: skip
"""Table 2-4 of 5.0, by packet; user properties are everywhere."""


@st.composite
def properties_of(draw: st.DrawFn, packet: PacketType, *, without: tuple[str, ...] = ()) -> Properties:
    """Properties that `packet` may have, often none."""
    names = [name for name in PRESENT[packet] if name not in without]
    chosen = draw(st.lists(st.sampled_from(names), unique=True)) if names else []
    if "authentication_data" in chosen and "authentication_method" not in chosen:
        chosen.append("authentication_method")
    user = draw(USER_PROPERTIES)
    if not chosen and not user:
        return EMPTY
    return Properties(**{name: draw(VALUES[name]) for name in chosen}, user_properties=user)


PASSED = st.builds(
    encode_passed,
    payload_format=st.none() | FLAG,
    content_type=st.none() | TEXT,
    response_topic=st.none() | TOPICS,
    correlation_data=st.none() | BINARY,
    user_properties=USER_PROPERTIES,
)


def payload_format(passed: bytes) -> int | None:
    """What `encode_passed` put in front."""
    return passed[1] if passed[:1] == b"\x01" else None


@st.composite
def publishes(draw: st.DrawFn, version: int, *, from_server: bool = False) -> Publish:
    """A PUBLISH; in 5.0 with properties at times."""
    qos = draw(st.integers(0, 2))
    properties = None
    topic = draw(TOPICS).encode()
    if version == 5:
        alias = draw(st.none() | st.integers(1, 0xFFFF))
        expiry = draw(st.none() | UINT32)
        passed = draw(PASSED)
        identifiers = draw(st.lists(st.integers(1, 268_435_455), max_size=3)) if from_server else []
        if alias is not None and draw(st.booleans()):
            topic = b""
        if alias is not None or expiry is not None or passed or identifiers:
            properties = PublishProperties(alias, expiry, passed, payload_format(passed), tuple(identifiers))
    return Publish(
        topic,
        draw(st.binary(max_size=200)),
        qos,
        draw(st.booleans()),
        draw(st.booleans()) if qos else False,
        draw(PACKET_IDS) if qos else 0,
        properties,
    )


@st.composite
def wills(draw: st.DrawFn, version: int) -> Will:
    """A will."""
    properties = EMPTY_WILL
    if version == 5:
        passed = draw(PASSED)
        properties = WillProperties(draw(UINT32), draw(st.none() | UINT32), passed, payload_format(passed))
    return Will(draw(TOPICS), draw(BINARY), draw(st.integers(0, 2)), draw(st.booleans()), properties)
