"""Topic names and topic filters: 5.0 §4.7 and §4.8.2, 3.1.1 §4.7. Sans-IO."""

from __future__ import annotations

import re
from typing import NamedTuple

from .errors import MalformedPacket
from .reasons import Reason

__all__ = ["MAX_LEVELS", "SHARE", "Filter", "parse_filter", "valid_topic"]

MAX_LEVELS = 200
"""Levels of a topic or filter. 65,535 bytes could be 65,536 levels, each a step in a tree (M2)."""
SHARE = "$share/"  # 5.0 §4.8.2

_MAX_BYTES = 65_535  # [MQTT-4.7.3-3]
_PLAIN = re.compile(rb"[^\0+#]+\Z")
_SHARE_NAME = re.compile(r"[^/+#]+\Z")  # [MQTT-4.8.2-1] [MQTT-4.8.2-2]


class Filter(NamedTuple):
    """A topic filter, taken apart."""

    group: str | None
    """Share name of a shared subscription, 5.0 §4.8.2; None for an ordinary one."""
    levels: tuple[str, ...]
    """Levels of the filter (without ``$share`` and its name); ``+`` and ``#`` stand for themselves."""


def valid_topic(topic: bytes, max_levels: int = MAX_LEVELS) -> bool:
    """Whether `topic` can be the name of a topic.

    One character at least [MQTT-4.7.3-1], no U+0000 [MQTT-4.7.3-2], at most 65,535 bytes [MQTT-4.7.3-3], no wildcard
    (5.0 [MQTT-4.7.0-1], 3.1.1 [MQTT-4.7.1-1], both [MQTT-3.3.2-2]), UTF-8 [MQTT-3.3.2-1], at most `max_levels` levels.
    """
    if _PLAIN.match(topic) is None or len(topic) > _MAX_BYTES or topic.count(b"/") >= max_levels:
        return False
    if topic.isascii():
        return True
    try:
        topic.decode()
    except UnicodeDecodeError:
        return False
    return True


def parse_filter(text: str, max_levels: int = MAX_LEVELS) -> Filter:
    """Take a topic filter apart.

    ``$share/`` means a shared subscription in every version: 3.1.1 gives it no meaning, and brokers agree on this one.

    Args:
        text: the filter, a string without U+0000.
        max_levels: how many levels it may have.

    Raises:
        MalformedPacket: 0x8F; empty or too long [MQTT-4.7.3-1] [MQTT-4.7.3-3], ``#`` that is not the whole last level
            (5.0 [MQTT-4.7.1-1], 3.1.1 [MQTT-4.7.1-2]), ``+`` that is not a whole level (5.0 [MQTT-4.7.1-2], 3.1.1
            [MQTT-4.7.1-3]), a share name that is empty or has ``+`` or ``#``, a shared filter that is empty
            [MQTT-4.8.2-1] [MQTT-4.8.2-2], too many levels.
    """
    if not text or "\0" in text or len(text.encode(errors="surrogatepass")) > _MAX_BYTES:
        raise _invalid("a topic filter is empty or too long")
    group = None
    if text.startswith(SHARE):
        group, slash, text = text[len(SHARE) :].partition("/")
        if not slash or not text or _SHARE_NAME.match(group) is None:
            raise _invalid("a shared subscription is $share/name/filter")
    if text.count("/") >= max_levels:
        raise _invalid(f"a topic filter has more than {max_levels} levels")
    levels = text.split("/")
    if "+" in text or "#" in text:
        last = len(levels) - 1
        for index, level in enumerate(levels):
            if "#" in level and (level != "#" or index != last):
                raise _invalid("# is not the whole last level of a topic filter")
            if "+" in level and level != "+":
                raise _invalid("+ is not a whole level of a topic filter")
    return Filter(group, tuple(levels))


def _invalid(message: str) -> MalformedPacket:
    return MalformedPacket(message, Reason.TOPIC_FILTER_INVALID)
