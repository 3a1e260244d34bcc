"""Settings of a bridge: a table ``[[mqtt.bridge]]``, with topics as Mosquitto writes them (mosquitto.conf(5), topic).

::

    [[mqtt.bridge]]
    name = "office"
    address = "mqtts://mqtt.example.org"
    topics = ["sensors/# out 1", "commands/# in 2 '' building7/"]
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..address import parse_address
from ..codec import MalformedPacket, parse_filter

__all__ = ["KEYS", "BridgeSpec", "BridgeTopic", "parse_bridge", "parse_topic"]

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
_WORD = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|(\S+))""")
_DIRECTIONS = ("out", "in", "both")
_VERSIONS = {"auto": 0, "5": 5, "5.0": 5, "3.1.1": 4}


@dataclass(frozen=True, slots=True)
class BridgeTopic:
    """One line of ``topics``: PATTERN [out|in|both [QOS [LOCAL-PREFIX [REMOTE-PREFIX]]]]."""

    pattern: str
    """What follows the prefix, on both sides; "" = the prefixes are whole topics."""
    direction: str = "out"
    """``out`` to the other broker, ``in`` from it, ``both``."""
    qos: int = 0
    """Highest QoS that is carried over."""
    local_prefix: str = ""
    """What topics begin with here."""
    remote_prefix: str = ""
    """What they begin with there."""

    @property
    def local(self) -> str:
        """The topic filter here."""
        return self.local_prefix + self.pattern

    @property
    def remote(self) -> str:
        """The topic filter there."""
        return self.remote_prefix + self.pattern


@dataclass(frozen=True, slots=True)
class BridgeSpec:
    """One bridge."""

    name: str
    """Names it in the log, in ``$SYS/broker/connection/NAME/state``, and its session."""
    addresses: tuple[str, ...]
    """The other broker; several are tried in turn."""
    topics: tuple[BridgeTopic, ...]
    """What is carried over."""
    version: int = 0
    """``5``, ``3.1.1``, or ``auto``: 5.0, or 3.1.1 with a broker that does not know it."""
    client_id: str = ""
    """Client identifier there; by default this broker's random name (in memory: the host's) and the bridge's."""
    username: str | None = None
    """User name there."""
    password: str | None = field(default=None, repr=False)
    """Password there."""
    keep_alive: int = 60
    """Seconds."""
    ca: str | None = None
    """PEM file of authorities to trust, instead of the system's."""
    certificate: str | None = None
    """PEM file of a client certificate."""
    key: str | None = None
    """Its key."""
    verify: bool = True
    """Whether the other broker's certificate is checked."""
    private: bool = True
    """With 3.1.1: whether to say "I am a bridge" (0x80 in the protocol level), so that it sends nothing back."""
    retry_min: float = 1.0
    """Seconds before the first attempt to connect again."""
    retry_max: float = 60.0
    """The longest."""
    max_hops: int = 10
    """Bridges that a message may cross (5.0)."""


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("text in quotes")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.05 <= value <= 86_400:
        raise ValueError("seconds, 0.05 to 86400")
    return float(value)


def _keep_alive(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 5 <= value <= 65_535:
        raise ValueError("seconds, 5 to 65535")
    return value


def _hops(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 100:
        raise ValueError("a number, 1 to 100")
    return value


def _version(value: Any) -> int:
    found = _VERSIONS.get(str(value))
    if found is None:
        raise ValueError('"5", "3.1.1" or "auto"')
    return found


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.match(value):
        raise ValueError("a word of letters, digits, dots, - and _")
    return value


def _list(value: Any) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values or not all(isinstance(each, str) for each in values):
        raise ValueError("text, or a list of texts")
    return tuple(values)


def _addresses(value: Any) -> tuple[str, ...]:
    found = _list(value)
    for each in found:
        parse_address(each)
    return found


def _topics(value: Any) -> tuple[BridgeTopic, ...]:
    return tuple(parse_topic(line) for line in _list(value))


#: key in the file: name of the field, and what checks it
KEYS: dict[str, tuple[str, Any]] = {
    "name": ("name", _name),
    "address": ("addresses", _addresses),
    "topics": ("topics", _topics),
    "version": ("version", _version),
    "client_id": ("client_id", _text),
    "username": ("username", _text),
    "password": ("password", _text),
    "password_file": ("password", None),
    "keep_alive": ("keep_alive", _keep_alive),
    "ca": ("ca", _text),
    "certificate": ("certificate", _text),
    "key": ("key", _text),
    "verify": ("verify", _flag),
    "private": ("private", _flag),
    "retry_min": ("retry_min", _seconds),
    "retry_max": ("retry_max", _seconds),
    "max_hops": ("max_hops", _hops),
}


def parse_topic(line: str) -> BridgeTopic:
    """Read one line of ``topics``.

    Raises:
        ValueError: it cannot be understood.
    """
    words: list[str] = [first or second or third for first, second, third in _WORD.findall(line)]
    if not 1 <= len(words) <= 5:
        raise ValueError(f"{line!r} is not PATTERN [out|in|both [QOS [LOCAL-PREFIX [REMOTE-PREFIX]]]]")
    pattern, direction, qos, local, remote = words + ["", "out", "0", "", ""][len(words) :]
    if direction not in _DIRECTIONS:
        raise ValueError(f"{line!r}: {direction!r} is none of {', '.join(_DIRECTIONS)}")
    if qos not in ("0", "1", "2"):
        raise ValueError(f"{line!r}: the QoS is 0, 1 or 2, not {qos!r}")
    if not pattern and not (local and remote):
        raise ValueError(f"{line!r}: an empty pattern needs both prefixes, which are whole topics then")
    for prefix in (local, remote):
        if "+" in prefix or "#" in prefix:
            raise ValueError(f"{line!r}: a prefix has no wildcards")
    found = BridgeTopic(pattern, direction, int(qos), local, remote)
    for filter in (found.local, found.remote):
        try:
            group = parse_filter(filter).group
        except MalformedPacket as error:
            raise ValueError(f"{line!r}: {error}") from None
        if group is not None:
            raise ValueError(f"{line!r}: a bridge has no shared subscriptions")
    return found


def parse_bridge(table: Mapping[str, Any]) -> BridgeSpec:
    """Read one table.

    Raises:
        ValueError: a key or value that cannot be; says which, and what could be.
    """
    name = table.get("name")
    who = f"bridge {name!r}" if isinstance(name, str) else "a bridge"
    values: dict[str, Any] = {}
    for key, value in table.items():
        found = KEYS.get(key.replace("-", "_"))
        if found is None:
            import difflib

            meant = difflib.get_close_matches(key, KEYS, n=1)
            raise ValueError(f"{who}: unknown key {key!r}" + (f"; did you mean {meant[0]!r}?" if meant else ""))
        field_name, check = found
        if field_name in values:
            raise ValueError(f"{who}: password and password_file do not go together")
        try:
            values[field_name] = check(value) if check is not None else _password(value)
        except ValueError as error:
            raise ValueError(f"{who}: {key}: {error}") from None
    for key in ("name", "address", "topics"):
        if KEYS[key][0] not in values:
            raise ValueError(f"{who}: {key} is missing")
    spec = BridgeSpec(**values)
    if spec.password is not None and spec.username is None:
        raise ValueError(f"{who}: a password needs a username")
    if spec.retry_max < spec.retry_min:
        raise ValueError(f"{who}: retry_max is less than retry_min")
    return spec


def _password(path: Any) -> str:
    try:
        with open(_text(path), encoding="utf-8") as file:
            return file.readline().rstrip("\r\n")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
