"""Properties of PUBLISH and of a will: 5.0 §3.3.2.3 and §3.1.3.2. Sans-IO.

What a server must pass on unchanged (payload format, content type, response topic, correlation data, user properties)
is checked here and kept as the bytes that came, in their order [MQTT-3.3.2-18]; forwarding it encodes nothing anew.
What a server writes itself (message expiry, topic alias, subscription identifiers) or keeps (will delay) is taken out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .errors import MalformedPacket
from .fields import (
    encode_binary,
    encode_string,
    encode_variable_integer,
    read_binary,
    read_string,
    read_uint16,
    read_uint32,
    read_variable_integer,
)
from .properties import MAX_USER_PROPERTIES, read_properties_end, too_many_user_properties
from .reasons import Reason
from .topic import valid_topic

__all__ = [
    "EMPTY_PUBLISH",
    "EMPTY_WILL",
    "PublishProperties",
    "WillProperties",
    "decode_publish_properties",
    "decode_will_properties",
    "encode_passed",
]

_PAYLOAD_FORMAT = 0x01  # §3.3.2.3.2
_EXPIRY = 0x02  # §3.3.2.3.3
_CONTENT_TYPE = 0x03  # §3.3.2.3.9
_RESPONSE_TOPIC = 0x08  # §3.3.2.3.5
_CORRELATION_DATA = 0x09  # §3.3.2.3.6
_SUBSCRIPTION_IDENTIFIER = 0x0B  # §3.3.2.3.8
_WILL_DELAY = 0x18  # §3.1.3.2.2
_TOPIC_ALIAS = 0x23  # §3.3.2.3.4
_USER_PROPERTY = 0x26  # §3.3.2.3.7
_ONLY_ALIAS = bytes((3, _TOPIC_ALIAS))


class PublishProperties:
    """Properties of one PUBLISH; they were checked when they came."""

    __slots__ = ("alias", "expiry", "passed", "payload_format", "subscription_ids")

    def __init__(
        self,
        alias: int | None = None,
        expiry: int | None = None,
        passed: bytes = b"",
        payload_format: int | None = None,
        subscription_ids: tuple[int, ...] = (),
    ) -> None:
        self.alias = alias
        """Topic Alias; None when absent."""
        self.expiry = expiry
        """Message Expiry Interval in seconds; None when absent."""
        self.passed = passed
        """The properties that are passed on unchanged, as they came, without their length."""
        self.payload_format = payload_format
        """Payload Format Indicator, 0 or 1; None when absent. With 1 the payload should be UTF-8 (0x99)."""
        self.subscription_ids = subscription_ids
        """Subscription Identifiers, in a packet from a server only."""

    @property
    def content_type(self) -> str | None:
        """Content Type; None when absent."""
        value = self._find(_CONTENT_TYPE)
        return None if value is None else value.decode()

    @property
    def response_topic(self) -> str | None:
        """Response Topic; None when absent."""
        value = self._find(_RESPONSE_TOPIC)
        return None if value is None else value.decode()

    @property
    def correlation_data(self) -> bytes | None:
        """Correlation Data; None when absent."""
        return self._find(_CORRELATION_DATA)

    @property
    def user_properties(self) -> tuple[tuple[str, str], ...]:
        """User Properties in their order."""
        passed = self.passed
        found = []
        position, end = 0, len(passed)
        while position < end:
            identifier = passed[position]
            if identifier == _PAYLOAD_FORMAT:
                position += 2
                continue
            value, position = read_binary(passed, position + 1, end)
            if identifier == _USER_PROPERTY:
                other, position = read_binary(passed, position, end)
                found.append((value.decode(), other.decode()))
        return tuple(found)

    def encode(self) -> bytes:
        """These properties behind their length."""
        written = self._own() + self.passed
        return encode_variable_integer(len(written)) + written

    def _own(self) -> bytes:
        written = b"" if self.expiry is None else b"\x02" + self.expiry.to_bytes(4)
        if self.alias is not None:
            written += b"\x23" + self.alias.to_bytes(2)
        return written + b"".join(
            [b"\x0b" + encode_variable_integer(identifier) for identifier in self.subscription_ids]
        )

    def _find(self, wanted: int) -> bytes | None:
        passed = self.passed
        position, end = 0, len(passed)
        while position < end:
            identifier = passed[position]
            if identifier == _PAYLOAD_FORMAT:
                position += 2
                continue
            value, position = read_binary(passed, position + 1, end)
            if identifier == wanted:
                return value
            if identifier == _USER_PROPERTY:
                position += 2 + (passed[position] << 8 | passed[position + 1])
        return None

    def _key(self) -> tuple[object, ...]:
        return (self.alias, self.expiry, self.passed, self.payload_format, self.subscription_ids)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, PublishProperties) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self._key()}"


class WillProperties(PublishProperties):
    """Properties of a will, 5.0 §3.1.3.2."""

    __slots__ = ("will_delay",)

    def __init__(
        self,
        will_delay: int = 0,
        expiry: int | None = None,
        passed: bytes = b"",
        payload_format: int | None = None,
    ) -> None:
        super().__init__(None, expiry, passed, payload_format)
        self.will_delay = will_delay
        """Will Delay Interval in seconds; 0 when absent."""

    def _own(self) -> bytes:
        return (b"\x18" + self.will_delay.to_bytes(4) if self.will_delay else b"") + super()._own()

    def _key(self) -> tuple[object, ...]:
        return (self.will_delay, self.expiry, self.passed, self.payload_format)


EMPTY_PUBLISH = PublishProperties()
"""An empty list of properties."""
EMPTY_WILL = WillProperties()
"""An empty list of will properties, and the properties of a will before 5.0."""


def decode_publish_properties(
    data: bytes, position: int, end: int, *, from_server: bool = False
) -> tuple[PublishProperties, int]:
    """Read the properties of a PUBLISH.

    Args:
        data: bytes with the packet in it.
        position: where the length of the properties is.
        end: end of the packet.
        from_server: whether a server sent it; only then there may be subscription identifiers.

    Returns:
        The properties, and the position behind them.

    Raises:
        MalformedPacket: 0x81 for what a PUBLISH cannot have, 0x82 for what is given twice or not allowed, 0x94 for a
            topic alias of 0 [MQTT-3.3.2-8], 0x97 for too many user properties.
    """
    if position < end and not data[position]:
        return EMPTY_PUBLISH, position + 1
    if data.startswith(_ONLY_ALIAS, position) and position + 4 <= end:
        alias = data[position + 2] << 8 | data[position + 3]
        if alias:  # what a client that saves bytes sends: nothing but an alias
            return PublishProperties(alias), position + 4
    start, stop = read_properties_end(data, position, end)
    values, passed = _scan(data, start, stop, _OF_CLIENT if not from_server else _OF_SERVER)
    return (
        PublishProperties(
            values.get(_TOPIC_ALIAS),
            values.get(_EXPIRY),
            passed,
            values.get(_PAYLOAD_FORMAT),
            tuple(values.get(_SUBSCRIPTION_IDENTIFIER, ())),
        ),
        stop,
    )


def decode_will_properties(data: bytes, position: int, end: int) -> tuple[WillProperties, int]:
    """Read the properties of a will; see `decode_publish_properties`."""
    if position < end and not data[position]:
        return EMPTY_WILL, position + 1
    start, stop = read_properties_end(data, position, end)
    values, passed = _scan(data, start, stop, _OF_WILL)
    return (
        WillProperties(values.get(_WILL_DELAY, 0), values.get(_EXPIRY), passed, values.get(_PAYLOAD_FORMAT)),
        stop,
    )


_OF_CLIENT = frozenset((1, 2, 3, 8, 9, 0x23, 0x26))
_OF_SERVER = _OF_CLIENT | {_SUBSCRIPTION_IDENTIFIER}
_OF_WILL = frozenset((1, 2, 3, 8, 9, 0x18, 0x26))
_TAKEN_OUT = frozenset((_EXPIRY, _SUBSCRIPTION_IDENTIFIER, _WILL_DELAY, _TOPIC_ALIAS))


def _scan(data: bytes, position: int, stop: int, allowed: frozenset[int]) -> tuple[dict[int, Any], bytes]:
    """Check a list of properties: values by identifier of those that are not only passed on, and what is passed on."""
    values: dict[int, Any] = {}
    segments: list[bytes] = []
    kept = position  # from here on nothing was taken out
    pairs = 0
    while position < stop:
        start = position
        identifier = data[position]
        position += 1
        if identifier == _USER_PROPERTY:
            _, position = read_string(data, position, stop)
            _, position = read_string(data, position, stop)
            pairs += 1
            if pairs > MAX_USER_PROPERTIES:
                raise too_many_user_properties()
            continue
        if identifier not in allowed:
            if identifier == _SUBSCRIPTION_IDENTIFIER:  # [MQTT-3.3.4-6]
                raise MalformedPacket("a client sent a subscription identifier", Reason.PROTOCOL_ERROR)
            raise MalformedPacket(f"PUBLISH or will with property 0x{identifier:02X}")
        if identifier in values and identifier != _SUBSCRIPTION_IDENTIFIER:
            raise MalformedPacket(f"property 0x{identifier:02X} is given twice", Reason.PROTOCOL_ERROR)
        if identifier == _PAYLOAD_FORMAT:
            if position >= stop:
                raise MalformedPacket("the packet ends within a property")
            values[identifier] = data[position]
            position += 1
            if data[position - 1] > 1:  # §3.3.2.3.2
                raise MalformedPacket("the payload format is neither 0 nor 1", Reason.PROTOCOL_ERROR)
        elif identifier == _CONTENT_TYPE:
            values[identifier], position = read_string(data, position, stop)
        elif identifier == _RESPONSE_TOPIC:
            values[identifier], position = read_string(data, position, stop)
            if not valid_topic(data[start + 3 : position]):  # [MQTT-3.3.2-14]
                raise MalformedPacket("the response topic is not the name of a topic", Reason.PROTOCOL_ERROR)
        elif identifier == _CORRELATION_DATA:
            values[identifier], position = read_binary(data, position, stop)
        elif identifier == _TOPIC_ALIAS:
            values[identifier], position = read_uint16(data, position, stop)
            if not values[identifier]:  # [MQTT-3.3.2-8]
                raise MalformedPacket("topic alias 0", Reason.TOPIC_ALIAS_INVALID)
        elif identifier == _SUBSCRIPTION_IDENTIFIER:
            value, position = read_variable_integer(data, position, stop)
            if not value:  # §3.3.2.3.8
                raise MalformedPacket("subscription identifier 0", Reason.PROTOCOL_ERROR)
            values.setdefault(identifier, []).append(value)
        else:
            values[identifier], position = read_uint32(data, position, stop)
        if identifier in _TAKEN_OUT:
            if kept < start:
                segments.append(data[kept:start])
            kept = position
    if kept < stop:
        segments.append(data[kept:stop])
    return values, b"".join(segments)


def encode_passed(
    *,
    payload_format: int | None = None,
    content_type: str | None = None,
    response_topic: str | None = None,
    correlation_data: bytes | None = None,
    user_properties: Sequence[tuple[str, str]] = (),
) -> bytes:
    """Properties that are passed on, as `PublishProperties.passed` has them.

    Raises:
        ValueError: a value that its type cannot hold.
    """
    parts = []
    if payload_format is not None:
        if payload_format not in (0, 1):
            raise ValueError("the payload format is 0 or 1")
        parts.append(bytes((_PAYLOAD_FORMAT, payload_format)))
    if content_type is not None:
        parts.append(b"\x03" + encode_string(content_type))
    if response_topic is not None:
        if not valid_topic(response_topic.encode()):
            raise ValueError("the response topic is not the name of a topic")
        parts.append(b"\x08" + encode_string(response_topic))
    if correlation_data is not None:
        parts.append(b"\x09" + encode_binary(correlation_data))
    parts += [b"\x26" + encode_string(key) + encode_string(value) for key, value in user_properties]
    return b"".join(parts)
